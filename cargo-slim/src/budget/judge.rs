//! From figures to a verdict.

use super::{
    baseline::Baseline,
    config::{Budget, Config, Measure, Rule, Wanted},
    measure::{Measured, Reading, of_baseline},
};
use crate::compare::delta;
use codecost::units::{Bytes, Delta, Limit};

/// What came of a rule; worse ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Held.
    Pass,
    /// Held, but above `warn`.
    Warn,
    /// Nothing was measured: as bad as a failure.
    Missing,
    /// Exceeded.
    Fail,
}

impl Status {
    /// The name in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Missing => "missing",
            Self::Fail => "fail",
        }
    }

    /// Whether the check says no.
    pub fn fails(self) -> bool {
        self >= Self::Missing
    }
}

/// One rule, judged.
#[derive(Clone, Debug)]
pub struct Row {
    /// What the rule is called: artifact and measure.
    pub budget: String,
    /// The artifact.
    pub artifact: String,
    /// What was measured.
    pub measure: String,
    /// Bytes today.
    pub value: Option<u64>,
    /// The limit.
    pub limit: Option<u64>,
    /// From where on it is worth a warning.
    pub warn: Option<u64>,
    /// Bytes in the baseline.
    pub baseline: Option<u64>,
    /// Bytes today less those in the baseline.
    pub growth: Option<i64>,
    /// How much it may grow, in bytes.
    pub growth_limit: Option<u64>,
    /// What is left below the limit, or of the growth where that is less; negative above it.
    pub slack: Option<i64>,
    /// What came of it.
    pub status: Status,
    /// Why it is not a pass, in words; of a pass, what was not judged.
    pub why: Option<String>,
    /// The reason that the file gives for the rule.
    pub reason: Option<String>,
    /// The line of the rule.
    pub line: usize,
    /// Functions that a `[[forbid]]` found.
    pub found: Vec<String>,
    /// The index of a `[[budget]]`.
    pub index: Option<usize>,
}

/// All rules, judged.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// The worst first.
    pub rows: Vec<Row>,
    /// Budgets whose growth was not judged, because no baseline was given.
    pub ungrown: u64,
    /// Budgets of crates whose verdict was another when a crate was all of its bytes in the
    /// analysis build: how, in words.
    pub remeasured: Vec<String>,
}

impl Verdict {
    /// How many rules came to this.
    pub fn count(&self, status: Status) -> usize {
        let rows = self.rows.iter();
        rows.filter(|row| row.status == status).count()
    }

    /// Whether the check says no.
    pub fn fails(&self) -> bool {
        self.rows.iter().any(|row| row.status.fails())
    }
}

/// Judges the rules of `config`; `measured` and `baseline` answer for the artifact of a rule, with
/// the reason where it could not be measured.
pub fn judge<'a>(
    config: &Config,
    measured: impl Fn(&Rule) -> Result<&'a Measured, String>,
    baseline: impl Fn(&Rule) -> Baseline<'a>,
) -> Verdict {
    let mut verdict = Verdict::default();
    for rule in &config.rules {
        let measured = measured(rule);
        let row = match &rule.wanted {
            Wanted::Budget(budget) => {
                let baseline = baseline(rule);
                if budget.growth.is_some() && matches!(baseline, Baseline::NotGiven) {
                    verdict.ungrown += 1;
                }
                let row = of_budget(rule, budget, measured.clone(), &baseline);
                verdict
                    .remeasured
                    .extend(remeasured(rule, budget, measured, &baseline, &row));
                row
            }
            Wanted::Forbid(forbid) => {
                let mut row = empty(rule, format!("forbid:{}", forbid.function.text));
                match measured.and_then(|measured| measured.matching(&forbid.function)) {
                    Err(reason) => missing(&mut row, reason),
                    Ok((bytes, found)) => {
                        row.value = Some(bytes);
                        row.limit = Some(0);
                        row.slack = Some(delta(bytes, 0));
                        if let Some(first) = found.first() {
                            row.status = Status::Fail;
                            let more = match found.len() {
                                1 => String::new(),
                                several => format!(" and {} more", several - 1),
                            };
                            row.why = Some(format!("`{first}`{more} must not be there"));
                        }
                        row.found = found;
                    }
                }
                row
            }
        };
        verdict.rows.push(row);
    }
    verdict
        .rows
        .sort_by_key(|row| (std::cmp::Reverse(row.status), row.line));
    verdict
}

fn empty(rule: &Rule, measure: String) -> Row {
    let artifact = rule.target.to_string();
    Row {
        budget: format!("{artifact} {measure}"),
        artifact,
        measure,
        value: None,
        limit: None,
        warn: None,
        baseline: None,
        growth: None,
        growth_limit: None,
        slack: None,
        status: Status::Pass,
        why: None,
        reason: rule.reason.clone(),
        line: rule.line,
        found: Vec::new(),
        index: None,
    }
}

fn missing(row: &mut Row, reason: String) {
    row.status = Status::Missing;
    row.why = Some(reason);
}

fn of_budget(
    rule: &Rule,
    budget: &Budget,
    measured: Result<&Measured, String>,
    baseline: &Baseline<'_>,
) -> Row {
    let mut row = empty(rule, budget.measure.to_string());
    row.index = Some(budget.index);
    row.limit = budget.limit.map(|limit| limit.0);
    row.warn = budget.warn.map(|warn| warn.0);
    let reading = match measured {
        Ok(measured) => measured.read(&budget.measure),
        Err(reason) => Reading::Missing(reason),
    };
    let value = match reading {
        Reading::Bytes(value) => value,
        Reading::Missing(reason) => {
            missing(&mut row, reason);
            return row;
        }
    };
    row.value = Some(value);
    row.slack = row.limit.map(|limit| delta(value, limit));
    let before = baseline_bytes(baseline, &budget.measure);
    row.baseline = before.as_ref().ok().copied();
    row.growth = row.baseline.map(|baseline| delta(baseline, value));
    let mut worse = |status: Status, why: String| {
        if status > row.status {
            row.status = status;
            row.why = Some(why);
        } else if status == row.status
            && let Some(first) = &mut row.why
        {
            *first += "; ";
            *first += &why;
        }
    };
    if let Some(over) = row.limit.and_then(|limit| value.checked_sub(limit))
        && over > 0
    {
        worse(Status::Fail, format!("{} over the limit", Bytes(over)));
    }
    if let Some(growth) = budget.growth {
        match before {
            Ok(baseline) => {
                let allowed = match growth {
                    Limit::Bytes(bytes) => bytes.0,
                    // Rounded down: a share of little is little.
                    Limit::Share(share) => (share.0 * baseline as f64).floor() as u64,
                };
                let grown = delta(baseline, value);
                row.growth_limit = Some(allowed);
                let left = i64::try_from(allowed)
                    .unwrap_or(i64::MAX)
                    .saturating_sub(grown);
                row.slack = Some(row.slack.map_or(left, |slack| slack.min(left)));
                if grown > 0 && grown.unsigned_abs() > allowed {
                    let why = format!("grew by {}, {growth} is allowed", Delta(grown));
                    worse(Status::Fail, why);
                }
            }
            // Nothing else was asked of it, so nothing was judged.
            Err(NoGrowth::NotGiven) if budget.limit.is_none() => {
                worse(Status::Missing, "growth needs a `--baseline`".into());
            }
            Err(NoGrowth::Because(why)) => worse(Status::Missing, why),
            Err(NoGrowth::NotGiven | NoGrowth::New) => {}
        }
    }
    if let Some(over) = row.warn.and_then(|warn| value.checked_sub(warn))
        && over > 0
    {
        worse(Status::Warn, format!("{} above the warning", Bytes(over)));
    }
    // What was not there did not grow; what it weighs is for its limit.
    if budget.growth.is_some() && matches!(baseline, Baseline::New) && row.why.is_none() {
        row.why = Some("new: there is no growth to judge".into());
    }
    row
}

/// `crate:NAME` was once all bytes of the crate in the analysis build. Where that makes another
/// verdict than what ships, whoever wrote the limit should know.
fn remeasured(
    rule: &Rule,
    budget: &Budget,
    measured: Result<&Measured, String>,
    baseline: &Baseline<'_>,
    now: &Row,
) -> Option<String> {
    let Measure::Crate(name) = &budget.measure else {
        return None;
    };
    let before = Budget {
        measure: Measure::CrateFile(name.clone()),
        ..budget.clone()
    };
    let before = of_budget(rule, &before, measured, baseline);
    let verdict = |row: &Row| Some((Bytes(row.value?), row.status.as_str()));
    let ((was, old), (is, new)) = verdict(&before).zip(verdict(now))?;
    (before.status != now.status).then(|| {
        format!(
            "`{}` measures what ships, {is} ({new}); as all bytes of the analysis build, which \
             it measured in earlier versions and which `{}` measures, it is {was} ({old})",
            now.budget, before.measure
        )
    })
}

/// Why a budget's growth cannot be told.
enum NoGrowth {
    NotGiven,
    New,
    Because(String),
}

/// The bytes in the baseline, where they can be compared with today's.
fn baseline_bytes(baseline: &Baseline<'_>, measure: &Measure) -> Result<u64, NoGrowth> {
    let (snapshot, unlike) = match baseline {
        Baseline::NotGiven => return Err(NoGrowth::NotGiven),
        Baseline::New => return Err(NoGrowth::New),
        Baseline::OfOthers(why) => return Err(NoGrowth::Because(why.clone())),
        Baseline::Of(snapshot, unlike) => (snapshot, unlike),
    };
    if let Some(why) = unlike.reason(measure) {
        return Err(NoGrowth::Because(why.into()));
    }
    of_baseline(snapshot, measure).ok_or_else(|| {
        let how = match measure {
            Measure::Gzip | Measure::Zstd | Measure::Brotli => ": take it with `--compressed`",
            _ => "",
        };
        NoGrowth::Because(format!("the baseline does not have this measure{how}"))
    })
}

#[cfg(test)]
mod tests;
