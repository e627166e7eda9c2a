//! The few configuration values that decide how a build must be extended and how what it made is
//! started: `build.rustc`, `build.target`, every `rustflags` list and `[env]`, merged as cargo
//! merges them.
//!
//! Source: "Configuration" in the cargo reference, and cargo 1.95 itself where the reference is
//! silent (order of lists, a legacy `config` beside `config.toml`). Limits: this is the minimum
//! that an extended build needs; files that cargo refuses are skipped here, because cargo then
//! refuses the build itself, with a better message than ours.

use super::config::include::included;
use super::context::Context;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use toml_edit::{DocumentMut, Item, TableLike};

/// `include` in configuration files is stable since this minor version of Rust 1.
const INCLUDE_SINCE: u32 = 94;
/// How deep files may include each other; cargo forbids cycles.
const INCLUDE_DEPTH: usize = 16;

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
        let mut lookup = Self::default();
        let include = minor.is_none_or(|minor| minor >= INCLUDE_SINCE);
        for path in files_lowest_first(context) {
            read_file(&path, include, &mut lookup.files, 0);
        }
        for argument in given {
            let path = context.absolute(Path::new(argument));
            if !argument.is_empty() && path.exists() {
                read_file(&path, include, &mut lookup.given, 0);
            } else if let Ok(document) = argument.parse::<DocumentMut>() {
                let (table, directory) = (document.as_table(), context.directory());
                let files = if include {
                    included(table, directory)
                } else {
                    Vec::new()
                };
                for file in files {
                    read_file(&file.path, include, &mut lookup.given, 0);
                }
                collect(table, directory, &mut lookup.given);
            }
        }
        lookup
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
        let mut merged = self.files.clone();
        overlay(&mut merged, self.given.clone());
        merged
            .iter()
            .filter_map(|(key, value)| {
                let target = key.strip_prefix("target.")?.strip_suffix(".rustflags")?;
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

/// From cargo's home to the working directory; the nearer file is laid over the farther.
fn files_lowest_first(context: &Context) -> Vec<PathBuf> {
    let home = context.cargo_home();
    let mut directories: Vec<PathBuf> = context
        .directory()
        .ancestors()
        .map(|directory| directory.join(".cargo"))
        .collect();
    // Cargo reads its home last, unless the walk upwards has met it already.
    if let Some(home) = home.filter(|home| !directories.contains(home)) {
        directories.push(home);
    }
    directories
        .iter()
        .rev()
        // The legacy name wins where both exist.
        .filter_map(|directory| {
            ["config", "config.toml"]
                .map(|name| directory.join(name))
                .into_iter()
                .find(|path| path.is_file())
        })
        .collect()
}

fn read_file(path: &Path, include: bool, level: &mut Level, depth: usize) {
    let Some(document) = fs::read_to_string(path)
        .ok()
        .and_then(|text| text.parse::<DocumentMut>().ok())
    else {
        return;
    };
    let directory = path.parent().unwrap_or(Path::new(""));
    let mut own = Level::new();
    if include && depth < INCLUDE_DEPTH {
        for file in included(document.as_table(), directory) {
            read_file(&file.path, include, &mut own, depth + 1);
        }
    }
    // Relative paths count from the directory that holds `.cargo`.
    collect(
        document.as_table(),
        directory.parent().unwrap_or(directory),
        &mut own,
    );
    overlay(level, own);
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
            let flags = target
                .as_table_like()
                .and_then(|target| target.get("rustflags"));
            if let Some(value) = flags.and_then(value_of) {
                found.insert(format!("target.{name}.rustflags"), value);
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
