//! What a plan is made of.

use std::path::PathBuf;

use codecost::cargo::config::{Notice, Value};

use crate::edit;
use crate::knob::{Assignment, FlagSetting, KeySetting, Knob, Subject};

/// One value that changes.
#[derive(Debug, Clone)]
pub struct Change {
    /// The knob and its new value.
    pub assignment: Assignment,
    /// The file.
    pub file: PathBuf,
    /// The key's path in the file.
    pub path: Vec<String>,
    /// The value in force; `None` if there is none.
    pub before: Option<Value>,
    /// The value that will be in force: for a flag, the list that it is appended to.
    pub after: Value,
}

impl Change {
    /// The change of a profile's key.
    pub fn of_key(
        setting: KeySetting,
        file: PathBuf,
        path: Vec<String>,
        before: Option<Value>,
    ) -> Self {
        Self {
            after: setting.value.clone(),
            assignment: Assignment::Key(setting),
            file,
            path,
            before,
        }
    }

    /// The knob.
    pub fn knob(&self) -> Knob {
        match &self.assignment {
            Assignment::Key(setting) => Knob::Key(setting.key),
            Assignment::Flag(setting) => Knob::Flag(setting.knob),
        }
    }

    /// The mechanism of the change, in one sentence.
    pub fn why(&self) -> &'static str {
        match &self.assignment {
            Assignment::Key(setting) => setting.key.about_value(&setting.value).why,
            Assignment::Flag(setting) => setting.knob.about().why,
        }
    }

    /// What the value is given to.
    pub fn subject(&self) -> Subject {
        self.assignment.subject()
    }

    /// The table as a header would name it.
    pub fn table(&self) -> String {
        let tables = self.path.split_last().map_or(&[][..], |(_, tables)| tables);
        let keys: Vec<String> = tables
            .iter()
            .map(|t| toml_edit::Key::new(t).to_string())
            .collect();
        keys.join(".")
    }

    /// The bare key in the file: `lto`, and `rustflags` for every flag.
    pub fn key(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    /// The flags that it adds; empty for profile keys.
    pub fn flags(&self) -> &[String] {
        match &self.assignment {
            Assignment::Flag(FlagSetting { flags, .. }) => flags,
            Assignment::Key(_) => &[],
        }
    }

    /// How to write it.
    pub fn edit(&self) -> edit::Change {
        match &self.assignment {
            Assignment::Key(setting) => edit::Change::Set(setting.value.to_string()),
            Assignment::Flag(setting) => edit::Change::Append(setting.flags.clone()),
        }
    }
}

/// One value that the goal wants and that is not changed.
#[derive(Debug, Clone)]
pub struct Skipped {
    /// The knob.
    pub knob: Knob,
    /// Why.
    pub reason: String,
    /// Files with lines, variables, packages.
    pub evidence: Vec<String>,
    /// The value, if what is wanted is in force already: then it is part of what `check` expects.
    pub in_force: Option<Value>,
    /// The value wanted.
    pub wanted: Option<Value>,
    /// The package that an override is for, where it is one.
    pub package: Option<String>,
    /// Whether something outside the files that this tool edits keeps it from being in force.
    pub unreachable: bool,
    /// What to do so that the value wanted is in force, where no edit by this tool would help.
    pub remedy: Option<String>,
}

impl Skipped {
    /// A knob that stays as it is.
    pub fn new(knob: Knob, reason: impl Into<String>, evidence: Vec<String>) -> Self {
        Self {
            knob,
            reason: reason.into(),
            evidence,
            in_force: None,
            wanted: None,
            package: None,
            unreachable: false,
            remedy: None,
        }
    }

    /// With the value that is in force and wanted.
    pub(super) fn in_force(mut self, value: Value) -> Self {
        self.in_force = Some(value);
        self
    }

    /// Because something that this tool does not edit sets another value.
    pub(super) fn unreachable(mut self, wanted: Value) -> Self {
        self.wanted = Some(wanted);
        self.unreachable = true;
        self
    }

    /// With what the user can do about it.
    pub(super) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

/// The plan.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// What to write.
    pub changes: Vec<Change>,
    /// What is not written, and why.
    pub skipped: Vec<Skipped>,
    /// What else to know.
    pub notices: Vec<Notice>,
}
