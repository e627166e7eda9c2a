//! The functions of today's program, as profiles name them: from its instrumented build.
//!
//! The instrumented program carries the names of all functions that it counts in a section of its
//! own, and the compiler looks for the same names in a profile. A function that was inlined later
//! is among them, unlike in the symbol table.
//!
//! Truth: `collectPGOFuncNameStrings` and `readAndDecodeStrings` of LLVM's `InstrProf.cpp`. The
//! section is a row of chunks, zeroes between: the length of the text and, where it is compressed
//! (zlib), that of its compressed form, both in LEB128; then the names, separated by a byte 1.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use codecost::image::Image;
use codecost::{Error, Result};

/// The section in ELF and Mach-O, and in PE.
const SECTIONS: [&str; 2] = ["__llvm_prf_names", ".lprfn"];
/// No program has so many bytes of names; what claims it is damaged.
const MOST: u64 = 1 << 30;

/// The names in the instrumented `program`.
///
/// # Errors
///
/// It cannot be read, or has no names.
pub(super) fn functions(program: &Path) -> Result<BTreeSet<String>> {
    let bytes = fs::read(program).map_err(|e| Error::read(program, e))?;
    let image = Image::parse(program, &bytes)?;
    let section = SECTIONS.iter().find_map(|name| image.section(name));
    let names = section.and_then(|(_, section)| names(image.section_bytes(section)));
    names.ok_or_else(|| {
        Error::failed(
            format!(
                "`{}` does not list the functions that it counts",
                program.display()
            ),
            "remove it, and build again",
        )
    })
}

/// The names of one section; `None` if it is damaged or has none.
fn names(mut section: &[u8]) -> Option<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let mut left = MOST;
    loop {
        let start = section.iter().position(|byte| *byte != 0);
        let Some(start) = start else { break };
        section = section.get(start..)?;
        let length = leb128(&mut section)?;
        let compressed = leb128(&mut section)?;
        left = left.checked_sub(length)?;
        let stored = if compressed == 0 { length } else { compressed };
        let (chunk, rest) = section.split_at_checked(usize::try_from(stored).ok()?)?;
        section = rest;
        let mut text = Vec::new();
        if compressed == 0 {
            text.extend(chunk);
        } else {
            let inflated = flate2::read::ZlibDecoder::new(chunk);
            inflated.take(length + 1).read_to_end(&mut text).ok()?;
        }
        if text.len() as u64 != length {
            return None;
        }
        let chunk = text.split(|byte| *byte == 1);
        names.extend(chunk.map(|name| String::from_utf8_lossy(name).into_owned()));
    }
    (!names.is_empty()).then_some(names)
}

fn leb128(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), Default::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn plain_and_compressed_chunks_are_read() {
        let mut section = vec![0, 0, 5, 0];
        section.extend(b"a\x01m;b");
        section.extend([0, 0, 0]);
        let long = vec![b'x'; 300];
        let packed = zlib(&long);
        // 300 in LEB128.
        section.extend([0xac, 0x02, packed.len() as u8]);
        section.extend(&packed);
        section.push(0);
        let found = names(&section).unwrap();
        let long = String::from_utf8(long).unwrap();
        let expected = BTreeSet::from(["a".to_owned(), "m;b".to_owned(), long]);
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_damaged_is_no_list() {
        let packed = zlib(b"abc");
        let length = packed.len() as u8;
        let of = |head: &[u8], rest: &[u8]| names(&[head, rest].concat());
        assert!(of(&[3, length], &packed).is_some());
        assert_eq!(of(&[2, length], &packed), None);
        assert_eq!(of(&[4, length], &packed), None);
        assert_eq!(of(&[3, length + 1], &packed), None);
        assert_eq!(of(&[3, length], &packed[..4]), None);
        assert_eq!(of(&[9, 0], b"abc"), None);
        assert_eq!(names(&[0xff; 40]), None);
        assert_eq!(names(&[0; 40]), None);
        assert_eq!(names(&[]), None);
    }
}
