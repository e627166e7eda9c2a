//! Which toolchain a command gets that is typed in another directory.
//!
//! rustup's proxies choose a toolchain for the directory they start in and hand it down as
//! `RUSTUP_TOOLCHAIN`, and cargo names itself in `CARGO`: both would make a command in another
//! directory use the toolchain of the first one, whatever a `rust-toolchain.toml` there says. So
//! they are taken out of the environment again, unless the user chose the toolchain himself.
//!
//! Whether he did, rustup says in `RUSTUP_TOOLCHAIN_SOURCE` (since 1.29; "Overrides" and
//! "Environment variables" in the rustup book): `cli` is `cargo +NAME`, `env` a `RUSTUP_TOOLCHAIN`
//! of his own, `path-override` his `rustup override set`; `toolchain-file` and `default` follow
//! from the directory. Older versions do not say. Then a toolchain that is not the one that rustup
//! would take in the user's directory is his choice; one that is may be (`cargo +stable` where
//! stable is the default), which cannot be told and counts as none.

use super::context::{Context, quiet_stdout_of};
use std::{
    env::{self, consts::EXE_SUFFIX},
    path::{Path, PathBuf},
};

const CHOSEN: &str = "RUSTUP_TOOLCHAIN";
const SOURCE: &str = "RUSTUP_TOOLCHAIN_SOURCE";

/// A toolchain that the user chose for whatever he runs, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenToolchain {
    /// Its name: `nightly-x86_64-unknown-linux-gnu`.
    pub name: String,
    /// What chose it: `cargo +TOOLCHAIN`, `RUSTUP_TOOLCHAIN`, `rustup override`.
    pub by: &'static str,
}

/// The toolchain that the user chose himself; `None` where it follows from the directory, or where
/// there is no rustup.
pub fn chosen_toolchain(context: &Context) -> Option<ChosenToolchain> {
    let name = context.var_os(CHOSEN).filter(|name| !name.is_empty())?;
    let name = name.to_string_lossy().into_owned();
    let by = match context.var(SOURCE).as_deref() {
        Some("default" | "toolchain-file") => return None,
        Some("cli") => "cargo +TOOLCHAIN",
        Some("env") => "RUSTUP_TOOLCHAIN",
        Some("path-override") => "rustup override",
        _ if of_directory(context).is_some_and(|own| own == name) => return None,
        _ => "cargo +TOOLCHAIN or RUSTUP_TOOLCHAIN",
    };
    Some(ChosenToolchain { name, by })
}

/// What rustup takes in the directory of `context` when nobody asks for anything else.
fn of_directory(context: &Context) -> Option<String> {
    let rustup = proxy(context)?.with_file_name(format!("rustup{EXE_SUFFIX}"));
    let asked = context.clone().without_env(CHOSEN).without_env(SOURCE);
    let mut command = asked.command(rustup);
    command.args(["show", "active-toolchain"]);
    let output = quiet_stdout_of(&mut command, "rustup show active-toolchain").ok()?;
    let text = String::from_utf8(output).ok()?;
    text.split_whitespace().next().map(str::to_owned)
}

/// `context` in `directory`, as if the user had typed his command there: with the toolchain that
/// the directory asks for, unless he chose one himself.
pub fn typed_in(context: &Context, directory: &Path) -> Context {
    // Another checkout may have stood there a moment ago.
    let there = context.clone().in_directory(directory).anew();
    if context.var_os(CHOSEN).is_none() || chosen_toolchain(context).is_some() {
        return there;
    }
    let Some(proxy) = proxy(context) else {
        return there;
    };
    there
        .without_env(CHOSEN)
        .without_env(SOURCE)
        .without_env("CARGO")
        .with_cargo(proxy)
}

/// rustup's `cargo`.
fn proxy(context: &Context) -> Option<PathBuf> {
    let home = context.cargo_home().map(|home| home.join("bin"));
    let path = context.var_os("PATH").unwrap_or_default();
    let name = format!("cargo{EXE_SUFFIX}");
    home.into_iter()
        .chain(env::split_paths(&path))
        .map(|directory| context.absolute(&directory).join(&name))
        .find(|file| rustup_of(file).is_some())
}

/// The rustup whose proxy `program` is. Proxies are links to it, or copies: of the same size.
pub(super) fn rustup_of(program: &Path) -> Option<PathBuf> {
    let size = |path: &Path| path.metadata().ok().map(|metadata| metadata.len());
    let own = size(program)?;
    let beside = |program: &Path| program.with_file_name(format!("rustup{EXE_SUFFIX}"));
    [beside(program), beside(&program.canonicalize().ok()?)]
        .into_iter()
        .find(|rustup| size(rustup) == Some(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(source: &str) -> Option<&'static str> {
        let context = Context::at(".")
            .with_env(CHOSEN, "some-toolchain")
            .with_env(SOURCE, source);
        chosen_toolchain(&context).map(|chosen| chosen.by)
    }

    #[test]
    fn what_follows_from_the_directory_is_nobodys_choice() {
        assert_eq!(by("default"), None);
        assert_eq!(by("toolchain-file"), None);
        assert_eq!(by("cli"), Some("cargo +TOOLCHAIN"));
        assert_eq!(by("env"), Some("RUSTUP_TOOLCHAIN"));
        assert_eq!(by("path-override"), Some("rustup override"));
        let none = Context::at(".").without_env(CHOSEN);
        assert_eq!(chosen_toolchain(&none), None);
    }

    /// What a rustup before 1.29 leaves behind: no source, so the directory is asked.
    #[test]
    fn a_toolchain_that_no_directory_asks_for_was_chosen() {
        let context = Context::at(".")
            .with_env(CHOSEN, "no-such-toolchain")
            .without_env(SOURCE);
        let chosen = chosen_toolchain(&context).expect("a choice");
        assert_eq!(chosen.name, "no-such-toolchain");
        if let Some(own) = of_directory(&context) {
            assert_eq!(chosen_toolchain(&context.with_env(CHOSEN, own)), None);
        }
    }

    #[test]
    fn a_choice_of_the_user_holds_everywhere_and_another_one_nowhere_else() {
        let derived = Context::at(".")
            .with_env(CHOSEN, "some-toolchain")
            .with_env(SOURCE, "default");
        let there = typed_in(&derived, Path::new("/"));
        assert_eq!(there.directory(), Path::new("/"));
        if proxy(&derived).is_some() {
            assert_eq!(there.var_os(CHOSEN), None);
            assert_eq!(there.var_os("CARGO"), None);
        }
        let chosen = derived.with_env(SOURCE, "cli");
        let there = typed_in(&chosen, Path::new("/"));
        assert_eq!(there.var(CHOSEN).as_deref(), Some("some-toolchain"));
    }
}
