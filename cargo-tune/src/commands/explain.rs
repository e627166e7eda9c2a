//! `cargo tune explain`: one knob, or the table of all.

use clap::{Arg, Args};
use codecost::cargo::{Context, Selection, Workspace};
use codecost::console::Console;
use codecost::front;
use codecost::report::{FormatFlags, RowFlags};
use codecost::{Error, Result};

use crate::cli::{NoGoalFlag, SettingsFlags};
use crate::knob::Knob;
use crate::project::Project;
use crate::report;

/// Explain one knob, or list all knobs
#[derive(Debug, Args)]
#[command(mut_args(one_or_all))]
pub(crate) struct Explain {
    /// The knob; without it, all knobs are listed
    knob: Option<String>,
    #[command(flatten)]
    settings: SettingsFlags,
    #[command(flatten)]
    no_goal: NoGoalFlag,
    #[command(flatten)]
    format: FormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

/// The project's settings are shown for one knob, and rows are chosen among all.
fn one_or_all(arg: Arg) -> Arg {
    match arg.get_id().as_str() {
        "limit" | "filter" | "sort" | "full_names" => arg.conflicts_with("knob"),
        "package" | "lib" | "bin" | "example" | "test" | "bench" | "release" | "profile"
        | "triple" | "manifest_path" | "locked" | "offline" | "frozen" | "config" | "unstable" => {
            arg.requires("knob")
        }
        _ => arg,
    }
}

impl front::Command for Explain {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            knob,
            settings,
            no_goal,
            format,
            rows,
        } = self;
        no_goal.discard();
        let options = format.options(rows)?;
        let Some(name) = knob else {
            report::explain::write_all(&options, console)?;
            return Ok(0);
        };
        // `profile.release.lto` and `build.rustflags` are what people see elsewhere.
        let bare = name.rsplit('.').next().unwrap_or(&name);
        // So are flags as they are passed: `-Zfmt-debug` after `--`.
        let bare = ["-Z", "-C"]
            .into_iter()
            .find_map(|prefix| bare.strip_prefix(prefix))
            .unwrap_or(bare);
        let knob = Knob::find(bare).ok_or_else(|| unknown(&name))?;
        let project = project(settings.selection(None, console))?;
        report::explain::write(knob, project.as_ref(), &options, console)?;
        Ok(0)
    }
}

/// The project around the current directory, or the one that is named. A knob can be explained
/// without one, also where cargo cannot read the manifest.
fn project(selection: Selection) -> Result<Option<Project>> {
    let context = Context::current()?;
    let is_inside = selection.manifest_path.is_some() || Workspace::find(&context).is_some();
    Ok(is_inside
        .then(|| Project::load(context, selection).ok())
        .flatten())
}

fn unknown(name: &str) -> Error {
    let names: Vec<&str> = Knob::all().map(Knob::name).collect();
    Error::usage(
        format!("`{name}` is not a knob"),
        format!("the knobs are: {}", names.join(", ")),
    )
}
