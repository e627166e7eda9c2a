//! The tool's answers against the linker's map, byte by byte.

use crate::linker_map::{Kind, LinkerMap, Owner};
use crate::merged::{MergedEntries, entry_size, split};
use crate::tool::{number, text};
use object::{Object, ObjectSection};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// How an answer fares against the truth. All figures are bytes.
#[derive(Debug, Default)]
pub struct Comparison {
    /// What the map gives an owner.
    pub total: u64,
    /// The answer names that owner, and it alone.
    pub exact: u64,
    /// The answer names that owner among several.
    pub among: u64,
    /// The answer names others: `(truth, answer)`.
    pub wrong: BTreeMap<(String, String), u64>,
    /// No row covers them.
    pub missing: u64,
}

impl Comparison {
    /// Wrong or without an answer, as a fraction of the total.
    pub fn misplaced(&self) -> f64 {
        1.0 - self.confirmed()
    }

    /// With the true owner, alone or among others, as a fraction of the total.
    pub fn confirmed(&self) -> f64 {
        (self.exact + self.among) as f64 / self.total.max(1) as f64
    }

    fn add(&mut self, truth: &str, answers: &[&str], bytes: u64) {
        match answers {
            [answer] if *answer == truth => self.exact += bytes,
            answers if answers.contains(&truth) => self.among += bytes,
            answers => {
                let key = (truth.to_owned(), answers.join("+"));
                *self.wrong.entry(key).or_insert(0) += bytes;
            }
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} bytes: {} exact, {} among several, {} wrong, {} without a row; {:.2} % confirmed",
            self.total,
            self.exact,
            self.among,
            self.wrong.values().sum::<u64>(),
            self.missing,
            100.0 * self.confirmed(),
        )?;
        let mut wrong: Vec<_> = self.wrong.iter().collect();
        wrong.sort_by_key(|(_, bytes)| std::cmp::Reverse(**bytes));
        for ((truth, answer), bytes) in wrong.iter().take(25) {
            writeln!(f, "{bytes:>9}  {answer} for {truth}")?;
        }
        Ok(())
    }
}

/// Compares the rows of `functions` with the map, over the bytes of `section`.
pub fn compare_functions(map: &LinkerMap, section: &str, rows: &[Value]) -> Comparison {
    let mut result = Comparison::default();
    let Some(output) = map.section(section) else {
        return result;
    };
    result.total = output
        .pieces
        .iter()
        .filter(|it| it.owner.is_some())
        .map(|it| it.size)
        .sum();
    for row in rows.iter().filter(|row| row["section"] == section) {
        let answer = text(row, "instantiated_by");
        // Code of no crate may be shown by a bucket or by nothing.
        let answer = if answer.is_empty() {
            "[native]"
        } else {
            answer
        };
        for (piece, bytes) in output.overlaps(number(row, "address"), number(row, "file")) {
            if let Some(owner) = &piece.owner {
                result.add(&owner.name, &[answer], bytes);
            }
        }
    }
    let seen = result.exact + result.among + result.wrong.values().sum::<u64>();
    result.missing = result.total.saturating_sub(seen);
    result
}

/// Compares the column `code` of `crates --by instantiated` with the map's `.text`: the fraction
/// of all bytes that would have to move between crates.
pub fn displaced_code(map: &LinkerMap, rows: &[Value]) -> f64 {
    let key = |name: &str, is_std: bool| format!("{name}{}", if is_std { " (std)" } else { "" });
    let mut balance: BTreeMap<String, i64> = BTreeMap::new();
    let mut total = 0;
    for (owner, bytes) in map.bytes_by_owner(".text") {
        let Some(Owner { name, kind }) = owner else {
            continue;
        };
        total += bytes;
        *balance
            .entry(key(&name, kind == Kind::Sysroot))
            .or_insert(0) += bytes as i64;
    }
    for row in rows {
        let is_std = matches!(text(row, "origin"), "std" | "std-dependency");
        let name = text(row, "name");
        if name != "[padding]" {
            *balance.entry(key(name, is_std)).or_insert(0) -= number(row, "code") as i64;
        }
    }
    balance
        .values()
        .map(|bytes| bytes.unsigned_abs())
        .sum::<u64>() as f64
        / 2.0
        / total as f64
}

/// Compares the rows of `data` with the map over all bytes of `section`, also those that the
/// linker merged: for these the objects speak.
///
/// The map tells whose compilation made a constant, so `instantiated_by` is compared, the list of
/// all crates whose code uses it.
pub fn compare_data(map: &LinkerMap, section: &str, rows: &[Value], file: &Path) -> Comparison {
    let mut result = Comparison::default();
    let truth = Truth::new(map, section, file);
    result.total = truth.total();
    for row in rows.iter().filter(|row| row["section"] == section) {
        let answers = match &row["instantiated_by"] {
            Value::Array(names) if !names.is_empty() => names,
            _ => panic!("no `instantiated_by` in {row}"),
        };
        let mut answers: Vec<&str> = answers.iter().filter_map(Value::as_str).collect();
        answers.sort_unstable();
        let (address, size) = (number(row, "address"), number(row, "file"));
        let start = truth
            .runs
            .partition_point(|run| run.address + run.size <= address);
        for run in &truth.runs[start..] {
            if run.address >= address.saturating_add(size) {
                break;
            }
            let end = (run.address + run.size).min(address + size);
            let bytes = end - run.address.max(address);
            match run
                .owners
                .iter()
                .find(|owner| answers.contains(&owner.as_str()))
            {
                Some(owner) => result.add(owner, &answers, bytes),
                None => result.add(&run.owners.join("/"), &answers, bytes),
            }
        }
    }
    let seen = result.exact + result.among + result.wrong.values().sum::<u64>();
    result.missing = result.total.saturating_sub(seen);
    result
}

/// A run of bytes and everybody who may have brought it.
struct Run {
    address: u64,
    size: u64,
    owners: Vec<String>,
}

struct Truth {
    runs: Vec<Run>,
}

impl Truth {
    fn new(map: &LinkerMap, section: &str, file: &Path) -> Self {
        let bytes = std::fs::read(file).expect("the artifact");
        let object = object::File::parse(&*bytes).expect("the artifact is an object file");
        let data = object.section_by_name(section).expect("the section");
        let (start, data) = (data.address(), data.data().expect("the section's bytes"));
        let leaf = leaf_of(map);
        let merged = MergedEntries::read(map);
        let mut runs = Vec::new();
        for piece in map
            .section(section)
            .iter()
            .flat_map(|output| &output.pieces)
        {
            if let Some(owner) = &piece.owner {
                let (address, size) = (piece.address, piece.size);
                runs.push(Run {
                    address,
                    size,
                    owners: vec![owner.name.clone()],
                });
                continue;
            }
            let from = (piece.address - start) as usize;
            let content = &data[from..from + piece.size as usize];
            let mut address = piece.address;
            for entry in split(content, entry_size(&piece.section, false)) {
                let owners = match merged.owners_of(entry) {
                    Some(owners) => owners.iter().map(|owner| owner.name.clone()).collect(),
                    None => vec![leaf.clone()],
                };
                runs.push(Run {
                    address,
                    size: entry.len() as u64,
                    owners,
                });
                address += entry.len() as u64;
            }
        }
        Self { runs }
    }

    fn total(&self) -> u64 {
        self.runs.iter().map(|run| run.size).sum()
    }
}

/// The crate whose objects were linked as such, not out of an archive.
fn leaf_of(map: &LinkerMap) -> String {
    let pieces = map.sections.iter().flat_map(|section| &section.pieces);
    let leaf = pieces
        .filter(|piece| piece.object.ends_with(".rcgu.o"))
        .find_map(|piece| {
            let owner = piece
                .owner
                .as_ref()
                .filter(|owner| owner.kind == Kind::Crate)?;
            Some(owner.name.clone())
        });
    leaf.expect("the program's own objects are in the map")
}
