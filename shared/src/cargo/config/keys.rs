//! The keys of a profile, alone: which there are, their defaults, what cargo takes for a value, and the
//! values that a table's key has.
//!
//! Order of precedence within one profile: `--config`, `CARGO_PROFILE_*`, config files from the
//! nearest, the root manifest.

use super::reader::Layer;
use super::source::Layers;
use super::{Inputs, Notice, Origin, OriginKind, Value};

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

/// Every key that has a value of its own.
pub(super) fn valued() -> impl Iterator<Item = &'static str> {
    KEYS.iter().chain(NIGHTLY_KEYS).copied()
}

/// Keys that only a nightly cargo accepts.
pub(super) const NIGHTLY_KEYS: &[&str] = &[
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

/// How many of a key's values, which are in order of precedence, count together. Cargo joins
/// `rustflags` of one profile over config files, variables and arguments; those of a manifest, or of
/// an inherited profile, give way to them (cargo 1.95). For all other keys it is the first.
pub(super) fn joined(key: &str, found: &[(String, Value, Origin)]) -> usize {
    let Some((table, _, first)) = found.first() else {
        return 0;
    };
    if key != "rustflags" || first.kind == OriginKind::Manifest {
        return 1;
    }
    let counts = |(other, _, origin): &&(String, Value, Origin)| {
        other == table && origin.kind != OriginKind::Manifest
    };
    found.iter().take_while(counts).count()
}

/// Says that a key in force has such a value.
pub(super) fn invalid(table: &str, key: &str, value: &Value, origin: &Origin) -> Notice {
    Notice {
        code: "invalid-value",
        message: format!(
            "`{table}.{key} = {value}` ({origin}) is not a value that the compiler accepts"
        ),
        help: Some(format!("see `cargo tune explain {key}`")),
    }
}
