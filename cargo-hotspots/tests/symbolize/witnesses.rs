//! Chains, lines and symbols against readers that share no code with ours: binutils, and the
//! `addr2line` crate.

use crate::programs::{Line, Program, Resolved, V0, addresses, full, tool};
use cargo_hotspots::symbols::Chain;
use codecost::image::{Image, Mapping};
use std::path::Path;

/// What `addr2line -a -f -i` says, address by address.
fn binutils(file: &Path, addresses: &[u64]) -> Vec<Vec<Line>> {
    let mut arguments: Vec<String> = vec!["-a".into(), "-f".into(), "-i".into(), "-e".into()];
    arguments.push(file.display().to_string());
    arguments.extend(addresses.iter().map(|address| format!("{address:#x}")));
    let output = tool("addr2line", &arguments, file.parent().unwrap());
    let mut found: Vec<Vec<Line>> = Vec::new();
    let mut lines = output.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("0x") && line.len() == 18 {
            found.push(Vec::new());
            continue;
        }
        let place = lines.next().unwrap();
        let place = place.split(" (discriminator").next().unwrap();
        let (path, number) = place.rsplit_once(':').unwrap();
        // Without debug information it answers with the symbol before the address, even where that
        // has ended, and names the file entry of the symbol table: no path.
        if !path.contains('/') {
            continue;
        }
        found.last_mut().unwrap().push(Line {
            function: full(line),
            file: Some(path.to_owned()),
            line: number.parse().ok().filter(|number| *number != 0),
        });
    }
    assert_eq!(found.len(), addresses.len());
    found
}

/// What the `addr2line` crate says.
fn gimli(file: &Path, addresses: &[u64]) -> Vec<Vec<Line>> {
    let mapping = Mapping::open(file).unwrap();
    let image = Image::parse(file, &mapping).unwrap();
    let dwarf = gimli::Dwarf::load(|id| {
        let section = image.section(id.name());
        let bytes = section.map_or(&[][..], |(_, section)| image.section_bytes(section));
        Ok::<_, gimli::Error>(gimli::EndianSlice::new(bytes, gimli::LittleEndian))
    });
    let context = addr2line::Context::from_dwarf(dwarf.unwrap()).unwrap();
    let lookup = |address: &u64| {
        let mut frames = context.find_frames(*address).skip_all_loads().unwrap();
        let mut found = Vec::new();
        while let Some(frame) = frames.next().unwrap() {
            let name = frame.function.map(|name| full(&name.raw_name().unwrap()));
            found.push(Line {
                function: name.unwrap_or_default(),
                file: frame
                    .location
                    .as_ref()
                    .and_then(|place| place.file.map(str::to_owned)),
                line: frame.location.and_then(|place| place.line),
            });
        }
        found
    };
    addresses.iter().map(lookup).collect()
}

/// At most one chain in two hundred may differ from the witness's, of those that it has. Returns
/// how many it has.
fn agree(resolved: &Resolved, theirs: &[Vec<Line>]) -> usize {
    let mut known = 0;
    let mut differ = Vec::new();
    for ((address, chain, ours), theirs) in resolved.each().zip(theirs) {
        if theirs.is_empty() {
            // Nor have we.
            assert!(
                ours.len() == 1 && ours[0].file.is_none(),
                "{address:#x}: {ours:?}"
            );
            continue;
        }
        known += 1;
        if !agrees(chain, &ours, theirs) {
            differ.push(format!(
                "{address:#x}\n  ours   {ours:?}\n  theirs {theirs:?}"
            ));
        }
    }
    assert!(
        differ.len() * 200 <= known,
        "{} of {known}:\n{}",
        differ.len(),
        differ[..differ.len().min(10)].join("\n")
    );
    known
}

/// Same functions, files and lines. The one difference that is meant: a row with line 0 has no line
/// there, and a neighbour's with us.
fn agrees(chain: &Chain, ours: &[Line], theirs: &[Line]) -> bool {
    let mut theirs = theirs.to_vec();
    if let (Some(own), Some(other)) = (ours.first(), theirs.first_mut()) {
        if chain.line_zero != (other.line.is_none() && other.file.is_some()) {
            return false;
        }
        if chain.line_zero {
            (other.file, other.line) = (own.file.clone(), own.line);
        }
    }
    ours == theirs
}

#[test]
fn chains_agree_with_binutils() {
    let program = Program::shared();
    // An odd step lands inside of instructions too, as all addresses of callers do.
    let addresses = addresses(&program.file, 61);
    let resolved = Resolved::of(&program.file, &addresses);
    let theirs = binutils(&program.file, &addresses);
    let inlined = theirs.iter().filter(|chain| chain.len() > 1).count();
    assert!(inlined > 500, "{inlined}");
    let known = agree(&resolved, &theirs);
    assert!(known > 3000, "{known} of {}", addresses.len());
    let borrowed = resolved
        .each()
        .filter(|(_, chain, lines)| chain.line_zero && lines[0].line.is_some())
        .count();
    assert!(borrowed > 0, "no line 0 in so much code");
}

#[test]
fn chains_agree_with_the_addr2line_crate() {
    let program = Program::build(&[V0, "-Cdebuginfo=2"]);
    let addresses = addresses(&program.file, 16);
    let resolved = Resolved::of(&program.file, &addresses);
    let theirs: Vec<Vec<Line>> = gimli(&program.file, &addresses);
    let known = agree(&resolved, &theirs);
    assert!(known > 10_000, "{known} of {}", addresses.len());
}

/// Start, end and name of all functions that have a size, by `nm`.
fn nm(file: &Path) -> Vec<(u64, u64, String)> {
    let output = tool(
        "nm",
        &["-S", "--defined-only", &file.display().to_string()],
        file.parent().unwrap(),
    );
    let number = |text: &str| u64::from_str_radix(text, 16).unwrap();
    output
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            let [start, size, kind, name] = fields[..] else {
                return None;
            };
            let code = matches!(kind, "t" | "T" | "w" | "W" | "i");
            code.then(|| (number(start), number(start) + number(size), name.to_owned()))
        })
        .collect()
}

#[test]
fn physical_symbols_are_those_of_nm() {
    let program = Program::shared();
    let addresses = addresses(&program.file, 61);
    let resolved = Resolved::of(&program.file, &addresses);
    let symbols = nm(&program.file);
    let (mut inside, mut outside) = (0, 0);
    for (address, chain, _) in resolved.each() {
        let around: Vec<&(u64, u64, String)> = symbols
            .iter()
            .filter(|(start, end, _)| *start <= address && address < *end)
            .collect();
        let ours = &resolved.symbols.functions[chain.symbol.0 as usize].name;
        // Without a mangled name (`#[no_mangle]`, std's personality), debug information has the
        // path, and the symbol is the function's other name.
        let named = |name: &str| {
            let name = full(name);
            let path = ours.strip_suffix(&name);
            name == *ours
                || (path.is_some_and(|path| path.ends_with("::"))
                    && resolved.symbols.aliases.contains(&(name, chain.symbol)))
        };
        if around.is_empty() {
            outside += 1;
            continue;
        }
        inside += 1;
        assert!(
            around.iter().any(|(start, end, name)| {
                named(name)
                    && chain
                        .extent
                        .is_some_and(|extent| (extent.start.0, extent.end().0) == (*start, *end))
            }),
            "{address:#x}: {ours}, nm {around:?}"
        );
    }
    assert!(inside > 3000 && outside * 20 < inside, "{inside} {outside}");
}
