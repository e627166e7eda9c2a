//! Finding the best assignment in few builds.
//!
//! Baseline and the goal's whole plan first; then, at the plan, other opt-levels and one knob
//! out at a time, which catches what knobs do to each other; then the combination of what held,
//! and at most three batches of packages chosen by a profile. A knob whose own part is under the
//! threshold is left out: safety first. Every crate of the winner is compiled once more.

use std::path::PathBuf;

use codecost::Result;
use codecost::cargo::config::Notice;
use codecost::console::Console;

use super::bench::Bench;
use super::bulk;
use super::choice::{self, choose};
use super::heat::Heat;
use super::outcome::{Outcome, Status, worthwhile};
use super::paired::Interval;
use super::price::{self, Price};
use super::proposals::{self, Base};
use super::prune::{self, Known, Pruned};
use super::settle::Confirmation;
use super::taste::{self, Taste};
use super::timing::{Timed, time};
use super::variant::{Role, Variant, with, without};
use super::workload::{Workload, Workloads};
use crate::knob::{Key, Subject};
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
    /// How to choose among the variants that are worth it.
    pub taste: Taste,
    /// Hot and cold packages.
    pub heat: Option<Heat>,
    /// Only every n-th trial: index from 1, and n.
    pub shard: Option<(usize, usize)>,
    /// Where the front is drawn.
    pub drawing: Option<PathBuf>,
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
    /// Whether the winner, compiled once more, was the same, byte for byte.
    pub reproducible: Option<bool>,
    /// The baseline against itself.
    pub noise: Option<Interval>,
    /// What the times and outputs do not say.
    pub notices: Vec<Notice>,
    /// What could not be done within the budget.
    pub untried: Vec<String>,
    /// What need not be tried.
    pub pruned: Vec<Pruned>,
}

impl Found {
    /// The variant to write; `None` where the build is best as it is.
    pub fn winner(&self) -> Option<&Variant> {
        let chosen = self.rows.iter().find(|r| r.status == Status::Chosen)?;
        Some(&chosen.variant)
    }

    /// What the chosen trial costs beside the ends of the front, with the flags that take those.
    pub fn prices(&self, goal: Goal, taste: Taste) -> Vec<Price> {
        let mut outcomes = self.rows.iter().chain([&self.baseline]);
        let chosen = outcomes.find(|row| row.status == Status::Chosen);
        let unbeaten = self.unbeaten();
        chosen.map_or_else(Vec::new, |chosen| {
            let takes = |prefer, other: &Outcome| {
                let taste = Taste {
                    prefer: Some(prefer),
                    ..taste
                };
                let taken = taste.pick(goal, &self.baseline, &self.rows);
                let taken = taken.and_then(|index| self.rows.get(index));
                taken.is_some_and(|taken| taken.variant == other.variant)
            };
            price::prices(chosen, &self.baseline, &self.rows, &unbeaten, takes)
        })
    }

    /// The trials that `taste` would take by their figures, and not by what is shown.
    pub fn unshown(&self, taste: Taste) -> Vec<&Outcome> {
        let mut outcomes = self.rows.iter().chain([&self.baseline]);
        let chosen = outcomes.find(|row| row.status == Status::Chosen);
        chosen.map_or_else(Vec::new, |chosen| {
            taste.unshown(chosen, &self.baseline, &self.rows)
        })
    }

    /// A trial's time against the baseline's, where it is known.
    pub fn pace(&self, row: &Outcome) -> Option<Interval> {
        taste::pace(row, &self.baseline)
    }

    /// The trials that no other one beats in both size and cost.
    pub fn unbeaten(&self) -> Vec<String> {
        choice::pareto(&self.baseline, &self.rows)
    }
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
        .map(|text| Workloads::new(project, &[text.to_owned()], bench.name()))
        .transpose()?;
    let verify = options
        .verify
        .as_deref()
        .map(|text| Workload::any(project, text, bench.name()));
    console.status("Building", &format!("{} as it is", bench.name()));
    let mut baseline = Outcome::baseline();
    baseline.weighed = Some(bench.build(&baseline.variant)?);
    let mut trials = Trials {
        bench: &mut bench,
        baseline: &baseline,
        console,
        budget: options.budget,
        project,
        rows: Vec::new(),
        untried: Vec::new(),
        pruned: Vec::new(),
    };
    trials.run_all(request, plan, options);
    let Trials {
        mut rows,
        untried,
        pruned,
        ..
    } = trials;
    let timed = match &workload {
        Some(workload) => time(project, workload, &mut baseline, &mut rows, console)?,
        None => None,
    };
    let mut reproducible = None;
    // A shard knows only its own trials: who wins is said when the parts are merged.
    if options.shard.is_none() {
        choose(request, options.taste, &mut baseline, &mut rows);
        let confirmation = Confirmation {
            project,
            request,
            taste: options.taste,
            verify: verify.as_ref(),
            workload: workload.as_ref(),
        };
        reproducible = confirmation.settle(&mut bench, &mut baseline, &mut rows, console);
    }
    Ok(Found {
        baseline,
        rows,
        builds: bench.builds,
        resumed: bench.resumed,
        reproducible,
        noise: timed.as_ref().and_then(Timed::noise),
        notices: timed.as_ref().map(Timed::notices).unwrap_or_default(),
        untried,
        pruned,
    })
}

/// Trials so far.
struct Trials<'a, 'p> {
    bench: &'a mut Bench<'p>,
    baseline: &'a Outcome,
    console: &'a mut Console,
    budget: usize,
    project: &'a Project,
    rows: Vec<Outcome>,
    untried: Vec<String>,
    pruned: Vec<Pruned>,
}

impl Trials<'_, '_> {
    /// Tries everything that is worth it; of a shard only the trials that do not depend on others.
    fn run_all(&mut self, request: &Request, plan: &Plan, options: &Options) {
        let project = self.project;
        let list = proposals::independent(project, request, plan);
        let timed = options.workload.is_some();
        for (index, variant) in list.into_iter().enumerate() {
            match options.shard {
                // A shard does not know the others' results, by which a trial may be needless.
                Some((i, n)) if index % n == i - 1 => self.run(variant),
                Some(_) => {}
                None => self.run_if_it_may_win(request, variant, timed),
            }
        }
        if options.shard.is_some() {
            return;
        }
        if request.goal != Goal::Speed {
            self.combine(options.taste);
        }
        let best = self.best();
        let program = self.bench.package().to_owned();
        let base = Base {
            best: &best.assignments,
            program: &program,
        };
        let batches = match &options.heat {
            Some(heat) => proposals::batches(heat, request, base),
            None => {
                let outcomes: Vec<&Outcome> = self.rows.iter().chain([self.baseline]).collect();
                let large = bulk::large(project, &outcomes);
                proposals::by_size(&large, request, timed, base)
            }
        };
        for variant in batches {
            self.run_if_it_may_win(request, variant, timed);
        }
    }

    fn run_if_it_may_win(&mut self, request: &Request, variant: Variant, timed: bool) {
        let known = Known {
            baseline: self.baseline,
            rows: &self.rows,
            timed,
        };
        match prune::bound(request, &variant, known) {
            Some(reason) => self.pruned.push(Pruned {
                name: variant.name(),
                reason,
            }),
            None => self.run(variant),
        }
    }

    fn run(&mut self, variant: Variant) {
        let effective = prune::effective(self.project, &variant);
        let is_same = |r: &Outcome| prune::effective(self.project, &r.variant) == effective;
        if is_same(self.baseline) || self.rows.iter().any(is_same) {
            return;
        }
        // One build is kept for the winner, which is compiled once more.
        if self.bench.builds + 1 >= self.budget {
            self.untried.push(variant.name());
            return;
        }
        let best = self.rows.iter().filter_map(Outcome::size).min();
        let best = best.map_or_else(String::new, |size| {
            format!(", best so far {}", codecost::units::Bytes(size))
        });
        self.console.status(
            "Trying",
            &format!("{} (build {}{best})", variant.name(), self.bench.builds + 1),
        );
        let row = self.bench.outcome(variant);
        if let Some(reason) = &row.reason {
            self.console
                .detail(&format!("{}: {reason}", row.variant.name()));
        }
        self.rows.push(row);
    }

    /// The smallest so far.
    fn best(&self) -> Variant {
        let built = self.rows.iter().filter(|r| r.size().is_some());
        let best = built.min_by_key(|r| r.size());
        best.unwrap_or(self.baseline).variant.clone()
    }

    /// The best opt-level and every knob that held, together.
    fn combine(&mut self, taste: Taste) {
        // A plan that is in force already is the baseline.
        let planned = self.rows.iter().find(|r| r.variant.role == Role::Plan);
        let planned = planned.unwrap_or(self.baseline);
        let Some(whole) = planned.size() else { return };
        let mut assignments = planned.variant.assignments.clone();
        let levels = self
            .rows
            .iter()
            .filter(|r| matches!(r.variant.role, Role::OptLevel(_)));
        let subject = Subject::key(Key::OptLevel);
        if let Some(row) = taste.level(levels.chain([planned]), self.baseline)
            && let Some(level) = row
                .variant
                .assignments
                .iter()
                .find(|a| a.subject() == subject)
        {
            assignments = with(&assignments, level.clone());
        }
        for row in &self.rows {
            let Role::Without(subject) = &row.variant.role else {
                continue;
            };
            let gain = row.size().map(|size| i128::from(size) - i128::from(whole));
            if gain.is_some_and(|gain| !worthwhile(gain, whole)) {
                assignments = without(&assignments, subject);
            }
        }
        self.run(Variant::new(Role::Combined, assignments));
    }
}
