//! The configuration that a build really uses, with the place that each value comes from.
//!
//! Every profile key and every source of rustflags becomes a [`Setting`]: its value, its
//! [`Origin`], what shadows it, and why it is void if it has no effect. Settings that lost are
//! kept, because "you wrote it, and it does nothing" is what a user needs to be told.
//!
//! The truth is cargo's own behaviour as rustc's recorded arguments show it (cargo 1.95; the
//! integration tests `tune_precedence` replay each rule against a recorded build) and the cargo
//! reference, chapters "Configuration" and "Profiles".
//!
//! Limits: `trim-paths` and `codegen-backend` are shown but not judged; credentials, registries,
//! aliases and network settings are not read.

mod argfile;
mod chain;
mod codegen;
mod conflicts;
mod environment;
mod include;
mod keys;
mod linker;
mod options;
mod overrides;
mod profile;
mod reach;
pub(super) mod reader;
mod rustflags;
mod source;
mod spec;
mod value;
mod written;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

pub use codegen::{Flagged, flagged, lto_needs_the_profile};
pub use conflicts::Conflict;
pub use include::config_includes;
pub use keys::{canonical, default_value, is_profile_key, refusal};
pub use options::{CodegenOption, codegen_options};
pub use overrides::OverrideTable;
pub use reader::line_of;
pub use rustflags::{Rustflags, RustflagsPlace};
pub use spec::Spec;
pub use value::Value;
pub use written::written;

use crate::Result;

/// Which kind of place a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OriginKind {
    /// Nobody set it: cargo's default for the profile.
    Default,
    /// A `Cargo.toml`.
    Manifest,
    /// A `.cargo/config.toml`, a legacy `.cargo/config`, or a file one of them includes.
    Config,
    /// An environment variable.
    Environment,
    /// A `--config` argument.
    CommandLine,
}

impl OriginKind {
    /// The word used in JSON and in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Manifest => "manifest",
            Self::Config => "config",
            Self::Environment => "environment",
            Self::CommandLine => "command-line",
        }
    }
}

/// Where a setting was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The kind of place.
    pub kind: OriginKind,
    /// The file; for the environment the variable's name; for the command line `--config`.
    pub path: Option<String>,
    /// The line in the file, counted from 1.
    pub line: Option<usize>,
}

impl Origin {
    /// Cargo's default.
    pub const DEFAULT: Self = Self {
        kind: OriginKind::Default,
        path: None,
        line: None,
    };

    /// The environment variable `name`.
    pub fn variable(name: impl Into<String>) -> Self {
        Self {
            kind: OriginKind::Environment,
            path: Some(name.into()),
            line: None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.path, self.line) {
            (Some(path), Some(line)) => write!(f, "{path}:{line}"),
            (Some(path), None) if self.kind == OriginKind::Environment => {
                write!(f, "environment variable {path}")
            }
            (Some(path), None) => f.write_str(path),
            (None, _) => f.write_str(self.kind.as_str()),
        }
    }
}

/// One value that somebody (or cargo's default) gave to one key.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The table, as written in a header: `profile.release`, `profile.release.package."*"`,
    /// `build`, `target.x86_64-unknown-linux-gnu`.
    pub table: String,
    /// The bare key: `lto`, `rustflags`.
    pub key: String,
    /// The value.
    pub value: Value,
    /// Where it was written.
    pub origin: Origin,
    /// What takes precedence over it, if anything does.
    pub shadowed_by: Option<Origin>,
    /// Why it has no effect, where that is not plain precedence.
    pub void: Option<String>,
}

impl Setting {
    /// Whether this is the value in force.
    pub fn in_force(&self) -> bool {
        self.shadowed_by.is_none() && self.void.is_none()
    }
}

/// Something worth telling the user that is not an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// A stable kebab-case code.
    pub code: &'static str,
    /// What is so; names the file or variable.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// What the resolution depends on; nothing is read from the process's own environment.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The current directory: cargo looks for config files from here upward.
    pub cwd: &'a Path,
    /// The directory of the workspace's root manifest.
    pub workspace_root: &'a Path,
    /// The manifests of all members.
    pub member_manifests: &'a [PathBuf],
    /// `$CARGO_HOME`, if there is one.
    pub cargo_home: Option<&'a Path>,
    /// The environment.
    pub environment: &'a BTreeMap<String, String>,
    /// The `--config` arguments in order.
    pub cli: &'a [String],
    /// The profile in use.
    pub profile: &'a str,
    /// The host's triple.
    pub host: &'a str,
    /// The triple given on the command line, if any.
    pub triple: Option<&'a str>,
    /// What `rustc --print cfg` says for a triple; asked only where a `cfg(…)` table exists.
    pub cfgs: &'a dyn Fn(&str) -> Vec<cargo_platform::Cfg>,
    /// Names of all packages of the lock file, where known: to find overrides that match nothing.
    pub packages: Option<&'a BTreeSet<String>>,
    /// The members, and the packages that their normal dependencies name, where known: to tell
    /// which overrides concern a program or what it is linked from directly.
    pub nearest: Option<&'a Nearest>,
}

/// The packages that are nearest to what the workspace makes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nearest {
    /// The members of the workspace, with their versions.
    pub members: BTreeMap<String, String>,
    /// What their normal dependencies name.
    pub dependencies: BTreeSet<String>,
    /// The members that make something linked: a program, or a library for other programs.
    pub linked: BTreeSet<String>,
    /// What the normal dependencies of these name.
    pub direct: BTreeSet<String>,
    /// The members of which something may run at compile time.
    pub host: BTreeSet<String>,
    /// Whether all dependencies are members, so that nothing else is compiled.
    pub is_all: bool,
}

impl Nearest {
    /// The member that an override with this spec is for. `*` is for those that are no members.
    pub fn member(&self, spec: &str) -> Option<&str> {
        let spec = Spec::parse(spec);
        let (name, version) = self.members.get_key_value(spec.name)?;
        spec.matches(name, version).then_some(name)
    }

    /// Whether an override for `name` (or `*`, all that are no members) concerns what is linked or
    /// a direct dependency of it.
    fn concerns(&self, name: &str) -> bool {
        match name {
            "*" => {
                let mut direct = self.direct.iter();
                direct.any(|name| !self.members.contains_key(name))
            }
            name => self.linked.contains(name) || self.direct.contains(name),
        }
    }
}

/// The effective configuration for one profile and one target triple.
#[derive(Debug, Clone)]
pub struct Effective {
    /// The profile.
    pub profile: String,
    /// The triple that is built for.
    pub triple: String,
    /// The directory of the root manifest, where files among the rustflags are looked up.
    pub root: PathBuf,
    /// Whether a triple was asked for (`--target`, `build.target`): then rustflags do not reach
    /// build scripts and proc-macros.
    pub cross: bool,
    /// Everything, each value in force before what it shadows.
    pub settings: Vec<Setting>,
    /// The flags in force, in the order in which rustc gets them, with those of files (`@FILE`) that
    /// are there.
    pub rustflags: Rustflags,
    /// The user's own compiler wrapper.
    pub rustc_wrapper: Option<Setting>,
    /// The config files that cargo reads, nearest first.
    pub config_files: Vec<PathBuf>,
    /// One notice per cause.
    pub notices: Vec<Notice>,
    /// Flags beside which rustc refuses some values.
    pub conflicts: Vec<Conflict>,
    /// The overrides for packages, of every profile that is written.
    pub overrides: Vec<OverrideTable>,
    /// Keys of the profile that reach no package, because each has an override of its own.
    pub covered: BTreeSet<&'static str>,
    /// Whether all packages are members of the workspace, so that an override for `*` is for none.
    pub only_members: bool,
}

impl Effective {
    /// The profile's value in force for `key`.
    pub fn get(&self, key: &str) -> Option<&Setting> {
        let table = format!("profile.{}", self.profile);
        self.settings
            .iter()
            .find(|s| s.key == key && s.table == table && s.shadowed_by.is_none())
    }
}

/// What to do about a value that has no effect.
fn way_on(origin: &Origin) -> String {
    let first = match origin.kind {
        OriginKind::Environment => format!("unset the {origin}"),
        OriginKind::CommandLine => "leave the --config argument out".to_owned(),
        OriginKind::Manifest | OriginKind::Config => format!("remove it from {origin}"),
        OriginKind::Default => return "set the value where it takes effect".to_owned(),
    };
    format!("{first}, or set the value where it takes effect")
}

/// Resolves the configuration.
///
/// Reads the root manifest, the members' manifests and the config files; cost is linear in their
/// size.
///
/// # Errors
///
/// A file that cannot be read, or that is not TOML; a variable with which cargo refuses every build.
pub fn effective(inputs: &Inputs<'_>) -> Result<Effective> {
    let layers = source::Layers::load(inputs)?;
    environment::check(inputs, &layers)?;
    chain::check_all(inputs, &layers)?;
    let mut notices = layers.notices.clone();
    let triple = rustflags::triple(inputs, &layers);
    let mut settings = profile::resolve(inputs, &layers, &mut notices)?;
    let (mut flags, flag_settings) = rustflags::resolve(inputs, &layers, &triple.name);
    flags.flags = argfile::expanded(flags.flags, inputs.workspace_root, &triple.name);
    codegen::void_by_own_flags(&mut settings, inputs.profile, &triple.name);
    overrides::void_by_flags(inputs, &mut settings, &mut notices);
    codegen::void_by_rustflags(
        &mut settings,
        inputs.profile,
        triple.explicit,
        &triple.name,
        &flags,
    );
    let covered = reach::void_by_overrides(inputs, &mut settings);
    settings.extend(flag_settings);
    settings.extend(source::unread_config(inputs, &layers)?);
    // That an override keeps a default from all packages is no surprise to who wrote it.
    let written = |s: &&Setting| s.origin.kind != OriginKind::Default;
    for setting in settings.iter().filter(written) {
        // A value that is refused has a notice already.
        let refused = refusal(&setting.key, &setting.value);
        if let Some(reason) = setting.void.as_ref().filter(|_| refused.is_none()) {
            notices.push(Notice {
                code: "void-setting",
                message: format!(
                    "`{}.{} = {}` ({}) has no effect: {reason}",
                    setting.table, setting.key, setting.value, setting.origin
                ),
                help: Some(way_on(&setting.origin)),
            });
        }
    }
    let mut effective = Effective {
        profile: inputs.profile.to_owned(),
        triple: triple.name,
        root: inputs.workspace_root.to_owned(),
        cross: triple.explicit,
        settings,
        rustflags: flags,
        rustc_wrapper: rustflags::wrapper(inputs, &layers),
        config_files: layers.config_files(),
        notices,
        conflicts: Vec::new(),
        overrides: overrides::tables(inputs, &layers),
        covered,
        only_members: reach::only_members(inputs),
    };
    effective.conflicts = conflicts::find(inputs, &effective);
    conflicts::mark(&mut effective);
    Ok(effective)
}
