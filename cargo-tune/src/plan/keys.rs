//! Keys of the profile: whether a change would count, and in which file.

use std::path::PathBuf;

use codecost::Result;
use codecost::cargo::config::{self, Notice, OriginKind, Setting};

use super::change::{Change, Plan, Skipped};
use super::goal::Goal;
use super::panics;
use super::request::Request;
use super::symbols;
use crate::knob::{Key, KeySetting, Knob};
use crate::project::{LTO_SKIPPED, Project, lto_is_skipped};

/// Adds one key that the goal wants to the plan, or the reason why not.
pub(super) fn plan(
    project: &Project,
    request: &Request,
    wanted: KeySetting,
    plan: &mut Plan,
) -> Result<()> {
    let key = wanted.key;
    let current = project.setting(wanted.package.as_deref(), key);
    if let Some(setting) = current
        && let Some(mut skipped) = no_change(project, request, &wanted, setting)
    {
        skipped.package.clone_from(&wanted.package);
        if setting.void.is_none() && skipped.unreachable {
            plan.notices.push(Notice {
                code: "void-setting",
                message: format!(
                    "`{}` in the manifest would have no effect: {} sets it to {}",
                    key.name(),
                    setting.origin,
                    setting.value
                ),
                help: Some(skipped.reason.clone()),
            });
        }
        plan.skipped.push(skipped);
        return Ok(());
    }
    if key == Key::Strip
        && let Some(skipped) = symbols::needed(project)
    {
        plan.skipped.push(skipped);
        return Ok(());
    }
    if key == Key::Panic && panics::blocked(project, request, plan)? {
        return Ok(());
    }
    if key == Key::Lto
        && let Some(skips) = lto_is_skipped(&project.workspace, &project.selection)
    {
        let skipped = Skipped::new(Knob::Key(key), LTO_SKIPPED, vec![skips.evidence]);
        plan.skipped.push(skipped);
        return Ok(());
    }
    let before = current.map(|setting| setting.value.clone());
    let (file, path) = place(project, &wanted, current);
    plan.changes
        .push(Change::of_key(wanted, file, path, before));
    Ok(())
}

/// Why the value in force stays.
fn no_change(
    project: &Project,
    request: &Request,
    wanted: &KeySetting,
    setting: &Setting,
) -> Option<Skipped> {
    let key = wanted.key;
    let origin = vec![setting.origin.to_string()];
    let breaks = breaks_the_build(project, key, setting);
    if let Some(void) = setting.void.as_ref().filter(|_| !breaks) {
        let reason = format!("a change would have no effect: {void}");
        let skipped = Skipped::new(Knob::Key(key), reason, origin);
        return Some(skipped.unreachable(wanted.value.clone()));
    }
    let current = key.canonical(&setting.value);
    // Fat LTO gives all that thin LTO does; the goal "balanced" takes nothing away.
    let is_more = request.goal == Goal::Balanced && key == Key::Lto && current == "fat";
    if !breaks && (is_more || current == key.canonical(&wanted.value)) {
        let skipped = Skipped::new(Knob::Key(key), "already in force", origin);
        return Some(skipped.in_force(setting.value.clone()));
    }
    let reason = out_of_reach(project, request, setting)?;
    let evidence = format!("{} = {} ({})", key.name(), setting.value, setting.origin);
    let skipped = Skipped::new(Knob::Key(key), reason, vec![evidence]);
    Some(skipped.unreachable(wanted.value.clone()))
}

/// Whether no build works with the value in force, so that a change counts in any case.
fn breaks_the_build(project: &Project, key: Key, setting: &Setting) -> bool {
    let flags = &project.effective.rustflags.flags;
    config::refusal(key.name(), &setting.value).is_some()
        || (key == Key::Lto && config::lto_needs_the_profile(flags, &setting.value))
}

/// The file and path where the wanted value counts.
fn place(
    project: &Project,
    wanted: &KeySetting,
    current: Option<&Setting>,
) -> (PathBuf, Vec<String>) {
    // A config file of the workspace that sets the key wins over the manifest, so the key is
    // changed there. The table is that of the profile in use: a value that it inherits from
    // `release` stays as it is for `release`.
    let in_config = current.filter(|s| s.origin.kind == OriginKind::Config);
    if let Some(setting) = in_config
        && let Some(file) = &setting.origin.path
        && let Ok(keys) = toml_edit::Key::parse(&setting.table)
    {
        let tables = keys.iter().map(|key| key.get().to_owned());
        let path = tables.chain([wanted.key.name().to_owned()]).collect();
        return (PathBuf::from(file), path);
    }
    let profile = ["profile".to_owned(), project.selection.profile().to_owned()];
    let path = profile.into_iter().chain(wanted.path()).collect();
    (project.root_manifest(), path)
}

/// Why the value in force cannot be changed by editing a file of the workspace.
fn out_of_reach(project: &Project, request: &Request, setting: &Setting) -> Option<String> {
    let path = setting.origin.path.as_deref().unwrap_or_default();
    match setting.origin.kind {
        OriginKind::Default | OriginKind::Manifest => None,
        OriginKind::Environment => Some(format!("unset {path}, which wins over every file")),
        OriginKind::CommandLine => Some("leave out the --config argument that sets it".to_owned()),
        OriginKind::Config => {
            let inside = PathBuf::from(path).starts_with(project.workspace.root());
            if !inside {
                Some(format!(
                    "take the key out of `{path}`, which is outside the workspace"
                ))
            } else if request.no_config {
                Some(format!(
                    "take the key out of `{path}`, or leave out --no-config"
                ))
            } else {
                None
            }
        }
    }
}
