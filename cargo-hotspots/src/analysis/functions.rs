//! Time by function. All copies of a function are one row: inlined, cloned by the compiler,
//! in several codegen units. Instances of a generic function are several.

use super::{
    crates::order,
    label::{label_of, no_workspace_caller, unknown},
    merged,
    model::{Analysis, FunctionRow, Times},
    shares::Shares,
    subject::Subject,
};
use crate::symbols::FunctionId;
use codecost::{Result, attribution::Evidence};

/// Of functions that take less it is not said that others have their code.
const NOTICED: f64 = 0.01;

/// All functions that occur, most charged first.
///
/// # Errors
///
/// There is not one sample.
pub fn functions(subject: &Subject<'_>) -> Result<Analysis<Vec<FunctionRow>>> {
    let mut analysis = subject.analyse(|shares| Ok(rows(shares)))?;
    let total = analysis.total;
    let of_note = |row: &&FunctionRow| {
        let share = row.times.inclusive as f64 / total.period.max(1) as f64;
        !row.merged.is_empty() && share > NOTICED
    };
    let mut of_note = analysis.rows.iter().filter(of_note);
    if let Some(first) = of_note.next()
        && let Some(warning) = merged::warning(&first.name, &first.merged, of_note.count() as u64)
    {
        analysis.warnings.push(warning);
    }
    Ok(analysis)
}

/// All functions that occur, most charged first.
pub(super) fn rows(shares: &Shares<'_>) -> Vec<FunctionRow> {
    let functions = shares.symbols.functions.len();
    let (nobody, uncaused) = (functions, functions + 1);
    let mut times = vec![Times::default(); functions + 2];
    let mut symbols = vec![0_u64; functions + 2];
    for (stack, weight) in shares.ends() {
        let settled = shares.settled[stack];
        let at = |at, other: usize| {
            let function = shares.function(at);
            function.map_or(other, |function| function.0 as usize)
        };
        let own = &mut times[at(settled.own, nobody)].own;
        *own = own.saturating_add(weight.period);
        times[at(settled.charged, nobody)].charged += weight;
        let caused = &mut times[at(settled.caused, uncaused)].caused;
        *caused = caused.saturating_add(weight.period);

        let frame = shares.profile.stacks.get(stack).map(|node| node.frame);
        let chain = frame.and_then(|frame| shares.symbols.chains.get(frame.0 as usize));
        let symbol = chain.map_or(nobody, |chain| chain.symbol.0 as usize);
        let symbol = &mut symbols[symbol.min(nobody)];
        *symbol = symbol.saturating_add(weight.period);
    }
    let anywhere = shares.inclusive(functions, |scope| Some(scope.function.0 as usize));
    for (times, inclusive) in times.iter_mut().zip(&anywhere.inclusive) {
        times.inclusive = inclusive.period;
    }
    times[nobody].inclusive = times[nobody].own;

    let file = |at: Option<crate::symbols::SourceId>| {
        let file = at.and_then(|at| shares.symbols.files.get(at.0 as usize));
        file.cloned()
    };
    let mut rows = Vec::new();
    for (at, (times, symbol)) in times.into_iter().zip(symbols).enumerate() {
        if times.is_nothing() && symbol == 0 {
            continue;
        }
        let row = match shares.symbols.functions.get(at) {
            Some(function) => FunctionRow {
                name: function.name.clone(),
                merged: merged::others(shares.symbols, FunctionId(at as u32)),
                label: match shares.symbols.crates.get(function.owner.0 as usize) {
                    Some(owner) => label_of(owner),
                    None => unknown(),
                },
                times,
                symbol,
                inlined: anywhere.inlined.get(at).copied().unwrap_or_default(),
                file: file(function.file),
                line: function.line,
                evidence: function.evidence,
            },
            None => {
                let label = match at == nobody {
                    true => unknown(),
                    false => no_workspace_caller(),
                };
                FunctionRow {
                    name: label.name.clone(),
                    merged: Vec::new(),
                    label,
                    times,
                    symbol,
                    inlined: 0,
                    file: None,
                    line: None,
                    evidence: Evidence::None,
                }
            }
        };
        rows.push(row);
    }
    rows.sort_by(|a, b| {
        let order = |row: &FunctionRow| (order(&row.times), row.symbol);
        order(b).cmp(&order(a)).then_with(|| a.name.cmp(&b.name))
    });
    rows
}
