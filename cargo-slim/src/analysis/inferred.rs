//! What owners rest on that were inferred of functions without a symbol.

use super::subject::Subject;
use crate::inference::Basis;
use codecost::{
    attribution::CrateId,
    report::Warning,
    units::{Bytes, Share},
};

/// What each inference rests on, in words, after a figure.
fn words(basis: Basis) -> &'static str {
    match basis {
        Basis::Signature => "is equal to functions of the toolchain's standard library",
        Basis::Callee => "is called from such functions by name",
        Basis::Location => "uses panic locations in the sources of one crate",
        Basis::Neighbour => "stands between functions of one crate",
    }
}

const ALL: [Basis; 4] = [
    Basis::Signature,
    Basis::Callee,
    Basis::Location,
    Basis::Neighbour,
];

/// How much of the code has an inferred owner, and why; what would name more.
pub(super) fn warning(subject: &Subject<'_>) -> Option<Warning> {
    let functions = || subject.code.functions.iter();
    let bases = || functions().zip(&subject.inferred);
    let bytes_of = |basis: Basis| {
        let own = bases().filter(|(_, of)| **of == Some(basis));
        own.map(|(function, _)| function.range.size).sum::<u64>()
    };
    let parts: Vec<(Basis, u64)> = ALL
        .into_iter()
        .map(|basis| (basis, bytes_of(basis)))
        .filter(|(_, bytes)| *bytes > 0)
        .collect();
    if parts.is_empty() {
        return None;
    }
    let code: u64 = functions().map(|function| function.range.size).sum();
    let unknown: u64 = functions()
        .filter(|function| function.owner.defined == CrateId::UNKNOWN)
        .map(|function| function.range.size)
        .sum();
    let inferred: u64 = parts.iter().map(|(_, bytes)| bytes).sum();
    let reasons: Vec<String> = parts
        .iter()
        .map(|(basis, bytes)| format!("{} {}", Bytes(*bytes), words(*basis)))
        .collect();
    let message = format!(
        "the owners of {} of code ({}) are inferred: {}; {} stays [unknown]",
        Bytes(inferred),
        Share::of(inferred, code),
        reasons.join(", "),
        Bytes(unknown)
    );
    let catalogue = subject.crates.catalogue();
    let help = match (catalogue.libraries(), catalogue.release()) {
        (None, Some(release)) => format!(
            "run it with Rust {release} in use, which made the file, to recognise the standard \
             library's functions by their code"
        ),
        _ => "the symbols or the debug file of this build would name the rest".to_owned(),
    };
    Some(Warning::new("inferred-owners", message).help(help))
}
