//! The pointers that the loader writes into data, and where objects start because of them.
//!
//! Each target starts an object; a pointer followed by a length over valid text is a `&str`, so the
//! text ends there, and something else starts.

use super::object::holds_objects;
use codecost::{
    address::VirtualAddress,
    image::{Format, Image, RelocationTable, SectionKind, SymbolTable},
};

/// The load-time relocations of an image.
#[derive(Clone, Debug)]
pub struct Pointers {
    /// The tables, which their own bytes are claimed by.
    pub(super) tables: Vec<RelocationTable>,
    /// Where something starts, in no order.
    pub(super) starts: Vec<VirtualAddress>,
    /// Whether tables of distances were looked for.
    pub(super) has_distances: bool,
}

impl Pointers {
    /// Reads them; of objects and archives by their symbols. Linear in their number.
    pub fn new(image: &Image<'_>, dynamic_symbols: &SymbolTable<'_>) -> Self {
        let tables = image.relocations(dynamic_symbols);
        let linked = image.parts.is_empty();
        let slots = Slots::of(&tables);
        let mut starts = Vec::new();
        for table in &tables {
            // Of an object also what its code asks for, which no length follows.
            let first = table.relocations.first();
            let place = first.and_then(|first| image.section_at(first.slot));
            let of_data = linked || place.is_some_and(|(_, section)| holds_objects(section.kind));
            for relocation in &table.relocations {
                starts.extend(relocation.target);
                if of_data {
                    starts.extend(end_of_text(
                        image,
                        relocation.slot,
                        relocation.target,
                        &slots,
                    ));
                }
            }
        }
        Self {
            tables,
            starts,
            has_distances: false,
        }
    }

    /// Each slot that will hold an address of the image, and that address.
    pub(crate) fn targets(&self) -> impl Iterator<Item = (VirtualAddress, VirtualAddress)> + '_ {
        let all = self.tables.iter().flat_map(|table| &table.relocations);
        all.filter_map(|relocation| Some((relocation.slot, relocation.target?)))
    }

    /// The tables alone, which are asked for again.
    pub(crate) fn into_tables(self) -> Self {
        Self {
            starts: Vec::new(),
            ..self
        }
    }

    /// The tables of relocations.
    pub fn tables(&self) -> &[RelocationTable] {
        &self.tables
    }
}

/// The longest text that is believed.
const MAX_TEXT: u64 = 1 << 20;

/// How much of a text is looked at; all of it for every pointer would make hostile files slow.
const MAX_CHECKED: u64 = 256;

/// Where the text of a `&str` ends whose pointer stands at `slot`.
fn end_of_text(
    image: &Image<'_>,
    slot: VirtualAddress,
    target: Option<VirtualAddress>,
    slots: &Slots,
) -> Option<VirtualAddress> {
    let target = target?;
    let word = if image.is_64 { 8 } else { 4 };
    let length = image.word_at(slot.checked_add(word)?)?;
    if length == 0 || length > MAX_TEXT {
        return None;
    }
    let (_, section) = image.section_at(target)?;
    // WebAssembly has one section for all data.
    let mixed = image.format == Format::Wasm && section.kind == SectionKind::Data;
    if section.kind != SectionKind::ReadOnlyData && !mixed {
        return None;
    }
    let text = image
        .bytes_at(target)?
        .get(..length.min(MAX_CHECKED) as usize)?;
    // Small numbers are valid text, too, and there pointers are guessed.
    let valid = !(mixed && text.contains(&0))
        && match std::str::from_utf8(text) {
            Ok(_) => true,
            Err(error) => length > MAX_CHECKED && error.error_len().is_none(),
        };
    let end = target.checked_add(length).filter(|_| valid)?;
    // What holds pointers is no text: the length is then one of an array, and counts its elements.
    // Such elements are at least two words, where the first does not hold a pointer itself.
    let control = |byte: &u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    let looked_at = match text.iter().any(control) && target.0 % word == 0 {
        true => target.checked_add(length.saturating_mul(2 * word))?,
        false => end,
    };
    (!slots.any_in(target, looked_at, word)).then_some(end)
}

/// Where pointers stand, in order.
struct Slots(Vec<VirtualAddress>);

impl Slots {
    fn of(tables: &[RelocationTable]) -> Self {
        let all = tables.iter().flat_map(|table| &table.relocations);
        let mut slots: Vec<VirtualAddress> = all.map(|relocation| relocation.slot).collect();
        // Linkers write them so, table by table.
        slots.sort();
        Self(slots)
    }

    /// Whether one of them has bytes from `start` to `end`.
    fn any_in(&self, start: VirtualAddress, end: VirtualAddress, word: u64) -> bool {
        let first = self
            .0
            .partition_point(|slot| slot.0.saturating_add(word - 1) < start.0);
        self.0.get(first).is_some_and(|slot| *slot < end)
    }
}
