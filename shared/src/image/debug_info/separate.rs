//! Debug information in a file of its own: where to look, and how to tell that it belongs.
//!
//! Truth: GDB's manual, "Debugging Information in Separate Files" (build id, debug link and its
//! checksum); for Mach-O the layout of a `.dSYM` bundle. A file found by its build id must have
//! the same build id, one found by a debug link the checksum that the link names. Fedora's files carry
//! their function names inside, in an ELF file that is compressed into `.gnu_debugdata`.

use crate::image::{Image, Mapping};
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Where distributions install debug files.
pub const DEBUG_DIRECTORY: &str = "/usr/lib/debug";

/// Why a file may be the debug file, so what has to be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundBy {
    /// Its path is made of the build id.
    BuildId,
    /// Its name stands in `.gnu_debuglink`: check with [`crc32`].
    DebugLink,
    /// It is in the bundle beside the program: compare the UUIDs.
    Bundle,
}

/// Paths at which the debug file of `binary` may be, the best first. None of them is opened.
pub fn candidates(
    binary: &Path,
    build_id: Option<&[u8]>,
    debug_link: Option<&[u8]>,
) -> Vec<(FoundBy, PathBuf)> {
    let mut found = Vec::new();
    let root = Path::new(DEBUG_DIRECTORY);
    if let Some(path) = build_id.and_then(by_build_id) {
        found.push((FoundBy::BuildId, path));
    }
    let directory = binary.parent().unwrap_or(Path::new(""));
    if let Some(name) = debug_link.and_then(plain_name) {
        found.push((FoundBy::DebugLink, directory.join(name)));
        found.push((FoundBy::DebugLink, directory.join(".debug").join(name)));
        // Below the debug directory stands the whole path, which needs one from the root.
        if let Ok(below) = std::path::absolute(directory)
            .unwrap_or_default()
            .strip_prefix("/")
        {
            found.push((FoundBy::DebugLink, root.join(below).join(name)));
        }
    }
    if let Some(name) = binary.file_name() {
        let mut bundle = name.to_owned();
        bundle.push(".dSYM");
        let inside = directory
            .join(bundle)
            .join("Contents/Resources/DWARF")
            .join(name);
        found.push((FoundBy::Bundle, inside));
    }
    // A link to the file's own name means another directory.
    found.retain(|(_, path)| path != binary);
    found
}

/// The file with the debug information in a dSYM bundle, where `path` is one and has but one.
pub fn inside_bundle(path: &Path) -> Option<PathBuf> {
    let directory = path.join("Contents/Resources/DWARF");
    let mut entries = std::fs::read_dir(directory).ok()?;
    let only = entries.next()?.ok()?.path();
    entries.next().is_none().then_some(only)
}

/// `.gnu_debugaltlink`: the file to which `dwz` has moved what several files have in common.
#[derive(Clone, Copy, Debug)]
pub struct SharedLink<'d> {
    /// Its path, from the root or from the directory of the file with the link.
    pub path: &'d [u8],
    /// Its build id.
    pub build_id: &'d [u8],
}

impl<'d> SharedLink<'d> {
    /// The link of a file, if it has one.
    pub fn of(image: &Image<'d>) -> Option<Self> {
        let (_, section) = image.section(".gnu_debugaltlink")?;
        let bytes = image.section_bytes(section);
        let end = bytes.iter().position(|byte| *byte == 0)?;
        Some(Self {
            path: bytes.get(..end)?,
            build_id: bytes.get(end + 1..)?,
        })
    }

    /// The file that the link leads to: of those at which it may be the first that has the build id.
    /// `files` are all paths of the file with the link.
    pub fn open(&self, files: &[PathBuf]) -> Option<Mapping> {
        let paths = files.iter().flat_map(|file| self.candidates(file));
        paths.into_iter().find_map(|path| {
            let mapping = Mapping::open(&path).ok()?;
            let image = Image::parse(&path, &mapping).ok()?;
            (image.build_id() == Some(self.build_id)).then_some(mapping)
        })
    }

    /// Paths at which it may be, seen from the file with the link. Check the build id.
    pub fn candidates(&self, file: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let path = String::from_utf8_lossy(self.path);
        // The link is followed from where the file is, not from where a link to it is.
        let file = file.canonicalize().unwrap_or_else(|_| file.to_path_buf());
        if !path.contains('\0') && !path.is_empty() {
            found.push(file.parent().unwrap_or(Path::new("")).join(&*path));
        }
        found.extend(by_build_id(self.build_id));
        found.retain(|path| *path != file);
        found
    }
}

/// Where distributions put the debug file with this build id.
fn by_build_id(id: &[u8]) -> Option<PathBuf> {
    Some(Path::new(DEBUG_DIRECTORY).join(build_id_path(id)?))
}

/// Where that is in a directory or package of debug files: `.build-id/ab/cdef.debug`.
pub fn build_id_path(id: &[u8]) -> Option<String> {
    let (first, rest) = id.split_first().filter(|(_, rest)| !rest.is_empty())?;
    let rest: String = rest.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(format!(".build-id/{first:02x}/{rest}.debug"))
}

/// The file with further symbols that `image` carries in `.gnu_debugdata`, uncompressed. `None` where
/// there is none or it is damaged.
pub fn inside(image: &Image<'_>) -> Option<Vec<u8>> {
    let (_, section) = image.section(".gnu_debugdata")?;
    unpacked(image.section_bytes(section))
}

/// The content of an xz file; `None` where it is damaged or far larger than the file.
pub fn unpacked(mut compressed: &[u8]) -> Option<Vec<u8>> {
    // Tables of symbols become a quarter; what claims to have been far larger is made to fill memory.
    let limit = compressed.len().saturating_mul(MAX_EXPANSION);
    if uncompressed_size(compressed)? > limit as u64 {
        return None;
    }
    let mut output = Limited {
        bytes: Vec::new(),
        limit,
    };
    lzma_rs::xz_decompress(&mut compressed, &mut output).ok()?;
    Some(output.bytes)
}

const MAX_EXPANSION: usize = 64;

/// What the chunks of an xz file say of their sizes together.
///
/// Source: the .xz file format 1.2 and LZMA2 as in its reference decoder. The decoder keeps all that
/// it has decoded, so it is asked only after the sizes are known to be sane.
fn uncompressed_size(xz: &[u8]) -> Option<u64> {
    // After each block stands a check, whose length the stream's header of 12 bytes says.
    let check = match xz.get(7)? & 15 {
        0 => 0,
        1..=3 => 4,
        4..=6 => 8,
        7..=9 => 16,
        10..=12 => 32,
        _ => 64,
    };
    let mut sum = 0_u64;
    let mut at = 12_usize;
    loop {
        // A block's header has four times its first byte and one more; the index begins with 0.
        let first = usize::from(*xz.get(at)?);
        if first == 0 {
            return Some(sum);
        }
        at = at.checked_add((first + 1) * 4)?;
        let (size, length) = block(xz.get(at..)?)?;
        sum = sum.checked_add(size)?;
        at = at
            .checked_add(length)?
            .next_multiple_of(4)
            .checked_add(check)?;
    }
}

/// What a block's chunks say of their sizes, and how many bytes they take.
fn block(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut rest = bytes;
    let mut sum = 0_u64;
    loop {
        let size = |at: usize| {
            let bytes = rest.get(at..)?.first_chunk::<2>()?;
            Some(usize::from(u16::from_be_bytes(*bytes)) + 1)
        };
        let control = *rest.first()?;
        let (plain, skip) = match control {
            0 => return Some((sum, bytes.len() - rest.len() + 1)),
            1 | 2 => (size(1)?, 3 + size(1)?),
            3..=0x7f => return None,
            0x80.. => {
                let high = usize::from(control & 0x1f) << 16;
                let properties = usize::from(control >= 0xc0);
                (high + size(1)?, 5 + properties + size(3)?)
            }
        };
        sum = sum.checked_add(plain as u64)?;
        rest = rest.get(skip..)?;
    }
}

/// Takes so many bytes and no more.
struct Limited {
    bytes: Vec<u8>,
    limit: usize,
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.limit {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A debug link names a file, not a path.
fn plain_name(name: &[u8]) -> Option<&str> {
    let name = std::str::from_utf8(name).ok()?;
    let plain =
        !name.is_empty() && name != ".." && name != "." && !name.contains(['/', '\\', '\0']);
    plain.then_some(name)
}

/// The checksum of `.gnu_debuglink`, over the whole debug file: CRC-32 as in IEEE 802.3.
pub fn crc32(data: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    let (chunks, rest) = data.as_chunks::<8>();
    for chunk in chunks {
        let word = u64::from_le_bytes(*chunk) ^ u64::from(crc);
        crc = 0;
        for (number, byte) in word.to_le_bytes().into_iter().enumerate() {
            crc ^= TABLES[7 - number][byte as usize];
        }
    }
    for byte in rest {
        crc = TABLES[0][((crc ^ u32::from(*byte)) & 0xff) as usize] ^ crc >> 8;
    }
    !crc
}

/// What a byte does to the checksum, when so many bytes follow it.
static TABLES: [[u32; 256]; 8] = {
    let mut tables = [[0u32; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 0 {
                crc >> 1
            } else {
                0xedb8_8320 ^ crc >> 1
            };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[table - 1][byte];
            tables[table][byte] = tables[0][(before & 0xff) as usize] ^ before >> 8;
            byte += 1;
        }
        table += 1;
    }
    tables
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_crc_32() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
        let long = b"12345678".repeat(3);
        let by_byte = |data: &[u8]| {
            !data.iter().fold(u32::MAX, |crc, byte| {
                TABLES[0][((crc ^ u32::from(*byte)) & 0xff) as usize] ^ crc >> 8
            })
        };
        assert_eq!(crc32(&long), by_byte(&long));
    }

    #[test]
    #[cfg(unix)]
    fn where_debug_files_are_looked_for() {
        let found = candidates(
            Path::new("/usr/bin/rg"),
            Some(&[0xab, 0x01, 0xff]),
            Some(b"rg.debug"),
        );
        let paths: Vec<&str> = found.iter().filter_map(|(_, path)| path.to_str()).collect();
        assert_eq!(
            paths,
            [
                "/usr/lib/debug/.build-id/ab/01ff.debug",
                "/usr/bin/rg.debug",
                "/usr/bin/.debug/rg.debug",
                "/usr/lib/debug/usr/bin/rg.debug",
                "/usr/bin/rg.dSYM/Contents/Resources/DWARF/rg",
            ]
        );
        let own = candidates(Path::new("/usr/bin/rg"), None, Some(b"rg"));
        assert!(own.iter().all(|(_, path)| path != Path::new("/usr/bin/rg")));
        let hostile = candidates(
            Path::new("/usr/bin/rg"),
            Some(&[]),
            Some(b"../../etc/shadow"),
        );
        assert!(
            hostile
                .iter()
                .all(|(found_by, _)| *found_by == FoundBy::Bundle)
        );
    }
}
