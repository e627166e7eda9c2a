//! Debug information in a file of its own: where to look, and how to tell that it belongs.
//!
//! Truth: GDB's manual, "Debugging Information in Separate Files" (build id, debug link and its
//! checksum); for Mach-O the layout of a `.dSYM` bundle. A file found by its build id must have
//! the same build id, one found by a debug link the checksum that the link names.

use std::path::{Path, PathBuf};

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
    if let Some((first, rest)) = build_id.and_then(|id| id.split_first())
        && !rest.is_empty()
    {
        let rest: String = rest.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = root
            .join(".build-id")
            .join(format!("{first:02x}"))
            .join(rest + ".debug");
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
