//! Allocations by function: how many, how large, at the peak, never freed, and for whom.
//!
//! What each stack counts is settled like time: for the innermost function (`self`), for the nearest
//! one outward that is none of the system (`charged`), for the nearest of the workspace (`caused`).
//! The totals of the process are exact. Where not every stack was kept, what a function has is
//! estimated and scaled to these totals, with an interval.

mod findings;
mod model;
mod time;

pub use model::{AllocFinding, Kind};
pub use model::{AllocRow, AllocTable, By, FEWEST_SAMPLES, Figures, Growth, Options, TimeOf, Unit};
pub use time::{add_time, time_of};

use super::{
    advice::{self, Symptom},
    label::{label_of, no_workspace_caller, unknown},
    model::{Analysis, CrateInfo, Facts},
    shares::{At, Shares},
    subject::Subject,
};
use crate::{
    allocations::{Allocations, Counts, PARTS, Totals},
    profile::StackId,
    symbols::SourceId,
};
use codecost::{
    Error, Result,
    report::Warning,
    units::{Bytes, counted},
};
use std::collections::HashMap;

/// What is never sampled has less than so many sampling intervals of bytes, in 39 of 40 cases: a
/// stack is taken at random, so the chance that none of `x` intervals is seen is `exp(-x)`.
const UNSEEN: f64 = 3.69;

/// Half the width of an interval that holds the true value in 19 of 20 cases, in standard errors.
const ERRORS: f64 = 1.96;

/// Who allocates, the largest first.
///
/// # Errors
///
/// The recording is not one of allocations, or has no samples.
pub fn alloc(subject: &Subject<'_>, options: Options) -> Result<Analysis<AllocTable>> {
    let Some(allocations) = &subject.profile.allocations else {
        return Err(Error::usage(
            format_args!(
                "`{}` is a recording of `{}`, not of allocations",
                subject.recording.data.display(),
                subject.profile.event
            ),
            "record the allocations: `cargo hotspots alloc --bin NAME -- ARGS`",
        ));
    };
    let mut analysis =
        subject.analyse(|shares| Ok(table(subject, shares, allocations, options)))?;
    let estimated = estimated(&analysis.rows, &analysis.facts);
    analysis.warnings.extend(estimated);
    if !analysis.rows.told_apart {
        analysis.warnings.push(not_told_apart());
    }
    Ok(analysis)
}

/// Says that the rows are no counts, where that is so: they look as exact as the totals.
fn estimated(table: &AllocTable, facts: &Facts) -> Option<Warning> {
    // Without any stack nothing is split.
    if !table.estimated || facts.has_totals_only() {
        return None;
    }
    let least = match table.unseen_bytes {
        Some(bytes) => format!(
            "; one with less than {} in all may have no row",
            Bytes(bytes)
        ),
        None => String::new(),
    };
    let text = format!(
        "the totals are counted, but how they are split among functions and crates is estimated from \
         {}{least}",
        counted(table.totals.samples, "stack")
    );
    let help = advice::remedy(Symptom::Estimated, facts.mode(), facts.stack_limit, None);
    Some(Warning::new("allocations-estimated", text).help(help))
}

/// Says what another tool's file does not have.
fn not_told_apart() -> Warning {
    Warning::new(
        "not-told-apart",
        "the file has each new length of a block as another block: how many were reallocated or \
         short-lived, and by which threads, is not known",
    )
    .help("`cargo hotspots alloc --bin NAME -- ARGS` tells them apart")
}

pub(super) fn table(
    subject: &Subject<'_>,
    shares: &Shares<'_>,
    allocations: &Allocations<StackId>,
    options: Options,
) -> AllocTable {
    let Options { by, growth, unit } = options;
    let scale = Scale::new(allocations, growth);
    let functions = Groups::new(shares, allocations, options, &scale, &of_function);
    let crates = Groups::new(shares, allocations, options, &scale, &of_crate);
    let name = |key: usize| function_label(shares, key);
    let crate_name = |key: usize| crate_label(shares, key);
    AllocTable {
        by,
        growth,
        unit,
        totals: allocations.totals,
        estimated: allocations.totals.complete == 0,
        time: None,
        told_apart: allocations.told_apart,
        unseen_bytes: unseen(&allocations.totals).map(|bytes| bytes.ceil() as u64),
        rows: functions.rows(&name),
        crates: crates.rows(&crate_name),
        findings: findings::find(subject, shares, allocations),
    }
}

/// The bytes that a function may have without having been seen; `None` where that is not known.
fn unseen(totals: &Totals) -> Option<f64> {
    if totals.complete != 0 {
        return Some(0.0);
    }
    (totals.interval > 0).then_some(UNSEEN * totals.interval as f64)
}

/// What brings the estimates of all stacks to the totals, which are exact.
struct Scale {
    /// Nothing is scaled: each block counts for its own stack.
    is_exact: bool,
    /// Whether reallocations are told from allocations.
    told_apart: bool,
    allocations: f64,
    reallocations: f64,
    bytes: f64,
    peak_bytes: f64,
    leaked_bytes: f64,
    short_lived: f64,
}

impl Scale {
    fn new(allocations: &Allocations<StackId>, growth: Growth) -> Self {
        let told_apart = allocations.told_apart;
        let mut sum = Counts::default();
        for (_, counts) in &allocations.stacks {
            sum += *counts;
        }
        let Totals {
            allocations: blocks,
            reallocations,
            bytes,
            peak_bytes,
            leaked_bytes,
            frees,
            ..
        } = allocations.totals;
        let estimated = growth.of(&sum);
        let factor = |exact: u64, estimate: u64, parts: u64| match estimate {
            0 => 1.0,
            _ => exact as f64 / (estimate as f64 / parts as f64),
        };
        if allocations.totals.complete != 0 {
            return Self {
                is_exact: true,
                told_apart,
                allocations: 1.0,
                reallocations: 1.0,
                bytes: 1.0,
                peak_bytes: 1.0,
                leaked_bytes: 1.0,
                short_lived: 1.0,
            };
        }
        let of_blocks = factor(blocks, estimated.allocations, PARTS);
        Self {
            is_exact: false,
            told_apart,
            // A block has the weight of its last length, so their sum may exceed all that were freed.
            short_lived: match estimated.short_lived {
                0 => 1.0,
                _ => of_blocks.min(factor(frees, estimated.short_lived, PARTS)),
            },
            allocations: of_blocks,
            reallocations: factor(reallocations, estimated.reallocations, PARTS),
            bytes: factor(bytes, estimated.bytes, 1),
            peak_bytes: factor(peak_bytes, estimated.peak_bytes, 1),
            leaked_bytes: factor(leaked_bytes, estimated.leaked_bytes, 1),
        }
    }

    /// Blocks among the allocations, of parts of them.
    fn blocks(&self, parts: u64) -> u64 {
        (parts as f64 * self.allocations / PARTS as f64).round() as u64
    }

    fn figures(&self, counts: &Counts) -> Figures {
        let scaled = |count: u64, factor: f64| (count as f64 * factor).round() as u64;
        let blocks =
            |count: u64, factor: f64| (count as f64 * factor / PARTS as f64).round() as u64;
        let allocations = blocks(counts.allocations, self.allocations);
        let reallocations = blocks(counts.reallocations, self.reallocations);
        // The stack that a block died with gave it its first length, or its last.
        let lengths = allocations.saturating_add(reallocations);
        Figures {
            allocations,
            reallocations,
            bytes: scaled(counts.bytes, self.bytes),
            peak_bytes: scaled(counts.peak_bytes, self.peak_bytes),
            leaked_bytes: scaled(counts.leaked_bytes, self.leaked_bytes),
            short_lived: blocks(counts.short_lived, self.short_lived).min(lengths),
        }
    }
}

/// What a function or crate has.
#[derive(Clone, Copy, Default)]
struct Group {
    counts: Counts,
    own: u64,
    charged: u64,
    caused: u64,
}

/// All of them, with one for what has no name and one for what no workspace crate caused.
struct Groups<'s> {
    groups: HashMap<usize, Group>,
    scale: &'s Scale,
    unit: Unit,
    by: By,
    exact: bool,
    /// Whether it is known which stacks are whole.
    ends_known: bool,
    /// What belongs to nobody by `by`, because callers are missing: it could be anyone's.
    hidden: u64,
    /// The part of all bytes that may not have been seen.
    unseen: Option<f64>,
    sum: u64,
    variance: u64,
}

/// The crate that stands for callers that are missing.
const MISSING: &str = "[callers missing]";

/// A key that is no function and no crate.
const NOBODY: usize = usize::MAX;
const UNCAUSED: usize = usize::MAX - 1;

type KeyOf<'k> = &'k dyn Fn(&Shares<'_>, At) -> Option<usize>;

fn of_function(shares: &Shares<'_>, at: At) -> Option<usize> {
    shares.function(at).map(|function| function.0 as usize)
}

fn of_crate(shares: &Shares<'_>, at: At) -> Option<usize> {
    let owner = shares.owner(shares.function(at)?)?;
    Some(owner.0 as usize)
}

/// Whether a share stands for callers that are missing.
fn is_hidden(shares: &Shares<'_>, at: At) -> bool {
    let owner = of_crate(shares, at).and_then(|owner| shares.symbols.crates.get(owner));
    owner.is_some_and(|owner| owner.name == MISSING)
}

impl<'s> Groups<'s> {
    fn new(
        shares: &Shares<'_>,
        allocations: &Allocations<StackId>,
        options: Options,
        scale: &'s Scale,
        key: KeyOf<'_>,
    ) -> Self {
        let Options { by, growth, unit } = options;
        let mut all = Self {
            groups: HashMap::new(),
            scale,
            unit,
            by,
            exact: allocations.totals.complete != 0,
            ends_known: shares.profile.call_graph.has_known_ends(),
            hidden: 0,
            unseen: unseen(&allocations.totals)
                .map(|bytes| bytes / allocations.totals.bytes.max(1) as f64),
            sum: 0,
            variance: 0,
        };
        for (stack, counts) in &allocations.stacks {
            let Some(settled) = shares.settled.get(stack.0 as usize) else {
                continue;
            };
            let counts = growth.of(counts);
            let value = unit.of(&counts);
            all.sum = all.sum.saturating_add(value);
            all.variance = all.variance.saturating_add(counts.variance);
            let own = key(shares, settled.own).unwrap_or(NOBODY);
            let charged = key(shares, settled.charged).unwrap_or(NOBODY);
            let caused = key(shares, settled.caused).unwrap_or(UNCAUSED);
            let add = |sum: &mut u64| *sum = sum.saturating_add(value);
            add(&mut all.groups.entry(own).or_default().own);
            add(&mut all.groups.entry(charged).or_default().charged);
            add(&mut all.groups.entry(caused).or_default().caused);
            let (of, at) = match by {
                By::Own => (own, settled.own),
                By::Charged => (charged, settled.charged),
                By::Caused => (caused, settled.caused),
            };
            if is_hidden(shares, at) {
                all.hidden = all.hidden.saturating_add(value);
            }
            all.groups.entry(of).or_default().counts += counts;
        }
        all
    }

    fn rows(&self, name: &dyn Fn(usize) -> Name) -> Vec<AllocRow> {
        let of_all = |part: u64| match self.sum {
            0 => 0.0,
            sum => part as f64 / sum as f64,
        };
        let mut rows: Vec<AllocRow> = self
            .groups
            .iter()
            .map(|(key, group)| {
                let Group {
                    counts,
                    own,
                    charged,
                    caused,
                } = *group;
                let (own, charged, caused) = (of_all(own), of_all(charged), of_all(caused));
                let share = match self.by {
                    By::Own => own,
                    By::Charged => charged,
                    By::Caused => caused,
                };
                let Name {
                    name,
                    label,
                    file,
                    line,
                } = name(*key);
                AllocRow {
                    name,
                    label,
                    file,
                    line,
                    figures: self.scale.figures(&counts),
                    samples: counts.samples,
                    own,
                    charged,
                    caused,
                    interval: self.interval(share, counts.variance),
                }
            })
            .collect();
        cap(&mut rows, |figures| &mut figures.peak_bytes);
        cap(&mut rows, |figures| &mut figures.leaked_bytes);
        let order = |row: &AllocRow| {
            let value = self.unit.of_figures(&row.figures);
            (value, row.figures.bytes, (row.own * 1e12) as u64)
        };
        rows.sort_by(|a, b| order(b).cmp(&order(a)).then_with(|| a.name.cmp(&b.name)));
        rows
    }

    /// Where the share is in 19 of 20 cases, whoever asked where callers are missing; `None` where its error was not measured. Beside the error
    /// of what was sampled there is what never was: of this row, which would make its share larger,
    /// and of all others, which would make it smaller. The latter alone is the error of a row that
    /// has nearly all samples.
    fn interval(&self, share: f64, variance: u64) -> Option<(f64, f64)> {
        let hidden = match self.sum {
            0 => 0.0,
            sum => self.hidden as f64 / sum as f64,
        };
        if !self.ends_known {
            return None;
        }
        if self.exact {
            return Some((share, (share + hidden).min(1.0)));
        }
        if self.unit != Unit::Bytes || self.sum == 0 {
            return None;
        }
        // The error of a quotient: its own part and all the others vary independently.
        let rest = self.variance.saturating_sub(variance) as f64;
        let own = variance as f64;
        let square = (1.0 - share).powi(2) * own + share.powi(2) * rest;
        let error = (square * (1_u64 << 20) as f64).sqrt() / self.sum as f64;
        let unseen = self.unseen?;
        let low = share - ERRORS * error - unseen * share;
        let high = share + ERRORS * error + unseen * (1.0 - share) + hidden;
        Some((low.max(0.0), high.min(1.0)))
    }
}

/// What a row has at the peak, or never frees, is a part of its bytes. Each is brought to its own total,
/// which by chance may give a row more than its bytes; that is what the others have too little, each in
/// proportion.
fn cap(rows: &mut [AllocRow], part: impl Fn(&mut Figures) -> &mut u64) {
    // Each round fills a row at least, or is the last; what is left after these is a rounding.
    const ROUNDS: usize = 20;
    for _ in 0..ROUNDS {
        let (mut excess, mut open) = (0u64, 0u64);
        for row in &mut *rows {
            let bytes = row.figures.bytes;
            let own = part(&mut row.figures);
            if *own > bytes {
                excess += *own - bytes;
                *own = bytes;
            } else if *own < bytes {
                open = open.saturating_add(*own);
            }
        }
        if excess == 0 || open == 0 {
            return;
        }
        let factor = 1.0 + excess as f64 / open as f64;
        for row in &mut *rows {
            let bytes = row.figures.bytes;
            let own = part(&mut row.figures);
            if *own < bytes {
                *own = (*own as f64 * factor).round() as u64;
            }
        }
    }
    for row in rows {
        let bytes = row.figures.bytes;
        let own = part(&mut row.figures);
        *own = bytes.min(*own);
    }
}

/// What a row is called.
struct Name {
    name: String,
    label: CrateInfo,
    file: Option<String>,
    line: Option<u32>,
}

fn bucket(key: usize) -> Name {
    let label = match key == UNCAUSED {
        true => no_workspace_caller(),
        false => unknown(),
    };
    Name {
        name: label.name.clone(),
        label,
        file: None,
        line: None,
    }
}

fn function_label(shares: &Shares<'_>, key: usize) -> Name {
    let Some(function) = shares.symbols.functions.get(key) else {
        return bucket(key);
    };
    let owner = shares.symbols.crates.get(function.owner.0 as usize);
    Name {
        name: function.name.clone(),
        label: owner.map_or_else(unknown, label_of),
        file: source(shares, function.file),
        line: function.line,
    }
}

fn crate_label(shares: &Shares<'_>, key: usize) -> Name {
    match shares.symbols.crates.get(key) {
        Some(owner) => Name {
            name: owner.name.clone(),
            label: label_of(owner),
            file: None,
            line: None,
        },
        None => bucket(key),
    }
}

fn source(shares: &Shares<'_>, file: Option<SourceId>) -> Option<String> {
    shares.symbols.files.get(file?.0 as usize).cloned()
}

#[cfg(test)]
mod tests;
