//! Sections cut into what they hold.
//!
//! link.exe says it by group. lld-link says nothing, but the import and export tables, the debug
//! directory and the unwind tables lead to all their own parts.

use super::super::{Image, Section, SectionKind, bounds};
use super::{
    Header, RawSection,
    directories::{self, Given},
    unwind,
};
use crate::address::{FileOffset, Range};
use std::borrow::Cow;

/// A part of a section that has a kind of its own.
#[derive(Clone, Debug)]
struct Cut {
    /// From the image's start.
    start: u32,
    end: u32,
    name: Cow<'static, str>,
    kind: SectionKind,
}

/// Parts of one kind that are no further apart are one.
const NEAR: u32 = 16;

pub(super) fn cut(image: &mut Image<'_>, header: &Header) {
    let mut cuts = by_group(header, image.bytes);
    let grouped = !cuts.is_empty();
    cuts.extend(by_directory(header, image.bytes));
    if !grouped {
        let places = unwind::places(image.architecture, header, image.bytes);
        cuts.extend(merged(places, ".xdata", SectionKind::ExceptTable));
    }
    cuts.sort_by_key(|cut| (cut.start, cut.end));
    let mut sections = std::mem::take(&mut image.sections).into_iter();
    let mut all = Vec::with_capacity(sections.len() + cuts.len());
    // The sections of the headers come first, one each.
    for (raw, section) in header.raw.iter().zip(&mut sections) {
        let plain = matches!(
            section.kind,
            SectionKind::Code | SectionKind::ReadOnlyData | SectionKind::Data
        );
        if plain {
            split(image, raw, section, &cuts, &mut all);
        } else {
            all.push(section);
        }
    }
    all.extend(sections);
    image.sections = all;
}

/// Splits one section; `cuts` are sorted, of overlapping ones the first holds.
fn split<'d>(
    image: &Image<'d>,
    raw: &RawSection,
    section: Section<'d>,
    cuts: &[Cut],
    all: &mut Vec<Section<'d>>,
) {
    let held = raw
        .address
        .saturating_add(u32::try_from(raw.file.size).unwrap_or(u32::MAX));
    let mut part = |start: u32, end: u32, name: Cow<'d, str>, kind: SectionKind| {
        let size = u64::from(end.saturating_sub(start));
        if size == 0 {
            return;
        }
        let skip = u64::from(start - raw.address);
        let file = Range::<FileOffset>::new(FileOffset(raw.file.start.0 + skip), size);
        all.push(Section {
            name,
            kind,
            address: crate::address::VirtualAddress(section.address.0.wrapping_add(skip)),
            memory: size,
            file,
            ..section.clone()
        });
    };
    let first = cuts.partition_point(|cut| cut.start < raw.address);
    let mut at = raw.address;
    for cut in &cuts[first..] {
        if cut.start >= held {
            break;
        }
        let start = cut.start.max(at);
        let end = cut.end.min(held);
        if end <= start {
            continue;
        }
        part(at, start, section.name.clone(), section.kind);
        part(start, end, cut.name.clone(), cut.kind);
        at = end;
    }
    part(at, held, section.name.clone(), section.kind);
    // What only memory has.
    let zeroes = u64::from(raw.memory).saturating_sub(raw.file.size);
    if zeroes > 0 {
        let end = raw.file.end().0;
        all.push(Section {
            name: Cow::Borrowed(".bss"),
            kind: SectionKind::Bss,
            address: crate::address::VirtualAddress(section.address.0.wrapping_add(raw.file.size)),
            memory: zeroes,
            file: bounds::clip(image.bytes, end, 0),
            ..section
        });
    }
}

/// Groups whose kind differs from that of the section that they are in.
fn by_group(header: &Header, bytes: &[u8]) -> Vec<Cut> {
    let groups = directories::groups(header, bytes);
    let kinds = groups.iter().filter_map(|group| {
        let name = std::str::from_utf8(group.name).ok()?;
        let plain = name.split('$').next()?;
        let kind = match plain {
            ".xdata" => SectionKind::ExceptTable,
            ".idata" if name == ".idata$5" => SectionKind::Got,
            ".idata" | ".didat" => SectionKind::Loader,
            ".edata" => SectionKind::DynamicSymbols,
            ".gfids" | ".giats" | ".gljmp" | ".gehcont" | ".00cfg" => SectionKind::Loader,
            ".bss" => return None,
            _ if name == ".rdata$zzzdbg" => SectionKind::Comment,
            _ => return None,
        };
        let name = match kind {
            SectionKind::Comment => "debug directory".to_owned(),
            SectionKind::Loader if plain == ".idata" => ".idata".to_owned(),
            _ => name.to_owned(),
        };
        Some((group.place, name, kind))
    });
    let mut cuts: Vec<Cut> = Vec::new();
    for ((start, size), name, kind) in kinds {
        let end = start.saturating_add(size);
        match cuts.last_mut() {
            Some(last) if last.name == name && start >= last.end && start - last.end < NEAR => {
                last.end = last.end.max(end);
            }
            _ => cuts.push(Cut {
                start,
                end,
                name: Cow::Owned(name),
                kind,
            }),
        }
    }
    cuts
}

/// What directories give whole, and what imports lead to.
fn by_directory(header: &Header, bytes: &[u8]) -> Vec<Cut> {
    let mut cuts = Vec::new();
    let mut whole = |number: usize, name: &'static str, kind| {
        if let Some((start, size)) = header.directory(number) {
            cuts.push(Cut {
                start,
                end: start.saturating_add(size),
                name: Cow::Borrowed(name),
                kind,
            });
        }
    };
    whole(0, ".edata", SectionKind::DynamicSymbols);
    whole(12, ".idata$5", SectionKind::Got);
    whole(6, "debug directory", SectionKind::Comment);
    let records = directories::debug_entries(header, bytes);
    let records = records.iter().map(|entry| entry.data).collect();
    cuts.extend(merged(records, "debug directory", SectionKind::Comment));
    cuts.extend(merged(
        imports(header, bytes),
        ".idata",
        SectionKind::Loader,
    ));
    cuts
}

/// Parts that are near to each other as one.
fn merged(mut places: Vec<Given>, name: &'static str, kind: SectionKind) -> Vec<Cut> {
    places.retain(|(start, size)| *start > 0 && *size > 0);
    places.sort_unstable();
    let mut cuts: Vec<Cut> = Vec::new();
    for (start, size) in places {
        let end = start.saturating_add(size);
        match cuts.last_mut() {
            Some(last) if start <= last.end.saturating_add(NEAR) => last.end = last.end.max(end),
            _ => cuts.push(Cut {
                start,
                end,
                name: Cow::Borrowed(name),
                kind,
            }),
        }
    }
    cuts
}

/// The import directory, its look-up tables, and the names of functions and libraries.
fn imports(header: &Header, bytes: &[u8]) -> Vec<Given> {
    let mut places = Vec::new();
    super::symbols::each_import(header, bytes, &mut |import| {
        places.extend(import.places);
    });
    if let Some((start, _)) = header.directory(1) {
        // One descriptor for each library and an empty one.
        let descriptors = super::symbols::descriptors(header, bytes).len() as u32 + 1;
        places.push((start, descriptors.saturating_mul(20)));
    }
    places
}
