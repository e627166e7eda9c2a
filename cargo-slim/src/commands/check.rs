//! `cargo slim check`.

use crate::{
    announce,
    budget::{self, Options, Step},
    cli::InputFlags,
    report,
};
use clap::{Args, ValueHint};
use codecost::{
    Result,
    cargo::Context,
    console::Console,
    error::exit_code,
    front,
    report::{GateFormatFlags, RowFlags},
};
use std::path::PathBuf;

const BUDGETS: &str = "Budgets";

/// Check sizes against the budgets in slim.toml (exits with 100 if one is exceeded)
///
/// `file`, `shipped`, `gzip`, `zstd`, `brotli`, `flash` and `ram` are measured on the artifact as
/// your own profile builds it (gzip at level 9 by zlib-rs, zstd at level 19 by the zstd library,
/// brotli at level 11), and sections, crates and functions on the analysis build. A budget that
/// matches nothing fails.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Check {
    /// The file with the budgets [default: the nearest slim.toml from here upward]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = BUDGETS)]
    config_file: Option<PathBuf>,
    /// Snapshot, or directory of snapshots, to measure `growth` against (repeatable)
    #[arg(long, value_name = "SNAPSHOT", value_hint = ValueHint::AnyPath, help_heading = BUDGETS)]
    baseline: Vec<PathBuf>,
    /// Rewrite the limits to today's values; `warn` keeps its ratio to `limit`
    #[arg(long, requires = "reason", help_heading = BUDGETS)]
    update: bool,
    /// Why the limits change; written beside them, as `updated` where a budget has a `reason`
    #[arg(long, value_name = "TEXT", requires = "update", help_heading = BUDGETS)]
    #[arg(value_parser = reason)]
    reason: Option<String>,
    #[command(flatten)]
    input: InputFlags,
    #[command(flatten)]
    format: GateFormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

/// What somebody can read later.
fn reason(text: &str) -> Result<String, &'static str> {
    match text.trim() {
        "" => Err("a reason must have words"),
        words => Ok(words.to_owned()),
    }
}

impl front::Command for Check {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            config_file,
            baseline,
            update: _,
            reason,
            input,
            format,
            rows,
        } = self;
        let output = format.options(rows)?;
        let options = Options {
            config_file,
            baselines: baseline,
            update: reason,
            input: input.input(console),
        };
        let mut begin = |step: Step<'_>| match step {
            Step::Measuring(target) => console.status("Measuring", &target.to_string()),
            Step::Building(added) => announce::build(console, added),
        };
        let checked = budget::check(&Context::current()?, &options, &mut begin)?;
        report::check::write(&checked, &output, console)?;
        Ok(match checked.verdict.fails() {
            true => exit_code::GATE,
            false => exit_code::OK,
        })
    }
}
