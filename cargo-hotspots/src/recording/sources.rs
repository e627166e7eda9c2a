//! The source files of a recording, as they were when it was made: `sources/` beside `perf.data`.
//!
//! Views show lines of them long after the files have changed. `index.json` names each file as the
//! debug information does, with a hash of its content; its text is in a file by its number. Rust's
//! own sources are left out: they belong to a toolchain and do not change.
//!
//! Limits: of more than `MOST` bytes only the hashes are kept.

use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
};

/// All texts of a recording together.
const MOST: u64 = 16 << 20;
/// One of them.
const MOST_OF_ONE: u64 = 2 << 20;
/// A recording touches no more files.
const FILES: usize = 20_000;
const DIRECTORY: &str = "sources";
const INDEX: &str = "index.json";

/// What `index.json` has.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Index {
    format: u32,
    files: Vec<Entry>,
}

/// A source file.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    /// As the debug information names it.
    path: String,
    /// Of its content.
    hash: u64,
    /// Whether its text is kept, under its position in the list.
    kept: bool,
}

/// The source files that are kept with a recording.
#[derive(Clone, Debug)]
pub struct Sources {
    directory: PathBuf,
    files: HashMap<String, (usize, Entry)>,
}

/// What is known of a source file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Of its content when it was recorded.
    pub hash: u64,
    /// Its text then, where it was kept.
    pub text: Option<Vec<u8>>,
}

impl Sources {
    /// Those of the recording whose samples are in `data`; `None` where none were kept.
    pub fn of(data: &Path) -> Option<Self> {
        let directory = data.parent()?.join(DIRECTORY);
        let index = fs::read(directory.join(INDEX)).ok()?;
        let index: Index = serde_json::from_slice(&index).ok()?;
        (index.format == 1).then_some(())?;
        let files = index.files.into_iter().take(FILES).enumerate();
        let files = files.map(|(at, entry)| (entry.path.clone(), (at, entry)));
        Some(Self {
            directory,
            files: files.collect(),
        })
    }

    /// What is known of a file, by its name in the debug information.
    pub fn get(&self, name: &str) -> Option<Known> {
        let (at, entry) = self.files.get(name)?;
        let text = || fs::read(self.directory.join(at.to_string())).ok();
        Some(Known {
            hash: entry.hash,
            text: entry.kept.then(text).flatten(),
        })
    }
}

/// Keeps what `read` finds for each of `names` with the recording whose samples are in `data`.
///
/// # Errors
///
/// The files cannot be written.
pub fn keep<'n>(
    data: &Path,
    names: impl Iterator<Item = &'n str>,
    read: impl Fn(&str) -> Option<Vec<u8>>,
) -> io::Result<()> {
    let Some(parent) = data.parent() else {
        return Ok(());
    };
    let directory = parent.join(DIRECTORY);
    fs::create_dir_all(&directory)?;
    let mut index = Index {
        format: 1,
        ..Index::default()
    };
    let mut room = MOST;
    for name in names.filter(|name| is_source(name)) {
        if index.files.len() == FILES {
            break;
        }
        let Some(text) = read(name) else { continue };
        let size = text.len() as u64;
        let kept = size <= room.min(MOST_OF_ONE);
        if kept {
            room -= size;
            fs::write(directory.join(index.files.len().to_string()), &text)?;
        }
        index.files.push(Entry {
            path: name.to_owned(),
            hash: hash(&text),
            kept,
        });
    }
    fs::write(directory.join(INDEX), serde_json::to_vec(&index)?)
}

/// Whether a name is of a source file that is not Rust's own. A program names its sources itself: no
/// other file is copied because of that.
fn is_source(name: &str) -> bool {
    const KINDS: [&str; 12] = [
        "rs", "c", "h", "cc", "cpp", "cxx", "hh", "hpp", "inc", "s", "S", "asm",
    ];
    let kind = name.rsplit_once('.').map_or("", |(_, kind)| kind);
    KINDS.contains(&kind) && !name.starts_with("/rustc/")
}

/// FNV-1a: tells whether a file is the same, not whether somebody forged it.
pub fn hash(text: &[u8]) -> u64 {
    text.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_kept_with_their_hashes_and_large_ones_without() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("perf.data");
        assert!(Sources::of(&data).is_none());
        let read = |name: &str| match name {
            "/a.rs" => Some(b"fn a() {}".to_vec()),
            "/large.rs" => Some(vec![b'x'; MOST_OF_ONE as usize + 1]),
            "/rustc/0/library/core/src/num.rs" => Some(b"std".to_vec()),
            "/etc/passwd" => Some(b"no source".to_vec()),
            _ => None,
        };
        let names = [
            "/gone.rs",
            "/a.rs",
            "/large.rs",
            "/rustc/0/library/core/src/num.rs",
            "/etc/passwd",
        ];
        keep(&data, names.into_iter(), read).unwrap();
        let sources = Sources::of(&data).unwrap();
        let known = sources.get("/a.rs").unwrap();
        assert_eq!(known.text.as_deref(), Some(b"fn a() {}".as_slice()));
        assert_eq!(known.hash, hash(b"fn a() {}"));
        assert_ne!(known.hash, hash(b"fn b() {}"));
        assert_eq!(sources.get("/large.rs").unwrap().text, None);
        assert!(sources.get("/gone.rs").is_none());
        assert!(sources.get(names[3]).is_none());
        assert!(sources.get(names[4]).is_none());
        // Somebody else's file.
        fs::write(directory.path().join(DIRECTORY).join(INDEX), "{]").unwrap();
        assert!(Sources::of(&data).is_none());
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(hash(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
