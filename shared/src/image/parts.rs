//! Relocatable object files, alone or as the members of an archive.
//!
//! Such a file has no addresses: each section of each object starts at 0. To look things up by
//! address all the same, every section gets a range of its own: what has bytes is addressed by its
//! place in the file, zeroes come behind the file's end. [`Image::place_in_section`] leads back.

mod common;
mod contents;
mod fields;
mod listed;
mod relocations;
mod tables;
mod unwind;

pub(super) use relocations::read as relocations;
pub(super) use tables::add as tables;
pub(super) use unwind::read as unwind;

use super::{
    Architecture, Format, Image, Section, SectionKind, SymbolTable, TableRange, bounds, elf, other,
    symbol::{PartTable, unit_of_object},
    symbol_elf,
    thin::thin_members,
    wasm,
};
use crate::address::{FileOffset, FileRange, Range, VirtualAddress};
use object::read::archive::ArchiveFile;

/// One object file: the whole of a file, or a member of an archive.
#[derive(Clone, Debug)]
pub struct Part {
    /// The member's name; empty for a file of its own.
    pub name: String,
    /// Its bytes.
    pub file: FileRange,
    /// Its sections, by their places in [`Image::sections`].
    pub sections: std::ops::Range<u32>,
    /// The address that each of these sections has in the object itself: 0 but in Mach-O.
    addresses: Vec<VirtualAddress>,
}

/// Addresses of all zeroes together stay below this much behind the file.
const MAX_ZEROES: u64 = 1 << 55;

/// What rustc calls the member of an rlib that holds the crate's metadata.
const METADATA: &str = "lib.rmeta";

/// What stands before each member of an archive.
const MEMBER_HEADERS: &str = "member headers";

/// Whether it is how an archive begins; of one without members that is all.
pub(super) fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"!<arch>\n") || bytes.starts_with(b"!<thin>\n")
}

/// The short form of an import alone, as it is in an import library.
pub(super) fn import(bytes: &[u8]) -> Image<'_> {
    let mut image = other::empty(bytes, Format::Object);
    image.architecture = of_import(bytes);
    let whole = bounds::clip(bytes, 0, bytes.len() as u64);
    let mut section = other::member("import".into(), whole);
    section.kind = SectionKind::Loader;
    image.sections.push(section);
    image
}

/// The processor that a short import is for.
fn of_import(bytes: &[u8]) -> Architecture {
    let file = object::read::coff::ImportFile::parse(bytes);
    file.map_or(Architecture::Unknown, |file| {
        Architecture::from_object(file.architecture())
    })
}

/// An archive, with the sections of all members that are objects, and the other members as one
/// section each.
pub(super) fn archive(bytes: &[u8]) -> Result<Image<'_>, String> {
    let mut image = other::empty(bytes, Format::Archive);
    contents::tables(&mut image);
    let mut names = bounds::NameBudget::new(bytes);
    if let Some(members) = thin_members(bytes) {
        for member in members {
            let name = names.read(|| Some(member.path));
            if names.is_spent() {
                return Err(LONG_NAMES.into());
            }
            let name = match member.within {
                Some(place) => format!("{name}:{place}"),
                None => name,
            };
            // The members are elsewhere.
            add_other(&mut image, name, bounds::clip(bytes, 0, 0));
        }
        return Ok(image);
    }
    let archive = ArchiveFile::parse(bytes).map_err(|error| error.to_string())?;
    let mut zeroes = 0;
    let mut seen_object = false;
    for entry in archive.members() {
        let entry = entry.map_err(|error| error.to_string())?;
        let (offset, size) = entry.file_range();
        let name = names.read(|| Some(entry.name()));
        if names.is_spent() {
            return Err(LONG_NAMES.into());
        }
        let file = bounds::clip(bytes, offset, size);
        match parse(image.bytes_in(file)) {
            Some(object) => {
                // Rust's metadata, or an import, may stand before the first object.
                if !seen_object {
                    seen_object = true;
                    image.architecture = object.architecture;
                    image.is_64 = object.is_64;
                    image.little_endian = object.little_endian;
                }
                take_in(&mut image, name, file, object, &mut zeroes);
            }
            None => add_other(&mut image, name, file),
        }
    }
    Ok(image)
}

/// To find a member's name costs its length, so no more members are looked for.
const LONG_NAMES: &str = "its members' names are longer than the file";

/// Adds a member that is no object, as one section.
fn add_other(image: &mut Image<'_>, name: String, file: FileRange) {
    let first = image.sections.len() as u32;
    let mut section = other::member(name.clone(), file);
    // For targets without an object format that rustc knows its metadata stands bare.
    if name == METADATA {
        section.kind = SectionKind::Metadata;
    } else if is_import(image.bytes_in(file)) {
        section.kind = SectionKind::Loader;
        if image.architecture == Architecture::Unknown {
            image.architecture = of_import(image.bytes_in(file));
        }
    }
    image.sections.push(section);
    image.parts.push(Part {
        name,
        file,
        sections: first..first + 1,
        addresses: vec![VirtualAddress(0)],
    });
}

/// Whether it is the short form of an import, of which a linker makes entries of `.idata`.
fn is_import(bytes: &[u8]) -> bool {
    object::FileKind::parse(bytes) == Ok(object::FileKind::CoffImport)
}

/// An object file of ELF, COFF, Mach-O or WebAssembly; `None` for anything else.
fn parse(bytes: &[u8]) -> Option<Image<'_>> {
    if wasm::is_wasm(bytes) {
        return wasm::parse(bytes)
            .ok()
            .filter(|image| image.format == Format::Object);
    }
    let kind = object::FileKind::parse(bytes).ok()?;
    let image = match kind {
        object::FileKind::Elf32 => elf::parse::<object::elf::FileHeader32<_>>(bytes),
        object::FileKind::Elf64 => elf::parse::<object::elf::FileHeader64<_>>(bytes),
        object::FileKind::Coff | object::FileKind::CoffBig => other::parse(kind, bytes),
        object::FileKind::MachO32 | object::FileKind::MachO64 => other::parse(kind, bytes),
        _ => return None,
    };
    let mut image = image.ok().filter(|image| image.format == Format::Object)?;
    tables(&mut image);
    Some(image)
}

/// Adds the sections and headers of an object that stands at `file`.
fn take_in<'d>(
    image: &mut Image<'d>,
    name: String,
    file: FileRange,
    object: Image<'d>,
    zeroes: &mut u64,
) {
    let first = image.sections.len() as u32;
    let moved = |range: FileRange| {
        Range::<FileOffset>::new(FileOffset(range.start.0 + file.start.0), range.size)
    };
    image
        .tables
        .extend(object.tables.iter().map(|table| TableRange {
            name: table.name,
            range: moved(table.range),
        }));
    let mut addresses = Vec::with_capacity(object.sections.len());
    for mut section in object.sections {
        section.file = moved(section.file);
        addresses.push(section.address);
        place(&mut section, image.bytes.len() as u64, zeroes);
        if section.link > 0 {
            section.link += first;
        }
        image.sections.push(section);
    }
    image.parts.push(Part {
        name,
        file,
        sections: first..image.sections.len() as u32,
        addresses,
    });
}

/// Addresses the sections of an object file that is a file of its own.
pub(super) fn single(image: &mut Image<'_>) {
    let mut zeroes = 0;
    let addresses = image
        .sections
        .iter()
        .map(|section| section.address)
        .collect();
    for section in &mut image.sections {
        place(section, image.bytes.len() as u64, &mut zeroes);
    }
    image.parts.push(Part {
        name: String::new(),
        file: Range::<FileOffset>::new(FileOffset(0), image.bytes.len() as u64),
        sections: 0..image.sections.len() as u32,
        addresses,
    });
    image.position_independent = true;
}

fn place(section: &mut Section<'_>, length: u64, zeroes: &mut u64) {
    section.address = if section.file.is_empty() {
        let start = length + *zeroes;
        *zeroes = zeroes.saturating_add(section.memory).min(MAX_ZEROES);
        VirtualAddress(start)
    } else {
        VirtualAddress(section.file.start.0)
    };
}

/// The symbols of all parts, one table after the other. Each stands under the object file that it is
/// in, whatever its own table says or does not say.
pub(super) fn symbols<'d>(image: &Image<'d>) -> SymbolTable<'d> {
    let mut all = SymbolTable {
        files_are_exact: true,
        ..SymbolTable::default()
    };
    for part in &image.parts {
        let first = all.symbols.len() as u32;
        let Some(object) = parse(image.bytes_in(part.file)) else {
            all.parts.push(PartTable::empty(first));
            continue;
        };
        let mut table = match wasm::is_wasm(object.bytes) {
            true => wasm::object_symbols(&object),
            false => symbol_elf::read(&object, false).unwrap_or_else(|| other::symbols(&object)),
        };
        common::place(&object, &mut table);
        let base = part.sections.start;
        let files = all.files.len() as u32;
        all.damaged_names += table.damaged_names;
        all.files.extend(table.files);
        // What is local stands under its file's entry, what is global under none.
        if all.files.len() as u32 == files && !part.name.is_empty() {
            let unit = unit_of_object(part.name.clone().into());
            all.files.push(unit);
        }
        let of_part = (all.files.len() as u32 > files).then_some(files);
        for mut symbol in table.symbols {
            symbol.file = symbol.file.map(|file| file + files).or(of_part);
            if let Some(section) = symbol.section {
                let own = part.addresses.get(section as usize);
                let placed = image.sections.get((base + section) as usize);
                symbol.section = own.zip(placed).map(|(own, placed)| {
                    let value = symbol.address.0.wrapping_sub(own.0);
                    symbol.address = VirtualAddress(placed.address.0.wrapping_add(value));
                    base + section
                });
            }
            all.symbols.push(symbol);
        }
        all.parts.push(PartTable {
            symbols: first..all.symbols.len() as u32,
            section: table.section.map(|section| section + base),
            strings: table.strings.map(|section| section + base),
            entry_size: table.entry_size,
        });
    }
    all
}

impl Image<'_> {
    /// The member of an archive that holds this place of the file, or the object file itself; an
    /// index into [`Image::parts`].
    pub fn part_at(&self, offset: FileOffset) -> Option<usize> {
        let next = self.parts.partition_point(|part| part.file.start <= offset);
        // Members without bytes stand where the next one does.
        let before = self.parts.get(..next)?.iter().enumerate().rev().take(4);
        let mut holding = before.filter(|(_, part)| part.file.contains(offset));
        Some(holding.next()?.0)
    }

    /// An address as the file's own tables give it: in objects and archives, where no section has
    /// an address yet, the distance from the section's start; of WebAssembly's data that in the linear
    /// memory.
    pub fn place_in_section(&self, section: u32, address: VirtualAddress) -> VirtualAddress {
        match (&self.parts[..], self.sections.get(section as usize)) {
            ([_, ..], Some(section)) => VirtualAddress(address.0.wrapping_sub(section.address.0)),
            _ => self.in_memory(address),
        }
    }
}
