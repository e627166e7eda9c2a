//! The debug information of a file as units, each read when it is first asked for.

use super::{
    budget::Budget,
    model::{EntryId, Slice},
};
use crate::symbolize::files::Sections;
use codecost::image::debug_info::{DebugInfo, DebugSection};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock},
};

/// The debug information of one file, and the split files that it names.
pub(in crate::symbolize) struct Dwarf<'s> {
    pub(super) info: DebugInfo<'s>,
    pub(super) main: gimli::Dwarf<Slice<'s>>,
    pub(super) units: Vec<OnceLock<Option<gimli::Unit<Slice<'s>>>>>,
    /// By unit: what is in its `.dwo` file.
    pub(super) split: HashMap<u32, Split<'s>>,
    abbreviations: Mutex<HashMap<usize, Arc<gimli::Abbreviations>>>,
    pub(super) budget: Budget,
    /// What `dwz` moved into a file of its own.
    shared: Option<Box<Dwarf<'s>>>,
    /// The number of its first unit: those of the shared file follow those of the file itself.
    first: u32,
}

/// The entries of a skeleton.
pub(super) struct Split<'s> {
    pub(super) dwarf: gimli::Dwarf<Slice<'s>>,
    pub(super) unit: gimli::Unit<Slice<'s>>,
}

/// The entries of a unit, wherever they are.
#[derive(Clone, Copy)]
pub(super) struct Part<'a, 's> {
    pub(super) number: u32,
    pub(super) dwarf: &'a gimli::Dwarf<Slice<'s>>,
    pub(super) unit: &'a gimli::Unit<Slice<'s>>,
    pub(super) owner: &'a Dwarf<'s>,
    pub(super) is_split: bool,
}

impl<'s> Dwarf<'s> {
    /// Reads the units' headers; `None` when there is no debug information. `shared` are the sections
    /// of the file that `dwz` moved common parts to.
    pub(in crate::symbolize) fn load(
        sections: &'s Sections<'_>,
        shared: Option<&'s Sections<'_>>,
    ) -> Option<Self> {
        let info = DebugInfo::load(sections.directory_with(shared));
        if info.is_empty() {
            return None;
        }
        let mut main = sections.dwarf();
        if let Some(shared) = shared {
            main.set_sup(shared.dwarf());
        }
        let budget = Budget::new(|kind| sections.size(kind));
        if let Some(shared) = shared {
            // Its strings are named from here, too.
            budget.extend(shared.size(DebugSection::Str));
        }
        let mut units = Vec::new();
        units.resize_with(info.units().len(), OnceLock::new);
        // The shared file has no shared file.
        let first = u32::try_from(units.len()).ok();
        let shared = first.zip(shared).and_then(|(first, sections)| {
            let shared = Self::load(sections, None)?;
            Some(Box::new(Self { first, ..shared }))
        });
        Some(Self {
            shared,
            first: 0,
            info,
            main,
            units,
            split: HashMap::new(),
            abbreviations: Mutex::default(),
            budget,
        })
    }

    /// The units' names and directories.
    pub(in crate::symbolize) fn info(&self) -> &DebugInfo<'s> {
        &self.info
    }

    /// The length of a unit in bytes.
    pub(super) fn unit_size(&self, unit: u32) -> u64 {
        let unit = self.info.units().get(unit as usize);
        unit.map_or(0, |unit| unit.end.saturating_sub(unit.start))
    }

    /// A unit of the file itself, read when first asked for.
    pub(super) fn unit(&self, number: u32) -> Option<&gimli::Unit<Slice<'s>>> {
        let slot = self.units.get(number as usize)?;
        slot.get_or_init(|| self.read_unit(number)).as_ref()
    }

    fn read_unit(&self, number: u32) -> Option<gimli::Unit<Slice<'s>>> {
        let entry = self.info.units().get(number as usize)?;
        // Damaged includes those whose abbreviations are too much to read.
        if entry.damaged || entry.section != DebugSection::Info {
            return None;
        }
        let offset = gimli::DebugInfoOffset(usize::try_from(entry.start).ok()?);
        let header = self.main.debug_info.header_from_offset(offset).ok()?;
        let offset = header.debug_abbrev_offset().0;
        let known = self
            .abbreviations
            .lock()
            .ok()
            .and_then(|known| known.get(&offset).cloned());
        let abbreviations = match known {
            Some(known) => known,
            None => {
                let read = self.main.abbreviations(&header).ok()?;
                if let Ok(mut known) = self.abbreviations.lock() {
                    known.insert(offset, read.clone());
                }
                read
            }
        };
        let unit = gimli::Unit::new_with_abbreviations(&self.main, header, abbreviations).ok()?;
        let files = unit.line_program.as_ref().map_or(0, |program| {
            let header = program.header();
            header.file_names().len() + header.include_directories().len()
        });
        self.budget.lines(files).then_some(unit)
    }

    /// The line program of a unit, while there is budget to run it.
    pub(super) fn program(
        &self,
        unit: &gimli::Unit<Slice<'s>>,
    ) -> Option<gimli::IncompleteLineProgram<Slice<'s>>> {
        let program = unit.line_program.clone()?;
        let size = program.header().raw_program_buf().len();
        self.budget.lines(size).then_some(program)
    }

    /// The entries of a unit: its own, or of a skeleton those of its `.dwo` file.
    pub(super) fn part(&self, number: u32) -> Option<Part<'_, 's>> {
        if let Some(shared) = &self.shared
            && let Some(own) = number.checked_sub(shared.first)
        {
            let part = shared.part(own)?;
            return Some(Part { number, ..part });
        }
        if let Some(split) = self.split.get(&number) {
            return Some(Part {
                number,
                dwarf: &split.dwarf,
                unit: &split.unit,
                owner: self,
                is_split: true,
            });
        }
        Some(Part {
            number,
            dwarf: &self.main,
            unit: self.unit(number)?,
            owner: self,
            is_split: false,
        })
    }
}

impl Dwarf<'_> {
    /// The entry at an offset of `.debug_info`.
    fn entry_at(&self, offset: usize) -> Option<EntryId> {
        let offset = offset as u64;
        let units = self.info.units();
        let after = units
            .partition_point(|unit| unit.section == DebugSection::Info && unit.start <= offset);
        let number = after.checked_sub(1)?;
        let unit = units.get(number).filter(|unit| offset < unit.end)?;
        Some(EntryId {
            unit: u32::try_from(number).ok()?.checked_add(self.first)?,
            offset: usize::try_from(offset - unit.start).ok()?,
        })
    }
}

impl<'s> Part<'_, 's> {
    /// A string attribute, while there is budget to read it.
    pub(super) fn text(&self, value: gimli::AttributeValue<Slice<'s>>) -> Option<String> {
        self.owner.budget.text(self.dwarf, self.unit, value)
    }

    /// The entry that an attribute refers to.
    pub(super) fn place(&self, value: gimli::AttributeValue<Slice<'s>>) -> Option<EntryId> {
        match value {
            gimli::AttributeValue::UnitRef(offset) => Some(EntryId {
                unit: self.number,
                offset: offset.0,
            }),
            gimli::AttributeValue::DebugInfoRef(offset) if self.is_split => {
                let offset = offset.to_unit_offset(&self.unit.header)?.0;
                Some(EntryId {
                    unit: self.number,
                    offset,
                })
            }
            gimli::AttributeValue::DebugInfoRef(offset) => self.owner.entry_at(offset.0),
            gimli::AttributeValue::DebugInfoRefSup(offset) => {
                self.owner.shared.as_ref()?.entry_at(offset.0)
            }
            _ => None,
        }
    }
}
