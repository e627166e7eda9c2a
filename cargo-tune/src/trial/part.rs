//! Parts of a sharded search, read back and judged together.
//!
//! A part is the JSON of `cargo tune search --shard I/N`, whole: `-o` writes it so.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use codecost::cargo::config::Value;
use codecost::{Error, Result};
use serde::Deserialize;

use super::choice::choose;
use super::outcome::{Outcome, Status, Weighed};
use super::paired::Interval;
use super::search::Found;
use super::taste::Taste;
use super::timing::{self, NO_OUTPUT, OUTPUT_VARIES};
use super::variant::{Role, Variant};
use crate::knob::{Assignment, Subject};
use crate::plan::Request;

#[derive(Deserialize)]
struct Part {
    schema: String,
    view: String,
    target: String,
    baseline: Row,
    builds: usize,
    rows: Vec<Row>,
    /// What `-n` or `--filter` left out.
    cut: Option<serde_json::Value>,
    /// Its number, from 1, and how many there are.
    shard: Option<(usize, usize)>,
    #[serde(default)]
    warnings: Vec<PartWarning>,
}

/// What a part says of its runs.
#[derive(Deserialize)]
struct PartWarning {
    code: String,
}

/// A row as `report::trials` writes it.
#[derive(Deserialize)]
struct Row {
    name: String,
    settings: BTreeMap<String, Setting>,
    file_size: Option<u64>,
    shipped_size: Option<u64>,
    text_size: Option<u64>,
    compressed_size: Option<u64>,
    build_ns: Option<u64>,
    #[serde(default)]
    build_cpu_ns: Option<u64>,
    peak_memory: Option<u64>,
    compiled: Option<usize>,
    time_ratio: Option<f64>,
    time_ci: Option<[f64; 2]>,
    time_p: Option<f64>,
    hash: Option<String>,
    status: String,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Setting {
    Bool(bool),
    Integer(i64),
    Text(String),
    List(Vec<String>),
}

impl From<Setting> for Value {
    fn from(value: Setting) -> Self {
        match value {
            Setting::Bool(b) => Self::Bool(b),
            Setting::Integer(i) => Self::Integer(i),
            Setting::Text(s) => Self::String(s),
            Setting::List(list) => Self::List(list),
        }
    }
}

/// Reads the parts at `paths` and judges all their trials together.
///
/// # Errors
///
/// A file that cannot be read or is no part of a search for the request's goal.
pub fn merge(request: &Request, taste: Taste, paths: &[PathBuf]) -> Result<Found> {
    let mut found: Option<Found> = None;
    let mut numbers = Numbers::default();
    for path in paths {
        let part = read(request, path)?;
        if let Some(number) = part.shard {
            numbers.add(number, path)?;
        }
        let found = match &mut found {
            Some(found) => found,
            empty => empty.insert(Found {
                baseline: outcome(part.baseline).map_err(|why| unfit(path, &why))?,
                rows: Vec::new(),
                builds: 0,
                resumed: 0,
                reproducible: None,
                noise: None,
                notices: Vec::new(),
                untried: Vec::new(),
                pruned: Vec::new(),
            }),
        };
        found.builds += part.builds;
        let said = |code| part.warnings.iter().any(|warning| warning.code == code);
        let notices = timing::notices(said(NO_OUTPUT), said(OUTPUT_VARIES));
        for notice in notices {
            if !found.notices.contains(&notice) {
                found.notices.push(notice);
            }
        }
        for row in part.rows {
            let row = outcome(row).map_err(|why| unfit(path, &why))?;
            let mut known = found.rows.iter().map(|r| r.variant.name());
            if !known.any(|name| name == row.variant.name()) {
                found.rows.push(row);
            }
        }
    }
    let mut found = found.ok_or_else(|| Error::usage("no parts to merge", "name their files"))?;
    numbers.check()?;
    let is_timed = found.rows.iter().any(|row| row.time.is_some());
    if taste.needs_times() && !is_timed {
        return Err(Error::usage(
            "the parts have no times to choose by",
            "make them with --workload, or leave out --max-slowdown and --prefer speed",
        ));
    }
    choose(request, taste, &mut found.baseline, &mut found.rows);
    Ok(found)
}

/// The parts that are there: without one, its trials would be missing and nobody would know.
#[derive(Default)]
struct Numbers<'p> {
    of: usize,
    found: BTreeMap<usize, &'p Path>,
}

impl<'p> Numbers<'p> {
    fn add(&mut self, (index, of): (usize, usize), path: &'p Path) -> Result<()> {
        let fault = match self.found.insert(index, path) {
            Some(before) => format!("`{}` is part {index}, too", before.display()),
            None if self.of != 0 && self.of != of => {
                format!("it is one of {of} parts, and others are of {}", self.of)
            }
            None => {
                self.of = of;
                return Ok(());
            }
        };
        Err(unfit_beside(path, &fault))
    }

    fn check(&self) -> Result<()> {
        let missing: Vec<String> = (1..=self.of)
            .filter(|index| !self.found.contains_key(index))
            .map(|index| index.to_string())
            .collect();
        let (names, of) = (missing.join(", "), self.of);
        let message = match missing.as_slice() {
            [] => return Ok(()),
            [_] => format!("part {names} of {of} is missing"),
            _ => format!("parts {names} of {of} are missing"),
        };
        Err(Error::usage(
            message,
            "name the files of all parts, each once",
        ))
    }
}

fn unfit_beside(path: &Path, why: &str) -> Error {
    Error::usage(
        format!(
            "`{}` does not go with the other parts: {why}",
            path.display()
        ),
        "name the files of all parts of one search, each once",
    )
}

fn unfit(path: &Path, why: &str) -> Error {
    Error::usage(
        format!("`{}` is not a part of a search: {why}", path.display()),
        "make parts with `cargo tune search … --shard I/N -o FILE`",
    )
}

fn read(request: &Request, path: &Path) -> Result<Part> {
    let text = fs::read_to_string(path).map_err(|e| Error::read(path, e))?;
    let part: Part = serde_json::from_str(&text).map_err(|e| unfit(path, &e.to_string()))?;
    let Part {
        schema,
        view,
        target,
        ..
    } = &part;
    if schema != "cargo-tune/1" || view != "search" {
        return Err(unfit(
            path,
            &format!("it is the output of `{view}` in {schema}"),
        ));
    }
    if target != request.goal.as_str() {
        return Err(unfit(path, &format!("it was a search for {target}")));
    }
    if part.cut.is_some() {
        return Err(unfit(path, "some of its trials were cut by -n or --filter"));
    }
    Ok(part)
}

/// The outcome that a row was written from, or why it cannot be one.
fn outcome(row: Row) -> Result<Outcome, String> {
    let assignments: Result<Vec<Assignment>, String> = row
        .settings
        .into_iter()
        .map(|(name, value)| {
            let subject = Subject::parse(&name).ok_or_else(|| format!("unknown knob `{name}`"))?;
            Ok(subject.assigned(value.into()))
        })
        .collect();
    let weighed = row.file_size.map(|file_size| Weighed {
        path: PathBuf::new(),
        file_size,
        shipped_size: row.shipped_size,
        text_size: row.text_size,
        compressed_size: row.compressed_size,
        build_ns: row.build_ns,
        build_cpu_ns: row.build_cpu_ns,
        units: 0,
        peak_memory: row.peak_memory,
        compiled: row.compiled.unwrap_or_default(),
        hash: row
            .hash
            .and_then(|h| u64::from_str_radix(&h, 16).ok())
            .unwrap_or_default(),
    });
    let time = match (row.time_ratio, row.time_ci) {
        (Some(ratio), Some([low, high])) => Some(Interval {
            ratio,
            low,
            high,
            p_faster: row.time_p.unwrap_or(1.0),
        }),
        _ => None,
    };
    let status = Status::parse(&row.status);
    Ok(Outcome {
        variant: Variant::new(Role::parse(&row.name), assignments?),
        weighed,
        time,
        status: status.ok_or_else(|| format!("unknown status `{}`", row.status))?,
        reason: row.reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_wanted_once() {
        let paths = ["a", "b", "c"].map(PathBuf::from);
        let checked = |numbers: &[(usize, usize)]| -> Result<(), String> {
            let mut all = Numbers::default();
            let mut parts = numbers.iter().zip(&paths);
            let added = parts.try_for_each(|(number, path)| all.add(*number, path));
            let checked = added.and_then(|()| all.check());
            checked.map_err(|error| error.to_string())
        };
        assert_eq!(checked(&[(2, 3), (1, 3), (3, 3)]), Ok(()));
        assert_eq!(checked(&[]), Ok(()), "a search that was not divided");
        let says = |numbers: &[(usize, usize)], words: &str| {
            let error = checked(numbers).unwrap_err();
            assert!(error.contains(words), "{error}");
        };
        says(&[(1, 3), (2, 3)], "part 3 of 3 is missing");
        says(&[(2, 3)], "parts 1, 3 of 3 are missing");
        says(
            &[(1, 2), (1, 2)],
            "`b` does not go with the other parts: `a` is part 1, too",
        );
        says(&[(1, 2), (2, 3)], "one of 3 parts, and others are of 2");
    }
}
