//! Settings of the profile in use that `cargo tune` would change, with the time that they concern.

use crate::analysis::{
    model::Finding,
    shares::{At, Shares},
    subject::Subject,
};
use codecost::attribution::Origin;
use std::collections::BTreeMap;

pub(super) fn find(subject: &Subject<'_>, shares: &Shares<'_>) -> Option<Finding> {
    let settings = subject.settings?;
    let profile = subject.recording.about.as_ref()?.build_profile.as_deref()?;
    optimization(settings, profile, shares).or_else(|| link_time(settings, profile, shares))
}

fn command(profile: &str) -> String {
    format!("cargo tune --target speed --profile {profile}")
}

/// An `opt-level` that is not for speed: it concerns all code that is compiled with it.
fn optimization(
    settings: &BTreeMap<String, String>,
    profile: &str,
    shares: &Shares<'_>,
) -> Option<Finding> {
    let written = settings.get("opt-level").map(String::as_str);
    let level = match (written, profile) {
        (Some(level), _) => level.trim_matches('"'),
        (None, "dev" | "test") => "0",
        (None, _) => return None,
    };
    if matches!(level, "2" | "3") {
        return None;
    }
    let mut time = 0_u64;
    for (stack, weight) in shares.ends() {
        if is_built(shares, shares.settled[stack].own) {
            time = time.saturating_add(weight.period);
        }
    }
    Some(Finding {
        code: "opt-level",
        title: format!("code that is built with `opt-level = {level}`"),
        time,
        evidence: vec![
            format!("profile `{profile}` does not optimise for speed"),
            "the time is all that passes in such code, not what a change would save".into(),
        ],
        command: command(profile),
    })
}

/// Functions with more bytes of code than this are seldom inlined.
const SMALL: u64 = 256;

/// Small functions that another crate calls: link-time optimisation could inline them.
fn link_time(
    settings: &BTreeMap<String, String>,
    profile: &str,
    shares: &Shares<'_>,
) -> Option<Finding> {
    let lto = settings.get("lto").map(|lto| lto.trim_matches('"'));
    if matches!(lto, Some("true" | "fat" | "thin")) {
        return None;
    }
    // The function that the innermost code is in, and the one that called it.
    let mut time = 0_u64;
    for (stack, weight) in shares.ends() {
        let frame = shares.profile.stacks.get(stack).map(|node| node.frame);
        let chain = frame.and_then(|frame| shares.symbols.chains.get(frame.0 as usize));
        let extent = chain.and_then(|chain| chain.extent);
        if extent.is_none_or(|extent| extent.size > SMALL) {
            continue;
        }
        let Some(caller) = shares.caller(stack) else {
            continue;
        };
        let callee = shares.scopes(stack).next_back().map(|(at, _)| at);
        let caller = shares.scopes(caller).next().map(|(at, _)| at);
        let owner = |at: At| {
            let function = shares.function(at)?;
            shares.owner(function)
        };
        let both = is_built(shares, callee) && is_built(shares, caller);
        if both && owner(callee) != owner(caller) {
            time = time.saturating_add(weight.period);
        }
    }
    let state = match lto {
        Some(lto) => format!("profile `{profile}` sets `lto = {lto}`"),
        None => format!("profile `{profile}` sets no `lto`"),
    };
    Some(Finding {
        code: "no-lto",
        title: "small functions that another crate calls, without link-time optimisation".into(),
        time,
        evidence: vec![
            state,
            "the time is all that passes in such functions, not what a change would save".into(),
        ],
        command: command(profile),
    })
}

/// Whether cargo compiled it with the profile: no part of std, no C.
fn is_built(shares: &Shares<'_>, at: At) -> bool {
    let owner = shares
        .function(at)
        .and_then(|function| shares.owner(function));
    let owner = owner.and_then(|owner| shares.symbols.crates.get(owner.0 as usize));
    owner.is_some_and(|owner| {
        matches!(
            owner.origin,
            Origin::Workspace | Origin::Registry | Origin::Git | Origin::Path
        )
    })
}
