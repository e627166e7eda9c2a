//! Source files of functions from the line table, where entries name none.
//!
//! With `debug = "line-tables-only"` entries have no namespaces and no `DW_AT_decl_file`: what says
//! whose an inlined function is are the rows of the line table at its code. Truth: DWARF 5,
//! section 6.2; line programs are run by `gimli`.

use std::collections::BTreeMap;

use gimli::{DebugLine, DebugLineOffset, EndianSlice, RunTimeEndian};

use super::{
    DebugInfo, DebugSection,
    functions::{CodeRange, Function},
    line_files::FileTable,
    reader::Budget,
};

/// Code of a function whose file is wanted.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    unit: u32,
    start: u64,
    end: u64,
    function: u32,
}

impl DebugInfo<'_> {
    /// Sets the files of functions that have neither crate nor file: to the file that most bytes
    /// of a function are from. (At their borders ranges and rows often disagree by some bytes.)
    pub(super) fn files_from_rows(&self, ranges: &[CodeRange], functions: &mut [Function<'_>]) {
        let lacks = |range: &&CodeRange| {
            functions
                .get(range.function as usize)
                .is_some_and(|function| function.crate_name.is_none() && function.file.is_none())
        };
        let mut wanted: Vec<Wanted> = ranges
            .iter()
            .filter(lacks)
            .map(|range| Wanted {
                unit: range.unit,
                start: range.range.start.0,
                end: range.range.end().0,
                function: range.function,
            })
            .collect();
        wanted.sort_unstable_by_key(|wanted| (wanted.unit, wanted.start));
        let budget = Budget::new(
            self.sections
                .get(DebugSection::Line)
                .len()
                .saturating_mul(4),
        );
        let mut bytes: BTreeMap<(u32, u32, u32), u64> = BTreeMap::new();
        for wanted in wanted.chunk_by(|a, b| a.unit == b.unit) {
            let Some(first) = wanted.first() else {
                continue;
            };
            let _ = self.run_lines(&budget, first.unit, |start, end, file| {
                let from = wanted.partition_point(|wanted| wanted.end <= start);
                let inside = wanted
                    .iter()
                    .skip(from)
                    .take_while(|wanted| wanted.start < end);
                for wanted in inside {
                    // Rows of one program do not overlap, unless it is hostile.
                    if !budget.spend(1) {
                        return;
                    }
                    let common = end.min(wanted.end).saturating_sub(start.max(wanted.start));
                    let entry = bytes
                        .entry((wanted.function, wanted.unit, file))
                        .or_insert(0);
                    *entry = entry.saturating_add(common);
                }
            });
        }
        let mut most = 0;
        for ((number, unit, file), size) in bytes {
            if let Some(function) = functions.get_mut(number as usize)
                && (function.file.is_none() || size > most)
            {
                function.file = Some((unit, file));
                most = size;
            }
        }
    }

    /// Runs a unit's line program and hands out the addresses and the file of each row.
    fn run_lines(
        &self,
        budget: &Budget,
        unit: u32,
        mut row: impl FnMut(u64, u64, u32),
    ) -> Option<()> {
        let unit = self.units.get(unit as usize)?;
        let offset = unit.stmt_list?;
        // `gimli` believes the header's counts, so it gets only headers that could be read here.
        if !FileTable::read(self, budget, unit, offset, &mut |_| {}).is_complete() {
            return None;
        }
        let end = self.extent(DebugSection::Line, offset, u64::MAX);
        if !budget.spend(usize::try_from(end.checked_sub(offset)?).ok()?) {
            return None;
        }
        let endian = if self.sections.big_endian {
            RunTimeEndian::Big
        } else {
            RunTimeEndian::Little
        };
        let lines: DebugLine<EndianSlice<'_, _>> =
            DebugLine::new(self.sections.get(DebugSection::Line), endian);
        let offset = DebugLineOffset(usize::try_from(offset).ok()?);
        let program = lines.program(offset, unit.address_size, None, None).ok()?;
        let mut rows = program.rows();
        let mut before: Option<(u64, u32)> = None;
        while let Ok(Some((_, found))) = rows.next_row() {
            if let Some((start, file)) = before
                && start < found.address()
            {
                row(start, found.address(), file);
            }
            let file = u32::try_from(found.file_index()).ok();
            before = file
                .filter(|_| !found.end_sequence())
                .map(|file| (found.address(), file));
        }
        Some(())
    }
}
