//! One `PERF_RECORD_SAMPLE`, by the description in `linux/perf_event.h`.
//!
//! `linux-perf-event-reader` has a parser for these, but it multiplies lengths that come from the
//! file without a check and has the two forms of `PERF_SAMPLE_READ` exchanged, so a sample is read
//! here. What comes after the stack (weights, data sources, …) is of no use and not read.

use super::{
    attribute::Layout,
    bytes::{Cursor, Words},
};
use linux_perf_data::linux_perf_event_reader::{CpuMode, SampleFormat};

/// A sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample<'d> {
    pub(super) mode: CpuMode,
    pub(super) ip: Option<u64>,
    pub(super) pid: i32,
    pub(super) tid: i32,
    pub(super) time: Option<u64>,
    pub(super) period: u64,
    /// What the kernel followed: addresses, with marks of where they belong between them.
    pub(super) callchain: Words<'d>,
    /// What the recorder adds of its own.
    pub(super) raw: &'d [u8],
    /// The program's registers.
    pub(super) registers: Option<Registers<'d>>,
    /// A copy of the program's stack from its stack pointer on.
    pub(super) stack: Option<StackCopy<'d>>,
    /// With so many addresses `callchain` is cut off.
    pub(super) most_frames: u32,
}

/// Registers of the program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Registers<'d> {
    /// Whether the program has 64 bits (`PERF_SAMPLE_REGS_ABI_64`).
    pub(super) is_64: bool,
    mask: u64,
    values: Words<'d>,
}

impl Registers<'_> {
    /// A register by its number in the architecture's `asm/perf_regs.h`.
    pub(super) fn get(&self, number: u32) -> Option<u64> {
        let bit = 1_u64.checked_shl(number)?;
        if self.mask & bit == 0 {
            return None;
        }
        let index = (self.mask & (bit - 1)).count_ones();
        self.values.get(index as usize)
    }
}

/// A copy of a piece of stack.
#[derive(Clone, Copy, Debug)]
pub(super) struct StackCopy<'d> {
    /// What could be copied.
    pub(super) bytes: &'d [u8],
    /// Whether that is all that was asked for, so that there may be more stack after it.
    pub(super) full: bool,
}

/// `PERF_FORMAT_…`
mod read_format {
    pub(super) const TOTAL_TIME_ENABLED: u64 = 1;
    pub(super) const TOTAL_TIME_RUNNING: u64 = 2;
    pub(super) const ID: u64 = 4;
    pub(super) const GROUP: u64 = 8;
    pub(super) const LOST: u64 = 16;
}

impl<'d> Sample<'d> {
    /// Reads the body of a record; `None` when it is shorter than its layout says.
    pub(super) fn parse(body: &'d [u8], misc: u16, layout: &Layout) -> Option<Self> {
        let has = |field| layout.fields.contains(field);
        let mut cursor = Cursor::new(body);
        if has(SampleFormat::IDENTIFIER) {
            cursor.u64()?;
        }
        let ip = match has(SampleFormat::IP) {
            true => Some(cursor.u64()?),
            false => None,
        };
        let (pid, tid) = match has(SampleFormat::TID) {
            true => (cursor.i32()?, cursor.i32()?),
            false => (-1, -1),
        };
        let time = match has(SampleFormat::TIME) {
            true => Some(cursor.u64()?),
            false => None,
        };
        for field in [
            SampleFormat::ADDR,
            SampleFormat::ID,
            SampleFormat::STREAM_ID,
            SampleFormat::CPU,
        ] {
            if has(field) {
                cursor.u64()?;
            }
        }
        let period = match has(SampleFormat::PERIOD) {
            true => cursor.u64()?,
            false => layout.period,
        };
        if has(SampleFormat::READ) {
            skip_counts(&mut cursor, layout.read_format)?;
        }
        let callchain = match has(SampleFormat::CALLCHAIN) {
            true => {
                let count = cursor.u64()?;
                cursor.words(count)?
            }
            false => Words::default(),
        };
        let raw = match has(SampleFormat::RAW) {
            true => {
                let size = cursor.u32()?;
                cursor.take(size.into())?
            }
            false => &[],
        };
        if has(SampleFormat::BRANCH_STACK) {
            let count = cursor.u64()?;
            let index = if layout.branch_index { 8 } else { 0 };
            cursor.take(count.checked_mul(24)?.checked_add(index)?)?;
        }
        let registers = match has(SampleFormat::REGS_USER) {
            true => registers(&mut cursor, layout.user_registers)?,
            false => None,
        };
        let stack = match has(SampleFormat::STACK_USER) {
            true => stack_copy(&mut cursor)?,
            false => None,
        };
        Some(Self {
            mode: CpuMode::from_misc(misc),
            ip,
            pid,
            tid,
            time,
            period,
            callchain,
            raw,
            registers,
            stack,
            most_frames: layout.most_frames,
        })
    }
}

/// The user's registers in `mask`. The kernel leaves them out where there is no program, as in a
/// kernel thread.
fn registers<'d>(cursor: &mut Cursor<'d>, mask: u64) -> Option<Option<Registers<'d>>> {
    let abi = cursor.u64()?;
    if abi == 0 {
        return Some(None);
    }
    Some(Some(Registers {
        is_64: abi == 2,
        mask,
        values: cursor.words(mask.count_ones().into())?,
    }))
}

/// The copy of the user's stack; a size of 0 says that there is none.
fn stack_copy<'d>(cursor: &mut Cursor<'d>) -> Option<Option<StackCopy<'d>>> {
    let size = cursor.u64()?;
    if size == 0 {
        return Some(None);
    }
    let bytes = cursor.take(size)?;
    let copied = cursor.u64()?;
    Some(Some(StackCopy {
        bytes: bytes.get(..usize::try_from(copied).ok()?).unwrap_or(bytes),
        full: copied >= size,
    }))
}

/// Skips what `PERF_SAMPLE_READ` adds.
fn skip_counts(cursor: &mut Cursor<'_>, format: u64) -> Option<()> {
    let has = |bit| u64::from(format & bit != 0);
    let times = has(read_format::TOTAL_TIME_ENABLED) + has(read_format::TOTAL_TIME_RUNNING);
    let each = 1 + has(read_format::ID) + has(read_format::LOST);
    let words = if format & read_format::GROUP != 0 {
        let count = cursor.u64()?;
        count.checked_mul(each)?.checked_add(times)?
    } else {
        each + times
    };
    cursor.words(words)?;
    Some(())
}
