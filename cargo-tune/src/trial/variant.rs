//! Variants of a build: assignments of values to knobs.

use std::fmt;

use codecost::cargo::config::Value;

use crate::knob::{Assignment, Key, Subject};

/// A variant.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// What the search or the measurement makes it for.
    pub role: Role,
    /// Which knobs have which values, in order.
    pub assignments: Vec<Assignment>,
}

impl Variant {
    /// Whether it has an override by which the profile's `key` does not reach `package`. Cargo
    /// forgets the profile's `strip` for a package that has any override.
    pub fn overrides(&self, key: Key, package: &str) -> bool {
        self.assignments.iter().any(|assignment| match assignment {
            Assignment::Key(setting) => {
                setting.is_for(package) && (setting.key == key || key == Key::Strip)
            }
            Assignment::Flag(_) => false,
        })
    }

    /// A variant.
    pub fn new(role: Role, assignments: Vec<Assignment>) -> Self {
        Self { role, assignments }
    }

    /// The name, for people and for JSON.
    pub fn name(&self) -> String {
        self.role.to_string()
    }

    /// The settings as text, equal for equal variants.
    pub fn identity(&self) -> String {
        let mut lines: Vec<String> = self
            .assignments
            .iter()
            .map(|a| format!("{}={}", a.subject(), a.value()))
            .collect();
        lines.sort();
        lines.join("\n")
    }
}

/// `assignments` with one more, in place of an earlier value of the same knob.
pub fn with(assignments: &[Assignment], assignment: Assignment) -> Vec<Assignment> {
    let mut all = without(assignments, &assignment.subject());
    all.push(assignment);
    all
}

/// `assignments` without what is given to `subject`.
pub fn without(assignments: &[Assignment], subject: &Subject) -> Vec<Assignment> {
    let others = assignments.iter().filter(|a| a.subject() != *subject);
    others.cloned().collect()
}

/// What a variant is made for. Its text is the variant's name.
#[derive(Debug, Clone, PartialEq)]
pub enum Role {
    /// The build as it is.
    Baseline,
    /// The whole plan: what is measured, where a search starts, and what profiles are beside.
    Plan,
    /// The plan with another opt-level.
    OptLevel(Value),
    /// The plan with thin LTO in place of fat.
    ThinLto,
    /// The plan without one of its knobs.
    Without(Subject),
    /// Everything together that was worth it.
    Combined,
    /// The build as it is, beside builds with a profile.
    Plain,
    /// The plan for speed with a profile.
    Pgo,
    /// The same, with its code laid out by BOLT.
    PgoBolt,
    /// The best so far with another opt-level for some packages, in words.
    Packages(String),
}

impl Role {
    /// Reads what [`fmt::Display`] writes, for `--merge`.
    pub fn parse(text: &str) -> Self {
        let known = [
            Self::Baseline,
            Self::Plan,
            Self::ThinLto,
            Self::Combined,
            Self::Plain,
            Self::Pgo,
            Self::PgoBolt,
        ];
        let without = |text: &str| Subject::parse(text.strip_prefix("without ")?);
        if let Some(role) = known.into_iter().find(|role| role.to_string() == text) {
            role
        } else if let Some(level) = text.strip_prefix("opt-level ") {
            Self::OptLevel(Value::from_variable(level))
        } else if let Some(subject) = without(text) {
            Self::Without(subject)
        } else {
            Self::Packages(text.to_owned())
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Baseline => f.write_str("baseline"),
            Self::Plan => f.write_str("plan"),
            // The bare word, as on rustc's command line.
            Self::OptLevel(Value::String(level)) => write!(f, "opt-level {level}"),
            Self::OptLevel(level) => write!(f, "opt-level {level}"),
            Self::ThinLto => f.write_str("thin lto"),
            Self::Without(subject) => write!(f, "without {subject}"),
            Self::Combined => f.write_str("combined"),
            Self::Plain => f.write_str("plain"),
            Self::Pgo => f.write_str("pgo"),
            Self::PgoBolt => f.write_str("pgo+bolt"),
            Self::Packages(which) => f.write_str(which),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knob::Flag;

    #[test]
    fn a_role_survives_as_text() {
        for role in [
            Role::Baseline,
            Role::Plan,
            Role::OptLevel(Value::String("s".into())),
            Role::OptLevel(Value::Integer(2)),
            Role::ThinLto,
            Role::Without(Subject::key(Key::CodegenUnits)),
            Role::Without(Subject::Flag(Flag::Relr)),
            Role::Combined,
            Role::Packages("hot crates fast".into()),
        ] {
            assert_eq!(Role::parse(&role.to_string()), role);
        }
    }
}
