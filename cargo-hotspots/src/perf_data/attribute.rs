//! An event that was recorded: what the kernel was asked for, and its name.

use super::bytes::Cursor;
use crate::profile::WAITING;
use linux_perf_data::{
    HeaderAttr, RawUserRecord, UserRecord, UserRecordType,
    linux_perf_event_reader::{
        AttrFlags, Endianness, HardwareEventId, PerfEventAttr, PerfEventType, RawData,
        RecordParseInfo, SampleFormat, SamplingPolicy, SoftwareCounterType,
    },
};

/// An event.
#[derive(Clone, Debug)]
pub(super) struct Attribute {
    /// As perf names it, where the recording says.
    pub(super) name: Option<String>,
    /// What its records are marked with.
    pub(super) ids: Vec<u64>,
    /// The kernel's `perf_event_attr`.
    pub(super) attr: PerfEventAttr,
    /// Where time and identifier are in its records.
    pub(super) parse_info: RecordParseInfo,
    /// What is in its samples.
    pub(super) layout: Layout,
}

/// What is in a sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// `sample_type`.
    pub(super) fields: SampleFormat,
    /// `read_format`, with the bits that `linux-perf-event-reader` does not know.
    pub(super) read_format: u64,
    /// Whether a branch stack starts with the hardware's index.
    pub(super) branch_index: bool,
    /// Which registers of the program are there.
    pub(super) user_registers: u64,
    /// The period of samples that have none of their own.
    pub(super) period: u64,
    /// How many frames of a stack the kernel follows.
    pub(super) most_frames: u32,
    /// How many bytes of a stack are copied.
    pub(super) stack_bytes: u32,
}

/// `kernel.perf_event_max_stack` unless somebody changes it (`PERF_MAX_STACK_DEPTH`).
const USUAL_FRAMES: u32 = 127;

/// `PERF_SAMPLE_BRANCH_HW_INDEX`
const BRANCH_HW_INDEX: u64 = 1 << 17;

impl Attribute {
    /// Reads a `perf_event_attr` with the identifiers after it.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let record = RawUserRecord {
            record_type: UserRecordType::PERF_HEADER_ATTR,
            endian: Endianness::LittleEndian,
            misc: 0,
            data: RawData::Single(bytes),
        };
        let Ok(UserRecord::HeaderAttr(HeaderAttr { attr, ids })) = record.parse() else {
            return None;
        };
        let word = |at: usize| Cursor::new(bytes.get(at..).unwrap_or_default()).u64();
        // The second half of the word is `sample_max_stack`, of Linux 4.8 and later; zero leaves it
        // to the kernel. Before it is the structure's own size.
        let size = word(0).unwrap_or_default() >> 32;
        let most_frames = match word(104) {
            Some(word) if size >= 112 && (word >> 32) as u16 > 0 => u32::from((word >> 32) as u16),
            _ => USUAL_FRAMES,
        };
        let period = match attr.sampling_policy {
            SamplingPolicy::Period(period) => period.get(),
            SamplingPolicy::Frequency(_) | SamplingPolicy::NoSampling => 1,
        };
        Some(Self {
            name: None,
            ids,
            parse_info: RecordParseInfo::new(&attr, Endianness::LittleEndian),
            layout: Layout {
                fields: attr.sample_format,
                // By `perf_event_attr` in linux/perf_event.h.
                read_format: word(32).unwrap_or_default(),
                branch_index: attr.branch_sample_format.bits() & BRANCH_HW_INDEX != 0,
                user_registers: attr.sample_regs_user,
                period,
                most_frames,
                stack_bytes: word(88).unwrap_or_default() as u32,
            },
            attr,
        })
    }

    /// What the event is, as perf names it, whatever terms or name of their own its user gave it.
    pub(super) fn display_name(&self) -> String {
        if self.is_waiting() {
            return WAITING.into();
        }
        let own = self.name.as_deref();
        let kind = match self.attr.type_ {
            PerfEventType::Hardware(HardwareEventId::CpuCycles, _) => "cycles",
            PerfEventType::Hardware(HardwareEventId::Instructions, _) => "instructions",
            PerfEventType::Software(SoftwareCounterType::CpuClock) => "cpu-clock",
            PerfEventType::Software(SoftwareCounterType::TaskClock) => "task-clock",
            PerfEventType::Tracepoint(id) if own.is_none() => return format!("tracepoint {id}"),
            _ => return own.unwrap_or("unnamed event").into(),
        };
        // perf's own names have the modifiers already, and of a hybrid processor the kind of core.
        match own {
            Some(own) if own.split(':').next() == Some(kind) || is_of_core(own) => own.into(),
            _ => format!("{kind}{}", self.modifiers()),
        }
    }

    /// The name that the recording has for it, to choose it by.
    pub(super) fn own_name(&self) -> String {
        match &self.name {
            Some(name) if !self.is_waiting() => name.clone(),
            _ => self.display_name(),
        }
    }

    /// Which half of the system is counted, as perf writes it.
    fn modifiers(&self) -> &'static str {
        let has = |flag| self.attr.flags.contains(flag);
        match (has(AttrFlags::EXCLUDE_USER), has(AttrFlags::EXCLUDE_KERNEL)) {
            (false, true) => ":u",
            (true, false) => ":k",
            _ => "",
        }
    }

    /// Whether its samples are of threads that lose their processor, with records that say when they have
    /// one again.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(
            self.attr.type_,
            PerfEventType::Software(SoftwareCounterType::ContextSwitches)
        ) && self.attr.flags.contains(AttrFlags::CONTEXT_SWITCH)
    }

    /// Whether its samples count time on a processor.
    pub(super) fn is_time(&self) -> bool {
        let name = self.display_name();
        ["cycles", "cpu-clock", "task-clock"]
            .iter()
            .any(|time| name.contains(time))
    }
}

/// `cpu_core/cycles/`
fn is_of_core(name: &str) -> bool {
    ["cpu_core/", "cpu_atom/"]
        .iter()
        .any(|core| name.starts_with(core))
}
