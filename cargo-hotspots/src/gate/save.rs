//! `--save-baseline`: one build, one run of each benchmark, and the programs are kept.

use super::{
    baseline::{self, Baseline},
    compare::{Current, Talk, current_side},
    harness::Harness,
    host, prepare,
    process::Failure,
};
use codecost::{
    Error, Result,
    cargo::{Build, Context},
};
use std::path::PathBuf;

/// What `--save-baseline` did.
#[derive(Clone, Debug)]
pub struct Saved {
    /// Where it is.
    pub directory: PathBuf,
    /// What was kept.
    pub baseline: Baseline,
    /// Benchmarks that could not be measured, and why.
    pub failures: Vec<(String, Failure)>,
    /// Targets that have no benchmarks.
    pub empty: Vec<String>,
}

/// Builds the current side, measures each benchmark once, and keeps the programs.
///
/// # Errors
///
/// The build fails, a program lists no benchmarks, or the baseline cannot be written.
pub fn save(
    context: &Context,
    current: &Current,
    name: &str,
    stopped: &dyn Fn() -> bool,
    talk: &mut dyn Talk,
) -> Result<Saved> {
    let (sides, build, target) = current_side(context, current, talk)?;
    let directory = baseline::place(&target, context.directory(), name)?;
    let scratch =
        tempfile::tempdir().map_err(|source| Error::write(std::env::temp_dir(), source))?;
    let home = scratch.path().join("h");
    let mut programs = Vec::new();
    let mut failures = Vec::new();
    let mut empty = Vec::new();
    for side in &sides {
        talk.begin(
            "Measuring",
            &format!("each benchmark of `{}` once", side.target),
        );
        let measured = prepare::measure_once(context, side, &home, stopped, talk)?;
        if measured.is_empty() {
            empty.push(side.target.clone());
        }
        let mut numbers = Vec::new();
        for (id, result) in measured {
            match result {
                Ok(measured) => numbers.push(baseline::Number {
                    id,
                    minimum_ns: measured.minimum,
                    median_ns: measured.median,
                }),
                Err(failure) => failures.push((id, failure)),
            }
        }
        let arguments = current.arguments.iter();
        programs.push((
            side.program.path.clone(),
            baseline::Kept {
                target: side.target.clone(),
                kind: side.kind.clone(),
                package: side.package.clone(),
                harness: side.program.harness.as_str().into(),
                arguments: arguments
                    .map(|argument| argument.to_string_lossy().into_owned())
                    .collect(),
                input: match side.program.harness {
                    Harness::Process => Some(baseline::Input::now()?),
                    _ => None,
                },
                benchmarks: numbers,
                ..baseline::Kept::default()
            },
        ));
    }
    if empty.len() == sides.len() {
        return Err(Error::failed(
            format_args!("`{}` has no benchmarks", empty.join("`, `")),
            "name a target that has some, or leave out the arguments that choose among them",
        ));
    }
    let kept = programs.iter().any(|(_, kept)| !kept.benchmarks.is_empty());
    if let Some((id, failure)) = failures.first().filter(|_| !kept) {
        return Err(Error::failed(
            format_args!("nothing can be kept: `{id}` {failure}"),
            "run it by hand; a baseline needs a number of at least one benchmark",
        ));
    }
    let described = describe(context, current, build.as_ref());
    Ok(Saved {
        baseline: described.save(&directory, programs)?,
        directory,
        failures,
        empty,
    })
}

/// Where a build comes from.
fn describe(context: &Context, current: &Current, build: Option<&Build>) -> Baseline {
    let mut features = current.selection.features.clone();
    if current.selection.all_features {
        features.push("--all-features".into());
    }
    if current.selection.no_default_features {
        features.push("--no-default-features".into());
    }
    let lock = build.map(|build| build.workspace_root.join("Cargo.lock"));
    Baseline {
        commit: host::git(context, &["rev-parse", "HEAD"]),
        changed: host::git(context, &["status", "--porcelain", "--untracked-files=no"])
            .is_some_and(|changed| !changed.is_empty()),
        lock: lock.and_then(|path| baseline::hash_of(&path).ok()),
        rustc: build.map(|build| build.toolchain.release_and_commit()),
        rustflags: build
            .map(|build| build.rustflags.flags.clone())
            .unwrap_or_default(),
        profile: build.map(|build| build.profile.clone()),
        triple: build.map(|build| build.triple.clone()),
        features,
        cpu: host::cpu(context),
        native: build.is_some_and(|build| host::is_native(&build.rustflags)),
        ..Baseline::default()
    }
}
