//! Sections and segments: what a file is made of, and what the loader maps.

use super::Image;
use crate::address::{AddressRange, FileRange, Range, VirtualAddress};
use object::read::{CompressedData, CompressionFormat};
use std::borrow::Cow;

/// What a section is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SectionKind {
    /// Machine code.
    Code,
    /// Jumps through the global offset table, made by the linker.
    Plt,
    /// Constants.
    ReadOnlyData,
    /// Variables, and constants that hold addresses.
    Data,
    /// Variables that start as zero and have no bytes in the file.
    Bss,
    /// The start image of thread-local variables.
    Tls,
    /// Thread-local variables that start as zero.
    TlsBss,
    /// The linker's table of addresses.
    Got,
    /// `.eh_frame`.
    EhFrame,
    /// `.eh_frame_hdr`.
    EhFrameHeader,
    /// Language-specific unwind data: `.gcc_except_table`, Arm's `.ARM.extab`, PE's `.xdata`.
    ExceptTable,
    /// A table of functions with how to unwind each: Arm's `.ARM.exidx`, PE's `.pdata`, Mach-O's
    /// `__unwind_info`.
    UnwindIndex,
    /// Relocations that the loader, or for an object file the linker, applies.
    Relocations,
    /// `.symtab`.
    Symbols,
    /// `.dynsym`.
    DynamicSymbols,
    /// A string table; which, says the section that links to it.
    Strings,
    /// Hash tables over the dynamic symbols.
    Hash,
    /// Versions of the dynamic symbols.
    Versions,
    /// `.dynamic`, `.interp` and notes.
    Loader,
    /// Debug information.
    Debug,
    /// rustc's metadata in a dylib or rlib.
    Metadata,
    /// Compiler names and other remarks.
    Comment,
    /// A member of an archive.
    Member,
    /// A signature over the file: of Apple's tools, or a certificate of Windows.
    Signature,
    /// Space the linker asks for but does not use.
    Padding,
    /// Anything else.
    Other,
}

impl SectionKind {
    /// The name in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Plt | Self::Got | Self::Loader | Self::Comment => "linker",
            Self::ReadOnlyData => "rodata",
            Self::Data => "data",
            Self::Bss => "bss",
            Self::Tls => "tls",
            Self::TlsBss => "tls-bss",
            Self::EhFrame | Self::EhFrameHeader | Self::ExceptTable | Self::UnwindIndex => "unwind",
            Self::Relocations => "relocations",
            Self::Symbols | Self::DynamicSymbols | Self::Strings | Self::Hash | Self::Versions => {
                "symbols"
            }
            Self::Debug => "debug",
            Self::Metadata => "metadata",
            Self::Member => "member",
            Self::Signature => "signature",
            Self::Padding => "padding",
            Self::Other => "other",
        }
    }

    /// Whether it holds constants or variables with bytes in the file.
    pub fn is_data(self) -> bool {
        matches!(self, Self::ReadOnlyData | Self::Data | Self::Tls)
    }

    /// Thread-local zeroes take no address space of their own: what follows may start at the same
    /// address.
    pub fn is_tls_bss(self) -> bool {
        self == Self::TlsBss
    }
}

/// How a section of relocations is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelocationFormat {
    /// Entries whose addend stands in the slot.
    Rel,
    /// Entries with an addend.
    Rela,
    /// Bitmaps of slots that hold addresses of the image.
    Relr,
    /// Android's packed entries, without addends (`SHT_ANDROID_REL`).
    AndroidRel,
    /// Android's packed entries, with addends (`SHT_ANDROID_RELA`).
    AndroidRela,
}

/// One section.
#[derive(Clone, Debug)]
pub struct Section<'d> {
    /// Its name.
    pub name: Cow<'d, str>,
    /// What it is for.
    pub kind: SectionKind,
    /// Where it is loaded; zero when it is not.
    pub address: VirtualAddress,
    /// Bytes it takes in memory; zero when it is not loaded.
    pub memory: u64,
    /// Where it stands in the file, clipped to the file; empty for sections of zeroes.
    pub file: FileRange,
    /// Its alignment.
    pub align: u64,
    /// Whether the program sees it in memory.
    pub loaded: bool,
    /// Whether the program may write to it.
    pub writable: bool,
    /// Whether its content is compressed, and how large it is then.
    pub compressed: bool,
    /// The section that this one refers to (ELF `sh_link`), or 0.
    pub link: u32,
    /// Size of an entry of a table (ELF `sh_entsize`), or 0.
    pub entry_size: u64,
    /// How its relocations are written, where it holds relocations.
    pub relocations: Option<RelocationFormat>,
}

impl Section<'_> {
    /// The addresses it takes.
    pub fn addresses(&self) -> AddressRange {
        Range::<VirtualAddress>::new(self.address, self.memory)
    }
}

/// One segment: what the loader does with a range of the file.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its kind: `LOAD`, `DYNAMIC`, …; for Mach-O the segment's name.
    pub name: String,
    /// Whether the loader maps it.
    pub loaded: bool,
    /// May be read.
    pub readable: bool,
    /// May be written to.
    pub writable: bool,
    /// May be executed.
    pub executable: bool,
    /// Its address.
    pub address: VirtualAddress,
    /// Its bytes in memory.
    pub memory: u64,
    /// Its bytes in the file, clipped to the file.
    pub file: FileRange,
    /// Its address and its place in the file leave the same rest when divided by this; 1 or less where
    /// the format has no such rule.
    pub align: u64,
}

/// A table of contents or header: bytes that belong to the format itself.
#[derive(Clone, Debug)]
pub struct TableRange {
    /// What it is, in words.
    pub name: &'static str,
    /// Where it stands.
    pub range: FileRange,
}

impl TableRange {
    /// The name of what only aligns what follows it.
    pub const PADDING: &'static str = "padding";
    /// The name of what stands before the content of a WebAssembly section or subsection.
    pub const SECTION_HEADER: &'static str = "section header";
}

/// Whether strip takes a section of this name for debug information, where the program does not load
/// it: DWARF's, also compressed or of an object for link-time optimisation, stabs, and indices of them.
/// Source: `elf.c` and `peicode.h` of GNU BFD.
pub(super) fn is_debug_name(name: &str) -> bool {
    const BEGINNINGS: [&str; 7] = [
        ".debug",
        ".zdebug",
        ".stab",
        ".gnu.debuglto_.debug_",
        ".gnu.linkonce.wi.",
        "__debug_",
        "__zdebug_",
    ];
    let mut beginnings = BEGINNINGS.iter();
    matches!(name, ".line" | ".gdb_index") || beginnings.any(|start| name.starts_with(start))
}

/// Bytes in memory that all sections together may ask for: no machine has as many, and sums of
/// them cannot overflow.
const MAX_MEMORY: u64 = 1 << 56;

/// How often the bytes of a file may be listed as a section's. One damaged size makes two sections
/// share bytes; a table that lists the same bytes thousands of times would make reading quadratic.
const MAX_LISTINGS: u64 = 4;

/// Characters of a name; a far longer one is cut, for each row about something in a section shows it.
const MAX_NAME: usize = 1024;

/// Empties the sections that would make the sum of sizes exceed what a file of `length` bytes can
/// hold. Whatever reads all sections is linear in the file then.
pub(super) fn bound(sections: &mut [Section<'_>], length: u64) {
    let mut file = length.saturating_mul(MAX_LISTINGS);
    let mut memory = MAX_MEMORY;
    for section in sections {
        match file.checked_sub(section.file.size) {
            Some(rest) => file = rest,
            None => {
                section.memory = section.memory.saturating_sub(section.file.size);
                section.file.size = 0;
            }
        }
        if section.name.len() > 4 * MAX_NAME {
            let mut name: String = section.name.chars().take(MAX_NAME).collect();
            name.push('…');
            section.name = Cow::Owned(name);
        }
        section.memory = section.memory.min(memory);
        memory -= section.memory;
    }
}

/// Debug information compresses to a third, its most regular parts to a twentieth. Zlib's limit
/// is 1032, but a file that expands so much is made to fill the memory.
const MAX_EXPANSION: u64 = 64;

pub(super) fn content<'d>(image: &Image<'d>, section: &Section<'d>) -> Option<Cow<'d, [u8]>> {
    let bytes = image.section_bytes(section);
    if !section.compressed {
        return Some(Cow::Borrowed(bytes));
    }
    if let Some(rest) = bytes.strip_prefix(GNU_COMPRESSED)
        && is_gnu_compressed(&section.name, bytes)
    {
        // The size is stored high byte first in all files.
        let size = u64::from_be_bytes(*rest.first_chunk::<8>()?);
        return decompressed(CompressionFormat::Zlib, rest.get(8..)?, size);
    }
    // The header of SHF_COMPRESSED: type, (reserved,) size, alignment; see the ELF gABI.
    let word = |at: usize| -> Option<u64> {
        let field = bytes.get(at..)?;
        if image.is_64 && at > 0 {
            field.first_chunk::<8>().map(|word| image.u64(*word))
        } else {
            field
                .first_chunk::<4>()
                .map(|word| u64::from(image.u32(*word)))
        }
    };
    let (header, size) = if image.is_64 {
        (24, word(8)?)
    } else {
        (12, word(4)?)
    };
    let format = match word(0)? {
        1 => CompressionFormat::Zlib,
        2 => CompressionFormat::Zstandard,
        _ => return None,
    };
    decompressed(format, bytes.get(header..)?, size)
}

/// What a section with the older form of compression (`objcopy --compress-debug-sections=zlib-gnu`)
/// begins with, before its size in eight bytes.
const GNU_COMPRESSED: &[u8] = b"ZLIB";

/// Whether the section `name` is compressed in the older form: its name says it (`.zdebug_info`,
/// `__zdebug_info`) and its content too.
pub(super) fn is_gnu_compressed(name: &str, bytes: &[u8]) -> bool {
    (name.starts_with(".zdebug_") || name.starts_with("__zdebug_"))
        && bytes.len() >= 12
        && bytes.starts_with(GNU_COMPRESSED)
}

fn decompressed(format: CompressionFormat, data: &[u8], size: u64) -> Option<Cow<'_, [u8]>> {
    if size > (data.len() as u64).saturating_mul(MAX_EXPANSION) {
        return None;
    }
    let compressed = CompressedData {
        format,
        data,
        uncompressed_size: size,
    };
    compressed.decompress().ok()
}
