//! At most three things worth acting on, those with the most time at stake. Each is made from what
//! was measured; none says what a change would save, because nobody measured that.

use super::{Subject, model::Finding, shares::Shares};

/// What a maintainer could act on, most time first.
pub(super) fn find(_subject: &Subject<'_>, _shares: &Shares<'_>) -> Vec<Finding> {
    Vec::new()
}
