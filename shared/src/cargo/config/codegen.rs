//! Codegen options inside rustflags.
//!
//! Cargo puts rustflags after the options that it makes from the profile, and rustc lets the last
//! one win: `-Copt-level=1` in rustflags silently defeats `opt-level = "z"` in a profile.

use std::collections::BTreeMap;

use super::argfile;
use super::linker;
use super::options::{CodegenOption, codegen_options, last_switch, profile_key};
use super::{Effective, Origin, Rustflags, Setting, Value, canonical, refusal};

/// Marks the profile's keys that one of the profile's own flags defeats, or one of an override's (a
/// nightly feature): these take the place of the profile's, for their package alone.
pub(super) fn void_by_own_flags(settings: &mut [Setting], profile: &str, triple: &str) {
    let table = format!("profile.{profile}");
    let build = format!("{table}.build-override");
    let own = of_profile(settings, &table);
    let with_flags: BTreeMap<String, Flags> = settings
        .iter()
        .filter(|s| s.key == "rustflags" && (is_of_package(&s.table) || s.table == build))
        .map(|s| (s.table.clone(), of_profile(settings, &s.table)))
        .collect();
    if !own.flags.is_empty() {
        void_by(settings, &|s| s.table == table, &own, triple);
        let follows = |s: &Setting| {
            let is_override = is_of_package(&s.table) || s.table == build;
            is_override && s.void.is_none() && !with_flags.contains_key(&s.table)
        };
        void_by(settings, &follows, &own, triple);
    }
    for (table, flags) in &with_flags {
        let is_meant = |s: &Setting| s.table == *table && s.void.is_none();
        void_by(settings, &is_meant, flags, triple);
    }
}

/// Marks the profile's keys that one of the rustflags defeats, which come last. They reach every
/// crate, so they defeat what a package has of its own, too; those of the host only where no target
/// is named (`cross`).
pub(super) fn void_by_rustflags(
    settings: &mut [Setting],
    profile: &str,
    cross: bool,
    triple: &str,
    flags: &Rustflags,
) {
    let table = format!("profile.{profile}");
    let origins: Vec<String> = flags.origins.iter().map(ToString::to_string).collect();
    let last = Flags {
        flags: flags.flags.clone(),
        source: format!("rustflags ({})", origins.join(", ")),
    };
    void_by(settings, &|s| s.table == table, &last, triple);
    // What an override has void already, such as a package that does not exist, stays so.
    let is_override = |s: &Setting| {
        let reaches = is_of_package(&s.table) || (!cross && s.table.ends_with(".build-override"));
        reaches && s.void.is_none()
    };
    void_by(settings, &is_override, &last, triple);
}

/// Flags, and how their place is called in a sentence.
struct Flags {
    flags: Vec<String>,
    source: String,
}

/// The flags that a profile's table or an override's has.
fn of_profile(settings: &[Setting], table: &str) -> Flags {
    let rows = settings.iter().filter(|s| {
        let is_meant = s.table == table && s.key == "rustflags";
        is_meant && s.shadowed_by.is_none()
    });
    let mut flags = Vec::new();
    let mut origins = Vec::new();
    for row in rows {
        flags.extend(row.value.flags());
        origins.push(row.origin.to_string());
    }
    let what = if is_of_package(table) || table.ends_with(".build-override") {
        "override's"
    } else {
        "profile's"
    };
    let source = format!("{what} rustflags ({})", origins.join(", "));
    Flags { flags, source }
}

/// Whether a table is `profile.NAME.package.SPEC`.
pub(super) fn is_of_package(table: &str) -> bool {
    let keys = toml_edit::Key::parse(table).unwrap_or_default();
    matches!(keys.as_slice(), [first, _, third, _] if first.get() == "profile" && third.get() == "package")
}

/// Of the settings that `concerns` takes, marks those that one of the flags defeats.
fn void_by(
    settings: &mut [Setting],
    concerns: &dyn Fn(&Setting) -> bool,
    Flags { flags, source }: &Flags,
    triple: &str,
) {
    // Judged before the first flag: a later flag may put an earlier one's verdict right.
    let concerned: Vec<bool> = settings.iter().map(concerns).collect();
    let mut in_force = settings
        .iter_mut()
        .zip(&concerned)
        // A value with which nothing builds is not put right by a flag.
        .filter(|(s, concerned)| {
            **concerned && s.shadowed_by.is_none() && refusal(&s.key, &s.value).is_none()
        })
        .map(|(setting, _)| setting)
        .collect::<Vec<_>>();
    for option in codegen_options(flags) {
        let Some(key) = profile_key(&option.name) else {
            continue;
        };
        let value = value_of(key, &option);
        for setting in in_force.iter_mut().filter(|s| s.key == key) {
            let (own, flag) = (canonical(key, &setting.value), canonical(key, &value));
            let text = &option.text;
            setting.void = if needs_bitcode(key, &own, &flag, flags) {
                Some(format!(
                    "`{text}` in the {source} needs LTO in the profile, too: without it cargo \
                     passes `-C embed-bitcode=no`, and rustc refuses the two together"
                ))
            } else if own != flag {
                Some(format!(
                    "`{text}` in the {source} comes after the profile's options, and rustc takes \
                     the last"
                ))
            } else {
                None
            };
        }
    }
    for setting in in_force.into_iter().filter(|s| s.key == "strip") {
        let own = canonical("strip", &setting.value);
        let Some(stripped) = linker::strip(&codegen_options(flags), triple, &own) else {
            continue;
        };
        setting.void = (own != stripped.value).then(|| {
            format!(
                "`{}` in the {source} comes after the profile's option, and the linker takes the \
                 last",
                stripped.text
            )
        });
    }
}

/// Keys whose options take `off`, too.
const IS_BOOLEAN: &[&str] = &["overflow-checks", "debug-assertions", "rpath"];

/// The value of a profile key that an option stands for.
fn value_of(key: &str, option: &CodegenOption) -> Value {
    match option.value.as_deref() {
        None | Some("yes" | "y" | "on") => Value::Bool(true),
        Some("no" | "n") if key != "lto" => Value::Bool(false),
        Some("off") if IS_BOOLEAN.contains(&key) => Value::Bool(false),
        Some(other) => Value::from_variable(other),
    }
}

/// A flag that gives a value to a key, whatever the profile says.
#[derive(Debug, Clone, PartialEq)]
pub struct Flagged {
    /// The value.
    pub value: Value,
    /// The flag as it is written: `-Copt-level=3`.
    pub text: String,
    /// The variable or the file that it is written in.
    pub origin: Origin,
}

/// The flag that decides a profile key: the last of those in force. Rustflags come after the
/// profile's own (a nightly feature).
pub fn flagged(effective: &Effective, key: &str) -> Option<Flagged> {
    let table = format!("profile.{}", effective.profile);
    let options = options_in_force(effective, &table);
    if key == "strip" {
        let own = effective.get(key).map(|s| canonical(key, &s.value));
        let parsed = options.iter().map(|(option, _)| option);
        let found = linker::strip(parsed, &effective.triple, &own.unwrap_or_default());
        if let Some(found) = found {
            let at = options.iter().rfind(|(o, _)| found.text == o.text)?;
            return Some(Flagged {
                value: Value::String(found.value.to_owned()),
                text: found.text,
                origin: at.1.clone(),
            });
        }
    }
    let mut options = options.into_iter();
    let (option, origin) = options.rfind(|(option, _)| profile_key(&option.name) == Some(key))?;
    Some(Flagged {
        value: value_of(key, &option),
        text: option.text,
        origin: origin.clone(),
    })
}

/// The codegen options that reach a crate for which `table` has the profile's own flags, in order
/// and with the place of each.
pub(super) fn options_in_force<'a>(
    effective: &'a Effective,
    table: &str,
) -> Vec<(CodegenOption, &'a Origin)> {
    let is_source = |s: &&Setting| s.key == "rustflags" && s.in_force();
    let rows = effective.settings.iter().filter(is_source);
    let (own, others): (Vec<_>, Vec<_>) = rows
        .filter(|s| s.table == table || !s.table.starts_with("profile."))
        .partition(|s| s.table == table);
    let parts = own.into_iter().chain(others);
    let options = parts.flat_map(|part| {
        let flags = match &part.value {
            // Only the encoded variable has this between its flags.
            Value::String(text) if text.contains('\u{1f}') => {
                text.split('\u{1f}').map(str::to_owned).collect()
            }
            value => value.flags(),
        };
        let flags = argfile::expanded(flags, &effective.root, &effective.triple);
        let options = codegen_options(&flags);
        options.into_iter().map(|option| (option, &part.origin))
    });
    options.collect()
}

/// Whether a flag asks for LTO of crates that cargo has compiled without what LTO needs. `own` and
/// `flag` are the canonical values of `key` in the profile and in the flag; of `flags`, the last
/// `-Cembed-bitcode` wins over the one that cargo passes.
fn needs_bitcode(key: &str, own: &str, flag: &str, flags: &[String]) -> bool {
    let joins_crates = |value: &str| matches!(value, "fat" | "thin");
    let is_asked_for = key == "lto" && joins_crates(flag) && !joins_crates(own);
    is_asked_for && last_switch(codegen_options(flags).iter(), "embed-bitcode").is_none_or(|o| !o.0)
}

/// Whether the rustflags ask for LTO and the profile's `lto`, which is `value`, does not: then no
/// build works.
pub fn lto_needs_the_profile(flags: &[String], value: &Value) -> bool {
    let options = codegen_options(flags);
    let last = options
        .into_iter()
        .rev()
        .find(|option| option.name == "lto");
    last.is_some_and(|option| {
        let flag = canonical("lto", &value_of("lto", &option));
        needs_bitcode("lto", &canonical("lto", value), &flag, flags)
    })
}
