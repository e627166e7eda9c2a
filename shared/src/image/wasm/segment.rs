//! Data segments, and the numbers in code that may be addresses of what they hold.

use super::place_of;
use crate::address::{AddressRange, FileRange, Range, VirtualAddress};
use wasmparser::{ConstExpr, DataKind, Operator};

/// A data segment.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// The bytes in the file.
    pub file: FileRange,
    /// Where they are in memory: of a passive segment where the start function puts them, `None`
    /// where that is not seen.
    pub address: Option<u64>,
    /// Whether code puts it there, instead of the engine.
    pub passive: bool,
    /// Whether its address counts from one that the importer chooses.
    pub relative: bool,
}

impl Segment {
    pub(super) fn new(bytes: &[u8], data: &wasmparser::Data<'_>) -> Self {
        let file = place_of(bytes, data.data);
        let (address, passive, relative) = match &data.kind {
            DataKind::Passive => (None, true, false),
            DataKind::Active {
                memory_index,
                offset_expr,
            } => {
                let relative = matches!(
                    first_operator(offset_expr),
                    Some(Operator::GlobalGet { .. })
                );
                let address = constant(offset_expr).filter(|_| *memory_index == 0);
                (address, false, relative)
            }
        };
        Self {
            file,
            address,
            passive,
            relative,
        }
    }

    /// Its bytes as places.
    pub fn place(&self) -> AddressRange {
        Range::<VirtualAddress>::new(VirtualAddress(self.file.start.0), self.file.size)
    }
}

/// A number in code that is a memory address or a place in a table, if it is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constant {
    /// The number.
    pub value: u64,
    /// Whether the linker wrote it: five bytes where fewer would do.
    pub padded: bool,
}

/// The value of an offset: `i32.const N`, `i64.const N`, or `global.get G` and perhaps plus N, which
/// counts from what the importer chooses.
pub(super) fn constant(expression: &ConstExpr<'_>) -> Option<u64> {
    let mut operators = expression.get_operators_reader();
    let mut value = 0_u64;
    // No offset has as many terms.
    for _ in 0..8 {
        match operators.read().ok()? {
            Operator::I32Const { value: more } => {
                value = value.wrapping_add(u64::from(more.cast_unsigned()));
            }
            Operator::I64Const { value: more } => value = value.wrapping_add(more.cast_unsigned()),
            Operator::GlobalGet { .. } | Operator::I32Add | Operator::I64Add => {}
            Operator::End => return Some(value),
            _ => return None,
        }
    }
    None
}

pub(super) fn first_operator<'d>(expression: &ConstExpr<'d>) -> Option<Operator<'d>> {
    expression.get_operators_reader().read().ok()
}
