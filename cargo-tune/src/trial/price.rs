//! What a choice costs: the chosen variant beside the ends of the front, and a knob beside its
//! absence.

use codecost::units::{Bytes, Change, Time};
use serde::Serialize;
use std::time::Duration;

use super::outcome::{Outcome, Weighed, worthwhile};
use super::paired::Interval;
use super::taste::{Prefer, pace};
use crate::plan::Goal;

/// The chosen variant against another one on the front.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Price {
    /// The other variant.
    pub instead: String,
    /// Bytes that the other one has more (negative: it is smaller).
    pub size_change: i64,
    /// The other one's time against the chosen one's, where both were timed.
    pub time_ratio: Option<f64>,
    /// The other one's build time against the chosen one's, where both builds compiled the same
    /// crates.
    pub build_ratio: Option<f64>,
    /// The flag that takes the other one.
    #[serde(skip)]
    pub flag: Option<&'static str>,
}

impl Price {
    /// Of `chosen` against `other`; `None` where a size is missing.
    pub fn of(chosen: &Outcome, other: &Outcome, baseline: &Outcome) -> Option<Self> {
        let change = i128::from(other.size()?) - i128::from(chosen.size()?);
        let ratio = |other: f64, own: f64| (own > 0.0).then_some(other / own);
        let times = pace(other, baseline).zip(pace(chosen, baseline));
        let cost = |outcome: &Outcome| outcome.weighed.as_ref().map(Cost::of);
        let costs = cost(other).zip(cost(chosen));
        let builds = costs.and_then(|(other, own)| {
            let are_equal = other.units != 0 && other.units == own.units;
            other.wall_ns.zip(own.wall_ns).filter(|_| are_equal)
        });
        Some(Self {
            instead: other.variant.name(),
            size_change: change.clamp(i64::MIN.into(), i64::MAX.into()) as i64,
            time_ratio: times.and_then(|(other, own)| ratio(other.ratio, own.ratio)),
            build_ratio: builds.and_then(|(other, own)| ratio(other as f64, own as f64)),
            flag: None,
        })
    }

    /// As a sentence: `plan is 1.8 KiB smaller and takes 1.90 times the time`.
    pub fn words(&self) -> String {
        let size = Bytes(self.size_change.unsigned_abs());
        let size = match self.size_change {
            0 => "is as large".to_owned(),
            1.. => format!("is {size} larger"),
            _ => format!("is {size} smaller"),
        };
        let time = self
            .time_ratio
            .map(|ratio| format!(" and takes {ratio:.2} times the time"));
        let build = self
            .build_ratio
            .filter(|ratio| !(0.9..=1.1).contains(ratio))
            .map(|ratio| format!("; its build takes {ratio:.2} times as long"));
        let flag = self.flag.map(|flag| format!(" ({flag})"));
        format!(
            "{} {size}{}{}{}",
            self.instead,
            time.unwrap_or_default(),
            build.unwrap_or_default(),
            flag.unwrap_or_default()
        )
    }
}

/// What the ends of the front have that `chosen` has not, and what they cost. `takes` says whether a
/// preference takes an end: none is offered that was given already or would take another one.
pub fn prices(
    chosen: &Outcome,
    baseline: &Outcome,
    rows: &[Outcome],
    front: &[String],
    takes: impl Fn(Prefer, &Outcome) -> bool,
) -> Vec<Price> {
    let all = || std::iter::once(baseline).chain(rows);
    let on_front = || all().filter(|row| front.contains(&row.variant.name()));
    let smallest = on_front().min_by_key(|row| row.size());
    let time = |row: &Outcome| pace(row, baseline).map_or(f64::MAX, |time| time.ratio);
    let is_timed = all().any(|row| row.time.is_some());
    let fastest = on_front().min_by(|a, b| time(a).total_cmp(&time(b)));
    let fastest = fastest.filter(|_| is_timed);
    let mut prices: Vec<Price> = Vec::new();
    for (end, flag) in [
        (smallest, Some((Prefer::Size, "--prefer size"))),
        (fastest, Some((Prefer::Speed, "--prefer speed"))),
        (Some(baseline), None),
    ] {
        let Some(end) = end.filter(|end| end.variant != chosen.variant) else {
            continue;
        };
        let known = prices.iter().any(|p| p.instead == end.variant.name());
        if let Some(price) = Price::of(chosen, end, baseline).filter(|_| !known) {
            // No flag leads back to the build as it is.
            let flag = flag.filter(|_| !end.variant.assignments.is_empty());
            let flag = flag.filter(|(prefer, _)| takes(*prefer, end));
            let flag = flag.map(|(_, flag)| flag);
            prices.push(Price { flag, ..price });
        }
    }
    prices
}

/// A knob's own part: the plan with it against the plan without it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OwnPart {
    /// The knob.
    pub knob: String,
    /// Bytes that it saves (negative: it makes the program larger).
    pub saves: i64,
    /// Time with it against time without it, where both were timed.
    pub time_ratio: Option<f64>,
    /// Nanoseconds of processor time (of wall time where that is not known) that it adds to the
    /// build (negative: it takes away); only where both builds compiled the same crates.
    pub build_ns: Option<i64>,
    /// Whether it makes the program both larger and slower.
    pub hurts_both: bool,
    /// All this in words.
    pub words: String,
}

/// What a build cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Wall time.
    wall_ns: Option<u64>,
    /// Processor time.
    cpu_ns: Option<u64>,
    /// Which crates were compiled; 0 where that is not known.
    units: u64,
}

/// A difference of wall time under this share can be the machine's.
const WALL_NOISE: f64 = 0.10;
/// The same of processor time.
const CPU_NOISE: f64 = 0.03;

impl Cost {
    /// Of the build that made a program.
    pub fn of(weighed: &Weighed) -> Self {
        Self {
            wall_ns: weighed.build_ns,
            cpu_ns: weighed.build_cpu_ns,
            units: weighed.units,
        }
    }

    /// Against another build; `None` unless both compiled the same crates.
    pub fn beside(&self, other: &Self) -> Option<Beside> {
        if self.units == 0 || self.units != other.units {
            return None;
        }
        let cpu = self.cpu_ns.zip(other.cpu_ns).map(|pair| (pair, CPU_NOISE));
        let wall = self.wall_ns.zip(other.wall_ns);
        let ((own, other), noise) = cpu.or(wall.map(|pair| (pair, WALL_NOISE)))?;
        Some(Beside {
            own,
            other,
            what: if cpu.is_some() {
                "processor time"
            } else {
                "time"
            },
            noise,
        })
    }
}

/// The cost of one build beside that of another that compiled the same crates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beside {
    own: u64,
    other: u64,
    what: &'static str,
    noise: f64,
}

impl Beside {
    /// Nanoseconds more than the other.
    fn more(&self) -> i64 {
        let more = i128::from(self.own) - i128::from(self.other);
        more.clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }

    fn is_noise(&self) -> bool {
        (self.more().unsigned_abs() as f64) < self.noise * self.other as f64 || self.more() == 0
    }

    /// Whether it is shorter by more than noise.
    pub fn is_shorter(&self) -> bool {
        self.more() < 0 && !self.is_noise()
    }

    /// `the build takes 1.2 s (23.0%) less processor time`.
    pub fn words(&self) -> String {
        let Self {
            other, what, noise, ..
        } = self;
        if self.is_noise() {
            let percent = noise * 100.0;
            return format!("the build takes as much {what}, within {percent:.0} %");
        }
        let time = Time(Duration::from_nanos(self.more().unsigned_abs()));
        let share = Change(self.more().unsigned_abs() as f64 / (*other).max(1) as f64);
        let share = share.to_string().replace('+', "");
        let how = if self.more() < 0 { "less" } else { "more" };
        format!("the build takes {time} ({share}) {how} {what}")
    }
}

/// The figures of one side.
#[derive(Debug, Clone, Copy)]
pub struct Side {
    /// Bytes.
    pub size: u64,
    /// Time against the baseline's.
    pub time: Option<Interval>,
    /// What the build cost.
    pub build: Cost,
}

impl OwnPart {
    /// Of `knob`, from the program `with` and the one `without` it. What the goal is about comes
    /// first.
    pub fn of(knob: String, goal: Goal, with: Side, without: Side) -> Self {
        let saves = i128::from(without.size) - i128::from(with.size);
        let signed = |number: i128| number.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
        let larger = worthwhile(-saves, without.size);
        let times = with.time.zip(without.time);
        let ratio = times.map(|(with, without)| with.ratio / without.ratio);
        let slower = times.is_some_and(|(with, without)| with.low > without.high);
        let faster = times.is_some_and(|(with, without)| with.high < without.low);
        let build = with.build.beside(&without.build);
        let share = Change(saves.unsigned_abs() as f64 / without.size.max(1) as f64);
        let share = share.to_string().replace('+', "");
        let bytes = Bytes(u64::try_from(saves.unsigned_abs()).unwrap_or(u64::MAX));
        let size = match saves {
            0 => "no change of size".to_owned(),
            1.. => format!("{bytes} ({share}) smaller"),
            _ => format!("{bytes} ({share}) larger"),
        };
        let time = match ratio {
            None => "speed not measured".to_owned(),
            Some(ratio) if slower => format!("{:.1} % slower", (ratio - 1.0) * 100.0),
            Some(ratio) if faster => format!("{:.1} % faster", (1.0 - ratio) * 100.0),
            Some(_) => "speed within the noise".to_owned(),
        };
        let mut all = vec![size, time];
        if let Some(beside) = build {
            let at = if goal == Goal::CompileTime {
                0
            } else {
                all.len()
            };
            all.insert(at, beside.words());
        }
        let hurts_both = larger && slower;
        let verdict = if hurts_both { ": it hurts both" } else { "" };
        Self {
            words: format!("{knob}: {}{verdict}", all.join(", ")),
            knob,
            saves: signed(saves),
            time_ratio: ratio,
            build_ns: build.map(|beside| beside.more()),
            hurts_both,
        }
    }
}

#[cfg(test)]
mod tests;
