//! The JSON messages of a build: which files it made, of which crates, by which build scripts.

use super::{
    child::ends_with_us,
    context::spawn_error,
    packageid::{PackageSource, package_of_id},
    workspace::{Candidate, TargetKind, Workspace},
};
use crate::error::{Error, Result};
use cargo_metadata::{Artifact, CrateType, Message, PackageId, TargetKind as Kind};
use std::{
    ffi::OsString,
    io::BufReader,
    path::PathBuf,
    process::{Command, Stdio},
};

/// A file that was built because it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltArtifact {
    /// Where it is.
    pub path: PathBuf,
    /// The target that it was built from.
    pub target: Candidate,
    /// Whether it was up to date already.
    pub fresh: bool,
    /// The directory of its package's manifest: where `cargo test` and `cargo bench` run it.
    pub package_root: PathBuf,
    /// What cargo adds to the environment of a program that it runs.
    pub environment: Vec<(OsString, OsString)>,
}

/// A program that the build made, asked for or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltExecutable {
    /// The package's id.
    pub package_id: String,
    /// The target's name.
    pub name: String,
    /// What it is.
    pub kind: TargetKind,
    /// Where it is.
    pub path: PathBuf,
}

/// A crate that was compiled, or was up to date, for the build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltCrate {
    /// The package's id.
    pub package_id: String,
    /// The package's name.
    pub package: String,
    /// The package's version.
    pub version: String,
    /// Where the package comes from.
    pub source: PackageSource,
    /// Whether the package is a member of the workspace.
    pub member: bool,
    /// The directory of the package's manifest.
    pub root: PathBuf,
    /// The crate's name as rustc knows it.
    pub name: String,
    /// The crate's root module.
    pub src_path: PathBuf,
    /// Whether it is a library, which other crates can use.
    pub library: bool,
    /// Whether it runs in the compiler: a proc-macro or a build script.
    pub compile_time: bool,
    /// The files that it was built into.
    pub files: Vec<PathBuf>,
    /// The features that it was compiled with.
    pub features: Vec<String>,
}

/// What a package's build script brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptOutput {
    /// The package's id.
    pub package_id: String,
    /// Its `OUT_DIR`.
    pub out_dir: PathBuf,
    /// Libraries that it asked to link, by name.
    pub libraries: Vec<String>,
    /// Directories where the linker looks for them.
    pub search: Vec<PathBuf>,
    /// Variables that it set for its package (`cargo::rustc-env`).
    pub environment: Vec<(String, String)>,
}

/// What the messages of one build say.
#[derive(Default)]
pub(super) struct Messages {
    pub(super) crates: Vec<BuiltCrate>,
    pub(super) scripts: Vec<ScriptOutput>,
    artifacts: Vec<Artifact>,
}

impl Messages {
    /// The artifact of `candidate`, where the build made it.
    pub(super) fn artifact(&self, candidate: &Candidate) -> Option<BuiltArtifact> {
        self.artifacts.iter().rev().find_map(|artifact| {
            Some(BuiltArtifact {
                path: file_of(artifact, candidate)?,
                target: candidate.clone(),
                fresh: artifact.fresh,
                package_root: artifact.manifest_path.parent()?.into(),
                environment: Vec::new(),
            })
        })
    }

    /// All binaries that the build made.
    pub(super) fn executables(&self) -> Vec<BuiltExecutable> {
        let executables = self.artifacts.iter().filter_map(|artifact| {
            let kind = &artifact.target.kind;
            if artifact.profile.test || !kind.contains(&Kind::Bin) {
                return None;
            }
            Some(BuiltExecutable {
                package_id: artifact.package_id.repr.clone(),
                name: artifact.target.name.clone(),
                kind: TargetKind::Bin,
                path: artifact.executable.as_ref()?.into(),
            })
        });
        executables.collect()
    }
}

/// Runs the build and takes in its messages; `words` is the command in an error.
pub(super) fn run(command: &mut Command, words: &str, workspace: &Workspace) -> Result<Messages> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    let mut child = ends_with_us(command)
        .spawn()
        .map_err(|source| spawn_error(words, source))?;
    let mut messages = Messages::default();
    let mut unreadable = None;
    if let Some(stdout) = child.stdout.take() {
        for message in Message::parse_stream(BufReader::new(stdout)) {
            match message {
                Ok(Message::CompilerArtifact(artifact)) => {
                    messages.crates.extend(built_crate(&artifact, workspace));
                    messages.artifacts.push(artifact);
                }
                Ok(Message::BuildScriptExecuted(script)) => messages.scripts.push(ScriptOutput {
                    package_id: script.package_id.repr,
                    out_dir: script.out_dir.into(),
                    libraries: script
                        .linked_libs
                        .iter()
                        .map(|name| plain(name.as_str()))
                        .collect(),
                    search: script
                        .linked_paths
                        .iter()
                        .map(|path| plain(path.as_str()).into())
                        .collect(),
                    environment: script.env,
                }),
                Ok(_) => {}
                Err(error) => {
                    unreadable = Some(error);
                    break;
                }
            }
        }
    }
    let status = child.wait().map_err(|source| spawn_error(words, source))?;
    if !status.success() {
        return Err(Error::Command {
            command: words.to_owned(),
            status: status.to_string(),
        });
    }
    if let Some(error) = unreadable {
        return Err(Error::failed(
            format_args!("the messages of `{words}` could not be read: {error}"),
            "run it again",
        ));
    }
    Ok(messages)
}

/// `static:+whole-archive=foo` and `native=/dir` without what stands before the `=`.
fn plain(linked: &str) -> String {
    linked
        .split_once('=')
        .map_or(linked, |(_, name)| name)
        .to_owned()
}

fn built_crate(artifact: &Artifact, workspace: &Workspace) -> Option<BuiltCrate> {
    let PackageId { repr, .. } = &artifact.package_id;
    let (package, version, source) = package_of_id(repr)?;
    let has = |kind: Kind| artifact.target.kind.contains(&kind);
    let executable = has(Kind::Bin) || has(Kind::Example) || has(Kind::Test) || has(Kind::Bench);
    Some(BuiltCrate {
        package,
        version,
        source,
        member: workspace.is_member(repr),
        root: artifact.manifest_path.parent()?.into(),
        name: artifact.target.name.replace('-', "_"),
        src_path: artifact.target.src_path.clone().into(),
        library: !executable && !artifact.profile.test && !has(Kind::CustomBuild),
        compile_time: has(Kind::CustomBuild) || has(Kind::ProcMacro),
        files: artifact.filenames.iter().map(Into::into).collect(),
        features: artifact.features.clone(),
        package_id: repr.clone(),
    })
}

/// The file of `candidate` among those of `artifact`, when that is its artifact.
fn file_of(artifact: &Artifact, candidate: &Candidate) -> Option<PathBuf> {
    let of_target =
        artifact.package_id.repr == candidate.package_id && artifact.target.name == candidate.name;
    if !of_target {
        return None;
    }
    let kind = &artifact.target.kind;
    if let Some(of) = candidate.tests_of {
        let own = [
            (Kind::Bin, TargetKind::Bin),
            (Kind::Example, TargetKind::Example),
            (Kind::Bench, TargetKind::Bench),
        ];
        let own = own
            .into_iter()
            .all(|(named, own)| kind.contains(&named) == (of == own));
        let executable = artifact.executable.as_ref();
        return executable
            .filter(|_| own && artifact.profile.test && !kind.contains(&Kind::Test))
            .map(Into::into);
    }
    let own = match candidate.kind {
        TargetKind::Bin => kind.contains(&Kind::Bin),
        TargetKind::Example => kind.contains(&Kind::Example),
        TargetKind::Test => kind.contains(&Kind::Test),
        TargetKind::Bench => kind.contains(&Kind::Bench),
        _ => artifact.target.crate_types.iter().any(|own| {
            *own == CrateType::from(candidate.kind.as_str())
                || (candidate.kind == TargetKind::Rlib && *own == CrateType::Lib)
        }),
    };
    // A library built as a dependency of its own tests is another artifact of the same name.
    if !own || (candidate.kind.is_library() && artifact.profile.test) {
        return None;
    }
    let with_extension = |extensions: &[&str]| {
        let mut files = artifact.filenames.iter();
        files.find(|file| {
            file.extension()
                .is_some_and(|own| extensions.contains(&own))
        })
    };
    let file = match candidate.kind {
        TargetKind::Cdylib | TargetKind::Dylib | TargetKind::ProcMacro => {
            with_extension(&["so", "dylib", "dll", "wasm"])
        }
        TargetKind::Staticlib => with_extension(&["a", "lib"]),
        TargetKind::Rlib => with_extension(&["rlib"]),
        // Emscripten's executable is a script; the module is beside it.
        _ => with_extension(&["wasm"]).or(artifact.executable.as_ref()),
    };
    // An example may be a library.
    file.or(artifact.filenames.first()).map(Into::into)
}
