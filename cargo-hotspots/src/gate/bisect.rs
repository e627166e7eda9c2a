//! Which commit made a benchmark slower: a binary search with the gate's own verdict at each step.
//!
//! The first commit is not slower than itself and the last is known to be. Each step compares the
//! first commit with one in the middle. Where that comparison cannot tell, the search stops and
//! says between which two commits the change is: a guess would send its reader to the wrong commit.

use codecost::Result;

/// What a step says of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is slower than the first.
    Slower,
    /// It is not.
    NotSlower,
    /// The comparison cannot tell, or the commit cannot be built.
    Unknown,
}

/// What a search has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The last commit that is known not to be slower.
    pub good: String,
    /// The first that is known to be slower.
    pub bad: String,
    /// How many commits are left that may have done it.
    pub left: usize,
    /// How many comparisons were made.
    pub steps: usize,
}

/// Searches `commits`, the oldest first: the first is good and the last is bad. `None` with fewer
/// than two.
///
/// # Errors
///
/// What `judge` says.
pub fn search(
    commits: &[String],
    judge: &mut dyn FnMut(&str) -> Result<Step>,
) -> Result<Option<Found>> {
    let Some(mut bad) = commits.len().checked_sub(1).filter(|last| *last > 0) else {
        return Ok(None);
    };
    let (mut good, mut steps) = (0, 0);
    while bad - good > 1 {
        let middle = good.midpoint(bad);
        let Some(commit) = commits.get(middle) else {
            break;
        };
        steps += 1;
        match judge(commit)? {
            Step::Slower => bad = middle,
            Step::NotSlower => good = middle,
            Step::Unknown => break,
        }
    }
    let name = |index: usize| commits.get(index).cloned().unwrap_or_default();
    Ok(Some(Found {
        good: name(good),
        bad: name(bad),
        left: bad - good,
        steps,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commits(count: usize) -> Vec<String> {
        (0..count).map(|index| index.to_string()).collect()
    }

    #[test]
    fn the_commit_is_found_in_as_many_steps_as_its_number_has_digits() {
        for culprit in 1..=100 {
            let mut judge = |commit: &str| {
                let number: usize = commit.parse().unwrap();
                Ok(match number >= culprit {
                    true => Step::Slower,
                    false => Step::NotSlower,
                })
            };
            let found = search(&commits(101), &mut judge).unwrap().unwrap();
            assert_eq!((found.bad, found.left), (culprit.to_string(), 1));
            assert!(found.steps <= 7, "{}", found.steps);
        }
    }

    #[test]
    fn noise_stops_it_where_it_is() {
        let mut judge = |commit: &str| {
            Ok(match commit {
                "4" => Step::Slower,
                "2" => Step::Unknown,
                other => panic!("{other}"),
            })
        };
        let found = search(&commits(9), &mut judge).unwrap().unwrap();
        assert_eq!(
            (found.good.as_str(), found.bad.as_str(), found.left),
            ("0", "4", 4)
        );
        assert!(search(&commits(1), &mut |_| panic!()).unwrap().is_none());
    }
}
