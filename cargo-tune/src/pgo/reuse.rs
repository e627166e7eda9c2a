//! Building with a profile that was kept, and how much of it still matches.

use std::path::{Path, PathBuf};

use codecost::cargo::{Candidate, TargetChoice};
use codecost::{Error, Result};

use super::age::{Age, Gone, REFUSED};
use super::bolt::Bolt;
use super::kept::{Note, Place};
use super::listed;
use super::profdata;
use super::programs::{Programs, copied};
use crate::project::Project;
use crate::receipt::fnv1a;
use crate::rustc::build::Settings;
use crate::trial::bench::weigh;
use crate::trial::outcome::Weighed;

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
    note.check(&place, &candidate.package, &candidate.name)?;
    let (weighed, age) = build(project, &candidate, &place, &note, false)?;
    if age.worst() > REFUSED {
        return Err(Error::failed(
            format!(
                "`{}` is a profile of other code: {}{}",
                place.profile().display(),
                age.words(),
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
        note.check(&place, &candidate.package, &candidate.name)?;
        let age = match measured {
            true => Some(build(project, &candidate, &place, &note, true)?.1),
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

/// Builds with the kept profile and says how much of it still matches. The program's functions are
/// listed `always`, or where something hints at functions that are gone: that takes another build.
fn build(
    project: &Project,
    candidate: &Candidate,
    place: &Place,
    note: &Note,
    always: bool,
) -> Result<(Weighed, Age)> {
    let settings = Settings {
        config: note.settings.clone(),
        ..Settings::default()
    };
    let programs = Programs::new(project, candidate, settings);
    let profile = place.profile();
    let functions = profdata::functions(&project.toolchain, None, &profile)?;
    let bolt = note.bolt.then(Bolt::find).transpose()?;
    let base = match &bolt {
        None => programs.optimised(&profile)?,
        Some(_) => programs.relocatable(&profile)?,
    };
    let mut age = Age::of(note, &functions, &base.said);
    // What is refused in any case need not be known in full.
    if always || (age.is_doubtful() && age.worst() <= REFUSED) {
        let listed = programs.instrumented();
        match listed.and_then(|program| listed::functions(&program)) {
            Ok(program) => age.list(&functions, &base.said, &program),
            // Of other targets the library that counts may not be there.
            Err(error) if project.effective.cross => age.gone = Gone::Failed(error.to_string()),
            Err(error) => return Err(error),
        }
    }
    let Some(bolt) = bolt.filter(|_| age.worst() <= REFUSED) else {
        return Ok((base.weighed, age));
    };
    let program = &base.weighed.path;
    let name = program.file_name().map(PathBuf::from).unwrap_or_default();
    let laid_out = programs.emptied("bolt")?.join(name);
    bolt.optimise(program, &place.fdata(), &laid_out)?;
    let bytes = std::fs::read(&laid_out).map_err(|e| Error::read(&laid_out, e))?;
    let mut weighed = weigh(&laid_out, &bytes, fnv1a(&bytes));
    weighed.built_as(&base.weighed);
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
