//! Address spaces, kept apart by type.
//!
//! A *file offset* counts from the first byte of the file; a *virtual address* is what symbols,
//! relocations and instructions speak of, before the loader moves the image. Under lld the two
//! differ by a page per segment for code, and confusing them sends most addresses to a wrong
//! function. They do not convert into each other except through an image's segments or sections.

mod index;

pub use index::AddressIndex;

use std::fmt;

macro_rules! address_space {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl $name {
            /// This address moved forward by `bytes`, or `None` past the end of the space.
            #[inline]
            pub fn checked_add(self, bytes: u64) -> Option<Self> {
                self.0.checked_add(bytes).map(Self)
            }

            /// The bytes from `earlier` to here, or `None` when `earlier` is later.
            #[inline]
            pub fn checked_since(self, earlier: Self) -> Option<u64> {
                self.0.checked_sub(earlier.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:#x}", self.0)
            }
        }
    };
}

address_space! {
    /// Bytes from the start of the file.
    FileOffset
}
address_space! {
    /// An address as the file's own tables give it (ELF `st_value`, `sh_addr`, `p_vaddr`).
    VirtualAddress
}

/// A half-open range `[start, start + size)` of one address space.
///
/// The end never overflows: [`Range::new`] clips it to the end of the space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Range<A> {
    /// The first address.
    pub start: A,
    /// How many bytes.
    pub size: u64,
}

macro_rules! ranges {
    ($($name:ident),*) => {$(
        impl Range<$name> {
            /// `size` bytes from `start`, clipped to the end of the address space.
            #[inline]
            pub fn new(start: $name, size: u64) -> Self {
                Self { start, size: size.min(u64::MAX - start.0) }
            }

            /// The range from `start` up to, not including, `end`; empty when `end` is earlier.
            #[inline]
            pub fn between(start: $name, end: $name) -> Self {
                Self { start, size: end.0.saturating_sub(start.0) }
            }

            /// The first address behind the range.
            #[inline]
            pub fn end(self) -> $name {
                $name(self.start.0 + self.size)
            }

            /// Whether `address` is inside.
            #[inline]
            pub fn contains(self, address: $name) -> bool {
                address.0.wrapping_sub(self.start.0) < self.size
            }

            /// The part that both ranges cover; empty when there is none.
            #[inline]
            pub fn intersection(self, other: Self) -> Self {
                let start = self.start.max(other.start);
                Self::between(start, self.end().min(other.end()))
            }

            /// Whether it holds no byte.
            #[inline]
            pub fn is_empty(self) -> bool {
                self.size == 0
            }
        }
    )*};
}
ranges!(FileOffset, VirtualAddress);

/// A range of bytes of the file.
pub type FileRange = Range<FileOffset>;
/// A range of virtual addresses.
pub type AddressRange = Range<VirtualAddress>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_clip_instead_of_overflowing() {
        let range = FileRange::new(FileOffset(u64::MAX - 1), 10);
        assert_eq!(range.end(), FileOffset(u64::MAX));
        assert!(range.contains(FileOffset(u64::MAX - 1)));
        assert!(!range.contains(FileOffset(u64::MAX)));
        assert!(!range.contains(FileOffset(0)));
    }

    #[test]
    fn intersection_of_disjoint_ranges_is_empty() {
        let a = AddressRange::new(VirtualAddress(0), 4);
        let b = AddressRange::new(VirtualAddress(8), 4);
        assert!(a.intersection(b).is_empty());
        let c = AddressRange::new(VirtualAddress(2), 10);
        assert_eq!(a.intersection(c), AddressRange::new(VirtualAddress(2), 2));
    }
}
