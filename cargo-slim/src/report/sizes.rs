//! How the sizes of two builds are put into words.

use crate::{
    compare::{Basis, Compared},
    snapshot::{Artifact, Snapshot},
};
use codecost::{
    report::printable,
    units::{Bytes, Change, Delta},
};

/// What it takes to come from `before` to `after`.
pub(super) fn delta(before: u64, after: u64) -> i64 {
    Bytes(after).since(Bytes(before)).0
}

/// The change of the analysed file.
pub(super) fn file_delta(before: &Snapshot, after: &Snapshot) -> i64 {
    delta(before.artifact.file_size, after.artifact.file_size)
}

/// `+12.0 KiB (+1.2%), 1.0 MiB → 1.1 MiB`.
fn change_in_words(before: u64, after: u64) -> String {
    let delta = delta(before, after);
    let relative = match before {
        0 => String::new(),
        before => format!(" ({})", Change(delta as f64 / before as f64)),
    };
    match delta {
        0 => format!("no change, {}", Bytes(after)),
        delta => format!(
            "{}{relative}, {} → {}",
            Delta(delta),
            Bytes(before),
            Bytes(after)
        ),
    }
}

/// `, +12.0 KiB (+1.2%), 1.0 MiB → 1.1 MiB`: what only the analysed files have, where the rows are
/// about what ships.
pub(super) fn unshipped(compared: &Compared) -> Option<String> {
    let (before, after) = compared.comparison.unshipped?;
    (before != after).then(|| {
        format!(
            "not shipped: debug information and symbol tables of the analysed files, {}",
            change_in_words(before, after)
        )
    })
}

/// The change that the rows of crates add up to, with what it is a change of.
pub(super) fn delta_of_rows(compared: &Compared) -> (i64, &'static str) {
    let (before, after) = (&compared.before, &compared.after);
    let sizes = (before.artifact.shipped_size, after.artifact.shipped_size);
    match (compared.comparison.basis, sizes) {
        (Basis::Shipped, (Some(was), Some(is))) => (delta(was, is), "shipped"),
        _ => (file_delta(before, after), "as analysed"),
    }
}

/// The sizes, those that users get first.
pub(super) struct SizeFacts {
    /// What the first figure is: `file`, or `analysed` where only that is known.
    pub(super) what: &'static str,
    /// The change of it, in words.
    pub(super) change: String,
    /// The same with `strip = "symbols"`.
    pub(super) shipped: Option<String>,
    /// The change of the analysed file and what was added to it, where it is another file.
    pub(super) analysed: Option<(String, String)>,
}

impl SizeFacts {
    pub(super) fn of(compared: &Compared) -> Self {
        let (old, new) = (&compared.before.artifact, &compared.after.artifact);
        let analysed = change_in_words(old.file_size, new.file_size);
        let ours = !old.build_notes.is_empty() || !new.build_notes.is_empty();
        let shipped = |was: Option<u64>, is: Option<u64>| Some(change_in_words(was?, is?));
        match compared.as_built() {
            Some([was, is]) => Self {
                what: "file",
                change: change_in_words(was.file, is.file),
                shipped: shipped(was.shipped, is.shipped),
                analysed: ((was.file, is.file) != (old.file_size, new.file_size))
                    .then(|| (analysed, notes(old, new))),
            },
            None => Self {
                what: if ours { "analysed" } else { "file" },
                change: analysed,
                shipped: shipped(old.shipped_size, new.shipped_size),
                analysed: None,
            },
        }
    }
}

/// What was added for the analysis: `strip=none, v0 names`.
fn notes(old: &Artifact, new: &Artifact) -> String {
    let mut all: Vec<&str> = Vec::new();
    for note in old.build_notes.iter().chain(&new.build_notes) {
        if !all.contains(&note.as_str()) {
            all.push(note);
        }
    }
    printable(&all.join(", ")).into_owned()
}

/// Said where no row is another, and more than that may not be said.
pub(super) fn without_rows(compared: &Compared) -> &'static str {
    match compared.is_unchanged() {
        true => "nothing changed",
        false => {
            "what ships has the same size: the difference is in debug information, in symbols, or in \
             settings that the analysis overrides, such as `strip`"
        }
    }
}
