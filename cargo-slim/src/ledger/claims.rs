//! Claims on the bytes of a section, and how they are settled.

use super::{
    book::{Amount, Book, Key},
    category::Category,
    layout::{Layout, PieceKind},
    object::DataObject,
    padding, radix,
    sharing::PartyId,
};
use codecost::{
    address::{AddressRange, FileOffset, FileRange, Range, VirtualAddress},
    attribution::{CrateId, Evidence, Function},
    image::{Format, Image, Section, SectionKind},
};
use std::cmp::Reverse;

/// A claim: these bytes of a section are that party's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    /// First byte, from the start of the section.
    pub(super) start: u64,
    /// How many.
    pub(super) size: u64,
    pub(super) party: PartyId,
    pub(super) category: Category,
    pub(super) evidence: Evidence,
}

/// The contents of a section in order, each of which is a claim. Claims are made only while they are
/// settled, because there are a million of them.
#[derive(Clone, Debug)]
pub(super) enum Run {
    /// A table, entry by entry.
    Table(Table),
    /// Functions, by their places in the code map.
    Functions(std::ops::Range<usize>),
    /// Constants and variables, by their places in the data map.
    Objects(std::ops::Range<usize>),
}

/// A table in a section.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// First byte, from the start of the section.
    pub(super) start: u64,
    /// Bytes of one entry.
    pub(super) entry_size: u64,
    pub(super) category: Category,
    /// The owner of each entry; without evidence it has none.
    pub(super) entries: Vec<(PartyId, Evidence)>,
}

impl Table {
    fn claims(&self) -> impl Iterator<Item = Claim> {
        let starts = (0..).map(|entry: u64| {
            let distance = entry.saturating_mul(self.entry_size);
            self.start.saturating_add(distance)
        });
        let entries = starts.zip(&self.entries);
        entries.map(|(start, (party, evidence))| Claim {
            start,
            size: self.entry_size,
            party: *party,
            category: self.category,
            evidence: *evidence,
        })
    }
}

/// What runs are of.
pub(super) struct Subjects<'a> {
    pub(super) functions: &'a [Function],
    /// The party of each function.
    pub(super) parties: &'a [PartyId],
    pub(super) objects: &'a [DataObject],
}

impl Run {
    /// The claims on a section that is loaded at `address`, those without evidence left out.
    fn claims<'r>(
        &'r self,
        subjects: &'r Subjects<'_>,
        address: VirtualAddress,
    ) -> Box<dyn Iterator<Item = Claim> + 'r> {
        let claim = move |range: AddressRange, party, category, evidence| {
            let start = range.start.checked_since(address)?;
            Some(Claim {
                start,
                size: range.size,
                party,
                category,
                evidence,
            })
        };
        let claimed = |claim: &Claim| claim.evidence != Evidence::None;
        match self {
            Self::Table(table) => Box::new(table.claims().filter(claimed)),
            Self::Functions(range) => {
                let functions = subjects.functions.get(range.clone()).unwrap_or_default();
                let parties = subjects.parties.get(range.clone()).unwrap_or_default();
                // Assembly without sizes reaches to the next symbol, most likely: `Inferred`.
                let claims = functions.iter().zip(parties);
                Box::new(claims.filter_map(move |(function, party)| {
                    claim(function.range, *party, Category::Code, function.extent)
                }))
            }
            Self::Objects(range) => {
                let objects = subjects.objects.get(range.clone()).unwrap_or_default();
                let claims = objects.iter().filter_map(move |object| {
                    claim(object.range, object.party, Category::Data, object.evidence)
                });
                Box::new(claims.filter(claimed))
            }
        }
    }
}

/// Who has what nobody claims of a section.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rest {
    pub(super) party: PartyId,
    pub(super) category: Category,
    pub(super) evidence: Evidence,
}

/// A section that is settled.
#[derive(Clone, Copy, Debug)]
struct Place {
    index: u32,
    rest: Option<Rest>,
}

/// The claims on each section.
#[derive(Debug)]
pub(super) struct Claims {
    sections: Vec<Vec<Claim>>,
    runs: Vec<Vec<Run>>,
    rests: Vec<Option<Rest>>,
    addresses: Vec<VirtualAddress>,
    /// Memory for sorting.
    spare: Vec<Claim>,
}

/// A gap up to this size between pieces of data is alignment, when it is all zeroes.
const MAX_ALIGNMENT_GAP: u64 = 64;

impl Claims {
    pub(super) fn new(image: &Image<'_>) -> Self {
        Self {
            sections: vec![Vec::new(); image.sections.len()],
            runs: vec![Vec::new(); image.sections.len()],
            rests: vec![None; image.sections.len()],
            addresses: image
                .sections
                .iter()
                .map(|section| section.address)
                .collect(),
            spare: Vec::new(),
        }
    }

    /// Claims the contents of a section in order.
    pub(super) fn add_run(&mut self, section: u32, run: Run) {
        if let Some(runs) = self.runs.get_mut(section as usize) {
            runs.push(run);
        }
    }

    /// Says whose the bytes of a section are that nobody claims.
    pub(super) fn rest(&mut self, section: u32, rest: Rest) {
        if let Some(of) = self.rests.get_mut(section as usize) {
            *of = Some(rest);
        }
    }

    /// Makes room for this many more claims on a section.
    pub(super) fn reserve(&mut self, section: u32, more: usize) {
        if let Some(claims) = self.sections.get_mut(section as usize) {
            claims.reserve(more);
        }
    }

    pub(super) fn add(&mut self, section: u32, claim: Claim) {
        if claim.size == 0 {
            return;
        }
        if let Some(claims) = self.sections.get_mut(section as usize) {
            claims.push(claim);
        }
    }

    /// A claim on addresses of a loaded section.
    pub(super) fn add_at(&mut self, section: u32, address: VirtualAddress, claim: Claim) {
        let start = self
            .addresses
            .get(section as usize)
            .and_then(|s| address.checked_since(*s));
        if let Some(start) = start {
            self.add(section, Claim { start, ..claim });
        }
    }

    /// A claim on a range of the file inside a section.
    pub(super) fn add_file(
        &mut self,
        section: u32,
        of: &Section<'_>,
        range: FileRange,
        claim: Claim,
    ) {
        let Some(start) = range.start.checked_since(of.file.start) else {
            return;
        };
        self.add(
            section,
            Claim {
                start,
                size: range.size,
                ..claim
            },
        );
    }

    /// Gives every byte of the file to one claim, or to padding, headers or unknown.
    pub(super) fn settle(
        mut self,
        image: &Image<'_>,
        subjects: &Subjects<'_>,
        layout: &Layout,
        book: &mut Book,
    ) {
        for piece in &layout.pieces {
            let amount = Amount {
                file: piece.range.size,
                shipped: piece.shipped,
                memory: if piece.loaded { piece.range.size } else { 0 },
            };
            match piece.kind {
                PieceKind::Table(_) => book.bucket(CrateId::HEADERS, None, amount),
                PieceKind::Padding => book.bucket(CrateId::PADDING, None, amount),
                PieceKind::Unknown => book.bucket(CrateId::UNKNOWN, None, amount),
                PieceKind::Section(index) => {
                    let section = &image.sections[index as usize];
                    let skip = piece.range.start.0 - section.file.start.0;
                    let window = (skip, skip + piece.range.size);
                    let held = Some(piece.shipped);
                    self.settle_section(image, subjects, (index, window), held, book);
                }
            }
            book.end_section();
        }
        let more = Amount {
            shipped: layout.shipped_padding,
            ..Amount::default()
        };
        book.bucket(CrateId::PADDING, None, more);
        book.end_section();
        // Zeroes that only exist in memory.
        for (index, section) in image.sections.iter().enumerate() {
            let thread_local = section.kind == SectionKind::TlsBss;
            if section.loaded && section.file.is_empty() && section.memory > 0 && !thread_local {
                let whole = (index as u32, (0, section.memory));
                self.settle_section(image, subjects, whole, None, book);
                book.end_section();
            }
        }
    }

    /// `held`: of a section that the file holds, how many of its bytes ship.
    fn settle_section(
        &mut self,
        image: &Image<'_>,
        subjects: &Subjects<'_>,
        (index, window): (u32, (u64, u64)),
        held: Option<u64>,
        book: &mut Book,
    ) {
        let mut claims = std::mem::take(&mut self.sections[index as usize]);
        let runs = std::mem::take(&mut self.runs[index as usize]);
        let address = image.sections[index as usize].address;
        let rest = self.rests.get(index as usize).copied().flatten();
        let place = Place { index, rest };
        // Nearly always there is nothing else.
        if let ([], [run]) = (&claims[..], &runs[..]) {
            walk(
                image,
                place,
                window,
                held,
                run.claims(subjects, address),
                book,
            );
        } else {
            let more = runs.iter().flat_map(|run| run.claims(subjects, address));
            claims.extend(more);
            in_order(&mut claims, &mut self.spare);
            walk(image, place, window, held, claims.iter().copied(), book);
        }
    }
}

/// Walks the section once; the earlier of two overlapping claims keeps the bytes.
fn walk(
    image: &Image<'_>,
    place: Place,
    window: (u64, u64),
    held: Option<u64>,
    claims: impl Iterator<Item = Claim>,
    book: &mut Book,
) {
    let index = place.index;
    let section = &image.sections[index as usize];
    let in_file = held.is_some();
    // Mostly all of a section ships or nothing; names of sections that go are the end of theirs.
    let mut ships = held.unwrap_or_default();
    let mut amount = |bytes: u64| {
        let shipped = bytes.min(ships);
        ships -= shipped;
        Amount {
            file: if in_file { bytes } else { 0 },
            shipped,
            memory: if section.loaded { bytes } else { 0 },
        }
    };
    let (mut at, end) = window;
    for claim in claims {
        let start = claim.start.max(at);
        let stop = claim.start.saturating_add(claim.size).min(end);
        if stop <= start {
            continue;
        }
        unclaimed(image, place, (at, start), in_file, amount(start - at), book);
        let key = Key {
            section: Some(index),
            category: claim.category,
            party: claim.party,
            evidence: claim.evidence,
        };
        book.add(key, amount(stop - start));
        at = stop;
    }
    unclaimed(image, place, (at, end), in_file, amount(end - at), book);
}

/// By start, of those the longest first, of those the strongest first.
fn in_order(claims: &mut Vec<Claim>, spare: &mut Vec<Claim>) {
    // Most tables are claimed from front to back.
    if claims.is_sorted_by(|a, b| a.start < b.start) {
        return;
    }
    radix::sort(claims, spare, |claim| claim.start);
    for same in claims.chunk_by_mut(|a, b| a.start == b.start) {
        same.sort_by_key(|claim| (Reverse(claim.size), claim.evidence));
    }
}

/// Bytes of a section that nobody claimed.
fn unclaimed(
    image: &Image<'_>,
    Place { index, rest }: Place,
    (start, end): (u64, u64),
    in_file: bool,
    amount: Amount,
    book: &mut Book,
) {
    if start >= end {
        return;
    }
    if let Some(rest) = rest {
        let Rest {
            party,
            category,
            evidence,
        } = rest;
        let key = Key {
            section: Some(index),
            category,
            party,
            evidence,
        };
        book.add(key, amount);
        return;
    }
    let section = &image.sections[index as usize];
    let bytes = in_file.then(|| {
        let from = FileOffset(section.file.start.0 + start);
        image.bytes_in(Range::<FileOffset>::new(from, end - start))
    });
    let blank = || bytes.is_none_or(|bytes| bytes.iter().all(|byte| *byte == 0));
    let small = end - start < MAX_ALIGNMENT_GAP.max(section.align.min(4096));
    let bucket = match section.kind {
        // How many functions or segments there are, and before each segment where it goes.
        SectionKind::Code | SectionKind::Data if is_count(image, section, start, end) => {
            CrateId::HEADERS
        }
        SectionKind::Code => {
            let gap = bytes.unwrap_or_default();
            let (before, after) = padding::ends(image.architecture, gap);
            let mut ships = amount.shipped;
            let mut part = |bytes: u64| {
                let shipped = bytes.min(ships);
                ships -= shipped;
                Amount {
                    file: bytes,
                    memory: if section.loaded { bytes } else { 0 },
                    shipped,
                }
            };
            if !gap.is_empty() {
                book.bucket(CrateId::PADDING, Some(index), part(before + after));
                let rest = gap.len() as u64 - before - after;
                book.bucket(CrateId::UNKNOWN, Some(index), part(rest));
                return;
            }
            CrateId::PADDING
        }
        SectionKind::Padding => CrateId::PADDING,
        // Mach-O's pages of compact unwind entries are seldom full.
        SectionKind::UnwindIndex if blank() => CrateId::PADDING,
        SectionKind::Plt
        | SectionKind::Got
        | SectionKind::Loader
        | SectionKind::Comment
        | SectionKind::Hash
        | SectionKind::Versions
        | SectionKind::Relocations
        | SectionKind::Symbols
        | SectionKind::DynamicSymbols
        | SectionKind::Strings
        | SectionKind::Signature
        | SectionKind::EhFrameHeader => CrateId::LINKER,
        SectionKind::ReadOnlyData
        | SectionKind::Data
        | SectionKind::Tls
        | SectionKind::ExceptTable
        | SectionKind::UnwindIndex
        | SectionKind::EhFrame
        | SectionKind::Bss
            if small && blank() =>
        {
            CrateId::PADDING
        }
        _ => CrateId::UNKNOWN,
    };
    book.bucket(bucket, Some(index), amount);
}

/// The longest that a number of WebAssembly, or what stands before a segment, can be.
const MAX_WASM_NUMBERS: u64 = 32;

/// Whether this part of a section of WebAssembly only says what follows it.
fn is_count(image: &Image<'_>, section: &Section<'_>, start: u64, end: u64) -> bool {
    let first = section.kind == SectionKind::Data || start == 0;
    image.format == Format::Wasm && first && end - start <= MAX_WASM_NUMBERS
}
