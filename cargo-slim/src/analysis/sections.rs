//! Bytes by section, headers and gaps included.

use super::{model::SectionRow, open::Opened, partition, result::Analysis, subject::Subject};
use codecost::Result;

/// Every byte of the file, by section.
///
/// # Errors
///
/// A file changed while it was read.
pub fn sections(opened: &Opened, subject: &Subject<'_>) -> Result<Analysis<Vec<SectionRow>>> {
    Analysis::new(opened, subject, partition::rows(&subject.image), [])
}
