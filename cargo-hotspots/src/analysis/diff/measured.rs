//! One recording as a comparison takes it: how long everything took, by names that have neither
//! hashes nor versions. Small, so that many recordings can be read one after the other.

use crate::analysis::{
    alloc,
    coverage::is_user_only,
    crates, functions,
    label::{label, label_of, unknown},
    model::{ChangeKind, CrateInfo, Facts, Weight},
    quality,
    shares::Shares,
    subject::{Subject, facts, no_samples},
};
use crate::{
    allocations::{Allocations, Totals},
    profile::StackId,
};
use codecost::{Result, attribution::Origin, report::Warning};
use std::collections::HashMap;

/// A sampled time this much below the kernel's account is scaled to it: the difference is that of
/// sampling. What is missing beyond is a row of its own.
const SCALED_FROM: f64 = 0.95;

/// What a row is told from others by: its kind, its crate and its name.
pub(super) type Key = (ChangeKind, String, String);

/// One recording, measured.
#[derive(Debug)]
pub struct Measured {
    pub(super) facts: Facts,
    pub(super) total: Weight,
    /// CPU time, and the nanoseconds for which each unit of a period stands; `None` where neither
    /// the event nor the kernel's account says it.
    pub(super) clock: Option<Clock>,
    pub(super) rows: HashMap<Key, Part>,
    /// What was allocated, in a recording of allocations: its periods are bytes.
    pub(super) allocated: Option<Totals>,
    pub(super) warnings: Vec<Warning>,
}

/// How periods become time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Clock {
    /// All CPU time: the kernel's account where there is one.
    pub(super) used_ns: f64,
    pub(super) per_period: f64,
    /// What was used without being sampled.
    pub(super) unsampled_ns: f64,
}

/// The part of one recording that belongs to a row.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) label: CrateInfo,
    pub(super) weight: Weight,
    /// Of time that was not sampled.
    pub(super) extra_ns: f64,
    /// In a recording of allocations: blocks made, and blocks that got another length.
    pub(super) blocks: (u64, u64),
}

impl Measured {
    /// Measures a recording.
    ///
    /// # Errors
    ///
    /// It has no samples.
    pub fn new(subject: &Subject<'_>) -> Result<Self> {
        let shares = Shares::new(subject.profile, subject.symbols);
        if shares.total.samples == 0 {
            return Err(no_samples(subject));
        }
        let facts = facts(subject, &shares);
        let warnings = quality::warnings(&shares, &facts);
        let mut measured = Self {
            // The account of a run whose allocations were recorded is no time of the program's own.
            clock: match facts.allocated {
                Some(_) => None,
                None => Clock::of(&facts, shares.total),
            },
            total: shares.total,
            allocated: facts.allocated,
            facts,
            rows: HashMap::new(),
            warnings,
        };
        measured.add_all(&shares);
        if let Some(allocations) = &subject.profile.allocations {
            measured.add_blocks(subject, &shares, allocations);
        }
        Ok(measured)
    }

    /// The blocks of each crate and function: the rows have the bytes.
    fn add_blocks(
        &mut self,
        subject: &Subject<'_>,
        shares: &Shares<'_>,
        allocations: &Allocations<StackId>,
    ) {
        let table = alloc::table(subject, shares, allocations, alloc::Options::default());
        let crates = table.crates.iter().map(|row| (ChangeKind::Crate, row));
        let functions = table.rows.iter().map(|row| (ChangeKind::Function, row));
        for (kind, row) in crates.chain(functions) {
            let key = (kind, owner(&row.label), row.name.clone());
            if let Some(part) = self.rows.get_mut(&key) {
                part.blocks.0 += row.figures.allocations;
                part.blocks.1 += row.figures.reallocations;
            }
        }
    }

    /// Whether each block is counted for its own stack, so that no share is an estimate.
    pub(super) fn is_exact(&self) -> bool {
        self.allocated.is_some_and(|totals| totals.complete != 0)
    }

    fn add_all(&mut self, shares: &Shares<'_>) {
        for row in crates::rows(shares) {
            let name = row.label.name.clone();
            self.add(ChangeKind::Crate, &name, row.label, row.times.charged);
        }
        for row in functions::rows(shares) {
            self.add(
                ChangeKind::Function,
                &row.name,
                row.label,
                row.times.charged,
            );
        }
        for (path, label, weight) in inline_paths(shares) {
            self.add(ChangeKind::Inline, &path, label, weight);
        }
        let unsampled = self.clock.map_or(0.0, |clock| clock.unsampled_ns);
        if unsampled >= 1.0 {
            const NAME: &str = "[not sampled]";
            for kind in [ChangeKind::Crate, ChangeKind::Function] {
                let key = (kind, NAME.to_owned(), NAME.to_owned());
                let part = Part {
                    label: label(NAME, Origin::Unknown),
                    weight: Weight::default(),
                    extra_ns: unsampled,
                    blocks: (0, 0),
                };
                self.rows.insert(key, part);
            }
        }
    }

    fn add(&mut self, kind: ChangeKind, name: &str, label: CrateInfo, weight: Weight) {
        if weight == Weight::default() {
            return;
        }
        let part = self
            .rows
            .entry((kind, owner(&label), name.to_owned()))
            .or_insert_with(|| Part {
                label,
                weight: Weight::default(),
                extra_ns: 0.0,
                blocks: (0, 0),
            });
        part.weight += weight;
    }

    /// The share of a row.
    pub(super) fn share(&self, part: &Part) -> f64 {
        part.weight.period as f64 / self.total.period.max(1) as f64
    }

    /// Whether every program was a benchmark that its harness ran for a set time: then a faster
    /// program does more in the same time.
    pub(super) fn is_fixed_length(&self) -> bool {
        let programs = &self.facts.programs;
        let timed = |flag: &str| {
            let mut words = self.facts.command.iter();
            words.any(|word| word == flag || word.starts_with(&format!("{flag}=")))
        };
        !programs.is_empty()
            && programs
                .iter()
                .all(|program| match program.harness.as_deref() {
                    Some("criterion") => timed("--profile-time"),
                    Some("divan") => timed("--min-time") || timed("--max-time"),
                    _ => false,
                })
    }
}

/// Std's own copy of a crate is another crate, whatever the versions.
fn owner(label: &CrateInfo) -> String {
    match label.origin {
        Origin::StdDependency => format!("std/{}", label.name),
        _ => label.name.clone(),
    }
}

impl Clock {
    fn of(facts: &Facts, total: Weight) -> Option<Self> {
        let period = total.period.max(1) as f64;
        let (seen, unseen) = match facts.account {
            Some(account) if is_user_only(&facts.event) => (account.user_ns, account.system_ns),
            Some(account) => (account.cpu_ns(), 0),
            None => {
                let sampled = facts.cpu_ns? as f64;
                return Some(Self {
                    used_ns: sampled,
                    per_period: 1.0,
                    unsampled_ns: 0.0,
                });
            }
        };
        let (seen, unseen) = (seen as f64, unseen as f64);
        let used_ns = seen + unseen;
        let sampled = facts.cpu_ns.map_or(seen, |sampled| sampled as f64);
        let is_complete = sampled >= SCALED_FROM * seen;
        Some(Self {
            used_ns,
            per_period: if is_complete { seen / period } else { 1.0 },
            unsampled_ns: if is_complete {
                unseen
            } else {
                used_ns - sampled
            },
        })
    }
}

/// The charged function with those that it is inlined into, where there are any.
fn inline_paths(shares: &Shares<'_>) -> Vec<(String, CrateInfo, Weight)> {
    // A position in the list of scopes names the rest of its chain, too.
    let mut charged: HashMap<u32, (usize, Weight)> = HashMap::new();
    for (stack, weight) in shares.ends() {
        if let Some(at) = shares.settled[stack].charged {
            charged.entry(at).or_insert((stack, Weight::default())).1 += weight;
        }
    }
    let symbols = shares.symbols;
    let mut paths = Vec::new();
    for (at, (stack, weight)) in charged {
        // The frame that the scope is in: the innermost one, or one of the callers'.
        let mut from = Some(stack);
        while let Some(stack) = from {
            let chain: Vec<_> = shares.scopes(stack).collect();
            if let Some(position) = chain.iter().position(|(position, _)| *position == at) {
                let names: Vec<&str> = chain[position..]
                    .iter()
                    .filter_map(|(_, scope)| {
                        let function = symbols.functions.get(scope.function.0 as usize)?;
                        Some(function.name.as_str())
                    })
                    .collect();
                if names.len() > 1 {
                    let function = chain[position].1.function;
                    let owner = shares
                        .owner(function)
                        .and_then(|owner| symbols.crates.get(owner.0 as usize));
                    let label = owner.map_or_else(unknown, label_of);
                    paths.push((names.join(" ← "), label, weight));
                }
                break;
            }
            from = shares.caller(stack);
        }
    }
    paths
}
