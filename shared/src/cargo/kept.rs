//! What installed compilers said of themselves, kept between runs.
//!
//! Starting a compiler takes longer than reading most programs. Its answers depend on nothing but
//! the file that is run, and which file rustup runs for a directory depends on a few small ones: an
//! answer is kept under the path, size and time of all of them. The answers stand in one file of the
//! user's cache directory (`$CODECOST_CACHE_DIR`, else the system's place for caches); where it
//! cannot be read or written, the compiler is asked.

use super::context::Context;
use std::{
    collections::BTreeMap,
    env,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

/// More answers than anybody has toolchains and projects in use; beyond, all are asked for again.
const MOST: usize = 256;
/// A larger file was not written by us.
const LARGEST: u64 = 1024 * 1024;

/// The answer under `key`, or else that of `ask`, which is kept.
pub(super) fn answer(
    context: &Context,
    key: &str,
    ask: impl FnOnce() -> Option<String>,
) -> Option<String> {
    let file = directory(context).map(|directory| directory.join("toolchains.json"));
    let mut kept = file.as_deref().map(read).unwrap_or_default();
    if let Some(known) = kept.remove(key) {
        return Some(known);
    }
    let said = ask()?;
    if let Some(file) = file {
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(key.to_owned(), said.clone());
        write(&file, &kept);
    }
    Some(said)
}

/// Path, size and time of a file, which change with its content.
pub(super) fn stamp(path: &Path) -> String {
    let mut text = path.display().to_string();
    if let Ok(metadata) = path.metadata() {
        let time = metadata.modified().ok();
        let time = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let time = time.unwrap_or_default().as_nanos();
        // Writing to a string does not fail.
        let _ = write!(text, "|{}|{time}", metadata.len());
    }
    text
}

/// What rustup looks at to choose a toolchain for the directory of `context`.
pub(super) fn rustup_choice(context: &Context, rustup: &Path) -> String {
    let home = context.var_os("RUSTUP_HOME").map(PathBuf::from);
    let home = home.or_else(|| {
        let home = context.var_os("HOME").map(PathBuf::from);
        Some(home.or_else(env::home_dir)?.join(".rustup"))
    });
    let settings = home.map(|home| context.absolute(&home).join("settings.toml"));
    let above = context.directory().ancestors().flat_map(|directory| {
        ["rust-toolchain", "rust-toolchain.toml"].map(|name| directory.join(name))
    });
    let files = settings
        .into_iter()
        .chain(above.filter(|file| file.exists()));
    let files: Vec<_> = files.map(|file| stamp(&file)).collect();
    format!(
        "{}\n{}\n{:?}\n{}",
        stamp(rustup),
        context.directory().display(),
        context.var_os("RUSTUP_TOOLCHAIN"),
        files.join("\n")
    )
}

fn directory(context: &Context) -> Option<PathBuf> {
    let set = |name: &str| {
        let value = context.var_os(name).filter(|value| !value.is_empty())?;
        Some(PathBuf::from(value))
    };
    if let Some(own) = set("CODECOST_CACHE_DIR") {
        return Some(own);
    }
    let base = if cfg!(windows) {
        set("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        set("HOME").map(|home| home.join("Library").join("Caches"))
    } else {
        set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))
    };
    Some(base?.join("codecost"))
}

fn read(file: &Path) -> BTreeMap<String, String> {
    let small = file
        .metadata()
        .is_ok_and(|metadata| metadata.len() <= LARGEST);
    let text = small.then(|| fs::read(file).ok()).flatten();
    text.and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default()
}

/// Whole or not at all; a run that cannot keep what it was told asks again the next time.
fn write(file: &Path, kept: &BTreeMap<String, String>) {
    let written = || -> std::io::Result<()> {
        let directory = file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(directory)?;
        let mut fresh = tempfile::NamedTempFile::new_in(directory)?;
        serde_json::to_writer(&mut fresh, kept)?;
        fresh.flush()?;
        fresh.persist(file)?;
        Ok(())
    };
    let _ = written();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_asked_for_once_and_again_when_its_key_changes() {
        let place = tempfile::tempdir().unwrap();
        let context = Context::at(place.path()).with_env("CODECOST_CACHE_DIR", place.path());
        let said = |text: &str| Some(text.to_owned());
        assert_eq!(answer(&context, "a", || None), None);
        assert_eq!(answer(&context, "a", || said("first")), said("first"));
        assert_eq!(answer(&context, "a", || said("second")), said("first"));
        assert_eq!(answer(&context, "b", || said("second")), said("second"));
        fs::write(place.path().join("toolchains.json"), "{ \"a\": 7 }").unwrap();
        assert_eq!(answer(&context, "a", || said("third")), said("third"));
    }

    #[test]
    fn a_toolchain_file_or_another_compiler_is_another_key() {
        let place = tempfile::tempdir().unwrap();
        let below = place.path().join("below");
        fs::create_dir(&below).unwrap();
        let rustup = place.path().join("rustup");
        fs::write(&rustup, "one").unwrap();
        let context = Context::at(&below);
        let key = || rustup_choice(&context, &rustup);
        let first = key();
        assert_eq!(first, key());
        fs::write(place.path().join("rust-toolchain.toml"), "[toolchain]").unwrap();
        let second = key();
        assert_ne!(first, second);
        fs::write(place.path().join("rust-toolchain.toml"), "[toolchain]\n").unwrap();
        assert_ne!(second, key());
        let chosen = context.clone().with_env("RUSTUP_TOOLCHAIN", "nightly");
        assert_ne!(rustup_choice(&chosen, &rustup), key());
        let third = key();
        fs::write(&rustup, "another").unwrap();
        assert_ne!(third, key());
    }

    #[test]
    fn a_place_that_cannot_be_written_costs_nothing_but_the_asking() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("file");
        fs::write(&file, "").unwrap();
        let context = Context::at(place.path()).with_env("CODECOST_CACHE_DIR", file);
        for said in ["first", "second"] {
            assert_eq!(
                answer(&context, "a", || Some(said.into())).as_deref(),
                Some(said)
            );
        }
    }
}
