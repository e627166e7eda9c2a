//! What the language's own machinery costs: panics, formatting, drop glue, unwinding, dynamic
//! dispatch, copies of generic functions.
//!
//! Each is a group of functions and constants, told by the names that core, alloc and std give them,
//! and what goes if the group goes. The groups overlap (drop glue is generic, panics are formatted),
//! so they do not add up, and each is an upper bound: no program can do without all of one.

use super::{
    model::{Language, LanguageRow, Payer},
    names::of_drop_glue,
    open::Opened,
    references::References,
    result::Analysis,
    subject::Subject,
};
use crate::{
    graph::{FIRST, Kept, Node},
    ledger::Ledger,
};
use codecost::{
    Result,
    attribution::{CrateId, Function, Origin},
    disasm::{Reference, decoder_of},
    graph::NO_GROUP,
    image::SectionKind,
    report::Warning,
};
use rayon::prelude::*;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

/// Payers that are named.
const PAYERS: usize = 5;

/// What a group is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Panics,
    Formatting,
    DropGlue,
    Unwinding,
    Dispatch,
}

impl Part {
    const ALL: [Self; 5] = [
        Self::Panics,
        Self::Formatting,
        Self::DropGlue,
        Self::Unwinding,
        Self::Dispatch,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Panics => "panics and bounds checks",
            Self::Formatting => "formatting",
            Self::DropGlue => "drop glue",
            Self::Unwinding => "unwinding and backtraces",
            Self::Dispatch => "dynamic dispatch",
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Panics => {
                "iterators and `get` in place of indices; `cargo tune` knows what a build without \
                 locations and messages needs"
            }
            Self::Formatting => {
                "write numbers and texts without `format!` where it is hot; `Debug` only where it \
                 is read"
            }
            Self::DropGlue => "fewer types that own memory in enums and generic containers",
            Self::Unwinding => "`panic = \"abort\"`, where nothing catches panics: `cargo tune`",
            Self::Dispatch => "an enum in place of `dyn Trait` where the types are known",
        }
    }

    /// Whether the node is of the group.
    fn holds(self, references: &References<'_, '_>, node: u32) -> bool {
        match references.graph.node(node) {
            Node::Function(at) => self.holds_function(references, at, node),
            Node::Object(at) => {
                let wanted = match self {
                    Self::Panics => "location",
                    Self::Dispatch => "vtable",
                    Self::Formatting | Self::DropGlue | Self::Unwinding => return false,
                };
                let object = references.ledger.object(at);
                object.is_some_and(|object| references.data_row(object).kind == wanted)
            }
            Node::Start | Node::Unknown => false,
        }
    }

    fn holds_function(self, references: &References<'_, '_>, at: u32, node: u32) -> bool {
        let name = references.subject.names().get(at as usize);
        let label = references.label(node);
        let of_std = matches!(label.origin, Origin::Std | Origin::StdDependency);
        match self {
            Self::Panics => of_std && is_panic(name),
            Self::Formatting => {
                name.starts_with("core::fmt::")
                    || name.starts_with("<core::fmt::")
                    || name.starts_with("alloc::fmt::")
                    || name.contains("::flt2dec::")
                    || name.contains(" as core::fmt::")
                    || name.ends_with("::write_fmt")
            }
            Self::DropGlue => {
                of_drop_glue(name).is_some() || name.ends_with(" as core::ops::drop::Drop>::drop")
            }
            Self::Unwinding => {
                of_std
                    && (name.contains("backtrace")
                        || name.contains("panic_unwind")
                        || name.contains("eh_personality")
                        || matches!(
                            label.name.as_str(),
                            "gimli"
                                | "addr2line"
                                | "miniz_oxide"
                                | "object"
                                | "rustc_demangle"
                                | "adler2"
                                | "panic_unwind"
                                | "unwind"
                        ))
            }
            Self::Dispatch => false,
        }
    }
}

/// Whether core, alloc or std give up in this function.
fn is_panic(name: &str) -> bool {
    const MODULES: [&str; 4] = [
        "core::panicking::",
        "std::panicking::",
        "<std::panicking::",
        "core::panic::",
    ];
    const ENDINGS: [&str; 10] = [
        "_fail",
        "_failed",
        "slice_error_fail_rt",
        "panic_already_borrowed",
        "panic_already_mutably_borrowed",
        "::handle_error",
        "::handle_alloc_error",
        "::capacity_overflow",
        "::assert_failed",
        "rust_panic",
    ];
    MODULES.iter().any(|module| name.starts_with(module))
        || ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// The table.
///
/// # Errors
///
/// A file changed while it was read.
pub fn language(
    opened: &Opened,
    subject: &Subject<'_>,
    ledger: &Ledger,
) -> Result<Analysis<Language>> {
    subject.one_image()?;
    let references = References::new(subject, ledger);
    let kept = Kept::new(&references.graph);
    let sites = Sites::new(&references);
    let mut rows: Vec<LanguageRow> = Part::ALL
        .par_iter()
        .map(|part| row(&references, &kept, &sites, *part))
        .collect();
    rows.push(copies(&references));
    rows.sort_by_key(|row| Reverse(row.retained));
    let rows = Language {
        rows,
        graph: references.facts(),
    };
    // Most of it is known by the names of functions.
    let nameless = subject.stripped.then(|| {
        let message = "functions without names are in no row, so the rows are no upper bounds";
        let help = "look at the same program with its symbols, or with its debug file";
        Warning::new("unnamed-functions", message).help(help)
    });
    let warnings = references.warning().into_iter().chain(nameless);
    Analysis::new(opened, subject, rows, warnings)
}

fn row(references: &References<'_, '_>, kept: &Kept, sites: &Sites, part: Part) -> LanguageRow {
    let graph = &references.graph;
    let mut group = vec![NO_GROUP; graph.sizes.len()];
    let mut count = 0;
    for node in FIRST..graph.sizes.len() as u32 {
        if part.holds(references, node) {
            group[node as usize] = 0;
            count += 1;
        }
    }
    let keep = kept.of_groups(graph, &group, 1);
    let keep = keep.first().copied().unwrap_or_default();
    let mut shipped = keep.retained.shipped();
    if part == Part::Unwinding {
        // The tables are of no use without the unwinder; what they hold of its own functions is counted.
        shipped += unwind_tables(references).saturating_sub(keep.retained.unwind);
    }
    let (references_to, payers) = sites.payers(references, &group).unzip();
    LanguageRow {
        name: part.name(),
        count,
        references: references_to,
        own: keep.own.own(),
        retained: keep.retained.linked(),
        uncertain: keep.uncertain,
        shipped,
        payers,
        advice: part.advice(),
    }
}

/// Bytes of the sections with unwind tables.
fn unwind_tables(references: &References<'_, '_>) -> u64 {
    let sections = references.subject.image.sections.iter();
    let tables = sections.filter(|section| {
        section.loaded
            && matches!(
                section.kind,
                SectionKind::EhFrame
                    | SectionKind::EhFrameHeader
                    | SectionKind::ExceptTable
                    | SectionKind::UnwindIndex
            )
    });
    tables.map(|section| section.file.size).sum()
}

/// How often each function refers to each node.
struct Sites {
    /// (function's node, what it refers to, how often)
    counted: Vec<(u32, u32, u32)>,
    /// Whether that is known: no function is of the workspace where the file is all that there is.
    known: bool,
}

impl Sites {
    /// Decodes all code once more, on all cores, to count.
    fn new(references: &References<'_, '_>) -> Self {
        let subject = references.subject;
        let ours =
            |function: &Function| subject.label(function.owner.defined).origin == Origin::Workspace;
        let known = subject.code.functions.iter().any(ours);
        let Some(decoder) = decoder_of(&subject.image).filter(|_| known) else {
            return Self {
                counted: Vec::new(),
                known: false,
            };
        };
        let inputs = references.inputs();
        let places = crate::graph::Nodes::new(&inputs);
        let counted: Vec<Vec<(u32, u32, u32)>> = subject
            .code
            .functions
            .par_iter()
            .enumerate()
            .with_min_len(64)
            .filter(|(_, function)| ours(function))
            .map(|(at, function)| {
                let from = references.graph.function(at as u32);
                let piece = crate::ledger::piece_of(&subject.image, function);
                let mut found: BTreeMap<u32, u32> = BTreeMap::new();
                decoder.calls(&[piece], &mut |_, reference: Reference| {
                    if let Some(to) = places.at(reference.to) {
                        *found.entry(to).or_default() += 1;
                    }
                });
                let found = found.into_iter();
                found.map(|(to, count)| (from, to, count)).collect()
            })
            .collect();
        Self {
            counted: counted.concat(),
            known,
        }
    }

    /// How often code of the workspace refers to the group, and which functions most; `None` where that
    /// code is not known.
    fn payers(&self, references: &References<'_, '_>, group: &[u32]) -> Option<(u64, Vec<Payer>)> {
        if !self.known {
            return None;
        }
        let mut by: HashMap<u32, u64> = HashMap::new();
        let mut all = 0;
        for (from, to, count) in &self.counted {
            let outside = group.get(*from as usize) == Some(&NO_GROUP);
            if outside && group.get(*to as usize) == Some(&0) {
                *by.entry(*from).or_default() += u64::from(*count);
                all += u64::from(*count);
            }
        }
        let mut payers: Vec<(u64, u32)> = by.into_iter().map(|(from, n)| (n, from)).collect();
        payers.sort_by_key(|(count, from)| (Reverse(*count), *from));
        let payers = payers.into_iter().take(PAYERS);
        let payers = payers.map(|(references_to, from)| Payer {
            name: references.name(from).into_owned(),
            owner: references.label(from).name.clone(),
            references: references_to,
        });
        Some((all, payers.collect()))
    }
}

/// The copies of generic functions but for the largest of each.
fn copies(references: &References<'_, '_>) -> LanguageRow {
    let mut families: HashMap<(CrateId, String), (u64, u64, u64)> = HashMap::new();
    let graph = &references.graph;
    for node in FIRST..graph.sizes.len() as u32 {
        if let Some((_, key)) = references.family(node) {
            let size = graph.sizes[node as usize].own();
            let (copies, bytes, largest) = families
                .entry((references.crate_of(node), key))
                .or_default();
            *copies += 1;
            *bytes += size;
            *largest = size.max(*largest);
        }
    }
    let several = families.values().filter(|(copies, ..)| *copies > 1);
    let (mut count, mut bytes) = (0, 0);
    for (copies, all, largest) in several {
        count += copies - 1;
        bytes += all - largest;
    }
    LanguageRow {
        name: "further copies of generic functions",
        count,
        references: None,
        own: bytes,
        retained: bytes,
        uncertain: 0,
        shipped: bytes,
        payers: None,
        advice: "move what does not depend on the type into a function that is not generic: \
                 `cargo slim generics`",
    }
}
