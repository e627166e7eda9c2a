//! The linear memory: what the segments put where.

use super::{super::bounds, module::Module, segment::Segment};
use crate::address::{AddressRange, VirtualAddress};
use wasmparser::{BinaryReader, FunctionBody, Operator};

impl Module {
    /// The place in the file of what is at an address of the linear memory.
    pub fn memory_at(&self, address: u64) -> Option<VirtualAddress> {
        // Most numbers of code are small.
        if self.first_address().is_none_or(|first| address < first) || address >= self.memory_end {
            return None;
        }
        let next = self
            .by_address
            .partition_point(|(start, _)| *start <= address);
        // Segments that overlap occur only in damaged files.
        let near = self.by_address.get(..next)?.iter().rev().take(4);
        let mut holding = near.filter_map(|(start, at)| {
            let distance = address.checked_sub(*start)?;
            let segment = &self.segments[*at as usize];
            let inside = distance < segment.file.size;
            inside.then(|| VirtualAddress(segment.file.start.0 + distance))
        });
        holding.next()
    }

    /// The first address that a segment fills: numbers below are none of data's.
    pub fn first_address(&self) -> Option<u64> {
        self.by_address.first().map(|(address, _)| *address)
    }

    /// Whether numbers that are addresses of data are larger than most others. Where the importer says
    /// where data goes, or a compiler leaves nothing free before it, they begin at 0.
    pub fn are_addresses_large(&self) -> bool {
        self.first_address().is_some_and(|first| first >= LOWEST)
    }

    /// The segment that stands at a place.
    pub fn segment_at(&self, place: VirtualAddress) -> Option<&Segment> {
        let next = self
            .segments
            .partition_point(|segment| segment.file.start.0 <= place.0);
        let segment = self.segments.get(next.checked_sub(1)?)?;
        segment.place().contains(place).then_some(segment)
    }
}

/// wasm-ld puts no data below; where nothing else is asked for it begins here.
const LOWEST: u64 = 1024;

/// `memory.init` by its number, after the prefix.
const MEMORY_INIT: [u8; 2] = [0xfc, 8];

/// So many functions with `memory.init` are looked through: a linker writes one or two, but other
/// instructions may hold the same bytes.
const MOST: usize = 256;

/// Finds out where passive segments go: shared memory has only such, and the start function copies
/// them with `memory.init`, once. Where several do it or the numbers are computed, nothing is known.
pub(super) fn passive(module: &mut Module, bytes: &[u8]) {
    if !module.segments.iter().any(|segment| segment.passive) {
        return;
    }
    let (Some(first), Some(last)) = (module.bodies().first(), module.bodies().last()) else {
        return;
    };
    let whole = AddressRange::between(first.start, last.end());
    let code = bounds::clip(bytes, whole.start.0, whole.size);
    let code = bytes.get(code.start.0 as usize..code.end().0 as usize);
    let code = code.unwrap_or_default();
    let mut found: Vec<(u32, u64)> = Vec::new();
    let mut looked_through = 0;
    let mut done = VirtualAddress(0);
    for at in memchr::memmem::find_iter(code, &MEMORY_INIT) {
        let place = VirtualAddress(whole.start.0 + at as u64);
        // The number of the segment, and of the first memory.
        let mut numbers = BinaryReader::new(code.get(at + 2..).unwrap_or_default(), 0);
        let segment = numbers.read_var_u32().ok();
        let segment = segment.and_then(|number| module.segments.get(number as usize));
        let copies_one = segment.is_some_and(|segment| segment.passive);
        if place < done || !copies_one || !matches!(numbers.read_u8(), Ok(0)) {
            continue;
        }
        let bodies = module.bodies();
        let next = bodies.partition_point(|body| body.start <= place);
        let Some(body) = next.checked_sub(1).and_then(|at| bodies.get(at)) else {
            continue;
        };
        done = body.end();
        looked_through += 1;
        if looked_through > MOST {
            return;
        }
        copies(bytes, *body, &mut found);
    }
    found.sort_unstable();
    found.dedup();
    for same in found.chunk_by(|a, b| a.0 == b.0) {
        if let [(segment, address)] = same
            && let Some(segment) = module.segments.get_mut(*segment as usize)
            && segment.passive
        {
            segment.address = Some(*address);
        }
    }
}

/// The segments that a function copies from their start, and where to.
fn copies(bytes: &[u8], body: AddressRange, found: &mut Vec<(u32, u64)>) {
    let Some(reader) = operators(bytes, body) else {
        return;
    };
    let mut numbers = [None; 3];
    for operator in reader {
        let number = match operator {
            Ok(Operator::I32Const { value }) => Some(u64::from(value.cast_unsigned())),
            Ok(Operator::I64Const { value }) => Some(value.cast_unsigned()),
            Ok(Operator::MemoryInit { data_index, mem: 0 }) => {
                if let [Some(address), Some(0), Some(_)] = numbers {
                    found.push((data_index, address));
                }
                None
            }
            // Takes one away.
            Ok(Operator::GlobalSet { .. }) => {
                numbers = [None, numbers[0], numbers[1]];
                continue;
            }
            Ok(_) => None,
            Err(_) => return,
        };
        numbers = [numbers[1], numbers[2], number];
    }
}

/// The instructions of a function that stands at `body`, with the length before it.
pub(super) fn operators(
    bytes: &[u8],
    body: AddressRange,
) -> Option<wasmparser::OperatorsReader<'_>> {
    let start = usize::try_from(body.start.0).ok()?;
    let end = usize::try_from(body.end().0).ok()?;
    let mut reader = BinaryReader::new(bytes.get(start..end)?, start);
    reader.read_var_u32().ok()?;
    FunctionBody::new(reader).get_operators_reader().ok()
}
