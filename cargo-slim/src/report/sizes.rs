//! How the sizes of two builds are put into words.

use crate::{
    compare::Compared,
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
            "in the analysed files no size differs: the difference is in settings that the analysis \
             overrides, such as `strip`"
        }
    }
}
