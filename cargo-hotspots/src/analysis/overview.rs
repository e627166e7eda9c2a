//! Where the time goes on one page, and what to do about it.

use super::{
    crates, findings, functions, lines,
    model::{Analysis, Overview},
    subject::Subject,
};
use codecost::Result;

/// The page to start from.
///
/// # Errors
///
/// There is not one sample.
pub fn overview(subject: &Subject<'_>) -> Result<Analysis<Overview>> {
    subject.analyse(|shares| {
        Ok(Overview {
            crates: crates::rows(shares),
            functions: functions::rows(shares),
            lines: lines::rows(shares),
            findings: findings::find(subject, shares),
        })
    })
}
