//! Private builds: what a set of settings would make, without editing a file.
//!
//! Profile keys are given as `--config` arguments, flags are added after those in force, and
//! everything is built into a private directory below the user's target directory, so that the
//! user's own artifacts stay where and as they are. The user's wrapper, linker and environment
//! stay, too.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cargo_metadata::{Artifact, Message, TargetKind as Kind};
use codecost::cargo::config::OriginKind;
use codecost::cargo::{Candidate, TargetKind, ends_with_us};
use codecost::{Error, Result};

use super::messages::{Diagnostics, FORMAT, messages};
use super::{memory, wrapper};
use crate::project::Project;
use crate::receipt::fnv1a;

/// Settings beyond those in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// `--config` arguments.
    pub config: Vec<String>,
    /// Flags for every crate.
    pub rustflags: Vec<String>,
    /// Arguments for the final link only.
    pub link: Vec<String>,
    /// Flags for what is shipped only, not for what runs while it is compiled: cargo keeps the two
    /// apart where a target is named, so the build then names one.
    pub shipped: Vec<String>,
    /// An option that cargo passes and rustc must not get, such as `codegen-units=65521`.
    pub withheld: Option<String>,
}

/// One private build.
#[derive(Debug, Clone)]
pub struct Built {
    /// The file that was asked for; `None` if a whole workspace was built.
    pub artifact: Option<PathBuf>,
    /// Wall time of the build.
    pub elapsed: Duration,
    /// Processor time of cargo, its compilers and their linkers; known on Linux.
    pub cpu: Option<Duration>,
    /// How many crates were compiled; the others were fresh.
    pub compiled: usize,
    /// Which these are: equal for equal sets.
    pub units: u64,
    /// Whether the artifact itself was fresh.
    pub fresh: bool,
    /// The most memory that all its processes took at once; known on Linux.
    pub peak_memory: Option<u64>,
    /// What rustc said without a place in the source, as it does for LLVM, where the build was
    /// quiet. Of a fresh crate cargo says again what rustc said when it compiled it.
    pub said: Vec<String>,
}

/// The private directory of one kind of builds.
pub fn directory(project: &Project, name: &str) -> PathBuf {
    let target = match &project.selection.target_dir {
        Some(directory) => project.context.absolute(directory),
        None => project.workspace.target_directory().to_owned(),
    };
    target.join("codecost").join("tune").join(name)
}

/// Where the arguments that rustc got in a private directory are written.
pub fn arguments(directory: &Path) -> PathBuf {
    directory.join("records")
}

/// Builds `candidate`, or without one what the selection's packages have.
///
/// # Errors
///
/// The build fails: its own diagnostics are on standard error, or in the error where `quiet`. A
/// quiet build shows no diagnostics, and only with `-vv` what cargo runs.
pub fn build(
    project: &Project,
    directory: &Path,
    candidate: Option<&Candidate>,
    settings: &Settings,
    quiet: bool,
) -> Result<Built> {
    let mut command = project.context.cargo();
    let verb = if settings.link.is_empty() {
        "build"
    } else {
        "rustc"
    };
    let format = if quiet {
        FORMAT
    } else {
        "--message-format=json-render-diagnostics"
    };
    command.args([verb, format]);
    command.args(project.selection.common_args());
    command.args(project.selection.compile_args());
    for config in &settings.config {
        command.arg("--config").arg(config);
    }
    match candidate {
        Some(candidate) => {
            command.args(target_args(candidate));
        }
        None => {
            for package in &project.selection.packages {
                command.arg("--package").arg(package);
            }
        }
    }
    command.arg("--target-dir").arg(directory);
    if project.workspace.build_directory().is_some() {
        let path = toml_edit::Value::from(directory.to_string_lossy().into_owned());
        command
            .arg("--config")
            .arg(format!("build.build-dir={path}"));
    }
    let in_force = &project.effective.rustflags.flags;
    if !settings.rustflags.is_empty() || !settings.shipped.is_empty() {
        let added = settings.rustflags.iter().chain(&settings.shipped);
        let flags: Vec<&str> = in_force.iter().chain(added).map(String::as_str).collect();
        command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    }
    if !settings.shipped.is_empty() && !project.effective.cross {
        command.args(["--target", &project.toolchain.host]);
        // Without a named target, the user's flags reach build scripts and proc-macros, too.
        command.env(wrapper::HOST_FLAGS, in_force.join("\u{1f}"));
    }
    if let Some(withheld) = &settings.withheld {
        command.env(wrapper::WITHHELD, withheld);
    }
    if !settings.link.is_empty() {
        command.arg("--").args(&settings.link);
    }
    let own = std::env::current_exe().map_err(|e| Error::read("this program", e))?;
    command.env("RUSTC_WRAPPER", own);
    command.env(wrapper::DIRECTORY, arguments(directory));
    command.env(wrapper::INNER, inner_wrapper(project));
    let is_shown = project.selection.verbose > 1;
    run(&mut command, candidate, quiet, is_shown)
}

/// The user's wrapper as a path that works from anywhere.
fn inner_wrapper(project: &Project) -> PathBuf {
    let Some(setting) = &project.effective.rustc_wrapper else {
        return PathBuf::new();
    };
    let text = match &setting.value {
        codecost::cargo::config::Value::String(text) => PathBuf::from(text),
        _ => return PathBuf::new(),
    };
    let has_directory = text.components().count() > 1;
    let file = setting.origin.path.as_deref().map(Path::new);
    match (setting.origin.kind, file) {
        // Relative to the directory that holds `.cargo`.
        (OriginKind::Config, Some(file)) if has_directory => {
            let base = file.parent().and_then(Path::parent);
            base.map_or(text.clone(), |base| base.join(&text))
        }
        _ if has_directory => project.context.absolute(&text),
        _ => text,
    }
}

fn target_args(candidate: &Candidate) -> Vec<String> {
    let package = if candidate.package_id.contains('#') {
        candidate.package_id.clone()
    } else {
        format!("{}:{}", candidate.package, candidate.version)
    };
    let mut args = vec!["--package".to_owned(), package];
    if candidate.kind.is_library() {
        args.push("--lib".into());
    } else {
        args.push(format!("--{}", candidate.kind));
        args.push(candidate.name.clone());
    }
    args
}

fn run(
    command: &mut std::process::Command,
    candidate: Option<&Candidate>,
    quiet: bool,
    is_shown: bool,
) -> Result<Built> {
    let words = "cargo build".to_owned();
    let spawn = |source| Error::Spawn {
        command: words.clone(),
        source,
    };
    let (start, cpu) = (Instant::now(), memory::children_cpu());
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.stderr(if quiet {
        Stdio::piped()
    } else {
        Stdio::inherit()
    });
    let mut child = ends_with_us(command).spawn().map_err(spawn)?;
    let stderr = child.stderr.take();
    let stderr = std::thread::spawn(move || captured(stderr, is_shown));
    let (process, ended) = (child.id(), Arc::new(AtomicBool::new(false)));
    let watched = Arc::clone(&ended);
    let watcher = std::thread::spawn(move || memory::watch(process, &watched));
    let mut built = Built {
        artifact: None,
        elapsed: Duration::ZERO,
        cpu: None,
        compiled: 0,
        units: 0,
        fresh: true,
        peak_memory: None,
        said: Vec::new(),
    };
    let mut said = Diagnostics::default();
    for message in child.stdout.take().into_iter().flat_map(messages) {
        match message {
            Message::CompilerArtifact(artifact) => built.add(&artifact, candidate),
            Message::CompilerMessage(message) => said.add(message.message),
            _ => {}
        }
    }
    let status = child.wait().map_err(spawn)?;
    ended.store(true, Ordering::Relaxed);
    watcher.thread().unpark();
    built.peak_memory = watcher.join().unwrap_or_default();
    built.elapsed = start.elapsed();
    built.cpu = memory::children_cpu()
        .zip(cpu)
        .map(|(after, before)| after.saturating_sub(before));
    let stderr = stderr.join().unwrap_or_default();
    if !status.success() {
        if quiet {
            return Err(Error::failed(
                format!("the build failed: {}", said.first_error(&stderr)),
                "run the build by hand with these settings to see all of it",
            ));
        }
        return Err(Error::Command {
            command: words,
            status: status.to_string(),
        });
    }
    if let (Some(candidate), None) = (candidate, &built.artifact) {
        return Err(Error::failed(
            format!("the build named no file for `{}`", candidate.name),
            "check that CARGO is cargo",
        ));
    }
    built.said = said.unplaced;
    Ok(built)
}

impl Built {
    /// Takes in one crate of the build of `candidate`.
    fn add(&mut self, artifact: &Artifact, candidate: Option<&Candidate>) {
        self.compiled += usize::from(!artifact.fresh);
        if !artifact.fresh {
            let unit = format!(
                "{} {} {:?}",
                artifact.package_id, artifact.target.name, artifact.target.kind
            );
            // The order in which units end is not the same twice.
            self.units = self.units.wrapping_add(fnv1a(unit.as_bytes()));
        }
        if let Some(path) = candidate.and_then(|c| file_of(artifact, c)) {
            self.fresh = artifact.fresh;
            self.artifact = Some(path);
        }
    }
}

/// What cargo writes to standard error, which goes on to our own where it `is_shown`.
fn captured(stderr: Option<ChildStderr>, is_shown: bool) -> String {
    let (mut text, mut piece) = (Vec::new(), [0; 4096]);
    let Some(mut stderr) = stderr else {
        return String::new();
    };
    while let Ok(count @ 1..) = stderr.read(&mut piece) {
        let piece = piece.get(..count).unwrap_or_default();
        text.extend_from_slice(piece);
        if is_shown {
            // Nobody may be reading; the build goes on.
            let _ = std::io::stderr().write_all(piece);
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// The file of the target that was asked for.
fn file_of(artifact: &Artifact, candidate: &Candidate) -> Option<PathBuf> {
    if artifact.package_id.repr != candidate.package_id
        || artifact.target.name != candidate.name
        || artifact.profile.test
    {
        return None;
    }
    let kind = &artifact.target.kind;
    let extensions: &[&str] = match candidate.kind {
        TargetKind::Bin if !kind.contains(&Kind::Bin) => return None,
        TargetKind::Example if !kind.contains(&Kind::Example) => return None,
        TargetKind::Cdylib | TargetKind::Dylib | TargetKind::ProcMacro => {
            &["so", "dylib", "dll", "wasm"]
        }
        TargetKind::Staticlib => &["a", "lib"],
        TargetKind::Rlib => &["rlib"],
        _ => &["wasm"],
    };
    let with_extension = artifact
        .filenames
        .iter()
        .find(|f| f.extension().is_some_and(|e| extensions.contains(&e)));
    with_extension
        .or(artifact.executable.as_ref())
        .map(|path| path.as_std_path().to_owned())
}
