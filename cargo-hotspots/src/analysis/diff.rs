//! Recordings before and after a change: where CPU time was saved or lost.
//!
//! Each side is one recording or several; figures are means. What is compared is the charged time,
//! by names that have neither hashes nor versions: a crate, a function of a crate, a function with
//! those that it is inlined into. All CPU time is the kernel's account where the recording has it.
//!
//! Recordings of different length are compared as they are, unless the user asks for shares or all
//! are benchmarks that their harness ran for a set time: there a faster program only does more. Then
//! each side counts as if it had taken as long as the earlier one.

mod interval;
mod measured;

pub use measured::Measured;

use super::model::{
    AllocatedChange, ChangeRow, Changed, Comparison, CrateInfo, Facts, Interval, Scaled, Weight,
};
use crate::allocations::Totals;
use codecost::{Error, Result, report::Warning};
use interval::{half_width, mean, sampling_variance};
use measured::Key;
use std::{cmp::Reverse, collections::BTreeSet};

/// Compares two sides, each of at least one recording.
///
/// # Errors
///
/// A usage error when some recordings are of allocations and others of time.
pub fn compare(before: &[Measured], after: &[Measured], per_share: bool) -> Result<Comparison> {
    let all = || before.iter().chain(after);
    of_one_kind(all())?;
    let scaled = if per_share {
        Some(Scaled::Asked)
    } else {
        all()
            .all(Measured::is_fixed_length)
            .then_some(Scaled::FixedLength)
    };
    let interval = if before.len() + after.len() > 2 {
        Interval::Runs
    } else {
        Interval::Sampling
    };
    let cpu = cpu(before, after);
    let allocated = allocated(before, after);
    let sides = Sides {
        before,
        after,
        scaled: scaled.is_some(),
        length: cpu.map(|cpu| cpu.before),
        bytes: allocated.map(|all| all.bytes.before),
    };
    let keys: BTreeSet<&Key> = all().flat_map(|side| side.rows.keys()).collect();
    let mut rows: Vec<ChangeRow> = keys.into_iter().map(|key| sides.row(key)).collect();
    sort(&mut rows);
    let has_amounts = cpu.is_some() || allocated.is_some();
    Ok(Comparison {
        cpu,
        allocated,
        scaled,
        interval,
        rows,
        warnings: warnings(before, after, scaled, interval, has_amounts),
        before: before.iter().map(|side| side.facts.clone()).collect(),
        after: after.iter().map(|side| side.facts.clone()).collect(),
    })
}

/// Bytes are no time, and waiting is no work: recordings are compared with those of their kind only.
fn of_one_kind<'m>(all: impl Iterator<Item = &'m Measured> + Clone) -> Result<()> {
    #[derive(Clone, Copy, PartialEq)]
    enum Kind {
        Time,
        Waiting,
        Allocations,
    }
    let kind = |measured: &Measured| match (measured.allocated, measured.facts.is_waiting()) {
        (Some(_), _) => Kind::Allocations,
        (None, true) => Kind::Waiting,
        (None, false) => Kind::Time,
    };
    let named = |wanted: Kind| {
        let mut of_kind = all.clone().filter(|measured| kind(measured) == wanted);
        of_kind.next().map(|measured| match measured.facts.number {
            Some(number) => number.to_string(),
            None => measured.facts.source.display().to_string(),
        })
    };
    let kinds = [Kind::Allocations, Kind::Waiting, Kind::Time].map(named);
    match kinds {
        [Some(allocations), Some(waiting), _] => Err(Error::usage(
            format_args!(
                "`{allocations}` is a recording of allocations and `{waiting}` one of waiting: bytes \
                 cannot be compared with time"
            ),
            "name two recordings of one kind: `cargo hotspots recordings` says which is which",
        )),
        [_, Some(waiting), Some(time)] => Err(Error::usage(
            format_args!(
                "`{waiting}` is a recording of waiting and `{time}` one of CPU time, which is when a \
                 thread does not wait"
            ),
            "name two recordings of one kind: `cargo hotspots recordings` says which is which",
        )),
        [Some(allocations), _, Some(time)] => Err(Error::usage(
            format_args!(
                "`{allocations}` is a recording of allocations and `{time}` one of time: bytes \
                 cannot be compared with time"
            ),
            "name two recordings of one kind: `cargo hotspots recordings` says which is which",
        )),
        _ => Ok(()),
    }
}

/// All that each side allocated; `None` unless all are recordings of allocations.
fn allocated(before: &[Measured], after: &[Measured]) -> Option<AllocatedChange> {
    let changed = |read: fn(&Totals) -> u64| -> Option<Changed> {
        let of = |side: &[Measured]| -> Option<Vec<f64>> {
            let totals = side.iter().map(|measured| measured.allocated);
            totals.map(|totals| Some(read(&totals?) as f64)).collect()
        };
        let (before, after) = (of(before)?, of(after)?);
        Some(Changed {
            before: mean(&before),
            after: mean(&after),
            // The totals of one run are exact.
            plus_minus: half_width(&before, &after, 0.0),
        })
    };
    Some(AllocatedChange {
        bytes: changed(|totals| totals.bytes)?,
        allocations: changed(|totals| totals.allocations)?,
        reallocations: changed(|totals| totals.reallocations)?,
    })
}

/// All CPU time of each side; `None` unless all recordings have it.
fn cpu(before: &[Measured], after: &[Measured]) -> Option<Changed> {
    let used = |side: &[Measured]| -> Option<Vec<f64>> {
        let clocks = side.iter().map(|measured| measured.clock);
        clocks.map(|clock| Some(clock?.used_ns)).collect()
    };
    let (before, after) = (used(before)?, used(after)?);
    Some(Changed {
        before: mean(&before),
        after: mean(&after),
        // The account of one run is exact.
        plus_minus: half_width(&before, &after, 0.0),
    })
}

/// Both sides, and how their figures are made.
struct Sides<'m> {
    before: &'m [Measured],
    after: &'m [Measured],
    scaled: bool,
    /// The CPU time of the earlier side, in nanoseconds.
    length: Option<f64>,
    /// The bytes that the earlier side allocated.
    bytes: Option<f64>,
}

impl Sides<'_> {
    fn row(&self, key: &Key) -> ChangeRow {
        let (kind, _, name) = key;
        let part = |side: &&Measured| side.rows.get(key).cloned();
        let label = |side: &[Measured]| -> Option<CrateInfo> {
            let mut parts = side.iter().filter_map(|side| part(&side));
            parts.next().map(|part| part.label)
        };
        let (first, second) = (label(self.before), label(self.after));
        let version = |label: &Option<CrateInfo>| label.as_ref()?.version.clone();
        let samples = |side: &[Measured]| {
            let mut sum = Weight::default();
            for part in side.iter().filter_map(|side| part(&side)) {
                sum += part.weight;
            }
            sum
        };
        let share = self.changed(key, &|_| Some(Unit::SHARE));
        let time = self.changed(key, &|side| match (side.clock, self.length) {
            (Some(_), Some(length)) if self.scaled => Some(Unit {
                per_share: length,
                extra: 0.0,
            }),
            (Some(clock), Some(_)) => Some(Unit {
                per_share: clock.per_period * side.total.period as f64,
                extra: 1.0,
            }),
            _ => None,
        });
        let bytes = self.changed(key, &|side| {
            let own = side.allocated?.bytes as f64;
            Some(Unit {
                per_share: if self.scaled { self.bytes? } else { own },
                extra: 0.0,
            })
        });
        let blocks = |read: fn(&(u64, u64)) -> u64| {
            let of = |side: &[Measured]| -> Vec<f64> {
                let parts = side.iter().map(|side| side.rows.get(key));
                parts
                    .map(|part| part.map_or(0.0, |part| read(&part.blocks) as f64))
                    .collect()
            };
            let (before, after) = (of(self.before), of(self.after));
            Changed {
                before: mean(&before),
                after: mean(&after),
                plus_minus: half_width(&before, &after, 0.0),
            }
        };
        let share = share.unwrap_or_default();
        ChangeRow {
            kind: *kind,
            name: name.clone(),
            version_before: version(&first),
            version_after: version(&second),
            label: second.or(first).unwrap_or_else(super::label::unknown),
            before: samples(self.before),
            after: samples(self.after),
            share,
            sampling_error: self.sampling_error(share),
            time,
            allocated: bytes.map(|bytes| AllocatedChange {
                bytes,
                allocations: blocks(|blocks| blocks.0),
                reallocations: blocks(|blocks| blocks.1),
            }),
        }
    }

    /// Half of the interval of a share's change, all samples of a side taken as of one recording.
    fn sampling_error(&self, share: Changed) -> f64 {
        if self.before.iter().chain(self.after).all(Measured::is_exact) {
            return 0.0;
        }
        let samples = |side: &[Measured]| side.iter().map(|one| one.facts.samples).sum();
        let variance = sampling_variance(share.before, samples(self.before), 1.0)
            + sampling_variance(share.after, samples(self.after), 1.0);
        half_width(&[], &[], variance)
    }

    /// A figure of a row: `unit` says what the whole recording is in it.
    fn changed(&self, key: &Key, unit: &dyn Fn(&Measured) -> Option<Unit>) -> Option<Changed> {
        let mut variance = 0.0;
        let mut values = |side: &[Measured]| -> Option<Vec<f64>> {
            let runs = side.len() as f64;
            let mut values = Vec::with_capacity(side.len());
            for measured in side {
                let Unit { per_share, extra } = unit(measured)?;
                let part = measured.rows.get(key);
                let share = part.map_or(0.0, |part| measured.share(part));
                if !measured.is_exact() {
                    let samples = measured.total.samples.max(1);
                    variance += (per_share / runs).powi(2)
                        * sampling_variance(share, samples, runs.recip());
                }
                let extra_ns = part.map_or(0.0, |part| part.extra_ns);
                values.push(per_share * share + extra * extra_ns);
            }
            Some(values)
        };
        let (before, after) = (values(self.before)?, values(self.after)?);
        Some(Changed {
            before: mean(&before),
            after: mean(&after),
            plus_minus: half_width(&before, &after, variance),
        })
    }
}

/// What the whole of a recording is in a figure.
#[derive(Clone, Copy)]
struct Unit {
    per_share: f64,
    /// How much of the time counts that was not sampled.
    extra: f64,
}

impl Unit {
    const SHARE: Self = Self {
        per_share: 1.0,
        extra: 0.0,
    };
}

/// The largest change first: of time or bytes, else of shares.
fn sort(rows: &mut [ChangeRow]) {
    // Rounded, so that equal changes are equal.
    let order = |row: &ChangeRow| {
        let amount = row.time.or(row.allocated.map(|allocated| allocated.bytes));
        let amount = amount.map_or(0, |amount| amount.delta().abs().round() as u64);
        (amount, (row.share.delta().abs() * 1e12).round() as u64)
    };
    rows.sort_by(|a, b| {
        order(b).cmp(&order(a)).then_with(|| {
            (a.kind, Reverse(a.after.period), &a.name).cmp(&(
                b.kind,
                Reverse(b.after.period),
                &b.name,
            ))
        })
    });
}

/// What keeps the sides from being compared, and what each recording warns of, each kind once.
fn warnings(
    before: &[Measured],
    after: &[Measured],
    scaled: Option<Scaled>,
    interval: Interval,
    has_amounts: bool,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if interval == Interval::Sampling {
        let exact = before.iter().chain(after).all(Measured::is_exact);
        let of_what = match exact {
            true => "has no width, because every allocation is counted",
            false => "is that of sampling",
        };
        warnings.push(
            Warning::new(
                "one-recording-each",
                format!(
                    "each side is one recording: the interval {of_what}, and how much runs vary is \
                     not in it"
                ),
            )
            .help("record each side several times: `cargo hotspots diff 1,2,3 4,5,6`"),
        );
    }
    if !has_amounts {
        warnings.push(
            Warning::new(
                "no-time",
                "the recordings do not say how much CPU time was used: only shares are compared",
            )
            .help("record with this tool, or sample `cpu-clock`"),
        );
    }
    let first = |side: &[Measured]| side.first().map(|measured| measured.facts.clone());
    if let (Some(one), Some(other)) = (first(before), first(after)) {
        let all = || before.iter().chain(after).map(|measured| &measured.facts);
        warnings.extend(differences(&one, &other, all()));
        if scaled.is_none() {
            warnings.extend(lengths(before, after));
        }
    }
    for warning in before.iter().chain(after).flat_map(|side| &side.warnings) {
        if warnings.iter().all(|known| known.code != warning.code) {
            warnings.push(warning.clone());
        }
    }
    warnings
}

/// What keeps recordings from being compared: each is held against the first one.
fn differences<'f>(
    first: &Facts,
    second: &Facts,
    mut all: impl Iterator<Item = &'f Facts> + Clone,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if let Some(other) = all.clone().find(|facts| facts.event != first.event) {
        let (one, other) = (&first.event, &other.event);
        let text = format!(
            "the events differ, `{one}` and `{other}`: figures of one are not figures of the other"
        );
        warnings.push(
            Warning::new("different-events", text).help("record both with the same `--event`"),
        );
    }
    if all.any(|facts| facts.call_graph != first.call_graph) {
        warnings.push(
            Warning::new(
                "different-stacks",
                "the call stacks were recorded in different ways, which changes what is charged",
            )
            .help("record both with the same `--call-graph`"),
        );
    }
    if let (Some(before), Some(after)) = (&first.build_profile, &second.build_profile)
        && before != after
    {
        warnings.push(
            Warning::new(
                "different-profiles",
                format!("built with different profiles, `{before}` and `{after}`"),
            )
            .help("record both with the same `--profile`"),
        );
    }
    let arguments = |facts: &Facts| facts.command.get(1..).unwrap_or_default().join(" ");
    let (before, after) = (arguments(first), arguments(second));
    if !first.command.is_empty() && !second.command.is_empty() && before != after {
        warnings.push(
            Warning::new(
                "different-arguments",
                format!("the programs ran with different arguments, `{before}` and `{after}`"),
            )
            .help("record the same work, or compare shares with `--per-share`"),
        );
    }
    warnings
}

/// Recordings whose length says nothing of the program.
fn lengths(before: &[Measured], after: &[Measured]) -> Option<Warning> {
    let all = || before.iter().chain(after);
    let cut = |side: &Measured| {
        let mut programs = side.facts.programs.iter();
        programs.any(|program| program.interrupted)
            || side
                .facts
                .command
                .first()
                .is_some_and(|word| word == "--pid")
    };
    let why = if all().any(cut) {
        "a recording was ended by the user or is of a part of a run"
    } else if all().any(Measured::is_fixed_length) {
        "one side is a benchmark that runs for a set time, and the other is not"
    } else {
        return None;
    };
    Some(
        Warning::new(
            "different-lengths",
            format!("{why}: its CPU time follows its length"),
        )
        .help("compare shares: `cargo hotspots diff --per-share`"),
    )
}

#[cfg(test)]
mod tests;
