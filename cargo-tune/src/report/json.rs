//! What all reports have in common: the schema, values and origins as JSON, warnings.

use std::path::Path;

use codecost::cargo::config::{Notice, Origin, Value};
use codecost::report::Warning;
use serde::Serialize;

use crate::project::Project;

/// The schema of every JSON object that this tool prints.
pub(super) const SCHEMA: &str = "cargo-tune/1";
/// This tool's version.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A value as JSON: a boolean, a number, a string or a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum JsonValue {
    Bool(bool),
    Integer(i64),
    Text(String),
    List(Vec<String>),
}

impl From<&Value> for JsonValue {
    fn from(value: &Value) -> Self {
        match value {
            Value::Bool(b) => Self::Bool(*b),
            Value::Integer(i) => Self::Integer(*i),
            Value::String(s) | Value::Other(s) => Self::Text(s.clone()),
            Value::List(list) => Self::List(list.clone()),
        }
    }
}

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct JsonOrigin {
    kind: &'static str,
    path: Option<String>,
    line: Option<usize>,
}

impl From<&Origin> for JsonOrigin {
    fn from(origin: &Origin) -> Self {
        Self {
            kind: origin.kind.as_str(),
            path: origin.path.clone(),
            line: origin.line,
        }
    }
}

/// One warning per cause.
pub(super) fn warnings(notices: &[Notice]) -> Vec<Warning> {
    let mut warnings: Vec<Warning> = Vec::new();
    for notice in notices {
        let warning = Warning {
            code: notice.code,
            message: notice.message.clone(),
            help: notice.help.clone(),
            count: None,
        };
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
    warnings
}

/// Where a setting comes from, for people: the file below the current directory.
pub(super) fn shown_origin(project: &Project, origin: &Origin) -> String {
    let Some(path) = origin.path.as_deref() else {
        return origin.to_string();
    };
    match origin.line {
        Some(line) => format!("{}:{line}", project.shown(Path::new(path))),
        None => project.shown(Path::new(path)),
    }
}
