//! Symbol tables.
//!
//! The file entry (`STT_FILE`) before a run of local symbols names the codegen unit that they come
//! from: `<crate>.<hex>-cgu.N` for Rust, the source file for C.

use super::{Image, Section, SectionKind};
use crate::address::VirtualAddress;
use object::{
    Endianness, elf,
    read::elf::{FileHeader, Sym},
};
use std::borrow::Cow;

/// What a symbol stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymbolKind {
    /// A function, also one chosen at load time.
    Function,
    /// A constant or variable.
    Object,
    /// A thread-local variable; its value is an offset, not an address.
    Tls,
    /// A label without a type: what assembly often makes.
    Untyped,
    /// A source file or codegen unit.
    File,
    /// A section.
    Section,
    /// Anything else.
    Other,
}

/// Who sees a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// Its own object file.
    Local,
    /// All.
    Global,
    /// All, unless somebody else defines it.
    Weak,
}

/// One symbol.
#[derive(Clone, Debug)]
pub struct Symbol<'d> {
    /// Its name as it stands in the table (bytes that are not UTF-8 replaced).
    pub name: Cow<'d, str>,
    /// Where the name stands in the string table.
    pub name_offset: u32,
    /// Its position in the table.
    pub index: u32,
    /// Its address.
    pub address: VirtualAddress,
    /// Its size in bytes; zero where unknown.
    pub size: u64,
    /// The section's index; `None` for undefined and absolute symbols.
    pub section: Option<u32>,
    /// What it stands for.
    pub kind: SymbolKind,
    /// Who sees it.
    pub binding: Binding,
    /// The file entry that it stands under: an index into [`SymbolTable::files`].
    pub file: Option<u32>,
}

/// A symbol table.
#[derive(Clone, Debug, Default)]
pub struct SymbolTable<'d> {
    /// The section it stands in.
    pub section: Option<u32>,
    /// The section its names stand in.
    pub strings: Option<u32>,
    /// Bytes of one entry.
    pub entry_size: u64,
    /// All entries in order, without the empty first.
    pub symbols: Vec<Symbol<'d>>,
    /// The names of the file entries.
    pub files: Vec<Cow<'d, str>>,
    /// Names left out because together they are far longer than the string table: only a damaged
    /// or hostile file does that.
    pub damaged_names: u64,
}

/// The table of an ELF file; `None` of any other.
pub(super) fn read<'d>(image: &Image<'d>, dynamic: bool) -> Option<SymbolTable<'d>> {
    let is_elf = match image.format {
        super::Format::Elf => true,
        super::Format::Object => image.bytes.starts_with(&elf::ELFMAG),
        _ => false,
    };
    is_elf.then(|| {
        if image.is_64 {
            read_elf::<elf::FileHeader64<Endianness>>(image, dynamic)
        } else {
            read_elf::<elf::FileHeader32<Endianness>>(image, dynamic)
        }
    })
}

fn read_elf<'d, E: FileHeader<Endian = Endianness>>(
    image: &Image<'d>,
    dynamic: bool,
) -> SymbolTable<'d> {
    let wanted = if dynamic {
        SectionKind::DynamicSymbols
    } else {
        SectionKind::Symbols
    };
    let Some((index, section)) = image
        .sections
        .iter()
        .enumerate()
        .find(|(_, section)| section.kind == wanted)
    else {
        return SymbolTable::default();
    };
    let endian = if image.little_endian {
        Endianness::Little
    } else {
        Endianness::Big
    };
    let bytes = image.section_bytes(section);
    let entry_size = size_of::<E::Sym>();
    let entries: &[E::Sym] =
        object::slice_from_bytes(bytes, bytes.len() / entry_size).map_or(&[], |(slice, _)| slice);
    let strings = image.sections.get(section.link as usize);
    let mut names = Names::new(strings.map(|strings| image.section_bytes(strings)));
    let extended = extended_indices(image, index as u32);

    let mut table = SymbolTable {
        section: Some(index as u32),
        strings: strings.map(|_| section.link),
        entry_size: entry_size as u64,
        symbols: Vec::with_capacity(entries.len().saturating_sub(1)),
        ..SymbolTable::default()
    };
    let mut file = None;
    for (position, entry) in entries.iter().enumerate().skip(1) {
        let name_offset = entry.st_name(endian);
        let name = names.at(name_offset);
        let kind = kind(entry.st_type());
        let binding = match entry.st_bind() {
            elf::STB_LOCAL => Binding::Local,
            elf::STB_WEAK => Binding::Weak,
            _ => Binding::Global,
        };
        if kind == SymbolKind::File {
            file = (!name.is_empty()).then_some(table.files.len() as u32);
            if file.is_some() {
                table.files.push(name.clone());
            }
        }
        let section = match entry.st_shndx(endian) {
            elf::SHN_UNDEF => None,
            elf::SHN_XINDEX => extended
                .get(position)
                .map(|index| index.get(endian))
                .filter(|index| (*index as usize) < image.sections.len()),
            index if u32::from(index.0) < u32::from(elf::SHN_LORESERVE) => {
                Some(u32::from(index.0)).filter(|index| (*index as usize) < image.sections.len())
            }
            _ => None,
        };
        table.symbols.push(Symbol {
            name,
            name_offset,
            index: position as u32,
            address: VirtualAddress(entry.st_value(endian).into()),
            size: entry.st_size(endian).into(),
            section,
            kind,
            binding,
            file: file.filter(|_| binding == Binding::Local),
        });
    }
    table.damaged_names = names.damaged;
    table
}

/// `SHT_SYMTAB_SHNDX`: section indices that do not fit the symbol's 16 bits.
fn extended_indices<'d>(image: &Image<'d>, table: u32) -> &'d [object::U32<Endianness>] {
    image
        .sections
        .iter()
        .find(|section| section.name == ".symtab_shndx" && section.link == table)
        .map(|section: &Section<'d>| {
            let bytes = image.section_bytes(section);
            object::slice_from_bytes(bytes, bytes.len() / 4).map_or(&[][..], |(slice, _)| slice)
        })
        .unwrap_or_default()
}

fn kind(kind: elf::SymbolType) -> SymbolKind {
    match kind {
        elf::STT_FUNC | elf::STT_GNU_IFUNC => SymbolKind::Function,
        elf::STT_OBJECT | elf::STT_COMMON => SymbolKind::Object,
        elf::STT_TLS => SymbolKind::Tls,
        elf::STT_NOTYPE => SymbolKind::Untyped,
        elf::STT_FILE => SymbolKind::File,
        elf::STT_SECTION => SymbolKind::Section,
        _ => SymbolKind::Other,
    }
}

/// Reads names from a string table.
///
/// Names may share tails, so their lengths can add up to more than the table; but a table in which
/// many symbols point at one endless string would make reading quadratic. The sum is bounded.
pub(super) struct Names<'d> {
    bytes: &'d [u8],
    budget: usize,
    damaged: u64,
}

impl<'d> Names<'d> {
    pub(super) fn new(bytes: Option<&'d [u8]>) -> Self {
        let bytes = bytes.unwrap_or_default();
        Self {
            bytes,
            budget: bytes.len().saturating_mul(8),
            damaged: 0,
        }
    }

    pub(super) fn at(&mut self, offset: u32) -> Cow<'d, str> {
        let Some(rest) = self.bytes.get(offset as usize..) else {
            self.damaged += 1;
            return Cow::Borrowed("");
        };
        if self.budget == 0 {
            self.damaged += 1;
            return Cow::Borrowed("");
        }
        let window = rest.get(..self.budget.min(rest.len())).unwrap_or(rest);
        match memchr::memchr(0, window) {
            Some(length) => {
                self.budget -= length.min(self.budget);
                let name = &rest[..length];
                // Checked several bytes at a time; what is replaced is damage, and rare.
                match std::str::from_utf8(name) {
                    Ok(name) => Cow::Borrowed(name),
                    Err(_) => String::from_utf8_lossy(name),
                }
            }
            None => {
                self.budget = 0;
                self.damaged += 1;
                Cow::Borrowed("")
            }
        }
    }
}
