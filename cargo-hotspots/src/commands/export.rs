//! `cargo hotspots export`.

use crate::{
    analysis,
    cli::{RecordingFlags, Unless},
    export::{self, Destination, ExportFormat},
    report,
};
use clap::{Args, ValueEnum};
use codecost::{
    Result,
    console::Console,
    front::{Command, quoted},
    report::FileFlag,
};

/// Export to the Firefox Profiler, pprof or folded stacks
#[derive(Args, Debug)]
pub(crate) struct Export {
    /// The format
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Output")]
    to: ExportFlag,
    #[command(flatten)]
    recording: RecordingFlags,
    #[command(flatten)]
    file: FileFlag,
}

/// `--to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ExportFlag {
    /// For <https://profiler.firefox.com>
    Firefox,
    /// For `go tool pprof` and other readers of its files
    Pprof,
    /// One line for each stack, for flame graph scripts
    Folded,
}

impl From<ExportFlag> for ExportFormat {
    fn from(format: ExportFlag) -> Self {
        match format {
            ExportFlag::Firefox => Self::Firefox,
            ExportFlag::Pprof => Self::Pprof,
            ExportFlag::Folded => Self::Folded,
        }
    }
}

impl Command for Export {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            to,
            recording,
            file,
        } = self;
        let format = ExportFormat::from(to);
        let request = recording.request(Unless::Latest, console)?;
        let opened = match format {
            // The Firefox Profiler shows when each sample was taken.
            ExportFormat::Firefox => request.open_with_timeline(console)?,
            ExportFormat::Pprof | ExportFormat::Folded => request.open(console)?,
        };
        let analysis = analysis::describe(&opened.subject())?;
        let file = file.path();
        let file_name = file.clone();
        let destination = match format {
            ExportFormat::Folded => Destination::of_text(file),
            ExportFormat::Firefox | ExportFormat::Pprof => Destination::of_document(file)?,
        };
        let title = report::recording::title(&analysis.facts);
        let symbolized = opened.symbolized();
        destination.write(console, |to| match format {
            ExportFormat::Firefox => export::firefox(symbolized, &title, to),
            ExportFormat::Pprof => export::pprof(symbolized, to),
            ExportFormat::Folded => export::folded(symbolized, to),
        })?;
        console.status("Showing", &report::recording::which(&analysis.facts));
        if let Some(file) = file_name {
            console.wrote(&file);
            let unit = match &analysis.facts.allocated {
                Some(_) => "bytes",
                None => export::unit(&analysis.facts.event),
            };
            let file = quoted(&file.display().to_string());
            console.help(&format.opened_with(&file, &quoted(unit)));
        }
        analysis
            .warnings
            .iter()
            .for_each(|warning| console.warning(warning));
        request.verdict(&analysis.facts, console)
    }
}
