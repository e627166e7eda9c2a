//! The head of a raw profile: which version of the format the instrumented program wrote.
//!
//! `INSTR_PROF_RAW_HEADER` of LLVM's `InstrProfData.inc`: eight bytes of magic in the program's
//! byte order, then the version, whose upper byte holds flags.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use codecost::{Error, Result};

/// `\xfflprofr\x81`, and `\xfflprofR\x81` of 32-bit programs.
const MAGIC: [u64; 2] = [
    u64::from_be_bytes([0xff, b'l', b'p', b'r', b'o', b'f', b'r', 0x81]),
    u64::from_be_bytes([0xff, b'l', b'p', b'r', b'o', b'f', b'R', 0x81]),
];
const VERSION: u64 = 0x00ff_ffff_ffff_ffff;

/// The raw profiles of one directory.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Raw {
    /// The files that begin like raw profiles.
    pub(super) whole: Vec<PathBuf>,
    /// How many files do not: processes that ended while they wrote.
    pub(super) damaged: usize,
    /// The version of the first.
    pub(super) version: Option<u64>,
}

impl Raw {
    /// Looks at every file of `directory`.
    ///
    /// # Errors
    ///
    /// A directory or file that cannot be read.
    pub(super) fn read(directory: &Path) -> Result<Self> {
        let mut raw = Self::default();
        for entry in fs::read_dir(directory).map_err(|e| Error::read(directory, e))? {
            let path = entry.map_err(|e| Error::read(directory, e))?.path();
            if path.extension().is_none_or(|ext| ext != "profraw") {
                continue;
            }
            let mut head = [0; 16];
            let mut file = File::open(&path).map_err(|e| Error::read(&path, e))?;
            match file
                .read_exact(&mut head)
                .ok()
                .and_then(|()| version(&head))
            {
                Some(version) => {
                    raw.version.get_or_insert(version);
                    raw.whole.push(path);
                }
                None => raw.damaged += 1,
            }
        }
        raw.whole.sort();
        Ok(raw)
    }
}

/// The version, if these are the first bytes of a raw profile.
fn version(head: &[u8; 16]) -> Option<u64> {
    let (magic, version) = head.split_at(8);
    let magic: [u8; 8] = magic.try_into().ok()?;
    let version: [u8; 8] = version.try_into().ok()?;
    if MAGIC.contains(&u64::from_le_bytes(magic)) {
        return Some(u64::from_le_bytes(version) & VERSION);
    }
    MAGIC
        .contains(&u64::from_be_bytes(magic))
        .then(|| u64::from_be_bytes(version) & VERSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_in_both_byte_orders() {
        let little = *b"\x81rforpl\xff\x0a\x00\x00\x00\x00\x00\x00\x01";
        assert_eq!(version(&little), Some(10));
        let big = *b"\xfflprofR\x81\x01\x00\x00\x00\x00\x00\x00\x09";
        assert_eq!(version(&big), Some(9));
        assert_eq!(version(b"\xfflprofi\x81\x0a\0\0\0\0\0\0\0"), None);
    }

    #[test]
    fn what_a_process_left_incomplete_is_counted() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            fs::write(directory.path().join(name), bytes).unwrap();
        };
        write("a.profraw", b"\x81rforpl\xff\x0a\0\0\0\0\0\0\x01more");
        write("b.profraw", b"\x81rfo");
        write("c.profraw", b"");
        write("d.txt", b"");
        let raw = Raw::read(directory.path()).unwrap();
        assert_eq!(raw.whole, [directory.path().join("a.profraw")]);
        assert_eq!((raw.damaged, raw.version), (2, Some(10)));
    }
}
