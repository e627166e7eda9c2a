//! A file cut into its sections.
//!
//! A section is its number, the length of its content and the content. A section here is the
//! content, without the name that a custom section begins with; number, length and name are headers.
//! Custom sections that consist of subsections (`name`, `linking`, `dylink.0`) are cut into them.

use super::{
    super::{Image, Section, SectionKind, TableRange, bounds},
    component::names,
    found::{Cut, Found, Kind, Outer},
};
use crate::address::{FileOffset, FileRange, Range, VirtualAddress};
use std::borrow::Cow;

/// What stands before the content of a section or subsection.
const SECTION_HEADER: &str = TableRange::SECTION_HEADER;

/// Bytes of the magic number and the version.
const HEADER: u64 = 8;

/// What is cut.
#[derive(Clone, Copy)]
struct Piece {
    file: FileRange,
    component: bool,
}

/// Cuts the file, and a component's modules and components. What follows damage belongs to none.
pub(super) fn cut(image: &mut Image<'_>, component: bool) -> (Vec<Cut>, Outer) {
    let mut names = bounds::NameBudget::new(image.bytes);
    let mut modules = Vec::new();
    let mut outer = Outer::default();
    // Components can hold components.
    let mut pieces = vec![Piece {
        file: bounds::clip(image.bytes, 0, image.bytes.len() as u64),
        component,
    }];
    let mut next = 0;
    while let Some(piece) = pieces.get(next).copied() {
        if piece.component {
            let own = components(image, &piece, &mut names, &mut pieces);
            if next == 0 {
                outer = own;
            }
        } else {
            modules.push(module(image, &piece, &mut names));
        }
        next += 1;
    }
    modules.sort_by_key(|module| module.file.start);
    (modules, outer)
}

fn header(image: &mut Image<'_>, name: &'static str, from: u64, to: u64) {
    let range = Range::<FileOffset>::between(FileOffset(from), FileOffset(to));
    image.tables.push(TableRange { name, range });
}

fn components(
    image: &mut Image<'_>,
    piece: &Piece,
    names: &mut bounds::NameBudget,
    pieces: &mut Vec<Piece>,
) -> Outer {
    let mut outer = Outer::default();
    let start = piece.file.start.0;
    let end = piece.file.end().0;
    header(image, "header", start, (start + HEADER).min(end));
    let mut at = start + HEADER;
    while let Some(raw) = next(image.bytes, at, end) {
        let content = Range::<FileOffset>::between(FileOffset(raw.content), FileOffset(raw.end));
        // A module, or a component, with a header of its own.
        if matches!(raw.id, 1 | 4) && content.size >= HEADER {
            header(image, SECTION_HEADER, at, raw.content);
            let is_module = raw.id == 1;
            outer.modules.extend(is_module.then_some(content.start));
            pieces.push(Piece {
                file: content,
                component: !is_module,
            });
        } else {
            let name = match raw.id {
                0 => None,
                1 => Some("<core module>"),
                2 => Some("<core instance>"),
                3 => Some("<core type>"),
                4 => Some("<component>"),
                5 => Some("<instance>"),
                6 => Some("<alias>"),
                7 => Some("<component type>"),
                8 => Some("<canon>"),
                9 => Some("<component start>"),
                10 => Some("<component import>"),
                11 => Some("<component export>"),
                12 => Some("<value>"),
                _ => Some("<unknown>"),
            };
            let found = section(image, at, &raw, name, SectionKind::Loader, names);
            outer.sections.push(found);
        }
        at = raw.end;
    }
    outer
}

fn module(image: &mut Image<'_>, piece: &Piece, names: &mut bounds::NameBudget) -> Cut {
    let start = piece.file.start.0;
    let end = piece.file.end().0;
    header(image, "header", start, (start + HEADER).min(end));
    let mut sections = Vec::new();
    let mut at = start + HEADER;
    while let Some(raw) = next(image.bytes, at, end) {
        let name = (raw.id != 0).then(|| known_name(raw.id));
        let kind = match raw.id {
            10 => SectionKind::Code,
            11 => SectionKind::Data,
            // Types, imports, exports, tables: what a linker writes for who instantiates the module.
            1..=9 | 12 | 13 => SectionKind::Loader,
            _ => SectionKind::Other,
        };
        let found = section(image, at, &raw, name, kind, names);
        let parts = match &found.kind {
            Kind::Custom(name) => subsections(name),
            Kind::Known(_) | Kind::Part(..) => None,
        };
        match parts {
            Some(of) => parts_of(image, found, of, &mut sections),
            None => sections.push(found),
        }
        at = raw.end;
    }
    Cut {
        file: piece.file,
        sections,
    }
}

/// Adds a section and its header.
fn section(
    image: &mut Image<'_>,
    at: u64,
    raw: &Raw,
    name: Option<&'static str>,
    kind: SectionKind,
    names: &mut bounds::NameBudget,
) -> Found {
    let content = image.bytes.get(raw.content as usize..raw.end as usize);
    let content = content.unwrap_or_default();
    let (name, start, kind, found) = match name {
        Some(name) => (name.to_owned(), raw.content, kind, Kind::Known(raw.id)),
        None => {
            let (name, length) = custom_name(content).unwrap_or((&[], 0));
            let name = names.read(|| Some(name));
            let kind = custom_kind(&name);
            let start = raw.content + length as u64;
            (name.clone(), start, kind, Kind::Custom(name))
        }
    };
    header(image, SECTION_HEADER, at, start);
    let file = Range::<FileOffset>::between(FileOffset(start), FileOffset(raw.end));
    push(image, name, kind, file, found)
}

fn push(
    image: &mut Image<'_>,
    name: String,
    kind: SectionKind,
    file: FileRange,
    found: Kind,
) -> Found {
    let loaded = matches!(kind, SectionKind::Code | SectionKind::Data);
    let index = image.sections.len() as u32;
    image.sections.push(Section {
        name: Cow::Owned(name),
        kind,
        address: VirtualAddress(file.start.0),
        memory: if loaded { file.size } else { 0 },
        file,
        align: 1,
        loaded,
        writable: kind == SectionKind::Data,
        compressed: false,
        link: 0,
        entry_size: 0,
        relocations: None,
    });
    Found {
        kind: found,
        content: file,
        index,
    }
}

/// What a custom section is for, by the names that tools agree on.
fn custom_kind(name: &str) -> SectionKind {
    match name {
        "name" => SectionKind::Symbols,
        "producers"
        | "target_features"
        | "build_id"
        | "sourceMappingURL"
        | "external_debug_info" => SectionKind::Comment,
        "dylink" | "dylink.0" => SectionKind::Loader,
        "linking" => SectionKind::Symbols,
        _ if name.starts_with("reloc.") => SectionKind::Relocations,
        _ if name.starts_with(".debug_") => SectionKind::Debug,
        // What bindings are made from: types of a component, wasm-bindgen's descriptions.
        _ if name.starts_with("component-type") => SectionKind::Metadata,
        ".rmeta" | ".rustc" => SectionKind::Metadata,
        "component-name" => SectionKind::Symbols,
        "__wasm_bindgen_unstable" => SectionKind::Metadata,
        _ => SectionKind::Other,
    }
}

/// The custom sections that consist of subsections: a number, a length and the content each.
/// `linking` begins with its version.
fn subsections(name: &str) -> Option<&'static str> {
    ["name", "linking", "dylink.0"]
        .into_iter()
        .find(|known| *known == name)
}

fn part_name(of: &str, id: u8) -> &'static str {
    match (of, id) {
        ("name", 0) => "name/module",
        ("name", 1) => "name/functions",
        ("name", 2) => "name/locals",
        ("name", 3) => "name/labels",
        ("name", 4) => "name/types",
        ("name", 5) => "name/tables",
        ("name", 6) => "name/memories",
        ("name", 7) => "name/globals",
        ("name", 8) => "name/elements",
        ("name", 9) => "name/data",
        ("name", 10) => "name/fields",
        ("name", 11) => "name/tags",
        ("name", _) => "name/unknown",
        ("linking", 5) => "linking/segments",
        ("linking", 6) => "linking/start",
        ("linking", 7) => "linking/comdats",
        ("linking", 8) => "linking/symbols",
        ("linking", _) => "linking/unknown",
        ("dylink.0", 1) => "dylink.0/memory",
        ("dylink.0", 2) => "dylink.0/needed",
        ("dylink.0", 3) => "dylink.0/exports",
        ("dylink.0", 4) => "dylink.0/imports",
        ("dylink.0", 5) => "dylink.0/run paths",
        _ => "dylink.0/unknown",
    }
}

/// Cuts a custom section: its subsections become sections, their numbers and lengths headers. What
/// is left over at its end stays its own.
fn parts_of(image: &mut Image<'_>, whole: Found, of: &'static str, sections: &mut Vec<Found>) {
    let (start, end) = (whole.content.start.0, whole.content.end().0);
    let kind = image.sections[whole.index as usize].kind;
    let mut at = start;
    if of == "linking" {
        let version = image.bytes.get(start as usize..end as usize);
        let length = version.and_then(leb128).map_or(0, |(_, length)| length);
        header(image, SECTION_HEADER, at, at + length as u64);
        at += length as u64;
    }
    let mut parts = Vec::new();
    while let Some(raw) = next(image.bytes, at, end) {
        header(image, SECTION_HEADER, at, raw.content);
        parts.push(raw);
        at = parts.last().map_or(at, |raw| raw.end);
    }
    // The section itself keeps what comes after damage.
    let rest = Range::<FileOffset>::between(FileOffset(at), FileOffset(end));
    let own = &mut image.sections[whole.index as usize];
    own.file = rest;
    own.address = VirtualAddress(rest.start.0);
    if rest.is_empty() && !parts.is_empty() && whole.index as usize + 1 == image.sections.len() {
        image.sections.pop();
    } else {
        sections.push(Found {
            content: rest,
            ..whole
        });
    }
    for raw in parts {
        let file = Range::<FileOffset>::between(FileOffset(raw.content), FileOffset(raw.end));
        let name = part_name(of, raw.id).to_owned();
        sections.push(push(image, name, kind, file, Kind::Part(of, raw.id)));
    }
}

/// Puts what each module is called before the names of its sections. What they are called.
pub(super) fn label(image: &mut Image<'_>, modules: &[Cut], outer: &Outer) -> Vec<String> {
    let labels = names(image.bytes, modules, outer);
    for (label, module) in labels.iter().zip(modules) {
        for section in &module.sections {
            let section = &mut image.sections[section.index as usize];
            section.name = Cow::Owned(format!("{label}: {}", section.name));
        }
    }
    labels
}

/// Where the contents of a module's sections start, by the numbers that the module counts them by: with
/// custom ones, whose names are content here.
pub(super) fn contents(bytes: &[u8]) -> Vec<u64> {
    let (mut at, mut starts) = (HEADER, Vec::new());
    while let Some(raw) = next(bytes, at, bytes.len() as u64) {
        starts.push(raw.content);
        at = raw.end;
    }
    starts
}

/// A section: its number, and where its content starts and ends.
struct Raw {
    id: u8,
    content: u64,
    end: u64,
}

fn next(bytes: &[u8], at: u64, limit: u64) -> Option<Raw> {
    let rest = bytes.get(usize::try_from(at).ok()?..usize::try_from(limit).ok()?)?;
    let (id, rest) = rest.split_first()?;
    let (size, digits) = leb128(rest)?;
    let content = at + 1 + digits as u64;
    let end = content.checked_add(size)?;
    (end <= limit).then_some(Raw {
        id: *id,
        content,
        end,
    })
}

/// A number of up to 32 bits, seven in each byte, and how many bytes it takes.
fn leb128(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (position, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * position);
        if byte & 0x80 == 0 {
            return Some((value, position + 1));
        }
    }
    None
}

/// The name of a custom section, and how many bytes it takes with its length.
fn custom_name(content: &[u8]) -> Option<(&[u8], usize)> {
    let (length, digits) = leb128(content)?;
    let length = usize::try_from(length).ok()?;
    let name = content.get(digits..)?.get(..length)?;
    Some((name, digits + length))
}

/// Names of the numbered sections, in brackets as no custom section is called so.
fn known_name(id: u8) -> &'static str {
    match id {
        1 => "<type>",
        2 => "<import>",
        3 => "<function>",
        4 => "<table>",
        5 => "<memory>",
        6 => "<global>",
        7 => "<export>",
        8 => "<start>",
        9 => "<element>",
        10 => "<code>",
        11 => "<data>",
        12 => "<data_count>",
        13 => "<tag>",
        _ => "<unknown>",
    }
}
