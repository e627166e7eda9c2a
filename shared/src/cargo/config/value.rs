//! Values as they stand in manifests, config files and variables.

use std::fmt;

/// A value of a setting.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// A string.
    String(String),
    /// An array of strings.
    List(Vec<String>),
    /// Anything else, as TOML text.
    Other(String),
}

impl Value {
    /// Reads a value out of a parsed document.
    pub fn from_item(item: &toml_edit::Item) -> Self {
        match item.as_value() {
            Some(toml_edit::Value::Boolean(b)) => Self::Bool(*b.value()),
            Some(toml_edit::Value::Integer(i)) => Self::Integer(*i.value()),
            Some(toml_edit::Value::String(s)) => Self::String(s.value().clone()),
            Some(toml_edit::Value::Array(array)) => {
                let strings: Option<Vec<String>> = array
                    .iter()
                    .map(|v| v.as_str().map(str::to_owned))
                    .collect();
                strings.map_or_else(|| Self::Other(array.to_string()), Self::List)
            }
            _ => Self::Other(item.to_string().trim().to_owned()),
        }
    }

    /// Reads a variable the way cargo does: a boolean or an integer where it looks like one.
    pub fn from_variable(text: &str) -> Self {
        match text {
            "true" => Self::Bool(true),
            "false" => Self::Bool(false),
            _ => text
                .parse()
                .map_or_else(|_| Self::String(text.to_owned()), Self::Integer),
        }
    }

    /// The flags that a `rustflags` value stands for: a string is split at spaces.
    pub fn flags(&self) -> Vec<String> {
        match self {
            Self::String(s) => s.split_whitespace().map(str::to_owned).collect(),
            Self::List(list) => list.clone(),
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for Value {
    /// As TOML.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(b) => write!(f, "{b}"),
            Self::Integer(i) => write!(f, "{i}"),
            Self::String(s) => write!(f, "{}", toml_string(s)),
            Self::List(list) => {
                f.write_str("[")?;
                for (index, item) in list.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    f.write_str(&toml_string(item))?;
                }
                f.write_str("]")
            }
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// Quotes a string; `toml_edit` chooses the quotes.
fn toml_string(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_read_like_cargo_reads_them() {
        assert_eq!(Value::from_variable("true"), Value::Bool(true));
        assert_eq!(Value::from_variable("3"), Value::Integer(3));
        assert_eq!(Value::from_variable("z"), Value::String("z".into()));
    }

    #[test]
    fn display_is_toml() {
        let list = Value::List(vec!["-C".into(), "a=\"b\"".into()]);
        let parsed: toml_edit::DocumentMut = format!("k = {list}").parse().unwrap();
        assert_eq!(Value::from_item(parsed.get("k").unwrap()), list);
    }
}
