//! The source files that a unit's line table names.
//!
//! Truth: DWARF 5, section 6.2.4, and the same section of DWARF 2 to 4, where file numbers start
//! at 1 instead of 0. Entries are read here rather than by `gimli`, which would believe a count of
//! billions of entries without bytes.

use std::borrow::Cow;

use gimli::constants as c;

use super::{
    DebugInfo, DebugSection,
    abbrev::Spec,
    attribute::{TextRef, Value},
    entries::read_value,
    reader::{Budget, Reader},
    unit::Unit,
    values::Limits,
};

/// The directories and files of one line table.
#[derive(Debug, Default)]
pub(super) struct FileTable {
    directories: Vec<TextRef>,
    files: Vec<(TextRef, u64)>,
    version: u16,
    is_complete: bool,
}

/// One column of a table of DWARF 5.
#[derive(Clone, Copy)]
struct Column {
    content: u64,
    form: u16,
}

impl FileTable {
    /// Reads the table of a unit's line program. Each string of it is also given to `strings`.
    pub(super) fn read(
        info: &DebugInfo<'_>,
        budget: &Budget,
        unit: &Unit<'_>,
        offset: u64,
        strings: &mut impl FnMut(TextRef),
    ) -> Self {
        let mut table = Self::default();
        let mut reader = info.reader(DebugSection::Line, offset);
        let done = table.read_header(info, budget, unit, &mut reader, strings);
        table.is_complete = done.is_some();
        table
    }

    fn read_header(
        &mut self,
        info: &DebugInfo<'_>,
        budget: &Budget,
        unit: &Unit<'_>,
        reader: &mut Reader<'_>,
        strings: &mut impl FnMut(TextRef),
    ) -> Option<()> {
        let (length, offset_size) = reader.initial_length()?;
        let end = usize::try_from(length).ok()?.checked_add(reader.pos())?;
        let mut reader = reader.clip(end);
        // The table has its own version and sizes.
        let mut unit = unit.clone();
        unit.offset_size = offset_size;
        unit.section = DebugSection::Line;
        self.version = reader.u16()?;
        if self.version == 5 {
            unit.address_size = reader.u8()?;
            reader.skip(1)?;
        }
        let header = reader.uint(offset_size)?;
        let end = usize::try_from(header).ok()?.checked_add(reader.pos())?;
        if !budget.spend(usize::try_from(header).ok()?) {
            return None;
        }
        let mut reader = reader.clip(end);
        reader.skip(if self.version >= 4 { 5 } else { 4 })?;
        let opcode_base = reader.u8()?;
        reader.skip(u64::from(opcode_base.saturating_sub(1)))?;
        if self.version < 5 {
            return self.read_lists(&mut reader);
        }
        let texts = |value: Value| info.text_ref(&unit, value);
        let directories = &mut self.directories;
        read_table(&unit, &mut reader, &texts, strings, |path, _| {
            directories.push(path)
        })?;
        let files = &mut self.files;
        read_table(&unit, &mut reader, &texts, strings, |path, at| {
            files.push((path, at))
        })
    }

    /// Versions 2 to 4: strings up to an empty one.
    fn read_lists(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        // Number 0 is the directory of the compilation.
        self.directories.push(TextRef::NONE);
        self.files.push((TextRef::NONE, 0));
        loop {
            let at = reader.pos() as u64;
            if reader.string()?.is_empty() {
                break;
            }
            self.directories.push(TextRef::new(DebugSection::Line, at));
        }
        loop {
            let at = reader.pos() as u64;
            if reader.string()?.is_empty() {
                return Some(());
            }
            let directory = reader.uleb()?;
            reader.skip_leb()?;
            reader.skip_leb()?;
            self.files
                .push((TextRef::new(DebugSection::Line, at), directory));
        }
    }

    /// Whether it could be read to its end.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// The path of a file: its name below its directory below the unit's directory.
    pub(super) fn path(
        &self,
        info: &DebugInfo<'_>,
        limits: &Limits,
        unit: &Unit<'_>,
        file: u64,
    ) -> Option<String> {
        let (name, directory) = *self.files.get(usize::try_from(file).ok()?)?;
        let name = lossy(info.text(limits, name)?);
        if is_absolute(&name) {
            return Some(name.into_owned());
        }
        let directory = self
            .directories
            .get(usize::try_from(directory).ok()?)
            .and_then(|directory| info.text(limits, *directory))
            .map(lossy)
            .unwrap_or_default();
        let below = join(&directory, &name);
        if is_absolute(&below) {
            return Some(below);
        }
        Some(join(&lossy(unit.comp_dir.unwrap_or_default()), &below))
    }
}

/// A table of DWARF 5: columns, then rows. A row without bytes ends it.
fn read_table(
    unit: &Unit<'_>,
    reader: &mut Reader<'_>,
    texts: &impl Fn(Value) -> TextRef,
    strings: &mut impl FnMut(TextRef),
    mut found: impl FnMut(TextRef, u64),
) -> Option<()> {
    let mut columns = Vec::new();
    for _ in 0..reader.u8()? {
        let (content, form) = (reader.uleb()?, u16::try_from(reader.uleb()?).ok()?);
        columns.push(Column { content, form });
    }
    for _ in 0..reader.uleb()? {
        let start = reader.pos();
        let (mut path, mut directory) = (TextRef::NONE, 0);
        for column in &columns {
            let value = read_value(unit, reader, &Spec::new(0, column.form))?;
            let text = texts(value);
            if !text.is_none() {
                strings(text);
            }
            match gimli::DwLnct(u16::try_from(column.content).unwrap_or(u16::MAX)) {
                c::DW_LNCT_path => path = text,
                c::DW_LNCT_directory_index => directory = value.offset().unwrap_or(0),
                _ => {}
            }
        }
        if reader.pos() == start {
            return None;
        }
        found(path, directory);
    }
    Some(())
}

fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

fn is_absolute(path: &str) -> bool {
    let drive = path.as_bytes().get(1) == Some(&b':');
    path.starts_with(['/', '\\']) || drive
}

fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() {
        name.to_owned()
    } else if directory.ends_with(['/', '\\']) {
        format!("{directory}{name}")
    } else {
        format!("{directory}/{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_join_below_absolute_ones_only() {
        assert_eq!(join("/a", "b.rs"), "/a/b.rs");
        assert_eq!(join("/a/", "b.rs"), "/a/b.rs");
        assert_eq!(join("", "b.rs"), "b.rs");
        assert!(is_absolute("C:\\x"));
        assert!(!is_absolute("src/lib.rs"));
    }
}
