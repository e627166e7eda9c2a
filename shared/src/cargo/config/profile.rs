//! Profile keys: defaults, inheritance, overrides, and which of several values counts.
//!
//! A custom profile takes what it does not set itself from the profile
//! it inherits; `test` inherits `dev`, `bench` inherits `release`.

use toml_edit::{Item, TableLike};

use super::chain::chain;
use super::keys::{
    NIGHTLY_KEYS, canonical, default_value, invalid, is_profile_key, joined, ranked, refusal,
    upper, valued, values,
};
use super::reader::Layer;
use super::source::{Layers, quoted_key};
use super::{Inputs, Notice, Origin, OriginKind, Setting, Value, overrides};
use crate::Result;

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
    for key in valued() {
        let mut found: Vec<(String, Value, Origin)> = Vec::new();
        if key == "incremental" {
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
    let joined = joined(key, &found);
    for (index, (table, value, origin)) in found.into_iter().enumerate() {
        let refused = refusal(key, &value).filter(|_| index == 0);
        let counts = index < joined;
        if refused.is_some() {
            notices.push(invalid(&table, key, &value, &origin));
        }
        settings.push(Setting {
            table: if counts { own_table.to_owned() } else { table },
            key: key.to_owned(),
            value,
            origin,
            shadowed_by: winner.clone().filter(|_| !counts),
            void: refused.map(str::to_owned),
        });
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
            let unknown = |key: &str| !known(key) && !NIGHTLY_KEYS.contains(&key);
            for (key, item) in table.iter().filter(|(key, _)| unknown(key)) {
                settings.push(Setting {
                    table: format!("profile.{profile}"),
                    key: key.to_owned(),
                    value: Value::from_item(item),
                    origin: layer.origin(item),
                    shadowed_by: None,
                    void: Some(
                        "cargo knows no such profile key, and only warns about it".to_owned(),
                    ),
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
