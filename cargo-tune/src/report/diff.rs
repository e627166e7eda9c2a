//! Unified diffs.

use similar::TextDiff;

use crate::apply::FileEdit;
use crate::project::Project;

/// Of one file.
pub(crate) fn of_edit(project: &Project, edit: &FileEdit) -> String {
    let name = project.shown(&edit.path);
    let before = edit.before.as_deref().unwrap_or_default();
    of_texts(&name, &name, before, &edit.after)
}

/// Of two texts.
pub(super) fn of_texts(old_name: &str, new_name: &str, old: &str, new: &str) -> String {
    TextDiff::from_lines(old, new)
        .unified_diff()
        .context_radius(2)
        .header(old_name, new_name)
        .to_string()
}
