//! What to change for a goal, why, and what must stay as it is.
//!
//! A plan holds only what would make a difference: nothing that is in force already or is cargo's
//! default, nothing that something else makes void (that is skipped, with the file or variable),
//! and no loss of security. Manifest keys are preferred; a key that a config file of the workspace
//! sets is changed there, because the manifest would lose against it.

mod flags;
mod goal;
mod panics;

use std::path::PathBuf;

use codecost::Result;
use codecost::cargo::config::{self, Notice, OriginKind, Setting, Value};

pub(crate) use flags::parse_version;
pub use flags::{Flag, extra_flags};
pub use goal::{Allow, Goal};

use crate::edit;
use crate::knobs::{self, Knob};
use crate::project::{LTO_SKIPPED, Project, linked, lto_is_skipped, skips_lto};

/// What the user asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The goal.
    pub goal: Goal,
    /// Named risks that the user accepts.
    pub allow: Vec<Allow>,
    /// Change the manifest only.
    pub no_config: bool,
    /// Offer what only a nightly toolchain has.
    pub nightly: bool,
    /// The oldest glibc that the program must start with, if the user said so.
    pub glibc: Option<(u32, u32)>,
}

impl Request {
    /// Whether a knob was allowed by name.
    pub fn allows(&self, name: &str) -> bool {
        self.allow.iter().any(|allow| allow.name() == name)
    }
}

/// One value that changes.
#[derive(Debug, Clone)]
pub struct Change {
    /// The knob.
    pub knob: &'static Knob,
    /// The file.
    pub file: PathBuf,
    /// The key's path in the file.
    pub path: Vec<String>,
    /// The value in force; nothing if there is none.
    pub before: Option<Value>,
    /// The value that will be in force.
    pub after: Value,
    /// How to write it.
    pub edit: edit::Change,
}

impl Change {
    /// The table as a header would name it.
    pub fn table(&self) -> String {
        let tables = self.path.split_last().map_or(&[][..], |(_, tables)| tables);
        let keys: Vec<String> = tables
            .iter()
            .map(|t| toml_edit::Key::new(t).to_string())
            .collect();
        keys.join(".")
    }

    /// The bare key.
    pub fn key(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    /// The `--config` argument that makes a build as if this were written; nothing for flags.
    pub fn config_argument(&self) -> Option<String> {
        (self.key() != "rustflags")
            .then(|| format!("{}.{} = {}", self.table(), self.key(), self.after))
    }

    /// The flags that it adds; empty for profile keys.
    pub fn flags(&self) -> &[String] {
        match &self.edit {
            edit::Change::Append(flags) => flags,
            edit::Change::Set(_) => &[],
        }
    }
}

/// One value that the goal wants and that is not changed.
#[derive(Debug, Clone)]
pub struct Skipped {
    /// The bare key or the knob's name.
    pub key: String,
    /// Why.
    pub reason: String,
    /// Files with lines, variables, packages.
    pub evidence: Vec<String>,
    /// Whether the value wanted is in force already: then it is part of what `check` expects.
    pub in_force: Option<Value>,
    /// The value wanted.
    pub wanted: Option<Value>,
    /// The package that an override is for, where it is one.
    pub package: Option<&'static str>,
    /// Whether something outside the files that this tool edits keeps it from being in force.
    pub unreachable: bool,
}

impl Skipped {
    /// A key that stays as it is.
    pub fn new(key: &str, reason: impl Into<String>, evidence: Vec<String>) -> Self {
        Self {
            key: key.to_owned(),
            reason: reason.into(),
            evidence,
            in_force: None,
            wanted: None,
            package: None,
            unreachable: false,
        }
    }

    /// With the value that is in force and wanted.
    fn in_force(mut self, value: Value) -> Self {
        self.in_force = Some(value);
        self
    }

    /// Because something out of our reach sets another value.
    fn unreachable(mut self, wanted: Value) -> Self {
        self.wanted = Some(wanted);
        self.unreachable = true;
        self
    }
}

/// The plan.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// What to write.
    pub changes: Vec<Change>,
    /// What not, and why.
    pub skipped: Vec<Skipped>,
    /// What else to know.
    pub notices: Vec<Notice>,
}

/// Makes the plan.
///
/// # Errors
///
/// Source files that cannot be read, while looking for code that relies on unwinding.
pub fn plan(project: &Project, request: &Request) -> Result<Plan> {
    let mut plan = Plan {
        notices: project.effective.notices.clone(),
        ..Plan::default()
    };
    for wanted in request.goal.wanted(project) {
        profile_key(project, request, &wanted, &mut plan)?;
    }
    flags::plan(project, request, &mut plan);
    look_around(project, request, &mut plan);
    Ok(plan)
}

/// One key that the goal wants.
struct Wanted {
    /// Tables below the profile: empty, or `package` and a spec.
    below: &'static [&'static str],
    key: &'static str,
    value: Value,
}

fn profile_key(
    project: &Project,
    request: &Request,
    wanted: &Wanted,
    plan: &mut Plan,
) -> Result<()> {
    let Some(knob) = knobs::find(wanted.key) else {
        return Ok(());
    };
    let profile = project.selection.profile();
    let current = if wanted.below.is_empty() {
        project.effective.get(wanted.key)
    } else {
        override_in_force(project, wanted)
    };
    let same = |s: &Setting| {
        let current = config::canonical(wanted.key, &s.value);
        // Fat LTO gives all that thin LTO does; balanced takes nothing away.
        let more = request.goal == Goal::Balanced && wanted.key == "lto" && current == "fat";
        more || current == config::canonical(wanted.key, &wanted.value)
    };
    if let Some(setting) = current {
        let origin = vec![setting.origin.to_string()];
        if let Some(void) = &setting.void {
            let reason = format!("a change would have no effect: {void}");
            let skipped = Skipped::new(wanted.key, reason, origin);
            plan.skipped.push(skipped.unreachable(wanted.value.clone()));
            return Ok(());
        }
        if same(setting) {
            let mut skipped = Skipped::new(wanted.key, "already in force", origin);
            skipped.package = wanted.below.get(1).copied();
            plan.skipped.push(skipped.in_force(setting.value.clone()));
            return Ok(());
        }
        if let Some(reason) = out_of_reach(project, request, setting) {
            let evidence = vec![format!(
                "{} = {} ({})",
                wanted.key, setting.value, setting.origin
            )];
            plan.notices.push(Notice {
                code: "void-setting",
                message: format!(
                    "`{}` in the manifest would have no effect: {} sets it to {}",
                    wanted.key, setting.origin, setting.value
                ),
                help: Some(reason.clone()),
            });
            let skipped = Skipped::new(wanted.key, reason, evidence);
            plan.skipped.push(skipped.unreachable(wanted.value.clone()));
            return Ok(());
        }
    }
    if wanted.key == "panic" && panics::blocked(project, request, plan)? {
        return Ok(());
    }
    if wanted.key == "lto"
        && let Some(evidence) = lto_is_skipped(&project.workspace, &project.selection)
    {
        plan.skipped
            .push(Skipped::new("lto", LTO_SKIPPED, vec![evidence]));
        return Ok(());
    }
    let mut path: Vec<String> = vec!["profile".to_owned(), profile.to_owned()];
    path.extend(wanted.below.iter().map(|s| (*s).to_owned()));
    let mut file = project.root_manifest();
    // A config file of the workspace that sets the key wins over the manifest: change it there.
    if let Some(setting) = current.filter(|s| s.origin.kind == OriginKind::Config)
        && let Some(config) = &setting.origin.path
    {
        file = PathBuf::from(config);
        path = table_of(project, setting);
    }
    path.push(wanted.key.to_owned());
    plan.changes.push(Change {
        knob,
        file,
        path,
        before: current.map(|s| s.value.clone()),
        after: wanted.value.clone(),
        edit: edit::Change::Set(wanted.value.to_string()),
    });
    Ok(())
}

/// The path of the table in the config file that holds the setting in force.
fn table_of(project: &Project, setting: &Setting) -> Vec<String> {
    // A value that is inherited from `release` stays there; the custom profile gets its own.
    vec![
        "profile".to_owned(),
        setting
            .table
            .strip_prefix("profile.")
            .unwrap_or(project.selection.profile())
            .to_owned(),
    ]
}

fn override_in_force<'p>(project: &'p Project, wanted: &Wanted) -> Option<&'p Setting> {
    let quoted: Vec<String> = wanted
        .below
        .iter()
        .map(|t| toml_edit::Key::new(*t).to_string())
        .collect();
    let table = format!(
        "profile.{}.{}",
        project.selection.profile(),
        quoted.join(".")
    );
    let mut found = project.effective.settings.iter();
    found.find(|s| s.table == table && s.key == wanted.key && s.shadowed_by.is_none())
}

/// Why the value in force cannot be changed by editing a file of the workspace.
fn out_of_reach(project: &Project, request: &Request, setting: &Setting) -> Option<String> {
    let path = setting.origin.path.as_deref().unwrap_or_default();
    match setting.origin.kind {
        OriginKind::Default | OriginKind::Manifest => None,
        OriginKind::Environment => Some(format!("unset {path}, which wins over every file")),
        OriginKind::CommandLine => Some("leave out the --config argument that sets it".to_owned()),
        OriginKind::Config => {
            let inside = PathBuf::from(path).starts_with(project.workspace.root());
            if !inside {
                Some(format!(
                    "take the key out of `{path}`, which lies outside the workspace"
                ))
            } else if request.no_config {
                Some(format!(
                    "take the key out of `{path}`, or leave out --no-config"
                ))
            } else {
                None
            }
        }
    }
}

/// What does not change the plan but should be known.
fn look_around(project: &Project, request: &Request, plan: &mut Plan) {
    let profile = project.selection.profile();
    let effective = &project.effective;
    if let Some(setting) = effective.get("overflow-checks")
        && setting.value == Value::Bool(true)
        && setting.origin.kind != OriginKind::Default
    {
        plan.skipped.push(Skipped::new(
            "overflow-checks",
            "an explicit `true` is a decision about correctness, and stays",
            vec![setting.origin.to_string()],
        ));
    }
    let prefix = format!("profile.{profile}.package.");
    for setting in effective
        .settings
        .iter()
        .filter(|s| s.table.starts_with(&prefix) && s.key == "opt-level" && s.in_force())
    {
        plan.notices.push(Notice {
            code: "override-stays",
            message: format!(
                "`{}.opt-level = {}` ({}) stays in force for what it names",
                setting.table, setting.value, setting.origin
            ),
            help: None,
        });
    }
    let lto_wanted = plan
        .changes
        .iter()
        .any(|c| c.key() == "lto" && c.after == Value::Bool(true))
        || effective
            .get("lto")
            .is_some_and(|s| config::canonical("lto", &s.value) == "fat");
    if let Some(setting) = effective.get("incremental")
        && setting.value == Value::Bool(true)
        && lto_wanted
    {
        plan.notices.push(Notice {
            code: "incremental-with-lto",
            message: format!(
                "`incremental = true` ({}) beside fat LTO costs time and space and saves nothing",
                setting.origin
            ),
            help: Some("take out one of the two".to_owned()),
        });
    }
    if lto_wanted && request.goal != Goal::CompileTime {
        for candidate in linked(&project.workspace, &project.selection)
            .iter()
            .filter(|c| skips_lto(&c.crate_types))
        {
            plan.notices.push(Notice {
                code: "lto-skipped",
                message: format!(
                    "cargo builds the library `{}` (crate-type {:?}) without LTO",
                    candidate.name, candidate.crate_types
                ),
                help: Some("build the rlib from a package of its own".to_owned()),
            });
        }
    }
}
