//! Which functions call which, without decoding all of the code.
//!
//! A direct call or jump leads to the start of a function. Bytes that only look like one lead there
//! once in a hundred thousand times, so the opcode and its distance are enough.

use super::{Slots, code_of};
use codecost::{
    address::VirtualAddress,
    attribution::CodeMap,
    image::{Architecture, Image},
};
use rayon::prelude::*;

/// Pairs of a function and one that it calls, by the first, each once.
pub(super) fn find(image: &Image<'_>, slots: &Slots, code: &CodeMap) -> Vec<(u32, u32)> {
    let lists: Vec<Vec<(u32, u32)>> = (0..code.functions.len())
        .into_par_iter()
        .with_min_len(256)
        .fold(Vec::new, |mut found, at| {
            let function = &code.functions[at];
            let body = code_of(image, function);
            let mut own = Vec::new();
            let mut leads = |to: VirtualAddress| {
                let to = code.at(to).filter(|callee| {
                    code.functions[*callee as usize].range.start == to && *callee as usize != at
                });
                own.extend(to.map(|to| (at as u32, to)));
            };
            match image.architecture {
                Architecture::X86_64 => {
                    near(body, function.range.start, &mut leads);
                    through(body, function.range.start, &mut |slot| {
                        slots.target(slot).into_iter().for_each(&mut leads);
                    });
                }
                Architecture::Aarch64 => words(body, function.range.start, &mut leads),
                _ => {}
            }
            own.sort_unstable();
            own.dedup();
            found.extend(own);
            found
        })
        .collect();
    lists.concat()
}

/// `call` and `jmp` with a distance of four bytes.
fn near(body: &[u8], start: VirtualAddress, found: &mut impl FnMut(VirtualAddress)) {
    for at in memchr::memchr2_iter(0xe8, 0xe9, body) {
        let Some(distance) = body.get(at + 1..).and_then(<[u8]>::first_chunk::<4>) else {
            return;
        };
        let next = start.0.wrapping_add(at as u64 + 5);
        let distance = i64::from(i32::from_le_bytes(*distance));
        found(VirtualAddress(next.wrapping_add_signed(distance)));
    }
}

/// `call` and `jmp` through a slot.
fn through(body: &[u8], start: VirtualAddress, found: &mut impl FnMut(VirtualAddress)) {
    for at in memchr::memchr_iter(0xff, body) {
        let Some([0x15 | 0x25, distance @ ..]) =
            body.get(at + 1..).and_then(<[u8]>::first_chunk::<5>)
        else {
            continue;
        };
        let next = start.0.wrapping_add(at as u64 + 6);
        let distance = i64::from(i32::from_le_bytes(*distance));
        found(VirtualAddress(next.wrapping_add_signed(distance)));
    }
}

/// `b` and `bl`.
fn words(body: &[u8], start: VirtualAddress, found: &mut impl FnMut(VirtualAddress)) {
    let (words, _) = body.as_chunks::<4>();
    for (word, at) in words.iter().zip((start.0..).step_by(4)) {
        let word = u32::from_le_bytes(*word);
        if word & 0x7c00_0000 == 0x1400_0000 {
            let distance = i64::from((word << 6).cast_signed() >> 6) * 4;
            found(VirtualAddress(at.wrapping_add_signed(distance)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_found_without_decoding() {
        let start = VirtualAddress(0x1000);
        let mut all = Vec::new();
        // call 0x2000; jmp 0x1800; a distance that is cut off
        let body = [0xe8, 0xfb, 0x0f, 0, 0, 0xe9, 0xf6, 0x07, 0, 0, 0xe8, 0, 0];
        near(&body, start, &mut |to| all.push(to.0));
        assert_eq!(all, [0x2000, 0x1800]);
        all.clear();
        // call [rip + 0x10]; jmp [rip + 0x10]
        let body = [0xff, 0x15, 0x10, 0, 0, 0, 0xff, 0x25, 0x10, 0, 0, 0, 0xff];
        through(&body, start, &mut |slot| all.push(slot.0));
        assert_eq!(all, [0x1016, 0x101c]);
        all.clear();
        // bl 0x2000; b 0xffc; ret
        let body = [0x9400_0400_u32, 0x17ff_fffe, 0xd65f_03c0];
        let body: Vec<u8> = body.iter().flat_map(|word| word.to_le_bytes()).collect();
        words(&body, start, &mut |to| all.push(to.0));
        assert_eq!(all, [0x2000, 0xffc]);
    }
}
