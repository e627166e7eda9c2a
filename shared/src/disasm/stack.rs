//! Where a function keeps its return address, read off its machine code: for code without unwind
//! tables, such as hand-written assembly.
//!
//! The stack pointer's way from the function's entry is followed along all paths through its
//! instructions. The answer is a proof as long as the function keeps to the calling convention: one
//! depth at the place that is asked for, on every path that leads there. What moves the stack
//! pointer by an amount that the code does not state (an aligned stack, `alloca`) ends a path, and
//! so does a jump whose target is not in the instruction; without a path there is no answer.
//!
//! Source: the System V ABI for x86-64, "Function Calling Sequence".

use crate::{address::VirtualAddress, image::Architecture};
use iced_x86::{
    Code, Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, Mnemonic,
    OpAccess, OpKind, Register,
};
use std::collections::HashMap;

/// Where a frame's return address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StackFrame {
    /// How many bytes above the stack pointer.
    pub return_address: u64,
    /// Where the caller's frame pointer is.
    pub frame_pointer: FramePointer,
}

/// Where the caller's frame pointer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramePointer {
    /// Still in its register.
    Kept,
    /// On the stack, so many bytes above the stack pointer.
    Saved(u64),
}

/// No function that is worth following has more instructions.
const MOST_INSTRUCTIONS: usize = 20_000;
/// No frame is larger.
const MOST_DEPTH: i64 = 1 << 24;

/// What is known before an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    /// How far the stack pointer is below where it was at the entry.
    depth: i64,
    /// The depth at which the caller's frame pointer was pushed.
    saved: Option<i64>,
    /// Whether the register still has the caller's frame pointer.
    kept: bool,
    /// The depth that the frame pointer points to, where it points into this frame.
    frame: Option<i64>,
}

const ENTRY: State = State {
    depth: 0,
    saved: None,
    kept: true,
    frame: None,
};

/// Where the return address is when the instruction at `at` is about to run, in the function whose
/// machine code from `start` on is `code`. `None` where that is not proven, and on other processors
/// than x86-64.
///
/// Linear in the size of `code`, in time and memory.
pub fn stack_frame(
    architecture: Architecture,
    code: &[u8],
    start: VirtualAddress,
    at: VirtualAddress,
) -> Option<StackFrame> {
    if architecture != Architecture::X86_64 {
        return None;
    }
    let end = start.0.checked_add(code.len() as u64)?;
    let mut facts = InstructionInfoFactory::new();
    let mut known: HashMap<u64, State> = HashMap::new();
    let mut open = vec![(start.0, ENTRY)];
    while let Some((address, state)) = open.pop() {
        if !(start.0..end).contains(&address) {
            continue;
        }
        match known.get(&address) {
            // Two ways with two answers: then nothing is proven.
            Some(other) if *other != state => return None,
            Some(_) => continue,
            None if known.len() >= MOST_INSTRUCTIONS => return None,
            None => {}
        }
        known.insert(address, state);
        let offset = usize::try_from(address - start.0).ok()?;
        let mut decoder = Decoder::with_ip(64, code.get(offset..)?, address, DecoderOptions::NONE);
        let instruction = decoder.decode();
        if instruction.is_invalid() {
            continue;
        }
        let Some(after) = state.after(&instruction, &mut facts) else {
            continue;
        };
        let next = instruction.next_ip();
        match instruction.flow_control() {
            FlowControl::Next | FlowControl::Call | FlowControl::IndirectCall => {
                open.push((next, after));
            }
            FlowControl::ConditionalBranch => {
                open.push((next, after));
                open.push((instruction.near_branch_target(), after));
            }
            FlowControl::UnconditionalBranch => {
                open.push((instruction.near_branch_target(), after));
            }
            FlowControl::Return
            | FlowControl::IndirectBranch
            | FlowControl::Interrupt
            | FlowControl::XbeginXabortXend
            | FlowControl::Exception => {}
        }
    }
    known.get(&at.0)?.frame()
}

/// How far ahead a return is looked for.
const MOST_AHEAD: usize = 64;
/// Deeper than any frame, so that what is ahead may pop.
const BELOW: i64 = MOST_DEPTH / 2;

/// The same for code whose function is not known, such as what is left of a stripped library: by the
/// way from `at`, where `code` begins, to the next return. Jumps on condition are not followed: at
/// whichever return the function ends, its return address is at one place.
pub fn stack_frame_ahead(
    architecture: Architecture,
    code: &[u8],
    at: VirtualAddress,
) -> Option<StackFrame> {
    let mut facts = InstructionInfoFactory::new();
    let mut state = State {
        depth: BELOW,
        ..ENTRY
    };
    for instruction in ahead(architecture, code, at) {
        match instruction.flow_control() {
            FlowControl::Return if state.kept => {
                return Some(StackFrame {
                    return_address: u64::try_from(BELOW - state.depth).ok()?,
                    frame_pointer: FramePointer::Kept,
                });
            }
            FlowControl::Next | FlowControl::ConditionalBranch => {
                state = state.after(&instruction, &mut facts)?;
            }
            _ => return None,
        }
    }
    None
}

/// Whether a thread begins at `at`, where `code` begins: a jump on condition leads to `xor ebp, ebp`,
/// by which the ABI marks the outermost frame. It is so after the system call that makes a thread,
/// which returns twice.
pub fn begins_thread_ahead(architecture: Architecture, code: &[u8], at: VirtualAddress) -> bool {
    let instructions = ahead(architecture, code, at);
    let before_return = instructions.take_while(|it| {
        it.flow_control() == FlowControl::ConditionalBranch
            || it.flow_control() == FlowControl::Next
    });
    let marks = |to: VirtualAddress| {
        let offset = to
            .checked_since(at)
            .and_then(|offset| usize::try_from(offset).ok());
        let code = offset.and_then(|offset| code.get(offset..));
        let first = code.and_then(|code| ahead(architecture, code, to).next());
        first.is_some_and(|it| {
            it.mnemonic() == Mnemonic::Xor
                && it.op0_register() == Register::EBP
                && it.op1_register() == Register::EBP
        })
    };
    let mut jumps = before_return.filter(|it| it.flow_control() == FlowControl::ConditionalBranch);
    jumps.any(|it| {
        marks(VirtualAddress(it.near_branch_target())) || marks(VirtualAddress(it.next_ip()))
    })
}

/// The instructions from `at` on, where `code` begins, in their order.
fn ahead(
    architecture: Architecture,
    code: &[u8],
    at: VirtualAddress,
) -> impl Iterator<Item = Instruction> {
    let code = match architecture {
        Architecture::X86_64 => code,
        _ => &[],
    };
    let decoder = Decoder::with_ip(64, code, at.0, DecoderOptions::NONE);
    let valid = decoder.into_iter().take(MOST_AHEAD);
    valid.take_while(|it| !it.is_invalid())
}

impl State {
    fn frame(self) -> Option<StackFrame> {
        let return_address = u64::try_from(self.depth).ok()?;
        let frame_pointer = match self.saved {
            _ if self.kept => FramePointer::Kept,
            Some(saved) => FramePointer::Saved(u64::try_from(self.depth - saved).ok()?),
            None => return None,
        };
        Some(StackFrame {
            return_address,
            frame_pointer,
        })
    }

    /// The state after an instruction; `None` where it cannot be told.
    fn after(mut self, code: &Instruction, facts: &mut InstructionInfoFactory) -> Option<Self> {
        let first_is =
            |register| code.op0_kind() == OpKind::Register && code.op0_register() == register;
        match code.mnemonic() {
            Mnemonic::Push if first_is(Register::RBP) => {
                self.depth += 8;
                if self.kept {
                    self.saved = Some(self.depth);
                }
            }
            Mnemonic::Pop if first_is(Register::RBP) => {
                self.pop_frame_pointer();
            }
            Mnemonic::Mov if first_is(Register::RBP) && code.op1_register() == Register::RSP => {
                (self.kept, self.frame) = (false, Some(self.depth));
            }
            Mnemonic::Mov if first_is(Register::RSP) && code.op1_register() == Register::RBP => {
                self.depth = self.frame?;
            }
            Mnemonic::Leave if code.code() == Code::Leaveq => {
                self.depth = self.frame?;
                self.pop_frame_pointer();
            }
            Mnemonic::Lea if first_is(Register::RSP) => {
                let base = match code.memory_base() {
                    Register::RSP => self.depth,
                    Register::RBP => self.frame?,
                    _ => return None,
                };
                let plain = code.memory_index() == Register::None;
                let by = code.memory_displacement64().cast_signed();
                self.depth = plain.then(|| base.checked_sub(by)).flatten()?;
            }
            Mnemonic::Sub | Mnemonic::Add if first_is(Register::RSP) => {
                let by = code.try_immediate(1).ok()?.cast_signed();
                self.depth = match code.mnemonic() {
                    Mnemonic::Sub => self.depth.checked_add(by)?,
                    _ => self.depth.checked_sub(by)?,
                };
            }
            Mnemonic::Call => {}
            _ => {
                let moves = i64::from(code.stack_pointer_increment());
                self.depth = self.depth.checked_sub(moves)?;
                let used = facts.info(code);
                for register in used.used_registers() {
                    let writes = !matches!(
                        register.access(),
                        OpAccess::Read
                            | OpAccess::CondRead
                            | OpAccess::NoMemAccess
                            | OpAccess::None
                    );
                    match register.register().full_register() {
                        Register::RSP if writes && moves == 0 => return None,
                        Register::RBP if writes => (self.kept, self.frame) = (false, None),
                        _ => {}
                    }
                }
            }
        }
        (0..MOST_DEPTH).contains(&self.depth).then_some(self)
    }

    fn pop_frame_pointer(&mut self) {
        self.kept = self.saved == Some(self.depth);
        self.frame = None;
        self.depth -= 8;
    }
}

/// Whether the instruction before `at` is a call, and where it leads when the instruction says so.
/// `before` are the bytes before that address, as many as there are.
pub fn call_before(
    architecture: Architecture,
    before: &[u8],
    at: VirtualAddress,
) -> Option<CallTarget> {
    if architecture != Architecture::X86_64 {
        return None;
    }
    // A near call has two to seven bytes; the length that decodes to just one call counts, the
    // direct form first.
    [5_usize, 6, 2, 3, 7, 4].into_iter().find_map(|length| {
        let bytes = before.get(before.len().checked_sub(length)?..)?;
        let start = at.0.checked_sub(length as u64)?;
        let mut decoder = Decoder::with_ip(64, bytes, start, DecoderOptions::NONE);
        let code = decoder.decode();
        if code.is_invalid() || code.len() != length {
            return None;
        }
        match code.flow_control() {
            FlowControl::Call => Some(CallTarget::To(VirtualAddress(code.near_branch_target()))),
            FlowControl::IndirectCall => Some(CallTarget::Computed),
            _ => None,
        }
    })
}

/// Where a call leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallTarget {
    /// To this address.
    To(VirtualAddress),
    /// To an address that is in a register or in memory.
    Computed,
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: VirtualAddress = VirtualAddress(0x1000);

    fn frame(code: &[u8], at: u64) -> Option<StackFrame> {
        stack_frame(
            Architecture::X86_64,
            code,
            START,
            VirtualAddress(START.0 + at),
        )
    }

    fn kept(return_address: u64) -> Option<StackFrame> {
        Some(StackFrame {
            return_address,
            frame_pointer: FramePointer::Kept,
        })
    }

    #[test]
    fn pushes_and_room_for_locals_are_followed_around_a_loop() {
        // push rbx; sub rsp, 24; 1: dec ecx; jnz 1b; add rsp, 24; pop rbx; ret
        let code = [
            0x53, 0x48, 0x83, 0xec, 0x18, 0xff, 0xc9, 0x75, 0xfc, 0x48, 0x83, 0xc4, 0x18, 0x5b,
            0xc3,
        ];
        assert_eq!(frame(&code, 0), kept(0));
        assert_eq!(frame(&code, 1), kept(8));
        assert_eq!(frame(&code, 5), kept(32));
        assert_eq!(frame(&code, 7), kept(32));
        assert_eq!(frame(&code, 13), kept(8));
        assert_eq!(frame(&code, 14), kept(0));
        // In the middle of an instruction.
        assert_eq!(frame(&code, 2), None);
    }

    #[test]
    fn a_frame_pointer_bounds_what_the_code_does_not_state() {
        // push rbp; mov rbp, rsp; and rsp, -64; nop; leave; ret
        let code = [
            0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xe4, 0xc0, 0x90, 0xc9, 0xc3,
        ];
        let saved = |return_address, at| {
            Some(StackFrame {
                return_address,
                frame_pointer: FramePointer::Saved(at),
            })
        };
        assert_eq!(frame(&code, 1), kept(8));
        assert_eq!(frame(&code, 4), saved(8, 0));
        // The stack was aligned: nobody knows by how much.
        assert_eq!(frame(&code, 8), None);
        // push rbp; mov ebp, 7; nop; pop rbp; ret
        let code = [0x55, 0xbd, 7, 0, 0, 0, 0x90, 0x5d, 0xc3];
        assert_eq!(frame(&code, 6), saved(8, 0));
        assert_eq!(frame(&code, 8), kept(0));
        // mov ebp, 7; nop: the caller's is lost.
        assert_eq!(frame(&[0xbd, 7, 0, 0, 0, 0x90], 5), None);
    }

    #[test]
    fn two_ways_with_two_depths_prove_nothing() {
        // jz 1f; push rax; 1: nop; ret
        let code = [0x74, 0x01, 0x50, 0x90, 0xc3];
        assert_eq!(frame(&code, 3), None);
    }

    #[test]
    fn without_a_function_the_way_to_the_return_is_followed() {
        let ahead = |code: &[u8]| stack_frame_ahead(Architecture::X86_64, code, START);
        let begins = |code: &[u8]| begins_thread_ahead(Architecture::X86_64, code, START);
        // test rax, rax; jl 2f; jz 1f; ret; 1: xor ebp, ebp; mov rdi, r8; call rdx; 2: nop
        let clone = [
            0x48, 0x85, 0xc0, 0x7c, 0x0a, 0x74, 0x01, 0xc3, 0x31, 0xed, 0x4c, 0x89, 0xc7, 0xff,
            0xd2, 0x90,
        ];
        assert_eq!(ahead(&clone), kept(0));
        assert!(begins(&clone));
        // add rsp, 24; pop rbx; ret
        let code = [0x48, 0x83, 0xc4, 0x18, 0x5b, 0xc3];
        assert_eq!(ahead(&code), kept(32));
        assert!(!begins(&code));
        // pop rbp; ret: the caller's frame pointer is not known. A call; the end of the code.
        for code in [&[0x5d, 0xc3][..], &[0xff, 0xd2, 0xc3], &[0x90], &[]] {
            assert_eq!(ahead(code), None, "{code:x?}");
        }
        assert_eq!(
            stack_frame_ahead(Architecture::Aarch64, &clone, START),
            None
        );
    }

    #[test]
    fn calls_are_known_by_their_end() {
        let at = VirtualAddress(0x2000);
        let before = |bytes: &[u8]| call_before(Architecture::X86_64, bytes, at);
        let to = CallTarget::To(VirtualAddress(0x2010));
        assert_eq!(before(&[0x90, 0xe8, 0x10, 0, 0, 0]), Some(to));
        // call rax; call [rip+4]; call [rax+8]
        assert_eq!(before(&[0x90, 0xff, 0xd0]), Some(CallTarget::Computed));
        assert_eq!(
            before(&[0xff, 0x15, 4, 0, 0, 0]),
            Some(CallTarget::Computed)
        );
        assert_eq!(before(&[0xff, 0x50, 8]), Some(CallTarget::Computed));
        assert_eq!(before(&[0x90, 0x90, 0x90, 0x90, 0x90, 0x90]), None);
        assert_eq!(before(&[]), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_have_an_answer_or_none(code in proptest::collection::vec(0_u8.., 0..64), at in 0_u64..64) {
            let _ = frame(&code, at);
            let _ = call_before(Architecture::X86_64, &code, START);
            let _ = stack_frame_ahead(Architecture::X86_64, &code, START);
            let _ = begins_thread_ahead(Architecture::X86_64, &code, VirtualAddress(u64::MAX - at));
        }
    }
}
