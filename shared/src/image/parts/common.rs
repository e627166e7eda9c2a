//! Variables of C without an initial value that an object asks its linker to make (`-fcommon`): one for
//! all objects that ask, so they stand in no section there. One is made for them, as the linker makes it.
//!
//! Sources: the gABI on `SHN_COMMON`, whose values are alignments; Microsoft's "PE Format" and Apple's
//! `mach-o/nlist.h` on undefined symbols with a value, which is their size.

use super::{Image, Section, SectionKind, SymbolTable, other, symbol_elf};
use crate::address::{FileOffset, FileRange, Range, VirtualAddress};
use crate::image::SymbolKind;
use object::{Object as _, ObjectSymbol as _};
use std::borrow::Cow;

/// As linkers call it in their maps.
const NAME: &str = "COMMON";

/// The largest alignment that is heeded.
const MAX_ALIGN: u64 = 1 << 16;

/// Adds the section to an object that has such variables. Linear in its symbols.
pub(super) fn add(image: &mut Image<'_>) {
    let numbers = numbers(image.bytes);
    if numbers.is_empty() {
        return;
    }
    let mut table = symbol_elf::read(image, false).unwrap_or_else(|| other::symbols(image));
    let memory = lay_out((image, image.sections.len()), numbers, &mut table);
    let nowhere: FileRange = Range::<FileOffset>::new(FileOffset(0), 0);
    image.sections.push(Section {
        name: Cow::Borrowed(NAME),
        kind: SectionKind::Bss,
        memory,
        loaded: true,
        writable: true,
        ..other::member(String::new(), nowhere)
    });
}

/// Puts the symbols of such variables into the section.
pub(super) fn place(object: &Image<'_>, table: &mut SymbolTable<'_>) {
    // It was added last.
    let last = object.sections.last();
    if last.is_some_and(|section| section.name == NAME && section.file.is_empty()) {
        lay_out(
            (object, object.sections.len() - 1),
            numbers(object.bytes),
            table,
        );
    }
}

/// The symbols' numbers, which rise.
fn numbers(bytes: &[u8]) -> Vec<u32> {
    let Ok(file) = object::File::parse(bytes) else {
        return Vec::new();
    };
    let common = file.symbols().filter(|symbol| symbol.is_common());
    let numbers = common.map(|symbol| u32::try_from(symbol.index().0));
    numbers.filter_map(Result::ok).collect()
}

/// Gives each its address in that section, one behind the other, and returns where they end.
fn lay_out(
    (image, section): (&Image<'_>, usize),
    numbers: Vec<u32>,
    table: &mut SymbolTable<'_>,
) -> u64 {
    let elf = image.bytes.starts_with(&object::elf::ELFMAG);
    let mut numbers = numbers.into_iter().peekable();
    let mut end = 0_u64;
    for symbol in &mut table.symbols {
        if numbers.next_if_eq(&symbol.index).is_none() {
            continue;
        }
        // Elsewhere each is aligned as its size asks for.
        let align = match elf {
            true => symbol.address.0,
            false => symbol.size.clamp(1, 16).next_power_of_two(),
        };
        let align = if align.is_power_of_two() && align <= MAX_ALIGN {
            align
        } else {
            1
        };
        let start = end.checked_next_multiple_of(align).unwrap_or(end);
        symbol.kind = SymbolKind::Object;
        symbol.section = Some(section as u32);
        symbol.address = VirtualAddress(start);
        end = start.saturating_add(symbol.size);
    }
    end
}
