//! Bytes by section, headers and gaps included.

use super::{model::SectionRow, open::Opened, partition, result::Analysis, subject::Subject};
use codecost::Result;

/// Every byte of the file, by section.
///
/// # Errors
///
/// A file changed while it was read.
pub fn sections(opened: &Opened, subject: &Subject<'_>) -> Result<Analysis<Vec<SectionRow>>> {
    let mut rows = partition::rows(&subject.image);
    for slice in &subject.slices {
        let inside = partition::rows(&slice.subject.image);
        let memory = inside.iter().map(|row| row.memory);
        // Two images may be for one architecture.
        let mut members = rows.iter_mut();
        let own = members.find(|row| row.name == slice.name && row.memory == 0);
        if let Some(row) = own {
            row.memory = memory.fold(0, u64::saturating_add);
        }
    }
    Analysis::of_all(opened, subject, rows, [])
}
