//! What was inlined: sites nested in procedures, each with the function and the code that came of it.
//!
//! A site's code is a list of annotations: numbers that move a place on and say how long a run is.

use super::{
    super::pe::Header,
    Pdb,
    records::{Record, records},
    symbols::{is_foreign, is_procedure},
};
use crate::address::{AddressRange, Range, VirtualAddress};

/// Inlined code by address, without overlap, each piece with the innermost function's name.
#[derive(Clone, Debug, Default)]
pub struct InlinedCode {
    /// The pieces, with the place of the function's name in `names`.
    pub pieces: Vec<(AddressRange, u32)>,
    /// Names of functions with their scopes, as a debugger shows them; long ones are cut.
    pub names: Vec<String>,
}

const SITE: u16 = 0x114d;
const SITE_END: u16 = 0x114e;
const END: u16 = 0x0006;
const PROCEDURE_END: u16 = 0x114f;
const BLOCK: u16 = 0x1103;
const THUNK: u16 = 0x1102;

/// Streams of types and of what refers to them.
const TYPES: u32 = 2;
const IDS: u32 = 4;

/// Sites are not nested deeper.
const MAX_DEPTH: usize = 512;

pub(super) fn read(pdb: &Pdb<'_>, header: &Header) -> Option<InlinedCode> {
    let ids = pdb.streams.read(IDS)?;
    let ids = Index::new(&ids)?;
    let types = pdb.streams.read(TYPES)?;
    let types = Index::new(&types)?;
    let mut numbers: std::collections::HashMap<u32, u32> = std::collections::HashMap::new();
    let mut code = InlinedCode::default();
    let mut pieces: Vec<(AddressRange, usize, u32)> = Vec::new();
    for (_, module, stream) in pdb.streams_of_modules() {
        // A namespace of C++ is no crate: what was inlined into its functions stays theirs.
        if is_foreign(&stream, &module) {
            continue;
        }
        // The procedure that the records are in, and what is open in it.
        let mut procedure: Option<(u32, u32)> = None;
        let mut depth = 0_usize;
        for record in records(&stream, 4, module.symbols as usize) {
            match record.kind {
                kind if is_procedure(kind) => {
                    procedure = place(header, &record);
                    depth = 0;
                }
                SITE => {
                    depth += 1;
                    let (Some((start, size)), true) = (procedure, depth < MAX_DEPTH) else {
                        continue;
                    };
                    let Some(inlinee) = record.fields.u32(8) else {
                        continue;
                    };
                    let number = *numbers.entry(inlinee).or_insert_with(|| {
                        code.names
                            .push(ids.function(inlinee, &types).unwrap_or_default());
                        code.names.len() as u32 - 1
                    });
                    runs(&record, size, &mut |from, length| {
                        let from = header.address(start.saturating_add(from));
                        let range = Range::<VirtualAddress>::new(from, length.into());
                        pieces.push((range, depth, number));
                    });
                }
                SITE_END => depth = depth.saturating_sub(1),
                PROCEDURE_END => procedure = None,
                END | BLOCK | THUNK => {}
                _ => {}
            }
        }
    }
    code.pieces = innermost(pieces);
    Some(code)
}

/// Where a procedure starts, and its size.
fn place(header: &Header, record: &Record<'_>) -> Option<(u32, u32)> {
    let fields = record.fields;
    let start = header.in_section(fields.u16(32)?, fields.u32(28)?)?;
    Some((start, fields.u32(12)?))
}

/// Calls `found` with each run of code: where it starts in the procedure, and its length.
fn runs(record: &Record<'_>, size: u32, found: &mut dyn FnMut(u32, u32)) {
    let mut numbers = Numbers(record.fields.bytes.get(12..).unwrap_or_default());
    let mut offset = 0_u32;
    let mut open: Option<u32> = None;
    let mut close = |open: &mut Option<u32>, end: u32| {
        if let Some(start) = open.take()
            && end > start
        {
            found(start.min(size), end.min(size) - start.min(size));
        }
    };
    while let Some(operation) = numbers.next() {
        match operation {
            // CodeOffset
            1 => {
                let Some(to) = numbers.next() else { break };
                close(&mut open, to);
                offset = to;
                open = Some(offset);
            }
            // ChangeCodeOffset, ChangeCodeOffsetAndLineOffset
            3 | 11 => {
                let Some(value) = numbers.next() else { break };
                let more = if operation == 11 { value & 15 } else { value };
                let to = offset.saturating_add(more);
                close(&mut open, to);
                offset = to;
                open = Some(offset);
            }
            // ChangeCodeLength
            4 => {
                let Some(length) = numbers.next() else { break };
                let end = offset.saturating_add(length);
                close(&mut open, end);
                offset = end;
            }
            // ChangeCodeLengthAndCodeOffset
            12 => {
                let (Some(length), Some(more)) = (numbers.next(), numbers.next()) else {
                    break;
                };
                let to = offset.saturating_add(more);
                close(&mut open, to);
                open = Some(to);
                offset = to.saturating_add(length);
                close(&mut open, offset);
            }
            // ChangeCodeOffsetBase, file, line, kind and columns.
            2 | 5..=10 | 13 => {
                if numbers.next().is_none() {
                    break;
                }
            }
            // Zero fills up.
            _ => break,
        }
    }
    close(&mut open, size);
}

/// Numbers of one, two or four bytes.
struct Numbers<'d>(&'d [u8]);

impl Numbers<'_> {
    fn next(&mut self) -> Option<u32> {
        let first = u32::from(*self.0.first()?);
        let (value, length) = match first {
            0..=0x7f => (first, 1),
            0x80..=0xbf => ((first & 0x3f) << 8 | u32::from(*self.0.get(1)?), 2),
            _ => {
                let rest = self.0.get(1..4)?;
                let low = rest.iter().fold(0, |low, byte| low << 8 | u32::from(*byte));
                ((first & 0x1f) << 24 | low, 4)
            }
        };
        self.0 = self.0.get(length..)?;
        Some(value)
    }
}

/// Of pieces that overlap the deepest, cut where others begin and end.
fn innermost(mut pieces: Vec<(AddressRange, usize, u32)>) -> Vec<(AddressRange, u32)> {
    // Deepest last at each start, so that a stack has the innermost on top.
    pieces.retain(|(range, ..)| !range.is_empty());
    pieces.sort_by_key(|(range, depth, _)| (range.start, *depth, std::cmp::Reverse(range.size)));
    let mut cut: Vec<(AddressRange, u32)> = Vec::with_capacity(pieces.len());
    let mut open: Vec<(AddressRange, u32)> = Vec::new();
    let mut at = VirtualAddress(0);
    let emit = |from: VirtualAddress, to: VirtualAddress, number: u32, cut: &mut Vec<_>| {
        let range = Range::<VirtualAddress>::between(from, to);
        if !range.is_empty() {
            cut.push((range, number));
        }
    };
    for (range, _, number) in pieces {
        while let Some((top, of)) = open.last().copied() {
            if top.end() > range.start {
                emit(at.max(top.start), range.start, of, &mut cut);
                break;
            }
            emit(at.max(top.start), top.end(), of, &mut cut);
            at = at.max(top.end());
            open.pop();
        }
        at = at.max(range.start);
        open.push((range, number));
    }
    while let Some((top, of)) = open.pop() {
        emit(at.max(top.start), top.end(), of, &mut cut);
        at = at.max(top.end());
    }
    cut
}

/// Records by their numbers, which count from the first.
struct Index<'d> {
    first: u32,
    records: Vec<Record<'d>>,
}

/// No more bytes of a scope or a name are looked at.
const MAX_NAME: usize = 256;

/// Kinds of records that name functions, scopes and types.
const FUNCTION: u16 = 0x1601;
const METHOD: u16 = 0x1602;
const STRING: u16 = 0x1605;

impl<'d> Index<'d> {
    fn new(stream: &'d [u8]) -> Option<Self> {
        let fields = super::Fields::little(stream);
        let (header, first) = (fields.u32(4)?, fields.u32(8)?);
        let records = records(stream, header as usize, stream.len());
        Some(Self {
            first,
            records: records.collect(),
        })
    }

    fn get(&self, number: u32) -> Option<&Record<'d>> {
        self.records.get(number.checked_sub(self.first)? as usize)
    }

    /// The full name of a function: its scope, which is a text or a type, and its own name.
    fn function(&self, number: u32, types: &Index<'_>) -> Option<String> {
        let record = self.get(number)?;
        let scope = record.fields.u32(0)?;
        let scope = match record.kind {
            FUNCTION => self
                .get(scope)
                .filter(|it| it.kind == STRING)
                .map(|it| it.text(4)),
            METHOD => types.get(scope).and_then(type_name),
            _ => return None,
        };
        // Many functions may share one scope: hostile ones an endless one.
        let cut = |text: &[u8]| {
            let text = text.get(..MAX_NAME).unwrap_or(text);
            String::from_utf8_lossy(text).into_owned()
        };
        let name = cut(record.text(8));
        Some(match scope {
            Some(scope) => format!("{}::{name}", cut(scope)),
            None => name,
        })
    }
}

/// The name of a structure, class, union or enumeration.
fn type_name<'d>(record: &Record<'d>) -> Option<&'d [u8]> {
    let at = match record.kind {
        // LF_CLASS, LF_STRUCTURE: count, properties, three types; then the size.
        0x1504 | 0x1505 => 16,
        // LF_UNION: count, properties, one type; then the size.
        0x1506 => 8,
        // LF_ENUM: count, properties, two types.
        0x1507 => return Some(record.text(12)),
        _ => return None,
    };
    // A small number stands as it is, a larger one behind its kind.
    let size = match record.fields.u16(at)? {
        0..=0x7fff => 2,
        0x8000 => 3,
        0x8001 | 0x8002 => 4,
        0x8003 | 0x8004 => 6,
        _ => 10,
    };
    Some(record.text(at + size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_piece_has_the_bytes() {
        let piece = |start, size, depth, number| {
            let range = Range::<VirtualAddress>::new(VirtualAddress(start), size);
            (range, depth, number)
        };
        let cut = innermost(vec![
            piece(0, 10, 1, 0),
            piece(2, 4, 2, 1),
            piece(3, 1, 3, 2),
            piece(20, 5, 1, 3),
        ]);
        let cut: Vec<_> = cut
            .iter()
            .map(|(range, number)| (range.start.0, range.size, *number))
            .collect();
        assert_eq!(
            cut,
            [
                (0, 2, 0),
                (2, 1, 1),
                (3, 1, 2),
                (4, 2, 1),
                (6, 4, 0),
                (20, 5, 3)
            ]
        );
    }

    #[test]
    fn annotations_are_runs_of_code() {
        let of = |annotations: &[u8]| {
            let bytes = [&[0; 12][..], annotations].concat();
            let record = Record {
                kind: SITE,
                fields: super::super::Fields::little(&bytes),
            };
            let mut all = Vec::new();
            runs(&record, 100, &mut |from, size| all.push((from, size)));
            all
        };
        // Code and line, length; then a length and a distance.
        assert_eq!(of(&[11, 0x25, 4, 3, 12, 2, 4, 0]), [(5, 3), (12, 2)]);
        // The next run ends the one before; the last ends with the procedure.
        assert_eq!(of(&[3, 8, 3, 0x80, 0x10]), [(8, 16), (24, 76)]);
        assert_eq!(of(&[3]), []);
    }
}
