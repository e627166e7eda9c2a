//! The rows of a line program that are wanted, and no others.
//!
//! Truth: DWARF 5, section 6.2. The program is run once; no table is built. Of several rows with
//! one address the last counts, as in binutils.

use super::model::Slice;
use std::collections::VecDeque;

/// Rows on each side that may lend their line to one without.
const NEIGHBOURS: usize = 4;

/// The row of an address.
#[derive(Clone, Debug, Default)]
pub(super) struct Located {
    /// The file's number; whether there is a row at all.
    pub(super) file: Option<u64>,
    /// The line; 0 when the compiler gave none.
    pub(super) line: u32,
    /// For line 0: rows around it that have a line, those before it first, nearest first.
    pub(super) neighbours: Vec<Row>,
}

/// A row with a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) address: u64,
    pub(super) file: u64,
    pub(super) line: u32,
}

/// Looks up sorted addresses. Damage ends the program; what comes before it counts.
pub(super) fn locate(
    program: gimli::IncompleteLineProgram<Slice<'_>>,
    addresses: &[u64],
) -> Vec<Located> {
    let mut search = Search {
        addresses,
        found: vec![Located::default(); addresses.len()],
        left: addresses.len(),
        next: 0,
        before: VecDeque::with_capacity(NEIGHBOURS),
        waiting: Vec::new(),
    };
    let mut rows = program.rows();
    let mut last: Option<Row> = None;
    while let Ok(Some((_, row))) = rows.next_row() {
        let here = Row {
            address: row.address(),
            file: row.file_index(),
            line: row
                .line()
                .map_or(0, |line| u32::try_from(line.get()).unwrap_or(0)),
        };
        match last {
            Some(row) if row.address < here.address => search.close(row, here.address),
            Some(row) if row.address > here.address => search.restart(here.address),
            Some(_) => {}
            None => search.restart(here.address),
        }
        if row.end_sequence() {
            last = None;
            search.waiting.clear();
            if search.left == 0 {
                break;
            }
        } else {
            last = Some(here);
        }
    }
    search.found
}

/// Looks up sorted addresses' ranges of code: the start and end of each sequence.
pub(super) fn sequences(program: gimli::IncompleteLineProgram<Slice<'_>>) -> Vec<(u64, u64)> {
    let mut found = Vec::new();
    let mut start = None;
    let mut rows = program.rows();
    while let Ok(Some((_, row))) = rows.next_row() {
        let first = *start.get_or_insert(row.address());
        if row.end_sequence() {
            if first < row.address() {
                found.push((first, row.address()));
            }
            start = None;
        }
    }
    found
}

struct Search<'a> {
    addresses: &'a [u64],
    found: Vec<Located>,
    /// How many have no row yet.
    left: usize,
    /// The first address not below the row at hand.
    next: usize,
    /// Rows with a line before the one at hand, nearest first.
    before: VecDeque<Row>,
    /// Addresses with line 0 that still need rows after them, and how many.
    waiting: Vec<(usize, usize)>,
}

impl Search<'_> {
    /// A sequence starts.
    fn restart(&mut self, address: u64) {
        self.next = self.addresses.partition_point(|wanted| *wanted < address);
        self.before.clear();
        self.waiting.clear();
    }

    /// The row reaches up to `end`.
    fn close(&mut self, row: Row, end: u64) {
        if row.line != 0 {
            self.waiting.retain_mut(|(number, wants)| {
                if let Some(found) = self.found.get_mut(*number) {
                    found.neighbours.push(row);
                }
                *wants = wants.saturating_sub(1);
                *wants > 0
            });
        }
        while let Some(wanted) = self.addresses.get(self.next).copied()
            && wanted < end
        {
            let number = self.next;
            self.next += 1;
            if wanted < row.address {
                continue;
            }
            let Some(found) = self.found.get_mut(number) else {
                continue;
            };
            if found.file.is_some() {
                continue;
            }
            self.left -= 1;
            found.file = Some(row.file);
            found.line = row.line;
            if row.line == 0 {
                found.neighbours.extend(&self.before);
                self.waiting.push((number, NEIGHBOURS));
            }
        }
        if row.line != 0 {
            self.before.truncate(NEIGHBOURS - 1);
            self.before.push_front(row);
        }
    }
}
