//! Time by source line: the innermost line of each sample, and the line that it is charged to,
//! which for time in std is the line of the own code that called it. A line of a generic function is
//! one row, whatever its instances.

use super::{
    label::{label_of, unknown},
    model::{Analysis, CrateInfo, LineRow, Weight},
    select::path_of,
    shares::{At, Shares},
    subject::Subject,
};
use crate::symbols::{FunctionId, SourceId};
use codecost::Result;
use std::collections::{HashMap, hash_map::Entry};

type Key = (Option<SourceId>, Option<u32>, Option<FunctionId>);

/// All lines, most charged first.
///
/// # Errors
///
/// There is not one sample.
pub fn lines(subject: &Subject<'_>) -> Result<Analysis<Vec<LineRow>>> {
    subject.analyse(|shares| Ok(rows(shares)))
}

/// All lines, most charged first. `own` and `charged` each sum to the whole.
pub(super) fn rows(shares: &Shares<'_>) -> Vec<LineRow> {
    let key = |at: At| -> Key {
        match shares.scope(at) {
            Some(scope) => (scope.file, scope.line, shares.function(at)),
            None => (None, None, None),
        }
    };
    let mut lines: HashMap<Key, (Weight, u64)> = HashMap::new();
    for (stack, weight) in shares.ends() {
        let settled = shares.settled[stack];
        lines.entry(key(settled.own)).or_default().0 += weight;
        let charged = &mut lines.entry(key(settled.charged)).or_default().1;
        *charged = charged.saturating_add(weight.period);
    }
    let symbols = shares.symbols;
    let rows = lines
        .into_iter()
        .map(|((file, line, function), (own, charged))| {
            let function = function.and_then(|id| symbols.functions.get(id.0 as usize));
            let owner = function.and_then(|function| symbols.crates.get(function.owner.0 as usize));
            LineRow {
                file: file.and_then(|file| symbols.files.get(file.0 as usize).cloned()),
                line,
                function: match function {
                    Some(function) => function.name.clone(),
                    None => "[unknown]".into(),
                },
                label: match owner {
                    Some(owner) => label_of(owner),
                    None => unknown(),
                },
                own,
                charged,
            }
        });
    let mut rows = merged(rows);
    rows.sort_by(|a, b| {
        (b.charged, b.own.period)
            .cmp(&(a.charged, a.own.period))
            .then_with(|| a.file.cmp(&b.file))
            .then_with(|| a.line.cmp(&b.line))
            .then_with(|| a.function.cmp(&b.function))
    });
    rows
}

/// The instances of a generic function become one row, named without their arguments.
fn merged(rows: impl Iterator<Item = LineRow>) -> Vec<LineRow> {
    type Place = (Option<String>, Option<u32>, String, CrateInfo);
    let mut merged: HashMap<Place, LineRow> = HashMap::new();
    for row in rows {
        let family = path_of(&row.function);
        let key = (row.file.clone(), row.line, family, row.label.clone());
        match merged.entry(key) {
            Entry::Vacant(vacant) => {
                vacant.insert(row);
            }
            Entry::Occupied(mut known) => {
                let family = known.key().2.clone();
                let known = known.get_mut();
                known.own += row.own;
                known.charged = known.charged.saturating_add(row.charged);
                if known.function != row.function {
                    known.function = family;
                }
            }
        }
    }
    merged.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::fixture::Fixture;
    use codecost::attribution::Origin;

    #[test]
    fn the_instances_of_a_generic_function_are_one_row_for_each_line() {
        let mut fixture = Fixture::new();
        let app = fixture.krate("app", Origin::Workspace, false);
        let byte = fixture.function("app::total::<u8>", app);
        let word = fixture.function("app::total::<u32>", app);
        let other = fixture.function("app::other::<u32>", app);
        for (function, line, samples) in [(byte, 7, 3), (word, 7, 4), (word, 8, 2), (other, 7, 1)] {
            let frame = fixture.frame(&[function]);
            let scope = fixture.symbols.scopes.last_mut().unwrap();
            (scope.file, scope.line) = (Some(SourceId(0)), Some(line));
            let stack = fixture.stack(&[frame]);
            fixture.samples(stack, samples);
        }
        let rows = rows(&Shares::new(&fixture.profile, &fixture.symbols));
        let shown: Vec<_> = rows
            .iter()
            .map(|row| (row.line.unwrap(), row.function.as_str(), row.own.samples))
            .collect();
        let expected = [
            (7, "app::total", 7),
            (8, "app::total::<u32>", 2),
            (7, "app::other::<u32>", 1),
        ];
        assert_eq!(shown, expected);
    }
}
