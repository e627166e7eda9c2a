//! `cargo tune undo`, where it must not restore a file.

use super::diff::of_texts;
use crate::apply::Conflict;

/// What the user has changed since, and what undo would have done.
pub(crate) fn three_way(conflict: &Conflict) -> String {
    let Conflict {
        path,
        before,
        written,
        now,
    } = conflict;
    let name = path.display();
    let old = format!("{name} (as cargo tune wrote it)");
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let mine = of_texts(&old, &format!("{name} (now)"), written, &text(now));
    let back = of_texts(&old, &format!("{name} (before)"), written, &text(before));
    format!("edited since:\n{mine}\nwhat undo would do:\n{back}\n")
}
