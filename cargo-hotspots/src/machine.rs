//! What this machine allows a profiler: facts, read or tried, without judgement.
//!
//! Sources: `/proc/sys/kernel/perf_event_*` ("perf_event_open(2)" and the kernel's
//! admin-guide/sysctl), one trial `perf_event_open` for each question (the only way to know what
//! seccomp and capabilities leave over), and `perf version --build-options`. All of it takes some
//! ten milliseconds, most of them perf's.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    str::FromStr,
};

/// The facts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Whether recording is possible at all on this system.
    pub linux: bool,
    /// `kernel.perf_event_paranoid`.
    pub paranoid: Option<i64>,
    /// `kernel.perf_event_mlock_kb`: locked memory for buffers, for each CPU.
    pub mlock_kb: Option<u64>,
    /// `kernel.perf_event_max_sample_rate`: samples a second.
    pub max_sample_rate: Option<u64>,
    /// `kernel.kptr_restrict`: whether kernel addresses have names.
    pub kptr_restrict: Option<i64>,
    /// Whether this is root.
    pub root: bool,
    /// Sampling the processor's cycles in user space.
    pub cycles: Trial,
    /// Sampling the CPU clock in user space.
    pub clock: Trial,
    /// Sampling the CPU clock in the kernel as well.
    pub kernel: Trial,
    /// Sampling whole CPUs, whoever runs there.
    pub whole_cpus: Trial,
    /// How many CPUs there are.
    pub cpus: usize,
    /// `perf`, where it is on the path.
    pub perf: Option<Perf>,
}

/// Whether an event could be opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trial {
    /// It was not tried.
    #[default]
    Untried,
    /// It opens.
    Works,
    /// The kernel refuses, with this error number.
    Refused(i32),
}

impl Trial {
    /// Whether it opens.
    pub fn works(self) -> bool {
        self == Self::Works
    }
}

/// The `perf` on the path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Perf {
    /// The program.
    pub path: PathBuf,
    /// Its version as it prints it; `None` when it does not run (a wrapper without the package
    /// for this kernel, as distributions have it).
    pub version: Option<String>,
    /// Whether it can compress recordings.
    pub zstd: bool,
    /// Whether it records copies of the stack.
    pub dwarf: bool,
}

impl Perf {
    /// Whether it runs and records stacks.
    pub fn usable(&self) -> bool {
        self.version.is_some()
    }
}

impl Machine {
    /// Looks; `path` is the `PATH` where perf is looked for.
    pub fn look(path: Option<&std::ffi::OsStr>) -> Self {
        let perf = path.and_then(find_perf).map(ask_perf);
        let mut machine = Self {
            linux: cfg!(target_os = "linux"),
            paranoid: kernel("perf_event_paranoid"),
            mlock_kb: kernel("perf_event_mlock_kb"),
            max_sample_rate: kernel("perf_event_max_sample_rate"),
            kptr_restrict: kernel("kptr_restrict"),
            perf,
            ..Self::default()
        };
        machine.try_events();
        machine
    }

    #[cfg(target_os = "linux")]
    fn try_events(&mut self) {
        use crate::record::{
            system,
            trial::{try_event, try_whole_cpu},
        };
        let result = |tried: Option<std::io::Result<()>>| match tried {
            None => Trial::Untried,
            Some(Ok(())) => Trial::Works,
            Some(Err(error)) => Trial::Refused(error.raw_os_error().unwrap_or(0)),
        };
        let trial = |name, kernel| result(try_event(name, kernel));
        self.root = system::is_root();
        self.cycles = trial("cycles", false);
        self.clock = trial("cpu-clock", false);
        self.kernel = trial("cpu-clock", true);
        self.whole_cpus = result(try_whole_cpu());
        self.cpus = std::thread::available_parallelism().map_or(1, usize::from);
    }

    #[cfg(not(target_os = "linux"))]
    fn try_events(&mut self) {}
}

fn kernel<T: FromStr>(name: &str) -> Option<T> {
    let text = fs::read_to_string(Path::new("/proc/sys/kernel").join(name)).ok()?;
    text.trim().parse().ok()
}

fn find_perf(path: &std::ffi::OsStr) -> Option<PathBuf> {
    std::env::split_paths(path)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join("perf"))
        .find(|file| is_executable(file))
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|of| of.is_file() && of.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(_: &Path) -> bool {
    false
}

fn ask_perf(path: PathBuf) -> Perf {
    let output = Command::new(&path)
        .args(["version", "--build-options"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let text = match output {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).into_owned()
        }
        _ => {
            return Perf {
                path,
                ..Perf::default()
            };
        }
    };
    let version = text
        .lines()
        .find_map(|line| line.strip_prefix("perf version "))
        .map(|version| version.trim().to_owned());
    // `                  zstd: [ on  ]  # HAVE_ZSTD_SUPPORT`
    let has = |name: &str| {
        text.lines().any(|line| {
            line.trim()
                .strip_prefix(name)
                .is_some_and(|rest| rest.trim_start_matches(':').trim().starts_with("[ on"))
        })
    };
    Perf {
        version,
        zstd: has("zstd"),
        dwarf: has("libunwind") || has("libdw-dwarf-unwind"),
        path,
    }
}
