//! The function table of PE (`.pdata`) and what it leads to (`.xdata`).
//!
//! Not each entry is a function: a function with several prologues has chained entries, and its
//! handlers (funclets) have entries of their own, which the function's data lists. Functions that
//! call nobody have none.

use super::{
    super::{
        Architecture, Image, SectionKind,
        unwind::{UnwindEntry, UnwindPart, UnwindTables},
    },
    Header,
    directories::Given,
    gaps, handlers,
};
use crate::address::{AddressRange, FileOffset, Range, VirtualAddress};
use std::collections::BTreeSet;

/// An entry of the table, with what its own data says.
struct Entry {
    /// Where it stands in the table.
    at: u64,
    begin: u32,
    end: u32,
    /// The bytes of its data: a header with codes, and what the handler uses.
    parts: Vec<Given>,
    /// Whether its data is another entry's too: a function in several pieces.
    chained: bool,
    /// Whether the end of its last part is not known.
    open: bool,
}

/// The whole table.
struct Table {
    entry_size: u64,
    entries: Vec<Entry>,
    /// Where funclets begin.
    funclets: BTreeSet<u32>,
}

/// The most that may stand between a function and its funclets.
const MAX_FILL: u32 = 16;

fn table(architecture: Architecture, header: &Header, bytes: &[u8]) -> Option<Table> {
    let (start, size) = header.directory(3)?;
    let fields = header.at(bytes, start)?;
    let size = u64::from(size).min(fields.bytes.len() as u64);
    let arm = match architecture {
        Architecture::X86_64 => false,
        Architecture::Aarch64 => true,
        _ => return None,
    };
    let entry_size = if arm { 8 } else { 12 };
    let mut table = Table {
        entry_size,
        entries: Vec::with_capacity((size / entry_size) as usize),
        funclets: BTreeSet::new(),
    };
    // Whatever the handlers' data claims, it has its own bytes.
    let mut left = bytes.len() / 4;
    for number in 0..size / entry_size {
        let at = number * entry_size;
        let (Some(begin), Some(second)) = (fields.u32(at), fields.u32(at + 4)) else {
            break;
        };
        if begin == 0 {
            continue;
        }
        let mut entry = Entry {
            at,
            begin,
            end: second,
            parts: Vec::new(),
            chained: false,
            open: false,
        };
        let data = match arm {
            true => arm64(header, bytes, second, &mut entry),
            false => fields
                .u32(at + 8)
                .and_then(|data| x64(header, bytes, data, &mut entry)),
        };
        if let Some(handler) = data {
            handlers::read(
                header,
                bytes,
                handler,
                &mut entry.parts,
                &mut table.funclets,
                &mut left,
            )
            .unwrap_or_else(|| entry.open = true);
        }
        table.entries.push(entry);
    }
    table.entries.sort_by_key(|entry| entry.begin);
    Some(table)
}

/// UNWIND_INFO; the place of the handler's data, if there is a handler.
fn x64(header: &Header, bytes: &[u8], data: u32, entry: &mut Entry) -> Option<u32> {
    // An odd number leads to another entry, which has the data.
    if data & 1 == 1 {
        entry.chained = true;
        return None;
    }
    let fields = header.at(bytes, data)?;
    let flags = fields.u8(0)? >> 3;
    let codes = u32::from(fields.u8(2)?);
    let size = 4 + 2 * codes.next_multiple_of(2);
    // UNW_FLAG_CHAININFO
    if flags & 4 != 0 {
        entry.chained = true;
        entry.parts.push((data, size + 12));
        return None;
    }
    // UNW_FLAG_EHANDLER, UNW_FLAG_UHANDLER
    if flags & 3 != 0 {
        entry.parts.push((data, size + 4));
        return data.checked_add(size + 4);
    }
    entry.parts.push((data, size));
    None
}

/// Packed data, or `.xdata` with the length and the codes.
fn arm64(header: &Header, bytes: &[u8], second: u32, entry: &mut Entry) -> Option<u32> {
    if second & 3 != 0 {
        let length = (second >> 2 & 0x7ff) * 4;
        entry.end = entry.begin.saturating_add(length);
        // A piece of a function that was split.
        entry.chained = second & 3 == 2;
        return None;
    }
    let fields = header.at(bytes, second);
    let word = fields.and_then(|fields| fields.u32(0));
    let (Some(fields), Some(word)) = (fields, word) else {
        entry.end = entry.begin;
        return None;
    };
    entry.end = entry.begin.saturating_add((word & 0x3_ffff) * 4);
    let handler = word >> 20 & 1 == 1;
    let single = word >> 21 & 1 == 1;
    let (mut epilogs, mut codes, mut size) = (word >> 22 & 0x1f, word >> 27, 4);
    if epilogs == 0 && codes == 0 {
        let more = fields.u32(4)?;
        (epilogs, codes, size) = (more & 0xffff, more >> 16 & 0xff, 8);
    }
    if !single {
        size += 4 * epilogs;
    }
    size += 4 * codes;
    if handler {
        entry.parts.push((second, size + 4));
        return second.checked_add(size + 4);
    }
    entry.parts.push((second, size));
    None
}

/// Where all unwind data stands besides the table itself.
pub(super) fn places(architecture: Architecture, header: &Header, bytes: &[u8]) -> Vec<Given> {
    let table = table(architecture, header, bytes);
    let entries = table.into_iter().flat_map(|table| table.entries);
    entries.flat_map(|entry| entry.parts).collect()
}

/// All functions, by address: an entry each, with its funclets and further pieces where they follow
/// it.
pub(crate) fn functions(image: &Image<'_>, header: &Header) -> Vec<AddressRange> {
    let Some(table) = table(image.architecture, header, image.bytes) else {
        return Vec::new();
    };
    joined(header, &table)
}

fn joined(header: &Header, table: &Table) -> Vec<AddressRange> {
    let mut functions: Vec<(u32, u32)> = Vec::with_capacity(table.entries.len());
    for entry in &table.entries {
        let belongs = entry.chained || table.funclets.contains(&entry.begin);
        match functions.last_mut() {
            // Two entries of one function, or damage.
            Some((begin, end)) if entry.begin < *end || entry.begin == *begin => {
                *end = entry.end.max(*end);
            }
            Some((_, end)) if belongs && entry.begin - *end < MAX_FILL => *end = entry.end,
            _ if entry.end > entry.begin => functions.push((entry.begin, entry.end)),
            _ => {}
        }
    }
    let functions = functions.into_iter();
    functions
        .map(|(begin, end)| {
            Range::<VirtualAddress>::between(header.address(begin), header.address(end))
        })
        .collect()
}

/// The table's entries and the data that they lead to.
pub(crate) fn read(image: &Image<'_>, header: &Header, tables: &mut UnwindTables) {
    let Some(table) = table(image.architecture, header, image.bytes) else {
        return;
    };
    let Some(place) = header
        .directory(3)
        .and_then(|(start, _)| header.place(start))
    else {
        return;
    };
    tables.functions = joined(header, &table);
    tables.guessed = gaps::functions(image, &tables.functions);
    let mut parts: Vec<(Given, VirtualAddress, bool)> = Vec::new();
    for entry in &table.entries {
        let start = header.address(entry.begin);
        tables.entries.push(UnwindEntry {
            file: Range::<FileOffset>::new(FileOffset(place.start.0 + entry.at), table.entry_size),
            function: Range::<VirtualAddress>::between(start, header.address(entry.end)),
            lsda: None,
        });
        let last = entry.parts.len().saturating_sub(1);
        let own = entry.parts.iter().enumerate();
        parts.extend(own.map(|(number, part)| (*part, start, entry.open && number == last)));
    }
    // Several functions may share the same data; the first has it.
    parts.sort_by_key(|(part, function, _)| (part.0, *function));
    parts.dedup_by_key(|(part, ..)| part.0);
    for number in 0..parts.len() {
        let ((start, size), function, open) = parts[number];
        let Some(file) = header.place(start) else {
            continue;
        };
        let next = parts.get(number + 1).map(|(part, ..)| part.0);
        // What nobody knows the length of reaches to what follows in the unwind data.
        let size = match (open, next) {
            (true, Some(next)) if in_unwind_data(image, header, start, next) => next - start,
            _ => size.min(next.map_or(u32::MAX, |next| next - start)),
        };
        tables.parts.push(UnwindPart {
            file: Range::<FileOffset>::new(file.start, file.size.min(size.into())),
            function,
        });
    }
    tables.sort();
}

/// Whether all between two addresses is in one section of unwind data.
fn in_unwind_data(image: &Image<'_>, header: &Header, start: u32, end: u32) -> bool {
    let section = image.section_at(header.address(start));
    section.is_some_and(|(_, section)| {
        section.kind == SectionKind::ExceptTable && section.addresses().end() >= header.address(end)
    })
}
