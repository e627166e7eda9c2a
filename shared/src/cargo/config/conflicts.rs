//! Flags beside which rustc refuses a value that a profile gives, so that no build works.
//!
//! As rustc 1.95 has it: a program or a shared library that prefers dynamic linking takes the
//! standard library's shared form, which unwinds; and LTO goes with neither dynamic linking nor
//! crates without bitcode. What the profile or a flag says in the end is what counts.

use super::codegen::{flagged, is_of_package, options_in_force};
use super::options::{CodegenOption, last_switch};
use super::{Effective, Inputs, Notice, Origin, Value, canonical, refusal};

/// A flag that goes with only some values of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The key of the profile.
    pub key: &'static str,
    /// The flag as it is written: `-Cprefer-dynamic`.
    pub text: String,
    /// Where it is written.
    pub origin: Origin,
}

impl Conflict {
    /// Whether rustc refuses this value of the key.
    fn refuses(&self, value: &Value) -> bool {
        let value = canonical(self.key, value);
        match self.key {
            "lto" => matches!(value.as_str(), "fat" | "thin"),
            _ => value != "unwind",
        }
    }
}

impl Effective {
    /// The flag in force beside which rustc refuses this value of the profile's key.
    pub fn conflict(&self, key: &str, value: &Value) -> Option<&Conflict> {
        let mut conflicts = self.conflicts.iter();
        conflicts.find(|conflict| conflict.key == key && conflict.refuses(value))
    }
}

/// The conflicts of the flags in force.
pub(super) fn find(inputs: &Inputs<'_>, effective: &Effective) -> Vec<Conflict> {
    let own = format!("profile.{}", effective.profile);
    let mut tables = vec![own];
    // The flags of an override for what is linked reach rustc when it links.
    let overrides = effective.settings.iter().filter(|s| {
        let spec = toml_edit::Key::parse(&s.table).unwrap_or_default();
        let member = spec.last().zip(inputs.nearest).and_then(|(spec, near)| {
            let member = near.member(spec.get())?;
            near.linked.contains(member).then_some(member)
        });
        s.key == "rustflags" && is_of_package(&s.table) && member.is_some()
    });
    tables.extend(overrides.map(|s| s.table.clone()));
    let mut conflicts: Vec<Conflict> = Vec::new();
    for table in tables {
        let options = options_in_force(effective, &table);
        let mut add = |key: &'static str, option: &CodegenOption| {
            let place = options.iter().rfind(|(o, _)| o == option);
            let conflict = place.map(|(option, origin)| Conflict {
                key,
                text: option.text.clone(),
                origin: (*origin).clone(),
            });
            conflicts.extend(conflict);
        };
        let parsed = || options.iter().map(|(option, _)| option);
        if let Some((true, option)) = last_switch(parsed(), "prefer-dynamic") {
            if !is_static(inputs, effective, parsed()) {
                add("panic", option);
            }
            if !has_dylib_lto(&effective.rustflags.flags) {
                add("lto", option);
            }
        }
        if let Some((false, option)) = last_switch(parsed(), "embed-bitcode") {
            add("lto", option);
        }
    }
    conflicts
}

/// Whether programs are linked with the static form of everything, whatever they prefer.
fn is_static<'a>(
    inputs: &Inputs<'_>,
    effective: &Effective,
    options: impl DoubleEndedIterator<Item = &'a CodegenOption>,
) -> bool {
    let features = options.filter(|option| option.name == "target-feature");
    let asked_for = features.rev().find_map(|option| {
        let mut features = option.value.as_deref()?.split(',').rev();
        features.find_map(|feature| match feature {
            "+crt-static" => Some(true),
            "-crt-static" => Some(false),
            _ => None,
        })
    });
    asked_for.unwrap_or_else(|| {
        let cfgs = (inputs.cfgs)(&effective.triple);
        cfgs.iter().any(|cfg| {
            matches!(cfg, cargo_platform::Cfg::KeyPair(key, value)
                if key.as_str() == "target_feature" && value == "crt-static")
        })
    })
}

/// `-Zdylib-lto` of a nightly compiler.
fn has_dylib_lto(flags: &[String]) -> bool {
    let is_meant = |flag: &str| flag.replace('_', "-").starts_with("dylib-lto");
    let mut pairs = flags.iter().zip(flags.iter().skip(1));
    flags
        .iter()
        .any(|f| f.strip_prefix("-Z").is_some_and(is_meant))
        || pairs.any(|(flag, value)| flag == "-Z" && is_meant(value))
}

/// Marks the profile's keys that no build works with.
pub(super) fn mark(effective: &mut Effective) {
    let table = format!("profile.{}", effective.profile);
    let mut marked: Vec<(usize, String, Conflict)> = Vec::new();
    for conflict in &effective.conflicts {
        let is_meant = |s: &super::Setting| {
            s.table == table && s.key == conflict.key && s.shadowed_by.is_none()
        };
        let Some(index) = effective.settings.iter().position(is_meant) else {
            continue;
        };
        let Some(setting) = effective.settings.get(index) else {
            continue;
        };
        if refusal(&setting.key, &setting.value).is_some() {
            continue;
        }
        let (value, what) = match flagged(effective, conflict.key) {
            Some(flag) => (flag.value, format!("`{}` ({})", flag.text, flag.origin)),
            None => (
                setting.value.clone(),
                format!(
                    "`{table}.{} = {}` ({})",
                    setting.key, setting.value, setting.origin
                ),
            ),
        };
        if conflict.refuses(&value) && !marked.iter().any(|(at, ..)| *at == index) {
            marked.push((index, what, conflict.clone()));
        }
    }
    for (index, what, Conflict { text, origin, .. }) in marked {
        let beside = format!("beside `{text}` ({origin}), so no build works");
        effective.notices.push(Notice {
            code: "conflicting-flags",
            message: format!("rustc refuses {what} {beside}"),
            help: Some("take one of the two out".to_owned()),
        });
        if let Some(setting) = effective.settings.get_mut(index) {
            setting.void = Some(format!("rustc refuses it {beside}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Conflict, has_dylib_lto, last_switch};
    use crate::cargo::config::{Origin, Value, codegen_options};

    #[test]
    fn the_last_spelling_of_a_switch_counts() {
        let is_on = |flags: &[&str]| {
            let flags: Vec<String> = flags.iter().map(|f| (*f).to_owned()).collect();
            last_switch(codegen_options(&flags).iter(), "prefer-dynamic").map(|found| found.0)
        };
        for flags in [
            &["-Cprefer-dynamic"][..],
            &["-C", "prefer_dynamic=yes"],
            &["--codegen", "prefer-dynamic=on"],
            &["-Cprefer-dynamic=no", "-Cprefer-dynamic=true"],
        ] {
            assert_eq!(is_on(flags), Some(true), "{flags:?}");
        }
        assert_eq!(
            is_on(&["-Cprefer-dynamic", "-Cprefer-dynamic=off"]),
            Some(false)
        );
        assert_eq!(is_on(&["-Clto"]), None);
        assert!(has_dylib_lto(&["-Z".to_owned(), "dylib-lto".to_owned()]));
    }

    #[test]
    fn only_lto_across_crates_and_aborting_are_refused() {
        let refuses = |key, value: Value| {
            let text = String::new();
            let origin = Origin::DEFAULT;
            Conflict { key, text, origin }.refuses(&value)
        };
        assert!(refuses("lto", Value::Bool(true)));
        assert!(!refuses("lto", Value::Bool(false)));
        assert!(refuses("panic", Value::String("abort".into())));
        assert!(!refuses("panic", Value::String("unwind".into())));
    }
}
