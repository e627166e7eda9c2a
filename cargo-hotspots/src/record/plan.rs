//! What is to be run: the programs that cargo has just built, or one that exists.

use super::{
    harness::Harness,
    options::{CallGraphChoice, RecordOptions, What},
};
use crate::recording::Program;
use codecost::{
    Error, Result,
    cargo::{Additions, Build, BuiltArtifact, Context, TargetChoice, TargetKind},
};
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A program to run.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// What is recorded about it.
    pub(super) program: Program,
    /// Where it is.
    pub(super) path: PathBuf,
    pub(super) arguments: Vec<OsString>,
    pub(super) directory: PathBuf,
    pub(super) environment: Vec<(OsString, OsString)>,
    /// What `arg0` and messages call it.
    pub(super) name: String,
}

/// All programs, and what is known of their build.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) jobs: Vec<Job>,
    pub(super) build: Option<Build>,
    /// Benchmarks that run under valgrind, which would be what is recorded.
    pub(super) under_valgrind: Vec<String>,
}

impl Job {
    /// The command that runs it.
    pub(super) fn command(&self, context: &Context) -> Command {
        let mut command = context.command(&self.path);
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.directory);
        command
    }

    /// As the user would type it.
    pub(super) fn words(&self) -> Vec<String> {
        let arguments = self.arguments.iter();
        let arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
        [self.name.clone()].into_iter().chain(arguments).collect()
    }
}

/// Builds, where something is to be built; `first` as in [`Build::one_announced`].
pub(super) fn plan(
    context: &Context,
    options: &RecordOptions,
    call_graph: CallGraphChoice,
    first: &mut dyn FnMut(&[String]),
) -> Result<Plan> {
    match &options.what {
        What::Target => built(context, options, call_graph, first),
        What::Program(path) => Ok(Plan {
            jobs: vec![existing(context, path, &options.arguments)?],
            build: None,
            under_valgrind: Vec::new(),
        }),
        What::Process(_) => Ok(Plan {
            jobs: Vec::new(),
            build: None,
            under_valgrind: Vec::new(),
        }),
    }
}

fn built(
    context: &Context,
    options: &RecordOptions,
    call_graph: CallGraphChoice,
    first: &mut dyn FnMut(&[String]),
) -> Result<Plan> {
    let selection = &options.selection;
    let no_program = |what: &str| {
        Error::usage(
            format_args!("{what} does not run by itself"),
            "record its unit tests with --lib, or a program with --bin, --example, --test or --bench",
        )
    };
    let additions = additions(call_graph);
    let build = match selection.target {
        TargetChoice::Bench(None) => Build::all(context, selection, &additions)?,
        TargetChoice::Lib | TargetChoice::Test(_) => {
            Build::tests(context, selection, &additions, first)?
        }
        _ => Build::one_announced(context, selection, &additions, first)?,
    };
    let mut jobs = Vec::new();
    let mut under_valgrind = Vec::new();
    for artifact in &build.artifacts {
        if artifact.target.kind.is_library() {
            return Err(no_program(&format!(
                "the library `{}`",
                artifact.target.name
            )));
        }
        let job = job(context, artifact, &options.arguments)?;
        match job.program.harness.as_deref() == Some(Harness::Gungraun.as_str()) {
            true => under_valgrind.push(job.name),
            false => jobs.push(job),
        }
    }
    if jobs.is_empty() {
        return Err(Error::usage(
            format_args!(
                "`{}` runs its benchmarks under valgrind, which would be what is recorded",
                under_valgrind.join("`, `")
            ),
            "record a program that calls the same code: `--example`, `--bin`, or another `--bench`",
        ));
    }
    Ok(Plan {
        jobs,
        build: Some(build),
        under_valgrind,
    })
}

/// What is added to the build.
pub(super) fn additions(call_graph: CallGraphChoice) -> Additions {
    match call_graph {
        CallGraphChoice::FramePointers => Additions::PROFILING.with_frame_pointers(),
        _ => Additions::PROFILING,
    }
}

fn job(context: &Context, artifact: &BuiltArtifact, user: &[OsString]) -> Result<Job> {
    let target = &artifact.target;
    // Cargo runs tests and benchmarks where their package is, and all else where the user is.
    let directory = match target.kind {
        TargetKind::Test | TargetKind::Bench => &artifact.package_root,
        _ => context.directory(),
    };
    let mut job = Job {
        program: Program {
            path: real(&artifact.path)?,
            package: Some(target.package.clone()),
            target: Some(target.name.clone()),
            kind: Some(target.kind.to_string()),
            ..Program::default()
        },
        path: artifact.path.clone(),
        arguments: user.to_vec(),
        directory: directory.to_path_buf(),
        environment: artifact.environment.clone(),
        name: target.name.clone(),
    };
    if target.kind == TargetKind::Bench {
        let harness = Harness::of(&artifact.path);
        let count = if harness.is_timed(user) {
            count(context, &job, harness, user)
        } else {
            0
        };
        job.arguments = harness.arguments(user, count);
        job.program.harness = Some(harness.as_str().into());
    }
    Ok(job)
}

/// Asks the harness how many benchmarks it would run; 0 when it does not say.
fn count(context: &Context, job: &Job, harness: Harness, user: &[OsString]) -> usize {
    let mut job = job.clone();
    job.arguments = user.to_vec();
    let answer = harness.questions().iter().find_map(|question| {
        let mut command = job.command(context);
        question.put(&mut command);
        let output = command
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .ok()?;
        let answered = output.status.success();
        answered.then(|| question.names(&output.stdout).len())
    });
    answer.unwrap_or_default()
}

/// A program of the user's, by its path or found on `PATH`.
fn existing(context: &Context, given: &Path, arguments: &[OsString]) -> Result<Job> {
    let mut path = context.absolute(given);
    if given.components().count() == 1 && !path.exists() {
        let directories = context.var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&directories)
            .map(|directory| directory.join(given))
            .find(|file| file.is_file());
        path = found.unwrap_or(path);
    }
    Ok(Job {
        program: Program {
            path: real(&path)?,
            ..Program::default()
        },
        // By the name that was given: some programs are several, by their name.
        path,
        arguments: arguments.to_vec(),
        directory: context.directory().to_path_buf(),
        environment: Vec::new(),
        name: given.display().to_string(),
    })
}

/// As the kernel names it in the samples.
pub(super) fn real(path: &Path) -> Result<PathBuf> {
    fs::canonicalize(path).map_err(|source| Error::read(path, source))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// Scripts that answer as divan does; `tests/gate.rs` has divan itself.
    #[test]
    fn each_way_of_listing_is_tried_and_a_refusal_counts_as_none() {
        let directory = tempfile::tempdir().unwrap();
        let counted = |text: &str| {
            let path = directory.path().join("bench");
            fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            let context = Context::current().unwrap();
            let job = existing(&context, &path, &[]).unwrap();
            count(&context, &job, Harness::Divan, &["one".into()])
        };
        let newer = r#"[ "$NEXTEST $*" = "1 one --bench --list --format terse" ] || exit 2
                       printf 'd::a: benchmark\nd::b::1: benchmark\n'"#;
        assert_eq!(counted(newer), 2);
        let older = r#"[ "$*" = "one --test" ] || { echo 'd::a: benchmark'; exit 2; }
                       printf 'd\n├─ a\n├─ b\n│  ├─ 1\n│  ╰─ 2\n╰─ c  (ignored)\n'"#;
        assert_eq!(counted(older), 3);
        assert_eq!(counted("exit 2"), 0);
    }
}
