//! What a hostile file may make its reader do: ranges end where the file ends, and names are read as
//! often as the file's size allows.

use crate::address::{FileOffset, FileRange, Range};

/// Copies names, as many as a file of this size can hold.
///
/// Entries of a table may all point at one endless name; to read it for each of them would take
/// time and memory without relation to the file.
pub(super) struct NameBudget {
    left: usize,
    damaged: u64,
}

impl NameBudget {
    /// For the tables of `bytes`.
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self {
            left: bytes.len().saturating_mul(2),
            damaged: 0,
        }
    }

    /// How many names were left out.
    pub(super) fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Whether a name of so many bytes may be lent out.
    pub(super) fn spend(&mut self, bytes: usize) -> bool {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                true
            }
            None => {
                self.left = 0;
                self.damaged += 1;
                false
            }
        }
    }

    /// Whether no name is read any more.
    pub(super) fn is_spent(&self) -> bool {
        self.left == 0
    }

    /// The name that `name` finds; empty when it has none or the budget is spent.
    pub(super) fn read<'n>(&mut self, name: impl FnOnce() -> Option<&'n [u8]>) -> String {
        if self.is_spent() {
            self.damaged += 1;
            return String::new();
        }
        let name = name().unwrap_or_default();
        match self.left.checked_sub(name.len()) {
            Some(left) => {
                self.left = left;
                String::from_utf8_lossy(name).into_owned()
            }
            None => {
                self.left = 0;
                self.damaged += 1;
                String::new()
            }
        }
    }
}

/// A range of the file, cut off where the file ends.
pub(super) fn clip(bytes: &[u8], offset: u64, size: u64) -> FileRange {
    let end = FileOffset(bytes.len() as u64);
    let start = FileOffset(offset).min(end);
    Range::<FileOffset>::new(start, size).intersection(Range::<FileOffset>::between(start, end))
}
