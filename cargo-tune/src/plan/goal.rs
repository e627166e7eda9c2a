//! The goals and what each wants.

use std::fmt;
use std::str::FromStr;

use codecost::cargo::config::{OriginKind, Value};

use super::Wanted;
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
    pub(super) fn wanted(self, project: &Project) -> Vec<Wanted> {
        let text = |s: &str| Value::String(s.to_owned());
        let key = |key, value| Wanted {
            below: &[],
            key,
            value,
        };
        match self {
            Self::Size => vec![
                key("opt-level", text("z")),
                key("lto", Value::Bool(true)),
                key("codegen-units", Value::Integer(1)),
                key("panic", text("abort")),
                key("strip", text("symbols")),
            ],
            Self::Speed => vec![
                key("opt-level", Value::Integer(3)),
                key("lto", Value::Bool(true)),
                key("codegen-units", Value::Integer(1)),
            ],
            // An explicit opt-level is somebody's decision between size and speed.
            Self::Balanced => vec![
                key("lto", text("thin")),
                key("codegen-units", Value::Integer(1)),
            ],
            Self::CompileTime if is_development(project) => vec![
                key("debug", text("line-tables-only")),
                Wanted {
                    below: &["package", "*"],
                    key: "debug",
                    value: Value::Bool(false),
                },
                key("lto", Value::Bool(false)),
                key("incremental", Value::Bool(true)),
            ],
            Self::CompileTime => vec![
                key("debug", Value::Integer(0)),
                key("lto", Value::Bool(false)),
                key("codegen-units", Value::Integer(16)),
                key("incremental", Value::Bool(true)),
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

/// A risk that the user accepts by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allow {
    /// Relative relocations packed as a bitmap.
    Relr,
    /// Identical code folding.
    Icf,
    /// A program at a fixed address.
    StaticRelocation,
    /// Newer instructions.
    TargetCpu(String),
    /// `panic = "abort"` although code relies on unwinding.
    Abort,
}

impl Allow {
    /// The knob's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Relr => "relr",
            Self::Icf => "icf",
            Self::StaticRelocation => "static-relocation",
            Self::TargetCpu(_) => "target-cpu",
            Self::Abort => "abort",
        }
    }
}

impl FromStr for Allow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "relr" => Ok(Self::Relr),
            "icf" => Ok(Self::Icf),
            "static-relocation" => Ok(Self::StaticRelocation),
            "abort" => Ok(Self::Abort),
            _ => match text.strip_prefix("target-cpu=") {
                Some(cpu) if !cpu.is_empty() && !cpu.contains(char::is_whitespace) => {
                    Ok(Self::TargetCpu(cpu.to_owned()))
                }
                _ => Err(format!(
                    "`{text}` is not a knob with a named risk; these are relr, icf, static-relocation, target-cpu=CPU and abort"
                )),
            },
        }
    }
}
