//! `cargo hotspots flamegraph`.

use crate::{
    analysis,
    cli::{FrameFlags, RecordingFlags, Unless},
    export::{self, Destination, Drawing},
    report,
};
use clap::{Args, ValueHint};
use codecost::{Error, Result, console::Console, front::Command};
use std::path::{Path, PathBuf};

const OUTPUT: &str = "Output";
/// Where the picture goes when nothing else is said.
const DEFAULT: &str = "flamegraph.svg";

/// A flame graph, coloured by crate
///
/// The result is an SVG file to open in a browser. Inlined functions are paler. Functions that only
/// start the program are left out, and each recursion is one frame.
#[derive(Args, Debug)]
pub(crate) struct Flamegraph {
    #[command(flatten)]
    recording: RecordingFlags,
    /// Write the picture to FILE (atomically), or to standard output with `-`
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(help_heading = OUTPUT, default_value = DEFAULT)]
    output: PathBuf,
    /// Open the picture when it is written
    #[arg(long, help_heading = OUTPUT)]
    open: bool,
    /// The title of the picture [default: the program]
    #[arg(long, value_name = "TEXT", help_heading = OUTPUT, hide_short_help = true)]
    title: Option<String>,
    /// Merge stacks from the innermost function outward: callers above what they call
    #[arg(long, help_heading = OUTPUT, hide_short_help = true)]
    reverse: bool,
    /// Grow from the top downward (an icicle graph)
    #[arg(long, help_heading = OUTPUT, hide_short_help = true)]
    inverted: bool,
    /// Leave out functions that take less than this share of the time
    #[arg(long, value_name = "PERCENT", value_parser = percent, default_value = "0.01%")]
    #[arg(help_heading = OUTPUT, hide_short_help = true)]
    min_width: f64,
    #[command(flatten)]
    frames: FrameFlags,
}

/// `0.1%` or `0.1`, in percent.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches('%').trim_end();
    match number.parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("expected a percentage from 0 to 100, such as 0.1%".into()),
    }
}

impl Command for Flamegraph {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            recording,
            output,
            open,
            title,
            reverse,
            inverted,
            min_width,
            frames,
        } = self;
        let to_stdout = output == Path::new("-");
        if to_stdout && open {
            return Err(Error::usage(
                "standard output cannot be opened",
                "name a file with `-o FILE`, or leave out `--open`",
            ));
        }
        let destination = Destination::of_document((!to_stdout).then(|| output.clone()))?;
        let request = recording.request(Unless::Latest, console)?;
        let opened = request.open(console)?;
        let analysis = analysis::describe(&opened.subject())?;
        let drawing = Drawing {
            title: title.unwrap_or_else(|| report::recording::title(&analysis.facts)),
            subtitle: report::recording::subtitle(&analysis.facts),
            frames: frames.frames(),
            reverse,
            inverted,
            min_width,
        };
        destination.write(console, |to| {
            export::flamegraph(opened.symbolized(), &drawing, to)
        })?;
        console.status("Showing", &report::recording::which(&analysis.facts));
        if !to_stdout {
            console.wrote(&output);
        }
        analysis
            .warnings
            .iter()
            .for_each(|warning| console.warning(warning));
        if open {
            export::open(&output)?;
        } else if !to_stdout {
            console.help("open it in a browser: `--open` does that");
        }
        request.verdict(&analysis.facts, console)
    }
}
