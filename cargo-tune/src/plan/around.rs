//! What does not change the plan but should be known.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Stdio;

use codecost::cargo::config::{Notice, OriginKind, Value};

use super::change::{Plan, Skipped};
use super::goal::Goal;
use super::request::Request;
use crate::knob::{Assignment, Key, Knob};
use crate::project::{Project, linked, skips_lto};

/// Adds it to the plan.
pub(super) fn look(project: &Project, request: &Request, plan: &mut Plan) {
    keep_overflow_checks(project, plan);
    name_overrides(project, plan);
    name_ignored_files(project, plan);
    if will_have_fat_lto(project, plan) {
        warn_of_incremental(project, plan);
        if request.goal != Goal::CompileTime {
            name_libraries_without_lto(project, plan);
        }
    }
}

fn keep_overflow_checks(project: &Project, plan: &mut Plan) {
    if let Some(setting) = project.setting(None, Key::OverflowChecks)
        && setting.value == Value::Bool(true)
        && setting.origin.kind != OriginKind::Default
    {
        plan.skipped.push(Skipped::new(
            Knob::Key(Key::OverflowChecks),
            "an explicit `true` is a decision about correctness, and stays",
            vec![setting.origin.to_string()],
        ));
    }
}

/// Overrides of the opt-level, which the profile's own opt-level does not reach.
fn name_overrides(project: &Project, plan: &mut Plan) {
    let prefix = format!("profile.{}.package.", project.selection.profile());
    let overrides =
        project.effective.settings.iter().filter(|s| {
            s.table.starts_with(&prefix) && s.key == Key::OptLevel.name() && s.in_force()
        });
    for setting in overrides {
        plan.notices.push(Notice {
            code: "override-stays",
            message: format!(
                "`{}.opt-level = {}` ({}) stays in force for what it names",
                setting.table, setting.value, setting.origin
            ),
            help: Some("remove the override if the package should follow the profile".to_owned()),
        });
    }
}

/// Files that git ignores: the change is not committed, and CI and others build without it.
fn name_ignored_files(project: &Project, plan: &mut Plan) {
    let files: BTreeSet<&PathBuf> = plan.changes.iter().map(|c| &c.file).collect();
    let mut notices = Vec::new();
    for file in files {
        let directory = file.ancestors().skip(1).find(|d| d.is_dir());
        let Some(directory) = directory else { continue };
        // 0: ignored; 1: not; anything else: no repository.
        let mut git = project.context.command("git");
        git.arg("-C")
            .arg(directory)
            .args(["check-ignore", "-q", "--"]);
        let output = git.arg(file).stdin(Stdio::null()).output();
        if output.is_ok_and(|output| output.status.success()) {
            notices.push(Notice {
                code: "ignored-by-git",
                message: format!(
                    "git ignores `{}`: what is written there is not committed",
                    project.shown(file)
                ),
                help: Some("others, CI and a build of another revision do without it".to_owned()),
            });
        }
    }
    plan.notices.append(&mut notices);
}

/// Whether fat LTO is in force already or part of the plan.
fn will_have_fat_lto(project: &Project, plan: &Plan) -> bool {
    let planned = Assignment::key(Key::Lto, Value::Bool(true));
    let in_force = project.setting(None, Key::Lto);
    plan.changes.iter().any(|c| c.assignment == planned)
        || in_force.is_some_and(|s| Key::Lto.canonical(&s.value) == "fat")
}

fn warn_of_incremental(project: &Project, plan: &mut Plan) {
    if let Some(setting) = project.setting(None, Key::Incremental)
        && setting.value == Value::Bool(true)
    {
        plan.notices.push(Notice {
            code: "incremental-with-lto",
            message: format!(
                "`incremental = true` ({}) beside fat LTO costs time and space and saves nothing",
                setting.origin
            ),
            help: Some("take out one of the two".to_owned()),
        });
    }
}

fn name_libraries_without_lto(project: &Project, plan: &mut Plan) {
    let linked = linked(&project.workspace, &project.selection);
    for candidate in linked.iter().filter(|c| skips_lto(&c.crate_types)) {
        plan.notices.push(Notice {
            code: "lto-skipped",
            message: format!(
                "cargo builds the library `{}` (crate-type {:?}) without LTO",
                candidate.name, candidate.crate_types
            ),
            help: Some("build the rlib from a package of its own".to_owned()),
        });
    }
}
