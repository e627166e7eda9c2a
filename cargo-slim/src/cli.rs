//! The groups of flags that commands of this tool can take. Each becomes options here, validated.

use crate::{
    analysis::{self, Depth, Input, Opened, Subject},
    announce,
};
use clap::{Args, ValueHint};
use codecost::{
    Result,
    cargo::{BUILD_ARGUMENTS, CargoFlags, TripleFlag},
    console::Console,
    error::exit_code,
    report::{FormatFlags, OutputOptions, RowFlags},
};
use std::path::PathBuf;

/// The heading of what is not built.
pub(crate) const INPUT: &str = "Input";

/// What to analyse: a file, or what cargo builds.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct InputFlags {
    /// Analyse this file instead of building one
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, help_heading = INPUT)]
    #[arg(conflicts_with_all = BUILD_ARGUMENTS, conflicts_with = "target_dir")]
    file: Option<PathBuf>,
    /// The separate debug file, dSYM or PDB of the file
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath, help_heading = INPUT)]
    #[arg(requires = "file", hide_short_help = true)]
    debug_file: Option<PathBuf>,
    /// Of a package (wheel, npm, crate, gem, deb) or archive the file with this name
    #[arg(long, value_name = "NAME", help_heading = INPUT)]
    #[arg(requires = "file", hide_short_help = true)]
    member: Option<String>,
    /// Of a universal file the image for this architecture, such as aarch64
    #[arg(long, value_name = "ARCH", help_heading = INPUT)]
    #[arg(requires = "file", hide_short_help = true)]
    arch: Option<String>,
    #[command(flatten)]
    cargo: CargoFlags,
    #[command(flatten)]
    triple: TripleFlag,
}

impl InputFlags {
    /// What they choose; cargo will be as loud as `console`.
    pub(crate) fn input(self, console: &Console) -> Input {
        let Self {
            file,
            debug_file,
            member,
            arch,
            cargo,
            triple,
        } = self;
        let mut selection = cargo.selection(triple.triple);
        match file {
            Some(path) => Input::File {
                path,
                debug_file,
                member,
                arch,
                manifest_path: selection.manifest_path,
            },
            None => {
                console.configure_cargo(&mut selection);
                Input::Build(selection)
            }
        }
    }
}

/// What a command takes that analyses one file and shows rows.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct AnalysisFlags {
    #[command(flatten)]
    pub(crate) input: InputFlags,
    #[command(flatten)]
    format: FormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

/// What an analysis needs to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needs {
    /// What it will ask of the file.
    pub(crate) depth: Depth,
    /// Whether it needs debug information.
    pub(crate) debug_information: bool,
}

impl AnalysisFlags {
    /// As [`run`](Self::run), for a command that also needs to know what was analysed, after `edit`
    /// has had a look at it.
    pub(crate) fn run_input(
        self,
        needs: Needs,
        console: &mut Console,
        edit: impl FnOnce(&mut Input) -> Result<()>,
        show: impl FnOnce(&Opened, &mut Subject<'_>, &Input, &OutputOptions, &mut Console) -> Result<()>,
    ) -> Result<u8> {
        let Self {
            input,
            format,
            rows,
        } = self;
        let options = format.options(rows)?;
        let mut input = input.input(console);
        edit(&mut input)?;
        let mut announce = |added: &[String]| announce::build(console, added);
        let opened = match needs.depth {
            Depth::Tables => analysis::open_tables(&input, &mut announce)?,
            _ => analysis::open(&input, needs.debug_information, &mut announce)?,
        };
        let mut subject = Subject::new(&opened.files, needs.depth)?;
        show(&opened, &mut subject, &input, &options, console)?;
        Ok(exit_code::OK)
    }

    /// Opens the file, or builds it, and does `show` with it.
    pub(crate) fn run(
        self,
        needs: Needs,
        console: &mut Console,
        show: impl FnOnce(&Opened, &mut Subject<'_>, &OutputOptions, &mut Console) -> Result<()>,
    ) -> Result<u8> {
        let show =
            |opened: &Opened,
             subject: &mut Subject<'_>,
             _: &Input,
             options: &OutputOptions,
             console: &mut Console| show(opened, subject, options, console);
        self.run_input(needs, console, |_| Ok(()), show)
    }
}
