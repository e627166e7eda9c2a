//! The rustflags in force for a build, and with additions at their end.
//!
//! Cargo takes its flags from exactly one of four sources: `CARGO_ENCODED_RUSTFLAGS`, `RUSTFLAGS`
//! (also when it is set and empty), all matching `target.*.rustflags` joined, `build.rustflags`
//! ("build.rustflags" in the cargo reference). Additions written to any one of them would void the
//! others, so the whole list in force goes, extended, into `CARGO_ENCODED_RUSTFLAGS`, which wins
//! over all and keeps spaces inside a flag.
//!
//! Limit: one target per build. With `--target`, cargo gives build scripts and proc-macros no
//! flags at all; that stays so.

use super::{context::Context, lookup::Lookup, toolchain::Toolchain};
use crate::error::Result;
use cargo_metadata::cargo_platform::{Cfg, CfgExpr};

/// Where the flags in force come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RustflagsSource {
    /// The environment variable `CARGO_ENCODED_RUSTFLAGS`.
    EncodedVariable,
    /// The environment variable `RUSTFLAGS`.
    Variable,
    /// `target.<triple>` and `target.<cfg>` in the configuration.
    Target,
    /// `build.rustflags` in the configuration.
    Build,
    /// No source sets any.
    None,
}

/// The flags in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rustflags {
    /// One argument each.
    pub flags: Vec<String>,
    /// Where they come from.
    pub source: RustflagsSource,
}

impl Rustflags {
    /// The value of a codegen option (`-C name=value` in any spelling) that wins: the last.
    pub fn codegen(&self, name: &str) -> Option<&str> {
        let mut found = None;
        let mut flags = self.flags.iter();
        while let Some(flag) = flags.next() {
            let option = match flag.as_str() {
                "-C" | "--codegen" => flags.next().map(String::as_str),
                flag => flag
                    .strip_prefix("-C")
                    .or_else(|| flag.strip_prefix("--codegen=")),
            };
            let Some(option) = option else { continue };
            let (key, value) = option.trim_start().split_once('=').unwrap_or((option, ""));
            if key.replace('_', "-") == name {
                found = Some(value);
            }
        }
        found
    }

    /// `--remap-path-prefix FROM=TO`, in order.
    pub fn remapped_prefixes(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut flags = self.flags.iter();
        while let Some(flag) = flags.next() {
            let pair = match flag.as_str() {
                "--remap-path-prefix" => flags.next().map(String::as_str),
                flag => flag.strip_prefix("--remap-path-prefix="),
            };
            if let Some((from, to)) = pair.and_then(|pair| pair.rsplit_once('=')) {
                found.push((from.to_owned(), to.to_owned()));
            }
        }
        found
    }

    /// These flags without the linker arguments that remove symbols or debug information, and what
    /// was left out: no later argument takes such a one back.
    pub(super) fn without_link_strip(&self) -> (Self, Vec<String>) {
        let mut kept: Vec<String> = Vec::new();
        let mut left_out = Vec::new();
        let mut flags = self.flags.iter();
        while let Some(flag) = flags.next() {
            let (prefix, option) = match flag.as_str() {
                "-C" | "--codegen" => (None, flags.next().map_or("", String::as_str)),
                joined => match joined.strip_prefix("-C") {
                    Some(option) => (Some("-C"), option),
                    None => match joined.strip_prefix("--codegen=") {
                        Some(option) => (Some("--codegen="), option),
                        None => {
                            kept.push(flag.clone());
                            continue;
                        }
                    },
                },
            };
            let name = option.split('=').next().unwrap_or_default();
            let is_of_linker = matches!(name.replace('_', "-").as_str(), "link-arg" | "link-args");
            let own = match option.split_once('=') {
                Some((name, value)) if is_of_linker => {
                    let rest = without_strip(value, &mut left_out);
                    // What the driver hands on is two arguments; the first alone would take the next.
                    let is_second = kept.last().is_some_and(|last| last.ends_with("=-Xlinker"));
                    if rest.is_empty() {
                        if is_second {
                            kept.pop();
                            if kept
                                .last()
                                .is_some_and(|last| matches!(last.as_str(), "-C" | "--codegen"))
                            {
                                kept.pop();
                            }
                        }
                        continue;
                    }
                    format!("{name}={rest}")
                }
                _ => option.to_owned(),
            };
            match prefix {
                Some(prefix) => kept.push(format!("{prefix}{own}")),
                None => kept.extend([flag.clone(), own]),
            }
        }
        let flags = Self {
            flags: kept,
            source: self.source,
        };
        (flags, left_out)
    }

    /// The value of `CARGO_ENCODED_RUSTFLAGS` for these flags with `additions` behind them.
    pub(super) fn encoded_with(&self, additions: &[String]) -> String {
        let all: Vec<&str> = self
            .flags
            .iter()
            .chain(additions)
            .map(String::as_str)
            .collect();
        all.join("\u{1f}")
    }

    /// The flags in force for code built for `triple`.
    pub(super) fn find(
        context: &Context,
        lookup: &Lookup,
        toolchain: &Toolchain,
        triple: &str,
    ) -> Result<Self> {
        if let Some(encoded) = context.var("CARGO_ENCODED_RUSTFLAGS") {
            let flags = match encoded.as_str() {
                "" => Vec::new(),
                encoded => encoded.split('\u{1f}').map(str::to_owned).collect(),
            };
            return Ok(Self {
                flags,
                source: RustflagsSource::EncodedVariable,
            });
        }
        if let Some(flags) = context.var("RUSTFLAGS") {
            let flags = flags
                .split(' ')
                .map(str::trim)
                .filter(|flag| !flag.is_empty());
            return Ok(Self {
                flags: flags.map(str::to_owned).collect(),
                source: RustflagsSource::Variable,
            });
        }
        let conditional = lookup.cfg_rustflags();
        let from_config = |cfg: &[Cfg]| from_config(context, lookup, &conditional, triple, cfg);
        let mut found = from_config(&[]);
        if conditional.is_empty() {
            return Ok(found);
        }
        // Flags decide the target's cfg values and these decide flags: cargo goes round twice.
        for _ in 0..2 {
            let cfg = toolchain.cfg(context, triple, &found.flags)?;
            let next = from_config(&cfg);
            if next == found {
                break;
            }
            found = next;
        }
        Ok(found)
    }
}

/// Linker arguments, separated by spaces, without those that remove symbols.
fn without_strip(arguments: &str, left_out: &mut Vec<String>) -> String {
    let strips = |argument: &str| {
        matches!(
            argument,
            "-s" | "-S"
                | "-x"
                | "--strip-all"
                | "--strip-debug"
                | "--discard-all"
                | "-strip-all"
                | "-strip-debug"
        )
    };
    let before = left_out.len();
    let mut kept: Vec<String> = Vec::new();
    for argument in arguments.split_whitespace() {
        let Some(list) = argument.strip_prefix("-Wl,") else {
            match strips(argument) {
                true => left_out.push(argument.to_owned()),
                false => kept.push(argument.to_owned()),
            }
            continue;
        };
        let (out, rest): (Vec<&str>, Vec<&str>) = list.split(',').partition(|word| strips(word));
        left_out.extend(out.into_iter().map(|word| format!("-Wl,{word}")));
        if !rest.is_empty() {
            kept.push(format!("-Wl,{}", rest.join(",")));
        }
    }
    // A path with a space in it stays one argument.
    match left_out.len() == before {
        true => arguments.to_owned(),
        false => kept.join(" "),
    }
}

fn from_config(
    context: &Context,
    lookup: &Lookup,
    conditional: &[(String, Vec<String>)],
    triple: &str,
    cfg: &[Cfg],
) -> Rustflags {
    // A custom target is named by its file, `dir/name.json`, and configured as `name`.
    let name = match triple.strip_suffix(".json") {
        Some(path) => path.rsplit(['/', '\\']).next().unwrap_or(path),
        None => triple,
    };
    let mut flags = lookup.list(context, &format!("target.{name}.rustflags"));
    for (expression, more) in conditional {
        if !cfg.is_empty() && CfgExpr::matches_key(expression, cfg) {
            flags.extend(more.iter().cloned());
        }
    }
    if !flags.is_empty() {
        return Rustflags {
            flags,
            source: RustflagsSource::Target,
        };
    }
    let flags = lookup.list(context, "build.rustflags");
    let source = if flags.is_empty() {
        RustflagsSource::None
    } else {
        RustflagsSource::Build
    };
    Rustflags { flags, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linker_arguments_that_strip_are_left_out() {
        let of = |flags: &[&str]| {
            let flags = Rustflags {
                flags: flags.iter().map(|&flag| flag.to_owned()).collect(),
                source: RustflagsSource::Variable,
            };
            let (kept, left_out) = flags.without_link_strip();
            (kept.flags, left_out)
        };
        let all: [&[&str]; 6] = [
            &["-Clink-arg=-s"],
            &["-C", "link-arg=-Wl,-s"],
            &["--codegen=link_args=-s -Wl,--strip-all"],
            &["-Clink-arg=-Wl,--strip-debug,-S"],
            &["-Clink-arg=-Xlinker", "-Clink-arg=-s"],
            &["-C", "link-arg=-Xlinker", "-C", "link-arg=--strip-all"],
        ];
        for flags in all {
            let (kept, left_out) = of(flags);
            assert!(
                kept.is_empty() && !left_out.is_empty(),
                "{flags:?}: {kept:?}"
            );
        }
        let (kept, left_out) = of(&[
            "--cfg",
            "s",
            "-Clink-arg=-Wl,-O1,-s,-z,now",
            "-C",
            "strip=none",
        ]);
        assert_eq!(
            kept,
            [
                "--cfg",
                "s",
                "-Clink-arg=-Wl,-O1,-z,now",
                "-C",
                "strip=none"
            ]
        );
        assert_eq!(left_out, ["-Wl,-s"]);
        let path = ["-Clink-arg=-L/a b", "-Clink-arg=-soname"];
        assert_eq!(of(&path), (path.map(str::to_owned).to_vec(), Vec::new()));
    }

    #[test]
    fn codegen_options_are_found_in_every_spelling_and_the_last_wins() {
        let rustflags = |flags: &[&str]| Rustflags {
            flags: flags.iter().map(|&flag| flag.to_owned()).collect(),
            source: RustflagsSource::Variable,
        };
        let mixed = rustflags(&["-C", "strip=symbols", "-Cstrip=none", "--cfg", "x"]);
        assert_eq!(mixed.codegen("strip"), Some("none"));
        let long = rustflags(&["--codegen", "symbol_mangling_version=v0"]);
        assert_eq!(long.codegen("symbol-mangling-version"), Some("v0"));
        assert_eq!(
            rustflags(&["--codegen=opt-level=1"]).codegen("opt-level"),
            Some("1")
        );
        assert_eq!(
            rustflags(&["--cfg", "a", "-Cstrip=debuginfo"]).codegen("strip"),
            Some("debuginfo")
        );
        assert_eq!(rustflags(&[]).codegen("strip"), None);
    }
}
