//! From registers and a copy of the stack to return addresses, by the files' unwind tables.
//!
//! `framehop` does the unwinding. It is made for one process whose modules are at their runtime
//! addresses; here it gets an address space of its own making, in which each file is mapped once,
//! wherever processes have mapped it. So each file's tables are read once, and what framehop
//! remembers of an address serves all processes.

use super::{
    registers::Processor,
    sample::{Registers, StackCopy},
    walk::{Ending, Known, MAX_FRAMES, Walk, WalkRegisters, is_plausible},
};
use codecost::{
    address::VirtualAddress,
    image::{Image, Mapping},
};
use framehop::{
    ExplicitModuleSectionInfo, FrameAddress, Module, Unwinder,
    aarch64::{PtrAuthMask, UnwindRegsAarch64, UnwinderAarch64},
    x86_64::{UnwindRegsX86_64, UnwinderX86_64},
};
use std::{
    ops::{Deref, Range},
    path::Path,
    sync::Arc,
};

/// An address in the space where each file is mapped once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TableAddress(u64);

/// Where a file is in that space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    base: u64,
    lowest: VirtualAddress,
    size: u64,
}

impl Span {
    /// Where an address of the file is.
    pub(super) fn address(self, address: VirtualAddress) -> Option<TableAddress> {
        let offset = address.checked_since(self.lowest)?;
        (offset < self.size).then(|| TableAddress(self.base + offset))
    }
}

/// How to go on from an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// By the tables of its file.
    Tables(TableAddress),
    /// By the frame pointer, the only thing there is for code that the program made itself.
    FramePointer,
    /// Not at all: nothing is known of it.
    Stop,
}

/// All files that can be unwound, for one processor.
pub(super) enum Engine {
    X86_64(State<UnwinderX86_64<Bytes>>),
    Aarch64(State<UnwinderAarch64<Bytes>>),
}

pub(super) struct State<U: Unwinder> {
    unwinder: U,
    /// framehop's cache holds 509 addresses: too few for one program of some size. Made when the
    /// first stack is unwound.
    caches: Vec<U::Cache>,
    next_base: u64,
}

/// A power of two.
const CACHES: usize = 32;
/// A stack that is made up: its end, and a frame on it.
const MADE_UP_STACK: u64 = 0x7000_0000_0000;
const MADE_UP_FRAME: u64 = MADE_UP_STACK + (16 << 20);
const MADE_UP_WORD: u64 = MADE_UP_FRAME + (1 << 20);
/// No file is here: framehop then follows the frame pointer.
const NO_FILE: u64 = 0x1000;
const FIRST_BASE: u64 = 1 << 20;
/// A section of a file that stays mapped.
pub(super) enum Bytes {
    Mapped(Arc<Mapping>, Range<usize>),
    Owned(Vec<u8>),
    Shared(Arc<Vec<u8>>),
}

impl Default for Bytes {
    fn default() -> Self {
        Self::Owned(Vec::new())
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(mapping, range) => mapping.get(range.clone()).unwrap_or_default(),
            Self::Owned(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

impl<U: Unwinder<Module = Module<Bytes>>> State<U>
where
    U: Default,
    U::Cache: Default,
{
    fn new() -> Self {
        Self {
            unwinder: U::default(),
            caches: Vec::new(),
            next_base: FIRST_BASE,
        }
    }

    fn add(
        &mut self,
        name: &Path,
        mapping: &Arc<Mapping>,
        for_debuggers: Option<Arc<Vec<u8>>>,
    ) -> Option<Span> {
        let image = Image::parse(name, mapping).ok()?;
        let loaded = || image.segments.iter().filter(|segment| segment.loaded);
        let lowest = loaded().map(|segment| segment.address).min()?;
        let highest = loaded()
            .filter_map(|segment| segment.address.checked_add(segment.memory))
            .max()?;
        let size = highest.checked_since(lowest)?;
        // framehop counts in four bytes from the lowest address.
        if size == 0 || size > u64::from(u32::MAX) {
            return None;
        }
        let base = self.next_base;
        let next = base.checked_add(size)?.checked_add(1 << 20)?;
        self.next_base = next.checked_next_multiple_of(1 << 16)?;
        let module = Module::new(
            name.display().to_string(),
            base..base + size,
            base,
            match for_debuggers {
                None => sections(&image, mapping, lowest),
                Some(bytes) => ExplicitModuleSectionInfo {
                    base_svma: lowest.0,
                    debug_frame: Some(Bytes::Shared(bytes)),
                    ..ExplicitModuleSectionInfo::default()
                },
            },
        );
        self.unwinder.add_module(module);
        Some(Span { base, lowest, size })
    }

    /// Whether the function at an address is the first of its thread, by its unwind table: that
    /// says that there is no caller.
    fn is_root(&mut self, step: Step, mut registers: U::UnwindRegs) -> bool {
        let Step::Tables(TableAddress(address)) = step else {
            return false;
        };
        let address = FrameAddress::InstructionPointer(address);
        let end = self.step(address, &mut registers, &mut |_| Err(()));
        matches!(end, Ok(None))
    }

    /// The return address by registers and a stack that are made up, and whether it is read from
    /// `expected`; `None` where that cannot be told.
    fn reads_from(
        &mut self,
        address: FrameAddress,
        mut registers: U::UnwindRegs,
        expected: u64,
    ) -> Option<bool> {
        let mut last = None;
        let mut read = |address: u64| {
            last = Some(address);
            Ok(MADE_UP_WORD)
        };
        match self.step(address, &mut registers, &mut read) {
            Ok(Some(_)) => Some(last == Some(expected)),
            _ => None,
        }
    }

    /// The return address of the function at `address`.
    fn step(
        &mut self,
        address: FrameAddress,
        registers: &mut U::UnwindRegs,
        read: &mut impl FnMut(u64) -> Result<u64, ()>,
    ) -> Result<Option<u64>, framehop::Error> {
        if self.caches.is_empty() {
            self.caches.resize_with(CACHES, U::Cache::default);
        }
        match self.caches.get_mut(cache_of(address.address())) {
            Some(cache) => self.unwinder.unwind_frame(address, registers, cache, read),
            None => Err(framehop::Error::DidNotAdvance),
        }
    }
}

fn cache_of(address: u64) -> usize {
    (address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 59) as usize % CACHES
}

impl Engine {
    /// An engine for the processor of a recording: by its name, or else by the registers that were
    /// recorded, which are numbered by processor. `None` for others.
    pub(super) fn new(architecture: Option<&str>, registers: u64) -> Option<Self> {
        // Program counter and stack pointer are 32 and 31 on AArch64, 8 and 7 on x86.
        let is_arm = registers >> 31 & 3 == 3;
        match architecture {
            Some("x86_64") => Some(Self::X86_64(State::new())),
            Some("aarch64") => Some(Self::Aarch64(State::new())),
            None if is_arm => Some(Self::Aarch64(State::new())),
            None => Some(Self::X86_64(State::new())),
            Some(_) => None,
        }
    }

    /// Adds a file, with the tables that programs unwind by or with these for debuggers; `None` when
    /// it cannot be unwound.
    pub(super) fn add(
        &mut self,
        mapping: &Arc<Mapping>,
        for_debuggers: Option<Arc<Vec<u8>>>,
    ) -> Option<Span> {
        match self {
            Self::X86_64(state) => state.add(mapping.path(), mapping, for_debuggers),
            Self::Aarch64(state) => state.add(mapping.path(), mapping, for_debuggers),
        }
    }

    /// Whether the function at an address is the first of its thread.
    pub(super) fn is_root(&mut self, step: Step) -> bool {
        // Registers that let no rule succeed but the one that there is no caller.
        match self {
            Self::X86_64(state) => {
                state.is_root(step, UnwindRegsX86_64::new(NO_FILE, NO_FILE, NO_FILE))
            }
            Self::Aarch64(state) => {
                state.is_root(step, UnwindRegsAarch64::new(NO_FILE, NO_FILE, NO_FILE))
            }
        }
    }

    /// Whether the caller of the function at `step` is the one that the frame pointer leads to: its
    /// unwind table reads the return address from beside the frame. `None` where that cannot be
    /// told.
    pub(super) fn frame_pointer_leads_on(
        &mut self,
        step: Step,
        is_innermost: bool,
    ) -> Option<bool> {
        let Step::Tables(TableAddress(address)) = step else {
            return None;
        };
        let address = match is_innermost {
            true => FrameAddress::InstructionPointer(address),
            false => FrameAddress::from_return_address(address + 1)?,
        };
        let expected = MADE_UP_FRAME + 8;
        match self {
            Self::X86_64(state) => {
                let registers =
                    UnwindRegsX86_64::new(address.address(), MADE_UP_STACK, MADE_UP_FRAME);
                state.reads_from(address, registers, expected)
            }
            Self::Aarch64(state) => {
                let registers = UnwindRegsAarch64::new(MADE_UP_WORD, MADE_UP_STACK, MADE_UP_FRAME);
                state.reads_from(address, registers, expected)
            }
        }
    }

    pub(super) fn processor(&self) -> Processor {
        match self {
            Self::X86_64(_) => Processor::X86_64,
            Self::Aarch64(_) => Processor::Aarch64,
        }
    }

    /// The instruction pointer among registers.
    pub(super) fn instruction_pointer(&self, registers: &Registers<'_>) -> Option<u64> {
        registers.get(match self {
            Self::X86_64(_) => 8,
            Self::Aarch64(_) => 32,
        })
    }

    /// Sets out from these registers; `None` when they cannot be unwound.
    pub(super) fn start<'d>(
        &self,
        sampled: &Registers<'d>,
        stack: StackCopy<'d>,
    ) -> Option<Walk<'d>> {
        if !sampled.is_64 {
            return None;
        }
        let get = |number| sampled.get(number).unwrap_or_default();
        let (registers, start) = match self {
            Self::X86_64(_) => {
                let (bp, sp, ip) = (get(6), get(7), get(8));
                let registers = UnwindRegsX86_64::new(ip, sp, bp);
                (WalkRegisters::X86_64(registers), sp)
            }
            Self::Aarch64(_) => {
                let (fp, lr, sp) = (get(29), get(30), get(31));
                // Programs have 48 bits of address space, signatures are above.
                let mask = PtrAuthMask(u64::MAX >> 16);
                let registers = UnwindRegsAarch64::new_with_ptr_auth_mask(mask, lr, sp, fp);
                (WalkRegisters::Aarch64(registers), sp)
            }
        };
        is_plausible(start).then_some(Walk {
            registers,
            start,
            stack,
            frames: 0,
            is_exact: true,
            known: (0, Known::Sampled(*sampled)),
        })
    }

    /// The return address of the function at `step`: of the first function where it is, of the
    /// others where they call.
    pub(super) fn next(&mut self, walk: &mut Walk<'_>, step: Step) -> Result<u64, Ending> {
        let address = match step {
            Step::Tables(TableAddress(address)) => address,
            Step::FramePointer => NO_FILE,
            Step::Stop => return Err(Ending::Lost),
        };
        let frame = match walk.is_exact {
            _ if walk.frames == MAX_FRAMES => return Err(Ending::Lost),
            true => FrameAddress::InstructionPointer(address),
            // The call is where the return address is, less one; framehop wants the latter.
            false => FrameAddress::from_return_address(address + 1).ok_or(Ending::Lost)?,
        };
        walk.frames += 1;
        walk.is_exact = false;
        let (start, stack) = (walk.start, walk.stack);
        let mut beyond = false;
        let mut read = |address: u64| {
            let offset = address.wrapping_sub(start);
            let word = usize::try_from(offset)
                .ok()
                .and_then(|offset| stack.bytes.get(offset..)?.first_chunk());
            beyond = word.is_none() && stack.is_beyond(offset);
            word.map(|word| u64::from_le_bytes(*word)).ok_or(())
        };
        let result = match (self, &mut walk.registers) {
            (Self::X86_64(state), WalkRegisters::X86_64(registers)) => {
                state.step(frame, registers, &mut read)
            }
            (Self::Aarch64(state), WalkRegisters::Aarch64(registers)) => {
                state.step(frame, registers, &mut read)
            }
            _ => return Err(Ending::Lost),
        };
        match result {
            Ok(Some(return_address)) => Ok(return_address),
            Ok(None) => Err(Ending::Root),
            Err(framehop::Error::CouldNotReadStack(_)) if beyond && stack.full => {
                Err(Ending::Truncated)
            }
            Err(_) => Err(Ending::Lost),
        }
    }
}

/// The sections that framehop asks for.
fn sections(
    image: &Image<'_>,
    mapping: &Arc<Mapping>,
    lowest: VirtualAddress,
) -> ExplicitModuleSectionInfo<Bytes> {
    let range = |name: &str| {
        let (_, section) = image.section(name)?;
        let addresses = section.addresses();
        Some(addresses.start.0..addresses.end().0)
    };
    let bytes = |name: &str| {
        let (_, section) = image.section(name)?;
        if section.compressed {
            return Some(Bytes::Owned(image.section_content(section)?.into_owned()));
        }
        let start = usize::try_from(section.file.start.0).ok()?;
        let end = usize::try_from(section.file.end().0).ok()?;
        (start < end).then(|| Bytes::Mapped(mapping.clone(), start..end))
    };
    // Without a search table framehop would find nothing; it then makes one itself.
    let searchable = |header: &Bytes| {
        const OMITTED: u8 = 0xff;
        header.first() == Some(&1) && header.get(2..4).is_some_and(|it| !it.contains(&OMITTED))
    };
    ExplicitModuleSectionInfo {
        base_svma: lowest.0,
        text_svma: range(".text"),
        got_svma: range(".got"),
        eh_frame_svma: range(".eh_frame"),
        eh_frame: bytes(".eh_frame"),
        eh_frame_hdr_svma: range(".eh_frame_hdr"),
        eh_frame_hdr: bytes(".eh_frame_hdr").filter(searchable),
        // It is added apart, for the functions that have nothing else.
        debug_frame: None,
        text: None,
        stubs_svma: None,
        stub_helper_svma: None,
        unwind_info: None,
        text_segment_svma: None,
        text_segment: None,
    }
}
