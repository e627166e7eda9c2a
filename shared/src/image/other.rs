//! Formats without a reader of their own, by way of `object`'s common view: sections, symbols and the bytes between.
//!
//! Enough for a ledger that sums to the file. What only one format knows (function starts of
//! Mach-O, modules of a PDB) is not read here.

use super::{
    Architecture, Binding, Format, Image, Section, SectionKind, Segment, Symbol, SymbolKind,
    SymbolTable, TableRange, bounds, debug_info::DebugSection, section::is_debug_name,
};
use crate::address::{FileOffset, FileRange, Range, VirtualAddress};
use object::{FileKind, Object as _, ObjectSection as _, ObjectSegment as _, ObjectSymbol as _};
use std::{borrow::Cow, collections::HashMap};

pub(super) fn parse(kind: FileKind, bytes: &[u8]) -> Result<Image<'_>, String> {
    let format = match kind {
        FileKind::MachO32 | FileKind::MachO64 => Format::MachO,
        FileKind::MachOFat32 | FileKind::MachOFat64 => return universal(kind, bytes),
        FileKind::Pe32 | FileKind::Pe64 => Format::Pe,
        _ => Format::Object,
    };
    let file = object::File::parse(bytes).map_err(|error| error.to_string())?;
    let mut image = empty(bytes, format);
    image.architecture = Architecture::from_object(file.architecture());
    image.is_64 = file.is_64();
    image.little_endian = file.is_little_endian();
    image.position_independent = true;
    image.entry = VirtualAddress(file.entry());
    let linked = !matches!(file.kind(), object::ObjectKind::Relocatable);
    if format == Format::MachO && !linked {
        image.format = Format::Object;
    }
    image.library = file.kind() == object::ObjectKind::Dynamic;
    let mut names = bounds::NameBudget::new(bytes);
    for section in file.sections() {
        let name = names.read(|| section.name_bytes().ok());
        let range = section.file_range().unwrap_or((0, 0));
        let mut kind = kind_of(&name, section.kind());
        let dropped = !linked && is_dropped(&section);
        if kind == SectionKind::Other && holds_instructions(&section) {
            kind = SectionKind::Code;
        }
        if dropped && kind.is_data() {
            kind = SectionKind::Other;
        }
        let loaded = !dropped && !matches!(kind, SectionKind::Debug | SectionKind::Other);
        image.sections.push(Section {
            kind,
            address: VirtualAddress(section.address()),
            memory: if loaded { section.size() } else { 0 },
            file: bounds::clip(bytes, range.0, range.1),
            align: section.align(),
            loaded,
            writable: matches!(
                kind,
                SectionKind::Data | SectionKind::Bss | SectionKind::Tls | SectionKind::TlsBss
            ),
            compressed: false,
            link: 0,
            entry_size: 0,
            relocations: None,
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
            file: bounds::clip(bytes, offset, size),
            align: 1,
        });
    }
    // Headers have no section of their own: they end where the first section begins.
    let first = image
        .sections
        .iter()
        .filter(|section| !section.file.is_empty())
        .map(|section| section.file.start)
        .min();
    if let Some(first) = first {
        image.tables.push(TableRange {
            name: "headers",
            range: Range::<FileOffset>::between(FileOffset(0), first),
        });
    }
    Ok(image)
}

pub(super) fn empty(bytes: &[u8], format: Format) -> Image<'_> {
    Image {
        bytes,
        format,
        architecture: Architecture::Unknown,
        is_64: true,
        little_endian: true,
        position_independent: true,
        entry: VirtualAddress(0),
        sections: Vec::new(),
        segments: Vec::new(),
        tables: Vec::new(),
        library: false,
        parts: Vec::new(),
        by_address: Vec::new(),
        missing: Vec::new(),
        native: super::Native::None,
    }
}

pub(super) fn member(name: String, file: FileRange) -> Section<'static> {
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
        relocations: None,
    }
}

/// A universal file's images stand where another format has sections.
fn universal(kind: FileKind, bytes: &[u8]) -> Result<Image<'_>, String> {
    use object::read::macho::{FatArch as _, MachOFatFile32, MachOFatFile64};
    let mut image = empty(bytes, Format::MachO);
    let mut add = |architecture: object::Architecture, (offset, size): (u64, u64)| {
        let name = Architecture::from_object(architecture).to_string();
        image
            .sections
            .push(member(name, bounds::clip(bytes, offset, size)));
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
    // A Java class begins with the same four bytes, and its version stands where the count does.
    let is_image = |section: &Section<'_>| {
        let start = usize::try_from(section.file.start.0).unwrap_or(usize::MAX);
        let start = bytes.get(start..).unwrap_or_default();
        let magic = start.get(..4).and_then(|four| four.try_into().ok());
        let is_archive = start.starts_with(b"!<arch>");
        is_archive
            || magic
                .map(u32::from_be_bytes)
                .is_some_and(is_macho_or_bitcode)
    };
    if !image.sections.iter().any(is_image) {
        return Err("none of the images that its header names is there".into());
    }
    let count = image.sections.len() as u64;
    let entry = if kind == FileKind::MachOFat64 { 32 } else { 20 };
    image.tables.push(TableRange {
        name: "universal header",
        range: bounds::clip(bytes, 0, 8 + entry * count),
    });
    image.architecture = Architecture::Universal;
    Ok(image)
}

/// Of Mach-O in both orders and sizes, and of LLVM's bitcode, bare and wrapped.
fn is_macho_or_bitcode(magic: u32) -> bool {
    matches!(
        magic,
        0xfeed_face | 0xfeed_facf | 0xcefa_edfe | 0xcffa_edfe | 0x4243_c0de | 0xdec0_170b
    )
}

pub(super) fn symbols<'d>(image: &Image<'d>) -> SymbolTable<'d> {
    let mut table = SymbolTable {
        of_library: image.library,
        ..SymbolTable::default()
    };
    let Ok(file) = object::File::parse(image.bytes) else {
        return table;
    };
    // The places of sections by the numbers that `object` gives them.
    let places = file.sections().zip(0..);
    let places: HashMap<usize, u32> = places
        .map(|(section, place)| (section.index().0, place))
        .collect();
    let coff = file.format() == object::BinaryFormat::Coff;
    let mut names = bounds::NameBudget::new(image.bytes);
    for symbol in file.symbols() {
        // Mach-O puts an underscore before each name that a compiler gives.
        let name = names.read(|| {
            let name = symbol.name_bytes().ok()?;
            let apple = matches!(file.format(), object::BinaryFormat::MachO);
            // And before one of its own, which is only for the linker, `l_`.
            let plain = name.strip_prefix(b"_").or(name.strip_prefix(b"l_"));
            Some(plain.filter(|_| apple).unwrap_or(name))
        });
        let section = symbol.section_index();
        let section = section.filter(|_| !symbol.is_undefined());
        let section = section.and_then(|index| places.get(&index.0).copied());
        let address = VirtualAddress(symbol.address());
        // Tools that write no sizes of sections into COFF's table call a section as a function is called.
        let of_section = coff
            && section.is_some_and(|section| {
                let section = image.sections.get(section as usize);
                section.is_some_and(|section| section.address == address && section.name == name)
            });
        table.symbols.push(Symbol {
            name: Cow::Owned(name),
            name_offset: 0,
            index: u32::try_from(symbol.index().0).unwrap_or(u32::MAX),
            address,
            size: symbol.size(),
            section,
            kind: match of_section {
                true => SymbolKind::Section,
                false => symbol_kind(symbol.kind()),
            },
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
    table.damaged_names = names.damaged();
    table
}

/// Whether a section of Mach-O is code under another name than code mostly has.
fn holds_instructions<'d>(section: &impl object::ObjectSection<'d>) -> bool {
    matches!(section.flags(), object::SectionFlags::MachO { flags, .. }
        if flags.contains(object::macho::S_ATTR_PURE_INSTRUCTIONS))
}

/// Whether a linker leaves a section of an object out of what it makes: COFF says so by a flag, in Mach-O
/// the segments of LLVM's bitcode and of debug information are what no linker copies.
fn is_dropped<'d>(section: &impl object::ObjectSection<'d>) -> bool {
    match section.flags() {
        object::SectionFlags::Coff { characteristics } => characteristics
            .intersects(object::pe::IMAGE_SCN_LNK_REMOVE | object::pe::IMAGE_SCN_LNK_INFO),
        object::SectionFlags::MachO { .. } => {
            let segment = section.segment_name_bytes().ok().flatten();
            matches!(segment, Some(b"__LLVM" | b"__DWARF"))
        }
        _ => false,
    }
}

fn symbol_kind(kind: object::SymbolKind) -> SymbolKind {
    match kind {
        object::SymbolKind::Text => SymbolKind::Function,
        object::SymbolKind::Data => SymbolKind::Object,
        object::SymbolKind::Tls => SymbolKind::Tls,
        object::SymbolKind::File => SymbolKind::File,
        object::SymbolKind::Section => SymbolKind::Section,
        object::SymbolKind::Unknown | object::SymbolKind::Label => SymbolKind::Untyped,
        _ => SymbolKind::Other,
    }
}

/// What a section is for: unwind tables and debug information by their names, for the formats' own
/// flags do not tell; the rest by flags.
fn kind_of(name: &str, kind: object::SectionKind) -> SectionKind {
    match name.split_once('$').map_or(name, |(plain, _)| plain) {
        "__eh_frame" | ".eh_frame" => return SectionKind::EhFrame,
        "__gcc_except_tab" | ".xdata" => return SectionKind::ExceptTable,
        "__unwind_info" | "__compact_unwind" | ".pdata" => return SectionKind::UnwindIndex,
        "__got" | "__la_symbol_ptr" | "__nl_symbol_ptr" | "__auth_got" => return SectionKind::Got,
        "__stubs" | "__stub_helper" | "__auth_stubs" => return SectionKind::Plt,
        ".reloc" => return SectionKind::Relocations,
        // As in what is linked from them: the table that code jumps through, and what the loader
        // reads to fill it.
        ".idata" if name == ".idata$5" => return SectionKind::Got,
        ".idata" | ".didat" => return SectionKind::Loader,
        ".rmeta" | ".rustc" => return SectionKind::Metadata,
        // Also what DWARF has and nothing here reads, such as `.debug_frame`.
        _ if name.starts_with(".debug_") || DebugSection::from_name(name).is_some() => {
            return SectionKind::Debug;
        }
        _ => {}
    }
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
        _ if is_debug_name(name) => SectionKind::Debug,
        _ => SectionKind::Other,
    }
}
