//! Which bytes of a row are compared.

use crate::snapshot::{Crate, Section, Snapshot};

/// Which bytes of a row are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Basis {
    /// Those that ship: the rows add up to the change of the shipped size.
    Shipped,
    /// All of the analysed file, because a side does not say what ships.
    #[default]
    File,
}

impl Basis {
    /// What both sides can answer.
    pub(super) fn of(before: &Snapshot, after: &Snapshot) -> Self {
        match before.says_what_ships() && after.says_what_ships() {
            true => Self::Shipped,
            false => Self::File,
        }
    }

    pub(super) fn of_crate(self, row: &Crate) -> u64 {
        match self {
            Self::Shipped => row.shipped.unwrap_or_default(),
            Self::File => row.file,
        }
    }

    pub(super) fn of_section(self, row: &Section) -> u64 {
        match self {
            Self::Shipped => row.shipped.unwrap_or_default(),
            Self::File => row.file,
        }
    }
}

/// Bytes that only the analysed file has: debug information and symbol tables.
pub(super) fn unshipped(snapshot: &Snapshot) -> u64 {
    let artifact = &snapshot.artifact;
    let shipped = artifact.shipped_size.unwrap_or_default();
    artifact.file_size.saturating_sub(shipped)
}
