//! Which of many things lies at an address.

use super::VirtualAddress;

/// Finds the last of many addresses that is not behind a given one.
///
/// A binary search over a hundred thousand things misses the cache at nearly every step. Here the
/// space is cut into about as many pages as there are things, and each page knows where to begin:
/// a look-up reads a page's entry and the few addresses that stand in it. Where all crowd on few
/// pages it is the binary search again.
#[derive(Clone, Debug, Default)]
pub struct AddressIndex {
    /// Sorted.
    starts: Vec<VirtualAddress>,
    /// How many starts are before each page, and before the end.
    before: Vec<u32>,
    /// A page has two to the power of this many bytes.
    shift: u32,
}

impl AddressIndex {
    /// Of `starts`, which are sorted. Linear.
    pub fn new(starts: Vec<VirtualAddress>) -> Self {
        debug_assert!(starts.is_sorted());
        let (Some(first), Some(last)) = (starts.first(), starts.last()) else {
            return Self::default();
        };
        let span = last.0 - first.0;
        let mut shift = 0;
        while span >> shift > starts.len() as u64 {
            shift += 1;
        }
        let mut before = Vec::with_capacity((span >> shift) as usize + 2);
        for (count, start) in (0..).zip(&starts) {
            let page = ((start.0 - first.0) >> shift) as usize;
            while before.len() <= page {
                before.push(count);
            }
        }
        before.push(starts.len() as u32);
        Self {
            starts,
            before,
            shift,
        }
    }

    /// The place of the last start that is at `address` or before it.
    #[inline]
    pub fn last_at(&self, address: VirtualAddress) -> Option<usize> {
        let distance = address.0.checked_sub(self.starts.first()?.0)?;
        let page = usize::try_from(distance >> self.shift).unwrap_or(usize::MAX);
        let (from, to) = match self.before.get(page..=page.saturating_add(1)) {
            Some([from, to]) => (*from as usize, *to as usize),
            _ => return self.starts.len().checked_sub(1),
        };
        let on_page = self.starts.get(from..to).unwrap_or_default();
        let next = from + on_page.partition_point(|start| *start <= address);
        next.checked_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_finds_what_a_search_finds(
            starts in prop::collection::vec(
                prop_oneof![0..200_u64, 0..100_000_u64, any::<u64>(), Just(u64::MAX)], 0..80,
            ),
            addresses in prop::collection::vec(prop_oneof![0..300_u64, any::<u64>()], 1..40),
        ) {
            let mut starts: Vec<_> = starts.into_iter().map(VirtualAddress).collect();
            starts.sort_unstable();
            let index = AddressIndex::new(starts.clone());
            let own = starts.iter().copied();
            for address in addresses.into_iter().map(VirtualAddress).chain(own) {
                let next = starts.partition_point(|start| *start <= address);
                prop_assert_eq!(index.last_at(address), next.checked_sub(1));
            }
        }
    }
}
