//! Which benchmarks a program would run: how each harness is asked, and how it answers.
//!
//! | harness | question | answer |
//! |---|---|---|
//! | Criterion, libtest | `--bench --list --format terse` | `fib/20: benchmark` a line |
//! | divan from 0.1.18 | the same with `NEXTEST=1`, without which `--format` is an unknown argument | the same |
//! | bencher | `--bench`, which runs all: it has no list | `test NAME ... bench: 12 ns/iter` |
//! | divan before 0.1.18 | `--test`, which runs each benchmark once | a tree, drawn with box characters |
//!
//! Truth: divan's `cli.rs` and `tree_painter.rs` in 0.1.0, 0.1.17, 0.1.18 and 0.1.21. A harness with
//! several questions is asked the next one when it refuses the one before. Older versions of divan
//! have `--list` too, but it leaves out the `args` of a benchmark, without which `--exact` matches
//! nothing.
//!
//! Limits: what a benchmark itself prints in the middle of a line of the tree becomes part of a name,
//! which then cannot be measured.

use super::Harness;
use std::process::Command;

/// A way of asking for the list.
#[derive(Debug)]
pub(crate) struct Question {
    environment: &'static [(&'static str, &'static str)],
    arguments: &'static [&'static str],
    read: fn(&str) -> Vec<String>,
}

const TERSE: Question = Question {
    environment: &[],
    arguments: &["--bench", "--list", "--format", "terse"],
    read: lines,
};
const TERSE_FOR_NEXTEST: Question = Question {
    environment: &[("NEXTEST", "1")],
    ..TERSE
};
const TREE: Question = Question {
    environment: &[],
    arguments: &["--test"],
    read: tree,
};

const RUN: Question = Question {
    environment: &[],
    arguments: &["--bench"],
    read: results,
};

impl Harness {
    /// The questions, each to be asked when the program refuses those before it.
    pub(crate) fn questions(self) -> &'static [Question] {
        match self {
            Self::Criterion | Self::Libtest => &[TERSE],
            Self::Divan => &[TERSE_FOR_NEXTEST, TREE],
            Self::Bencher => &[RUN],
            Self::Gungraun | Self::SelfTimed(_) | Self::Plain => &[],
        }
    }
}

impl Question {
    /// Adds the question to a command.
    pub(crate) fn put(&self, command: &mut Command) {
        command
            .args(self.arguments)
            .envs(self.environment.iter().copied());
    }

    /// The names in the answer, in the program's order.
    pub(crate) fn names(&self, answer: &[u8]) -> Vec<String> {
        (self.read)(&String::from_utf8_lossy(answer))
    }
}

/// `fib/20: benchmark` a line, as nextest reads it too.
fn lines(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| {
            let line = line.trim_end();
            line.strip_suffix(": benchmark")
                .or_else(|| line.strip_suffix(": bench"))
        })
        .map(str::to_owned)
        .collect()
}

/// `test NAME ... bench:          12 ns/iter (+/- 1)` a line.
fn results(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| {
            let (name, _) = line.strip_prefix("test ")?.split_once(" ... bench:")?;
            Some(name.trim().to_owned())
        })
        .collect()
}

/// The leaves of trees, each by its path from the root with `::` between, as `--exact` takes it:
/// `├─ name` below three columns for each level above. A root is the first line, or the first after
/// an empty one; other lines without a branch are the program's own. What is ignored is not run.
fn tree(text: &str) -> Vec<String> {
    const COLUMNS: [&str; 2] = ["│  ", "   "];
    const BRANCHES: [&str; 2] = ["├─ ", "╰─ "];
    const IGNORED: &str = "(ignored)";
    let mut drawn: Vec<(usize, &str)> = Vec::new();
    let mut is_outside = true;
    for line in text.lines() {
        let (mut depth, mut rest) = (0, line);
        while let Some(deeper) = COLUMNS.iter().find_map(|column| rest.strip_prefix(column)) {
            (depth, rest) = (depth + 1, deeper);
        }
        match BRANCHES.iter().find_map(|branch| rest.strip_prefix(branch)) {
            Some(name) => drawn.push((depth + 1, name.trim_end())),
            None if line.trim().is_empty() => is_outside = true,
            None if is_outside => {
                drawn.push((0, line.trim_end()));
                is_outside = false;
            }
            None => {}
        }
    }
    let mut path: Vec<&str> = Vec::new();
    let mut names = Vec::new();
    for (at, (depth, name)) in drawn.iter().enumerate() {
        path.truncate(*depth);
        path.push(name);
        let is_leaf = drawn.get(at + 1).is_none_or(|(next, _)| next <= depth);
        // A root without a branch is no tree.
        if is_leaf && *depth > 0 && !name.ends_with(IGNORED) {
            names.push(path.join("::"));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_keep_names_as_they_are() {
        let list = b"fib/20: benchmark\ndv::a b: c: bench\n\nrunning 3 tests\nx: test\r\n";
        assert_eq!(TERSE.names(list), ["fib/20", "dv::a b: c"]);
        assert_eq!(TERSE.names(b"\xff: benchmark"), ["\u{fffd}"]);
    }

    /// bencher 0.1.5.
    #[test]
    fn a_harness_without_a_list_names_what_it_ran() {
        let printed = b"\nrunning 2 tests\n\
            test a_short ... bench:       1,234 ns/iter (+/- 56) = 12 MB/s\n\
            test b_one   ... bench:           3 ns/iter (+/- 0)\n\n\
            test result: ok. 0 passed; 0 failed; 0 ignored; 2 measured\n\n";
        assert_eq!(RUN.names(printed), ["a_short", "b_one"]);
    }

    /// divan 0.1.17 with `--test`; its `--list` has no `1000` and `2000`.
    #[test]
    fn trees_name_their_leaves() {
        let printed = "v17
├─ one
├─ own
│  ├─ 1000
│  ╰─ 2000
printed by a benchmark
├─ inner
│  ├─ never        (ignored)
│  ╰─ kinds
│     ├─ Vec<u16>
│     ╰─ u8
╰─ sized
   ╰─ 8

other
╰─ last

";
        let expected = [
            "v17::one",
            "v17::own::1000",
            "v17::own::2000",
            "v17::inner::kinds::Vec<u16>",
            "v17::inner::kinds::u8",
            "v17::sized::8",
            "other::last",
        ];
        assert_eq!(TREE.names(printed.as_bytes()), expected);
        assert!(TREE.names(b"error: nothing\n\xff\n").is_empty());
    }
}
