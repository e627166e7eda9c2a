//! The plan that a search's winner amounts to.

use codecost::cargo::config::Value;

use super::variant::Variant;
use crate::knob::{Assignment, KeySetting};
use crate::plan::{Change, Plan};
use crate::project::Project;

/// The goal's plan, cut down and changed to what won.
pub fn plan_of(project: &Project, plan: Plan, winner: &Variant) -> Plan {
    let mut changes: Vec<Change> = Vec::new();
    for assignment in &winner.assignments {
        let subject = assignment.subject();
        let planned = plan.changes.iter().find(|c| c.subject() == subject);
        match (planned, assignment) {
            (Some(change), Assignment::Key(setting)) => changes.push(Change {
                after: setting.value.clone(),
                assignment: assignment.clone(),
                ..change.clone()
            }),
            (Some(change), Assignment::Flag(_)) => changes.push(change.clone()),
            (None, Assignment::Key(setting)) => changes.push(added(project, setting.clone())),
            // Every flag of a variant comes from the plan, whose changes know the file.
            (None, Assignment::Flag(_)) => {}
        }
    }
    // A key that is back at the value in force needs no edit.
    changes.retain(|change| match &change.assignment {
        Assignment::Key(setting) => {
            let is_new = |before: &Value| {
                setting.key.canonical(before) != setting.key.canonical(&setting.value)
            };
            change.before.as_ref().is_none_or(is_new)
        }
        Assignment::Flag(_) => true,
    });
    Plan { changes, ..plan }
}

/// A key that the goal's plan does not have: another opt-level, or one for a package.
fn added(project: &Project, setting: KeySetting) -> Change {
    let before = match &setting.package {
        None => project.setting(None, setting.key).map(|s| s.value.clone()),
        Some(_) => None,
    };
    let profile = ["profile".to_owned(), project.selection.profile().to_owned()];
    let path = profile.into_iter().chain(setting.path()).collect();
    Change::of_key(setting, project.root_manifest(), path, before)
}
