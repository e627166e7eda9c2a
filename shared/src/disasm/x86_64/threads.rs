//! Thread-local variables: code adds their distance to the thread pointer, which stands at `fs:0`, or
//! to where the first of them is, which `__tls_get_addr` returns and Windows keeps in a table
//! at `gs:[0x58]`.
//!
//! Sources: Drepper's "ELF Handling For Thread-Local Storage", with what linkers make of its sequences
//! in a program; what MSVC and LLVM compile `__declspec(thread)` to.

use super::super::{Piece, ThreadDistance};
use crate::address::VirtualAddress;
use iced_x86::{
    Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess,
    OpKind, Register,
};

/// What a general register holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    Other,
    /// This number.
    Number(i64),
    /// Where a variable, or the thread pointer, points to.
    Place(ThreadDistance),
    /// The table of where each module's first variable is.
    Table,
}

/// See [`Disassembler::thread_locals`](super::Disassembler::thread_locals).
pub(super) fn thread_locals(
    piece: Piece<'_>,
    firsts: &[VirtualAddress],
    found: &mut dyn FnMut(VirtualAddress, ThreadDistance),
) {
    if !reads_segment(piece.code) && !takes_one_of(piece, firsts) {
        return;
    }
    let mut sweep = Sweep {
        held: [Held::Other; 16],
        asks: false,
        firsts,
    };
    let mut info = InstructionInfoFactory::new();
    let decoder = Decoder::with_ip(64, piece.code, piece.address.0, DecoderOptions::NONE);
    for instruction in decoder {
        sweep.step(&instruction, &mut info, found);
    }
}

/// What compilers begin an instruction with, behind the prefix, that uses a variable by a register:
/// other prefixes, and the usual moves, sums and comparisons.
fn may_begin(byte: u8) -> bool {
    matches!(
        byte,
        0x40..=0x4f | 0x66 | 0xf0 | 0xf2 | 0xf3 | 0x01 | 0x03 | 0x0f | 0x29 | 0x2b | 0x31 | 0x33
            | 0x38..=0x3b | 0x80..=0x8b | 0xc6 | 0xc7 | 0xff
    )
}

/// Whether an instruction may use `fs` or `gs`: at a fixed place, or by a register.
fn reads_segment(code: &[u8]) -> bool {
    let fixed = |at: usize| {
        let next = code.get(at + 1..code.len().min(at + 8)).unwrap_or_default();
        // An address without registers is a byte 0x25 behind a ModRM byte of 0b00xxx100.
        next.windows(2)
            .any(|pair| pair[0] & 0xc7 == 0x04 && pair[1] == 0x25)
            || next.first().is_some_and(|first| may_begin(*first))
    };
    let mut bytes = code.iter().zip(0..);
    bytes.any(|(byte, at)| matches!(byte, 0x64 | 0x65) && fixed(at))
}

/// Whether one of `slots` stands in a `lea rdi, [rip + slot]`.
fn takes_one_of(piece: Piece<'_>, slots: &[VirtualAddress]) -> bool {
    if slots.is_empty() {
        return false;
    }
    piece.code.windows(7).zip(7..).any(|(bytes, next)| {
        let [0x48, 0x8d, 0x3d, a, b, c, d] = *bytes else {
            return false;
        };
        let distance = i64::from(i32::from_le_bytes([a, b, c, d]));
        let to = piece
            .address
            .0
            .wrapping_add(next)
            .wrapping_add_signed(distance);
        slots.binary_search(&VirtualAddress(to)).is_ok()
    })
}

/// What calls may change: rax, rcx, rdx, rsi, rdi, r8 to r11.
const LOST_AT_CALLS: [usize; 9] = [0, 1, 2, 6, 7, 8, 9, 10, 11];

struct Sweep<'s> {
    held: [Held; 16],
    /// Whether the next call is told to find the first variable.
    asks: bool,
    firsts: &'s [VirtualAddress],
}

impl Sweep<'_> {
    fn step(
        &mut self,
        instruction: &Instruction,
        info: &mut InstructionInfoFactory,
        found: &mut dyn FnMut(VirtualAddress, ThreadDistance),
    ) {
        let at = VirtualAddress(instruction.ip());
        let operand = self.operand(instruction);
        // What stands in the table is no variable.
        if let Some(Held::Place(place)) = operand.filter(|_| !self.is_in_table(instruction)) {
            found(at, place);
        }
        let result = self.result(instruction, operand);
        if let (Mnemonic::Add | Mnemonic::Sub, Held::Place(place)) =
            (instruction.mnemonic(), result)
        {
            found(at, place);
        }
        let lea = instruction.mnemonic() == Mnemonic::Lea && instruction.is_ip_rel_memory_operand();
        if lea && instruction.op0_register() == Register::RDI {
            let slot = VirtualAddress(instruction.ip_rel_memory_address());
            self.asks = self.firsts.binary_search(&slot).is_ok();
        }
        for used in info.info(instruction).used_registers() {
            let writes = !matches!(used.access(), OpAccess::Read | OpAccess::CondRead);
            if let (true, Some(number)) = (writes, number_of(used.register())) {
                self.held[number] = Held::Other;
            }
        }
        let calls = matches!(
            instruction.flow_control(),
            FlowControl::Call | FlowControl::IndirectCall
        );
        if calls {
            for number in LOST_AT_CALLS {
                self.held[number] = Held::Other;
            }
            if std::mem::take(&mut self.asks) {
                self.held[0] = Held::Place(ThreadDistance::First(0));
            }
        } else if result != Held::Other
            && let Some(number) = number_of(instruction.op0_register())
        {
            self.held[number] = result;
        }
    }

    /// The variable that the memory operand is, or the table.
    fn operand(&self, instruction: &Instruction) -> Option<Held> {
        let has = (0..instruction.op_count()).any(|at| instruction.op_kind(at) == OpKind::Memory);
        if !has || instruction.is_ip_rel_memory_operand() {
            return None;
        }
        let distance = instruction.memory_displacement64().cast_signed();
        let of = |register| number_of(register).map(|number| self.held[number]);
        let (base, index) = (instruction.memory_base(), instruction.memory_index());
        let base = of(base);
        match (instruction.segment_prefix(), base) {
            (Register::FS, _) => {
                // What is not known is an index.
                let numbers = [base, of(index)].map(|held| match held {
                    Some(Held::Number(number)) => number,
                    _ => 0,
                });
                let sum = numbers.into_iter().fold(distance, i64::wrapping_add);
                Some(Held::Place(ThreadDistance::Pointer(sum)))
            }
            (Register::GS, None) if is_fixed(instruction) && distance == TABLE => Some(Held::Table),
            (Register::None, Some(Held::Place(place))) => Some(Held::Place(place.add(distance))),
            // Which module this is an index says, and of a program it is 0.
            (Register::None, Some(Held::Table)) => Some(Held::Place(ThreadDistance::First(0))),
            _ => None,
        }
    }

    /// What the first operand holds then.
    fn result(&self, instruction: &Instruction, operand: Option<Held>) -> Held {
        let into = instruction.op0_kind() == OpKind::Register;
        let Some(into) = number_of(instruction.op0_register()).filter(|_| into) else {
            return Held::Other;
        };
        let immediate = match instruction.op1_kind() {
            OpKind::Immediate32to64 => instruction.immediate32to64(),
            OpKind::Immediate8to64 => instruction.immediate8to64(),
            OpKind::Immediate64 => instruction.immediate64().cast_signed(),
            _ => 0,
        };
        let is_immediate = matches!(
            instruction.op1_kind(),
            OpKind::Immediate32to64 | OpKind::Immediate8to64 | OpKind::Immediate64
        );
        let pointer = Held::Place(ThreadDistance::Pointer(0));
        match instruction.mnemonic() {
            Mnemonic::Mov if is_immediate => Held::Number(immediate),
            Mnemonic::Mov if instruction.op1_kind() == OpKind::Register => {
                number_of(instruction.op1_register()).map_or(Held::Other, |from| self.held[from])
            }
            Mnemonic::Mov => match (operand, instruction.segment_prefix()) {
                // What stands at `fs:0` is the pointer itself.
                (Some(own), Register::FS) if own == pointer && is_fixed(instruction) => own,
                (Some(Held::Table), Register::GS) => Held::Table,
                (Some(first), Register::None) if self.is_in_table(instruction) => first,
                _ => Held::Other,
            },
            Mnemonic::Lea if instruction.memory_index() == Register::None => {
                operand.unwrap_or(Held::Other)
            }
            Mnemonic::Add if operand == Some(pointer) && is_fixed(instruction) => {
                match self.held[into] {
                    Held::Number(number) => Held::Place(ThreadDistance::Pointer(number)),
                    _ => Held::Other,
                }
            }
            Mnemonic::Add if is_immediate => self.held[into].add(immediate),
            Mnemonic::Sub if is_immediate => self.held[into].add(immediate.wrapping_neg()),
            Mnemonic::Add if instruction.op1_kind() == OpKind::Register => {
                let other = number_of(instruction.op1_register()).map(|from| self.held[from]);
                match (self.held[into], other) {
                    (Held::Place(place), Some(Held::Number(number)))
                    | (Held::Number(number), Some(Held::Place(place))) => {
                        Held::Place(place.add(number))
                    }
                    _ => Held::Other,
                }
            }
            _ => Held::Other,
        }
    }

    fn is_in_table(&self, instruction: &Instruction) -> bool {
        number_of(instruction.memory_base()).is_some_and(|base| self.held[base] == Held::Table)
    }
}

/// Whether the memory operand has no register.
fn is_fixed(instruction: &Instruction) -> bool {
    instruction.memory_base() == Register::None && instruction.memory_index() == Register::None
}

/// Where Windows keeps the table.
const TABLE: i64 = 0x58;

impl Held {
    fn add(self, distance: i64) -> Self {
        match self {
            Self::Place(place) => Self::Place(place.add(distance)),
            Self::Number(number) => Self::Number(number.wrapping_add(distance)),
            Self::Other | Self::Table => Self::Other,
        }
    }
}

/// A general register's number; of a part of one, too.
fn number_of(register: Register) -> Option<usize> {
    register.is_gpr().then(|| register.full_register().number())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: &[u8], firsts: &[u64]) -> Vec<ThreadDistance> {
        let firsts: Vec<_> = firsts.iter().copied().map(VirtualAddress).collect();
        let address = VirtualAddress(0x1000);
        let mut all = Vec::new();
        thread_locals(Piece { code, address }, &firsts, &mut |_, distance| {
            all.push(distance);
        });
        all
    }

    #[test]
    fn the_pointer_is_followed() {
        use ThreadDistance::{First, Pointer};
        // mov rax, fs:0; mov rbx, rax; call; lea rcx, [rbx - 0x20]; mov edx, fs:[-8]
        let code = [
            0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0, 0x48, 0x89, 0xc3, 0xe8, 0, 0, 0, 0, 0x48,
            0x8d, 0x4b, 0xe0, 0x64, 0x8b, 0x14, 0x25, 0xf8, 0xff, 0xff, 0xff,
        ];
        assert_eq!(of(&code, &[]), [Pointer(0), Pointer(-0x20), Pointer(-8)]);
        // The same by rax, which the call changes.
        let mut lost = code;
        lost[19] = 0x48;
        assert_eq!(of(&lost, &[]), [Pointer(0), Pointer(-8)]);
        // mov rax, -16; mov rcx, fs:[rax]: what linkers make of a slot.
        let code = [
            0x48, 0xc7, 0xc0, 0xf0, 0xff, 0xff, 0xff, 0x64, 0x48, 0x8b, 0x08,
        ];
        assert_eq!(of(&code, &[]), [Pointer(-16)]);
        // lea rdi, [rip + 0x10]; call; mov eax, [rax + 0x18]
        let code = [
            0x48, 0x8d, 0x3d, 0x10, 0, 0, 0, 0xe8, 0, 0, 0, 0, 0x8b, 0x40, 0x18,
        ];
        assert_eq!(of(&code, &[0x1017]), [First(0x18)]);
        assert_eq!(of(&code, &[0x1018]), []);
        // mov rcx, gs:[0x58]; mov rcx, [rcx + rax * 8]; mov eax, [rcx + 0x28]
        let code = [
            0x65, 0x48, 0x8b, 0x0c, 0x25, 0x58, 0, 0, 0, 0x48, 0x8b, 0x0c, 0xc1, 0x8b, 0x41, 0x28,
        ];
        assert_eq!(of(&code, &[]), [First(0x28)]);
        // mov rax, fs:[rdi * 8 - 0x40]; mov fs:[rdi - 0x50], sil
        let code = [
            0x64, 0x48, 0x8b, 0x04, 0xfd, 0xc0, 0xff, 0xff, 0xff, 0x64, 0x40, 0x88, 0xb7, 0xb0,
            0xff, 0xff, 0xff,
        ];
        assert_eq!(of(&code, &[]), [Pointer(-0x40), Pointer(-0x50)]);
    }
}
