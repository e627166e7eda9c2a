//! Symbol tables.
//!
//! The file entry (`STT_FILE`) before a run of local symbols names the codegen unit that they come
//! from: `<crate>.<hex>-cgu.N` for Rust, the source file for C.

use crate::address::VirtualAddress;
use std::borrow::Cow;

/// What a symbol stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymbolKind {
    /// A function, also one chosen at load time.
    Function,
    /// A constant or variable.
    Object,
    /// A thread-local variable; its value is an offset, not an address.
    Tls,
    /// A label without a type: what assembly often makes.
    Untyped,
    /// A source file or codegen unit.
    File,
    /// A section.
    Section,
    /// A mark of an ABI inside of something: here begins code (`$x`, `$a`, `$t`) or data (`$d`).
    Mapping,
    /// Anything else.
    Other,
}

/// Who sees a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// Its own object file.
    Local,
    /// All.
    Global,
    /// All, unless somebody else defines it.
    Weak,
}

/// One symbol.
#[derive(Clone, Debug)]
pub struct Symbol<'d> {
    /// Its name as it stands in the table (bytes that are not UTF-8 replaced).
    pub name: Cow<'d, str>,
    /// Where the name stands in the string table.
    pub name_offset: u32,
    /// Its position in the table.
    pub index: u32,
    /// Its address; of a function that of its code, also where the table says something else.
    pub address: VirtualAddress,
    /// Its size in bytes; zero where unknown.
    pub size: u64,
    /// The section's index; `None` for undefined and absolute symbols.
    pub section: Option<u32>,
    /// What it stands for.
    pub kind: SymbolKind,
    /// Who sees it.
    pub binding: Binding,
    /// The file entry that it stands under: an index into [`SymbolTable::files`].
    pub file: Option<u32>,
}

impl Symbol<'_> {
    /// The position of a symbol that stands in no table of this file but was found elsewhere, such as
    /// among the exports.
    pub const OUTSIDE: u32 = u32::MAX;
}

/// A symbol table.
#[derive(Clone, Debug, Default)]
pub struct SymbolTable<'d> {
    /// The section it stands in.
    pub section: Option<u32>,
    /// The section its names stand in.
    pub strings: Option<u32>,
    /// Bytes of one entry.
    pub entry_size: u64,
    /// All entries in order, without the empty first.
    pub symbols: Vec<Symbol<'d>>,
    /// The names of the file entries.
    pub files: Vec<Cow<'d, str>>,
    /// Which of the file entries a compiler of another language than Rust made, where that is said;
    /// else empty.
    pub foreign_files: Vec<bool>,
    /// Whether the file is a shared library, so that its global symbols are what it exports.
    pub of_library: bool,
    /// Whether names of Rust's are paths as a debugger shows them, `core::fmt::impl$3::fmt`, where they
    /// are not mangled.
    pub names_are_paths: bool,
    /// Whether functions have numbers, which stand for those without a name: [`Symbol::index`].
    pub are_numbered: bool,
    /// Whether the file entries name the object file of each symbol, whatever its name and binding.
    pub files_are_exact: bool,
    /// Of objects and archives: which of the symbols are of which part, in the order of
    /// [`Image::parts`](super::Image::parts); then `section`, `strings` and `entry_size` are nothing.
    pub parts: Vec<PartTable>,
    /// Names left out because together they are far longer than the string table: only a damaged
    /// or hostile file does that.
    pub damaged_names: u64,
}

/// The symbol table of one object file among several.
#[derive(Clone, Debug)]
pub struct PartTable {
    /// Its entries' places in [`SymbolTable::symbols`].
    pub symbols: std::ops::Range<u32>,
    /// The section it stands in.
    pub section: Option<u32>,
    /// The section its names stand in.
    pub strings: Option<u32>,
    /// Bytes of one entry.
    pub entry_size: u64,
}

impl PartTable {
    /// That of what has no symbols.
    pub(super) fn empty(at: u32) -> Self {
        Self {
            symbols: at..at,
            section: None,
            strings: None,
            entry_size: 0,
        }
    }
}

impl SymbolTable<'_> {
    /// Whether it is more than a list of what others may use: it names functions that only their own
    /// object file sees.
    pub fn names_all_functions(&self) -> bool {
        self.symbols.iter().any(|symbol| {
            symbol.kind == SymbolKind::Function
                && symbol.binding == Binding::Local
                && symbol.section.is_some()
        })
    }

    /// The tables that it was put together from.
    pub fn tables(&self) -> Vec<PartTable> {
        match self.parts.is_empty() {
            true => vec![PartTable {
                symbols: 0..self.symbols.len() as u32,
                section: self.section,
                strings: self.strings,
                entry_size: self.entry_size,
            }],
            false => self.parts.clone(),
        }
    }
}

/// Reads names from a string table.
///
/// Names may share tails, so their lengths can add up to more than the table; but a table in which
/// many symbols point at one endless string would make reading quadratic. The sum is bounded.
pub(super) struct Names<'d> {
    bytes: &'d [u8],
    budget: usize,
    pub(super) damaged: u64,
}

impl<'d> Names<'d> {
    pub(super) fn new(bytes: Option<&'d [u8]>) -> Self {
        let bytes = bytes.unwrap_or_default();
        Self {
            bytes,
            budget: bytes.len().saturating_mul(8),
            damaged: 0,
        }
    }

    pub(super) fn at(&mut self, offset: u32) -> Cow<'d, str> {
        let Some(rest) = self.bytes.get(offset as usize..) else {
            self.damaged += 1;
            return Cow::Borrowed("");
        };
        if self.budget == 0 {
            self.damaged += 1;
            return Cow::Borrowed("");
        }
        let window = rest.get(..self.budget.min(rest.len())).unwrap_or(rest);
        match memchr::memchr(0, window) {
            Some(length) => {
                self.budget -= length.min(self.budget);
                let name = &rest[..length];
                // Checked several bytes at a time; what is replaced is damage, and rare.
                match std::str::from_utf8(name) {
                    Ok(name) => Cow::Borrowed(name),
                    Err(_) => String::from_utf8_lossy(name),
                }
            }
            None => {
                self.budget = 0;
                self.damaged += 1;
                Cow::Borrowed("")
            }
        }
    }
}

/// The codegen unit that an object file's path names, as ELF's file entries have it:
/// `…/x-0123.x.4567-cgu.0.rcgu.o`, `…/libx-0123.rlib(x-0123.x.4567-cgu.0.rcgu.o)`; of others the
/// path.
pub(super) fn unit_of_object(path: Cow<'_, str>) -> Cow<'_, str> {
    let name = |path: &str| {
        let member = match path
            .strip_suffix(')')
            .and_then(|path| path.rsplit_once('('))
        {
            Some((_, member)) => member,
            None => path.rsplit(['/', '\\']).next().unwrap_or(path),
        };
        let unit = member.strip_suffix(".rcgu.o")?.split_once('.')?.1;
        Some(unit.to_owned())
    };
    match name(&path) {
        Some(unit) => Cow::Owned(unit),
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_files_name_their_units() {
        let of = |path: &'static str| unit_of_object(Cow::Borrowed(path)).into_owned();
        assert_eq!(of("/t/deps/rg-0a.rg.12ab-cgu.00.rcgu.o"), "rg.12ab-cgu.00");
        assert_eq!(
            of("/t/libregex-77.rlib(regex-77.regex.9f-cgu.3.rcgu.o)"),
            "regex.9f-cgu.3"
        );
        assert_eq!(of(r"C:\t\rg-0a.rg.12ab-cgu.00.rcgu.o"), "rg.12ab-cgu.00");
        assert_eq!(of("/t/libring-1.rlib(sha.o)"), "/t/libring-1.rlib(sha.o)");
    }
}
