//! `cargo slim deps`.

use crate::{
    analysis::{self, Depth, Input, Opened, ProofOptions, Subject},
    cli::{AnalysisFlags, INPUT, Needs},
    report,
};
use clap::Args;
use codecost::{Error, Result, console::Console, front, report::OutputOptions};
use std::cell::Cell;

/// The dependency tree in bytes, and what features cost
///
/// Each package with the bytes of its own crates, the bytes that only it brings into the program,
/// and those that others use too. A bare --features switches off each feature of the package that
/// can be, one at a time, in builds of their own, and shows what that saves. With a value it is
/// cargo's flag.
#[derive(Args, Clone, Debug, Default)]
#[command(mut_arg("features", |arg| {
    let help = "Bare: prove by builds what each feature costs. With a value: features to activate";
    arg.num_args(0..=1).default_missing_value(PROVE).help(help)
}))]
#[command(
    override_usage = "cargo slim deps [FLAGS]\n       cargo slim deps --features [--budget N] [FLAGS]"
)]
pub(crate) struct Deps {
    /// With a bare --features, make at most N builds; the next run goes on from there
    #[arg(long, value_name = "N", requires = "features", help_heading = INPUT)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    budget: Option<u16>,
    #[command(flatten)]
    flags: AnalysisFlags,
}

/// What a bare `--features` means; no feature can be called that.
const PROVE: &str = "?";

/// So many builds are made unless told otherwise.
const BUDGET: u16 = 16;

impl front::Command for Deps {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self { budget, flags } = self;
        let needs = Needs {
            depth: Depth::Bytes,
            debug_information: false,
        };
        let prove = Cell::new(false);
        let edit = |input: &mut Input| {
            if let Input::Build(selection) = input {
                let asked = selection.features.len();
                selection.features.retain(|feature| feature != PROVE);
                prove.set(selection.features.len() < asked);
            }
            match (budget, prove.get()) {
                (Some(_), false) => Err(Error::usage(
                    "`--budget` is about the builds that a bare `--features` makes",
                    "write `cargo slim deps --features --budget N`",
                )),
                _ => Ok(()),
            }
        };
        let show = |opened: &Opened,
                    subject: &mut Subject<'_>,
                    input: &Input,
                    options: &OutputOptions,
                    console: &mut Console| {
            let mut begin = |feature: &str, made: usize, all: usize| {
                let text = format!("without `{feature}` ({} of {all})", made + 1);
                console.status("Building", &text);
            };
            let proof = prove.get().then(|| ProofOptions {
                budget: usize::from(budget.unwrap_or(BUDGET)),
                begin: &mut begin,
            });
            let analysis = analysis::dependencies(opened, subject, input, proof)?;
            report::deps::write(&analysis, options, console)
        };
        flags.run_input(needs, console, edit, show)
    }
}
