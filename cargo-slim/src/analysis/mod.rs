//! What the bytes of an artifact add up to. Computes, never prints.

mod crates;
mod data;
mod findings;
mod functions;
mod generics;
mod listing;
mod loads;
pub mod measure;
pub mod model;
mod names;
mod open;
mod provenance;
mod result;
mod sections;
mod sorting;
mod subject;
mod survey;

pub use crates::Question;
pub use open::{Facts, Opened, open, open_in};
pub use result::{Analysis, Rows, Total};
pub use subject::{Depth, Files, Subject};
pub use survey::survey;

use crate::options::{By, View};
use codecost::{Result, image::Format, report::Warning};
use model::{Artifact, Overview};

/// Computes the rows of `view`.
///
/// # Errors
///
/// The view needs what the file does not have.
pub fn analyse<'a>(
    opened: &Opened,
    subject: &'a mut Subject<'_>,
    view: View,
) -> Result<Analysis<'a>> {
    let artifact = artifact(opened, subject);
    let mut warnings = warnings(subject);
    let rows = match view {
        View::Sections => Rows::Sections(sections::rows(&subject.image)),
        View::Functions => Rows::Functions(functions::rows(subject)),
        View::Generics => {
            let rows = generics::rows(subject);
            warnings.push(generics::warning(subject, &rows));
            Rows::Generics(rows)
        }
        View::Loads => Rows::Loads(loads::view(subject)?),
        View::Crates(by) => {
            let (question, inlined) = match by {
                By::Defined => (Question::Defined, Vec::new()),
                By::Instantiated => (Question::Instantiated, Vec::new()),
                By::Inlined => (Question::Inlined, subject.inlined(&artifact.path)?),
            };
            let ledger = subject.ledger(&inlined);
            Rows::Crates(crates::rows(subject, &ledger, question))
        }
        View::Data => {
            let ledger = subject.ledger(&[]);
            Rows::Data(data::rows(subject, &ledger))
        }
        View::Overview => {
            let (ledger, ()) =
                subject.ledger_beside(|ledger| ledger, |functions| functions.spell_out());
            let sections = sections::rows(&subject.image);
            let crates = crates::rows(subject, &ledger, Question::Defined);
            let findings = findings::find(opened, subject, &ledger, &artifact, &crates);
            let functions = functions::rows(subject);
            Rows::Overview(Overview {
                sections,
                crates,
                functions,
                findings,
            })
        }
    };
    let sections = sections::rows(&subject.image);
    let total = Total {
        file: artifact.file_size,
        memory: sections
            .iter()
            .map(|row| row.memory)
            .fold(0, u64::saturating_add),
    };
    warnings.retain(|warning| warning.count != Some(0));
    Ok(Analysis {
        artifact,
        total,
        rows,
        warnings,
    })
}

fn artifact(opened: &Opened, subject: &Subject<'_>) -> Artifact {
    let facts = opened.facts.clone();
    Artifact {
        path: opened.files.file.path().to_owned(),
        format: subject.image.format.as_str(),
        architecture: subject.image.architecture.to_string(),
        file_size: opened.files.file.len() as u64,
        shipped_size: subject.image.shipped_size(),
        package: facts.package,
        target_name: facts.target_name,
        profile: facts.profile,
        build_notes: facts.build_notes,
    }
}

/// What makes the figures less than they seem: one warning per cause.
fn warnings(subject: &Subject<'_>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if !subject.image.parts.is_empty() {
        warnings.push(Warning::new(
            "not-linked",
            "objects wait for a linker, so what their code refers to, and their unwind tables and \
             debug information, are known by object only",
        ));
    } else if subject.image.format != Format::Elf {
        warnings.push(Warning::new(
            "format-without-depth",
            format!(
                "of {} files only sections, symbols and padding are read, so most owners are unknown",
                subject.image.format.as_str()
            ),
        ));
    } else if subject.stripped {
        let help = "pass its debug file with `--debug-file`, or build it with `strip = \"none\"`";
        warnings.push(
            Warning::new(
                "stripped",
                "the file has no symbol table, so most owners are unknown",
            )
            .help(help),
        );
    }
    warnings.push(
        Warning::new("damaged-symbols", "symbol names lie outside their table")
            .count(subject.symbols.damaged_names + subject.dynamic_symbols.damaged_names),
    );
    warnings.push(
        Warning::new(
            "damaged-unwind-tables",
            "unwind tables could not be read to their end",
        )
        .count(subject.unwind.damaged),
    );
    let info = subject.debug.load();
    warnings.push(
        Warning::new(
            "damaged-debug-info",
            "units of the debug information could not be read",
        )
        .count(info.damaged_units() as u64),
    );
    warnings.push(
        Warning::new(
            "split-debug-info",
            "units keep their debug information in another file, which is not read",
        )
        .help("build with `split-debuginfo = \"off\"`")
        .count(info.split_units() as u64),
    );
    if let Some(link) = &subject.unread_shared_debug {
        warnings.push(
            Warning::new(
                "shared-debug-info",
                format!(
                    "parts of the debug information were moved to `{link}`, which is not here or \
                     another build's, so the owners of the rest are unknown"
                ),
            )
            .help("install the file, or pass a debug file that is whole with `--debug-file`"),
        );
    }
    warnings
}
