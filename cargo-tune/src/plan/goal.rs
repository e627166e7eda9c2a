//! The goals and what each wants.

use std::fmt;
use std::str::FromStr;

use codecost::cargo::config::{OriginKind, Value};

use crate::knob::{Key, KeySetting};
use crate::project::Project;

/// What to tune for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// The smallest program.
    Size,
    /// The fastest program.
    Speed,
    /// The shortest builds.
    CompileTime,
    /// Faster and smaller without giving anything up.
    Balanced,
}

impl Goal {
    /// All goals.
    pub const ALL: [Self; 4] = [Self::Size, Self::Speed, Self::CompileTime, Self::Balanced];

    /// As on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Speed => "speed",
            Self::CompileTime => "compile-time",
            Self::Balanced => "balanced",
        }
    }

    /// The profile that the goal is about unless the user names one.
    pub fn default_profile(self) -> Option<&'static str> {
        (self == Self::CompileTime).then_some("dev")
    }

    /// What the goal wants of the profile.
    pub(super) fn wanted(self, project: &Project) -> Vec<KeySetting> {
        let text = |s: &str| Value::String(s.to_owned());
        let key = |key, value| KeySetting {
            package: None,
            key,
            value,
        };
        match self {
            Self::Size => vec![
                key(Key::OptLevel, text("z")),
                key(Key::Lto, Value::Bool(true)),
                key(Key::CodegenUnits, Value::Integer(1)),
                key(Key::Panic, text("abort")),
                key(Key::Strip, text("symbols")),
            ],
            Self::Speed => vec![
                key(Key::OptLevel, Value::Integer(3)),
                key(Key::Lto, Value::Bool(true)),
                key(Key::CodegenUnits, Value::Integer(1)),
            ],
            // An explicit opt-level is a decision between size and speed, and stays.
            Self::Balanced => vec![
                key(Key::Lto, text("thin")),
                key(Key::CodegenUnits, Value::Integer(1)),
            ],
            Self::CompileTime if is_development(project) => vec![
                key(Key::Debug, text("line-tables-only")),
                KeySetting {
                    package: Some("*".to_owned()),
                    key: Key::Debug,
                    value: Value::Bool(false),
                },
                key(Key::Lto, Value::Bool(false)),
                key(Key::Incremental, Value::Bool(true)),
            ],
            Self::CompileTime => vec![
                key(Key::Debug, Value::Integer(0)),
                key(Key::Lto, Value::Bool(false)),
                key(Key::CodegenUnits, Value::Integer(16)),
                key(Key::Incremental, Value::Bool(true)),
            ],
        }
    }
}

/// Whether the profile inherits `dev`: its default for `debug-assertions` says so.
fn is_development(project: &Project) -> bool {
    matches!(project.selection.profile(), "dev" | "test")
        || project
            .effective
            .get("debug-assertions")
            .is_some_and(|s| s.value == Value::Bool(true) && s.origin.kind == OriginKind::Default)
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Goal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|goal| goal.as_str() == text);
        found.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|g| g.as_str()).collect();
            format!("`{text}` is not a goal; the goals are {}", names.join(", "))
        })
    }
}
