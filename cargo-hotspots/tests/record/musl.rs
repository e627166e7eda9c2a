//! Where the stacks of Rust's musl target end.

use cargo_hotspots::{
    perf_data,
    profile::{Place, Profile},
};
use std::{
    io::Write as _,
    path::{Path, PathBuf},
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

/// Burns in a signal handler.
const SIGNAL: &str = r#"
unsafe extern "C" { fn signal(number: i32, handler: usize) -> usize; fn raise(number: i32) -> i32; }
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn burn(n: u64) -> u64 { (0..n).fold(1, |x: u64, i| std::hint::black_box(x.wrapping_mul(31) ^ i)) }
extern "C" fn handler(_: i32) { std::hint::black_box(burn(300_000_000)); }
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn outer() { unsafe { raise(10); } std::hint::black_box(()); }
fn main() { unsafe { signal(10, handler as *const () as usize); } outer(); }
"#;

/// A program for Rust's musl target.
struct Built {
    directory: tempfile::TempDir,
    /// By address.
    symbols: Vec<(u64, String)>,
}

impl Built {
    /// `None` where the target is not installed.
    fn new(source: &str) -> Option<Self> {
        let mut where_std_is = Command::new("rustc");
        where_std_is.args([
            "--print=target-libdir",
            "--target=x86_64-unknown-linux-musl",
        ]);
        if !Path::new(run(&mut where_std_is).trim_end()).is_dir() {
            // It comes from no registry that every machine reaches.
            let said =
                "left out: `rustup target add x86_64-unknown-linux-musl` brings what it needs\n";
            std::io::stderr().write_all(said.as_bytes()).unwrap();
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let mut built = Self {
            directory,
            symbols: Vec::new(),
        };
        std::fs::write(built.path("musl.rs"), source).unwrap();
        let mut build = Command::new("rustc");
        build.args(["--edition=2024", "-O", "-g", "--target"]);
        build.args(["x86_64-unknown-linux-musl", "-o"]);
        run(build.arg(built.path("musl")).arg(built.path("musl.rs")));
        built.symbols = run(Command::new("nm").arg(built.path("musl")))
            .lines()
            .filter_map(|line| {
                let words: Vec<&str> = line.split(' ').collect();
                let is_code = matches!(*words.get(1)?, "t" | "T");
                is_code.then(|| (hex(words[0]), words[2].to_owned()))
            })
            .collect();
        built.symbols.sort();
        Some(built)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn record(&self, arguments: &[&str]) -> Profile {
        let recording = self.path("perf.data");
        let mut record = Command::new("perf");
        record.args(["record", "-q", "-N", "-e", "cpu-clock", "-F", "1499"]);
        record.args(["--call-graph", "dwarf,16384", "-o"]);
        run(record
            .arg(&recording)
            .arg(self.path("musl"))
            .args(arguments));
        let profile = perf_data::read(&recording, &[], false).unwrap();
        assert!(profile.samples > 150, "{}", profile.samples);
        profile
    }

    /// The symbol at a place.
    fn name(&self, place: Place) -> &str {
        let Place::Code(address) = place else {
            return "";
        };
        let after = self
            .symbols
            .partition_point(|(start, _)| *start <= address.0);
        after.checked_sub(1).map_or("", |at| &self.symbols[at].1)
    }

    /// In how many samples these functions are, in this order from the innermost on.
    fn samples(&self, profile: &Profile, names: &[&str]) -> u64 {
        let all = profile.counts.iter().filter(|count| {
            let mut wanted = names.iter().peekable();
            for frame in profile.frames_of(count.stack) {
                let place = profile.frames[frame.0 as usize].place;
                wanted.next_if(|name| self.name(place) == **name);
            }
            wanted.len() == 0
        });
        all.map(|count| count.samples).sum()
    }
}

/// musl has no unwind table for the code that a handler returns to; gdb knows it as we do.
#[test]
fn a_signal_handler_of_musl_has_the_callers_that_gdb_says() {
    let Some(built) = Built::new(SIGNAL) else {
        return;
    };
    let mut debugger = Command::new("gdb");
    debugger.args(["-batch", "-nx", "-ex", "handle SIGUSR1 nostop noprint pass"]);
    debugger.args(["-ex", "break burn", "-ex", "run", "-ex", "backtrace"]);
    let said = run(debugger.arg(built.path("musl")));
    let names = ["burn", "__restore_rt", "raise", "outer", "main", "_start"];
    for name in ["burn", "<signal handler called>", "raise", "outer", "main"] {
        assert!(said.contains(name), "{name}: {said}");
    }
    let profile = built.record(&[]);
    let whole = built.samples(&profile, &names);
    assert!(
        whole * 20 >= profile.samples * 19,
        "{whole} of {}",
        profile.samples
    );
    assert!(profile.losses.unrooted * 20 <= profile.samples);
    assert!(profile.without_tables.is_empty());
}

/// Rust's musl has its unwind tables in `.debug_frame` alone, beside `.eh_frame` of Rust's code, and
/// below its first functions there is nothing. gdb says which these are.
#[test]
fn stacks_of_musl_end_where_gdb_says() {
    let Some(built) = Built::new(MUSL) else {
        return;
    };
    for (arguments, outermost) in [(&[][..], "_start"), (&["thread"], "__clone")] {
        let words = arguments.join(" ");
        let mut debugger = Command::new("gdb");
        debugger.args(["-batch", "-nx", "-ex", "set backtrace past-main on"]);
        debugger.args(["-ex", "break burn", "-ex"]);
        debugger.args([format!("run {words}").as_str(), "-ex", "backtrace"]);
        let said = run(debugger.arg(built.path("musl")));
        let last = said.lines().rfind(|line| line.starts_with('#')).unwrap();
        assert!(last.contains(&format!(" {outermost} ")), "{said}");

        let profile = built.record(arguments);
        // How a process begins and ends has a few samples, too.
        let most = profile.samples / 20;
        assert!(profile.losses.unrooted <= most, "{:?}", profile.losses);
        let ended = profile.counts.iter().filter(|count| {
            let last = profile.frames_of(count.stack).last().unwrap();
            built.name(profile.frames[last.0 as usize].place) == outermost
        });
        let ended: u64 = ended.map(|count| count.samples).sum();
        assert!(ended + most >= profile.samples, "{ended} {outermost}");
    }
}
