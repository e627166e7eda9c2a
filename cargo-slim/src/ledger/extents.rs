//! Where each constant and variable starts and ends.
//!
//! Symbols give both. For what has none, each address that code or a [pointer](super::Pointers)
//! refers to starts an object, which reaches to the next start.

use super::{
    inputs::Inputs,
    object::{DataObject, holds_objects},
    radix,
};
use codecost::{
    address::{AddressRange, Range, VirtualAddress},
    image::{Binding, Format, Image, Section, SectionKind, Symbol, SymbolKind},
};
use std::cmp::Reverse;

/// The address of a symbol; that of a thread-local one is an offset into the start image.
fn address_of(symbol: &Symbol<'_>, thread_local: Option<VirtualAddress>) -> Option<VirtualAddress> {
    if symbol.kind == SymbolKind::Tls {
        thread_local?.checked_add(symbol.address.0)
    } else {
        Some(symbol.address)
    }
}

/// All objects of all data sections, by address, without overlap, and still without owners. `starts`
/// are the addresses that code refers to.
pub(super) fn find(inputs: &Inputs<'_, '_>, starts: &[VirtualAddress]) -> Vec<DataObject> {
    let image = inputs.image;
    let thread_local = image.segments.iter().find(|segment| segment.name == "TLS");
    let unsized_variables = has_unsized_variables(inputs);
    let mut named: Vec<(VirtualAddress, u64, u32, u32)> = Vec::new();
    let mut more = Vec::new();
    let mut unsized_names: Vec<(VirtualAddress, u32)> = Vec::new();
    let mut open: Vec<(VirtualAddress, u32, u32)> = Vec::new();
    for (position, symbol) in inputs.symbols.symbols.iter().enumerate() {
        let wanted = matches!(
            symbol.kind,
            SymbolKind::Object | SymbolKind::Tls | SymbolKind::Untyped
        ) && symbol.section.is_some()
            && (!symbol.name.is_empty() || symbol.index == Symbol::OUTSIDE);
        if !wanted {
            continue;
        }
        // In objects each section has addresses of its own.
        let address = match image.parts.is_empty() {
            true => address_of(symbol, thread_local.map(|segment| segment.address)),
            false => Some(symbol.address),
        };
        let Some(address) = address else {
            continue;
        };
        // Zeroes for each thread have no addresses of their own.
        let zeroes = symbol.kind == SymbolKind::Tls
            && thread_local.is_some_and(|image| symbol.address.0 >= image.file.size);
        let Some((section, at)) = image.section_at(address).filter(|_| !zeroes) else {
            continue;
        };
        if !holds_objects(at.kind) {
            continue;
        }
        if symbol.size == 0 && !image.symbols_have_sizes() {
            unsized_names.push((address, position as u32));
        }
        if symbol.size > 0 {
            let size = symbol.size.min(at.addresses().end().0 - address.0);
            named.push((address, size, section, position as u32));
            let end = at.addresses().end();
            let rest = symbol.size - size;
            if rest > 0
                && let Some((next, zeroes)) = image.section_at(end)
                && is_rest_of(image, section, next)
            {
                let rest = rest.min(zeroes.addresses().size);
                named.push((end, rest, next, position as u32));
            }
        } else if unsized_variables && is_variable(image, symbol, at) {
            open.push((address, section, position as u32));
        } else {
            more.push(address);
        }
    }
    named.extend(extents(image, open, &named, &more));
    named
        .sort_unstable_by_key(|(address, size, _, position)| (*address, Reverse(*size), *position));

    let all = [starts, &more, &inputs.pointers.starts];
    let mut starts = radix::by_number(&all, |start| start.0);
    starts.dedup();

    let mut objects = Vec::with_capacity(named.len() + starts.len());
    let mut sections: Vec<u32> = (0..image.sections.len() as u32)
        .filter(|index| {
            let section = &image.sections[*index as usize];
            // Zeroes for each thread share their addresses with what follows.
            section.loaded && holds_objects(section.kind) && !section.kind.is_tls_bss()
        })
        .collect();
    sections.sort_by_key(|index| image.sections[*index as usize].address);
    let mut taken = VirtualAddress(0);
    for index in sections {
        let section = image.sections[index as usize].addresses();
        // Where addresses overlap (damaged files only) the section that starts first has them;
        // otherwise thousands of sections could each hold all objects.
        let whole = Range::<VirtualAddress>::between(section.start.max(taken), section.end());
        taken = taken.max(section.end());
        for part in image.data_ranges(index) {
            let part = (part.intersection(whole), index);
            fill(part, &named, &starts, &mut objects);
        }
    }
    unsized_names.sort_unstable();
    name(&mut objects, &unsized_names);
    for at in 1..objects.len() {
        let (before, rest) = (objects[at - 1], objects[at]);
        let same = rest.symbol.is_some() && rest.symbol == before.symbol;
        if same
            && before.range.end() == rest.range.start
            && is_rest_of(image, before.section, rest.section)
        {
            objects[at - 1].rest = rest.range.size;
            objects[at].is_rest = true;
        }
    }
    objects
}

/// Whether symbols without a size are of all variables: in Mach-O those of one file only may be stripped,
/// and then what follows a symbol is not all its own.
fn has_unsized_variables(inputs: &Inputs<'_, '_>) -> bool {
    let mut symbols = inputs.symbols.symbols.iter();
    match inputs.image.format {
        Format::Elf | Format::Pe => true,
        Format::MachO => symbols.any(|symbol| {
            symbol.section.is_some()
                && symbol.binding == Binding::Local
                && symbol.kind != SymbolKind::File
        }),
        _ => false,
    }
}

/// Whether a symbol without a size is of a variable, as assembly and C for Windows make them. Constants
/// without names follow those with one, but hardly any variable is without. Names that linkers give to the
/// ends of sections are none.
fn is_variable(image: &Image<'_>, symbol: &Symbol<'_>, section: &Section<'_>) -> bool {
    let kind = matches!(section.kind, SectionKind::Data | SectionKind::Bss);
    let constants = section.name.starts_with(".data.rel.ro") || section.name.contains("const");
    let name = &*symbol.name;
    let of_linker = match image.format {
        Format::Elf => name.starts_with('_') || ["data_start", "edata", "end"].contains(&name),
        _ => name.starts_with("__") || name.starts_with('.'),
    };
    kind && section.writable && !constants && !of_linker && !name.is_empty()
}

/// The extents of variables without sizes: each reaches to the next symbol or to the end of its section,
/// and of the zeroes behind it.
fn extents(
    image: &Image<'_>,
    mut open: Vec<(VirtualAddress, u32, u32)>,
    named: &[(VirtualAddress, u64, u32, u32)],
    more: &[VirtualAddress],
) -> Vec<(VirtualAddress, u64, u32, u32)> {
    if open.is_empty() {
        return Vec::new();
    }
    let unsized_starts = open.iter().map(|one| one.0).chain(more.iter().copied());
    let mut starts: Vec<_> = unsized_starts
        .chain(named.iter().map(|one| one.0))
        .collect();
    starts.sort_unstable();
    open.sort_unstable();
    open.dedup_by_key(|one| one.0);
    let mut found = Vec::new();
    for (address, section, position) in open {
        let next = starts.partition_point(|start| *start <= address);
        let next = starts.get(next).copied();
        let Some(end) = image.sections.get(section as usize) else {
            continue;
        };
        let end = end.addresses().end();
        let own = next.map_or(end, |next| next.min(end));
        found.push((address, own.0.saturating_sub(address.0), section, position));
        if let Some((rest, zeroes)) = image.section_at(end).filter(|_| own == end)
            && is_rest_of(image, section, rest)
        {
            let whole = zeroes.addresses().end();
            let own = next.map_or(whole, |next| next.min(whole));
            found.push((end, own.0.saturating_sub(end.0), rest, position));
        }
    }
    found.retain(|one| one.1 > 0);
    found
}

/// Whether a section is the zeroes that another one ends in, which the file does not hold.
fn is_rest_of(image: &Image<'_>, section: u32, next: u32) -> bool {
    let section_of = |index: u32| image.sections.get(index as usize);
    let (Some(section), Some(next)) = (section_of(section), section_of(next)) else {
        return false;
    };
    let adjoin = section.addresses().end() == next.address;
    let cut = image.format == Format::Pe;
    cut && adjoin
        && !section.file.is_empty()
        && next.kind == SectionKind::Bss
        && next.file.is_empty()
}

/// Cuts a part of a section into objects: those that have a name and a size, and what is between.
fn fill(
    (whole, section): (AddressRange, u32),
    named: &[(VirtualAddress, u64, u32, u32)],
    starts: &[VirtualAddress],
    objects: &mut Vec<DataObject>,
) {
    let first = named.partition_point(|object| object.0 < whole.start);
    let last = named.partition_point(|object| object.0 < whole.end());
    let mut at = whole.start;
    for (address, size, _, position) in named[first..last.max(first)].iter().copied() {
        let range = Range::<VirtualAddress>::between(
            address.max(at),
            Range::<VirtualAddress>::new(address, size).end(),
        )
        .intersection(whole);
        if range.is_empty() {
            continue;
        }
        cut(at, range.start, section, starts, objects);
        objects.push(DataObject::new(range, section, Some(position), true));
        at = range.end();
    }
    cut(at, whole.end(), section, starts, objects);
}

/// Names what was cut at the address of a symbol without a size: it reaches to the next thing that
/// something refers to, most likely.
fn name(objects: &mut [DataObject], names: &[(VirtualAddress, u32)]) {
    for object in objects.iter_mut().filter(|object| object.symbol.is_none()) {
        let at = names.partition_point(|(address, _)| *address < object.range.start);
        let found = names
            .get(at)
            .filter(|(address, _)| *address == object.range.start);
        object.symbol = found.map(|(_, position)| *position);
    }
}

/// Cuts what no symbol covers at every known start.
fn cut(
    from: VirtualAddress,
    to: VirtualAddress,
    section: u32,
    starts: &[VirtualAddress],
    objects: &mut Vec<DataObject>,
) {
    let first = starts.partition_point(|start| *start < from);
    let last = starts.partition_point(|start| *start < to).max(first);
    let mut at = from;
    let mut anchored = false;
    for start in &starts[first..last] {
        if *start > at {
            let range = Range::<VirtualAddress>::between(at, *start);
            objects.push(DataObject::new(range, section, None, anchored));
        }
        at = *start;
        anchored = true;
    }
    if to > at {
        let range = Range::<VirtualAddress>::between(at, to);
        objects.push(DataObject::new(range, section, None, anchored));
    }
}
