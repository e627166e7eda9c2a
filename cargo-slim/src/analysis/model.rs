//! The rows of every analysis, as the analysis hands them to `report`: plain values, sorted largest
//! first, complete (cutting, filtering and rendering are the report's work). Sizes are bytes.

use crate::{
    dependencies::{Features, Tree},
    ledger::ByCategory,
};
pub use codecost::attribution::{CrateInfo, CrateKey};
use codecost::{address::VirtualAddress, attribution::Evidence};
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
    /// The package that the artifact was built from, when it was built by us.
    pub package: Option<String>,
    /// The cargo target that it was built from.
    pub target_name: Option<String>,
    /// The profile in use.
    pub profile: Option<String>,
    /// What was added for this one build, in words (`strip=none`, `v0 names`, …).
    pub build_notes: Vec<String>,
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
    /// How many of `file`'s bytes are this crate's proportional share of data that several crates
    /// use; `file - shared` is exclusively its own.
    pub shared: u64,
}

/// One function, with aliases at the same address.
#[derive(Clone, Debug)]
pub struct FunctionRow<'a> {
    /// The demangled name without hashes.
    pub name: &'a str,
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
    /// The virtual address.
    pub address: VirtualAddress,
    /// Bytes in the file, without padding.
    pub file: u64,
    /// Bytes that stay with `strip = "symbols"`; as `file` where the format gives no way to tell.
    pub shipped: u64,
    /// How the defining crate is known.
    pub evidence: Evidence,
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
pub struct DataRow {
    /// The symbol's name, an excerpt of the text, or a bracketed description.
    pub name: String,
    /// The owner; for shared data the first of `shared_by`.
    pub label: CrateInfo,
    /// The section.
    pub section: String,
    /// The virtual address.
    pub address: VirtualAddress,
    /// Bytes in the file.
    pub file: u64,
    /// Bytes that stay with `strip = "symbols"`; as `file` where the format gives no way to tell.
    pub shipped: u64,
    /// `string`, `table`, `vtable`, `location`, `embedded`, `static`, `literal`, `unknown`.
    pub kind: &'static str,
    /// All crates that use it, when they are several.
    pub shared_by: Vec<CrateInfo>,
    /// The crates whose compilations made it, or made the code that uses it.
    pub instantiated_by: Vec<CrateInfo>,
    /// How the owner is known.
    pub evidence: Evidence,
    /// Who uses it, where that was asked for.
    pub users: Vec<DataUser>,
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
}

/// One segment.
#[derive(Clone, Debug)]
pub struct SegmentRow {
    /// `LOAD`, `DYNAMIC`, `GNU_RELRO`, …
    pub name: String,
    /// `r-x` and so on.
    pub permissions: String,
    /// The virtual address.
    pub address: VirtualAddress,
    /// Bytes in the file.
    pub file: u64,
    /// Bytes in memory.
    pub memory: u64,
    /// Whether the loader maps it (`PT_LOAD`); only these add up.
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

/// Whose retained bytes are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetainedBy {
    /// Each function, and each constant that keeps more than itself.
    #[default]
    Function,
    /// Each crate.
    Crate,
    /// Each generic function with all its copies.
    Generic,
}

/// What goes if something goes.
#[derive(Clone, Debug)]
pub struct RetainedRow<'a> {
    /// `function`, `crate`, `generic` or `data`.
    pub kind: &'static str,
    /// Its name.
    pub name: Cow<'a, str>,
    /// The crate that wrote it.
    pub label: &'a CrateInfo,
    /// Its own bytes of code and data.
    pub own: u64,
    /// Code and data that go if it goes, its own included, with the padding between them.
    pub retained: u64,
    /// How many of `retained` may stay, because something unknown may refer to them.
    pub uncertain: u64,
    /// All bytes that go: `retained`, and their unwind entries and relocations.
    pub shipped: u64,
    /// The code of `retained`, with its padding.
    pub code: u64,
    /// The data of `retained`.
    pub data: u64,
}

/// One step of a chain from a root to something.
#[derive(Clone, Debug)]
pub struct WhyRow<'a> {
    /// Which chain, from 1.
    pub chain: u32,
    /// Which step of it, from 1.
    pub step: u32,
    /// The name in full.
    pub name: Cow<'a, str>,
    /// Its symbol; empty where it has none.
    pub symbol: &'a str,
    /// The crate that wrote it.
    pub label: &'a CrateInfo,
    /// How the step before refers to it: `entry`, `export`, `init`, `call`, `address`, `data`,
    /// `vtable` or `unknown`.
    pub via: &'static str,
    /// The place of that reference, where debug information knows it.
    pub place: Option<SourcePlace>,
    /// The functions that the reference was inlined from into the step before, innermost first.
    pub inlined: Vec<String>,
    /// Where the reference is, where it is an instruction.
    pub site: Option<VirtualAddress>,
    /// Whether every known way from a root leads through it.
    pub only: bool,
    /// Its own bytes.
    pub own: u64,
    /// What goes if it goes.
    pub retained: u64,
}

/// A line of a source file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SourcePlace {
    /// The file, as the debug information names it.
    pub file: String,
    /// The line.
    pub line: Option<u32>,
}

/// Who refers to what was asked about, directly.
#[derive(Clone, Debug)]
pub struct Referrer<'a> {
    /// Its name; of generic copies the one of their family.
    pub name: Cow<'a, str>,
    /// The crate that wrote it.
    pub label: &'a CrateInfo,
    /// How many copies of it do.
    pub copies: u64,
    /// What goes if it goes, with all copies of it.
    pub retained: u64,
    /// Whether it is a function.
    pub is_code: bool,
}

/// What the dependencies and features of a program cost.
#[derive(Clone, Debug)]
pub struct Deps {
    /// The packages.
    pub tree: Tree,
    /// What builds without each feature showed, where they were made.
    pub proven: Option<Features>,
}

/// What rows of inlined code are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InlinedBy {
    /// The function that was inlined.
    #[default]
    Callee,
    /// The line of the call.
    Line,
}

/// Code that was inlined.
#[derive(Clone, Debug)]
pub struct InlinedRow {
    /// The function without generic arguments, or the line of the call.
    pub name: String,
    /// The crate that wrote the function; for a line, the function that it calls most of.
    pub label: CrateInfo,
    /// Bytes of code.
    pub file: u64,
    /// In how many places.
    pub places: u64,
    /// The place with most bytes: for a function the line of a call, for a line the function.
    pub largest: Option<String>,
    /// Bytes there.
    pub largest_file: u64,
}

/// What the language's own machinery costs.
#[derive(Clone, Debug)]
pub struct Language {
    /// The rows, the largest first. They overlap.
    pub rows: Vec<LanguageRow>,
    /// What the figures rest on.
    pub graph: GraphFacts,
}

/// One kind of machinery.
#[derive(Clone, Debug)]
pub struct LanguageRow {
    /// What it is.
    pub name: &'static str,
    /// Of how many functions and constants.
    pub count: u64,
    /// How often functions of the workspace refer to it.
    pub references: u64,
    /// Its own bytes.
    pub own: u64,
    /// What goes if all of it goes: an upper bound.
    pub retained: u64,
    /// How many of `retained` may stay.
    pub uncertain: u64,
    /// All bytes that go, tables included.
    pub shipped: u64,
    /// The functions of the workspace that refer to it most often.
    pub payers: Vec<Payer>,
    /// What would save them.
    pub advice: &'static str,
}

/// A function of the workspace that uses machinery of the language.
#[derive(Clone, Debug)]
pub struct Payer {
    /// Its full name.
    pub name: String,
    /// Its crate.
    pub owner: String,
    /// How often it refers to it.
    pub references: u64,
}

/// Why something is in the file.
#[derive(Clone, Debug)]
pub struct Why<'a> {
    /// What was asked about.
    pub wanted: String,
    /// How many functions and constants that is.
    pub matches: u64,
    /// Their own bytes.
    pub own: u64,
    /// What goes if they go.
    pub retained: u64,
    /// How much of that may stay.
    pub uncertain: u64,
    /// The chains, step by step, those first that most bytes hang on.
    pub rows: Vec<WhyRow<'a>>,
    /// For each chain, how many of the matches it leads to and their own bytes.
    pub chains: Vec<(u64, u64)>,
    /// How many more chains there are.
    pub more: u64,
    /// Who refers to the matches from outside, those that retain most first.
    pub referrers: Vec<Referrer<'a>>,
    /// How many more there are.
    pub more_referrers: u64,
    /// Whether debug information was there to name source lines.
    pub lines: bool,
    /// What the answer rests on.
    pub graph: GraphFacts,
}

/// How much of a file its reference graph explains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GraphFacts {
    /// Functions and constants.
    pub nodes: u64,
    /// References between them.
    pub edges: u64,
    /// What the loader asks for.
    pub roots: u64,
    /// Bytes of code and data that a known reference keeps.
    pub known: u64,
    /// Bytes of code and data that no known reference keeps.
    pub unknown: u64,
    /// Whether what code refers to could be read.
    pub decoded: bool,
}

/// What retains what.
#[derive(Clone, Debug)]
pub struct Retained<'a> {
    /// The rows, those that retain most first.
    pub rows: Vec<RetainedRow<'a>>,
    /// What the figures rest on.
    pub graph: GraphFacts,
    /// What was taken out before, where something was.
    pub without: Option<Without>,
}

/// Several things taken out together.
#[derive(Clone, Debug)]
pub struct Without {
    /// Each of them, as it was asked for, with what goes if it goes alone.
    pub each: Vec<Removed>,
    /// What goes if all go: code and data.
    pub retained: u64,
    /// How many of `retained` may stay.
    pub uncertain: u64,
    /// All bytes that go.
    pub shipped: u64,
    /// Code and data that stay.
    pub stays: u64,
}

/// One of several things that were taken out.
#[derive(Clone, Debug)]
pub struct Removed {
    /// As it was asked for.
    pub name: String,
    /// How many functions and constants that is.
    pub matches: u64,
    /// Their own bytes.
    pub own: u64,
    /// What goes if only they go.
    pub retained: u64,
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
}
