//! Building with a profile that was kept, and how much of it still matches.

use std::path::{Path, PathBuf};

use codecost::cargo::{Candidate, TargetChoice};
use codecost::{Error, Result};

use super::bolt::Bolt;
use super::kept::{Note, Place};
use super::programs::{Programs, copied};
use super::said::Said;
use crate::project::Project;
use crate::receipt::fnv1a;
use crate::rustc::build::Settings;
use crate::trial::bench::weigh;
use crate::trial::outcome::Weighed;

/// With more of its functions stale than this, a profile is of other code.
pub const REFUSED: f64 = 0.5;
/// With more of its functions stale than this, a profile has aged.
pub const AGED: f64 = 0.1;

/// How much of a kept profile no longer matches.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Age {
    /// Functions in the profile.
    pub functions: u64,
    /// Functions whose code is another now.
    pub changed: u64,
    /// Functions of the program that the profile does not have, beside those that it did not have
    /// when it was made.
    pub new: u64,
}

impl Age {
    fn of(note: &Note, said: &Said) -> Self {
        Self {
            functions: note.functions,
            changed: said.changed.len() as u64,
            new: (said.missing.len() as u64).saturating_sub(note.missing),
        }
    }

    /// Functions that the profile does nothing for.
    pub fn stale(&self) -> u64 {
        self.changed + self.new
    }

    /// The share of the profile that is stale. A function that was renamed is new and gone at once.
    pub fn share(&self) -> f64 {
        let share = self.stale() as f64 / self.functions.max(1) as f64;
        share.min(1.0)
    }
}

/// A program that was built with a kept profile.
#[derive(Debug, Clone)]
pub struct Used {
    /// The program's name.
    pub name: String,
    /// The program.
    pub weighed: Weighed,
    /// The note of the profile.
    pub note: Note,
    /// The profile's place.
    pub place: Place,
    /// How much of it still matches.
    pub age: Age,
}

/// Builds with the profile that is kept in `directory`.
///
/// # Errors
///
/// None is kept, it is damaged or of other code, or the build fails.
pub fn reuse(project: &Project, directory: &Path) -> Result<Used> {
    let candidate = project.workspace.candidate(&project.selection)?;
    let place = Place::new(directory, &candidate.name);
    let note = place.read()?.ok_or_else(|| {
        Error::failed(
            format!("no profile is kept at `{}`", place.profile().display()),
            "make one: `cargo tune pgo --workload CMD`",
        )
    })?;
    let (weighed, age) = build(project, &candidate, &place, &note)?;
    if age.share() > REFUSED {
        return Err(Error::failed(
            format!(
                "`{}` is a profile of other code: {} of its {} functions no longer match{}",
                place.profile().display(),
                age.stale().min(age.functions),
                age.functions,
                other_compiler(project, &note),
            ),
            "train again: `cargo tune pgo --workload CMD`",
        ));
    }
    Ok(Used {
        name: candidate.name,
        weighed,
        note,
        place,
        age,
    })
}

/// How much of each profile that is kept in `directory` still matches, for all programs of the
/// workspace; found by a build, where `measured`.
///
/// # Errors
///
/// A profile is damaged, or a build fails.
pub fn ages(project: &Project, directory: &Path, measured: bool) -> Result<Vec<Kept>> {
    let mut found = Vec::new();
    if !directory.is_dir() {
        return Ok(found);
    }
    for candidate in programs(project) {
        let place = Place::new(directory, &candidate.name);
        let Some(note) = place.read()? else { continue };
        if note.profile != project.selection.profile() {
            continue;
        }
        let age = match measured {
            true => Some(build(project, &candidate, &place, &note)?.1),
            false => None,
        };
        found.push(Kept {
            path: place.profile(),
            other_compiler: other_compiler(project, &note),
            note,
            age,
        });
    }
    Ok(found)
}

/// All binaries and examples of the workspace.
fn programs(project: &Project) -> Vec<Candidate> {
    let mut selection = project.selection.clone();
    let members = project.workspace.members();
    selection.packages = members.iter().map(|p| p.id.repr.clone()).collect();
    let mut all = Vec::new();
    for choice in [TargetChoice::Bin(None), TargetChoice::Example(None)] {
        selection.target = choice;
        all.extend(project.workspace.candidates(&selection).unwrap_or_default());
    }
    all
}

/// A kept profile, for a check.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The profile.
    pub path: PathBuf,
    /// Its note.
    pub note: Note,
    /// That another compiler made it, in words; empty if it is the same.
    pub other_compiler: String,
    /// How much of it matches; `None` if nothing was built.
    pub age: Option<Age>,
}

fn build(
    project: &Project,
    candidate: &Candidate,
    place: &Place,
    note: &Note,
) -> Result<(Weighed, Age)> {
    let settings = Settings {
        config: note.settings.clone(),
        ..Settings::default()
    };
    let programs = Programs::new(project, candidate, settings);
    let profile = place.profile();
    if !note.bolt {
        let optimised = programs.optimised(&profile)?;
        let age = Age::of(note, &optimised.said);
        return Ok((optimised.weighed, age));
    }
    let bolt = Bolt::find()?;
    let base = programs.relocatable(&profile)?;
    let age = Age::of(note, &base.said);
    let program = &base.weighed.path;
    let name = program.file_name().map(PathBuf::from).unwrap_or_default();
    let laid_out = programs.emptied("bolt")?.join(name);
    bolt.optimise(program, &place.fdata(), &laid_out)?;
    let bytes = std::fs::read(&laid_out).map_err(|e| Error::read(&laid_out, e))?;
    let mut weighed = weigh(&laid_out, &bytes, fnv1a(&bytes));
    weighed.build_ns = base.weighed.build_ns;
    weighed.peak_memory = base.weighed.peak_memory;
    weighed.compiled = base.weighed.compiled;
    Ok((weighed, age))
}

/// Names follow from the compiler: a profile of another one has none of today's.
fn other_compiler(project: &Project, note: &Note) -> String {
    let toolchain = &project.toolchain;
    let same = note.rustc == toolchain.release && note.rustc_commit == toolchain.commit_hash;
    match same {
        true => String::new(),
        false => format!(
            " (it was made by rustc {}, and this is {})",
            note.rustc, toolchain.release
        ),
    }
}

/// Copies the program into `directory`.
///
/// # Errors
///
/// It cannot be written there.
pub fn deliver(used: &Used, directory: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(directory).map_err(|e| Error::write(directory, e))?;
    let name = used.weighed.path.file_name().map(PathBuf::from);
    copied(
        &used.weighed.path,
        &directory.join(name.unwrap_or_default()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn what_was_missing_from_the_start_is_not_stale() {
        let names = |names: &[&str]| -> BTreeSet<String> {
            names.iter().map(|&name| name.to_owned()).collect()
        };
        let note = Note {
            functions: 10,
            missing: 2,
            ..Note::new()
        };
        let said = |changed: &[&str], missing: &[&str]| Said {
            changed: names(changed),
            missing: names(missing),
            fault: None,
        };
        let age = Age::of(&note, &said(&["a"], &["b", "c"]));
        assert_eq!((age.stale(), age.share()), (1, 0.1));
        let age = Age::of(&note, &said(&[], &["b", "c", "d", "e"]));
        assert_eq!((age.stale(), age.new), (2, 2));
        let all: Vec<String> = (0..30).map(|i| i.to_string()).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        assert_eq!(Age::of(&note, &said(&[], &all)).share(), 1.0);
    }
}
