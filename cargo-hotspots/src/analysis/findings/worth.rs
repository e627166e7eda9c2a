//! Which part of the time is worth a finding.

use crate::analysis::shares::Shares;

/// A smaller share of the time is not worth a line.
const WORTH: f64 = 0.05;

/// Whether `time` is enough of the whole to be a finding.
pub(super) fn is_worth(time: u64, shares: &Shares<'_>) -> bool {
    time as f64 >= WORTH * shares.total.period as f64
}
