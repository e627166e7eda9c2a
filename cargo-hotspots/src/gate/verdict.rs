//! The verdict on each benchmark of a run.
//!
//! | status | rule |
//! |---|---|
//! | `fail` | significantly over the concern, and the interval reaches the action less half a point |
//! | `attention` | significantly over 2 %, and the interval reaches the concern less half a point |
//! | `inconclusive` | otherwise, when the interval reaches the action |
//! | `pass` | otherwise |
//!
//! "Significantly" is the exact sign test with Holm's correction over all benchmarks of the run.
//! The family error is 5 % for each kind of alarm, halved over the two looks that a run may take.
//! The half point is there because the interval of a change that is just at the threshold ends
//! below it in half of all runs: without it, a true +9.99 % failed in a third of them.

pub use super::limits::{FAMILY_ERROR, FLOOR, LOOK_LEVEL, SLACK};

use super::{
    change::{Change, Interval},
    detect, sign,
};

/// What is said of a benchmark. The order is from good to bad among measured ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Nothing exceeds its limit.
    Pass,
    /// Only the current side has it.
    New,
    /// The run cannot tell.
    Inconclusive,
    /// Slower, by less than what is to be acted on.
    Attention,
    /// Slower, by as much as is to be acted on.
    Fail,
    /// A side has no number for it.
    Missing,
}

impl Status {
    /// As the interface has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::New => "new",
            Self::Inconclusive => "inconclusive",
            Self::Attention => "attention",
            Self::Fail => "fail",
            Self::Missing => "missing",
        }
    }

    /// The status of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        [
            Self::Pass,
            Self::New,
            Self::Inconclusive,
            Self::Attention,
            Self::Fail,
            Self::Missing,
        ]
        .into_iter()
        .find(|status| status.as_str() == name)
    }

    /// Whether it says that the benchmark became slower.
    pub fn is_alarm(self) -> bool {
        matches!(self, Self::Attention | Self::Fail)
    }
}

/// From which changes on a benchmark is of concern, and to be acted on; fractions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// `attention` from here on.
    pub concern: f64,
    /// `fail` from here on.
    pub action: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concern: 0.05,
            action: 0.10,
        }
    }
}

/// What is known of one benchmark at a look.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Its change.
    pub change: Change,
    /// Its limits.
    pub limits: Limits,
    /// Whether it is decided at this look. One that was decided earlier stays a member of the
    /// family, but no claim is made about it again.
    pub open: bool,
    /// No more than this can be said of it, because of how it was measured.
    pub at_most: Status,
}

impl Evidence {
    /// Of a benchmark that is decided now, by paired runs.
    pub fn new(change: Change, limits: Limits) -> Self {
        Self {
            change,
            limits,
            open: true,
            at_most: Status::Fail,
        }
    }
}

/// What is said of one benchmark, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The verdict.
    pub status: Status,
    /// Whether it is significantly faster, by more than the floor.
    pub improved: bool,
    /// Whether it is significantly slower, by more than the floor: an alarm, or within its limits.
    pub slower: bool,
    /// The median change.
    pub estimate: Option<f64>,
    /// Its interval.
    pub interval: Option<Interval>,
    /// The p-value of "over the concern", without correction; `None` where no test was made, as for
    /// counts that hardly vary.
    pub p_concern: Option<f64>,
    /// The p-value of "over the floor", without correction.
    pub p_floor: f64,
    /// The smallest change that this run would have found.
    pub minimum_detectable: Option<f64>,
    /// The number of blocks.
    pub n: usize,
}

impl Verdict {
    /// Of no measurement.
    pub(crate) fn unknown() -> Self {
        Self {
            status: Status::Inconclusive,
            improved: false,
            slower: false,
            estimate: None,
            interval: None,
            p_concern: None,
            p_floor: 1.0,
            minimum_detectable: None,
            n: 0,
        }
    }

    /// Whether more blocks could change the verdict for the worse or the better: it cannot tell
    /// yet, or what is of concern may be more than that.
    pub fn wants_second_look(&self, limits: Limits) -> bool {
        match self.status {
            Status::Inconclusive => true,
            Status::Attention => reaches(self.interval, limits.action),
            _ => false,
        }
    }
}

/// Decides all benchmarks of a look together. `family` is the number of benchmarks of the run.
pub fn judge(evidence: &[Evidence], family: usize) -> Vec<Verdict> {
    let family = family.max(evidence.len());
    let claims = |p: &dyn Fn(&Evidence) -> f64| -> Vec<(f64, bool)> {
        let values: Vec<f64> = evidence
            .iter()
            .map(|one| if one.open { p(one) } else { 1.0 })
            .collect();
        let rejected = sign::holm(&values, family, LOOK_LEVEL);
        values.into_iter().zip(rejected).collect()
    };
    let concern = claims(&|one| one.change.p_above(one.limits.concern));
    let floor = claims(&|one| one.change.p_above(FLOOR));
    let faster = claims(&|one| one.change.p_below(-FLOOR));
    let claims = concern.into_iter().zip(floor).zip(faster);
    evidence
        .iter()
        .zip(claims)
        .map(|(one, ((concern, floor), faster))| {
            let interval = one.change.interval();
            let level = LOOK_LEVEL / family as f64;
            let status = status(one, interval, (concern.1, floor.1), level);
            Verdict {
                status: status.min(one.at_most),
                improved: faster.1,
                slower: floor.1,
                estimate: one.change.estimate(),
                interval,
                p_concern: Some(concern.0),
                p_floor: floor.0,
                minimum_detectable: detect::minimum_detectable(
                    &one.change,
                    one.limits.concern,
                    level,
                ),
                n: one.change.n(),
            }
        })
        .collect()
}

/// `over`: whether the change is significantly over the concern, and over the floor.
fn status(one: &Evidence, interval: Option<Interval>, over: (bool, bool), level: f64) -> Status {
    let Limits { concern, action } = one.limits;
    let can_reject = sign::blocks_to_reject(one.change.n(), level).is_some();
    if !can_reject || interval.is_none() {
        return Status::Inconclusive;
    }
    if over.0 && reaches(interval, action) {
        Status::Fail
    } else if over.1 && reaches(interval, concern) {
        Status::Attention
    } else if interval.is_some_and(|interval| interval.high >= action) {
        Status::Inconclusive
    } else {
        Status::Pass
    }
}

fn reaches(interval: Option<Interval>, threshold: f64) -> bool {
    interval.is_some_and(|interval| interval.high >= threshold - SLACK)
}

/// Which controls alarm: changes between two copies of the same program, in either direction.
pub fn alarming_controls(controls: &[Change], family: usize) -> Vec<bool> {
    let p: Vec<f64> = controls
        .iter()
        .map(|control| {
            let one_sided = control.p_above(FLOOR).min(control.p_below(-FLOOR));
            (2.0 * one_sided).min(1.0)
        })
        .collect();
    sign::holm(&p, family, LOOK_LEVEL)
}

/// What two independent stages say together: an alarm holds when both raise it, and is then as
/// grave as the milder of the two. An alarm that the second does not repeat is what the second says.
pub fn confirmed(first: Status, second: Status) -> Status {
    if first.is_alarm() {
        first.min(second)
    } else {
        first
    }
}

/// How many blocks the two looks of a run with so many benchmarks need, so that each of them can
/// reject at all.
pub fn looks(benchmarks: usize) -> (usize, usize) {
    let level = LOOK_LEVEL / benchmarks.max(1) as f64;
    let first = sign::smallest_n(level).max(FIRST_LOOK);
    (first, 2 * first)
}

/// The blocks of the first look, where so many can reject.
pub const FIRST_LOOK: usize = 12;

#[cfg(test)]
mod tests;
