//! Knobs that are rustflags: offered only when accepted by name, and written where flags count.

use std::path::{Path, PathBuf};

use codecost::cargo::config::{Notice, OriginKind, RustflagsPlace, Value};
use codecost::{Error, Result};

use super::change::{Change, Plan, Skipped};
use super::objection::{self, Objection, objection, out_of_reach};
use super::request::Request;
use crate::knob::{Assignment, Flag, FlagSetting, Knob, Offer, Present};
use crate::project::{Project, native};
use crate::rustc::link::{self, Verdict};

/// Adds the flags to the plan.
pub(super) fn plan(project: &Project, request: &Request, plan: &mut Plan) {
    let mut wanted: Vec<FlagSetting> = request.flags().cloned().collect();
    if request.nightly {
        let all = Flag::ALL.iter().copied();
        let nightly = all.filter(|flag| flag.about().offer == Offer::Nightly);
        wanted.extend(nightly.map(|flag| FlagSetting::new(flag, "")));
    }
    for flag in wanted {
        match skip(project, request, &flag, &mut plan.notices) {
            Some(skipped) => {
                plan.notices.extend(void_by_variable(&skipped));
                plan.skipped.push(skipped);
            }
            None => {
                let change = change(project, plan, flag);
                plan.changes.push(change);
            }
        }
    }
    note_reach(project, plan);
    let planned = plan.changes.iter().flat_map(Change::flags);
    if planned
        .into_iter()
        .any(|flag| flag == "-Ctarget-cpu=native")
    {
        plan.notices
            .push(native::notice("--allow target-cpu=native"));
    }
}

/// Checks what rustc would only refuse, or ignore, in every build from then on.
///
/// # Errors
///
/// A usage error for a processor that rustc does not know for the target.
pub(super) fn check(project: &Project, request: &Request) -> Result<()> {
    let named = request.flags().filter(|f| f.knob == Flag::TargetCpu);
    for text in named.flat_map(|flag| &flag.flags) {
        let cpu = text.rsplit('=').next().unwrap_or_default();
        let known = project.target_cpus();
        if known.is_empty() || known.iter().any(|known| known == cpu) {
            continue;
        }
        let plain = |name: &str| name.replace(['-', '_', '.'], "").to_lowercase();
        let near = known.iter().find(|known| plain(known) == plain(cpu));
        let triple = &project.effective.triple;
        let help = match near {
            Some(near) => format!("write `--allow target-cpu={near}`"),
            None => format!("`rustc --print target-cpus --target {triple}` lists them"),
        };
        let message = format!("rustc knows no processor `{cpu}` for {triple}");
        return Err(Error::usage(message, help));
    }
    Ok(())
}

/// Why a flag is not written. A flag that is written although it could not be tried is a notice.
fn skip(
    project: &Project,
    request: &Request,
    flag: &FlagSetting,
    notices: &mut Vec<Notice>,
) -> Option<Skipped> {
    let knob = Knob::Flag(flag.knob);
    if let Some(present) = flag.present(&project.effective.rustflags.flags) {
        let origins = &project.effective.rustflags.origins;
        let evidence = origins.iter().map(ToString::to_string).collect();
        return Some(match present {
            Present::Same(found) => {
                Skipped::new(knob, "already in force", evidence).in_force(Value::String(found))
            }
            Present::Other(value) => {
                let option = flag.knob.option();
                let reason = format!("the rustflags in force already say `{option}={value}`");
                Skipped::new(knob, reason, evidence)
            }
        });
    }
    if let Some(Objection { reason, evidence }) = objection(project, request, flag) {
        return Some(Skipped::new(knob, reason, evidence));
    }
    let Some(Objection { reason, evidence }) = out_of_reach(project, request) else {
        let Objection { reason, evidence } = refused_by_linker(project, flag, notices)?;
        return Some(Skipped::new(knob, reason, evidence));
    };
    let skipped = Skipped::new(knob, reason, evidence);
    Some(match project.effective.rustflags.place {
        RustflagsPlace::Variable | RustflagsPlace::EncodedVariable => {
            let origins = &project.effective.rustflags.origins;
            let variable = origins.first().map(ToString::to_string).unwrap_or_default();
            let remedy = format!("unset the {variable}");
            let wanted = Value::List(flag.flags.clone());
            skipped.unreachable(wanted).remedy(remedy)
        }
        RustflagsPlace::None | RustflagsPlace::Target | RustflagsPlace::Build => skipped,
    })
}

/// Why the linker at hand makes nothing of a flag that is meant for it: a small program is linked with
/// it.
fn refused_by_linker(
    project: &Project,
    flag: &FlagSetting,
    notices: &mut Vec<Notice>,
) -> Option<Objection> {
    let is_linux = project.effective.triple.contains("-linux-");
    if !flag.knob.link_only() || !is_linux {
        return None;
    }
    match link::heeds(project, flag) {
        Verdict::Heeded => None,
        Verdict::Refused { reason, evidence } => Some(Objection { reason, evidence }),
        Verdict::Untried(why) => {
            // Most linkers know no folding, so this is planned only where it is known to be there.
            if let Some(objection) = objection::without_default_linker(project, flag) {
                return Some(objection);
            }
            notices.push(Notice {
                code: "link-untried",
                message: format!(
                    "`{}` is planned without a trial link, so the linker may ignore it: {why}",
                    flag.knob.name()
                ),
                help: Some(
                    "make a small program link for this target (`rustup target add`, a cross \
                     linker), and plan again"
                        .to_owned(),
                ),
            });
            None
        }
    }
}

/// What to say of a flag that a variable keeps from being in force.
fn void_by_variable(skipped: &Skipped) -> Option<Notice> {
    skipped.unreachable.then(|| Notice {
        code: "void-setting",
        message: format!(
            "rustflags in a file would have no effect: {}",
            skipped.reason
        ),
        help: Some("unset the variable and run again".to_owned()),
    })
}

fn change(project: &Project, plan: &Plan, flag: FlagSetting) -> Change {
    let (file, path) = place(project);
    // Several flags for one list: each row shows the list as it grows.
    let mut earlier = plan.changes.iter().rev();
    let before = match earlier.find(|c| c.file == file && c.path == path) {
        Some(earlier) => Some(earlier.after.clone()),
        None => current_at(project, &file, &path).map(Value::List),
    };
    let mut after = before.as_ref().map(Value::flags).unwrap_or_default();
    after.extend(flag.flags.iter().cloned());
    Change {
        assignment: Assignment::Flag(flag),
        file,
        path,
        before,
        after: Value::List(after),
    }
}

/// The file and key where another flag counts. Cargo joins all tables that match a target, so the
/// flag goes into the triple's own: a `cfg(…)` table would take it to platforms that it was not
/// planned for. Beside `build.rustflags` a table would make that void, so there is no choice there.
fn place(project: &Project) -> (PathBuf, Vec<String>) {
    let triple = &project.effective.triple;
    let table = match project.effective.rustflags.place {
        RustflagsPlace::Build => vec!["build".to_owned()],
        RustflagsPlace::None
        | RustflagsPlace::Target
        | RustflagsPlace::Variable
        | RustflagsPlace::EncodedVariable => vec!["target".to_owned(), triple.clone()],
    };
    let inside = project
        .rustflags_in_force()
        .filter(|s| s.origin.kind == OriginKind::Config && project.is_inside(s))
        .max_by_key(|s| bare(&s.table) == table.join("."));
    let file = inside.and_then(|setting| setting.origin.path.clone());
    let file = file.map_or_else(|| config_file(project), PathBuf::from);
    let path = table.into_iter().chain(["rustflags".to_owned()]);
    (file, path.collect())
}

/// The workspace's config file that cargo reads, or would.
fn config_file(project: &Project) -> PathBuf {
    let directory = project.workspace.root().join(".cargo");
    let legacy = directory.join("config");
    // Where both exist cargo reads the legacy one.
    if legacy.is_file() {
        legacy
    } else {
        directory.join("config.toml")
    }
}

/// A table's name without the quotes of its parts.
fn bare(table: &str) -> String {
    table.replace(['\'', '"'], "")
}

/// The list that is at that place now; `None` if there is none or it is empty.
fn current_at(project: &Project, file: &Path, path: &[String]) -> Option<Vec<String>> {
    let tables = path.split_last().map_or(&[][..], |(_, tables)| tables);
    let table = bare(&tables.join("."));
    let mut settings = project.rustflags_in_force();
    let found = settings.find(|s| {
        let same_file = s.origin.path.as_deref().map(Path::new) == Some(file);
        same_file && bare(&s.table) == table
    });
    found.map(|s| s.value.flags()).filter(|f| !f.is_empty())
}

/// Flags reach further than one might think.
fn note_reach(project: &Project, plan: &mut Plan) {
    if plan.changes.iter().all(|c| c.flags().is_empty()) {
        return;
    }
    let (triple, host) = (&project.effective.triple, &project.toolchain.host);
    // A target that is given here is not given to the user's own build; that of a config file is.
    let is_configured = project.effective.cross && project.selection.triple.is_none();
    if triple == host && !is_configured {
        plan.notices.push(Notice {
            code: "flags-reach-build-scripts",
            message: "where cargo is given no target, rustflags also apply to build scripts and \
                      proc-macros"
                .to_owned(),
            help: Some(format!(
                "build with `cargo build --target {triple}`, or set `build.target` in the config \
                 file, so that only the program gets them"
            )),
        });
    }
    let is_for_all = |c: &&Change| c.path.first().is_some_and(|table| table == "build");
    if let Some(change) = plan
        .changes
        .iter()
        .find(|c| !c.flags().is_empty() && is_for_all(c))
    {
        let notice = Notice {
            code: "flags-reach-all-targets",
            message: format!(
                "`build.rustflags` ({}) is for every target: a build for another platform than \
                 {triple} gets the flags, too",
                project.shown(&change.file)
            ),
            help: Some(format!(
                "move the list to `[target.{triple}]` if the workspace is built for others"
            )),
        };
        plan.notices.push(notice);
    }
    plan.notices.push(Notice {
        code: "config-is-local",
        message: "`cargo install` from a registry ignores the workspace's config file; manifest keys travel with the package".to_owned(),
        help: Some(
            "pass --no-config to change the manifest only, or give the flags in RUSTFLAGS where \
             it is installed"
                .to_owned(),
        ),
    });
}
