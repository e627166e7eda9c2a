//! Unified diffs.

use similar::{
    ChangeTag, DiffOp, DiffTag,
    algorithms::{Capture, Compact, Replace, myers},
    group_diff_ops,
};
use std::fmt::Write as _;

use crate::apply::FileEdit;
use crate::project::Project;

/// Lines around each change.
const CONTEXT: usize = 2;

/// Of one file.
pub(crate) fn of_edit(project: &Project, edit: &FileEdit) -> String {
    let name = project.shown(&edit.path);
    let before = edit.before.as_deref().unwrap_or_default();
    of_texts(&name, &name, before, &edit.after)
}

/// Of two texts. `similar::TextDiff` makes the same of them, with all algorithms that the crate has.
pub(super) fn of_texts(old_name: &str, new_name: &str, old: &str, new: &str) -> String {
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let new: Vec<&str> = new.split_inclusive('\n').collect();
    let mut hook = Compact::new(Replace::new(Capture::new()), &*old, &*new);
    let Ok(()) = myers::diff(&mut hook, &*old, 0..old.len(), &*new, 0..new.len());
    let mut text = String::new();
    let hunks = group_diff_ops(hook.into_inner().into_inner().into_ops(), CONTEXT);
    for hunk in hunks.iter().filter(|hunk| !hunk.is_empty()) {
        if text.is_empty() {
            let _ = writeln!(text, "--- {old_name}\n+++ {new_name}");
        }
        write_hunk(&mut text, hunk, &old, &new);
    }
    text
}

fn write_hunk(text: &mut String, hunk: &[DiffOp], old: &[&str], new: &[&str]) {
    let ([first, ..], [.., last]) = (hunk, hunk) else {
        return;
    };
    let before = range(first.old_range().start, last.old_range().end);
    let after = range(first.new_range().start, last.new_range().end);
    let _ = writeln!(text, "@@ -{before} +{after} @@");
    let mut write = |tag: ChangeTag, lines: &[&str]| {
        for line in lines {
            let _ = write!(text, "{tag}{line}");
            if !line.ends_with('\n') {
                text.push_str("\n\\ No newline at end of file\n");
            }
        }
    };
    for op in hunk {
        let (old, new) = (&old[op.old_range()], &new[op.new_range()]);
        match op.tag() {
            DiffTag::Equal => write(ChangeTag::Equal, old),
            DiffTag::Delete | DiffTag::Insert | DiffTag::Replace => {
                write(ChangeTag::Delete, old);
                write(ChangeTag::Insert, new);
            }
        }
    }
}

/// Lines as `first,count`; an empty range stands after the line before it.
fn range(start: usize, end: usize) -> String {
    match end.saturating_sub(start) {
        1 => (start + 1).to_string(),
        0 => format!("{start},0"),
        count => format!("{},{count}", start + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The expected hunks are those that `diff -U2` of GNU printed of these texts.
    #[test]
    fn a_diff_is_that_of_the_program() {
        let diff = of_texts(
            "a",
            "b",
            "1\n2\n3\n4\n5\n6\n7\n8\n9",
            "1\n2\n3\n4\nx\n6\n7\n8\n9\n",
        );
        let expected = "--- a\n+++ b\n@@ -3,7 +3,7 @@\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n-9\n\\ No newline \
                        at end of file\n+9\n";
        assert_eq!(diff, expected);
        assert_eq!(
            of_texts("a", "b", "", "x\n"),
            "--- a\n+++ b\n@@ -0,0 +1 @@\n+x\n"
        );
        assert_eq!(
            of_texts("a", "b", "x\n", ""),
            "--- a\n+++ b\n@@ -1 +0,0 @@\n-x\n"
        );
        assert_eq!(of_texts("a", "b", "x\n", "x\n"), "");
    }

    proptest! {
        /// The witness is what `similar` makes of texts.
        #[test]
        fn a_diff_is_that_of_the_crate(old in "([ab]{0,2}\n){0,300}[ab]?", new in "([ab]{0,2}\n){0,300}[ab]?") {
            let whole = similar::TextDiff::from_lines(&old, &new);
            let whole = whole.unified_diff().context_radius(CONTEXT).header("a", "b").to_string();
            prop_assert_eq!(of_texts("a", "b", &old, &new), whole);
        }
    }
}
