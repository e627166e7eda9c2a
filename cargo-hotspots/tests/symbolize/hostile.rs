//! Damaged and hostile debug information: an answer for every address, in bounded time.

use crate::common::timed;
use crate::programs::{Program, Resolved, addresses, module, tool};
use codecost::image::{Image, Mapping};
use std::{fs, time::Duration};

/// Of processor time: far more than any of these takes, far less than a hang.
const LIMIT: Duration = Duration::from_secs(60);

/// A sequence that is the same in each run.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn complete(resolved: &Resolved, addresses: &[u64]) {
    assert_eq!(resolved.symbols.chains.len(), addresses.len());
    for (_, chain, lines) in resolved.each() {
        assert!(chain.len >= 1 && chain.len as usize == lines.len());
    }
}

#[test]
fn damaged_sections() {
    let program = Program::shared();
    let bytes = fs::read(&program.file).unwrap();
    let addresses = addresses(&program.file, 509);
    let sections: Vec<(usize, usize)> = {
        let mapping = Mapping::open(&program.file).unwrap();
        let image = Image::parse(&program.file, &mapping).unwrap();
        let debug = image.sections.iter().filter(|section| {
            section.name.starts_with(".debug_") || [".symtab", ".strtab"].contains(&&*section.name)
        });
        debug
            .map(|section| (section.file.start.0 as usize, section.file.size as usize))
            .filter(|(_, size)| *size > 0)
            .collect()
    };
    let mut state = 0x1234_5678_9abc_def1;
    let mut total = Duration::ZERO;
    for round in 0..48 {
        let mut damaged = bytes.clone();
        for (at, size) in &sections {
            for _ in 0..1 + round * 4 {
                let place = at + random(&mut state) as usize % size;
                damaged[place] = random(&mut state) as u8;
            }
        }
        let mapping = Mapping::of_bytes("/damaged", &damaged).unwrap();
        let (resolved, time) = timed(|| Resolved::with(module(mapping), &addresses));
        complete(&resolved, &addresses);
        total += time;
    }
    assert!(total < 4 * LIMIT, "{total:?}");
    // Cut off at any place.
    for part in 1..24 {
        let cut = &bytes[..bytes.len() * part / 24];
        let mapping = Mapping::of_bytes("/cut", cut).unwrap();
        complete(&Resolved::with(module(mapping), &addresses), &addresses);
    }
}

/// A program with these sections in the place of its own.
struct Forged {
    directory: tempfile::TempDir,
    addresses: Vec<u64>,
}

impl Forged {
    fn new() -> Self {
        let program = Program::shared();
        let addresses = addresses(&program.file, 301);
        let directory = tempfile::tempdir().unwrap();
        fs::copy(&program.file, directory.path().join("program")).unwrap();
        Self {
            directory,
            addresses,
        }
    }

    fn resolves(&self, sections: &[(&str, Vec<u8>)]) -> Resolved {
        let mut arguments: Vec<String> = vec!["program".into(), "forged".into()];
        for (name, bytes) in sections {
            fs::write(self.directory.path().join(name), bytes).unwrap();
            arguments.push(format!("--update-section=.{name}={name}"));
        }
        tool("objcopy", &arguments, self.directory.path());
        let forged = self.directory.path().join("forged");
        let (resolved, time) = timed(|| Resolved::of(&forged, &self.addresses));
        complete(&resolved, &self.addresses);
        assert!(time < LIMIT, "{time:?}");
        resolved
    }

    /// A unit of DWARF 4 that claims all code, with these entries behind its first.
    fn unit(&self, abbreviations: u32, entries: &[u8]) -> Vec<u8> {
        let mut unit = vec![4, 0];
        unit.extend(abbreviations.to_le_bytes());
        unit.push(8);
        unit.extend(self.root());
        unit.extend(entries);
        let mut bytes = (unit.len() as u32).to_le_bytes().to_vec();
        bytes.extend(unit);
        bytes
    }

    /// Code 1: `low_pc` and `high_pc`.
    fn root(&self) -> Vec<u8> {
        let (first, last) = (self.addresses[0], self.addresses[self.addresses.len() - 1]);
        let mut bytes = vec![1];
        bytes.extend(first.to_le_bytes());
        bytes.extend((last - first + 1).to_le_bytes());
        bytes
    }
}

const SUBPROGRAM: u8 = 0x2e;
const INLINED: u8 = 0x1d;

/// Code 1 is the unit's entry, 2 a function with its code's place; then these.
fn abbreviations(more: &[u8]) -> Vec<u8> {
    let code = [0x11, 0x01, 0x12, 0x07];
    let mut bytes = vec![1, 0x11, 1];
    bytes.extend(code);
    bytes.extend([0, 0, 2, SUBPROGRAM, 1]);
    bytes.extend(code);
    bytes.extend([0, 0]);
    bytes.extend(more);
    bytes.push(0);
    bytes
}

#[test]
fn nesting_without_end() {
    let forged = Forged::new();
    // A function of all code, with itself inlined again and again.
    let mut function = forged.root();
    function[0] = 2;
    let mut deep = function.clone();
    for _ in 0..50_000 {
        let mut inlined = function.clone();
        inlined[0] = 3;
        deep.extend(inlined);
    }
    let code = [0x11, 0x01, 0x12, 0x07];
    let mut more = vec![3, INLINED, 1];
    more.extend(code);
    more.extend([0, 0]);
    let resolved = forged.resolves(&[
        ("debug_info", forged.unit(0, &deep)),
        ("debug_abbrev", abbreviations(&more)),
    ]);
    // It was read, as deep as is sensible.
    let deepest = resolved.symbols.chains.iter().map(|chain| chain.len).max();
    assert!((100..1000).contains(&deepest.unwrap()), "{deepest:?}");
    // A byte a level, without attributes.
    let mut deep = function;
    deep.extend(vec![3; 1_000_000]);
    forged.resolves(&[
        ("debug_info", forged.unit(0, &deep)),
        ("debug_abbrev", abbreviations(&[3, INLINED, 1, 0, 0])),
    ]);
}

#[test]
fn attributes_without_bytes() {
    let forged = Forged::new();
    let mut function = forged.root();
    function[0] = 2;
    function.extend(vec![3; 300_000]);
    // `DW_FORM_flag_present`, a hundred thousand times.
    let mut more = vec![3, INLINED, 0];
    for _ in 0..100_000 {
        more.extend([0x3f, 0x19]);
    }
    more.extend([0, 0]);
    forged.resolves(&[
        ("debug_info", forged.unit(0, &function)),
        ("debug_abbrev", abbreviations(&more)),
    ]);
}

#[test]
fn a_function_that_describes_itself() {
    let forged = Forged::new();
    // Code 3: code's place and `abstract_origin`, which refers to itself; 24 bytes into the unit,
    // behind header and first entry.
    let mut more = vec![3, SUBPROGRAM, 0];
    more.extend([0x31, 0x13, 0x11, 0x01, 0x12, 0x07, 0, 0]);
    let mut function = vec![3];
    function.extend((11 + forged.root().len() as u32).to_le_bytes());
    function.extend(&forged.root()[1..]);
    forged.resolves(&[
        ("debug_info", forged.unit(0, &function)),
        ("debug_abbrev", abbreviations(&more)),
    ]);
}

#[test]
fn one_list_of_ranges_for_all() {
    let forged = Forged::new();
    // Code 3: `DW_AT_ranges`, all the same long list.
    let more = [3, SUBPROGRAM, 0, 0x55, 0x17, 0, 0];
    let mut functions = Vec::new();
    for _ in 0..100_000 {
        functions.extend([3, 0, 0, 0, 0]);
    }
    let mut list = Vec::new();
    for address in 0..60_000_u64 {
        list.extend((address + 1).to_le_bytes());
        list.extend((address + 3).to_le_bytes());
    }
    list.extend([0; 16]);
    forged.resolves(&[
        ("debug_info", forged.unit(0, &functions)),
        ("debug_abbrev", abbreviations(&more)),
        ("debug_ranges", list),
    ]);
}

#[test]
fn many_units_over_the_same_code() {
    let forged = Forged::new();
    let mut function = forged.root();
    function[0] = 2;
    let unit = forged.unit(0, &function);
    let mut units = Vec::new();
    for _ in 0..20_000 {
        units.extend(&unit);
    }
    let resolved = forged.resolves(&[("debug_info", units), ("debug_abbrev", abbreviations(&[]))]);
    assert!(resolved.symbols.gaps.no_debug_info.is_empty());
}
