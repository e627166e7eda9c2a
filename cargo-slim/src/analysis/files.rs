//! The files that an analysis reads.

use codecost::{
    Result,
    attribution::Catalogue,
    image::{Format, Image, Mapping, SectionKind},
};
use std::path::Path;

/// The files of one analysis, mapped.
#[derive(Debug)]
pub struct Files {
    /// The file that is analysed.
    pub file: Mapping,
    /// Its debug file, where it is a separate one.
    pub debug: Option<Mapping>,
    /// The file that shares its debug information with others (`dwz`), where it was found.
    pub shared_debug: Option<Mapping>,
    /// What is known of crates.
    pub catalogue: Catalogue,
    /// The images of a universal file, each with the name of its architecture.
    pub slices: Vec<(String, Files)>,
}

impl Files {
    /// What the tables of contents alone tell.
    pub(super) fn of_tables(file: Mapping, slices: Vec<(String, Self)>) -> Self {
        Self {
            file,
            debug: None,
            shared_debug: None,
            catalogue: Catalogue::empty(),
            slices,
        }
    }

    /// Whether all files are still what they were when they were opened.
    ///
    /// # Errors
    ///
    /// One of them changed, so what was read may be a mixture.
    pub fn check_unchanged(&self) -> Result<()> {
        self.file.check_unchanged()?;
        // What came out of the file itself is in memory only.
        let apart = |debug: &&Mapping| debug.path() != self.file.path();
        let others = [&self.debug, &self.shared_debug];
        let mut others = others.into_iter().flatten().filter(apart);
        others.try_for_each(Mapping::check_unchanged)
    }
}

/// Whether the file is an executable or library of ELF without a symbol table.
pub(super) fn is_stripped(path: &Path) -> bool {
    let file = Mapping::open(path).ok();
    file.is_some_and(|file| {
        let image = Image::parse(path, &file).ok();
        let image = image.filter(|image| image.format == Format::Elf);
        image.is_some_and(|image| {
            let mut sections = image.sections.iter();
            !sections.any(|section| section.kind == SectionKind::Symbols)
        })
    })
}
