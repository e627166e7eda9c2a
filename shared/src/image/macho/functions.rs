//! Where functions start: LC_FUNCTION_STARTS, which every linker writes and strip leaves.
//!
//! Distances between starts, as numbers of seven bits in a byte, from the start of `__TEXT`; a zero
//! ends the list.

use super::{
    super::{Image, SectionKind, fields::uleb, fill},
    Commands,
    commands::Part,
    range,
};
use crate::address::{AddressRange, Range, VirtualAddress};

/// All functions, by address: each reaches to the next one, or to the end of its section, without
/// the fill that aligns what follows.
pub(crate) fn functions(image: &Image<'_>, commands: &Commands) -> Vec<AddressRange> {
    let starts = starts(image, commands);
    let mut functions = Vec::with_capacity(starts.len());
    for (position, start) in starts.iter().enumerate() {
        let Some((_, section)) = image.section_at(*start) else {
            continue;
        };
        if section.kind != SectionKind::Code {
            continue;
        }
        let next = starts.get(position + 1).copied();
        let end = section.addresses().end();
        let end = next.map_or(end, |next| next.min(end));
        let whole = Range::<VirtualAddress>::between(*start, end);
        functions.push(fill::without(image, section, whole));
    }
    functions
}

fn starts(image: &Image<'_>, commands: &Commands) -> Vec<VirtualAddress> {
    let Some((offset, size)) = commands.part(Part::FunctionStarts) else {
        return Vec::new();
    };
    let bytes = image.bytes_in(range(image, offset, size));
    let text = image.segments.iter().find(|one| one.name == "__TEXT");
    let mut address = text.map_or(0, |text| text.address.0);
    // Bit 0 of a start is for Thumb.
    let mask = if image.architecture.marks_functions_in_bit_0() {
        !1
    } else {
        !0
    };
    let mut starts = Vec::with_capacity(bytes.len() / 2);
    let mut at = 0;
    while let Some(distance) = uleb(bytes, &mut at) {
        if distance == 0 {
            break;
        }
        address = address.wrapping_add(distance);
        starts.push(VirtualAddress(address & mask));
    }
    // Damage can lead around the end of the address space.
    starts.sort_unstable();
    starts.dedup();
    starts
}
