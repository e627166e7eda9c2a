//! Whether the kernel lets this process sample an event: the only way to know what seccomp filters
//! and capabilities leave over is to try.

use super::{builtin::attributes, event::Event};
use std::io;

/// Opens the event on this thread, sampling, and closes it again. `None` for an event of an unknown
/// name.
pub(crate) fn try_event(name: &str, kernel: bool) -> Option<io::Result<()>> {
    let event = Event::parse(name)?;
    let mut attributes = attributes::counter(&event, 100);
    if !kernel {
        attributes.set_exclude_kernel(1);
        attributes.set_exclude_hv(1);
    }
    Some(attributes::open(&mut attributes, 0, -1).map(drop))
}

/// Opens the CPU clock of a whole CPU, whoever runs there, and closes it again.
pub(crate) fn try_whole_cpu() -> Option<io::Result<()>> {
    let event = Event::parse("cpu-clock")?;
    let mut attributes = attributes::counter(&event, 100);
    let cpu = *super::builtin::online_cpus().first()?;
    Some(attributes::open(&mut attributes, -1, cpu).map(drop))
}
