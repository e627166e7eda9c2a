//! The few configuration values that decide how a build must be extended and how what it made is
//! started: `build.rustc`, `build.target`, every `rustflags` list, every `runner` and `[env]`, merged as
//! cargo merges them.
//!
//! Source: "Configuration" in the cargo reference, and cargo 1.95 itself where the reference is
//! silent (order of lists). The files are those of [`super::config::reader`]. Limits: this is the
//! minimum that an extended build needs; files that cargo refuses are skipped here, because cargo
//! then refuses the build itself, with a better message than ours.

use super::config::reader::{Configuration, Faults, Layer, Reader};
use super::context::Context;
use std::{collections::BTreeMap, path::Path};
use toml_edit::{Item, TableLike};

/// `include` in configuration files is stable since this minor version of Rust 1.
const INCLUDE_SINCE: u32 = 94;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Text(String),
    List(Vec<String>),
    /// Of `[env]`.
    Variable {
        value: String,
        force: bool,
    },
}

/// A variable of `[env]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: String,
    /// Whether it replaces what the user has exported.
    pub(super) force: bool,
}

impl Value {
    /// Lays a value of higher precedence over this one.
    fn overlay(&mut self, higher: Self) {
        match (self, higher) {
            (Self::List(low), Self::List(high)) => low.extend(high),
            (own, higher) => *own = higher,
        }
    }

    fn words(&self) -> Vec<String> {
        match self {
            Self::Text(text) => text.split_whitespace().map(str::to_owned).collect(),
            Self::List(list) => list.clone(),
            Self::Variable { value, .. } => vec![value.clone()],
        }
    }
}

/// The values of one level of precedence, by dotted key.
type Level = BTreeMap<String, Value>;

/// Configuration values of files and of `--config`, kept apart: environment variables are between.
#[derive(Clone, Debug, Default)]
pub(super) struct Lookup {
    files: Level,
    given: Level,
}

impl Lookup {
    /// Reads all configuration files that count in `context`, and the `--config` arguments.
    ///
    /// `minor` is the toolchain's minor version where it is known already.
    pub(super) fn load(context: &Context, given: &[String], minor: Option<u32>) -> Self {
        let home = context.cargo_home();
        let reader = Reader {
            cwd: context.directory(),
            cargo_home: home.as_deref(),
            includes: minor.is_none_or(|minor| minor >= INCLUDE_SINCE),
            faults: Faults::Skip,
        };
        let Configuration { cli, files, .. } = reader.read(given).unwrap_or_default();
        let merged = |layers: &[Layer]| {
            let mut level = Level::new();
            // The lowest first: what is nearer is laid over it.
            for layer in layers.iter().rev() {
                collect(layer.root(), root_of(layer, context), &mut level);
            }
            level
        };
        Self {
            files: merged(&files),
            given: merged(&cli),
        }
    }

    /// A string, with the environment variable between files and `--config`.
    pub(super) fn text(&self, context: &Context, key: &str) -> Option<String> {
        let own = |level: &Level| match level.get(key) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        };
        own(&self.given)
            .or_else(|| context.var(&environment_name(key)))
            .or_else(|| own(&self.files))
    }

    /// A list, or a string split at white space: files, then the environment, then `--config`.
    pub(super) fn list(&self, context: &Context, key: &str) -> Vec<String> {
        let mut words = Vec::new();
        // A string of higher precedence replaces; lists join.
        let replaced = matches!(self.given.get(key), Some(Value::Text(_)));
        if let Some(value) = self.files.get(key).filter(|_| !replaced) {
            words.extend(value.words());
        }
        if let Some(value) = context.var(&environment_name(key)) {
            words.extend(value.split_whitespace().map(str::to_owned));
        }
        if let Some(value) = self.given.get(key) {
            words.extend(value.words());
        }
        words
    }

    /// All of `[env]`, by name.
    pub(super) fn environment(&self) -> Vec<Variable> {
        let mut merged = self.files.clone();
        overlay(&mut merged, self.given.clone());
        let variable = |(key, value): (&String, &Value)| match value {
            Value::Variable { value, force } => Some(Variable {
                name: key.strip_prefix("env.")?.to_owned(),
                value: value.clone(),
                force: *force,
            }),
            _ => None,
        };
        merged.iter().filter_map(variable).collect()
    }

    /// All `target.'cfg(…)'.rustflags` with their expression, in cargo's order.
    pub(super) fn cfg_rustflags(&self) -> Vec<(String, Vec<String>)> {
        self.conditional("rustflags")
    }

    /// All `target.'cfg(…)'.runner` with their expression.
    pub(super) fn cfg_runners(&self) -> Vec<(String, Vec<String>)> {
        self.conditional("runner")
    }

    fn conditional(&self, of: &str) -> Vec<(String, Vec<String>)> {
        let mut merged = self.files.clone();
        overlay(&mut merged, self.given.clone());
        merged
            .iter()
            .filter_map(|(key, value)| {
                let target = key.strip_prefix("target.")?.strip_suffix(of)?;
                let target = target.strip_suffix('.')?;
                target
                    .starts_with("cfg(")
                    .then(|| (target.to_owned(), value.words()))
            })
            .collect()
    }
}

/// `build.rustflags` is `CARGO_BUILD_RUSTFLAGS` in the environment.
fn environment_name(key: &str) -> String {
    format!("CARGO_{}", key.replace(['.', '-'], "_").to_uppercase())
}

/// The directory from which relative paths count: the one that holds `.cargo`, or for an argument
/// the current one.
fn root_of<'a>(layer: &'a Layer, context: &'a Context) -> &'a Path {
    match &layer.path {
        Some(path) => {
            let directory = path.parent().unwrap_or(Path::new(""));
            directory.parent().unwrap_or(directory)
        }
        None => context.directory(),
    }
}

fn overlay(low: &mut Level, high: Level) {
    for (key, value) in high {
        match low.get_mut(&key) {
            Some(own) => own.overlay(value),
            None => {
                low.insert(key, value);
            }
        }
    }
}

fn collect(table: &dyn TableLike, root: &Path, level: &mut Level) {
    let mut found = Level::new();
    if let Some(build) = table.get("build").and_then(Item::as_table_like) {
        for key in ["rustflags", "target"] {
            if let Some(value) = build.get(key).and_then(value_of) {
                found.insert(format!("build.{key}"), value);
            }
        }
        if let Some(rustc) = build.get("rustc").and_then(Item::as_str) {
            let program = if rustc.contains(['/', '\\']) {
                root.join(rustc).to_string_lossy().into_owned()
            } else {
                rustc.to_owned()
            };
            found.insert("build.rustc".into(), Value::Text(program));
        }
    }
    if let Some(targets) = table.get("target").and_then(Item::as_table_like) {
        for (name, target) in targets.iter() {
            for key in ["rustflags", "runner"] {
                let own = target.as_table_like().and_then(|target| target.get(key));
                if let Some(value) = own.and_then(value_of) {
                    found.insert(format!("target.{name}.{key}"), value);
                }
            }
        }
    }
    if let Some(variables) = table.get("env").and_then(Item::as_table_like) {
        for (name, variable) in variables.iter() {
            if let Some(value) = variable_of(variable, root) {
                found.insert(format!("env.{name}"), value);
            }
        }
    }
    overlay(level, found);
}

/// `"value"`, or a table with `value`, `force` and `relative`.
fn variable_of(item: &Item, root: &Path) -> Option<Value> {
    if let Some(value) = item.as_str() {
        return Some(Value::Variable {
            value: value.to_owned(),
            force: false,
        });
    }
    let table = item.as_table_like()?;
    let value = table.get("value")?.as_str()?;
    let is = |key: &str| table.get(key).and_then(Item::as_bool).unwrap_or(false);
    let value = if is("relative") {
        root.join(value).to_string_lossy().into_owned()
    } else {
        value.to_owned()
    };
    Some(Value::Variable {
        value,
        force: is("force"),
    })
}

fn value_of(item: &Item) -> Option<Value> {
    if let Some(text) = item.as_str() {
        return Some(Value::Text(text.to_owned()));
    }
    let array = item.as_array()?;
    Some(Value::List(
        array
            .iter()
            .filter_map(|value| value.as_str().map(str::to_owned))
            .collect(),
    ))
}
