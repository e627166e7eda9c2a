//! What to do when nothing could be recorded.

use super::{builtin, event::Event, options::RecordOptions, perf, session::Failure};
use crate::{
    doctor,
    machine::{Machine, Trial},
};
use codecost::Error;

/// The error for the user, with the next step.
pub(super) fn error_of(failure: Failure, options: &RecordOptions, machine: &Machine) -> Error {
    let event = options.event.as_deref().unwrap_or("cycles");
    match failure {
        Failure::Other(error) => error,
        Failure::Perf(refusal) => {
            let said = refusal.said.trim();
            match refusal.reason {
                perf::Reason::Event => Error::usage(
                    format_args!(
                        "perf does not know the event `{event}`, or this machine has it not"
                    ),
                    "see `perf list`, or leave --event out",
                ),
                perf::Reason::Permission => not_allowed(machine, "perf"),
                perf::Reason::Memory => Error::failed(
                    "perf got no memory for its buffers",
                    "end other recordings, or: sudo sysctl kernel.perf_event_mlock_kb=2048",
                ),
                perf::Reason::Option => Error::failed(
                    format_args!("this perf is too old: {said}"),
                    "use perf 5.10 or newer, or --recorder builtin",
                ),
                perf::Reason::Process => process_gone(),
                perf::Reason::Other => Error::failed(
                    format_args!("perf could not record: {said}"),
                    "run `cargo hotspots doctor`, or use --recorder builtin",
                ),
            }
        }
        Failure::Builtin(refusal) => match refusal {
            builtin::Refusal::NoProcess => process_gone(),
            builtin::Refusal::Event => Error::usage(
                format_args!("the built-in recorder does not know the event `{event}`"),
                format_args!("it knows {}", Event::names()),
            ),
            builtin::Refusal::Map(error) => Error::failed(
                format_args!("the kernel gives no memory for the recorder's buffers: {error}"),
                "end other recordings, or: sudo sysctl kernel.perf_event_mlock_kb=2048",
            ),
            builtin::Refusal::Open(error) => match error.raw_os_error() {
                Some(libc::EACCES | libc::EPERM | libc::ENOSYS) => {
                    if machine.clock == Trial::Works {
                        // Our own may be sampled, so it is this process that may not.
                        Error::failed(
                            "this process may not be sampled: it is another user's",
                            "run as its owner, or as root",
                        )
                    } else {
                        not_allowed(machine, "the kernel")
                    }
                }
                Some(libc::ENOENT | libc::EOPNOTSUPP | libc::ENODEV) => Error::usage(
                    format_args!("this machine has no event `{event}`"),
                    "leave --event out, or use --event cpu-clock",
                ),
                Some(libc::EMFILE) => Error::failed(
                    "too many threads: there are not enough file descriptors",
                    "raise the limit: `ulimit -Hn 65536` (as root), then run again",
                ),
                _ => Error::failed(
                    format_args!("the kernel refuses to sample: {error}"),
                    "run `cargo hotspots doctor`",
                ),
            },
            builtin::Refusal::Io(error) => Error::failed(
                format_args!("the recording cannot be written: {error}"),
                "make room on the disk, and check that the target directory is writable",
            ),
        },
    }
}

fn process_gone() -> Error {
    Error::failed(
        "the process ended before it could be recorded",
        "look its number up again: `pgrep -l NAME`",
    )
}

fn not_allowed(machine: &Machine, who: &str) -> Error {
    let finding = doctor::permission(machine);
    let remedy = finding
        .remedy
        .unwrap_or_else(|| "run `cargo hotspots doctor`".into());
    Error::failed(
        format_args!("{who} does not allow sampling: {}", finding.what),
        remedy,
    )
}
