//! Functions of files that list none: no unwind tables, no function starts, no symbols.
//!
//! Code is decoded from the start of its section to the end. What is called, what the headers name and
//! what pointers lead to starts a function, where an instruction begins; so does what a jump out of a
//! function leads to, and aligned code that nothing before it runs into or jumps over. A function ends
//! where the next one starts, without the fill before that.
//!
//! Limits: a function that is reached only through a pointer that no relocation tells, and that is not
//! aligned, is taken for the end of the one before it. Data between instructions may be read as code
//! until the decoder is in step again. So all that comes of it is a guess, and worded as one.

mod aarch64;
mod x86;

use crate::{
    address::{AddressRange, Range, VirtualAddress},
    image::{
        Architecture, Format, Image, RelocationTable, Section, SectionKind, SymbolKind,
        SymbolTable, UnwindTables,
    },
};
use std::{cmp::Reverse, collections::BinaryHeap};

/// What an instruction means for where functions start and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It goes on with the next one.
    Next,
    /// It does nothing: fill, if it stands where nobody comes by.
    Nothing,
    /// Linkers fill with it and nobody gets past it: `int3`, zeroes on AArch64.
    Trap,
    /// Zeroes, which are an instruction of x86, but behind the end of a function are fill.
    Zeroes,
    /// It calls this address.
    Call(u64),
    /// It may jump to this address.
    Branch(u64),
    /// It jumps to this address.
    Jump(u64),
    /// It jumps to an address that the table here holds.
    Table(u64),
    /// It jumps to an address that it has from elsewhere.
    Indirect,
    /// It takes this address.
    Address(u64),
    /// The next instruction does not follow.
    End,
}

/// Decodes one instruction after the other.
trait Steps {
    /// The next one: its place in the code, and what it does.
    fn next(&mut self) -> Option<(usize, Step)>;

    /// Goes on at another place.
    fn skip_to(&mut self, place: usize);
}

/// So many instructions after the address of a table is taken, a jump chooses from it.
const NEAR: u32 = 6;

/// What functions that compilers align are aligned to, at least.
const ALIGNMENT: u64 = 16;

/// How code of this processor is decoded here, if it is.
fn steps(architecture: Architecture, code: &[u8], address: u64) -> Option<Box<dyn Steps + '_>> {
    match architecture {
        Architecture::X86_64 => Some(Box::new(x86::Decoded::new(64, code, address))),
        Architecture::I686 => Some(Box::new(x86::Decoded::new(32, code, address))),
        Architecture::Aarch64 => Some(Box::new(aarch64::Decoded::new(code, address))),
        _ => None,
    }
}

/// Whether [`find`] can read the machine code of this processor.
pub fn finds_starts(architecture: Architecture) -> bool {
    steps(architecture, &[], 0).is_some()
}

/// Whether neither symbols nor tables say where functions of a linked file start and end: most of
/// them, or those that a table leaves out by design.
pub fn lacks_extents(image: &Image<'_>, symbols: &SymbolTable<'_>, unwind: &UnwindTables) -> bool {
    let native = matches!(image.format, Format::Elf | Format::MachO | Format::Pe);
    if !native || !image.parts.is_empty() {
        return false;
    }
    if !unwind.functions.is_empty() {
        // Its table leaves out what unwinds nothing, and no fill tells the next one.
        return image.format == Format::Pe && image.architecture == Architecture::Aarch64;
    }
    let code = |address| {
        let section = image.section_at(address);
        section.is_some_and(|(_, section)| section.kind == SectionKind::Code)
    };
    // A table with local functions is not only of what is exported: each reaches to the next one.
    if symbols.names_all_functions() {
        return false;
    }
    let whole = code_sections(image).map(|section| section.file.size);
    let whole = whole.fold(0, u64::saturating_add);
    let listed = unwind.extents().map(|range| (range.start, range.size));
    let functions = symbols
        .symbols
        .iter()
        .filter(|symbol| symbol.kind == SymbolKind::Function && symbol.section.is_some());
    let named = functions.map(|symbol| (symbol.address, symbol.size));
    let code = move |(start, size)| if code(start) { size } else { 0 };
    // In most files a part of the unwind tables is enough.
    let half = whole / 2;
    whole > 0 && !reaches(half, listed.map(&code)) && !reaches(half, named.map(&code))
}

/// Whether `sizes` add up to at least `most`.
fn reaches(most: u64, mut sizes: impl Iterator<Item = u64>) -> bool {
    let mut sum = 0_u64;
    sizes.any(|size| {
        sum = sum.saturating_add(size);
        sum >= most
    })
}

fn code_sections<'i, 'd>(image: &'i Image<'d>) -> impl Iterator<Item = &'i Section<'d>> {
    let sections = image.sections.iter();
    sections.filter(|section| section.kind == SectionKind::Code && section.loaded)
}

/// The functions that decoding finds, by address; empty where this processor's code is not decoded.
/// `relocations` are the image's. Where `unwind` lists functions, those that it leaves out.
///
/// O(n log n) in the code and the relocations.
pub fn find(
    image: &Image<'_>,
    symbols: &SymbolTable<'_>,
    unwind: &UnwindTables,
    relocations: &[RelocationTable],
) -> Vec<AddressRange> {
    let pointers = Pointers::new(relocations, image.is_64);
    let named = symbols.symbols.iter().filter(|symbol| {
        let code = matches!(symbol.kind, SymbolKind::Function | SymbolKind::Untyped);
        code && symbol.section.is_some() && !symbol.name.is_empty()
    });
    let mut sure: Vec<u64> = named.map(|symbol| symbol.address.0).collect();
    sure.push(image.entry.0);
    sure.extend(image.listed_starts().iter().map(|start| start.0));
    sure.extend(unwind.entries.iter().map(|entry| entry.function.start.0));
    sure.extend(unwind.functions.iter().map(|function| function.start.0));

    let mut sections: Vec<_> = code_sections(image).collect();
    sections.sort_by_key(|section| section.address);
    sure.sort_unstable();
    let mut parts = Vec::new();
    let mut taken = VirtualAddress(0);
    for section in sections {
        // Only damaged files have sections that overlap.
        let whole = section.addresses();
        if whole.start < taken {
            continue;
        }
        taken = whole.end();
        let code = image.section_bytes(section);
        let size = usize::try_from(whole.size.min(u32::MAX.into())).unwrap_or_default();
        let code = &code[..code.len().min(size)];
        let Some(steps) = steps(image.architecture, code, whole.start.0) else {
            continue;
        };
        let known = &sure[sure.partition_point(|start| *start < whole.start.0)..];
        parts.push(Swept::new(
            whole.start.0,
            code.len(),
            steps,
            (&pointers, known),
        ));
    }
    sure.extend(parts.iter().flat_map(|part| part.calls.iter().copied()));
    sure.sort_unstable();
    sure.dedup();
    let mut funclets: Vec<u64> = image.funclets().iter().map(|start| start.0).collect();
    funclets.sort_unstable();
    let mut found = Vec::new();
    for part in &mut parts {
        part.functions((&sure, &funclets, &unwind.functions), &pointers, &mut found);
    }
    match unwind.functions.is_empty() {
        true => found,
        false => divided(image, &unwind.guessed, &found),
    }
}

/// Code between listed functions, where each of `found` starts another one.
fn divided(image: &Image<'_>, gaps: &[AddressRange], found: &[AddressRange]) -> Vec<AddressRange> {
    let mut functions = Vec::with_capacity(gaps.len());
    for gap in gaps {
        let first = found.partition_point(|function| function.start <= gap.start);
        let inside = found[first..].iter().map(|function| function.start);
        let mut start = gap.start;
        for next in inside.take_while(|next| gap.contains(*next)) {
            let part = Range::<VirtualAddress>::between(start, next);
            functions.push(image.without_fill(part));
            start = next;
        }
        functions.push(Range::<VirtualAddress>::between(start, gap.end()));
    }
    functions
}

/// Where the loader writes addresses, and which.
struct Pointers {
    /// By slot.
    slots: Vec<(u64, u64)>,
    /// What they lead to, in order.
    targets: Vec<u64>,
    /// Bytes of one.
    width: u64,
}

impl Pointers {
    fn new(relocations: &[RelocationTable], is_64: bool) -> Self {
        let all = relocations.iter().flat_map(|table| &table.relocations);
        let all = all.filter_map(|one| Some((one.slot.0, one.target?.0)));
        let mut slots: Vec<_> = all.collect();
        slots.sort_unstable();
        let width = if is_64 { 8 } else { 4 };
        let mut targets: Vec<u64> = slots.iter().map(|(_, target)| *target).collect();
        targets.sort_unstable();
        targets.dedup();
        Self {
            slots,
            targets,
            width,
        }
    }

    /// The first address after `address` that one leads to; the last there can be where none does.
    fn target_after(&self, address: u64) -> u64 {
        let next = self.targets.partition_point(|target| *target <= address);
        self.targets.get(next).copied().unwrap_or(u64::MAX)
    }

    fn at(&self, slot: u64) -> Option<u64> {
        let place = self.slots.binary_search_by_key(&slot, |(slot, _)| *slot);
        Some(self.slots.get(place.ok()?)?.1)
    }
}

/// An instruction that the one before it does not run into, or that stands behind fill.
#[derive(Clone, Copy, Debug)]
struct Gap {
    at: u32,
    /// Where the fill before it begins.
    end: u32,
    /// Whether nobody comes from before it.
    ended: bool,
    /// Whether a call is before it, which may not return.
    called: bool,
    /// Whether linkers' fill stands before it.
    trapped: bool,
    /// Whether it stands behind a jump that may lead to it.
    behind_choice: bool,
}

/// A section of code that was decoded once.
struct Swept {
    start: u64,
    size: usize,
    /// A bit for each byte at which an instruction begins.
    begins: Vec<u64>,
    gaps: Vec<Gap>,
    /// Where the fill at the end begins.
    end: usize,
    /// All that is called, in whatever section.
    calls: Vec<u64>,
    /// Addresses that instructions take.
    taken: Vec<u64>,
    /// Jumps within the section.
    jumps: Vec<(u32, u32)>,
    /// Jumps by a table: where it stands, and the jump's place.
    tables: Vec<(u64, u32)>,
}

impl Swept {
    /// `known` are starts in order, where the decoder comes into step again.
    fn new(
        start: u64,
        size: usize,
        mut steps: Box<dyn Steps + '_>,
        (pointers, known): (&Pointers, &[u64]),
    ) -> Self {
        let mut swept = Self {
            start,
            size,
            begins: vec![0; size / 64 + 1],
            gaps: Vec::new(),
            end: size,
            calls: Vec::new(),
            taken: Vec::new(),
            jumps: Vec::new(),
            tables: Vec::new(),
        };
        let (mut ended, mut trapped, mut behind_choice) = (true, false, false);
        let mut called = false;
        let mut recent: Option<(u64, u32)> = None;
        let mut fill: Option<u32> = None;
        // Tables that stand among the instructions, which compilers put behind the function.
        let mut ahead: BinaryHeap<Reverse<u64>> = BinaryHeap::new();
        let mut known = known.iter().copied().peekable();
        while let Some((place, step)) = steps.next() {
            let here = start.wrapping_add(place as u64);
            if known.next_if_eq(&here).is_none()
                && let Some(passed) = known.next_if(|known| *known < here)
            {
                while known.next_if_eq(&passed).is_some() {}
                steps.skip_to((passed - start) as usize);
                continue;
            }
            while known.next_if_eq(&here).is_some() {}
            while ahead.peek().is_some_and(|table| table.0 < here) {
                ahead.pop();
            }
            if ahead.peek().is_some_and(|table| table.0 == here) {
                let mut after = here;
                while pointers.at(after).is_some() {
                    after += pointers.width;
                }
                if after > here {
                    steps.skip_to((after - start) as usize);
                    ended = true;
                    continue;
                }
            }
            let at = place as u32;
            swept.begins[place / 64] |= 1 << (place % 64);
            match step {
                Step::Nothing => {
                    fill.get_or_insert(at);
                    continue;
                }
                Step::Trap => {
                    fill.get_or_insert(at);
                    (ended, trapped) = (true, true);
                    continue;
                }
                Step::Zeroes if ended => {
                    fill.get_or_insert(at);
                    continue;
                }
                _ => {}
            }
            if ended || fill.is_some() {
                swept.gaps.push(Gap {
                    at,
                    end: fill.unwrap_or(at),
                    ended,
                    called,
                    trapped,
                    behind_choice,
                });
            }
            (ended, trapped, behind_choice, fill) = (false, false, false, None);
            called = matches!(step, Step::Call(_));
            recent = recent.and_then(|(address, left)| Some((address, left.checked_sub(1)?)));
            let table = match step {
                Step::Table(table) => Some(table),
                Step::Indirect => recent.map(|(address, _)| address),
                _ => None,
            };
            if let Some(table) = table {
                swept.tables.push((table, at));
                let inside = table.wrapping_sub(start) < size as u64;
                if inside && table > here {
                    ahead.push(Reverse(table));
                }
            }
            match step {
                Step::Call(to) => swept.calls.push(to),
                Step::Address(to) => {
                    swept.taken.push(to);
                    recent = Some((to, NEAR));
                }
                Step::Branch(to) => swept.jump(at, to),
                Step::Jump(to) => {
                    swept.jump(at, to);
                    ended = true;
                }
                Step::Table(_) | Step::Indirect => (ended, behind_choice) = (true, true),
                Step::End => ended = true,
                Step::Next | Step::Nothing | Step::Trap | Step::Zeroes => {}
            }
        }
        swept.end = fill.map_or(size, |fill| fill as usize);
        swept.calls.sort_unstable();
        swept.calls.dedup();
        swept
    }

    fn jump(&mut self, from: u32, to: u64) {
        match self.place(to) {
            Some(to) => self.jumps.push((from, to)),
            // A jump into another section leaves the function.
            None => self.calls.push(to),
        }
    }

    fn place(&self, address: u64) -> Option<u32> {
        let place = address.wrapping_sub(self.start);
        (place < self.size as u64).then_some(place as u32)
    }

    fn begins_at(&self, place: u32) -> bool {
        let word = self.begins.get(place as usize / 64);
        word.is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    fn gap_at(&self, place: u32) -> Option<Gap> {
        let found = self.gaps.binary_search_by_key(&place, |gap| gap.at);
        self.gaps.get(found.ok()?).copied()
    }

    fn is_aligned(&self, place: u32) -> bool {
        u64::is_multiple_of(self.start.wrapping_add(place.into()), ALIGNMENT)
    }

    fn is_listed(&self, place: u32, listed: &[AddressRange]) -> bool {
        let address = VirtualAddress(self.start.wrapping_add(place.into()));
        let next = listed.partition_point(|function| function.end() <= address);
        listed.get(next).is_some_and(|it| it.start <= address)
    }

    /// Adds the functions of this section to `found`.
    fn functions(
        &mut self,
        (sure, funclets, listed): (&[u64], &[u64], &[AddressRange]),
        pointers: &Pointers,
        found: &mut Vec<AddressRange>,
    ) {
        let funclets: Vec<u32> = funclets.iter().filter_map(|it| self.place(*it)).collect();
        let is_funclet = |place: u32| funclets.binary_search(&place).is_ok();
        let mut starts: Vec<u32> = sure.iter().filter_map(|it| self.place(*it)).collect();
        starts.retain(|place| self.begins_at(*place) && !is_funclet(*place));
        let labels = self.follow_tables(&starts, pointers);
        // What a pointer leads to may also be a place within a function: one to go on at.
        // A handler takes the address at which the function goes on.
        let in_funclet = |slot: &u64| {
            let Some(place) = self.place(*slot) else {
                return false;
            };
            let before = funclets.partition_point(|start| *start <= place);
            let start = before.checked_sub(1).and_then(|at| funclets.get(at));
            start.is_some_and(|start| {
                let next = starts.partition_point(|other| other <= start);
                starts.get(next).is_none_or(|next| *next > place)
            })
        };
        let pointed = pointers.slots.iter();
        let pointed = pointed.filter(|(slot, _)| funclets.is_empty() || !in_funclet(slot));
        let pointed = pointed.map(|(_, target)| *target);
        let pointed = pointed.chain(self.taken.iter().copied());
        let pointed = pointed.filter_map(|target| self.place(target));
        let pointed = pointed.filter(|place| {
            let gap = self.gap_at(*place);
            let apart = gap.is_some_and(|gap| gap.ended || self.is_aligned(*place));
            apart && !is_funclet(*place) && labels.binary_search(place).is_err()
        });
        let pointed: Vec<u32> = pointed.collect();
        starts.extend(pointed);
        starts.sort_unstable();
        starts.dedup();

        // A jump over the start of a function leaves its own; what stays within spans a part of one.
        let mut spans: Vec<(u32, u32)> = Vec::new();
        let mut left = Vec::new();
        for (from, to) in &self.jumps {
            let (low, high) = (*from.min(to), *from.max(to));
            let next = starts.partition_point(|start| *start <= low);
            if starts.get(next).is_some_and(|start| *start <= high) {
                let far = starts.binary_search(to).is_err() && !is_funclet(*to);
                if far && self.gap_at(*to).is_some_and(|gap| gap.ended) {
                    left.push(*to);
                }
            } else {
                spans.push((low, high));
            }
        }
        spans.sort_unstable();
        let mut heads: Vec<u32> = self.jumps.iter().map(|(_, to)| *to).collect();
        heads.sort_unstable();
        heads.dedup();
        let mut spans = spans.into_iter().peekable();
        let mut reach = 0;
        for gap in &self.gaps {
            while let Some((_, high)) = spans.next_if(|(low, _)| *low < gap.at) {
                reach = reach.max(high);
            }
            // A section begins with a function.
            let first = gap.end == 0;
            if !first && reach >= gap.at && !gap.trapped || is_funclet(gap.at) {
                continue;
            }
            // What calls ends, too, where it calls what does not return; but what is aligned in the
            // middle of a function is a loop's head, and jumped to.
            let apart = gap.ended || gap.called && heads.binary_search(&gap.at).is_err();
            let filled = first || gap.end < gap.at && self.is_aligned(gap.at);
            // What a table leaves out unwinds nothing, so no part of it is reached by unwinding.
            let unlisted = || gap.ended && !gap.behind_choice && !self.is_listed(gap.at, listed);
            if apart && filled || !listed.is_empty() && unlisted() {
                left.push(gap.at);
            }
        }
        starts.extend(left);
        starts.sort_unstable();
        starts.dedup();
        for (position, start) in starts.iter().copied().enumerate() {
            let end = match starts.get(position + 1) {
                Some(next) => self.gap_at(*next).map_or(*next, |gap| gap.end.max(start)),
                None => self.end as u32,
            };
            let from = VirtualAddress(self.start.wrapping_add(start.into()));
            if end > start {
                found.push(Range::<VirtualAddress>::new(from, (end - start).into()));
            }
        }
    }

    /// Adds the jumps by tables of addresses; where they lead to, in order. A table ends where the next
    /// one starts, or what a pointer leads to, where there is no pointer, and where one leaves the
    /// function.
    fn follow_tables(&mut self, starts: &[u32], pointers: &Pointers) -> Vec<u32> {
        self.tables.sort_unstable();
        let mut labels = Vec::new();
        let mut jumps = Vec::new();
        for (position, (table, from)) in self.tables.iter().enumerate() {
            let next = self
                .tables
                .get(position + 1)
                .map_or(u64::MAX, |next| next.0);
            let next = next.min(pointers.target_after(*table));
            let after = starts.partition_point(|start| start <= from);
            let first = after.checked_sub(1).and_then(|at| starts.get(at));
            let (first, end) = (
                first.copied().unwrap_or(0),
                starts.get(after).copied().unwrap_or(u32::MAX),
            );
            let mut slot = *table;
            while slot < next {
                let label = pointers.at(slot).and_then(|target| self.place(target));
                let Some(label) = label.filter(|label| (first..end).contains(label)) else {
                    break;
                };
                labels.push(label);
                jumps.push((*from, label));
                slot += pointers.width;
            }
        }
        self.jumps.extend(jumps);
        labels.sort_unstable();
        labels.dedup();
        labels
    }
}
