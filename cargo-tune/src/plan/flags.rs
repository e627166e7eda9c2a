//! Knobs that are rustflags: offered only when allowed by name, and written where flags count.

use std::path::{Path, PathBuf};

use codecost::cargo::config::{
    Notice, OriginKind, RustflagsPlace, Setting, Value, codegen_options,
};

use super::{Allow, Change, Plan, Request, Skipped};
use crate::edit;
use crate::knobs;
use crate::project::{Project, linked};

/// The glibc that understands packed relative relocations.
const RELR_GLIBC: (u32, u32) = (2, 36);

/// A knob that is one flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// The knob's name.
    pub name: &'static str,
    /// What rustc gets.
    pub flags: Vec<String>,
    /// Whether only the final link is concerned, so that nothing else is compiled anew.
    pub link_only: bool,
}

/// The flag of a knob, if it is one.
fn flag_of(allow: &Allow) -> Option<Flag> {
    let (flag, link_only) = match allow {
        Allow::Relr => ("-Clink-arg=-Wl,-z,pack-relative-relocs".to_owned(), true),
        Allow::Icf => ("-Clink-arg=-Wl,--icf=all".to_owned(), true),
        Allow::StaticRelocation => ("-Crelocation-model=static".to_owned(), false),
        Allow::TargetCpu(cpu) => (format!("-Ctarget-cpu={cpu}"), false),
        Allow::Abort => return None,
    };
    Some(Flag {
        name: allow.name(),
        flags: vec![flag],
        link_only,
    })
}

/// The flags that a request allows and that this project can use, each on its own.
pub fn extra_flags(plan: &Plan, request: &Request) -> Vec<Flag> {
    let wanted = request.allow.iter().filter_map(flag_of);
    wanted
        .filter(|flag| plan.changes.iter().any(|c| c.knob.name == flag.name))
        .collect()
}

/// Adds the flags to the plan.
pub(super) fn plan(project: &Project, request: &Request, plan: &mut Plan) {
    let mut wanted: Vec<Flag> = request.allow.iter().filter_map(flag_of).collect();
    if request.nightly {
        if project.toolchain.is_nightly() {
            wanted.push(Flag {
                name: "location-detail",
                flags: vec!["-Zlocation-detail=none".to_owned()],
                link_only: false,
            });
        } else {
            plan.skipped.push(Skipped::new(
                "location-detail",
                "only a nightly toolchain accepts it",
                vec![format!("rustc {}", project.toolchain.release)],
            ));
        }
    }
    for flag in wanted {
        let Some(knob) = knobs::find(flag.name) else {
            continue;
        };
        let objection = already(project, &flag)
            .or_else(|| objection(project, request, &flag))
            .or_else(|| out_of_reach(project, request));
        if let Some((reason, evidence, in_force)) = objection {
            let void = matches!(
                project.effective.rustflags.place,
                RustflagsPlace::Variable | RustflagsPlace::EncodedVariable
            );
            if void && in_force.is_none() {
                plan.notices.push(Notice {
                    code: "void-setting",
                    message: format!("rustflags in a file would have no effect: {reason}"),
                    help: Some("unset the variable and run again".to_owned()),
                });
            }
            let mut skipped = Skipped::new(flag.name, reason, evidence);
            skipped.in_force = in_force;
            if void && skipped.in_force.is_none() {
                skipped = skipped.unreachable(Value::List(flag.flags));
            }
            plan.skipped.push(skipped);
            continue;
        }
        let (file, path) = place(project);
        let mut after = current_at(project, &file, &path);
        after.extend(flag.flags.iter().cloned());
        // Several flags for one list: each row shows the list as it grows.
        let earlier = plan
            .changes
            .iter()
            .rev()
            .find(|c| c.file == file && c.path == path);
        let before = match earlier {
            Some(earlier) => {
                after = earlier.after.flags();
                after.extend(flag.flags.iter().cloned());
                Some(earlier.after.clone())
            }
            None => Some(Value::List(current_at(project, &file, &path)))
                .filter(|v| !v.flags().is_empty()),
        };
        plan.changes.push(Change {
            knob,
            file,
            path,
            before,
            after: Value::List(after),
            edit: edit::Change::Append(flag.flags),
        });
    }
    note_reach(project, plan);
}

type Objection = (String, Vec<String>, Option<Value>);

/// The flag, or another of its kind, is in force.
fn already(project: &Project, flag: &Flag) -> Option<Objection> {
    let flags = &project.effective.rustflags.flags;
    let (needle, wanted) = match flag.name {
        "relr" => ("pack-relative-relocs", None),
        "icf" => ("--icf=", None),
        "static-relocation" => ("relocation-model", Some("static")),
        "location-detail" => ("location-detail", None),
        _ => (
            "target-cpu",
            flag.flags
                .first()
                .and_then(|f| f.split_once('='))
                .map(|(_, v)| v),
        ),
    };
    let found = flags.iter().find(|f| f.contains(needle))?;
    let evidence = project
        .effective
        .rustflags
        .origins
        .iter()
        .map(ToString::to_string)
        .collect();
    let value = codegen_options(flags)
        .into_iter()
        .rev()
        .find(|o| o.name == needle)
        .and_then(|o| o.value);
    match (wanted, value) {
        (Some(wanted), Some(value)) if value != wanted => Some((
            format!("the rustflags in force already say `{needle}={value}`"),
            evidence,
            None,
        )),
        _ => Some((
            "already in force".to_owned(),
            evidence,
            Some(Value::String(found.clone())),
        )),
    }
}

/// Why the knob does not suit this target or program.
fn objection(project: &Project, request: &Request, flag: &Flag) -> Option<Objection> {
    let triple = &project.effective.triple;
    let no = |reason: String, evidence: Vec<String>| Some((reason, evidence, None));
    match flag.name {
        "relr" => {
            if !triple.contains("-linux-") {
                return no(
                    "packed relative relocations are for Linux".to_owned(),
                    vec![triple.clone()],
                );
            }
            if triple.contains("-gnu") {
                let (oldest, source) = oldest_glibc(project, request)?;
                if oldest < RELR_GLIBC {
                    return no(
                        format!(
                            "the oldest glibc wanted, {}.{}, cannot load it; 2.36 can",
                            oldest.0, oldest.1
                        ),
                        vec![source],
                    );
                }
            }
            None
        }
        "icf" => (!(triple.starts_with("x86_64-") && triple.contains("-linux-"))).then(|| {
            (
                "only where lld is rustc's own default linker, on x86_64 Linux".to_owned(),
                vec![triple.clone()],
                None,
            )
        }),
        "static-relocation" => {
            let shared = linked(&project.workspace, &project.selection)
                .into_iter()
                .find(|c| c.crate_types.iter().any(|t| t == "cdylib" || t == "dylib"))?;
            no(
                "a shared library must be position-independent".to_owned(),
                vec![format!(
                    "{}: crate-type = {:?}",
                    shared.package, shared.crate_types
                )],
            )
        }
        "target-cpu" => {
            let native = flag.flags.iter().any(|f| f.ends_with("=native"));
            if native && project.effective.cross {
                return no(
                    "`native` means this machine, and the build is for another target".to_owned(),
                    vec![triple.clone()],
                );
            }
            None
        }
        _ => None,
    }
}

/// The oldest glibc that the program must run with, and who says so.
fn oldest_glibc(project: &Project, request: &Request) -> Option<((u32, u32), String)> {
    if let Some(version) = request.glibc {
        return Some((version, "--glibc".to_owned()));
    }
    for (manifest, tables) in [(project.root_manifest(), ["workspace", "package"].as_slice())]
        .into_iter()
        .chain(project.workspace.members().iter().map(|p| {
            (
                p.manifest_path.clone().into_std_path_buf(),
                ["package"].as_slice(),
            )
        }))
    {
        let Ok(text) = std::fs::read_to_string(&manifest) else {
            continue;
        };
        let Ok(document) = text.parse::<toml_edit::DocumentMut>() else {
            continue;
        };
        for table in tables {
            let stated = document
                .get(table)
                .and_then(|t| t.get("metadata"))
                .and_then(|t| t.get("cargo-tune"))
                .and_then(|t| t.get("glibc"))
                .and_then(|v| v.as_str())
                .and_then(parse_version);
            if let Some(version) = stated {
                let source = format!("{}: [{table}.metadata.cargo-tune]", manifest.display());
                return Some((version, source));
            }
        }
    }
    let output = project
        .context
        .command("getconf")
        .arg("GNU_LIBC_VERSION")
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = parse_version(text.trim().strip_prefix("glibc ")?)?;
    Some((
        version,
        format!("this machine's glibc {}.{}", version.0, version.1),
    ))
}

/// `2.36`
pub(crate) fn parse_version(text: &str) -> Option<(u32, u32)> {
    let (major, rest) = text.split_once('.')?;
    let minor = rest.split('.').next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Why no file of the workspace can add flags to those in force.
fn out_of_reach(project: &Project, request: &Request) -> Option<Objection> {
    let flags = &project.effective.rustflags;
    let origins: Vec<String> = flags.origins.iter().map(ToString::to_string).collect();
    match flags.place {
        RustflagsPlace::EncodedVariable | RustflagsPlace::Variable => {
            let name = origins.first().cloned().unwrap_or_default();
            return Some((
                format!("the {name} is set, so cargo reads no rustflags from files"),
                origins,
                None,
            ));
        }
        _ => {}
    }
    if request.no_config {
        return Some((
            "rustflags can only stand in a config file, and --no-config excludes that".to_owned(),
            Vec::new(),
            None,
        ));
    }
    let (root, cwd) = (project.workspace.root(), project.context.directory());
    if !cwd.starts_with(root) {
        return Some((
            "cargo looks for config files from the current directory, which lies outside the workspace".to_owned(),
            vec![cwd.display().to_string(), root.display().to_string()],
            None,
        ));
    }
    let string_elsewhere = in_force(project).find(|s| {
        matches!(s.value, Value::String(_))
            && s.origin.kind == OriginKind::Config
            && !inside(project, s)
    });
    string_elsewhere.map(|s| {
        (
            format!("the flags in force are a string in `{}`, which cargo does not join with other lists", s.origin),
            vec![s.origin.to_string()],
            None,
        )
    })
}

/// The rustflags rows in force.
fn in_force(project: &Project) -> impl Iterator<Item = &Setting> {
    project
        .effective
        .settings
        .iter()
        .filter(|s| s.key == "rustflags" && s.in_force())
}

fn inside(project: &Project, setting: &Setting) -> bool {
    let path = setting.origin.path.as_deref().map(Path::new);
    path.is_some_and(|p| p.starts_with(project.workspace.root()))
}

/// The file and key where another flag counts.
fn place(project: &Project) -> (PathBuf, Vec<String>) {
    let triple = &project.effective.triple;
    let own = in_force(project)
        .filter(|s| s.origin.kind == OriginKind::Config && inside(project, s))
        .max_by_key(|s| s.table == format!("target.{triple}"));
    if let Some(setting) = own {
        let file = PathBuf::from(setting.origin.path.clone().unwrap_or_default());
        let mut path = vec![setting.table.clone()];
        if let Some(name) = setting.table.strip_prefix("target.") {
            let plain = toml_edit::Key::parse(name)
                .ok()
                .and_then(|keys| keys.first().map(|k| k.get().to_owned()));
            path = vec![
                "target".to_owned(),
                plain.unwrap_or_else(|| name.to_owned()),
            ];
        }
        path.push("rustflags".to_owned());
        return (file, path);
    }
    let directory = project.workspace.root().join(".cargo");
    let legacy = directory.join("config");
    let file = if legacy.is_file() {
        legacy
    } else {
        directory.join("config.toml")
    };
    let path = match project.effective.rustflags.place {
        RustflagsPlace::Build => vec!["build".to_owned(), "rustflags".to_owned()],
        _ => vec!["target".to_owned(), triple.clone(), "rustflags".to_owned()],
    };
    (file, path)
}

/// The list that stands at that place now.
fn current_at(project: &Project, file: &Path, path: &[String]) -> Vec<String> {
    let found = in_force(project).find(|s| {
        let same_file = s.origin.path.as_deref().map(Path::new) == Some(file);
        let table = path
            .split_last()
            .map(|(_, t)| t.join("."))
            .unwrap_or_default();
        same_file && s.table.replace(['\'', '"'], "") == table.replace(['\'', '"'], "")
    });
    found.map(|s| s.value.flags()).unwrap_or_default()
}

/// Flags reach further than one might think.
fn note_reach(project: &Project, plan: &mut Plan) {
    let flags = plan.changes.iter().any(|c| c.key() == "rustflags");
    if flags && !project.effective.cross {
        plan.notices.push(Notice {
            code: "flags-reach-build-scripts",
            message: "without --triple, rustflags also apply to build scripts and proc-macros"
                .to_owned(),
            help: None,
        });
    }
    if flags {
        plan.notices.push(Notice {
            code: "config-is-local",
            message: "`cargo install` from a registry ignores the workspace's config file; manifest keys travel with the package".to_owned(),
            help: None,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::parse_version;

    #[test]
    fn glibc_versions_compare_as_numbers() {
        assert_eq!(parse_version("2.36"), Some((2, 36)));
        assert!(parse_version("2.9").unwrap() < parse_version("2.36").unwrap());
        assert_eq!(parse_version("x"), None);
    }
}
