//! What to change for a goal, why, and what must stay as it is.
//!
//! A plan holds only what would make a difference: nothing that is in force already or is cargo's
//! default, nothing that something else makes void (that is skipped, with the file or variable),
//! and no loss of security. Manifest keys are preferred; a key that a config file of the workspace
//! sets is changed there, because the manifest would lose against it.

mod around;
mod change;
mod effect;
mod flags;
mod glibc;
mod goal;
mod keys;
mod objection;
mod panics;
mod request;
mod symbols;

use codecost::Result;

pub use change::{Change, Plan, Skipped};
pub use glibc::Glibc;
pub use goal::Goal;
pub use request::{Allow, Request};

use crate::project::Project;

/// Makes the plan.
///
/// # Errors
///
/// Source files that cannot be read, while looking for code that relies on unwinding.
pub fn plan(project: &Project, request: &Request) -> Result<Plan> {
    flags::check(project, request)?;
    let mut plan = Plan {
        notices: project.effective.notices.clone(),
        ..Plan::default()
    };
    for wanted in request.goal.wanted(project) {
        keys::plan(project, request, wanted, &mut plan)?;
    }
    around::settle_incremental(project, request, &mut plan)?;
    flags::plan(project, request, &mut plan);
    around::look(project, request, &mut plan);
    around::name_unknown(project, &mut plan);
    Ok(plan)
}
