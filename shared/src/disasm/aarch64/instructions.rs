//! Instructions of AArch64 as text, by `yaxpeax-arm`, and by class, by masks.
//!
//! Truth: Arm's "A64 Instruction Set Architecture"; the tests compare with `llvm-objdump -d`.

use super::{
    super::{Flow, Instruction, Target, Vector, Work},
    Near, words,
};
use crate::address::VirtualAddress;
use yaxpeax_arch::{Decoder as _, U8Reader};
use yaxpeax_arm::armv8::a64::InstDecoder;

pub(super) fn decode(code: &[u8], address: VirtualAddress) -> Vec<Instruction> {
    let decoder = InstDecoder::default();
    let mut all = Vec::with_capacity(code.len() / 4);
    for (word, at) in words(code, address) {
        let bytes = word.to_le_bytes();
        let text = decoder.decode(&mut U8Reader::new(&bytes));
        let near = Near::of(word, at);
        let (text, flow) = match text {
            Ok(decoded) => (
                spelled(decoded.to_string(), near.as_ref()),
                flow(word, near.as_ref()),
            ),
            Err(_) => (format!("(bad) {word:#010x}"), Flow::Stop),
        };
        let memory = near.filter(|near| !near.branch && !near.page);
        all.push(Instruction {
            address: at,
            length: 4,
            flow,
            memory: memory.map(|near| near.to),
            work: work(word, &text),
            text,
        });
    }
    // What is left is no instruction.
    let end = address.0.wrapping_add(4 * all.len() as u64);
    for (byte, at) in code.as_chunks::<4>().1.iter().zip(end..) {
        all.push(Instruction {
            address: VirtualAddress(at),
            length: 1,
            text: format!("(bad) {byte:#04x}"),
            flow: Flow::Stop,
            memory: None,
            work: Work::default(),
        });
    }
    all
}

/// With the address that it leads to in place of the distance, `$+0x10`.
fn spelled(text: String, near: Option<&Near>) -> String {
    let (Some(near), Some(at)) = (near, text.find('$')) else {
        return text;
    };
    let (front, rest) = text.split_at(at);
    let distance = |c: char| c == '$' || c == '+' || c == '-' || c.is_ascii_alphanumeric();
    let rest = rest.trim_start_matches(distance);
    format!("{front}{:#x}{rest}", near.to.0)
}

fn flow(word: u32, near: Option<&Near>) -> Flow {
    let to = near.filter(|near| near.branch).map(|near| near.to);
    match (word, to) {
        // bl; b; the others are conditional.
        (_, Some(to)) if word & 0xfc00_0000 == 0x9400_0000 => Flow::Call(Target::Address(to)),
        (_, Some(to)) if word & 0xfc00_0000 == 0x1400_0000 => Flow::Jump(Target::Address(to)),
        (_, Some(to)) => Flow::Branch(to),
        // blr, br, ret and their forms that check signatures
        _ if word & 0xfe00_0000 == 0xd600_0000 => match word >> 21 & 7 {
            1 => Flow::Call(Target::Unknown),
            2 => Flow::Return,
            0 => Flow::Jump(Target::Unknown),
            _ => Flow::Stop,
        },
        // brk, hlt
        _ if word & 0xffe0_001f == 0xd420_0000 || word & 0xffe0_001f == 0xd440_0000 => Flow::Stop,
        // udf
        _ if word >> 16 == 0 => Flow::Stop,
        _ => Flow::Next,
    }
}

fn work(word: u32, text: &str) -> Work {
    let name = text.split_whitespace().next().unwrap_or_default();
    let starts = |names: &[&str]| names.iter().any(|start| name.starts_with(start));
    Work {
        division: starts(&["sdiv", "udiv", "fdiv"]),
        square_root: starts(&["fsqrt"]),
        // Exclusive loads and stores, and the atomic operations of version 8.1.
        locked: starts(&[
            "ldxr", "ldaxr", "stxr", "stlxr", "ldxp", "ldaxp", "stxp", "stlxp",
        ]) || starts(&[
            "cas", "swp", "ldadd", "ldclr", "ldeor", "ldset", "ldsmax", "ldsmin",
        ]) || starts(&["ldumax", "ldumin", "stadd", "stclr", "steor", "stset"]),
        repeated: starts(&["cpy", "setp", "setm", "sete"]),
        vector: vector(word, name, text),
    }
}

fn vector(word: u32, name: &str, text: &str) -> Option<Vector> {
    const PACKED: [&str; 8] = [".16b", ".8b", ".8h", ".4h", ".4s", ".2s", ".2d", ".1d"];
    let packed = PACKED.iter().any(|lanes| text.contains(lanes));
    // Loads and stores of vector registers, and what works on them, alone or in general.
    let memory = word >> 25 & 0b101 == 0b100;
    let uses = match memory {
        true => word >> 26 & 1 == 1,
        false => word >> 25 & 7 == 7,
    };
    let moves = memory
        || [
            "mov", "fmov", "dup", "ins", "umov", "smov", "ext", "movi", "mvni",
        ]
        .contains(&name);
    (uses || packed).then_some(Vector {
        bits: 128,
        // A whole register at once.
        packed: packed || memory && text.contains(" q"),
        moves,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(word: u32) -> Instruction {
        let all = decode(&word.to_le_bytes(), VirtualAddress(0x1000));
        assert_eq!(all.len(), 1, "{all:?}");
        all.into_iter().next().unwrap()
    }

    #[test]
    fn branches_say_where_they_lead() {
        let at = |address| Target::Address(VirtualAddress(address));
        let call = one(0x9400_0004);
        assert_eq!(
            (&*call.text, call.flow),
            ("bl 0x1010", Flow::Call(at(0x1010)))
        );
        assert_eq!(one(0x17ff_ffff).flow, Flow::Jump(at(0xffc)));
        let branch = one(0x5400_0041);
        assert_eq!(branch.flow, Flow::Branch(VirtualAddress(0x1008)));
        assert!(branch.text.ends_with("0x1008"), "{}", branch.text);
        assert_eq!(one(0xd65f_03c0).flow, Flow::Return);
        assert_eq!(one(0xd63f_0100).flow, Flow::Call(Target::Unknown));
        assert_eq!(one(0xd61f_0100).flow, Flow::Jump(Target::Unknown));
        assert_eq!(one(0xd420_0020).flow, Flow::Stop);
        assert_eq!(one(0x0000_0000).flow, Flow::Stop);
        assert_eq!(one(0xd503_201f).flow, Flow::Next);
    }

    #[test]
    fn what_is_dear_is_told() {
        assert!(one(0x9ac1_0800).work.division, "udiv x0, x0, x1");
        assert!(one(0x1e61_c000).work.square_root, "fsqrt d0, d0");
        assert!(one(0xc85f_7c01).work.locked, "ldxr x1, [x0]");
        assert_eq!(one(0x8b01_0000).work, Work::default(), "add x0, x0, x1");
        let vector = |word| one(word).work.vector.map(|it| (it.packed, it.moves));
        assert_eq!(vector(0x4ea1_8400), Some((true, false)), "add v0.4s");
        assert_eq!(vector(0x1e61_2800), Some((false, false)), "fadd d0, d0, d1");
        assert_eq!(vector(0x3dc0_0000), Some((true, true)), "ldr q0, [x0]");
        assert_eq!(vector(0xf940_0000), None, "ldr x0, [x0]");
    }

    #[test]
    fn what_is_no_instruction_covers_its_bytes() {
        let all = decode(&[0xc0, 0x03, 0x5f, 0xd6, 0xaa], VirtualAddress(0x10));
        let all: Vec<_> = all
            .iter()
            .map(|one| (one.length, one.text.as_str()))
            .collect();
        assert_eq!(all, [(4, "ret"), (1, "(bad) 0xaa")]);
    }
}
