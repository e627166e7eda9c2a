//! `cargo slim snapshot`.

use crate::{
    analysis::Input,
    announce,
    cli::{INPUT, InputFlags},
    snapshot::{self, NamedTarget, Options, Step},
};
use clap::Args;
use codecost::{
    Error, Result,
    cargo::Context,
    console::Console,
    error::exit_code,
    front::{self, quoted},
    report::{FileFlag, write_file},
};

/// Write a small file that later diffs and checks compare with
///
/// The file is JSON without hashes, addresses or absolute paths, meant to be committed.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Snapshot {
    /// With --file, also record the compressed sizes: gzip, zstd, brotli
    #[arg(long, requires = "file", help_heading = INPUT)]
    compressed: bool,
    /// If the target does not exist, write an empty snapshot instead of failing, so that a new
    /// target has no growth limit
    #[arg(long, conflicts_with = "file", help_heading = INPUT)]
    allow_absent: bool,
    #[command(flatten)]
    input: InputFlags,
    #[command(flatten)]
    output: FileFlag,
}

impl front::Command for Snapshot {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            compressed,
            allow_absent,
            input,
            output,
        } = self;
        let input = input.input(console);
        let options = Options {
            may_be_absent: match allow_absent {
                true => Some(named(&input)?),
                false => None,
            },
            compressed,
            input,
        };
        let mut begin = |step: Step<'_>| match step {
            Step::Building(added) => announce::build(console, added),
            Step::BuildingAgain => console.status(
                "Building",
                "again as your profile says, to measure the file that users get",
            ),
        };
        let snapshot = snapshot::take(&Context::current()?, &options, &mut begin)?;
        for warning in &snapshot.warnings {
            console.warning(warning);
        }
        match &output.path() {
            Some(path) => {
                write_file(path, |to| snapshot.write(to))?;
                console.wrote(path);
                let shown = quoted(&path.display().to_string());
                console.help(&format!(
                    "compare a later build with it: `cargo slim diff {shown} NEW`, or check its \
                     growth: `cargo slim check --baseline {shown}`"
                ));
            }
            None => snapshot
                .write(console.stdout())
                .map_err(|error| Error::write("standard output", error))?,
        }
        Ok(exit_code::OK)
    }
}

/// The target that may be absent.
fn named(input: &Input) -> Result<NamedTarget> {
    let named = match input {
        Input::Build(selection) => NamedTarget::of(selection),
        Input::File { .. } => None,
    };
    named.ok_or_else(|| {
        Error::usage(
            "`--allow-absent` needs the name of what may be absent",
            "add `--bin NAME`, `--example NAME`, or `-p PACKAGE --lib`",
        )
    })
}
