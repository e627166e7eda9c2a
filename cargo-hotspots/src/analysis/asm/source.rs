//! The text of source lines.
//!
//! Truth: the text that was kept with the recording; else the file at the path that the debug
//! information names. Where that path is of another
//! machine, the same file here: std's sources in the sysroot (`/rustc/HASH/library/…`, there when
//! the component `rust-src` is installed), dependencies in cargo's registry.
//!
//! Limits: a file of which nothing was kept shows its present text; which line a build saw is then
//! known only by the file's time: a file that is newer than the program is told.

use super::model::SourceLine;
use crate::recording::sources::{self, Known, Sources};
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
    kept: Option<Sources>,
}

impl SourceRoots {
    /// This machine's cargo home and, when it is needed, the sysroot of its `rustc`.
    pub fn of_this_machine() -> Self {
        Self {
            context: Context::current().ok(),
            sysroot: OnceCell::new(),
            registries: OnceCell::new(),
            kept: None,
        }
    }

    /// No others.
    pub fn none() -> Self {
        Self {
            context: None,
            sysroot: OnceCell::new(),
            registries: OnceCell::new(),
            kept: None,
        }
    }

    /// These.
    pub fn at(sysroot: Option<PathBuf>, registries: Vec<PathBuf>) -> Self {
        Self {
            context: None,
            sysroot: OnceCell::from(sysroot),
            registries: OnceCell::from(registries),
            kept: None,
        }
    }

    /// Before all others, those that were kept with a recording.
    #[must_use]
    pub fn with_kept(mut self, kept: Option<Sources>) -> Self {
        self.kept = kept;
        self
    }

    /// The file as it is now, by its name in the debug information.
    pub fn present(&self, name: &str) -> Option<Vec<u8>> {
        let mut candidates = self.candidates(name).into_iter();
        candidates
            .find_map(|path| bytes(&path))
            .map(|found| found.0)
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
    /// Files that changed since the recording; their lines are those of the recording.
    pub(super) changed: Vec<String>,
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
        let present = roots
            .candidates(name)
            .into_iter()
            .find_map(|path| bytes(&path));
        let known = roots.kept.as_ref().and_then(|kept| kept.get(name));
        let text = match (known, present) {
            (Some(Known { hash, text }), present) => {
                let now = present.map(|(now, _)| now);
                let same = now.as_ref().is_none_or(|now| sources::hash(now) == hash);
                match (text, now) {
                    (Some(text), _) => {
                        if !same {
                            all.changed.push(name.clone());
                        }
                        text
                    }
                    (None, Some(now)) => {
                        if !same {
                            all.newer.push(name.clone());
                        }
                        now
                    }
                    (None, None) => {
                        all.missing.push(name.clone());
                        continue;
                    }
                }
            }
            (None, Some((now, modified))) => {
                let newer = modified.zip(built);
                if newer.is_some_and(|(modified, built)| modified > built) {
                    all.newer.push(name.clone());
                }
                now
            }
            (None, None) => {
                all.missing.push(name.clone());
                continue;
            }
        };
        let text = String::from_utf8_lossy(&text);
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

fn bytes(path: &Path) -> Option<(Vec<u8>, Option<SystemTime>)> {
    // A relative path is relative to the directory of a build that is not known here.
    if !path.is_absolute() {
        return None;
    }
    let metadata = fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > MAX_FILE {
        return None;
    }
    Some((fs::read(path).ok()?, metadata.modified().ok()))
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

    #[test]
    fn the_text_of_the_recording_goes_before_that_of_today() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("app.rs");
        let name = file.to_str().unwrap().to_owned();
        let data = directory.path().join("perf.data");
        fs::write(&file, "then").unwrap();
        let roots = SourceRoots::none();
        let names = [name.as_str()].into_iter();
        sources::keep(&data, names, |name| roots.present(name)).unwrap();
        let roots = roots.with_kept(Sources::of(&data));
        let read = || super::read(&roots, std::slice::from_ref(&name), &[(0, 1)], None);
        assert_eq!(read().lines[0].text, "then");
        assert!(read().changed.is_empty());
        fs::write(&file, "now").unwrap();
        assert_eq!(read().lines[0].text, "then");
        assert_eq!(read().changed, std::slice::from_ref(&name));
        fs::remove_file(&file).unwrap();
        assert_eq!(read().lines[0].text, "then");
        assert!(read().changed.is_empty() && read().missing.is_empty());
    }
}
