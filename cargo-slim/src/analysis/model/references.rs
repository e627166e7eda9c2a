//! The rows of what rests on the graph of references, on dependencies and on inlined code.

use super::CrateInfo;
use crate::dependencies::{Features, Tree};
use codecost::address::VirtualAddress;
use std::{borrow::Cow, path::Path};

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
    /// Of a constant without a name: the description of it that stays from build to build.
    pub nameless: Option<&'static str>,
    /// The how-manieth of its name: of functions and constants as in `functions` and `data`.
    pub nth: u32,
    /// The crate that wrote it.
    pub label: &'a CrateInfo,
    /// Its own bytes of code and data.
    pub own: u64,
    /// Code and data that go if it goes, its own included, with the padding between them.
    pub retained: u64,
    /// How many of `retained` may stay, because something unknown may refer to them.
    pub uncertain: u64,
    /// All bytes of the file that go and that ship: `retained`, and their unwind entries and
    /// relocations.
    pub shipped: u64,
    /// All bytes of memory that go: these, and variables of zeroes.
    pub memory: u64,
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

impl SourcePlace {
    /// As somebody in this directory would type it, else the last parts of the path; and the line.
    pub fn short(&self) -> String {
        let here = std::env::current_dir().ok();
        let below = here.and_then(|here| Path::new(&self.file).strip_prefix(here).ok());
        let mut text = match below {
            Some(below) => below.display().to_string(),
            None => {
                let parts: Vec<&str> = self.file.rsplit(['/', '\\']).take(3).collect();
                parts.into_iter().rev().collect::<Vec<_>>().join("/")
            }
        };
        if let Some(line) = self.line {
            text += &format!(":{line}");
        }
        text
    }
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
    pub references: Option<u64>,
    /// Its own bytes.
    pub own: u64,
    /// What goes if all of it goes: an upper bound.
    pub retained: u64,
    /// How many of `retained` may stay.
    pub uncertain: u64,
    /// All bytes that go, tables included.
    pub shipped: u64,
    /// The functions of the workspace that refer to it most often.
    pub payers: Option<Vec<Payer>>,
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
    /// What goes with their unwind tables, relocations and the like: all that ships.
    pub shipped: u64,
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
