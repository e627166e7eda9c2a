//! Functions whose code is the same and in the file once: LLVM merges them, and linkers do (`--icf`).
//! The samples of all of them are those of the one name that the table has.

use crate::symbols::{FunctionId, Symbols};
use codecost::{report::Warning, units::counted};

/// Names that are listed.
const NAMED: usize = 3;

/// The other functions with the code of this one.
pub(super) fn others(symbols: &Symbols, function: FunctionId) -> Vec<String> {
    let merged = symbols.merged.iter();
    let merged = merged.filter(|(_, with)| *with == function);
    merged.map(|(name, _)| name.clone()).collect()
}

/// Says of a function that its samples are also those of others; `more` further functions are so.
pub(super) fn warning(own: &str, others: &[String], more: u64) -> Option<Warning> {
    if others.is_empty() {
        return None;
    }
    let named: Vec<String> = others
        .iter()
        .take(NAMED)
        .map(|name| format!("`{name}`"))
        .collect();
    let rest = match others.len().saturating_sub(NAMED) {
        0 => String::new(),
        rest => format!(" and {}", counted(rest as u64, "other")),
    };
    let more_rows = match more {
        0 => String::new(),
        more => format!("; likewise {}", counted(more, "function")),
    };
    let text = format!(
        "`{own}` is also {}{rest}: their code is the same and in the file once, so that a call of one is \
         not told from a call of the other{more_rows}",
        named.join(", ")
    );
    let help = "either name finds it; `cargo hotspots callers` lists who calls it";
    let warning = Warning::new("merged-functions", text).help(help);
    Some(warning.count(more.saturating_add(1)))
}

/// As [`warning`], of the functions that a name means.
pub(super) fn of_selected(symbols: &Symbols, functions: &[FunctionId]) -> Option<Warning> {
    let mut found = functions.iter().filter_map(|id| {
        let function = symbols.functions.get(id.0 as usize)?;
        let others = others(symbols, *id);
        (!others.is_empty()).then_some((function, others))
    });
    let (function, others) = found.next()?;
    warning(&function.name, &others, found.count() as u64)
}
