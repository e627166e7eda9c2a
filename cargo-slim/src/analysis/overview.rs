//! The default page: what every other analysis has to say first.

use super::{
    crates, findings, functions,
    model::{By, CrateRow, Overview},
    open::Opened,
    partition, regions,
    result::{self, Analysis},
    subject::{Slice, Subject},
};
use crate::ledger::Ledger;
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
        // What can be done is the same for each image; of the largest it is most.
        let largest = subject.slices.iter().enumerate();
        let largest = largest.max_by_key(|(_, slice)| slice.subject.image.bytes.len());
        let largest = largest.map_or(0, |(at, _)| at);
        let mut findings = Vec::new();
        let mut images = 0..;
        let path = opened.files.file.path();
        let mut findings_of = |slice: &Slice<'_>, ledger: &Ledger, rows: &[CrateRow]| {
            if images.next() == Some(largest) {
                let mut artifact = result::artifact(opened, &slice.subject);
                artifact.flags = format!("{} --arch {}", artifact.flags, slice.name);
                findings = findings::find(opened, &slice.subject, ledger, &artifact, rows);
            }
        };
        let (crates, _) = crates::of_images(subject, path, By::Defined, &mut findings_of)?;
        let subject = &*subject;
        let overview = Overview {
            sections: partition::rows(&subject.image),
            crates,
            functions: functions::rows(subject, named),
            findings,
            findings_of: subject.slices.get(largest).map(|slice| slice.name.as_str()),
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
        findings_of: None,
        regions: regions::of(opened, &subject.image).regions,
    };
    Analysis::new(opened, subject, overview, [])
}
