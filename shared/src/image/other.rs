//! All formats but ELF, by way of `object`'s common view: sections, symbols and the bytes between.
//!
//! Enough for a ledger that sums to the file. What only one format knows (function starts of
//! Mach-O, modules of a PDB, names of wasm) is not read here.

use super::{
    Binding, Format, Image, Section, SectionKind, Segment, Symbol, SymbolKind, SymbolTable,
    TableRange,
};
use crate::address::{FileOffset, FileRange, Range, VirtualAddress};
use object::{
    FileKind, Object as _, ObjectSection as _, ObjectSegment as _, ObjectSymbol as _,
    read::archive::ArchiveFile,
};
use std::borrow::Cow;

pub(super) fn parse(kind: FileKind, bytes: &[u8]) -> Result<Image<'_>, String> {
    let format = match kind {
        FileKind::MachO32 | FileKind::MachO64 => Format::MachO,
        FileKind::MachOFat32 | FileKind::MachOFat64 => return universal(kind, bytes),
        FileKind::Pe32 | FileKind::Pe64 => Format::Pe,
        FileKind::Wasm => Format::Wasm,
        FileKind::Archive => return archive(bytes),
        _ => Format::Object,
    };
    let file = object::File::parse(bytes).map_err(|error| error.to_string())?;
    let mut image = empty(bytes, format);
    image.architecture = architecture(&file);
    image.is_64 = file.is_64();
    image.little_endian = file.is_little_endian();
    image.position_independent = true;
    image.entry = VirtualAddress(file.entry());
    let linked = !matches!(file.kind(), object::ObjectKind::Relocatable);
    if format == Format::MachO && !linked {
        image.format = Format::Object;
    }
    let mut names = NameBudget::new(bytes);
    for section in file.sections() {
        let name = names.read(|| section.name_bytes().ok());
        let range = section.file_range().unwrap_or((0, 0));
        let kind = kind_of(section.kind());
        let loaded = linked && !matches!(kind, SectionKind::Debug | SectionKind::Other);
        image.sections.push(Section {
            kind,
            address: VirtualAddress(section.address()),
            memory: if loaded { section.size() } else { 0 },
            file: clip(bytes, range.0, range.1),
            align: section.align(),
            loaded,
            writable: matches!(
                kind,
                SectionKind::Data | SectionKind::Bss | SectionKind::Tls | SectionKind::TlsBss
            ),
            compressed: false,
            link: 0,
            entry_size: 0,
            name: Cow::Owned(name),
        });
    }
    for segment in file.segments() {
        let (offset, size) = segment.file_range();
        let permissions = segment.permissions();
        image.segments.push(Segment {
            name: names.read(|| segment.name_bytes().ok().flatten()),
            loaded: true,
            readable: permissions.readable(),
            writable: permissions.writable(),
            executable: permissions.executable(),
            address: VirtualAddress(segment.address()),
            memory: segment.size(),
            file: clip(bytes, offset, size),
        });
    }
    // Headers have no section of their own: they end where the first section begins.
    let first = image
        .sections
        .iter()
        .filter(|section| !section.file.is_empty())
        .map(|section| section.file.start)
        .min();
    if let (Some(first), false) = (first, format == Format::Wasm) {
        image.tables.push(TableRange {
            name: "headers",
            range: Range::<FileOffset>::between(FileOffset(0), first),
        });
    } else if format == Format::Wasm {
        image.tables.push(TableRange {
            name: "header",
            range: clip(bytes, 0, 8),
        });
    }
    Ok(image)
}

fn empty(bytes: &[u8], format: Format) -> Image<'_> {
    Image {
        bytes,
        format,
        architecture: "unknown",
        is_64: true,
        little_endian: true,
        position_independent: true,
        entry: VirtualAddress(0),
        sections: Vec::new(),
        segments: Vec::new(),
        tables: Vec::new(),
        by_address: Vec::new(),
    }
}

fn member(name: String, file: FileRange) -> Section<'static> {
    Section {
        name: Cow::Owned(name),
        kind: SectionKind::Member,
        address: VirtualAddress(0),
        memory: 0,
        file,
        align: 1,
        loaded: false,
        writable: false,
        compressed: false,
        link: 0,
        entry_size: 0,
    }
}

/// An archive's members stand where another format has sections.
fn archive(bytes: &[u8]) -> Result<Image<'_>, String> {
    let archive = ArchiveFile::parse(bytes).map_err(|error| error.to_string())?;
    let mut image = empty(bytes, Format::Archive);
    image.tables.push(TableRange {
        name: "archive header",
        range: clip(bytes, 0, 8),
    });
    let mut names = NameBudget::new(bytes);
    for entry in archive.members() {
        let entry = entry.map_err(|error| error.to_string())?;
        let (offset, size) = entry.file_range();
        let name = names.read(|| Some(entry.name()));
        if names.is_spent() {
            // To find a member's name costs its length, so no more members are looked for.
            return Err("its members' names are longer than the file".into());
        }
        // The members of a thin archive are elsewhere.
        let file = if archive.is_thin() {
            clip(bytes, 0, 0)
        } else {
            clip(bytes, offset, size)
        };
        image.sections.push(member(name, file));
    }
    // Each member has a header of 60 bytes before it, and so have the tables of contents.
    let mut headers = Vec::new();
    for section in image
        .sections
        .iter()
        .filter(|section| !section.file.is_empty())
    {
        headers.push(TableRange {
            name: "member header",
            range: clip(bytes, section.file.start.0.saturating_sub(60), 60),
        });
    }
    image.tables.extend(headers);
    Ok(image)
}

/// A universal file's images stand where another format has sections.
fn universal(kind: FileKind, bytes: &[u8]) -> Result<Image<'_>, String> {
    use object::read::macho::{FatArch as _, MachOFatFile32, MachOFatFile64};
    let mut image = empty(bytes, Format::MachO);
    let mut add = |architecture: object::Architecture, (offset, size): (u64, u64)| {
        let name = format!("{architecture:?}").to_lowercase();
        image.sections.push(member(name, clip(bytes, offset, size)));
    };
    if kind == FileKind::MachOFat64 {
        for arch in MachOFatFile64::parse(bytes)
            .map_err(|error| error.to_string())?
            .arches()
        {
            add(arch.architecture(), arch.file_range());
        }
    } else {
        for arch in MachOFatFile32::parse(bytes)
            .map_err(|error| error.to_string())?
            .arches()
        {
            add(arch.architecture(), arch.file_range());
        }
    }
    let count = image.sections.len() as u64;
    let entry = if kind == FileKind::MachOFat64 { 32 } else { 20 };
    image.tables.push(TableRange {
        name: "universal header",
        range: clip(bytes, 0, 8 + entry * count),
    });
    image.architecture = "universal";
    Ok(image)
}

pub(super) fn symbols<'d>(image: &Image<'d>) -> SymbolTable<'d> {
    let mut table = SymbolTable::default();
    let Ok(file) = object::File::parse(image.bytes) else {
        return table;
    };
    let mut names = NameBudget::new(image.bytes);
    for symbol in file.symbols() {
        let kind = match symbol.kind() {
            object::SymbolKind::Text => SymbolKind::Function,
            object::SymbolKind::Data => SymbolKind::Object,
            object::SymbolKind::Tls => SymbolKind::Tls,
            object::SymbolKind::File => SymbolKind::File,
            object::SymbolKind::Section => SymbolKind::Section,
            object::SymbolKind::Unknown | object::SymbolKind::Label => SymbolKind::Untyped,
            _ => SymbolKind::Other,
        };
        // Mach-O puts an underscore before each name that a compiler gives.
        let name = names.read(|| {
            let name = symbol.name_bytes().ok()?;
            match image.format {
                Format::MachO => Some(name.strip_prefix(b"_").unwrap_or(name)),
                _ => Some(name),
            }
        });
        // `object` numbers sections from 1 in most formats; addresses tell without counting.
        let address = VirtualAddress(symbol.address());
        let section = (!symbol.is_undefined())
            .then(|| image.section_at(address).map(|(index, _)| index))
            .flatten();
        table.symbols.push(Symbol {
            name: Cow::Owned(name),
            name_offset: 0,
            index: u32::try_from(symbol.index().0).unwrap_or(u32::MAX),
            address,
            size: symbol.size(),
            section,
            kind,
            binding: if symbol.is_local() {
                Binding::Local
            } else if symbol.is_weak() {
                Binding::Weak
            } else {
                Binding::Global
            },
            file: None,
        });
    }
    table.damaged_names = names.damaged;
    table
}

/// Copies names, as many as a file of this size can hold.
///
/// Entries of a table may all point at one endless name; to read it for each of them would take
/// time and memory without relation to the file.
pub(super) struct NameBudget {
    left: usize,
    damaged: u64,
}

impl NameBudget {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self {
            left: bytes.len().saturating_mul(2),
            damaged: 0,
        }
    }

    pub(super) fn is_spent(&self) -> bool {
        self.left == 0
    }

    /// The name that `name` finds; empty when it has none or the budget is spent.
    pub(super) fn read<'n>(&mut self, name: impl FnOnce() -> Option<&'n [u8]>) -> String {
        if self.is_spent() {
            self.damaged += 1;
            return String::new();
        }
        let name = name().unwrap_or_default();
        match self.left.checked_sub(name.len()) {
            Some(left) => {
                self.left = left;
                String::from_utf8_lossy(name).into_owned()
            }
            None => {
                self.left = 0;
                self.damaged += 1;
                String::new()
            }
        }
    }
}

fn clip(bytes: &[u8], offset: u64, size: u64) -> FileRange {
    let end = FileOffset(bytes.len() as u64);
    let start = FileOffset(offset).min(end);
    Range::<FileOffset>::new(start, size).intersection(Range::<FileOffset>::between(start, end))
}

fn kind_of(kind: object::SectionKind) -> SectionKind {
    match kind {
        object::SectionKind::Text => SectionKind::Code,
        object::SectionKind::Data => SectionKind::Data,
        object::SectionKind::ReadOnlyData
        | object::SectionKind::ReadOnlyString
        | object::SectionKind::ReadOnlyDataWithRel => SectionKind::ReadOnlyData,
        object::SectionKind::UninitializedData => SectionKind::Bss,
        object::SectionKind::Tls => SectionKind::Tls,
        object::SectionKind::UninitializedTls => SectionKind::TlsBss,
        object::SectionKind::Debug | object::SectionKind::DebugString => SectionKind::Debug,
        _ => SectionKind::Other,
    }
}

fn architecture(file: &object::File<'_>) -> &'static str {
    match file.architecture() {
        object::Architecture::X86_64 => "x86_64",
        object::Architecture::I386 => "i686",
        object::Architecture::Aarch64 => "aarch64",
        object::Architecture::Arm => "arm",
        object::Architecture::Wasm32 => "wasm32",
        object::Architecture::Wasm64 => "wasm64",
        _ => "unknown",
    }
}
