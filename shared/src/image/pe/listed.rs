//! Code that tables of 32-bit images name, which have no function table.
//!
//! Sources: `IMAGE_LOAD_CONFIG_DIRECTORY32` of Microsoft's "PE Format", with the handlers that
//! `/SAFESEH` lists and the functions that control flow guard lists; `FuncInfo` of the C++ handler, as
//! compilers write it, with addresses in place of distances and no table of addresses.

use super::{
    super::{Architecture, Image, SectionKind},
    Header,
};
use crate::address::VirtualAddress;

/// The data directory of the load configuration.
const LOAD_CONFIG: usize = 10;

/// What lists functions: where in the load configuration their table's address stands, and the count
/// behind it.
const HANDLERS: u64 = 64;
const GUARDED: u64 = 80;
const GUARD_FLAGS: u64 = 88;

/// Functions that the load configuration names.
pub(crate) fn starts(image: &Image<'_>, header: &Header) -> Vec<VirtualAddress> {
    let mut starts = Vec::new();
    if header.wide {
        return starts;
    }
    let directory = header.directory(LOAD_CONFIG);
    let Some(config) = directory.and_then(|(at, _)| header.at(image.bytes, at)) else {
        return starts;
    };
    // The structure says how much of it there is; older ones are shorter.
    let size = u64::from(config.u32(0).unwrap_or_default());
    let field = |at: u64| config.u32(at).filter(|_| at + 4 <= size);
    let more = field(GUARD_FLAGS).unwrap_or_default() >> 28;
    for (at, entry) in [(HANDLERS, 4), (GUARDED, 4 + u64::from(more))] {
        let (Some(table), Some(count)) = (field(at), field(at + 4)) else {
            continue;
        };
        let table = header.distance_to(VirtualAddress(table.into()));
        let Some(table) = table.and_then(|table| header.at(image.bytes, table)) else {
            continue;
        };
        let all = (0..u64::from(count)).map_while(|number| table.u32(number * entry));
        starts.extend(all.map(|start| header.address(start)));
    }
    starts
}

/// Bytes of an entry of each map.
const STATE: u64 = 8;
const TRY_BLOCK: u64 = 20;
const HANDLER: u64 = 16;

/// Where the parts of functions begin that run while they unwind, which start no function.
pub(crate) fn funclets(image: &Image<'_>, header: &Header) -> Vec<VirtualAddress> {
    let mut found = Vec::new();
    if image.architecture != Architecture::I686 {
        return Vec::new();
    }
    let at = |address: u32| {
        let distance = header.distance_to(VirtualAddress(address.into()))?;
        header.at(image.bytes, distance)
    };
    // Whatever the maps claim, they have their own bytes.
    let mut left = image.bytes.len() / 4;
    for section in &image.sections {
        if section.kind == SectionKind::Code || !section.loaded {
            continue;
        }
        // A section may be cut at any address.
        let skip = section.address.0.wrapping_neg() % 4;
        let bytes = image.section_bytes(section).get(skip as usize..);
        let (words, _) = bytes.unwrap_or_default().as_chunks::<4>();
        for (position, magic) in words.iter().enumerate() {
            if !matches!(u32::from_le_bytes(*magic), 0x1993_0520..=0x1993_0522) {
                continue;
            }
            let field = |number: usize| Some(u32::from_le_bytes(*words.get(position + number)?));
            let maps = || Some((field(1)?, at(field(2)?), field(3)?, at(field(4)?)));
            let Some((states, state_map, tries, try_map)) = maps() else {
                continue;
            };
            let mut take = |count: u32| {
                left = left.saturating_sub(count as usize);
                left > 0
            };
            if let Some(map) = state_map.filter(|_| take(states)) {
                let actions = (0..states.into()).map_while(|state: u64| map.u32(state * STATE + 4));
                found.extend(actions.filter(|action| *action > 0));
            }
            let Some(map) = try_map.filter(|_| take(tries)) else {
                continue;
            };
            for number in 0..u64::from(tries) {
                let block = number * TRY_BLOCK;
                let (Some(count), Some(array)) = (map.u32(block + 12), map.u32(block + 16)) else {
                    break;
                };
                if let Some(array) = at(array).filter(|_| take(count)) {
                    let starts = (0..u64::from(count)).map_while(|it| array.u32(it * HANDLER + 12));
                    found.extend(starts);
                }
            }
        }
    }
    let found = found.into_iter();
    found
        .map(|start: u32| VirtualAddress(start.into()))
        .collect()
}
