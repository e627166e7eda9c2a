//! Which rustflags reach the compiler.
//!
//! Four sources exclude each other, in this order: `CARGO_ENCODED_RUSTFLAGS`, `RUSTFLAGS`, the
//! `target` tables (the triple's own first, then every matching `cfg(…)` table in alphabetical
//! order, all joined), `build.rustflags`. A variable that is set but empty still excludes what
//! comes after it; an empty list in a file does not. Within one key, lists of several files are
//! joined with the farthest first; a `CARGO_…_RUSTFLAGS` variable comes after the files and before
//! `--config`.

use toml_edit::Item;

use super::reader::Layer;
use super::source::{Layers, quoted_key};
use super::{Inputs, Origin, OriginKind, Setting, Value};

/// Which of the four exclusive sources is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RustflagsPlace {
    /// No flags from anywhere.
    None,
    /// `CARGO_ENCODED_RUSTFLAGS`.
    EncodedVariable,
    /// `RUSTFLAGS`.
    Variable,
    /// The `target.<triple>` and `target.'cfg(…)'` tables.
    Target,
    /// `build.rustflags`.
    Build,
}

/// The flags in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rustflags {
    /// Where they come from.
    pub place: RustflagsPlace,
    /// In rustc's order.
    pub flags: Vec<String>,
    /// The places that contributed, in the same order.
    pub origins: Vec<Origin>,
}

/// The triple that is built for.
pub(super) struct Triple {
    pub(super) name: String,
    pub(super) explicit: bool,
}

/// From the command line, `CARGO_BUILD_TARGET`, `build.target`, or the host.
pub(super) fn triple(inputs: &Inputs<'_>, layers: &Layers) -> Triple {
    let configured = || {
        let from = |layers: &[Layer]| {
            layers.iter().find_map(|layer| {
                let item = layer.get(&["build", "target"])?;
                let single = item.as_str().map(str::to_owned);
                single.or_else(|| {
                    let list = item.as_array()?;
                    list.iter().next()?.as_str().map(str::to_owned)
                })
            })
        };
        from(&layers.cli)
            .or_else(|| inputs.environment.get("CARGO_BUILD_TARGET").cloned())
            .or_else(|| from(&layers.files))
    };
    match inputs.triple.map(str::to_owned).or_else(configured) {
        Some(name) => Triple {
            name,
            explicit: true,
        },
        None => Triple {
            name: inputs.host.to_owned(),
            explicit: false,
        },
    }
}

/// The user's `RUSTC_WRAPPER` or `build.rustc-wrapper`; set but empty means none.
pub(super) fn wrapper(inputs: &Inputs<'_>, layers: &Layers) -> Option<Setting> {
    let setting = |value: String, origin| {
        (!value.is_empty()).then(|| Setting {
            table: "build".to_owned(),
            key: "rustc-wrapper".to_owned(),
            value: Value::String(value),
            origin,
            shadowed_by: None,
            void: None,
        })
    };
    for name in ["RUSTC_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER"] {
        if let Some(value) = inputs.environment.get(name) {
            return setting(value.clone(), Origin::variable(name));
        }
    }
    layers.cli.iter().chain(&layers.files).find_map(|layer| {
        let item = layer.get(&["build", "rustc-wrapper"])?;
        setting(item.as_str()?.to_owned(), layer.origin(item))
    })
}

/// One contribution before it is known whether it counts.
struct Part {
    place: RustflagsPlace,
    table: String,
    value: Value,
    origin: Origin,
}

/// The flags in force, and a row for every source.
pub(super) fn resolve(
    inputs: &Inputs<'_>,
    layers: &Layers,
    triple: &str,
) -> (Rustflags, Vec<Setting>) {
    let mut parts = variables(inputs);
    let variable = parts.first().map(|p| p.place);
    for table in target_tables(inputs, layers, triple) {
        let environment = (table == triple).then(|| {
            format!(
                "CARGO_TARGET_{}_RUSTFLAGS",
                triple.to_uppercase().replace(['-', '.'], "_")
            )
        });
        let name = format!("target.{}", quoted_key(&table));
        list_parts(
            inputs,
            layers,
            &["target", &table, "rustflags"],
            environment,
            RustflagsPlace::Target,
            &name,
            &mut parts,
        );
    }
    list_parts(
        inputs,
        layers,
        &["build", "rustflags"],
        Some("CARGO_BUILD_RUSTFLAGS".to_owned()),
        RustflagsPlace::Build,
        "build",
        &mut parts,
    );
    let has = |place| {
        parts
            .iter()
            .any(|p| p.place == place && !p.value.flags().is_empty())
    };
    let place = variable.unwrap_or_else(|| {
        [RustflagsPlace::Target, RustflagsPlace::Build]
            .into_iter()
            .find(|place| has(*place))
            .unwrap_or(RustflagsPlace::None)
    });
    finish(layers, parts, place)
}

/// Sorts the parts into those in force and those that something excludes.
fn finish(layers: &Layers, parts: Vec<Part>, place: RustflagsPlace) -> (Rustflags, Vec<Setting>) {
    let winner = parts
        .iter()
        .find(|p| p.place == place)
        .map(|p| (p.origin.clone(), p.value.clone(), p.table.clone()));
    let mut flags = Rustflags {
        place,
        flags: Vec::new(),
        origins: Vec::new(),
    };
    let mut rows: Vec<Setting> = Vec::new();
    let mut lost: Vec<Setting> = Vec::new();
    for part in parts {
        let in_force = part.place == place;
        if in_force {
            flags.flags.extend(match part.place {
                RustflagsPlace::EncodedVariable => encoded(&part.value),
                _ => part.value.flags(),
            });
            flags.origins.push(part.origin.clone());
        }
        let excluded = winner.clone().filter(|_| !in_force);
        let setting = Setting {
            table: part.table,
            key: "rustflags".to_owned(),
            value: part.value,
            origin: part.origin,
            void: excluded.as_ref().map(|(o, v, t)| exclusion(o, v, t)),
            shadowed_by: excluded.map(|(origin, _, _)| origin),
        };
        if in_force { &mut rows } else { &mut lost }.push(setting);
    }
    rows.append(&mut lost);
    rows.extend(env_table(layers));
    (flags, rows)
}

/// Why one source keeps another from being read.
fn exclusion(origin: &Origin, value: &Value, table: &str) -> String {
    match (origin.kind, &origin.path) {
        (OriginKind::Environment, Some(name)) if name.ends_with("RUSTFLAGS") => {
            let empty = matches!(value, Value::String(s) if s.is_empty());
            format!(
                "the environment variable {name} is set{}, and cargo then reads no other rustflags",
                if empty { " (to nothing)" } else { "" }
            )
        }
        _ => format!(
            "`{table}.rustflags` ({origin}) is set, and cargo reads only one kind of rustflags"
        ),
    }
}

fn encoded(value: &Value) -> Vec<String> {
    match value {
        Value::String(s) if !s.is_empty() => s.split('\u{1f}').map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn variables(inputs: &Inputs<'_>) -> Vec<Part> {
    let mut parts = Vec::new();
    for (name, place) in [
        ("CARGO_ENCODED_RUSTFLAGS", RustflagsPlace::EncodedVariable),
        ("RUSTFLAGS", RustflagsPlace::Variable),
    ] {
        if let Some(text) = inputs.environment.get(name) {
            parts.push(Part {
                place,
                table: "environment".to_owned(),
                value: Value::String(text.clone()),
                origin: Origin::variable(name),
            });
        }
    }
    parts
}

/// The names under `target` that apply: the triple, then matching `cfg(…)` in order.
fn target_tables(inputs: &Inputs<'_>, layers: &Layers, triple: &str) -> Vec<String> {
    let mut matching: Vec<String> = Vec::new();
    let mut cfgs: Option<Vec<cargo_platform::Cfg>> = None;
    for layer in layers.cli.iter().chain(&layers.files) {
        let Some(targets) = layer.get(&["target"]).and_then(Item::as_table_like) else {
            continue;
        };
        for (name, _) in targets.iter() {
            if !name.starts_with("cfg(") || matching.iter().any(|m| m == name) {
                continue;
            }
            let cfgs = cfgs.get_or_insert_with(|| (inputs.cfgs)(triple));
            let platform = name.parse::<cargo_platform::Platform>();
            if platform.is_ok_and(|p| p.matches(triple, cfgs)) {
                matching.push(name.to_owned());
            }
        }
    }
    matching.sort();
    matching.insert(0, triple.to_owned());
    matching
}

/// Joins one key over all layers: strings replace each other, lists are joined, farthest first.
fn list_parts(
    inputs: &Inputs<'_>,
    layers: &Layers,
    path: &[&str],
    variable: Option<String>,
    place: RustflagsPlace,
    table: &str,
    parts: &mut Vec<Part>,
) {
    // From the nearest; a string takes the place of what lies farther away.
    let mut found: Vec<(Value, Origin)> = Vec::new();
    let mut closed = false;
    let mut add = |value: Value, origin: Origin, found: &mut Vec<(Value, Origin)>| {
        if !closed {
            closed = matches!(value, Value::String(_)) && origin.kind != OriginKind::Environment;
            found.push((value, origin));
        }
    };
    for layer in &layers.cli {
        if let Some(item) = layer.get(path) {
            add(Value::from_item(item), layer.origin(item), &mut found);
        }
    }
    let variable = variable.and_then(|name| inputs.environment.get(&name).map(|t| (name, t)));
    if let Some((name, text)) = variable {
        add(
            Value::String(text.clone()),
            Origin::variable(name),
            &mut found,
        );
    }
    for layer in &layers.files {
        if let Some(item) = layer.get(path) {
            add(Value::from_item(item), layer.origin(item), &mut found);
        }
    }
    parts.extend(found.into_iter().rev().map(|(value, origin)| Part {
        place,
        table: table.to_owned(),
        value,
        origin,
    }));
}

/// `[env] RUSTFLAGS`, which cargo sets for the programs it runs but does not read itself.
fn env_table(layers: &Layers) -> Vec<Setting> {
    let mut rows = Vec::new();
    for layer in layers.cli.iter().chain(&layers.files) {
        if let Some(item) = layer.get(&["env", "RUSTFLAGS"]) {
            rows.push(Setting {
                table: "env".to_owned(),
                key: "rustflags".to_owned(),
                value: Value::from_item(item),
                origin: layer.origin(item),
                shadowed_by: None,
                void: Some(
                    "`[env]` is for the programs that cargo runs; cargo reads RUSTFLAGS from its own environment".to_owned(),
                ),
            });
        }
    }
    rows
}
