//! The shares of a small recording by hand, and of any recording against the definitions read
//! literally, sample by sample.

use super::{
    alloc,
    calls::{self, Frames},
    crates,
    fixture::Fixture,
    functions, lines,
    model::{self, CrateRow, FunctionRow},
    select::{Selected, select},
    shares::Shares,
};
use crate::{
    allocations::{Allocations, Counts, Totals},
    profile::{FrameId, StackId},
    recording::Recording,
    symbols::{FunctionId, OwnerId},
};
use codecost::attribution::Origin;
use proptest::prelude::*;
use std::collections::{BTreeSet, HashMap};

/// main -> [delta::work <- app::run] -> core::sort -> [core::cmp <- app::less]; libc starts it.
fn example() -> Fixture {
    let mut fixture = Fixture::new();
    let libc = fixture.krate("[libc]", Origin::Native, true);
    let core = fixture.krate("core", Origin::Std, true);
    let app = fixture.krate("app", Origin::Workspace, false);
    let delta = fixture.krate("delta", Origin::Registry, false);
    let start = fixture.function("__libc_start_main", libc);
    let main = fixture.function("app::main", app);
    let run = fixture.function("app::run", app);
    let work = fixture.function("delta::work", delta);
    let sort = fixture.function("core::slice::sort", core);
    let compare = fixture.function("core::cmp::lt", core);
    let start = fixture.frame(&[start]);
    let main = fixture.frame(&[main]);
    let work = fixture.frame(&[work, run]);
    let sort = fixture.frame(&[compare, sort]);
    let outer = fixture.stack(&[start, main, work]);
    let inner = fixture.stack(&[start, main, work, sort]);
    let libc_only = fixture.stack(&[start]);
    fixture.samples(outer, 3);
    fixture.samples(inner, 6);
    fixture.samples(libc_only, 1);
    fixture
}

fn by_crate(rows: &[CrateRow]) -> Vec<(&str, u64, u64, u64, u64)> {
    rows.iter()
        .map(|row| {
            (
                row.label.name.as_str(),
                row.times.own / 1_000_000,
                row.times.charged.samples,
                row.times.caused / 1_000_000,
                row.times.inclusive / 1_000_000,
            )
        })
        .collect()
}

#[test]
fn the_four_shares_of_crates() {
    let fixture = example();
    let shares = Shares::new(&fixture.profile, &fixture.symbols);
    let rows = crates::rows(&shares);
    assert_eq!(
        by_crate(&rows),
        [
            // What sort does for it is charged to delta, and the workspace caused all of that.
            ("delta", 3, 9, 0, 9),
            // Nobody asked libc for anything: it stays there.
            ("[libc]", 1, 1, 0, 10),
            ("core", 6, 0, 0, 6),
            ("app", 0, 0, 9, 9),
            ("[no workspace caller]", 0, 0, 1, 0),
        ]
    );
}

#[test]
fn functions_know_their_symbol_and_what_was_inlined() {
    let fixture = example();
    let shares = Shares::new(&fixture.profile, &fixture.symbols);
    let rows = functions::rows(&shares);
    let row = |name: &str| -> &FunctionRow { rows.iter().find(|row| row.name == name).unwrap() };
    let million = |n: u64| n * 1_000_000;
    let work = row("delta::work");
    assert_eq!(work.times.charged.period, million(9));
    assert_eq!(work.times.own, million(3));
    // Its code stands in `run`'s.
    assert_eq!((work.symbol, work.inlined), (0, million(9)));
    let run = row("app::run");
    assert_eq!((run.symbol, run.inlined), (million(3), 0));
    assert_eq!(run.times.caused, million(9));
    let compare = row("core::cmp::lt");
    assert_eq!((compare.times.own, compare.symbol), (million(6), 0));
    assert_eq!(row("core::slice::sort").symbol, million(6));
}

#[test]
fn lines_are_charged_to_the_line_that_asked() {
    let fixture = example();
    let shares = Shares::new(&fixture.profile, &fixture.symbols);
    let rows = lines::rows(&shares);
    let first = &rows[0];
    assert_eq!(first.function, "delta::work");
    assert_eq!((first.own.samples, first.charged), (3, 9_000_000));
    assert_eq!(rows.iter().map(|row| row.own.samples).sum::<u64>(), 10);
}

fn call_rows(calls: &model::Calls) -> Vec<(u32, &str, u64)> {
    let row = |row: &'_ model::CallRow| (row.depth, row.inclusive.samples);
    let named = calls.rows.iter();
    named
        .map(|call| (row(call).0, call.name.as_str(), row(call).1))
        .collect()
}

#[test]
fn callers_lead_outward_and_callees_inward() {
    let fixture = example();
    let shares = Shares::new(&fixture.profile, &fixture.symbols);
    let pick = |name: &str| select(&fixture.symbols, name, 1, |_| 0).unwrap();
    let callers = calls::outward(&shares, &pick("sort"), Frames::All);
    assert_eq!(callers.function, "core::slice::sort");
    assert_eq!(
        call_rows(&callers),
        [
            (1, "delta::work", 6),
            (2, "app::run", 6),
            (3, "app::main", 6),
            (4, "__libc_start_main", 6),
            (5, "[root]", 6),
        ]
    );
    let callees = calls::inward(&shares, &pick("delta::work"), Frames::All);
    assert_eq!(callees.inclusive.samples, 9);
    assert_eq!(
        call_rows(&callees),
        [
            (1, "core::slice::sort", 6),
            (2, "core::cmp::lt", 6),
            (1, "[self]", 3),
        ]
    );
}

#[test]
fn recursion_counts_once() {
    let mut fixture = Fixture::new();
    let app = fixture.krate("app", Origin::Workspace, false);
    let fib = fixture.function("app::fib", app);
    let fib = fixture.frame(&[fib]);
    let deep = fixture.stack(&[fib, fib, fib]);
    fixture.samples(deep, 4);
    let shares = Shares::new(&fixture.profile, &fixture.symbols);
    let rows = functions::rows(&shares);
    assert_eq!(rows[0].times.inclusive, 4_000_000);
    let pick = select(&fixture.symbols, "fib", 1, |_| 0).unwrap();
    let callers = calls::outward(&shares, &pick, Frames::All);
    assert_eq!(call_rows(&callers), [(1, "[root]", 4)]);
    let callees = calls::inward(&shares, &pick, Frames::All);
    assert_eq!(
        call_rows(&callees),
        [(1, "app::fib", 4), (2, "app::fib", 4)]
    );
}

/// Any recording: some of the crates are the system's, one in three the workspace's.
fn any_recording() -> impl Strategy<Value = Fixture> {
    let frames = prop::collection::vec(prop::collection::vec(0_usize..8, 1..4), 1..8);
    let stacks = prop::collection::vec(prop::collection::vec(0_usize..8, 1..7), 1..12);
    let owners = prop::collection::vec((any::<bool>(), 0_u8..3), 4);
    (owners, frames, stacks).prop_flat_map(|(owners, frames, stacks)| {
        let counts = prop::collection::vec((0..stacks.len(), 1_u64..50), 1..20);
        counts.prop_map(move |counts| {
            let mut fixture = Fixture::new();
            for (nth, (system, origin)) in owners.iter().enumerate() {
                let origin = match (system, origin) {
                    (true, _) => Origin::Std,
                    (false, 0) => Origin::Workspace,
                    (false, _) => Origin::Registry,
                };
                fixture.krate(&format!("c{nth}"), origin, *system);
            }
            let functions: Vec<_> = (0..8_u32)
                .map(|nth| fixture.function(&format!("c{}::f{nth}", nth % 4), OwnerId(nth % 4)))
                .collect();
            let frames: Vec<FrameId> = frames
                .iter()
                .map(|chain| {
                    let chain: Vec<_> = chain.iter().map(|nth| functions[*nth]).collect();
                    fixture.frame(&chain)
                })
                .collect();
            let stacks: Vec<StackId> = stacks
                .iter()
                .map(|stack| {
                    let stack: Vec<_> =
                        stack.iter().map(|nth| frames[nth % frames.len()]).collect();
                    fixture.stack(&stack)
                })
                .collect();
            for (stack, samples) in &counts {
                fixture.samples(stacks[*stack], *samples);
            }
            fixture
        })
    })
}

/// The functions of a stack, innermost first.
fn flat(fixture: &Fixture, stack: StackId) -> Vec<FunctionId> {
    fixture
        .profile
        .frames_of(stack)
        .flat_map(|frame| fixture.symbols.scopes_of(frame))
        .map(|scope| scope.function)
        .collect()
}

proptest! {
    #[test]
    fn shares_are_their_definitions(fixture in any_recording()) {
        let symbols = &fixture.symbols;
        let owner = |function: FunctionId| &symbols.crates[symbols.functions[function.0 as usize].owner.0 as usize];
        let mut own: HashMap<FunctionId, u64> = HashMap::new();
        let mut charged: HashMap<FunctionId, u64> = HashMap::new();
        let mut caused: HashMap<Option<FunctionId>, u64> = HashMap::new();
        let mut inclusive: HashMap<FunctionId, u64> = HashMap::new();
        let mut crates_inclusive: HashMap<&str, u64> = HashMap::new();
        for count in &fixture.profile.counts {
            let stack = flat(&fixture, count.stack);
            let first = stack[0];
            *own.entry(first).or_default() += count.period;
            let asked = stack.iter().find(|function| !owner(**function).system);
            *charged.entry(*asked.unwrap_or(&first)).or_default() += count.period;
            let by = stack.iter().find(|function| owner(**function).origin == Origin::Workspace);
            *caused.entry(by.copied()).or_default() += count.period;
            for function in stack.iter().collect::<BTreeSet<_>>() {
                *inclusive.entry(*function).or_default() += count.period;
            }
            for name in stack.iter().map(|function| owner(*function).name.as_str()).collect::<BTreeSet<_>>() {
                *crates_inclusive.entry(name).or_default() += count.period;
            }
        }
        let shares = Shares::new(&fixture.profile, symbols);
        prop_assert_eq!(shares.total.period, fixture.profile.period);
        let rows = functions::rows(&shares);
        let id = |row: &FunctionRow| {
            let at = symbols.functions.iter().position(|function| function.name == row.name);
            at.map(|at| FunctionId(at as u32))
        };
        for row in &rows {
            let Some(id) = id(row) else {
                prop_assert_eq!(&row.name, "[no workspace caller]");
                prop_assert_eq!(row.times.caused, caused[&None]);
                continue;
            };
            let of = |sums: &HashMap<FunctionId, u64>| sums.get(&id).copied().unwrap_or_default();
            prop_assert_eq!(row.times.own, of(&own), "self of {}", &row.name);
            prop_assert_eq!(row.times.charged.period, of(&charged), "charged of {}", &row.name);
            prop_assert_eq!(row.times.caused, caused.get(&Some(id)).copied().unwrap_or_default());
            prop_assert_eq!(row.times.inclusive, of(&inclusive), "inclusive of {}", &row.name);
            prop_assert!(row.times.inclusive >= row.times.own && row.times.inclusive >= row.inlined);
        }
        let total = fixture.profile.period;
        prop_assert_eq!(rows.iter().map(|row| row.times.own).sum::<u64>(), total);
        prop_assert_eq!(rows.iter().map(|row| row.times.charged.period).sum::<u64>(), total);
        prop_assert_eq!(rows.iter().map(|row| row.times.caused).sum::<u64>(), total);
        prop_assert_eq!(rows.iter().map(|row| row.symbol).sum::<u64>(), total);
        let crates = crates::rows(&shares);
        prop_assert_eq!(crates.iter().map(|row| row.times.own).sum::<u64>(), total);
        prop_assert_eq!(crates.iter().map(|row| row.times.charged.period).sum::<u64>(), total);
        prop_assert_eq!(crates.iter().map(|row| row.times.charged.samples).sum::<u64>(), fixture.profile.samples);
        prop_assert_eq!(crates.iter().map(|row| row.times.caused).sum::<u64>(), total);
        for row in &crates {
            let expected = crates_inclusive.get(row.label.name.as_str()).copied().unwrap_or_default();
            prop_assert_eq!(row.times.inclusive, expected, "inclusive of {}", &row.label.name);
        }
        prop_assert_eq!(lines::rows(&shares).iter().map(|row| row.charged).sum::<u64>(), total);
        // The direct callers, and the direct callees with the function itself, sum to all of it.
        for function in inclusive.keys() {
            let selected = Selected { name: String::new(), functions: vec![*function] };
            let both = [Frames::Folded, Frames::All].map(|frames| [
                calls::outward(&shares, &selected, frames),
                calls::inward(&shares, &selected, frames),
            ]);
            for calls in both.into_iter().flatten() {
                let direct = calls.rows.iter().filter(|row| row.depth == 1);
                let sum: u64 = direct.map(|row| row.inclusive.period).sum();
                prop_assert_eq!(sum, inclusive[function]);
                prop_assert_eq!(calls.inclusive.period, inclusive[function]);
            }
        }
    }
}

/// A function with every sample need not have every byte: what was never sampled is in the interval,
/// and known exactly where each block counts for its own stack.
#[test]
fn what_was_never_sampled_is_in_the_interval() {
    let interval_of = |interval: u64, complete: u64| {
        let mut fixture = Fixture::new();
        let app = fixture.krate("app", Origin::Workspace, false);
        let main = fixture.function("app::main", app);
        let frame = fixture.frame(&[main]);
        let stack = fixture.stack(&[frame]);
        fixture.samples(stack, 200);
        let counts = Counts {
            samples: 200,
            bytes: 1_000_000,
            ..Counts::default()
        };
        let totals = Totals {
            bytes: 1_000_000,
            interval,
            complete,
            ..Totals::default()
        };
        fixture.profile.allocations = Some(Box::new(Allocations {
            totals,
            stacks: vec![(stack, counts)],
            told_apart: true,
            threads: Vec::new(),
        }));
        let recording = Recording {
            data: "perf.data".into(),
            about: None,
        };
        let subject = fixture.subject(&recording);
        let analysis = alloc::alloc(&subject, alloc::Options::default()).unwrap();
        let says = analysis
            .warnings
            .iter()
            .any(|it| it.code == "allocations-estimated");
        assert_eq!(says, complete == 0);
        (analysis.rows.rows[0].interval, analysis.rows.unseen_bytes)
    };
    let (interval, unseen) = interval_of(4096, 0);
    let (low, high) = interval.unwrap();
    assert!((low - (1.0 - 3.69 * 4096.0 / 1e6)).abs() < 1e-9, "{low}");
    assert!(
        (high - 1.0).abs() < 1e-9 && unseen == Some(15_115),
        "{high} {unseen:?}"
    );
    assert_eq!(interval_of(0, 1), (Some((1.0, 1.0)), Some(0)));
    // A recording of an older version does not say how often it sampled.
    assert_eq!(interval_of(0, 0), (None, None));
}
