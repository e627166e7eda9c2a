//! The symbol table of a Mach-O file, and what the linker's stabs say of each symbol's object file.
//!
//! Symbols have no sizes. A function's is the distance to the next function's start, as
//! LC_FUNCTION_STARTS has it. N_OSO names the object file, and so the codegen unit, of the functions
//! and variables that follow.

use super::{
    super::{
        Image, SectionKind,
        fields::Fields,
        symbol::{Binding, Names, Symbol, SymbolKind, SymbolTable, unit_of_object},
    },
    Commands,
    commands::Part,
    functions, range, trie,
};
use crate::{
    address::{AddressRange, VirtualAddress},
    hashing::NumberMap,
};
use std::{borrow::Cow, collections::HashMap};

const N_STAB: u8 = 0xe0;
const N_EXT: u8 = 0x01;

/// One entry as it stands in the table.
struct Entry {
    name: u32,
    kind: u8,
    section: u8,
    description: u16,
    value: u64,
}

pub(crate) fn symbols<'d>(image: &Image<'d>, commands: &Commands) -> SymbolTable<'d> {
    let functions = functions::functions(image, commands);
    let mut table = read(image, commands).unwrap_or_default();
    table.of_library = image.library;
    // What is exported has no entry where a stripped file's table was left out or thinned.
    let known: NumberMap<u64, ()> = table
        .symbols
        .iter()
        .filter(|symbol| symbol.section.is_some())
        .map(|symbol| (symbol.address.0, ()))
        .collect();
    let more = trie::exports(image, commands);
    let more = more
        .into_iter()
        .filter(|one| one.section.is_some() && !known.contains_key(&one.address.0));
    table.symbols.extend(more);
    size(&mut table, &functions);
    table
}

/// Gives each symbol at a function's start that function's size.
fn size(table: &mut SymbolTable<'_>, functions: &[AddressRange]) {
    for symbol in &mut table.symbols {
        if symbol.kind == SymbolKind::Function {
            let at = functions.binary_search_by_key(&symbol.address, |function| function.start);
            symbol.size = at.map_or(0, |at| functions[at].size);
        }
    }
}

fn read<'d>(image: &Image<'d>, commands: &Commands) -> Option<SymbolTable<'d>> {
    let entry_size: u64 = if image.is_64 { 16 } else { 12 };
    let (start, size) = commands.part(Part::Symbols)?;
    let entries = image.bytes_in(range(image, start, size));
    let strings = commands
        .part(Part::Strings)
        .map(|(at, size)| range(image, at, size));
    let names = strings.map(|strings| image.bytes_in(strings));
    let section = |kind, file: Option<crate::address::FileRange>| {
        let file = file?;
        let place = image
            .sections
            .iter()
            .position(|section| section.kind == kind && section.file == file && !file.is_empty());
        Some(place? as u32)
    };
    let mut table = SymbolTable {
        section: section(SectionKind::Symbols, Some(range(image, start, size))),
        strings: section(SectionKind::Strings, strings),
        entry_size,
        files_are_exact: true,
        ..SymbolTable::default()
    };
    let mut reader = Reader {
        image,
        names: Names::new(names),
        units: NumberMap::default(),
        globals: HashMap::new(),
        file: None,
        function: None,
    };
    let fields = Fields {
        bytes: entries,
        little_endian: image.little_endian,
    };
    let count = entries.len() as u64 / entry_size;
    table.symbols.reserve(count as usize);
    for index in 0..count {
        let at = index * entry_size;
        let entry = Entry {
            name: fields.u32(at)?,
            kind: fields.u8(at + 4)?,
            section: fields.u8(at + 5)?,
            description: fields.u16(at + 6)?,
            value: fields.word(at + 8, image.is_64)?,
        };
        let symbol = reader.symbol(&entry, index as u32, &mut table.files);
        table.symbols.push(symbol);
    }
    table.damaged_names = reader.names.damaged;
    // A name of a global variable's stab is the symbol's own.
    let (units, globals) = (reader.units, reader.globals);
    for symbol in &mut table.symbols {
        if symbol.file.is_none() && symbol.section.is_some() {
            let by_address = units.get(&symbol.address.0).copied();
            symbol.file = by_address.or_else(|| globals.get(&symbol.name).copied());
        }
    }
    Some(table)
}

struct Reader<'a, 'd> {
    image: &'a Image<'d>,
    names: Names<'d>,
    /// The object file of what stands at an address.
    units: NumberMap<u64, u32>,
    /// The object file of global variables, by name: their stabs have no address.
    globals: HashMap<Cow<'d, str>, u32>,
    /// The object file that the stabs are about.
    file: Option<u32>,
    /// The function that they are about, and its section.
    function: Option<(u64, Option<u32>)>,
}

impl<'d> Reader<'_, 'd> {
    fn symbol(&mut self, entry: &Entry, index: u32, files: &mut Vec<Cow<'d, str>>) -> Symbol<'d> {
        let spelled = self.names.at(entry.name);
        let section = u32::from(entry.section)
            .checked_sub(1)
            .filter(|section| (*section as usize) < self.image.sections.len());
        let mut symbol = Symbol {
            name: Cow::Borrowed(""),
            name_offset: entry.name,
            index,
            address: VirtualAddress(entry.value),
            size: 0,
            section: None,
            kind: SymbolKind::Other,
            binding: Binding::Local,
            file: None,
        };
        if entry.kind & N_STAB != 0 {
            symbol.name = spelled;
            self.stab(entry, section, &mut symbol, files);
            return symbol;
        }
        // A compiler's names have an underscore in front.
        symbol.name = plain(spelled);
        let external = entry.kind & N_EXT != 0;
        // N_PEXT: seen by all of the image, but by nobody else.
        symbol.binding = match (external, entry.description & 0x80 != 0) {
            (false, _) => Binding::Local,
            (true, true) => Binding::Weak,
            (true, false) => Binding::Global,
        };
        // N_SECT; the others are undefined, absolute or indirect.
        if entry.kind & 0x0e == 0x0e {
            symbol.section = section;
            let kind = section.map(|section| self.image.sections[section as usize].kind);
            symbol.kind = match kind {
                Some(SectionKind::Code | SectionKind::Plt) => SymbolKind::Function,
                Some(SectionKind::EhFrame | SectionKind::ExceptTable) => SymbolKind::Other,
                Some(_) => SymbolKind::Object,
                None => SymbolKind::Untyped,
            };
            // The header's own symbol names no data.
            if matches!(
                &*symbol.name,
                "_mh_execute_header" | "_mh_dylib_header" | "_mh_bundle_header"
            ) {
                symbol.kind = SymbolKind::Other;
            }
        }
        symbol
    }

    fn stab(
        &mut self,
        entry: &Entry,
        section: Option<u32>,
        symbol: &mut Symbol<'d>,
        files: &mut Vec<Cow<'d, str>>,
    ) {
        match entry.kind {
            // N_SO: a source file begins, or with an empty name ends.
            0x64 => {
                symbol.kind = SymbolKind::File;
                symbol.file = self.file;
                if symbol.name.is_empty() {
                    self.file = None;
                }
            }
            // N_OSO: the object file.
            0x66 => {
                self.file = Some(files.len() as u32);
                files.push(unit_of_object(symbol.name.clone()));
                symbol.kind = SymbolKind::File;
                symbol.file = self.file;
            }
            // N_FUN: a function begins, and with an empty name ends. N_BNSYM and N_ENSYM stand around
            // the pair.
            0x24 | 0x2e | 0x4e => {
                if entry.kind == 0x24 && section.is_some() {
                    self.function = Some((entry.value, section));
                    if let Some(file) = self.file {
                        self.units.entry(entry.value).or_insert(file);
                    }
                }
                if entry.kind != 0x2e
                    && let Some((address, section)) = self.function
                {
                    symbol.address = VirtualAddress(address);
                    symbol.section = section;
                } else {
                    symbol.section = section;
                }
                symbol.file = self.file;
            }
            // N_GSYM
            0x20 => {
                symbol.file = self.file;
                if let Some(file) = self.file {
                    let name = plain(symbol.name.clone());
                    self.globals.entry(name).or_insert(file);
                }
            }
            // N_STSYM, N_LCSYM: variables of the file.
            0x26 | 0x28 => {
                symbol.section = section;
                symbol.file = self.file;
                if let Some(file) = self.file {
                    self.units.entry(entry.value).or_insert(file);
                }
            }
            _ => symbol.file = self.file,
        }
    }
}

/// A name without the underscore that stands before each of a compiler's.
fn plain(spelled: Cow<'_, str>) -> Cow<'_, str> {
    match spelled {
        Cow::Borrowed(name) => Cow::Borrowed(name.strip_prefix('_').unwrap_or(name)),
        Cow::Owned(name) => match name.strip_prefix('_') {
            Some(plain) => Cow::Owned(plain.to_owned()),
            None => Cow::Owned(name),
        },
    }
}
