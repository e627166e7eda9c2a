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

/// Sections, crates, functions and findings. Only the `named` largest functions have their names.
///
/// # Errors
///
/// A file changed while it was read.
pub fn overview<'a>(
    opened: &Opened,
    subject: &'a mut Subject<'_>,
    named: usize,
) -> Result<Analysis<Overview<'a>>> {
    if !subject.slices.is_empty() {
        let crates = crates::of_images(subject, opened.files.file.path(), By::Defined)?;
        let subject = &*subject;
        let overview = Overview {
            sections: partition::rows(&subject.image),
            crates,
            functions: functions::rows(subject, named),
            findings: Vec::new(),
            regions: Vec::new(),
        };
        return Analysis::of_all(opened, subject, overview, []);
    }
    let ledger = subject.ledger(&[]);
    let subject = &*subject;
    let artifact = result::artifact(opened, subject);
    let crates = crates::rows(subject, &ledger, By::Defined);
    let findings = findings::find(opened, subject, &ledger, &artifact, &crates);
    let overview = Overview {
        sections: partition::rows(&subject.image),
        crates,
        functions: functions::rows(subject, named),
        findings,
        regions: regions::of(opened, &subject.image).regions,
    };
    Analysis::new(opened, subject, overview, [])
}
