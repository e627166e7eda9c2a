//! Benchmarks as they are: how each harness lists them, runs one of them alone, and says its times.
//!
//! | harness | one benchmark alone | its times |
//! |---|---|---|
//! | Criterion 0.5 to 0.8 | `--bench --noplot --exact ID` | `new/sample.json` below a private `CRITERION_HOME` |
//! | divan | `--bench --exact CRATE::ID` | the table on standard output; four digits |
//! | libtest | `--bench --exact ID` | a median, no minimum: at most `attention` |
//! | bencher | `--bench ID`, a part of the name | a median in whole nanoseconds, likewise |
//! | another that times itself | is not run: its process takes as long for slower code | none: `inconclusive` |
//! | none of these, or any program | as it is, for 0.3 s again and again | the time of the whole process |
//!
//! Criterion's `--exact` takes any id verbatim; without `--bench` it only tests. Its directories
//! are cut and made unique, so results are looked up by `full_id`. With `CRITERION_HOME` unset and
//! `CARGO` set it would run `cargo metadata` inside the measured process.

pub mod criterion;
pub mod divan;
mod foreign;
pub mod hyperfine;
pub mod libtest;
mod measured;

pub use measured::{Measured, Throughput, Tuning, fine_enough};

use super::process::{self, Failure, Patience};
use crate::{record::harness::Harness as Linked, work::ProgramInput};
use codecost::cargo::Context;
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// What runs the benchmarks of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harness {
    /// Criterion.
    Criterion,
    /// divan.
    Divan,
    /// The compiler's own, of nightly toolchains.
    Libtest,
    /// The crate `bencher`, libtest's predecessor on stable toolchains.
    Bencher,
    /// One that is not read here, and chooses itself how long it runs.
    SelfTimed,
    /// None: the process as a whole is the benchmark.
    Process,
}

impl Harness {
    /// As files and reports name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Criterion => "criterion",
            Self::Divan => "divan",
            Self::Libtest => "libtest",
            Self::Bencher => "bencher",
            Self::SelfTimed => "self-timed",
            Self::Process => "process",
        }
    }

    /// The harness of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        [
            Self::Criterion,
            Self::Divan,
            Self::Libtest,
            Self::Bencher,
            Self::SelfTimed,
            Self::Process,
        ]
        .into_iter()
        .find(|harness| harness.as_str() == name)
    }

    /// That of a program, by its symbols; one that cannot be read has none.
    pub fn of(program: &Path) -> Self {
        match Linked::of(program) {
            Linked::Criterion => Self::Criterion,
            Linked::Divan => Self::Divan,
            Linked::Libtest => Self::Libtest,
            Linked::Bencher => Self::Bencher,
            Linked::SelfTimed(_) | Linked::Gungraun => Self::SelfTimed,
            Linked::Plain => Self::Process,
        }
    }

    /// What is linked into its programs.
    fn linked(self) -> Linked {
        match self {
            Self::Criterion => Linked::Criterion,
            Self::Divan => Linked::Divan,
            Self::Libtest => Linked::Libtest,
            Self::Bencher => Linked::Bencher,
            Self::SelfTimed | Self::Process => Linked::Plain,
        }
    }

    /// Whether its numbers are minima, which are the gate's statistic.
    pub fn has_minimum(self) -> bool {
        !matches!(self, Self::Libtest | Self::Bencher)
    }

    /// Whether one of its benchmarks can be run alone.
    pub fn has_benchmarks(self) -> bool {
        !matches!(self, Self::SelfTimed | Self::Process)
    }
}

/// A program with benchmarks, and how it is started.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// The executable.
    pub path: PathBuf,
    /// What runs its benchmarks.
    pub harness: Harness,
    /// Where it runs.
    pub directory: PathBuf,
    /// What is added to its environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Its arguments; of the harnesses only those that the user gave.
    pub arguments: Vec<OsString>,
    /// What a process as a whole is called.
    pub name: String,
}

impl Program {
    /// Whether a baseline's number of this name is of the benchmark `id`: a command line is, that
    /// runs this program with these arguments.
    pub fn is_called(&self, name: &str, id: &str) -> bool {
        if name == id {
            return true;
        }
        let mut words = name.split_whitespace();
        let first = words.next().map(Path::new).and_then(Path::file_stem);
        self.harness == Harness::Process
            && first.is_some_and(|stem| stem == self.name.as_str())
            && words.eq(self
                .arguments
                .iter()
                .map(|argument| argument.to_string_lossy()))
    }

    /// The ids of its benchmarks, in the program's order; a target without any lists none.
    ///
    /// # Errors
    ///
    /// The program does not list them.
    pub fn list(&self, context: &Context, patience: &Patience<'_>) -> Result<Vec<String>, Failure> {
        if !self.harness.has_benchmarks() {
            return Ok(vec![self.name.clone()]);
        }
        let mut refused = Failure::Garbage("its harness has no list of benchmarks".into());
        for question in self.harness.linked().questions() {
            let mut command = self.command(context);
            command.args(&self.arguments);
            question.put(&mut command);
            quiet_criterion(&mut command, Path::new("."));
            match process::run(&mut command, patience) {
                Ok(finished) => return Ok(question.names(&finished.stdout)),
                Err(failure @ Failure::Crashed { .. }) => refused = failure,
                Err(failure) => return Err(failure),
            }
        }
        Err(refused)
    }

    /// How to measure `id`: one short process finds out how slow it is.
    ///
    /// # Errors
    ///
    /// It cannot be measured.
    pub fn probe(
        &self,
        context: &Context,
        id: &str,
        scratch: &Path,
        patience: &Patience<'_>,
    ) -> Result<Measured, Failure> {
        let tuning = match self.harness {
            Harness::Criterion => Tuning::Criterion {
                samples: 10,
                milliseconds: 20,
            },
            Harness::Divan => Tuning::Divan { samples: 20 },
            Harness::Libtest | Harness::Bencher | Harness::SelfTimed | Harness::Process => {
                Tuning::None
            }
        };
        self.measure(context, id, tuning, scratch, patience)
    }

    /// The tuning that suits two sides that take so long an iteration, in nanoseconds.
    pub fn tuning(&self, sides: [f64; 2]) -> Tuning {
        match self.harness {
            Harness::Criterion => criterion::tuning(sides),
            Harness::Divan => divan::tuning(sides),
            Harness::Libtest | Harness::Bencher | Harness::SelfTimed => Tuning::None,
            Harness::Process => process_tuning(sides),
        }
    }

    /// Runs `id` alone in a process. `scratch` is an empty directory for what the harness writes.
    ///
    /// # Errors
    ///
    /// There is no number, and why.
    pub fn measure(
        &self,
        context: &Context,
        id: &str,
        tuning: Tuning,
        scratch: &Path,
        patience: &Patience<'_>,
    ) -> Result<Measured, Failure> {
        let mut command = self.command(context);
        command.args(&self.arguments);
        let measured = match self.harness {
            Harness::Criterion => {
                quiet_criterion(&mut command, scratch);
                command.args(criterion::arguments(id, tuning));
                let finished = process::run(&mut command, patience)?;
                criterion::result(scratch, id, finished.elapsed)
            }
            Harness::Divan => {
                command.args(divan::arguments(id, tuning));
                let finished = process::run(&mut command, patience)?;
                divan::result(&finished.stdout, finished.elapsed)
            }
            Harness::Libtest => {
                // At run time only: set for a build, it would change the names of symbols.
                command.env("RUSTC_BOOTSTRAP", "1");
                command.args(libtest::arguments(id));
                let finished = process::run(&mut command, patience)?;
                libtest::result(&finished.stdout, id, finished.elapsed)
            }
            Harness::Bencher => {
                command.args([id, "--bench"]);
                let finished = process::run(&mut command, patience)?;
                libtest::result_of_bencher(&finished.stdout, id, finished.elapsed)
            }
            Harness::SelfTimed => Err(Failure::SaysNothing(foreign::why(&self.path))),
            Harness::Process => {
                // Written to a pipe only where it is read: that costs the program time.
                let is_read = tuning == Tuning::None && self.is_benchmark();
                if !is_read {
                    command.stdout(Stdio::null());
                }
                let runs = match tuning {
                    Tuning::Process { runs } => runs.max(1),
                    _ => 1,
                };
                let mut times = Vec::new();
                let mut elapsed = Duration::ZERO;
                for _ in 0..runs {
                    let input = ProgramInput::Repeated.next();
                    command.stdin(input.map_err(|error| Failure::NotStarted(said(&error)))?);
                    let finished = process::run(&mut command, patience)?;
                    times.push(finished.elapsed.as_nanos() as f64);
                    elapsed += finished.elapsed;
                    if is_read && let Some(line) = foreign::times_itself(&finished.stdout) {
                        return Err(Failure::SaysNothing(foreign::why_by(&line)));
                    }
                }
                measured::summary(times, None, elapsed)
            }
        }?;
        for time in [measured.minimum, measured.median] {
            if !(time.is_finite() && time > 0.0) {
                return Err(Failure::NotATime(time.to_string()));
            }
        }
        Ok(measured)
    }

    /// Whether it is run as cargo runs a benchmark that brings its own `main`.
    fn is_benchmark(&self) -> bool {
        self.arguments
            .last()
            .is_some_and(|argument| argument == "--bench")
    }

    /// The command that runs it, without arguments.
    pub fn command(&self, context: &Context) -> Command {
        let mut command = context.command(&self.path);
        let environment = self.environment.iter();
        command
            .envs(environment.map(|(name, value)| (name, value)))
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

/// An error with its cause.
fn said(error: &codecost::Error) -> String {
    use std::error::Error as _;
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// What ends soon runs several times, so that one of its runs is undisturbed.
fn process_tuning(sides: [f64; 2]) -> Tuning {
    const MOST: f64 = 20.0;
    let slower = sides[0].max(sides[1]);
    let runs = (measured::SAMPLING.as_nanos() as f64 / slower).clamp(1.0, MOST);
    Tuning::Process { runs: runs as u32 }
}

/// Keeps Criterion from looking for a target directory, and from talking to `cargo criterion`.
fn quiet_criterion(command: &mut Command, home: &Path) {
    command
        .env("CRITERION_HOME", home)
        .env_remove("CARGO_CRITERION_PORT")
        .env_remove("CARGO");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_names_the_program_that_it_runs() {
        let program = Program {
            path: "/w/target/release/rg".into(),
            harness: Harness::Process,
            directory: "/w".into(),
            environment: Vec::new(),
            arguments: vec!["-c".into(), "x".into()],
            name: "rg".into(),
        };
        for (command, expected) in [
            ("rg", true),
            ("rg -c x", true),
            ("./target/release/rg  -c x", true),
            ("./rg -c", false),
            ("./rg -c x y", false),
            ("./grep -c x", false),
            ("", false),
        ] {
            assert_eq!(program.is_called(command, "rg"), expected, "{command}");
        }
    }

    #[test]
    fn short_processes_run_more_often() {
        assert_eq!(process_tuning([20e6, 30e6]), Tuning::Process { runs: 10 });
        assert_eq!(process_tuning([2e9, 1e9]), Tuning::Process { runs: 1 });
        assert_eq!(process_tuning([1.0, 1.0]), Tuning::Process { runs: 20 });
    }
}
