//! A linear sweep over many functions for what they refer to.
//!
//! Where an instruction starts is known when the one before is measured, and of what kind it is
//! nobody can foretell: a processor that could do several things at once waits, or guesses wrong and
//! begins again. So a few functions are swept side by side, an instruction of each in turn, and what
//! refers to something is only noted, to be looked at later: in two thirds of the time that one after
//! the other takes.

use super::{
    super::{Piece, Reference, ReferenceKind},
    access,
    lengths::Lengths,
    near,
    plain::{SHORT, plain},
};
use crate::address::VirtualAddress;
use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};

/// So many functions are swept side by side.
const LANES: usize = 3;

/// So many instructions are noted before they are looked at.
const NOTES: usize = 256;

/// As [`Disassembler::references`](super::Disassembler::references).
pub(super) fn references(
    pieces: &[Piece<'_>],
    absolute: bool,
    found: &mut dyn FnMut(usize, Reference),
) {
    // Any number may be an address where code is not position-independent.
    if absolute {
        for mut lane in lanes::<false>(pieces) {
            while lane.decode(pieces, true, found) {}
        }
        return;
    }
    all::<false>(pieces, found);
}

/// As [`Disassembler::calls`](super::Disassembler::calls).
pub(super) fn calls(pieces: &[Piece<'_>], found: &mut dyn FnMut(usize, Reference)) {
    all::<true>(pieces, &mut |index, reference| {
        let inside = pieces.get(index).is_some_and(|piece| {
            let distance = reference.to.0.wrapping_sub(piece.address.0);
            distance < piece.code.len() as u64
        });
        if !inside {
            found(index, reference);
        }
    });
}

/// One for each piece.
fn lanes<'a, const BRANCHES: bool>(
    pieces: &[Piece<'a>],
) -> impl Iterator<Item = Lane<'a, BRANCHES>> {
    let pieces = pieces.iter().zip(0..);
    pieces.map(|(piece, index)| Lane::new(piece, piece.code.len(), index))
}

/// What all pieces refer to. With `BRANCHES`, calls and jumps out of a piece too, those through a
/// slot as what they are.
fn all<const BRANCHES: bool>(pieces: &[Piece<'_>], found: &mut dyn FnMut(usize, Reference)) {
    let mut waiting = lanes::<BRANCHES>(pieces);
    let mut lanes: [Lane<'_, BRANCHES>; LANES] =
        std::array::from_fn(|_| waiting.next().unwrap_or(Lane::IDLE));
    sweep(pieces, &mut lanes, &mut waiting, found);
    // What is begun when nothing waits any more has nobody beside it.
    for lane in lanes {
        sweep(pieces, &mut [lane], &mut std::iter::empty(), found);
    }
}

/// Sweeps `lanes` and those that wait, until one is at its end and none waits.
fn sweep<'a, const LANES: usize, const BRANCHES: bool>(
    pieces: &[Piece<'a>],
    lanes: &mut [Lane<'a, BRANCHES>; LANES],
    waiting: &mut impl Iterator<Item = Lane<'a, BRANCHES>>,
    found: &mut dyn FnMut(usize, Reference),
) {
    let lengths = Lengths::get(BRANCHES);
    let mut notes = [(0, 0); NOTES];
    let mut noted = 0;
    'all: loop {
        for lane in &mut *lanes {
            let rest = lane.rest;
            let word = rest.first_chunk().copied();
            let word = u64::from_le_bytes(word.unwrap_or_else(|| end_of(rest)));
            let length = lengths.of(word);
            notes[noted % NOTES] = (lane.index, lane.left);
            noted += usize::from(length.is_relative() | (BRANCHES && lane.leaves(word)));
            if !length.is_doubtful() {
                lane.pass(length.bytes(), length.is_prefix());
            } else if let Some(bytes) = length.indexed(word) {
                lane.pass(bytes, false);
            } else if !lane.step(pieces, found) {
                *lane = waiting.next().unwrap_or(Lane::IDLE);
                if lane.index == Lane::<BRANCHES>::IDLE.index {
                    break 'all;
                }
            }
        }
        if noted > NOTES - LANES {
            look::<BRANCHES>(pieces, &notes[..noted], found);
            noted = 0;
        }
    }
    look::<BRANCHES>(pieces, &notes[..noted], found);
}

/// Looks at instructions that were noted: of which piece, and how many bytes before its end.
fn look<const BRANCHES: bool>(
    pieces: &[Piece<'_>],
    notes: &[(u32, usize)],
    found: &mut dyn FnMut(usize, Reference),
) {
    for (index, left) in notes.iter().copied() {
        if let Some(piece) = pieces.get(index as usize) {
            Lane::<BRANCHES>::new(piece, left, index).step(pieces, found);
        }
    }
}

/// The last bytes of a function, and zeroes behind them; when there are none, what no table knows.
#[cold]
fn end_of(rest: &[u8]) -> [u8; 8] {
    let mut word = if rest.is_empty() { [0x66; 8] } else { [0; 8] };
    word.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    word
}

/// A function that is being swept.
#[derive(Clone, Copy)]
struct Lane<'a, const BRANCHES: bool> {
    /// What is left of it.
    rest: &'a [u8],
    /// How much was left where the instruction began: before its prefixes.
    left: usize,
    /// The size of the whole.
    size: usize,
    /// Which piece it is.
    index: u32,
}

impl<'a, const BRANCHES: bool> Lane<'a, BRANCHES> {
    /// Nothing to do.
    const IDLE: Self = Self {
        rest: &[],
        left: 0,
        size: 0,
        index: u32::MAX,
    };

    /// The last bytes of a piece, `left` of them.
    fn new(piece: &Piece<'a>, left: usize, index: u32) -> Self {
        let from = piece.code.len().saturating_sub(left);
        Self {
            rest: piece.code.get(from..).unwrap_or_default(),
            left,
            size: piece.code.len(),
            index,
        }
    }

    /// Whether `word` begins with a short jump out of the piece.
    #[inline]
    fn leaves(&self, word: u64) -> bool {
        let [opcode, distance, ..] = word.to_le_bytes();
        let next = self.size - self.rest.len() + SHORT;
        let to = next.wrapping_add_signed((distance as i8).into());
        ((opcode & 0xf0 == 0x70) | (opcode == 0xeb)) & (to >= self.size)
    }

    /// Leaves an instruction behind, or only one of its prefixes. Nothing is behind one that is cut
    /// off.
    #[inline]
    fn pass(&mut self, bytes: usize, prefix: bool) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
        self.left = if prefix { self.left } else { self.rest.len() };
    }

    /// Reads the instruction; whether there was one.
    fn step(&mut self, pieces: &[Piece<'a>], found: &mut dyn FnMut(usize, Reference)) -> bool {
        self.back(pieces);
        let Some(plain) = plain(self.rest) else {
            return self.decode(pieces, false, found);
        };
        if let Some(distance) = plain.relative {
            let from = self.address(pieces);
            let next = from.0.wrapping_add(plain.size as u64);
            let to = VirtualAddress(next.wrapping_add_signed(distance.into()));
            let kind = plain.kind.unwrap_or_else(|| {
                let decoded =
                    Decoder::with_ip(64, self.rest, from.0, DecoderOptions::NONE).decode();
                kind_of::<BRANCHES>(&decoded)
            });
            // Whoever does not ask for calls is told that they read the slot.
            let kind = match BRANCHES && plain.leads {
                true => ReferenceKind::Call,
                false => kind,
            };
            found(self.index as usize, Reference { from, to, kind });
        } else if let Some(distance) = plain.branch.filter(|_| BRANCHES) {
            let from = self.address(pieces);
            let next = from.0.wrapping_add(plain.size as u64);
            let to = VirtualAddress(next.wrapping_add_signed(distance.into()));
            let kind = ReferenceKind::Call;
            found(self.index as usize, Reference { from, to, kind });
        }
        self.pass(plain.size, false);
        true
    }

    /// As [`step`](Self::step), by the decoder alone.
    fn decode(
        &mut self,
        pieces: &[Piece<'_>],
        absolute: bool,
        found: &mut dyn FnMut(usize, Reference),
    ) -> bool {
        if self.rest.is_empty() {
            return false;
        }
        let from = self.address(pieces);
        let mut decoder = Decoder::with_ip(64, self.rest, from.0, DecoderOptions::NONE);
        let instruction = decoder.decode();
        let mut found = |reference| found(self.index as usize, reference);
        if instruction.is_ip_rel_memory_operand() {
            let to = VirtualAddress(instruction.ip_rel_memory_address());
            let kind = kind_of::<BRANCHES>(&instruction);
            found(Reference { from, to, kind });
        } else if BRANCHES && near(&instruction) {
            let to = VirtualAddress(instruction.near_branch_target());
            let kind = ReferenceKind::Call;
            found(Reference { from, to, kind });
        } else if absolute {
            absolute_operands(&instruction, &mut found);
        }
        let size = decoder.position().max(1);
        self.pass(size, false);
        true
    }

    /// To where the instruction began.
    fn back(&mut self, pieces: &[Piece<'a>]) {
        if self.left > self.rest.len()
            && let Some(piece) = pieces.get(self.index as usize)
        {
            *self = Self::new(piece, self.left, self.index);
        }
    }

    /// Where the next instruction is loaded.
    fn address(&self, pieces: &[Piece<'_>]) -> VirtualAddress {
        let piece = pieces.get(self.index as usize);
        piece.map_or(VirtualAddress(0), |piece| {
            let at = piece.code.len() - self.rest.len();
            VirtualAddress(piece.address.0.wrapping_add(at as u64))
        })
    }
}

/// How a relative operand refers to its address; with `BRANCHES`, a call through a slot is one.
fn kind_of<const BRANCHES: bool>(instruction: &Instruction) -> ReferenceKind {
    match instruction.mnemonic() {
        Mnemonic::Call | Mnemonic::Jmp if BRANCHES => ReferenceKind::Call,
        _ => access(instruction),
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

    fn of_one(code: &[u8], absolute: bool) -> Vec<(u64, ReferenceKind)> {
        let mut all = Vec::new();
        let address = VirtualAddress(0x1000);
        references(&[Piece { code, address }], absolute, &mut |_, reference| {
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
            of_one(&code, false),
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
        let all = image.section_bytes(section);
        let mut starts: Vec<usize> = image
            .symbols()
            .symbols
            .iter()
            .filter_map(|symbol| symbol.address.checked_since(section.address))
            .map(|start| start as usize)
            .filter(|start| *start < all.len().min(1 << 20))
            .collect();
        starts.sort_unstable();
        starts.dedup();
        // Functions of all sizes, one of which is cut off; fewer than there are lanes, and more.
        let pieces: Vec<Piece<'_>> = starts
            .windows(2)
            .map(|pair| Piece {
                code: &all[pair[0]..pair[1] - pair[0] % 2],
                address: VirtualAddress(section.address.0 + pair[0] as u64),
            })
            .collect();
        assert!(pieces.len() > 1000);
        for pieces in [&pieces[..], &pieces[..1], &pieces[..3], &pieces[..5], &[]] {
            let mut expected = vec![Vec::new(); pieces.len()];
            for (piece, expected) in pieces.iter().zip(&mut expected) {
                let ip = piece.address.0;
                for instruction in &mut Decoder::with_ip(64, piece.code, ip, DecoderOptions::NONE) {
                    if instruction.is_ip_rel_memory_operand() {
                        expected.push(Reference {
                            from: VirtualAddress(instruction.ip()),
                            to: VirtualAddress(instruction.ip_rel_memory_address()),
                            kind: access(&instruction),
                        });
                    }
                }
            }
            let mut found = vec![Vec::new(); pieces.len()];
            references(pieces, false, &mut |piece, reference| {
                found[piece].push(reference)
            });
            for ((piece, found), expected) in pieces.iter().zip(&mut found).zip(&expected) {
                found.sort_unstable_by_key(|reference| reference.from);
                assert_eq!(found, expected, "{piece:x?}");
            }
            let expected = pieces.iter().map(decoded_calls);
            let mut found = vec![Vec::new(); pieces.len()];
            calls(pieces, &mut |piece, reference| found[piece].push(reference));
            for ((piece, found), expected) in pieces.iter().zip(&mut found).zip(expected) {
                found.sort_unstable_by_key(|reference| reference.from);
                assert_eq!(*found, expected, "{piece:x?}");
            }
        }
    }

    /// What leaves a piece, by the decoder.
    fn decoded_calls(piece: &Piece<'_>) -> Vec<Reference> {
        let ip = piece.address.0;
        let mut decoder = Decoder::with_ip(64, piece.code, ip, DecoderOptions::NONE);
        let all = decoder.iter().filter_map(|instruction| {
            let leads = matches!(instruction.mnemonic(), Mnemonic::Call | Mnemonic::Jmp);
            let relative = instruction.is_ip_rel_memory_operand();
            let (to, kind) = match (relative, near(&instruction)) {
                (true, _) if leads => (instruction.ip_rel_memory_address(), ReferenceKind::Call),
                (true, _) => (instruction.ip_rel_memory_address(), access(&instruction)),
                (false, true) => (instruction.near_branch_target(), ReferenceKind::Call),
                (false, false) => return None,
            };
            let outside = !(ip..ip + piece.code.len() as u64).contains(&to);
            let (from, to) = (VirtualAddress(instruction.ip()), VirtualAddress(to));
            outside.then_some(Reference { from, to, kind })
        });
        all.collect()
    }

    #[test]
    fn jumps_out_of_a_piece_are_calls_and_those_within_are_not() {
        // je -4; jmp +0; je +2; ret; jmp [rip + 0x10] behind the prefix REX.W; loop -16
        let code = [
            0x74, 0xfc, 0xeb, 0x00, 0x74, 0x02, 0xc3, 0x48, 0xff, 0x25, 0x10, 0, 0, 0, 0xe2, 0xf0,
        ];
        let piece = Piece {
            code: &code,
            address: VirtualAddress(0x1000),
        };
        let mut all = Vec::new();
        calls(&[piece], &mut |_, reference| {
            all.push((reference.to.0, reference.kind))
        });
        all.sort_unstable_by_key(|(to, _)| *to);
        assert_eq!(
            all,
            [(0x0ffe, ReferenceKind::Call), (0x101e, ReferenceKind::Call)]
        );
    }

    #[test]
    fn plain_numbers_count_only_where_code_is_not_position_independent() {
        // mov edi, 0x402000
        let code = [0xbf, 0x00, 0x20, 0x40, 0x00];
        assert_eq!(of_one(&code, false), []);
        assert_eq!(
            of_one(&code, true),
            [(0x0040_2000, ReferenceKind::Immediate)]
        );
    }
}
