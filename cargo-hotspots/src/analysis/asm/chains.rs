//! What was inlined at each instruction, from the debug information, for every instruction of a
//! range and not only those with samples.
//!
//! Truth: DWARF's inlined subroutines and line tables, through `addr2line`; the ranges of a
//! function through `gimli`.
//!
//! Limits: entries in `.dwo` files are not followed.

use addr2line::{Context, LookupResult};
use codecost::{
    address::{AddressRange, Range, VirtualAddress},
    demangle::Name,
    image::Image,
};
use gimli::{EndianSlice, RunTimeEndian};
use std::borrow::Cow;

/// One function at an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Link {
    /// In full.
    pub(super) function: String,
    /// The file of the line.
    pub(super) file: Option<String>,
    /// The line that is executed in this function.
    pub(super) line: Option<u32>,
}

/// Says what was inlined where. Implemented over debug information, and over nothing.
pub(super) trait Chains {
    /// The functions at `address`, innermost first; the last is the one that the code stands in.
    fn chain(&self, address: VirtualAddress) -> Vec<Link>;

    /// All ranges of the function around `address`; none where that is not known.
    fn ranges(&self, address: VirtualAddress) -> Vec<AddressRange>;

    /// Whether there is debug information at all.
    fn any(&self) -> bool;
}

/// The content of the debug sections, decompressed where they are compressed.
pub(super) struct DebugSections<'d> {
    sections: Vec<(&'static str, Cow<'d, [u8]>)>,
    endian: RunTimeEndian,
}

impl<'d> DebugSections<'d> {
    pub(super) fn of(image: &Image<'d>) -> Self {
        use gimli::SectionId as Id;
        let wanted = [
            Id::DebugAbbrev,
            Id::DebugAddr,
            Id::DebugAranges,
            Id::DebugInfo,
            Id::DebugLine,
            Id::DebugLineStr,
            Id::DebugRanges,
            Id::DebugRngLists,
            Id::DebugStr,
            Id::DebugStrOffsets,
        ];
        let sections = wanted.iter().filter_map(|id| {
            let (_, section) = image.section(id.name())?;
            Some((id.name(), image.section_content(section)?))
        });
        Self {
            sections: sections.collect(),
            endian: if image.little_endian {
                RunTimeEndian::Little
            } else {
                RunTimeEndian::Big
            },
        }
    }

    /// Reads the tables of contents.
    pub(super) fn chains(&self) -> Box<dyn Chains + '_> {
        let load = |id: gimli::SectionId| -> Result<_, gimli::Error> {
            let found = self.sections.iter().find(|(name, _)| *name == id.name());
            let bytes = found.map(|(_, bytes)| &**bytes).unwrap_or_default();
            Ok(EndianSlice::new(bytes, self.endian))
        };
        let context = gimli::Dwarf::load(load).and_then(Context::from_dwarf);
        match context {
            Ok(context) if self.sections.iter().any(|(name, _)| *name == ".debug_info") => {
                Box::new(Dwarf(context))
            }
            _ => Box::new(Nothing),
        }
    }
}

type Reader<'s> = EndianSlice<'s, RunTimeEndian>;

struct Dwarf<'s>(Context<Reader<'s>>);

impl Chains for Dwarf<'_> {
    fn chain(&self, address: VirtualAddress) -> Vec<Link> {
        let mut chain = Vec::new();
        let Ok(mut frames) = self.0.find_frames(address.0).skip_all_loads() else {
            return chain;
        };
        while let Ok(Some(frame)) = frames.next() {
            let name = frame
                .function
                .as_ref()
                .and_then(|name| name.raw_name().ok());
            let location = frame.location;
            chain.push(Link {
                function: name
                    .map_or_else(|| "[unknown]".to_owned(), |name| Name::parse(&name).full()),
                file: location
                    .as_ref()
                    .and_then(|location| location.file.map(str::to_owned)),
                line: location
                    .and_then(|location| location.line)
                    .filter(|line| *line > 0),
            });
        }
        chain
    }

    fn ranges(&self, address: VirtualAddress) -> Vec<AddressRange> {
        self.function_ranges(address).unwrap_or_default()
    }

    fn any(&self) -> bool {
        true
    }
}

impl Dwarf<'_> {
    fn function_ranges(&self, address: VirtualAddress) -> Option<Vec<AddressRange>> {
        let unit = match self.0.find_dwarf_and_unit(address.0) {
            LookupResult::Output(unit) => unit?,
            load @ LookupResult::Load { .. } => load.skip_all_loads()?,
        };
        let mut entries = unit.entries();
        while let Ok(Some(entry)) = entries.next_dfs() {
            if entry.tag() != gimli::DW_TAG_subprogram {
                continue;
            }
            let Ok(mut ranges) = unit.die_ranges(entry) else {
                continue;
            };
            let mut all = Vec::new();
            while let Ok(Some(range)) = ranges.next() {
                let (start, end) = (VirtualAddress(range.begin), VirtualAddress(range.end));
                all.push(Range::<VirtualAddress>::between(start, end));
            }
            if all.iter().any(|range| range.contains(address)) {
                all.sort_unstable();
                return Some(all);
            }
        }
        None
    }
}

/// No debug information.
struct Nothing;

impl Chains for Nothing {
    fn chain(&self, _: VirtualAddress) -> Vec<Link> {
        Vec::new()
    }

    fn ranges(&self, _: VirtualAddress) -> Vec<AddressRange> {
        Vec::new()
    }

    fn any(&self) -> bool {
        false
    }
}

/// Line 0 borrows: the line of the instruction before in the same function, else of the one after.
/// Returns how many did.
pub(super) fn borrow_lines(chains: &mut [Vec<Link>]) -> usize {
    let mut borrowed = 0;
    let mut pass = |order: &mut dyn Iterator<Item = usize>, chains: &mut [Vec<Link>]| {
        let mut last: Option<Link> = None;
        for index in order {
            let Some(innermost) = chains.get_mut(index).and_then(|chain| chain.first_mut()) else {
                last = None;
                continue;
            };
            if let Some(known) = &last
                && innermost.line.is_none()
                && known.function == innermost.function
            {
                innermost.file.clone_from(&known.file);
                innermost.line = known.line;
                borrowed += 1;
            }
            if innermost.line.is_some() {
                last = Some(innermost.clone());
            }
        }
    };
    let count = chains.len();
    pass(&mut (0..count), chains);
    pass(&mut (0..count).rev(), chains);
    borrowed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_zero_borrows_in_the_same_function_only() {
        let link = |function: &str, line| {
            vec![Link {
                function: function.into(),
                file: Some(format!("{function}.rs")),
                line,
            }]
        };
        let mut chains = [
            link("a", None),
            link("a", Some(3)),
            link("b", None),
            link("a", None),
            link("b", Some(9)),
            vec![],
            link("b", None),
        ];
        assert_eq!(borrow_lines(&mut chains), 2);
        let lines: Vec<_> = chains
            .iter()
            .map(|chain| chain.first().and_then(|link| link.line))
            .collect();
        assert_eq!(
            lines,
            [Some(3), Some(3), None, Some(3), Some(9), None, None]
        );
    }
}
