//! Asking whether to write, and writing.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use codecost::console::Console;
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
        console.status("Wrote", &project.shown(&edit.path));
    }
    console.help(
        "`cargo tune undo` restores the files; \
         `cargo tune check --build` proves the change from rustc's arguments",
    );
    Ok(())
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
