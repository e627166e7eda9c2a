//! The `.debug_*` sections by name, as given by whoever opened the file.

/// A section of debug information.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum DebugSection {
    /// `.debug_info`: the entries of all units.
    Info,
    /// `.debug_types`: type units of DWARF 4.
    Types,
    /// `.debug_abbrev`: how entries are laid out.
    Abbrev,
    /// `.debug_str`: strings.
    Str,
    /// `.debug_line_str`: strings of the line table.
    LineStr,
    /// `.debug_str_offsets`: indices into `.debug_str`.
    StrOffsets,
    /// `.debug_line`: line programs.
    Line,
    /// `.debug_addr`: addresses by index.
    Addr,
    /// `.debug_ranges`: range lists up to DWARF 4.
    Ranges,
    /// `.debug_rnglists`: range lists of DWARF 5.
    RngLists,
    /// `.debug_loc`: location lists up to DWARF 4.
    Loc,
    /// `.debug_loclists`: location lists of DWARF 5.
    LocLists,
    /// `.debug_aranges`: units by address.
    Aranges,
    /// `.debug_macinfo`: macros up to DWARF 4.
    Macinfo,
    /// `.debug_macro`: macros of DWARF 5 and of GNU.
    Macro,
    /// `.debug_names`: index of DWARF 5.
    Names,
    /// `.debug_pubnames`: index of functions.
    PubNames,
    /// `.debug_pubtypes`: index of types.
    PubTypes,
    /// `.debug_gnu_pubnames`: the GNU form of it.
    GnuPubNames,
    /// `.debug_gnu_pubtypes`: the GNU form of it.
    GnuPubTypes,
    /// `.debug_gdb_scripts`: which scripts a debugger should load. No unit owns it.
    GdbScripts,
    /// `.debug_str` of the file that `dwz` moved common parts to (`.gnu_debugaltlink`). It is no
    /// section of this file, so nobody owns its bytes here.
    SharedStr,
}

impl DebugSection {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 22] = [
        Self::Info,
        Self::Types,
        Self::Abbrev,
        Self::Str,
        Self::LineStr,
        Self::StrOffsets,
        Self::Line,
        Self::Addr,
        Self::Ranges,
        Self::RngLists,
        Self::Loc,
        Self::LocLists,
        Self::Aranges,
        Self::Macinfo,
        Self::Macro,
        Self::Names,
        Self::PubNames,
        Self::PubTypes,
        Self::GnuPubNames,
        Self::GnuPubTypes,
        Self::GdbScripts,
        Self::SharedStr,
    ];

    /// The section's name in ELF.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => ".debug_info",
            Self::Types => ".debug_types",
            Self::Abbrev => ".debug_abbrev",
            Self::Str => ".debug_str",
            Self::LineStr => ".debug_line_str",
            Self::StrOffsets => ".debug_str_offsets",
            Self::Line => ".debug_line",
            Self::Addr => ".debug_addr",
            Self::Ranges => ".debug_ranges",
            Self::RngLists => ".debug_rnglists",
            Self::Loc => ".debug_loc",
            Self::LocLists => ".debug_loclists",
            Self::Aranges => ".debug_aranges",
            Self::Macinfo => ".debug_macinfo",
            Self::Macro => ".debug_macro",
            Self::Names => ".debug_names",
            Self::PubNames => ".debug_pubnames",
            Self::PubTypes => ".debug_pubtypes",
            Self::GnuPubNames => ".debug_gnu_pubnames",
            Self::GnuPubTypes => ".debug_gnu_pubtypes",
            Self::GdbScripts => ".debug_gdb_scripts",
            Self::SharedStr => ".debug_str of the shared file",
        }
    }

    /// The kind of a section called `name` in ELF (`.debug_info`, also compressed the old way as
    /// `.zdebug_info`) or Mach-O (`__debug_info`, there cut to 16 characters).
    pub fn from_name(name: &str) -> Option<Self> {
        let stem = [".debug_", ".zdebug_", "__debug_", "__zdebug_"]
            .iter()
            .find_map(|prefix| name.strip_prefix(prefix))?;
        let stem = match stem {
            "str_offs" => "str_offsets",
            "gnu_pubn" => "gnu_pubnames",
            "gnu_pubt" => "gnu_pubtypes",
            other => other,
        };
        Self::ALL
            .into_iter()
            .find(|kind| kind.name().strip_prefix(".debug_") == Some(stem))
    }
}

/// The bytes of the debug sections of one file, uncompressed, with relocations applied (which
/// only matters in relocatable objects). A missing section is an empty one.
#[derive(Clone, Copy, Debug, Default)]
pub struct DwarfSections<'d> {
    data: [&'d [u8]; DebugSection::ALL.len()],
    /// Whether numbers have their most significant byte first.
    pub big_endian: bool,
    /// What addresses of code are counted from: the code section's start in WebAssembly.
    pub code_base: u64,
}

impl<'d> DwarfSections<'d> {
    /// No section yet.
    pub fn new(big_endian: bool) -> Self {
        Self {
            data: Default::default(),
            big_endian,
            code_base: 0,
        }
    }

    /// Sets the bytes of the section called `name`. Returns its kind, or `None` when it is no
    /// section that this module knows.
    pub fn add(&mut self, name: &str, data: &'d [u8]) -> Option<DebugSection> {
        let kind = DebugSection::from_name(name)?;
        if let Some(slot) = self.data.get_mut(kind as usize) {
            *slot = data;
        }
        Some(kind)
    }

    /// The bytes of a section; empty when it is missing.
    #[inline]
    pub fn get(&self, kind: DebugSection) -> &'d [u8] {
        self.data.get(kind as usize).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_elf_and_mach_o() {
        for (number, kind) in DebugSection::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
            assert_eq!(DebugSection::from_name(kind.name()), Some(kind));
        }
        assert_eq!(
            DebugSection::from_name(".zdebug_line"),
            Some(DebugSection::Line)
        );
        assert_eq!(
            DebugSection::from_name("__debug_str_offs"),
            Some(DebugSection::StrOffsets)
        );
        assert_eq!(DebugSection::from_name(".debug_frame"), None);
        assert_eq!(DebugSection::from_name(".text"), None);
    }
}
