//! The linker's own account of who put what where: `-Map` of LLVM lld and of GNU ld.
//!
//! The map names, for every input section, the object file that brought it. A Rust object is
//! named after the crate whose compilation made it, so without link-time optimisation the map is
//! an independent truth for *instantiated by*, for code and data alike. It shares no code with
//! the tool under test.
//!
//! Formats: lld's `MapFile.cpp` writes `VMA LMA Size Align` and then the output section, the
//! input section (indented by 8) or the symbol (by 16). GNU ld's is described under `-Map` and
//! "Linker script and memory map" in its manual.
//!
//! Limits: mergeable sections (`.rodata.str…`, `.rodata.cst…`) are one synthetic section to the
//! linker, so their bytes have no owner here ([`crate::merged`] finds it in the objects). Under
//! link-time optimisation all code comes from the leaf crate's object.

use published_programs::programs::Build;
use std::collections::BTreeMap;
use std::fs;

/// Where an object came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A Rust object of the program or of a crate that cargo built.
    Crate,
    /// A Rust object of the toolchain's prebuilt standard library.
    Sysroot,
    /// C, C++ or assembly: inside a crate's archive, or from the system.
    Native,
}

/// The maker of an input section.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// The crate's name as rustc knows it; for native code the crate whose archive holds it, else
    /// `[native]`.
    pub name: String,
    /// Where the object came from.
    pub kind: Kind,
}

/// One input section.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Its address in the finished file.
    pub address: u64,
    /// Its bytes.
    pub size: u64,
    /// The object, as the linker names it: `path`, or `path(member)`.
    pub object: String,
    /// The input section's name.
    pub section: String,
    /// Who brought it; `None` for what the linker made up or merged.
    pub owner: Option<Owner>,
}

/// One section of the finished file, with its input sections in the order of their addresses.
#[derive(Clone, Debug)]
pub struct OutputSection {
    /// `.text`, `.rodata`, …
    pub name: String,
    /// Its address.
    pub address: u64,
    /// Its bytes.
    pub size: u64,
    /// What it was made from. Padding lies between the pieces.
    pub pieces: Vec<Piece>,
}

/// A parsed map.
#[derive(Clone, Debug, Default)]
pub struct LinkerMap {
    /// The sections of the finished file.
    pub sections: Vec<OutputSection>,
}

impl LinkerMap {
    /// The map that the linker wrote of a published program.
    ///
    /// # Panics
    ///
    /// When it cannot be read or has no code.
    pub fn of(build: &Build) -> Self {
        let text = fs::read_to_string(&build.map)
            .unwrap_or_else(|error| panic!("{}: {error}", build.map.display()));
        let map = Self::parse(&text);
        assert!(
            map.section(".text").is_some(),
            "no .text in {}",
            build.map.display()
        );
        map
    }

    /// Reads the text of a map of either linker.
    pub fn parse(text: &str) -> Self {
        let mut sections = if text.trim_start().starts_with("VMA") {
            parse_lld(text)
        } else {
            parse_gnu(text)
        };
        for section in &mut sections {
            section.pieces.retain(|piece| piece.size > 0);
            section.pieces.sort_by_key(|piece| piece.address);
        }
        Self { sections }
    }

    /// The output section of that name.
    pub fn section(&self, name: &str) -> Option<&OutputSection> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The input section that covers `address`.
    pub fn piece_at(&self, address: u64) -> Option<&Piece> {
        let section = self.sections.iter().find(|section| {
            section.address != 0 && address.wrapping_sub(section.address) < section.size
        })?;
        section.piece_at(address)
    }

    /// Whose object brought the byte at `address`.
    pub fn owner_at(&self, address: u64) -> Option<&Owner> {
        self.piece_at(address)?.owner.as_ref()
    }

    /// The bytes that each maker brought to a section; under `None` what the linker merged or
    /// made up. Padding is not counted.
    pub fn bytes_by_owner(&self, section: &str) -> BTreeMap<Option<Owner>, u64> {
        let mut bytes = BTreeMap::new();
        for piece in self
            .section(section)
            .iter()
            .flat_map(|section| &section.pieces)
        {
            *bytes.entry(piece.owner.clone()).or_insert(0) += piece.size;
        }
        bytes
    }

    /// As [`Self::bytes_by_owner`], by name only: a crate's native code is added to the crate,
    /// and what the linker made is under `<internal>`.
    pub fn bytes_by_crate(&self, section: &str) -> BTreeMap<String, u64> {
        let mut bytes = BTreeMap::new();
        for (owner, size) in self.bytes_by_owner(section) {
            let name = owner.map_or_else(|| "<internal>".to_owned(), |owner| owner.name);
            *bytes.entry(name).or_insert(0) += size;
        }
        bytes
    }
}

impl OutputSection {
    /// The input section that covers `address`.
    pub fn piece_at(&self, address: u64) -> Option<&Piece> {
        let after = self
            .pieces
            .partition_point(|piece| piece.address <= address);
        let piece = self.pieces.get(after.checked_sub(1)?)?;
        (address - piece.address < piece.size).then_some(piece)
    }

    /// The pieces that overlap `[address, address + size)`, each with the bytes in common.
    pub fn overlaps(&self, address: u64, size: u64) -> impl Iterator<Item = (&Piece, u64)> {
        let end = address.saturating_add(size);
        let first = self
            .pieces
            .partition_point(|piece| piece.address + piece.size <= address);
        self.pieces[first..]
            .iter()
            .take_while(move |piece| piece.address < end)
            .map(move |piece| {
                let common = end.min(piece.address + piece.size) - address.max(piece.address);
                (piece, common)
            })
    }
}

/// Who made an object, from the name that the linker gives it.
pub fn owner_of(object: &str) -> Option<Owner> {
    if object == "<internal>" {
        return None;
    }
    let native = |name: &str| {
        Some(Owner {
            name: name.to_owned(),
            kind: Kind::Native,
        })
    };
    if let Some((archive, member)) = object.strip_suffix(')').and_then(|it| it.rsplit_once('(')) {
        let Some(name) = crate_of_rlib(archive) else {
            return native(&crate_of_build_script(archive).unwrap_or("[native]".to_owned()));
        };
        if !member.ends_with(".rcgu.o") {
            return native(&name);
        }
        let sysroot = archive.contains("/rustlib/");
        let kind = if sysroot { Kind::Sysroot } else { Kind::Crate };
        return Some(Owner { name, kind });
    }
    let file = object.rsplit('/').next().unwrap_or(object);
    if !file.ends_with(".rcgu.o") {
        return native("[native]");
    }
    // `<file name>.<crate>.<hash>-cgu.<number>.rcgu.o`; a few, such as the allocator's shim, have
    // no crate there.
    let parts: Vec<&str> = file.split('.').collect();
    let unit = parts
        .iter()
        .position(|part| part.ends_with("-cgu"))
        .filter(|&at| at > 0);
    let name = without_hash(parts[unit.map_or(0, |at| at - 1)]);
    Some(Owner {
        name: name.replace('-', "_"),
        kind: Kind::Crate,
    })
}

/// `…/libregex_automata-d50693b9e7702555.rlib` is of `regex_automata`.
fn crate_of_rlib(archive: &str) -> Option<String> {
    let file = archive.rsplit('/').next()?;
    let stem = file.strip_suffix(".rlib")?.strip_prefix("lib")?;
    Some(without_hash(stem).to_owned())
}

/// `…/build/blake3-a443445e18f678a1/out/libblake3.a` was brought by `blake3`.
fn crate_of_build_script(archive: &str) -> Option<String> {
    let (before, _) = archive.split_once("/out/")?;
    let directory = before.rsplit('/').next()?;
    (directory != without_hash(directory)).then(|| without_hash(directory).replace('-', "_"))
}

fn without_hash(stem: &str) -> &str {
    match stem.rsplit_once('-') {
        Some((name, hash)) if hash.len() == 16 && is_hexadecimal(hash) => name,
        _ => stem,
    }
}

fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn parse_lld(text: &str) -> Vec<OutputSection> {
    let mut sections: Vec<OutputSection> = Vec::new();
    for line in text.lines().skip(1) {
        let Some((address, size, rest)) = lld_line(line) else {
            continue;
        };
        let name = rest.trim_start();
        match rest.len() - name.len() {
            0 => sections.push(OutputSection {
                name: name.to_owned(),
                address,
                size,
                pieces: Vec::new(),
            }),
            8 => {
                // A linker script's assignments stand here too; they have no `:(`.
                let Some((object, section)) = name.rsplit_once(":(") else {
                    continue;
                };
                let Some(output) = sections.last_mut() else {
                    continue;
                };
                output.pieces.push(Piece {
                    address,
                    size,
                    object: object.to_owned(),
                    section: section.trim_end_matches(')').to_owned(),
                    owner: owner_of(object),
                });
            }
            _ => {}
        }
    }
    sections
}

/// Address, size, and what follows the four columns with its indentation.
fn lld_line(line: &str) -> Option<(u64, u64, &str)> {
    let mut rest = line;
    let mut columns = [""; 4];
    for column in &mut columns {
        rest = rest.trim_start();
        let end = rest.find(' ')?;
        (*column, rest) = rest.split_at(end);
    }
    let address = u64::from_str_radix(columns[0], 16).ok()?;
    let size = u64::from_str_radix(columns[2], 16).ok()?;
    Some((address, size, rest.strip_prefix(' ')?))
}

fn parse_gnu(text: &str) -> Vec<OutputSection> {
    let mut sections: Vec<OutputSection> = Vec::new();
    // Before this line stand the discarded sections, in the same form.
    let Some((_, text)) = text.split_once("Linker script and memory map") else {
        return sections;
    };
    // A name of 16 characters or more stands on a line of its own, its numbers on the next.
    let mut name: Option<(bool, &str)> = None;
    for line in text.lines() {
        let indented = line.starts_with(' ');
        let body = line.trim();
        let first = body.split(' ').next().unwrap_or("");
        let rest = if first.starts_with("0x") && line.starts_with("   ") {
            body
        } else if line.starts_with("  ") || !first.starts_with('.') {
            name = None;
            continue;
        } else {
            name = Some((indented, first));
            body[first.len()..].trim_start()
        };
        let mut fields = rest.splitn(2, ' ');
        let Some(address) = fields.next().and_then(hexadecimal) else {
            continue;
        };
        let mut fields = fields.next().unwrap_or("").trim_start().splitn(2, ' ');
        let Some((is_input, name)) = name.take() else {
            continue;
        };
        let Some(size) = fields.next().and_then(hexadecimal) else {
            continue;
        };
        let object = fields.next().unwrap_or("").trim();
        if !is_input {
            sections.push(OutputSection {
                name: name.to_owned(),
                address,
                size,
                pieces: Vec::new(),
            });
        } else if let Some(output) = sections.last_mut() {
            // ld files all merged strings under the first object that brought some.
            let merged = name.starts_with(".rodata.str") || name.starts_with(".rodata.cst");
            output.pieces.push(Piece {
                address,
                size,
                object: object.to_owned(),
                section: name.to_owned(),
                owner: if merged { None } else { owner_of(object) },
            });
        }
    }
    sections
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LLD: &str = "\
             VMA              LMA     Size Align Out     In      Symbol
             2e0              2e0       1c     1 .interp
             2e0              2e0       1c     1         <internal>:(.interp)
            1000             1000       90    16 .text
            1000             1000       2b     1         /lib/Scrt1.o:(.text)
            1000             1000        0     1                 _start
            1030             1030       40    16         /t/deps/my_app-0123456789abcdef.my_app.aa-cgu.0.rcgu.o:(.text._RNv)
            1030             1030       40     1                 _RNvCs_6my_app4main
            1070             1070       10    16         /t/deps/libblake3-0123456789abcdef.rlib(b8423798394d5395-blake3_avx2.o):(.text)
            1080             1080       10    16         /r/lib/rustlib/x/lib/libstd-0123456789abcdef.rlib(std-0123456789abcdef.std.ee-cgu.0.rcgu.o):(.text.f)
";

    #[test]
    fn lld_sections_objects_and_gaps() {
        let map = LinkerMap::parse(LLD);
        assert_eq!(map.sections.len(), 2);
        let owner = |address| map.owner_at(address).map(|it| (it.name.as_str(), it.kind));
        assert_eq!(owner(0x1000), Some(("[native]", Kind::Native)));
        assert_eq!(
            owner(0x102f),
            None,
            "padding between two pieces has no owner"
        );
        assert_eq!(owner(0x106f), Some(("my_app", Kind::Crate)));
        assert_eq!(owner(0x1070), Some(("blake3", Kind::Native)));
        assert_eq!(owner(0x108f), Some(("std", Kind::Sysroot)));
        assert_eq!(owner(0x1090), None);
        assert_eq!(owner(0x2e0), None, "the linker made it");
        assert_eq!(map.bytes_by_crate(".text")["my_app"], 0x40);
        let text = map.section(".text").unwrap();
        let common: Vec<u64> = text
            .overlaps(0x1020, 0x55)
            .map(|(_, bytes)| bytes)
            .collect();
        assert_eq!(common, [0x0b, 0x40, 0x05]);
    }

    const GNU: &str = "\
Discarded input sections

 .text          0x0000000000000000       0x99 /t/deps/libgone-0123456789abcdef.rlib(gone.o)

Linker script and memory map

LOAD /lib/Scrt1.o
                [!provide]                        PROVIDE (__executable_start = 0x0)
.text           0x0000000000001000       0x90
 *(.text.unlikely .text.*_unlikely .text.unlikely.*)
 .text          0x0000000000001000       0x22 /lib/Scrt1.o
                0x0000000000001000                _start
 *fill*         0x0000000000001022        0xe 
 .text._RNvCs_6my_app4main
                0x0000000000001030       0x40 /t/deps/my_app-0123456789abcdef.my_app.aa-cgu.0.rcgu.o
                0x0000000000001030                _RNvCs_6my_app4main

.rodata         0x0000000000002000       0x20
 .rodata.str1.1
                0x0000000000002000       0x10 /t/deps/my_app-0123456789abcdef.my_app.aa-cgu.0.rcgu.o
                                         0x18 (size before relaxing)
 .rodata.cst4   0x0000000000002010        0x0 /lib/Scrt1.o
";

    #[test]
    fn gnu_sections_wrapped_names_and_discarded_ones() {
        let map = LinkerMap::parse(GNU);
        let text = map.section(".text").unwrap();
        assert_eq!(
            (text.address, text.size, text.pieces.len()),
            (0x1000, 0x90, 2)
        );
        assert_eq!(map.owner_at(0x1030).unwrap().name, "my_app");
        assert_eq!(map.owner_at(0x1025), None);
        assert_eq!(map.bytes_by_crate(".rodata")["<internal>"], 0x10);
        assert!(!map.bytes_by_crate(".text").contains_key("gone"));
    }

    #[test]
    fn objects_name_their_crate() {
        let name = |object: &str| owner_of(object).unwrap().name;
        assert_eq!(
            name("/t/build/zstd-sys-0123456789abcdef/out/libzstd.a(x.o)"),
            "zstd_sys"
        );
        assert_eq!(name("/usr/lib/libc.a(printf.o)"), "[native]");
        assert_eq!(name("hello.hello.5f1a-cgu.0.rcgu.o"), "hello");
        assert_eq!(
            name("/t/deps/cargo-slim-0123456789abcdef.c-cgu.0.rcgu.o"),
            "cargo_slim"
        );
    }
}
