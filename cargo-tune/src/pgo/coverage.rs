//! How much of the program a profile covers, by crate.
//!
//! From the profile itself (`indexed`) or, where that is of a version that only LLVM knows, from
//! its text form (`llvm-profdata merge --text`): for each function its name, the hash of its
//! control flow and its counters. The text is read line by line, so memory grows with the number of
//! functions and not with that of counters.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

use codecost::demangle::Name;

use super::said::Said;

/// The functions of one crate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CrateCoverage {
    /// The crate; `[unknown]` for names that say none.
    pub name: String,
    /// Functions in the profile.
    pub functions: u64,
    /// Of these, functions that ran while the program was trained.
    pub covered: u64,
    /// Of these, functions whose code is another now, so that their counts were dropped.
    pub stale: u64,
    /// Functions of the program that the profile does not have.
    pub missing: u64,
    /// The sum of all counters: how much of what ran is this crate's.
    pub counts: u64,
}

/// All crates of a profile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// By name.
    pub crates: Vec<CrateCoverage>,
}

impl Coverage {
    /// The sum over all crates.
    pub fn total(&self) -> CrateCoverage {
        let mut total = CrateCoverage {
            name: String::new(),
            ..CrateCoverage::default()
        };
        for one in &self.crates {
            total.functions += one.functions;
            total.covered += one.covered;
            total.stale += one.stale;
            total.missing += one.missing;
            total.counts = total.counts.saturating_add(one.counts);
        }
        total
    }
}

/// Some functions of a profile, and the sum of their counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weight {
    /// Functions.
    pub functions: u64,
    /// The sum of their counters.
    pub counts: u64,
}

/// The functions of a profile, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Functions {
    /// The sum of the counters.
    counts: BTreeMap<String, u64>,
}

/// What the next line of a function is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Name,
    Hash,
    Length,
    Counters,
    Other,
}

/// No name of a function is this long; what is, is no profile.
const LONGEST_LINE: u64 = 1 << 20;

impl Functions {
    /// Reads the text form.
    ///
    /// # Errors
    ///
    /// What the reader says; a line that no profile has.
    pub(super) fn read(text: &mut dyn BufRead) -> std::io::Result<Self> {
        let mut functions = Self::default();
        let mut part = Part::Name;
        let mut name = String::new();
        let mut line = Vec::new();
        loop {
            line.clear();
            let read =
                std::io::Read::take(&mut *text, LONGEST_LINE).read_until(b'\n', &mut line)?;
            if read == 0 {
                return Ok(functions);
            }
            if read as u64 == LONGEST_LINE {
                return Err(std::io::Error::other("a line without an end"));
            }
            let line = String::from_utf8_lossy(&line);
            let line = line.trim();
            if let Some(comment) = line.strip_prefix('#') {
                part = match comment.trim() {
                    "Func Hash:" => Part::Hash,
                    "Num Counters:" => Part::Length,
                    "Counter Values:" => Part::Counters,
                    // Of the whole profile; the first function follows.
                    text if text.ends_with("Instrumentation Flag") => Part::Name,
                    _ => Part::Other,
                };
            } else if line.is_empty() {
                part = Part::Name;
            } else if part == Part::Name && !line.starts_with(':') {
                name = line.to_owned();
                functions.counts.entry(name.clone()).or_default();
            } else if part == Part::Counters
                && let Some(sum) = functions.counts.get_mut(&name)
            {
                *sum = sum.saturating_add(line.parse().unwrap_or(0));
            }
        }
    }

    /// Adds a function, or more counts to one that is there.
    pub(super) fn add(&mut self, name: &str, counts: u64) {
        match self.counts.get_mut(name) {
            Some(sum) => *sum = sum.saturating_add(counts),
            None => {
                self.counts.insert(name.to_owned(), counts);
            }
        }
    }

    /// The functions whose names `is_of` takes.
    pub(super) fn sum(&self, is_of: impl Fn(&str) -> bool) -> Weight {
        let taken = self.counts.iter().filter(|(name, _)| is_of(name));
        taken.fold(Weight::default(), |weight, (_, counts)| Weight {
            functions: weight.functions + 1,
            counts: weight.counts.saturating_add(*counts),
        })
    }

    /// How many ran.
    pub(super) fn covered(&self) -> usize {
        self.counts.values().filter(|sum| **sum > 0).count()
    }

    /// By crate, with what rustc said of them.
    pub(super) fn by_crate(&self, said: &Said) -> Coverage {
        let mut crates: BTreeMap<String, CrateCoverage> = BTreeMap::new();
        for (name, sum) in &self.counts {
            let of = crates.entry(crate_of(name)).or_default();
            of.functions += 1;
            of.covered += u64::from(*sum > 0);
            of.counts = of.counts.saturating_add(*sum);
        }
        let mut count = |names: &BTreeSet<String>, add: fn(&mut CrateCoverage)| {
            for name in names {
                add(crates.entry(crate_of(name)).or_default());
            }
        };
        count(&said.changed, |of| of.stale += 1);
        count(&said.missing, |of| of.missing += 1);
        let named = crates
            .into_iter()
            .map(|(name, of)| CrateCoverage { name, ..of });
        let mut crates: Vec<CrateCoverage> = named.collect();
        crates.sort_by(|a, b| b.counts.cmp(&a.counts).then_with(|| a.name.cmp(&b.name)));
        Coverage { crates }
    }
}

/// The crate that compiled the function, by its name.
fn crate_of(symbol: &str) -> String {
    // Before a private function's name LLVM writes its file.
    let name = Name::parse(symbol.rsplit(';').next().unwrap_or(symbol));
    let owner = name.instantiating().or_else(|| name.defining());
    owner.map_or_else(|| "[unknown]".to_owned(), |owner| owner.name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# IR level Instrumentation Flag\n:ir\n\
        _ZN3app4main17hefafbeb393fb77d4E\n# Func Hash:\n10\n# Num Counters:\n2\n\
        # Counter Values:\n5\n7\n\n\
        app.708d-cgu.0;_ZN3dep4cold17h1c376bf10a3ad8cbE\n# Func Hash:\n11\n# Num Counters:\n1\n\
        # Counter Values:\n0\n\n\
        _ZN3dep3hot17hca11a75628c2977fE\n# Func Hash:\n12\n# Num Counters:\n1\n\
        # Counter Values:\n9\n# Num Value Kinds:\n1\n# ValueKind = IPVK_MemOPSize:\n1\n\
        # NumValueSites:\n1\n2\n8:100\n16:3\n\n";

    #[test]
    fn functions_are_counted_for_their_crates() {
        let functions = Functions::read(&mut TEXT.as_bytes()).unwrap();
        assert_eq!((functions.counts.len(), functions.covered()), (3, 2));
        let said = Said {
            changed: BTreeSet::from(["_ZN3dep3hot17hca11a75628c2977fE".to_owned()]),
            ..Said::default()
        };
        let coverage = functions.by_crate(&said);
        let row = |name: &str, functions, covered, stale, counts| CrateCoverage {
            name: name.to_owned(),
            functions,
            covered,
            stale,
            missing: 0,
            counts,
        };
        assert_eq!(
            coverage.crates,
            [row("app", 1, 1, 0, 12), row("dep", 2, 1, 1, 9)]
        );
        assert_eq!(coverage.total(), row("", 3, 2, 1, 21));
    }

    #[test]
    fn what_is_no_profile_does_no_harm() {
        for text in ["", "\n\n", "# Counter Values:\n7\n", ":ir\n"] {
            let functions = Functions::read(&mut text.as_bytes()).unwrap();
            assert!(functions.counts.is_empty());
        }
        let endless = "a".repeat(2 << 20);
        assert!(Functions::read(&mut endless.as_bytes()).is_err());
    }
}
