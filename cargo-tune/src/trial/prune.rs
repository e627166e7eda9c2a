//! Trials that need no build, because what is known already says that they cannot win.
//!
//! Four bounds. A knob without a danger is left in a plan for size whatever its own part is, so
//! its part need not be known (`cargo tune measure` shows it). `panic = "abort"` stays where the
//! tables of cleanups that it takes away are several times the threshold by themselves: they have
//! no other use, and the cleanups, which are code, come on top. Where `s` is larger than `z`, 2 is
//! taken to be larger than `s`, and 3 than 2, because each of them inlines and unrolls more; and
//! where the whole program is larger at `s`, its large crates at `s` are taken to be larger, too.
//! The last two are rules of thumb, not proofs; where the two levels differ by less than a
//! hundredth, everything is tried.

use std::path::Path;

use codecost::cargo::config::Value;
use codecost::image::Image;
use codecost::units::Bytes;

use super::outcome::{Outcome, worthwhile};
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

/// The estimate of the tables may be too large by this factor: code that inlines less may have fewer
/// cleanups than its size says.
const MARGIN: u64 = 4;

/// What is known when a trial comes up.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    /// The build as it is.
    pub(super) baseline: &'a Outcome,
    /// The trials so far.
    pub(super) rows: &'a [Outcome],
    /// Whether variants are also compared by their speed.
    pub(super) timed: bool,
}

/// Why `variant` cannot win beside what is known; `None` if it may.
pub(super) fn bound(request: &Request, variant: &Variant, known: Known<'_>) -> Option<String> {
    let Known {
        baseline,
        rows,
        timed,
    } = known;
    if request.goal != Goal::Size {
        return None;
    }
    match &variant.role {
        Role::Without(subject) if *subject == Subject::key(Key::Panic) => {
            let plan = rows.iter().find(|row| row.variant.role == Role::Plan)?;
            let (before, after) = (Unwinding::of(baseline)?, Unwinding::of(plan)?);
            taken_away(before, after, plan.size()?)
        }
        Role::Without(Subject::Key { package: None, key }) if is_harmless(*key) => Some(format!(
            "nothing is in danger with `{}`, so it stays whatever its own part is",
            key.name()
        )),
        Role::OptLevel(Value::Integer(level)) if !timed => larger(*level, rows),
        Role::Packages(_) if !timed && is_at_s(variant) => {
            let excess = excess_of_s(rows)?;
            (excess > CLOSE).then(|| {
                format!(
                    "the whole program is {:.1} % larger at `s` than with the plan",
                    excess * 100.0
                )
            })
        }
        _ => None,
    }
}

/// Whether all that it changes for packages is `s` in place of `z`.
fn is_at_s(variant: &Variant) -> bool {
    let small = |level: &str| Value::String(level.into());
    let mut levels = variant.assignments.iter().filter_map(|a| match a {
        Assignment::Key(setting) if setting.key == Key::OptLevel => Some(setting),
        _ => None,
    });
    levels.all(|setting| match setting.package {
        Some(_) => setting.value == small("s"),
        None => setting.value == small("z"),
    })
}

/// How much of a program serves to unwind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unwinding {
    /// Bytes of the tables that say which cleanup belongs to which call.
    tables: u64,
    /// Bytes of machine code.
    code: u64,
}

impl Unwinding {
    /// Of a program that was built; `None` where its format keeps them otherwise.
    fn of(outcome: &Outcome) -> Option<Self> {
        let weighed = outcome.weighed.as_ref()?;
        let tables = tables(&weighed.path)?;
        let code = weighed.text_size?;
        Some(Self { tables, code })
    }
}

/// The size of the language's own unwind tables, in ELF and Mach-O.
fn tables(path: &Path) -> Option<u64> {
    let bytes = std::fs::read(path).ok()?;
    let image = Image::parse(path, &bytes).ok()?;
    let named = |name| image.section(name);
    let (_, section) = named(".gcc_except_table").or_else(|| named("__gcc_except_tab"))?;
    Some(image.section_bytes(section).len() as u64)
}

/// Why a panic that aborts is worth it for sure: its part is at least what the tables say, at the
/// size that the code has with the plan.
fn taken_away(before: Unwinding, after: Unwinding, whole: u64) -> Option<String> {
    let tables = before.tables.saturating_sub(after.tables);
    let scale = (after.code as f64 / before.code.max(1) as f64).min(1.0);
    let tables = (tables as f64 * scale) as u64;
    worthwhile(i128::from(tables / MARGIN), whole).then(|| {
        format!(
            "about {} of tables of cleanups alone are gone with it, so it stays",
            Bytes(tables)
        )
    })
}

/// Whether the program does the same with the key and without it.
fn is_harmless(key: Key) -> bool {
    match key {
        Key::Lto | Key::CodegenUnits | Key::Incremental | Key::Debug | Key::SplitDebuginfo => true,
        Key::OptLevel | Key::Panic | Key::Strip | Key::OverflowChecks => false,
    }
}

/// By which share the plan with `s` is larger than the plan itself.
fn excess_of_s(rows: &[Outcome]) -> Option<f64> {
    let size = |role: &Role| rows.iter().find(|r| r.variant.role == *role)?.size();
    let planned = size(&Role::Plan)?;
    let at_s = size(&Role::OptLevel(Value::String("s".into())))?;
    Some(at_s as f64 / planned.max(1) as f64 - 1.0)
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
        let baseline = row(Role::Baseline, 200_000);
        let bound = |goal, variant: &Variant, rows: &[Outcome], timed| {
            let known = Known {
                baseline: &baseline,
                rows,
                timed,
            };
            super::bound(&request(goal), variant, known)
        };
        let far = [row(Role::Plan, 100_000), row(s(), 103_000)];
        assert!(bound(Goal::Size, &level(2), &far, false).is_some());
        assert!(bound(Goal::Size, &level(3), &far, false).is_some());
        // Speed decides, too.
        assert!(bound(Goal::Size, &level(2), &far, true).is_none());
        assert!(bound(Goal::Speed, &level(2), &far, false).is_none());
        let near = [row(Role::Plan, 100_000), row(s(), 99_500)];
        assert!(bound(Goal::Size, &level(2), &near, false).is_none());
        let without = |key| Variant::new(Role::Without(Subject::key(key)), Vec::new());
        assert!(bound(Goal::Size, &without(Key::Lto), &near, false).is_some());
        // Files that nobody can read bound nothing.
        assert!(bound(Goal::Size, &without(Key::Panic), &near, false).is_none());
        let large = |level: &str| {
            let level = Value::String(level.into());
            let large = Assignment::package_key(Some("a".to_owned()), Key::OptLevel, level);
            let small = Assignment::key(Key::OptLevel, Value::String("z".into()));
            Variant::new(Role::Packages("large".into()), vec![small, large])
        };
        assert!(bound(Goal::Size, &large("s"), &far, false).is_some());
        assert!(bound(Goal::Size, &large("s"), &far, true).is_none());
        assert!(bound(Goal::Size, &large("s"), &near, false).is_none());
        assert!(bound(Goal::Size, &large("z"), &far, false).is_none());
    }

    #[test]
    fn an_abort_stays_where_its_tables_alone_are_worth_it() {
        let of = |tables, code| Unwinding { tables, code };
        let (before, after) = (of(40_000, 1_000_000), of(2_000, 500_000));
        let reason = taken_away(before, after, 900_000).unwrap();
        assert!(reason.starts_with("about 18.6 KiB"), "{reason}");
        // Of a larger program this is a smaller share, and the trial has to say it.
        assert!(taken_away(before, after, 9_000_000).is_none());
        assert!(taken_away(of(6_000, 1_000_000), after, 900_000).is_none());
        assert!(taken_away(after, before, 900_000).is_none());
        assert!(taken_away(before, of(2_000, 0), 900_000).is_none());
    }
}
