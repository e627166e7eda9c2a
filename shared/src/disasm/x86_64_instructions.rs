//! Instructions of x86-64 as text and by class, by `iced-x86`.
//!
//! Truth: Intel's manual, volume 2, and AMD's volume 3; the tests compare with `objdump -d`.

use super::{Flow, Instruction, Syntax, Target, Vector, Work};
use crate::address::VirtualAddress;
use iced_x86::{
    Decoder, DecoderOptions, FlowControl, Formatter, GasFormatter, Instruction as Raw,
    IntelFormatter, Mnemonic, OpKind, Register,
};

pub(super) fn decode(code: &[u8], address: VirtualAddress, syntax: Syntax) -> Vec<Instruction> {
    let mut formatter: Box<dyn Formatter> = match syntax {
        Syntax::Intel => Box::new(IntelFormatter::new()),
        Syntax::Att => Box::new(GasFormatter::new()),
    };
    let options = formatter.options_mut();
    options.set_hex_prefix("0x");
    options.set_hex_suffix("");
    options.set_uppercase_hex(false);
    options.set_space_after_operand_separator(true);
    options.set_space_between_memory_add_operators(true);
    options.set_branch_leading_zeros(false);
    options.set_rip_relative_addresses(true);
    options.set_show_branch_size(false);

    let mut decoder = Decoder::with_ip(64, code, address.0, DecoderOptions::NONE);
    let mut raw = Raw::default();
    let mut all = Vec::with_capacity(code.len() / 4);
    while decoder.can_decode() {
        let start = decoder.position();
        let at = VirtualAddress(decoder.ip());
        decoder.decode_out(&mut raw);
        if raw.is_invalid() {
            let byte = code.get(start).copied().unwrap_or_default();
            all.push(Instruction {
                address: at,
                length: 1,
                text: format!("(bad) {byte:#04x}"),
                flow: Flow::Stop,
                memory: None,
                work: Work::default(),
            });
            // The next byte may start an instruction, as other disassemblers assume too.
            decoder.set_ip(at.0.wrapping_add(1));
            if decoder.set_position(start + 1).is_err() {
                break;
            }
            continue;
        }
        let mut text = String::with_capacity(32);
        formatter.format(&raw, &mut text);
        all.push(Instruction {
            address: at,
            // An instruction has at most fifteen bytes.
            length: (decoder.position() - start) as u8,
            text,
            flow: flow(&raw),
            memory: memory(&raw),
            work: work(&raw),
        });
    }
    all
}

fn flow(raw: &Raw) -> Flow {
    match raw.flow_control() {
        FlowControl::Next | FlowControl::XbeginXabortXend => Flow::Next,
        // A system call returns; `int3` and the like do not go on in a program without debugger.
        FlowControl::Interrupt => match raw.mnemonic() {
            Mnemonic::Int3 | Mnemonic::Int1 => Flow::Stop,
            _ => Flow::Next,
        },
        FlowControl::Exception => Flow::Stop,
        FlowControl::Return => Flow::Return,
        FlowControl::Call => match raw.mnemonic() {
            Mnemonic::Call => Flow::Call(target(raw)),
            _ => Flow::Next,
        },
        FlowControl::IndirectCall => Flow::Call(target(raw)),
        FlowControl::UnconditionalBranch | FlowControl::IndirectBranch => Flow::Jump(target(raw)),
        FlowControl::ConditionalBranch => Flow::Branch(VirtualAddress(raw.near_branch_target())),
    }
}

fn target(raw: &Raw) -> Target {
    match raw.op0_kind() {
        OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64 => {
            Target::Address(VirtualAddress(raw.near_branch_target()))
        }
        OpKind::Memory => memory(raw).map_or(Target::Unknown, Target::Slot),
        _ => Target::Unknown,
    }
}

/// The address of the memory operand, where neither registers nor segments have a say in it.
fn memory(raw: &Raw) -> Option<VirtualAddress> {
    if raw.is_ip_rel_memory_operand() {
        return Some(VirtualAddress(raw.ip_rel_memory_address()));
    }
    let has_memory = (0..raw.op_count()).any(|operand| raw.op_kind(operand) == OpKind::Memory);
    let plain = raw.memory_base() == Register::None
        && raw.memory_index() == Register::None
        && !matches!(raw.segment_prefix(), Register::FS | Register::GS);
    (has_memory && plain).then(|| VirtualAddress(raw.memory_displacement64()))
}

fn work(raw: &Raw) -> Work {
    let name = format!("{:?}", raw.mnemonic()).to_ascii_lowercase();
    // `vdivps` and `divps` are one.
    let plain = name.strip_prefix('v').unwrap_or(&name);
    let exchanges = raw.mnemonic() == Mnemonic::Xchg
        && (raw.op0_kind() == OpKind::Memory || raw.op1_kind() == OpKind::Memory);
    Work {
        division: ["div", "idiv", "fdiv", "fidiv"]
            .iter()
            .any(|start| plain.starts_with(start)),
        square_root: plain.starts_with("sqrt") || plain == "fsqrt",
        locked: raw.has_lock_prefix() || exchanges,
        repeated: raw.is_string_instruction() && (raw.has_rep_prefix() || raw.has_repne_prefix()),
        vector: vector(raw, plain),
    }
}

fn vector(raw: &Raw, plain: &str) -> Option<Vector> {
    let widths = (0..raw.op_count()).filter(|operand| raw.op_kind(*operand) == OpKind::Register);
    let bits = widths
        .filter_map(|operand| {
            let register = raw.op_register(operand);
            match () {
                () if register.is_zmm() => Some(512),
                () if register.is_ymm() => Some(256),
                () if register.is_xmm() => Some(128),
                () => None,
            }
        })
        .max()?;
    // The last letters of a name say what it works on: `ss`, `sd` (and `sh`) one lane. Whole
    // numbers go between register files one at a time.
    let scalar = ["ss", "sd", "sh", "si"]
        .iter()
        .any(|end| plain.ends_with(end))
        || [
            "movd",
            "movq",
            "pextr",
            "pinsr",
            "extractps",
            "cvtsi2",
            "cvtusi2",
        ]
        .iter()
        .any(|start| plain.starts_with(start) && !plain.starts_with("movdq"))
            && !plain.starts_with("movddup")
        || [
            "cvtss2", "cvtsd2", "cvttss2", "cvttsd2", "roundss", "roundsd",
        ]
        .iter()
        .any(|start| plain.starts_with(start));
    let moves = plain.starts_with("mov")
        || plain.starts_with("lddqu")
        || plain.starts_with("pextr")
        || plain.starts_with("pinsr")
        // Clearing a register moves nothing into it.
        || matches!(plain, "xorps" | "pxor" | "xorpd")
            && raw.op_register(raw.op_count().saturating_sub(1))
                == raw.op_register(raw.op_count().saturating_sub(2));
    Some(Vector {
        bits,
        packed: !scalar,
        moves,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(code: &[u8]) -> Instruction {
        let all = decode(code, VirtualAddress(0x1000), Syntax::Intel);
        assert_eq!(all.len(), 1, "{all:?}");
        all.into_iter().next().unwrap()
    }

    #[test]
    fn calls_and_jumps_say_where_they_lead() {
        let flow = |code: &[u8]| one(code).flow;
        let at = |address| Target::Address(VirtualAddress(address));
        assert_eq!(flow(&[0xe8, 0, 0, 0, 0]), Flow::Call(at(0x1005)));
        // call [rip + 0x10]: the slot counts from the end of the instruction.
        assert_eq!(
            flow(&[0xff, 0x15, 0x10, 0, 0, 0]),
            Flow::Call(Target::Slot(VirtualAddress(0x1016)))
        );
        assert_eq!(
            flow(&[0xff, 0x25, 0x10, 0, 0, 0]),
            Flow::Jump(Target::Slot(VirtualAddress(0x1016)))
        );
        // call rax; call [rax + 8]; jmp rax
        assert_eq!(flow(&[0xff, 0xd0]), Flow::Call(Target::Unknown));
        assert_eq!(flow(&[0xff, 0x50, 8]), Flow::Call(Target::Unknown));
        assert_eq!(flow(&[0xff, 0xe0]), Flow::Jump(Target::Unknown));
        assert_eq!(flow(&[0xeb, 0xfe]), Flow::Jump(at(0x1000)));
        assert_eq!(flow(&[0x72, 0x02]), Flow::Branch(VirtualAddress(0x1004)));
        assert_eq!(flow(&[0xc3]), Flow::Return);
        assert_eq!(flow(&[0x0f, 0x0b]), Flow::Stop);
        assert_eq!(flow(&[0xcc]), Flow::Stop);
        // syscall goes on.
        assert_eq!(flow(&[0x0f, 0x05]), Flow::Next);
    }

    #[test]
    fn a_thread_local_slot_is_no_address() {
        // mov rax, fs:[0x28]
        let code = [0x64, 0x48, 0x8b, 0x04, 0x25, 0x28, 0, 0, 0];
        assert_eq!(one(&code).memory, None);
        // lea rax, [rip + 0x10]
        let code = [0x48, 0x8d, 0x05, 0x10, 0, 0, 0];
        assert_eq!(one(&code).memory, Some(VirtualAddress(0x1017)));
    }

    #[test]
    fn what_is_dear_is_told() {
        let work = |code: &[u8]| one(code).work;
        assert!(work(&[0x48, 0xf7, 0xf1]).division, "div rcx");
        assert!(work(&[0xf2, 0x0f, 0x5e, 0xc1]).division, "divsd");
        assert!(work(&[0xf2, 0x0f, 0x51, 0xc1]).square_root, "sqrtsd");
        assert!(work(&[0xf0, 0x48, 0xff, 0x07]).locked, "lock inc");
        assert!(work(&[0x48, 0x87, 0x07]).locked, "xchg [rdi], rax");
        assert!(!work(&[0x48, 0x87, 0xc1]).locked, "xchg rcx, rax");
        assert!(work(&[0xf3, 0x48, 0xa5]).repeated, "rep movsq");
        assert!(!work(&[0xf3, 0xc3]).repeated, "rep ret");
        assert_eq!(work(&[0x48, 0x01, 0xc8]), Work::default(), "add");
    }

    #[test]
    fn lanes_and_widths_of_vectors() {
        let vector = |code: &[u8]| one(code).work.vector.map(|v| (v.bits, v.packed, v.moves));
        assert_eq!(
            vector(&[0x0f, 0x58, 0xc1]),
            Some((128, true, false)),
            "addps"
        );
        assert_eq!(
            vector(&[0xf2, 0x0f, 0x58, 0xc1]),
            Some((128, false, false)),
            "addsd"
        );
        assert_eq!(
            vector(&[0xc5, 0xf4, 0x58, 0xc1]),
            Some((256, true, false)),
            "vaddps ymm"
        );
        assert_eq!(
            vector(&[0x0f, 0x10, 0x07]),
            Some((128, true, true)),
            "movups"
        );
        assert_eq!(
            vector(&[0x66, 0x48, 0x0f, 0x6e, 0xc7]),
            Some((128, false, true)),
            "movq xmm0, rdi"
        );
        assert_eq!(
            vector(&[0x66, 0x0f, 0xfe, 0xc1]),
            Some((128, true, false)),
            "paddd"
        );
        assert_eq!(
            vector(&[0x0f, 0x57, 0xc0]),
            Some((128, true, true)),
            "xorps self"
        );
        assert_eq!(
            vector(&[0xf2, 0x48, 0x0f, 0x2a, 0xc7]),
            Some((128, false, false)),
            "cvtsi2sd"
        );
        assert_eq!(vector(&[0x48, 0x01, 0xc8]), None);
    }

    #[test]
    fn what_is_no_instruction_covers_its_byte() {
        let all = decode(&[0x06, 0xc3, 0x48], VirtualAddress(0x10), Syntax::Intel);
        let all: Vec<_> = all
            .iter()
            .map(|i| (i.address.0, i.length, i.text.as_str()))
            .collect();
        assert_eq!(
            all,
            [
                (0x10, 1, "(bad) 0x06"),
                (0x11, 1, "ret"),
                (0x12, 1, "(bad) 0x48")
            ]
        );
    }

    #[test]
    fn both_syntaxes() {
        let code = [0x48, 0x8b, 0x47, 0x08];
        let text = |syntax| decode(&code, VirtualAddress(0), syntax)[0].text.clone();
        assert_eq!(text(Syntax::Intel), "mov rax, [rdi + 8]");
        assert_eq!(text(Syntax::Att), "mov 8(%rdi), %rax");
    }

    #[test]
    fn prefixes_are_not_mnemonics() {
        assert_eq!(one(&[0xf0, 0x48, 0xff, 0x07]).mnemonic(), "inc");
        assert_eq!(one(&[0xc3]).mnemonic(), "ret");
    }
}
