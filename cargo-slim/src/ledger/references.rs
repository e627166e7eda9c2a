//! What code refers to in data: the first hop from a function to the constants that it uses.

use super::{object::holds_objects, pointers::Pointers, radix};
use codecost::{
    address::{AddressIndex, AddressRange, VirtualAddress},
    attribution::{CodeMap, Function},
    disasm::{Piece, Reference, ReferenceKind, decoder_of},
    image::{Image, SectionKind},
};
use rayon::prelude::*;

/// What the functions of an image refer to in its data, in no order.
#[derive(Clone, Debug, Default)]
pub struct CodeReferences {
    /// Distances are counted from here.
    base: VirtualAddress,
    /// One for each chunk of functions.
    lists: Vec<Vec<Packed>>,
    /// What else each chunk of functions refers to, where that was found, too: the function's place in
    /// the [`CodeMap`], and mostly a function.
    calls: Option<Vec<Vec<(u32, VirtualAddress)>>>,
}

/// A reference from a function.
#[derive(Clone, Copy, Debug)]
pub(super) struct CodeReference {
    pub(super) to: VirtualAddress,
    /// The function's place in the [`CodeMap`].
    pub(super) function: u32,
    /// How many bytes it reads there at once, up to 127; 0 where it only takes the address.
    pub(super) access: u16,
    /// Whether it is a number that could be the address.
    pub(super) guess: bool,
}

/// A reference in one number, for a library has half a million and they are sorted: the distance of
/// its target (32 bits), its function (24), its access (7), and whether it is a guess. What does not
/// fit is left out: in an image with more than sixteen million functions, or with four gigabytes
/// between its constants. Addresses count as signed, as in the instructions: a kernel has data at 0
/// and in the last two gigabytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Packed(u64);

impl Packed {
    fn new(base: VirtualAddress, reference: CodeReference) -> Option<Self> {
        let distance = reference.to.0.wrapping_sub(base.0);
        let function = u64::from(reference.function);
        let access = u64::from(reference.access.min(127));
        let fits = distance >> 32 == 0 && function >> 24 == 0;
        let low = function << 8 | access << 1 | u64::from(reference.guess);
        fits.then_some(Self(distance << 32 | low))
    }

    fn distance(self) -> u64 {
        self.0 >> 32
    }

    fn unpack(self, base: VirtualAddress) -> CodeReference {
        CodeReference {
            to: VirtualAddress(base.0.wrapping_add(self.distance())),
            function: (self.0 as u32) >> 8,
            access: (self.0 as u16 & 0xff) >> 1,
            guess: self.0 & 1 == 1,
        }
    }
}

/// Seldom are there more references than one to so many bytes of code.
const CODE_PER_REFERENCE: usize = 64;

/// So many references are remembered.
const RECENT: usize = 64;

/// So many functions are looked through at once.
const FUNCTIONS: usize = 256;

impl CodeReferences {
    /// Decodes all code of `image`, on all cores. `functions`: the [`code_pieces`] of its functions;
    /// `calls`: their calls are kept where they are found in the same pass.
    pub fn new(image: &Image<'_>, functions: &[Piece<'_>], calls: bool) -> Self {
        let Some(decoder) = decoder_of(image) else {
            return Self::default();
        };
        let calls = calls && decoder.references_and_calls(&[], &mut |_, _| {});
        let data = data_sections(image);
        let base = lowest(&data);
        let index = AddressIndex::new(data.iter().map(|range| range.start).collect());
        let is_data = |address: VirtualAddress| {
            let last = index.last_at(address);
            let before = last.and_then(|last| data.get(..=last)).unwrap_or_default();
            let mut near = before.iter().rev().take(3);
            near.any(|range| range.contains(address))
        };
        let (lists, all_calls) = functions
            .par_chunks(FUNCTIONS)
            // A core that has nothing to do cannot help with what another has begun.
            .with_max_len(4)
            .enumerate()
            .map(|(chunk, pieces)| {
                let absolute = !image.position_independent;
                let bytes: usize = pieces.iter().map(|piece| piece.code.len()).sum();
                let mut found = Vec::with_capacity(bytes / CODE_PER_REFERENCE);
                let mut called = Vec::new();
                // Functions use the same few things again and again, each its own.
                let mut recent = [Packed(u64::MAX); RECENT];
                let mut add = |index: usize, reference: Reference| {
                    let (access, guess) = match reference.kind {
                        ReferenceKind::Access(size) => (size, false),
                        ReferenceKind::Address | ReferenceKind::Call => (0, false),
                        ReferenceKind::Immediate => (0, true),
                    };
                    let to = reference.to;
                    let function = (chunk * FUNCTIONS + index) as u32;
                    let reference = CodeReference {
                        to,
                        function,
                        access,
                        guess,
                    };
                    let again = &mut recent[((to.0 >> 3) as usize + index * 7) % RECENT];
                    match Packed::new(base, reference) {
                        Some(packed) if packed == *again => {}
                        Some(packed) if is_data(to) => {
                            *again = packed;
                            found.push(packed);
                        }
                        _ if calls => called.push((function, to)),
                        _ => {}
                    }
                };
                if !calls || !decoder.references_and_calls(pieces, &mut add) {
                    decoder.references(pieces, absolute, &mut add);
                }
                (found, called)
            })
            .unzip();
        Self {
            base,
            lists,
            calls: calls.then_some(all_calls),
        }
    }

    /// Itself, where calls were kept.
    pub(crate) fn with_calls(self) -> Option<Self> {
        self.calls.is_some().then_some(self)
    }

    /// All that functions refer to, where calls were kept: for each chunk of functions, and by each
    /// function's place in the [`CodeMap`], addresses of data and the others.
    pub(crate) fn chunks(&self) -> Option<impl IndexedParallelIterator<Item = Chunk<'_>>> {
        let calls = self.calls.as_ref()?;
        let chunks = self.lists.par_iter().zip(calls);
        Some(chunks.map(|(data, calls)| Chunk {
            base: self.base,
            data,
            calls,
        }))
    }

    /// Calls `found` with each function, by its place in the [`CodeMap`], and what it refers to: for
    /// certain, or with `guesses` also by a number that could be the address.
    pub(crate) fn each(&self, guesses: bool, mut found: impl FnMut(u32, VirtualAddress)) {
        for packed in self.lists.iter().flatten() {
            let reference = packed.unpack(self.base);
            if guesses || !reference.guess {
                found(reference.function, reference.to);
            }
        }
    }

    /// Of objects and archives: the relocations of their code, which say exactly what the instructions
    /// will refer to. Linear in their number.
    pub fn of_parts(image: &Image<'_>, code: &CodeMap, pointers: &Pointers) -> Self {
        let base = lowest(&data_sections(image));
        let mut found = Vec::new();
        let mut near = 0;
        for table in pointers.tables() {
            let mut relocations = table.relocations.iter().peekable();
            let first = relocations
                .peek()
                .and_then(|first| image.section_at(first.slot));
            if first.is_none_or(|(_, section)| section.kind != SectionKind::Code) {
                continue;
            }
            for relocation in relocations {
                let target = relocation.target.filter(|to| {
                    let at = image.section_at(*to);
                    at.is_some_and(|(_, section)| holds_objects(section.kind))
                });
                let Some(to) = target else { continue };
                let Some(function) = code.at_near(relocation.slot, &mut near) else {
                    continue;
                };
                let reference = CodeReference {
                    to,
                    function,
                    access: 0,
                    guess: false,
                };
                found.extend(Packed::new(base, reference));
            }
        }
        Self {
            base,
            lists: vec![found],
            calls: None,
        }
    }

    /// Each address of data that a function certainly takes, without reading there, with the function's
    /// place in the [`CodeMap`].
    pub(super) fn taken(&self) -> impl Iterator<Item = (u32, VirtualAddress)> + '_ {
        let all = self.lists.iter().flatten();
        let all = all.map(|packed| packed.unpack(self.base));
        all.filter(|reference| reference.access == 0 && !reference.guess)
            .map(|reference| (reference.function, reference.to))
    }

    /// Each address of data that code refers to.
    pub(super) fn targets(&self) -> impl Iterator<Item = VirtualAddress> + '_ {
        let all = self.lists.iter().flatten();
        all.map(|packed| packed.unpack(self.base).to)
    }

    /// All of them in the order of what they refer to.
    pub(super) fn by_address(&self) -> Sorted {
        let lists: Vec<&[Packed]> = self.lists.iter().map(Vec::as_slice).collect();
        let mut references = radix::by_number(&lists, |reference| reference.distance());
        // The highest addresses, which are negative numbers, come first so far.
        let high = |packed: &Packed| (packed.unpack(self.base).to.0 as i64) < 0;
        let negative = references.partition_point(high);
        references.rotate_left(negative);
        Sorted {
            base: self.base,
            references,
        }
    }
}

/// What some functions refer to.
pub(crate) struct Chunk<'r> {
    base: VirtualAddress,
    data: &'r [Packed],
    calls: &'r [(u32, VirtualAddress)],
}

impl<'r> Chunk<'r> {
    /// Addresses of data, each with its user.
    pub(crate) fn data(&self) -> impl Iterator<Item = (u32, VirtualAddress)> + 'r {
        let base = self.base;
        self.data.iter().map(move |packed| {
            let reference = packed.unpack(base);
            (reference.function, reference.to)
        })
    }

    /// All others, each with its user.
    pub(crate) fn calls(&self) -> &'r [(u32, VirtualAddress)] {
        self.calls
    }
}

/// Where data is, by address.
fn data_sections(image: &Image<'_>) -> Vec<AddressRange> {
    let sections = image.sections.iter();
    let mut data: Vec<_> = sections
        .filter(|section| section.loaded && holds_objects(section.kind))
        .map(|section| section.addresses())
        .collect();
    data.sort_unstable();
    data
}

fn lowest(data: &[AddressRange]) -> VirtualAddress {
    let starts = data.iter().map(|range| range.start);
    starts
        .min_by_key(|start| start.0 as i64)
        .unwrap_or_default()
}

/// References in the order of what they refer to.
pub(super) struct Sorted {
    base: VirtualAddress,
    references: Vec<Packed>,
}

impl Sorted {
    pub(super) fn iter(&self) -> impl Iterator<Item = CodeReference> {
        self.references
            .iter()
            .map(|packed| packed.unpack(self.base))
    }

    /// Each address that is referred to, once.
    pub(super) fn targets(&self) -> Vec<VirtualAddress> {
        let different = self
            .references
            .chunk_by(|a, b| a.distance() == b.distance());
        let first = different.filter_map(|same| same.first());
        first.map(|packed| packed.unpack(self.base).to).collect()
    }
}

/// The code of each function.
pub fn code_pieces<'a>(image: &Image<'a>, code: &CodeMap) -> Vec<Piece<'a>> {
    let functions = code.functions.iter();
    functions
        .map(|function| piece_of(image, function))
        .collect()
}

/// The code of one function; none of an old copy, which nothing runs.
pub fn piece_of<'a>(image: &Image<'a>, function: &Function) -> Piece<'a> {
    let code = if is_left_behind(image, function) {
        &[]
    } else {
        image.bytes_at(function.range.start).unwrap_or_default()
    };
    let size = usize::try_from(function.range.size).unwrap_or(usize::MAX);
    Piece {
        code: code.get(..size).unwrap_or(code),
        address: function.range.start,
    }
}

/// Whether this is the old copy of a function that BOLT has moved: it keeps the sections that it
/// rewrites under another name and takes their symbols along. Nothing runs there any more, so it
/// uses nothing.
fn is_left_behind(image: &Image<'_>, function: &Function) -> bool {
    function.symbol.is_none()
        && image
            .sections
            .get(function.section as usize)
            .is_some_and(|section| section.name.starts_with(".bolt.org."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_what_it_was() {
        let base = VirtualAddress(0x1000);
        let reference = |to, function, access, guess| CodeReference {
            to: VirtualAddress(to),
            function,
            access,
            guess,
        };
        for one in [
            reference(0x1000, 0, 0, false),
            reference(0x1_0000_0fff, 0xff_ffff, 127, true),
            reference(0x2345, 77, 16, false),
        ] {
            let same = Packed::new(base, one).unwrap().unpack(base);
            assert_eq!(same.to, one.to);
            assert_eq!(same.function, one.function);
            assert_eq!((same.access, same.guess), (one.access, one.guess));
        }
        let large = Packed::new(base, reference(0x1000, 0, 512, false)).unwrap();
        assert_eq!(large.unpack(base).access, 127);
        // A kernel's: at 0, and at the end of the addresses.
        let last = VirtualAddress(0xffff_ffff_8100_0000);
        let all = [0x10, 0xffff_ffff_8200_0000, 0xffff_ffff_8100_0000, 0x20];
        let pack = |to| Packed::new(last, reference(to, 5, 8, false)).unwrap();
        let references = CodeReferences {
            base: last,
            lists: vec![all.map(pack).to_vec()],
            calls: None,
        };
        let sorted: Vec<u64> = references.by_address().iter().map(|one| one.to.0).collect();
        let mut expected = all;
        expected.sort_unstable();
        assert_eq!(sorted, expected);
        for left_out in [
            reference(0xfff, 0, 0, false),
            reference(0x1_0000_1000, 0, 0, false),
            reference(0x1000, 0x100_0000, 0, false),
        ] {
            assert!(Packed::new(base, left_out).is_none());
        }
    }
}
