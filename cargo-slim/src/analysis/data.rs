//! Bytes by constant and variable.

use super::{
    model::{CrateInfo, DataRow},
    names::of_drop_glue,
    open::Opened,
    result::Analysis,
    subject::Subject,
};
use crate::ledger::{DataKind, DataObject, Ledger};
use codecost::{
    Result,
    address::{AddressRange, VirtualAddress},
    attribution::{CrateId, Evidence, Owner, made_by_compiler},
    demangle::Name,
    image::{RelocationTable, Section, SectionKind},
    report::numbered,
};
use rayon::prelude::*;
use std::cmp::Reverse;

/// Constants, variables and tables. Only the `named` largest say what they are and whose.
///
/// # Errors
///
/// A file changed while it was read.
pub fn data<'s>(
    opened: &Opened,
    subject: &'s mut Subject<'_>,
    named: usize,
) -> Result<Analysis<Vec<DataRow<'s>>>> {
    if !subject.slices.is_empty() {
        let ledgers = subject.slices.iter_mut();
        let ledgers: Vec<Ledger> = ledgers.map(|slice| slice.subject.ledger(&[])).collect();
        let subject = &*subject;
        let mut rows = of_images(subject, &ledgers, named);
        number(&mut rows);
        return Analysis::of_all(opened, subject, rows, []);
    }
    let ledger = subject.ledger(&[]);
    let subject = &*subject;
    let mut rows = rows(subject, &ledger, named);
    number(&mut rows);
    Analysis::new(opened, subject, rows, [])
}

/// The constants and variables of all images, largest first.
fn of_images<'s>(subject: &'s Subject<'_>, ledgers: &[Ledger], named: usize) -> Vec<DataRow<'s>> {
    let mut all: Vec<DataRow<'s>> = Vec::new();
    for (slice, ledger) in subject.slices.iter().zip(ledgers) {
        let own = rows(&slice.subject, ledger, named).into_iter();
        all.extend(own.map(|row| DataRow {
            member: Some(&slice.name),
            ..row
        }));
    }
    all.sort_by_key(|row| Reverse(row.file));
    all
}

/// One row an object, largest first; only the first `named` say what they are.
fn rows<'s>(subject: &'s Subject<'_>, ledger: &Ledger, named: usize) -> Vec<DataRow<'s>> {
    let slots = Slots::new(&subject.relocations());
    // Rows are large, and there are many: they are made in their order, into a list of their number.
    let shown = listed(subject, ledger);
    let objects = shown.par_iter().enumerate().with_min_len(MANY);
    objects
        .map(|(nth, (_, object))| match nth < named {
            true => row(subject, ledger, object, &slots),
            false => figures(subject, ledger, object),
        })
        .collect()
}

/// The objects that are rows, largest first. Each has its place in the ledger: those in `data`, and
/// after all of these the zeroes for each thread.
pub(super) fn listed<'l>(
    subject: &Subject<'_>,
    ledger: &'l Ledger,
) -> Vec<(usize, &'l DataObject)> {
    let all = ledger.data.iter().chain(&ledger.thread_zeroes).enumerate();
    let shown = all.filter_map(|(at, object)| {
        let section = &subject.image.sections[object.section as usize];
        let address = subject
            .image
            .place_in_section(object.section, object.range.start);
        let sizes = (in_file(section, object), memory(section, object));
        let order = (Reverse(sizes), address);
        (section.kind != SectionKind::Got && !object.is_rest).then_some((order, (at, object)))
    });
    let mut shown: Vec<_> = shown.collect();
    shown.sort_by_key(|(order, _)| *order);
    shown.into_iter().map(|(_, object)| object).collect()
}

/// Counts the rows of one crate and name in their order: that is their identity, in whatever view
/// they are shown. Linear.
fn number(rows: &mut [DataRow<'_>]) {
    let numbers: Vec<u32> = numbered(rows, |row| [&*row.label.name, row.identity()])
        .iter()
        .map(|row| row.nth)
        .collect();
    for (row, nth) in rows.iter_mut().zip(numbers) {
        row.nth = nth;
    }
}

/// All rows that [`data`] has, each beside its object's place in the ledger.
pub(super) fn all<'s>(
    subject: &'s Subject<'_>,
    ledger: &Ledger,
    slots: &Slots,
) -> Vec<(usize, DataRow<'s>)> {
    let shown = listed(subject, ledger);
    let objects = shown.par_iter().with_min_len(MANY);
    let mut rows: Vec<DataRow<'s>> = objects
        .map(|(_, object)| row(subject, ledger, object, slots))
        .collect();
    number(&mut rows);
    let places = shown.iter().map(|(at, _)| *at);
    places.zip(rows).collect()
}

/// So many rows are worth another core.
const MANY: usize = 1024;

/// Where the loader writes pointers, by address, and what they are where the image says so.
#[derive(Debug)]
pub(super) struct Slots(Vec<(VirtualAddress, Option<VirtualAddress>)>);

impl Slots {
    pub(super) fn new(tables: &[RelocationTable]) -> Self {
        let relocations = tables.iter().flat_map(|table| &table.relocations);
        let mut slots: Vec<_> = relocations
            .map(|relocation| (relocation.slot, relocation.target))
            .collect();
        slots.sort_unstable();
        slots.dedup_by_key(|(slot, _)| *slot);
        Self(slots)
    }

    fn contains(&self, slot: VirtualAddress) -> bool {
        self.0.binary_search_by_key(&slot, |(own, _)| *own).is_ok()
    }

    /// The pointers in a range.
    pub(super) fn within(
        &self,
        range: AddressRange,
    ) -> &[(VirtualAddress, Option<VirtualAddress>)] {
        let first = self.0.partition_point(|(slot, _)| *slot < range.start);
        let end = self.0.partition_point(|(slot, _)| *slot < range.end());
        self.0.get(first..end).unwrap_or_default()
    }
}

/// One object with its name, its kind and its owners.
pub(super) fn row<'s>(
    subject: &'s Subject<'_>,
    ledger: &Ledger,
    object: &DataObject,
    slots: &Slots,
) -> DataRow<'s> {
    let symbol = object
        .symbol
        .and_then(|at| subject.symbols.symbols.get(at as usize))
        .filter(|symbol| !symbol.name.is_empty());
    let section = subject.image.sections.get(object.section as usize);
    let bytes = match section {
        // At the address of zeroes for each thread something else may stand.
        Some(section) if section.file.is_empty() => None,
        _ => subject.image.bytes_at(object.range.start),
    };
    let bytes = bytes.unwrap_or_default();
    let size = usize::try_from(object.range.size).unwrap_or(usize::MAX);
    let bytes = bytes.get(..size).unwrap_or(bytes);
    let named = symbol.map(|symbol| Name::parse(&symbol.name).full());
    let kind = kind(subject, object, bytes, named.as_deref(), slots);
    let members = members(ledger, object);
    let crates = |of: fn(&Owner) -> CrateId| {
        let mut distinct: Vec<CrateId> = members.iter().map(of).collect();
        distinct.sort_unstable();
        distinct.dedup();
        let labels = distinct.into_iter().map(|id| subject.label(id));
        labels.collect::<Vec<&CrateInfo>>()
    };
    let labels = crates(|owner| owner.defined);
    let crates_unknown = members
        .iter()
        .all(|owner| owner.defined == CrateId::UNKNOWN);
    let figures = figures(subject, ledger, object);
    let guessed = |owner: &Owner| owner.defined_by == Evidence::Inferred;
    let is_guess = !subject.inferred.is_empty() && members.iter().any(guessed);
    // A name from the source says more than the contents, and one that a compiler made says nothing.
    // But for LLVM's table of a `match`, which has that of its function.
    let named = named.filter(|name| !made_by_compiler(name) || name.starts_with("switch.table."));
    let mut nameless = None;
    let name = named.unwrap_or_else(|| {
        let of = match kind {
            DataKind::String => return excerpt(bytes),
            DataKind::Vtable => type_of_vtable(subject, object, slots),
            _ => None,
        };
        match of {
            Some(of) => format!("[vtable of {of}]"),
            None => {
                nameless = Some(kind.in_brackets());
                format!("[{} at {}]", kind.as_str(), figures.address)
            }
        }
    });
    DataRow {
        name,
        nameless,
        kind: kind.as_str(),
        shared_by: if labels.len() > 1 { labels } else { Vec::new() },
        instantiated_by: crates(|owner| owner.instantiated),
        evidence: match crates_unknown {
            true => Evidence::None,
            // What refers to it is known, but not whose that is.
            false if is_guess => object.evidence.max(Evidence::Inferred),
            false => object.evidence,
        },
        ..figures
    }
}

/// The row of an object that nobody will see: what it counts, and for whom.
fn figures<'s>(subject: &'s Subject<'_>, ledger: &Ledger, object: &DataObject) -> DataRow<'s> {
    let section = &subject.image.sections[object.section as usize];
    let members = members(ledger, object).iter();
    let owner = members.map(|owner| owner.defined).min();
    let file = in_file(section, object);
    DataRow {
        name: String::new(),
        nameless: None,
        nth: 1,
        label: subject.label(owner.unwrap_or(CrateId::UNKNOWN)),
        section: &section.name,
        member: subject.member_of(object.section),
        address: subject
            .image
            .place_in_section(object.section, object.range.start),
        file,
        shipped: file,
        memory: memory(section, object),
        kind: "",
        shared_by: Vec::new(),
        instantiated_by: Vec::new(),
        evidence: object.evidence,
        users: Vec::new(),
    }
}

/// The type and the trait that a vtable is for, as the names of the functions in it tell.
fn type_of_vtable(subject: &Subject<'_>, object: &DataObject, slots: &Slots) -> Option<String> {
    let mut glue = None;
    for (_, target) in slots.within(object.range) {
        let Some(function) = target.and_then(|target| subject.code.at(target)) else {
            continue;
        };
        let name = subject.name(function as usize);
        // `<T as Trait>::method`
        if let Some(end) = name.rfind(">::").filter(|_| name.starts_with('<')) {
            let inner = name.get(1..end).filter(|inner| inner.contains(" as "));
            if let Some(inner) = inner {
                return Some(inner.to_owned());
            }
        }
        let of = of_drop_glue(&name).and_then(|rest| rest.strip_prefix("::<"));
        glue = glue.or_else(|| of?.strip_suffix('>').map(str::to_owned));
    }
    glue
}

/// Whose it is.
fn members<'l>(ledger: &'l Ledger, object: &DataObject) -> &'l [Owner] {
    match ledger.parties.members(object.party) {
        members if object.evidence != Evidence::None && !members.is_empty() => members,
        _ => &[Owner::UNKNOWN],
    }
}

/// The object's bytes in memory.
fn memory(section: &Section<'_>, object: &DataObject) -> u64 {
    match section.loaded {
        true => object.range.size.saturating_add(object.rest),
        false => 0,
    }
}

/// The object's bytes that the file holds: a section may end in zeroes that only memory has.
fn in_file(section: &Section<'_>, object: &DataObject) -> u64 {
    let held = AddressRange::new(section.address, section.file.size);
    object.range.intersection(held).size
}

/// From this size on a block without structure is likely a file that was included.
const EMBEDDED: usize = 4096;

fn kind(
    subject: &Subject<'_>,
    object: &DataObject,
    bytes: &[u8],
    name: Option<&str>,
    slots: &Slots,
) -> DataKind {
    // Zeroes that the file does not hold can only be a variable's.
    let section = &subject.image.sections[object.section as usize];
    if section.file.is_empty() || object.rest > 0 {
        return DataKind::Static;
    }
    if let Some(name) = name {
        if name.contains("{vtable") || name.starts_with("vtable") {
            return DataKind::Vtable;
        }
        if name.contains("::") {
            return DataKind::Static;
        }
    }
    if !slots.within(object.range).is_empty() {
        return match shape(subject, object, slots) {
            Some(kind) => kind,
            None if name.is_some_and(|name| !name.starts_with("anon.")) => DataKind::Static,
            None => DataKind::Unknown,
        };
    }
    if is_jump_table(subject, object, bytes) {
        return DataKind::Table;
    }
    if is_text(bytes) {
        return DataKind::String;
    }
    if object.access > 0 && u64::from(object.access) >= object.range.size {
        // What code can write to is no constant.
        let section = &subject.image.sections[object.section as usize];
        return match section.writable && !section.name.starts_with(".data.rel.ro") {
            true => DataKind::Static,
            false => DataKind::Literal,
        };
    }
    if bytes.len() >= EMBEDDED {
        return DataKind::Embedded;
    }
    match name {
        Some(name) if !name.starts_with("anon.") => DataKind::Static,
        _ => DataKind::Unknown,
    }
}

/// Vtables: drop glue (or null), size, alignment, then only functions. Locations: text, its
/// length, line and column.
fn shape(subject: &Subject<'_>, object: &DataObject, slots: &Slots) -> Option<DataKind> {
    // Bytes of a pointer.
    let long = if subject.image.is_64 { 8 } else { 4 };
    let word = |index: u64| {
        let at = object.range.start.checked_add(index * long)?;
        subject
            .image
            .word_at(at)
            .filter(|_| index * long + long <= object.range.size)
    };
    let is_slot = |index: u64| {
        object
            .range
            .start
            .checked_add(index * long)
            .is_some_and(|at| slots.contains(at))
    };
    let align = word(2)?;
    let (size, plain) = (word(1)?, !is_slot(1) && !is_slot(2));
    let location = if long == 8 { 24 } else { 16 };
    if object.range.size == location && is_slot(0) && plain {
        let (line, column) = match long {
            8 => (align & 0xffff_ffff, align >> 32),
            _ => (align, word(3)?),
        };
        if (1..1 << 24).contains(&line) && (1..1 << 16).contains(&column) && size < 4096 {
            return Some(DataKind::Location);
        }
    }
    let methods = object.range.size / long;
    let vtable = plain
        && align.is_power_of_two()
        && align <= 4096
        && size.is_multiple_of(align)
        && methods >= 3
        && (3..methods).all(is_slot);
    (vtable && (methods > 3 || is_slot(0))).then_some(DataKind::Vtable)
}

/// Offsets from the table's own start to code: what a `match` with many arms becomes.
fn is_jump_table(subject: &Subject<'_>, object: &DataObject, bytes: &[u8]) -> bool {
    if bytes.len() < 8 || !object.range.start.0.is_multiple_of(4) {
        return false;
    }
    bytes.chunks_exact(4).take(64).all(|entry| {
        let raw = [entry[0], entry[1], entry[2], entry[3]];
        let offset = i32::from_le_bytes(raw);
        let target = VirtualAddress(object.range.start.0.wrapping_add_signed(offset.into()));
        offset != 0
            && subject
                .image
                .section_at(target)
                .is_some_and(|(_, section)| section.kind == SectionKind::Code)
    })
}

/// Text, perhaps with a final zero.
fn is_text(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    // Two small numbers can be valid text by chance; letters make it likely.
    text.len() >= 2
        && text
            .chars()
            .all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'))
        && text.chars().any(char::is_alphanumeric)
}

fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut short: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().count() > 80 {
        short.push('…');
    }
    format!("\"{short}\"")
}
