//! x86, of 32 and of 64 bits, by `iced-x86`.

use super::{Step, Steps};
use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind, Register};

pub(super) struct Decoded<'c> {
    code: &'c [u8],
    start: u64,
    decoder: Decoder<'c>,
    instruction: Instruction,
}

impl<'c> Decoded<'c> {
    pub(super) fn new(bits: u32, code: &'c [u8], address: u64) -> Self {
        Self {
            code,
            start: address,
            decoder: Decoder::with_ip(bits, code, address, DecoderOptions::NONE),
            instruction: Instruction::default(),
        }
    }
}

impl Steps for Decoded<'_> {
    fn next(&mut self) -> Option<(usize, Step)> {
        if !self.decoder.can_decode() {
            return None;
        }
        let place = self.decoder.position();
        self.decoder.decode_out(&mut self.instruction);
        if self.instruction.is_invalid() {
            // The next byte may start an instruction.
            self.skip_to(place + 1);
            return Some((place, Step::Next));
        }
        let zeroes = self.code.get(place..place + 2) == Some(&[0, 0]);
        let step = match zeroes {
            true => Step::Zeroes,
            false => step(&self.instruction),
        };
        Some((place, step))
    }

    fn skip_to(&mut self, place: usize) {
        let place = place.min(self.code.len());
        self.decoder.set_ip(self.start.wrapping_add(place as u64));
        if self.decoder.set_position(place).is_err() {
            // No place within the code is refused.
            self.decoder = Decoder::new(self.decoder.bitness(), &[], DecoderOptions::NONE);
        }
    }
}

fn step(instruction: &Instruction) -> Step {
    let near = matches!(
        instruction.op0_kind(),
        OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64
    );
    let to = instruction.near_branch_target();
    match instruction.flow_control() {
        FlowControl::Next => plain(instruction),
        // How position-independent code of 32 bits learns where it is.
        FlowControl::Call if near && to == instruction.next_ip() => Step::Next,
        FlowControl::Call if near => Step::Call(to),
        FlowControl::ConditionalBranch if near => Step::Branch(to),
        FlowControl::UnconditionalBranch if near => Step::Jump(to),
        FlowControl::IndirectBranch => match table(instruction) {
            Some(table) => Step::Table(table),
            // By way of a slot, to another function.
            None if instruction.is_ip_rel_memory_operand() => Step::End,
            None => Step::Indirect,
        },
        FlowControl::UnconditionalBranch | FlowControl::Return | FlowControl::Exception => {
            Step::End
        }
        FlowControl::Interrupt => match instruction.mnemonic() {
            Mnemonic::Int3 => Step::Trap,
            // `__fastfail` of Windows.
            Mnemonic::Int if instruction.immediate8() == 0x29 => Step::End,
            _ => Step::Next,
        },
        FlowControl::Call
        | FlowControl::IndirectCall
        | FlowControl::ConditionalBranch
        | FlowControl::XbeginXabortXend => Step::Next,
    }
}

fn plain(instruction: &Instruction) -> Step {
    match instruction.mnemonic() {
        Mnemonic::Nop => Step::Nothing,
        Mnemonic::Xchg
            if instruction.op1_kind() == OpKind::Register
                && instruction.op0_register() == instruction.op1_register() =>
        {
            Step::Nothing
        }
        Mnemonic::Lea if instruction.is_ip_rel_memory_operand() => {
            Step::Address(instruction.ip_rel_memory_address())
        }
        // `lea esi, [esi + 0]`, a long nop of 32-bit assemblers.
        Mnemonic::Lea
            if instruction.memory_base() == instruction.op0_register()
                && instruction.memory_index() == Register::None
                && instruction.memory_displacement64() == 0 =>
        {
            Step::Nothing
        }
        _ => Step::Next,
    }
}

/// The table of addresses that a jump chooses from.
fn table(instruction: &Instruction) -> Option<u64> {
    let chooses = instruction.op0_kind() == OpKind::Memory
        && instruction.memory_base() == Register::None
        && instruction.memory_index() != Register::None
        && matches!(instruction.memory_index_scale(), 4 | 8);
    chooses.then(|| instruction.memory_displacement64())
}
