//! Keys of the profile: whether a change would count, and in which file.

use std::collections::BTreeSet;
use std::path::PathBuf;

use codecost::Result;
use codecost::cargo::config::{
    self, Conflict, Flagged, Notice, Origin, OriginKind, Setting, Spec, Value,
};

use super::change::{Change, Plan, Skipped};
use super::goal::Goal;
use super::panics;
use super::request::Request;
use super::symbols;
use crate::knob::{Key, KeySetting, Knob};
use crate::project::{LTO_SKIPPED, Project, linked, lto_is_skipped, strip_is_skipped};

/// Adds one key that the goal wants to the plan, or the reason why not; for the profile's key also
/// for the overrides that give a program another value.
pub(super) fn plan(
    project: &Project,
    request: &Request,
    wanted: KeySetting,
    plan: &mut Plan,
) -> Result<()> {
    let key = wanted.key;
    if wanted.package.as_deref() == Some("*") && project.effective.only_members {
        let reason = "an override for dependencies reaches none: all are members of the workspace";
        plan.skipped
            .push(Skipped::new(Knob::Key(key), reason, Vec::new()));
        return Ok(());
    }
    if key == Key::Panic && project.ignores_panic() {
        let reason = "cargo ignores it in the profiles `test` and `bench`, and warns about it";
        plan.skipped
            .push(Skipped::new(Knob::Key(key), reason, Vec::new()));
        return Ok(());
    }
    let specs = match wanted.package {
        None => overrides_of_programs(project, key),
        Some(_) => Overrides::default(),
    };
    let of_packages = specs.specs.into_iter().map(|spec| KeySetting {
        package: Some(spec),
        ..wanted.clone()
    });
    let of_packages: Vec<KeySetting> = of_packages.collect();
    if !specs.is_all {
        one(project, request, wanted, plan)?;
    }
    // What keeps the profile's key from the plan keeps theirs, too.
    let is_left_out = |s: &Skipped| s.knob == Knob::Key(key) && s.in_force.is_none();
    if !specs.is_all && plan.skipped.iter().any(is_left_out) {
        return Ok(());
    }
    for wanted in of_packages {
        one(project, request, wanted, plan)?;
    }
    Ok(())
}

/// The overrides that give programs of the workspace a value of a key.
#[derive(Default)]
struct Overrides {
    /// Their specs.
    specs: Vec<String>,
    /// Whether nothing is left that the profile's own key is for.
    is_all: bool,
}

fn overrides_of_programs(project: &Project, key: Key) -> Overrides {
    let linked = linked(&project.workspace, &project.selection);
    let prefix = format!("profile.{}.package.", project.selection.profile());
    let mut overrides = Overrides::default();
    let mut packages: BTreeSet<&str> = linked.iter().map(|c| c.package.as_str()).collect();
    for setting in &project.effective.settings {
        let is_meant = setting.key == key.name() && setting.shadowed_by.is_none();
        let Some(spec) = setting.table.strip_prefix(&prefix).filter(|_| is_meant) else {
            continue;
        };
        let keys = toml_edit::Key::parse(spec).unwrap_or_default();
        let Some(spec) = keys.first().map(toml_edit::Key::get) else {
            continue;
        };
        let parsed = Spec::parse(spec);
        let program = linked
            .iter()
            .find(|c| parsed.matches(&c.package, &c.version));
        if let Some(program) = program {
            packages.remove(program.package.as_str());
            overrides.specs.push(spec.to_owned());
        }
    }
    // Other keys reach what is linked in, too, unless all of that has overrides.
    let is_left_for_nothing = key == Key::Strip || project.effective.covered.contains(key.name());
    overrides.is_all = !overrides.specs.is_empty() && packages.is_empty() && is_left_for_nothing;
    overrides
}

/// One key, of the profile or of an override.
fn one(project: &Project, request: &Request, wanted: KeySetting, plan: &mut Plan) -> Result<()> {
    let key = wanted.key;
    if let Some(skipped) = refused(project, &wanted) {
        plan.skipped.push(skipped);
        return Ok(());
    }
    let current = project.setting(wanted.package.as_deref(), key);
    if let Some(mut skipped) = no_change(project, request, &wanted, current) {
        skipped.package.clone_from(&wanted.package);
        plan.notices.extend(unreachable(project, &skipped, current));
        plan.skipped.push(skipped);
        return Ok(());
    }
    if key == Key::Strip
        && let Some(skipped) = symbols::needed(project)
    {
        plan.skipped.push(skipped);
        return Ok(());
    }
    if key == Key::Strip
        && let Some(reason) = strip_is_skipped(&project.workspace, &project.selection)
    {
        let skipped = Skipped::new(Knob::Key(key), reason, Vec::new());
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

/// Why no build would work with the value wanted.
fn refused(project: &Project, wanted: &KeySetting) -> Option<Skipped> {
    let key = wanted.key;
    let Conflict { text, origin, .. } = project.effective.conflict(key.name(), &wanted.value)?;
    let reason =
        format!("rustc refuses it beside `{text}` in the rustflags, so no build would work");
    let evidence = vec![format!("{text} ({origin})")];
    Some(Skipped::new(Knob::Key(key), reason, evidence))
}

/// What to say of a key that no file of the workspace can give the value wanted.
fn unreachable(project: &Project, skipped: &Skipped, current: Option<&Setting>) -> Option<Notice> {
    let Knob::Key(key) = skipped.knob else {
        return None;
    };
    let name = key.name();
    let (why, help) = match (config::flagged(&project.effective, name), current) {
        _ if !skipped.unreachable => return None,
        // A value in the profile that something makes void has a notice already.
        (_, Some(setting)) if setting.void.is_some() => return None,
        (Some(flagged), _) => (
            format!("rustc takes `{}` ({})", flagged.text, flagged.origin),
            skipped.remedy.clone(),
        ),
        (None, Some(setting)) => (
            format!("{} sets it to {}", setting.origin, setting.value),
            Some(skipped.reason.clone()),
        ),
        (None, None) => return None,
    };
    Some(Notice {
        code: "void-setting",
        message: format!("`{name}` in the manifest would have no effect: {why}"),
        help,
    })
}

/// Why the value in force stays.
fn no_change(
    project: &Project,
    request: &Request,
    wanted: &KeySetting,
    current: Option<&Setting>,
) -> Option<Skipped> {
    let key = wanted.key;
    let breaks = current.is_some_and(|setting| breaks_the_build(project, key, setting));
    if !breaks && let Some(flagged) = config::flagged(&project.effective, key.name()) {
        return Some(by_flag(request, wanted, flagged));
    }
    let setting = current?;
    let origin = vec![setting.origin.to_string()];
    if let Some(void) = setting.void.as_ref().filter(|_| !breaks) {
        let reason = format!("a change would have no effect: {void}");
        let skipped = Skipped::new(Knob::Key(key), reason, origin);
        return Some(skipped.unreachable(wanted.value.clone()));
    }
    if !breaks && is_enough(request, key, &setting.value, &wanted.value) {
        let skipped = Skipped::new(Knob::Key(key), "already in force", origin);
        return Some(skipped.in_force(setting.value.clone()));
    }
    let reason = out_of_reach(project, request, setting)?;
    let evidence = format!("{} = {} ({})", key.name(), setting.value, setting.origin);
    let skipped = Skipped::new(Knob::Key(key), reason.clone(), vec![evidence]);
    Some(skipped.unreachable(wanted.value.clone()).remedy(reason))
}

/// A key whose value is what a flag says, whatever a file says.
fn by_flag(request: &Request, wanted: &KeySetting, flagged: Flagged) -> Skipped {
    let Flagged {
        value,
        text,
        origin,
    } = flagged;
    let evidence = vec![format!("{text} ({origin})")];
    let knob = Knob::Key(wanted.key);
    if is_enough(request, wanted.key, &value, &wanted.value) {
        return Skipped::new(knob, "already in force", evidence).in_force(value);
    }
    let reason = format!(
        "a change would have no effect: `{text}` in the rustflags ({origin}) comes after the \
         profile's options, and rustc takes the last"
    );
    Skipped::new(knob, reason, evidence)
        .unreachable(wanted.value.clone())
        .remedy(format!("take `{text}` out of the {}", named(&origin)))
}

/// `environment variable RUSTFLAGS`, `file .cargo/config.toml:3`.
fn named(origin: &Origin) -> String {
    match origin.kind {
        OriginKind::Environment => origin.to_string(),
        OriginKind::CommandLine => "--config argument".to_owned(),
        OriginKind::Default | OriginKind::Manifest | OriginKind::Config => {
            format!("file {origin}")
        }
    }
}

/// Whether a value gives what the goal wants.
fn is_enough(request: &Request, key: Key, value: &Value, wanted: &Value) -> bool {
    let current = key.canonical(value);
    // Fat LTO gives all that thin LTO does; the goal "balanced" takes nothing away.
    let is_more = request.goal == Goal::Balanced && key == Key::Lto && current == "fat";
    // A number that is written out is not the default: rustc merges small units only where it chose
    // their number itself. So none is written where there are enough.
    let enough = request.goal == Goal::CompileTime && key == Key::CodegenUnits;
    is_more || enough && at_least(value, wanted) || current == key.canonical(wanted)
}

fn at_least(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::Integer(value), Value::Integer(wanted)) => value >= wanted,
        _ => false,
    }
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
