//! What a report is made of.

use codecost::report::Warning;

use crate::{
    allocations::Totals,
    analysis::{
        alloc::AllocTable,
        model::{Analysis, Overview},
    },
    gate::row::Gate,
    stat::Stat,
};

/// What was measured.
#[derive(Debug)]
pub struct Inputs {
    /// What it is of.
    pub title: String,
    /// Where the time goes.
    pub overview: Option<Analysis<Overview>>,
    /// Who allocates.
    pub allocations: Option<Analysis<AllocTable>>,
    /// What a run costs.
    pub stat: Stat,
    /// What an operation costs, for each benchmark.
    pub benchmarks: Vec<Benchmark>,
    /// After beside before, where a baseline was given.
    pub comparison: Option<Gate>,
    /// What could not be measured, in words.
    pub not_measured: Vec<String>,
    /// The flags that name the target, as the user would type them: `--bench parse`.
    pub target: String,
    /// The program's arguments, with ` -- ` in front.
    pub arguments: String,
    /// The baseline that it was compared with.
    pub baseline: Option<String>,
}

/// A benchmark's operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Benchmark {
    /// The harness's id.
    pub name: String,
    /// Its target.
    pub target: String,
    /// The fastest sample, in nanoseconds an operation.
    pub minimum_ns: Option<f64>,
    /// The median of sample means.
    pub p50_ns: Option<f64>,
    /// The ninetieth percentile of sample means.
    pub p90_ns: Option<f64>,
    /// Declared work in a second, and its unit.
    pub throughput: Option<(f64, &'static str)>,
    /// Blocks that an operation makes.
    pub allocations: Option<u64>,
    /// Blocks to which it gives another length.
    pub reallocations: Option<u64>,
    /// Bytes of both.
    pub bytes: Option<u64>,
    /// Instructions of an operation, simulated.
    pub instructions: Option<u64>,
}

/// Something that costs much.
#[derive(Clone, Debug, PartialEq)]
pub struct Bottleneck {
    /// One sentence.
    pub what: String,
    /// Where.
    pub location: String,
    /// Its share of the time.
    pub time: Option<f64>,
    /// The 95 % interval of that share, where samples estimate it.
    pub interval: Option<(f64, f64)>,
    /// Its share of the allocations.
    pub allocations: Option<f64>,
    /// The evidence, line by line.
    pub evidence: Vec<String>,
    /// What to do, where the finding says it.
    pub advice: Option<String>,
    /// The command to look further.
    pub command: String,
    /// A stable kebab-case code.
    pub code: &'static str,
}

impl Bottleneck {
    /// Whether it is about this function and no other: a finding that has it among those who ask leaves
    /// open what else it does.
    pub(super) fn is_about(&self, function: &str) -> bool {
        let place = self.location.split(" (").next().unwrap_or_default();
        place == function && self.what.contains(function)
    }

    /// Whether it names this function at all.
    pub(super) fn names(&self, function: &str) -> bool {
        let text = [&self.what, &self.location];
        text.into_iter()
            .chain(&self.evidence)
            .any(|text| text.contains(function))
    }
}

/// Something to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What.
    pub what: String,
    /// The most that it can bring, which was measured; what it will bring was not.
    pub at_stake: String,
    /// The command that shows more.
    pub look: String,
    /// The command that shows whether it helped.
    pub verify: String,
}

/// The report.
#[derive(Debug)]
pub struct Summary {
    /// What it is of.
    pub title: String,
    /// One sentence.
    pub verdict: String,
    /// What a run costs.
    pub stat: Stat,
    /// What an operation costs.
    pub benchmarks: Vec<Benchmark>,
    /// All allocations of a run.
    pub allocations: Option<Totals>,
    /// Why the time is not told apart, where it is not.
    pub untold: Option<String>,
    /// At most three, what costs most first.
    pub bottlenecks: Vec<Bottleneck>,
    /// What to do, in order.
    pub plan: Vec<Step>,
    /// After beside before.
    pub comparison: Option<Gate>,
    /// The command that keeps what runs now, so that a change can be compared with it; `None` where a
    /// baseline is there already.
    pub keep: Option<String>,
    /// What was not measured.
    pub not_measured: Vec<String>,
    /// What makes the figures less than they seem.
    pub warnings: Vec<Warning>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_only_asks_is_not_what_it_is_about() {
        let bottleneck = Bottleneck {
            what: "time in growing containers, most of it for `app::first`".into(),
            location: "app::first (src/main.rs:3)".into(),
            time: Some(0.1),
            interval: None,
            allocations: None,
            evidence: vec!["2.0% for app::second".into()],
            advice: None,
            command: String::new(),
            code: "growth",
        };
        assert!(bottleneck.is_about("app::first") && bottleneck.names("app::second"));
        assert!(!bottleneck.is_about("app::second") && !bottleneck.is_about("app"));
    }
}
