//! What does not change the plan but should be known.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Stdio;

use codecost::Result;
use codecost::cargo::config::{Notice, OriginKind, Value};

use super::change::{Change, Plan, Skipped};
use super::goal::Goal;
use super::keys;
use super::request::Request;
use crate::knob::{Assignment, Key, KeySetting, Knob, Subject};
use crate::project::{Project, chosen, linked, skips_lto};

/// Adds it to the plan.
pub(super) fn look(project: &Project, request: &Request, plan: &mut Plan) {
    keep_overflow_checks(project, plan);
    name_libraries(project, plan);
    name_overrides(project, plan);
    name_ignored_files(project, plan);
    if will_have_fat_lto(project, plan) && request.goal != Goal::CompileTime {
        name_libraries_without_lto(project, plan);
    }
}

/// Dependencies that could not be resolved, where the plan depends on them.
pub(super) fn name_unknown(project: &Project, plan: &mut Plan) {
    let Some(why) = project.unknown_dependencies() else {
        return;
    };
    plan.notices.push(Notice {
        code: "dependencies-unknown",
        message: format!(
            "cargo could not resolve the dependencies without the network ({why}): which packages \
             are linked is not known, and what hangs on them is left out"
        ),
        help: Some(
            "`cargo fetch` downloads them and writes Cargo.lock; then plan again".to_owned(),
        ),
    });
}

/// Cargo takes the profile of whoever builds a program, so that of a library is not its users'.
fn name_libraries(project: &Project, plan: &mut Plan) {
    if !linked(&project.workspace, &project.selection).is_empty() {
        return;
    }
    let chosen = chosen(&project.workspace, &project.selection);
    let names: Vec<String> = chosen.iter().map(|m| format!("`{}`", m.name)).collect();
    let what = match names.as_slice() {
        [] => return,
        [name] => format!("{name} is a library"),
        names => format!("{} are libraries", names.join(", ")),
    };
    let notice = Notice {
        code: "library-profile",
        message: format!(
            "{what}: this plan changes nothing for its users, because cargo compiles a dependency \
             with the profile of the program that uses it"
        ),
        help: Some(
            "it applies to the library's own examples, benches and tests; tune the programs that \
             use the library"
                .to_owned(),
        ),
    };
    // What the whole plan is worth comes first.
    plan.notices.insert(0, notice);
}

/// Incremental compilation beside fat LTO costs time and space and saves nothing: a plan that has
/// fat LTO switches it off.
pub(super) fn settle_incremental(
    project: &Project,
    request: &Request,
    plan: &mut Plan,
) -> Result<()> {
    let incremental = project.setting(None, Key::Incremental);
    let is_on = incremental.is_some_and(|s| s.value == Value::Bool(true) && s.void.is_none());
    if request.goal == Goal::CompileTime || !is_on || !will_have_fat_lto(project, plan) {
        return Ok(());
    }
    let wanted = KeySetting {
        package: None,
        key: Key::Incremental,
        value: Value::Bool(false),
    };
    keys::plan(project, request, wanted, plan)
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

/// Overrides for packages that the plan leaves as they are: the profile's own key does not reach
/// what they name.
fn name_overrides(project: &Project, plan: &mut Plan) {
    let profile = project.selection.profile();
    let prefix = format!("profile.{profile}.package.");
    let overrides = project.effective.settings.iter();
    let overrides = overrides.filter(|s| s.table.starts_with(&prefix) && s.in_force());
    for setting in overrides.filter(|s| s.origin.kind != OriginKind::Default) {
        let changed = plan.changes.iter().any(|change| {
            let Assignment::Key(KeySetting { package, key, .. }) = &change.assignment else {
                return false;
            };
            key.name() == setting.key && project.setting(package.as_deref(), *key) == Some(setting)
        });
        let Some(key) = Key::ALL.iter().find(|key| key.name() == setting.key) else {
            continue;
        };
        let own = key.canonical(&setting.value);
        // What the goal wants of the key, of the profile or of a program's override.
        let of_key = |change: &&Change| matches!(&change.assignment, Assignment::Key(s) if s.key == *key && s.package.as_deref() != Some("*"));
        let planned = plan.changes.iter().find(of_key);
        let differs = planned.is_some_and(|change| key.canonical(&change.after) != own);
        let mut skipped = plan.skipped.iter();
        let is_wanted = skipped.any(|skipped| {
            let in_force = skipped.in_force.as_ref();
            skipped.knob == Knob::Key(*key) && in_force.is_some_and(|v| key.canonical(v) == own)
        });
        if changed || is_wanted || (!differs && *key != Key::OptLevel) {
            continue;
        }
        plan.notices.push(Notice {
            code: "override-stays",
            message: format!(
                "`{}.{} = {}` ({}) stays in force for what it names",
                setting.table, setting.key, setting.value, setting.origin
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

/// Whether fat LTO is part of the plan, or in force already and left there.
fn will_have_fat_lto(project: &Project, plan: &Plan) -> bool {
    let of_lto = |change: &Change| change.subject() == Subject::key(Key::Lto);
    match plan.changes.iter().find(|change| of_lto(change)) {
        Some(change) => Key::Lto.canonical(&change.after) == "fat",
        None => {
            let in_force = project.setting(None, Key::Lto);
            in_force.is_some_and(|s| s.void.is_none() && Key::Lto.canonical(&s.value) == "fat")
        }
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
