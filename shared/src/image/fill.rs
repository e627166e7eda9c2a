//! Fill behind functions: where a table says only where each starts, what aligns the next one is not
//! the function's.

use super::{Architecture, Image, Section};
use crate::address::{AddressRange, Range, VirtualAddress};

/// No linker aligns functions of Rust to more.
const LONGEST: usize = 63;

/// The instructions of x86 that do nothing, as assemblers write them, without the prefixes that make
/// them longer.
const NOPS: [&[u8]; 7] = [
    &[0x90],
    &[0x0f, 0x1f, 0x00],
    &[0x0f, 0x1f, 0x40, 0x00],
    &[0x0f, 0x1f, 0x44, 0x00, 0x00],
    &[0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
    &[0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
    &[0xcc],
];

/// `range` without the fill at its end, if it reaches to an even address.
pub(super) fn without(
    image: &Image<'_>,
    section: &Section<'_>,
    range: AddressRange,
) -> AddressRange {
    let end = range.end().0;
    let least = match image.architecture {
        Architecture::X86_64 | Architecture::I686 => 2,
        Architecture::Aarch64 => 8,
        _ => return range,
    };
    if !u64::is_multiple_of(end, least) {
        return range;
    }
    let start = range.start.0.saturating_sub(section.address.0);
    let bytes = image.section_bytes(section);
    let code = usize::try_from(start)
        .ok()
        .zip(usize::try_from(start.saturating_add(range.size)).ok())
        .and_then(|(start, end)| bytes.get(start..end));
    let Some(code) = code else { return range };
    let fill = match image.architecture {
        Architecture::Aarch64 => words(code),
        _ => x86(code),
    };
    // A function has at least one byte.
    if fill >= code.len() {
        return range;
    }
    Range::<VirtualAddress>::new(range.start, range.size - fill as u64)
}

/// How many bytes at the start do nothing, up to the first that does something.
pub(super) fn leading(architecture: Architecture, code: &[u8]) -> usize {
    match architecture {
        Architecture::Aarch64 => {
            let (words, _) = code.as_chunks::<4>();
            let fill = words.iter();
            4 * fill
                .take_while(|word| matches!(**word, [0x1f, 0x20, 0x03, 0xd5] | [0, 0, 0, 0]))
                .count()
        }
        _ => {
            let mut rest = code;
            while let Some(next) = rest
                .strip_prefix(&[0])
                .or_else(|| NOPS.iter().find_map(|nop| rest.strip_prefix(*nop)))
                .or_else(|| prefixed(rest))
            {
                rest = next;
            }
            code.len() - rest.len()
        }
    }
}

/// What follows a nop with prefixes.
fn prefixed(code: &[u8]) -> Option<&[u8]> {
    let prefixes = code.iter().take(15);
    let prefixes = prefixes
        .take_while(|byte| matches!(**byte, 0x66 | 0x2e))
        .count();
    let rest = code.get(prefixes..).filter(|_| prefixes > 0)?;
    NOPS.iter().find_map(|nop| rest.strip_prefix(*nop))
}

/// `nop`, and zeroes, which are no instruction.
fn words(code: &[u8]) -> usize {
    let (words, _) = code.as_chunks::<4>();
    let fill = words.iter().rev().take(LONGEST / 4);
    let fill = fill.take_while(|word| matches!(**word, [0x1f, 0x20, 0x03, 0xd5] | [0, 0, 0, 0]));
    4 * fill.count()
}

/// How much of the end does nothing.
fn x86(code: &[u8]) -> usize {
    match nops(code) {
        0 => trailing_zeroes(code),
        fill => fill,
    }
}

/// What linkers put between object files: zeroes behind the end of a function. A jump or a call may end
/// in zeroes, too, so few of them count behind `ret` and `ud2` only.
fn trailing_zeroes(code: &[u8]) -> usize {
    let zeroes = code.iter().rev().take_while(|byte| **byte == 0).count();
    let before = |distance: usize| {
        let at = code.len().checked_sub(zeroes + distance)?;
        code.get(at)
    };
    let ends = match (before(2), before(1)) {
        // The distance of a jump or a call of 195 bytes.
        (Some(0xe8 | 0xe9), Some(0xc3)) if zeroes == 3 => false,
        (_, Some(0xc3)) => true,
        (Some(0x0f), Some(0x0b)) => true,
        _ => false,
    };
    match ends {
        true => zeroes,
        false => zeroes.saturating_sub(4),
    }
}

/// The longest end that consists of instructions that do nothing.
fn nops(code: &[u8]) -> usize {
    let most = code.len().min(LONGEST);
    let longest = (1..=most).rev().find(|length| {
        let from = code.len() - length;
        let before = from.checked_sub(1).and_then(|before| code.get(before));
        // The distance of a short jump.
        let jump = *length == 1 && matches!(before, Some(0xeb | 0x70..=0x7f));
        !jump && are_nops(&code[from..])
    });
    longest.unwrap_or(0)
}

fn are_nops(mut code: &[u8]) -> bool {
    while let Some(first) = code.first() {
        if matches!(first, 0x66 | 0x2e) && code.len() > 1 {
            // Prefixes belong to a nop that follows.
            let prefixes = code.iter().take_while(|byte| matches!(**byte, 0x66 | 0x2e));
            code = &code[prefixes.count()..];
            if code.is_empty() {
                return false;
            }
            continue;
        }
        match NOPS.iter().find_map(|nop| code.strip_prefix(*nop)) {
            Some(rest) => code = rest,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fill_ends_a_function_and_the_ends_of_jumps_do_not() {
        assert_eq!(x86(&[0xc3, 0x66, 0x0f, 0x1f, 0x44, 0, 0]), 6);
        assert_eq!(x86(&[0xc3, 0xcc, 0xcc]), 2);
        assert_eq!(x86(&[0xeb, 0x90]), 0);
        assert_eq!(x86(&[0xe9, 1, 0, 0, 0]), 0);
        assert_eq!(x86(&[0xe9, 0xc3, 0, 0, 0]), 0);
        assert_eq!(x86(&[0x5d, 0xc3, 0, 0, 0]), 3);
        assert_eq!(x86(&[0xc3, 0, 0, 0, 0, 0, 0]), 6);
        assert_eq!(
            x86(&[
                0x0f, 0x0b, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0, 0x90
            ]),
            11
        );
        assert_eq!(x86(&[0xc3]), 0);
        let ret = [0xc0, 0x03, 0x5f, 0xd6];
        let nop = [0x1f, 0x20, 0x03, 0xd5];
        assert_eq!(words(&[ret, nop, nop].concat()), 8);
        assert_eq!(words(&ret), 0);
    }
}
