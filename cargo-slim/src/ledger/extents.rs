//! Where each constant and variable starts and ends.
//!
//! Symbols give both. For what has none, each address that code or a [pointer](super::Pointers)
//! refers to starts an object, which reaches to the next start.

use super::{
    inputs::Inputs,
    marks::is_made_by_linker,
    object::{DataObject, holds_objects},
    radix,
};
use codecost::{
    address::{AddressRange, Range, VirtualAddress},
    image::{Format, Image, Section, SectionKind, Symbol, SymbolKind},
};
use std::cmp::Reverse;

/// A gap below this between variables may be alignment, or below the section's own, up to a page.
const MAX_ALIGNMENT_GAP: u64 = 64;
const MAX_ALIGN: u64 = 4096;

/// A symbol without a size: where it stands, its section, and its position.
type Bare = (VirtualAddress, u32, u32);

/// What a symbol names: where it starts, its bytes, its section, and the symbol's position.
type Named = (VirtualAddress, u64, u32, u32);

/// All objects of all data sections, by address, without overlap, and still without owners; and apart from
/// these the zeroes for each thread, which share their addresses with what follows. `starts` are the
/// addresses that code refers to.
pub(super) fn find(
    inputs: &Inputs<'_, '_>,
    starts: &[VirtualAddress],
) -> (Vec<DataObject>, Vec<DataObject>) {
    let image = inputs.image;
    let (mut named, mut bare, empty) = symbols(inputs);
    named
        .sort_unstable_by_key(|(address, size, _, position)| (*address, Reverse(*size), *position));
    bare.sort_unstable();
    reach(inputs, &mut named, &mut bare);
    let is_thread_zero =
        |index: u32| (image.sections.get(index as usize)).is_some_and(|at| at.kind.is_tls_bss());
    let (zeroes, named): (Vec<_>, Vec<_>) =
        named.into_iter().partition(|one| is_thread_zero(one.2));

    let more: Vec<_> = bare.iter().map(|(address, ..)| *address).collect();
    let all = [starts, &more, &empty, &inputs.pointers.starts];
    let mut starts = radix::by_number(&all, |start| start.0);
    starts.dedup();

    let mut objects = in_sections(image, false, &named, &starts);
    // What only begins a linker's list has no name of its own there.
    bare.retain(|(_, section, _)| {
        let at = &image.sections[*section as usize];
        at.kind != SectionKind::Got && !at.name.contains("_array")
    });
    name(&mut objects, &bare);
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
    let zeroes = in_sections(image, true, &zeroes, &[]);
    (objects, zeroes)
}

/// What symbols name; where those without a size stand, with their sections and positions; and where those
/// do whose size is none.
fn symbols(inputs: &Inputs<'_, '_>) -> (Vec<Named>, Vec<Bare>, Vec<VirtualAddress>) {
    let image = inputs.image;
    // Where compilers write sizes, 0 is that of a unit struct, and only what has no type has no size.
    let is_sized = |bytes: &[u8]| bytes.starts_with(b"\x7fELF") || bytes.starts_with(b"\0asm");
    let mut parts = image.parts.iter();
    let sized = match image.parts.is_empty() {
        true => image.symbols_have_sizes(),
        false => parts.any(|part| is_sized(image.bytes_in(part.file))),
    };
    let mut empty = Vec::new();
    let segment = |name: &str| image.segments.iter().find(|segment| segment.name == name);
    let thread_local = segment("TLS").map(|segment| segment.address);
    let (mut named, mut bare) = (Vec::new(), Vec::new());
    for (position, symbol) in inputs.symbols.symbols.iter().enumerate() {
        let wanted = matches!(
            symbol.kind,
            SymbolKind::Object | SymbolKind::Tls | SymbolKind::Untyped
        ) && symbol.section.is_some()
            && (!symbol.name.is_empty() || symbol.index == Symbol::OUTSIDE);
        if !wanted {
            continue;
        }
        let Some((address, section, at)) = place(image, symbol, thread_local) else {
            continue;
        };
        let position = position as u32;
        if symbol.size == 0 && sized && symbol.kind != SymbolKind::Untyped {
            empty.push(address);
        } else if symbol.size == 0 {
            // Where a section ends the next one begins, and its first constant is called otherwise. A script
            // takes names that C reserves; what assembly calls its first constant stays.
            let linked = image.parts.is_empty() && image.format == Format::Elf;
            let is_mark = linked
                && (symbol.section != Some(section)
                    || at.kind == SectionKind::ReadOnlyData && symbol.name.starts_with('_'))
                && is_made_by_linker(image, symbol);
            if !is_mark {
                bare.push((address, section, position));
            }
        } else {
            add(
                image,
                &mut named,
                (address, symbol.size, section, position),
                at,
            );
        }
    }
    (named, bare, empty)
}

/// Where a symbol stands, in a section that holds objects. The address of a thread-local one is an offset
/// into the start image, and the zeroes in that have the addresses of what follows, so there the symbol's
/// own section counts.
fn place<'i, 'd>(
    image: &'i Image<'d>,
    symbol: &Symbol<'_>,
    thread_local: Option<VirtualAddress>,
) -> Option<(VirtualAddress, u32, &'i Section<'d>)> {
    // In objects each section has addresses of its own.
    let is_offset = symbol.kind == SymbolKind::Tls && image.parts.is_empty();
    let address = match is_offset {
        true => thread_local?.checked_add(symbol.address.0)?,
        false => symbol.address,
    };
    let own = symbol.section?;
    let of = image.sections.get(own as usize);
    let of = of.filter(|of| of.kind.is_tls_bss() && of.addresses().contains(address));
    let (index, at) = match of {
        Some(of) => (own, of),
        None => image.section_at(address)?,
    };
    let fits = !is_offset || matches!(at.kind, SectionKind::Tls | SectionKind::TlsBss);
    (fits && holds_objects(at.kind)).then_some((address, index, at))
}

/// Adds what a symbol names; where a section ends in zeroes that are one of their own, that part too.
fn add(image: &Image<'_>, named: &mut Vec<Named>, one: Named, at: &Section<'_>) {
    let (address, whole, section, position) = one;
    let end = at.addresses().end();
    let size = whole.min(end.0 - address.0);
    named.push((address, size, section, position));
    if whole > size
        && let Some((next, zeroes)) = image.section_at(end)
        && is_rest_of(image, section, next)
    {
        let rest = (whole - size).min(zeroes.addresses().size);
        named.push((end, rest, next, position));
    }
}

/// Moves those of the `bare` symbols to the `named` ones that reach to the next symbol: variables, as
/// functions of assembly do. A reference to the middle of one does not begin another, for compilers name
/// each variable. Constants they often leave without a name, and so do tools that thin a symbol table, as
/// functions without a symbol show.
fn reach(inputs: &Inputs<'_, '_>, named: &mut Vec<Named>, bare: &mut Vec<Bare>) {
    let image = inputs.image;
    let covered = |address: VirtualAddress| {
        let next = named.partition_point(|one| one.0 <= address);
        let before = named[..next].iter().rev().take(4);
        let mut holding = before.filter(|one| address.0 - one.0.0 < one.1);
        holding.next().is_some()
    };
    // Labels inside of something, and second names.
    bare.retain(|(address, ..)| !covered(*address));
    let functions = &inputs.code.functions;
    let nameless = functions.iter().filter(|one| one.symbol.is_none()).count();
    // A PDB has sizes of all but what came without it.
    let from_pdb = image.format == Format::Pe && !named.is_empty();
    if bare.is_empty() || from_pdb || nameless * 10 > functions.len() {
        return;
    }
    let symbols = inputs.symbols.symbols.iter();
    let marks = symbols.filter(|symbol| {
        let other = matches!(symbol.kind, SymbolKind::File | SymbolKind::Mapping);
        symbol.section.is_some() && !other
    });
    let mut ends: Vec<VirtualAddress> = marks.map(|symbol| symbol.address).collect();
    ends.sort_unstable();
    let before = named.len();
    bare.retain(|(address, section, position)| {
        let symbol = &inputs.symbols.symbols[*position as usize];
        let at = &image.sections[*section as usize];
        let constants = at.name.contains("rel.ro") || at.name.contains("const");
        // A linker's mark of where a section ends has the address of the next one.
        let own = symbol.section == Some(*section) && symbol.index != Symbol::OUTSIDE;
        let of_variables = match at.kind {
            SectionKind::Data => !constants && !at.name.contains("_array"),
            kind => matches!(kind, SectionKind::Bss | SectionKind::TlsBss),
        };
        if !own || !of_variables {
            return true;
        }
        let next = ends.partition_point(|end| end <= address);
        let mut end = at.addresses().end();
        if let Some((index, zeroes)) = image.section_at(end)
            && is_rest_of(image, *section, index)
        {
            end = zeroes.addresses().end();
        }
        end = ends.get(next).map_or(end, |next| end.min(*next));
        add(
            image,
            named,
            (*address, end.0 - address.0, *section, *position),
            at,
        );
        false
    });
    if named.len() > before {
        named.sort_unstable_by_key(|(address, size, _, position)| {
            (*address, Reverse(*size), *position)
        });
    }
}

/// The objects of all sections that hold some: of the zeroes for each thread, or of all others.
fn in_sections(
    image: &Image<'_>,
    thread_zeroes: bool,
    named: &[Named],
    starts: &[VirtualAddress],
) -> Vec<DataObject> {
    let mut objects = Vec::with_capacity(named.len() + starts.len());
    let mut sections: Vec<u32> = (0..image.sections.len() as u32)
        .filter(|index| {
            let section = &image.sections[*index as usize];
            let other = section.kind.is_tls_bss() != thread_zeroes;
            section.loaded && holds_objects(section.kind) && !other
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
            fill(image, part, named, starts, &mut objects);
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
    image: &Image<'_>,
    (whole, section): (AddressRange, u32),
    named: &[Named],
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
        let from = behind_alignment(image, (whole, section), (at, range.start), starts);
        cut(from, range.start, section, starts, objects);
        objects.push(DataObject::new(range, section, Some(position), true));
        at = range.end();
    }
    let from = behind_alignment(image, (whole, section), (at, whole.end()), starts);
    cut(from, whole.end(), section, starts, objects);
}

/// Where something begins between `from`, behind a variable, and `to`. Zeroes of the memory only align what
/// follows where they end at an alignment that is larger than they are, and nothing refers to them.
fn behind_alignment(
    image: &Image<'_>,
    (whole, section): (AddressRange, u32),
    (from, to): (VirtualAddress, VirtualAddress),
    starts: &[VirtualAddress],
) -> VirtualAddress {
    let at = &image.sections[section as usize];
    let next = starts.partition_point(|start| *start < from);
    let next = starts.get(next).map_or(to, |start| to.min(*start));
    let align = next.0 & next.0.wrapping_neg();
    let most = align.min(at.align.clamp(MAX_ALIGNMENT_GAP, MAX_ALIGN));
    let gap = next.0.saturating_sub(from.0);
    let behind = at.file.is_empty() && from > whole.start && gap < most;
    if behind { next } else { from }
}

/// Names what was cut at the address of a symbol without a size: it reaches to the next thing that
/// something refers to, most likely.
fn name(objects: &mut [DataObject], names: &[Bare]) {
    for object in objects.iter_mut().filter(|object| object.symbol.is_none()) {
        let at = names.partition_point(|(address, ..)| *address < object.range.start);
        let found = names
            .get(at)
            .filter(|(address, ..)| *address == object.range.start);
        object.symbol = found.map(|(.., position)| *position);
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
