//! `cargo slim diff`.

use crate::{cli::INPUT, compare, report};
use clap::{Args, ValueHint};
use codecost::{
    Error, Result,
    cargo::{BUILD_ARGUMENTS, CargoFlags, Context, LOOKUP_ARGUMENTS, TripleFlag},
    console::Console,
    error::exit_code,
    front,
    report::{GateFormatFlags, RowFlags},
};
use std::path::PathBuf;

/// What grew between two builds, and why
///
/// OLD and NEW are each a binary or a snapshot. With --rev, cargo builds both from git, and its
/// flags choose what it builds. The rows are about what ships: crates, and sections, add up to the
/// change of the shipped size exactly, and debug information and symbol tables are one line below.
/// Code that only moved (a renamed module, a split crate) is not growth. Padding is one row.
#[derive(Args, Clone, Debug)]
#[command(
    override_usage = "cargo slim diff OLD NEW [FLAGS]\n       cargo slim diff --rev A..B [FLAGS]"
)]
pub(crate) struct Diff {
    /// The binary or snapshot to compare with
    #[arg(required_unless_present = "rev", requires = "new", value_hint = ValueHint::FilePath)]
    #[arg(conflicts_with_all = BUILD_ARGUMENTS, conflicts_with_all = LOOKUP_ARGUMENTS)]
    old: Option<PathBuf>,
    /// The binary or snapshot that may have grown
    #[arg(value_hint = ValueHint::FilePath)]
    new: Option<PathBuf>,
    /// Build two git revisions, each in a worktree of its own, and compare them
    #[arg(long, value_name = "A..B", conflicts_with_all = ["old", "new"], help_heading = INPUT)]
    rev: Option<String>,
    /// Of universal files the images for this architecture, such as aarch64
    #[arg(long, value_name = "ARCH", conflicts_with = "rev", help_heading = INPUT)]
    #[arg(conflicts_with_all = BUILD_ARGUMENTS, hide_short_help = true)]
    arch: Option<String>,
    #[command(flatten)]
    cargo: CargoFlags,
    #[command(flatten)]
    triple: TripleFlag,
    #[command(flatten)]
    format: GateFormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

impl front::Command for Diff {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            old,
            new,
            rev,
            arch,
            cargo,
            triple,
            format,
            rows,
        } = self;
        let options = format.options(rows)?;
        let context = Context::current()?;
        let compared = match (old, new, rev) {
            (Some(old), Some(new), _) => compare::files(&context, &old, &new, arch.as_deref())?,
            (_, _, Some(rev)) => {
                let (old, new) = revisions(&rev)?;
                let mut selection = cargo.selection(triple.triple);
                console.configure_cargo(&mut selection);
                let mut begin = |commit: &str| console.status("Building", commit);
                compare::revisions(&context, [old, new], &selection, &mut begin)?
            }
            _ => {
                return Err(Error::usage(
                    "a comparison needs two sides",
                    "write `cargo slim diff OLD NEW` or `cargo slim diff --rev A..B`",
                ));
            }
        };
        report::diff::write(&compared, &options, console)?;
        Ok(exit_code::OK)
    }
}

/// `A..B`; without B the current commit.
fn revisions(range: &str) -> Result<(&str, &str)> {
    let error = || {
        Error::usage(
            format_args!("`--rev {range}` does not name two revisions"),
            "write `--rev A..B`, for example `--rev main..HEAD`",
        )
    };
    // `A...B` means something else to git, and a name that starts with `-` would be a flag.
    let (old, new) = range.split_once("..").ok_or_else(error)?;
    let new = if new.is_empty() { "HEAD" } else { new };
    let bad = |name: &str| name.is_empty() || name.starts_with(['-', '.']);
    if bad(old) || bad(new) {
        return Err(error());
    }
    Ok((old, new))
}
