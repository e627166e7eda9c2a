//! The debug sections of a subject.

use codecost::image::{
    Image, SectionKind,
    debug_info::{DebugInfo, DebugSection, DwarfSections},
};
use std::borrow::Cow;

/// The debug sections of a file, decompressed where they were compressed.
#[derive(Debug, Default)]
pub struct DebugSections<'a> {
    sections: Vec<(String, Cow<'a, [u8]>)>,
    big_endian: bool,
    /// What addresses of code are counted from.
    code_base: u64,
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
                big_endian: !image.little_endian,
                code_base: image.debug_base(),
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
        let strings = shared.and_then(|shared| {
            let (_, section) = shared.section(DebugSection::Str.name())?;
            shared.section_content(section)
        });
        if let Some(strings) = strings {
            let name = DebugSection::SharedStr.name().to_owned();
            all.sections.push((name, strings));
        }
        all
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sections.is_empty()
    }

    /// The content of the section of this name.
    pub(crate) fn section(&self, name: &str) -> Option<&[u8]> {
        let mut sections = self.sections.iter();
        let found = sections.find(|(own, _)| own == name);
        found.map(|(_, bytes)| &**bytes)
    }

    /// The units' headers; linear in their number.
    pub fn load(&self) -> DebugInfo<'_> {
        let mut sections = DwarfSections::new(self.big_endian);
        sections.code_base = self.code_base;
        for (name, bytes) in &self.sections {
            sections.add(name, bytes);
        }
        DebugInfo::load(sections)
    }
}
