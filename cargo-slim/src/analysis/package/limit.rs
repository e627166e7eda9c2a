//! How much a package may unpack to.

use std::{
    cell::Cell,
    io::{self, Read},
    rc::Rc,
};

/// Native code compresses to a third, debug information to a tenth; a package that expands more is
/// made to fill the memory.
const MAX_EXPANSION: u64 = 64;

/// What a small package may always have: a few files of one byte each are larger than their package.
const ALWAYS: u64 = 1 << 20;

/// Bytes that may still be unpacked, by all readers together.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    whole: u64,
    left: Rc<Cell<u64>>,
}

impl Limit {
    /// For a package of this size.
    pub(super) fn new(package: u64) -> Self {
        let whole = package.saturating_mul(MAX_EXPANSION).saturating_add(ALWAYS);
        Self {
            whole,
            left: Rc::new(Cell::new(whole)),
        }
    }

    /// How much was unpacked.
    pub(super) fn used(&self) -> u64 {
        self.whole - self.left.get()
    }

    /// `inner`, which fails where it says more than is left.
    pub(super) fn reader<R: Read>(&self, inner: R) -> Limited<R> {
        let limit = self.clone();
        Limited { inner, limit }
    }
}

/// A reader that fails rather than exceed a [`Limit`].
pub(super) struct Limited<R> {
    inner: R,
    limit: Limit,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let Some(left) = self.limit.left.get().checked_sub(read as u64) else {
            self.limit.left.set(0);
            return Err(io::Error::other(format!(
                "it unpacks to more than {MAX_EXPANSION} times its size"
            )));
        };
        self.limit.left.set(left);
        Ok(read)
    }
}
