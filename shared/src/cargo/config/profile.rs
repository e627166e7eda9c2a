//! Profile keys: defaults, inheritance, overrides, and which of several values counts.
//!
//! Order of precedence within one profile: `--config`, `CARGO_PROFILE_*`, config files from the
//! nearest, the root manifest. A custom profile takes what it does not set itself from the profile
//! it inherits; `test` inherits `dev`, `bench` inherits `release`.

use toml_edit::{Item, TableLike};

use super::reader::Layer;
use super::source::{Layers, quoted_key};
use super::{Inputs, Notice, Origin, OriginKind, Setting, Value, overrides};
use crate::{Error, Result};

/// The keys that a profile has on a stable toolchain, in the order in which they are shown.
pub(super) const KEYS: &[&str] = &[
    "opt-level",
    "lto",
    "codegen-units",
    "panic",
    "strip",
    "debug",
    "split-debuginfo",
    "debug-assertions",
    "overflow-checks",
    "incremental",
    "rpath",
];

/// Keys that only a nightly cargo accepts.
const NIGHTLY_KEYS: &[&str] = &[
    "codegen-backend",
    "rustflags",
    "trim-paths",
    "hint-mostly-unused",
];

/// Every key of a profile that is no table and no list.
pub(super) const ALL_KEYS: &[&str] = &[
    "opt-level",
    "lto",
    "codegen-units",
    "panic",
    "strip",
    "debug",
    "split-debuginfo",
    "debug-assertions",
    "overflow-checks",
    "incremental",
    "rpath",
    "inherits",
    "dir-name",
    "codegen-backend",
    "trim-paths",
];

/// Longer chains of `inherits` are refused; cargo itself refuses loops.
const MAX_INHERITANCE: usize = 32;

/// Whether `key` is a key of a profile on a stable toolchain.
pub fn is_profile_key(key: &str) -> bool {
    KEYS.contains(&key)
}

/// The value that a key has in `dev` or `release` if nobody sets it.
pub fn default_value(root: &str, key: &str) -> Option<Value> {
    let dev = root == "dev";
    Some(match key {
        "opt-level" => Value::Integer(if dev { 0 } else { 3 }),
        "lto" | "rpath" => Value::Bool(false),
        "codegen-units" => Value::Integer(if dev { 256 } else { 16 }),
        "panic" => Value::String("unwind".into()),
        // Cargo strips debug information by itself where the whole graph is built without any.
        "strip" => Value::String(if dev { "none" } else { "debuginfo" }.into()),
        "debug" => Value::Integer(if dev { 2 } else { 0 }),
        "debug-assertions" | "overflow-checks" | "incremental" => Value::Bool(dev),
        _ => return None,
    })
}

/// One spelling for all the ways to write a value: `true`, `"fat"` and `"true"` are one LTO.
pub fn canonical(key: &str, value: &Value) -> String {
    let text = match value {
        Value::String(s) => s.clone(),
        other => other.to_string(),
    };
    let same = match (key, text.as_str()) {
        ("lto", "true" | "y" | "yes" | "on" | "fat") => "fat",
        ("lto", "false") => "thin-local",
        ("lto", "n" | "no" | "off") => "off",
        ("strip", "true") => "symbols",
        ("strip", "false") => "none",
        ("debug", "true" | "2") => "full",
        ("debug", "1") => "limited",
        ("debug", "false" | "0") => "none",
        _ => return text,
    };
    same.to_owned()
}

/// Why no build works with this value of a key: cargo or rustc refuses it (both 1.95). `None` if
/// they take it.
///
/// Numbers and booleans are not strings here: cargo takes `opt-level = 3`, and refuses
/// `opt-level = "3"`, although its own JSON spells it so.
pub fn refusal(key: &str, value: &Value) -> Option<&'static str> {
    const CARGO: Option<&str> = Some("cargo refuses the value, so no build works");
    const RUSTC: Option<&str> = Some("rustc refuses the value, so no build works");
    match (key, value) {
        ("opt-level", Value::Integer(0..=3)) | ("codegen-units", Value::Integer(1..)) => None,
        ("opt-level", Value::String(s)) if matches!(s.as_str(), "s" | "z") => None,
        // Cargo hands on every number that fits its field.
        ("opt-level", Value::Integer(_)) | ("codegen-units", Value::Integer(0)) => RUSTC,
        ("opt-level" | "codegen-units", _) => CARGO,
        ("lto", Value::String(s)) => match s.as_str() {
            "true" | "false" => CARGO,
            "fat" | "thin" | "off" | "y" | "yes" | "on" | "n" | "no" => None,
            _ => RUSTC,
        },
        ("panic", Value::String(s)) => match s.as_str() {
            "unwind" | "abort" | "immediate-abort" => None,
            _ => CARGO,
        },
        ("strip", Value::String(s)) => match s.as_str() {
            "none" | "debuginfo" | "symbols" => None,
            _ => RUSTC,
        },
        ("debug", Value::Integer(0..=2)) => None,
        ("debug", Value::String(s)) => match s.as_str() {
            "none" | "limited" | "full" | "line-tables-only" | "line-directives-only" => None,
            _ => CARGO,
        },
        ("split-debuginfo", Value::String(s)) => match s.as_str() {
            "off" | "packed" | "unpacked" => None,
            _ => RUSTC,
        },
        (
            "lto" | "strip" | "debug" | "debug-assertions" | "overflow-checks" | "incremental"
            | "rpath",
            Value::Bool(_),
        ) => None,
        (key, _) if KEYS.contains(&key) => CARGO,
        _ => None,
    }
}

/// The layers that can set a profile key, highest first, with the environment between.
pub(super) fn ranked(layers: &Layers) -> impl Iterator<Item = Option<&Layer>> {
    layers
        .cli
        .iter()
        .map(Some)
        .chain(std::iter::once(None))
        .chain(layers.files.iter().map(Some))
        .chain(std::iter::once(Some(&layers.manifest)))
}

/// `opt-level` as it stands in a variable's name.
pub(super) fn upper(name: &str) -> String {
    name.to_uppercase().replace('-', "_")
}

/// All values for `key` in the table at `path`, highest precedence first.
pub(super) fn values(
    inputs: &Inputs<'_>,
    layers: &Layers,
    path: &[&str],
    variable: Option<&str>,
    key: &str,
) -> Vec<(Value, Origin)> {
    let mut found = Vec::new();
    for layer in ranked(layers) {
        match layer {
            Some(layer) => {
                let full: Vec<&str> = path.iter().copied().chain([key]).collect();
                if let Some(item) = layer.get(&full) {
                    found.push((Value::from_item(item), layer.origin(item)));
                }
            }
            None => {
                let name = variable.map(|prefix| format!("{prefix}_{}", upper(key)));
                if let Some((name, text)) =
                    name.and_then(|n| inputs.environment.get(&n).map(|text| (n, text)))
                {
                    found.push((Value::from_variable(text), Origin::variable(name)));
                }
            }
        }
    }
    found
}

/// The profile, what it inherits, and so on down to `dev` or `release`.
fn chain(inputs: &Inputs<'_>, layers: &Layers) -> Result<Vec<String>> {
    let mut chain = vec![inputs.profile.to_owned()];
    while let Some(last) = chain.last().cloned() {
        let parent = match last.as_str() {
            "dev" | "release" => break,
            "test" => "dev".to_owned(),
            "bench" => "release".to_owned(),
            custom => {
                let variable = format!("CARGO_PROFILE_{}", upper(custom));
                let inherits = values(
                    inputs,
                    layers,
                    &["profile", custom],
                    Some(&variable),
                    "inherits",
                );
                match inherits.into_iter().next() {
                    Some((Value::String(parent), _)) => parent,
                    _ => {
                        return Err(Error::usage(
                            format!("profile `{custom}` is not defined"),
                            format!(
                                "define it with `[profile.{custom}]` and `inherits = \"release\"` in the root manifest, or name another with --profile"
                            ),
                        ));
                    }
                }
            }
        };
        if chain.contains(&parent) || chain.len() > MAX_INHERITANCE {
            return Err(Error::usage(
                format!(
                    "profile `{}` inherits itself through `{parent}`",
                    inputs.profile
                ),
                "end the chain of `inherits` in `dev` or `release`",
            ));
        }
        chain.push(parent);
    }
    Ok(chain)
}

/// Every profile setting for the profile in use.
pub(super) fn resolve(
    inputs: &Inputs<'_>,
    layers: &Layers,
    notices: &mut Vec<Notice>,
) -> Result<Vec<Setting>> {
    let chain = chain(inputs, layers)?;
    let root = chain.last().map_or("release", String::as_str);
    let own_table = format!("profile.{}", inputs.profile);
    let mut settings = Vec::new();
    let debug = in_force(inputs, layers, &chain, "debug");
    let incremental = global_incremental(inputs, layers)
        .map(|(value, _)| value)
        .or_else(|| in_force(inputs, layers, &chain, "incremental"));
    let incremental = incremental.map_or(root == "dev", |value| value == Value::Bool(true));
    let mut of_packages = Vec::new();
    let overridden = overrides::resolve(inputs, layers, &chain, &mut of_packages, notices);
    let has_debug = of_packages
        .iter()
        .any(|s| overrides::gives_debug(inputs, s));
    let implied_strip = default_for(&debug, has_debug, incremental, root, "strip");
    for key in KEYS {
        let mut found: Vec<(String, Value, Origin)> = Vec::new();
        if *key == "incremental" {
            found
                .extend(global_incremental(inputs, layers).map(|(v, o)| (own_table.clone(), v, o)));
        }
        for profile in &chain {
            let variable = format!("CARGO_PROFILE_{}", upper(profile));
            let table = format!("profile.{profile}");
            for (value, origin) in
                values(inputs, layers, &["profile", profile], Some(&variable), key)
            {
                found.push((table.clone(), value, origin));
            }
        }
        if found.is_empty()
            && let Some(value) = default_for(&debug, has_debug, incremental, root, key)
        {
            found.push((own_table.clone(), value, Origin::DEFAULT));
        }
        push_ranked(key, &own_table, found, &mut settings, notices);
    }
    if let Some(implied) = implied_strip {
        overrides::forget_strip(
            inputs,
            overridden,
            &implied,
            &mut settings,
            &mut of_packages,
        );
    }
    settings.append(&mut of_packages);
    unknown_keys(layers, &chain, &mut settings);
    ignored(inputs, layers, &mut settings);
    Ok(settings)
}

/// Adds one key's values; the first is in force, under the name of the profile in use.
fn push_ranked(
    key: &str,
    own_table: &str,
    found: Vec<(String, Value, Origin)>,
    settings: &mut Vec<Setting>,
    notices: &mut Vec<Notice>,
) {
    let winner = found.first().map(|(_, _, origin)| origin.clone());
    for (index, (table, value, origin)) in found.into_iter().enumerate() {
        let refused = refusal(key, &value).filter(|_| index == 0);
        if refused.is_some() {
            notices.push(invalid(&table, key, &value, &origin));
        }
        settings.push(Setting {
            table: if index == 0 {
                own_table.to_owned()
            } else {
                table
            },
            key: key.to_owned(),
            value,
            origin,
            shadowed_by: winner.clone().filter(|_| index > 0),
            void: refused.map(str::to_owned),
        });
    }
}

pub(super) fn invalid(table: &str, key: &str, value: &Value, origin: &Origin) -> Notice {
    Notice {
        code: "invalid-value",
        message: format!(
            "`{table}.{key} = {value}` ({origin}) is not a value that the compiler accepts"
        ),
        help: Some(format!("see `cargo tune explain {key}`")),
    }
}

/// The first value that the profile or one that it inherits gives to a key.
fn in_force(inputs: &Inputs<'_>, layers: &Layers, chain: &[String], key: &str) -> Option<Value> {
    chain.iter().find_map(|profile| {
        let variable = format!("CARGO_PROFILE_{}", upper(profile));
        let found = values(inputs, layers, &["profile", profile], Some(&variable), key);
        found.into_iter().next().map(|(value, _)| value)
    })
}

/// Cargo's default. That of `strip` depends on the debug information asked for: cargo strips it
/// only where neither the program nor anything that it names as a dependency has any of its own
/// (what is stripped then is the standard library's). The number of codegen units is rustc's own.
fn default_for(
    debug: &Option<Value>,
    has_debug: bool,
    incremental: bool,
    root: &str,
    key: &str,
) -> Option<Value> {
    if key == "codegen-units" {
        return Some(Value::Integer(if incremental { 256 } else { 16 }));
    }
    if key == "strip" {
        let without = match debug {
            Some(value) => canonical("debug", value) == "none",
            None => root != "dev",
        };
        let strips = without && !has_debug;
        let value = if strips { "debuginfo" } else { "none" };
        return Some(Value::String(value.into()));
    }
    default_value(root, key)
}

/// `CARGO_INCREMENTAL` and `build.incremental` win over every profile.
fn global_incremental(inputs: &Inputs<'_>, layers: &Layers) -> Option<(Value, Origin)> {
    if let Some(text) = inputs.environment.get("CARGO_INCREMENTAL") {
        return Some((
            Value::Bool(text == "1"),
            Origin::variable("CARGO_INCREMENTAL"),
        ));
    }
    values(
        inputs,
        layers,
        &["build"],
        Some("CARGO_BUILD"),
        "incremental",
    )
    .into_iter()
    .find(|(_, origin)| origin.kind != OriginKind::Manifest)
}

/// Keys that cargo does not know: it only warns.
fn unknown_keys(layers: &Layers, chain: &[String], settings: &mut Vec<Setting>) {
    let known =
        |key: &str| is_profile_key(key) || matches!(key, "inherits" | "package" | "build-override");
    for layer in ranked(layers).flatten() {
        for profile in chain {
            let Some(table) = layer
                .get(&["profile", profile])
                .and_then(Item::as_table_like)
            else {
                continue;
            };
            for (key, item) in table.iter().filter(|(key, _)| !known(key)) {
                let nightly = NIGHTLY_KEYS.contains(&key);
                settings.push(Setting {
                    table: format!("profile.{profile}"),
                    key: key.to_owned(),
                    value: Value::from_item(item),
                    origin: layer.origin(item),
                    shadowed_by: None,
                    void: (!nightly).then(|| {
                        "cargo knows no such profile key, and only warns about it".to_owned()
                    }),
                });
            }
        }
    }
}

/// Profiles in manifests that cargo does not read.
fn ignored(inputs: &Inputs<'_>, layers: &Layers, settings: &mut Vec<Setting>) {
    for (layer, reason) in &layers.ignored_manifests {
        let Some(table) = layer
            .get(&["profile", inputs.profile])
            .and_then(Item::as_table_like)
        else {
            continue;
        };
        collect_void(
            layer,
            table,
            &format!("profile.{}", inputs.profile),
            reason,
            settings,
        );
    }
}

fn collect_void(
    layer: &Layer,
    table: &dyn TableLike,
    name: &str,
    reason: &str,
    settings: &mut Vec<Setting>,
) {
    for (key, item) in table.iter() {
        if let Some(inner) = item.as_table_like() {
            collect_void(
                layer,
                inner,
                &format!("{name}.{}", quoted_key(key)),
                reason,
                settings,
            );
        } else {
            settings.push(Setting {
                table: name.to_owned(),
                key: key.to_owned(),
                value: Value::from_item(item),
                origin: layer.origin(item),
                shadowed_by: None,
                void: Some(reason.to_owned()),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_value_are_equal() {
        let text = |s: &str| Value::String(s.into());
        assert_eq!(
            canonical("lto", &Value::Bool(true)),
            canonical("lto", &text("fat"))
        );
        assert_ne!(
            canonical("lto", &Value::Bool(false)),
            canonical("lto", &text("off"))
        );
        assert_eq!(
            canonical("debug", &Value::Integer(0)),
            canonical("debug", &text("none"))
        );
        assert_eq!(
            canonical("opt-level", &text("3")),
            canonical("opt-level", &Value::Integer(3))
        );
    }
}
