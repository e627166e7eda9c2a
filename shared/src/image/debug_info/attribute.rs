//! The values of attributes, as a pass over the entries hands them out.
//!
//! Truth: DWARF 5, section 7.5.5 (classes) and 7.5.6 (forms).

use gimli::constants as c;

use super::DebugSection;

/// An attribute's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A string.
    Text(TextRef),
    /// A string by its index in the unit's part of `.debug_str_offsets`.
    Strx(u64),
    /// An address.
    Address(u64),
    /// An address by its index in the unit's part of `.debug_addr`.
    Addrx(u64),
    /// A number; in DWARF 2 and 3 possibly an offset into a section.
    Number(u64),
    /// An offset into a section.
    Offset(u64),
    /// A range list by its index.
    Rnglistx(u64),
    /// A location list by its index.
    Loclistx(u64),
    /// An entry of the same unit, counted from the unit's start.
    Ref(u64),
    /// An entry of `.debug_info`.
    RefAddr(u64),
    /// An entry of `.debug_info` of the file that `dwz` shares between others.
    RefShared(u64),
    /// Anything else.
    Other,
}

impl Value {
    /// The number or section offset.
    pub(super) fn offset(self) -> Option<u64> {
        match self {
            Self::Number(value) | Self::Offset(value) => Some(value),
            _ => None,
        }
    }
}

/// Where a string is: the section in the top three bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TextRef(u64);

impl TextRef {
    pub(super) const NONE: Self = Self(u64::MAX);
    const SECTIONS: [DebugSection; 5] = [
        DebugSection::Str,
        DebugSection::LineStr,
        DebugSection::Info,
        DebugSection::Line,
        DebugSection::SharedStr,
    ];

    pub(super) fn new(section: DebugSection, offset: u64) -> Self {
        match Self::SECTIONS.iter().position(|kind| *kind == section) {
            Some(number) if offset < 1 << 61 => Self((number as u64) << 61 | offset),
            _ => Self::NONE,
        }
    }

    pub(super) fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// The section and the offset in it.
    pub(super) fn place(self) -> Option<(DebugSection, u64)> {
        let section = *Self::SECTIONS.get((self.0 >> 61) as usize)?;
        (!self.is_none()).then_some((section, self.0 & !(7 << 61)))
    }
}

/// How an entry gives the addresses of its code.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CodeRef {
    pub(super) low: Option<Value>,
    pub(super) high: Option<Value>,
    pub(super) ranges: Option<Value>,
}

impl CodeRef {
    /// Keeps the value if it is one of these.
    #[inline]
    pub(super) fn take(&mut self, at: gimli::DwAt, value: Value) {
        match at {
            c::DW_AT_low_pc => self.low = Some(value),
            c::DW_AT_high_pc => self.high = Some(value),
            c::DW_AT_ranges => self.ranges = Some(value),
            _ => {}
        }
    }
}
