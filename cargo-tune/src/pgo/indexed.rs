//! The functions of a merged profile, read from the file itself, so that no tool of LLVM is needed
//! to say how much of a profile still fits.
//!
//! Truth: LLVM's `InstrProf.h` (`IndexedInstrProf`), `InstrProfReader.h` (`InstrProfLookupTrait`)
//! and `OnDiskHashTable.h`. All numbers are little-endian. The head is the magic, the version, an
//! unused word, the kind of hash, and the offset of a chained hash table: from the name of a
//! function to its records, one for each hash of its control flow. A record is that hash, the
//! counters, from version 11 on a bitmap (which rustc never asks for), and the value profile.
//!
//! The file may be damaged or made to harm: each read is checked, and no more is read than the
//! length of the file, however the chains of the table overlap.

use super::coverage::{Functions, Weight};

const MAGIC: &[u8; 8] = b"\xfflprofi\x81";
/// The upper byte of the version says what kind of instrumentation it was.
const VERSION: u64 = 0x00ff_ffff_ffff_ffff;
/// The versions that this reads: those of LLVM 4 to 22. Older ones have no rustc with PGO.
const READ: std::ops::RangeInclusive<u64> = 4..=13;
/// From this version on, a record has a bitmap.
const BITMAP: u64 = 11;

/// Why a profile is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It is of a version (or has a part) that this does not know; a tool of LLVM may.
    Unknown(String),
    /// It is no profile, or is damaged.
    Malformed(&'static str),
}

/// How many functions the profile in `bytes` names, and the sum of all their counters.
///
/// # Errors
///
/// It is damaged, or of an unknown version.
pub fn weight(bytes: &[u8]) -> Result<Weight, Fault> {
    functions(bytes).map(|functions| functions.sum(|_| true))
}

/// All functions of the profile in `bytes`.
///
/// # Errors
///
/// It is damaged, or of an unknown version.
pub(super) fn functions(bytes: &[u8]) -> Result<Functions, Fault> {
    let truncated = Fault::Malformed("it ends too early");
    let mut head = Reader { rest: bytes };
    if head.take(8) != Some(MAGIC) {
        return Err(Fault::Malformed("it does not begin like a merged profile"));
    }
    let version = head.word().ok_or(truncated.clone())? & VERSION;
    if !READ.contains(&version) {
        let (from, to) = (READ.start(), READ.end());
        return Err(Fault::Unknown(format!(
            "it is of version {version}, and this program reads versions {from} to {to}"
        )));
    }
    let _unused = head.word();
    let _kind_of_hash = head.word();
    let table = head.word().ok_or(truncated.clone())?;
    let mut table = Reader::at(bytes, table).ok_or(truncated.clone())?;
    let buckets = table.word().ok_or(truncated.clone())?;
    let entries = table.word().ok_or(truncated.clone())?;
    let buckets = usize::try_from(buckets).ok();
    let length = buckets.and_then(|buckets| buckets.checked_mul(8));
    let buckets = length.and_then(|length| table.take(length));
    let buckets = buckets.ok_or(truncated)?;
    let mut all = Entries {
        bytes,
        version,
        // Chains that overlap would be read again and again.
        left: bytes.len(),
        functions: Functions::default(),
        read: 0,
    };
    for bucket in buckets.chunks_exact(8) {
        let offset = Reader { rest: bucket }.word().unwrap_or_default();
        if offset != 0 {
            all.chain(offset)?;
        }
    }
    match all.read == entries {
        true => Ok(all.functions),
        false => Err(Fault::Malformed("its table has another number of entries")),
    }
}

/// What was read of the table.
struct Entries<'b> {
    bytes: &'b [u8],
    version: u64,
    left: usize,
    functions: Functions,
    read: u64,
}

impl Entries<'_> {
    /// The entries of one bucket.
    fn chain(&mut self, offset: u64) -> Result<(), Fault> {
        let truncated = Fault::Malformed("an entry of its table ends too early");
        let mut chain = Reader::at(self.bytes, offset).ok_or(truncated.clone())?;
        let items = chain.take(2).ok_or(truncated.clone())?;
        let items = items
            .iter()
            .rev()
            .fold(0_u16, |n, b| n << 8 | u16::from(*b));
        for _ in 0..items {
            let before = chain.rest.len();
            let _hash = chain.word();
            let name = chain.length().ok_or(truncated.clone())?;
            let data = chain.length().ok_or(truncated.clone())?;
            let name = chain.take(name).ok_or(truncated.clone())?;
            let data = chain.take(data).ok_or(truncated.clone())?;
            let read = before - chain.rest.len();
            let overlap = Fault::Malformed("the entries of its table overlap");
            self.left = self.left.checked_sub(read).ok_or(overlap)?;
            self.read += 1;
            let sum = self.records(data)?;
            self.functions.add(&String::from_utf8_lossy(name), sum);
        }
        Ok(())
    }

    /// The sum of all counters of one name.
    fn records(&self, data: &[u8]) -> Result<u64, Fault> {
        let truncated = Fault::Malformed("the counters of a function end too early");
        let mut data = Reader { rest: data };
        let mut sum = 0_u64;
        while !data.rest.is_empty() {
            let _hash = data.word().ok_or(truncated.clone())?;
            let counters = data.length().and_then(|count| count.checked_mul(8));
            let counters = counters.and_then(|length| data.take(length));
            for counter in counters.ok_or(truncated.clone())?.chunks_exact(8) {
                let counter = Reader { rest: counter }.word().unwrap_or_default();
                sum = sum.saturating_add(counter);
            }
            if self.version >= BITMAP && data.word().ok_or(truncated.clone())? != 0 {
                let bitmap = "it has bitmaps of conditions, which this program does not read";
                return Err(Fault::Unknown(bitmap.to_owned()));
            }
            // The value profile begins with its own length, which includes these four bytes.
            let length = data.rest.get(..4).ok_or(truncated.clone())?;
            let length = length.iter().rev().fold(0, |n, b| n << 8 | usize::from(*b));
            if length < 8 || data.take(length).is_none() {
                return Err(truncated);
            }
        }
        Ok(sum)
    }
}

/// Bytes that are read from the front.
struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    fn at(bytes: &'b [u8], offset: u64) -> Option<Self> {
        let rest = bytes.get(usize::try_from(offset).ok()?..)?;
        Some(Self { rest })
    }

    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn word(&mut self) -> Option<u64> {
        let bytes: [u8; 8] = self.take(8)?.try_into().ok()?;
        Some(u64::from_le_bytes(bytes))
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.word()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A profile with these functions in two chains, as LLVM lays it out.
    fn profile(version: u64, functions: &[(&str, &[u64])]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let word = |bytes: &mut Vec<u8>, n: u64| bytes.extend(n.to_le_bytes());
        word(&mut bytes, version | 1 << 56);
        for _ in 0..7 {
            word(&mut bytes, 0);
        }
        let mut offsets = Vec::new();
        for chain in functions.chunks(functions.len().div_ceil(2).max(1)) {
            offsets.push(bytes.len() as u64);
            bytes.extend((chain.len() as u16).to_le_bytes());
            for (name, counters) in chain {
                let mut data = Vec::new();
                word(&mut data, 77);
                word(&mut data, counters.len() as u64);
                counters.iter().for_each(|n| word(&mut data, *n));
                if version >= BITMAP {
                    word(&mut data, 0);
                }
                data.extend([8, 0, 0, 0, 0, 0, 0, 0]);
                word(&mut bytes, 5);
                word(&mut bytes, name.len() as u64);
                word(&mut bytes, data.len() as u64);
                bytes.extend(name.as_bytes());
                bytes.extend(data);
            }
        }
        let table = (bytes.len() as u64).to_le_bytes();
        bytes[32..40].copy_from_slice(&table);
        // An empty bucket has no chain.
        word(&mut bytes, offsets.len() as u64 + 1);
        word(&mut bytes, functions.len() as u64);
        word(&mut bytes, 0);
        offsets.iter().for_each(|offset| word(&mut bytes, *offset));
        bytes
    }

    const SOME: &[(&str, &[u64])] = &[("a", &[1, 2]), ("m;b", &[0]), ("c", &[u64::MAX, 9])];

    #[test]
    fn functions_and_their_counts_are_read_in_all_versions() {
        for version in READ {
            let read = functions(&profile(version, SOME)).unwrap();
            let mut expected = Functions::default();
            expected.add("a", 3);
            expected.add("m;b", 0);
            expected.add("c", u64::MAX);
            assert_eq!(read, expected, "version {version}");
        }
        assert_eq!(functions(&profile(13, &[])), Ok(Functions::default()));
    }

    #[test]
    fn an_unknown_version_and_another_file_are_told_apart() {
        let of = |version| functions(&profile(version, SOME)).unwrap_err();
        for version in [3, 14] {
            let Fault::Unknown(why) = of(version) else {
                panic!("version {version} is unknown")
            };
            assert!(why.contains(&format!("version {version},")), "{why}");
        }
        let other = functions(b"\xfflprofr\x81 something else").unwrap_err();
        assert!(matches!(other, Fault::Malformed(_)));
        assert!(functions(b"").is_err());
    }

    #[test]
    fn chains_that_overlap_are_refused() {
        let mut bytes = profile(13, SOME);
        // Both buckets name the first chain.
        let end = bytes.len();
        let first = bytes[end - 16..end - 8].to_vec();
        bytes[end - 8..].copy_from_slice(&first);
        assert!(functions(&bytes).is_err());
        // Many buckets for one chain would take the square of the length.
        let mut bytes = profile(13, &[("a", &[1; 400])]);
        let offset = bytes[bytes.len() - 8..].to_vec();
        let table = bytes.len() - 32;
        bytes.truncate(table);
        bytes.extend(50_000_u64.to_le_bytes());
        bytes.extend(50_000_u64.to_le_bytes());
        (0..50_000).for_each(|_| bytes.extend(&offset));
        let fault = functions(&bytes).unwrap_err();
        assert_eq!(fault, Fault::Malformed("the entries of its table overlap"));
    }

    #[test]
    fn every_truncation_is_refused() {
        let bytes = profile(13, SOME);
        for length in 0..bytes.len() {
            assert!(functions(&bytes[..length]).is_err(), "{length} bytes");
        }
    }

    proptest! {
        #[test]
        fn damage_does_no_harm(at in 0_usize..400, byte: u8, more in 0_usize..400, other: u8) {
            let mut bytes = profile(13, SOME);
            for (at, byte) in [(at, byte), (more, other)] {
                if let Some(slot) = bytes.get_mut(at) {
                    *slot = byte;
                }
            }
            // Whatever is read, it is no more than the file can hold.
            if let Ok(read) = functions(&bytes) {
                prop_assert!(read.sum(|_| true).functions <= 3);
            }
        }
    }
}
