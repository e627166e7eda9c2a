//! How much a program is slowed by being recorded: the same work alone and under each recorder,
//! in turns, by the program's own account (the kernel's, of its thread).
//!
//! `cargo bench -p cargo-hotspots --bench overhead [ROUNDS]`. The least of all rounds counts: what
//! else the machine does only adds.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[cfg(target_os = "linux")]
fn main() {
    linux::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
mod linux {
    use cargo_hotspots::record::{self, CallGraphChoice, RecordOptions, RecorderChoice, What};
    use codecost::{
        cargo::{Context, Selection},
        console::{Console, Verbosity},
    };
    use std::{env, fs, path::Path, process::Command};

    /// A fixed piece of work, deep enough in the stack that 16 KiB of it are copied.
    const PROGRAM: &str = r#"
use std::fs;
#[inline(never)]
fn deep(levels: u32, room: &mut [u8; 1024]) -> u64 {
    let mut own = [levels as u8; 1024];
    std::hint::black_box(&mut own);
    if levels > 0 { return deep(levels - 1, &mut own); }
    let mut x = u64::from(room[0]);
    for i in 0..400_000_000u64 { x = std::hint::black_box(x.wrapping_mul(31).wrapping_add(i)); }
    x
}
fn main() {
    std::hint::black_box(deep(40, &mut [0; 1024]));
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    fs::write(std::env::args().nth(1).unwrap(), text.split(' ').next().unwrap()).unwrap();
}
"#;

    pub(super) fn main() {
        let rounds = env::args().filter_map(|word| word.parse().ok()).next();
        // As a test it only shows that it works.
        let thorough = env::args().any(|word| word == "--bench");
        let rounds: u32 = rounds.unwrap_or(if thorough { 10 } else { 1 });
        let directory = tempfile::tempdir().unwrap();
        let source = directory.path().join("work.rs");
        fs::write(&source, PROGRAM).unwrap();
        let program = directory.path().join("work");
        let built = Command::new("rustc")
            .args(["--edition=2021", "-O", "-g", "-o"])
            .args([&program, &source])
            .status();
        assert!(built.unwrap().success());

        let figure = directory.path().join("figure");
        let spent = || fs::read_to_string(&figure).unwrap().parse::<u64>().unwrap();
        let alone = || {
            let status = Command::new(&program).arg(&figure).status();
            assert!(status.unwrap().success());
            spent()
        };
        let recorded = |recorder, call_graph| {
            record_once(directory.path(), &program, &figure, recorder, call_graph);
            spent()
        };
        let kinds = [
            (
                "built-in, dwarf",
                RecorderChoice::Builtin,
                CallGraphChoice::Dwarf,
            ),
            (
                "built-in, fp",
                RecorderChoice::Builtin,
                CallGraphChoice::FramePointers,
            ),
            ("perf, dwarf", RecorderChoice::Perf, CallGraphChoice::Dwarf),
        ];
        let mut least = [u64::MAX; 4];
        for _ in 0..rounds {
            least[0] = least[0].min(alone());
            for (least, (_, recorder, call_graph)) in least[1..].iter_mut().zip(kinds) {
                *least = (*least).min(recorded(recorder, call_graph));
            }
        }
        let mut console = Console::system();
        let mut line = |name: &str, time: u64| {
            let more = time as f64 / least[0] as f64 - 1.0;
            let text = format!(
                "{name:16} {:8.1} ms {:+6.2} %\n",
                time as f64 / 1e6,
                more * 100.0
            );
            console.print(&text).unwrap();
        };
        line("alone", least[0]);
        for ((name, ..), time) in kinds.iter().zip(&least[1..]) {
            line(name, *time);
        }
    }

    fn record_once(
        directory: &Path,
        program: &Path,
        figure: &Path,
        recorder: RecorderChoice,
        call_graph: CallGraphChoice,
    ) {
        let options = RecordOptions {
            what: What::Program(program.into()),
            arguments: vec![figure.into()],
            call_graph: Some(call_graph),
            recorder: Some(recorder),
            allocations: None,
            selection: Selection {
                target_dir: Some(directory.into()),
                ..Selection::default()
            },
            ..RecordOptions::default()
        };
        let mut console = Console::system();
        console.set_verbosity(Verbosity::Quiet);
        record::record_in(&Context::at(directory), &options, &mut console).unwrap();
    }
}
