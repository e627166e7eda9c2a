//! The two sides: the programs that cargo has just built, those that a baseline kept, and how they
//! pair up.

use super::{
    baseline::{Kept, Opened},
    harness::{Harness, Program},
};
use codecost::{
    Error, Result,
    cargo::{Build, BuiltArtifact, Context, TargetKind},
};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// A program of one side.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// The target's name.
    pub target: String,
    /// The target's kind; `None` where cargo did not build it.
    pub kind: Option<String>,
    /// Its package.
    pub package: Option<String>,
    /// How it is run.
    pub program: Program,
    /// The benchmarks that were known of it, where it was kept.
    pub known: Vec<String>,
}

/// A program on both sides, or on one.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// Before.
    pub baseline: Option<Side>,
    /// After.
    pub current: Option<Side>,
}

/// The programs of a build; `harness` tells what drives a benchmark, by its program.
///
/// # Errors
///
/// A usage error: something of it does not run by itself.
pub fn of_build(
    context: &Context,
    build: &Build,
    arguments: &[OsString],
    harness: &dyn Fn(&Path) -> Harness,
) -> Result<Vec<Side>> {
    let sides = build.artifacts.iter().map(|artifact| {
        let BuiltArtifact {
            path,
            target,
            package_root,
            environment,
            ..
        } = artifact;
        if target.kind.is_library() {
            return Err(Error::usage(
                format_args!("the library `{}` does not run by itself", target.name),
                "compare a program that calls it: `--bench`, `--bin` or `--example`",
            ));
        }
        let harness = match target.kind {
            TargetKind::Bench => harness(path),
            _ => Harness::Process,
        };
        // Cargo runs tests and benchmarks where their package is, and all else where the user is.
        let directory = match target.kind {
            TargetKind::Test | TargetKind::Bench => package_root.as_path(),
            _ => context.directory(),
        };
        let mut arguments = arguments.to_vec();
        if target.kind == TargetKind::Bench && harness == Harness::Process {
            arguments.push("--bench".into());
        }
        Ok(Side {
            target: target.name.clone(),
            kind: Some(target.kind.to_string()),
            package: Some(target.package.clone()),
            program: Program {
                path: path.clone(),
                harness,
                directory: directory.to_path_buf(),
                environment: environment.clone(),
                arguments,
                name: target.name.clone(),
            },
            known: Vec::new(),
        })
    });
    sides.collect()
}

/// A program that exists.
pub fn of_program(context: &Context, path: &Path, arguments: &[OsString]) -> Side {
    let path = found(context, path);
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    Side {
        target: name.clone().into_owned(),
        kind: None,
        package: None,
        program: Program {
            harness: Harness::Process,
            directory: context.directory().to_path_buf(),
            environment: Vec::new(),
            arguments: arguments.to_vec(),
            name: name.into_owned(),
            path,
        },
        known: Vec::new(),
    }
}

/// By its path, or on `PATH`.
fn found(context: &Context, given: &Path) -> PathBuf {
    let path = context.absolute(given);
    if given.components().count() > 1 || path.exists() {
        return path;
    }
    let directories = context.var_os("PATH").unwrap_or_default();
    std::env::split_paths(&directories)
        .map(|directory| directory.join(given))
        .find(|file| file.is_file())
        .unwrap_or(path)
}

/// A kept program, run as its successor is; where there is none, with its own arguments here.
fn of_kept(opened: &Opened, kept: &Kept, current: Option<&Side>, context: &Context) -> Side {
    let own: Vec<OsString> = kept.arguments.iter().map(Into::into).collect();
    let program = Program {
        path: opened.directory.join(&kept.file),
        harness: Harness::of_name(&kept.harness).unwrap_or(Harness::Process),
        directory: context.directory().to_path_buf(),
        environment: Vec::new(),
        arguments: own.clone(),
        name: kept.target.clone(),
    };
    Side {
        target: kept.target.clone(),
        kind: kept.kind.clone(),
        package: kept.package.clone(),
        program: match current {
            None => program,
            // The same data, environment and arguments: only the program may differ.
            Some(current) => Program {
                directory: current.program.directory.clone(),
                environment: current.program.environment.clone(),
                arguments: current.program.arguments.clone(),
                ..program
            },
        },
        known: kept
            .benchmarks
            .iter()
            .map(|number| number.id.clone())
            .collect(),
    }
}

/// Pairs what was kept with what there is now. A target that the current side lacks is missing
/// only when `wanted` says that it was asked for.
///
/// # Errors
///
/// The baseline has none of the programs.
pub fn pair(
    opened: &Opened,
    current: Vec<Side>,
    context: &Context,
    wanted: &dyn Fn(&Kept) -> bool,
) -> Result<Vec<Subject>> {
    let is_of = |kept: &Kept, side: &Side| {
        kept.target == side.target
            && (kept.kind == side.kind)
            && (kept.package == side.package || kept.package.is_none())
    };
    let kept = &opened.baseline.programs;
    if !current
        .iter()
        .any(|side| kept.iter().any(|kept| is_of(kept, side)))
    {
        let names: Vec<&str> = kept.iter().map(|kept| kept.target.as_str()).collect();
        return Err(Error::failed(
            format_args!(
                "the baseline `{}` has no program `{}`",
                opened.directory.display(),
                current.first().map_or("", |side| side.target.as_str())
            ),
            format_args!("it has: {}", names.join(", ")),
        ));
    }
    let mut subjects: Vec<Subject> = Vec::new();
    for side in current {
        let before = kept.iter().find(|kept| is_of(kept, &side));
        let before = before.map(|kept| of_kept(opened, kept, Some(&side), context));
        subjects.push(Subject {
            baseline: before,
            current: Some(side),
        });
    }
    for kept in kept.iter().filter(|kept| wanted(kept)) {
        let mut currents = subjects
            .iter()
            .filter_map(|subject| subject.current.as_ref());
        if !currents.any(|side| is_of(kept, side)) {
            subjects.push(Subject {
                baseline: Some(of_kept(opened, kept, None, context)),
                current: None,
            });
        }
    }
    Ok(subjects)
}

/// Pairs the programs of two builds.
pub fn pair_builds(before: Vec<Side>, after: Vec<Side>) -> Vec<Subject> {
    let mut before: Vec<Option<Side>> = before.into_iter().map(Some).collect();
    let mut subjects = Vec::new();
    for current in after {
        let same = before.iter_mut().find(|side| {
            side.as_ref().is_some_and(|side| {
                side.target == current.target
                    && side.kind == current.kind
                    && side.package == current.package
            })
        });
        subjects.push(Subject {
            baseline: same.and_then(Option::take),
            current: Some(current),
        });
    }
    subjects.extend(before.into_iter().flatten().map(|side| Subject {
        baseline: Some(side),
        current: None,
    }));
    subjects
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::baseline::{Baseline, Number};

    fn side(target: &str) -> Side {
        let mut side = of_program(&Context::at("/w"), Path::new("/p/x"), &["now".into()]);
        side.target = target.into();
        side.package = Some("app".into());
        side.kind = Some("bench".into());
        side
    }

    fn opened(targets: &[&str]) -> Opened {
        let kept = |target: &&str| Kept {
            target: target.to_string(),
            kind: Some("bench".into()),
            package: Some("app".into()),
            harness: "criterion".into(),
            file: Path::new("programs").join(target),
            arguments: vec!["then".into()],
            benchmarks: vec![Number {
                id: "a".into(),
                ..Number::default()
            }],
            ..Kept::default()
        };
        Opened {
            directory: "/b".into(),
            baseline: Baseline {
                programs: targets.iter().map(kept).collect(),
                ..Baseline::default()
            },
        }
    }

    #[test]
    fn only_the_program_differs_between_the_sides() {
        let context = Context::at("/w");
        let subjects = pair(&opened(&["cr"]), vec![side("cr")], &context, &|_| true).unwrap();
        let baseline = subjects[0].baseline.as_ref().unwrap();
        assert_eq!(baseline.program.path, Path::new("/b/programs/cr"));
        assert_eq!(baseline.program.arguments, ["now"]);
        assert_eq!(baseline.known, ["a"]);
    }

    #[test]
    fn what_only_one_side_has_is_kept_apart() {
        let context = Context::at("/w");
        let both = opened(&["cr", "gone"]);
        let current = vec![side("cr"), side("added")];
        let subjects = pair(&both, current.clone(), &context, &|_| true).unwrap();
        let sides: Vec<(bool, bool)> = subjects
            .iter()
            .map(|subject| (subject.baseline.is_some(), subject.current.is_some()))
            .collect();
        assert_eq!(sides, [(true, true), (false, true), (true, false)]);
        // With `--bench cr` the other was not asked for.
        let asked = pair(&both, current, &context, &|kept| kept.target == "cr").unwrap();
        assert_eq!(asked.len(), 2);
        let error = pair(&opened(&["x"]), vec![side("cr")], &context, &|_| true).unwrap_err();
        assert!(error.to_string().contains("no program `cr`"));
    }

    #[test]
    fn builds_pair_by_target() {
        let subjects = pair_builds(vec![side("a"), side("b")], vec![side("b"), side("c")]);
        let names = |side: &Option<Side>| side.as_ref().map(|side| side.target.clone());
        let pairs: Vec<_> = subjects
            .iter()
            .map(|subject| (names(&subject.baseline), names(&subject.current)))
            .collect();
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(
            pairs,
            [(some("b"), some("b")), (None, some("c")), (some("a"), None)]
        );
    }
}
