//! Settings of the profile in use that `cargo tune` would change, with the time that they concern.

use crate::analysis::{
    model::Finding,
    shares::{At, Shares},
    subject::Subject,
};
use codecost::attribution::Origin;
use std::collections::BTreeMap;

pub(super) fn find(subject: &Subject<'_>, shares: &Shares<'_>) -> Vec<Finding> {
    let about = subject.recording.about.as_ref();
    let profile = about.and_then(|about| about.build_profile.as_deref());
    let (Some(settings), Some(profile)) = (subject.settings, profile) else {
        return Vec::new();
    };
    let optimization =
        optimization(settings, profile, shares).or_else(|| link_time(settings, profile, shares));
    let found = [optimization, assertions(settings, profile, shares)];
    found.into_iter().flatten().collect()
}

/// Time in code that cargo compiled with the profile.
fn built(shares: &Shares<'_>) -> u64 {
    let own = shares
        .ends()
        .filter(|(stack, _)| is_built(shares, shares.settled[*stack].own));
    own.fold(0, |time, (_, weight)| time.saturating_add(weight.period))
}

/// Assertions and overflow checks that somebody turned on: a release build has none.
fn assertions(
    settings: &BTreeMap<String, String>,
    profile: &str,
    shares: &Shares<'_>,
) -> Option<Finding> {
    let on: Vec<&str> = ["debug-assertions", "overflow-checks"]
        .into_iter()
        .filter(|key| settings.get(*key).map(String::as_str) == Some("true"))
        .collect();
    // Its opt-level is the finding.
    if on.is_empty() || matches!(profile, "dev" | "test") {
        return None;
    }
    Some(Finding {
        code: "debug-assertions",
        title: format!("code that is built with {}", on.join(" and ")),
        time: built(shares),
        sureness: 0.3,
        place: None,
        evidence: vec![
            format!(
                "profile `{profile}` sets `{} = true`",
                on.join(" = true`, `")
            ),
            "the time is all that passes in such code, not what a change would save".into(),
        ],
        advice: "leave them to the `dev` and `test` profiles".into(),
        command: "cargo tune show".into(),
    })
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
    let time = built(shares);
    Some(Finding {
        code: "opt-level",
        title: format!("code that is built with `opt-level = {level}`"),
        time,
        sureness: 0.8,
        place: None,
        evidence: vec![
            format!("profile `{profile}` does not optimise for speed"),
            "the time is all that passes in such code, not what a change would save".into(),
        ],
        advice: "`opt-level = 3` for the profile, or for the packages where the time passes".into(),
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
        sureness: 0.4,
        place: None,
        evidence: vec![
            state,
            "the time is all that passes in such functions, not what a change would save".into(),
        ],
        advice: "`lto = \"thin\"` lets the compiler inline them".into(),
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
