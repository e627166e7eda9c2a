//! Who asked for a function, in one flat table: for each sample with the function on the stack, the
//! nearest caller that the user can change.
//!
//! By function that is the nearest one of the workspace; where there is none on the stack, the
//! nearest one that is not of the system. By crate it is the nearest crate that is not of the system,
//! so that a dependency is seen. A closure counts for the function around it. Each sample counts once, for the outermost call of the function, so
//! the rows sum to its inclusive time.

use super::{
    calls::{named, outermost},
    findings::{self, Spent},
    label::{label, label_of, unknown},
    model::{Analysis, AskRow, Asked, CrateInfo, Weight},
    shares::Shares,
    subject::Subject,
};
use crate::symbols::{FunctionId, OwnerId, Scope, SourceId};
use codecost::{Result, attribution::Origin};
use std::collections::HashMap;

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A crate.
    Crate,
    /// A function.
    Function,
}

/// Stands for a caller that is not on the stack.
const NOBODY: &str = "[no caller outside the system]";

/// Who asked for the function that `name` means.
///
/// # Errors
///
/// There is not one sample, or no one function is meant.
pub fn asked(subject: &Subject<'_>, name: &str, by: By) -> Result<Analysis<Asked>> {
    subject.analyse(|shares| {
        let code = finding_of(name);
        if let Some(spent) = code.and_then(|code| findings::spent(subject, shares, code)) {
            return Ok(of_finding(shares, name, &spent, by));
        }
        let selected = named(shares, name)?;
        let mut all = Weight::default();
        let mut askers: HashMap<Option<Asker<'_>>, Asking> = HashMap::new();
        outermost(shares, &selected, |stack, at| {
            let weight = shares.below[stack];
            all += weight;
            let found = asker(shares, stack, at, by);
            let asking = askers.entry(found.map(|found| found.0)).or_default();
            asking.time += weight;
            if let Some((_, scope)) = found {
                let line = asking.lines.entry((scope.file, scope.line)).or_default();
                *line = line.saturating_add(weight.period);
            }
        });
        let first = selected.functions.first().copied();
        let mut rows: Vec<AskRow> = askers
            .into_iter()
            .filter(|(_, asking)| asking.time != Weight::default())
            .map(|(asker, asking)| asking.row(shares, asker))
            .collect();
        rows.sort_by(|a, b| {
            let time = b.time.period.cmp(&a.time.period);
            time.then_with(|| (&a.name, &a.label.name).cmp(&(&b.name, &b.label.name)))
        });
        Ok(Asked {
            function: selected.name,
            label: first.map_or_else(unknown, |first| crate_of(shares, first)),
            inclusive: all,
            rows,
        })
    })
}

/// The code of the finding that a name in brackets means: `[allocator]`.
fn finding_of(name: &str) -> Option<&str> {
    let code = name.strip_prefix('[')?.strip_suffix(']')?;
    findings::BY_CALLER.contains(&code).then_some(code)
}

/// Whether a name means all that a finding counted, and no function.
pub fn is_finding(name: &str) -> bool {
    finding_of(name).is_some()
}

/// Who asked for what a finding counted, with its own figures.
fn of_finding(shares: &Shares<'_>, name: &str, spent: &Spent, by: By) -> Asked {
    let requesters = &spent.requesters;
    let mut rows: Vec<AskRow> = match by {
        By::Function => requesters.iter().map(|it| it.row(shares)).collect(),
        By::Crate => {
            let mut crates: HashMap<Option<OwnerId>, Asking> = HashMap::new();
            for requester in requesters {
                let of_crate = crates.entry(shares.owner(requester.id)).or_default();
                of_crate.time += requester.time;
                for (place, time) in &requester.lines {
                    let line = of_crate.lines.entry(*place).or_default();
                    *line = line.saturating_add(*time);
                }
            }
            let rows = crates.into_iter();
            rows.map(|(owner, asking)| asking.row(shares, owner.map(Asker::Crate)))
                .collect()
        }
    };
    rows.sort_by(|a, b| {
        let time = b.time.period.cmp(&a.time.period);
        time.then_with(|| (&a.name, &a.label.name).cmp(&(&b.name, &b.label.name)))
    });
    let asked = rows.iter().fold(Weight::default(), |mut sum, row| {
        sum += row.time;
        sum
    });
    if asked != spent.all {
        rows.push(AskRow {
            name: NOBODY.to_owned(),
            label: label(NOBODY, Origin::Unknown),
            time: Weight {
                samples: spent.all.samples.saturating_sub(asked.samples),
                period: spent.all.period.saturating_sub(asked.period),
            },
            file: None,
            line: None,
        });
    }
    Asked {
        function: name.to_owned(),
        label: label(name, Origin::Unknown),
        inclusive: spent.all,
        rows,
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Asker<'s> {
    Crate(OwnerId),
    /// By its name, and a function that has it.
    Function(&'s str, OwnerId),
}

/// The function around a closure.
fn around(name: &str) -> &str {
    let end = name.find("::{closure").or_else(|| name.find("::{{closure"));
    end.map_or(name, |end| name.get(..end).unwrap_or(name))
}

#[derive(Default)]
struct Asking {
    time: Weight,
    lines: HashMap<(Option<SourceId>, Option<u32>), u64>,
}

/// The nearest caller that counts, outward from the scope at `at`, and where it calls.
fn asker<'s>(shares: &Shares<'s>, stack: usize, at: u32, by: By) -> Option<(Asker<'s>, &'s Scope)> {
    let mut nearest: Option<(Asker<'s>, &Scope)> = None;
    let mut from = Some((stack, Some(at)));
    while let Some((stack, behind)) = from {
        for (position, scope) in shares.scopes(stack) {
            if behind.is_some_and(|behind| position <= behind) {
                continue;
            }
            let owner = shares.owner(scope.function);
            let known = owner.and_then(|owner| shares.symbols.crates.get(owner.0 as usize));
            let (Some(owner), Some(known)) = (owner, known) else {
                continue;
            };
            if known.system {
                continue;
            }
            match by {
                By::Crate => return Some((Asker::Crate(owner), scope)),
                By::Function => {
                    let function = shares.symbols.functions.get(scope.function.0 as usize)?;
                    let this = (Asker::Function(around(&function.name), owner), scope);
                    if known.origin == Origin::Workspace {
                        return Some(this);
                    }
                    nearest = nearest.or(Some(this));
                }
            }
        }
        from = shares.caller(stack).map(|caller| (caller, None));
    }
    nearest
}

fn crate_of(shares: &Shares<'_>, function: FunctionId) -> CrateInfo {
    let owner = shares.owner(function);
    let owner = owner.and_then(|owner| shares.symbols.crates.get(owner.0 as usize));
    owner.map_or_else(unknown, label_of)
}

impl Asking {
    fn row(self, shares: &Shares<'_>, asker: Option<Asker<'_>>) -> AskRow {
        let symbols = shares.symbols;
        let known = |owner: OwnerId| {
            let owner = symbols.crates.get(owner.0 as usize);
            owner.map_or_else(unknown, label_of)
        };
        let (name, label) = match asker {
            None => (NOBODY.to_owned(), label(NOBODY, Origin::Unknown)),
            Some(Asker::Crate(owner)) => {
                let label = known(owner);
                (label.name.clone(), label)
            }
            Some(Asker::Function(name, owner)) => (name.to_owned(), known(owner)),
        };
        // The line with the most time; of equal ones the first.
        let most = self
            .lines
            .into_iter()
            .max_by_key(|((file, line), time)| (*time, std::cmp::Reverse((*file, *line))));
        let (file, line) = most.map_or((None, None), |(place, _)| place);
        AskRow {
            name,
            label,
            time: self.time,
            file: file.and_then(|file| symbols.files.get(file.0 as usize).cloned()),
            line,
        }
    }
}
