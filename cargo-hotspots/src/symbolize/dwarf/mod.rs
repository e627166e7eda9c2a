//! What the debug information says of addresses: the functions inlined there, innermost first,
//! with their lines.
//!
//! Truth: DWARF 5 (and 2 to 4), read with `gimli`. `addr2line` over the same `gimli` would answer
//! too, but keeps all rows and functions of every unit that it touches, once for each worker, and
//! recurses as deep as the file says; it is the witness in the tests instead. Here each unit that
//! holds a wanted address is read once: one run of its line program ([`lines`]), one pass over its
//! entries ([`nodes`]), both for all its wanted addresses together. Units go to the cores one by
//! one, the largest first.
//!
//! Hostile files cost time and memory within a multiple of their size: what could be asked for
//! again and again draws on a [`budget`], nesting and attributes are bounded, nothing recurses.

mod budget;
mod functions;
mod lines;
pub(super) mod model;
mod nodes;
mod paths;
mod split;
mod units;

pub(super) use functions::Described;
pub(super) use model::{Answer, EntryId};
pub(super) use split::Store;
pub(super) use units::Dwarf;

use codecost::image::debug_info::UnitKind;
use model::{NONE, RawFrame};
use paths::Paths;
use rayon::prelude::*;
use std::{collections::BTreeMap, path::PathBuf};

/// In how many units an address is looked for.
const MAX_CANDIDATES: usize = 4;

impl<'s> Dwarf<'s> {
    /// Looks up addresses, which are sorted. Split files are looked for beside `programs` too.
    pub(super) fn answers<'m>(
        &mut self,
        addresses: &[u64],
        programs: &[PathBuf],
        store: split::Store<'m, 's>,
    ) -> Vec<Answer> {
        let candidates = self.candidates(addresses);
        let mut wanted: Vec<u32> = candidates.iter().flatten().copied().collect();
        wanted.sort_unstable();
        wanted.dedup();
        self.load_split(&wanted, programs, store);

        let mut answers: Vec<Answer> = Vec::new();
        answers.resize_with(addresses.len(), Answer::default);
        for round in 0..MAX_CANDIDATES {
            let mut tasks: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
            for (at, units) in candidates.iter().enumerate() {
                let open = answers
                    .get(at)
                    .is_some_and(|answer| answer.frames.is_empty());
                if let (true, Some(unit)) = (open, units.get(round)) {
                    tasks.entry(*unit).or_default().push(at);
                }
            }
            if tasks.is_empty() {
                break;
            }
            let mut tasks: Vec<(u32, Vec<usize>)> = tasks.into_iter().collect();
            tasks.sort_by_key(|(unit, _)| std::cmp::Reverse(self.unit_size(*unit)));
            let found: Vec<Vec<Answer>> = tasks
                .par_iter()
                .with_max_len(1)
                .map(|(unit, numbers)| {
                    let wanted: Vec<u64> = numbers
                        .iter()
                        .filter_map(|at| addresses.get(*at).copied())
                        .collect();
                    self.answer_in(*unit, &wanted)
                })
                .collect();
            for ((_, numbers), found) in tasks.into_iter().zip(found) {
                for (at, answer) in numbers.into_iter().zip(found) {
                    if let Some(slot) = answers.get_mut(at)
                        && (!answer.frames.is_empty() || slot.row.is_none())
                    {
                        *slot = answer;
                    }
                }
            }
        }
        answers
    }

    /// For each address the units that say they have code there, narrowest ranges first.
    fn candidates(&self, addresses: &[u64]) -> Vec<Vec<u32>> {
        let mut ranges: Vec<(u64, u64, u32)> = self
            .info
            .code_by_unit()
            .into_iter()
            .map(|(range, unit)| (range.start.0, range.end().0, unit))
            .collect();
        let mut silent = vec![true; self.units.len()];
        for (_, _, unit) in &ranges {
            if let Some(silent) = silent.get_mut(*unit as usize) {
                *silent = false;
            }
        }
        // Some assemblers give a unit no ranges; its line program has them.
        for (number, entry) in self.info.units().iter().enumerate() {
            let silent = silent.get(number).copied().unwrap_or(false);
            if !silent || entry.kind == UnitKind::Type || entry.kind == UnitKind::Partial {
                continue;
            }
            let Ok(number) = u32::try_from(number) else {
                break;
            };
            if let Some(program) = self.unit(number).and_then(|unit| self.program(unit)) {
                let found = lines::sequences(program);
                ranges.extend(found.into_iter().map(|(start, end)| (start, end, number)));
            }
        }
        ranges.sort_unstable();
        // The highest end so far: before a range whose value is not above the address, none is.
        let mut highest = 0;
        let ends: Vec<u64> = ranges
            .iter()
            .map(|(_, end, _)| {
                highest = highest.max(*end);
                highest
            })
            .collect();
        addresses
            .iter()
            .map(|address| {
                let after = ranges.partition_point(|(start, _, _)| start <= address);
                let mut found = Vec::new();
                // Ranges overlap in damaged files and where the linker merged code.
                for at in (0..after).rev().take(64) {
                    if ends.get(at).is_none_or(|end| end <= address)
                        || found.len() >= MAX_CANDIDATES
                    {
                        break;
                    }
                    if let Some((_, end, unit)) = ranges.get(at)
                        && address < end
                        && !found.contains(unit)
                    {
                        found.push(*unit);
                    }
                }
                found
            })
            .collect()
    }

    /// Looks up sorted addresses in one unit.
    fn answer_in(&self, number: u32, addresses: &[u64]) -> Vec<Answer> {
        let mut answers: Vec<Answer> = Vec::new();
        answers.resize_with(addresses.len(), Answer::default);
        let Some(own) = self.unit(number) else {
            return answers;
        };
        let mut located = match self.program(own) {
            Some(program) => lines::locate(program, addresses),
            None => Vec::new(),
        };
        located.resize_with(addresses.len(), lines::Located::default);

        // A neighbour lends its line only within the same inlined function, so neighbours are
        // looked up, too.
        let mut all: Vec<u64> = addresses.to_vec();
        let neighbours = located.iter().flat_map(|located| &located.neighbours);
        all.extend(neighbours.map(|row| row.address));
        all.sort_unstable();
        all.dedup();
        let part = self.part(number);
        let nodes = part.map_or_else(nodes::Nodes::default, |part| {
            nodes::find(part, &all, &self.budget)
        });
        let innermost = |address: u64| {
            let at = all.binary_search(&address).ok()?;
            nodes.innermost.get(at).copied()
        };

        let mut paths = Paths::new(self, number);
        for ((address, located), answer) in addresses.iter().zip(&located).zip(&mut answers) {
            let own = innermost(*address);
            let mut row = located.file.map(|file| (file, located.line));
            answer.line_zero = row.is_some_and(|(_, line)| line == 0);
            if answer.line_zero && own.is_some_and(|own| own != NONE) {
                let same = |row: &&lines::Row| innermost(row.address) == own;
                if let Some(neighbour) = located.neighbours.iter().find(same) {
                    row = Some((neighbour.file, neighbour.line));
                }
            }
            answer.row =
                row.map(|(file, line)| (paths.row(file), Some(line).filter(|line| *line != 0)));
            let Ok(at) = all.binary_search(address) else {
                continue;
            };
            let (mut file, mut line) = answer.row.clone().unwrap_or_default();
            for node in nodes.chain(at) {
                answer.frames.push(RawFrame {
                    function: node.function,
                    file: file.take(),
                    line,
                });
                file = node.call_file.and_then(|file| paths.entry(file));
                line = node.call_line;
            }
            if answer.row.is_some() || !answer.frames.is_empty() {
                answer.unit = Some(number);
            }
        }
        answers
    }
}
