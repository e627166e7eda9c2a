//! Which variants a search tries, the most promising first.

use codecost::cargo::config::Value;

use super::heat::Heat;
use super::variant::{Role, Variant, with, without};
use crate::knob::{Assignment, Key, Knob, Subject};
use crate::plan::{Goal, Plan, Request};
use crate::project::Project;

/// The trials that do not depend on each other's results.
pub(super) fn independent(project: &Project, request: &Request, plan: &Plan) -> Vec<Variant> {
    let recipe: Vec<Assignment> = plan.changes.iter().map(|c| c.assignment.clone()).collect();
    let mut list = vec![Variant::new(Role::Recipe, recipe.clone())];
    list.extend(opt_levels(project, request, plan, &recipe));
    let lto = Subject::key(Key::Lto);
    if request.goal == Goal::Speed && recipe.iter().any(|a| a.subject() == lto) {
        let thin = Assignment::key(Key::Lto, Value::String("thin".into()));
        list.push(Variant::new(Role::ThinLto, with(&recipe, thin)));
    }
    list.extend(ablations(request, &recipe));
    list
}

/// The recipe with each other opt-level that the goal may gain from.
fn opt_levels(
    project: &Project,
    request: &Request,
    plan: &Plan,
    recipe: &[Assignment],
) -> Vec<Variant> {
    let is_unreachable = plan
        .skipped
        .iter()
        .any(|s| s.knob == Knob::Key(Key::OptLevel) && s.unreachable);
    if is_unreachable {
        return Vec::new();
    }
    let subject = Subject::key(Key::OptLevel);
    let planned = recipe.iter().find(|a| a.subject() == subject);
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
            let assignments = with(recipe, Assignment::key(Key::OptLevel, level.clone()));
            Variant::new(Role::OptLevel(level), assignments)
        })
        .collect()
}

/// The recipe without each of its knobs.
fn ablations(request: &Request, recipe: &[Assignment]) -> Vec<Variant> {
    let mut subjects: Vec<Subject> = recipe.iter().map(Assignment::subject).collect();
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
            let others = without(recipe, &subject);
            Variant::new(Role::Without(subject), others)
        })
        .collect()
}

/// At most three batches of packages by heat, each on top of `best`.
pub(super) fn batches(heat: Option<&Heat>, request: &Request, best: &[Assignment]) -> Vec<Variant> {
    let Some(heat) = heat else {
        return Vec::new();
    };
    let batch = |name: &str, packages: &[String], level: &Value| {
        let mut assignments = best.to_vec();
        assignments.extend(packages.iter().map(|package| {
            Assignment::package_key(Some(package.clone()), Key::OptLevel, level.clone())
        }));
        Variant::new(Role::Packages(name.to_owned()), assignments)
    };
    let mut list = Vec::new();
    if request.goal == Goal::Size {
        let (fast, hot) = (Value::Integer(3), &heat.hot);
        if !hot.is_empty() {
            list.push(batch("hot crates fast", hot, &fast));
        }
        if hot.len() > 1 {
            let (hottest, _) = hot.split_at(hot.len() / 2);
            list.push(batch("hottest crates fast", hottest, &fast));
        }
    } else {
        let (small, cold) = (Value::String("s".into()), &heat.cold);
        if !cold.is_empty() {
            list.push(batch("cold crates small", cold, &small));
        }
        if cold.len() > 1 {
            let (coldest, rest) = cold.split_at(cold.len() / 2);
            list.push(batch("coldest half small", coldest, &small));
            list.push(batch("warmer half small", rest, &small));
        }
    }
    list
}
