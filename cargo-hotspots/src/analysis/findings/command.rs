//! The command that a finding recommends.

use crate::analysis::subject::Subject;
use codecost::front::quoted;

/// The command that shows what a function spends its time on.
pub(super) fn callees(function: &str, subject: &Subject<'_>) -> String {
    format!(
        "cargo hotspots callees {}{}",
        quoted(function),
        subject.input_flag
    )
}
