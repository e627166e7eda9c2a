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

/// The command that shows all who asked for what a finding counted, with the same figures.
pub(super) fn all_callers(code: &str, subject: &Subject<'_>) -> String {
    format!(
        "cargo hotspots callers {}{}",
        quoted(&format!("[{code}]")),
        subject.input_flag
    )
}
