//! Instructions, cache misses and branches by valgrind's cachegrind, where the processor's own
//! counters cannot be had. The program runs once more, on a simulated processor, some 40 times
//! slower; counts are exact for its instructions and a model for its caches.
//!
//! Source: cachegrind's file format ("cg_annotate", valgrind's manual): a line `events:` names the
//! columns, a line `summary:` their sums. Caches are given sizes of their own: valgrind takes what
//! the processor reports, which in virtual machines may be absurd, and differs between machines.

use super::model::{Metric, Source, Unit, Value, known};
use std::{
    fs, io,
    path::Path,
    process::{Command, Stdio},
};

/// 32 KiB for instructions and for data, 8 MiB at the last level.
const CACHES: [&str; 3] = ["--I1=32768,8,64", "--D1=32768,8,64", "--LL=8388608,16,64"];

/// What cachegrind counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Simulated {
    /// `Ir`.
    pub instructions: u64,
    /// `Dr` and `Dw`.
    pub data_references: u64,
    /// `D1mr` and `D1mw`.
    pub first_level_misses: u64,
    /// `ILmr`, `DLmr` and `DLmw`.
    pub last_level_misses: u64,
    /// `Bc` and `Bi`.
    pub branches: u64,
    /// `Bcm` and `Bim`.
    pub branch_misses: u64,
}

impl Simulated {
    pub(super) fn metrics(&self) -> Vec<Metric> {
        let Self {
            instructions,
            data_references,
            first_level_misses,
            last_level_misses,
            branches,
            branch_misses,
        } = *self;
        let simulated = |name, value, unit| Metric::new(name, value, unit, Source::Simulated);
        vec![
            // No simulation knows how long anything takes.
            simulated("cycles", Value::Unknown, Unit::Count),
            simulated("instructions", known(instructions), Unit::Count),
            simulated("ipc", Value::Unknown, Unit::Ratio),
            simulated("cache-references", known(data_references), Unit::Count),
            simulated("l1-misses", known(first_level_misses), Unit::Count),
            simulated("cache-misses", known(last_level_misses), Unit::Count),
            simulated("branches", known(branches), Unit::Count),
            simulated("branch-misses", known(branch_misses), Unit::Count),
        ]
    }
}

/// Runs the command once more under cachegrind, with this input; its output goes nowhere. `Err` says why there is
/// nothing.
pub fn simulate(command: &Command, input: Stdio) -> Result<Simulated, String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = directory.path().join("cachegrind.out");
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args([
            "--tool=cachegrind",
            "--quiet",
            "--cache-sim=yes",
            "--branch-sim=yes",
        ])
        .args(CACHES)
        .arg(format!("--cachegrind-out-file={}", file.display()))
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(input)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => valgrind.env(name, value),
            None => valgrind.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        valgrind.current_dir(directory);
    }
    let status = valgrind.status().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "this machine has no counters of its own, and valgrind, which \
                                    could simulate them, is not installed"
            .to_owned(),
        _ => format!("valgrind could not be started: {error}"),
    })?;
    read(&file).ok_or_else(|| format!("cachegrind left no figures ({status})"))
}

fn read(path: &Path) -> Option<Simulated> {
    parse(&fs::read_to_string(path).ok()?)
}

fn parse(text: &str) -> Option<Simulated> {
    let after = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
    let names: Vec<&str> = after("events:")?.split_whitespace().collect();
    let sums = after("summary:")?.split_whitespace();
    let sums: Vec<u64> = sums.map_while(|sum| sum.parse().ok()).collect();
    let sum = |wanted: &[&str]| -> u64 {
        let pairs = names.iter().zip(&sums);
        pairs
            .filter(|(name, _)| wanted.contains(name))
            .fold(0, |all, (_, sum)| all.saturating_add(*sum))
    };
    (names.len() == sums.len() && !sums.is_empty()).then(|| Simulated {
        instructions: sum(&["Ir"]),
        data_references: sum(&["Dr", "Dw"]),
        first_level_misses: sum(&["D1mr", "D1mw"]),
        last_level_misses: sum(&["ILmr", "DLmr", "DLmw"]),
        branches: sum(&["Bc", "Bi"]),
        branch_misses: sum(&["Bcm", "Bim"]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_read_by_the_names_of_their_columns() {
        let text = "desc: I1 cache: 32768\nevents: Ir Dr DLmr Dw\nfl=x\nfn=y\n1 1 1 1 1\n\
                    summary: 100 20 3 4\n";
        let found = parse(text).unwrap();
        assert_eq!(found.instructions, 100);
        assert_eq!(found.data_references, 24);
        assert_eq!(found.last_level_misses, 3);
        assert_eq!(parse("events: Ir Dr\nsummary: 1\n"), None);
        assert_eq!(parse(""), None);
    }
}
