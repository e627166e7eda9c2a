//! What exception handlers use: the tables behind a function's unwind data.
//!
//! Rust's and C++'s handler (`__CxxFrameHandler3`) finds a `FuncInfo` there, which leads to maps of
//! states, of addresses and of try blocks; C's (`__C_specific_handler`) a table of scopes. Which one
//! it is, only the imports could tell; the magic number does it, too.

use super::{Header, directories::Given};
use std::collections::BTreeSet;

/// Bytes of a `FuncInfo`, and of an entry of each map.
const FUNC_INFO: u32 = 40;
const STATE: u32 = 8;
const ADDRESS: u32 = 8;
const TRY_BLOCK: u32 = 20;
const HANDLER: u32 = 20;
const SCOPE: u32 = 16;

/// Adds the parts of the handler's data at `at`, and where its funclets begin. `None` where it is of
/// a kind that is not known.
pub(super) fn read(
    header: &Header,
    bytes: &[u8],
    at: u32,
    parts: &mut Vec<Given>,
    funclets: &mut BTreeSet<u32>,
    left: &mut usize,
) -> Option<()> {
    let first = header.at(bytes, at)?.u32(0)?;
    let info = header.at(bytes, first).filter(|info| {
        let magic = info.u32(0).map(|magic| magic & 0x1fff_ffff);
        matches!(magic, Some(0x1993_0520..=0x1993_0522))
    });
    let Some(info) = info else {
        return scopes(header, bytes, at, first, parts, left);
    };
    extend(parts, 4);
    parts.push((first, FUNC_INFO));
    let count = |field: u64| info.u32(4 * field);
    let (states, state_map) = (count(1)?, count(2)?);
    let (tries, try_map) = (count(3)?, count(4)?);
    let (addresses, address_map) = (count(5)?, count(6)?);
    let mut take = |count: u32| {
        *left = left.checked_sub(count as usize)?;
        Some(())
    };
    take(states)?;
    take(tries)?;
    take(addresses)?;
    parts.push((state_map, states.saturating_mul(STATE)));
    parts.push((address_map, addresses.saturating_mul(ADDRESS)));
    if let Some(map) = header.at(bytes, state_map) {
        // State to go to, action.
        let actions =
            (0..states).map_while(|state| map.u32(u64::from(state) * u64::from(STATE) + 4));
        funclets.extend(actions.filter(|action| *action > 0));
    }
    if tries == 0 {
        return Some(());
    }
    parts.push((try_map, tries.saturating_mul(TRY_BLOCK)));
    let map = header.at(bytes, try_map)?;
    for number in 0..u64::from(tries) {
        let at = number * u64::from(TRY_BLOCK);
        let (handlers, array) = (map.u32(at + 12)?, map.u32(at + 16)?);
        take(handlers)?;
        parts.push((array, handlers.saturating_mul(HANDLER)));
        let array = header.at(bytes, array)?;
        let starts = (0..u64::from(handlers)).map_while(|handler| array.u32(handler * 20 + 12));
        funclets.extend(starts.filter(|start| *start > 0));
    }
    Some(())
}

/// A count and so many scopes, all of which lie in code.
fn scopes(
    header: &Header,
    bytes: &[u8],
    at: u32,
    count: u32,
    parts: &mut [Given],
    left: &mut usize,
) -> Option<()> {
    let fields = header.at(bytes, at)?;
    if count == 0 || count > 1 << 16 {
        return None;
    }
    *left = left.checked_sub(count as usize)?;
    for number in 0..u64::from(count) {
        let scope = 4 + number * u64::from(SCOPE);
        let (begin, end) = (fields.u32(scope)?, fields.u32(scope + 4)?);
        if begin >= end {
            return None;
        }
    }
    extend(parts, 4 + count * SCOPE);
    Some(())
}

/// What follows the unwind data itself is a part of it.
fn extend(parts: &mut [Given], more: u32) {
    if let Some((_, size)) = parts.last_mut() {
        *size = size.saturating_add(more);
    }
}
