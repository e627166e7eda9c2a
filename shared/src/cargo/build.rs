//! One build by `$CARGO`, beside the user's own, and what came of it.
//!
//! The build goes into `codecost/` below the user's target directory (and below the build
//! directory where that is another), so the artifact that the user's `cargo build` left is not
//! touched. What is asked for beyond the user's own settings is in [`Additions`]: profile keys go
//! to the profile in use as `--config`, compiler flags behind those in force (see
//! [`Rustflags`]). Wrappers, linkers and everything else stay the user's.
//!
//! Only the build's JSON messages name artifacts. Diagnostics and progress are cargo's own, on
//! standard error. Limit: a program that embeds its `OUT_DIR` embeds another path than in the
//! user's build.

mod relink;
mod settings;

pub use relink::Relink;

use super::{
    context::Context,
    environment::{self, Facts},
    lookup::Lookup,
    messages::{self, BuiltArtifact, BuiltCrate, BuiltExecutable, ScriptOutput},
    runner::Runner,
    rustflags::Rustflags,
    selection::Selection,
    toolchain::Toolchain,
    unstable,
    workspace::{Candidate, Workspace},
};
use crate::error::{Error, Result};
use relink::Targets;
use settings::Settings;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

/// What is added to the user's settings for one build.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Additions {
    /// `strip = "none"`: keep the symbol table.
    pub keep_symbols: bool,
    /// With that, `strip = "debuginfo"` in place of none: rustc says it to the linker after a build
    /// script's `-s`, and of the two the linker heeds the last.
    pub outlast_strip: bool,
    /// Name symbols by the v0 scheme, where that is not the compiler's default.
    pub v0_names: bool,
    /// `debug = 1`: line tables and inlined frames, also of C code that follows `DEBUG`.
    pub debug: bool,
    /// Leave the user's own debug information where it is as much or more.
    pub keep_debug: bool,
    /// `-C force-frame-pointers=yes`.
    pub frame_pointers: bool,
}

impl Additions {
    /// Symbols kept and named so that they say their crates.
    pub const ANALYSIS: Self = Self {
        keep_symbols: true,
        outlast_strip: false,
        v0_names: true,
        debug: false,
        keep_debug: false,
        frame_pointers: false,
    };
    /// Nothing: the artifact as the user's own profile builds it.
    pub const NONE: Self = Self {
        keep_symbols: false,
        outlast_strip: false,
        v0_names: false,
        debug: false,
        keep_debug: false,
        frame_pointers: false,
    };
    /// Symbols kept and lines known; otherwise the machine code that the user's profile makes.
    pub const PROFILING: Self = Self {
        keep_symbols: true,
        outlast_strip: false,
        v0_names: false,
        debug: true,
        keep_debug: true,
        frame_pointers: false,
    };

    /// With debug information.
    pub fn with_debug(self) -> Self {
        Self {
            debug: true,
            ..self
        }
    }

    /// With frame pointers in all code that the compiler makes.
    pub fn with_frame_pointers(self) -> Self {
        Self {
            frame_pointers: true,
            ..self
        }
    }

    /// The directory of such builds: those that replaced each other would undo each other's work.
    fn directory(&self) -> &'static str {
        match self {
            &Self::NONE => "plain",
            Self { v0_names: true, .. } => "analysis",
            _ => "profiling",
        }
    }
}

/// A build.
#[derive(Clone, Debug)]
pub struct Build {
    /// What was asked for, in the order of the candidates.
    pub artifacts: Vec<BuiltArtifact>,
    /// All crates of the build.
    pub crates: Vec<BuiltCrate>,
    /// All build scripts that ran.
    pub scripts: Vec<ScriptOutput>,
    /// All binaries that it made, those included that tests and benchmarks need.
    pub executables: Vec<BuiltExecutable>,
    /// Targets that were left out, as cargo does, because features that they require are not active.
    pub left_out: Vec<Candidate>,
    /// By what `cargo run`, `cargo test` and `cargo bench` would start its programs.
    pub runner: Option<Runner>,
    /// The profile in use.
    pub profile: String,
    /// The triple that it was built for.
    pub triple: String,
    /// What was added to the user's settings, in words: `strip=none`, `v0 names`.
    pub additions: Vec<String>,
    /// The user's own flags in force.
    pub rustflags: Rustflags,
    /// The compiler.
    pub toolchain: Toolchain,
    /// The workspace's root.
    pub workspace_root: PathBuf,
    /// The user's target directory, which this build has not touched.
    pub target_directory: PathBuf,
}

impl Build {
    /// Builds the one target that `selection` means.
    pub fn one(context: &Context, selection: &Selection, additions: &Additions) -> Result<Self> {
        Self::one_announced(context, selection, additions, &mut |_| {})
    }

    /// As [`Build::one`]. Where nothing of this kind was built yet, so that all dependencies will
    /// be, `first` is told what is added before the build starts.
    pub fn one_announced(
        context: &Context,
        selection: &Selection,
        additions: &Additions,
        first: &mut dyn FnMut(&[String]),
    ) -> Result<Self> {
        let (workspace, plan) = prepare(context, selection)?;
        let wanted = vec![workspace.candidate(selection)?];
        run(
            context,
            selection,
            additions,
            &workspace,
            plan,
            wanted.into(),
            first,
        )
    }

    /// Builds every target that `selection` leaves open, such as all benchmarks; what requires
    /// features that are not active is left out, as cargo does.
    ///
    /// # Errors
    ///
    /// The build failed, or nothing is left.
    pub fn all(context: &Context, selection: &Selection, additions: &Additions) -> Result<Self> {
        let (workspace, plan) = prepare(context, selection)?;
        let candidates = workspace.candidates(selection)?;
        some(
            context,
            selection,
            additions,
            &workspace,
            plan,
            candidates,
            &mut |_| {},
        )
    }

    /// Builds programs of tests, see [`Workspace::test_candidates`]; `first` as in
    /// [`Build::one_announced`].
    ///
    /// # Errors
    ///
    /// The build failed, or there is nothing to build.
    pub fn tests(
        context: &Context,
        selection: &Selection,
        additions: &Additions,
        first: &mut dyn FnMut(&[String]),
    ) -> Result<Self> {
        let (workspace, plan) = prepare(context, selection)?;
        let candidates = workspace.test_candidates(selection)?;
        some(
            context, selection, additions, &workspace, plan, candidates, first,
        )
    }
}

/// Builds those of `candidates` whose features are active.
fn some(
    context: &Context,
    selection: &Selection,
    additions: &Additions,
    workspace: &Workspace,
    plan: Plan,
    candidates: Vec<Candidate>,
    first: &mut dyn FnMut(&[String]),
) -> Result<Build> {
    let (wanted, left_out) = workspace.with_features(candidates, selection);
    if wanted.is_empty() {
        let names: Vec<_> = left_out
            .iter()
            .map(|left| format!("`{}`", left.name))
            .collect();
        let mut features: Vec<&str> = left_out
            .iter()
            .flat_map(|left| left.required_features.iter().map(String::as_str))
            .collect();
        features.sort_unstable();
        features.dedup();
        return Err(Error::usage(
            format_args!("{} requires features that are not active", names.join(", ")),
            format_args!("activate them: --features {}", features.join(",")),
        ));
    }
    let build = run(
        context,
        selection,
        additions,
        workspace,
        plan,
        wanted.into(),
        first,
    )?;
    Ok(Build { left_out, ..build })
}

/// Facts that do not depend on the workspace.
struct Plan {
    toolchain: Toolchain,
    lookup: Lookup,
    triple: String,
}

/// Asks cargo and the compiler side by side: each takes tens of milliseconds to start.
fn prepare(context: &Context, selection: &Selection) -> Result<(Workspace, Plan)> {
    let plan = || {
        let lookup = Lookup::load(context, &selection.config, None);
        let toolchain = Toolchain::find(context, &lookup)?;
        // Once more, because what a configuration file may say depends on the version.
        let lookup = Lookup::load(context, &selection.config, toolchain.minor());
        let triple = triple(context, selection, &lookup, &toolchain)?;
        Ok(Plan {
            toolchain,
            lookup,
            triple,
        })
    };
    thread::scope(|scope| {
        let workspace = scope.spawn(|| Workspace::load(context, selection));
        let plan = plan();
        let workspace = workspace.join().unwrap_or_else(|_| {
            Err(Error::failed(
                "reading the workspace failed",
                "please report this",
            ))
        })?;
        Ok((workspace, plan?))
    })
}

fn triple(
    context: &Context,
    selection: &Selection,
    lookup: &Lookup,
    toolchain: &Toolchain,
) -> Result<String> {
    let asked = match &selection.triple {
        Some(triple) => vec![triple.clone()],
        None => match lookup.text(context, "build.target") {
            Some(triple) => vec![triple],
            None => lookup.list(context, "build.target"),
        },
    };
    match asked.as_slice() {
        [] => Ok(toolchain.host.clone()),
        [one] if one == "host-tuple" => Ok(toolchain.host.clone()),
        [one] => Ok(one.clone()),
        several => Err(Error::usage(
            format_args!(
                "build.target names {} targets, and one is wanted",
                several.len()
            ),
            format_args!("choose one: {}", several.join(", ")),
        )),
    }
}

fn run(
    context: &Context,
    selection: &Selection,
    additions: &Additions,
    workspace: &Workspace,
    plan: Plan,
    targets: Targets<'_>,
    first: &mut dyn FnMut(&[String]),
) -> Result<Build> {
    let Plan {
        toolchain,
        lookup,
        triple,
    } = plan;
    let Targets { candidates, relink } = targets;
    let rustflags = Rustflags::find(context, &lookup, &toolchain, &triple)?;
    let profile = selection.profile().to_owned();

    let mut command = context.cargo();
    // Only `cargo test` builds unit tests.
    let unit_tests = candidates.iter().any(|wanted| wanted.tests_of.is_some());
    match (unit_tests, relink) {
        (true, _) => command.args(["test", "--no-run"]),
        // Its arguments are for the program alone, so its dependencies stay as they are.
        (false, Some(_)) => command.arg("rustc"),
        (false, None) => command.arg("build"),
    };
    command.arg("--message-format=json-render-diagnostics");
    command
        .args(selection.common_args())
        .args(selection.compile_args());
    let words = command_words(selection, &candidates, unit_tests);
    for candidate in &candidates {
        command.args(target_args(candidate));
    }
    let own = own_directories(context, selection, additions, workspace, &mut command);
    let mut additions = *additions;
    let settings = Settings {
        context,
        selection,
        workspace,
        toolchain: &toolchain,
        rustflags: &rustflags,
    };
    let kept = (additions.debug && additions.keep_debug)
        .then(|| settings.stronger_debug())
        .flatten();
    let split = additions.debug && settings.splits_debug(&triple);
    additions.debug &= kept.is_none();
    let (own_flags, not_passed) = match additions.keep_symbols {
        true => rustflags.without_link_strip(),
        false => (rustflags.clone(), Vec::new()),
    };
    let mut notes = add(
        &additions,
        (split, relink),
        &toolchain,
        &own_flags,
        &profile,
        workspace,
        &mut command,
    );
    notes.extend(kept.map(|level| format!("debug={level} as the profile has it")));
    notes.extend(
        not_passed
            .iter()
            .map(|argument| format!("without {argument}")),
    );

    if let Some(relink) = relink {
        command.arg("--").args(&relink.arguments);
    }
    if !own.exists() {
        first(&notes);
    }
    let messages = messages::run(&mut command, &words, workspace)
        .map_err(|error| unstable::explain(error, &candidates, workspace, &toolchain))?;
    let executables = messages.executables();
    let mut output = own;
    // Only then does cargo keep the target's artifacts apart from the host's.
    if lookup.text(context, "build.target").is_some()
        || !lookup.list(context, "build.target").is_empty()
        || selection.triple.is_some()
    {
        let name = Path::new(&triple).file_stem();
        output.push(name.unwrap_or_default());
    }
    output.push(match profile.as_str() {
        "dev" | "test" => "debug",
        "bench" => "release",
        other => other,
    });
    let facts = Facts {
        context,
        lookup: &lookup,
        toolchain: &toolchain,
        workspace,
        triple: &triple,
        scripts: &messages.scripts,
        executables: &executables,
        output: &output,
    };
    let artifacts = candidates.iter().map(|candidate| {
        let mut artifact = messages.artifact(candidate).ok_or_else(|| {
            Error::failed(
                format_args!("`{words}` named no file for `{}`", candidate.name),
                "check that nothing else names itself `cargo` or `rustc` here",
            )
        })?;
        artifact.environment = environment::environment(&facts, candidate);
        Ok(artifact)
    });
    let runner = Runner::find(context, &lookup, &toolchain, &triple, &rustflags.flags)?;
    Ok(Build {
        artifacts: artifacts.collect::<Result<_>>()?,
        executables,
        left_out: Vec::new(),
        runner,
        target_directory: user_target(context, selection, workspace),
        crates: messages.crates,
        scripts: messages.scripts,
        profile,
        triple,
        additions: notes,
        rustflags,
        toolchain,
        workspace_root: workspace.root().to_path_buf(),
    })
}

/// The command as the user would type it.
fn command_words(selection: &Selection, candidates: &[Candidate], unit_tests: bool) -> String {
    let command = match unit_tests {
        true => "cargo test --no-run",
        false => "cargo build",
    };
    let mut words = vec![command.to_owned()];
    words.extend(selection.compile_args());
    words.extend(candidates.iter().map(|candidate| match candidate.tests_of {
        Some(_) => target_args(candidate).join(" "),
        None => candidate.flags(),
    }));
    words.join(" ")
}

fn target_args(candidate: &Candidate) -> Vec<String> {
    // A full id is unambiguous even where a dependency has a member's name. Before cargo 1.77 ids
    // had another form, which `-p` does not take.
    let package = if candidate.package_id.contains('#') {
        candidate.package_id.clone()
    } else {
        format!("{}:{}", candidate.package, candidate.version)
    };
    let mut args = vec!["--package".to_owned(), package];
    let kind = candidate.tests_of.unwrap_or(candidate.kind);
    if kind.is_library() {
        args.push("--lib".into());
    } else {
        args.push(format!("--{kind}"));
        args.push(candidate.name.clone());
    }
    args
}

fn user_target(context: &Context, selection: &Selection, workspace: &Workspace) -> PathBuf {
    match &selection.target_dir {
        Some(directory) => context.absolute(directory),
        None => workspace.target_directory().to_path_buf(),
    }
}

/// Sends the build below the user's directories, never into them; says where.
fn own_directories(
    context: &Context,
    selection: &Selection,
    additions: &Additions,
    workspace: &Workspace,
    command: &mut Command,
) -> PathBuf {
    let name = additions.directory();
    let own = |directory: &Path| directory.join("codecost").join(name);
    let target = own(&user_target(context, selection, workspace));
    command.arg("--target-dir").arg(&target);
    if let Some(directory) = workspace.build_directory() {
        let path = toml_edit::Value::from(own(&directory).to_string_lossy().into_owned());
        command
            .arg("--config")
            .arg(format!("build.build-dir={path}"));
    }
    target
}

/// Adds what was asked for to `command` and says so in words. `split`: debug information would go into
/// files of its own, which it must not.
fn add(
    additions: &Additions,
    (split, relink): (bool, Option<&Relink>),
    toolchain: &Toolchain,
    rustflags: &Rustflags,
    profile: &str,
    workspace: &Workspace,
    command: &mut Command,
) -> Vec<String> {
    let Additions {
        keep_symbols,
        outlast_strip,
        v0_names,
        debug,
        keep_debug: _,
        frame_pointers,
    } = additions;
    let mut flags: Vec<String> = Vec::new();
    let mut notes = Vec::new();
    // A key for a profile that does not exist would turn cargo's clear error into a vague one.
    // Without the key the flag alone does the work.
    let known = profile_is_known(profile, workspace);
    let mut key = |key: &str| {
        if known {
            command
                .arg("--config")
                .arg(format!("profile.{profile}.{key}"));
        }
    };
    if *keep_symbols {
        // The key for what cargo itself passes, the flag for overrides and flags of the user.
        let level = match outlast_strip {
            true => "debuginfo",
            false => "none",
        };
        key(&format!("strip=\"{level}\""));
        flags.push(format!("-Cstrip={level}"));
        notes.push(format!("strip={level}"));
    }
    if *v0_names {
        let v0 = match rustflags.codegen("symbol-mangling-version") {
            Some(asked) => asked == "v0",
            None => toolchain.v0_is_default(),
        };
        if !v0 {
            flags.push("-Csymbol-mangling-version=v0".into());
            notes.push("v0 names".into());
        }
    }
    if *debug {
        key("debug=1");
        flags.push("-Cdebuginfo=1".into());
        notes.push("debug=1".into());
    }
    if split {
        key("split-debuginfo=\"off\"");
        flags.push("-Csplit-debuginfo=off".into());
        notes.push("split-debuginfo=off".into());
    }
    if *frame_pointers {
        flags.push("-Cforce-frame-pointers=yes".into());
        notes.push("frame pointers".into());
    }
    if let Some(relink) = relink {
        flags.extend(relink.flags.iter().cloned());
        for setting in &relink.settings {
            key(setting);
            notes.push(setting.replace('"', ""));
        }
    }
    if !flags.is_empty() {
        command.env("CARGO_ENCODED_RUSTFLAGS", rustflags.encoded_with(&flags));
    }
    notes
}

fn profile_is_known(profile: &str, workspace: &Workspace) -> bool {
    if ["dev", "release", "test", "bench"].contains(&profile) {
        return true;
    }
    let manifest = workspace.root().join("Cargo.toml");
    let document = fs::read_to_string(manifest)
        .ok()
        .and_then(|text| text.parse::<toml_edit::DocumentMut>().ok());
    document.is_some_and(|document| {
        let profiles = document
            .get("profile")
            .and_then(toml_edit::Item::as_table_like);
        profiles.is_some_and(|profiles| profiles.contains_key(profile))
    })
}
