//! What data refers to.

use super::{inputs::Inputs, places::Places};
use codecost::{
    address::VirtualAddress,
    image::{Format, SectionKind},
};

/// The edges that leave data objects: pointers that the loader writes, in a file that it does not
/// move all numbers that could be one, and sections that are walked over as a whole.
pub(super) fn edges(inputs: &Inputs<'_, '_>, places: &Places<'_, '_>, pairs: &mut Vec<(u32, u32)>) {
    let tables = inputs.relocations.iter();
    for relocation in tables.flat_map(|table| &table.relocations) {
        let Some(target) = relocation.target else {
            continue;
        };
        if places.is_slot(relocation.slot) {
            continue;
        }
        add(places, relocation.slot, target, pairs);
    }
    if !inputs.image.position_independent && inputs.image.parts.is_empty() {
        numbers(inputs, places, pairs);
    }
    walked_over(inputs, places, pairs);
    places
        .threads
        .descriptors(inputs.image, &mut |at, variable| {
            let from = places.object_at(at);
            pairs.extend(from.map(|from| (places.object_node(from), variable)));
        });
}

fn add(
    places: &Places<'_, '_>,
    slot: VirtualAddress,
    target: VirtualAddress,
    pairs: &mut Vec<(u32, u32)>,
) {
    let ends = || {
        let from = places.object_node(places.object_at(slot)?);
        Some((from, places.node_at(target)?))
    };
    pairs.extend(ends().filter(|(from, to)| from != to));
}

/// Every aligned word that is the address of something.
fn numbers(inputs: &Inputs<'_, '_>, places: &Places<'_, '_>, pairs: &mut Vec<(u32, u32)>) {
    let image = inputs.image;
    let word = if image.is_64 { 8 } else { 4 };
    for section in &image.sections {
        let holds = matches!(
            section.kind,
            SectionKind::Data | SectionKind::ReadOnlyData | SectionKind::Tls
        );
        if !section.loaded || !holds {
            continue;
        }
        let bytes = image.section_bytes(section);
        let first = section.address.0.wrapping_neg() % word;
        let mut at = first;
        while at + word <= bytes.len() as u64 {
            let slot = VirtualAddress(section.address.0.wrapping_add(at));
            if let Some(value) = image.word_at(slot).filter(|value| *value != 0) {
                add(places, slot, VirtualAddress(value), pairs);
            }
            at += word;
        }
    }
}

/// Linkers mark the beginning and the end of sections whose names are identifiers of C
/// (`__start_NAME`), so that programs walk over them: who has one object has all of them.
fn walked_over(inputs: &Inputs<'_, '_>, places: &Places<'_, '_>, pairs: &mut Vec<(u32, u32)>) {
    // ELF linkers make `__start_NAME` and `__stop_NAME` for such names; in Mach-O all names are like it.
    if inputs.image.format != Format::Elf {
        return;
    }
    let named: Vec<bool> = inputs
        .image
        .sections
        .iter()
        .map(|section| section.loaded && is_identifier(&section.name))
        .collect();
    for (at, two) in (0..).zip(inputs.objects.windows(2)) {
        let section = two[0].section;
        if section == two[1].section && named.get(section as usize) == Some(&true) {
            let (a, b) = (places.object_node(at), places.object_node(at + 1));
            pairs.extend([(a, b), (b, a)]);
        }
    }
}

fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    let starts = bytes
        .next()
        .is_some_and(|byte| byte == b'_' || byte.is_ascii_alphabetic());
    starts && bytes.all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
}
