//! Units: their headers, and what the first entry says about the whole unit.
//!
//! Truth: DWARF 5, sections 7.5.1 (headers) and 3.1 (unit entries); for Rust units the compiler's
//! own naming, see [`UnitName`].

use gimli::constants as c;

use super::{
    DebugInfo, DebugSection,
    attribute::{CodeRef, Value},
    reader::Reader,
};
use crate::address::{AddressRange, VirtualAddress};

/// What sort of unit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitKind {
    /// An ordinary compilation unit.
    Compile,
    /// Part of other units, taken out of them (`dwz`).
    Partial,
    /// A type that several compilations share.
    Type,
    /// What stays in the program of a unit whose rest is in a `.dwo` or `.dwp` file.
    Skeleton,
    /// The unit of a `.dwo` file.
    Split,
    /// None of the known ones.
    Other,
}

/// A unit of `.debug_info` or `.debug_types`.
#[derive(Clone, Debug)]
pub struct Unit<'d> {
    /// [`DebugSection::Info`] or [`DebugSection::Types`].
    pub section: DebugSection,
    /// Where the unit starts in that section.
    pub start: u64,
    /// Behind its last byte.
    pub end: u64,
    /// The DWARF version, 2 to 5.
    pub version: u16,
    /// The size of an address in bytes.
    pub address_size: u8,
    /// What sort of unit it is.
    pub kind: UnitKind,
    /// `DW_AT_name`: for Rust see [`Unit::rust_name`], for C the source file.
    pub name: Option<&'d [u8]>,
    /// `DW_AT_comp_dir`: where the compiler ran.
    pub comp_dir: Option<&'d [u8]>,
    /// `DW_AT_producer`: the compiler.
    pub producer: Option<&'d [u8]>,
    /// `DW_AT_language` as a number (28 is Rust).
    pub language: Option<u16>,
    /// The `.dwo` file of a skeleton.
    pub dwo_name: Option<&'d [u8]>,
    /// For a type unit without a name: the compilation unit with the same line table, so of the
    /// same object file.
    pub companion: Option<u32>,
    /// Whether its first entry could not be read.
    pub damaged: bool,

    pub(super) offset_size: u8,
    pub(super) entries_start: u64,
    pub(super) abbrev_offset: u64,
    /// Index into the abbreviation tables.
    pub(super) table: Option<u32>,
    pub(super) bases: Bases,
    pub(super) stmt_list: Option<u64>,
    pub(super) code: CodeRef,
}

/// Where the unit's parts of the indexed sections start.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bases {
    pub(super) str_offsets: Option<u64>,
    pub(super) addr: Option<u64>,
    pub(super) rnglists: Option<u64>,
    pub(super) loclists: Option<u64>,
    /// Where a skeleton's `.dwo` file counts range lists from, before DWARF 5.
    pub(super) split_ranges: Option<u64>,
}

/// The name that rustc gives to its units: `<crate root>/@/<codegen unit>`.
///
/// `src/lib.rs/@/ripgrep.1a2b3c4d5e6f7a8b-cgu.3`: the crate root as given to the compiler (below
/// [`Unit::comp_dir`] when relative), then the codegen unit's name, which is the crate's name,
/// the hexadecimal `StableCrateId` (the same number as in v0 symbols, there in base 62) and a
/// number. Under incremental compilation the second part is one hash and names no crate. Under
/// LTO it is still the unit of the crate that was compiled, not of the one that was linked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitName<'d> {
    /// The crate's root file.
    pub root: &'d str,
    /// The codegen unit.
    pub codegen_unit: &'d str,
    /// The crate's name, unless hashed.
    pub crate_name: Option<&'d str>,
    /// The crate's `StableCrateId`, unless hashed.
    pub crate_id: Option<u64>,
}

impl<'d> UnitName<'d> {
    /// Takes a unit's name apart; `None` when rustc did not make it.
    pub fn parse(name: &'d str) -> Option<Self> {
        let (root, codegen_unit) = name.rsplit_once("/@/")?;
        Some(Self {
            root,
            ..Self::of_codegen_unit(codegen_unit)
        })
    }

    fn of_codegen_unit(codegen_unit: &'d str) -> Self {
        let mut parsed = Self {
            root: "",
            codegen_unit,
            crate_name: None,
            crate_id: None,
        };
        if let Some((stem, _number)) = codegen_unit.rsplit_once("-cgu.")
            && let Some((crate_name, id)) = stem.rsplit_once('.')
            && !crate_name.is_empty()
        {
            // The id has at least eight digits and loses its leading zeros beyond that. What
            // follows it, for units of a generic's crate, starts with a dot or dash.
            if let Ok(id) = u64::from_str_radix(id, 16) {
                parsed.crate_name = Some(crate_name);
                parsed.crate_id = Some(id);
            }
        }
        parsed
    }
}

impl<'d> Unit<'d> {
    /// The parts of a Rust unit's name. A skeleton has none of its own; its `.dwo` file is called
    /// `<output>.<codegen unit>.rcgu.dwo`, so that its crate's root is unknown (empty).
    pub fn rust_name(&self) -> Option<UnitName<'d>> {
        let text = |bytes| std::str::from_utf8(bytes).ok();
        if let Some(name) = self.name {
            return UnitName::parse(text(name)?);
        }
        let file = text(self.dwo_name?)?.strip_suffix(".rcgu.dwo")?;
        let file = file.rsplit_once('/').map_or(file, |(_, file)| file);
        // Behind the last dot is the crate's id, behind the one before the crate's name.
        let (stem, _number) = file.rsplit_once("-cgu.")?;
        let unit_start = stem
            .rmatch_indices('.')
            .nth(1)
            .map_or(0, |(dot, _)| dot + 1);
        Some(UnitName {
            root: "",
            ..UnitName::of_codegen_unit(file.get(unit_start..)?)
        })
    }

    /// Whether its language is Rust.
    pub fn is_rust(&self) -> bool {
        self.language == Some(c::DW_LANG_Rust.0)
    }

    /// Reads the header at `offset`. `Err` says where the next unit starts when that is known.
    pub(super) fn read_header(
        section: DebugSection,
        data: &'d [u8],
        offset: u64,
        big_endian: bool,
    ) -> Result<Self, Option<u64>> {
        let mut reader = Reader::at(data, offset, big_endian);
        let (length, offset_size) = reader.initial_length().ok_or(None)?;
        let end = (reader.pos() as u64).checked_add(length).ok_or(None)?;
        if end > data.len() as u64 {
            return Err(None);
        }
        let next = Some(end);
        let mut reader = reader.clip(end as usize);
        let version = reader.u16().ok_or(next)?;
        let mut kind = UnitKind::Compile;
        let (address_size, abbrev_offset);
        match version {
            2..=4 => {
                abbrev_offset = reader.uint(offset_size).ok_or(next)?;
                address_size = reader.u8().ok_or(next)?;
                if section == DebugSection::Types {
                    kind = UnitKind::Type;
                    reader.skip(8 + u64::from(offset_size)).ok_or(next)?;
                }
            }
            5 => {
                let unit_type = gimli::DwUt(reader.u8().ok_or(next)?);
                address_size = reader.u8().ok_or(next)?;
                abbrev_offset = reader.uint(offset_size).ok_or(next)?;
                let extra;
                (kind, extra) = match unit_type {
                    c::DW_UT_compile => (UnitKind::Compile, 0),
                    c::DW_UT_partial => (UnitKind::Partial, 0),
                    c::DW_UT_type | c::DW_UT_split_type => {
                        (UnitKind::Type, 8 + u64::from(offset_size))
                    }
                    c::DW_UT_skeleton => (UnitKind::Skeleton, 8),
                    c::DW_UT_split_compile => (UnitKind::Split, 8),
                    _ => return Err(next),
                };
                reader.skip(extra).ok_or(next)?;
            }
            _ => return Err(next),
        }
        if !matches!(address_size, 1 | 2 | 4 | 8) {
            return Err(next);
        }
        Ok(Self {
            section,
            start: offset,
            end,
            version,
            address_size,
            kind,
            name: None,
            comp_dir: None,
            producer: None,
            language: None,
            dwo_name: None,
            companion: None,
            damaged: false,
            offset_size,
            entries_start: reader.pos() as u64,
            abbrev_offset,
            table: None,
            bases: Bases::default(),
            stmt_list: None,
            code: CodeRef::default(),
        })
    }

    /// Takes over what the first entry says. Bases come first: other values need them.
    pub(super) fn set_root(&mut self, tag: u16, values: &[(u16, Value)]) -> RootStrings {
        if gimli::DwTag(tag) == c::DW_TAG_partial_unit {
            self.kind = UnitKind::Partial;
        }
        let mut strings = RootStrings::default();
        for (at, value) in values {
            let offset = value.offset();
            match gimli::DwAt(*at) {
                c::DW_AT_str_offsets_base => self.bases.str_offsets = offset,
                c::DW_AT_addr_base | c::DW_AT_GNU_addr_base => self.bases.addr = offset,
                c::DW_AT_rnglists_base => self.bases.rnglists = offset,
                c::DW_AT_GNU_ranges_base => self.bases.split_ranges = offset,
                c::DW_AT_loclists_base => self.bases.loclists = offset,
                c::DW_AT_stmt_list => self.stmt_list = offset,
                c::DW_AT_name => strings.name = Some(*value),
                c::DW_AT_comp_dir => strings.comp_dir = Some(*value),
                c::DW_AT_producer => strings.producer = Some(*value),
                c::DW_AT_dwo_name | c::DW_AT_GNU_dwo_name => strings.dwo_name = Some(*value),
                c::DW_AT_language => {
                    self.language = offset.and_then(|value| u16::try_from(value).ok());
                }
                at => self.code.take(at, *value),
            }
        }
        if strings.dwo_name.is_some() && self.kind == UnitKind::Compile {
            self.kind = UnitKind::Skeleton;
        }
        strings
    }
}

/// Values of the first entry that need the unit's bases to be read.
#[derive(Default)]
pub(super) struct RootStrings {
    pub(super) name: Option<Value>,
    pub(super) comp_dir: Option<Value>,
    pub(super) producer: Option<Value>,
    pub(super) dwo_name: Option<Value>,
}

impl DebugInfo<'_> {
    /// The addresses of a unit's code, as its first entry gives them; empty ranges and those of
    /// code that the linker dropped (tombstones) are left out only where DWARF says so: a range
    /// that starts at 0 or 1 may be either.
    pub fn unit_ranges(&self, unit: usize) -> Vec<AddressRange> {
        let Some(unit) = self.units.get(unit) else {
            return Vec::new();
        };
        let mut ranges = Vec::new();
        let _ = self.ranges_of(&self.limits(), unit, unit.code, |start, end| {
            ranges.push(AddressRange::between(
                VirtualAddress(start),
                VirtualAddress(end),
            ));
        });
        ranges
    }

    /// The addresses of all units' code, as [`unit_ranges`](Self::unit_ranges) gives them, each
    /// with its unit's number. The units are in order.
    pub fn code_by_unit(&self) -> Vec<(AddressRange, u32)> {
        let limits = self.limits();
        let mut ranges = Vec::new();
        for (number, unit) in (0..).zip(&self.units) {
            let _ = self.ranges_of(&limits, unit, unit.code, |start, end| {
                let range = AddressRange::between(VirtualAddress(start), VirtualAddress(end));
                ranges.push((range, number));
            });
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rust_units() {
        let name = UnitName::parse(
            "/rustc/59807616e1/library/core/src/lib.rs/@/core.c1f1a4ba060b9bfa-cgu.0",
        )
        .unwrap();
        assert_eq!(name.root, "/rustc/59807616e1/library/core/src/lib.rs");
        assert_eq!(name.codegen_unit, "core.c1f1a4ba060b9bfa-cgu.0");
        assert_eq!(name.crate_name, Some("core"));
        assert_eq!(name.crate_id, Some(0xc1f1_a4ba_060b_9bfa));

        let hashed = UnitName::parse("src/main.rs/@/1qx8i5l0v0tpq2x").unwrap();
        assert_eq!((hashed.root, hashed.crate_name), ("src/main.rs", None));
        let dots = UnitName::parse("a/@/b/@/x.5b-cgu.0").unwrap();
        assert_eq!((dots.root, dots.crate_name), ("a/@/b", Some("x")));
        assert_eq!(UnitName::parse("../sysdeps/x86_64/start.S"), None);
    }
}
