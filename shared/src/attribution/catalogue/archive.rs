//! What the archive of one crate (`.rlib`, `.a`) teaches: its hash, its codegen units, and the
//! symbols of the C and assembly inside.
//!
//! Of Rust's members only the archive's own tables are read: the member headers and the symbol
//! index. They are there for bitcode members (LTO) as well. Members of C and assembly are opened:
//! what is local to them stands in no index. Rust's members are called
//! `<crate>-<extra>.<unit>.rcgu.o`, and a unit `<crate>.<hash>-cgu.N`, where the hash is the one
//! of v0 names, printed in hexadecimal; units of incremental builds are named by a hash of their
//! own, there the symbols say it. `lib.rmeta` is the metadata; every other member was compiled by
//! something else.

use crate::demangle::Name;
use object::{
    Object, ObjectSymbol, ReadRef, SymbolKind,
    read::{ReadCache, archive::ArchiveFile},
};
use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::BufReader,
    path::Path,
};

/// So many symbols that agree settle the hash; all of a crate's symbols carry the same one.
const ENOUGH: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Learned {
    pub(super) disambiguator: Option<u64>,
    pub(super) units: Vec<String>,
    /// Symbols that members of C, C++ or assembly define.
    pub(super) native_symbols: Vec<String>,
    /// Symbols that are local to such members, each with the source file that the member names for
    /// it; empty where it names none, as most assembly does.
    pub(super) native_locals: Vec<(String, String)>,
    /// Symbols without a mangled name (`#[no_mangle]`) that Rust's members define.
    pub(super) exported: Vec<String>,
}

/// Reads the tables of the archive of `name`; an unreadable one teaches nothing.
pub(super) fn learn(path: &Path, name: &str) -> Learned {
    let mut learned = Learned::default();
    // Without a result what was read so far still holds.
    let _ = read(path, Some(name), &mut learned);
    learned
}

/// What a library of C or assembly defines.
pub(super) fn native(path: &Path) -> Learned {
    let mut learned = Learned::default();
    let _ = read(path, None, &mut learned);
    learned
}

fn read(path: &Path, name: Option<&str>, learned: &mut Learned) -> Option<()> {
    let cache = ReadCache::new(BufReader::with_capacity(512, File::open(path).ok()?));
    let archive = ArchiveFile::parse(&cache).ok()?;
    if archive.is_thin() {
        return None;
    }
    if let Some(name) = name {
        for member in archive.members() {
            let member = member.ok()?;
            let Some(unit) = unit(member.name()) else {
                continue;
            };
            match unit_hash(&unit, name) {
                Some(hash) => learned.disambiguator = Some(hash),
                None => learned.units.push(unit),
            }
        }
    }
    read_symbols(&archive, name, learned)?;
    for member in archive.members() {
        let member = member.ok()?;
        if name.is_some() && is_rust(member.name()) {
            continue;
        }
        if let Ok(data) = member.data(&cache) {
            learned.native_locals.extend(locals(data));
        }
    }
    Some(())
}

/// The named local symbols of an object file; of anything else none.
fn locals(data: &[u8]) -> Vec<(String, String)> {
    let Ok(object) = object::File::parse(data) else {
        return Vec::new();
    };
    let mut file = String::new();
    let mut found = Vec::new();
    for symbol in object.symbols() {
        let Ok(name) = symbol.name() else { continue };
        if symbol.kind() == SymbolKind::File {
            name.clone_into(&mut file);
        } else if symbol.is_local()
            && symbol.section_index().is_some()
            && symbol.kind() != SymbolKind::Section
            && !name.is_empty()
            && !name.starts_with(".L")
        {
            found.push((file.clone(), name.to_owned()));
        }
    }
    found
}

/// Symbols of foreign members, and the hash from those of Rust's where it is not known yet.
fn read_symbols<'data, R: ReadRef<'data>>(
    archive: &ArchiveFile<'data, R>,
    name: Option<&str>,
    learned: &mut Learned,
) -> Option<()> {
    let mut rust_member: HashMap<u64, bool> = HashMap::new();
    let mut votes: BTreeMap<u64, usize> = BTreeMap::new();
    let mut settled = learned.disambiguator.is_some();
    let mut apple = false;
    for symbol in archive.symbols().ok()?? {
        let symbol = symbol.ok()?;
        let offset = symbol.offset();
        let own = *rust_member.entry(offset.0).or_insert_with(|| {
            name.is_some()
                && archive
                    .member(offset)
                    .is_ok_and(|member| is_rust(member.name()))
        });
        // Objects for Apple's systems put an underscore before each name.
        apple |= symbol.name().starts_with(b"__R") || symbol.name().starts_with(b"__ZN");
        let plain = symbol.name().strip_prefix(b"_").filter(|_| apple);
        let spelled = plain.unwrap_or(symbol.name());
        let mangled = is_mangled(spelled);
        if own && mangled && settled {
            continue;
        }
        let Ok(text) = std::str::from_utf8(spelled) else {
            continue;
        };
        match name {
            Some(_) if own && !mangled => learned.exported.push(text.to_owned()),
            Some(name) if own => {
                if let Some(hash) = own_hash(text, name) {
                    let count = votes.entry(hash).or_default();
                    *count += 1;
                    settled = *count >= ENOUGH;
                }
            }
            _ => learned.native_symbols.push(text.to_owned()),
        }
    }
    let most = votes
        .iter()
        .max_by_key(|(_, count)| **count)
        .map(|(hash, _)| *hash);
    learned.disambiguator = learned.disambiguator.or(most);
    Some(())
}

/// Whether the name is Rust's v0 or in C++'s style, with or without the underscore that Mach-O and
/// 32-bit Windows put before every name.
fn is_mangled(symbol: &[u8]) -> bool {
    let name = symbol
        .strip_prefix(b"__")
        .or_else(|| symbol.strip_prefix(b"_"))
        .unwrap_or(symbol);
    name.starts_with(b"R") || name.starts_with(b"ZN")
}

fn is_rust(member: &[u8]) -> bool {
    member.ends_with(b".rcgu.o") || member == b"lib.rmeta"
}

/// The hash in `memchr.9642f0ce76a98c65-cgu.0` for `memchr`; not that of units named after another
/// crate, whose generic code they hold.
fn unit_hash(unit: &str, name: &str) -> Option<u64> {
    let rest = unit.strip_prefix(name)?.strip_prefix('.')?;
    let (hash, _) = rest.split_once("-cgu.")?;
    let digits = !hash.is_empty() && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    if digits {
        u64::from_str_radix(hash, 16).ok()
    } else {
        None
    }
}

/// `memchr.9642f0ce76a98c65-cgu.0` of `memchr-ea71fa85f6699d6b.memchr.9642f0ce76a98c65-cgu.0.rcgu.o`.
fn unit(member: &[u8]) -> Option<String> {
    let member = std::str::from_utf8(member).ok()?.strip_suffix(".rcgu.o")?;
    let (_, unit) = member.split_once('.')?;
    Some(unit.to_owned())
}

/// The hash of the crate `name` in a symbol that its own compilation made.
fn own_hash(symbol: &str, name: &str) -> Option<u64> {
    let parsed = Name::parse(symbol);
    let own = |found: &crate::demangle::CrateRef<'_>| found.name == name;
    // Copies of others' generic code end in the crate that made them.
    let found = parsed
        .instantiating()
        .or_else(|| parsed.defining())
        .filter(own)?;
    found.disambiguator
}
