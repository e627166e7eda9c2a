//! One place where a function's code is: decoded, with its samples, what was inlined at each
//! instruction, its loops and marks.

use super::{
    chains::{self, Chains, Link},
    code::Code,
    flow, marks,
    model::{Lead, LoopRow, Mark, MarkKind, Part, RangeRow, Row, Weight},
    names,
    written::Names,
};
use crate::profile::Module;
use codecost::{
    address::{AddressRange, Range, VirtualAddress},
    demangle::Name,
    disasm::{Flow, Graph, Instruction, Lister, Syntax, Target},
    image::Image,
};
use std::collections::{BTreeMap, HashMap};

/// Samples by the address that they landed on, sorted.
pub(super) type Hits = Vec<(VirtualAddress, Weight)>;

/// The samples in a range.
pub(super) fn within(hits: &Hits, range: AddressRange) -> Weight {
    let first = hits.partition_point(|(address, _)| *address < range.start);
    let mut sum = Weight::default();
    let rest = hits.get(first..).unwrap_or_default();
    for (_, weight) in rest.iter().take_while(|(at, _)| *at < range.end()) {
        sum += *weight;
    }
    sum
}

/// A part with what belongs to it.
#[derive(Debug, Default)]
pub(super) struct Built {
    pub(super) part: Part,
    pub(super) rows: Vec<Row>,
    pub(super) loops: Vec<LoopRow>,
    /// For each row what was inlined there, with lines: innermost first.
    pub(super) chains: Vec<Vec<Link>>,
    /// Instructions with samples but without a line.
    pub(super) without_line: usize,
}

/// Source files, each once.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) names: Vec<String>,
    known: HashMap<String, usize>,
}

impl Files {
    fn of(&mut self, name: &str) -> usize {
        if let Some(known) = self.known.get(name) {
            return *known;
        }
        let new = self.names.len();
        self.names.push(name.to_owned());
        self.known.insert(name.to_owned(), new);
        new
    }
}

/// What to build from.
pub(super) struct Builder<'b, 'd> {
    pub(super) code: &'b Code<'d>,
    pub(super) lister: &'static dyn Lister,
    /// The file, as the recording has it.
    pub(super) module: &'b Module,
    /// Where its debug information is.
    pub(super) debug: &'b Image<'d>,
    pub(super) hits: &'b Hits,
    pub(super) files: &'b mut Files,
    pub(super) names: &'b Names<'b>,
    pub(super) syntax: Syntax,
}

/// A part that is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct PartRequest<'w> {
    /// The symbol, by its position.
    pub(super) function: usize,
    /// The function (its name without arguments) whose inlined code is meant; else all.
    pub(super) only: Option<&'w str>,
}

/// A part on its way: decoded.
struct Decoded<'w> {
    wanted: PartRequest<'w>,
    pieces: Vec<(AddressRange, bool)>,
    instructions: Vec<Instruction>,
}

impl Builder<'_, '_> {
    /// The parts that are wanted, in their order, and whether there is debug information. It is
    /// opened once for all.
    pub(super) fn build(&mut self, wanted: &[PartRequest<'_>]) -> (Vec<Built>, bool) {
        let extents = wanted.iter().filter_map(|wanted| {
            let extent = self.code.functions.get(wanted.function)?;
            Some((*wanted, extent.range))
        });
        let extents: Vec<_> = extents.collect();
        let entries: Vec<_> = extents.iter().map(|(_, extent)| extent.start).collect();
        let ranges = chains::ranges(self.debug, &entries);
        let decoded: Vec<Decoded<'_>> = extents
            .iter()
            .zip(ranges)
            .map(|((wanted, _), ranges)| {
                let pieces = self.pieces(wanted.function, &ranges);
                Decoded {
                    wanted: *wanted,
                    instructions: self.decode(&pieces),
                    pieces,
                }
            })
            .collect();
        let of_part = |part: &Decoded<'_>| {
            let addresses = part.instructions.iter().map(|i| i.address);
            addresses.collect::<Vec<_>>()
        };
        let addresses: Vec<_> = decoded.iter().flat_map(of_part).collect();
        let Chains { chains, any } = chains::chains(self.module, &addresses);
        let mut chains = chains.into_iter();
        let built = decoded.into_iter().filter_map(|part| {
            let chains: Vec<_> = chains.by_ref().take(part.instructions.len()).collect();
            let every = part.wanted.only.is_none();
            let mut built = self.part(part, &chains)?;
            // Only then there is a row for each instruction.
            if every {
                built.chains = chains;
            }
            Some(built)
        });
        (built.collect(), any)
    }

    fn part(&mut self, decoded: Decoded<'_>, chains: &[Vec<Link>]) -> Option<Built> {
        let Decoded {
            wanted: PartRequest { function, only },
            pieces,
            instructions,
        } = decoded;
        let extent = self.code.functions.get(function)?;
        let known: Vec<VirtualAddress> = instructions.iter().map(|i| i.address).collect();
        let target: Vec<Option<String>> = instructions
            .iter()
            .map(|instruction| self.target(instruction))
            .collect();
        let graph = flow::graph(self.code, &instructions, extent.range.start, &target);
        let all_marks = marks::marks(&instructions, &graph, &target);

        let symbol = extent.names.first()?;
        let mut built = Built {
            part: Part {
                function: match chains.iter().find_map(|chain| chain.last()) {
                    Some(outermost) => outermost.function.clone(),
                    None => Name::parse(symbol).full(),
                },
                symbol: symbol.to_string(),
                inlined: only.is_some(),
                irreducible: graph.irreducible,
                unresolved: graph.unresolved,
                ..Part::default()
            },
            ..Built::default()
        };
        let leaders: Vec<usize> = graph.blocks.iter().map(|block| block.first).collect();
        for (((index, instruction), chain), marks) in instructions
            .into_iter()
            .enumerate()
            .zip(chains)
            .zip(all_marks)
        {
            let inlined = match chain.split_last() {
                Some((_, inlined)) => inlined,
                None => &[],
            };
            let is_meant = |only: &str| {
                let mut functions = inlined.iter();
                functions.any(|link| link.function == only || names::family(&link.function) == only)
            };
            if only.is_some_and(|only| !is_meant(only)) {
                continue;
            }
            let lead = lead(&instruction, target.get(index).cloned().flatten(), &known);
            let innermost = chain.first();
            let block = graph.block_of(index);
            let own = within(self.hits, bytes_of(&instruction));
            let has_line = innermost.is_some_and(|link| link.line.is_some());
            built.without_line += usize::from(own.samples > 0 && !has_line);
            built.rows.push(Row {
                part: 0,
                address: instruction.address,
                length: instruction.length,
                own,
                file: innermost.and_then(|link| Some(self.files.of(link.file.as_ref()?))),
                line: innermost.and_then(|link| link.line),
                inlined: inlined.iter().map(|link| link.function.clone()).collect(),
                target: lead,
                leader: leaders.binary_search(&index).is_ok(),
                innermost: block
                    .and_then(|block| graph.innermost.get(block as usize).copied().flatten())
                    .map(|found| found as usize),
                marks: self.place(chain, marks),
                text: instruction.text,
            });
        }
        built.part.ranges = ranges(&built.rows, &pieces);
        for row in &built.rows {
            built.part.own += row.own;
        }
        self.sum_loops(&graph, &known, chains, &mut built);
        Some(built)
    }

    /// The ranges, sorted and without overlap, and whether each is cold. `ranges` are those that
    /// the debug information has.
    fn pieces(&self, function: usize, ranges: &[AddressRange]) -> Vec<(AddressRange, bool)> {
        let mut pieces = self.code.pieces(function);
        // What the symbols do not know: parts without a name of their own. Parts inside other
        // functions' symbols are not this one's.
        for range in ranges {
            let known = |(piece, _): &(AddressRange, bool)| {
                piece.contains(range.start) || range.contains(piece.start)
            };
            if !pieces.iter().any(known) && self.code.function_at(range.start).is_none() {
                pieces.push((*range, true));
            }
        }
        pieces.sort_unstable();
        let mut end = VirtualAddress(0);
        pieces
            .into_iter()
            .filter_map(|(range, cold)| {
                let range = Range::<VirtualAddress>::between(range.start.max(end), range.end());
                end = end.max(range.end());
                (!range.is_empty()).then_some((range, cold))
            })
            .collect()
    }

    fn decode(&self, pieces: &[(AddressRange, bool)]) -> Vec<Instruction> {
        let decode = |(range, _): &(AddressRange, bool)| {
            let bytes = self.code.bytes(*range);
            self.lister.instructions(bytes, range.start, self.syntax)
        };
        pieces.iter().flat_map(decode).collect()
    }

    fn target(&self, instruction: &Instruction) -> Option<String> {
        match instruction.flow {
            Flow::Call(target) | Flow::Jump(target) => match target {
                Target::Address(address) => self.code.name_of(address),
                Target::Slot(slot) => self.code.name_in(slot),
                Target::Unknown => None,
            },
            Flow::Branch(address) => self.code.name_of(address),
            _ => None,
        }
    }

    /// Marks with the line that asked for them: the innermost one outside std.
    fn place(&mut self, chain: &[Link], marks: Vec<marks::Plain>) -> Vec<Mark> {
        if marks.is_empty() {
            return Vec::new();
        }
        let known = |link: &&Link| link.file.is_some() && link.line.is_some();
        let of_user = |link: &&Link| {
            let file = link.file.as_deref().unwrap_or_default();
            !file.starts_with("/rustc/") && !file.contains("/rustlib/src/rust/library/")
        };
        let link = chain.iter().filter(known).find(of_user);
        let link = link.or_else(|| chain.iter().find(known));
        let file = link.and_then(|link| link.file.as_deref());
        let file = file.map(|file| self.files.of(file));
        let line = link.and_then(|link| link.line);
        let place = |marks::Plain { kind, detail }| Mark {
            kind,
            detail,
            file,
            line,
        };
        marks.into_iter().map(place).collect()
    }

    fn sum_loops(
        &mut self,
        graph: &Graph,
        known: &[VirtualAddress],
        chains: &[Vec<Link>],
        built: &mut Built,
    ) {
        let mut counts: Vec<BTreeMap<MarkKind, usize>> = vec![BTreeMap::new(); graph.loops.len()];
        // Of all its instructions, also of those that are not asked for.
        let mut own: Vec<Vec<&[Link]>> = vec![Vec::new(); graph.loops.len()];
        for (index, chain) in chains.iter().enumerate() {
            let block = graph.block_of(index);
            let inner = block.and_then(|block| *graph.innermost.get(block as usize)?);
            if let Some(own) = inner.and_then(|inner| own.get_mut(inner as usize)) {
                own.push(chain);
            }
        }
        let mut own = own.into_iter();
        let mut loops: Vec<LoopRow> = graph
            .loops
            .iter()
            .map(|found| {
                let header = graph.blocks.get(found.header as usize);
                let first = header.map_or(0, |block| block.first);
                let own = own.next().unwrap_or_default();
                let entered = chains.get(first).map(Vec::as_slice);
                let depth = self.names.depth(&own);
                let link = self.names.place(&own, entered, depth);
                let link = link.as_ref();
                LoopRow {
                    header: known.get(first).copied().unwrap_or_default(),
                    depth: found.depth,
                    parent: found.parent.map(|parent| parent as usize),
                    file: link.and_then(|link| Some(self.files.of(link.file.as_ref()?))),
                    line: link.and_then(|link| link.line),
                    ..LoopRow::default()
                }
            })
            .collect();
        for row in &built.rows {
            let Some(this) = row.innermost.and_then(|at| loops.get_mut(at)) else {
                continue;
            };
            this.own += row.own;
            this.instructions += 1;
            this.without_inner += 1;
            let counts = row.innermost.and_then(|at| counts.get_mut(at));
            if let Some(counts) = counts {
                for mark in &row.marks {
                    *counts.entry(mark.kind).or_default() += 1;
                }
            }
        }
        // Inner loops come after outer ones.
        for index in (0..loops.len()).rev() {
            let Some(parent) = loops[index].parent.filter(|parent| *parent < index) else {
                continue;
            };
            let (own, instructions) = (loops[index].own, loops[index].instructions);
            loops[parent].own += own;
            loops[parent].instructions += instructions;
            for (kind, count) in counts[index].clone() {
                *counts[parent].entry(kind).or_default() += count;
            }
        }
        for (found, counts) in loops.iter_mut().zip(counts) {
            found.marks = counts.into_iter().collect();
        }
        // Of a function that was inlined, only the loops that it takes part in.
        let kept: Vec<bool> = loops.iter().map(|found| found.instructions > 0).collect();
        let place = |index: usize| kept.iter().take(index).filter(|kept| **kept).count();
        let places: Vec<usize> = (0..loops.len()).map(place).collect();
        for row in &mut built.rows {
            row.innermost = row.innermost.and_then(|at| places.get(at).copied());
        }
        for found in &mut loops {
            found.parent = found.parent.and_then(|at| places.get(at).copied());
        }
        loops.retain(|found| found.instructions > 0);
        built.loops = loops;
    }
}

fn bytes_of(instruction: &Instruction) -> AddressRange {
    Range::<VirtualAddress>::new(instruction.address, u64::from(instruction.length))
}

/// What a call or jump leads to; `known` are the addresses of the function's instructions.
fn lead(instruction: &Instruction, name: Option<String>, known: &[VirtualAddress]) -> Option<Lead> {
    let address = match instruction.flow {
        Flow::Jump(Target::Address(address)) | Flow::Branch(address) => Some(address),
        _ => None,
    };
    match address.filter(|address| known.binary_search(address).is_ok()) {
        Some(address) => Some(Lead::Inside(address)),
        None => name.map(Lead::Named),
    }
}

/// Runs of rows without a gap, each within one piece.
fn ranges(rows: &[Row], pieces: &[(AddressRange, bool)]) -> Vec<RangeRow> {
    let piece_of = |address: VirtualAddress| {
        let next = pieces.partition_point(|(piece, _)| piece.start <= address);
        next.checked_sub(1)
    };
    let mut ranges: Vec<(Option<usize>, RangeRow)> = Vec::new();
    for row in rows {
        let piece = piece_of(row.address);
        let length = u64::from(row.length);
        match ranges.last_mut() {
            Some((last, range)) if *last == piece && range.addresses.end() == row.address => {
                let size = range.addresses.size.saturating_add(length);
                range.addresses = Range::<VirtualAddress>::new(range.addresses.start, size);
                range.own += row.own;
            }
            _ => ranges.push((
                piece,
                RangeRow {
                    addresses: Range::<VirtualAddress>::new(row.address, length),
                    cold: piece
                        .and_then(|piece| pieces.get(piece))
                        .is_some_and(|(_, cold)| *cold),
                    own: row.own,
                },
            )),
        }
    }
    ranges.into_iter().map(|(_, range)| range).collect()
}
