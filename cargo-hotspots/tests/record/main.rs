//! Recordings of real programs, with both recorders. The independent witnesses are `perf script`,
//! which opens what the built-in recorder wrote, and the kernel's own account of a program's time.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod account;
mod advice;
mod cases;
mod coverage;
mod elsewhere;
mod harnesses;
mod musl;
mod names;
mod turn;

use cargo_hotspots::{
    record::{self, CallGraphChoice, FREQUENCY, RecordOptions, RecorderChoice, What},
    recording::{About, Recording},
};
use codecost::{
    cargo::{Context, Selection, TargetChoice},
    console::{Console, Verbosity},
};
use std::{
    env, fs,
    io::{BufReader, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::LazyLock,
    time::Duration,
};

/// Burns processor time in `spin`, however busy the machine is, and prints how much the kernel says
/// that it had. `long` says `warm` when there is enough to see.
const PROGRAM: &str = r#"
use std::{fs, time::Duration};
/// By the kernel's account.
fn had() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}
#[inline(never)]
fn spin(rounds: u64) -> u64 {
    let mut x = 1u64;
    for i in 0..rounds { x = std::hint::black_box(x.wrapping_mul(31).wrapping_add(i)); }
    x
}
/// Burns until this thread has had `time`.
fn burn(time: Duration) -> u64 {
    while u128::from(had()) < time.as_nanos() { std::hint::black_box(spin(1_000_000)); }
    had()
}
fn main() {
    let words: Vec<String> = std::env::args().collect();
    eprintln!("started {:?}", std::env::current_dir().unwrap());
    match words.get(1).map(String::as_str) {
        Some("fail") => std::process::exit(3),
        Some("late") => { burn(Duration::from_millis(400)); std::process::abort(); }
        Some("long") => {
            let other = std::thread::spawn(|| burn(Duration::from_millis(300)));
            burn(Duration::from_millis(300));
            other.join().unwrap();
            eprintln!("warm");
            burn(Duration::from_secs(600));
        }
        // Half of the time, until it is killed.
        Some("endless") => loop {
            burn(Duration::from_nanos(had()) + Duration::from_millis(20));
            std::thread::sleep(Duration::from_millis(20));
        },
        Some("sleepy") => {
            let nanoseconds = burn(Duration::from_millis(300));
            std::thread::sleep(Duration::from_secs(1));
            println!("burnt {nanoseconds}");
        }
        // Threads that live for less than a sample's period, one after the other.
        Some("short") => {
            let one = || std::thread::spawn(|| { std::hint::black_box(spin(300_000)); had() });
            let sum: u64 = (0..600).map(|_| one().join().unwrap()).sum();
            // Something to see.
            let own = burn(Duration::from_millis(50));
            println!("burnt {}", sum + own);
        }
        Some(ms) => {
            let time = Duration::from_millis(ms.parse().unwrap());
            let other = std::thread::spawn(move || { eprintln!("burning"); burn(time) });
            let nanoseconds = burn(time) + other.join().unwrap();
            println!("burnt {nanoseconds}");
        }
        None => println!("nothing to do"),
    }
}
"#;

/// The program, built once; world-readable, because an ordinary user runs it too.
static BURNER: LazyLock<PathBuf> = LazyLock::new(|| {
    // Nobody is left to delete it at the end, so earlier runs' are deleted here.
    for entry in fs::read_dir(env::temp_dir()).unwrap().flatten() {
        let name = entry.file_name();
        let process = name
            .to_str()
            .and_then(|name| name.strip_prefix("cargo-hotspots-burner-"));
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let directory = env::temp_dir().join(format!("cargo-hotspots-burner-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    let source = directory.join("burner.rs");
    fs::write(&source, PROGRAM).unwrap();
    let program = directory.join("burner");
    let built = Command::new("rustc")
        .args(["--edition=2021", "-O", "-g", "-o"])
        .args([&program, &source])
        .status();
    assert!(built.unwrap().success());
    program
});

/// This test program once more, recording as `options` say; it has its own signals and streams.
struct Driver {
    command: Command,
    directory: tempfile::TempDir,
}

impl Driver {
    fn new(options: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let mut driver = Self {
            command: Command::new("env"),
            directory,
        };
        // The tests may run where Ctrl-C is ignored (under `nohup`, or in the background of a
        // shell), and a program inherits that.
        driver
            .command
            .arg("--default-signal=INT")
            .arg(env::current_exe().unwrap());
        driver.arguments();
        for (name, value) in options {
            driver.command.env(format!("DRIVE_{name}"), value);
        }
        driver
    }

    fn arguments(&mut self) {
        self.command
            .args(["--exact", "driven", "--ignored", "--nocapture"])
            .env("DRIVE_IN", self.directory.path())
            .env("XDG_STATE_HOME", self.directory.path())
            .stdin(Stdio::null());
    }

    /// The same by a user without rights.
    fn by_ordinary_user(mut self) -> Self {
        let program = fs::canonicalize(env::current_exe().unwrap()).unwrap();
        // The target directory may be closed to others.
        let copy = self.directory.path().join("driver");
        fs::copy(program, &copy).unwrap();
        let mut command = Command::new(if is_root() { "setpriv" } else { "env" });
        if is_root() {
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        }
        command.arg(&copy);
        for (name, value) in self.command.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        self.command = command;
        self.arguments();
        self
    }

    fn run(mut self) -> Driven {
        let _turn = turn::Turn::take();
        let output = self.command.output().unwrap();
        Driven::new(output, self.directory)
    }

    fn start(&mut self) -> Child {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        self.command.spawn().unwrap()
    }
}

/// What came of it.
#[derive(Debug)]
struct Driven {
    stdout: String,
    stderr: String,
    directory: tempfile::TempDir,
}

impl Driven {
    fn new(output: Output, directory: tempfile::TempDir) -> Self {
        Self {
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            directory,
        }
    }

    fn recording(&self) -> (PathBuf, About) {
        let line = self
            .stdout
            .lines()
            .find_map(|line| line.split_once("RECORDED "));
        let (_, path) = line.unwrap_or_else(|| panic!("{}\n{}", self.stdout, self.stderr));
        let Recording { data, about } = record::open(Path::new(path)).unwrap();
        assert!(data.starts_with(self.directory.path()));
        (data, about.unwrap())
    }

    /// `N` of `… N samples, M lost …`, which the built-in recorder says with -v.
    fn counted(&self) -> [u64; 2] {
        let line = self.stderr.lines().find(|line| line.contains(" lost, "));
        let line = line.unwrap_or_else(|| panic!("{}", self.stderr));
        let mut numbers = line.split(' ').filter_map(|word| word.parse().ok());
        [numbers.next().unwrap(), numbers.next().unwrap()]
    }

    /// Nanoseconds that the program ran, by the kernel's account.
    fn burnt(&self) -> u64 {
        let line = self
            .stderr
            .lines()
            .find_map(|line| line.strip_prefix("burnt "));
        line.unwrap_or_else(|| panic!("{}", self.stderr))
            .parse()
            .unwrap()
    }
}

/// Not a test of its own: what [`Driver`] starts.
#[test]
#[ignore = "started by the other tests"]
fn driven() {
    let Some(directory) = env::var_os("DRIVE_IN") else {
        return;
    };
    let set = |name: &str| env::var(format!("DRIVE_{name}")).ok();
    let what = match (set("EXEC"), set("PID")) {
        (Some(path), _) => What::Program(path.into()),
        (_, Some(pid)) => What::Process(pid.parse().unwrap()),
        _ => What::Target,
    };
    let options = RecordOptions {
        what,
        arguments: set("ARGS")
            .map(|text| text.split(' ').map(Into::into).collect())
            .unwrap_or_default(),
        call_graph: match set("STACKS").as_deref() {
            Some("dwarf") => Some(CallGraphChoice::Dwarf),
            Some("fp") => Some(CallGraphChoice::FramePointers),
            Some("none") => Some(CallGraphChoice::None),
            _ => None,
        },
        event: set("EVENT"),
        frequency: set("FREQUENCY").map_or(FREQUENCY, |text| text.parse().unwrap()),
        duration: set("SECONDS").map(|text| Duration::from_secs(text.parse().unwrap())),
        recorder: match set("RECORDER").as_deref() {
            Some("perf") => Some(RecorderChoice::Perf),
            Some("builtin") => Some(RecorderChoice::Builtin),
            _ => None,
        },
        allocations: None,
        selection: Selection {
            target: match set("BENCH") {
                Some(name) if name.is_empty() => TargetChoice::Bench(None),
                Some(name) => TargetChoice::Bench(Some(name)),
                None => TargetChoice::Default,
            },
            target_dir: set("TARGET_DIR").map(PathBuf::from),
            quiet: true,
            ..Selection::default()
        },
        ..RecordOptions::default()
    };
    let mut console = Console::system();
    console.set_verbosity(Verbosity::Verbose);
    let mut context = Context::at(directory).without_env("CARGO_TARGET_DIR");
    if let Some(path) = set("PATH") {
        context = context.with_env("PATH", path);
    }
    match record::record_in(&context, &options, &mut console) {
        Ok(recording) => {
            let latest = record::latest_in(&context, &options.selection).unwrap();
            assert_eq!(latest, recording);
            // The harness's own output is on standard output too.
            let line = format!("RECORDED {}\n", recording.data.display());
            console.print(&line).unwrap();
        }
        Err(error) => {
            console.fail(&error);
        }
    }
}

/// The values of `fields` of each sample, as perf reads them: a line for each.
fn perf_script(data: &Path, fields: &str) -> Vec<String> {
    let output = Command::new("perf")
        .args(["script", "--force", "--no-inline", "-G", "-F", fields, "-i"])
        .arg(data)
        .output()
        .expect("perf is the witness here: install it");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(|line| line.trim().to_owned()).collect()
}

/// The distinct functions of all stacks, as perf unwinds them.
fn perf_callers(data: &Path) -> String {
    let output = Command::new("perf")
        .args(["script", "--force", "--no-inline", "-F", "ip,sym", "-i"])
        .arg(data)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn assert_in(path: &Path, name: &str) {
    let samples = perf_script(path, "ip,sym");
    let own = samples.iter().filter(|line| line.contains(name)).count();
    assert!(
        own * 10 > samples.len() * 9,
        "{own} of {} in {name}",
        samples.len()
    );
}

#[test]
fn perf_reads_as_many_samples_as_the_built_in_recorder_took_and_they_last_as_long_as_the_program() {
    for stacks in ["dwarf", "fp", "none"] {
        let burner = BURNER.to_str().unwrap();
        let driven = Driver::new(&[
            ("EXEC", burner),
            ("ARGS", "500"),
            ("STACKS", stacks),
            ("RECORDER", "builtin"),
        ])
        .run();
        let (data, about) = driven.recording();
        assert_eq!(
            (about.recorder.as_str(), about.call_graph.as_str()),
            ("builtin", stacks)
        );
        let periods = perf_script(&data, "period");
        let [samples, lost] = driven.counted();
        assert_eq!(periods.len() as u64, samples, "{stacks}");
        assert_in(&data, "spin");

        // Time in the program's threads, the kernel's and the sum of periods: the same time.
        let lost_time = lost * 1_000_000_000 / 997;
        let sampled: u64 = periods
            .iter()
            .map(|period| period.parse::<u64>().unwrap())
            .sum();
        let ratio = (sampled + lost_time) as f64 / driven.burnt() as f64;
        assert!((0.9..1.05).contains(&ratio), "{stacks}: {ratio}");
        if stacks == "dwarf" {
            assert!(
                perf_callers(&data).contains("burner::main"),
                "perf unwinds our stacks"
            );
        }
    }
}

#[test]
fn perf_records_the_same_program_with_the_same_time() {
    let burner = BURNER.to_str().unwrap();
    let driven = Driver::new(&[("EXEC", burner), ("ARGS", "500"), ("RECORDER", "perf")]).run();
    let (data, about) = driven.recording();
    assert_eq!(
        (about.recorder.as_str(), about.call_graph.as_str()),
        ("perf", "dwarf")
    );
    let periods = perf_script(&data, "period");
    let sampled: u64 = periods
        .iter()
        .map(|period| period.parse::<u64>().unwrap())
        .sum();
    let ratio = sampled as f64 / driven.burnt() as f64;
    assert!((0.9..1.05).contains(&ratio), "{ratio}");
    assert_in(&data, "spin");
    let [program] = about.programs.as_slice() else {
        panic!("{about:?}")
    };
    assert_eq!(program.exit_code, Some(0));
    assert_eq!(program.path, fs::canonicalize(&*BURNER).unwrap());
    let copy = program.copy.as_ref().unwrap();
    assert_eq!(fs::read(copy).unwrap(), fs::read(&*BURNER).unwrap());
    assert!(!data.with_file_name("perf.log").exists() && !data.with_file_name("control").exists());
}

#[test]
fn the_programs_output_goes_to_our_standard_error_as_it_is() {
    for recorder in ["perf", "builtin"] {
        let burner = BURNER.to_str().unwrap();
        let driven = Driver::new(&[("EXEC", burner), ("ARGS", "60"), ("RECORDER", recorder)]).run();
        driven.recording();
        assert!(!driven.stdout.contains("burnt"), "{}", driven.stdout);
        let own = driven
            .stderr
            .lines()
            .filter(|line| line.starts_with("burnt "));
        assert_eq!(own.count(), 1, "{}", driven.stderr);
    }
}

#[test]
fn a_program_that_fails_at_once_is_an_error_and_one_that_fails_later_keeps_its_recording() {
    let burner = BURNER.to_str().unwrap();
    let driven = Driver::new(&[("EXEC", burner), ("ARGS", "fail"), ("RECORDER", "builtin")]).run();
    assert!(!driven.stdout.contains("RECORDED"));
    let said = &driven.stderr;
    assert!(said.contains("failed with exit status 3 at once"), "{said}");
    let left = fs::read_dir(driven.directory.path().join("cargo-hotspots")).unwrap();
    assert_eq!(left.count(), 0, "nothing is left of it");

    for recorder in ["perf", "builtin"] {
        let driven =
            Driver::new(&[("EXEC", burner), ("ARGS", "late"), ("RECORDER", recorder)]).run();
        let (data, about) = driven.recording();
        assert_eq!(about.programs[0].signal, Some(6));
        assert!(
            driven.stderr.contains("was ended by signal 6"),
            "{}",
            driven.stderr
        );
        assert_in(&data, "spin");
    }

    let driven = Driver::new(&[("EXEC", "/nonexistent/program")]).run();
    assert!(
        driven.stderr.contains("cannot read `/nonexistent/program`"),
        "{}",
        driven.stderr
    );
}

/// Reads what a program says until a line that starts with `word`.
fn wait_for(word: &str, said: &mut impl std::io::BufRead) {
    let mut line = String::new();
    while !line.starts_with(word) {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "no `{word}`");
    }
}

#[test]
fn ctrl_c_ends_the_recording_and_keeps_it() {
    for recorder in ["perf", "builtin"] {
        let burner = BURNER.to_str().unwrap();
        let mut driver = Driver::new(&[("EXEC", burner), ("ARGS", "long"), ("RECORDER", recorder)]);
        let mut child = driver.start();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        wait_for("warm", &mut said);
        let interrupt = Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status();
        assert!(interrupt.unwrap().success());
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        let output = child.wait_with_output().unwrap();
        let driven = Driven::new(output, driver.directory);
        let (data, about) = driven.recording();
        assert!(about.programs[0].interrupted);
        // The program would run for ten minutes: it ends because the interrupt is passed on to it, and
        // before patience with it is at an end, which would be another signal.
        assert_eq!(about.programs[0].signal, Some(2), "{recorder}: {rest}");
        assert_in(&data, "spin");
    }
}

#[test]
fn a_running_process_is_recorded_until_it_ends() {
    for recorder in ["perf", "builtin"] {
        let mut program = Command::new(&*BURNER)
            // Long enough for a recorder to come to it, however busy the machine is: that needs a
            // tenth of this, and three threads have a third of the time each.
            .arg("2000")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(program.stderr.take().unwrap());
        wait_for("burning", &mut said);
        let pid = program.id().to_string();
        // Its end must be seen, and a child that nobody waits for stays.
        let reaper = std::thread::spawn(move || program.wait().unwrap());
        let driven = Driver::new(&[("PID", &pid), ("RECORDER", recorder)]).run();
        assert!(reaper.join().unwrap().success(), "it is never signalled");
        let (data, about) = driven.recording();
        assert_in(&data, "spin");
        assert_eq!(about.programs[0].path, fs::canonicalize(&*BURNER).unwrap());
        assert!(about.programs[0].copy.as_ref().unwrap().exists());
        // Both threads were there before.
        let mut threads = perf_script(&data, "tid");
        threads.sort();
        threads.dedup();
        assert_eq!(threads.len(), 2, "{recorder}");
    }
}

#[test]
fn an_ordinary_user_without_perf_records() {
    let options = [("EXEC", BURNER.to_str().unwrap()), ("ARGS", "300")];
    let mut driver = Driver::new(&options).by_ordinary_user();
    driver.command.env("DRIVE_PATH", "/nonexistent");
    let driven = driver.run();
    let (data, about) = driven.recording();
    assert_eq!(about.recorder, "builtin");
    let has = |code: &str| about.degradations.iter().any(|own| own.code == code);
    assert!(has("perf"), "{about:?}");
    let [samples, _] = driven.counted();
    assert_eq!(perf_script(&data, "ip").len() as u64, samples);
    assert_in(&data, "spin");
}

fn is_root() -> bool {
    fs::read_to_string("/proc/self/status")
        .unwrap()
        .lines()
        .any(|line| line.starts_with("Uid:\t0\t"))
}

#[test]
fn a_perf_that_is_too_old_gives_way_to_the_built_in_recorder() {
    let directory = tempfile::tempdir().unwrap();
    let perf = directory.path().join("perf");
    // What perf 5.4 says to an option that it does not know.
    let script = "#!/bin/sh\nif [ \"$1\" = version ]; then echo 'perf version 5.4.1'; echo \
                  '  libunwind: [ on  ]'; exit 0; fi\necho \"  Error: unknown option \\`control'\" >&2\nexit 129\n";
    fs::write(&perf, script).unwrap();
    fs::set_permissions(&perf, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!(
        "{}:{}",
        directory.path().display(),
        env::var("PATH").unwrap()
    );
    let readable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(directory.path(), readable).unwrap();
    // Who may sample whole CPUs does not need perf.
    let options = [("EXEC", BURNER.to_str().unwrap()), ("ARGS", "100")];
    let mut driver = Driver::new(&options).by_ordinary_user();
    driver.command.env("PATH", &path);
    let driven = driver.run();
    let (_, about) = driven.recording();
    assert_eq!(about.recorder, "builtin");
    let failed = about
        .degradations
        .iter()
        .find(|own| own.code == "perf-failed");
    assert!(failed.unwrap().remedy.contains("5.10"));

    let options = [
        ("EXEC", BURNER.to_str().unwrap()),
        ("ARGS", "100"),
        ("RECORDER", "perf"),
    ];
    let mut driver = Driver::new(&options);
    driver.command.env("PATH", &path);
    let driven = driver.run();
    assert!(
        driven.stderr.contains("this perf is too old"),
        "{}",
        driven.stderr
    );
}

#[test]
fn events_that_do_not_exist_are_wrong_usage_by_name() {
    for recorder in ["perf", "builtin"] {
        let options = [
            ("EXEC", BURNER.to_str().unwrap()),
            ("ARGS", "100"),
            ("EVENT", "no-such-event"),
            ("RECORDER", recorder),
        ];
        let driven = Driver::new(&options).run();
        assert!(
            driven.stderr.contains("know the event `no-such-event`"),
            "{}",
            driven.stderr
        );
        assert!(!driven.stderr.contains("started"), "nothing has run");
    }
}
