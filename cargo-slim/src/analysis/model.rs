//! The rows of every analysis, as the analysis hands them to `report`: plain values, sorted largest
//! first, complete (cutting, filtering and rendering are the report's work). Sizes are bytes.

mod references;

pub use references::{
    Deps, GraphFacts, InlinedBy, InlinedRow, Language, LanguageRow, Payer, Referrer, Removed,
    Retained, RetainedBy, RetainedRow, SourcePlace, Why, WhyRow, Without,
};

use crate::ledger::ByCategory;
use codecost::{address::VirtualAddress, attribution::Evidence};
pub use codecost::{
    attribution::{CrateInfo, CrateKey, ListedPackage},
    image::{Hardening, Library, Resource},
};
use std::{borrow::Cow, path::PathBuf};

/// Which crate each function is counted for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// The crate that wrote it.
    #[default]
    Defined,
    /// The crate whose compilation made this copy.
    Instantiated,
    /// The crate that wrote it, and for code the crate of the innermost inlined function.
    Inlined,
}

impl By {
    /// The name in flags and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Defined => "defined",
            Self::Instantiated => "instantiated",
            Self::Inlined => "inlined",
        }
    }
}

/// The analysed file.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// Where it is.
    pub path: PathBuf,
    /// `elf`, `mach-o`, `pe`, `wasm`, `archive` or `object`.
    pub format: &'static str,
    /// The processor, as Rust's target triples name it: `x86_64`, `aarch64`, …
    pub architecture: String,
    /// Bytes of the file as analysed.
    pub file_size: u64,
    /// Bytes with `strip = "symbols"`, computed from the file; `None` where the format gives no
    /// way to tell.
    pub shipped_size: Option<u64>,
    /// What was read of it.
    pub depth: ReadDepth,
    /// The package that the artifact was built from, when it was built by us.
    pub package: Option<String>,
    /// The cargo target that it was built from.
    pub target_name: Option<String>,
    /// The profile in use.
    pub profile: Option<String>,
    /// What was added for this one build, in words (`strip=none`, `v0 names`, …).
    pub build_notes: Vec<String>,
    /// The flags that choose it again; empty where none are needed.
    pub flags: String,
    /// The packages that a list in or beside the file says it is made from.
    pub packages: Option<Listed>,
}

/// A list of packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// `.dep-v0`, or the document's path.
    pub source: String,
    /// By name and version.
    pub packages: Vec<ListedPackage>,
}

/// What was read of a file: `false` where the file, or what a file of its format has beside it, holds
/// something that was not read; a warning says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadDepth {
    /// Where functions start and end.
    pub functions: bool,
    /// What code refers to in data.
    pub data: bool,
    /// Unwind tables.
    pub unwind: bool,
    /// What the loader patches.
    pub relocations: bool,
    /// The object file, and so the crate, of each function.
    pub units: bool,
    /// Debug information.
    pub debug: bool,
}

/// A section, a header table, a gap between sections, or bytes behind the last one.
#[derive(Clone, Debug)]
pub struct SectionRow {
    /// `.text`, or a bucket such as `[headers]`.
    pub name: String,
    /// `code`, `data`, `bss`, `unwind`, `relocations`, `symbols`, `debug`, `headers`, `padding`, …
    pub kind: &'static str,
    /// The virtual address, where it is loaded.
    pub address: Option<VirtualAddress>,
    /// Bytes in the file.
    pub file: u64,
    /// Bytes that stay with `strip = "symbols"`; as `file` where the format gives no way to tell.
    pub shipped: u64,
    /// Bytes in memory.
    pub memory: u64,
    /// Of a section that consists of subsections these, each with its bytes in the file.
    pub parts: Vec<(String, u64)>,
}

/// What one crate owns.
#[derive(Clone, Debug)]
pub struct CrateRow {
    /// The crate.
    pub label: CrateInfo,
    /// Bytes of the file.
    pub file: u64,
    /// Bytes that stay with `strip = "symbols"`; as `file` where the format gives no way to tell.
    pub shipped: u64,
    /// Bytes of memory once loaded.
    pub memory: u64,
    /// The bytes of the file by what they are used for; they add up to `file`.
    pub parts: ByCategory,
    /// How many of `file`'s bytes rest on inference.
    pub inferred: u64,
    /// How many of `shipped`'s bytes do.
    pub inferred_shipped: u64,
    /// How many of `file`'s bytes are this crate's proportional share of data that several crates
    /// use; `file - shared` is exclusively its own.
    pub shared: u64,
}

/// One function, with aliases at the same address.
#[derive(Clone, Debug)]
pub struct FunctionRow<'a> {
    /// The demangled name without hashes.
    pub name: Cow<'a, str>,
    /// The symbol as the table spells it; empty when there is none.
    pub symbol: &'a str,
    /// Further symbols at the same address.
    pub aliases: Vec<&'a str>,
    /// The defining crate.
    pub label: &'a CrateInfo,
    /// The crate whose compilation made this copy, where known.
    pub instantiated_by: Option<&'a CrateInfo>,
    /// The section.
    pub section: &'a str,
    /// The member of an archive of several that it is in.
    pub member: Option<&'a str>,
    /// The virtual address.
    pub address: VirtualAddress,
    /// Bytes in the file, without padding.
    pub file: u64,
    /// Bytes that stay with `strip = "symbols"`; as `file` where the format gives no way to tell.
    pub shipped: u64,
    /// How the defining crate is known.
    pub evidence: Evidence,
    /// What it rests on, where it was inferred of a function without a symbol.
    pub inferred_by: Option<&'static str>,
    /// Bytes of its stack frame, where the compiler has listed them.
    pub stack: Option<u64>,
}

/// One generic family: all copies of one generic function.
#[derive(Clone, Debug)]
pub struct GenericRow {
    /// The path without generic arguments.
    pub name: String,
    /// The defining crate.
    pub label: CrateInfo,
    /// How many copies.
    pub copies: u64,
    /// Bytes of all copies.
    pub file: u64,
    /// Bytes that stay with `strip = "symbols"`; as `file` where the format gives no way to tell.
    pub shipped: u64,
    /// Bytes of the largest copy.
    pub largest: u64,
    /// Bytes in copies whose body is byte-equal to an earlier copy's: what folding would save.
    /// `None` where the code is not decoded.
    pub identical: Option<u64>,
    /// The copies, largest first.
    pub instances: Vec<GenericInstance>,
}

/// One copy of a generic function.
#[derive(Clone, Debug)]
pub struct GenericInstance {
    /// The full name with generic arguments.
    pub name: String,
    /// The crate whose compilation made this copy, where known.
    pub instantiated_by: Option<CrateInfo>,
    /// The virtual address.
    pub address: VirtualAddress,
    /// Bytes.
    pub file: u64,
}

/// One constant, variable, table or run of anonymous data.
#[derive(Clone, Debug)]
pub struct DataRow<'a> {
    /// The symbol's name, an excerpt of the text, or a bracketed description.
    pub name: String,
    /// Where `name` is such a description with the address, which is another one in each build: the
    /// description without it.
    pub nameless: Option<&'static str>,
    /// The how-manieth of its crate and [identity](Self::identity) among all rows of the image, from 1.
    pub nth: u32,
    /// The owner; for shared data the first of `shared_by`.
    pub label: &'a CrateInfo,
    /// The section.
    pub section: &'a str,
    /// The member of an archive of several that it is in.
    pub member: Option<&'a str>,
    /// The virtual address.
    pub address: VirtualAddress,
    /// Bytes in the file.
    pub file: u64,
    /// Bytes that stay with `strip = "symbols"`; as `file` where the format gives no way to tell.
    pub shipped: u64,
    /// Bytes in memory; those of zeroes that the file does not hold, too.
    pub memory: u64,
    /// `string`, `table`, `vtable`, `location`, `embedded`, `static`, `literal`, `unknown`.
    pub kind: &'static str,
    /// All crates that use it, when they are several.
    pub shared_by: Vec<&'a CrateInfo>,
    /// The crates whose compilations made it, or made the code that uses it.
    pub instantiated_by: Vec<&'a CrateInfo>,
    /// How the owner is known.
    pub evidence: Evidence,
    /// Who uses it, where that was asked for.
    pub users: Vec<DataUser>,
}

impl DataRow<'_> {
    /// What stays of the name from build to build.
    pub fn identity(&self) -> &str {
        self.nameless.unwrap_or(&self.name)
    }
}

/// A function or constant that refers to a constant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DataUser {
    /// Its full name.
    pub name: String,
    /// The crate that wrote it.
    pub owner: String,
}

/// The loader's view of the file.
#[derive(Clone, Debug, Default)]
pub struct Loads {
    /// Segments in the order of the file.
    pub segments: Vec<SegmentRow>,
    /// Shared libraries that must be there at run time.
    pub needed: Vec<String>,
    /// Symbol versions that the libraries must offer.
    pub versions: Vec<RequiredVersion>,
    /// The oldest glibc that has all of `versions`, where any is a glibc version.
    pub oldest_glibc: Option<String>,
    /// The program interpreter (dynamic loader).
    pub interpreter: Option<String>,
    /// The directories where the loader looks first (`DT_RPATH`, `DT_RUNPATH`).
    pub run_paths: Vec<String>,
    /// The shared libraries again, with what Mach-O and PE say of each.
    pub libraries: Vec<Library>,
    /// The oldest macOS or Windows that runs the file.
    pub oldest_system: Option<String>,
    /// Whether that is only the linker's default.
    pub system_is_default: bool,
    /// What Windows runs it in: `console`, `gui`, …
    pub subsystem: Option<&'static str>,
    /// How the file is protected, as its headers say.
    pub hardening: Vec<Hardening>,
    /// What WebAssembly offers: what it is, and its name.
    pub exports: Vec<(&'static str, String)>,
    /// The memories and tables of WebAssembly.
    pub resources: Vec<Resource>,
    /// The modules of a component of WebAssembly: what each is called, and its bytes.
    pub modules: Vec<(String, u64)>,
    /// What runs when WebAssembly is instantiated.
    pub starts: Vec<String>,
    /// The extensions of WebAssembly that are used.
    pub features: Vec<String>,
    /// The compilers and tools that WebAssembly names.
    pub producers: Vec<String>,
    /// How many entries the tables have that a loader and an unwinder read.
    pub counts: Counts,
}

/// Entries of the tables that a loader and an unwinder read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Names that others may ask for; of PE addresses without a name, too.
    pub exports: u64,
    /// Places that the loader writes addresses to: relocations, rebases with those of chained fixups.
    pub pointers: u64,
    /// Entries that say how to unwind: of `.eh_frame`, `.pdata`, `.ARM.exidx`.
    pub unwind_entries: u64,
}

/// One segment.
#[derive(Clone, Debug)]
pub struct SegmentRow {
    /// `LOAD`, `DYNAMIC`, `GNU_RELRO`, …
    pub name: String,
    /// `r-x` and so on.
    pub permissions: String,
    /// The virtual address; `None` where code decides it.
    pub address: Option<VirtualAddress>,
    /// Bytes in the file.
    pub file: u64,
    /// Bytes in memory.
    pub memory: u64,
    /// Whether the loader maps it (`PT_LOAD`; of WebAssembly whether the engine copies it); only these
    /// add up.
    pub loaded: bool,
}

/// One version that a needed library must offer.
#[derive(Clone, Debug)]
pub struct RequiredVersion {
    /// The library.
    pub library: String,
    /// `GLIBC_2.34`, …
    pub version: String,
    /// Symbols of that version that the file imports.
    pub symbols: Vec<String>,
}

/// Something worth acting on.
#[derive(Clone, Debug)]
pub struct Finding {
    /// A stable kebab-case code.
    pub code: &'static str,
    /// One sentence.
    pub title: String,
    /// The bytes at stake.
    pub bytes: u64,
    /// The evidence, line by line.
    pub evidence: Vec<String>,
    /// The command to look further or to act.
    pub command: String,
}

/// A region of memory and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionUse {
    /// Its name in the script.
    pub name: String,
    /// Its first address.
    pub origin: u64,
    /// Its bytes.
    pub length: u64,
    /// How many of them there are up to the end of what the program takes.
    pub used: u64,
}

/// The default view.
#[derive(Clone, Debug)]
pub struct Overview<'a> {
    /// All sections.
    pub sections: Vec<SectionRow>,
    /// All crates.
    pub crates: Vec<CrateRow>,
    /// All functions.
    pub functions: Vec<FunctionRow<'a>>,
    /// At most three, most bytes first.
    pub findings: Vec<Finding>,
    /// Of a universal file the image that the findings are of.
    pub findings_of: Option<&'a str>,
    /// Of firmware: the regions of the chip's memory.
    pub regions: Vec<RegionUse>,
}
