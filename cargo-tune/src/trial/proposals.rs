//! Which variants a search tries, the most promising first.

use codecost::cargo::config::{Spec, Value};

use super::heat::Heat;
use super::variant::{Role, Variant, with, without};
use crate::knob::{Assignment, Key, Knob, Subject};
use crate::plan::{Goal, Plan, Request};
use crate::project::Project;

/// The trials that do not depend on each other's results.
pub(super) fn independent(project: &Project, request: &Request, plan: &Plan) -> Vec<Variant> {
    let whole: Vec<Assignment> = plan.changes.iter().map(|c| c.assignment.clone()).collect();
    let mut list = vec![Variant::new(Role::Plan, whole.clone())];
    list.extend(opt_levels(project, request, plan, &whole));
    let lto = Subject::key(Key::Lto);
    if request.goal == Goal::Speed && whole.iter().any(|a| a.subject() == lto) {
        let thin = Assignment::key(Key::Lto, Value::String("thin".into()));
        list.push(Variant::new(Role::ThinLto, with(&whole, thin)));
    }
    list.extend(ablations(request, &whole));
    list
}

/// The plan with each other opt-level that the goal may gain from.
fn opt_levels(
    project: &Project,
    request: &Request,
    plan: &Plan,
    whole: &[Assignment],
) -> Vec<Variant> {
    let is_unreachable = plan
        .skipped
        .iter()
        .any(|s| s.knob == Knob::Key(Key::OptLevel) && s.unreachable);
    if is_unreachable {
        return Vec::new();
    }
    let subject = Subject::key(Key::OptLevel);
    let planned = whole.iter().find(|a| a.subject() == subject);
    let current = match planned {
        Some(assignment) => Some(assignment.value()),
        None => project
            .setting(None, Key::OptLevel)
            .map(|s| s.value.clone()),
    };
    let current = current.map(|value| Key::OptLevel.canonical(&value));
    let levels: &[&str] = match request.goal {
        Goal::Size => &["s", "2", "3"],
        Goal::Speed | Goal::Balanced | Goal::CompileTime => &["2"],
    };
    let levels = levels.iter().map(|text| Value::from_variable(text));
    levels
        .filter(|level| current.as_ref() != Some(&Key::OptLevel.canonical(level)))
        .map(|level| {
            let mut assignments = with(whole, Assignment::key(Key::OptLevel, level.clone()));
            // An override of the program has the planned level, too.
            for assignment in &mut assignments {
                if let Assignment::Key(setting) = assignment
                    && setting.key == Key::OptLevel
                {
                    setting.value = level.clone();
                }
            }
            Variant::new(Role::OptLevel(level), assignments)
        })
        .collect()
}

/// The plan without each of its knobs.
fn ablations(request: &Request, whole: &[Assignment]) -> Vec<Variant> {
    let mut subjects: Vec<Subject> = whole.iter().map(Assignment::subject).collect();
    // What strip gives is computed from the file, without a build.
    subjects.retain(|subject| *subject != Subject::key(Key::Strip));
    if request.goal == Goal::Size {
        // The other opt-levels are trials already.
        subjects.retain(|subject| *subject != Subject::key(Key::OptLevel));
    }
    // What only the link is concerned with costs the least; then comes what is most dangerous to
    // keep.
    subjects.sort_by_key(|subject| match subject {
        Subject::Flag(_) => 0,
        Subject::Key {
            key: Key::Panic, ..
        } => 1,
        Subject::Key {
            key: Key::CodegenUnits,
            ..
        } => 2,
        Subject::Key { .. } => 3,
    });
    subjects
        .into_iter()
        .map(|subject| {
            let others = without(whole, &subject);
            Variant::new(Role::Without(subject), others)
        })
        .collect()
}

/// What batches of packages are on top of.
#[derive(Clone, Copy)]
pub(super) struct Base<'a> {
    /// The best settings so far.
    pub(super) best: &'a [Assignment],
    /// The package of the program.
    pub(super) program: &'a str,
}

impl Base<'_> {
    /// Another opt-level for some packages.
    fn batch(self, name: &str, packages: &[String], level: &Value) -> Variant {
        let mut assignments = self.best.to_vec();
        for package in packages {
            let key = |key, value| Assignment::package_key(Some(package.clone()), key, value);
            assignments.push(key(Key::OptLevel, level.clone()));
            // Cargo forgets the profile's `strip` for a program that has an override.
            let strip = Subject::key(Key::Strip);
            let strip = self.best.iter().find(|a| a.subject() == strip);
            let is_program = Spec::parse(package).name == self.program;
            assignments.extend(
                strip
                    .filter(|_| is_program)
                    .map(|strip| key(Key::Strip, strip.value())),
            );
        }
        Variant::new(Role::Packages(name.to_owned()), assignments)
    }
}

/// The shares of the time whose packages are tried at the other level; the boundary between hot and
/// cold is where the front bends.
const BOUNDARIES: [f64; 3] = [1.0, 0.9, 0.6];

/// At most three batches of packages by heat, each on top of `best`. For size, the hot ones become
/// fast; for speed, the cold ones small.
pub(super) fn batches(heat: &Heat, request: &Request, base: Base<'_>) -> Vec<Variant> {
    let mut list: Vec<Variant> = Vec::new();
    if request.goal == Goal::Size {
        let level = Subject::key(Key::OptLevel);
        let is_fast = |a: &Assignment| a.subject() == level && a.value() == Value::Integer(3);
        if base.best.iter().any(is_fast) {
            return list;
        }
        let mut before = usize::MAX;
        for share in BOUNDARIES {
            let hot = heat.hottest(share);
            if hot.is_empty() || hot.len() == before {
                continue;
            }
            before = hot.len();
            let name = match share {
                1.0 => "hot crates fast".to_owned(),
                share => format!("crates with {:.0} % of the time fast", share * 100.0),
            };
            list.push(base.batch(&name, hot, &Value::Integer(3)));
        }
    } else {
        let (small, cold) = (Value::String("z".into()), &heat.cold);
        if !cold.is_empty() {
            list.push(base.batch("cold crates small", cold, &small));
        }
        if cold.len() > 1 {
            let (coldest, rest) = cold.split_at(cold.len() / 2);
            list.push(base.batch("coldest half small", coldest, &small));
            list.push(base.batch("warmer half small", rest, &small));
        }
    }
    list
}

/// What the sizes of packages alone suggest, where nobody knows which are hot. With times, the
/// large ones small and the rest fast: a point between the ends of the front. Without, `s` for the
/// large ones, because `z` is not the smallest for every crate.
pub(super) fn by_size(
    large: &[String],
    request: &Request,
    timed: bool,
    base: Base<'_>,
) -> Vec<Variant> {
    let best = base.best;
    if large.is_empty() {
        return Vec::new();
    }
    let text = |level: &str| Value::String(level.into());
    let level = Subject::key(Key::OptLevel);
    let best_level = best.iter().find(|a| a.subject() == level);
    match (request.goal, timed) {
        (Goal::Size, true) => {
            let fast = with(best, Assignment::key(Key::OptLevel, Value::Integer(3)));
            let base = Base {
                best: &fast,
                ..base
            };
            vec![base.batch("large crates small", large, &text("z"))]
        }
        (Goal::Size, false) => match best_level.map(Assignment::value) {
            Some(value) if value == text("z") => {
                vec![base.batch("large crates at s", large, &text("s"))]
            }
            _ => Vec::new(),
        },
        _ => vec![base.batch("large crates small", large, &text("s"))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(goal: Goal) -> Request {
        Request {
            goal,
            allow: Vec::new(),
            no_config: false,
            nightly: false,
            glibc: None,
        }
    }

    fn on(best: &[Assignment]) -> Base<'_> {
        Base { best, program: "a" }
    }

    fn settings(variant: &Variant) -> Vec<String> {
        let all = variant.assignments.iter();
        all.map(|a| format!("{} = {}", a.subject(), a.value()))
            .collect()
    }

    #[test]
    fn the_boundary_between_hot_and_cold_is_tried_at_three_places() {
        let heat = Heat {
            hot: ["a", "b", "c"].map(str::to_owned).to_vec(),
            cold: vec!["d".to_owned(), "e".to_owned()],
            shares: vec![0.6, 0.3, 0.02],
        };
        let small = [Assignment::key(Key::OptLevel, Value::String("z".into()))];
        let of = |goal, best: &[Assignment]| batches(&heat, &request(goal), on(best));
        let sizes = of(Goal::Size, &small);
        let names: Vec<String> = sizes.iter().map(Variant::name).collect();
        let expected = [
            "hot crates fast",
            "crates with 90 % of the time fast",
            "crates with 60 % of the time fast",
        ];
        assert_eq!(names, expected);
        assert_eq!(
            sizes
                .iter()
                .map(|v| v.assignments.len())
                .collect::<Vec<_>>(),
            [4, 3, 2]
        );
        let speed = of(Goal::Speed, &[]);
        assert_eq!(settings(&speed[0])[0], "package.d.opt-level = \"z\"");
        // What is fast everywhere needs no package to be fast.
        let fast = [Assignment::key(Key::OptLevel, Value::Integer(3))];
        assert!(of(Goal::Size, &fast).is_empty());
    }

    #[test]
    fn an_override_for_the_program_strips_it_as_the_profile_does() {
        let heat = Heat {
            hot: ["a", "b"].map(str::to_owned).to_vec(),
            cold: Vec::new(),
            shares: vec![0.9, 0.1],
        };
        let best = [Assignment::key(Key::Strip, Value::String("symbols".into()))];
        let all = batches(&heat, &request(Goal::Size), on(&best));
        assert_eq!(
            settings(&all[0]),
            [
                "strip = \"symbols\"",
                "package.a.opt-level = 3",
                "package.a.strip = \"symbols\"",
                "package.b.opt-level = 3"
            ]
        );
        // The profile's values do not reach the program, and nobody must look for them there.
        assert!(all[0].overrides(Key::OptLevel, "a") && all[0].overrides(Key::Strip, "a"));
        assert!(!all[0].overrides(Key::Lto, "a") && !all[0].overrides(Key::OptLevel, "c"));
    }

    #[test]
    fn sizes_alone_suggest_levels_for_large_packages() {
        let best = [
            Assignment::key(Key::Lto, Value::Bool(true)),
            Assignment::key(Key::OptLevel, Value::String("z".into())),
        ];
        let large = ["regex-automata".to_owned()];
        let of = |goal, timed| by_size(&large, &request(goal), timed, on(&best));
        let timed = of(Goal::Size, true);
        assert_eq!(timed[0].name(), "large crates small");
        assert_eq!(
            settings(&timed[0]),
            [
                "lto = true",
                "opt-level = 3",
                "package.regex-automata.opt-level = \"z\""
            ]
        );
        let untimed = of(Goal::Size, false);
        assert_eq!(
            settings(&untimed[0]),
            [
                "lto = true",
                "opt-level = \"z\"",
                "package.regex-automata.opt-level = \"s\""
            ]
        );
        assert_eq!(of(Goal::Speed, true)[0].name(), "large crates small");
        assert!(by_size(&[], &request(Goal::Size), true, on(&best)).is_empty());
        assert!(by_size(&large, &request(Goal::Size), false, on(&best[..1])).is_empty());
    }
}
