//! The flags of `cargo hotspots alloc`: what to run, and which stacks to keep.

use super::{OutputFlag, RECORD, RUN, names_run, runnable};
use crate::{
    gate::compare::Current,
    open::{Request, Shown, Source},
    record::{AllocationOptions, CallGraphChoice, RecordOptions, What},
};
use clap::{Args, ValueEnum, ValueHint};
use codecost::{
    Result,
    cargo::{BUILD_ARGUMENTS, CargoFlags, LOOKUP_ARGUMENTS, TripleFlag},
    console::Console,
};
use std::{ffi::OsString, path::PathBuf};

/// Which recording of allocations a command shows, and how one is made.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct AllocationFlags {
    /// Open this recording of allocations
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath, help_heading = RUN)]
    #[arg(conflicts_with_all = ["exec", "arguments", "call_graph", "sample_bytes", "stdout"])]
    #[arg(conflicts_with_all = BUILD_ARGUMENTS, conflicts_with_all = LOOKUP_ARGUMENTS)]
    input: Option<PathBuf>,
    /// Run and record this program instead of building one
    #[arg(long, value_name = "PATH", value_hint = ValueHint::ExecutablePath, help_heading = RUN)]
    #[arg(conflicts_with_all = BUILD_ARGUMENTS)]
    exec: Option<PathBuf>,
    /// Arguments of the program
    #[arg(last = true, value_name = "ARGS", help_heading = RUN, hide_short_help = true)]
    arguments: Vec<OsString>,
    /// How to follow call stacks [default: fp for what cargo builds, else dwarf]
    ///
    /// With `fp` given here the stack of every allocation is kept.
    #[arg(long, value_enum, value_name = "HOW", help_heading = RECORD)]
    call_graph: Option<StackFlag>,
    /// Mean number of bytes allocated between two stacks; 0 keeps the stack of each allocation
    ///
    /// All allocations are counted in any case. By default the first 50,000 have a stack each, and
    /// then one in 4 KiB; with `--call-graph dwarf` the first 1,000, and then one in 16 KiB.
    #[arg(long, value_name = "BYTES", help_heading = RECORD)]
    sample_bytes: Option<u64>,
    /// Exit with 100 if the recording is unreliable
    #[arg(long, help_heading = RUN, hide_short_help = true)]
    strict: bool,
    #[command(flatten)]
    output: OutputFlag,
    #[command(flatten)]
    cargo: CargoFlags,
    #[command(flatten)]
    triple: TripleFlag,
}

/// `--call-graph`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StackFlag {
    /// Frame pointers
    Fp,
    /// Copies of the stack, and unwind tables
    Dwarf,
    /// No call stacks
    None,
}

impl From<StackFlag> for CallGraphChoice {
    fn from(flag: StackFlag) -> Self {
        match flag {
            StackFlag::Fp => Self::FramePointers,
            StackFlag::Dwarf => Self::Dwarf,
            StackFlag::None => Self::None,
        }
    }
}

impl AllocationFlags {
    /// Which recording the flags ask for: the latest of allocations unless they say what to run.
    ///
    /// # Errors
    ///
    /// A usage error: a library is to be run, or flags of a recording are given without a program.
    pub(crate) fn request(self, console: &Console) -> Result<Request> {
        let Self {
            input,
            exec,
            arguments,
            call_graph,
            sample_bytes,
            strict,
            output,
            cargo,
            triple,
        } = self;
        let how = "record what calls it: `--bench`, `--test`, `--example` or `--bin`";
        let selection = runnable(cargo, triple, how, console)?;
        if let Some(path) = input {
            let source = Source::Input(path, None);
            return Ok(Request {
                source,
                shown: Shown::default(),
                strict,
            });
        }
        let current = Current {
            selection,
            program: exec,
            arguments,
        };
        let flags = [
            ("--call-graph", call_graph.is_some()),
            ("--sample-bytes", sample_bytes.is_some()),
        ];
        let mut given = flags.into_iter().filter(|(_, given)| *given);
        let flag = given.next().map(|(flag, _)| flag).or(output.given());
        let asks = names_run(&current, flag)?;
        let Current {
            selection,
            program: exec,
            arguments,
        } = current;
        if !asks {
            return Ok(Request {
                source: Source::LatestOfAllocations(Box::new(selection)),
                shown: Shown::default(),
                strict,
            });
        }
        let every = call_graph == Some(StackFlag::Fp);
        let options = Box::new(RecordOptions {
            what: exec.map_or(What::Target, What::Program),
            arguments,
            frequency: 0,
            call_graph: call_graph.map(CallGraphChoice::from),
            allocations: Some(AllocationOptions {
                interval: sample_bytes,
                every,
            }),
            output: output.output(),
            selection,
            ..RecordOptions::default()
        });
        Ok(Request {
            source: Source::Record(options),
            shown: Shown::default(),
            strict,
        })
    }
}
