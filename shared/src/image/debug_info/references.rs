//! What a unit refers to in the other sections.
//!
//! Truth: DWARF 5, section 7.5.5 (classes of attribute values) and table 7.5.

use std::collections::HashSet;

use gimli::constants as c;

use super::{
    DebugInfo, DebugSection,
    abbrev::{Plan, Spec},
    attribute::{TextRef, Value},
    entries::Visitor,
    line_files::FileTable,
    owners::{Extent, Key},
    reader::Budget,
    unit::Unit,
};

/// The sections into which references are collected.
pub(super) const TARGETS: [DebugSection; 9] = [
    DebugSection::Str,
    DebugSection::LineStr,
    DebugSection::StrOffsets,
    DebugSection::Addr,
    DebugSection::Ranges,
    DebugSection::RngLists,
    DebugSection::Loc,
    DebugSection::LocLists,
    DebugSection::Macinfo,
];

/// References of one unit or several, by target section.
#[derive(Debug, Default)]
pub(super) struct References {
    keys: [Vec<Key>; TARGETS.len()],
    /// Offsets into `.debug_macro`, with the owner.
    pub(super) macros: Vec<(u64, u32)>,
}

impl References {
    #[inline]
    pub(super) fn add(&mut self, section: DebugSection, offset: u64, extent: Extent, owner: u32) {
        if let Some(number) = TARGETS.iter().position(|target| *target == section)
            && let Some(keys) = self.keys.get_mut(number)
        {
            keys.extend(Key::new(offset, extent, owner));
        }
    }

    /// Takes out the references into one section, sorted, each once.
    pub(super) fn take(&mut self, section: DebugSection) -> Vec<Key> {
        use rayon::slice::ParallelSliceMut;
        let Some(number) = TARGETS.iter().position(|target| *target == section) else {
            return Vec::new();
        };
        let mut keys = self
            .keys
            .get_mut(number)
            .map(std::mem::take)
            .unwrap_or_default();
        keys.par_sort_unstable();
        keys.dedup();
        keys
    }

    fn dedup(&mut self) {
        for keys in &mut self.keys {
            keys.sort_unstable();
            keys.dedup();
        }
    }

    /// Adds those of others.
    pub(super) fn extend(&mut self, others: &mut Self) {
        for (keys, others) in self.keys.iter_mut().zip(&mut others.keys) {
            keys.append(others);
        }
        self.macros.append(&mut others.macros);
    }
}

/// Indexed sections whose parts units of several owners share, so that single entries count.
#[derive(Debug, Default)]
pub(super) struct SharedParts(HashSet<(DebugSection, u64)>);

impl SharedParts {
    pub(super) fn find(info: &DebugInfo<'_>, owners: &[u32]) -> Self {
        let mut first = std::collections::HashMap::new();
        let mut shared = HashSet::new();
        for (unit, owner) in info.units.iter().zip(owners) {
            for part in parts(unit) {
                if *first.entry(part).or_insert(*owner) != *owner {
                    shared.insert(part);
                }
            }
        }
        Self(shared)
    }

    fn contains(&self, section: DebugSection, base: Option<u64>) -> bool {
        base.is_none_or(|base| self.0.contains(&(section, base)))
    }
}

/// The parts of indexed sections that a unit has.
pub(super) fn parts(unit: &Unit<'_>) -> impl Iterator<Item = (DebugSection, u64)> {
    let bases = unit.bases;
    [
        (DebugSection::StrOffsets, bases.str_offsets),
        (DebugSection::Addr, bases.addr),
        (DebugSection::RngLists, bases.rnglists),
        (DebugSection::LocLists, bases.loclists),
    ]
    .into_iter()
    .filter_map(|(section, base)| Some((section, base?)))
}

/// Whether the pass has a use for this attribute.
pub(super) fn is_reference(spec: &Spec) -> bool {
    match gimli::DwForm(spec.form) {
        c::DW_FORM_strp
        | c::DW_FORM_line_strp
        | c::DW_FORM_strx
        | c::DW_FORM_strx1
        | c::DW_FORM_strx2
        | c::DW_FORM_strx3
        | c::DW_FORM_strx4
        | c::DW_FORM_GNU_str_index
        | c::DW_FORM_addrx
        | c::DW_FORM_addrx1
        | c::DW_FORM_addrx2
        | c::DW_FORM_addrx3
        | c::DW_FORM_addrx4
        | c::DW_FORM_GNU_addr_index
        | c::DW_FORM_rnglistx
        | c::DW_FORM_loclistx
        | c::DW_FORM_indirect => true,
        c::DW_FORM_sec_offset | c::DW_FORM_data4 | c::DW_FORM_data8 => target_of(spec.at).is_some(),
        _ => false,
    }
}

/// What a section offset in this attribute points into.
fn target_of(at: u16) -> Option<DebugSection> {
    Some(match gimli::DwAt(at) {
        c::DW_AT_ranges | c::DW_AT_start_scope => DebugSection::Ranges,
        c::DW_AT_location
        | c::DW_AT_string_length
        | c::DW_AT_return_addr
        | c::DW_AT_data_member_location
        | c::DW_AT_frame_base
        | c::DW_AT_segment
        | c::DW_AT_static_link
        | c::DW_AT_use_location
        | c::DW_AT_vtable_elem_location
        | c::DW_AT_GNU_locviews => DebugSection::Loc,
        c::DW_AT_macro_info => DebugSection::Macinfo,
        c::DW_AT_macros | c::DW_AT_GNU_macros => DebugSection::Macro,
        _ => return None,
    })
}

/// Collects the references of one unit.
struct Collector<'a, 'd> {
    info: &'a DebugInfo<'d>,
    unit: &'a Unit<'d>,
    owner: u32,
    found: References,
    /// Whether single entries of these are wanted.
    each_string: bool,
    each_address: bool,
}

impl Collector<'_, '_> {
    fn text(&mut self, text: TextRef) {
        if let Some((section, offset)) = text.place() {
            self.found.add(section, offset, Extent::Own, self.owner);
        }
    }

    fn section_offset(&mut self, at: u16, offset: u64, sure: bool) {
        // Numbers were offsets before DWARF 4; a member's location is a plain number since then.
        if !sure && self.unit.version >= 4 {
            return;
        }
        let Some(section) = target_of(at) else {
            return;
        };
        let section = match section {
            DebugSection::Ranges if self.unit.version >= 5 => DebugSection::RngLists,
            DebugSection::Loc if self.unit.version >= 5 => DebugSection::LocLists,
            DebugSection::Macro => {
                self.found.macros.push((offset, self.owner));
                return;
            }
            section => section,
        };
        let views = gimli::DwAt(at) == c::DW_AT_GNU_locviews;
        let extent = if views { Extent::Next } else { Extent::Own };
        self.found.add(section, offset, extent, self.owner);
    }

    fn list(&mut self, section: DebugSection, base: Option<u64>, index: u64) {
        if let Some((place, list)) = self.info.list_place(self.unit, section, base, index) {
            self.found
                .add(section, place, cell(self.unit.offset_size), self.owner);
            self.found.add(section, list, Extent::Own, self.owner);
        }
    }
}

impl Visitor for Collector<'_, '_> {
    fn entry(&mut self, _: u64, _: u16, _: bool, values: &[(u16, Value)]) {
        for (at, value) in values {
            match *value {
                Value::Text(text) => self.text(text),
                Value::Strx(index) => {
                    if let Some((place, offset)) = self.info.str_offset(self.unit, index) {
                        self.text(TextRef::new(DebugSection::Str, offset));
                        if self.each_string {
                            let extent = cell(self.unit.offset_size);
                            self.found
                                .add(DebugSection::StrOffsets, place, extent, self.owner);
                        }
                    }
                }
                Value::Addrx(index) if self.each_address => {
                    if let Some(place) = self.info.addr_place(self.unit, index) {
                        let extent = cell(self.unit.address_size);
                        self.found
                            .add(DebugSection::Addr, place, extent, self.owner);
                    }
                }
                Value::Offset(offset) => self.section_offset(*at, offset, true),
                Value::Number(offset) => self.section_offset(*at, offset, false),
                Value::Rnglistx(index) => {
                    self.list(DebugSection::RngLists, self.unit.bases.rnglists, index);
                }
                Value::Loclistx(index) => {
                    self.list(DebugSection::LocLists, self.unit.bases.loclists, index);
                }
                _ => {}
            }
        }
    }
}

fn cell(size: u8) -> Extent {
    if size == 8 {
        Extent::Eight
    } else {
        Extent::Four
    }
}

impl<'d> DebugInfo<'d> {
    /// The references of one unit, and whether it was damaged.
    pub(super) fn references(
        &self,
        unit: &Unit<'d>,
        owner: u32,
        plans: &[Plan],
        shared: &SharedParts,
    ) -> (References, bool) {
        let mut collector = Collector {
            info: self,
            unit,
            owner,
            found: References::default(),
            each_string: shared.contains(DebugSection::StrOffsets, unit.bases.str_offsets),
            each_address: shared.contains(DebugSection::Addr, unit.bases.addr),
        };
        let damaged = self.walk(unit, plans, usize::MAX, &mut collector).is_err();
        collector.found.dedup();
        (collector.found, damaged)
    }

    /// The strings of line tables, for all owners of units that have the table. Each table is read
    /// once: `dwz` lets thousands of units share one.
    pub(super) fn line_references(&self, owners: &[u32], found: &mut References) {
        let mut users: Vec<(u64, u32, usize)> = (0..self.units.len())
            .zip(owners)
            .filter_map(|(number, owner)| {
                // A type unit has the table of its companion, which stands for both.
                let unit = self
                    .units
                    .get(number)
                    .filter(|unit| unit.companion.is_none())?;
                Some((unit.stmt_list?, *owner, number))
            })
            .collect();
        users.sort_unstable();
        users.dedup_by_key(|(offset, owner, _)| (*offset, *owner));
        let size = self.sections.get(DebugSection::Line).len();
        let budget = Budget::new(size.saturating_mul(8));
        for group in users.chunk_by(|a, b| a.0 == b.0) {
            let Some((offset, unit)) = group
                .first()
                .and_then(|user| Some((user.0, self.units.get(user.2)?)))
            else {
                continue;
            };
            FileTable::read(self, &budget, unit, offset, &mut |text| {
                let Some((section, offset)) = text.place() else {
                    return;
                };
                for (_, owner, _) in group {
                    if budget.spend(1) {
                        found.add(section, offset, Extent::Own, *owner);
                    }
                }
            });
        }
    }
}
