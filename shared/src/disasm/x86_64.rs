//! x86-64, by `iced-x86`.

mod plain;

use super::{Disassembler, Instruction as Decoded, Lister, Reference, ReferenceKind, Syntax};
use crate::address::{Range, VirtualAddress};
use iced_x86::{Code, Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};
use std::hash::{DefaultHasher, Hash, Hasher};

pub(super) struct X86_64;

impl Lister for X86_64 {
    fn instructions(&self, code: &[u8], address: VirtualAddress, syntax: Syntax) -> Vec<Decoded> {
        super::x86_64_instructions::decode(code, address, syntax)
    }
}

impl Disassembler for X86_64 {
    fn references(
        &self,
        code: &[u8],
        address: VirtualAddress,
        absolute: bool,
        found: &mut dyn FnMut(Reference),
    ) {
        let mut decoder = Decoder::with_ip(64, code, address.0, DecoderOptions::NONE);
        let mut instruction = Instruction::default();
        let mut decode = |at: usize, instruction: &mut Instruction| {
            // Nowhere behind the end, so it can be set.
            let _ = decoder.set_position(at);
            decoder.set_ip(address.0.wrapping_add(at as u64));
            decoder.decode_out(instruction);
            decoder.position()
        };
        let mut at = 0;
        while let Some(rest) = code.get(at..).filter(|rest| !rest.is_empty()) {
            let from = VirtualAddress(address.0.wrapping_add(at as u64));
            // Any number may be an address where code is not position-independent.
            let word = rest.first_chunk().filter(|_| !absolute);
            let simple = word.map_or(0, |word| plain::simple(u64::from_le_bytes(*word)));
            if simple > 0 && simple <= rest.len() {
                at += simple;
                continue;
            }
            if !absolute && let Some(plain) = plain::plain(rest) {
                if let Some(distance) = plain.relative {
                    let next = from.0.wrapping_add(plain.size as u64);
                    let to = VirtualAddress(next.wrapping_add_signed(distance.into()));
                    let kind = plain.kind.unwrap_or_else(|| {
                        decode(at, &mut instruction);
                        access(&instruction)
                    });
                    found(Reference { from, to, kind });
                }
                at += plain.size;
                continue;
            }
            at = decode(at, &mut instruction).max(at + 1);
            if instruction.is_ip_rel_memory_operand() {
                let to = VirtualAddress(instruction.ip_rel_memory_address());
                let kind = access(&instruction);
                found(Reference { from, to, kind });
            } else if absolute {
                absolute_operands(&instruction, found);
            }
        }
    }

    fn position_free(&self, code: &[u8], address: VirtualAddress) -> u64 {
        let mut hasher = DefaultHasher::new();
        let mut decoder = Decoder::with_ip(64, code, address.0, DecoderOptions::NONE);
        let mut instruction = Instruction::default();
        let inside = Range::<VirtualAddress>::new(address, code.len() as u64);
        let lead = |hasher: &mut DefaultHasher, target: u64| {
            let target = VirtualAddress(target);
            if inside.contains(target) {
                (0_u8, target.0 - address.0).hash(hasher);
            } else {
                (1_u8, target.0).hash(hasher);
            }
        };
        while decoder.can_decode() {
            let start = decoder.position();
            decoder.decode_out(&mut instruction);
            let bytes = code.get(start..decoder.position()).unwrap_or_default();
            let offsets = decoder.get_constant_offsets(&instruction);
            let relative = instruction.is_ip_rel_memory_operand();
            let near = matches!(
                instruction.op0_kind(),
                OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64
            ) && instruction.op_count() > 0;
            let (from, size) = if relative && offsets.has_displacement() {
                (offsets.displacement_offset(), offsets.displacement_size())
            } else if near && offsets.has_immediate() {
                (offsets.immediate_offset(), offsets.immediate_size())
            } else {
                bytes.hash(&mut hasher);
                continue;
            };
            bytes.get(..from).hash(&mut hasher);
            bytes.get(from + size..).hash(&mut hasher);
            if relative {
                lead(&mut hasher, instruction.ip_rel_memory_address());
            } else {
                lead(&mut hasher, instruction.near_branch_target());
            }
        }
        hasher.finish()
    }

    fn calls(&self, code: &[u8], address: VirtualAddress, found: &mut dyn FnMut(Reference)) {
        let mut decoder = Decoder::with_ip(64, code, address.0, DecoderOptions::NONE);
        let mut instruction = Instruction::default();
        let inside = Range::<VirtualAddress>::new(address, code.len() as u64);
        while decoder.can_decode() {
            decoder.decode_out(&mut instruction);
            let near = matches!(
                instruction.op0_kind(),
                OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64
            );
            let (to, kind) = if instruction.is_ip_rel_memory_operand() {
                (instruction.ip_rel_memory_address(), access(&instruction))
            } else if near {
                (instruction.near_branch_target(), ReferenceKind::Address)
            } else {
                continue;
            };
            let to = VirtualAddress(to);
            if !inside.contains(to) {
                found(Reference {
                    from: VirtualAddress(instruction.ip()),
                    to,
                    kind,
                });
            }
        }
    }

    fn is_padding(&self, code: &[u8]) -> bool {
        // Zeroes and int3 are the linkers' fillers; the rest are the assemblers' long nops.
        if code.iter().all(|byte| *byte == 0) || code.iter().all(|byte| *byte == 0xcc) {
            return true;
        }
        let mut decoder = Decoder::with_ip(64, code, 0, DecoderOptions::NONE);
        let mut instruction = Instruction::default();
        while decoder.can_decode() {
            decoder.decode_out(&mut instruction);
            let nothing = matches!(instruction.mnemonic(), Mnemonic::Nop | Mnemonic::Int3)
                // `xchg ax, ax` is a nop of two bytes.
                || matches!(instruction.code(), Code::Nopw | Code::Nopd | Code::Nopq)
                || (instruction.mnemonic() == Mnemonic::Xchg
                    && instruction.op0_register() == instruction.op1_register());
            if !nothing {
                return false;
            }
        }
        true
    }
}

fn access(instruction: &Instruction) -> ReferenceKind {
    if instruction.mnemonic() == Mnemonic::Lea {
        ReferenceKind::Address
    } else {
        let size = instruction.memory_size().size();
        ReferenceKind::Access(u16::try_from(size).unwrap_or_default())
    }
}

/// Addresses as plain numbers: `mov edi, offset table`, `mov eax, [table + rcx * 4]`.
fn absolute_operands(instruction: &Instruction, found: &mut dyn FnMut(Reference)) {
    let from = VirtualAddress(instruction.ip());
    for operand in 0..instruction.op_count() {
        match instruction.op_kind(operand) {
            OpKind::Immediate32 | OpKind::Immediate64 | OpKind::Immediate32to64 => {
                let to = VirtualAddress(instruction.immediate(operand));
                found(Reference {
                    from,
                    to,
                    kind: ReferenceKind::Immediate,
                });
            }
            OpKind::Memory if instruction.memory_displ_size() >= 4 => {
                let to = VirtualAddress(instruction.memory_displacement64());
                let plain = instruction.memory_base() == Register::None
                    && instruction.memory_index() == Register::None;
                let kind = if plain {
                    access(instruction)
                } else {
                    ReferenceKind::Immediate
                };
                found(Reference { from, to, kind });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(code: &[u8], absolute: bool) -> Vec<(u64, ReferenceKind)> {
        let mut all = Vec::new();
        X86_64.references(code, VirtualAddress(0x1000), absolute, &mut |reference| {
            all.push((reference.to.0, reference.kind));
        });
        all
    }

    #[test]
    fn relative_operands_are_taken_from_the_end_of_the_instruction() {
        // lea rax, [rip + 0x10]; movaps xmm0, [rip + 0x20]
        let code = [
            0x48, 0x8d, 0x05, 0x10, 0, 0, 0, 0x0f, 0x28, 0x05, 0x20, 0, 0, 0,
        ];
        assert_eq!(
            references(&code, false),
            [
                (0x1017, ReferenceKind::Address),
                (0x102e, ReferenceKind::Access(16))
            ]
        );
    }

    #[test]
    fn references_of_real_code_are_those_of_decoding_all_of_it() {
        let path = std::env::current_exe().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let image = crate::image::Image::parse(&path, &bytes).unwrap();
        let (_, section) = image.section(".text").unwrap();
        let code = image.section_bytes(section);
        let code = &code[..code.len().min(1 << 20)];
        let mut expected = Vec::new();
        let mut decoder = Decoder::with_ip(64, code, section.address.0, DecoderOptions::NONE);
        for instruction in &mut decoder {
            if instruction.is_ip_rel_memory_operand() {
                expected.push(Reference {
                    from: VirtualAddress(instruction.ip()),
                    to: VirtualAddress(instruction.ip_rel_memory_address()),
                    kind: access(&instruction),
                });
            }
        }
        let mut found = Vec::new();
        X86_64.references(code, section.address, false, &mut |reference| {
            found.push(reference);
        });
        assert!(expected.len() > 1000);
        assert!(found == expected);
    }

    #[test]
    fn plain_numbers_count_only_where_code_is_not_position_independent() {
        // mov edi, 0x402000
        let code = [0xbf, 0x00, 0x20, 0x40, 0x00];
        assert_eq!(references(&code, false), []);
        assert_eq!(
            references(&code, true),
            [(0x0040_2000, ReferenceKind::Immediate)]
        );
    }

    #[test]
    fn the_same_code_elsewhere_has_the_same_hash() {
        // call 0x2000; jmp to the start; ret: at 0x1000 and at 0x1100.
        let one = [0xe8, 0xfb, 0x0f, 0, 0, 0xeb, 0xf9, 0xc3];
        let two = [0xe8, 0xfb, 0x0e, 0, 0, 0xeb, 0xf9, 0xc3];
        let hash = |code: &[u8], at| X86_64.position_free(code, VirtualAddress(at));
        assert_eq!(hash(&one, 0x1000), hash(&two, 0x1100));
        // The same bytes lead elsewhere.
        assert_ne!(hash(&one, 0x1000), hash(&one, 0x1100));
    }

    #[test]
    fn nops_of_all_lengths_are_padding_and_code_is_not() {
        assert!(X86_64.is_padding(&[0x66, 0x90, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0]));
        assert!(X86_64.is_padding(&[0xcc; 7]));
        assert!(X86_64.is_padding(&[0; 3]));
        assert!(!X86_64.is_padding(&[0xc3]));
        assert!(!X86_64.is_padding(&[0x90, 0xc3]));
    }
}
