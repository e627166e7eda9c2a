//! Codegen options inside rustflags.
//!
//! Cargo puts rustflags after the options that it makes from the profile, and rustc lets the last
//! one win: `-Copt-level=1` in rustflags silently defeats `opt-level = "z"` in a profile.

use super::{Effective, Origin, Rustflags, Setting, Value, canonical, refusal};

/// One `-C name=value`, or what `-O` and `-g` stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodegenOption {
    /// The name: `opt-level`.
    pub name: String,
    /// What follows the `=`.
    pub value: Option<String>,
    /// How it was written.
    pub text: String,
}

/// The codegen options in a list of rustc arguments, in order; both `-Cx=y` and `-C x=y`.
pub fn codegen_options(flags: &[String]) -> Vec<CodegenOption> {
    let mut options = Vec::new();
    let mut flags = flags.iter();
    while let Some(flag) = flags.next() {
        let (body, text) = if flag == "-C" || flag == "--codegen" {
            let Some(body) = flags.next() else { break };
            (body.as_str(), format!("{flag} {body}"))
        } else if let Some(body) = flag
            .strip_prefix("--codegen=")
            .or_else(|| flag.strip_prefix("-C"))
        {
            (body, flag.clone())
        } else if flag == "-O" {
            ("opt-level=3", flag.clone())
        } else if flag == "-g" {
            ("debuginfo=2", flag.clone())
        } else {
            continue;
        };
        let (name, value) = match body.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (body, None),
        };
        options.push(CodegenOption {
            name: name.replace('_', "-"),
            value,
            text,
        });
    }
    options
}

/// The profile key that a codegen option defeats.
fn profile_key(option: &str) -> Option<&str> {
    match option {
        "debuginfo" => Some("debug"),
        "opt-level" | "lto" | "codegen-units" | "panic" | "strip" | "overflow-checks"
        | "debug-assertions" | "split-debuginfo" | "rpath" => Some(option),
        _ => None,
    }
}

/// Marks the profile's keys that a flag defeats: one of the profile's own (a nightly feature), or
/// one of the rustflags, which come last. Rustflags reach every crate, so they defeat what a
/// package has of its own, too; those of the host only where no target is named (`cross`).
pub(super) fn void_by_rustflags(
    settings: &mut [Setting],
    profile: &str,
    cross: bool,
    flags: &Rustflags,
) {
    let table = format!("profile.{profile}");
    let own = settings
        .iter()
        .find(|s| s.table == table && s.key == "rustflags");
    let own = own.map(|s| {
        (
            s.value.flags(),
            format!("profile's rustflags ({})", s.origin),
        )
    });
    let is_own = |s: &Setting| s.table == table;
    if let Some((flags, source)) = own {
        void_by(settings, &is_own, &flags, &source);
    }
    let origins: Vec<String> = flags.origins.iter().map(ToString::to_string).collect();
    let source = format!("rustflags ({})", origins.join(", "));
    void_by(settings, &is_own, &flags.flags, &source);
    // What an override has void already, such as a package that does not exist, stays so.
    let is_override = |s: &Setting| {
        let reaches = is_of_package(&s.table) || (!cross && s.table.ends_with(".build-override"));
        reaches && s.void.is_none()
    };
    void_by(settings, &is_override, &flags.flags, &source);
}

/// Whether a table is `profile.NAME.package.SPEC`.
fn is_of_package(table: &str) -> bool {
    let keys = toml_edit::Key::parse(table).unwrap_or_default();
    matches!(keys.as_slice(), [first, _, third, _] if first.get() == "profile" && third.get() == "package")
}

/// Of the settings that `concerns` takes, marks those that one of the flags defeats.
fn void_by(
    settings: &mut [Setting],
    concerns: &dyn Fn(&Setting) -> bool,
    flags: &[String],
    source: &str,
) {
    // Judged before the first flag: a later flag may put an earlier one's verdict right.
    let concerned: Vec<bool> = settings.iter().map(concerns).collect();
    for option in codegen_options(flags) {
        let Some(key) = profile_key(&option.name) else {
            continue;
        };
        let value = value_of(key, &option);
        let in_force = settings
            .iter_mut()
            .zip(&concerned)
            .filter(|(s, concerned)| {
                let is_meant = **concerned && s.key == key && s.shadowed_by.is_none();
                // A value with which nothing builds is not put right by a flag.
                is_meant && refusal(key, &s.value).is_none()
            });
        for (setting, _) in in_force {
            let (own, flag) = (canonical(key, &setting.value), canonical(key, &value));
            let text = &option.text;
            setting.void = if needs_bitcode(key, &own, &flag) {
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
}

/// The value of a profile key that an option stands for.
fn value_of(key: &str, option: &CodegenOption) -> Value {
    match option.value.as_deref() {
        None | Some("yes" | "y" | "on") => Value::Bool(true),
        Some("no" | "n") if key != "lto" => Value::Bool(false),
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
    let is_source = |s: &&Setting| s.key == "rustflags" && s.in_force();
    let rows = effective.settings.iter().filter(is_source);
    let (own, others): (Vec<_>, Vec<_>) = rows
        .filter(|s| s.table == table || !s.table.starts_with("profile."))
        .partition(|s| s.table == table);
    let parts = own.into_iter().chain(others);
    let mut found = parts.flat_map(|part| {
        let flags = match &part.value {
            // Only the encoded variable has this between its flags.
            Value::String(text) if text.contains('\u{1f}') => {
                text.split('\u{1f}').map(str::to_owned).collect()
            }
            value => value.flags(),
        };
        let options = codegen_options(&flags);
        options.into_iter().map(|option| (option, &part.origin))
    });
    let (option, origin) = found.rfind(|(option, _)| profile_key(&option.name) == Some(key))?;
    Some(Flagged {
        value: value_of(key, &option),
        text: option.text,
        origin: origin.clone(),
    })
}

/// Whether a flag asks for LTO of crates that cargo has compiled without what LTO needs. `own` and
/// `flag` are the canonical values of `key` in the profile and in the flag.
fn needs_bitcode(key: &str, own: &str, flag: &str) -> bool {
    let joins_crates = |value: &str| matches!(value, "fat" | "thin");
    key == "lto" && joins_crates(flag) && !joins_crates(own)
}

/// Whether the rustflags ask for LTO and the profile's `lto`, which is `value`, does not: then no
/// build works.
pub fn lto_needs_the_profile(flags: &[String], value: &Value) -> bool {
    let options = codegen_options(flags);
    let last = options
        .into_iter()
        .rev()
        .find(|option| option.name == "lto");
    let flag = last.map(|option| match option.value.as_deref() {
        None => Value::Bool(true),
        Some(value) => Value::from_variable(value),
    });
    flag.is_some_and(|flag| {
        needs_bitcode("lto", &canonical("lto", value), &canonical("lto", &flag))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_are_read() {
        let flags: Vec<String> = [
            "-Copt-level=1",
            "-C",
            "lto=thin",
            "--cfg",
            "x",
            "-O",
            "--codegen=panic=abort",
            "-C",
        ]
        .map(str::to_owned)
        .to_vec();
        let found: Vec<(String, Option<String>)> = codegen_options(&flags)
            .into_iter()
            .map(|o| (o.name, o.value))
            .collect();
        let expected = [
            ("opt-level", "1"),
            ("lto", "thin"),
            ("opt-level", "3"),
            ("panic", "abort"),
        ]
        .map(|(n, v)| (n.to_owned(), Some(v.to_owned())));
        assert_eq!(found, expected);
    }
}
