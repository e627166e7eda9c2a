//! Names of functions, and which bytes of the tables are about which function.

use super::{
    super::Image,
    EntryKind, Modules, TableEntry,
    found::{Kind, limited, part, reader},
    module::{External, Module},
    place_of,
};
use crate::address::{FileOffset, FileRange, Range, VirtualAddress};
use wasmparser::{BinaryReader, NameMap, SymbolInfo};

/// The entry of a function in the section `name`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named {
    pub(super) function: u32,
    /// The whole entry.
    pub(super) file: FileRange,
    /// The name alone.
    pub(super) name: FileRange,
}

/// The names of functions in the section `name`, in the order of the file; what follows damage is
/// left out.
pub(super) fn of_functions(bytes: &[u8], module: &Module) -> Vec<Named> {
    let section = part(&module.sections, 1);
    let map = section.and_then(|section| limited(bytes, section));
    let mut named = Vec::new();
    if let Some(map) = map {
        naming(bytes, map, &mut |entry| named.push(entry));
    }
    named
}

fn naming(bytes: &[u8], map: NameMap<'_>, found: &mut dyn FnMut(Named)) {
    for entry in map.into_iter_with_offsets() {
        let Ok((start, entry)) = entry else { return };
        let name = place_of(bytes, entry.name.as_bytes());
        found(Named {
            function: entry.index,
            file: Range::<FileOffset>::between(FileOffset(start as u64), name.end()),
            name,
        });
    }
}

/// The names that a relocatable object gives its functions, which has no section `name`.
pub(super) fn of_linking<'d>(bytes: &'d [u8], module: &Module) -> Vec<(u32, &'d str)> {
    let mut names = Vec::new();
    for section in &module.sections {
        if section.kind != Kind::Part("linking", 8) {
            continue;
        }
        let Some(reader) = reader(bytes, section) else {
            continue;
        };
        symbols(reader, &mut names);
    }
    names
}

fn symbols<'d>(reader: BinaryReader<'d>, names: &mut Vec<(u32, &'d str)>) {
    let Ok(map) = wasmparser::SymbolInfoMap::new(reader) else {
        return;
    };
    for symbol in map {
        match symbol {
            Ok(SymbolInfo::Func {
                index,
                name: Some(name),
                ..
            }) => names.push((index, name)),
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

/// What of the tables is about a function: its type, its name, its exports, its places in tables.
pub(crate) fn entries(image: &Image<'_>, modules: &Modules) -> Vec<TableEntry> {
    let mut all = Vec::new();
    for module in &modules.modules {
        of_tables(image, module, &mut all);
    }
    all
}

fn of_tables(image: &Image<'_>, module: &Module, all: &mut Vec<TableEntry>) {
    let section = |kind: Kind| {
        let mut sections = module.sections.iter();
        Some(sections.find(|section| section.kind == kind)?.index)
    };
    let mut add = |section: u32, function: u32, file: FileRange, kind: EntryKind| {
        if let Some(body) = module.body(function) {
            all.push(TableEntry {
                file,
                section,
                function: body.start,
                kind,
            });
        }
    };
    if let Some(section) = section(Kind::Known(3)) {
        for (entry, function) in module.types.iter().zip(module.imported..) {
            add(section, function, entry.file, EntryKind::Symbol);
        }
    }
    if let Some(section) = section(Kind::Known(7)) {
        for export in &module.exports {
            if export.what == External::Function {
                add(section, export.index, export.file, EntryKind::Symbol);
            }
        }
    }
    if let Some(section) = section(Kind::Known(9)) {
        for entry in module.elements() {
            add(section, entry.index, entry.file, EntryKind::Pointer);
        }
    }
    if let Some(section) = section(Kind::Part("name", 1)) {
        for named in of_functions(image.bytes, module) {
            add(section, named.function, named.file, EntryKind::Symbol);
        }
    }
    // Names of locals and labels come as one map for each function.
    for part in [2, 3] {
        let found = module
            .sections
            .iter()
            .find(|found| found.kind == Kind::Part("name", part));
        let Some(found) = found else { continue };
        let maps: Option<wasmparser::IndirectNameMap<'_>> = limited(image.bytes, found);
        for map in maps
            .into_iter()
            .flat_map(|maps| maps.into_iter_with_offsets())
        {
            let Ok((start, map)) = map else { break };
            let end = FileOffset(map.names.range().end as u64);
            let file = Range::<FileOffset>::between(FileOffset(start as u64), end);
            add(found.index, map.index, file, EntryKind::Symbol);
        }
    }
}

/// Where a function of an image starts, by its number in its module.
pub(super) fn place(module: &Module, function: u32) -> Option<VirtualAddress> {
    Some(module.body(function)?.start)
}
