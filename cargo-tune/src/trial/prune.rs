//! Trials that need no build, because what is known already says that they cannot win.
//!
//! Two bounds. A knob without a danger is left in a plan for size whatever its own part is, so
//! its part need not be known (`cargo tune measure` shows it). And where `s` is larger than `z`, 2
//! is taken to be larger than `s`, and 3 than 2: each of them inlines and unrolls more. That is a
//! rule of thumb, not a proof; where the two differ by less than a hundredth, all levels are tried.

use codecost::cargo::config::Value;

use super::outcome::Outcome;
use super::variant::{Role, Variant};
use crate::knob::{Assignment, Key, Subject};
use crate::plan::{Goal, Request};
use crate::project::Project;

/// With less than this between two levels, the next may still be smaller than both.
const CLOSE: f64 = 0.01;

/// A trial that was not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruned {
    /// Its name.
    pub name: String,
    /// Why it cannot win.
    pub reason: String,
}

/// Why `variant` cannot win beside the `rows` so far; `None` if it may. `timed`: variants are also
/// compared by their speed.
pub(super) fn bound(
    request: &Request,
    variant: &Variant,
    rows: &[Outcome],
    timed: bool,
) -> Option<String> {
    if request.goal != Goal::Size {
        return None;
    }
    match &variant.role {
        Role::Without(Subject::Key { package: None, key }) if is_harmless(*key) => Some(format!(
            "nothing is in danger with `{}`, so it stays whatever its own part is",
            key.name()
        )),
        Role::OptLevel(Value::Integer(level)) if !timed => larger(*level, rows),
        _ => None,
    }
}

/// Whether the program does the same with the key and without it.
fn is_harmless(key: Key) -> bool {
    match key {
        Key::Lto | Key::CodegenUnits | Key::Incremental | Key::Debug | Key::SplitDebuginfo => true,
        Key::OptLevel | Key::Panic | Key::Strip | Key::OverflowChecks => false,
    }
}

/// Whether the level before this one is too large for this one to be the smallest.
fn larger(level: i64, rows: &[Outcome]) -> Option<String> {
    let size = |role: &Role| {
        let row = rows.iter().find(|row| row.variant.role == *role)?;
        row.size()
    };
    let planned = size(&Role::Plan)?;
    let (name, before) = match level {
        2 => ("s", size(&Role::OptLevel(Value::String("s".into())))?),
        3 => (
            "2",
            size(&Role::OptLevel(Value::Integer(2)))
                .or_else(|| size(&Role::OptLevel(Value::String("s".into()))))?,
        ),
        _ => return None,
    };
    let excess = before as f64 / planned.max(1) as f64 - 1.0;
    (excess > CLOSE).then(|| {
        format!(
            "opt-level {name} or one below it is {:.1} % larger than the plan already",
            excess * 100.0
        )
    })
}

/// The settings of a variant that differ from those in force: variants with the same give rustc
/// the same arguments.
pub(super) fn effective(project: &Project, variant: &Variant) -> Vec<String> {
    let mut lines: Vec<String> = variant
        .assignments
        .iter()
        .filter(|assignment| !is_in_force(project, assignment))
        .map(|assignment| {
            let value = match assignment {
                Assignment::Key(setting) => setting.key.canonical(&setting.value),
                Assignment::Flag(_) => assignment.value().to_string(),
            };
            format!("{}={value}", assignment.subject())
        })
        .collect();
    lines.sort();
    lines
}

fn is_in_force(project: &Project, assignment: &Assignment) -> bool {
    let Assignment::Key(setting) = assignment else {
        return false;
    };
    // What nobody set and what somebody set to the default are two things to rustc.
    if setting.package.is_some() || setting.key == Key::CodegenUnits {
        return false;
    }
    let in_force = project.setting(None, setting.key);
    in_force.is_some_and(|in_force| {
        in_force.void.is_none()
            && setting.key.canonical(&in_force.value) == setting.key.canonical(&setting.value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::outcome::{Status, Weighed};

    fn row(role: Role, size: u64) -> Outcome {
        Outcome {
            variant: Variant::new(role, Vec::new()),
            weighed: Some(Weighed {
                path: std::path::PathBuf::new(),
                file_size: size,
                shipped_size: None,
                text_size: None,
                compressed_size: None,
                build_ns: None,
                build_cpu_ns: None,
                units: 0,
                peak_memory: None,
                compiled: 0,
                hash: size,
            }),
            time: None,
            status: Status::Kept,
            reason: None,
        }
    }

    #[test]
    fn larger_levels_are_tried_only_where_they_are_close() {
        let request = |goal| Request {
            goal,
            allow: Vec::new(),
            no_config: false,
            nightly: false,
            glibc: None,
        };
        let level = |level: i64| Variant::new(Role::OptLevel(Value::Integer(level)), Vec::new());
        let s = || Role::OptLevel(Value::String("s".into()));
        let size = request(Goal::Size);
        let far = [row(Role::Plan, 100_000), row(s(), 103_000)];
        assert!(bound(&size, &level(2), &far, false).is_some());
        assert!(bound(&size, &level(3), &far, false).is_some());
        // Speed decides, too.
        assert!(bound(&size, &level(2), &far, true).is_none());
        assert!(bound(&request(Goal::Speed), &level(2), &far, false).is_none());
        let near = [row(Role::Plan, 100_000), row(s(), 99_500)];
        assert!(bound(&size, &level(2), &near, false).is_none());
        let without = |key| Variant::new(Role::Without(Subject::key(key)), Vec::new());
        assert!(bound(&size, &without(Key::Lto), &near, false).is_some());
        assert!(bound(&size, &without(Key::Panic), &near, false).is_none());
    }
}
