//! A knob with a value, and what it is set for.

use std::fmt;

use codecost::cargo::config::{Spec, Value};

use super::flag::{Flag, FlagSetting};
use super::key::Key;

/// A key of the profile, or of an override for packages, with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct KeySetting {
    /// The package that an override is for (`*` for all but the members); `None` for the profile.
    pub package: Option<String>,
    /// The key.
    pub key: Key,
    /// Its value.
    pub value: Value,
}

/// What stands for the absence of a value.
const UNSET: &str = "unset";

impl KeySetting {
    /// The profile's `key` without any value, for what cargo passes on only if it is set: then
    /// rustc decides by itself, and not as if it had been given its own default.
    pub fn unset(key: Key) -> Self {
        Self {
            package: None,
            key,
            value: Value::Other(UNSET.to_owned()),
        }
    }

    /// Whether it stands for the absence of a value.
    pub fn is_unset(&self) -> bool {
        matches!(&self.value, Value::Other(text) if text == UNSET)
    }

    /// Whether it is an override for `package`.
    pub fn is_for(&self, package: &str) -> bool {
        let spec = self.package.as_deref();
        spec.is_some_and(|spec| Spec::parse(spec).name == package)
    }

    /// The path of the key below the profile's table.
    pub fn path(&self) -> Vec<String> {
        let package = self.package.iter();
        let tables = package.flat_map(|package| ["package".to_owned(), package.clone()]);
        tables.chain([self.key.name().to_owned()]).collect()
    }
}

/// A knob with its value.
#[derive(Debug, Clone, PartialEq)]
pub enum Assignment {
    /// A key.
    Key(KeySetting),
    /// A flag.
    Flag(FlagSetting),
}

impl Assignment {
    /// A key of the profile itself.
    pub fn key(key: Key, value: Value) -> Self {
        Self::package_key(None, key, value)
    }

    /// A key for a package.
    pub fn package_key(package: Option<String>, key: Key, value: Value) -> Self {
        Self::Key(KeySetting {
            package,
            key,
            value,
        })
    }

    /// What the value is given to.
    pub fn subject(&self) -> Subject {
        match self {
            Self::Key(setting) => Subject::Key {
                package: setting.package.clone(),
                key: setting.key,
            },
            Self::Flag(setting) => Subject::Flag(setting.knob),
        }
    }

    /// The value, for JSON and for people.
    pub fn value(&self) -> Value {
        match self {
            Self::Key(setting) => setting.value.clone(),
            Self::Flag(setting) => Value::String(setting.flags.join(" ")),
        }
    }
}

/// What a value is given to: `lto`, `package.regex.opt-level`, `relr`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A key, of the profile or for a package.
    Key {
        /// The package.
        package: Option<String>,
        /// The key.
        key: Key,
    },
    /// A flag.
    Flag(Flag),
}

impl Subject {
    /// The key `key` of the profile itself.
    pub fn key(key: Key) -> Self {
        Self::Key { package: None, key }
    }

    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(flag) = Flag::find(text) {
            return Some(Self::Flag(flag));
        }
        let (package, name) = match text.strip_prefix("package.") {
            Some(rest) => {
                let (package, name) = rest.rsplit_once('.')?;
                (Some(package.to_owned()), name)
            }
            None => (None, text),
        };
        let key = Key::ALL.iter().copied().find(|key| key.name() == name)?;
        Some(Self::Key { package, key })
    }

    /// With a value, as [`Assignment::value`] gives it.
    pub fn assigned(self, value: Value) -> Assignment {
        match self {
            Self::Key { package, key } => Assignment::package_key(package, key, value),
            Self::Flag(knob) => Assignment::Flag(FlagSetting {
                knob,
                flags: value.flags(),
            }),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key {
                package: Some(package),
                key,
            } => write!(f, "package.{package}.{}", key.name()),
            Self::Key { package: None, key } => f.write_str(key.name()),
            Self::Flag(flag) => f.write_str(flag.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_and_assignments_survive_as_text() {
        let small = Value::String("s".into());
        for assignment in [
            Assignment::key(Key::Lto, Value::Bool(true)),
            Assignment::package_key(Some("a.b".into()), Key::OptLevel, small),
            Assignment::Flag(FlagSetting::new(Flag::Relr, "")),
        ] {
            let text = assignment.subject().to_string();
            let subject = Subject::parse(&text).unwrap();
            assert_eq!(subject.assigned(assignment.value()), assignment, "{text}");
        }
        assert_eq!(Subject::parse("package.regex.nope"), None);
        assert_eq!(Subject::parse("abort"), None);
    }
}
