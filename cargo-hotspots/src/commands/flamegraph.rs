//! `cargo hotspots flamegraph`.

use crate::{
    analysis,
    cli::{RecordingFlags, Unless},
    export, report,
};
use clap::Args;
use codecost::{Result, console::Console, front::Command, report::FileFlag};

/// A flame graph, coloured by crate
///
/// The result is an SVG file to open in a browser. Inlined functions are marked.
#[derive(Args, Debug)]
pub(crate) struct Flamegraph {
    #[command(flatten)]
    recording: RecordingFlags,
    #[command(flatten)]
    file: FileFlag,
}

impl Command for Flamegraph {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self { recording, file } = self;
        let request = recording.request(Unless::Latest, console)?;
        let opened = request.open(console)?;
        let analysis = analysis::describe(&opened.subject())?;
        let title = report::recording::title(&analysis.facts);
        let subtitle = report::recording::subtitle(&analysis.facts);
        let destination = export::Destination::of_document(file.output)?;
        destination.write(console, |to| {
            export::flamegraph(opened.symbolized(), &title, &subtitle, to)
        })?;
        analysis
            .warnings
            .iter()
            .for_each(|warning| console.warning(warning));
        request.verdict(&analysis.facts, console)
    }
}
