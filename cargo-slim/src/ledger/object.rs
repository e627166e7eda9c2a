//! Constants and variables, one by one.

use super::sharing::PartyId;
use codecost::{address::AddressRange, attribution::Evidence, image::SectionKind};

/// Whether objects are looked for in a section of this kind.
pub(super) fn holds_objects(kind: SectionKind) -> bool {
    kind.is_data()
        || matches!(
            kind,
            SectionKind::Bss | SectionKind::TlsBss | SectionKind::Got
        )
}

/// What a piece of data is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataKind {
    /// Text.
    String,
    /// Jump table: offsets into code.
    Table,
    /// Drop glue, size, alignment, methods.
    Vtable,
    /// File, line and column of a panic.
    Location,
    /// A large block, such as `include_bytes!` makes.
    Embedded,
    /// A named constant or variable.
    Static,
    /// A number or vector that code reads whole.
    Literal,
    /// None of these.
    Unknown,
}

impl DataKind {
    /// The name in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Table => "table",
            Self::Vtable => "vtable",
            Self::Location => "location",
            Self::Embedded => "embedded",
            Self::Static => "static",
            Self::Literal => "literal",
            Self::Unknown => "unknown",
        }
    }

    /// What stands for the name in the identity of what has none.
    pub fn in_brackets(self) -> &'static str {
        match self {
            Self::String => "[string]",
            Self::Table => "[table]",
            Self::Vtable => "[vtable]",
            Self::Location => "[location]",
            Self::Embedded => "[embedded]",
            Self::Static => "[static]",
            Self::Literal => "[literal]",
            Self::Unknown => "[unknown]",
        }
    }
}

/// One constant or variable.
#[derive(Clone, Copy, Debug)]
pub struct DataObject {
    /// Where it is loaded.
    pub range: AddressRange,
    /// The section that holds it.
    pub section: u32,
    /// Its symbol's position, where one names it.
    pub symbol: Option<u32>,
    /// Whose it is.
    pub party: PartyId,
    /// How that is known.
    pub evidence: Evidence,
    /// How many bytes code reads there at once; 0 where only its address is taken.
    pub access: u16,
    /// Whether something is known to start here.
    pub anchored: bool,
    /// Bytes of the same variable that follow in the next section: where a file leaves out the zeroes that
    /// a section ends in, they are a section of their own, and one variable may lie in both.
    pub rest: u64,
    /// Whether this is such a rest, which is told with what is before it.
    pub is_rest: bool,
}

impl DataObject {
    /// One without an owner yet. `anchored`: something is known to start here.
    pub(super) fn new(
        range: AddressRange,
        section: u32,
        symbol: Option<u32>,
        anchored: bool,
    ) -> Self {
        Self {
            range,
            section,
            symbol,
            party: PartyId(u32::MAX),
            evidence: Evidence::None,
            access: 0,
            anchored,
            rest: 0,
            is_rest: false,
        }
    }
}
