//! Checks in the hottest loops. Their own cost is small; what they keep the compiler from doing
//! (vectors, unrolling) may not be. A loop's time is that of its own blocks, without inner loops.

use crate::analysis::{
    asm::{
        self, LoopQuery, SourceRoots,
        model::{Card, Check, MarkKind},
    },
    model::Finding,
    shares::Shares,
    subject::Subject,
};
use crate::paths::tail;
use codecost::{attribution::Origin, disasm::Syntax, units::counted};
use std::collections::BTreeSet;

/// Fewer samples of the whole recording say nothing of a loop.
const FEW: u64 = 100;
/// Lines that are named.
const NAMED: usize = 3;
/// Functions that are looked at.
const FUNCTIONS: usize = 6;

pub(super) fn find(subject: &Subject<'_>, shares: &Shares<'_>) -> Vec<Finding> {
    // One loop's share of few samples is chance.
    if shares.total.samples < FEW {
        return Vec::new();
    }
    let query = LoopQuery {
        // std's own lines are not what the user can change: there is no need to look for them.
        roots: SourceRoots::none(),
        syntax: Syntax::default(),
        model: false,
        functions: FUNCTIONS,
        own: true,
    };
    let Ok((cards, _)) = asm::cards(subject.profile, subject.symbols, &query) else {
        return Vec::new();
    };
    let flag = &subject.input_flag;
    let found = [bounds(&cards, flag), overflow(&cards, flag)];
    found.into_iter().flatten().collect()
}

/// The loops that a user can change, hottest first.
fn own(cards: &[Card]) -> impl Iterator<Item = &Card> {
    let is_own = |card: &&Card| {
        let owner = card.owner.as_ref();
        owner.is_some_and(|owner| owner.origin == Origin::Workspace)
    };
    cards.iter().filter(is_own)
}

/// Bounds checks in the hottest loop: those of another one do not matter.
fn bounds(cards: &[Card], input_flag: &str) -> Option<Finding> {
    let hot = own(cards).next()?;
    let checks = of_kind(hot, &|check| check.kind == MarkKind::BoundsCheck);
    if checks.is_empty() {
        return None;
    }
    let many = counted(checks.len() as u64, "bounds check");
    let mut variables: BTreeSet<&str> = BTreeSet::new();
    variables.extend(checks.iter().filter_map(|check| check.variable.as_deref()));
    let of = match variables.into_iter().collect::<Vec<_>>().as_slice() {
        [] => String::new(),
        [only] => format!(" of `{only}`"),
        [first, ..] => format!(" of `{first}` and others"),
    };
    Some(Finding {
        code: "bounds-checks",
        title: format!(
            "{many}{of} in the hottest loop of `{}`; the whole loop takes",
            hot.function
        ),
        time: hot.own.period,
        // The loop's time is known, and what the checks take of it is not.
        sureness: if hot.simd.packed == 0 { 0.35 } else { 0.2 },
        place: place(hot),
        evidence: lines(&checks),
        advice:
            "iterators, `zip`, `chunks_exact` or one slice of the right length before the loop \
                 need no check in it"
                .into(),
        command: format!("cargo hotspots loops{input_flag}"),
    })
}

/// Checks of arithmetic, which a release build does not have unless somebody turned them on.
fn overflow(cards: &[Card], input_flag: &str) -> Option<Finding> {
    let is_overflow = |check: &Check| {
        let name = &check.panics;
        name.contains("overflow") && name.starts_with("panic_const")
    };
    let loops: Vec<&Card> = own(cards)
        .filter(|card| !of_kind(card, &is_overflow).is_empty())
        .collect();
    let first = loops.first()?;
    let checks = of_kind(first, &is_overflow);
    let mut evidence = lines(&checks);
    evidence.push(format!(
        "{} of arithmetic in the hottest of {} with such checks",
        counted(checks.len() as u64, "check"),
        counted(loops.len() as u64, "loop")
    ));
    let time = loops.iter().map(|card| card.own.period);
    Some(Finding {
        code: "overflow-checks",
        title: "loops whose arithmetic is checked for overflow".into(),
        time: time.fold(0, u64::saturating_add),
        sureness: 0.5,
        place: place(first),
        evidence,
        advice:
            "a release build has no such checks unless `overflow-checks` or `debug-assertions` \
                 is on: `cargo tune show` says where"
                .into(),
        command: format!("cargo hotspots loops{input_flag}"),
    })
}

fn of_kind<'c>(card: &'c Card, is_meant: &dyn Fn(&Check) -> bool) -> Vec<&'c Check> {
    card.checks.iter().filter(|check| is_meant(check)).collect()
}

fn place(card: &Card) -> Option<String> {
    let file = tail(card.file.as_deref()?);
    Some(format!("{} ({file}:{})", card.function, card.line?))
}

/// The source lines of the checks, with their text.
fn lines(checks: &[&Check]) -> Vec<String> {
    let lines: BTreeSet<String> = checks
        .iter()
        .filter_map(|check| {
            let place = format!("{}:{}", tail(check.file.as_deref()?), check.line?);
            Some(match &check.text {
                Some(text) => format!("{place}: {text}"),
                None => place,
            })
        })
        .collect();
    lines.into_iter().take(NAMED).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::model::{CrateInfo, Weight};

    fn card(period: u64, origin: Origin, checks: &[(MarkKind, &str)]) -> Card {
        Card {
            function: "app::sum".into(),
            owner: Some(CrateInfo {
                role: Default::default(),
                name: "app".into(),
                package: None,
                version: None,
                origin,
            }),
            file: Some("/home/a/app/src/lib.rs".into()),
            line: Some(7),
            own: Weight { period, samples: 1 },
            checks: checks
                .iter()
                .map(|(kind, panics)| Check {
                    kind: *kind,
                    panics: (*panics).into(),
                    file: Some("/home/a/app/src/lib.rs".into()),
                    line: Some(8),
                    text: Some("sum += table[i];".into()),
                    variable: Some("table".into()),
                })
                .collect(),
            ..Card::default()
        }
    }

    const BOUNDS: (MarkKind, &str) = (MarkKind::BoundsCheck, "panic_bounds_check");

    #[test]
    fn checks_in_the_hottest_loop() {
        let cards = [
            card(95, Origin::Registry, &[BOUNDS]),
            card(90, Origin::Workspace, &[BOUNDS, BOUNDS]),
            card(80, Origin::Workspace, &[]),
        ];
        let finding = bounds(&cards, "").unwrap();
        assert_eq!(
            finding.title,
            "2 bounds checks of `table` in the hottest loop of `app::sum`; the whole loop takes"
        );
        assert_eq!(finding.time, 90);
        assert_eq!(finding.evidence, ["app/src/lib.rs:8: sum += table[i];"]);
        assert_eq!(finding.place.unwrap(), "app::sum (app/src/lib.rs:7)");
        assert_eq!(finding.command, "cargo hotspots loops");
    }

    #[test]
    fn checks_elsewhere_do_not_count() {
        // In a cooler loop, in a dependency's only; no loop.
        let cooler = [
            card(100, Origin::Workspace, &[]),
            card(90, Origin::Workspace, &[BOUNDS]),
        ];
        assert!(bounds(&cooler, "").is_none());
        assert!(bounds(&[card(100, Origin::Registry, &[BOUNDS])], "").is_none());
        assert!(bounds(&[], "").is_none());
    }

    #[test]
    fn overflow_checks_of_all_loops_together() {
        let add = (MarkKind::Check, "panic_const_add_overflow");
        let unwrap = (MarkKind::Check, "unwrap_failed");
        let cards = [
            card(50, Origin::Workspace, &[add, unwrap]),
            card(30, Origin::Workspace, &[unwrap]),
            card(20, Origin::Workspace, &[add]),
        ];
        let finding = overflow(&cards, "").unwrap();
        assert_eq!(finding.time, 70);
        assert!(
            finding
                .evidence
                .iter()
                .any(|line| line.starts_with("1 check of"))
        );
        assert!(overflow(&cards[1..2], "").is_none());
    }
}
