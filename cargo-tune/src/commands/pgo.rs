//! `cargo tune pgo`: train, measure and keep; with `--use`, build with what was kept.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use codecost::Result;
use codecost::console::Console;
use codecost::front;
use codecost::report::{FormatFlag, RowFlags};

use crate::cli::{BuiltFlags, TRIALS, hide_cargo_flags};
use crate::pgo::reuse;
use crate::pgo::train::{self, Options};
use crate::plan::{self, Goal, Request};
use crate::project::Project;
use crate::report;

/// The heading of the flags that say what is made and kept.
const PROFILE: &str = "Profile";

/// Optimise the program for how it is used, measure the gain, and keep the profile
///
/// The program is built so that it counts what it does, trained by your commands, and built again
/// with these counts. All variants run in turns, and the profile is kept only if it gains.
#[derive(Debug, Args)]
#[command(
    override_usage = "cargo tune pgo --workload CMD [OPTIONS]\n       cargo tune pgo --use [OPTIONS]"
)]
#[command(mut_args(hide_cargo_flags))]
pub(crate) struct Pgo {
    /// Shell command to time; it names the program as NAME, {} or $CARGO_TUNE_BIN (repeatable)
    #[arg(long, value_name = "CMD", help_heading = TRIALS)]
    #[arg(required_unless_present = "reuse")]
    workload: Vec<String>,
    /// Shell command to train with, in place of the workload (repeatable)
    #[arg(long, value_name = "CMD", help_heading = TRIALS)]
    train: Vec<String>,
    /// Shell command that must succeed with every variant
    #[arg(long, value_name = "CMD", help_heading = TRIALS)]
    verify: Option<String>,
    /// Lay out the code of the finished program with BOLT, too
    #[arg(long, help_heading = TRIALS)]
    bolt: bool,
    /// Keep the profile even if no gain is shown
    #[arg(long, help_heading = PROFILE)]
    keep: bool,
    /// Build with the kept profile, without training
    #[arg(long = "use", help_heading = PROFILE)]
    #[arg(conflicts_with_all = ["workload", "train", "verify", "bolt", "keep", "llvm_profdata"])]
    reuse: bool,
    /// The llvm-profdata to merge with; without it, those that are found are tried
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, help_heading = PROFILE)]
    llvm_profdata: Option<PathBuf>,
    /// Directory of the kept profile (default: `pgo` beside the workspace's manifest)
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    #[arg(help_heading = PROFILE)]
    output: Option<PathBuf>,
    #[command(flatten)]
    built: BuiltFlags,
    #[command(flatten)]
    format: FormatFlag,
    #[command(flatten)]
    rows: RowFlags,
}

impl front::Command for Pgo {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            workload,
            train,
            verify,
            bolt,
            keep,
            reuse,
            llvm_profdata,
            output,
            built,
            format,
            rows,
        } = self;
        let options = format.options(rows)?;
        let project = built.project(Goal::Speed, console)?;
        let place = directory(&project, output.as_deref());
        if reuse {
            let used = reuse::reuse(&project, &place)?;
            report::pgo::write_used(&project, &used, &options, console)?;
            return Ok(0);
        }
        let request = Request {
            goal: Goal::Speed,
            allow: Vec::new(),
            no_config: false,
            nightly: false,
            glibc: None,
        };
        let plan = plan::plan(&project, &request)?;
        let training = Options {
            workload,
            train,
            verify,
            bolt,
            tool: llvm_profdata,
            always: keep,
            keep: place,
        };
        let trained = train::train(&project, &plan, &training, console)?;
        report::pgo::write(&project, &training, &trained, &options, console)?;
        Ok(0)
    }
}

/// Where profiles are kept.
fn directory(project: &Project, given: Option<&Path>) -> PathBuf {
    match given {
        Some(given) => project.context.absolute(given),
        None => project.workspace.root().join("pgo"),
    }
}
