//! The command line, validated once. No clap type gets past here.

use crate::cli::{self, CallGraphFlag, Cli, ExportFlag, Flags, RecorderFlag, ViewCommand};
use codecost::{
    Error, Result,
    cargo::{Selection, TargetChoice},
    console::{ColorWhen, Manners, Verbosity},
    manual::Shell,
    report::Format,
};
use std::{ffi::OsString, path::PathBuf};

/// Samples a second, unless asked otherwise: prime, so that it does not run in step with anything.
const FREQUENCY: u32 = 997;

/// What to do.
#[derive(Clone, Debug)]
pub enum Task {
    /// Show a view of a recording.
    View(Box<Options>),
    /// Compare two recordings.
    Diff(Box<DiffOptions>),
    /// Say what would be worse than it could be.
    Doctor(Box<DoctorOptions>),
    /// Print a completion script.
    Completions(Shell),
    /// Print the man pages.
    Man,
}

/// What to show, of what, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The view.
    pub view: View,
    /// The recording.
    pub source: Source,
    /// Whether data of poor quality is a failure.
    pub strict: bool,
    /// Format, destination and the like.
    pub common: Manners,
    /// What the user may have meant instead, said before the work starts.
    pub hint: Option<String>,
}

/// What `doctor` needs.
#[derive(Clone, Debug)]
pub struct DoctorOptions {
    /// Cargo's flags, which choose the toolchain.
    pub selection: Selection,
    /// What all commands have.
    pub common: Manners,
}

/// Two recordings.
#[derive(Clone, Debug)]
pub struct DiffOptions {
    /// The earlier one.
    pub before: PathBuf,
    /// The later one.
    pub after: PathBuf,
    /// What all commands have.
    pub common: Manners,
}

/// A view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    /// The default.
    Overview,
    /// By crate.
    Crates,
    /// By function.
    Functions,
    /// By source line.
    Lines,
    /// The machine code of a function.
    Asm(String),
    /// Who calls a function.
    Callers(String),
    /// What a function calls.
    Callees(String),
    /// By thread.
    Threads,
    /// A picture.
    Flamegraph,
    /// A file for another tool.
    Export(ExportFormat),
}

/// A format of another tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// The Firefox Profiler's processed profile.
    Firefox,
    /// pprof's protocol buffer, compressed with gzip.
    Pprof,
    /// One line for each stack, as Brendan Gregg's scripts take it.
    Folded,
}

/// Where a recording comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file that exists.
    Input(PathBuf),
    /// The latest one of this workspace.
    Latest(Box<Selection>),
    /// It is made now.
    Record(Box<RecordOptions>),
}

/// What to record, and how.
#[derive(Clone, Debug)]
pub struct RecordOptions {
    /// The program.
    pub what: What,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Samples a second; each CPU's.
    pub frequency: u32,
    /// How to record stacks; `None` for the best that works.
    pub call_graph: Option<CallGraphChoice>,
    /// The event; `None` for cycles, or the clock where there is no PMU.
    pub event: Option<String>,
    /// The recorder; `None` for perf where it is there.
    pub recorder: Option<Recorder>,
    /// Cargo's flags: of the build, and of where recordings are kept.
    pub selection: Selection,
}

/// Which program to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// What cargo builds by the selection; of `--bench` without a name, all.
    Target,
    /// A program that exists.
    Program(PathBuf),
    /// A process that runs.
    Process(i32),
}

/// How to record stacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallGraphChoice {
    /// Copies of the stack.
    Dwarf,
    /// Frame pointers, for which the build gets a flag.
    FramePointers,
    /// None.
    None,
}

/// Who takes the samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorder {
    /// `perf record`.
    Perf,
    /// `perf_event_open`, from this process.
    Builtin,
}

impl Task {
    /// Validates what clap has read.
    ///
    /// # Errors
    ///
    /// A usage error.
    pub(crate) fn from_cli(cli: Cli) -> Result<Self> {
        let Cli { view, flags } = cli;
        let named = view.is_some();
        let (view, flags) = match view {
            None => (View::Overview, flags),
            Some(ViewCommand::Overview { flags }) => (View::Overview, flags),
            Some(ViewCommand::Crates { flags }) => (View::Crates, flags),
            Some(ViewCommand::Functions { flags }) => (View::Functions, flags),
            Some(ViewCommand::Lines { flags }) => (View::Lines, flags),
            Some(ViewCommand::Asm { of, flags }) => (View::Asm(of.function), flags),
            Some(ViewCommand::Callers { of, flags }) => (View::Callers(of.function), flags),
            Some(ViewCommand::Callees { of, flags }) => (View::Callees(of.function), flags),
            Some(ViewCommand::Threads { flags }) => (View::Threads, flags),
            Some(ViewCommand::Flamegraph { flags }) => (View::Flamegraph, flags),
            Some(ViewCommand::Export { to, flags }) => (View::Export(to.into()), flags),
            Some(ViewCommand::Diff {
                before,
                after,
                flags,
            }) => {
                let (_, common) = Chosen::new(flags)?.for_no_recording("diff")?;
                return Ok(Self::Diff(Box::new(DiffOptions {
                    before,
                    after,
                    common,
                })));
            }
            Some(ViewCommand::Doctor { flags }) => {
                let (selection, common) = Chosen::new(flags)?.for_no_recording("doctor")?;
                return Ok(Self::Doctor(Box::new(DoctorOptions { selection, common })));
            }
            Some(ViewCommand::Completions { shell }) => return Ok(Self::Completions(shell)),
            Some(ViewCommand::Man) => return Ok(Self::Man),
        };
        Options::new(view, named, flags)
            .map(Box::new)
            .map(Self::View)
    }
}

impl Options {
    fn new(view: View, named: bool, flags: Flags) -> Result<Self> {
        let chosen = Chosen::new(flags)?;
        let hint = if named {
            None
        } else {
            view_meant(&chosen.selection.target)
        };
        let (source, common, strict) = chosen.source(named)?;
        if common.output.format == Format::Github {
            return Err(Error::usage(
                "`--message-format github` is for gates",
                "for a job summary, write `--message-format markdown`",
            ));
        }
        if matches!(view, View::Flamegraph | View::Export(_)) {
            let output = &common.output;
            if output.format != Format::Human {
                return Err(Error::usage(
                    "this view has a format of its own",
                    "leave out `--message-format`; `cargo hotspots functions` has all others",
                ));
            }
            if output.limit.is_some() || output.filter.is_some() || output.sort.is_some() {
                return Err(Error::usage(
                    "this view is always complete",
                    "leave out `--limit`, `--filter` and `--sort`",
                ));
            }
        }
        Ok(Self {
            view,
            source,
            strict,
            common,
            hint,
        })
    }
}

/// The flags, with cargo's own as a selection.
struct Chosen {
    input: Option<PathBuf>,
    strict: bool,
    exec: Option<PathBuf>,
    pid: Option<i32>,
    arguments: Vec<OsString>,
    frequency: Option<u32>,
    call_graph: Option<CallGraphFlag>,
    event: Option<String>,
    recorder: Option<RecorderFlag>,
    selection: Selection,
    common: Manners,
}

impl Chosen {
    fn new(flags: Flags) -> Result<Self> {
        let Flags {
            input,
            strict,
            exec,
            pid,
            arguments,
            frequency,
            call_graph,
            event,
            recorder,
            cargo,
            triple,
            output,
            color,
        } = flags;
        let verbosity = Verbosity::asked(cargo.quiet, cargo.verbose);
        let choice = color.and_then(ColorWhen::as_choice);
        let selection = cargo.selection(triple.triple, choice);
        if selection.target == TargetChoice::Lib {
            return Err(Error::usage(
                "a library does not run by itself",
                "record what calls it: `--bench`, `--test`, `--example` or `--bin`",
            ));
        }
        Ok(Self {
            input,
            strict,
            exec,
            pid,
            arguments,
            frequency,
            call_graph,
            event,
            recorder,
            selection,
            common: Manners {
                output: output.validate()?,
                color,
                verbosity,
            },
        })
    }

    /// What is asked for of a recording yet to be made, as the user wrote it.
    fn recording_flag(&self) -> Option<&'static str> {
        let Self {
            input: _,
            strict: _,
            exec,
            pid,
            arguments,
            frequency,
            call_graph,
            event,
            recorder,
            selection: _,
            common: _,
        } = self;
        [
            ("--exec", exec.is_some()),
            ("--pid", pid.is_some()),
            ("-- ARGS", !arguments.is_empty()),
            ("--frequency", frequency.is_some()),
            ("--call-graph", call_graph.is_some()),
            ("--event", event.is_some()),
            ("--recorder", recorder.is_some()),
        ]
        .into_iter()
        .find_map(|(flag, given)| given.then_some(flag))
    }

    /// What is asked for of a build.
    fn build_flag(&self) -> Option<&'static str> {
        let Selection {
            packages,
            target: _,
            profile,
            features,
            all_features,
            no_default_features,
            triple,
            // Where recordings are kept, and how cargo looks things up.
            target_dir: _,
            manifest_path: _,
            locked: _,
            offline: _,
            frozen: _,
            config: _,
            unstable: _,
            jobs,
            verbose: _,
            quiet: _,
            color: _,
        } = &self.selection;
        [
            ("--package", !packages.is_empty()),
            ("--profile", profile.is_some()),
            ("--features", !features.is_empty()),
            ("--all-features", *all_features),
            ("--no-default-features", *no_default_features),
            ("--target", triple.is_some()),
            ("--jobs", jobs.is_some()),
        ]
        .into_iter()
        .find_map(|(flag, given)| given.then_some(flag))
    }

    fn names_a_target(&self) -> bool {
        self.selection.target != TargetChoice::Default
    }

    /// For a command that opens and makes no recording by these flags.
    fn for_no_recording(self, command: &str) -> Result<(Selection, Manners)> {
        let target = self.names_a_target().then_some("--bin and the like");
        let input = self.input.is_some().then_some("--input");
        let given = input.or(target).or(self.recording_flag());
        if let Some(flag) = given.or(self.build_flag()) {
            return Err(Error::usage(
                format_args!("`{flag}` means nothing to `cargo hotspots {command}`"),
                format_args!("see `cargo hotspots {command} --help`"),
            ));
        }
        Ok((self.selection, self.common))
    }

    /// Where the recording comes from. Without a view the default target is recorded; with one,
    /// the latest recording is opened again unless it is said what to run.
    fn source(self, view_named: bool) -> Result<(Source, Manners, bool)> {
        let runs = self.names_a_target()
            || self.exec.is_some()
            || self.pid.is_some()
            || !self.arguments.is_empty();
        if self.input.is_none() && view_named && !runs {
            if let Some(flag) = self.recording_flag().or(self.build_flag()) {
                return Err(Error::usage(
                    format_args!("`{flag}` is for a new recording, and nothing says what to run"),
                    format_args!(
                        "name it (`--bin NAME`, `--bench NAME`, `-- ARGS`), \
                         or leave out `{flag}` to open the latest recording again"
                    ),
                ));
            }
            return Ok((
                Source::Latest(Box::new(self.selection)),
                self.common,
                self.strict,
            ));
        }
        let Self {
            input,
            strict,
            exec,
            pid,
            arguments,
            frequency,
            call_graph,
            event,
            recorder,
            selection,
            common,
        } = self;
        let source = match input {
            Some(path) => Source::Input(path),
            None => Source::Record(Box::new(RecordOptions {
                what: match (exec, pid) {
                    (Some(path), _) => What::Program(path),
                    (None, Some(pid)) => What::Process(pid),
                    (None, None) => What::Target,
                },
                arguments,
                frequency: frequency.unwrap_or(FREQUENCY),
                call_graph: call_graph.map(CallGraphChoice::from),
                event,
                recorder: recorder.map(Recorder::from),
                selection,
            })),
        };
        Ok((source, common, strict))
    }
}

/// `--bin crates` chooses a binary of that name, which may not be what was meant.
fn view_meant(target: &TargetChoice) -> Option<String> {
    let (flag, name) = match target {
        TargetChoice::Bin(Some(name)) => ("bin", name),
        TargetChoice::Example(Some(name)) => ("example", name),
        TargetChoice::Test(Some(name)) => ("test", name),
        TargetChoice::Bench(Some(name)) => ("bench", name),
        _ => return None,
    };
    cli::is_view(name).then(|| {
        format!(
            "`--{flag} {name}` chooses a target of that name; \
             for the view, write it first: `cargo hotspots {name} --{flag}`"
        )
    })
}

impl From<ExportFlag> for ExportFormat {
    fn from(format: ExportFlag) -> Self {
        match format {
            ExportFlag::Firefox => Self::Firefox,
            ExportFlag::Pprof => Self::Pprof,
            ExportFlag::Folded => Self::Folded,
        }
    }
}

impl From<CallGraphFlag> for CallGraphChoice {
    fn from(flag: CallGraphFlag) -> Self {
        match flag {
            CallGraphFlag::Fp => Self::FramePointers,
            CallGraphFlag::Dwarf => Self::Dwarf,
            CallGraphFlag::None => Self::None,
        }
    }
}

impl From<RecorderFlag> for Recorder {
    fn from(flag: RecorderFlag) -> Self {
        match flag {
            RecorderFlag::Perf => Self::Perf,
            RecorderFlag::Builtin => Self::Builtin,
        }
    }
}
