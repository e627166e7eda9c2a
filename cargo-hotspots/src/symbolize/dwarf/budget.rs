//! A bound on the work that a file can ask for.
//!
//! Honest debug information refers to each list, string and line program about once. What is read
//! of them, also through references, may cost a multiple of their sections' sizes; then no more is
//! read, and the answers are what was known until then.

use super::model::Slice;
use codecost::image::debug_info::DebugSection;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a hostile file could ask for again and again.
pub(super) struct Budget {
    ranges: AtomicU64,
    matches: AtomicU64,
    text: AtomicU64,
    lines: AtomicU64,
}

impl Budget {
    /// A multiple of the sections' sizes.
    pub(super) fn new(size: impl Fn(DebugSection) -> usize) -> Self {
        let sum = |kinds: &[DebugSection]| -> u64 {
            let sizes = kinds.iter().map(|kind| size(*kind) as u64);
            sizes.sum::<u64>().saturating_mul(4).saturating_add(1 << 20)
        };
        use DebugSection::{Info, Line, LineStr, Ranges, RngLists, Str};
        Self {
            ranges: sum(&[Info, Ranges, RngLists]).into(),
            matches: sum(&[Info]).saturating_mul(4).into(),
            text: sum(&[Info, Str, LineStr]).saturating_mul(4).into(),
            lines: sum(&[Line]).into(),
        }
    }

    /// A request for more than is left gets nothing, as do all after it.
    fn spend(left: &AtomicU64, amount: u64) -> bool {
        let enough = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(amount)
        });
        if enough.is_err() {
            left.store(0, Ordering::Relaxed);
        }
        enough.is_ok()
    }

    /// Entries of range lists.
    pub(super) fn ranges(&self, amount: u64) -> bool {
        Self::spend(&self.ranges, amount)
    }

    /// Addresses that were found in a function's range.
    pub(super) fn matches(&self, amount: u64) -> bool {
        Self::spend(&self.matches, amount)
    }

    /// A string. Its end is searched for before its length is known, so that it is paid for
    /// afterwards: at most one too many for each thread.
    pub(super) fn text<'s>(
        &self,
        dwarf: &gimli::Dwarf<Slice<'s>>,
        unit: &gimli::Unit<Slice<'s>>,
        value: gimli::AttributeValue<Slice<'s>>,
    ) -> Option<String> {
        if self.text.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let text = dwarf.attr_string(unit, value).ok()?;
        let paid = Self::spend(&self.text, text.len() as u64);
        (paid && !text.is_empty()).then(|| String::from_utf8_lossy(text.slice()).into_owned())
    }

    /// More to read, more to spend.
    pub(super) fn extend(&self, size: usize) {
        let size = size as u64;
        self.ranges.fetch_add(size, Ordering::Relaxed);
        self.matches
            .fetch_add(size.saturating_mul(4), Ordering::Relaxed);
        self.text
            .fetch_add(size.saturating_mul(4), Ordering::Relaxed);
    }

    /// Bytes of line programs and entries of their file tables.
    pub(super) fn lines(&self, amount: usize) -> bool {
        Self::spend(&self.lines, amount as u64)
    }
}
