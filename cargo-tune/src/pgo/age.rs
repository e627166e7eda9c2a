//! How much of a kept profile still fits the code of today.
//!
//! A function of the profile no longer matches where its control flow is another now (rustc drops
//! its counts, and says so), or where the program has no function of its name any more (nobody
//! says so: the list of the program's functions does). What the compiler names as missing are
//! functions of the *program*: new ones, which are none of the profile's and are not counted as
//! such.

use std::collections::BTreeSet;

use codecost::units::{Share, counted};

use super::coverage::{Functions, Weight};
use super::kept::Note;
use super::said::Said;

/// With more of its functions or counts stale than this, a profile is of other code.
pub const REFUSED: f64 = 0.5;
/// With more of its functions or counts stale than this, a profile has aged.
pub const AGED: f64 = 0.1;

/// Whether the program was searched for functions of the profile that are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gone {
    /// It was not needed, or not yet done.
    NotListed,
    /// It could not be done, and why.
    Failed(String),
    /// The profile's functions that the program does not have.
    Listed(Weight),
}

/// How much of a kept profile no longer matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Age {
    /// The whole profile.
    pub whole: Weight,
    /// Functions of the profile whose code is another now.
    pub changed: Weight,
    /// Functions of the profile that the program does not have any more.
    pub gone: Gone,
    /// Functions of the program that the profile does not have, beside those that it did not have
    /// when it was made.
    pub new: u64,
}

impl Age {
    /// By what rustc said of the profile.
    pub(super) fn of(note: &Note, profile: &Functions, said: &Said) -> Self {
        Self {
            whole: profile.sum(|_| true),
            changed: profile.sum(|name| said.has_changed(name)),
            gone: Gone::NotListed,
            new: (said.missing.len() as u64).saturating_sub(note.missing),
        }
    }

    /// Takes the functions of the program into account.
    pub(super) fn list(&mut self, profile: &Functions, said: &Said, program: &BTreeSet<String>) {
        let gone = profile.sum(|name| !program.contains(name) && !said.has_changed(name));
        self.gone = Gone::Listed(gone);
    }

    /// Whether functions may be gone. Who no longer calls a function has another control flow now,
    /// or calls a new function in its place, or is gone, too.
    pub fn is_doubtful(&self) -> bool {
        self.changed.functions > 0 || self.new > 0
    }

    /// What is known to match no longer.
    pub fn stale(&self) -> Weight {
        let gone = match self.gone {
            Gone::Listed(gone) => gone,
            Gone::NotListed | Gone::Failed(_) => Weight::default(),
        };
        Weight {
            functions: self.changed.functions + gone.functions,
            counts: self.changed.counts.saturating_add(gone.counts),
        }
    }

    /// The share of the profile's functions that is stale.
    pub fn share(&self) -> f64 {
        let share = self.stale().functions as f64 / self.whole.functions.max(1) as f64;
        share.min(1.0)
    }

    /// The share of the profile's counts that is stale.
    pub fn counts_share(&self) -> f64 {
        let share = self.stale().counts as f64 / self.whole.counts.max(1) as f64;
        share.min(1.0)
    }

    /// The larger of the two: many functions that are seldom called, or the few that matter.
    pub fn worst(&self) -> f64 {
        self.share().max(self.counts_share())
    }

    /// What was found, in words.
    pub fn words(&self) -> String {
        let stale = self.stale();
        let mut words = format!(
            "{} of the profile's {} ({}) no longer match, and {} of its counts are lost",
            stale.functions,
            counted(self.whole.functions, "function"),
            Share(self.share()),
            Share(self.counts_share()),
        );
        let changed = self.changed.functions;
        match &self.gone {
            Gone::Listed(gone) if stale.functions > 0 => {
                words += &format!(": {changed} changed, {} gone", gone.functions);
            }
            Gone::Listed(_) => {}
            Gone::NotListed if changed > 0 => {
                words += &format!(": {changed} changed; others may be gone");
            }
            Gone::NotListed => words += ": no code that it knows changed",
            Gone::Failed(why) => {
                words += &format!(
                    ": {changed} changed; how many are gone is not known, because the program \
                     that counts was not built: {why}"
                );
            }
        }
        if self.new > 0 {
            words += &format!("; the program has {}", counted(self.new, "new function"));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(functions: &[(&str, u64)]) -> Functions {
        let mut all = Functions::default();
        for (name, counts) in functions {
            all.add(name, *counts);
        }
        all
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn said(changed: &[&str], missing: &[&str]) -> Said {
        Said {
            changed: names(changed),
            missing: names(missing),
            fault: None,
        }
    }

    const FIVE: &[(&str, u64)] = &[("m;hot", 990), ("main", 5), ("a", 5), ("b", 0), ("c", 0)];

    #[test]
    fn functions_that_are_gone_count_and_new_ones_do_not() {
        let (note, five) = (Note::new(), profile(FIVE));
        // rustc names one function that changed and one that the profile does not have.
        let told = said(&["main"], &["x"]);
        let mut age = Age::of(&note, &five, &told);
        assert_eq!((age.share(), age.new), (0.2, 1));
        assert!(age.is_doubtful());
        age.list(&five, &told, &names(&["main", "a", "x", "y"]));
        assert_eq!(
            age.stale(),
            Weight {
                functions: 4,
                counts: 995
            }
        );
        assert!(age.worst() > REFUSED);
        assert_eq!(
            age.words(),
            "4 of the profile's 5 functions (80.0%) no longer match, and 99.5% of its counts are lost: 1 \
             changed, 3 gone; the program has 1 new function"
        );
    }

    #[test]
    fn the_counts_of_one_hot_function_weigh_as_much() {
        // The profile names a private function with its file, and rustc without.
        let told = said(&["hot"], &[]);
        let mut age = Age::of(&Note::new(), &profile(FIVE), &told);
        assert_eq!(
            age.changed,
            Weight {
                functions: 1,
                counts: 990
            }
        );
        assert!(age.share() < 0.3 && age.worst() > 0.9);
        let all: Vec<&str> = FIVE.iter().map(|(name, _)| *name).collect();
        age.list(&profile(FIVE), &told, &names(&all));
        assert_eq!(age.gone, Gone::Listed(Weight::default()));
        assert!(
            age.words()
                .ends_with("99.0% of its counts are lost: 1 changed, 0 gone")
        );
    }

    #[test]
    fn what_was_missing_from_the_start_is_not_new() {
        let note = Note {
            missing: 2,
            ..Note::new()
        };
        let age = Age::of(&note, &profile(FIVE), &said(&[], &["x", "y"]));
        assert_eq!((age.new, age.worst(), age.is_doubtful()), (0, 0.0, false));
        assert!(age.words().ends_with("no code that it knows changed"));
        let age = Age::of(&note, &profile(FIVE), &said(&[], &["x", "y", "z"]));
        assert_eq!((age.new, age.stale().functions), (1, 0));
        assert!(age.is_doubtful());
    }

    #[test]
    fn an_empty_profile_has_no_share() {
        let age = Age::of(&Note::new(), &Functions::default(), &said(&[], &[]));
        assert_eq!((age.share(), age.counts_share()), (0.0, 0.0));
    }
}
