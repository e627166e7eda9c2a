//! The rows of a comparison in JSON.

use crate::analysis::model::{AllocatedChange, ChangeKind, ChangeRow, Changed};
use codecost::report::{CrateName, CrateRowId, Nth, RowId};
use serde::Serialize;

/// One row in JSON. `before` and `after` are charged shares, each of its own recordings; those in
/// nanoseconds are null where the recordings do not say how much CPU time was used; those in bytes
/// and blocks are null unless the recordings are of allocations.
#[derive(Serialize)]
pub(super) struct JsonChange<'a> {
    id: String,
    kind: &'static str,
    name: &'a str,
    #[serde(rename = "crate")]
    owner: &'a str,
    version_before: Option<&'a str>,
    version_after: Option<&'a str>,
    before_ns: Option<i64>,
    after_ns: Option<i64>,
    delta_ns: Option<i64>,
    ci_low_ns: Option<i64>,
    ci_high_ns: Option<i64>,
    before_bytes: Option<i64>,
    after_bytes: Option<i64>,
    delta_bytes: Option<i64>,
    ci_low_bytes: Option<i64>,
    ci_high_bytes: Option<i64>,
    allocations_before: Option<i64>,
    allocations_after: Option<i64>,
    reallocations_before: Option<i64>,
    reallocations_after: Option<i64>,
    before: f64,
    after: f64,
    delta: f64,
    ci_low: f64,
    ci_high: f64,
    /// What chance alone makes of so many samples, in 19 of 20 cases, either way.
    sampling_error: f64,
    samples_before: u64,
    samples_after: u64,
}

/// `cpu_before_ns` and the like; null where it is not known.
pub(super) fn whole(figure: Option<f64>) -> Option<i64> {
    // Saturates: a duration that long is none.
    figure.map(|figure| figure.round() as i64)
}

impl<'a> JsonChange<'a> {
    pub(super) fn new(change: &Nth<'a, ChangeRow>) -> Self {
        let Nth {
            row:
                ChangeRow {
                    kind,
                    name,
                    label,
                    version_before,
                    version_after,
                    before,
                    after,
                    share,
                    sampling_error,
                    time,
                    allocated,
                },
            nth,
        } = change;
        // Versions change from one recording to the next.
        let owner = CrateName {
            version: None,
            ..label.as_name()
        };
        let (ci_low, ci_high) = share.interval();
        let interval = time.map(Changed::interval);
        let before_ns = whole(time.map(|time| time.before));
        let after_ns = whole(time.map(|time| time.after));
        let bytes = allocated.map(|allocated| allocated.bytes);
        let bytes_interval = bytes.map(Changed::interval);
        let before_bytes = whole(bytes.map(|bytes| bytes.before));
        let after_bytes = whole(bytes.map(|bytes| bytes.after));
        let blocks = allocated.map(|allocated| allocated.allocations);
        let reallocations = allocated.map(|allocated| allocated.reallocations);
        Self {
            id: match kind {
                ChangeKind::Crate => CrateRowId(owner, *nth).to_string(),
                _ => RowId {
                    kind: kind.as_str(),
                    owner: &label.name,
                    name,
                    nth: *nth,
                }
                .to_string(),
            },
            kind: kind.as_str(),
            name,
            owner: &label.name,
            version_before: version_before.as_deref(),
            version_after: version_after.as_deref(),
            before_ns,
            after_ns,
            delta_ns: difference(before_ns, after_ns),
            ci_low_ns: whole(interval.map(|(low, _)| low)),
            ci_high_ns: whole(interval.map(|(_, high)| high)),
            before_bytes,
            after_bytes,
            delta_bytes: difference(before_bytes, after_bytes),
            ci_low_bytes: whole(bytes_interval.map(|(low, _)| low)),
            ci_high_bytes: whole(bytes_interval.map(|(_, high)| high)),
            allocations_before: whole(blocks.map(|blocks| blocks.before)),
            allocations_after: whole(blocks.map(|blocks| blocks.after)),
            reallocations_before: whole(reallocations.map(|blocks| blocks.before)),
            reallocations_after: whole(reallocations.map(|blocks| blocks.after)),
            before: share.before,
            after: share.after,
            delta: share.delta(),
            ci_low,
            ci_high,
            sampling_error: *sampling_error,
            samples_before: before.samples,
            samples_after: after.samples,
        }
    }
}

fn difference(before: Option<i64>, after: Option<i64>) -> Option<i64> {
    Some(after?.saturating_sub(before?))
}

/// All that was allocated, in JSON.
#[derive(Serialize)]
pub(super) struct JsonAllocated {
    before_bytes: Option<i64>,
    after_bytes: Option<i64>,
    allocations_before: Option<i64>,
    allocations_after: Option<i64>,
    reallocations_before: Option<i64>,
    reallocations_after: Option<i64>,
}

impl JsonAllocated {
    pub(super) fn new(allocated: &AllocatedChange) -> Self {
        let AllocatedChange {
            bytes,
            allocations,
            reallocations,
        } = allocated;
        Self {
            before_bytes: whole(Some(bytes.before)),
            after_bytes: whole(Some(bytes.after)),
            allocations_before: whole(Some(allocations.before)),
            allocations_after: whole(Some(allocations.after)),
            reallocations_before: whole(Some(reallocations.before)),
            reallocations_after: whole(Some(reallocations.after)),
        }
    }
}
