//! The command line, validated once. No clap type gets past here.

use crate::cli::{ByFlag, Cli, Flags, ViewCommand, is_view};
use codecost::manual::Shell;
use codecost::{
    Error, Result,
    cargo::{Selection, TargetChoice},
    console::{ColorWhen, Manners, Verbosity},
    report::Format,
};
use std::path::PathBuf;

/// What to do.
#[derive(Clone, Debug)]
pub enum Task {
    /// Show a view.
    View(Box<Options>),
    /// Compare two builds.
    Diff(Box<DiffOptions>),
    /// Hold budgets.
    Check(Box<CheckOptions>),
    /// Write a snapshot.
    Snapshot(Box<SnapshotOptions>),
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
    /// The file, or what cargo is to build.
    pub input: Input,
    /// How to show it.
    pub common: Manners,
    /// What the user may have meant instead, said before the work starts.
    pub hint: Option<String>,
}

/// What to compare.
#[derive(Clone, Debug)]
pub struct DiffOptions {
    /// The two sides.
    pub sides: Sides,
    /// What all commands have.
    pub common: Manners,
}

/// The two sides of a comparison.
#[derive(Clone, Debug)]
pub enum Sides {
    /// Two binaries or snapshots.
    Files {
        /// The older one.
        old: PathBuf,
        /// The newer one.
        new: PathBuf,
    },
    /// Two git revisions, and what to build of them.
    Revisions {
        /// The older one.
        old: String,
        /// The newer one.
        new: String,
        /// What to build.
        selection: Box<Selection>,
    },
}

/// Which budgets to hold.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// The file with the budgets; `None` for the nearest one.
    pub config_file: Option<PathBuf>,
    /// Snapshots that growth is measured against.
    pub baselines: Vec<PathBuf>,
    /// Rewrite the limits, for this reason.
    pub update: Option<String>,
    /// What to measure: the target of the selection narrows the budgets.
    pub input: Input,
    /// What all commands have.
    pub common: Manners,
}

/// What to take a snapshot of.
#[derive(Clone, Debug)]
pub struct SnapshotOptions {
    /// The file, or what cargo is to build.
    pub input: Input,
    /// Whether to measure gzip and zstd of a file that exists.
    pub compressed: bool,
    /// Whether a target that is not there is an answer, too.
    pub allow_absent: bool,
    /// What all commands have.
    pub common: Manners,
}

/// A view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The default.
    Overview,
    /// Sections.
    Sections,
    /// Crates, by one of three questions.
    Crates(By),
    /// Functions.
    Functions,
    /// Generic families.
    Generics,
    /// Data.
    Data,
    /// The loader's view.
    Loads,
}

/// Whose a copy of a function is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// The crate that wrote it.
    #[default]
    Defined,
    /// The crate whose compilation made it.
    Instantiated,
    /// The crate of the innermost inlined function.
    Inlined,
}

impl By {
    /// The name in flags and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Defined => "defined",
            Self::Instantiated => "instantiated",
            Self::Inlined => "inlined",
        }
    }
}

/// Where the artifact comes from.
#[derive(Clone, Debug)]
pub enum Input {
    /// Cargo builds it.
    Build(Selection),
    /// It is there.
    File {
        /// The file.
        path: PathBuf,
        /// Its debug file.
        debug_file: Option<PathBuf>,
        /// `--manifest-path` and the like, for the crate catalogue.
        selection: Selection,
    },
}

impl Task {
    /// Validates what clap has read.
    ///
    /// # Errors
    ///
    /// A usage error.
    pub(crate) fn from_cli(cli: Cli) -> Result<Self> {
        let Cli { view, flags } = cli;
        let explicit = view.is_some();
        let (view, flags) = match view {
            None => (View::Overview, flags),
            Some(ViewCommand::Overview { flags }) => (View::Overview, flags),
            Some(ViewCommand::Sections { flags }) => (View::Sections, flags),
            Some(ViewCommand::Crates { by, flags }) => (View::Crates(by.into()), flags),
            Some(ViewCommand::Functions { flags }) => (View::Functions, flags),
            Some(ViewCommand::Generics { flags }) => (View::Generics, flags),
            Some(ViewCommand::Data { flags }) => (View::Data, flags),
            Some(ViewCommand::Loads { flags }) => (View::Loads, flags),
            Some(ViewCommand::Diff {
                old,
                new,
                rev,
                flags,
            }) => {
                return DiffOptions::new(old, new, rev, flags)
                    .map(Box::new)
                    .map(Self::Diff);
            }
            Some(ViewCommand::Check {
                config_file,
                baseline,
                update: _,
                reason,
                flags,
            }) => {
                let (input, common) = common(flags)?;
                return Ok(Self::Check(Box::new(CheckOptions {
                    config_file,
                    baselines: baseline,
                    update: reason,
                    input,
                    common,
                })));
            }
            Some(ViewCommand::Snapshot {
                compressed,
                allow_absent,
                flags,
            }) => {
                let (input, common) = common(flags)?;
                let options = SnapshotOptions {
                    input,
                    compressed,
                    allow_absent,
                    common,
                };
                return options.validate().map(Box::new).map(Self::Snapshot);
            }
            Some(ViewCommand::Completions { shell }) => return Ok(Self::Completions(shell)),
            Some(ViewCommand::Man) => return Ok(Self::Man),
        };
        Options::new(view, explicit, flags)
            .map(Box::new)
            .map(Self::View)
    }
}

impl Options {
    fn new(view: View, explicit: bool, flags: Flags) -> Result<Self> {
        let (input, common) = common(flags)?;
        let (Input::Build(selection) | Input::File { selection, .. }) = &input;
        let hint = if explicit {
            None
        } else {
            view_meant(&selection.target)
        };
        if common.output.format == Format::Github {
            return Err(Error::usage(
                "`--message-format github` is for `cargo slim diff` and `cargo slim check`",
                "for a job summary, write `--message-format markdown`",
            ));
        }
        Ok(Self {
            view,
            input,
            common,
            hint,
        })
    }
}

fn common(flags: Flags) -> Result<(Input, Manners)> {
    let Flags {
        file,
        debug_file,
        cargo,
        triple,
        output,
        color,
    } = flags;
    let verbosity = Verbosity::asked(cargo.quiet, cargo.verbose);
    let choice = color.and_then(ColorWhen::as_choice);
    let selection = cargo.selection(triple.triple, choice);
    let input = match file {
        Some(path) => Input::File {
            path,
            debug_file,
            selection,
        },
        None => Input::Build(selection),
    };
    let common = Manners {
        output: output.validate()?,
        color,
        verbosity,
    };
    Ok((input, common))
}

impl DiffOptions {
    fn new(
        old: Option<PathBuf>,
        new: Option<PathBuf>,
        rev: Option<String>,
        flags: Flags,
    ) -> Result<Self> {
        let (input, common) = common(flags)?;
        let Input::Build(selection) = input else {
            return Err(Error::usage(
                "`diff` takes two files, not `--file`",
                "write `cargo slim diff OLD NEW`; each is a binary or a snapshot",
            ));
        };
        let sides = match (old, new, rev) {
            (Some(old), Some(new), _) => Sides::Files { old, new },
            (_, _, Some(rev)) => {
                let (old, new) = revisions(&rev)?;
                Sides::Revisions {
                    old,
                    new,
                    selection: Box::new(selection),
                }
            }
            _ => {
                return Err(Error::usage(
                    "two sides are needed for a comparison",
                    "write `cargo slim diff OLD NEW` or `cargo slim diff --rev A..B`",
                ));
            }
        };
        Ok(Self { sides, common })
    }
}

/// `A..B`; without B the current commit.
fn revisions(range: &str) -> Result<(String, String)> {
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
    Ok((old.to_owned(), new.to_owned()))
}

impl SnapshotOptions {
    /// The target that the flags name: its package, kind and name. A library has its package's.
    pub fn named(&self) -> Option<(Option<String>, &'static str, String)> {
        let Input::Build(selection) = &self.input else {
            return None;
        };
        let package = match selection.packages.as_slice() {
            // `name@version`: another version is the same package.
            [one] => one.split('@').next().map(str::to_owned),
            _ => None,
        };
        match &selection.target {
            TargetChoice::Bin(Some(name)) => Some((package, "bin", name.clone())),
            TargetChoice::Example(Some(name)) => Some((package, "example", name.clone())),
            TargetChoice::Lib => package.map(|package| (Some(package.clone()), "lib", package)),
            _ => None,
        }
    }

    fn validate(self) -> Result<Self> {
        let output = &self.common.output;
        if !matches!(output.format, Format::Human | Format::Json) {
            return Err(Error::usage(
                "a snapshot is JSON",
                "leave out `--message-format`; for other formats show a view, such as `crates`",
            ));
        }
        if output.limit.is_some() || output.filter.is_some() || output.sort.is_some() {
            return Err(Error::usage(
                "a snapshot is always complete",
                "leave out `--limit`, `--filter` and `--sort`",
            ));
        }
        if self.allow_absent && self.named().is_none() {
            return Err(Error::usage(
                "`--allow-absent` needs the name of what may be absent",
                "add `--bin NAME`, `--example NAME`, or `-p PACKAGE --lib`",
            ));
        }
        Ok(self)
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
    is_view(name).then(|| {
        format!(
            "`--{flag} {name}` chooses a target of that name; \
             for the view, write it first: `cargo slim {name} --{flag}`"
        )
    })
}

impl From<ByFlag> for By {
    fn from(by: ByFlag) -> Self {
        match by {
            ByFlag::Defined => Self::Defined,
            ByFlag::Instantiated => Self::Instantiated,
            ByFlag::Inlined => Self::Inlined,
        }
    }
}
