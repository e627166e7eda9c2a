//! The debug sections of a subject.

use codecost::image::{
    Image, SectionKind,
    debug_info::{DebugInfo, DebugSection, DwarfSections, UnitKind},
};
use std::{borrow::Cow, sync::OnceLock};

/// The debug sections of a file, decompressed where they were compressed.
#[derive(Debug, Default)]
pub struct DebugSections<'a> {
    sections: Vec<(String, Cow<'a, [u8]>)>,
    /// Those of the file that `dwz` moved common parts to.
    shared: Vec<(String, Cow<'a, [u8]>)>,
    big_endian: bool,
    /// What addresses of code are counted from.
    code_base: u64,
    /// See [`Self::address_ranges`].
    address_ranges: OnceLock<Vec<u8>>,
}

impl<'a> DebugSections<'a> {
    /// The sections of the debug file if it has any, else the sections of the file itself.
    pub(super) fn of(
        image: &Image<'a>,
        debug: Option<&Image<'a>>,
        shared: Option<&Image<'a>>,
    ) -> Self {
        // Sections that share their bytes (hostile files only) are not decompressed again and
        // again.
        let read = |image: &Image<'a>| {
            let mut compressed = image.bytes.len() as u64;
            let sections = image
                .sections
                .iter()
                .filter(|section| section.kind == SectionKind::Debug && section.file.size > 0)
                .filter_map(|section| {
                    if section.compressed {
                        compressed = compressed.checked_sub(section.file.size)?;
                    }
                    Some((
                        image.plain_name(section).to_owned(),
                        image.section_content(section)?,
                    ))
                })
                .collect();
            Self {
                sections,
                shared: Vec::new(),
                big_endian: !image.little_endian,
                code_base: image.debug_base(),
                address_ranges: OnceLock::new(),
            }
        };
        // Objects keep theirs for the linker to put together: in each, addresses and offsets wait for
        // relocations. Of a component each module may have its own.
        if !image.parts.is_empty() || !image.debugs_one_module() {
            return Self::default();
        }
        let mut all = debug
            .map(read)
            .filter(|debug| !debug.is_empty())
            .unwrap_or_else(|| read(image));
        all.shared = shared
            .map(|shared| read(shared).sections)
            .unwrap_or_default();
        all
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sections.is_empty()
    }

    /// The content of the section of this name.
    pub(crate) fn section(&self, name: &str) -> Option<&[u8]> {
        find(&self.sections, name)
    }

    /// The same of the file that `dwz` moved common parts to; `None` too where there is none.
    pub(crate) fn shared_section(&self, name: &str) -> Option<&[u8]> {
        find(&self.shared, name)
    }

    /// Whether there is a file that `dwz` moved common parts to.
    pub(crate) fn has_shared(&self) -> bool {
        !self.shared.is_empty()
    }

    /// The units' headers; linear in their number.
    pub fn load(&self) -> DebugInfo<'_> {
        let mut sections = self.directory(&self.sections);
        if let Some(strings) = self.shared_section(DebugSection::Str.name()) {
            sections.add(DebugSection::SharedStr.name(), strings);
        }
        let info = DebugInfo::load(sections);
        match self.has_shared() {
            true => info.with_shared(self.directory(&self.shared)),
            false => info,
        }
    }

    /// `.debug_aranges`, in which each partial unit has a range where there is no code.
    ///
    /// `dwz` leaves a partial unit the line table of the units that it was taken out of. To `addr2line` a
    /// unit without a range, which before DWARF 5 may be a partial one, has all code of its line
    /// table: it would be asked in place of the unit that knows the function.
    pub(crate) fn address_ranges(&self) -> &[u8] {
        self.address_ranges.get_or_init(|| {
            let own = self.section(DebugSection::Aranges.name());
            let mut bytes = own.unwrap_or_default().to_vec();
            let info = self.load();
            let units = info.units().iter();
            let units = units.filter(|unit| {
                unit.kind == UnitKind::Partial && unit.section == DebugSection::Info
            });
            for unit in units.filter(|unit| unit.version < 5) {
                if let Ok(start) = u32::try_from(unit.start) {
                    no_code(&mut bytes, start, unit.address_size, self.big_endian);
                }
            }
            bytes
        })
    }

    fn directory<'s>(&self, list: &'s [(String, Cow<'a, [u8]>)]) -> DwarfSections<'s> {
        let mut sections = DwarfSections::new(self.big_endian);
        sections.code_base = self.code_base;
        for (name, bytes) in list {
            sections.add(name, bytes);
        }
        sections
    }
}

/// Appends the address ranges of the unit at `start`: one byte near the end of all addresses.
///
/// Source: DWARF 4, section 6.1.2.
fn no_code(bytes: &mut Vec<u8>, start: u32, address_size: u8, big_endian: bool) {
    let mut number = |value: u64, size: usize| {
        let all = value.to_le_bytes();
        let low = all.iter().take(size);
        match big_endian {
            true => bytes.extend(low.rev()),
            false => bytes.extend(low),
        }
    };
    let size = usize::from(address_size);
    // The tuples begin at a multiple of their size.
    let padding = 12_usize.next_multiple_of(2 * size) - 12;
    let length = 8 + padding + 4 * size;
    number(length as u64, 4);
    number(2, 2);
    number(start.into(), 4);
    number(address_size.into(), 1);
    for _ in 0..=padding {
        number(0, 1);
    }
    // The last two stand for code that the linker dropped.
    number(u64::MAX - 0xff, size);
    number(1, size);
    number(0, size);
    number(0, size);
}

fn find<'s>(sections: &'s [(String, Cow<'_, [u8]>)], name: &str) -> Option<&'s [u8]> {
    let found = sections.iter().find(|(own, _)| own == name);
    found.map(|(_, bytes)| &**bytes)
}
