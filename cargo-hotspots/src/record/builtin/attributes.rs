//! `perf_event_attr`: what the kernel is asked to sample, and what of each sample to keep.
//!
//! Source: perf_event_open(2) and the kernel's `perf_event.h`. The masks of registers are those
//! that perf asks for: all that unwinding tables can name.
#![allow(unsafe_code)]

use super::super::{event::Event, setup::Setup, system::checked};
use crate::record::options::CallGraphChoice;
use perf_event_open_sys::{self as raw, bindings as sys};
use std::{
    io,
    os::fd::{FromRawFd as _, OwnedFd},
};

/// All bytes of the fifth version, of Linux 4.1: it has everything that is used here.
pub(in crate::record) const SIZE: u32 = sys::PERF_ATTR_SIZE_VER5;

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
const REGISTERS: u64 = 0xff_0fff;
#[cfg(target_arch = "aarch64")]
const REGISTERS: u64 = (1 << 33) - 1;
#[cfg(target_arch = "riscv64")]
const REGISTERS: u64 = (1 << 32) - 1;

/// An event that interrupts `frequency` times a second and keeps the address.
pub(crate) fn counter(event: &Event, frequency: u32) -> sys::perf_event_attr {
    let mut attributes = sys::perf_event_attr {
        type_: event.kind,
        size: SIZE,
        config: event.config,
        sample_type: u64::from(sys::PERF_SAMPLE_IP),
        ..Default::default()
    };
    attributes.__bindgen_anon_1.sample_freq = u64::from(frequency);
    attributes.set_freq(1);
    attributes.set_disabled(1);
    attributes
}

/// What a recording samples: user space, and the kernel unless the event's name leaves it out.
pub(super) fn sampler(event: &Event, setup: &Setup, wake_at: u32) -> sys::perf_event_attr {
    let mut attributes = counter(event, setup.frequency);
    let user_only = event.is_user_only();
    attributes.sample_type |= u64::from(
        sys::PERF_SAMPLE_TID
            | sys::PERF_SAMPLE_TIME
            | sys::PERF_SAMPLE_CPU
            | sys::PERF_SAMPLE_PERIOD,
    );
    match setup.call_graph {
        CallGraphChoice::Dwarf => {
            // Only the kernel's part of the chain is followed; without one it stays empty. perf
            // unwinds stacks only where there is room for one.
            attributes.sample_type |= u64::from(
                sys::PERF_SAMPLE_CALLCHAIN
                    | sys::PERF_SAMPLE_REGS_USER
                    | sys::PERF_SAMPLE_STACK_USER,
            );
            attributes.set_exclude_callchain_user(1);
            attributes.set_exclude_callchain_kernel(user_only.into());
            // Also of data: perf finds unwind tables by where a file's first segment is.
            attributes.set_mmap_data(1);
            attributes.sample_regs_user = REGISTERS;
            attributes.sample_stack_user = setup.stack_bytes;
        }
        CallGraphChoice::FramePointers => {
            attributes.sample_type |= u64::from(sys::PERF_SAMPLE_CALLCHAIN);
            attributes.set_exclude_callchain_kernel(user_only.into());
        }
        CallGraphChoice::None => {}
    }
    if event.is_waiting() {
        // Each time a thread loses its processor, and a record when it has one again.
        attributes.set_freq(0);
        attributes.__bindgen_anon_1.sample_period = 1;
        attributes.set_context_switch(1);
    }
    attributes.set_exclude_kernel(user_only.into());
    attributes.set_exclude_hv(user_only.into());
    // A CPU with nothing to do is none of the programs.
    attributes.set_exclude_idle((setup.whole_cpus && event.is_software()).into());
    attributes.set_inherit((!setup.whole_cpus).into());
    attributes.set_mmap(1);
    attributes.set_mmap2(1);
    attributes.set_comm(1);
    attributes.set_comm_exec(1);
    attributes.set_task(1);
    attributes.set_sample_id_all(1);
    attributes.set_watermark(1);
    attributes.__bindgen_anon_2.wakeup_watermark = wake_at;
    attributes
}

/// The bytes as they are in a file.
pub(in crate::record) fn bytes(attributes: &sys::perf_event_attr) -> &[u8] {
    let start: *const sys::perf_event_attr = attributes;
    // SAFETY: a C structure without padding (its generated bindings check every offset), borrowed
    // for as long as the slice; SIZE is not above its size.
    unsafe { std::slice::from_raw_parts(start.cast(), SIZE as usize) }
}

/// Opens the event for a thread (0: this one) on a CPU (-1: any).
pub(crate) fn open(
    attributes: &mut sys::perf_event_attr,
    pid: i32,
    cpu: i32,
) -> io::Result<OwnedFd> {
    let flags = libc::c_ulong::from(sys::PERF_FLAG_FD_CLOEXEC);
    // SAFETY: the attributes are initialized and outlive the call; the event writes to no memory
    // until it is mapped.
    let file = unsafe { raw::perf_event_open(attributes, pid, cpu, -1, flags) };
    let file = checked(file)?;
    // SAFETY: the call has just made this descriptor, and nothing else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(file) })
}
