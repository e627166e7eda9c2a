//! Where the stacks of Rust's musl target end.

use cargo_hotspots::{perf_data, profile::Place};
use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn hex(word: &str) -> u64 {
    u64::from_str_radix(word, 16).unwrap()
}

/// Burns on the main thread, or with an argument on another one.
const MUSL: &str = r#"
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn burn(n: u64) -> u64 { (0..n).fold(1, |x: u64, i| std::hint::black_box(x.wrapping_mul(31) ^ i)) }
fn work() { println!("{}", (0..60).map(|_| burn(5_000_000)).fold(0, u64::wrapping_add)) }
fn main() {
    match std::env::args().count() { 1 => work(), _ => std::thread::spawn(work).join().unwrap() }
}
"#;

/// Rust's musl has its unwind tables in `.debug_frame` alone, beside `.eh_frame` of Rust's code, and
/// below its first functions there is nothing. gdb says which these are.
#[test]
fn stacks_of_musl_end_where_gdb_says() {
    let mut where_std_is = Command::new("rustc");
    where_std_is.args([
        "--print=target-libdir",
        "--target=x86_64-unknown-linux-musl",
    ]);
    if !Path::new(run(&mut where_std_is).trim_end()).is_dir() {
        // It comes from no registry that every machine reaches.
        let said = "left out: `rustup target add x86_64-unknown-linux-musl` brings what it needs";
        writeln!(std::io::stderr(), "{said}").unwrap();
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let program = path("musl");
    std::fs::write(path("musl.rs"), MUSL).unwrap();
    let mut build = Command::new("rustc");
    build.args(["--edition=2024", "-O", "-g", "--target"]);
    build.args(["x86_64-unknown-linux-musl", "-o"]);
    run(build.arg(&program).arg(path("musl.rs")));
    let mut symbols: Vec<(u64, String)> = run(Command::new("nm").arg(&program))
        .lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let is_code = matches!(*words.get(1)?, "t" | "T");
            is_code.then(|| (hex(words[0]), words[2].to_owned()))
        })
        .collect();
    symbols.sort();
    for (arguments, outermost) in [(&[][..], "_start"), (&["thread"], "__clone")] {
        let words = arguments.join(" ");
        let mut debugger = Command::new("gdb");
        debugger.args(["-batch", "-nx", "-ex", "set backtrace past-main on"]);
        debugger.args(["-ex", "break burn", "-ex"]);
        debugger.args([format!("run {words}").as_str(), "-ex", "backtrace"]);
        let said = run(debugger.arg(&program));
        let last = said.lines().rfind(|line| line.starts_with('#')).unwrap();
        assert!(last.contains(&format!(" {outermost} ")), "{said}");

        let recording = path("perf.data");
        let mut record = Command::new("perf");
        record.args(["record", "-q", "-N", "-e", "cpu-clock", "-F", "1499"]);
        record.args(["--call-graph", "dwarf,16384", "-o"]);
        run(record.arg(&recording).arg(&program).args(arguments));
        let profile = perf_data::read(&recording, &[], false).unwrap();
        assert!(profile.samples > 150, "{}", profile.samples);
        // How a process begins and ends has a few samples, too.
        let most = profile.samples / 20;
        assert!(profile.losses.unrooted <= most, "{:?}", profile.losses);
        let ended = profile.counts.iter().filter(|count| {
            let last = profile.frames_of(count.stack).last().unwrap();
            let frame = profile.frames[last.0 as usize];
            let Place::Code(address) = frame.place else {
                return false;
            };
            let after = symbols.partition_point(|(start, _)| *start <= address.0);
            after > 0 && symbols[after - 1].1 == outermost
        });
        let ended: u64 = ended.map(|count| count.samples).sum();
        assert!(ended + most >= profile.samples, "{ended} {outermost}");
    }
}
