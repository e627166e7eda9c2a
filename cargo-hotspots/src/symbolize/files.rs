//! The files of a module: the program itself, its debug file, and their debug sections.
//!
//! Truth: GDB's manual, "Debugging Information in Separate Files". A debug file with another build
//! id, or another checksum than the link names, is of another build and refused.

use super::dwarf::model::Slice;
use crate::profile::Module;
use codecost::image::{
    Image, Mapping, SectionKind,
    debug_info::{
        DebugSection, DwarfSections,
        separate::{self, FoundBy, SharedLink},
    },
};
use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

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

    /// The same with the strings of the file that `dwz` made.
    pub(super) fn directory_with<'a>(&'a self, shared: Option<&'a Self>) -> DwarfSections<'a> {
        let mut sections = self.directory();
        if let Some(shared) = shared {
            let strings = shared.get(DebugSection::Str.name());
            sections.add(DebugSection::SharedStr.name(), strings);
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

/// Where the debug file of a program may be that has no debug information, or no symbols, of its own;
/// none for other programs.
fn places(image: &Image<'_>, programs: &[PathBuf]) -> Vec<(FoundBy, PathBuf)> {
    let has_symbols = image
        .sections
        .iter()
        .any(|section| section.kind == SectionKind::Symbols);
    if has_debug_info(image) && has_symbols {
        return Vec::new();
    }
    let link = debug_link(image);
    let name = link.and_then(|link| link.split(|byte| *byte == 0).next());
    programs
        .iter()
        .flat_map(|program| separate::candidates(program, image.build_id(), name))
        .collect()
}

fn debug_link<'d>(image: &Image<'d>) -> Option<&'d [u8]> {
    let (_, section) = image.section(".gnu_debuglink")?;
    Some(image.section_bytes(section))
}

/// The file with further symbols that a program carries in `.gnu_debugdata`, where it has none itself.
pub(super) fn inside(image: &Image<'_>, file: &Mapping) -> Option<Mapping> {
    let mut sections = image.sections.iter();
    if sections.any(|section| section.kind == SectionKind::Symbols) {
        return None;
    }
    let bytes = separate::inside(image)?;
    Mapping::of_bytes(file.path(), &bytes).ok()
}

/// Paths of the program first, then all others at which a module's names may be found, whether there is
/// a file now or not: what is installed or goes away there changes the names.
pub(crate) fn looked_at(module: &Module) -> Vec<PathBuf> {
    let Some(file) = &module.file else {
        return Vec::new();
    };
    let programs = programs(module, file);
    let Ok(image) = Image::parse(file.path(), file) else {
        return programs;
    };
    let debug_files = places(&image, &programs).into_iter();
    let debug_files: Vec<PathBuf> = debug_files.map(|(_, path)| path).collect();
    let own = SharedLink::of(&image);
    let own = programs
        .iter()
        .filter_map(|path| Some(own.as_ref()?.candidates(path)));
    // Whether it is this program's matters later: here every file counts that may be.
    let of_debug_files = debug_files.iter().filter_map(|path| {
        let file = Mapping::open(path).ok()?;
        let image = Image::parse(path, &file).ok()?;
        Some(SharedLink::of(&image)?.candidates(path))
    });
    let shared: Vec<PathBuf> = own.chain(of_debug_files).flatten().collect();
    let packed: Vec<PathBuf> = programs.iter().flat_map(|path| packages(path)).collect();
    let others = debug_files.into_iter().chain(shared).chain(packed);
    programs.into_iter().chain(others).collect()
}

/// Where the program was found, and where it was when it ran: the file may be a copy that was kept with
/// the recording, and what was beside the original counts.
pub(super) fn programs(module: &Module, file: &Mapping) -> Vec<PathBuf> {
    let mut programs = vec![file.path().to_path_buf()];
    if Path::new(&module.name).is_absolute() && !programs.iter().any(|p| *p == *module.name) {
        programs.push(module.name.clone().into());
    }
    programs
}

/// Where the package of a program's split debug information may be.
pub(super) fn packages(program: &Path) -> [PathBuf; 2] {
    let mut appended = program.as_os_str().to_owned();
    appended.push(".dwp");
    [appended.into(), program.with_extension("dwp")]
}

/// The debug file of a program. The program was found at `programs`, of which all may have the file
/// beside them.
pub(super) fn debug_file(image: &Image<'_>, programs: &[PathBuf]) -> Option<Mapping> {
    let checksum = debug_link(image)
        .and_then(|link| link.last_chunk::<4>())
        .map(|sum| image.u32(*sum));
    for (by, path) in places(image, programs) {
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
