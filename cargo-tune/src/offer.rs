//! Asking whether to write, and writing.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use codecost::console::Console;
use codecost::report::Warning;
use codecost::{Error, Result};

use crate::apply::{self, FileEdit};
use crate::project::Project;

/// Writes the edits, which make `count` changes, if the user agrees or `yes` says so.
///
/// # Errors
///
/// What [`apply::write`] says, and a terminal that cannot be read.
pub(crate) fn offer(
    project: &Project,
    edits: &[FileEdit],
    count: usize,
    yes: bool,
    title: &str,
    console: &mut Console,
) -> Result<()> {
    if !yes && !confirmed(count, console)? {
        return Ok(());
    }
    apply::write(project.workspace.root(), edits, title)?;
    for edit in edits {
        let shown = project.shown(&edit.path);
        console.status("Wrote", &shown);
        if is_ignored(&edit.path) {
            let message = format!("git ignores `{shown}`: the change stays on this machine");
            let warning = Warning::new("ignored-file", message);
            console.warning(&warning.help("--no-config changes only the manifest"));
        }
    }
    console.help(
        "`cargo tune undo` restores the files; \
         `cargo tune check --build` proves the change from rustc's arguments",
    );
    Ok(())
}

/// Whether git is told to ignore the file, and does not have it.
fn is_ignored(path: &Path) -> bool {
    let Some((directory, name)) = path.parent().zip(path.file_name()) else {
        return false;
    };
    let mut git = Command::new("git");
    git.arg("-C").arg(directory).args(["check-ignore", "-q"]);
    let git = git.arg(name).stdin(Stdio::null());
    let status = git.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn confirmed(count: usize, console: &mut Console) -> Result<bool> {
    let (stdin, mut stderr) = (std::io::stdin(), std::io::stderr());
    if !stdin.is_terminal() || !stderr.is_terminal() {
        console.status("Nothing", "written: not a terminal. Pass --yes to write");
        return Ok(false);
    }
    // The plan must be on the screen before the question.
    console
        .stdout()
        .flush()
        .map_err(|e| Error::write("standard output", e))?;
    let changes = codecost::units::counted(count as u64, "change");
    let _ = write!(stderr, "Write {changes}? [y/N] ");
    let _ = stderr.flush();
    let mut answer = String::new();
    stdin
        .lock()
        .read_line(&mut answer)
        .map_err(|e| Error::read("standard input", e))?;
    let yes = matches!(answer.trim(), "y" | "Y" | "yes");
    if !yes {
        console.status("Nothing", "written");
    }
    Ok(yes)
}
