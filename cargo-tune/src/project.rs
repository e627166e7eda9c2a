//! What is known of the user's project before anything is built.
//!
//! From `cargo metadata --no-deps`, the lock file (read, never made in the project: planning writes
//! nothing there) and the effective configuration. Packages that a program ships are found through the lock file from
//! the members' normal dependencies.

mod asked;
mod graph;
mod lock;
mod mirror;
pub(crate) mod native;
mod nearest;
mod overlap;
mod refused;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::Package as Member;
use cargo_platform::Cfg;
use codecost::cargo::config::{self, Effective, Inputs, Notice, OriginKind, Setting, Spec, Value};
use codecost::cargo::{Candidate, Context, Selection, TargetChoice, Toolchain, Workspace};
use codecost::{Error, Result};

pub use graph::{Graph, Package};
pub use lock::{Lock, LockedPackage};

use crate::knob::Key;

/// The project, the toolchain and the configuration in force.
pub struct Project {
    /// Where and with which environment cargo runs.
    pub context: Context,
    /// Which artifact and how.
    pub selection: Selection,
    /// The members.
    pub workspace: Workspace,
    /// The compiler.
    pub toolchain: Toolchain,
    /// The environment, where it is Unicode.
    pub environment: BTreeMap<String, String>,
    /// The locked packages.
    pub lock: Lock,
    /// The configuration in force.
    pub effective: Effective,
    graph: OnceCell<Graph>,
}

impl Project {
    /// Asks cargo and rustc, and reads the configuration for the selection's profile.
    ///
    /// # Errors
    ///
    /// What cargo says to a broken manifest, a profile that does not exist, unreadable files.
    pub fn load(context: Context, selection: Selection) -> Result<Self> {
        let (workspace, toolchain) = std::thread::scope(|scope| {
            let toolchain = scope.spawn(|| Toolchain::load(&context, &selection));
            let workspace = Workspace::load(&context, &selection);
            let toolchain = toolchain.join().unwrap_or_else(|_| {
                Err(Error::failed("asking rustc failed", "please report this"))
            });
            (workspace, toolchain)
        });
        let workspace =
            workspace.map_err(|error| refused::value(&context, &selection).unwrap_or(error))?;
        let toolchain = toolchain?;
        refuse_unknown_targets(&workspace, &selection)?;
        let environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
            .collect();
        let lock = Lock::load(&workspace)?;
        let effective = resolve(
            &context,
            &selection,
            &workspace,
            &toolchain,
            &environment,
            &lock,
        )?;
        let mut effective = effective;
        asked::check_triple(&context, &selection, &toolchain, &effective.triple)?;
        let flags = asked::flags_in_force(&context, &toolchain, &effective);
        effective.notices.extend(flags);
        void_lto(&workspace, &selection, &mut effective);
        void_panic(&workspace, &selection, &mut effective);
        void_strip(&workspace, &selection, &mut effective);
        void_unstable(&toolchain, &environment, &mut effective);
        effective.notices.extend(native::in_force(&effective));
        let mut project = Self {
            context,
            selection,
            workspace,
            toolchain,
            environment,
            lock,
            effective,
            graph: OnceCell::new(),
        };
        if overlap::is_possible(&project.effective.overrides) {
            let packages = project.graph().resolved.clone();
            overlap::mark(&packages, &mut project.effective);
        }
        Ok(project)
    }

    /// What the members are linked from; asked of cargo once.
    pub fn graph(&self) -> &Graph {
        self.graph.get_or_init(|| {
            Graph::load(
                &self.context,
                &self.selection,
                &self.workspace,
                &self.effective.triple,
                &self.lock,
            )
        })
    }

    /// Why not all packages that are linked are known, if that was asked and is so.
    pub fn unknown_dependencies(&self) -> Option<&str> {
        self.graph.get()?.unknown.as_deref()
    }

    /// Whether the target aborts on panic whatever the profile says, as its specification has it.
    pub fn aborts_anyway(&self) -> bool {
        let cfg = asked::print_cfg(&self.context, &self.toolchain, &self.effective.triple);
        cfg.iter()
            .any(|cfg| matches!(cfg, Cfg::KeyPair(key, value) if key.as_str() == "panic" && value == "abort"))
    }

    /// The processors that rustc knows for the target; none if it does not say.
    pub fn target_cpus(&self) -> Vec<String> {
        asked::target_cpus(&self.context, &self.toolchain, &self.effective.triple)
    }

    /// Whether cargo ignores `panic` in the profile, and says so in every build: it compiles tests
    /// and benchmarks with unwinding.
    pub fn ignores_panic(&self) -> bool {
        ignores_panic(&self.effective.profile)
    }

    /// The workspace's root manifest.
    pub fn root_manifest(&self) -> PathBuf {
        self.workspace.root().join("Cargo.toml")
    }

    /// The value in force of a profile's key, or of an override's for `package`.
    pub fn setting(&self, package: Option<&str>, key: Key) -> Option<&Setting> {
        let Some(package) = package else {
            return self.effective.get(key.name());
        };
        let package = toml_edit::Key::new(package);
        let table = format!("profile.{}.package.{package}", self.selection.profile());
        let mut settings = self.effective.settings.iter();
        settings.find(|s| s.table == table && s.key == key.name() && s.shadowed_by.is_none())
    }

    /// Whether an override gives a key of `package` a value of its own.
    pub fn is_overridden(&self, key: Key, package: &str) -> bool {
        let prefix = format!("profile.{}.package.", self.selection.profile());
        let is_member = self.is_member(package);
        self.effective.settings.iter().any(|setting| {
            let spec = setting.table.strip_prefix(&prefix);
            let keys = spec.and_then(|spec| toml_edit::Key::parse(spec).ok());
            let Some(spec) = keys.as_deref().and_then(<[_]>::first) else {
                return false;
            };
            let name = Spec::parse(spec.get()).name;
            let is_meant = name == package || (name == "*" && !is_member);
            is_meant && setting.key == key.name() && setting.in_force()
        })
    }

    /// The rows of rustflags that are in force.
    pub fn rustflags_in_force(&self) -> impl Iterator<Item = &Setting> {
        let settings = self.effective.settings.iter();
        settings.filter(|s| s.key == "rustflags" && s.in_force())
    }

    /// Whether a setting is written in a file of the workspace.
    pub fn is_inside(&self, setting: &Setting) -> bool {
        let path = setting.origin.path.as_deref().map(Path::new);
        path.is_some_and(|path| path.starts_with(self.workspace.root()))
    }

    /// Whether a package is a member of the workspace.
    pub fn is_member(&self, package: &str) -> bool {
        let members = self.workspace.members();
        members.iter().any(|member| member.name.as_str() == package)
    }

    /// A path as people want to see it: below the current directory without it.
    pub fn shown(&self, path: &Path) -> String {
        let relative = path.strip_prefix(self.context.directory()).unwrap_or(path);
        relative.display().to_string()
    }
}

fn resolve(
    context: &Context,
    selection: &Selection,
    workspace: &Workspace,
    toolchain: &Toolchain,
    environment: &BTreeMap<String, String>,
    lock: &Lock,
) -> Result<Effective> {
    let members: Vec<PathBuf> = workspace
        .members()
        .iter()
        .map(|p| p.manifest_path.clone().into_std_path_buf())
        .collect();
    let cargo_home = context.cargo_home();
    let cfgs = |triple: &str| asked::print_cfg(context, toolchain, triple);
    let names: BTreeSet<String> = lock.packages.iter().map(|p| p.name.clone()).collect();
    let nearest = nearest::nearest(workspace);
    config::effective(&Inputs {
        cwd: context.directory(),
        workspace_root: workspace.root(),
        member_manifests: &members,
        cargo_home: cargo_home.as_deref(),
        environment,
        cli: &selection.config,
        profile: selection.profile(),
        host: &toolchain.host,
        triple: selection.triple.as_deref(),
        cfgs: &cfgs,
        packages: lock.found.then_some(&names),
        nearest: Some(&nearest),
    })
}

/// Marks what a stable cargo refuses, or ignores, of an unstable feature.
fn void_unstable(
    toolchain: &Toolchain,
    environment: &BTreeMap<String, String>,
    effective: &mut Effective,
) {
    let is_nightly = toolchain.release.contains('-') && !toolchain.release.contains("-beta");
    if is_nightly || environment.contains_key("RUSTC_BOOTSTRAP") {
        return;
    }
    let mut notices = Vec::new();
    let in_force = effective.settings.iter_mut().filter(|s| s.in_force());
    for setting in in_force.filter(|s| s.table.starts_with("profile.")) {
        let is_new_panic = setting.value == Value::String("immediate-abort".to_owned());
        let reason = match setting.key.as_str() {
            "panic" if is_new_panic => REFUSED_ON_STABLE,
            "trim-paths" | "codegen-backend" | "rustflags" => REFUSED_ON_STABLE,
            "hint-mostly-unused" => "cargo ignores it without a nightly toolchain and `-Z`",
            _ => continue,
        };
        notices.push(void_setting(setting, reason, None));
        setting.void = Some(reason.to_owned());
    }
    effective.notices.extend(notices);
}

const REFUSED_ON_STABLE: &str =
    "a stable cargo refuses it, so no build works; it needs a nightly toolchain";

/// Marks an `lto` that is written in a file but that cargo does not use.
fn void_lto(workspace: &Workspace, selection: &Selection, effective: &mut Effective) {
    let table = format!("profile.{}", effective.profile);
    let found = effective.settings.iter_mut().find(|s| {
        s.key == Key::Lto.name()
            && s.table == table
            && s.in_force()
            && s.origin.kind != OriginKind::Default
    });
    let Some(setting) = found else { return };
    // `off` is passed to whatever is linked for the user; not to what the compiler loads.
    let is_off = Key::Lto.canonical(&setting.value) == "off";
    if is_off && only_proc_macros(workspace, selection).is_none() {
        return;
    }
    let Some(LtoSkipped { evidence, help }) = lto_is_skipped(workspace, selection) else {
        return;
    };
    let reason = format!("{LTO_SKIPPED} ({evidence})");
    effective.notices.push(void_setting(setting, &reason, help));
    setting.void = Some(reason);
}

fn ignores_panic(profile: &str) -> bool {
    matches!(profile, "test" | "bench")
}

/// Marks a `panic` that is written for what cargo compiles with unwinding: what the compiler loads,
/// tests and benchmarks.
fn void_panic(workspace: &Workspace, selection: &Selection, effective: &mut Effective) {
    let is_for_tests = ignores_panic(&effective.profile);
    let table = format!("profile.{}", effective.profile);
    let found = effective.settings.iter_mut().find(|s| {
        let aborts = Key::Panic.canonical(&s.value) != "unwind";
        s.key == Key::Panic.name() && s.table == table && s.in_force() && aborts
    });
    let package = only_proc_macros(workspace, selection);
    let (reason, help) = match (is_for_tests, package) {
        (true, _) => (
            "cargo compiles tests and benchmarks with unwinding, and of this profile `panic` is \
             only for programs that they start"
                .to_owned(),
            Some("set `panic` in the profile that the program is built with"),
        ),
        (false, Some(package)) => (
            format!(
                "cargo compiles what the compiler loads with unwinding ({package}: proc-macro = true)"
            ),
            None,
        ),
        (false, None) => return,
    };
    let Some(setting) = found else { return };
    effective.notices.push(void_setting(setting, &reason, help));
    setting.void = Some(reason);
}

/// Marks a `strip` that is written where no linker runs.
fn void_strip(workspace: &Workspace, selection: &Selection, effective: &mut Effective) {
    let Some(reason) = strip_is_skipped(workspace, selection) else {
        return;
    };
    let table = format!("profile.{}", effective.profile);
    let overrides = format!("{table}.package.");
    let mut notices = Vec::new();
    for setting in effective.settings.iter_mut().filter(|s| {
        let is_meant = s.table == table || s.table.starts_with(&overrides);
        let is_written = s.origin.kind != OriginKind::Default;
        is_meant && s.key == Key::Strip.name() && s.in_force() && is_written
    }) {
        if Key::Strip.canonical(&setting.value) != "none" {
            notices.push(void_setting(setting, &reason, None));
            setting.void = Some(reason.clone());
        }
    }
    effective.notices.extend(notices);
}

/// Why `strip` does nothing, where the workspace makes nothing but static libraries: rustc leaves
/// stripping to the linker.
pub(crate) fn strip_is_skipped(workspace: &Workspace, selection: &Selection) -> Option<String> {
    let linked = linked(workspace, selection);
    let is_linked = |c: &Candidate| {
        !c.kind.is_library() || c.crate_types.iter().any(|t| t == "cdylib" || t == "dylib")
    };
    let library = linked.last().filter(|_| !linked.iter().any(is_linked))?;
    Some(format!(
        "the linker strips, and none runs for a static library ({}: crate-type = {:?})",
        library.package, library.crate_types
    ))
}

fn void_setting(setting: &Setting, reason: &str, help: Option<&str>) -> Notice {
    let Setting {
        table,
        key,
        value,
        origin,
        ..
    } = setting;
    Notice {
        code: "void-setting",
        message: format!("`{table}.{key} = {value}` ({origin}) has no effect: {reason}"),
        help: Some(
            help.unwrap_or("remove the setting, or set the value where it takes effect")
                .to_owned(),
        ),
    }
}

/// The package of a proc-macro, where the workspace makes nothing else that is linked.
fn only_proc_macros(workspace: &Workspace, selection: &Selection) -> Option<String> {
    if !linked(workspace, selection).is_empty() {
        return None;
    }
    let chosen = chosen(workspace, selection);
    let mut packages = chosen.iter();
    let is_proc_macro = |target: &cargo_metadata::Target| target.is_proc_macro();
    let package = packages.find(|p| p.targets.iter().any(is_proc_macro))?;
    Some(package.name.to_string())
}

/// Why an `lto` may be void.
pub(crate) const LTO_SKIPPED: &str = "cargo skips LTO for a library with an rlib beside its cdylib or staticlib, for dylibs and for \
     proc-macros";

/// Why cargo leaves LTO out.
pub(crate) struct LtoSkipped {
    /// The package and what its manifest says.
    pub(crate) evidence: String,
    /// What to do about it, where something can be done.
    pub(crate) help: Option<&'static str>,
}

/// Whether every linked target of the workspace is one that cargo builds without LTO.
pub(crate) fn lto_is_skipped(workspace: &Workspace, selection: &Selection) -> Option<LtoSkipped> {
    let linked = linked(workspace, selection);
    if linked.iter().any(|c| !skips_lto(&c.crate_types)) {
        return None;
    }
    if let Some(library) = linked.last() {
        return Some(LtoSkipped {
            evidence: format!(
                "{}: crate-type = {:?}",
                library.package, library.crate_types
            ),
            help: Some("build the rlib from a package of its own"),
        });
    }
    // A proc-macro is loaded by the compiler; the profile's LTO is for what is shipped.
    let package = only_proc_macros(workspace, selection)?;
    Some(LtoSkipped {
        evidence: format!("{package}: proc-macro = true"),
        help: None,
    })
}

/// A package or target that is named and does not exist is wrong usage, as it is for cargo.
fn refuse_unknown_targets(workspace: &Workspace, selection: &Selection) -> Result<()> {
    if selection.target == TargetChoice::Default {
        workspace.packages(selection)?;
    } else {
        workspace.candidates(selection)?;
    }
    Ok(())
}

/// The packages that a selection is about: those that it names, else all members.
pub(crate) fn chosen<'w>(workspace: &'w Workspace, selection: &Selection) -> Vec<&'w Member> {
    let is_narrow = !selection.packages.is_empty() || selection.target != TargetChoice::Default;
    let named = is_narrow.then(|| workspace.packages(selection).ok());
    named.flatten().unwrap_or_else(|| workspace.members())
}

/// What the profile links of what the selection names; where it names nothing, everything in the
/// workspace.
pub(crate) fn linked(workspace: &Workspace, selection: &Selection) -> Vec<Candidate> {
    if selection.target == TargetChoice::Default {
        let packages = chosen(workspace, selection);
        return linked_of(workspace, selection, &packages);
    }
    let mut all = workspace.candidates(selection).unwrap_or_default();
    all.retain(is_made_by_the_linker);
    all
}

/// Everything in the workspace that the profile links, whatever the selection names: a profile and
/// rustflags reach all of it.
pub(crate) fn linked_anywhere(workspace: &Workspace, selection: &Selection) -> Vec<Candidate> {
    linked_of(workspace, selection, &workspace.members())
}

fn linked_of(workspace: &Workspace, selection: &Selection, packages: &[&Member]) -> Vec<Candidate> {
    let mut selection = selection.clone();
    selection.packages = packages.iter().map(|p| p.id.repr.clone()).collect();
    let mut all = Vec::new();
    for choice in [TargetChoice::Bin(None), TargetChoice::Lib] {
        selection.target = choice;
        all.extend(workspace.candidates(&selection).unwrap_or_default());
    }
    all.retain(is_made_by_the_linker);
    all
}

fn is_made_by_the_linker(candidate: &Candidate) -> bool {
    let is_linked = |t: &String| matches!(t.as_str(), "cdylib" | "staticlib" | "dylib");
    !candidate.kind.is_library() || candidate.crate_types.iter().any(is_linked)
}

/// Whether cargo leaves LTO out for a library of these types.
pub(crate) fn skips_lto(crate_types: &[String]) -> bool {
    let has = |name: &str| crate_types.iter().any(|t| t == name);
    has("dylib") || ((has("rlib") || has("lib")) && (has("cdylib") || has("staticlib")))
}
