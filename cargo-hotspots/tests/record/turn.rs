//! How many recordings run beside each other.

use std::sync::{Condvar, Mutex};

/// Two recordings run at a time, however many tests do: most of what a test does is not recording, and
/// what a busy machine does to samples is not what they are about.
pub(super) struct Turn;

static RECORDING: (Mutex<u32>, Condvar) = (Mutex::new(0), Condvar::new());

impl Turn {
    pub(super) fn take() -> Self {
        let (count, free) = &RECORDING;
        let count = count.lock().unwrap();
        let mut count = free.wait_while(count, |count| *count >= 2).unwrap();
        *count += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let (count, free) = &RECORDING;
        *count.lock().unwrap() -= 1;
        free.notify_one();
    }
}
