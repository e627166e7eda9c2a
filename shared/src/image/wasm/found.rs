//! The sections of a module, and how their contents are read.

use crate::address::{FileOffset, FileRange};
use wasmparser::{BinaryReader, SectionLimited};

/// The sections of one module.
#[derive(Debug)]
pub(super) struct Cut {
    /// The whole module.
    pub(super) file: FileRange,
    pub(super) sections: Vec<Found>,
}

/// What stands in a component beside its modules; empty for a module alone.
#[derive(Clone, Debug, Default)]
pub(super) struct Outer {
    /// The sections of the outermost component, without those that are modules and components.
    pub(super) sections: Vec<Found>,
    /// Where its own modules start, in its order.
    pub(super) modules: Vec<FileOffset>,
}

/// A section or a subsection.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) kind: Kind,
    /// What follows its headers.
    pub(super) content: FileRange,
    /// Its place in [`Image::sections`].
    pub(super) index: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A numbered section.
    Known(u8),
    /// A custom section, or what of it comes before and after its subsections.
    Custom(String),
    /// A subsection by its number, and the custom section it is in.
    Part(&'static str, u8),
}

/// A reader of a section's content that knows its place in the file.
pub(super) fn reader<'d>(bytes: &'d [u8], section: &Found) -> Option<BinaryReader<'d>> {
    let start = usize::try_from(section.content.start.0).ok()?;
    let end = usize::try_from(section.content.end().0).ok()?;
    Some(BinaryReader::new(bytes.get(start..end)?, start))
}

pub(super) fn limited<'d, T>(bytes: &'d [u8], section: &Found) -> Option<SectionLimited<'d, T>> {
    SectionLimited::new(reader(bytes, section)?).ok()
}

/// The name that the section `name` gives the module.
pub(super) fn module_name<'d>(bytes: &'d [u8], sections: &[Found]) -> Option<&'d str> {
    let section = part(sections, 0)?;
    reader(bytes, section)?.read_unlimited_string().ok()
}

pub(super) fn part(sections: &[Found], id: u8) -> Option<&Found> {
    let mut sections = sections.iter();
    sections.find(|section| section.kind == Kind::Part("name", id))
}
