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
    image::{Format, Image, SectionKind, Symbol, SymbolKind},
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
    let thread_local = image
        .segments
        .iter()
        .find(|segment| segment.name == "TLS")
        .map(|segment| segment.address);
    let mut named: Vec<(VirtualAddress, u64, u32, u32)> = Vec::new();
    let mut more = Vec::new();
    let mut unsized_names: Vec<(VirtualAddress, u32)> = Vec::new();
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
            true => address_of(symbol, thread_local),
            false => Some(symbol.address),
        };
        let Some(address) = address else {
            continue;
        };
        let Some((section, at)) = image.section_at(address) else {
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
        } else {
            more.push(address);
        }
    }
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
