//! Harnesses that are not read here. They repeat a benchmark for a time of their own choice, so the
//! process takes as long when the code is twice as slow, and comparing processes would find no change.
//!
//! They are known by their crate, or by what they print: the time of an iteration is not what a program
//! of a fixed amount of work says of itself.

use crate::record::harness::Harness as Linked;
use std::path::Path;

/// How to go on.
const REMEDY: &str = "read its own comparison, or use Criterion or divan";

/// Why a program of such a harness is not compared.
pub(super) fn why(program: &Path) -> String {
    match Linked::of(program) {
        Linked::Gungraun => {
            "it runs its benchmarks under valgrind, whose time says nothing; its own \
             comparison has the instructions"
                .into()
        }
        Linked::SelfTimed(name) => {
            format!("`{name}` chooses itself how long it runs; {REMEDY}")
        }
        _ => format!("its harness chooses itself how long it runs; {REMEDY}"),
    }
}

/// The same, by a line that it printed.
pub(super) fn why_by(line: &str) -> String {
    format!(
        "it times its iterations itself (`{line}`), and how long it runs says nothing; {REMEDY}"
    )
}

/// The first line that says the time of an iteration: `12 ns/iter`, `3.4 µs per iteration`, `5 ns/op`,
/// `[1.2 ns 1.3 ns 1.4 ns]`.
pub(super) fn times_itself(output: &[u8]) -> Option<String> {
    const LONGEST: usize = 60;
    let text = String::from_utf8_lossy(output);
    let line = text.lines().find(|line| is_time_of_iteration(line))?;
    Some(line.trim().chars().take(LONGEST).collect())
}

fn is_time_of_iteration(line: &str) -> bool {
    const UNITS: [&str; 6] = ["ps", "ns", "us", "µs", "μs", "ms"];
    const EACH: [&str; 7] = [
        "/iter",
        "/op",
        "/call",
        " per iter",
        " per op",
        " per call",
        "/it ",
    ];
    let line = line.to_lowercase();
    // The words whose end is a unit, after a digit or a word that is a number.
    let is_number = |text: &str| text.ends_with(|last: char| last.is_ascii_digit());
    let is_time = |text: &str| {
        UNITS.iter().any(|unit| {
            let rest = text.strip_suffix(unit);
            rest.is_some_and(|rest| is_number(rest.trim_end()))
        })
    };
    let of_each = EACH.iter().any(|each| {
        let mut places = line.match_indices(each);
        places.any(|(at, _)| {
            line.get(..at)
                .is_some_and(|before| is_time(before.trim_end()))
        })
    });
    let in_brackets = || {
        let inside = line
            .split_once('[')
            .and_then(|(_, rest)| rest.split_once(']'));
        inside.is_some_and(|(inside, _)| {
            let words: Vec<&str> = inside.split_whitespace().collect();
            let times = words.chunks(2).filter(|two| is_time(&two.join(" ")));
            words.len() == 6 && times.count() == 3
        })
    };
    of_each || in_brackets()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_an_iteration_is_known_from_other_words() {
        for (line, is) in [
            ("test a ... bench:       1,234 ns/iter (+/- 56)", true),
            ("parse    3.4 µs per iteration", true),
            ("lookup: 5ns/op", true),
            ("time:   [1.2345 ns 1.3 ns 1.4567 ns]", true),
            ("done in 12.5 ms", false),
            ("read 12 MB/iter", false),
            ("[1 2 3 4 5 6]", false),
            ("[INFO] 3 ns", false),
            ("", false),
        ] {
            assert_eq!(is_time_of_iteration(line), is, "{line}");
        }
        assert_eq!(
            times_itself("x\n  a  12 ns/op \n\u{0}".as_bytes()).as_deref(),
            Some("a  12 ns/op")
        );
        assert_eq!(times_itself(b"\xff 3 things\n"), None);
    }
}
