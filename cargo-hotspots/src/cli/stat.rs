//! The flags of `cargo hotspots stat`: what to run.

use super::{OutputFlag, RUN, runnable};
use crate::gate::compare::Current;
use clap::{Args, ValueHint};
use codecost::{
    Result,
    cargo::{BUILD_ARGUMENTS, CargoFlags, TripleFlag},
    console::Console,
};
use std::{ffi::OsString, path::PathBuf};

/// What to run and measure.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct StatFlags {
    /// Run and measure this program instead of building one
    #[arg(long, value_name = "PATH", value_hint = ValueHint::ExecutablePath, help_heading = RUN)]
    #[arg(conflicts_with_all = BUILD_ARGUMENTS)]
    exec: Option<PathBuf>,
    /// Arguments of the program
    #[arg(last = true, value_name = "ARGS", help_heading = RUN, hide_short_help = true)]
    arguments: Vec<OsString>,
    #[command(flatten)]
    pub(crate) output: OutputFlag,
    #[command(flatten)]
    cargo: CargoFlags,
    #[command(flatten)]
    triple: TripleFlag,
}

impl StatFlags {
    /// What to run.
    ///
    /// # Errors
    ///
    /// A usage error: a library is to be run.
    pub(crate) fn current(self, console: &Console) -> Result<Current> {
        let Self {
            exec,
            arguments,
            output: _,
            cargo,
            triple,
        } = self;
        let how = "measure what calls it: `--bench`, `--test`, `--example` or `--bin`";
        Ok(Current {
            selection: runnable(cargo, triple, how, console)?,
            program: exec,
            arguments,
        })
    }
}
