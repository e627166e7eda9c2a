//! What `cargo slim` costs from end to end, on two files that every developer of the suite has:
//! the compiler's own library (`librustc_driver-*.so` of the sysroot, some 150 MB and 165,000
//! symbols) and the suite's own binary.
//!
//! `cargo bench -p cargo-slim --bench cost` first prints processor time and peak memory of the
//! tool as a process of its own, with the bound that each has to keep, and `nm` beside it; then how
//! many times as much as another program it takes, by turns; then divan's wall-clock times of the same
//! work in process. The figures are in `docs/slim.md`.
//!
//! `COST_WASM=FILE` names a module of WebAssembly to be compared on with `twiggy`, where that is
//! installed: nobody has one of some size for sure.
//!
//! Processor time counts both cores; on a busy machine it rises too, for caches and clock rates
//! are shared. So each line is the best of several runs.

// A bench that cannot find its subject has nothing to measure.
#![allow(clippy::expect_used)]

use codecost::console::Console;
use divan::Bencher;
use std::{
    ffi::OsString,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::LazyLock,
};

/// The compiler as a shared library.
static DRIVER: LazyLock<PathBuf> = LazyLock::new(|| {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--print", "sysroot"])
        .output()
        .expect("rustc runs");
    let sysroot = PathBuf::from(String::from_utf8(output.stdout).expect("a path").trim());
    let directory = sysroot.join(if cfg!(windows) { "bin" } else { "lib" });
    std::fs::read_dir(directory)
        .expect("the sysroot has libraries")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.contains("rustc_driver-") && !name.ends_with(".lib")
        })
        .expect("the compiler is a shared library")
});

/// The suite's own binary, with `deps/` beside it.
const OWN: &str = env!("CARGO_BIN_EXE_cargo-slim");

/// The commands that have a bound, without the file.
const FUNCTIONS: &[&str] = &["functions", "-n", "0", "--message-format", "json"];
const CRATES: &[&str] = &["crates", "--message-format", "json"];
const OVERVIEW: &[&str] = &["overview"];
const SNAPSHOT: &[&str] = &["snapshot"];
const FUNCTIONS_TEXT: &[&str] = &["functions", "-n", "0"];
const DATA_TEXT: &[&str] = &["data", "-n", "0"];

fn main() {
    // Without `--bench`, cargo only asks whether the benchmarks run at all.
    if std::env::args().any(|arg| arg == "--bench") {
        process::table(&mut std::io::stdout().lock()).expect("write to standard output");
    }
    divan::main();
}

fn arguments(view: &[&str], file: &Path) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = view.iter().map(Into::into).collect();
    arguments.extend(["-q", "-o", NOWHERE, "--file"].map(Into::into));
    arguments.push(file.into());
    arguments
}

#[cfg(not(windows))]
const NOWHERE: &str = "/dev/null";
#[cfg(windows)]
const NOWHERE: &str = "NUL";

#[divan::bench(sample_count = 5, sample_size = 1, args = ["functions", "crates", "overview"])]
fn driver(bencher: Bencher<'_, '_>, view: &str) {
    in_process(bencher, view, DRIVER.clone());
}

#[divan::bench(sample_count = 10, sample_size = 1, args = ["functions", "crates", "overview"])]
fn own(bencher: Bencher<'_, '_>, view: &str) {
    in_process(bencher, view, OWN.into());
}

fn in_process(bencher: Bencher<'_, '_>, view: &str, file: PathBuf) {
    let view = match view {
        "functions" => FUNCTIONS,
        "crates" => CRATES,
        _ => OVERVIEW,
    };
    let arguments = arguments(view, &file);
    bencher.bench_local(|| {
        let (mut console, captured) = Console::in_memory();
        let all = std::iter::once("cargo-slim".into()).chain(arguments.iter().cloned());
        let code = cargo_slim::run(all, &mut console);
        assert_eq!(code, ExitCode::SUCCESS, "{}", captured.stderr());
    });
}

/// Processor time and peak memory of a process, which only the kernel knows.
#[cfg(unix)]
mod process {
    use super::*;
    use std::{io, time::Instant};

    struct Cost {
        processor: f64,
        wall: f64,
        peak_mib: f64,
    }

    /// Each is run this often, and its best counts.
    const RUNS: usize = 5;
    /// Two are compared in so many pairs, by turns, and the middle one counts.
    const PAIRS: usize = 15;

    /// A program and its arguments.
    type Run = (PathBuf, Vec<OsString>);

    fn slim(view: &'static [&'static str], file: &Path) -> Run {
        (PathBuf::from(OWN), arguments(view, file))
    }

    fn other(program: &str, flags: &[&str], file: &Path) -> Run {
        let mut arguments: Vec<OsString> = flags.iter().map(Into::into).collect();
        arguments.push(file.into());
        (PathBuf::from(program), arguments)
    }

    pub(super) fn table(to: &mut impl Write) -> io::Result<()> {
        costs(to)?;
        ratios(to)
    }

    fn costs(to: &mut impl Write) -> io::Result<()> {
        let own = PathBuf::from(OWN);
        // Bounds of issues 2 and 11: seconds of processor time, and MiB.
        let rows = [
            (
                "driver  functions, all, JSON",
                slim(FUNCTIONS, &DRIVER),
                Some((0.5, 300.0)),
            ),
            (
                "driver  crates, whole ledger",
                slim(CRATES, &DRIVER),
                Some((4.0, 800.0)),
            ),
            ("driver  overview", slim(OVERVIEW, &DRIVER), None),
            ("driver  snapshot", slim(SNAPSHOT, &DRIVER), None),
            (
                "driver  functions, all, text",
                slim(FUNCTIONS_TEXT, &DRIVER),
                Some((1.0, 150.0)),
            ),
            (
                "driver  data, all, text",
                slim(DATA_TEXT, &DRIVER),
                Some((1.2, 330.0)),
            ),
            ("driver  nm -CS", other("nm", &["-CS"], &DRIVER), None),
            ("own     functions, all, JSON", slim(FUNCTIONS, &own), None),
            ("own     crates, whole ledger", slim(CRATES, &own), None),
            ("own     overview", slim(OVERVIEW, &own), None),
            ("own     nm -CS", other("nm", &["-CS"], &own), None),
        ];
        writeln!(
            to,
            "{:30}  {:>9}  {:>8}  {:>9}   bound",
            "", "processor", "wall", "peak"
        )?;
        for (name, (program, arguments), bound) in rows {
            let costs = (0..RUNS).map(|_| run(&program, &arguments));
            let Ok(costs) = costs.collect::<io::Result<Vec<_>>>() else {
                writeln!(to, "{name:30}  n/a (it did not run)")?;
                continue;
            };
            let best = |of: fn(&Cost) -> f64| costs.iter().map(of).fold(f64::MAX, f64::min);
            let (processor, peak) = (best(|cost| cost.processor), best(|cost| cost.peak_mib));
            let wall = best(|cost| cost.wall);
            let verdict = bound.map_or(String::new(), |(seconds, mib)| {
                let kept = if processor <= seconds && peak <= mib {
                    "kept"
                } else {
                    "EXCEEDED"
                };
                format!("{seconds} s, {mib} MiB: {kept}")
            });
            writeln!(
                to,
                "{name:30}  {processor:>7.2} s  {wall:>6.2} s  {peak:>5.0} MiB   {verdict}"
            )?;
        }
        writeln!(to)
    }

    /// What of two costs is compared.
    #[derive(Clone, Copy, PartialEq)]
    enum Figure {
        Processor,
        Wall,
    }

    /// What takes at most so many times as much as something else.
    fn ratios(to: &mut impl Write) -> io::Result<()> {
        use Figure::{Processor, Wall};
        let by_size = other("nm", &["-CS", "--size-sort"], &DRIVER);
        let mut rows = vec![
            // On two idle cores (issue 4).
            (
                "snapshot / functions, JSON",
                slim(SNAPSHOT, &DRIVER),
                slim(FUNCTIONS, &DRIVER),
                (1.2, Wall),
            ),
            (
                "functions, text / nm -CS --size-sort",
                slim(FUNCTIONS_TEXT, &DRIVER),
                by_size,
                (0.9, Processor),
            ),
            (
                "overview / crates",
                slim(OVERVIEW, &DRIVER),
                slim(CRATES, &DRIVER),
                (1.3, Processor),
            ),
        ];
        if let Some(wasm) = std::env::var_os("COST_WASM").map(PathBuf::from) {
            let third = (1.0 / 3.0, Processor);
            let top = || other("twiggy", &["top"], &wasm);
            let dominators = other("twiggy", &["dominators"], &wasm);
            rows.extend([
                (
                    "wasm functions / twiggy top",
                    slim(&["functions"], &wasm),
                    top(),
                    third,
                ),
                (
                    "wasm crates / twiggy top",
                    slim(&["crates"], &wasm),
                    top(),
                    third,
                ),
                (
                    "wasm data / twiggy top",
                    slim(&["data"], &wasm),
                    top(),
                    third,
                ),
                (
                    "wasm retained / twiggy dominators",
                    slim(&["retained"], &wasm),
                    dominators,
                    third,
                ),
            ]);
        }
        writeln!(
            to,
            "{:38}  {:>9}  {:>6}   bound",
            "by turns", "processor", "wall"
        )?;
        for (name, ours, theirs, (bound, figure)) in rows {
            let pairs =
                (0..PAIRS).map(|_| Ok((run(&ours.0, &ours.1)?, run(&theirs.0, &theirs.1)?)));
            let Ok(pairs) = pairs.collect::<io::Result<Vec<(Cost, Cost)>>>() else {
                writeln!(to, "{name:38}  n/a (it did not run)")?;
                continue;
            };
            let middle = |of: fn(&Cost) -> f64| {
                let mut ratios: Vec<f64> = pairs.iter().map(|(a, b)| of(a) / of(b)).collect();
                ratios.sort_by(f64::total_cmp);
                ratios[ratios.len() / 2]
            };
            let (processor, wall) = (middle(|cost| cost.processor), middle(|cost| cost.wall));
            let (what, value) = match figure {
                Processor => ("processor", processor),
                Wall => ("wall", wall),
            };
            let verdict = if value <= bound { "kept" } else { "EXCEEDED" };
            writeln!(
                to,
                "{name:38}  {processor:>9.2}  {wall:>6.2}   {bound:.2}, {what}: {verdict}"
            )?;
        }
        writeln!(to)
    }

    /// Runs a command to its end. Its peak is at least this process's own, which the kernel counts
    /// until the new program starts: so measure before mapping anything large here.
    fn run(program: &PathBuf, arguments: &[OsString]) -> io::Result<Cost> {
        let start = Instant::now();
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()?;
        let (ended_well, usage) = wait(child.id())?;
        if !ended_well {
            return Err(io::Error::other("it failed"));
        }
        let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
        // Linux counts KiB, macOS bytes.
        let per_mib = if cfg!(target_os = "macos") {
            1_048_576.0
        } else {
            1024.0
        };
        Ok(Cost {
            processor: seconds(usage.ru_utime) + seconds(usage.ru_stime),
            wall: start.elapsed().as_secs_f64(),
            peak_mib: usage.ru_maxrss as f64 / per_mib,
        })
    }

    /// What `std` keeps to itself: the resources of the one child that is waited for.
    #[allow(unsafe_code)]
    fn wait(child: u32) -> io::Result<(bool, libc::rusage)> {
        let mut status = 0;
        // SAFETY: `rusage` is integers only, for which zero is a value.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: both pointers are to live values of the right type, and the child is ours and
        // was not yet waited for.
        let waited = unsafe { libc::wait4(child as libc::pid_t, &mut status, 0, &mut usage) };
        if waited < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok((
            libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0,
            usage,
        ))
    }
}

#[cfg(not(unix))]
mod process {
    pub(super) fn table(to: &mut impl std::io::Write) -> std::io::Result<()> {
        writeln!(
            to,
            "processor time and memory: n/a (measured on Unix only)\n"
        )
    }
}
