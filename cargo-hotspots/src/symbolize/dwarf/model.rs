//! What is asked of the debug information, and what it answers.

use std::sync::Arc;

pub(in crate::symbolize) type Slice<'d> = gimli::EndianSlice<'d, gimli::RunTimeEndian>;

/// No function, no parent.
pub(super) const NONE: u32 = u32::MAX;
/// Where a function is described: an entry by its offset in a unit (a skeleton's are those of its
/// `.dwo` file).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::symbolize) struct EntryId {
    pub(in crate::symbolize) unit: u32,
    pub(in crate::symbolize) offset: usize,
}

/// What is at an address.
#[derive(Clone, Debug, Default)]
pub(in crate::symbolize) struct Answer {
    /// Innermost first; empty when no function is described here.
    pub(in crate::symbolize) frames: Vec<RawFrame>,
    /// The instruction's own file and line, also where there is no function.
    pub(in crate::symbolize) row: Option<(Option<Arc<str>>, Option<u32>)>,
    /// Whether the instruction's row has line 0.
    pub(in crate::symbolize) line_zero: bool,
    /// The unit, when there is any answer.
    pub(in crate::symbolize) unit: Option<u32>,
}

/// A function at an address.
#[derive(Clone, Debug)]
pub(in crate::symbolize) struct RawFrame {
    pub(in crate::symbolize) function: EntryId,
    pub(in crate::symbolize) file: Option<Arc<str>>,
    pub(in crate::symbolize) line: Option<u32>,
}
