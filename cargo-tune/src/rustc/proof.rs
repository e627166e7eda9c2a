//! Whether the arguments of a compilation show the value of a knob.
//!
//! From the options that cargo passes to rustc for each key ("Profiles" in the cargo reference,
//! "Codegen Options" in the rustc book). Where cargo passes none, rustc's default is meant.

use codecost::cargo::config::Value;

use super::arguments::Unit;
use crate::knob::{Key, Knob};

/// Why `unit` does not show that the knob has the value `expected`; `None` if it does.
pub fn mismatch(knob: Knob, expected: &Value, unit: &Unit) -> Option<String> {
    match knob {
        Knob::Key(key) => key_mismatch(key, expected, unit),
        Knob::Flag(_) => {
            let flags = match expected {
                // A flag as it is written in an array: a space in it does not end it.
                Value::String(flag) => vec![flag.clone()],
                other => other.flags(),
            };
            let missing = flags.into_iter().find(|flag| !unit.has(flag))?;
            Some(format!("rustc did not get `{missing}`"))
        }
        Knob::Topic(topic) => Some(format!("`{}` cannot be proven", topic.name())),
    }
}

fn key_mismatch(key: Key, expected: &Value, unit: &Unit) -> Option<String> {
    let wanted = key.canonical(expected);
    let shown = shown(key, unit)?;
    if shown == wanted {
        return None;
    }
    let option = option(key);
    Some(match unit.codegen(option) {
        Some(value) => format!("rustc got `-C {option}={value}`, not {wanted}"),
        None => format!("rustc got no `-C {option}`, and {wanted} was expected"),
    })
}

/// The option of rustc that cargo sets for a key.
fn option(key: Key) -> &'static str {
    match key {
        Key::Debug => "debuginfo",
        Key::OptLevel
        | Key::Lto
        | Key::CodegenUnits
        | Key::Panic
        | Key::Strip
        | Key::OverflowChecks
        | Key::SplitDebuginfo
        | Key::Incremental => key.name(),
    }
}

/// The value of the key that the arguments show, in its canonical spelling; `None` where the
/// arguments show nothing of it.
fn shown(key: Key, unit: &Unit) -> Option<String> {
    let got = unit.codegen(option(key));
    let or = |default: &str| got.clone().unwrap_or_else(|| default.to_owned());
    Some(match key {
        Key::OptLevel => or("0"),
        Key::CodegenUnits => {
            let incremental = unit.codegen(option(Key::Incremental)).is_some();
            or(if incremental { "256" } else { "16" })
        }
        Key::Panic => or("unwind"),
        Key::Strip => or("none"),
        Key::Lto => match got.as_deref() {
            None => "thin-local",
            Some("" | "fat" | "yes" | "y" | "on" | "true") => "fat",
            Some("no" | "n" | "off" | "false") => "off",
            Some(other) => other,
        }
        .to_owned(),
        Key::Debug => {
            let level = or("0");
            let value = level
                .parse()
                .map_or_else(|_| Value::String(level), Value::Integer);
            key.canonical(&value)
        }
        Key::Incremental => got.is_some().to_string(),
        Key::OverflowChecks => match got?.as_str() {
            "on" | "yes" | "y" | "true" | "" => "true",
            _ => "false",
        }
        .to_owned(),
        // The default differs by platform, and cargo passes none.
        Key::SplitDebuginfo => got?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knob::Flag;
    use std::path::PathBuf;

    fn unit(args: &[&str]) -> Unit {
        Unit {
            package: "a".into(),
            root: PathBuf::new(),
            primary: true,
            args: args.iter().map(|a| (*a).to_owned()).collect(),
        }
    }

    fn mismatch(key: Key, value: &Value, unit: &Unit) -> Option<String> {
        super::mismatch(Knob::Key(key), value, unit)
    }

    #[test]
    fn arguments_prove_values_and_later_ones_disprove_them() {
        let z = Value::String("z".into());
        assert_eq!(
            mismatch(Key::OptLevel, &z, &unit(&["-C", "opt-level=z"])),
            None
        );
        let beaten = unit(&["-C", "opt-level=z", "-Copt-level=1"]);
        assert!(
            mismatch(Key::OptLevel, &z, &beaten)
                .unwrap()
                .contains("opt-level=1")
        );
        assert!(mismatch(Key::OptLevel, &z, &unit(&[])).is_some());
        let fat = Value::Bool(true);
        assert_eq!(mismatch(Key::Lto, &fat, &unit(&["-C", "lto"])), None);
        assert!(mismatch(Key::Lto, &fat, &unit(&["-C", "lto=thin"])).is_some());
        assert!(mismatch(Key::Lto, &fat, &unit(&[])).is_some());
        let abort = Value::String("abort".into());
        assert!(mismatch(Key::Panic, &abort, &unit(&[])).is_some());
        let flag = Value::List(vec!["-Clink-arg=-x".into()]);
        let relr = |unit: &Unit| super::mismatch(Knob::Flag(Flag::Relr), &flag, unit);
        assert_eq!(relr(&unit(&["-C", "link-arg=-x"])), None);
        assert!(relr(&unit(&["-Clink-arg=-y"])).is_some());
    }
}
