//! Tables of distances from their own start, to which code adds the start again.
//!
//! Truth: LLVM's pass `RelLookupTableConverter` makes such tables of constant pointers in
//! position-independent code, for then no relocation is needed. The code is
//! `lea t, [rip + table]; movsxd d, dword ptr [t + 4 * i]; add d, t`.

use super::super::Piece;
use crate::address::VirtualAddress;
use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};

/// The load stands near; a loop may have it further on.
const NEAR: usize = 64;

/// See [`Disassembler::adds_what_it_loads`](super::Disassembler::adds_what_it_loads).
pub(super) fn adds_what_it_loads(piece: Piece<'_>, from: VirtualAddress) -> bool {
    let at = from.checked_since(piece.address);
    let rest = at.and_then(|at| piece.code.get(usize::try_from(at).ok()?..));
    let mut decoder = Decoder::with_ip(64, rest.unwrap_or_default(), from.0, DecoderOptions::NONE);
    let mut instructions = decoder.iter();
    let Some(lea) = instructions
        .next()
        .filter(|it| it.mnemonic() == Mnemonic::Lea)
    else {
        return false;
    };
    let table = lea.op0_register();
    let mut loaded = Register::None;
    for instruction in instructions.take(NEAR) {
        if loaded != Register::None && is_sum(&instruction, table, loaded) {
            return true;
        }
        let is_load = instruction.mnemonic() == Mnemonic::Movsxd
            && instruction.op1_kind() == OpKind::Memory
            && instruction.memory_base() == table
            && instruction.memory_index() != Register::None
            && instruction.memory_index_scale() == 4
            && instruction.memory_displacement64() == 0;
        if is_load {
            loaded = instruction.op0_register();
        } else if writes(&instruction, loaded) {
            loaded = Register::None;
        }
        if writes(&instruction, table) {
            return false;
        }
    }
    false
}

/// Whether it adds the two.
fn is_sum(instruction: &Instruction, one: Register, other: Register) -> bool {
    let both = |a, b| (a, b) == (one, other) || (a, b) == (other, one);
    match instruction.mnemonic() {
        Mnemonic::Add => {
            instruction.op1_kind() == OpKind::Register
                && both(instruction.op0_register(), instruction.op1_register())
        }
        Mnemonic::Lea => {
            instruction.memory_index_scale() == 1
                && instruction.memory_displacement64() == 0
                && both(instruction.memory_base(), instruction.memory_index())
        }
        _ => false,
    }
}

/// Whether its first operand is the register and it is more than read.
fn writes(instruction: &Instruction, register: Register) -> bool {
    let reads = matches!(
        instruction.mnemonic(),
        Mnemonic::Cmp | Mnemonic::Test | Mnemonic::Push | Mnemonic::Bt | Mnemonic::Call
    );
    register != Register::None
        && !reads
        && instruction.op0_kind() == OpKind::Register
        && instruction.op0_register().full_register() == register.full_register()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: &[u8]) -> bool {
        let address = VirtualAddress(0x1000);
        adds_what_it_loads(Piece { code, address }, address)
    }

    #[test]
    fn a_table_is_one_whose_start_is_added_to_what_is_loaded() {
        // lea rcx, [rip + 0x10]; movsxd rax, dword ptr [rcx + 4 * rax]
        let table = [0x48, 0x8d, 0x0d, 0x10, 0, 0, 0, 0x48, 0x63, 0x04, 0x81];
        let with = |rest: &[u8]| of(&[&table, rest].concat());
        // add rax, rcx; add rcx, rax; lea rdx, [rax + rcx]
        assert!(with(&[0x48, 0x01, 0xc8, 0xc3]));
        assert!(with(&[0x48, 0x01, 0xc1, 0xc3]));
        assert!(with(&[0x48, 0x8d, 0x14, 0x08]));
        // mov rbx, rdx; add rax, rcx
        assert!(with(&[0x48, 0x89, 0xd3, 0x48, 0x01, 0xc8]));
        // ret; add rax, rdx; mov rax, rdx and add rax, rcx; xor ecx, ecx and add rax, rcx
        assert!(!with(&[0xc3]));
        assert!(!with(&[0x48, 0x01, 0xd0]));
        assert!(!with(&[0x48, 0x89, 0xd0, 0x48, 0x01, 0xc8]));
        assert!(!with(&[0x31, 0xc9, 0x48, 0x01, 0xc8]));
        // A table of numbers: mov eax, [rcx + 4 * rax]; add rax, rcx
        assert!(!of(&[
            0x48, 0x8d, 0x0d, 0x10, 0, 0, 0, 0x8b, 0x04, 0x81, 0x48, 0x01, 0xc8
        ]));
        assert!(!of(&[]));
    }
}
