//! Functions of the toolchain's prebuilt libraries, found again in a file by their machine code.
//!
//! The linker copies a function of an archive as it is, but for the places that relocations name: it
//! writes addresses there and may replace the instruction around one (the relaxations of the x86-64
//! psABI: a call through the global offset table becomes a direct one). All other bytes stay. So a
//! function of the archive and a function of the file are most likely the same when they have one
//! size and are equal outside of those places. What a relocation of the first refers to is then what
//! the second refers to.
//!
//! Limits: code that was compiled once more (link-time optimisation, `-Zbuild-std`) is not found, and
//! short functions are equal by chance, so a signature has a least number of bytes.

use crate::image::Mapping;
use object::{
    Object, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget, SymbolIndex,
    SymbolKind, elf, read::archive::ArchiveFile,
};
use rayon::prelude::*;
use std::{
    collections::HashMap,
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

/// Fewer bytes that are compared are equal by chance too often.
const LEAST: usize = 16;

/// So many of a function's first bytes choose the signatures that it is compared with.
const PREFIX: usize = 8;

/// The archives of a toolchain, mapped.
#[derive(Debug, Default)]
pub struct Archives(Vec<Mapping>);

impl Archives {
    /// Those in `directory`. What cannot be read teaches nothing.
    pub fn open(directory: &Path) -> Self {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|own| own == "rlib"));
        paths.sort();
        Self(
            paths
                .iter()
                .filter_map(|path| Mapping::open(path).ok())
                .collect(),
        )
    }
}

/// A place in a function's code that the linker fills in.
#[derive(Clone, Copy, Debug)]
pub struct Hole<'a> {
    /// Where its four bytes stand.
    pub at: u32,
    /// What it refers to: a function's symbol, when it counts from the end of its four bytes.
    pub function: Option<&'a str>,
}

/// One function of an archive.
#[derive(Debug)]
pub struct Signature<'a> {
    /// Its symbol.
    pub symbol: &'a str,
    /// What it refers to.
    pub holes: Vec<Hole<'a>>,
    code: &'a [u8],
    /// The bytes that the linker may change, in order.
    open: Vec<Range<u32>>,
}

impl Signature<'_> {
    /// How many bytes of its first ones no linker changes, up to [`PREFIX`].
    fn prefix(&self) -> &[u8] {
        let end = self
            .open
            .first()
            .map_or(self.code.len(), |open| open.start as usize);
        self.code.get(..end.min(PREFIX)).unwrap_or_default()
    }

    /// How many bytes are compared.
    pub fn compared(&self) -> usize {
        let open: usize = self.open.iter().map(|open| open.len()).sum();
        self.code.len().saturating_sub(open)
    }

    /// Whether `code` is equal but for what the linker fills in.
    fn is(&self, code: &[u8]) -> bool {
        let mut from = 0;
        let ends = self
            .open
            .iter()
            .map(|open| (open.start as usize, open.end as usize));
        for (end, next) in ends.chain([(self.code.len(), self.code.len())]) {
            if self.code.get(from..end) != code.get(from..end) {
                return false;
            }
            from = next;
        }
        self.code.len() == code.len()
    }
}

/// The functions of several archives.
#[derive(Debug, Default)]
pub struct Signatures<'a> {
    all: Vec<Signature<'a>>,
    /// By size and first bytes.
    by_start: HashMap<(usize, &'a [u8]), Vec<u32>>,
}

impl<'a> Signatures<'a> {
    /// Reads the functions, on all cores; linear in the size of the archives.
    pub fn new(archives: &'a Archives) -> Self {
        let members: Vec<&'a [u8]> = archives
            .0
            .iter()
            .flat_map(|archive| members(archive))
            .collect();
        let lists: Vec<Vec<Signature<'a>>> = members.par_iter().map(|data| read(data)).collect();
        let mut all: Vec<Signature<'a>> = lists.into_iter().flatten().collect();
        all.retain(|signature| signature.compared() >= LEAST);
        let mut by_start: HashMap<_, Vec<u32>> = HashMap::new();
        for (signature, at) in all.iter().zip(0..) {
            let code: &'a [u8] = signature.code;
            let start = code.get(..signature.prefix().len()).unwrap_or_default();
            by_start.entry((code.len(), start)).or_default().push(at);
        }
        Self { all, by_start }
    }

    /// Those that `code` is equal to.
    pub fn of<'s>(&'s self, code: &'s [u8]) -> impl Iterator<Item = &'s Signature<'a>> {
        let prefixes = (0..=PREFIX.min(code.len())).filter_map(|size| code.get(..size));
        let lists = prefixes.filter_map(|start| self.by_start.get(&(code.len(), start)));
        let all = lists.flatten().filter_map(|at| self.all.get(*at as usize));
        all.filter(|signature| signature.is(code))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

fn members(archive: &[u8]) -> Vec<&[u8]> {
    let Ok(file) = ArchiveFile::parse(archive) else {
        return Vec::new();
    };
    let members = file.members().filter_map(Result::ok);
    members
        .filter(|member| member.name().ends_with(b".o"))
        .filter_map(|member| member.data(archive).ok())
        .collect()
}

/// The functions of one object file; of anything else none.
fn read(data: &[u8]) -> Vec<Signature<'_>> {
    let Ok(object) = object::File::parse(data) else {
        return Vec::new();
    };
    let mut functions: HashMap<usize, Vec<(u64, u64, &str)>> = HashMap::new();
    for symbol in object.symbols() {
        let (Some(section), Ok(name)) = (symbol.section_index(), symbol.name()) else {
            continue;
        };
        if symbol.kind() == SymbolKind::Text && symbol.size() > 0 && !name.is_empty() {
            let list = functions.entry(section.0).or_default();
            list.push((symbol.address(), symbol.size(), name));
        }
    }
    let mut found = Vec::new();
    for section in object.sections() {
        let Some(functions) = functions.get_mut(&section.index().0) else {
            continue;
        };
        let Ok(bytes) = section.data() else { continue };
        functions.sort_unstable();
        functions.dedup_by_key(|function| function.0);
        let mut relocations: Vec<_> = section.relocations().collect();
        relocations.sort_by_key(|(at, _)| *at);
        for (start, size, symbol) in functions.iter().copied() {
            let Some(from) = start.checked_sub(section.address()) else {
                continue;
            };
            let code = usize::try_from(from).ok().zip(usize::try_from(size).ok());
            let code = code.and_then(|(from, size)| bytes.get(from..from.checked_add(size)?));
            let (Some(code), Ok(_)) = (code, u32::try_from(size)) else {
                continue;
            };
            let first = relocations.partition_point(|(at, _)| *at < from);
            let own = relocations.get(first..).unwrap_or_default().iter();
            let own = own.take_while(|(at, _)| *at < from + size);
            let mut signature = Signature {
                symbol,
                holes: Vec::new(),
                code,
                open: Vec::new(),
            };
            for (at, relocation) in own {
                let at = (at - from) as u32;
                let function = match relocation.target() {
                    RelocationTarget::Symbol(index) => {
                        function(&object, index, relocation.addend())
                    }
                    _ => None,
                };
                open(&mut signature, at, relocation);
                signature.holes.push(Hole { at, function });
            }
            found.push(signature);
        }
    }
    found
}

/// The name of a function that a relocation refers to from four bytes at the end of an instruction.
fn function<'a>(object: &object::File<'a>, index: SymbolIndex, addend: i64) -> Option<&'a str> {
    let symbol = object
        .symbol_by_index(index)
        .ok()
        .filter(|_| addend == -4)?;
    let named = matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Unknown);
    symbol.name().ok().filter(|name| named && !name.is_empty())
}

/// The bytes around a relocation that the linker may change.
fn open(signature: &mut Signature<'_>, at: u32, relocation: &object::Relocation) {
    let (before, after) = match relocation.flags() {
        RelocationFlags::Elf { r_type } => match r_type {
            elf::R_X86_64_GOTPCRELX => (2, 4),
            elf::R_X86_64_REX_GOTPCRELX | elf::R_X86_64_GOTTPOFF => (3, 4),
            elf::R_X86_64_TLSGD => (4, 12),
            elf::R_X86_64_TLSLD => (3, 9),
            _ => (0, u32::from(relocation.size() / 8).max(4)),
        },
        _ => (0, u32::from(relocation.size() / 8).max(4)),
    };
    let end = at.saturating_add(after).min(signature.code.len() as u32);
    let start = at.saturating_sub(before);
    match signature.open.last_mut() {
        Some(last) if last.end >= start => last.end = last.end.max(end),
        _ => signature.open.push(start..end),
    }
}
