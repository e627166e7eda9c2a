use super::*;
use crate::ledger::{ByCategory, Category};
use crate::{
    budget::{Forbid, Measure, Pattern, Target, Unlike},
    snapshot::{Crate, Function, Measures, Snapshot},
};
use codecost::pattern::Pattern as Regex;
use codecost::{
    attribution::Origin,
    units::{Bytes, Share},
};
use std::path::PathBuf;

static ALIKE: Unlike = Unlike {
    whole: None,
    parts: None,
    names: None,
};

fn rule(line: usize, wanted: Wanted) -> Rule {
    Rule {
        line,
        target: Target::Bin("app".into()),
        package: None,
        reason: None,
        wanted,
    }
}

fn budget(limit: Option<u64>, warn: Option<u64>, growth: Option<Limit>) -> Rule {
    let budget = Budget {
        index: 0,
        measure: Measure::File,
        limit: limit.map(Bytes),
        warn: warn.map(Bytes),
        growth,
    };
    rule(1, Wanted::Budget(budget))
}

fn of_size(file: Option<u64>) -> Measured {
    Measured {
        measures: Measures {
            file,
            ..Measures::default()
        },
        ..Measured::default()
    }
}

fn verdict(rules: Vec<Rule>, today: &Measured, before: Option<u64>) -> Verdict {
    let config = Config {
        path: PathBuf::from("slim.toml"),
        text: String::new(),
        rules,
    };
    let baseline = before.map(|file| Snapshot {
        measures: of_size(Some(file)).measures,
        ..Snapshot::default()
    });
    judge(
        &config,
        |_| Ok(today),
        |_| match &baseline {
            Some(snapshot) => Baseline::Of(snapshot, &ALIKE),
            None => Baseline::NotGiven,
        },
    )
}

/// The status of one budget of 1000 bytes, and whether the check says no.
fn judged(rule: Rule, before: Option<u64>) -> (Status, bool) {
    let verdict = verdict(vec![rule], &of_size(Some(1000)), before);
    (verdict.rows[0].status, verdict.fails())
}

#[test]
fn limits_and_warnings_hold_to_the_byte() {
    let held = (Status::Pass, false);
    assert_eq!(judged(budget(Some(1000), None, None), None), held);
    assert_eq!(
        judged(budget(Some(999), None, None), None),
        (Status::Fail, true)
    );
    assert_eq!(judged(budget(Some(2000), Some(1000), None), None), held);
    assert_eq!(
        judged(budget(Some(2000), Some(999), None), None),
        (Status::Warn, false)
    );
    // Worse than a warning is what counts.
    assert_eq!(
        judged(budget(Some(999), Some(1), None), None),
        (Status::Fail, true)
    );
    let verdict = verdict(
        vec![
            budget(Some(1200), None, None),
            budget(Some(900), None, None),
        ],
        &of_size(Some(1000)),
        None,
    );
    let slack: Vec<_> = verdict.rows.iter().map(|row| row.slack).collect();
    assert_eq!(slack, [Some(-100), Some(200)], "the worst first");
}

#[test]
fn growth_is_judged_against_the_baseline() {
    let bytes = |bytes| budget(None, None, Some(Limit::Bytes(Bytes(bytes))));
    let share = |share| budget(None, None, Some(Limit::Share(Share(share))));
    let held = (Status::Pass, false);
    let failed = (Status::Fail, true);
    assert_eq!(judged(bytes(100), Some(900)), held);
    assert_eq!(judged(bytes(99), Some(900)), failed);
    assert_eq!(judged(share(0.25), Some(800)), held);
    assert_eq!(judged(share(0.249), Some(800)), failed);
    // To shrink is never too much.
    assert_eq!(judged(bytes(0), Some(5000)), held);
    // Alone and without a baseline it measures nothing; beside a limit it is only said.
    assert_eq!(judged(bytes(100), None), (Status::Missing, true));
    let both = budget(Some(1000), None, Some(Limit::Bytes(Bytes(0))));
    let verdict = verdict(vec![both], &of_size(Some(1000)), None);
    assert_eq!((verdict.rows[0].status, verdict.ungrown), (Status::Pass, 1));
}

#[test]
fn what_was_not_measured_fails() {
    let rules = vec![budget(Some(u64::MAX), None, None)];
    let unmeasured = verdict(rules.clone(), &of_size(None), None);
    assert_eq!(unmeasured.rows[0].status, Status::Missing);
    assert!(unmeasured.fails());
    let config = Config {
        path: PathBuf::from("slim.toml"),
        text: String::new(),
        rules,
    };
    let verdict = judge(
        &config,
        |_| Err("no such binary".into()),
        |_| Baseline::NotGiven,
    );
    assert!(verdict.fails());
    assert_eq!(verdict.rows[0].why.as_deref(), Some("no such binary"));
}

/// Growth that cannot be compared is missing; a limit beside it still counts.
#[test]
fn growth_against_something_else_is_missing() {
    let config = |rule| Config {
        path: PathBuf::from("slim.toml"),
        text: String::new(),
        rules: vec![rule],
    };
    let growth = Some(Limit::Bytes(Bytes(1 << 30)));
    let today = of_size(Some(1000));
    let judged = |rule, baseline: Baseline<'static>| {
        let verdict = judge(&config(rule), |_| Ok(&today), |_| baseline.clone());
        let row = verdict.rows.into_iter().next().unwrap();
        (row.status, row.why.unwrap_or_default(), row.growth)
    };
    let other = || Baseline::OfOthers("of another program".into());
    for limit in [None, Some(1000)] {
        let (status, why, grown) = judged(budget(limit, None, growth), other());
        assert_eq!((status, grown), (Status::Missing, None));
        assert_eq!(why, "of another program");
        let (status, why, _) = judged(budget(limit, None, growth), Baseline::New);
        assert_eq!(status, Status::Pass);
        assert!(why.starts_with("new"), "{why}");
    }
    let (status, ..) = judged(budget(Some(999), None, growth), Baseline::New);
    assert_eq!(status, Status::Fail);
    // Without growth nobody asks for the baseline.
    let (status, ..) = judged(budget(Some(1000), None, None), other());
    assert_eq!(status, Status::Pass);
}

#[test]
fn what_is_forbidden_fails_where_it_is() {
    let forbid = |text: &str| {
        let function = Pattern {
            text: text.into(),
            regex: Regex::new(text).unwrap(),
        };
        rule(1, Wanted::Forbid(Forbid { function }))
    };
    let snapshot = Snapshot {
        crates: vec![Crate {
            name: "app".into(),
            package: None,
            version: None,
            origin: Origin::Workspace,
            file: 10,
            shipped: Some(6),
            memory: 10,
            parts: ByCategory::from([(Category::Code, 10)]),
        }],
        names: ["app::main"].into_iter().collect(),
        functions: vec![Function {
            owner: 0,
            section: 0,
            size: 10,
            by: None,
            family: None,
        }],
        ..Snapshot::default()
    };
    let today = Measured {
        snapshot: Some(snapshot),
        ..Measured::default()
    };
    let found = verdict(vec![forbid("app::m.*")], &today, None);
    assert_eq!(found.rows[0].found, ["app::main"]);
    assert_eq!(found.rows[0].status, Status::Fail);
    assert!(found.fails());
    assert!(!verdict(vec![forbid("app::x.*")], &today, None).fails());
}

/// A crate of six bytes that ship, and four of debug information.
fn crate_of_ten(shipped: Option<u64>) -> Snapshot {
    Snapshot {
        crates: vec![Crate {
            name: "app".into(),
            package: None,
            version: None,
            origin: Origin::Workspace,
            file: 10,
            shipped,
            memory: 6,
            parts: ByCategory::from([(Category::Code, 6), (Category::Debug, 4)]),
        }],
        ..Snapshot::default()
    }
}

#[test]
fn a_crate_is_what_ships_of_it_and_a_changed_verdict_is_told() {
    let crate_budget = |measure: Measure, limit| {
        let budget = Budget {
            index: 0,
            measure,
            limit: Some(Bytes(limit)),
            warn: None,
            growth: Some(Limit::Bytes(Bytes(0))),
        };
        rule(1, Wanted::Budget(budget))
    };
    // An older snapshot does not say what ships; all but debug information and symbols does.
    for shipped in [Some(6), None] {
        let today = Measured {
            snapshot: Some(crate_of_ten(Some(6))),
            ..Measured::default()
        };
        let before = crate_of_ten(shipped);
        let of = |measure, limit| {
            let config = Config {
                path: PathBuf::from("slim.toml"),
                text: String::new(),
                rules: vec![crate_budget(measure, limit)],
            };
            judge(&config, |_| Ok(&today), |_| Baseline::Of(&before, &ALIKE))
        };
        let named = || "app".to_owned();
        let held = of(Measure::Crate(named()), 6);
        assert_eq!(held.rows[0].value, Some(6));
        assert_eq!(held.rows[0].growth, Some(0));
        assert_eq!(held.rows[0].status, Status::Pass);
        let [told] = held.remeasured.as_slice() else {
            panic!("{:?}", held.remeasured);
        };
        assert!(
            told.contains("6 B (pass)")
                && told.contains("`crate-file:app`")
                && told.contains("10 B (fail)"),
            "{told}"
        );
        let old = of(Measure::CrateFile(named()), 6);
        assert_eq!(
            (old.rows[0].value, old.rows[0].status),
            (Some(10), Status::Fail)
        );
        assert!(old.remeasured.is_empty());
        // Where both say the same there is nothing to tell.
        for limit in [5, 10] {
            assert!(of(Measure::Crate(named()), limit).remeasured.is_empty());
        }
    }
}

#[test]
fn a_budget_of_growth_says_what_is_left_of_it() {
    let slack = |rule: Rule, before: u64| {
        let verdict = verdict(vec![rule], &of_size(Some(1000)), Some(before));
        (verdict.rows[0].growth_limit, verdict.rows[0].slack)
    };
    let growth = || Some(Limit::Bytes(Bytes(150)));
    assert_eq!(
        slack(budget(None, None, growth()), 900),
        (Some(150), Some(50))
    );
    assert_eq!(
        slack(budget(None, None, growth()), 800),
        (Some(150), Some(-50))
    );
    let share = Some(Limit::Share(Share(0.1)));
    assert_eq!(slack(budget(None, None, share), 950), (Some(95), Some(45)));
    // Of two limits the nearer one counts.
    assert_eq!(slack(budget(Some(1020), None, growth()), 900).1, Some(20));
    assert_eq!(slack(budget(Some(2000), None, growth()), 900).1, Some(50));
}
