//! What DWARF debug information says about ownership: which unit each byte of the debug sections
//! belongs to, and which functions, of which crate, the code is made of.
//!
//! Truth: the DWARF 5 specification, and DWARF 2 to 4 where they differ; for names, what rustc
//! writes (see [`UnitName`] and [`Function`]).
//!
//! Everything starts with [`DebugInfo::load`], which reads the units' headers and first entries.
//! [`DebugInfo::ledger`] then shares out the sections, [`DebugInfo::functions`] finds functions and
//! [`DebugInfo::inlined`] the innermost inlined frames. Each of these is one pass over the entries,
//! in parallel over the units, and linear in the size of the sections.
//!
//! Damage stays in its unit: what was read before it counts, and the unit is reported. Hostile
//! input costs time and memory within a constant times its size: whatever could be asked for again
//! and again (range lists, long strings, overlapping tables) draws on a budget.
//!
//! Debug information in a file of its own is looked for by [`separate`].
//!
//! What `dwz` moved to a file that several others share is read there: strings
//! ([`DebugSection::SharedStr`]), and the descriptions of functions ([`DebugInfo::with_shared`]).
//! Limits: entries in `.dwo` and `.dwp` files are not followed (see [`DebugInfo::split_units`]); in
//! relocatable objects the relocations must have been applied.

mod abbrev;
mod attribute;
mod code;
mod entries;
mod extents;
mod frames;
mod functions;
mod ledger;
mod line_files;
mod owners;
mod reader;
mod references;
mod rows;
mod sections;
pub mod separate;
mod unit;
mod values;

#[cfg(all(test, target_os = "linux"))]
mod tests;

use std::sync::OnceLock;

use gimli::constants as c;

pub use functions::{CodeMap, CodeRange, Function};
pub use ledger::{DebugLedger, SectionLedger};
pub use owners::{DebugOwner, OwnerSets, Piece};
pub use sections::{DebugSection, DwarfSections};
pub use unit::{Unit, UnitKind, UnitName};

use abbrev::Tables;
use attribute::Value;
use code::IN_SHARED;
use entries::Visitor;
use line_files::FileTable;
use reader::Budget;
use values::Limits;

/// The debug information of one file.
#[derive(Debug)]
pub struct DebugInfo<'d> {
    sections: DwarfSections<'d>,
    tables: Tables,
    units: Vec<Unit<'d>>,
    damaged_headers: usize,
    /// The source files of each unit, once asked for.
    files: Vec<OnceLock<FileTable>>,
    files_budget: Budget,
    /// That of the file that `dwz` shares between others.
    shared: Option<Box<DebugInfo<'d>>>,
}

impl<'d> DebugInfo<'d> {
    /// Reads the units' headers and first entries. Takes time linear in the number of units and
    /// the size of `.debug_abbrev`.
    pub fn load(sections: DwarfSections<'d>) -> Self {
        let mut info = Self {
            sections,
            tables: Tables::default(),
            units: Vec::new(),
            damaged_headers: 0,
            files: Vec::new(),
            files_budget: Budget::new(sections.get(DebugSection::Line).len().saturating_mul(4)),
            shared: None,
        };
        info.read_headers(DebugSection::Info);
        info.read_headers(DebugSection::Types);
        let mut offsets: Vec<u64> = info.units.iter().map(|unit| unit.abbrev_offset).collect();
        offsets.sort_unstable();
        offsets.dedup();
        let abbrev = sections.get(DebugSection::Abbrev);
        info.tables = Tables::read(abbrev, &offsets, sections.big_endian);
        info.read_roots();
        info.find_companions();
        info.files.resize_with(info.units.len(), OnceLock::new);
        info
    }

    /// The same with the debug information of the file that `dwz` moved common parts to, whose
    /// sections these are: functions that are described there are found.
    #[must_use]
    pub fn with_shared(self, sections: DwarfSections<'d>) -> Self {
        let shared = Self::load(sections);
        Self {
            shared: (!shared.is_empty()).then(|| Box::new(shared)),
            ..self
        }
    }

    /// Whose unit has this number, and its number there: those of the shared file follow the own ones.
    fn side(&self, unit: usize) -> (&Self, usize) {
        match (&self.shared, unit.checked_sub(self.units.len())) {
            (Some(shared), Some(unit)) => (shared, unit),
            _ => (self, unit),
        }
    }

    /// All units: those of `.debug_info` in the order of the file, then those of `.debug_types`.
    pub fn units(&self) -> &[Unit<'d>] {
        &self.units
    }

    /// How many units have their debug information in another file (`.dwo`, `.dwp`).
    pub fn split_units(&self) -> usize {
        self.units
            .iter()
            .filter(|unit| unit.kind == UnitKind::Skeleton)
            .count()
    }

    /// How many units could not be read beyond their length or their first entry.
    pub fn damaged_units(&self) -> usize {
        self.damaged_headers + self.units.iter().filter(|unit| unit.damaged).count()
    }

    /// Whether there is any.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// The unit of `.debug_info` that holds this offset, which may be marked as one of the shared
    /// file; for [`side`](Self::side).
    fn marked_unit_at(&self, offset: u64) -> Option<usize> {
        if offset < IN_SHARED {
            return self.unit_at(offset);
        }
        let shared = self.shared.as_ref()?;
        Some(self.units.len() + shared.unit_at(offset & !IN_SHARED)?)
    }

    /// The unit of `.debug_info` that holds this offset.
    pub(crate) fn unit_at(&self, offset: u64) -> Option<usize> {
        let in_info = |unit: &Unit<'_>| unit.section == DebugSection::Info && unit.start <= offset;
        let number = self.units.partition_point(in_info).checked_sub(1)?;
        self.units
            .get(number)
            .filter(|unit| offset < unit.end)
            .map(|_| number)
    }

    /// The path of a source file by its number in a unit.
    fn source_path(&self, limits: &Limits, unit: u32, file: u32) -> Option<String> {
        let (side, unit) = self.side(unit as usize);
        let entry = side.units.get(unit)?;
        let line = entry.stmt_list?;
        let table = side
            .files
            .get(unit)?
            .get_or_init(|| FileTable::read(side, &side.files_budget, entry, line, &mut |_| {}));
        table.path(side, limits, entry, u64::from(file))
    }

    fn read_headers(&mut self, section: DebugSection) {
        let data = self.sections.get(section);
        let mut offset = 0;
        while offset < data.len() as u64 {
            offset = match Unit::read_header(section, data, offset, self.sections.big_endian) {
                Ok(unit) => {
                    let end = unit.end;
                    self.units.push(unit);
                    end
                }
                // Where lengths are no longer to be trusted, nothing after them can be found.
                Err(next) => {
                    self.damaged_headers += 1;
                    match next {
                        Some(next) => next,
                        None => break,
                    }
                }
            };
        }
    }

    fn read_roots(&mut self) {
        struct Root(Option<(u16, Vec<(u16, Value)>)>);
        impl Visitor for Root {
            fn entry(&mut self, _: u64, tag: u16, _: bool, values: &[(u16, Value)]) {
                self.0 = Some((tag, values.to_vec()));
            }
        }
        let plans = self
            .tables
            .plans(|tag, spec| is_unit(tag) && is_root_attribute(spec.at));
        let limits = self.limits();
        let mut units = std::mem::take(&mut self.units);
        for unit in &mut units {
            unit.table = self
                .tables
                .find(unit.abbrev_offset)
                .and_then(|table| u32::try_from(table).ok());
            let mut root = Root(None);
            let walked = self.walk(unit, &plans, 1, &mut root);
            let Some((tag, values)) = root.0 else {
                unit.damaged = walked.is_err();
                continue;
            };
            let strings = unit.set_root(tag, &values);
            let text = |value: Option<Value>| self.text(&limits, self.text_ref(unit, value?));
            (unit.name, unit.comp_dir, unit.producer, unit.dwo_name) = (
                text(strings.name),
                text(strings.comp_dir),
                text(strings.producer),
                text(strings.dwo_name),
            );
        }
        self.units = units;
    }

    /// Type units name no file, but their line table is that of the object they came with; nor do the
    /// partial units that `dwz` takes out of the others.
    fn find_companions(&mut self) {
        let mut by_line: Vec<(u64, u32)> = self
            .units
            .iter()
            .enumerate()
            .filter(|(_, unit)| unit.kind != UnitKind::Type && unit.name.is_some())
            .filter_map(|(number, unit)| Some((unit.stmt_list?, u32::try_from(number).ok()?)))
            .collect();
        by_line.sort_unstable();
        for unit in &mut self.units {
            if (unit.kind == UnitKind::Type || unit.name.is_none())
                && let Some(line) = unit.stmt_list
            {
                let first = by_line.partition_point(|(other, _)| *other < line);
                unit.companion = by_line
                    .get(first)
                    .filter(|(other, _)| *other == line)
                    .map(|(_, unit)| *unit);
            }
        }
    }
}

fn is_unit(tag: u16) -> bool {
    matches!(
        gimli::DwTag(tag),
        c::DW_TAG_compile_unit
            | c::DW_TAG_partial_unit
            | c::DW_TAG_type_unit
            | c::DW_TAG_skeleton_unit
    )
}

fn is_root_attribute(at: u16) -> bool {
    matches!(
        gimli::DwAt(at),
        c::DW_AT_str_offsets_base
            | c::DW_AT_addr_base
            | c::DW_AT_GNU_addr_base
            | c::DW_AT_rnglists_base
            | c::DW_AT_loclists_base
            | c::DW_AT_GNU_ranges_base
            | c::DW_AT_stmt_list
            | c::DW_AT_name
            | c::DW_AT_comp_dir
            | c::DW_AT_producer
            | c::DW_AT_dwo_name
            | c::DW_AT_GNU_dwo_name
            | c::DW_AT_language
            | c::DW_AT_low_pc
            | c::DW_AT_high_pc
            | c::DW_AT_ranges
    )
}
