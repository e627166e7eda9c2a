//! Time in `core::fmt`. What is written somewhere is not formatting: time below a write is left
//! out.

use super::{
    command::all_callers,
    groups::{self, Role, Spent},
};
use crate::analysis::{model::Finding, select::path_of, shares::Shares, subject::Subject};

pub(super) const CODE: &str = "formatting";

/// All of it, by who asked.
pub(super) fn spent(shares: &Shares<'_>) -> Spent {
    groups::measure(shares, |function, owner| {
        let path = path_of(&function.name);
        if !owner.system {
            Role::Asks
        } else if path.starts_with("core::fmt::")
            || path.starts_with("alloc::fmt::")
            || path.contains(" as core::fmt::")
            || path.contains("alloc::string::ToString")
            || path.contains("SpecToString")
        {
            Role::Member
        } else if path.starts_with("std::io::") || path.starts_with("<std::io::") {
            Role::Other
        } else {
            Role::Passes
        }
    })
}

pub(super) fn find(subject: &Subject<'_>, shares: &Shares<'_>) -> Option<Finding> {
    let spent = spent(shares);
    let first = spent.requesters.first()?;
    Some(Finding {
        code: CODE,
        title: "time in formatting".into(),
        time: spent.all.period,
        sureness: 0.6,
        place: Some(first.place()),
        evidence: spent.evidence(shares.total),
        advice:
            "`write!` into a buffer that is used again, `push_str`, or crates such as `itoa` and \
                 `ryu` format faster"
                .into(),
        command: all_callers(CODE, subject),
    })
}
