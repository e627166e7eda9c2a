//! The functions, inlined ones included, at wanted addresses.
//!
//! Truth: DWARF 5, sections 2.17 and 3.3. One pass over a unit's entries; only functions that
//! hold a wanted address are remembered. Lexical blocks are stepped through.

use super::{
    budget::Budget,
    model::{EntryId, NONE, Slice},
    units::Part,
};
use gimli::constants as c;

/// Deeper frames are taken for their callers: no compiler inlines so deep.
const MAX_NEST: u32 = 256;
/// An abbreviation with more attributes is no compiler's. Attributes may take no bytes at all, so
/// that work would not follow the file's size.
pub(super) const MAX_ATTRIBUTES: usize = 64;

/// A function at a wanted address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    /// Its description.
    pub(super) function: EntryId,
    /// What it is inlined into, or [`NONE`].
    pub(super) parent: u32,
    /// Where it was called.
    pub(super) call_file: Option<u64>,
    pub(super) call_line: Option<u32>,
    nest: u32,
}

/// What is at the wanted addresses of a unit.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    pub(super) nodes: Vec<Node>,
    /// For each address its innermost function, or [`NONE`].
    pub(super) innermost: Vec<u32>,
}

impl Nodes {
    /// The functions at an address by its number, innermost first.
    pub(super) fn chain(&self, number: usize) -> impl Iterator<Item = &Node> {
        let mut next = self.innermost.get(number).copied().unwrap_or(NONE);
        std::iter::from_fn(move || {
            let node = self.nodes.get(next as usize)?;
            // Parents come earlier, so this ends.
            next = node.parent;
            Some(node)
        })
    }
}

/// Finds what is at `addresses`, which are sorted.
pub(super) fn find(part: Part<'_, '_>, addresses: &[u64], budget: &Budget) -> Nodes {
    let mut search = Search {
        part,
        addresses,
        budget,
        found: Nodes {
            nodes: Vec::new(),
            innermost: vec![NONE; addresses.len()],
        },
        open: Vec::new(),
        ranges: Vec::new(),
    };
    // Damage ends the unit; what comes before it counts.
    let _ = search.walk();
    search.found
}

struct Search<'a, 's, 'd> {
    part: Part<'s, 'd>,
    addresses: &'a [u64],
    budget: &'a Budget,
    found: Nodes,
    /// Remembered functions around the entry at hand, with their depths.
    open: Vec<(isize, u32)>,
    ranges: Vec<(u64, u64)>,
}

/// What of a function's attributes is wanted here.
#[derive(Default)]
struct Attributes<'d> {
    low: Option<gimli::AttributeValue<Slice<'d>>>,
    high: Option<gimli::AttributeValue<Slice<'d>>>,
    ranges: Option<gimli::AttributeValue<Slice<'d>>>,
    origin: Option<gimli::AttributeValue<Slice<'d>>>,
    call_file: Option<u64>,
    call_line: Option<u32>,
}

impl<'d> Search<'_, '_, 'd> {
    fn walk(&mut self) -> gimli::Result<()> {
        let mut entries = self.part.unit.entries_raw(None)?;
        // Below a function without a wanted address there are only its own inlined ones.
        let mut skip: Option<isize> = None;
        while !entries.is_empty() {
            let (depth, offset) = (entries.next_depth(), entries.next_offset().0);
            let Some(abbreviation) = entries.read_abbreviation()? else {
                continue;
            };
            if abbreviation.attributes().len() > MAX_ATTRIBUTES {
                return Err(gimli::Error::InvalidAbbreviationCode(abbreviation.code()));
            }
            if skip.is_some_and(|skip| depth <= skip) {
                skip = None;
            }
            while self.open.last().is_some_and(|(open, _)| *open >= depth) {
                self.open.pop();
            }
            let inlined = match abbreviation.tag() {
                c::DW_TAG_subprogram => false,
                c::DW_TAG_inlined_subroutine if skip.is_none() && !self.open.is_empty() => true,
                _ => {
                    entries.skip_attributes(abbreviation.attributes())?;
                    continue;
                }
            };
            let has_code = |at| matches!(at, c::DW_AT_low_pc | c::DW_AT_ranges);
            let specs = abbreviation.attributes();
            let mut wanted = false;
            if specs.iter().any(|spec| has_code(spec.name())) {
                let mut values = Attributes::default();
                for spec in specs {
                    values.take(&entries.read_attribute(*spec)?);
                }
                // A list that cannot be read is this function's damage only.
                let _ = self.read_ranges(&values);
                wanted = self.remember(depth, offset, inlined, &values);
            } else {
                entries.skip_attributes(specs)?;
            }
            if !wanted && skip.is_none() {
                skip = Some(depth);
            }
        }
        Ok(())
    }

    fn read_ranges(&mut self, values: &Attributes<'d>) -> gimli::Result<()> {
        self.ranges.clear();
        let Part { dwarf, unit, .. } = self.part;
        if let Some(list) = &values.ranges {
            if let Some(mut ranges) = dwarf.attr_ranges(unit, *list)? {
                while let Some(range) = ranges.next()? {
                    if !self.budget.ranges(1) {
                        break;
                    }
                    if range.begin < range.end {
                        self.ranges.push((range.begin, range.end));
                    }
                }
            }
            return Ok(());
        }
        let Some(low) = values.low else { return Ok(()) };
        let Some(low) = dwarf.attr_address(unit, low)? else {
            return Ok(());
        };
        let high = match values.high {
            Some(gimli::AttributeValue::Udata(size)) => low.checked_add(size),
            Some(value) => match dwarf.attr_address(unit, value)? {
                Some(high) => Some(high),
                None => value.udata_value().and_then(|size| low.checked_add(size)),
            },
            None => None,
        };
        if let Some(high) = high.filter(|high| low < *high) {
            self.ranges.push((low, high));
        }
        Ok(())
    }

    /// Remembers a function when it holds a wanted address.
    fn remember(
        &mut self,
        depth: isize,
        offset: usize,
        inlined: bool,
        values: &Attributes<'d>,
    ) -> bool {
        let parent = self.open.last().filter(|_| inlined).map(|(_, node)| *node);
        let nest = parent
            .and_then(|parent| self.found.nodes.get(parent as usize))
            .map_or(0, |parent| parent.nest + 1);
        let Ok(number) = u32::try_from(self.found.nodes.len()) else {
            return false;
        };
        if nest >= MAX_NEST || number == NONE {
            return false;
        }
        let mut wanted = false;
        for (start, end) in &self.ranges {
            let first = self.addresses.partition_point(|address| address < start);
            for (at, address) in self.addresses.iter().enumerate().skip(first) {
                if address >= end || !self.budget.matches(1) {
                    break;
                }
                let Some(best) = self.found.innermost.get_mut(at) else {
                    break;
                };
                let deeper = self
                    .found
                    .nodes
                    .get(*best as usize)
                    .is_none_or(|best| best.nest < nest);
                // Where damage makes siblings overlap, the first counts.
                if deeper && *best != number {
                    *best = number;
                    wanted = true;
                }
            }
        }
        if wanted {
            let function = values
                .origin
                .and_then(|origin| self.part.place(origin))
                .unwrap_or(EntryId {
                    unit: self.part.number,
                    offset,
                });
            self.found.nodes.push(Node {
                function,
                parent: parent.unwrap_or(NONE),
                call_file: values.call_file,
                call_line: values.call_line,
                nest,
            });
            self.open.push((depth, number));
        }
        wanted
    }
}

impl<'d> Attributes<'d> {
    fn take(&mut self, attribute: &gimli::Attribute<Slice<'d>>) {
        match attribute.name() {
            c::DW_AT_low_pc => self.low = Some(attribute.value()),
            c::DW_AT_high_pc => self.high = Some(attribute.value()),
            c::DW_AT_ranges => self.ranges = Some(attribute.value()),
            c::DW_AT_abstract_origin => self.origin = Some(attribute.value()),
            c::DW_AT_call_file => {
                self.call_file = match attribute.value() {
                    gimli::AttributeValue::FileIndex(file) => Some(file),
                    other => other.udata_value(),
                };
            }
            c::DW_AT_call_line => {
                self.call_line = attribute
                    .udata_value()
                    .and_then(|line| u32::try_from(line).ok())
                    .filter(|line| *line != 0);
            }
            _ => {}
        }
    }
}
