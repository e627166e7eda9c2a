//! Relocatable objects of WebAssembly: what compilers hand to the linker, alone or as the members of an
//! rlib or a static library.
//!
//! Source: the tool conventions for linking. The section `linking` lists the symbols and names the
//! data segments, one for each constant; the sections `reloc.*` say which of their places ask for
//! which symbol. So what refers to what is exact here, where a linked module leaves guesses.
//!
//! An object's data segments stand where objects of other formats have sections. The numbers before
//! functions and segments are headers.

use super::{
    super::{
        Image, PartTable, Relocation, RelocationTable, Section, SectionKind, Symbol, SymbolKind,
        SymbolTable, TableRange, symbol::Binding,
    },
    cut,
    found::{Found, Kind, reader},
    module::Module,
};
use crate::{
    address::{FileOffset, FileRange, Range, VirtualAddress},
    image::{Format, Native, other},
};
use std::borrow::Cow;
use wasmparser::{RelocationType, SymbolFlags, SymbolInfo};

/// Whether a module waits for a linker: it says what to link, and has neither a memory nor exports, which
/// the linker makes; or it has exports, but the memory that compilers let objects import. One that was
/// linked with `--emit-relocs` is none.
pub(super) fn is_object(bytes: &[u8], module: &Module) -> bool {
    let has = |wanted: fn(&Kind) -> bool| module.sections.iter().any(|it| wanted(&it.kind));
    let links = has(|kind| match kind {
        Kind::Custom(name) => name == "linking",
        Kind::Part(of, _) => *of == "linking",
        Kind::Known(_) => false,
    });
    let has_memory = has(|kind| *kind == Kind::Known(5));
    let has_exports = has(|kind| *kind == Kind::Known(7));
    let waits = || module.imports_memory(bytes, b"__linear_memory");
    links && !has_memory && (!has_exports || waits())
}

/// Makes an object of the image of a module: a section for each segment, and the code without the
/// number of its functions.
pub(super) fn lay_out(image: &mut Image<'_>, module: &Module) {
    image.format = Format::Object;
    image.native = Native::None;
    image.entry = VirtualAddress(0);
    image.library = false;
    let names = segment_names(image.bytes, module);
    let mut sections = Vec::with_capacity(image.sections.len() + module.segments.len());
    for section in std::mem::take(&mut image.sections) {
        match section.kind {
            SectionKind::Code => {
                let first = module.bodies().first().map(|body| FileOffset(body.start.0));
                let first = first.unwrap_or(section.file.end());
                header(image, section.file.start, first);
                let file = Range::<FileOffset>::between(first, section.file.end());
                sections.push(moved(section, file));
            }
            SectionKind::Data => {
                let mut at = section.file.start;
                for (number, segment) in module.segments.iter().enumerate() {
                    if segment.file.start < at || segment.file.end() > section.file.end() {
                        continue;
                    }
                    header(image, at, segment.file.start);
                    at = segment.file.end();
                    let name = names.get(number).copied().unwrap_or(".data");
                    sections.push(Section {
                        kind: kind_of(name),
                        name: Cow::Owned(name.to_owned()),
                        ..moved(section.clone(), segment.file)
                    });
                }
                // What damage has made unreadable stays a section.
                if at < section.file.end() {
                    let rest = Range::<FileOffset>::between(at, section.file.end());
                    sections.push(moved(section, rest));
                }
            }
            _ => sections.push(section),
        }
    }
    for section in &mut sections {
        section.writable = matches!(section.kind, SectionKind::Data | SectionKind::Tls);
    }
    image.sections = sections;
}

fn header(image: &mut Image<'_>, from: FileOffset, to: FileOffset) {
    let range = Range::<FileOffset>::between(from, to);
    if !range.is_empty() {
        let name = TableRange::SECTION_HEADER;
        image.tables.push(TableRange { name, range });
    }
}

fn moved(section: Section<'_>, file: FileRange) -> Section<'_> {
    Section {
        address: VirtualAddress(file.start.0),
        memory: if section.loaded { file.size } else { 0 },
        file,
        ..section
    }
}

/// Compilers call segments as they call sections elsewhere.
fn kind_of(segment: &str) -> SectionKind {
    let is = |name: &str| {
        let rest = segment.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    match () {
        () if is(".rodata") => SectionKind::ReadOnlyData,
        () if is(".tdata") || is(".tbss") => SectionKind::Tls,
        () => SectionKind::Data,
    }
}

fn subsection(module: &Module, id: u8) -> Option<&Found> {
    let mut sections = module.sections.iter();
    sections.find(|section| section.kind == Kind::Part("linking", id))
}

fn segment_names<'d>(bytes: &'d [u8], module: &Module) -> Vec<&'d str> {
    let names = || {
        let reader = reader(bytes, subsection(module, 5)?)?;
        let map = wasmparser::SegmentMap::new(reader).ok()?;
        Some(
            map.into_iter()
                .map_while(|segment| Some(segment.ok()?.name)),
        )
    };
    names().into_iter().flatten().collect()
}

/// The module that the bytes of an object are.
fn read(bytes: &[u8]) -> Option<Module> {
    let mut plain = other::empty(bytes, Format::Wasm);
    let (found, _) = cut::cut(&mut plain, false);
    Some(Module::read(bytes, found.first()?))
}

/// The symbols in the linker's order, which relocations count by. `image`: that of the object alone.
pub(crate) fn symbols<'d>(image: &Image<'d>) -> SymbolTable<'d> {
    let mut table = SymbolTable::default();
    let Some(module) = read(image.bytes) else {
        return table;
    };
    let map = || {
        let reader = reader(image.bytes, subsection(&module, 8)?)?;
        wasmparser::SymbolInfoMap::new(reader).ok()
    };
    let sections = Sections::new(image);
    for (symbol, index) in map().into_iter().flatten().zip(0..) {
        let Ok(symbol) = symbol else { break };
        table.symbols.push(one(&module, &sections, symbol, index));
    }
    table
}

fn one<'d>(module: &Module, sections: &Sections, symbol: SymbolInfo<'d>, index: u32) -> Symbol<'d> {
    let (name, flags, kind, place) = match symbol {
        SymbolInfo::Func { flags, index, name } => {
            let body = module.body(index).map(|body| (body.start, body.size));
            (name, flags, SymbolKind::Function, body)
        }
        SymbolInfo::Data {
            flags,
            name,
            symbol,
        } => {
            let place = symbol.and_then(|symbol| {
                let segment = module.segments.get(symbol.index as usize)?;
                let offset = u64::from(symbol.offset);
                let size = u64::from(symbol.size);
                let fits = offset.checked_add(size)? <= segment.file.size;
                fits.then_some((VirtualAddress(segment.file.start.0 + offset), size))
            });
            (Some(name), flags, SymbolKind::Object, place)
        }
        SymbolInfo::Section { flags, .. } => (None, flags, SymbolKind::Section, None),
        SymbolInfo::Global { flags, name, .. }
        | SymbolInfo::Event { flags, name, .. }
        | SymbolInfo::Table { flags, name, .. } => (name, flags, SymbolKind::Other, None),
    };
    let (address, size) = place.unwrap_or_default();
    Symbol {
        name: Cow::Borrowed(name.unwrap_or_default()),
        name_offset: 0,
        index,
        address,
        size,
        section: place.and_then(|(address, _)| sections.at(FileOffset(address.0))),
        kind,
        binding: match () {
            () if flags.contains(SymbolFlags::BINDING_LOCAL) => Binding::Local,
            () if flags.contains(SymbolFlags::BINDING_WEAK) => Binding::Weak,
            () => Binding::Global,
        },
        file: None,
    }
}

/// The sections that have bytes, by their places in the file.
struct Sections(Vec<(FileRange, u32)>);

impl Sections {
    fn new(image: &Image<'_>) -> Self {
        let all = image.sections.iter().zip(0..);
        let all = all.map(|(section, index)| (section.file, index));
        let mut sections: Vec<_> = all.filter(|(file, _)| !file.is_empty()).collect();
        sections.sort_unstable();
        Self(sections)
    }

    fn at(&self, place: FileOffset) -> Option<u32> {
        let next = self.0.partition_point(|(file, _)| file.start <= place);
        let (file, index) = self.0.get(next.checked_sub(1)?)?;
        file.contains(place).then_some(*index)
    }
}

/// What a linker fills in, in code and data of the object `file` of an image; `symbols` are those of
/// the image. The places asked for are functions and data: types, globals and debug information own
/// nothing. Linear in the object.
pub(crate) fn relocations(
    image: &Image<'_>,
    file: FileRange,
    of: &PartTable,
    symbols: &SymbolTable<'_>,
    tables: &mut Vec<RelocationTable>,
) {
    let bytes = image.bytes_in(file);
    let Some(module) = read(bytes) else { return };
    let starts = cut::contents(bytes);
    let own = symbols
        .symbols
        .get(of.symbols.start as usize..of.symbols.end as usize);
    let own = own.unwrap_or_default();
    for section in &module.sections {
        let Kind::Custom(name) = &section.kind else {
            continue;
        };
        if name != "reloc.CODE" && name != "reloc.DATA" {
            continue;
        }
        let entries = || wasmparser::RelocSectionReader::new(reader(bytes, section)?).ok();
        let Some(entries) = entries() else { continue };
        let Some(start) = starts.get(entries.section_index() as usize) else {
            continue;
        };
        let mut relocations = Vec::new();
        for entry in entries.entries() {
            let Ok(entry) = entry else { break };
            use RelocationType::{
                FunctionIndexI32, FunctionIndexLeb, GlobalIndexI32, GlobalIndexLeb, TypeIndexLeb,
            };
            // A type's number is no symbol's; a global's symbol may be a function or data, whose
            // address it holds.
            if entry.ty == TypeIndexLeb {
                continue;
            }
            let at = own.get(entry.index as usize);
            let exact = matches!(
                entry.ty,
                FunctionIndexLeb | FunctionIndexI32 | GlobalIndexLeb | GlobalIndexI32
            );
            let distance = if exact { 0 } else { entry.addend.max(0) };
            let slot = file.start.0 + start + u64::from(entry.offset);
            relocations.push(Relocation {
                slot: VirtualAddress(slot),
                target: at
                    .filter(|symbol| symbol.section.is_some())
                    .map(|symbol| VirtualAddress(symbol.address.0.wrapping_add_signed(distance))),
                symbol: at.map(|_| of.symbols.start + entry.index),
                entry: relocations.len() as u32,
            });
        }
        let first = relocations.first();
        let patched = first.and_then(|first| image.section_at(first.slot));
        if let Some((section, _)) = patched {
            tables.push(RelocationTable {
                guessed: false,
                section,
                start: 0,
                // They have different lengths, so no bytes are claimed by them.
                entry_size: 0,
                relocations,
            });
        }
    }
}
