//! Programs that end when this process does.
//!
//! A terminal's Ctrl-C reaches cargo as well as us. A signal that is sent to our process alone (by a
//! supervisor, by `timeout`, by the kernel for want of memory) does not, and cargo would go on
//! compiling for nobody. On Linux the kernel passes the end of a process on to those children that
//! ask for it; elsewhere cargo ends when it writes its next message.

#![allow(unsafe_code)]

use std::process::Command;

/// Lets the program that `command` starts end with this process, in whatever way that ends. The
/// thread that starts it has to wait for it: the kernel takes the thread for the parent.
pub fn ends_with_us(command: &mut Command) -> &mut Command {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, set_parent_process_death_signal};
        use std::os::unix::process::CommandExt;
        let ask = || set_parent_process_death_signal(Some(Signal::TERM)).map_err(Into::into);
        // SAFETY: between fork and exec this makes one system call; it neither allocates nor locks.
        unsafe { command.pre_exec(ask) };
    }
    command
}
