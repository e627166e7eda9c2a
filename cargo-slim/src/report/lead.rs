//! The first columns of a table: what ships, its share, and a bar.

use super::envelope::share;
use crate::analysis::Total;
use codecost::report::{Cell, Table};

/// How a row is read.
#[derive(Clone, Copy)]
pub(super) struct Lead<S, F> {
    /// What the figures are shares of.
    pub(super) total: Total,
    /// What the figure is called.
    pub(super) title: &'static str,
    /// Bytes that ship.
    pub(super) shipped: S,
    /// Bytes of the file.
    pub(super) file: F,
}

/// With the leading figure, its share of the whole, and a bar that goes first on a narrow terminal.
/// What ships leads where that is known, else the bytes of the analysed file. Files for programs
/// have both.
pub(super) fn lead<'a, R>(
    table: Table<'a, R>,
    lead: Lead<impl Fn(&R) -> u64 + Copy + 'a, impl Fn(&R) -> u64 + Copy + 'a>,
) -> Table<'a, R> {
    let Lead {
        total,
        title,
        shipped,
        file,
    } = lead;
    let ships = total.shipped.is_some();
    let figure = move |row: &R| match ships {
        true => shipped(row),
        false => file(row),
    };
    let whole = total.shipped.unwrap_or(total.file);
    let largest = table.rows().iter().map(figure).max().unwrap_or(0);
    let table = match ships {
        true => table
            .number("shipped", title, move |row| Cell::Bytes(shipped(row)))
            .summed()
            .number("file", "In file", move |row| Cell::Bytes(file(row)))
            .summed()
            .machines_only(),
        false => table
            .number("shipped", "Shipped", |_| Cell::Empty)
            .machines_only()
            .number("file", "Size", move |row| Cell::Bytes(file(row)))
            .summed(),
    };
    table
        .number("share", "Share", move |row| {
            Cell::Share(share(figure(row), whole))
        })
        .summed()
        .people_only()
        .bar("bar", move |row| share(figure(row), largest))
        .droppable(BAR)
}

/// The bar explains the figure, but says nothing that the figure does not.
const BAR: u8 = 20;
