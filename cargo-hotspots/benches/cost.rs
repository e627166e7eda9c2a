//! What opening a recording costs, with `perf script` and `perf report` on the same file beside it.
//!
//! ```text
//! cargo hotspots --bin rg --call-graph dwarf -- PATTERN DIRECTORY     in a program of your choice
//! RECORDING=target/codecost/hotspots/1/perf.data cargo bench -p cargo-hotspots --bench cost
//! ```
//!
//! Wall time beside `perf script`, because its `addr2line` children escape its processor time;
//! processor time beside `perf report` without call graphs, which has none. The least of some rounds, in
//! turns. The bounds are those of `docs/hotspots.md`. A recording by `perf`: beside one of our own what
//! was resolved is kept, and all rounds but the first only read that.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[cfg(target_os = "linux")]
fn main() {
    linux::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        env,
        ffi::OsString,
        io::{self, Write},
        path::Path,
        process::{Command, Stdio},
        time::Instant,
    };

    const ROUNDS: usize = 5;

    /// Peak resident set, mapped pages included.
    const MOST_MIB: f64 = 400.0;

    /// Of the wall time of `perf script`.
    const FASTER: f64 = 20.0;

    /// Of the processor time of `perf report`.
    const OF_REPORT: f64 = 0.85;

    #[derive(Clone, Copy)]
    struct Cost {
        wall: f64,
        processor: f64,
        peak_mib: f64,
    }

    pub(super) fn main() {
        let Some(recording) = env::var_os("RECORDING") else {
            let _ = writeln!(io::stdout(), "n/a (set RECORDING to a perf.data)");
            return;
        };
        // As a test it only shows that it works.
        let thorough = env::args().any(|word| word == "--bench");
        let rounds = if thorough { ROUNDS } else { 1 };
        let ours = |view: &str| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-hotspots"));
            command.args(["hotspots", view, "-q", "--message-format", "json"]);
            command.args([OsString::from("--input"), recording.clone()]);
            command
        };
        let perf = |words: &[&str]| {
            let mut command = Command::new("perf");
            command.args(words).arg("-i").arg(Path::new(&recording));
            command
        };
        let mut least = [None::<Cost>; 5];
        for _ in 0..rounds {
            let commands = [
                ours("crates"),
                ours("functions"),
                ours("overview"),
                perf(&["script"]),
                perf(&["report", "--stdio", "--no-children", "-g", "none"]),
            ];
            for (least, mut command) in least.iter_mut().zip(commands) {
                let cost = run(&mut command).expect("it runs");
                *least = Some(least.map_or(cost, |least| Cost {
                    wall: least.wall.min(cost.wall),
                    processor: least.processor.min(cost.processor),
                    peak_mib: least.peak_mib.max(cost.peak_mib),
                }));
            }
        }
        let [crates, functions, overview, script, report] =
            least.map(|cost| cost.expect("a round"));
        let mut out = io::stdout().lock();
        for (name, cost) in [
            ("crates", crates),
            ("functions", functions),
            ("overview", overview),
            ("perf script", script),
            ("perf report", report),
        ] {
            let Cost {
                wall,
                processor,
                peak_mib,
            } = cost;
            let _ = writeln!(
                out,
                "{name:12} {wall:>7.2} s, of CPU {processor:>7.3} s  {peak_mib:>5.0} MiB"
            );
        }
        let ratio = functions.processor / report.processor;
        let verdict = if ratio <= OF_REPORT {
            "kept"
        } else {
            "EXCEEDED"
        };
        let _ = writeln!(
            out,
            "functions: {ratio:.2} of the CPU time of perf report (bound {OF_REPORT}): {verdict}"
        );
        let ratio = script.wall / crates.wall;
        let kept = ratio >= FASTER && crates.peak_mib <= MOST_MIB;
        let verdict = if kept { "kept" } else { "EXCEEDED" };
        let _ = writeln!(
            out,
            "crates: perf script takes {ratio:.1} times as long (bound {FASTER}), \
             {:.0} MiB (bound {MOST_MIB}): {verdict}",
            crates.peak_mib
        );
    }

    /// Runs a command to its end.
    fn run(command: &mut Command) -> io::Result<Cost> {
        let start = Instant::now();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let usage = wait(child.id())?;
        let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
        Ok(Cost {
            wall: start.elapsed().as_secs_f64(),
            processor: seconds(usage.ru_utime) + seconds(usage.ru_stime),
            peak_mib: usage.ru_maxrss as f64 / 1024.0,
        })
    }

    /// What a child used, which `std` does not tell.
    #[allow(unsafe_code)]
    fn wait(child: u32) -> io::Result<libc::rusage> {
        let mut status = 0;
        // SAFETY: `rusage` is integers only, for which zero is a value.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: both pointers are to live values of the right type, and the child is ours and
        // was not yet waited for.
        let waited = unsafe { libc::wait4(child as libc::pid_t, &mut status, 0, &mut usage) };
        match waited {
            -1 => Err(io::Error::last_os_error()),
            _ if libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0 => Ok(usage),
            _ => Err(io::Error::other("it failed")),
        }
    }
}
