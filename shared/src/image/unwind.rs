//! The unwind tables: where each function starts and ends, and which bytes of the tables describe
//! it.
//!
//! Sources: the LSB's description of `.eh_frame` and `.eh_frame_hdr` (read by `gimli`), the Itanium
//! C++ ABI for the language-specific data (`.gcc_except_table`), Arm's "Exception Handling ABI" for
//! `.ARM.exidx` and `.ARM.extab`.

mod sframe;

use super::{Image, Section, SectionKind};
use crate::{
    address::{AddressRange, FileOffset, FileRange, Range, VirtualAddress},
    hashing::NumberMap,
};
use gimli::{
    BaseAddresses, CieOrFde, CommonInformationEntry, EhFrame, EndianSlice, RunTimeEndian,
    UnwindSection,
};

/// One frame description entry, or one entry of Arm's exception index.
#[derive(Clone, Copy, Debug)]
pub struct UnwindEntry {
    /// Its bytes in the file, with the length field.
    pub file: FileRange,
    /// The function that it describes.
    pub function: AddressRange,
    /// The function's language-specific data, if any.
    pub lsda: Option<VirtualAddress>,
}

/// The search table of `.eh_frame_hdr`: one entry a function.
#[derive(Clone, Debug)]
pub struct FrameTable {
    /// The section.
    pub section: u32,
    /// Where the entries stand in the file; what is before belongs to the format.
    pub entries: FileRange,
    /// Bytes of one entry.
    pub entry_size: u64,
    /// The function that each entry is for.
    pub functions: Vec<VirtualAddress>,
}

/// Further bytes that describe a function.
#[derive(Clone, Copy, Debug)]
pub struct UnwindPart {
    /// Where they stand in the file.
    pub file: FileRange,
    /// Where the function starts.
    pub function: VirtualAddress,
}

/// All unwind tables of an image.
#[derive(Clone, Debug, Default)]
pub struct UnwindTables {
    /// The entries of all `.eh_frame` sections, by function address.
    pub entries: Vec<UnwindEntry>,
    /// Bytes that describe functions outside of the entries.
    pub parts: Vec<UnwindPart>,
    /// The functions by address, where the format lists them apart from the unwind tables, or where
    /// several entries are one function: then they, and not the entries, say where functions end.
    pub functions: Vec<AddressRange>,
    /// Code between these that has the looks of functions; by address. Where nothing lists functions,
    /// all that were found by other means.
    pub guessed: Vec<AddressRange>,
    /// Common information entries and terminators, shared by many functions.
    pub common: Vec<FileRange>,
    /// The search tables.
    pub search: Vec<FrameTable>,
    /// The personality routines, or the slots that hold their addresses: what runs the
    /// language-specific data of the functions that have some.
    pub personalities: Vec<VirtualAddress>,
    /// Sections that could not be read to their end.
    pub damaged: u64,
}

impl UnwindTables {
    /// Brings the entries into the order of their functions.
    pub(super) fn sort(&mut self) {
        // Old and new tables of a rewritten binary (BOLT) may describe one address twice; the stable
        // order keeps the first.
        self.entries.sort_by_key(|entry| entry.function.start);
    }

    /// The entry whose function holds `address`.
    pub fn entry_at(&self, address: VirtualAddress) -> Option<&UnwindEntry> {
        let next = self
            .entries
            .partition_point(|entry| entry.function.start <= address);
        let entry = self.entries.get(next.checked_sub(1)?)?;
        entry.function.contains(address).then_some(entry)
    }

    /// Of functions that are listed apart, the one that holds `address`.
    pub fn function_at(&self, address: VirtualAddress) -> Option<AddressRange> {
        let next = self.functions.partition_point(|it| it.start <= address);
        let function = *self.functions.get(next.checked_sub(1)?)?;
        function.contains(address).then_some(function)
    }

    /// Of functions that were guessed, the one that holds `address`.
    pub fn guessed_at(&self, address: VirtualAddress) -> Option<AddressRange> {
        let next = self.guessed.partition_point(|it| it.start <= address);
        let function = *self.guessed.get(next.checked_sub(1)?)?;
        function.contains(address).then_some(function)
    }

    /// Where the first function after `address` starts that these tables tell.
    pub fn next_function(&self, address: VirtualAddress) -> Option<VirtualAddress> {
        let after = |all: &[AddressRange]| {
            let next = all.partition_point(|it| it.start <= address);
            all.get(next).map(|function| function.start)
        };
        let next = self
            .entries
            .partition_point(|entry| entry.function.start <= address);
        let entry = self.entries.get(next).map(|entry| entry.function.start);
        // Parts of functions have entries, too.
        let entry = entry.filter(|_| self.functions.is_empty());
        let all = [after(&self.functions), after(&self.guessed), entry];
        all.into_iter().flatten().min()
    }

    /// Where functions start and end, as the tables say it; by address.
    pub fn extents(&self) -> impl Iterator<Item = AddressRange> + '_ {
        let apart = self.functions.iter().copied();
        let entries = match self.functions.is_empty() {
            true => &self.entries[..],
            false => &[],
        };
        apart.chain(entries.iter().map(|entry| entry.function))
    }
}

/// A language has one, so a program has a few.
const MAX_PERSONALITIES: usize = 16;

type Reader<'d> = EndianSlice<'d, RunTimeEndian>;

pub(super) fn read(image: &Image<'_>) -> UnwindTables {
    let mut tables = UnwindTables::default();
    // In objects the entries wait for the linker to fill in their addresses.
    if !image.parts.is_empty() {
        return tables;
    }
    let address = |kind| {
        image
            .sections
            .iter()
            .find(|section| section.kind == kind)
            .map_or(0, |section| section.address.0)
    };
    let common = BaseAddresses::default()
        .set_text(address(SectionKind::Code))
        .set_got(address(SectionKind::Got));
    for (index, section) in image.sections.iter().enumerate() {
        let bases = || {
            common
                .clone()
                .set_eh_frame(section.address.0)
                .set_eh_frame_hdr(section.address.0)
        };
        match section.kind {
            SectionKind::EhFrame if section.loaded => {
                eh_frame(image, section, &bases(), &mut tables);
            }
            SectionKind::UnwindIndex if section.name.starts_with(".ARM.exidx") => {
                exception_index(image, section, &mut tables);
            }
            SectionKind::UnwindIndex if section.name == ".sframe" => {
                sframe::read(image, section, &mut tables);
            }
            SectionKind::EhFrameHeader => {
                tables.search.extend(search_table(image, index, &bases()));
            }
            _ => {}
        }
    }
    tables.sort();
    tables
}

pub(super) fn endian(image: &Image<'_>) -> RunTimeEndian {
    if image.little_endian {
        RunTimeEndian::Little
    } else {
        RunTimeEndian::Big
    }
}

fn eh_frame(
    image: &Image<'_>,
    section: &Section<'_>,
    bases: &BaseAddresses,
    tables: &mut UnwindTables,
) {
    let bytes = image.section_bytes(section);
    let mut frames = EhFrame::from(Reader::new(bytes, endian(image)));
    frames.set_address_size(if image.is_64 { 8 } else { 4 });
    // Kept also where it is damaged, lest many entries read one long damaged one again and again.
    let mut common: NumberMap<usize, gimli::Result<CommonInformationEntry<_>>> =
        NumberMap::default();
    let mut entries = frames.entries(bases);
    let mut next = 0_usize;
    loop {
        let entry = match entries.next() {
            Ok(Some(entry)) => entry,
            Ok(None) => break,
            Err(_) => {
                tables.damaged += 1;
                break;
            }
        };
        let (offset, length) = match entry {
            CieOrFde::Cie(cie) => {
                let range = entry_range(image, section.file, cie.offset());
                tables.common.push(range);
                if let Some(gimli::Pointer::Direct(address) | gimli::Pointer::Indirect(address)) =
                    cie.personality()
                    && !tables.personalities.contains(&VirtualAddress(address))
                    && tables.personalities.len() < MAX_PERSONALITIES
                {
                    tables.personalities.push(VirtualAddress(address));
                }
                (cie.offset(), range.size)
            }
            CieOrFde::Fde(partial) => {
                let fde = partial.parse(|frames: &EhFrame<Reader<'_>>, bases, at| {
                    let known = common.entry(gimli::UnwindOffset::into(at));
                    known
                        .or_insert_with(|| frames.cie_from_offset(bases, at))
                        .clone()
                });
                match fde {
                    Ok(fde) => {
                        let file = entry_range(image, section.file, fde.offset());
                        let lsda = match fde.lsda() {
                            Some(gimli::Pointer::Direct(address)) if address != 0 => {
                                Some(VirtualAddress(address))
                            }
                            Some(gimli::Pointer::Indirect(address)) => {
                                image.word_at(VirtualAddress(address)).map(VirtualAddress)
                            }
                            _ => None,
                        };
                        let function = Range::<VirtualAddress>::new(
                            VirtualAddress(fde.initial_address()),
                            fde.len(),
                        );
                        tables.entries.push(UnwindEntry {
                            file,
                            function,
                            lsda,
                        });
                        (fde.offset(), file.size)
                    }
                    Err(_) => {
                        tables.damaged += 1;
                        continue;
                    }
                }
            }
        };
        next = offset.saturating_add(length as usize);
    }
    // What is left is the terminator: four zero bytes, maybe more after `ld -r`.
    let rest = bytes.get(next..).unwrap_or_default();
    if !rest.is_empty() && rest.iter().all(|byte| *byte == 0) {
        tables.common.push(Range::<FileOffset>::new(
            FileOffset(section.file.start.0 + next as u64),
            rest.len() as u64,
        ));
    }
}

/// Arm's exception index: pairs of words, sorted by function. The first is the distance to the
/// function, in 31 bits; the second a remark that it cannot be unwound (1), the unwinding itself
/// (bit 31 set), or the distance to its table in `.ARM.extab`. A function reaches to the next entry;
/// linkers leave out entries that say the same as the one before, so it may be several functions.
fn exception_index(image: &Image<'_>, section: &Section<'_>, tables: &mut UnwindTables) {
    let bytes = image.section_bytes(section);
    let (entries, _) = bytes.as_chunks::<8>();
    let distance = |place: u64, word: u32| {
        let distance = (word << 1).cast_signed() >> 1;
        VirtualAddress(place.wrapping_add_signed(distance.into()) & 0xffff_ffff)
    };
    let mut found: Vec<UnwindEntry> = Vec::with_capacity(entries.len());
    for (entry, number) in entries.iter().zip(0..) {
        let [a, b, c, d, ref second @ ..] = *entry;
        let place = section.address.0.wrapping_add(number * 8);
        let start = distance(place, image.u32([a, b, c, d]));
        let second = image.u32(*second);
        found.push(UnwindEntry {
            file: Range::<FileOffset>::new(FileOffset(section.file.start.0 + number * 8), 8),
            function: Range::<VirtualAddress>::new(VirtualAddress(start.0 & !1), 0),
            lsda: (second != 1 && second >> 31 == 0)
                .then(|| distance(place.wrapping_add(4), second)),
        });
    }
    let starts: Vec<VirtualAddress> = found.iter().map(|entry| entry.function.start).collect();
    for (position, entry) in found.iter_mut().enumerate() {
        let start = entry.function.start;
        let of_section = image
            .section_at(start)
            .map(|(_, code)| code.addresses().end());
        let next = starts
            .get(position + 1)
            .copied()
            .filter(|next| *next > start);
        let end = match (next, of_section) {
            (Some(next), Some(end)) => next.min(end),
            (None, Some(end)) => end,
            (_, None) => start,
        };
        entry.function = Range::<VirtualAddress>::between(start, end);
    }
    tables.entries.extend(found);
}

/// The bytes of the entry at `offset`, by its own length field (32 or 64 bits).
pub(super) fn entry_range(image: &Image<'_>, section: FileRange, offset: usize) -> FileRange {
    let start = FileOffset(section.start.0.saturating_add(offset as u64));
    let bytes = image.bytes_in(Range::<FileOffset>::new(start, 12).intersection(section));
    let length = match bytes.first_chunk::<4>() {
        Some([255, 255, 255, 255]) => bytes
            .last_chunk::<8>()
            .filter(|_| bytes.len() == 12)
            .map_or(0, |bytes| image.u64(*bytes).saturating_add(12)),
        Some(bytes) => u64::from(image.u32(*bytes)).saturating_add(4),
        None => 0,
    };
    Range::<FileOffset>::new(start, length).intersection(section)
}

/// `.eh_frame_hdr` as every linker writes it: version 1, then pairs of 32-bit offsets from the
/// section's start. Other encodings are left to the format.
fn search_table(image: &Image<'_>, index: usize, bases: &BaseAddresses) -> Option<FrameTable> {
    let section = &image.sections[index];
    let bytes = image.section_bytes(section);
    gimli::EhFrameHdr::new(bytes, endian(image))
        .parse(bases, if image.is_64 { 8 } else { 4 })
        .ok()?;
    let [1, _, count_encoding, table_encoding] = *bytes.first_chunk::<4>()? else {
        return None;
    };
    // DW_EH_PE_datarel | DW_EH_PE_sdata4, counted by DW_EH_PE_udata4.
    if table_encoding != 0x3b || count_encoding != 0x03 {
        return None;
    }
    let entries = bytes.get(12..)?;
    let count = entries.len() / 8;
    let functions = entries
        .chunks_exact(8)
        .map(|entry| {
            let raw = [entry[0], entry[1], entry[2], entry[3]];
            let offset = if image.little_endian {
                i32::from_le_bytes(raw)
            } else {
                i32::from_be_bytes(raw)
            };
            VirtualAddress(section.address.0.wrapping_add_signed(offset.into()))
        })
        .collect();
    Some(FrameTable {
        section: index as u32,
        entries: Range::<FileOffset>::new(
            FileOffset(section.file.start.0 + 12),
            (count * 8) as u64,
        ),
        entry_size: 8,
        functions,
    })
}
