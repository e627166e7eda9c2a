//! Names of a PE file: the symbol table of COFF (which windows-gnu keeps), exports and imports.

use super::{
    super::{
        Image, SectionKind, bounds,
        fields::Fields,
        symbol::{Binding, Names, Symbol, SymbolKind, SymbolTable},
    },
    Header,
    directories::Given,
};
use crate::address::VirtualAddress;
use std::borrow::Cow;

/// Bytes of an entry of COFF's table.
const ENTRY: u64 = 18;

/// IMAGE_SYM_CLASS_*
const EXTERNAL: u8 = 2;
const STATIC: u8 = 3;
const LABEL: u8 = 6;
const FILE: u8 = 103;
const WEAK: u8 = 105;

pub(crate) fn symbols<'d>(image: &Image<'d>, header: &Header) -> SymbolTable<'d> {
    let mut table = coff(image, header).unwrap_or_default();
    table.of_library = image.library;
    let functions = super::functions(image, header);
    for symbol in &mut table.symbols {
        if symbol.kind == SymbolKind::Function {
            let at = functions.binary_search_by_key(&symbol.address, |function| function.start);
            symbol.size = at.map_or(0, |at| functions[at].size);
        }
    }
    table
}

fn coff<'d>(image: &Image<'d>, header: &Header) -> Option<SymbolTable<'d>> {
    let (start, count) = header.symbols;
    if start == 0 || count == 0 {
        return None;
    }
    let place = |kind| {
        let at = image
            .sections
            .iter()
            .position(|section| section.kind == kind && !section.loaded)?;
        Some((at as u32, image.section_bytes(&image.sections[at])))
    };
    let (section, bytes) = place(SectionKind::Symbols)?;
    let strings = place(SectionKind::Strings);
    let mut names = Names::new(strings.map(|strings| strings.1));
    let mut table = SymbolTable {
        section: Some(section),
        strings: strings.map(|strings| strings.0),
        entry_size: ENTRY,
        ..SymbolTable::default()
    };
    let fields = Fields::little(bytes);
    let mut file = None;
    let mut index = 0;
    while u64::from(index) < u64::from(count).min(bytes.len() as u64 / ENTRY) {
        let at = u64::from(index) * ENTRY;
        let (kind, class) = (fields.u16(at + 14)?, fields.u8(at + 16)?);
        let auxiliary = u32::from(fields.u8(at + 17)?);
        // A short name stands in the entry; a long one in the string table, after four zeroes.
        let (name, offset) = match fields.u32(at)? {
            0 => {
                let offset = fields.u32(at + 4)?;
                (names.at(offset), offset)
            }
            _ => (String::from_utf8_lossy(fields.text(at, 8)?), 0),
        };
        let mut symbol = Symbol {
            name,
            name_offset: offset,
            index,
            address: VirtualAddress(0),
            size: 0,
            section: None,
            kind: SymbolKind::Other,
            binding: match class {
                EXTERNAL => Binding::Global,
                WEAK => Binding::Weak,
                _ => Binding::Local,
            },
            file: None,
        };
        if class == FILE {
            let spelled = fields.text(at + ENTRY, (auxiliary as usize).saturating_mul(18));
            let spelled = String::from_utf8_lossy(spelled.unwrap_or_default());
            file = (!spelled.is_empty()).then_some(table.files.len() as u32);
            symbol.kind = SymbolKind::File;
            symbol.file = file;
            table.files.extend(file.map(|_| spelled));
        } else if let Some(raw) = raw_section(header, fields.u16(at + 12)?) {
            place_symbol(
                image,
                header,
                &mut symbol,
                (raw, fields.u32(at + 8)?),
                kind,
                class,
            );
            symbol.file = file.filter(|_| symbol.binding == Binding::Local);
        }
        table.symbols.push(symbol);
        // What an entry drags along has its owner.
        for more in 1..=auxiliary.min(count) {
            let before = table.symbols.last()?.clone();
            table.symbols.push(Symbol {
                name: Cow::Borrowed(""),
                name_offset: 0,
                index: index + more,
                size: 0,
                kind: match before.kind {
                    SymbolKind::File => SymbolKind::File,
                    _ => SymbolKind::Other,
                },
                ..before
            });
        }
        index += 1 + auxiliary;
    }
    table.damaged_names = names.damaged;
    Some(table)
}

/// Sections count from 1; larger numbers are not in the image, or absolute.
fn raw_section(header: &Header, number: u16) -> Option<u32> {
    let raw = header.raw.get(usize::from(number).checked_sub(1)?)?;
    Some(raw.address)
}

fn place_symbol(
    image: &Image<'_>,
    header: &Header,
    symbol: &mut Symbol<'_>,
    (section, value): (u32, u32),
    kind: u16,
    class: u8,
) {
    symbol.address = header.address(section.wrapping_add(value));
    let Some((index, of)) = image.section_at(symbol.address) else {
        return;
    };
    symbol.section = Some(index);
    let is_section = class == STATIC && value == 0 && symbol.name.starts_with('.');
    symbol.kind = match of.kind {
        _ if is_section || symbol.name.starts_with('.') => SymbolKind::Section,
        SectionKind::Code if kind >> 4 & 3 == 2 => SymbolKind::Function,
        SectionKind::Code if class == LABEL => SymbolKind::Other,
        SectionKind::Code => SymbolKind::Function,
        SectionKind::UnwindIndex | SectionKind::ExceptTable => SymbolKind::Other,
        _ => SymbolKind::Object,
    };
}

/// What a library exports under a name, from its own sections.
pub(crate) fn exports(image: &Image<'_>, header: &Header) -> Option<SymbolTable<'static>> {
    let (start, size) = header.directory(0)?;
    let fields = header.at(image.bytes, start)?;
    let count = fields.u32(24)?;
    let mut table = SymbolTable {
        of_library: image.library,
        ..SymbolTable::default()
    };
    let functions = header.at(image.bytes, fields.u32(28)?)?;
    let names = header.at(image.bytes, fields.u32(32)?)?;
    let ordinals = header.at(image.bytes, fields.u32(36)?)?;
    let extents = super::functions(image, header);
    let mut budget = bounds::NameBudget::new(image.bytes);
    for number in 0..u64::from(count).min(names.bytes.len() as u64 / 4) {
        let (Some(name), Some(ordinal)) = (names.u32(4 * number), ordinals.u16(2 * number)) else {
            break;
        };
        let Some(at) = functions.u32(4 * u64::from(ordinal)) else {
            continue;
        };
        // An address inside of the directory is the name of another library's function.
        if at.wrapping_sub(start) < size {
            continue;
        }
        let address = header.address(at);
        let Some((section, of)) = image.section_at(address) else {
            continue;
        };
        let Some(name) = header.at(image.bytes, name).and_then(|it| it.terminated(0)) else {
            break;
        };
        let name = budget.read(|| Some(name));
        let extent = extents.binary_search_by_key(&address, |function| function.start);
        table.symbols.push(Symbol {
            name: Cow::Owned(name),
            name_offset: 0,
            index: Symbol::OUTSIDE,
            address,
            size: extent.map_or(0, |at| extents[at].size),
            section: Some(section),
            kind: match of.kind {
                SectionKind::Code => SymbolKind::Function,
                _ => SymbolKind::Object,
            },
            binding: Binding::Global,
            file: None,
        });
    }
    table.damaged_names = budget.damaged();
    Some(table)
}

/// A library that is imported from.
pub(super) struct Import<'d> {
    pub(super) library: &'d [u8],
    /// How many functions and variables.
    pub(super) count: u32,
    /// Whether it is loaded when one of them is first called.
    pub(super) delayed: bool,
    /// Where its look-up table and all names stand.
    pub(super) places: Vec<Given>,
}

/// No program imports from more libraries.
const MAX_LIBRARIES: u64 = 4096;

/// The descriptors of the import directory: look-up table, name, address table.
pub(super) fn descriptors(header: &Header, bytes: &[u8]) -> Vec<(u32, u32, u32)> {
    let fields = header
        .directory(1)
        .and_then(|(start, _)| header.at(bytes, start));
    let Some(fields) = fields else {
        return Vec::new();
    };
    let descriptor = |number: u64| {
        let at = number * 20;
        let found = (fields.u32(at)?, fields.u32(at + 12)?, fields.u32(at + 16)?);
        (found.1 > 0).then_some(found)
    };
    (0..MAX_LIBRARIES).map_while(descriptor).collect()
}

/// The same of the directory of libraries that are loaded when a function is first called: name, table of
/// names, address table.
fn delayed_descriptors(header: &Header, bytes: &[u8]) -> Vec<(u32, u32, u32)> {
    let fields = header
        .directory(13)
        .and_then(|(start, _)| header.at(bytes, start));
    let Some(fields) = fields else {
        return Vec::new();
    };
    let descriptor = |number: u64| {
        let at = number * 32;
        let (attributes, name) = (fields.u32(at)?, fields.u32(at + 4)?);
        // Linkers of the last century wrote addresses, not distances from the image's start.
        let base = match attributes & 1 {
            1 => 0,
            _ => header.image_base as u32,
        };
        let place = |at: u64| Some(fields.u32(at)?.wrapping_sub(base));
        let found = (place(at + 16)?, place(at + 4)?, place(at + 12)?);
        (name > 0).then_some(found)
    };
    (0..MAX_LIBRARIES).map_while(descriptor).collect()
}

/// Calls `found` with each import that the loader resolves at the start; all together are bounded by the
/// file's size.
pub(super) fn each_import<'d>(header: &Header, bytes: &'d [u8], found: &mut dyn FnMut(Import<'d>)) {
    each(header, bytes, &descriptors(header, bytes), false, found);
}

/// Calls `found` with each import that is resolved when it is first called; they are bounded, too.
pub(super) fn each_delayed_import<'d>(
    header: &Header,
    bytes: &'d [u8],
    found: &mut dyn FnMut(Import<'d>),
) {
    let descriptors = delayed_descriptors(header, bytes);
    each(header, bytes, &descriptors, true, found);
}

fn each<'d>(
    header: &Header,
    bytes: &'d [u8],
    descriptors: &[(u32, u32, u32)],
    delayed: bool,
    found: &mut dyn FnMut(Import<'d>),
) {
    // Hint, name and slot of an import take at least a dozen bytes.
    let mut left = bytes.len() as u64 / 8;
    let is_64 = header.wide;
    let entry = if is_64 { 8 } else { 4 };
    for (table, name, addresses) in descriptors.iter().copied() {
        let library = header
            .at(bytes, name)
            .and_then(|fields| fields.terminated(0));
        let library = library.unwrap_or_default();
        let table = if table == 0 { addresses } else { table };
        let mut import = Import {
            library,
            count: 0,
            delayed,
            places: vec![(name, text_size(library))],
        };
        let Some(fields) = header.at(bytes, table) else {
            continue;
        };
        while let Some(value) = fields.word(u64::from(import.count) * entry, is_64) {
            if value == 0 {
                break;
            }
            if left == 0 {
                return;
            }
            left -= 1;
            import.count += 1;
            let by_ordinal = value >> (8 * entry - 1) == 1;
            if by_ordinal {
                continue;
            }
            let at = value as u32;
            let Some(text) = header.at(bytes, at).and_then(|fields| fields.terminated(2)) else {
                return;
            };
            left = left.saturating_sub(text.len() as u64 / 8);
            import.places.push((at, 2 + text_size(text)));
        }
        if table != addresses {
            let size = (u64::from(import.count) + 1) * entry;
            import
                .places
                .push((table, u32::try_from(size).unwrap_or(u32::MAX)));
        }
        found(import);
    }
}

fn text_size(text: &[u8]) -> u32 {
    u32::try_from(text.len() + 1).unwrap_or(u32::MAX)
}
