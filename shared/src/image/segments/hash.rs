//! How many symbols the loader's hash tables are made over: without sections nothing else says it.
//!
//! Sources: the gABI's chapter on hash tables; for GNU's the loader of glibc (`do_lookup_x`).

use super::{super::Architecture, Image, bytes_from};
use std::collections::BTreeMap;

const HASH: u64 = 4;
const GNU_HASH: u64 = 0x6fff_fef5;
/// Of MIPS alone, where the dynamic table itself says it.
const MIPS_SYMBOLS: u64 = 0x7000_0011;

/// The number of dynamic symbols with the empty first one; `None` where no table says it.
pub(super) fn symbols(image: &Image<'_>, values: &BTreeMap<u64, u64>) -> Option<u64> {
    let of_mips = matches!(
        image.architecture,
        Architecture::Mips | Architecture::Mips64
    );
    let told = values.get(&MIPS_SYMBOLS).filter(|_| of_mips).copied();
    let old = || Some(old(image, *values.get(&HASH)?)?.1);
    // GNU's linker writes a table over no symbols the same way, however many there are.
    let gnu = || Some(gnu(image, *values.get(&GNU_HASH)?)?.1).filter(|count| *count > 0);
    told.or_else(old).or_else(gnu)
}

/// The hash tables: name, address and size.
pub(super) fn tables(
    image: &Image<'_>,
    values: &BTreeMap<u64, u64>,
) -> Vec<(&'static str, u64, u64)> {
    let of = |tag: u64, name, read: fn(&Image<'_>, u64) -> Option<(u64, u64)>| {
        let address = *values.get(&tag)?;
        Some((name, address, read(image, address)?.0))
    };
    let all = [of(HASH, ".hash", old), of(GNU_HASH, ".gnu.hash", gnu)];
    all.into_iter().flatten().collect()
}

/// The size of the older table, and the symbols that it is made over: it has one link for each.
fn old(image: &Image<'_>, address: u64) -> Option<(u64, u64)> {
    let (bytes, _) = bytes_from(image, address)?;
    let word = |at: usize| word(image, bytes, at);
    let (buckets, links) = (u64::from(word(0)?), u64::from(word(1)?));
    let size = 4 * (2 + buckets + links);
    (size <= bytes.len() as u64).then_some((size, links))
}

/// The size of GNU's table, and the symbols up to the last that is in it; 0 where none is.
fn gnu(image: &Image<'_>, address: u64) -> Option<(u64, u64)> {
    let (bytes, _) = bytes_from(image, address)?;
    let word = |at: usize| word(image, bytes, at);
    let (buckets, first, bloom) = (word(0)? as usize, word(1)?, word(2)? as usize);
    let words = if image.is_64 { 2 } else { 1 };
    let start = bloom.checked_mul(words)?.checked_add(4)?;
    let chains = start.checked_add(buckets)?;
    if chains > bytes.len() / 4 {
        return None;
    }
    let last = (start..chains).filter_map(word).max()?;
    if last < first {
        return Some((4 * chains as u64, 0));
    }
    // The chain of the last bucket is the last; the lowest bit marks its end.
    let mut at = chains.checked_add((last - first) as usize)?;
    while word(at)? & 1 == 0 {
        at += 1;
    }
    let count = u64::from(first) + (at - chains) as u64 + 1;
    Some((4 * (at as u64 + 1), count))
}

fn word(image: &Image<'_>, bytes: &[u8], number: usize) -> Option<u32> {
    let at = number.checked_mul(4)?;
    let word = bytes.get(at..at.checked_add(4)?)?;
    Some(image.u32(*word.first_chunk()?))
}
