//! What was inlined at each instruction of a range, and not only at those with samples.
//!
//! The instructions' addresses are symbolized as those of samples are, as a recording of their own:
//! so every name, line and debug file is the one that all other views have.
//!
//! Truth for the ranges of a function: its `DW_AT_ranges`, through `gimli`.

use crate::{
    profile::{Frame, FrameId, Module, ModuleKind, Place, Profile},
    symbolize::symbolize,
};
use addr2line::{Context, LookupResult};
use codecost::{
    address::{AddressRange, Range, VirtualAddress},
    attribution::Catalogue,
    image::{Image, Mapping},
};
use gimli::{EndianSlice, RunTimeEndian};

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

/// The chains of addresses, and whether there is debug information at all.
#[derive(Debug, Default)]
pub(super) struct Chains {
    /// One for each address: its functions, innermost first; the last is the one that the code
    /// is in.
    pub(super) chains: Vec<Vec<Link>>,
    /// Whether debug information was found.
    pub(super) any: bool,
}

/// Looks `addresses` of the file of `module` up.
pub(super) fn chains(module: &Module, addresses: &[VirtualAddress]) -> Chains {
    let file = module.file.as_ref().and_then(again);
    let frames = addresses.iter().map(|address| Frame {
        module: crate::profile::ModuleId(0),
        place: Place::Code(*address),
    });
    let profile = Profile {
        frames: frames.collect(),
        modules: vec![Module {
            name: module.name.clone(),
            kind: ModuleKind::File,
            build_id: module.build_id.clone(),
            file,
            problem: None,
        }],
        ..Profile::default()
    };
    // The crate of each is not needed here.
    let symbols = symbolize(&profile, &Catalogue::empty());
    let link = |scope: &crate::symbols::Scope| Link {
        function: symbols
            .functions
            .get(scope.function.0 as usize)
            .map_or_else(|| "[unknown]".into(), |function| function.name.clone()),
        file: scope
            .file
            .and_then(|file| symbols.files.get(file.0 as usize).cloned()),
        line: scope.line,
    };
    let chain = |at: usize| {
        let scopes = symbols.scopes_of(FrameId(at as u32));
        scopes.iter().map(link).collect()
    };
    Chains {
        chains: (0..addresses.len()).map(chain).collect(),
        any: symbols.gaps.no_debug_info.is_empty(),
    }
}

/// The same file once more. One that was replaced since is copied from what was mapped.
fn again(file: &Mapping) -> Option<Mapping> {
    match file.check_unchanged() {
        Ok(()) => Mapping::open(file.path()).ok(),
        Err(_) => Mapping::of_bytes(file.path(), file).ok(),
    }
}

/// For each of `entries` all ranges of the function there, as the debug information of `image` has
/// them; none where it is one range.
pub(super) fn ranges(image: &Image<'_>, entries: &[VirtualAddress]) -> Vec<Vec<AddressRange>> {
    let none = vec![Vec::new(); entries.len()];
    let endian = if image.little_endian {
        RunTimeEndian::Little
    } else {
        RunTimeEndian::Big
    };
    let load = |id: gimli::SectionId| {
        let section = image.section(id.name());
        let content = section.and_then(|(_, section)| image.section_content(section));
        Ok::<_, gimli::Error>(content.unwrap_or_default())
    };
    let Ok(sections) = gimli::DwarfSections::load(load) else {
        return none;
    };
    let dwarf = sections.borrow(|section| EndianSlice::new(section, endian));
    let Ok(context) = Context::from_dwarf(dwarf) else {
        return none;
    };
    let of_entry = |entry: &VirtualAddress| {
        let found = in_unit(&context, *entry);
        found.filter(|found| found.len() > 1).unwrap_or_default()
    };
    entries.iter().map(of_entry).collect()
}

fn in_unit(
    context: &Context<EndianSlice<'_, RunTimeEndian>>,
    address: VirtualAddress,
) -> Option<Vec<AddressRange>> {
    let unit = match context.find_dwarf_and_unit(address.0) {
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
