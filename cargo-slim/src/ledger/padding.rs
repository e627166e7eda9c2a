//! What in unclaimed code does nothing: fill between functions.
//!
//! Assemblers and linkers fill with zeroes or with instructions that do nothing. A literal before
//! the fill, which nobody claims, is not part of it.

use codecost::{disasm::disassembler, image::Architecture};

/// No alignment of code asks for longer fill.
const LONGEST: usize = 64;

/// How many bytes at the start and at the end of an unclaimed gap in code are fill. The two do not
/// overlap; together they are the whole gap when it is nothing else.
pub(super) fn ends(architecture: Architecture, gap: &[u8]) -> (u64, u64) {
    if is_fill(architecture, gap) {
        return (0, gap.len() as u64);
    }
    let most = gap.len().min(LONGEST);
    let fills = |bytes: &[u8]| is_fill(architecture, bytes);
    // The longest that is fill. A literal may end, or begin, with a zero of its own, so zeroes count
    // from the next word on only.
    let word =
        |bytes: &[u8], edge: usize| bytes.iter().any(|byte| *byte != 0) || edge.is_multiple_of(4);
    let end = (0..most)
        .rev()
        .map(|length| length + 1)
        .find(|length| {
            let fill = &gap[gap.len() - length..];
            word(fill, gap.len() - length) && fills(fill)
        })
        .unwrap_or(0);
    let rest = &gap[..gap.len() - end];
    let start = (0..rest.len().min(LONGEST))
        .rev()
        .map(|length| length + 1)
        .find(|length| word(&rest[..*length], *length) && fills(&rest[..*length]))
        .unwrap_or(0);
    (start as u64, end as u64)
}

/// Whether all of it does nothing.
fn is_fill(architecture: Architecture, bytes: &[u8]) -> bool {
    if bytes.iter().all(|byte| *byte == 0) {
        return true;
    }
    if let Some(decoder) = disassembler(architecture) {
        return decoder.is_padding(bytes);
    }
    let all = |nops: &[&[u8]]| {
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some(next) = nops.iter().find_map(|nop| rest.strip_prefix(*nop)) else {
                return false;
            };
            rest = next;
        }
        true
    };
    match architecture {
        // `nop`, in the byte order of instructions, which is low byte first there also in files
        // whose data is not.
        Architecture::Aarch64 => all(&[&[0x1f, 0x20, 0x03, 0xd5], &[0, 0, 0, 0]]),
        // `nop` and `mov r8, r8` of Thumb; `nop` and `mov r0, r0` of A32.
        Architecture::Arm => all(&[
            &[0x00, 0xbf],
            &[0xc0, 0x46],
            &[0x00, 0xf0, 0x20, 0xe3],
            &[0x00, 0x00, 0xa0, 0xe1],
            &[0, 0],
        ]),
        // `c.nop` and `nop`.
        Architecture::Riscv32 | Architecture::Riscv64 => {
            all(&[&[0x01, 0x00], &[0x13, 0x00, 0x00, 0x00], &[0, 0]])
        }
        // As on x86-64, in the forms that assemblers use up to two bytes, and `int3`.
        Architecture::I686 | Architecture::X86_64X32 => {
            all(&[&[0x90], &[0x66, 0x90], &[0xcc], &[0x0f, 0x1f, 0x00], &[0]])
        }
        Architecture::PowerPc64Le => all(&[&[0, 0, 0, 0x60], &[0, 0, 0, 0]]),
        Architecture::PowerPc64 | Architecture::PowerPc => all(&[&[0x60, 0, 0, 0], &[0, 0, 0, 0]]),
        Architecture::S390x => all(&[&[0x07, 0x07], &[0x07, 0x00], &[0, 0]]),
        Architecture::LoongArch64 => all(&[&[0x00, 0x00, 0x40, 0x03], &[0, 0, 0, 0]]),
        // Zeroes are the nop of MIPS; of the others' fill nothing is known here.
        Architecture::X86_64
        | Architecture::Mips64
        | Architecture::Mips
        | Architecture::Sparc64
        | Architecture::Avr
        | Architecture::Msp430
        | Architecture::Hexagon
        | Architecture::Xtensa
        | Architecture::Bpf
        | Architecture::Wasm32
        | Architecture::Wasm64
        | Architecture::Universal
        | Architecture::Unknown => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fill_around_a_literal_is_found() {
        let literal = [1, 2, 3, 4, 5, 6, 7, 8];
        let nops = [0x66, 0x0f, 0x1f, 0x44, 0, 0, 0x90];
        let both = [&[0xcc, 0xcc][..], &literal, &nops].concat();
        assert_eq!(ends(Architecture::X86_64, &both), (2, 7));
        assert_eq!(ends(Architecture::X86_64, &nops), (0, 7));
        assert_eq!(ends(Architecture::X86_64, &literal), (0, 0));
        // The last bytes of a number are its own, what follows from the next word on is fill.
        let number = [&[1, 0][..], &[0; 10]].concat();
        assert_eq!(ends(Architecture::X86_64, &number), (0, 8));
        let arm = [0x00, 0xbf, 0, 0];
        assert_eq!(ends(Architecture::Arm, &arm), (0, 4));
        let aarch64 = [&literal[..], &[0x1f, 0x20, 0x03, 0xd5], &[0; 4]].concat();
        assert_eq!(ends(Architecture::Aarch64, &aarch64), (0, 8));
    }

    #[test]
    fn a_gap_without_fill_is_read_once() {
        let noise: Vec<u8> = (0..1 << 20).map(|n: u32| (n % 251 + 1) as u8).collect();
        let (start, end) = ends(Architecture::Riscv64, &noise);
        assert!(start + end < 8, "{start} {end}");
    }
}
