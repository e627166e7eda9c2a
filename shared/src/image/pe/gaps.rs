//! Functions that the function table leaves out: those that call nobody and save nothing need no
//! unwind data on x86-64 and, where they are small, on AArch64.
//!
//! Linkers fill up to the next function with `int3`. What stands between listed functions without
//! being fill is taken for functions, each of which starts behind fill at an even address. That is a
//! guess, and tagged as one.

use super::super::{Architecture, Image, SectionKind, fill};
use crate::address::{AddressRange, Range, VirtualAddress};

/// What x86 functions are aligned to.
const ALIGNMENT: u64 = 16;

/// Code between `listed`, which are sorted.
pub(super) fn functions(image: &Image<'_>, listed: &[AddressRange]) -> Vec<AddressRange> {
    let mut found = Vec::new();
    let mut code: Vec<_> = image.sections.iter().collect();
    code.retain(|section| section.kind == SectionKind::Code && section.loaded);
    code.sort_by_key(|section| section.address);
    let mut taken = VirtualAddress(0);
    for section in code {
        let range = AddressRange::new(section.address.max(taken), section.file.size)
            .intersection(section.addresses());
        taken = taken.max(range.end());
        let mut at = range.start;
        let first = listed.partition_point(|function| function.end() <= range.start);
        let inside = listed[first..].iter();
        for function in inside.take_while(|function| function.start < range.end()) {
            split(
                image,
                Range::<VirtualAddress>::between(at, function.start),
                &mut found,
            );
            at = at.max(function.end());
        }
        split(
            image,
            Range::<VirtualAddress>::between(at, range.end()),
            &mut found,
        );
    }
    found
}

/// The functions of a gap.
fn split(image: &Image<'_>, gap: AddressRange, found: &mut Vec<AddressRange>) {
    let x86 = match image.architecture {
        Architecture::X86_64 => true,
        Architecture::Aarch64 => false,
        _ => return,
    };
    let Some(bytes) = image.bytes_at(gap.start).filter(|_| !gap.is_empty()) else {
        return;
    };
    let size = bytes
        .len()
        .min(usize::try_from(gap.size).unwrap_or(usize::MAX));
    let bytes = &bytes[..size];
    let skipped = fill::leading(image.architecture, bytes);
    let mut start = skipped;
    let mut push = |start: usize, end: usize| {
        // Behind the last function there is only fill.
        if fill::leading(image.architecture, &bytes[start..end]) == end - start {
            return;
        }
        let from = VirtualAddress(gap.start.0 + start as u64);
        let range = Range::<VirtualAddress>::new(from, (end - start) as u64);
        let range = image.without_fill(range);
        if !range.is_empty() {
            found.push(range);
        }
    };
    let mut at = start;
    while x86 && at < size {
        // To the next even address.
        let address = gap.start.0 + at as u64 + 1;
        at += 1 + (address.next_multiple_of(ALIGNMENT) - address) as usize;
        let behind_fill = at < size && bytes.get(at - 1) == Some(&0xcc);
        if behind_fill && at > start {
            push(start, at);
            start = at;
        }
    }
    if start < size {
        push(start, size);
    }
}
