//! The text of source lines.
//!
//! Truth: the file at the path that the debug information names. Where that path is of another
//! machine, the same file here: std's sources in the sysroot (`/rustc/HASH/library/…`, there when
//! the component `rust-src` is installed), dependencies in cargo's registry.
//!
//! Limits: a file that changed since the build shows its present text; which line a build saw is
//! not recorded, except by the file's time: a file that is newer than the program is told.

use super::model::SourceLine;
use codecost::cargo::Context;
use std::{
    cell::OnceCell,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Larger files are no source code that anybody reads.
const MAX_FILE: u64 = 16 << 20;
/// Generated lines may be endless.
const MAX_LINE: usize = 400;

/// Where sources may be that are not where the debug information says.
pub struct SourceRoots {
    context: Option<Context>,
    sysroot: OnceCell<Option<PathBuf>>,
    registries: OnceCell<Vec<PathBuf>>,
}

impl SourceRoots {
    /// This machine's cargo home and, when it is needed, the sysroot of its `rustc`.
    pub fn of_this_machine() -> Self {
        Self {
            context: Context::current().ok(),
            sysroot: OnceCell::new(),
            registries: OnceCell::new(),
        }
    }

    /// No others.
    pub fn none() -> Self {
        Self {
            context: None,
            sysroot: OnceCell::new(),
            registries: OnceCell::new(),
        }
    }

    /// These.
    pub fn at(sysroot: Option<PathBuf>, registries: Vec<PathBuf>) -> Self {
        Self {
            context: None,
            sysroot: OnceCell::from(sysroot),
            registries: OnceCell::from(registries),
        }
    }

    fn sysroot(&self) -> Option<&Path> {
        let ask = || {
            let mut command = self.context.as_ref()?.command("rustc");
            let output = command.args(["--print", "sysroot"]).output().ok()?;
            let text = String::from_utf8(output.stdout).ok()?;
            Some(PathBuf::from(text.trim())).filter(|path| path.is_absolute())
        };
        self.sysroot.get_or_init(ask).as_deref()
    }

    fn registries(&self) -> &[PathBuf] {
        self.registries.get_or_init(|| {
            let home = self.context.as_ref().and_then(Context::cargo_home);
            let source = home.map(|home| home.join("registry").join("src"));
            let entries = source.and_then(|source| fs::read_dir(source).ok());
            let mut all: Vec<PathBuf> = entries
                .into_iter()
                .flatten()
                .filter_map(|entry| Some(entry.ok()?.path()))
                .collect();
            all.sort();
            all
        })
    }

    /// Where the file may be, the likeliest first.
    fn candidates(&self, name: &str) -> Vec<PathBuf> {
        let mut found = vec![PathBuf::from(name)];
        let slashes = name.replace('\\', "/");
        if let Some(rest) = slashes.strip_prefix("/rustc/")
            && let Some((_, inside)) = rest.split_once('/')
            && is_plain(inside)
            && let Some(sysroot) = self.sysroot()
        {
            found.push(sysroot.join("lib/rustlib/src/rust").join(inside));
        }
        if let Some((_, rest)) = slashes.split_once("/registry/src/")
            && let Some((_, inside)) = rest.split_once('/')
            && is_plain(inside)
        {
            found.extend(self.registries().iter().map(|root| root.join(inside)));
        }
        found
    }
}

/// Whether a path stays below what it is joined to.
fn is_plain(path: &str) -> bool {
    !path.starts_with('/') && path.split('/').all(|part| part != "..")
}

/// What was read, and what could not be.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) lines: Vec<SourceLine>,
    /// Files without text here.
    pub(super) missing: Vec<String>,
    /// Files that are newer than the program.
    pub(super) newer: Vec<String>,
}

/// The text of the lines of `wanted`, which is sorted and names files by their position.
pub(super) fn read(
    roots: &SourceRoots,
    files: &[String],
    wanted: &[(usize, u32)],
    built: Option<SystemTime>,
) -> Read {
    let mut all = Read::default();
    for lines in wanted.chunk_by(|a, b| a.0 == b.0) {
        let Some((file, name)) = lines
            .first()
            .and_then(|(file, _)| Some((*file, files.get(*file)?)))
        else {
            continue;
        };
        let found = roots
            .candidates(name)
            .into_iter()
            .find_map(|path| text(&path));
        let Some((text, modified)) = found else {
            all.missing.push(name.clone());
            continue;
        };
        if modified
            .zip(built)
            .is_some_and(|(modified, built)| modified > built)
        {
            all.newer.push(name.clone());
        }
        let mut at = 0_u32;
        let mut lines = lines.iter().peekable();
        for text in text.lines() {
            at = at.saturating_add(1);
            if lines.next_if(|(_, line)| *line == at).is_some() {
                all.lines.push(SourceLine {
                    file,
                    line: at,
                    text: text.trim().chars().take(MAX_LINE).collect(),
                });
            }
            if lines.peek().is_none() {
                break;
            }
        }
    }
    all
}

fn text(path: &Path) -> Option<(String, Option<SystemTime>)> {
    // A relative path is relative to the directory of a build that is not known here.
    if !path.is_absolute() {
        return None;
    }
    let metadata = fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > MAX_FILE {
        return None;
    }
    let bytes = fs::read(path).ok()?;
    Some((
        String::from_utf8_lossy(&bytes).into_owned(),
        metadata.modified().ok(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_found_at_their_path_in_the_sysroot_and_in_the_registry() {
        let directory = tempfile::tempdir().unwrap();
        let at = |path: &str| directory.path().join(path);
        let write = |path: &str, text: &str| {
            fs::create_dir_all(at(path).parent().unwrap()).unwrap();
            fs::write(at(path), text).unwrap();
        };
        write("app.rs", "one\n  two\nthree");
        write(
            "sysroot/lib/rustlib/src/rust/library/core/src/num.rs",
            "core",
        );
        write("registry/index/memchr-2.0.0/src/lib.rs", "memchr");
        let roots = SourceRoots::at(Some(at("sysroot")), vec![at("registry/index")]);
        let files = [
            at("app.rs").to_str().unwrap().to_owned(),
            "/rustc/0123abcd/library/core/src/num.rs".into(),
            "/elsewhere/registry/src/mirror-1/memchr-2.0.0/src/lib.rs".into(),
            "/nowhere/lib.rs".into(),
            "/rustc/0123abcd/../../../app.rs".into(),
        ];
        let wanted = [(0, 2), (0, 3), (0, 99), (1, 1), (2, 1), (3, 1), (4, 1)];
        let read = read(&roots, &files, &wanted, None);
        let lines: Vec<_> = read
            .lines
            .iter()
            .map(|line| (line.file, line.line, line.text.as_str()))
            .collect();
        assert_eq!(
            lines,
            [
                (0, 2, "two"),
                (0, 3, "three"),
                (1, 1, "core"),
                (2, 1, "memchr")
            ]
        );
        assert_eq!(read.missing, files[3..]);
    }

    #[test]
    fn a_source_that_is_newer_than_the_program_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "one").unwrap();
        let files = [file.path().to_str().unwrap().to_owned()];
        let read = |built| super::read(&SourceRoots::none(), &files, &[(0, 1)], built);
        assert_eq!(read(Some(SystemTime::UNIX_EPOCH)).newer, files);
        assert!(read(None).newer.is_empty());
    }
}
