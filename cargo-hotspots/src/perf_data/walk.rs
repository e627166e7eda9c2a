//! The way out of a stack: the registers that unwinding follows, and the copy of the stack.

use super::{
    registers::{AllRegisters, Processor},
    sample::{Registers, StackCopy},
};
use codecost::disasm::{FramePointer, StackFrame};
use framehop::{aarch64::UnwindRegsAarch64, x86_64::UnwindRegsX86_64};

/// A stack of 64 KiB, the largest copy, has room for half as many.
pub(super) const MAX_FRAMES: usize = 16 << 10;
/// How far after the end of the copy the next frame may be: more than any local variable takes.
const MAX_GAP: u64 = 64 << 20;

/// Whether a stack may be there: at either end of memory is none, and framehop adds to addresses without
/// a check.
pub(super) fn is_plausible(stack_pointer: u64) -> bool {
    (0x1000..u64::MAX - (1 << 40)).contains(&stack_pointer)
}

impl StackCopy<'_> {
    /// Whether so far from its start the stack goes on, if it is not in the copy.
    pub(super) fn is_beyond(&self, offset: u64) -> bool {
        offset < self.bytes.len() as u64 + MAX_GAP
    }
}

/// Why a stack ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// At the first function of its thread.
    Root,
    /// At the end of the copy.
    Truncated,
    /// Somewhere in between.
    Lost,
}

/// The way out of a stack.
pub(super) struct Walk<'d> {
    pub(super) registers: WalkRegisters,
    /// The address of the stack's first byte.
    pub(super) start: u64,
    pub(super) stack: StackCopy<'d>,
    /// The frames so far.
    pub(super) frames: usize,
    /// Whether the function is at its next instruction, as the innermost one is and one that a signal
    /// interrupted; all others are at a call.
    pub(super) is_exact: bool,
    /// The registers as they were at the innermost frame, or where a signal interrupted the program,
    /// and how many frames were before.
    pub(super) known: (usize, Known<'d>),
}

/// All registers, as far as they are known.
pub(super) enum Known<'d> {
    Sampled(Registers<'d>),
    Read(Box<AllRegisters>),
}

pub(super) enum WalkRegisters {
    X86_64(UnwindRegsX86_64),
    Aarch64(UnwindRegsAarch64),
}

impl Walk<'_> {
    /// The return address of a frame that machine code tells.
    ///
    /// # Errors
    ///
    /// It is after the end of the copy, or this processor's code is not read.
    pub(super) fn return_address(&self, frame: StackFrame) -> Result<u64, Ending> {
        let WalkRegisters::X86_64(registers) = &self.registers else {
            return Err(Ending::Lost);
        };
        let at = registers.sp().checked_add(frame.return_address);
        match at.and_then(|at| self.word(at)) {
            Some(word) => Ok(word),
            None if self.stack.full => Err(Ending::Truncated),
            None => Err(Ending::Lost),
        }
    }

    /// All registers where they were last known, and how many frames are further in.
    pub(super) fn known(&self) -> (usize, AllRegisters) {
        let (frames, known) = &self.known;
        let all = match known {
            Known::Sampled(registers) => AllRegisters::of(self.processor(), registers),
            Known::Read(all) => **all,
        };
        (*frames, all)
    }

    /// These registers, but the ones that are followed from frame to frame as they are here.
    pub(super) fn at_frame(&self, mut registers: AllRegisters) -> AllRegisters {
        let processor = self.processor();
        let (sp, fp) = match &self.registers {
            WalkRegisters::X86_64(it) => (it.sp(), it.bp()),
            WalkRegisters::Aarch64(it) => {
                registers.set(processor.return_address(), Some(it.lr()));
                (it.sp(), it.fp())
            }
        };
        registers.set(processor.stack_pointer(), Some(sp));
        registers.set(processor.frame_pointer(), Some(fp));
        if let WalkRegisters::X86_64(it) = &self.registers {
            registers.set(processor.instruction_pointer(), Some(it.ip()));
        }
        registers
    }

    pub(super) fn processor(&self) -> Processor {
        match self.registers {
            WalkRegisters::X86_64(_) => Processor::X86_64,
            WalkRegisters::Aarch64(_) => Processor::Aarch64,
        }
    }

    /// A word of the stack.
    ///
    /// # Errors
    ///
    /// How the stack ends where it is not in the copy.
    pub(super) fn read(&self, address: u64) -> Result<u64, Ending> {
        let offset = address.wrapping_sub(self.start);
        self.word(address)
            .ok_or(match self.stack.is_beyond(offset) && self.stack.full {
                true => Ending::Truncated,
                false => Ending::Lost,
            })
    }

    /// Goes on to a caller with these registers, and returns where it goes on.
    ///
    /// # Errors
    ///
    /// They lead nowhere.
    pub(super) fn resume(
        &mut self,
        registers: &AllRegisters,
        by_signal: bool,
    ) -> Result<u64, Ending> {
        let processor = self.processor();
        let get = |column| registers.get(column).ok_or(Ending::Lost);
        let pc = get(processor.instruction_pointer())?;
        let sp = get(processor.stack_pointer())?;
        // Of no use to most frames that come. 0 would say that there is no caller.
        const NOWHERE: u64 = 1;
        let fp = registers.get(processor.frame_pointer());
        let fp = fp.filter(|fp| is_plausible(*fp)).unwrap_or(NOWHERE);
        if !is_plausible(sp) {
            return Err(Ending::Lost);
        }
        let before = match &mut self.registers {
            WalkRegisters::X86_64(it) => {
                let before = it.sp();
                (*it) = UnwindRegsX86_64::new(pc, sp, fp);
                before
            }
            WalkRegisters::Aarch64(it) => {
                let before = it.sp();
                let lr = registers.get(processor.return_address());
                it.set_lr(lr.unwrap_or_default());
                it.set_sp(sp);
                it.set_fp(fp);
                before
            }
        };
        if self.frames >= MAX_FRAMES || sp <= before && !by_signal && !self.is_exact {
            return Err(Ending::Lost);
        }
        self.frames += 1;
        self.is_exact = by_signal;
        if by_signal {
            self.known = (self.frames, Known::Read(Box::new(*registers)));
        }
        Ok(pc)
    }

    /// Goes on to the caller of such a frame.
    pub(super) fn leave(&mut self, frame: StackFrame, returns: u64) {
        let kept = match (frame.frame_pointer, &self.registers) {
            (FramePointer::Saved(above), WalkRegisters::X86_64(registers)) => {
                let at = registers.sp().checked_add(above);
                at.and_then(|at| self.word(at))
            }
            _ => None,
        };
        if let WalkRegisters::X86_64(registers) = &mut self.registers {
            let above = frame.return_address.saturating_add(8);
            registers.set_sp(registers.sp().saturating_add(above));
            registers.set_ip(returns);
            if let Some(word) = kept {
                registers.set_bp(word);
            }
        }
        self.frames += 1;
        self.is_exact = false;
    }

    fn word(&self, address: u64) -> Option<u64> {
        let offset = usize::try_from(address.checked_sub(self.start)?).ok()?;
        let word = self.stack.bytes.get(offset..)?.first_chunk()?;
        Some(u64::from_le_bytes(*word))
    }
}
