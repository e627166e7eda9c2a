//! What the library counted, as a `perf.data`: the maps of the process, and for each distinct stack
//! one sample with its addresses as a call chain, its bytes as the period, and all counts as raw data
//! (see [`crate::allocations`]). So the same reader names and attributes them, and perf can show the
//! bytes.

use super::{
    super::{
        builtin::{self, attributes, existing, file::Writer},
        plan::Job,
        setup::Setup,
    },
    image::{Counted, DEPTH},
};
use crate::allocations::{Counts, PARTS, Raw, Totals};
use codecost::{Error, Result};
use perf_event_open_sys::bindings as sys;
use std::{fs::File, io, os::unix::fs::OpenOptionsExt as _};

/// In a call chain: what follows is in user space.
const USER: u64 = -512_i64 as u64;
const MISC_USER: u16 = 2;

/// Writes the recording.
pub(super) fn write(setup: &Setup, jobs: &[Job], counted: &[Counted]) -> Result<()> {
    let write = |source| Error::write(&setup.data, source);
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&setup.data)
        .map_err(write)?;
    write_to(file, setup, jobs, counted).map_err(write)
}

fn write_to(file: File, setup: &Setup, jobs: &[Job], counted: &[Counted]) -> io::Result<()> {
    let attributes = attributes();
    let attributes = attributes::bytes(&attributes).to_vec();
    let mut writer = Writer::new(file, &attributes, true)?;
    let mut longest = 0;
    for (job, counted) in jobs.iter().zip(counted) {
        let name = job.path.file_name().unwrap_or_default().to_string_lossy();
        let mut records = existing::of_maps(counted.pid, &name, &counted.maps);
        for thread in &counted.threads {
            if thread.tid != counted.pid {
                records.extend(existing::of_name(counted.pid, thread.tid, &thread.name));
            }
        }
        let process = (counted.pid, counted.pid);
        push(&mut records, process, &[], 0, Raw::Totals(counted.totals));
        for thread in &counted.threads {
            let raw = Raw::Thread(thread.counts);
            push(&mut records, (counted.pid, thread.tid), &[], 0, raw);
        }
        if counted.stacks.is_empty() {
            // Without any stack all of it is nobody's, and still all of it.
            let counts = whole(&counted.totals);
            let raw = Raw::Counts(counts);
            push(&mut records, process, &[], counts.bytes, raw);
        }
        for (frames, counts, thread) in &counted.stacks {
            let thread = thread.and_then(|thread| counted.threads.get(thread));
            let tid = thread.map_or(counted.pid, |thread| thread.tid);
            let raw = Raw::Counts(*counts);
            push(&mut records, (counted.pid, tid), frames, counts.bytes, raw);
            if records.len() > 1 << 20 {
                longest = longest.max(records.len());
                writer.records(&records)?;
                records.clear();
            }
        }
        longest = longest.max(records.len());
        writer.records(&records)?;
        writer.round()?;
    }
    let facts = builtin::facts(setup, attributes, longest);
    writer.finish(&facts)
}

/// What a process allocated, as if with one stack.
fn whole(totals: &Totals) -> Counts {
    Counts {
        samples: 1,
        allocations: totals.allocations.saturating_mul(PARTS),
        reallocations: totals.reallocations.saturating_mul(PARTS),
        bytes: totals.bytes,
        peak_bytes: totals.peak_bytes,
        leaked_bytes: totals.leaked_bytes,
        made_reallocations: totals.reallocations.saturating_mul(PARTS),
        made_bytes: totals.bytes,
        made_peak_bytes: totals.peak_bytes,
        made_leaked_bytes: totals.leaked_bytes,
        ..Counts::default()
    }
}

/// An event of the kernel that never happens, with what is in our samples.
fn attributes() -> sys::perf_event_attr {
    let mut attributes = sys::perf_event_attr {
        type_: sys::PERF_TYPE_SOFTWARE,
        size: attributes::SIZE,
        config: u64::from(sys::PERF_COUNT_SW_DUMMY),
        sample_type: u64::from(
            sys::PERF_SAMPLE_IP
                | sys::PERF_SAMPLE_TID
                | sys::PERF_SAMPLE_TIME
                | sys::PERF_SAMPLE_CPU
                | sys::PERF_SAMPLE_PERIOD
                | sys::PERF_SAMPLE_CALLCHAIN
                | sys::PERF_SAMPLE_RAW,
        ),
        ..Default::default()
    };
    attributes.__bindgen_anon_1.sample_period = 1;
    attributes.sample_max_stack = DEPTH as u16;
    attributes.set_exclude_kernel(1);
    attributes.set_exclude_hv(1);
    attributes.set_exclude_callchain_kernel(1);
    attributes.set_mmap(1);
    attributes.set_mmap2(1);
    attributes.set_comm(1);
    attributes.set_task(1);
    attributes.set_sample_id_all(1);
    attributes
}

/// Adds a sample. `frames` are return addresses, innermost first.
fn push(records: &mut Vec<u8>, (pid, tid): (i32, i32), frames: &[u64], period: u64, raw: Raw) {
    // Of the innermost frame the call itself, as that of all others is found.
    let first = frames.first().map(|address| address.saturating_sub(1));
    let chain = first
        .into_iter()
        .flat_map(|first| [USER, first])
        .chain(frames.iter().skip(1).copied());
    let chain: Vec<u64> = chain.collect();
    let raw = raw.bytes();
    let mut body = first.unwrap_or_default().to_ne_bytes().to_vec();
    body.extend(pid.to_ne_bytes());
    body.extend(tid.to_ne_bytes());
    // A moment after the maps, and no CPU.
    body.extend(1_u64.to_ne_bytes());
    body.extend(0_u64.to_ne_bytes());
    body.extend(period.to_ne_bytes());
    body.extend((chain.len() as u64).to_ne_bytes());
    body.extend(chain.iter().flat_map(|address| address.to_ne_bytes()));
    body.extend(u32::try_from(raw.len()).unwrap_or_default().to_ne_bytes());
    body.extend(raw);
    let Ok(size) = u16::try_from(body.len() + 8) else {
        return;
    };
    records.extend(sys::PERF_RECORD_SAMPLE.to_ne_bytes());
    records.extend(MISC_USER.to_ne_bytes());
    records.extend(size.to_ne_bytes());
    records.extend(body);
}
