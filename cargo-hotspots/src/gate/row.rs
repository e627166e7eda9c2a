//! What a gate says of each benchmark, and of all.

use super::{
    change::median,
    harness::{Harness, Throughput},
    prepare::{Before, Pair, Unpaired},
    requirement::{Answer, Checked},
    runner::{Block, Outcome},
    shares::Held,
    verdict::{Limits, Status, Verdict},
};
use codecost::report::Warning;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// What a gate says.
#[derive(Clone, Debug)]
pub struct Gate {
    /// One for each benchmark, the worst first.
    pub rows: Vec<Row>,
    /// What the current side was compared with.
    pub against: Against,
    /// The commit of the current side, where there is one.
    pub commit: Option<String>,
    /// Which statuses fail besides `fail` and `missing`.
    pub fail_on: Vec<Status>,
    /// Whether the user stopped it before its end.
    pub stopped: bool,
    /// How long it took.
    pub elapsed: Duration,
    /// Where the order of runs came from.
    pub seed: u64,
    /// How many benchmarks the correction is over.
    pub family: usize,
    /// The part that this is, of how many.
    pub shard: Option<(usize, usize)>,
    /// Conditions over the shares of a recording.
    pub shares: Vec<Held>,
    /// Which commit made the worst benchmark slower, in words, where that was looked for.
    pub culprit: Option<String>,
    /// What makes it less than it seems.
    pub warnings: Vec<Warning>,
}

/// What the current side was compared with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Against {
    /// As the user named it.
    pub name: String,
    /// Its commit.
    pub commit: Option<String>,
    /// Its processor.
    pub cpu: Option<String>,
    /// Its age, in words.
    pub age: Option<String>,
}

/// A benchmark, and what is said of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The harness's id.
    pub benchmark: String,
    /// The target.
    pub target: String,
    /// Its package.
    pub package: Option<String>,
    /// What drives it.
    pub harness: Option<Harness>,
    /// What is compared.
    pub metric: Metric,
    /// The verdict.
    pub status: Status,
    /// Why, where the figures do not say it.
    pub reason: Option<String>,
    /// The figures.
    pub figures: Option<Figures>,
    /// What it has to reach.
    pub requirements: Vec<Checked>,
    /// The slowdown that is agreed to, and why.
    pub accepted: Option<(f64, String)>,
    /// From where on it is of concern, and to be acted on.
    pub limits: Limits,
    /// What became slower in it, and whether that was looked for.
    pub grew: Vec<Grew>,
}

/// What is compared of a benchmark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// The time of an iteration.
    #[default]
    Time,
    /// Its instructions.
    Instructions,
    /// The blocks that it makes.
    Allocations,
    /// The blocks to which it gives another length.
    Reallocations,
    /// The bytes that both ask for.
    Bytes,
}

impl Metric {
    /// As the interface has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Instructions => "instructions",
            Self::Allocations => "allocations",
            Self::Reallocations => "reallocations",
            Self::Bytes => "bytes",
        }
    }

    /// The metric of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        [
            Self::Time,
            Self::Instructions,
            Self::Allocations,
            Self::Reallocations,
            Self::Bytes,
        ]
        .into_iter()
        .find(|metric| metric.as_str() == name)
    }

    /// What its figures count.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Time => "ns",
            Self::Instructions | Self::Allocations | Self::Reallocations => "count",
            Self::Bytes => "bytes",
        }
    }
}

/// The figures of a benchmark; times in nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// The median block of the baseline.
    pub baseline: f64,
    /// The median block of the current side.
    pub current: f64,
    /// The same of the processes' medians.
    pub medians: (f64, f64),
    /// The ninetieth percentile of samples, the median over processes.
    pub p90: Option<(f64, f64)>,
    /// The declared work of an iteration.
    pub throughput: Option<Throughput>,
    /// What the statistics say.
    pub verdict: Verdict,
    /// What they said in the first stage, where there was a second.
    pub first: Option<Verdict>,
    /// The change of each block.
    pub changes: Vec<f64>,
}

impl Gate {
    /// Of no comparison.
    pub fn empty() -> Self {
        Self {
            rows: Vec::new(),
            against: Against::default(),
            commit: None,
            fail_on: Vec::new(),
            stopped: false,
            elapsed: Duration::ZERO,
            seed: 0,
            family: 0,
            shard: None,
            shares: Vec::new(),
            culprit: None,
            warnings: Vec::new(),
        }
    }

    /// Whether there is no figure of any benchmark, so that nothing was compared. One shard may have no
    /// benchmark at all; that is judged when all are merged.
    pub fn has_no_figures(&self) -> bool {
        let none = self.rows.iter().all(|row| row.figures.is_none());
        none && self.shard.is_none() && !self.rows.is_empty()
    }

    /// Whether the gate says no.
    pub fn fails(&self) -> bool {
        let rows = self.rows.iter().map(|row| row.status);
        let mut all = rows.chain(self.shares.iter().map(|held| held.status));
        all.any(|status| self.refuses(status))
    }

    /// Whether the gate says no for this status.
    pub fn refuses(&self, status: Status) -> bool {
        matches!(status, Status::Fail | Status::Missing) || self.fail_on.contains(&status)
    }

    /// Has these statuses fail as well.
    pub fn also_fail_on(&mut self, statuses: &[Status]) {
        for status in statuses {
            if !self.fail_on.contains(status) {
                self.fail_on.push(*status);
            }
        }
    }

    /// How many benchmarks have this status: the worst of their metrics.
    pub fn count(&self, status: Status) -> usize {
        let worst = self.worst();
        worst.values().filter(|row| row.status == status).count()
    }

    /// How many benchmarks there are.
    pub fn benchmarks(&self) -> usize {
        self.worst().len()
    }

    /// How many benchmarks have nothing to be seen.
    pub fn quiet(&self) -> usize {
        let news = self.rows.iter().filter(|row| row.is_news());
        let news: BTreeSet<_> = news.map(Row::key).collect();
        self.benchmarks() - news.len()
    }

    /// How many benchmarks are faster, and have no other metric that is worse.
    pub fn faster(&self) -> usize {
        let faster = |row: &&Row| row.metric == Metric::Time && row.improved();
        let faster: BTreeSet<_> = self.rows.iter().filter(faster).map(Row::key).collect();
        let worst = self.worst();
        let passes = |key: &&(Option<&str>, &str, &str)| {
            worst
                .get(*key)
                .is_some_and(|row| row.status == Status::Pass)
        };
        faster.iter().filter(passes).count()
    }

    /// How many benchmarks do more or take longer, and are allowed to.
    pub fn within(&self) -> usize {
        let worst = self.worst();
        let worse = self.rows.iter().filter(|row| row.is_within());
        let worse: BTreeSet<_> = worse.map(Row::key).collect();
        let passes = |key: &&_| {
            worst
                .get(*key)
                .is_some_and(|row| row.status == Status::Pass)
        };
        worse.iter().filter(passes).count()
    }

    /// What the benchmarks are called so that no two have one name.
    pub fn names(&self) -> Names<'_> {
        let mut places: BTreeMap<&str, BTreeSet<(&str, Option<&str>)>> = BTreeMap::new();
        for row in &self.rows {
            let of = places.entry(&row.benchmark).or_default();
            of.insert((&row.target, row.package.as_deref()));
        }
        Names(places)
    }

    /// The worst row of each benchmark.
    fn worst(&self) -> BTreeMap<(Option<&str>, &str, &str), &Row> {
        let mut worst: BTreeMap<_, &Row> = BTreeMap::new();
        for row in &self.rows {
            let known = worst.entry(row.key()).or_insert(row);
            if by_gravity(row, known).is_lt() {
                *known = row;
            }
        }
        worst
    }

    /// The geometric mean of all changes of time that were measured, less one.
    pub fn geomean(&self) -> Option<f64> {
        let times = self.rows.iter().filter(|row| row.metric == Metric::Time);
        let logs: Vec<f64> = times
            .filter_map(|row| row.change())
            .map(f64::ln_1p)
            .collect();
        let sum: f64 = logs.iter().sum();
        (!logs.is_empty()).then(|| (sum / logs.len() as f64).exp_m1())
    }
}

/// The places of each benchmark's id: targets of packages.
pub struct Names<'a>(BTreeMap<&'a str, BTreeSet<(&'a str, Option<&'a str>)>>);

impl Names<'_> {
    /// The id; where several targets have it, with the target in front, and where these have one
    /// name, with the package as well.
    pub fn of(&self, row: &Row) -> String {
        match self.place(row) {
            Some(place) => format!("{place}/{}", row.benchmark),
            None => row.benchmark.clone(),
        }
    }

    /// The target, where the id alone does not tell which benchmark it is.
    pub fn place(&self, row: &Row) -> Option<String> {
        let places = self.0.get(&*row.benchmark)?;
        if places.len() < 2 {
            return None;
        }
        let namesakes = places.iter().filter(|(target, _)| *target == row.target);
        match (&row.package, namesakes.count()) {
            (Some(package), 2..) => Some(format!("{package}/{}", row.target)),
            _ => Some(row.target.clone()),
        }
    }
}

impl Row {
    /// What tells its benchmark from others.
    fn key(&self) -> (Option<&str>, &str, &str) {
        (self.package.as_deref(), &self.target, &self.benchmark)
    }

    /// The median change, where there is one.
    pub fn change(&self) -> Option<f64> {
        self.figures.as_ref()?.verdict.estimate
    }

    /// Whether it is significantly faster.
    pub fn improved(&self) -> bool {
        self.status == Status::Pass
            && self
                .figures
                .as_ref()
                .is_some_and(|figures| figures.verdict.improved)
    }

    /// Whether it is significantly worse, and within its limits or what was agreed to.
    pub fn is_within(&self) -> bool {
        self.status == Status::Pass
            && self
                .figures
                .as_ref()
                .is_some_and(|figures| figures.verdict.slower)
    }

    /// Whether a reader should see it without asking.
    pub fn is_news(&self) -> bool {
        self.status != Status::Pass
            || self.improved()
            || self.is_within()
            || self
                .requirements
                .iter()
                .any(|checked| checked.answer != Answer::Met)
    }
}

/// Something that takes more time than before.
#[derive(Clone, Debug, PartialEq)]
pub struct Grew {
    /// Whether it is a crate, rather than a function.
    pub is_crate: bool,
    /// Its name.
    pub name: String,
    /// The time that it added to an iteration, as a fraction of the baseline's time.
    pub delta: f64,
}

impl Gate {
    /// Puts the worst rows first.
    pub fn sort(&mut self) {
        self.rows.sort_by(by_gravity);
    }
}

/// The worst first; of the same status the largest change.
pub fn by_gravity(a: &Row, b: &Row) -> std::cmp::Ordering {
    let size = |row: &Row| row.change().map_or(0.0, f64::abs);
    // What was measured and failed says more than what could not be measured.
    let rank = |row: &Row| (row.status == Status::Fail, row.status);
    rank(b)
        .cmp(&rank(a))
        .then(size(b).total_cmp(&size(a)))
        .then_with(|| (&a.benchmark, a.metric).cmp(&(&b.benchmark, b.metric)))
}

/// The row of a benchmark that was run.
pub(super) fn row(pair: &Pair, outcome: &Outcome) -> Row {
    let Outcome {
        status,
        reason,
        verdict,
        first,
        blocks,
    } = outcome;
    let times: Vec<f64> = blocks.iter().map(|block| block.pair().1).collect();
    let throughput = blocks.iter().find_map(|block| block.current[0].throughput);
    let requirements: Vec<Checked> = pair
        .settings
        .require
        .iter()
        .filter(|requirement| !requirement.quantity.is_counted())
        .map(|requirement| requirement.check(&times, throughput))
        .collect();
    let figures = verdict.as_ref().and_then(|verdict| {
        figures(blocks, verdict, first.as_ref()).map(|figures| Figures {
            throughput,
            ..figures
        })
    });
    let figures = figures.map(|figures| match pair.baseline {
        Before::Programs(_) => figures,
        Before::Numbers(_) => without_interval(figures),
    });
    let (status, reason) = with_requirements(*status, reason.clone(), &requirements);
    Row {
        benchmark: pair.id.clone(),
        target: pair.target.clone(),
        package: pair.package.clone(),
        harness: Some(pair.harness),
        metric: Metric::Time,
        status,
        reason,
        figures,
        requirements,
        accepted: pair.settings.accepted.clone(),
        limits: pair.settings.limits,
        grew: Vec::new(),
    }
}

/// One number of another moment: how far that is off is not known, so no interval holds, and what is
/// faster or slower may be the machine.
fn without_interval(figures: Figures) -> Figures {
    let verdict = Verdict {
        interval: None,
        improved: false,
        slower: false,
        minimum_detectable: None,
        ..figures.verdict
    };
    Figures { verdict, ..figures }
}

/// A requirement that is missed fails, whatever the change; one that cannot be told apart from its
/// limit leaves no pass.
pub(super) fn with_requirements(
    status: Status,
    reason: Option<String>,
    requirements: &[Checked],
) -> (Status, Option<String>) {
    if status == Status::Missing {
        return (status, reason);
    }
    let of = |answer: Answer| requirements.iter().find(|one| one.answer == answer);
    if let Some(missed) = of(Answer::Missed) {
        let said = format!("misses `{}`", missed.requirement);
        return (Status::Fail, Some(said));
    }
    match of(Answer::Unknown) {
        Some(unknown) if status < Status::Inconclusive => {
            let why = unknown
                .reason
                .unwrap_or("the interval is on both sides of it");
            let said = format!("`{}` cannot be judged: {why}", unknown.requirement);
            (Status::Inconclusive, Some(said))
        }
        _ => (status, reason),
    }
}

fn figures(blocks: &[Block], verdict: &Verdict, first: Option<&Verdict>) -> Option<Figures> {
    let of = |read: &dyn Fn(&Block) -> f64| -> Option<f64> {
        median(&blocks.iter().map(read).collect::<Vec<_>>())
    };
    // Of the same processes as the medians, so that no quantile is below a lower one.
    let p90s: Option<Vec<(f64, f64)>> = blocks.iter().map(Block::p90s).collect();
    let p90 = p90s.and_then(|p90s| {
        let (before, after): (Vec<f64>, Vec<f64>) = p90s.into_iter().unzip();
        median(&before).zip(median(&after))
    });
    Some(Figures {
        baseline: of(&|block| block.pair().0)?,
        current: of(&|block| block.pair().1)?,
        medians: (
            of(&|block| block.medians().0)?,
            of(&|block| block.medians().1)?,
        ),
        p90,
        throughput: None,
        verdict: verdict.clone(),
        first: first.cloned(),
        changes: blocks
            .iter()
            .map(|block| {
                let (baseline, current) = block.pair();
                current / baseline - 1.0
            })
            .collect(),
    })
}

/// The row of one that could not be.
pub(super) fn row_of_unpaired(unpaired: &Unpaired) -> Row {
    let Unpaired {
        id,
        target,
        package,
        status,
        reason,
    } = unpaired;
    Row {
        benchmark: id.clone(),
        target: target.clone(),
        package: package.clone(),
        harness: None,
        metric: Metric::Time,
        status: *status,
        reason: Some(reason.clone()),
        figures: None,
        requirements: Vec::new(),
        accepted: None,
        limits: Limits::default(),
        grew: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
