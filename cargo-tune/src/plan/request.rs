//! What the user asks a plan for.

use std::str::FromStr;

use super::glibc::Glibc;
use super::goal::Goal;
use crate::knob::{Flag, FlagSetting, Offer, Topic};

/// What the user asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The goal.
    pub goal: Goal,
    /// Named risks that the user accepts.
    pub allow: Vec<Allow>,
    /// Change the manifest only.
    pub no_config: bool,
    /// Include what only a nightly toolchain has.
    pub nightly: bool,
    /// The oldest glibc that the program must start with, if the user said so.
    pub glibc: Option<Glibc>,
}

impl Request {
    /// Whether `panic = "abort"` is to be written in spite of evidence against it.
    pub fn allows_abort(&self) -> bool {
        self.allow.contains(&Allow::Abort)
    }

    /// The flags that are accepted by name.
    pub fn flags(&self) -> impl Iterator<Item = &FlagSetting> {
        self.allow.iter().filter_map(|allow| match allow {
            Allow::Flag(setting) => Some(setting),
            Allow::Abort => None,
        })
    }
}

/// A risk that the user accepts by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allow {
    /// A flag.
    Flag(FlagSetting),
    /// `panic = "abort"` although code relies on unwinding.
    Abort,
}

impl Allow {
    /// What `--allow` takes: `relr`, `target-cpu=CPU`.
    pub fn names() -> Vec<String> {
        let flags = Self::flags().map(|flag| match flag.argument() {
            Some(argument) => format!("{}={argument}", flag.name()),
            None => flag.name().to_owned(),
        });
        flags.chain([Topic::Abort.name().to_owned()]).collect()
    }

    fn flags() -> impl Iterator<Item = Flag> {
        let all = Flag::ALL.iter().copied();
        all.filter(|flag| flag.about().offer == Offer::Allow)
    }
}

impl FromStr for Allow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == Topic::Abort.name() {
            return Ok(Self::Abort);
        }
        let (name, argument) = match text.split_once('=') {
            Some((name, argument)) => (name, Some(argument)),
            None => (text, None),
        };
        let fits = |flag: &Flag| match (flag.argument(), argument) {
            (None, None) => true,
            // The flag is written into a list of flags, where a space would end it.
            (Some(_), Some(given)) => !given.is_empty() && !given.contains(char::is_whitespace),
            _ => false,
        };
        let flag = Self::flags().find(|flag| flag.name() == name && fits(flag));
        let setting = flag.map(|flag| FlagSetting::new(flag, argument.unwrap_or_default()));
        setting.map(Self::Flag).ok_or_else(|| {
            let names = Self::names();
            let (last, others) = names.split_last().map_or(("", &[][..]), |(l, o)| (l, o));
            format!(
                "`{text}` is not a knob with a named risk; these are {} and {last}",
                others.join(", ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_accepted_and_an_argument_only_where_one_belongs() {
        for name in Allow::names() {
            assert!(name.parse::<Allow>().is_ok(), "{name}");
        }
        assert_eq!(
            "target-cpu=x86-64-v3".parse::<Allow>(),
            Ok(Allow::Flag(FlagSetting::new(Flag::TargetCpu, "x86-64-v3")))
        );
        for text in [
            "",
            "target-cpu",
            "target-cpu=",
            "target-cpu=a b",
            "relr=1",
            "location-detail",
            "lto",
        ] {
            let error = text.parse::<Allow>().unwrap_err();
            assert!(
                error.ends_with("these are relr, icf, static-relocation, target-cpu=CPU and abort"),
                "{error}"
            );
        }
    }
}
