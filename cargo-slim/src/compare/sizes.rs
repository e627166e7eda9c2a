//! When two sizes can be of the same source.

/// The compiler makes a little more or less of the same source.
pub(super) fn are_near(size: u64, other: u64) -> bool {
    let slack = (size.max(other) / 4).max(16);
    size.abs_diff(other) <= slack
}

/// At most twice as large.
pub(super) fn are_comparable(size: u64, other: u64) -> bool {
    size.max(other) / 2 <= size.min(other) || are_near(size, other)
}
