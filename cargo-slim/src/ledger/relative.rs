//! Pointers that are written as distances: tables to whose entries code adds the table's own address.
//!
//! LLVM makes them of constant pointers in position-independent code (`switch.table.NAME.rel`), so that
//! the loader has nothing to write: no relocation says where they are. An address that code takes is
//! that of such a table when the code adds it to what it loads from there, and the entries lead to
//! data or to the start of a function. A table of jumps looks alike but leads into functions.

use super::{CodeReferences, Pointers, piece_of};
use codecost::{
    address::VirtualAddress,
    attribution::CodeMap,
    disasm::decoder_of,
    image::{Image, Relocation, RelocationTable, SectionKind},
};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// A `match` with more arms becomes no table.
const MOST: u64 = 1 << 12;

impl Pointers {
    /// Adds the tables that `references` of `code` lead to, once. Linear in the references and in what
    /// the tables hold, but for sorting.
    pub(crate) fn find_distances(
        &mut self,
        image: &Image<'_>,
        code: &CodeMap,
        references: &CodeReferences,
    ) {
        let (false, Some(decoder)) = (self.has_distances, decoder_of(image)) else {
            return;
        };
        self.has_distances = true;
        if !image.position_independent || !image.parts.is_empty() {
            return;
        }
        let tables = Tables { image, code };
        let mut users: Vec<(u32, VirtualAddress)> = references
            .taken()
            .filter(|(_, table)| tables.entry(*table, 0).is_some())
            .collect();
        users.sort_unstable();
        users.dedup();
        let groups: Vec<_> = users.chunk_by(|a, b| a.0 == b.0).collect();
        let mut found: Vec<VirtualAddress> = groups
            .into_par_iter()
            .flat_map_iter(|group| {
                let function = code.functions.get(group[0].0 as usize);
                let mut found = Vec::new();
                if let Some(piece) = function.map(|function| piece_of(image, function)) {
                    decoder.references(&[piece], false, &mut |_, reference| {
                        let sought = group.binary_search(&(group[0].0, reference.to)).is_ok();
                        if sought && decoder.adds_what_it_loads(piece, reference.from) {
                            found.push(reference.to);
                        }
                    });
                }
                found
            })
            .collect();
        found.sort_unstable();
        found.dedup();
        if found.is_empty() {
            return;
        }
        // A table ends where something else begins that code or the loader knows.
        let mut starts: Vec<VirtualAddress> = references.targets().collect();
        starts.extend(&self.starts);
        starts.sort_unstable();
        let mut by_section: BTreeMap<u32, Vec<Relocation>> = BTreeMap::new();
        for table in found {
            let next = starts.partition_point(|start| *start <= table);
            let size = starts.get(next).and_then(|next| next.checked_since(table));
            let most = size.map_or(MOST, |size| size / 4).min(MOST);
            let entries = (0..most).map_while(|at| tables.entry(table, at));
            let Some((section, _)) = image.section_at(table) else {
                continue;
            };
            let list = by_section.entry(section).or_default();
            for (at, target) in (0..).zip(entries) {
                self.starts.push(target);
                list.push(Relocation {
                    slot: VirtualAddress(table.0.wrapping_add(4 * at)),
                    target: Some(target),
                    symbol: None,
                    entry: list.len() as u32,
                });
            }
        }
        let tables = by_section.into_iter();
        self.tables
            .extend(tables.map(|(section, relocations)| RelocationTable {
                section,
                start: 0,
                // Nothing but the slots themselves.
                entry_size: 0,
                guessed: false,
                relocations,
            }));
    }
}

/// Reads what may be a table.
struct Tables<'a, 'd> {
    image: &'a Image<'d>,
    code: &'a CodeMap,
}

impl Tables<'_, '_> {
    /// Where the entry of this number leads to, if it may be one.
    fn entry(&self, table: VirtualAddress, at: u64) -> Option<VirtualAddress> {
        let slot = table.checked_add(at.checked_mul(4)?)?;
        let (_, section) = self.image.section_at(slot)?;
        if !matches!(section.kind, SectionKind::ReadOnlyData | SectionKind::Data) {
            return None;
        }
        let distance = self.image.bytes_at(slot)?.first_chunk::<4>()?;
        let distance = self.image.u32(*distance).cast_signed();
        let target = VirtualAddress(table.0.wrapping_add_signed(distance.into()));
        let (_, section) = self.image.section_at(target).filter(|_| distance != 0)?;
        let leads = match section.kind {
            SectionKind::ReadOnlyData | SectionKind::Data | SectionKind::Bss => true,
            SectionKind::Code => {
                let function = self.code.at(target)?;
                let function = self.code.functions.get(function as usize)?;
                function.range.start == target
            }
            _ => false,
        };
        leads.then_some(target)
    }
}
