//! `cargo hotspots overview`, and `cargo hotspots` without a command, which records first.

use crate::{
    analysis::{self, Subject},
    cli::{RecordingFlags, Unless},
    gating, report,
};
use clap::Args;
use codecost::{
    Error, Result,
    console::Console,
    front::Command,
    report::{Format, FormatFlags, GateFormatFlags, OutputOptions, RowFlags},
};

const BASELINE: &str = "Baselines";

/// Where the time goes, and what to do about it
#[derive(Args, Debug)]
pub(crate) struct Overview {
    #[command(flatten)]
    recording: RecordingFlags,
    #[command(flatten)]
    format: FormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

/// The command without a name: it records the default target unless another recording is asked for.
#[derive(Args, Debug)]
pub(crate) struct Unnamed {
    /// Build, measure each benchmark once, and keep the programs as a baseline
    #[arg(long, value_name = "NAME|PATH", help_heading = BASELINE, hide_short_help = true)]
    #[arg(conflicts_with = "baseline")]
    save_baseline: Option<String>,
    /// Compare with this baseline: both programs are run in pairs
    #[arg(long, value_name = "NAME|PATH", help_heading = BASELINE, hide_short_help = true)]
    baseline: Option<String>,
    #[command(flatten)]
    recording: RecordingFlags,
    #[command(flatten)]
    format: GateFormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

impl Command for Overview {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            recording,
            format,
            rows,
        } = self;
        show(recording, &format.options(rows)?, Unless::Latest, console)
    }
}

impl Command for Unnamed {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            save_baseline,
            baseline,
            recording,
            format,
            rows,
        } = self;
        let output = format.options(rows)?;
        // Only a comparison has a verdict to report.
        if output.format == Format::Github && baseline.is_none() {
            return Err(Error::usage(
                "`--message-format github` is for gates",
                "compare with `--baseline NAME`; for a job summary, write `markdown`",
            ));
        }
        if save_baseline.is_none() && baseline.is_none() {
            return show(recording, &output, Unless::Recorded, console);
        }
        let target = recording.gate_target()?;
        match (save_baseline, baseline) {
            (Some(name), _) => gating::keep(target, &name, &output, console),
            (None, Some(baseline)) => gating::compare_with(target, baseline, output, console),
            // The first case above.
            (None, None) => Ok(0),
        }
    }
}

fn show(
    recording: RecordingFlags,
    options: &OutputOptions,
    otherwise: Unless,
    console: &mut Console,
) -> Result<u8> {
    let request = recording.request(otherwise, console)?;
    let opened = request.open(console)?;
    // Only the findings need the settings, and only cargo can say them.
    let settings = opened.settings();
    let subject = Subject {
        settings: settings.as_ref(),
        ..opened.subject()
    };
    let analysis = analysis::overview(&subject)?;
    report::overview::write(&analysis, options, console)?;
    request.verdict(&analysis.facts, console)
}
