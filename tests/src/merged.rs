//! Who brought the strings and constants that the linker merged.
//!
//! Sections with the flag `SHF_MERGE` (ELF gABI, "Section Attribute Flags") lose their origin in
//! the map. Their content is still in the objects: an entry of the finished file came from a
//! crate if one of that crate's objects holds an equal entry. Several crates may.
//!
//! Limit: the leaf crate's own objects are gone after the link, so an entry found nowhere else
//! is the leaf's, and for an entry found elsewhere the leaf is not known to hold it too.

use crate::linker_map::{LinkerMap, Owner, owner_of};
use object::read::archive::ArchiveFile;
use object::{Object, ObjectSection, SectionFlags};
use std::collections::{BTreeSet, HashMap};
use std::fs;

/// The mergeable entries of all archives that took part in a link.
#[derive(Debug, Default)]
pub struct MergedEntries {
    crates: HashMap<Vec<u8>, BTreeSet<Owner>>,
}

impl MergedEntries {
    /// Reads the archives that `map` names.
    pub fn read(map: &LinkerMap) -> Self {
        let mut entries = Self::default();
        let objects = map
            .sections
            .iter()
            .flat_map(|it| &it.pieces)
            .map(|it| it.object.as_str());
        let archives: BTreeSet<&str> = objects
            .filter_map(|object| Some(object.strip_suffix(')')?.rsplit_once('(')?.0))
            .collect();
        for path in archives {
            let Ok(data) = fs::read(path) else { continue };
            let Ok(archive) = ArchiveFile::parse(&*data) else {
                continue;
            };
            for member in archive.members().flatten() {
                let Ok(object) = member.data(&*data) else {
                    continue;
                };
                let Ok(object) = object::File::parse(object) else {
                    continue;
                };
                let name = format!("{path}({})", String::from_utf8_lossy(member.name()));
                if let Some(owner) = owner_of(&name) {
                    entries.add(&object, &owner);
                }
            }
        }
        entries
    }

    fn add(&mut self, object: &object::File<'_>, owner: &Owner) {
        for section in object.sections() {
            let SectionFlags::Elf { sh_flags, .. } = section.flags() else {
                continue;
            };
            let has = |flag: object::elf::SectionFlags| sh_flags & flag == flag;
            if !has(object::elf::SHF_ALLOC) || !has(object::elf::SHF_MERGE) {
                continue;
            }
            let Ok(data) = section.data() else { continue };
            let strings = has(object::elf::SHF_STRINGS);
            let name = section.name().unwrap_or("");
            for entry in split(data, entry_size(name, strings)) {
                self.crates
                    .entry(entry.to_vec())
                    .or_default()
                    .insert(owner.clone());
            }
        }
    }

    /// The makers of one entry, or `None` when no archive holds it: then it is the leaf's.
    pub fn owners_of(&self, entry: &[u8]) -> Option<&BTreeSet<Owner>> {
        self.crates.get(entry)
    }
}

/// What LLVM calls such sections says how they split: `.rodata.cst16`, `.rodata.str1.1`.
pub fn entry_size(section: &str, strings: bool) -> Option<usize> {
    if strings {
        return None;
    }
    let (_, digits) = section.rsplit_once(".cst")?;
    digits.parse().ok()
}

/// The entries of a mergeable section: constants of a fixed size, or strings with their
/// terminating NUL.
pub fn split(data: &[u8], size: Option<usize>) -> Vec<&[u8]> {
    match size {
        Some(size) if size > 0 => data.chunks(size).collect(),
        _ => data.split_inclusive(|&byte| byte == 0).collect(),
    }
}
