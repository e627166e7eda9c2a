//! What the width of a terminal leaves of a table: which columns stay, how wide each is, and how a text
//! that is too long is cut.

use super::{page::Grid, table::Kind};
use std::borrow::Cow;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Names do not shrink below this before droppable columns go.
const NAME_AT_LEAST: usize = 24;
/// Nor below this before a bar goes.
const NAME_IN_COMFORT: usize = 40;
/// What is left of the least column, whatever happens.
const LEAST: usize = 8;
/// Display columns between two columns.
pub(super) const GAP: usize = 2;

/// How many display columns a text takes.
pub(super) fn columns_of(text: &str) -> usize {
    match text.is_ascii() {
        true => text.len(),
        false => text.width(),
    }
}

/// Which columns stay, and how wide each may be; then the titles of those that do not.
pub(super) fn fit(grid: &Grid, width: Option<usize>) -> (Vec<(usize, usize)>, Vec<&str>) {
    let mut fitted = visible(grid);
    let before = fitted.clone();
    if let Some(width) = width {
        shrink(grid, width, &mut fitted);
        for (index, width) in &mut fitted {
            if before
                .iter()
                .any(|&(other, natural)| other == *index && natural > *width)
            {
                // Where names are cut between modules, they take less than they were given.
                *width = widest(grid, *index, |cell| columns_of(&elide(cell, *width)));
            }
        }
    }
    let stays = |index| fitted.iter().any(|&(other, _)| other == index);
    let dropped = before.into_iter().filter(|&(index, _)| !stays(index));
    let titles = dropped.filter_map(|(index, _)| Some(grid.columns.get(index)?.title.as_str()));
    let titles = titles.filter(|title| !title.is_empty()).collect();
    (fitted, titles)
}

/// The widest cell of a column, its title included, as `measure` has it.
fn widest(grid: &Grid, index: usize, measure: impl Fn(&str) -> usize) -> usize {
    let rows = (0..grid.rows.len()).map(|row| grid.rows.cell(row, index));
    let labels = grid.cut.iter().chain(&grid.totals);
    let labels = labels.filter_map(|row| row.get(index).map(String::as_str));
    let title = grid.columns.get(index).map(|column| &*column.title);
    let cells = rows.chain(labels).chain(title);
    cells.map(measure).max().unwrap_or(0)
}

/// The columns that say something, each as wide as its widest cell.
fn visible(grid: &Grid) -> Vec<(usize, usize)> {
    grid.columns
        .iter()
        .enumerate()
        .map(|(index, _)| (index, widest(grid, index, columns_of)))
        .filter(|&(index, natural)| natural > 0 && !grid.is_blank(index))
        .collect()
}

fn shrink(grid: &Grid, width: usize, columns: &mut Vec<(usize, usize)>) {
    let is_of = |index: usize, kind: Kind| {
        !grid.full_names && grid.columns.get(index).is_some_and(|c| c.kind == kind)
    };
    let may_shrink = |index: usize| is_of(index, Kind::Name);
    loop {
        let total = |columns: &[(usize, usize)]| {
            columns
                .iter()
                .map(|&(_, width)| width + GAP)
                .sum::<usize>()
                .saturating_sub(GAP)
        };
        let excess = total(columns).saturating_sub(width);
        if excess == 0 {
            return;
        }
        // Wide names give first, evenly from the widest down to what a name needs.
        let spare = |columns: &[(usize, usize)], floor: usize| {
            let names = columns.iter().filter(|(index, _)| may_shrink(*index));
            names
                .map(|&(_, width)| width.saturating_sub(floor))
                .sum::<usize>()
        };
        // A bar says nothing that the figure does not: it goes before names become hard to read.
        let bar = columns.iter().position(|&(index, _)| {
            let column = grid.columns.get(index);
            column.is_some_and(|column| column.kind == Kind::Bar && column.importance > 0)
        });
        if let Some(bar) = bar.filter(|_| spare(columns, NAME_IN_COMFORT) < excess) {
            columns.remove(bar);
            continue;
        }
        let droppable = columns
            .iter()
            .map(|&(index, _)| (grid.columns.get(index).map_or(0, |c| c.importance), index))
            .filter(|&(importance, _)| importance > 0)
            .max();
        let floor = match droppable {
            _ if spare(columns, NAME_AT_LEAST) >= excess => NAME_AT_LEAST,
            Some((_, dropped)) => {
                columns.retain(|&(index, _)| index != dropped);
                continue;
            }
            // Nothing more to drop: let names shrink to almost nothing, then labels, then overflow.
            None => LEAST,
        };
        let left = narrow(columns, excess, floor, may_shrink);
        narrow(columns, left, LEAST, |index| is_of(index, Kind::Label));
        return;
    }
}

/// Takes `excess` from the columns that may give, always from the widest, down to `floor`; what
/// they could not give.
fn narrow(
    columns: &mut [(usize, usize)],
    mut excess: usize,
    floor: usize,
    may_shrink: impl Fn(usize) -> bool,
) -> usize {
    while excess > 0 {
        let widest = columns.iter_mut().filter(|(index, _)| may_shrink(*index));
        match widest.max_by_key(|(_, width)| *width) {
            Some((_, width)) if *width > floor => *width -= 1,
            _ => break,
        }
        excess -= 1;
    }
    excess
}

/// `text` in at most `width` display columns, with `…` for what is left out: the modules at the
/// front of a path, and what is still too long in the middle.
pub(super) fn elide(text: &str, width: usize) -> Cow<'_, str> {
    if columns_of(text) <= width {
        return text.into();
    }
    let (own, segment) = without_modules(text, width);
    if own.width() <= width {
        return own.into();
    }
    let room = width.saturating_sub(1);
    // The end of a path names the function, so it gets the larger part; before arguments in
    // brackets the name is in front.
    let named = own
        .find("::<")
        .map_or(0, |at| own.get(..at + 3).unwrap_or("").width());
    let head_room = match segment && named > 0 {
        true => named.clamp(room / 3, room * 2 / 3),
        false => room / 3,
    };
    let head = take_columns(own.chars(), head_room).len();
    let tail = own.len() - take_columns(own.chars().rev(), room - head_room).len();
    let (head, tail) = (own.get(..head).unwrap_or(""), own.get(tail..).unwrap_or(""));
    format!("{head}…{tail}").into()
}

/// `a::b::c::f` as `…::c::f`: as few modules as it takes are left out, and never the last segment.
/// Whether one is left that is a plain name, not a type in brackets.
fn without_modules(text: &str, width: usize) -> (String, bool) {
    let word = |segment: &str| {
        !segment.is_empty() && segment.chars().all(|c| c == '_' || c.is_alphanumeric())
    };
    let mut rest = text;
    let mut own = text.to_owned();
    while let Some((module, after)) = rest.split_once("::") {
        // What is behind belongs to the name: its arguments, or a closure in it.
        if !word(module) || after.starts_with(['<', '{']) || own.width() <= width {
            break;
        }
        rest = after;
        own = format!("…::{rest}");
    }
    let named = rest
        .chars()
        .next()
        .is_some_and(|c| c == '_' || c.is_alphanumeric());
    (own, named)
}

fn take_columns(chars: impl Iterator<Item = char>, mut room: usize) -> String {
    let fits = |c: &char| {
        let width = c.width().unwrap_or(0);
        let fits = width <= room;
        room = room.saturating_sub(width);
        fits
    };
    chars.take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_keeps_both_ends_and_counts_display_columns() {
        assert_eq!(
            elide("core::fmt::Formatter::pad", 25),
            "core::fmt::Formatter::pad"
        );
        let name = "core::fmt::Formatter::pad";
        assert_eq!(elide(name, 20), "…::Formatter::pad");
        assert_eq!(elide(name, 13), "…::pad");
        let name = "core::ptr::drop_in_place::<alloc::vec::Vec<regex::Regex>>";
        assert_eq!(
            elide(name, 50),
            "…::drop_in_place::<alloc::vec::Vec<regex::Regex>>"
        );
        assert_eq!(elide(name, 40), "…::drop_in_place::<…::Vec<regex::Regex>>");
        let name = "<regex::Core as regex::Strategy>::search";
        assert_eq!(elide(name, 25), "<regex::…trategy>::search");
        assert_eq!(elide("a longer sentence", 10), "a l…ntence");
        assert_eq!(elide("文字化け文字化け", 8).width(), 7);
        assert_eq!(elide("abc", 0), "…");
    }
}
