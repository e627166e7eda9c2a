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
mod nodes;
mod paths;
mod split;

pub(super) use functions::Described;
pub(super) use split::Store;

use super::files::Sections;
use budget::Budget;
use codecost::image::debug_info::{DebugInfo, DebugSection, UnitKind};
use paths::Paths;
use rayon::prelude::*;
use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock},
};

pub(super) type Slice<'d> = gimli::EndianSlice<'d, gimli::RunTimeEndian>;

/// No function, no parent.
const NONE: u32 = u32::MAX;
/// In how many units an address is looked for.
const MAX_CANDIDATES: usize = 4;

/// The debug information of one file, and the split files that it names.
pub(super) struct Dwarf<'s> {
    info: DebugInfo<'s>,
    main: gimli::Dwarf<Slice<'s>>,
    units: Vec<OnceLock<Option<gimli::Unit<Slice<'s>>>>>,
    /// By unit: what is in its `.dwo` file.
    split: HashMap<u32, split::Split<'s>>,
    abbreviations: Mutex<HashMap<usize, Arc<gimli::Abbreviations>>>,
    budget: Budget,
}

/// Where a function is described: an entry by its offset in a unit (a skeleton's are those of its
/// `.dwo` file).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) unit: u32,
    pub(super) offset: usize,
}

/// What stands at an address.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    /// Innermost first; empty when no function is described here.
    pub(super) frames: Vec<RawFrame>,
    /// The instruction's own file and line, also where there is no function.
    pub(super) row: Option<(Option<Arc<str>>, Option<u32>)>,
    /// Whether the instruction's row has line 0.
    pub(super) line_zero: bool,
    /// The unit, when there is any answer.
    pub(super) unit: Option<u32>,
}

/// A function at an address.
#[derive(Clone, Debug)]
pub(super) struct RawFrame {
    pub(super) function: Place,
    pub(super) file: Option<Arc<str>>,
    pub(super) line: Option<u32>,
}

/// The entries of a unit, wherever they are.
#[derive(Clone, Copy)]
struct Part<'a, 's> {
    number: u32,
    dwarf: &'a gimli::Dwarf<Slice<'s>>,
    unit: &'a gimli::Unit<Slice<'s>>,
    owner: &'a Dwarf<'s>,
    is_split: bool,
}

impl<'s> Dwarf<'s> {
    /// Reads the units' headers; `None` when there is no debug information.
    pub(super) fn load(sections: &'s Sections<'_>) -> Option<Self> {
        let info = DebugInfo::load(sections.directory());
        if info.is_empty() {
            return None;
        }
        let main = sections.dwarf();
        let budget = Budget::new(|kind| sections.size(kind));
        let mut units = Vec::new();
        units.resize_with(info.units().len(), OnceLock::new);
        Some(Self {
            info,
            main,
            units,
            split: HashMap::new(),
            abbreviations: Mutex::default(),
            budget,
        })
    }

    /// The units' names and directories.
    pub(super) fn info(&self) -> &DebugInfo<'s> {
        &self.info
    }

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

    fn unit_size(&self, unit: u32) -> u64 {
        let unit = self.info.units().get(unit as usize);
        unit.map_or(0, |unit| unit.end.saturating_sub(unit.start))
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

    /// A unit of the file itself, read when first asked for.
    fn unit(&self, number: u32) -> Option<&gimli::Unit<Slice<'s>>> {
        let slot = self.units.get(number as usize)?;
        slot.get_or_init(|| self.read_unit(number)).as_ref()
    }

    fn read_unit(&self, number: u32) -> Option<gimli::Unit<Slice<'s>>> {
        let entry = self.info.units().get(number as usize)?;
        // Damaged includes those whose abbreviations are too much to read.
        if entry.damaged || entry.section != DebugSection::Info {
            return None;
        }
        let offset = gimli::DebugInfoOffset(usize::try_from(entry.start).ok()?);
        let header = self.main.debug_info.header_from_offset(offset).ok()?;
        let offset = header.debug_abbrev_offset().0;
        let known = self
            .abbreviations
            .lock()
            .ok()
            .and_then(|known| known.get(&offset).cloned());
        let abbreviations = match known {
            Some(known) => known,
            None => {
                let read = self.main.abbreviations(&header).ok()?;
                if let Ok(mut known) = self.abbreviations.lock() {
                    known.insert(offset, read.clone());
                }
                read
            }
        };
        let unit = gimli::Unit::new_with_abbreviations(&self.main, header, abbreviations).ok()?;
        let files = unit.line_program.as_ref().map_or(0, |program| {
            let header = program.header();
            header.file_names().len() + header.include_directories().len()
        });
        self.budget.lines(files).then_some(unit)
    }

    /// The line program of a unit, while there is budget to run it.
    fn program(
        &self,
        unit: &gimli::Unit<Slice<'s>>,
    ) -> Option<gimli::IncompleteLineProgram<Slice<'s>>> {
        let program = unit.line_program.clone()?;
        let size = program.header().raw_program_buf().len();
        self.budget.lines(size).then_some(program)
    }

    /// The entries of a unit: its own, or of a skeleton those of its `.dwo` file.
    fn part(&self, number: u32) -> Option<Part<'_, 's>> {
        if let Some(split) = self.split.get(&number) {
            return Some(Part {
                number,
                dwarf: &split.dwarf,
                unit: &split.unit,
                owner: self,
                is_split: true,
            });
        }
        Some(Part {
            number,
            dwarf: &self.main,
            unit: self.unit(number)?,
            owner: self,
            is_split: false,
        })
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

impl<'s> Part<'_, 's> {
    fn text(&self, value: gimli::AttributeValue<Slice<'s>>) -> Option<String> {
        self.owner.budget.text(self.dwarf, self.unit, value)
    }

    /// The entry that an attribute refers to.
    fn place(&self, value: gimli::AttributeValue<Slice<'s>>) -> Option<Place> {
        match value {
            gimli::AttributeValue::UnitRef(offset) => Some(Place {
                unit: self.number,
                offset: offset.0,
            }),
            gimli::AttributeValue::DebugInfoRef(offset) if self.is_split => {
                let offset = offset.to_unit_offset(&self.unit.header)?.0;
                Some(Place {
                    unit: self.number,
                    offset,
                })
            }
            gimli::AttributeValue::DebugInfoRef(offset) => {
                let offset = offset.0 as u64;
                let units = self.owner.info.units();
                let after = units.partition_point(|unit| {
                    unit.section == DebugSection::Info && unit.start <= offset
                });
                let number = after.checked_sub(1)?;
                let unit = units.get(number).filter(|unit| offset < unit.end)?;
                Some(Place {
                    unit: u32::try_from(number).ok()?,
                    offset: usize::try_from(offset - unit.start).ok()?,
                })
            }
            _ => None,
        }
    }
}
