//! Whether `panic = "abort"` would break the program.

use std::path::PathBuf;

use codecost::Result;
use codecost::cargo::config::Notice;
use rayon::prelude::*;

use super::change::{Plan, Skipped};
use super::request::Request;
use crate::knob::{Key, Knob};
use crate::project::{Package, Project};
use crate::unwind::{self, Reliance};

/// Packages known to isolate panics: what they catch would end the process.
const ISOLATING: &[(&str, &str)] = &[
    (
        "tokio",
        "a panicking task ends the whole process instead of its own task",
    ),
    (
        "async-std",
        "a panicking task ends the whole process instead of its own task",
    ),
    (
        "rayon",
        "a panic in a parallel closure is no longer handed to the caller",
    ),
    ("tower-http", "its CatchPanic layer no longer catches"),
    ("actix-web", "a panicking handler ends the server"),
    ("warp", "a panicking handler ends the server"),
    ("salsa", "cancellation is done by unwinding"),
    (
        "pyo3",
        "a panic ends the Python interpreter instead of raising an exception",
    ),
    ("napi", "a panic ends Node instead of throwing"),
    ("neon", "a panic ends Node instead of throwing"),
    (
        "threadpool",
        "a panicking job ends the process instead of its worker",
    ),
];

/// Records what blocks or endangers `panic = "abort"`; true if it must not be written.
pub(super) fn blocked(project: &Project, request: &Request, plan: &mut Plan) -> Result<bool> {
    if let Some(skipped) = impossible(project).or_else(|| unknown(project, request)) {
        plan.skipped.push(skipped);
        return Ok(true);
    }
    let found = evidence(project)?;
    let shown = |reliance: Reliance| -> Vec<String> {
        let found = found.iter().filter(|e| e.reliance == reliance);
        found
            .map(|e| format!("{}:{}: {}", project.shown(&e.file), e.line, e.what))
            .collect()
    };
    let evidence = shown(Reliance::Breaks);
    if !evidence.is_empty() && !request.allows_abort() {
        plan.skipped.push(Skipped::new(
            Knob::Key(Key::Panic),
            "the project's code relies on unwinding; `--allow abort` overrides",
            evidence,
        ));
        return Ok(true);
    }
    if !evidence.is_empty() {
        plan.notices.push(Notice {
            code: "abort-breaks-code",
            message: format!(
                "with `panic = \"abort\"` this no longer works: {}",
                evidence.join("; ")
            ),
            help: Some(
                "`cargo test --release` does not show it: tests are compiled with unwinding"
                    .to_owned(),
            ),
        });
    }
    for Package { name, .. } in &project.graph().development {
        plan.notices.push(Notice {
            code: "abort-breaks-examples",
            message: format!(
                "examples and benchmarks that link `{name}`, of crate-type \"dylib\", cannot be \
                 built with `panic = \"abort\"`"
            ),
            help: Some("build them with another profile, or keep `panic = \"unwind\"`".to_owned()),
        });
    }
    let doubts = [Reliance::Destructor, Reliance::GoesOn, Reliance::Poison];
    for doubt in doubts {
        plan.notices.extend(doubtful(doubt, &shown(doubt)));
    }
    warn(project, plan);
    Ok(false)
}

/// What to say of code that a program that aborts never comes to.
fn doubtful(reliance: Reliance, places: &[String]) -> Option<Notice> {
    let (code, what, help) = match reliance {
        Reliance::Breaks => return None,
        Reliance::Destructor => (
            "abort-skips-destructors",
            "no destructor runs after a panic, so this is never true",
            "look whether what these destructors clean up may stay behind",
        ),
        Reliance::GoesOn => (
            "abort-ends-threads",
            "a panic in any thread ends the program, and this is not reached, which otherwise \
             goes on",
            "leave `panic` alone if the program should outlive a panic in these threads",
        ),
        Reliance::Poison => (
            "abort-poisons-nothing",
            "a panic ends the program before a lock is seen to be poisoned, so this is never \
             needed",
            "leave `panic` alone if the program should outlive a panic in a thread",
        ),
    };
    let (first, more) = places.split_at_checked(PLACES).unwrap_or((places, &[]));
    let more = match more.len() {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let message = format!(
        "with `panic = \"abort\"` {what}: {}{more}",
        first.join("; ")
    );
    (!places.is_empty()).then(|| Notice {
        code,
        message,
        help: Some(help.to_owned()),
    })
}

/// So many places are named; the first are enough to judge by.
const PLACES: usize = 5;

/// Why the target or a library makes `panic = "abort"` superfluous or the build fail.
fn impossible(project: &Project) -> Option<Skipped> {
    let knob = Knob::Key(Key::Panic);
    let triple = &project.effective.triple;
    if project.aborts_anyway() {
        let reason = "this target aborts on panic anyway";
        return Some(Skipped::new(knob, reason, vec![triple.clone()]));
    }
    // rustc links a dylib with the standard library's shared form, which unwinds.
    let mut packages = project.graph().packages.iter();
    let dylib = packages.find(|package| package.is_dylib())?;
    Some(Skipped::new(
        knob,
        "a library of crate-type \"dylib\" is linked, and rustc refuses one that aborts",
        vec![format!(
            "{} {}: crate-type = {:?}",
            dylib.name, dylib.version, dylib.crate_types
        )],
    ))
}

/// Where not all of what is linked is known, one of it may be a dylib or rely on unwinding.
fn unknown(project: &Project, request: &Request) -> Option<Skipped> {
    let why = project.graph().unknown.as_ref()?;
    let reason = "the dependencies are not known, and one of them may rely on unwinding; \
                  `--allow abort` overrides";
    let skipped = Skipped::new(Knob::Key(Key::Panic), reason, vec![why.clone()]);
    Some(skipped).filter(|_| !request.allows_abort())
}

/// What relies on unwinding in the code of the workspace and of its path dependencies.
fn evidence(project: &Project) -> Result<Vec<unwind::Evidence>> {
    let mut packages: Vec<Vec<PathBuf>> = project
        .workspace
        .members()
        .iter()
        .map(|package| {
            let own = package
                .targets
                .iter()
                .filter(|t| !t.is_proc_macro() && (t.is_bin() || is_library(t)));
            own.map(|t| t.src_path.clone().into_std_path_buf())
                .collect()
        })
        .collect();
    let others = project.graph().packages.iter();
    let others = others.filter(|p| !p.sources.is_empty() && !project.is_member(&p.name));
    packages.extend(others.map(|p| p.sources.clone()));
    let scanned: Result<Vec<_>> = packages
        .par_iter()
        .map(|roots| unwind::scan(roots))
        .collect();
    let mut evidence: Vec<_> = scanned?.into_iter().flatten().collect();
    evidence.sort();
    Ok(evidence)
}

fn is_library(target: &cargo_metadata::Target) -> bool {
    use cargo_metadata::TargetKind as Kind;
    target.kind.iter().any(|kind| {
        matches!(
            kind,
            Kind::Lib | Kind::RLib | Kind::DyLib | Kind::CDyLib | Kind::StaticLib
        )
    })
}

/// Dangers that do not block.
fn warn(project: &Project, plan: &mut Plan) {
    let graph = project.graph();
    for (name, danger) in ISOLATING.iter().filter(|(name, _)| graph.has(name)) {
        plan.notices.push(Notice {
            code: "dependency-isolates-panics",
            message: format!("`{name}` isolates panics; with `panic = \"abort\"` {danger}"),
            help: Some("leave `panic` alone if the program counts on that".to_owned()),
        });
    }
    for package in project.workspace.members() {
        let foreign = package.targets.iter().find(|t| {
            use cargo_metadata::TargetKind as Kind;
            t.kind
                .iter()
                .any(|k| matches!(k, Kind::CDyLib | Kind::StaticLib))
        });
        if let Some(target) = foreign {
            plan.notices.push(Notice {
                code: "abort-in-foreign-process",
                message: format!(
                    "`{}` is loaded into other programs; with `panic = \"abort\"` a panic ends them",
                    target.name
                ),
                help: Some(
                    "keep `panic = \"unwind\"` if a panic must not end the program that loads it"
                        .to_owned(),
                ),
            });
        }
    }
}
