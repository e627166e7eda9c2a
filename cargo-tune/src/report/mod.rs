//! How each view's result is shown: rows for machines, pages for people.

pub(crate) mod plan;
pub(crate) mod show;
pub(crate) mod trials;

use codecost::cargo::config::{Notice, Origin, Value};
use codecost::report::Warning;
use serde::{Deserialize, Serialize};

/// The schema of every JSON object that this tool prints.
pub(crate) const SCHEMA: &str = "cargo-tune/1";
/// This tool's version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A value as JSON: a boolean, a number, a string or a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum JsonValue {
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

impl From<JsonValue> for Value {
    fn from(value: JsonValue) -> Self {
        match value {
            JsonValue::Bool(b) => Self::Bool(b),
            JsonValue::Integer(i) => Self::Integer(i),
            JsonValue::Text(s) => Self::String(s),
            JsonValue::List(list) => Self::List(list),
        }
    }
}

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct JsonOrigin {
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
pub(crate) fn warnings(notices: &[Notice]) -> Vec<Warning> {
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
