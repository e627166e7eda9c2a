//! The pointers that the loader sets: rebase opcodes, and chained fixups, whose list runs through the
//! pointers themselves.
//!
//! Neither has entries of fixed size, so a table's own bytes stay with the linker.

use super::{
    super::{
        Image, RelocationTable, SectionKind,
        fields::{Fields, uleb},
        relocation::Relocation,
    },
    Commands,
    commands::Part,
    range,
};
use crate::address::VirtualAddress;

pub(crate) fn relocations(image: &Image<'_>, commands: &Commands) -> Vec<RelocationTable> {
    let mut tables = Vec::new();
    let mut table = |part: Part, read: fn(&Image<'_>, &[u8]) -> Vec<Relocation>| {
        let Some((offset, size)) = commands.part(part) else {
            return;
        };
        let file = range(image, offset, size);
        let section = image.sections.iter().position(|section| {
            section.kind == SectionKind::Relocations && section.file.start == file.start
        });
        if let Some(section) = section {
            tables.push(RelocationTable {
                section: section as u32,
                start: 0,
                entry_size: 0,
                guessed: false,
                relocations: read(image, image.bytes_in(file)),
            });
        }
    };
    table(Part::Rebase, rebases);
    table(Part::ChainedFixups, chained);
    tables
}

/// Pushes pointers while they are in rising order and fit the file: whatever an opcode claims, each
/// pointer has bytes of its own.
struct Pointers<'a, 'd> {
    image: &'a Image<'d>,
    left: usize,
    found: Vec<Relocation>,
}

impl<'a, 'd> Pointers<'a, 'd> {
    fn new(image: &'a Image<'d>) -> Self {
        Self {
            image,
            left: image.bytes.len() / 4,
            found: Vec::new(),
        }
    }

    /// One pointer; `None` where there are too many.
    fn push(&mut self, slot: u64, target: Option<u64>) -> Option<()> {
        self.left = self.left.checked_sub(1)?;
        self.found.push(Relocation {
            slot: VirtualAddress(slot),
            target: target.map(VirtualAddress),
            symbol: None,
            entry: self.found.len() as u32,
        });
        Some(())
    }

    /// A pointer that holds its target.
    fn plain(&mut self, slot: u64) -> Option<()> {
        let target = self.image.word_at(VirtualAddress(slot))?;
        self.push(slot, Some(target))
    }
}

/// REBASE_OPCODE_*: a machine with a segment, an offset and a count.
fn rebases(image: &Image<'_>, bytes: &[u8]) -> Vec<Relocation> {
    let word = if image.is_64 { 8 } else { 4 };
    let mut pointers = Pointers::new(image);
    let (mut at, mut address) = (0, 0_u64);
    let mut run = || -> Option<()> {
        loop {
            let byte = *bytes.get(at)?;
            at += 1;
            let immediate = u64::from(byte & 0x0f);
            let (count, skip) = match byte >> 4 {
                // SET_TYPE_IMM: all are pointers.
                1 => continue,
                // SET_SEGMENT_AND_OFFSET_ULEB
                2 => {
                    let segment = image.segments.get(immediate as usize)?;
                    address = segment.address.0.wrapping_add(uleb(bytes, &mut at)?);
                    continue;
                }
                // ADD_ADDR_ULEB, ADD_ADDR_IMM_SCALED
                3 => {
                    address = address.wrapping_add(uleb(bytes, &mut at)?);
                    continue;
                }
                4 => {
                    address = address.wrapping_add(immediate * word);
                    continue;
                }
                // DO_REBASE_IMM_TIMES, DO_REBASE_ULEB_TIMES
                5 => (immediate, 0),
                6 => (uleb(bytes, &mut at)?, 0),
                // DO_REBASE_ADD_ADDR_ULEB
                7 => (1, uleb(bytes, &mut at)?),
                // DO_REBASE_ULEB_TIMES_SKIPPING_ULEB
                8 => (uleb(bytes, &mut at)?, uleb(bytes, &mut at)?),
                // DONE
                _ => return None,
            };
            for _ in 0..count {
                pointers.plain(address)?;
                address = address.wrapping_add(word).wrapping_add(skip);
            }
        }
    };
    run();
    sorted(pointers.found)
}

/// How a chain's pointers are written (DYLD_CHAINED_PTR_*).
#[derive(Clone, Copy)]
enum Form {
    /// For processors that sign pointers; whether targets count from the image's start.
    Signed { offset: bool },
    /// 64 bits; whether targets count from the image's start.
    Plain { offset: bool },
    /// 32 bits.
    Short,
}

fn chained(image: &Image<'_>, bytes: &[u8]) -> Vec<Relocation> {
    let fields = Fields {
        bytes,
        little_endian: image.little_endian,
    };
    let mut pointers = Pointers::new(image);
    // Each page has two bytes of its own.
    let mut left = bytes.len();
    let mut read = || -> Option<()> {
        let starts = u64::from(fields.u32(4)?);
        let segments = fields.u32(starts)?;
        for number in 0..u64::from(segments).min(image.segments.len() as u64) {
            let of = u64::from(fields.u32(starts + 4 + 4 * number)?);
            // A segment without pointers.
            if of == 0 {
                continue;
            }
            let segment = image.segments.get(number as usize)?;
            let of = starts + of;
            let form = match fields.u16(of + 6)? {
                1 => Form::Signed { offset: false },
                7 | 9 => Form::Signed { offset: true },
                12 => Form::Signed { offset: true },
                2 => Form::Plain { offset: false },
                6 => Form::Plain { offset: true },
                3 => Form::Short,
                _ => continue,
            };
            let page_size = u64::from(fields.u16(of + 4)?);
            for page in 0..u64::from(fields.u16(of + 20)?) {
                left = left.checked_sub(1)?;
                let start = fields.u16(of + 22 + 2 * page)?;
                // DYLD_CHAINED_PTR_START_NONE, and several chains in a page (32 bits only).
                if start & 0x8000 != 0 {
                    continue;
                }
                let first = page * page_size + u64::from(start);
                let first = segment.address.0.wrapping_add(first);
                chain(&mut pointers, form, first, page_size)?;
            }
        }
        Some(())
    };
    read();
    sorted(pointers.found)
}

/// Follows one page's chain; each link leads forward, inside of the page.
fn chain(pointers: &mut Pointers<'_, '_>, form: Form, first: u64, page: u64) -> Option<()> {
    let image = pointers.image;
    let text = image.segments.iter().find(|one| one.name == "__TEXT");
    let base = text.map_or(0, |text| text.address.0);
    let mut slot = first;
    loop {
        let bytes = image.bytes_at(VirtualAddress(slot));
        let fields = Fields {
            bytes: bytes.unwrap_or_default(),
            little_endian: image.little_endian,
        };
        let (target, next) = match form {
            Form::Signed { offset } => {
                let Some(value) = fields.u64(0) else { break };
                let bound = value >> 62 & 1 == 1;
                let target = match value >> 63 {
                    // With a signature: 32 bits, from the image's start.
                    1 => base.wrapping_add(value & 0xffff_ffff),
                    _ if offset => base.wrapping_add(value & 0x7ff_ffff_ffff),
                    _ => value & 0x7ff_ffff_ffff,
                };
                ((!bound).then_some(target), (value >> 51 & 0x7ff) * 8)
            }
            Form::Plain { offset } => {
                let Some(value) = fields.u64(0) else { break };
                let low = value & 0xf_ffff_ffff;
                let target = if offset { base.wrapping_add(low) } else { low };
                let bound = value >> 63 == 1;
                ((!bound).then_some(target), (value >> 51 & 0xfff) * 4)
            }
            Form::Short => {
                let Some(value) = fields.u32(0) else { break };
                let value = u64::from(value);
                let bound = value >> 31 == 1;
                let target = value & 0x03ff_ffff;
                ((!bound).then_some(target), (value >> 26 & 0x1f) * 4)
            }
        };
        pointers.push(slot, target)?;
        if next == 0 || slot.wrapping_sub(first).saturating_add(next) >= page.max(1) {
            break;
        }
        slot = slot.wrapping_add(next);
    }
    Some(())
}

fn sorted(mut pointers: Vec<Relocation>) -> Vec<Relocation> {
    pointers.sort_unstable_by_key(|pointer| pointer.slot);
    pointers.dedup_by_key(|pointer| pointer.slot);
    for (pointer, entry) in pointers.iter_mut().zip(0..) {
        pointer.entry = entry;
    }
    pointers
}
