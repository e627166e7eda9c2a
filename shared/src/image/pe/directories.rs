//! What the data directories lead to.

use super::Header;
use crate::address::{FileOffset, Range};

/// A part of the image: address from its start, and size.
pub(super) type Given = (u32, u32);

/// No debug directory has more entries.
const MAX_ENTRIES: u32 = 64;

/// An entry of the debug directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct DebugEntry {
    pub(super) kind: u32,
    /// Where its data is loaded, and its size.
    pub(super) data: Given,
    /// Where its data stands in the file.
    pub(super) file: u32,
}

pub(super) fn debug_entries(header: &Header, bytes: &[u8]) -> Vec<DebugEntry> {
    let Some((address, size)) = header.directory(6) else {
        return Vec::new();
    };
    let Some(fields) = header.at(bytes, address) else {
        return Vec::new();
    };
    let entry = |number: u32| {
        let at = u64::from(number) * 28;
        Some(DebugEntry {
            kind: fields.u32(at + 12)?,
            data: (fields.u32(at + 20)?, fields.u32(at + 16)?),
            file: fields.u32(at + 24)?,
        })
    };
    (0..(size / 28).min(MAX_ENTRIES)).map_while(entry).collect()
}

/// What CodeView's record (RSDS) says.
pub(crate) struct Identity<'d> {
    /// The build's.
    pub(crate) guid: &'d [u8],
    /// The PDB's path, as the linker was told it.
    pub(crate) path: &'d [u8],
}

pub(crate) fn identity<'d>(header: &Header, bytes: &'d [u8]) -> Option<Identity<'d>> {
    let entries = debug_entries(header, bytes);
    let entry = entries.iter().find(|entry| entry.kind == 2)?;
    let range = Range::<FileOffset>::new(FileOffset(entry.file.into()), entry.data.1.into());
    let record = bytes.get(range.start.0 as usize..range.end().0 as usize)?;
    let rest = record.strip_prefix(b"RSDS")?;
    let path = rest.get(20..)?;
    let end = path.iter().position(|byte| *byte == 0);
    Some(Identity {
        guid: rest.get(..16)?,
        path: path.get(..end.unwrap_or(path.len()))?,
    })
}

/// A COFF group: a part of a section as object files call it (`.text$mn`, `.rdata$zzzdbg`).
#[derive(Clone, Debug)]
pub(super) struct Group<'d> {
    pub(super) name: &'d [u8],
    pub(super) place: Given,
}

/// The groups that link.exe writes into the debug directory, by address.
pub(super) fn groups<'d>(header: &Header, bytes: &'d [u8]) -> Vec<Group<'d>> {
    let mut groups = Vec::new();
    for entry in debug_entries(header, bytes) {
        // IMAGE_DEBUG_TYPE_POGO
        if entry.kind != 13 {
            continue;
        }
        let Some(fields) = header.at(bytes, entry.data.0) else {
            continue;
        };
        // A signature of four bytes, then address, size and name, filled up to four bytes.
        let mut at = 4;
        while at + 9 <= u64::from(entry.data.1) {
            let (Some(address), Some(size)) = (fields.u32(at), fields.u32(at + 4)) else {
                break;
            };
            let Some(name) = fields.terminated(at + 8) else {
                break;
            };
            groups.push(Group {
                name,
                place: (address, size),
            });
            at = (at + 8 + name.len() as u64 + 1).next_multiple_of(4);
        }
    }
    groups.sort_by_key(|group| group.place);
    groups
}
