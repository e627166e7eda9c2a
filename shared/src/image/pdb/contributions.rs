//! Section contributions: which bytes of the image come from which object file.

use super::{super::pe::Header, Pdb};

/// A piece of the image that one object file contributed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contribution {
    /// From the image's start.
    pub(super) start: u32,
    pub(super) size: u32,
    pub(super) module: u16,
}

/// Versions of the list: entries of 28 bytes, and of 32.
const VERSION: u32 = 0xf12e_ba2d;
const VERSION_2: u32 = 0xf131_51e4;

/// All of them by address.
pub(super) fn read(pdb: &Pdb<'_>, header: &Header) -> Vec<Contribution> {
    let Some(fields) = pdb.part(1) else {
        return Vec::new();
    };
    let entry = match fields.u32(0) {
        Some(VERSION) => 28,
        Some(VERSION_2) => 32,
        _ => return Vec::new(),
    };
    let count = (fields.bytes.len() as u64 - 4) / entry;
    let mut all = Vec::with_capacity(count as usize);
    for number in 0..count {
        let at = 4 + number * entry;
        let read = || {
            let section = fields.u16(at)?;
            Some(Contribution {
                start: header.in_section(section, fields.u32(at + 4)?)?,
                size: fields.u32(at + 8)?,
                module: fields.u16(at + 16)?,
            })
        };
        all.extend(read().filter(|one| one.size > 0));
    }
    all.sort_by_key(|one| (one.start, std::cmp::Reverse(one.size)));
    all
}
