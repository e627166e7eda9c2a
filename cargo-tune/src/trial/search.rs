//! Finding the best assignment in few builds.
//!
//! Baseline and the goal's whole recipe first; then, at the recipe, other opt-levels and one knob
//! out at a time, which catches what knobs do to each other; then the combination of what held,
//! and at most three batches of packages chosen by a profile. A knob whose own part is under the
//! threshold is left out: safety first. The winner is built once more in an empty directory.

use std::path::PathBuf;

use codecost::Result;
use codecost::cargo::config::{self, Value};
use codecost::console::Console;

use super::measure::{outcome, time};
use super::workload::Workload;
use super::{Bench, Outcome, Status, Turn, Variant, paired, worthwhile};
use crate::plan::{Goal, Plan, Request};
use crate::project::Project;

/// What to search with.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// A command to time.
    pub workload: Option<String>,
    /// A command that must succeed with the winner.
    pub verify: Option<String>,
    /// How many builds may be made.
    pub budget: usize,
    /// Hot and cold packages.
    pub heat: Option<Heat>,
    /// Only every n-th trial: index from 1, and n.
    pub shard: Option<(usize, usize)>,
}

/// Packages by how much of the time they take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heat {
    /// Where the time goes.
    pub hot: Vec<String>,
    /// Where it does not, the coldest first.
    pub cold: Vec<String>,
}

/// What was found.
pub struct Found {
    /// The build as it is.
    pub baseline: Outcome,
    /// Every trial.
    pub rows: Vec<Outcome>,
    /// How many builds were made.
    pub builds: usize,
    /// How many of them were there from an earlier run.
    pub resumed: usize,
    /// Whether the winner's clean build was the same, byte for byte.
    pub reproducible: Option<bool>,
    /// The baseline against itself.
    pub noise: Option<paired::Interval>,
    /// What could not be done within the budget.
    pub untried: Vec<String>,
}

/// Searches.
///
/// # Errors
///
/// The baseline does not build, or the workload fails with it.
pub fn search(
    project: &Project,
    request: &Request,
    plan: &Plan,
    options: &Options,
    console: &mut Console,
) -> Result<Found> {
    let mut bench = Bench::new(project)?;
    let workload = options
        .workload
        .as_deref()
        .map(|text| Workload::new(project, text, bench.name()))
        .transpose()?;
    let verify = options
        .verify
        .as_deref()
        .map(|text| Workload::any(project, text, bench.name()));
    let recipe: Vec<Turn> = plan.changes.iter().map(Turn::of).collect();
    console.status("Building", &format!("{} as it is", bench.name()));
    let mut baseline = Outcome {
        variant: named("baseline", Vec::new()),
        weighed: None,
        time: None,
        status: Status::Kept,
        reason: None,
    };
    baseline.weighed = Some(bench.build(&baseline.variant)?);
    let mut trials = Trials {
        budget: options.budget,
        rows: Vec::new(),
        untried: Vec::new(),
    };
    let list = trial_list(project, request, plan, &recipe);
    for (index, variant) in list.into_iter().enumerate() {
        if options.shard.is_some_and(|(i, n)| index % n != i - 1) {
            continue;
        }
        trials.run(&mut bench, variant, &baseline, console);
    }
    if options.shard.is_none() && request.goal != Goal::Speed {
        trials.combine(&mut bench, &baseline, console);
    }
    for variant in batches(
        options.heat.as_ref(),
        request,
        &trials.best(&baseline).turns,
    ) {
        if options.shard.is_none() {
            trials.run(&mut bench, variant, &baseline, console);
        }
    }
    let mut rows = trials.rows;
    let untried = trials.untried;
    let noise = match &workload {
        Some(workload) => time(project, workload, &mut baseline, &mut rows, console)?,
        None => None,
    };
    let mut reproducible = None;
    if options.shard.is_none() {
        choose(request, &mut baseline, &mut rows);
        reproducible = settle(
            project,
            request,
            &mut bench,
            &mut baseline,
            &mut rows,
            verify.as_ref(),
            workload.as_ref(),
            console,
        );
    }
    Ok(Found {
        baseline,
        rows,
        builds: bench.builds,
        resumed: bench.resumed,
        reproducible,
        noise,
        untried,
    })
}

fn named(name: impl Into<String>, turns: Vec<Turn>) -> Variant {
    Variant {
        name: name.into(),
        turns,
    }
}

/// `turns` with one key set.
fn with(turns: &[Turn], turn: Turn) -> Vec<Turn> {
    let name = turn.name();
    let mut turns: Vec<Turn> = turns.iter().filter(|t| t.name() != name).cloned().collect();
    turns.push(turn);
    turns
}

fn without(turns: &[Turn], name: &str) -> Vec<Turn> {
    turns.iter().filter(|t| t.name() != name).cloned().collect()
}

/// The trials that do not depend on each other's results, the most promising first.
fn trial_list(project: &Project, request: &Request, plan: &Plan, recipe: &[Turn]) -> Vec<Variant> {
    let mut list = vec![named("recipe", recipe.to_vec())];
    let level = |text: &str| Value::from_variable(text);
    let levels: &[&str] = match request.goal {
        Goal::Size => &["s", "2", "3"],
        _ => &["2"],
    };
    let current = recipe
        .iter()
        .find(|t| t.name() == "opt-level")
        .map(Turn::value)
        .or_else(|| project.effective.get("opt-level").map(|s| s.value.clone()));
    let reachable = !plan
        .skipped
        .iter()
        .any(|s| s.key == "opt-level" && s.unreachable);
    for text in levels {
        let value = level(text);
        let same = current.as_ref().is_some_and(|c| {
            config::canonical("opt-level", c) == config::canonical("opt-level", &value)
        });
        if reachable && !same {
            list.push(named(
                format!("opt-level {text}"),
                with(recipe, Turn::key("opt-level", value)),
            ));
        }
    }
    if request.goal == Goal::Speed && recipe.iter().any(|t| t.name() == "lto") {
        list.push(named(
            "thin lto",
            with(recipe, Turn::key("lto", Value::String("thin".into()))),
        ));
    }
    // What only the link is concerned with costs the least; then what is most dangerous to keep.
    let mut out: Vec<&Turn> = recipe.iter().filter(|t| t.name() != "strip").collect();
    if request.goal == Goal::Size {
        // Other opt-levels stand for this one; symbols are weighed without a build.
        out.retain(|t| t.name() != "opt-level");
    }
    let rank = |turn: &Turn| match turn {
        Turn::Flag(_) => 0,
        Turn::Key { .. } if turn.name() == "panic" => 1,
        Turn::Key { .. } if turn.name() == "codegen-units" => 2,
        Turn::Key { .. } => 3,
    };
    out.sort_by_key(|t| rank(t));
    for turn in out {
        list.push(named(
            format!("without {}", turn.name()),
            without(recipe, &turn.name()),
        ));
    }
    list
}

/// Trials so far.
struct Trials {
    budget: usize,
    rows: Vec<Outcome>,
    untried: Vec<String>,
}

impl Trials {
    fn run(
        &mut self,
        bench: &mut Bench<'_>,
        variant: Variant,
        baseline: &Outcome,
        console: &mut Console,
    ) {
        let known = self
            .rows
            .iter()
            .chain([baseline])
            .any(|r| r.variant.identity() == variant.identity());
        if known {
            return;
        }
        // One build is kept for the winner's clean build.
        if bench.builds + 1 >= self.budget {
            self.untried.push(variant.name);
            return;
        }
        let best = self.rows.iter().filter_map(Outcome::size).min();
        let best = best.map_or_else(String::new, |size| {
            format!(", best so far {}", codecost::units::Bytes(size))
        });
        console.status(
            "Trying",
            &format!("{} (build {}{best})", variant.name, bench.builds + 1),
        );
        let row = outcome(bench, variant);
        if let Some(reason) = &row.reason {
            console.detail(&format!("{}: {reason}", row.variant.name));
        }
        self.rows.push(row);
    }

    fn row(&self, name: &str) -> Option<&Outcome> {
        self.rows.iter().find(|r| r.variant.name == name)
    }

    /// The smallest so far.
    fn best(&self, baseline: &Outcome) -> Variant {
        let best = self
            .rows
            .iter()
            .filter(|r| r.size().is_some())
            .min_by_key(|r| r.size());
        best.unwrap_or(baseline).variant.clone()
    }

    /// The best opt-level and every knob that held, together.
    fn combine(&mut self, bench: &mut Bench<'_>, baseline: &Outcome, console: &mut Console) {
        // A recipe that is in force already is the baseline.
        let recipe = self.row("recipe").unwrap_or(baseline);
        let Some(whole) = recipe.size() else { return };
        let mut turns = recipe.variant.turns.clone();
        let levels = self
            .rows
            .iter()
            .filter(|r| r.variant.name.starts_with("opt-level ") && r.size().is_some())
            .min_by_key(|r| r.size());
        if let Some(level) = levels {
            let gain = i128::from(whole) - i128::from(level.size().unwrap_or(whole));
            let turn = level.variant.turns.iter().find(|t| t.name() == "opt-level");
            if let (true, Some(turn)) = (gain > 0, turn) {
                turns = with(&turns, turn.clone());
            }
        }
        for row in &self.rows {
            let Some(name) = row.variant.name.strip_prefix("without ") else {
                continue;
            };
            let gain = row.size().map(|size| i128::from(size) - i128::from(whole));
            if gain.is_some_and(|gain| !worthwhile(gain, whole)) {
                turns = without(&turns, name);
            }
        }
        self.run(bench, named("combined", turns), baseline, console);
    }
}

/// Batches of packages by heat.
fn batches(heat: Option<&Heat>, request: &Request, best: &[Turn]) -> Vec<Variant> {
    let Some(heat) = heat else {
        return Vec::new();
    };
    let level = |packages: &[String], value: Value| {
        let mut turns = best.to_vec();
        for package in packages {
            turns.push(Turn::Key {
                path: vec!["package".into(), package.clone(), "opt-level".into()],
                value: value.clone(),
            });
        }
        turns
    };
    let small = Value::String("s".into());
    let mut list = Vec::new();
    if request.goal == Goal::Size {
        if !heat.hot.is_empty() {
            list.push(named(
                "hot crates fast",
                level(&heat.hot, Value::Integer(3)),
            ));
            if heat.hot.len() > 1 {
                let hottest = heat.hot.get(..heat.hot.len() / 2).unwrap_or_default();
                list.push(named(
                    "hottest crates fast",
                    level(hottest, Value::Integer(3)),
                ));
            }
        }
    } else if !heat.cold.is_empty() {
        list.push(named("cold crates small", level(&heat.cold, small.clone())));
        if heat.cold.len() > 1 {
            let (coldest, rest) = heat.cold.split_at(heat.cold.len() / 2);
            list.push(named("coldest half small", level(coldest, small.clone())));
            list.push(named("warmer half small", level(rest, small)));
        }
    }
    list.truncate(3);
    list
}

/// Gives every row its status.
pub fn choose(request: &Request, baseline: &mut Outcome, rows: &mut [Outcome]) {
    let recipe = rows.iter().find(|r| r.variant.name == "recipe");
    let whole = recipe.unwrap_or(baseline).weighed.clone();
    for row in rows.iter_mut().filter(|r| r.status != Status::Failed) {
        let Some(weighed) = &row.weighed else {
            continue;
        };
        row.status = Status::Dropped;
        let ablation = row.variant.name.starts_with("without ");
        if let (true, Some(whole)) = (ablation, &whole) {
            let gain = i128::from(weighed.size()) - i128::from(whole.size());
            if weighed.hash == whole.hash {
                row.status = Status::NoEffect;
            } else if request.goal != Goal::Speed && worthwhile(gain, whole.size()) {
                row.status = Status::Kept;
            }
        }
    }
    let winner = match request.goal {
        Goal::Speed => fastest(rows),
        _ => smallest(rows, baseline),
    };
    match winner.and_then(|index| rows.get_mut(index)) {
        Some(row) => row.status = Status::Chosen,
        None => {
            baseline.status = Status::Chosen;
            baseline.reason = Some(match request.goal {
                Goal::Speed => "no variant is faster by more than the noise".to_owned(),
                _ => "no variant is smaller by more than the threshold".to_owned(),
            });
        }
    }
}

/// The smallest, unless it is no better than the baseline. Among those within the threshold of the
/// smallest, the one that turns the fewest knobs.
fn smallest(rows: &[Outcome], baseline: &Outcome) -> Option<usize> {
    let fit = |r: &&Outcome| r.status != Status::Failed && r.size().is_some();
    let least = rows.iter().filter(fit).filter_map(Outcome::size).min()?;
    let whole = baseline.size()?;
    if !worthwhile(i128::from(whole) - i128::from(least), whole) {
        return None;
    }
    let close = |r: &Outcome| {
        r.size()
            .is_some_and(|size| !worthwhile(i128::from(size) - i128::from(least), least))
    };
    rows.iter()
        .enumerate()
        .filter(|(_, r)| fit(r) && close(r))
        .min_by_key(|(_, r)| (r.variant.turns.len(), r.size()))
        .map(|(index, _)| index)
}

/// The fastest of those whose gain is proven against all that were tried.
fn fastest(rows: &[Outcome]) -> Option<usize> {
    let timed: Vec<(usize, paired::Interval)> = rows
        .iter()
        .enumerate()
        .filter(|(_, r)| r.status != Status::Failed)
        .filter_map(|(index, r)| Some((index, r.time?)))
        .collect();
    let p: Vec<f64> = timed.iter().map(|(_, time)| time.p_faster).collect();
    timed
        .into_iter()
        .zip(paired::holm(&p))
        .filter(|((_, time), holds)| *holds && time.high < 1.0)
        .map(|(row, _)| row)
        .min_by(|a, b| a.1.ratio.total_cmp(&b.1.ratio))
        .map(|(index, _)| index)
}

/// Confirms the winner by a clean build, the verify command and, for speed, fresh runs; a winner
/// that does not hold is a failed row, and the next best is tried.
#[allow(clippy::too_many_arguments, reason = "one call, all of it needed")]
fn settle(
    project: &Project,
    request: &Request,
    bench: &mut Bench<'_>,
    baseline: &mut Outcome,
    rows: &mut [Outcome],
    verify: Option<&Workload>,
    workload: Option<&Workload>,
    console: &mut Console,
) -> Option<bool> {
    for attempt in 0..rows.len() {
        let winner = rows.iter_mut().find(|r| r.status == Status::Chosen)?;
        console.status("Confirming", &winner.variant.name);
        let clean = if attempt == 0 {
            Some(bench.confirm(&winner.variant))
        } else {
            None
        };
        let (path, reproducible, fault) = match clean {
            Some(Ok(clean)) => {
                let same = winner.weighed.as_ref().map(|w| w.hash) == Some(clean.hash);
                (clean.path, Some(same), None)
            }
            Some(Err(error)) => (PathBuf::new(), None, Some(format!("clean build: {error}"))),
            None => (
                winner
                    .weighed
                    .as_ref()
                    .map(|w| w.path.clone())
                    .unwrap_or_default(),
                None,
                None,
            ),
        };
        let fault = fault.or_else(|| {
            let failed = verify?.output(project, &path).err()?;
            Some(format!("--verify: {failed}"))
        });
        let fault = fault.or_else(|| {
            if request.goal != Goal::Speed {
                return None;
            }
            let reference = baseline.weighed.as_ref()?.path.clone();
            let paths = [reference, path.clone()];
            let again = paired::blocks(2, paired::BLOCKS, paired::seed(), |variant| {
                workload.map_or(Ok(std::time::Duration::ZERO), |w| {
                    w.time(project, paths.get(variant).unwrap_or(&path))
                })
            });
            let holds = again
                .ok()
                .and_then(|t| t.compare(1, 0))
                .is_some_and(|i| i.high < 1.0);
            (!holds).then(|| "the gain did not show again on fresh runs".to_owned())
        });
        let Some(fault) = fault else {
            return reproducible;
        };
        winner.status = Status::Failed;
        winner.reason = Some(fault);
        choose(request, baseline, rows);
    }
    None
}

/// The rows that no other row beats in both size and time (or, without time, in size and in the
/// seconds that a build takes).
pub fn pareto(baseline: &Outcome, rows: &[Outcome]) -> Vec<String> {
    let all: Vec<&Outcome> = std::iter::once(baseline)
        .chain(rows)
        .filter(|r| r.status != Status::Failed && r.weighed.is_some())
        .collect();
    let cost = |r: &Outcome| {
        let size = r.size().unwrap_or(u64::MAX) as f64;
        let other = r.time.map_or_else(
            || {
                r.weighed
                    .as_ref()
                    .and_then(|w| w.build_ns)
                    .map_or(f64::MAX, |ns| ns as f64)
            },
            |t| t.ratio,
        );
        (size, other)
    };
    all.iter()
        .filter(|r| {
            let (size, other) = cost(r);
            !all.iter().any(|o| {
                let (s, t) = cost(o);
                s <= size && t <= other && (s < size || t < other)
            })
        })
        .map(|r| r.variant.name.clone())
        .collect()
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
