//! `[profile.X.package.SPEC]` and `[profile.X.build-override]`.
//!
//! A profile that inherits another has its overrides, too; for each key the nearer one counts. An
//! override that applies to a package makes cargo forget the profile's `strip` for it, whatever else
//! it sets, and even where it sets nothing (cargo 1.95): then `strip` is what cargo would take for
//! itself.

use std::collections::BTreeSet;

use toml_edit::Item;

use super::chain::chain;
use super::keys::{invalid, joined, ranked, refusal, upper, valued, values};
use super::options::{codegen_options, profile_key};

use super::source::{Layers, quoted_key};
use super::{Inputs, Notice, Origin, OriginKind, Setting, Spec, Value, canonical};

/// The table of an override for a member that is linked.
pub(super) struct Overridden {
    /// The member.
    package: String,
    /// The table, under the name of the profile in use.
    table: String,
    /// Where it is.
    origin: Origin,
    /// Whether it has `strip` itself.
    strips: bool,
}

/// Adds the settings of all overrides; returns the tables that concern what is linked.
pub(super) fn resolve(
    inputs: &Inputs<'_>,
    layers: &Layers,
    chain: &[String],
    settings: &mut Vec<Setting>,
    notices: &mut Vec<Notice>,
) -> Vec<Overridden> {
    let mut overridden = Vec::new();
    for (spec, origin) in specs(layers, chain) {
        let path = ["package".to_owned(), spec.clone()];
        let table = format!("package.{}", quoted_key(&spec));
        let found = one(inputs, layers, chain, &path, &table, settings, notices);
        let member = inputs.nearest.and_then(|near| {
            let member = near.member(&spec)?;
            near.linked.contains(member).then(|| member.to_owned())
        });
        overridden.extend(member.map(|package| Overridden {
            package,
            table: format!("profile.{}.{table}", inputs.profile),
            origin,
            strips: found.contains(&"strip"),
        }));
    }
    let path = ["build-override".to_owned()];
    one(
        inputs,
        layers,
        chain,
        &path,
        "build-override",
        settings,
        notices,
    );
    overridden
}

/// The specs of all tables, with the place of the first.
fn specs(layers: &Layers, chain: &[String]) -> Vec<(String, Origin)> {
    let mut specs: Vec<(String, Origin)> = Vec::new();
    for profile in chain {
        for layer in ranked(layers).flatten() {
            let packages = layer.get(&["profile", profile, "package"]);
            let Some(packages) = packages.and_then(Item::as_table_like) else {
                continue;
            };
            for (spec, item) in packages.iter() {
                if !specs.iter().any(|(known, _)| known == spec) {
                    specs.push((spec.to_owned(), layer.origin(item)));
                }
            }
        }
    }
    specs
}

/// Adds the settings of one override; returns the keys that it has.
fn one(
    inputs: &Inputs<'_>,
    layers: &Layers,
    chain: &[String],
    path: &[String],
    table: &str,
    settings: &mut Vec<Setting>,
    notices: &mut Vec<Notice>,
) -> Vec<&'static str> {
    let own = format!("profile.{}.{table}", inputs.profile);
    let mut keys = Vec::new();
    for key in valued() {
        let mut found = Vec::new();
        for profile in chain {
            let full: Vec<&str> = ["profile", profile]
                .into_iter()
                .chain(path.iter().map(String::as_str))
                .collect();
            let variable = variable(layers, profile, path);
            let values = values(inputs, layers, &full, variable.as_deref(), key);
            let name = format!("profile.{profile}.{table}");
            found.extend(values.into_iter().map(|(v, o)| (name.clone(), v, o)));
        }
        let winner = found.first().map(|(_, _, origin)| origin.clone());
        keys.extend(winner.is_some().then_some(key));
        let joined = joined(key, &found);
        for (index, (name, value, origin)) in found.into_iter().enumerate() {
            let refused = refusal(key, &value).filter(|_| index == 0);
            if refused.is_some() {
                notices.push(invalid(&name, key, &value, &origin));
            }
            let counts = index < joined;
            settings.push(Setting {
                table: if counts { own.clone() } else { name },
                key: key.to_owned(),
                value,
                origin,
                shadowed_by: winner.clone().filter(|_| !counts),
                void: void(inputs, path, key).or(refused.map(str::to_owned)),
            });
        }
    }
    keys
}

/// What the names of an override's variables begin with, if cargo reads any. Those of a package
/// hold its name as it is written in the table, and count only where a config file or an argument
/// has that table: cargo asks for the keys of tables that it knows (cargo 1.95).
fn variable(layers: &Layers, profile: &str, path: &[String]) -> Option<String> {
    let prefix = format!("CARGO_PROFILE_{}", upper(profile));
    let [_, spec] = path else {
        return Some(format!("{prefix}_BUILD_OVERRIDE"));
    };
    let mut of_config = layers.cli.iter().chain(&layers.files);
    let is_known = of_config.any(|layer| {
        let table = layer.get(&["profile", profile, "package", spec]);
        table.is_some_and(Item::is_table_like)
    });
    is_known.then(|| format!("{prefix}_PACKAGE_{spec}"))
}

/// A table `[profile.NAME.package.SPEC]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverrideTable {
    /// The profile.
    pub profile: String,
    /// The package id spec, or `*`.
    pub spec: String,
    /// Where it is.
    pub origin: Origin,
}

/// The overrides for packages that each profile has, with those that it inherits: cargo checks
/// them all, whichever profile is in use.
pub(super) fn tables(inputs: &Inputs<'_>, layers: &Layers) -> Vec<OverrideTable> {
    let mut profiles: BTreeSet<&str> = BTreeSet::new();
    for layer in ranked(layers).flatten() {
        let tables = layer.get(&["profile"]).and_then(Item::as_table_like);
        profiles.extend(tables.iter().flat_map(|t| t.iter()).map(|(name, _)| name));
    }
    let mut tables = Vec::new();
    for profile in profiles {
        let inputs = Inputs { profile, ..*inputs };
        // A chain that is broken makes cargo fail by itself.
        let chain = chain(&inputs, layers).unwrap_or_default();
        tables.extend(specs(layers, &chain).into_iter().map(|(spec, origin)| {
            let profile = profile.to_owned();
            OverrideTable {
                profile,
                spec,
                origin,
            }
        }));
    }
    tables
}

/// Says where the flags of an override (a nightly feature) win over the profile's keys, and marks
/// the keys that are left for nothing.
pub(super) fn void_by_flags(
    inputs: &Inputs<'_>,
    settings: &mut [Setting],
    notices: &mut Vec<Notice>,
) {
    let Some(near) = inputs.nearest else { return };
    let table = format!("profile.{}", inputs.profile);
    let prefix = format!("{table}.package.");
    let mut flags: Vec<(String, String, String, Origin)> = Vec::new();
    for row in settings
        .iter()
        .filter(|s| s.key == "rustflags" && s.in_force())
    {
        let spec = row.table.strip_prefix(&prefix);
        let keys = spec.and_then(|spec| toml_edit::Key::parse(spec).ok());
        let spec = keys.as_deref().and_then(<[_]>::first);
        let Some(member) = spec.and_then(|spec| near.member(spec.get())) else {
            continue;
        };
        for option in codegen_options(&row.value.flags()) {
            let Some(key) = profile_key(&option.name) else {
                continue;
            };
            let origin = row.origin.clone();
            flags.push((key.to_owned(), member.to_owned(), option.text, origin));
        }
    }
    // What is compiled at all, as far as it is known; and what is linked.
    let names: BTreeSet<&String> = near.members.keys().chain(&near.dependencies).collect();
    for setting in settings.iter_mut().filter(|s| {
        s.table == table && s.shadowed_by.is_none() && refusal(&s.key, &s.value).is_none()
    }) {
        let of_key = || flags.iter().filter(|(key, ..)| *key == setting.key);
        let has = |name: &&String| of_key().any(|(_, member, ..)| member == *name);
        let is_left_for_nothing = match setting.key.as_str() {
            "lto" | "strip" | "rpath" => {
                !near.linked.is_empty() && near.linked.iter().all(|n| has(&n))
            }
            _ => names.iter().all(has),
        };
        let Some((_, member, text, origin)) = of_key().next_back() else {
            continue;
        };
        let wins = format!("`{text}` in the override's rustflags for `{member}` ({origin})");
        if is_left_for_nothing {
            setting.void = Some(format!("{wins} comes after it, and rustc takes the last"));
        } else {
            notices.push(Notice {
                code: "override-flags",
                message: format!("{wins} wins there over the profile's `{}`", setting.key),
                help: Some("take the flag out if the package should follow the profile".to_owned()),
            });
        }
    }
}

/// Why an override has no effect.
fn void(inputs: &Inputs<'_>, path: &[String], key: &str) -> Option<String> {
    if matches!(key, "panic" | "lto" | "rpath") {
        return Some(format!(
            "`{key}` cannot be set for one package; cargo refuses it"
        ));
    }
    let [_, spec] = path else { return None };
    let name = Spec::parse(spec).name;
    let near = inputs.nearest;
    if let Some(version) = near.and_then(|near| near.members.get(name))
        && near.is_some_and(|near| near.member(spec).is_none())
    {
        return Some(format!(
            "the workspace has `{name}` {version}, not `{spec}`"
        ));
    }
    if key == "strip" && near.is_some_and(|near| !near.linked.contains(name)) {
        return Some("only what is linked is stripped, and a library is not".to_owned());
    }
    let packages = inputs.packages?;
    (name != "*" && !packages.contains(name))
        .then(|| format!("no package of the workspace's lock file is named `{name}`"))
}

/// Whether an override gives debug information to the program, or to what it depends on directly.
pub(super) fn gives_debug(inputs: &Inputs<'_>, setting: &Setting) -> bool {
    let keys = toml_edit::Key::parse(&setting.table).unwrap_or_default();
    let [_, _, package, spec] = keys.as_slice() else {
        return false;
    };
    setting.key == "debug"
        && setting.in_force()
        && package.get() == "package"
        && canonical("debug", &setting.value) != "none"
        // Where that is not known, every package may be one.
        && inputs
            .nearest
            .is_none_or(|near| near.concerns(Spec::parse(spec.get()).name))
}

/// Where an override makes cargo forget the profile's `strip`, adds the value that cargo takes
/// instead, and marks the profile's where nothing linked is left for it.
pub(super) fn forget_strip(
    inputs: &Inputs<'_>,
    overridden: Vec<Overridden>,
    implied: &Value,
    settings: &mut [Setting],
    of_packages: &mut Vec<Setting>,
) {
    let Some(near) = inputs.nearest else { return };
    let table = format!("profile.{}", inputs.profile);
    let is_reset = |package: &String| overridden.iter().any(|o| o.package == *package);
    let nothing_left = !near.linked.is_empty() && near.linked.iter().all(is_reset);
    let first = overridden.iter().find(|o| !o.strips);
    let own = settings.iter_mut().find(|s| {
        let is_own = s.table == table && s.key == "strip" && s.in_force();
        is_own && s.origin.kind != OriginKind::Default
    });
    if let (Some(own), Some(first), true) = (own, first, nothing_left) {
        own.void = Some(format!(
            "cargo forgets the profile's `strip` for a package that has an override, and \
             `[{}]` ({}) is one; set `strip` there",
            first.table, first.origin
        ));
    }
    let forgotten = overridden.into_iter().filter(|o| !o.strips);
    of_packages.extend(forgotten.map(|overridden| Setting {
        table: overridden.table,
        key: "strip".to_owned(),
        value: implied.clone(),
        origin: Origin::DEFAULT,
        shadowed_by: None,
        void: None,
    }));
}
