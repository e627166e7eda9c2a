//! `cargo tune undo`: the latest receipt, byte for byte.

use std::path::PathBuf;

use clap::Args;
use codecost::cargo::{Context, Selection, Workspace};
use codecost::console::Console;
use codecost::front;
use codecost::{Error, Result};

use crate::apply::{self, Undone};
use crate::report;

/// Restore the files that the latest plan changed, byte for byte
#[derive(Debug, Args)]
pub(crate) struct Undo {
    /// Path to Cargo.toml
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::FilePath)]
    manifest_path: Option<PathBuf>,
    /// Nothing is asked, so there is nothing to agree to; accepted so that a habit is no error
    #[arg(short, long, hide = true)]
    yes: bool,
}

impl front::Command for Undo {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            manifest_path,
            yes: _,
        } = self;
        match apply::undo(&workspace_root(manifest_path)?)? {
            Undone::Restored(files) => {
                for file in files {
                    console.status("Restored", &file.display().to_string());
                }
                Ok(0)
            }
            Undone::Refused(conflicts) => {
                for conflict in &conflicts {
                    console.print(&report::undo::three_way(conflict))?;
                }
                let names: Vec<String> = conflicts
                    .iter()
                    .map(|c| format!("`{}`", c.path.display()))
                    .collect();
                Err(Error::failed(
                    format!(
                        "{} changed since `cargo tune` wrote it; nothing was restored",
                        names.join(", ")
                    ),
                    "keep or remove your own edits (shown first), and make the change that undo \
                     would make (shown second) by hand",
                ))
            }
        }
    }
}

/// A manifest that cargo no longer reads must still be restorable: then its directory is taken for
/// the workspace's.
fn workspace_root(manifest_path: Option<PathBuf>) -> Result<PathBuf> {
    let context = Context::current()?;
    if let Some(path) = &manifest_path {
        let selection = Selection {
            manifest_path: manifest_path.clone(),
            ..Selection::default()
        };
        return match Workspace::load(&context, &selection) {
            Ok(workspace) => Ok(workspace.root().to_owned()),
            Err(error) => {
                let absolute = context.absolute(path);
                let parent = absolute.parent().map(ToOwned::to_owned);
                parent.filter(|parent| parent.is_dir()).ok_or(error)
            }
        };
    }
    if let Some(workspace) = Workspace::find(&context) {
        return Ok(workspace.root().to_owned());
    }
    let directory = context.directory();
    let mut above = directory.ancestors();
    let found = above.find(|d| d.join("Cargo.toml").is_file());
    found.map(ToOwned::to_owned).ok_or_else(|| {
        Error::failed(
            format!(
                "there is no Cargo.toml in `{}` or above",
                directory.display()
            ),
            "run in the workspace, or name its manifest with --manifest-path",
        )
    })
}
