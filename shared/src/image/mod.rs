//! An opened binary: format, sections, segments, symbols, relocations, unwind tables, debug
//! information and the loader's view of it.
//!
//! Sources: the ELF gABI and its x86-64 and generic-RELR supplements through `object`, DWARF and
//! `.eh_frame` through `gimli`, what the loader asks for through `goblin`.
//!
//! Everything here treats the file as hostile: each offset is checked, each loop is bounded by the
//! file's size, and damage degrades the answer (and is counted) instead of ending it.

mod architecture;
mod bounds;
mod debug_frame;
pub mod debug_info;
mod elf;
mod fields;
mod fill;
mod firmware;
mod gzip;
mod hardening;
mod loader;
mod macho;
mod mapping;
mod missing;
mod needs;
mod other;
mod parts;
pub mod pdb;
mod pe;
mod relocation;
mod section;
mod segments;
mod strip;
mod symbol;
mod symbol_elf;
mod thin;
mod unwind;
mod wasm;

pub use architecture::Architecture;
pub use firmware::{LoadAddress, StackSize};
pub use gzip::{Counter, GZIP_LEVEL, GZIP_LIBRARY, gzip_size};
pub use mapping::Mapping;
pub use missing::MissingPart;
pub use needs::{Hardening, Library, LoaderNeeds, Resource, VersionNeed};
pub use parts::Part;
pub use relocation::{Relocation, RelocationTable, ThreadSlots};
pub use section::{RelocationFormat, Section, SectionKind, Segment, TableRange};
pub use strip::Stripped;
pub use symbol::{Binding, PartTable, Symbol, SymbolKind, SymbolTable};
pub use thin::{ThinMember, thin_members};
pub use unwind::{FrameTable, UnwindEntry, UnwindPart, UnwindTables};
pub use wasm::{Constant, EntryKind, Module, Segment as DataSegment, TableEntry};

use crate::{
    address::{AddressRange, FileRange, VirtualAddress},
    error::{Error, Result},
};
use std::{borrow::Cow, path::Path};

/// The container format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Linux, BSD, most embedded systems: executables and shared libraries.
    Elf,
    /// macOS and iOS.
    MachO,
    /// Windows.
    Pe,
    /// WebAssembly.
    Wasm,
    /// A static library or rlib.
    Archive,
    /// A relocatable object file of any kind.
    Object,
}

impl Format {
    /// The name in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Elf => "elf",
            Self::MachO => "mach-o",
            Self::Pe => "pe",
            Self::Wasm => "wasm",
            Self::Archive => "archive",
            Self::Object => "object",
        }
    }
}

/// A parsed file. Borrows the bytes; parsing reads the tables of contents only, symbols and the
/// rest are read when asked for.
#[derive(Clone, Debug)]
pub struct Image<'d> {
    /// The whole file.
    pub bytes: &'d [u8],
    /// Its container format.
    pub format: Format,
    /// The processor that it is for.
    pub architecture: Architecture,
    /// Whether addresses have 64 bits.
    pub is_64: bool,
    /// Whether numbers are stored low byte first.
    pub little_endian: bool,
    /// Whether the loader may move the image: its code holds no absolute addresses.
    pub position_independent: bool,
    /// Whether it is a shared library, or a module that is called by its exports.
    pub library: bool,
    /// Where execution starts, if anywhere.
    pub entry: VirtualAddress,
    /// Sections in the order of the section table. A section's index is its position here.
    pub sections: Vec<Section<'d>>,
    /// Segments in the order of the program headers.
    pub segments: Vec<Segment>,
    /// Where the tables of contents themselves stand.
    pub tables: Vec<TableRange>,
    /// Parts that the headers of a Mach-O or PE file place beyond its end, at least in part; of an ELF
    /// file its section table, where that is so.
    pub missing: Vec<MissingPart>,
    /// The object files that it consists of: of an object itself, of an archive its members; none of
    /// what a linker has made.
    pub parts: Vec<Part>,
    /// Loaded sections that have an address, as (address, index), sorted.
    by_address: Vec<(VirtualAddress, u32)>,
    /// What only its format has.
    native: Native,
}

/// What was read of headers that only one format has.
#[derive(Clone, Debug, Default)]
enum Native {
    /// Nothing that the other fields do not say.
    #[default]
    None,
    MachO(Box<macho::Commands>),
    Pe(Box<pe::Header>),
    Wasm(Box<wasm::Modules>),
}

impl<'d> Image<'d> {
    /// Reads the tables of contents of `bytes`, the content of the file `path`.
    ///
    /// # Errors
    ///
    /// `bytes` is no object file of a known format, or its tables of contents cannot be read.
    pub fn parse(path: &Path, bytes: &'d [u8]) -> Result<Self> {
        let format = |reason: String| Error::Format {
            path: path.into(),
            reason,
        };
        if bytes.is_empty() {
            return Err(format("it is empty".into()));
        }
        let mut image = match () {
            () if wasm::is_wasm(bytes) => wasm::parse(bytes),
            () => {
                let kind = object::FileKind::parse(bytes).or_else(|error| {
                    // An archive without members is shorter than any other file.
                    let is_archive = parts::is_archive(bytes);
                    is_archive.then_some(object::FileKind::Archive).ok_or(error)
                });
                let kind = kind.map_err(|_| {
                    if is_bitcode(bytes) {
                        return format(
                            "it holds LLVM bitcode, which becomes machine code only when the linker \
                             optimises it (`-C linker-plugin-lto`, `-flto`)"
                                .into(),
                        );
                    }
                    format("its first bytes are those of no executable or object file".into())
                })?;
                match kind {
                    object::FileKind::Elf32 => elf::parse::<object::elf::FileHeader32<_>>(bytes),
                    object::FileKind::Elf64 => elf::parse::<object::elf::FileHeader64<_>>(bytes),
                    object::FileKind::Archive => parts::archive(bytes),
                    object::FileKind::CoffImport => Ok(parts::import(bytes)),
                    object::FileKind::Pe32 | object::FileKind::Pe64 => pe::parse(bytes),
                    object::FileKind::Xcoff32 | object::FileKind::Xcoff64 => {
                        return Err(format(
                            "it is an XCOFF file of AIX, a format that is not read".into(),
                        ));
                    }
                    // Relocatable ones are read with all objects.
                    kind => macho::parse(bytes).unwrap_or_else(|| other::parse(kind, bytes)),
                }
            }
        }
        .map_err(|error| format(lower_case_start(&error)))?;
        if image.format == Format::Object {
            parts::tables(&mut image);
        }
        section::bound(&mut image.sections, bytes.len() as u64);
        if image.format == Format::Object {
            parts::single(&mut image);
        }
        image.by_address = image
            .sections
            .iter()
            .enumerate()
            .filter(|(_, section)| {
                section.loaded && section.memory > 0 && !section.kind.is_tls_bss()
            })
            .map(|(index, section)| (section.address, index as u32))
            .collect();
        image.by_address.sort_unstable();
        Ok(image)
    }

    /// The bytes that a section has in the file, as they stand there (maybe compressed).
    pub fn section_bytes(&self, section: &Section<'_>) -> &'d [u8] {
        self.bytes_in(section.file)
    }

    /// The bytes of a range of the file; empty when it reaches outside.
    pub fn bytes_in(&self, range: FileRange) -> &'d [u8] {
        let start = usize::try_from(range.start.0).unwrap_or(usize::MAX);
        let end = usize::try_from(range.end().0).unwrap_or(usize::MAX);
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// The first section with this name, and its index.
    pub fn section(&self, name: &str) -> Option<(u32, &Section<'d>)> {
        self.sections
            .iter()
            .enumerate()
            .find(|(_, section)| section.name == name)
            .map(|(index, section)| (index as u32, section))
    }

    /// The loaded section that holds `address`.
    pub fn section_at(&self, address: VirtualAddress) -> Option<(u32, &Section<'d>)> {
        let next = self
            .by_address
            .partition_point(|(start, _)| *start <= address);
        // Sections that overlap occur only in damaged files; look back over a few of them.
        self.by_address[..next]
            .iter()
            .rev()
            .take(4)
            .find_map(|(_, index)| {
                let section = self.sections.get(*index as usize)?;
                section
                    .addresses()
                    .contains(address)
                    .then_some((*index, section))
            })
    }

    /// The bytes from `address` to the end of its section in the file.
    pub fn bytes_at(&self, address: VirtualAddress) -> Option<&'d [u8]> {
        let (_, section) = self.section_at(address)?;
        let offset = address.checked_since(section.address)?;
        self.section_bytes(section)
            .get(usize::try_from(offset).ok()?..)
    }

    /// The pointer-sized number stored at `address`.
    pub fn word_at(&self, address: VirtualAddress) -> Option<u64> {
        let bytes = self.bytes_at(address)?;
        if self.is_64 {
            bytes.first_chunk::<8>().map(|word| self.u64(*word))
        } else {
            bytes
                .first_chunk::<4>()
                .map(|word| u64::from(self.u32(*word)))
        }
    }

    /// A number of four bytes in the file's byte order.
    pub fn u32(&self, bytes: [u8; 4]) -> u32 {
        if self.little_endian {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        }
    }

    /// A number of eight bytes in the file's byte order.
    pub fn u64(&self, bytes: [u8; 8]) -> u64 {
        if self.little_endian {
            u64::from_le_bytes(bytes)
        } else {
            u64::from_be_bytes(bytes)
        }
    }

    /// The symbol table that a linker or debugger reads (`.symtab`); empty in a stripped file.
    pub fn symbols(&self) -> SymbolTable<'d> {
        match &self.native {
            Native::None => {}
            Native::MachO(commands) => return macho::symbols(self, commands),
            Native::Pe(header) => return pe::symbols(self, header),
            Native::Wasm(modules) => return wasm::symbols(self, modules),
        }
        if self.parts.is_empty() {
            symbol_elf::read(self, false).unwrap_or_else(|| other::symbols(self))
        } else {
            parts::symbols(self)
        }
    }

    /// What a Mach-O file offers to others, by its export trie; of other formats nothing: there these
    /// are the symbols that the loader reads.
    pub fn exports(&self) -> Vec<Symbol<'static>> {
        match &self.native {
            Native::MachO(commands) => macho::exports(self, commands),
            _ => Vec::new(),
        }
    }

    /// The symbol table that the loader reads (`.dynsym`).
    pub fn dynamic_symbols(&self) -> SymbolTable<'d> {
        match &self.native {
            Native::None => symbol_elf::read(self, true).unwrap_or_default(),
            // All are among the symbols, whether the table there has them or not.
            Native::MachO(_) => SymbolTable::default(),
            Native::Pe(header) => pe::exports(self, header).unwrap_or_default(),
            Native::Wasm(modules) => wasm::exports(self, modules),
        }
    }

    /// The relocations that the loader applies (RELA, REL, RELR), one table a section. Of objects and
    /// archives those that a linker applies to what is loaded, by the [`symbols`](Self::symbols) in
    /// place of the dynamic ones.
    pub fn relocations(&self, dynamic_symbols: &SymbolTable<'d>) -> Vec<RelocationTable> {
        match &self.native {
            Native::None if !self.parts.is_empty() => parts::relocations(self, dynamic_symbols),
            Native::None => relocation::read(self, dynamic_symbols),
            Native::MachO(commands) => macho::relocations(self, commands),
            Native::Pe(header) => pe::relocations(self, header),
            Native::Wasm(modules) => wasm::relocations(self, modules),
        }
    }

    /// The slots through which code of an ELF file finds thread-local variables; empty where there are none,
    /// and for processors other than x86-64 and AArch64. Linear in the relocations.
    pub fn thread_slots(&self, dynamic_symbols: &SymbolTable<'d>) -> ThreadSlots {
        relocation::thread_slots(self, dynamic_symbols)
    }

    /// Whether symbols say how long each thing is. Where they do not, other tables tell it.
    pub fn symbols_have_sizes(&self) -> bool {
        match self.native {
            Native::None | Native::Wasm(_) => true,
            Native::MachO(_) | Native::Pe(_) => false,
        }
    }

    /// The path of its PDB as the linker was told it, where it names one.
    pub fn pdb_path(&self) -> Option<Cow<'d, str>> {
        match &self.native {
            Native::Pe(header) => {
                // GNU's linkers write a build id in this form, without a path.
                let path = pe::identity(header, self.bytes)?.path;
                (!path.is_empty()).then(|| String::from_utf8_lossy(path))
            }
            Native::None | Native::MachO(_) | Native::Wasm(_) => None,
        }
    }

    /// The name under which the linker made it, of a Mach-O library its install name, of a PE file that
    /// of its PDB: a path, or a file's name.
    pub fn linked_as(&self) -> Option<Cow<'d, str>> {
        match &self.native {
            Native::MachO(commands) => macho::install_name(self, commands),
            Native::Pe(_) => self.pdb_path(),
            Native::None | Native::Wasm(_) => None,
        }
    }

    /// What tells builds apart: the `NT_GNU_BUILD_ID` note of ELF files, the UUID of Mach-O, the GUID
    /// of a PE file's PDB.
    pub fn build_id(&self) -> Option<&'d [u8]> {
        match &self.native {
            Native::None | Native::Wasm(_) => {}
            Native::MachO(commands) => {
                let at = usize::try_from(commands.uuid?).ok()?;
                return self.bytes.get(at..at.checked_add(16)?);
            }
            Native::Pe(header) => return Some(pe::identity(header, self.bytes)?.guid),
        }
        let (_, section) = self.section(".note.gnu.build-id")?;
        let note = self.section_bytes(section);
        // Sizes of name and description, type 3; the name is `GNU` and a zero.
        let size = self.u32(*note.get(4..)?.first_chunk()?);
        let is_id = self.u32(*note.get(8..)?.first_chunk()?) == 3 && note.get(12..16)? == b"GNU\0";
        note.get(16..)?
            .get(..usize::try_from(size).ok()?)
            .filter(|id| is_id && !id.is_empty())
    }

    /// What the loader must find to run the file: libraries and symbol versions.
    ///
    /// # Errors
    ///
    /// The dynamic tables are damaged.
    pub fn loader_needs(&self) -> Result<LoaderNeeds> {
        match &self.native {
            Native::None if self.format == Format::Elf => loader::needs(self),
            Native::None => Ok(LoaderNeeds::default()),
            // What is damaged is left out instead of ending the answer.
            Native::MachO(commands) => Ok(macho::facts(self, commands)),
            Native::Pe(header) => Ok(pe::facts(self, header)),
            Native::Wasm(modules) => Ok(wasm::facts(self, modules)),
        }
    }

    /// `code` without what stands at its end to align what follows.
    pub fn without_fill(&self, code: AddressRange) -> AddressRange {
        match self.section_at(code.start) {
            Some((_, section)) => fill::without(self, section, code),
            None => code,
        }
    }

    /// Bytes of tables that are about one function each, in formats whose tables of contents name them
    /// one by one.
    pub fn table_entries(&self) -> Vec<TableEntry> {
        match &self.native {
            Native::Wasm(modules) => wasm::entries(self, modules),
            Native::None | Native::MachO(_) | Native::Pe(_) => Vec::new(),
        }
    }

    /// What the unwind tables say: the extent of every function that can be unwound.
    pub fn unwind_tables(&self) -> UnwindTables {
        let mut tables = unwind::read(self);
        match &self.native {
            Native::None | Native::Wasm(_) => {}
            Native::MachO(commands) => macho::unwind(self, commands, &mut tables),
            Native::Pe(header) => pe::unwind(self, header, &mut tables),
        }
        debug_frame::read(self, &mut tables);
        tables
    }

    /// Functions that a table of the headers names, besides symbols, exports and unwind tables.
    pub fn listed_starts(&self) -> Vec<VirtualAddress> {
        match &self.native {
            Native::Pe(header) => pe::starts(self, header),
            Native::None | Native::MachO(_) | Native::Wasm(_) => Vec::new(),
        }
    }

    /// Where parts of functions begin that run while they unwind, where only the handlers' own tables
    /// tell these from functions.
    pub fn funclets(&self) -> Vec<VirtualAddress> {
        match &self.native {
            Native::Pe(header) => pe::funclets(self, header),
            Native::None | Native::MachO(_) | Native::Wasm(_) => Vec::new(),
        }
    }

    /// As [`unwind_tables`](Self::unwind_tables), of objects and archives, where only the
    /// [`relocations`](Self::relocations) say which function an entry is for.
    pub fn unwind_of_parts(&self, relocations: &[RelocationTable]) -> UnwindTables {
        parts::unwind(self, relocations)
    }

    /// Bytes that the file would have with `strip = "symbols"`; `None` where the format gives no
    /// way to tell.
    pub fn shipped_size(&self) -> Option<u64> {
        self.stripped().map(|stripped| stripped.size)
    }

    /// What of the file stays with `strip = "symbols"`, piece by piece; `None` where the format
    /// gives no way to tell.
    pub fn stripped(&self) -> Option<Stripped> {
        match &self.native {
            Native::None => strip::stripped(self),
            Native::MachO(commands) => Some(macho::stripped(self, commands)),
            Native::Pe(_) => Some(pe::stripped(self)),
            Native::Wasm(_) => Some(wasm::stripped(self)),
        }
    }

    /// A section's content, decompressed where it is compressed. `None` when it cannot be, or
    /// when it claims to be larger than debug information can become.
    pub fn section_content(&self, section: &Section<'d>) -> Option<Cow<'d, [u8]>> {
        section::content(self, section)
    }
}

/// Whether these bytes are LLVM bitcode, plain or as Apple's tools wrap it.
pub fn is_bitcode(bytes: &[u8]) -> bool {
    bytes.starts_with(b"BC\xc0\xde") || bytes.starts_with(&[0xde, 0xc0, 0x17, 0x0b])
}

/// An error message of another library in the manner of ours.
fn lower_case_start(message: &str) -> String {
    let mut chars = message.chars();
    match (chars.next(), chars.clone().next()) {
        // `ELF header` stays as it is.
        (Some(first), Some(second)) if !second.is_uppercase() => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => message.to_owned(),
    }
}
