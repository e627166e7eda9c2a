//! Have the effective settings drifted from the plan, and did rustc get them?
//!
//! Without a build: whatever the plan would still change has drifted. With `--build`: every value
//! that should be in force is looked for in the arguments that rustc was given in a private build,
//! for the unit itself and for everything that is linked into it.

use codecost::Result;
use codecost::cargo::config::{self, Origin, Value};

use crate::build::{self, Settings};
use crate::plan::Plan;
use crate::project::Project;
use crate::receipt::fnv1a;
use crate::record::{Records, Unit};

/// Whether one key is as the plan wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// In force; with `--build`: and rustc got it.
    Pass,
    /// Another value is in force.
    Drifted,
    /// In force by all rules, and yet rustc did not get it.
    NotProven,
}

impl Status {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Drifted => "drifted",
            Self::NotProven => "not-proven",
        }
    }
}

/// One key.
#[derive(Debug, Clone)]
pub struct Row {
    /// The bare key, or the knob's name for flags.
    pub key: String,
    /// The package that an override is for, where it is one.
    pub package: Option<&'static str>,
    /// The value wanted.
    pub expected: Value,
    /// The value in force.
    pub value: Option<Value>,
    /// Where that comes from.
    pub origin: Option<Origin>,
    /// The verdict.
    pub status: Status,
    /// What rustc's arguments show.
    pub proof: Option<String>,
}

/// Compares the plan with what is in force.
pub fn drift(project: &Project, plan: &Plan) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for change in &plan.changes {
        let flags = change.flags();
        let setting = if flags.is_empty() {
            project.effective.get(change.key())
        } else {
            None
        };
        rows.push(Row {
            key: change.key().to_owned(),
            package: None,
            expected: if flags.is_empty() {
                change.after.clone()
            } else {
                Value::List(flags.to_vec())
            },
            value: change.before.clone(),
            origin: setting.map(|s| s.origin.clone()),
            status: Status::Drifted,
            proof: None,
        });
    }
    for skipped in &plan.skipped {
        if let Some(value) = &skipped.in_force {
            let setting = project.effective.get(&skipped.key);
            rows.push(Row {
                key: skipped.key.clone(),
                package: skipped.package,
                expected: value.clone(),
                value: Some(value.clone()),
                origin: setting.map(|s| s.origin.clone()),
                status: Status::Pass,
                proof: None,
            });
        }
    }
    for setting in void_settings(project, plan) {
        rows.push(setting);
    }
    rows
}

/// Keys that the plan wants but that something makes void or out of reach: they have drifted, and
/// no edit of ours would help.
fn void_settings(project: &Project, plan: &Plan) -> Vec<Row> {
    let mut rows = Vec::new();
    for skipped in plan.skipped.iter().filter(|s| s.unreachable) {
        let setting = project.effective.get(&skipped.key);
        rows.push(Row {
            key: skipped.key.clone(),
            package: None,
            expected: skipped
                .wanted
                .clone()
                .unwrap_or(Value::Other(skipped.key.clone())),
            value: setting.map(|s| s.value.clone()),
            origin: setting.map(|s| s.origin.clone()),
            status: Status::Drifted,
            proof: Some(skipped.reason.clone()),
        });
    }
    rows
}

/// Builds privately and proves what passes from the recorded arguments.
///
/// # Errors
///
/// The build fails.
pub fn prove(project: &Project, rows: &mut [Row]) -> Result<usize> {
    let effective = &project.effective;
    let identity: Vec<String> = effective
        .settings
        .iter()
        .filter(|s| s.in_force())
        .map(|s| format!("{}.{}={}", s.table, s.key, s.value))
        .chain([
            project.toolchain.release.clone(),
            project.selection.profile().to_owned(),
        ])
        .collect();
    // One directory per configuration: there each unit has one record, and a fresh unit's is right.
    let name = format!("check-{:016x}", fnv1a(identity.join("\n").as_bytes()));
    let directory = build::directory(project, &name);
    build::build(project, &directory, None, &Settings::default(), false)?;
    let records = Records::load(&build::records(&directory))?;
    let roots: Vec<&Unit> = records
        .roots()
        .into_iter()
        .filter(|u| !u.is_compile_time() && !u.is_test())
        .collect();
    for row in rows.iter_mut().filter(|r| r.status == Status::Pass) {
        let mut units = 0;
        let mut missing = None;
        for root in &roots {
            let (count, fault) = prove_unit(project, row, root, &records);
            units += count;
            missing = missing.or(fault);
        }
        match missing {
            Some(fault) => {
                row.status = Status::NotProven;
                row.proof = Some(fault);
            }
            None if units == 0 && row.package.is_some() => {
                row.proof = Some("no unit that the override is for".to_owned());
            }
            None if units == 0 => {
                row.status = Status::NotProven;
                row.proof = Some("no recorded unit concerns this key".to_owned());
            }
            None => {
                row.proof = Some(format!(
                    "{} of {units} recorded",
                    codecost::units::counted(units as u64, "unit")
                ));
            }
        }
    }
    Ok(roots.len())
}

/// How many units show it, and the first that does not.
fn prove_unit(
    project: &Project,
    row: &Row,
    root: &Unit,
    records: &Records,
) -> (usize, Option<String>) {
    let key = row.key.as_str();
    let linked = root
        .crate_types()
        .iter()
        .any(|t| matches!(*t, "bin" | "cdylib" | "staticlib" | "dylib"));
    let only_root = matches!(key, "lto" | "strip" | "incremental");
    if only_root && key != "incremental" && !linked {
        return (0, None);
    }
    let mut units = if only_root {
        vec![root]
    } else {
        records.closure(root)
    };
    let is_member = |unit: &Unit| {
        let members = project.workspace.members();
        members.iter().any(|p| p.name.as_str() == unit.package)
    };
    match row.package {
        Some("*") => units.retain(|unit| !is_member(unit)),
        Some(name) => units.retain(|unit| unit.package == name),
        None => {}
    }
    let mut count = 0;
    for unit in units {
        if row.package.is_none() && !only_root && has_override(project, key, &unit.package) {
            continue;
        }
        count += 1;
        if let Some(fault) = mismatch(key, &row.expected, unit) {
            return (
                count,
                Some(format!("{} ({}): {fault}", unit.crate_name(), unit.package)),
            );
        }
    }
    (count, None)
}

fn has_override(project: &Project, key: &str, package: &str) -> bool {
    let member = project
        .workspace
        .members()
        .iter()
        .any(|p| p.name.as_str() == package);
    project.effective.settings.iter().any(|s| {
        let Some(spec) = s
            .table
            .strip_prefix("profile.")
            .and_then(|t| t.split_once(".package."))
        else {
            return false;
        };
        let name = spec.1.trim_matches(['"', '\'']);
        let name = name.rsplit('#').next().unwrap_or(name);
        let name = name.split(['@', ':']).next().unwrap_or(name);
        s.key == key && s.in_force() && (name == package || (name == "*" && !member))
    })
}

/// Why a unit does not show that the key has the value; `None` if it does.
pub fn mismatch(key: &str, expected: &Value, unit: &Unit) -> Option<String> {
    let wanted = config::canonical(key, expected);
    let got = |option: &str| unit.codegen(option);
    let text = |option: &str, value: Option<String>| match value {
        Some(value) => format!("rustc got `-C {option}={value}`, not {wanted}"),
        None => format!("rustc got no `-C {option}`, and {wanted} was expected"),
    };
    let (option, actual) = match key {
        // Cargo passes no option where rustc's default is meant.
        "opt-level" => (key, got(key).unwrap_or_else(|| "0".into())),
        "codegen-units" => {
            let incremental = got("incremental").is_some();
            (
                key,
                got(key).unwrap_or_else(|| if incremental { "256" } else { "16" }.into()),
            )
        }
        "panic" => (key, got(key).unwrap_or_else(|| "unwind".into())),
        "strip" => (key, got(key).unwrap_or_else(|| "none".into())),
        "lto" => (
            key,
            match got(key).as_deref() {
                None => "thin-local".to_owned(),
                Some("" | "fat" | "yes" | "y" | "on" | "true") => "fat".to_owned(),
                Some("no" | "n" | "off" | "false") => "off".to_owned(),
                Some(other) => other.to_owned(),
            },
        ),
        "debug" => {
            let level = got("debuginfo").unwrap_or_else(|| "0".into());
            let value = level
                .parse()
                .map_or_else(|_| Value::String(level), Value::Integer);
            ("debuginfo", config::canonical("debug", &value))
        }
        "incremental" => {
            // Only path dependencies are compiled incrementally.
            (key, got(key).is_some().to_string())
        }
        "overflow-checks" | "debug-assertions" => (
            key,
            match got(key).as_deref() {
                None => return None,
                Some("on" | "yes" | "y" | "true" | "") => "true".to_owned(),
                Some(_) => "false".to_owned(),
            },
        ),
        _ => {
            let flags = match expected {
                Value::List(flags) => flags.clone(),
                Value::String(flag) => vec![flag.clone()],
                _ => return Some(format!("`{key}` cannot be proven")),
            };
            let missing = flags.iter().find(|flag| !unit.has(flag))?;
            return Some(format!("rustc did not get `{missing}`"));
        }
    };
    (actual != wanted).then(|| text(option, got(option)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn unit(args: &[&str]) -> Unit {
        Unit {
            package: "a".into(),
            root: PathBuf::new(),
            primary: true,
            args: args.iter().map(|a| (*a).to_owned()).collect(),
        }
    }

    #[test]
    fn arguments_prove_values_and_later_ones_disprove_them() {
        let z = Value::String("z".into());
        assert_eq!(
            mismatch("opt-level", &z, &unit(&["-C", "opt-level=z"])),
            None
        );
        let beaten = unit(&["-C", "opt-level=z", "-Copt-level=1"]);
        assert!(
            mismatch("opt-level", &z, &beaten)
                .unwrap()
                .contains("opt-level=1")
        );
        assert!(mismatch("opt-level", &z, &unit(&[])).is_some());
        assert_eq!(
            mismatch("lto", &Value::Bool(true), &unit(&["-C", "lto"])),
            None
        );
        assert!(mismatch("lto", &Value::Bool(true), &unit(&["-C", "lto=thin"])).is_some());
        assert!(mismatch("lto", &Value::Bool(true), &unit(&[])).is_some());
        let abort = Value::String("abort".into());
        assert!(mismatch("panic", &abort, &unit(&[])).is_some());
        let flag = Value::List(vec!["-Clink-arg=-x".into()]);
        assert_eq!(mismatch("relr", &flag, &unit(&["-C", "link-arg=-x"])), None);
        assert!(mismatch("relr", &flag, &unit(&["-Clink-arg=-y"])).is_some());
    }
}
