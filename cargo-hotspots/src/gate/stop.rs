//! Ctrl-C during a gate: the run ends after the present process, and what is known is reported.
//!
//! The measured processes are in groups of their own, so the terminal's signal reaches only this
//! one. The handler stays for the rest of the process's life, as the `ctrlc` crate sets it once.

use std::sync::atomic::{AtomicBool, Ordering};

static STOPPED: AtomicBool = AtomicBool::new(false);

/// Begins to watch for it.
pub fn watch() {
    // It fails when it is set already, and then it is ours.
    let _ = ctrlc::set_handler(|| STOPPED.store(true, Ordering::Relaxed));
}

/// Whether the user wants to stop.
pub fn is_wanted() -> bool {
    STOPPED.load(Ordering::Relaxed)
}
