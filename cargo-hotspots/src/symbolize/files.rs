//! The files of a module: the program itself, its debug file, and their debug sections.
//!
//! Truth: GDB's manual, "Debugging Information in Separate Files". A debug file with another build
//! id, or another checksum than the link names, is of another build and refused.

use super::dwarf::model::Slice;
use codecost::image::{
    Image, Mapping, SectionKind,
    debug_info::{
        DebugSection, DwarfSections,
        separate::{self, FoundBy},
    },
};
use std::{borrow::Cow, path::PathBuf};

/// The debug sections of a file, uncompressed.
#[derive(Debug, Default)]
pub(super) struct Sections<'d> {
    /// By their ELF names.
    list: Vec<(String, Cow<'d, [u8]>)>,
    big_endian: bool,
}

impl<'d> Sections<'d> {
    /// Those of `image`.
    pub(super) fn of(image: &Image<'d>) -> Self {
        let list = image
            .sections
            .iter()
            .filter_map(|section| {
                let stem = [".debug_", ".zdebug_", "__debug_"]
                    .iter()
                    .find_map(|prefix| section.name.strip_prefix(prefix))?;
                let stem = match stem {
                    // Mach-O cuts names.
                    "str_offs" => "str_offsets",
                    stem => stem,
                };
                Some((format!(".debug_{stem}"), image.section_content(section)?))
            })
            .collect();
        Self {
            list,
            big_endian: !image.little_endian,
        }
    }

    fn get(&self, name: &str) -> &[u8] {
        let found = self.list.iter().find(|(own, _)| own == name);
        found.map(|(_, bytes)| &**bytes).unwrap_or_default()
    }

    fn slice(&self, name: Option<&str>) -> Slice<'_> {
        let endian = if self.big_endian {
            gimli::RunTimeEndian::Big
        } else {
            gimli::RunTimeEndian::Little
        };
        Slice::new(name.map(|name| self.get(name)).unwrap_or_default(), endian)
    }

    /// The size of a section.
    pub(super) fn size(&self, kind: DebugSection) -> usize {
        self.get(kind.name()).len()
    }

    /// For the library's reader of units.
    pub(super) fn directory(&self) -> DwarfSections<'_> {
        let mut sections = DwarfSections::new(self.big_endian);
        for (name, bytes) in &self.list {
            sections.add(name, bytes);
        }
        sections
    }

    /// For `gimli`.
    pub(super) fn dwarf(&self) -> gimli::Dwarf<Slice<'_>> {
        let load = |id: gimli::SectionId| Ok::<_, ()>(self.slice(Some(id.name())));
        gimli::Dwarf::load(load).unwrap_or_default()
    }

    /// For `gimli`, of a `.dwo` file.
    pub(super) fn split(&self) -> gimli::Dwarf<Slice<'_>> {
        let load = |id: gimli::SectionId| Ok::<_, ()>(self.slice(id.dwo_name()));
        gimli::Dwarf::load(load).unwrap_or_default()
    }

    /// For `gimli`, of a `.dwp` file.
    pub(super) fn package(&self) -> Option<gimli::DwarfPackage<Slice<'_>>> {
        let index = self.get(".debug_cu_index");
        let load = |id: gimli::SectionId| Ok::<_, gimli::Error>(self.slice(id.dwo_name()));
        let package = || gimli::DwarfPackage::load(load, self.slice(None)).ok();
        (!index.is_empty()).then(package).flatten()
    }
}

/// Whether `image` itself has debug information.
pub(super) fn has_debug_info(image: &Image<'_>) -> bool {
    image.sections.iter().any(|section| {
        section.memory.max(section.file.size) > 0
            && DebugSection::from_name(&section.name) == Some(DebugSection::Info)
    })
}

/// The debug file of a program that has no debug information, or no symbols, of its own. The
/// program was found at `programs`, of which all may have the file beside them.
pub(super) fn debug_file(image: &Image<'_>, programs: &[PathBuf]) -> Option<Mapping> {
    let has_symbols = image
        .sections
        .iter()
        .any(|section| section.kind == SectionKind::Symbols);
    if has_debug_info(image) && has_symbols {
        return None;
    }
    let link = image
        .section(".gnu_debuglink")
        .map(|(_, section)| image.section_bytes(section));
    let name = link.and_then(|link| link.split(|byte| *byte == 0).next());
    let checksum = link
        .and_then(|link| link.last_chunk::<4>())
        .map(|sum| image.u32(*sum));
    let candidates = programs
        .iter()
        .flat_map(|program| separate::candidates(program, image.build_id(), name));
    for (by, path) in candidates {
        let Ok(file) = Mapping::open(&path) else {
            continue;
        };
        let belongs = {
            let Ok(other) = Image::parse(&path, &file) else {
                continue;
            };
            let same_id = match (image.build_id(), other.build_id()) {
                (Some(own), Some(other)) => Some(own == other),
                _ => None,
            };
            match by {
                FoundBy::BuildId => same_id == Some(true),
                // The checksum takes reading the whole file, and the build id says the same.
                FoundBy::DebugLink => {
                    same_id.unwrap_or_else(|| Some(separate::crc32(&file)) == checksum)
                }
                // Of Mach-O, of which there are no recordings.
                FoundBy::Bundle => false,
            }
        };
        if belongs {
            return Some(file);
        }
    }
    None
}
