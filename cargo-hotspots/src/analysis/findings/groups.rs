//! Time in a group of system functions (the allocator, formatting, …), by who asked for it.
//!
//! From the innermost scope outward the first function that is of the group, or that the group
//! hands work to, decides; the first one that is none of the system asked. All of it is settled
//! once for each node of the tree of stacks.

use crate::analysis::{
    label::{label_of, unknown},
    model::{AskRow, Weight},
    shares::{At, Shares},
};
use crate::paths::tail;
use crate::symbols::{Function, FunctionId, Owner, SourceId};
use codecost::units::Share;
use std::{cmp::Reverse, collections::HashMap};

/// What a function is to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Time in it and below it is the group's.
    Member,
    /// Time in it and below it is not, even when the group called it.
    Other,
    /// It only passes on.
    Passes,
    /// It asked.
    Asks,
    /// What a benchmark's harness asks for cannot be changed by the user.
    Harness,
}

/// Crates that run benchmarks.
const HARNESSES: [&str; 5] = ["criterion", "divan", "test", "iai_callgrind", "gungraun"];

/// The role that most functions have: the system passes on, all others ask.
pub(super) fn usual(owner: &Owner) -> Role {
    if is_harness(owner) {
        Role::Harness
    } else if owner.system {
        Role::Passes
    } else {
        Role::Asks
    }
}

/// Whether the crate runs benchmarks.
pub(super) fn is_harness(owner: &Owner) -> bool {
    HARNESSES.contains(&owner.name.as_str())
}

/// Time in a group.
#[derive(Debug, Default)]
pub(in crate::analysis) struct Spent {
    /// All of it.
    pub(in crate::analysis) all: Weight,
    /// Who asked for it, most time first.
    pub(in crate::analysis) requesters: Vec<Requester>,
}

/// Who asked.
#[derive(Debug)]
pub(in crate::analysis) struct Requester {
    pub(in crate::analysis) id: FunctionId,
    pub(super) function: String,
    pub(in crate::analysis) time: Weight,
    /// The lines that asked, most time first.
    pub(in crate::analysis) lines: Vec<(Line, u64)>,
    /// The file of the first.
    file: Option<String>,
}

/// A line of the source.
type Line = (Option<SourceId>, Option<u32>);

/// Measures a group by the role of each function.
pub(super) fn measure(shares: &Shares<'_>, role: impl Fn(&Function, &Owner) -> Role) -> Spent {
    let roles = roles(shares, role);
    let of = |function: FunctionId| roles.get(function.0 as usize).copied();
    // For each stack: whether it is the group's time as far as is known, and who asked.
    let mut known: Vec<(Option<bool>, At)> = Vec::with_capacity(shares.ends.len());
    let mut spent = Spent::default();
    let mut requesters: HashMap<u32, Weight> = HashMap::new();
    for stack in 0..shares.ends.len() {
        let mut member = None;
        let mut asked = None;
        for (at, scope) in shares.scopes(stack) {
            match of(scope.function) {
                Some(Role::Member) => member = member.or(Some(true)),
                Some(Role::Other) => member = member.or(Some(false)),
                Some(Role::Asks | Role::Harness) => {
                    asked = Some(at);
                    break;
                }
                Some(Role::Passes) | None => {}
            }
        }
        if asked.is_none()
            && let Some(caller) = shares.caller(stack)
        {
            let outer = known[caller];
            member = member.or(outer.0);
            asked = outer.1;
        }
        known.push((member, asked));
        let asker = shares.scope(asked).and_then(|scope| of(scope.function));
        if member == Some(true) && asker != Some(Role::Harness) {
            spent.all += shares.ends[stack];
            if let Some(asked) = asked {
                *requesters.entry(asked).or_default() += shares.ends[stack];
            }
        }
    }
    spent.requesters = by_function(shares, requesters);
    spent
}

fn roles(shares: &Shares<'_>, role: impl Fn(&Function, &Owner) -> Role) -> Vec<Role> {
    let symbols = shares.symbols;
    let functions = symbols.functions.iter();
    functions
        .map(|function| {
            let owner = symbols.crates.get(function.owner.0 as usize);
            owner.map_or(Role::Passes, |owner| role(function, owner))
        })
        .collect()
}

impl Spent {
    /// What `requesters` asked for, each by its scope.
    pub(super) fn of(shares: &Shares<'_>, requesters: HashMap<u32, Weight>) -> Self {
        let mut all = Weight::default();
        requesters.values().for_each(|weight| all += *weight);
        Self {
            all,
            requesters: by_function(shares, requesters),
        }
    }
}

/// Time by scope, brought together by function.
pub(super) fn by_function(shares: &Shares<'_>, scopes: HashMap<u32, Weight>) -> Vec<Requester> {
    let mut functions: HashMap<FunctionId, (Weight, HashMap<Line, u64>)> = HashMap::new();
    for (at, weight) in scopes {
        let Some(scope) = shares.scope(Some(at)) else {
            continue;
        };
        let (sum, lines) = functions.entry(scope.function).or_default();
        *sum += weight;
        let line = lines.entry((scope.file, scope.line)).or_default();
        *line = line.saturating_add(weight.period);
    }
    let symbols = shares.symbols;
    let mut requesters: Vec<Requester> = functions
        .into_iter()
        .filter(|(_, (time, _))| time.period > 0)
        .filter_map(|(id, (time, lines))| {
            let function = symbols.functions.get(id.0 as usize)?.name.clone();
            let name = |id: Option<SourceId>| symbols.files.get(id?.0 as usize);
            let mut lines: Vec<(Line, u64)> = lines.into_iter().collect();
            lines.sort_by(|((file, line), time), (other, others)| {
                (others, name(*file), line).cmp(&(time, name(other.0), &other.1))
            });
            let file = lines
                .first()
                .and_then(|((file, _), _)| name(*file).cloned());
            Some(Requester {
                id,
                function,
                time,
                lines,
                file,
            })
        })
        .collect();
    requesters.sort_by(|a, b| {
        (Reverse(a.time.period), &a.function).cmp(&(Reverse(b.time.period), &b.function))
    });
    requesters
}

/// How many requesters, and lines of each, are named.
const NAMED: usize = 3;

impl Spent {
    /// Who asked, line by line, as evidence.
    pub(super) fn evidence(&self, total: Weight) -> Vec<String> {
        let named = self.requesters.iter().take(NAMED);
        let mut evidence: Vec<_> = named.map(|asker| asker.evidence(total)).collect();
        let more = self.requesters.len().saturating_sub(NAMED);
        if more > 0 {
            evidence.push(format!("and {more} more functions"));
        }
        evidence
    }
}

impl Requester {
    /// The function.
    pub(in crate::analysis) fn name(&self) -> &str {
        &self.function
    }

    /// As a row among all who asked.
    pub(in crate::analysis) fn row(&self, shares: &Shares<'_>) -> AskRow {
        let owner = shares.owner(self.id);
        let owner = owner.and_then(|owner| shares.symbols.crates.get(owner.0 as usize));
        let line = self.lines.first().and_then(|((_, line), _)| *line);
        AskRow {
            name: self.function.clone(),
            label: owner.map_or_else(unknown, label_of),
            time: self.time,
            file: self.file.clone(),
            line,
        }
    }

    /// `app::parse (src/parse.rs:40)`: where to look.
    pub(super) fn place(&self) -> String {
        match (&self.file, self.lines.first()) {
            (Some(file), Some(((_, Some(line)), _))) => {
                format!("{} ({}:{line})", self.function, tail(file))
            }
            _ => self.function.clone(),
        }
    }

    /// `12.0% for app::parse, most of it in src/parse.rs:40`.
    pub(super) fn evidence(&self, total: Weight) -> String {
        let share = Share::of(self.time.period, total.period);
        let mut said = format!("{share} for {}", self.function);
        if let (Some(file), Some(((_, Some(line)), time))) = (&self.file, self.lines.first()) {
            let most = if *time == self.time.period {
                "all"
            } else {
                "most"
            };
            said += &format!(", {most} of it in {}:{line}", tail(file));
        }
        said
    }
}
