//! `cargo tune undo`: the latest receipt, byte for byte.

use codecost::cargo::Workspace;
use codecost::console::Console;
use codecost::{Error, Result};

use crate::apply::{self, Conflict, Undone};
use crate::options::Options;
use crate::report::plan::texts;

pub(crate) fn run(options: Options, console: &mut Console) -> Result<u8> {
    let root = workspace_root(&options)?;
    match apply::undo(&root)? {
        Undone::Restored(files) => {
            for file in files {
                console.status("Restored", &file.display().to_string());
            }
            Ok(0)
        }
        Undone::Refused(conflicts) => {
            for conflict in &conflicts {
                console.print(&three_way(conflict))?;
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
                "take your own edits (shown first) out or keep them, and make the change back (shown second) by hand",
            ))
        }
    }
}

/// A manifest that cargo no longer reads must still be restorable: then the directory decides.
fn workspace_root(options: &Options) -> Result<std::path::PathBuf> {
    let quiet = options.context.clone();
    if let Some(path) = &options.selection.manifest_path {
        let workspace = Workspace::load(&quiet, &options.selection);
        return match workspace {
            Ok(workspace) => Ok(workspace.root().to_owned()),
            Err(error) => quiet
                .absolute(path)
                .parent()
                .map(std::path::Path::to_owned)
                .ok_or(error),
        };
    }
    match Workspace::find(&quiet) {
        Some(workspace) => Ok(workspace.root().to_owned()),
        None => {
            let directory = quiet.directory();
            let found = directory
                .ancestors()
                .find(|d| d.join("Cargo.toml").is_file());
            found.map(std::path::Path::to_owned).ok_or_else(|| {
                Error::failed(
                    format!(
                        "there is no Cargo.toml in `{}` or above",
                        directory.display()
                    ),
                    "run in the workspace, or name its manifest with --manifest-path",
                )
            })
        }
    }
}

fn three_way(conflict: &Conflict) -> String {
    let name = conflict.path.display();
    let now = conflict.now.as_deref().unwrap_or_default();
    let mine = texts(
        &format!("{name} (as cargo tune wrote it)"),
        &format!("{name} (now)"),
        &conflict.written,
        now,
    );
    let back = texts(
        &format!("{name} (as cargo tune wrote it)"),
        &format!("{name} (before)"),
        &conflict.written,
        conflict.before.as_deref().unwrap_or_default(),
    );
    format!("edited since:\n{mine}\nwhat undo would do:\n{back}\n")
}
