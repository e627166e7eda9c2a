//! Time in SipHash, std's default hasher: it resists keys that are chosen to collide, which keys of
//! one's own do not do.

use super::{
    command::all_callers,
    groups::{self, Role, Spent},
};
use crate::analysis::{model::Finding, select::path_of, shares::Shares, subject::Subject};

pub(super) const CODE: &str = "siphash";

/// All of it, by who asked.
pub(super) fn spent(shares: &Shares<'_>) -> Spent {
    groups::measure(shares, |function, owner| {
        let path = path_of(&function.name);
        let is = |text: &str| path.contains(text);
        let sip = is("core::hash::sip::") || is("std::hash::random::DefaultHasher");
        if owner.system && sip {
            Role::Member
        } else {
            groups::usual(owner)
        }
    })
}

pub(super) fn find(subject: &Subject<'_>, shares: &Shares<'_>) -> Option<Finding> {
    let spent = spent(shares);
    let first = spent.requesters.first()?;
    Some(Finding {
        code: CODE,
        title: "time in SipHash, the default of HashMap and HashSet".into(),
        time: spent.all.period,
        // Another hasher is one line, and several times faster.
        sureness: 0.9,
        place: Some(first.place()),
        evidence: spent.evidence(shares.total),
        advice:
            "SipHash guards against keys that are made to collide; keys of one's own do not need \
                 it: take a faster `BuildHasher`, such as those of `foldhash` or `rustc-hash`"
                .into(),
        command: all_callers(CODE, subject),
    })
}
