//! `cargo tune --target …`: show the plan, ask, write.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use codecost::console::Console;
use codecost::{Error, Result};

use crate::apply;
use crate::options::PlanOptions;
use crate::plan::{self, Plan};
use crate::project::Project;
use crate::report::plan as report;

pub(crate) fn run(options: PlanOptions, console: &mut Console) -> Result<u8> {
    let PlanOptions {
        request,
        yes,
        dry_run,
        comments,
        options,
    } = options;
    let project = Project::load(options.context, options.selection)?;
    let plan = plan::plan(&project, &request)?;
    let edits = apply::edits(&plan, comments)?;
    let shown = report::report(&project, &request, &plan, &edits);
    console.write_report(&shown, &options.output, report::row)?;
    if dry_run || plan.changes.is_empty() {
        return Ok(0);
    }
    let title = format!(
        "--target {} --profile {}",
        request.goal,
        project.selection.profile()
    );
    offer(&project, &plan, &edits, yes, &title, console)
}

/// Asks unless told not to, and writes.
pub(crate) fn offer(
    project: &Project,
    plan: &Plan,
    edits: &[apply::FileEdit],
    yes: bool,
    title: &str,
    console: &mut Console,
) -> Result<u8> {
    if !yes && !confirmed(plan, console)? {
        return Ok(0);
    }
    apply::write(project.workspace.root(), edits, title)?;
    for edit in edits {
        console.status("Wrote", &project.shown(&edit.path));
    }
    console.help("`cargo tune undo` takes it back; `cargo tune check --build` proves it from rustc's arguments");
    Ok(0)
}

fn confirmed(plan: &Plan, console: &mut Console) -> Result<bool> {
    let (stdin, mut stderr) = (std::io::stdin(), std::io::stderr());
    if !stdin.is_terminal() || !stderr.is_terminal() {
        console.status(
            "Kept",
            "the files as they are: nobody is there to ask, and --yes was not given",
        );
        return Ok(false);
    }
    console
        .stdout()
        .flush()
        .map_err(|e| Error::write("standard output", e))?;
    let _ = write!(
        stderr,
        "Write {}? [y/N] ",
        codecost::units::counted(plan.changes.len() as u64, "change")
    );
    let _ = stderr.flush();
    let mut answer = String::new();
    stdin
        .lock()
        .read_line(&mut answer)
        .map_err(|e| Error::read("standard input", e))?;
    let yes = matches!(answer.trim(), "y" | "Y" | "yes");
    if !yes {
        console.status("Kept", "the files as they are");
    }
    Ok(yes)
}
