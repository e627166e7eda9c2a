//! Bounds checks in the loop where most of the hottest function's time passes. Their own cost is
//! small; what they keep the compiler from doing (vectors, unrolling) may not be.

use super::worth::is_worth;
use crate::analysis::{
    asm::{
        self,
        model::{Asm, LoopRow, MarkKind},
    },
    model::Finding,
    shares::Shares,
    subject::Subject,
};
use codecost::{attribution::Origin, front::quoted};
use std::collections::BTreeSet;

/// An inner loop is the hot one when it has this part of the outer loop's time.
const INNER: f64 = 0.8;
/// Fewer samples of the whole recording say nothing of a loop.
const FEW: u64 = 100;
/// Lines that are named.
const NAMED: usize = 3;

pub(super) fn find(subject: &Subject<'_>, shares: &Shares<'_>) -> Option<Finding> {
    // One loop's share of few samples is chance.
    if shares.total.samples < FEW {
        return None;
    }
    let function = hottest_symbol(shares)?;
    let query = asm::Query {
        // std's own lines are not what the user can change: there is no need to look for them.
        roots: asm::SourceRoots::none(),
        ..asm::Query::of(function)
    };
    let asm = asm::asm(subject.profile, subject.symbols, &query).ok()?;
    judge(&asm, &subject.input_flag)
}

/// The function of the user's own code that most of the time passes in, with what is inlined.
fn hottest_symbol<'s>(shares: &Shares<'s>) -> Option<&'s str> {
    let symbols = shares.symbols;
    let mut periods = vec![0_u64; symbols.functions.len()];
    for (stack, weight) in shares.ends() {
        let frame = shares.profile.stacks.get(stack).map(|node| node.frame);
        let chain = frame.and_then(|frame| symbols.chains.get(frame.0 as usize));
        if let Some(period) = chain.and_then(|chain| periods.get_mut(chain.symbol.0 as usize)) {
            *period = period.saturating_add(weight.period);
        }
    }
    let functions = symbols.functions.iter().zip(periods);
    let own = functions.filter(|(function, _)| {
        let owner = symbols.crates.get(function.owner.0 as usize);
        // What a dependency checks is not the user's to change.
        owner.is_some_and(|owner| owner.origin == Origin::Workspace)
    });
    let (hottest, period) = own.max_by_key(|(_, period)| *period)?;
    is_worth(period, shares).then_some(hottest.name.as_str())
}

fn judge(asm: &Asm, input_flag: &str) -> Option<Finding> {
    let hot = hottest_loop(asm)?;
    let inside = &asm.loops[hot];
    let checks = inside
        .marks
        .iter()
        .find(|(kind, _)| *kind == MarkKind::BoundsCheck)
        .map(|(_, count)| *count)?;
    let mut evidence: Vec<String> = lines(asm, hot).into_iter().take(NAMED).collect();
    evidence.push(
        "iterators, `zip`, `chunks_exact` or one slice of the right length before the loop need no \
         check in it"
            .into(),
    );
    let many = codecost::units::counted(checks as u64, "bounds check");
    Some(Finding {
        code: "bounds-checks",
        title: format!(
            "{many} in the hottest loop of `{}`; the whole loop takes",
            asm.function
        ),
        time: inside.own.period,
        evidence,
        command: format!("cargo hotspots asm {}{input_flag}", quoted(&asm.function)),
    })
}

/// The loop with the most time, as far inside as most of that time is.
fn hottest_loop(asm: &Asm) -> Option<usize> {
    let loops = || asm.loops.iter().enumerate();
    let most = |at: &(usize, &LoopRow)| at.1.own.period;
    let (mut hot, _) = loops()
        .filter(|(_, row)| row.parent.is_none())
        .max_by_key(most)?;
    loop {
        let inner = loops()
            .filter(|(at, row)| row.parent == Some(hot) && *at > hot)
            .max_by_key(most);
        let outer = asm.loops.get(hot)?.own.period;
        match inner {
            Some((at, row)) if row.own.period as f64 >= INNER * outer as f64 => hot = at,
            _ => return Some(hot),
        }
    }
}

/// The source lines of the checks, with their text.
fn lines(asm: &Asm, hot: usize) -> BTreeSet<String> {
    let within = |innermost: Option<usize>| {
        let mut at = innermost;
        // Outer loops come earlier, so this ends.
        while let Some(inner) = at {
            if inner == hot {
                return true;
            }
            let outer = asm.loops.get(inner).and_then(|row| row.parent);
            at = outer.filter(|outer| *outer < inner);
        }
        false
    };
    let rows = asm.rows.iter().filter(|row| within(row.innermost));
    rows.flat_map(|row| &row.marks)
        .filter(|mark| mark.kind == MarkKind::BoundsCheck)
        .filter_map(|mark| {
            let place = format!("{}:{}", asm.file(mark.file)?, mark.line?);
            Some(match asm.source_of(mark.file, mark.line) {
                Some(text) => format!("{place}: {text}"),
                None => place,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::asm::model::{Mark, Row, Weight};

    fn hot(period: u64, parent: Option<usize>, checks: usize) -> LoopRow {
        LoopRow {
            own: Weight { period, samples: 1 },
            parent,
            marks: match checks {
                0 => vec![(MarkKind::Packed, 4)],
                checks => vec![(MarkKind::BoundsCheck, checks), (MarkKind::Packed, 4)],
            },
            ..LoopRow::default()
        }
    }

    fn asm(loops: Vec<LoopRow>) -> Asm {
        let marks = vec![Mark {
            kind: MarkKind::BoundsCheck,
            detail: String::new(),
            file: Some(0),
            line: Some(7),
        }];
        Asm {
            function: "app::sum".into(),
            files: vec!["src/lib.rs".into()],
            rows: vec![Row {
                innermost: Some(loops.len() - 1),
                marks,
                ..Row::default()
            }],
            loops,
            ..Asm::default()
        }
    }

    #[test]
    fn checks_in_the_hottest_loop() {
        let finding = judge(&asm(vec![hot(100, None, 2), hot(90, Some(0), 2)]), "").unwrap();
        assert_eq!(
            finding.title,
            "2 bounds checks in the hottest loop of `app::sum`; the whole loop takes"
        );
        assert_eq!(finding.time, 90);
        assert_eq!(finding.evidence[0], "src/lib.rs:7");
        assert_eq!(finding.command, "cargo hotspots asm app::sum");
    }

    #[test]
    fn checks_elsewhere_do_not_count() {
        // In the outer loop only; in another, cooler one; nowhere; no loop.
        assert!(judge(&asm(vec![hot(100, None, 1), hot(90, Some(0), 0)]), "").is_none());
        assert!(judge(&asm(vec![hot(100, None, 0), hot(10, None, 3)]), "").is_none());
        assert!(judge(&asm(vec![hot(100, None, 0)]), "").is_none());
        assert!(judge(&Asm::default(), "").is_none());
    }
}
