//! The command line, validated once. No clap type gets past here.

use crate::cli::{ByFlag, Cli, Flags, ViewCommand, is_view};
use codecost::manual::Shell;
use codecost::{
    Result,
    cargo::{Selection, TargetChoice},
    console::{ColorWhen, Verbosity},
    report::OutputOptions,
};
use std::path::PathBuf;

/// What to do.
#[derive(Clone, Debug)]
pub enum Task {
    /// Show a view.
    View(Box<Options>),
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
    /// Format, destination and choice of rows.
    pub output: OutputOptions,
    /// What `--color` said.
    pub color: Option<ColorWhen>,
    /// What `-q` and `-v` said.
    pub verbosity: Verbosity,
    /// What the user may have meant instead, said before the work starts.
    pub hint: Option<String>,
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
        let Flags {
            file,
            debug_file,
            cargo,
            triple,
            output,
            color,
        } = flags;
        let verbosity = match (cargo.quiet, cargo.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, 0) => Verbosity::Normal,
            (false, _) => Verbosity::Verbose,
        };
        let choice = color.and_then(ColorWhen::as_choice);
        let selection = cargo.selection(triple.triple, choice);
        let hint = if explicit {
            None
        } else {
            view_meant(&selection.target)
        };
        let input = match file {
            Some(path) => Input::File {
                path,
                debug_file,
                selection,
            },
            None => Input::Build(selection),
        };
        let output = output.validate()?;
        Ok(Self {
            view,
            input,
            output,
            color,
            verbosity,
            hint,
        })
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
