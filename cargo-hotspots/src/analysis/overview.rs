//! Where the time goes on one page, and what to do about it.

use super::{
    crates, findings, functions, lines,
    model::{Analysis, Overview},
    subject::Subject,
};
use crate::profile::WAITING;
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
            // They speak of CPU time.
            findings: match subject.profile.event == WAITING {
                true => Vec::new(),
                false => findings::find(subject, shares),
            },
        })
    })
}
