//! All registers of a frame, by the numbers that unwind tables have for them.
//!
//! Truth: the processor supplements of the System V ABI for x86-64 (figure 3.36) and for AArch64
//! (`aadwarf64`); the kernel's `asm/perf_regs.h` for the order in samples, and its `asm/sigcontext.h`
//! for where it saves registers when it runs a signal handler.

use super::sample;

/// Which processor's registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Processor {
    X86_64,
    Aarch64,
}

/// A register, by its number in unwind tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Column(pub(super) u16);

/// Enough for both processors.
const COLUMNS: usize = 33;

/// What is known of a frame's registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AllRegisters {
    values: [Option<u64>; COLUMNS],
}

/// Where the saved registers are, from the stack pointer that a signal handler returns with on. A
/// column for each word, from `first` on.
struct Saved {
    first: u64,
    columns: &'static [u16],
}

/// x86-64, `struct ucontext` with `struct sigcontext` in it.
const SAVED_X86_64: Saved = Saved {
    first: 40,
    columns: &[8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7, 16],
};
/// AArch64, `struct rt_sigframe`: 128 bytes of `siginfo`, then `ucontext`, whose registers begin
/// after 176 bytes and the address of a fault.
const SAVED_AARCH64: Saved = Saved {
    first: 128 + 176 + 8,
    columns: &[
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
        25, 26, 27, 28, 29, 30, 31, 32,
    ],
};

impl Processor {
    pub(super) const fn stack_pointer(self) -> Column {
        match self {
            Self::X86_64 => Column(7),
            Self::Aarch64 => Column(31),
        }
    }

    pub(super) const fn frame_pointer(self) -> Column {
        match self {
            Self::X86_64 => Column(6),
            Self::Aarch64 => Column(29),
        }
    }

    /// Where the function returns to, once a frame is left.
    pub(super) const fn return_address(self) -> Column {
        match self {
            Self::X86_64 => Column(16),
            Self::Aarch64 => Column(30),
        }
    }

    pub(super) const fn instruction_pointer(self) -> Column {
        match self {
            Self::X86_64 => Column(16),
            Self::Aarch64 => Column(32),
        }
    }

    /// Whether a function leaves a register to its caller as it was.
    pub(super) fn keeps(self, column: Column) -> bool {
        match self {
            Self::X86_64 => matches!(column.0, 3 | 6 | 7 | 12..=15),
            Self::Aarch64 => matches!(column.0, 19..=31),
        }
    }

    /// The bits of an address of code; what is above them signs it.
    pub(super) const fn code_mask(self) -> u64 {
        match self {
            Self::X86_64 => u64::MAX,
            Self::Aarch64 => u64::MAX >> 16,
        }
    }

    /// The instructions by which a signal handler's return address leads back into the kernel.
    pub(super) const fn signal_return(self) -> &'static [u8] {
        match self {
            // mov rax, 15; syscall
            Self::X86_64 => &[0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05],
            // mov x8, #139; svc #0
            Self::Aarch64 => &[0x68, 0x11, 0x80, 0xd2, 0x01, 0, 0, 0xd4],
        }
    }

    /// How far into them the second one is.
    pub(super) const fn signal_return_call(self) -> u64 {
        match self {
            Self::X86_64 => 7,
            Self::Aarch64 => 4,
        }
    }

    const fn saved(self) -> Saved {
        match self {
            Self::X86_64 => SAVED_X86_64,
            Self::Aarch64 => SAVED_AARCH64,
        }
    }
}

impl AllRegisters {
    /// None is known.
    pub(super) const fn unknown() -> Self {
        Self {
            values: [None; COLUMNS],
        }
    }

    /// Those of a sample.
    pub(super) fn of(processor: Processor, sample: &sample::Registers<'_>) -> Self {
        // The kernel's numbers, in the order of the unwind tables'.
        const X86_64: [u32; 17] = [0, 3, 2, 1, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23, 8];
        let mut all = Self::unknown();
        for (column, value) in all.values.iter_mut().enumerate() {
            let number = match processor {
                Processor::X86_64 => X86_64.get(column).copied(),
                Processor::Aarch64 => u32::try_from(column).ok(),
            };
            *value = number.and_then(|number| sample.get(number));
        }
        all
    }

    /// What the kernel saved for a signal handler, where `stack_pointer` is when that has returned;
    /// `read` reads a word of the stack. `None` where the words that matter are not there.
    pub(super) fn saved_for_signal(
        processor: Processor,
        stack_pointer: u64,
        mut read: impl FnMut(u64) -> Option<u64>,
    ) -> Option<Self> {
        let saved = processor.saved();
        let mut all = Self::unknown();
        let mut at = stack_pointer.checked_add(saved.first)?;
        for column in saved.columns {
            all.set(Column(*column), read(at));
            at = at.checked_add(8)?;
        }
        all.get(processor.instruction_pointer())?;
        all.get(processor.stack_pointer())?;
        Some(all)
    }

    pub(super) fn get(&self, column: Column) -> Option<u64> {
        self.values.get(usize::from(column.0)).copied().flatten()
    }

    pub(super) fn set(&mut self, column: Column, value: Option<u64>) {
        if let Some(place) = self.values.get_mut(usize::from(column.0)) {
            *place = value;
        }
    }

    /// What the caller has of them, as far as no table says: what functions must keep.
    pub(super) fn kept(&self, processor: Processor) -> Self {
        let mut kept = Self::unknown();
        for (column, value) in (0..).map(Column).zip(self.values) {
            if processor.keeps(column) {
                kept.set(column, value);
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_saves_all_registers() {
        for (processor, words) in [(Processor::X86_64, 17), (Processor::Aarch64, 33)] {
            let read = |at: u64| Some(at);
            let all = AllRegisters::saved_for_signal(processor, 0x1000, read).unwrap();
            assert_eq!(all.values.iter().flatten().count(), words);
        }
        // `offsetof(ucontext_t, uc_mcontext.gregs[REG_RSP])` and `REG_RIP`, by glibc's header.
        let x86 = AllRegisters::saved_for_signal(Processor::X86_64, 0, Some).unwrap();
        assert_eq!(x86.get(Column(7)), Some(160));
        assert_eq!(x86.get(Column(16)), Some(168));
        assert_eq!(x86.get(Column(6)), Some(120));
        // `offsetof(struct rt_sigframe, uc.uc_mcontext.sp)` and `pc`.
        let arm = AllRegisters::saved_for_signal(Processor::Aarch64, 0, Some).unwrap();
        assert_eq!(arm.get(Column(31)), Some(560));
        assert_eq!(arm.get(Column(32)), Some(568));
        assert_eq!(arm.get(Column(29)), Some(544));
    }

    #[test]
    fn a_call_keeps_what_the_convention_says() {
        let all = AllRegisters {
            values: [Some(1); COLUMNS],
        };
        let kept = all.kept(Processor::X86_64);
        assert_eq!(kept.get(Column(3)), Some(1));
        assert_eq!(kept.get(Column(10)), None);
        assert_eq!(all.kept(Processor::Aarch64).get(Column(18)), None);
    }
}
