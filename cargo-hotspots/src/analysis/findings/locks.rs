//! CPU time spent on getting locks that another thread holds: spinning, and putting threads to
//! sleep and waking them. Time asleep is not sampled, so what is lost by waiting may be far more.

use super::{
    command::all_callers,
    groups::{self, Role, Spent},
};
use crate::analysis::{model::Finding, select::path_of, shares::Shares, subject::Subject};

/// Crates that offer locks: they do not ask for them.
const LOCK_CRATES: [&str; 5] = [
    "parking_lot",
    "parking_lot_core",
    "lock_api",
    "spin",
    "dashmap",
];

pub(super) const CODE: &str = "lock-contention";

/// All of it, by who asked.
pub(super) fn spent(shares: &Shares<'_>) -> Spent {
    groups::measure(shares, |function, owner| {
        let lock_crate = LOCK_CRATES.contains(&owner.name.as_str());
        if (owner.system || lock_crate) && waits(&function.name) {
            Role::Member
        } else if lock_crate {
            Role::Passes
        } else {
            groups::usual(owner)
        }
    })
}

pub(super) fn find(subject: &Subject<'_>, shares: &Shares<'_>) -> Option<Finding> {
    let spent = spent(shares);
    let first = spent.requesters.first()?;
    let mut evidence = spent.evidence(shares.total);
    evidence.push(
        "only CPU time is sampled: the time that threads sleep for a lock is not in it".into(),
    );
    Some(Finding {
        code: CODE,
        title: "time on locks that another thread holds".into(),
        time: spent.all.period,
        sureness: 0.6,
        place: Some(first.place()),
        evidence,
        advice:
            "hold the lock for a shorter time, split what it guards, or gather results in each \
                 thread and merge them at the end"
                .into(),
        command: all_callers(CODE, subject),
    })
}

/// The slow paths of locks; the fast one is not waiting.
fn waits(name: &str) -> bool {
    let path = path_of(name);
    let plain = path.trim_start_matches('_');
    path.ends_with("_contended")
        || path.ends_with("::lock_slow")
        || path.ends_with("lock_exclusive_slow")
        || path.ends_with("lock_shared_slow")
        || path.contains("::wake_writer_or_readers")
        || path.starts_with("parking_lot_core::parking_lot::")
        || path.starts_with("std::sys::sync::mutex::futex::Mutex::wake")
        || plain.starts_with("lll_lock_wait")
        || plain.starts_with("lll_lock_wake")
        || plain.starts_with("GI___lll_lock_wait")
}
