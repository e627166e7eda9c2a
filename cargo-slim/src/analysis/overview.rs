//! The default page: what every other analysis has to say first.

use super::{
    crates, findings, functions,
    model::{By, Overview},
    open::Opened,
    partition, regions,
    result::{self, Analysis},
    subject::Subject,
};
use codecost::Result;

/// Sections, crates, functions and findings.
///
/// # Errors
///
/// A file changed while it was read.
pub fn overview<'a>(
    opened: &Opened,
    subject: &'a mut Subject<'_>,
) -> Result<Analysis<Overview<'a>>> {
    let (ledger, ()) = subject.ledger_beside(|ledger| ledger, |functions| functions.spell_out());
    let subject = &*subject;
    let artifact = result::artifact(opened, subject);
    let crates = crates::rows(subject, &ledger, By::Defined);
    let findings = findings::find(opened, subject, &ledger, &artifact, &crates);
    let overview = Overview {
        sections: partition::rows(&subject.image),
        crates,
        functions: functions::rows(subject),
        findings,
        regions: regions::of(opened, &subject.image).regions,
    };
    Analysis::new(opened, subject, overview, [])
}
