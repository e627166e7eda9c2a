//! Why a flag does not suit a target or a program.

use codecost::cargo::config::{OriginKind, RustflagsPlace, Value};

use super::glibc::Glibc;
use super::request::Request;
use crate::knob::{Flag, FlagSetting};
use crate::project::{Project, linked_anywhere};

/// What keeps a flag out of the plan.
pub(super) struct Objection {
    /// Why.
    pub(super) reason: String,
    /// What shows it: a triple, a file, a variable.
    pub(super) evidence: Vec<String>,
}

impl Objection {
    /// With one piece of evidence.
    fn new(reason: impl Into<String>, evidence: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            evidence: vec![evidence.into()],
        }
    }
}

/// The objection to a flag, if there is one.
pub(super) fn objection(
    project: &Project,
    request: &Request,
    flag: &FlagSetting,
) -> Option<Objection> {
    let triple = project.effective.triple.as_str();
    match flag.knob {
        Flag::Relr if !triple.contains("-linux-") => Some(Objection::new(
            "packed relative relocations are for Linux",
            triple,
        )),
        Flag::Relr if triple.contains("-gnu") => {
            let (oldest, source) = Glibc::oldest(project, request.glibc)?;
            let newest = Glibc::WITH_RELR;
            (oldest < newest).then(|| {
                let reason =
                    format!("the oldest glibc wanted, {oldest}, cannot load it; {newest} can");
                Objection::new(reason, source)
            })
        }
        Flag::Relr => None,
        // Which linker there is on Linux, a trial link says.
        Flag::Icf if triple.contains("-linux-") => None,
        Flag::Icf => without_default_linker(project, flag),
        Flag::StaticRelocation => {
            let is_shared = |t: &String| t == "cdylib" || t == "dylib";
            let linked = linked_anywhere(&project.workspace, &project.selection);
            let mut linked = linked.into_iter();
            let shared = linked.find(|c| c.crate_types.iter().any(is_shared))?;
            Some(Objection::new(
                "a shared library must be position-independent",
                format!("{}: crate-type = {:?}", shared.package, shared.crate_types),
            ))
        }
        Flag::TargetCpu => {
            let is_native = flag.flags.iter().any(|f| f.ends_with("=native"));
            (is_native && project.effective.cross).then(|| {
                Objection::new(
                    "`native` means this machine, and the build is for another target",
                    triple,
                )
            })
        }
        Flag::LocationDetail => (!project.toolchain.is_nightly()).then(|| {
            Objection::new(
                "only a nightly toolchain accepts it",
                format!("rustc {}", project.toolchain.release),
            )
        }),
    }
}

/// The objection to folding where rustc's own default linker does not know it.
pub(super) fn without_default_linker(project: &Project, flag: &FlagSetting) -> Option<Objection> {
    let triple = project.effective.triple.as_str();
    let has_lld = triple.starts_with("x86_64-") && triple.contains("-linux-");
    let reason = "only where lld is rustc's own default linker, on x86_64 Linux";
    (flag.knob == Flag::Icf && !has_lld).then(|| Objection::new(reason, triple))
}

/// Why no file of the workspace can add flags to those in force.
pub(super) fn out_of_reach(project: &Project, request: &Request) -> Option<Objection> {
    let flags = &project.effective.rustflags;
    let origins: Vec<String> = flags.origins.iter().map(ToString::to_string).collect();
    match flags.place {
        RustflagsPlace::EncodedVariable | RustflagsPlace::Variable => {
            let name = origins.first().cloned().unwrap_or_default();
            return Some(Objection {
                reason: format!("the {name} is set, so cargo reads no rustflags from files"),
                evidence: origins,
            });
        }
        RustflagsPlace::None | RustflagsPlace::Target | RustflagsPlace::Build => {}
    }
    if request.no_config {
        return Some(Objection {
            reason: "rustflags can be written only in a config file, and --no-config excludes that"
                .to_owned(),
            evidence: Vec::new(),
        });
    }
    let (root, cwd) = (project.workspace.root(), project.context.directory());
    if !cwd.starts_with(root) {
        return Some(Objection {
            reason: "cargo looks for config files from the current directory, which is outside \
                     the workspace"
                .to_owned(),
            evidence: vec![cwd.display().to_string(), root.display().to_string()],
        });
    }
    let string_elsewhere = project.rustflags_in_force().find(|s| {
        matches!(s.value, Value::String(_))
            && s.origin.kind == OriginKind::Config
            && !project.is_inside(s)
    });
    string_elsewhere.map(|s| {
        let reason = format!(
            "the flags in force are a string in `{}`, which cargo does not join with other lists",
            s.origin
        );
        Objection::new(reason, s.origin.to_string())
    })
}
