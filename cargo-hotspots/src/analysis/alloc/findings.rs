//! What a programmer can act on: places that grow a block step by step, format in a loop, clone,
//! rebuild hash tables, box values one by one, or allocate what is freed at once.
//!
//! A place is the line that a stack is charged to. It belongs to one kind: the innermost function of
//! std that names one, between the allocator and the place, decides. None says what a change would
//! save, because that was not measured.

use super::{
    Figures, Growth, Scale,
    model::{AllocFinding, Kind},
};
use crate::{
    allocations::{Allocations, Counts, PARTS},
    analysis::{select::path_of, shares::Shares, subject::Subject},
    paths::tail,
    profile::StackId,
    symbols::{FunctionId, SourceId},
};
use codecost::{
    attribution::Origin,
    front::quoted,
    units::{Bytes, Share, counted, thousands},
};
use std::{cmp::Reverse, collections::HashMap};

/// How many are shown.
const MOST: usize = 6;
/// A place with a smaller part of the blocks and of the bytes is not worth a line.
const WORTH: f64 = 0.02;

/// What to do there.
fn advice(kind: Kind) -> &'static str {
    match kind {
        Kind::Growth => "`with_capacity` or `reserve` with the final length allocates once",
        Kind::Formatting => {
            "`write!` into a buffer that is kept, or formatting only when it \
                                 is shown, makes no string"
        }
        Kind::Clone => "a borrow, an `Rc` or moving the value makes no copy",
        Kind::HashTable => "`with_capacity` allocates a table once; `clear` keeps its memory",
        Kind::Boxes => "one `Vec` of them, or an arena, allocates for many at once",
        Kind::ShortLived => "a buffer outside the loop, cleared for each turn, is allocated once",
    }
}

type Place = (Option<FunctionId>, Option<SourceId>, Option<u32>);

/// The places with the most allocations, one kind of work each.
pub(super) fn find(
    subject: &Subject<'_>,
    shares: &Shares<'_>,
    allocations: &Allocations<StackId>,
) -> Vec<AllocFinding> {
    // The same figures as the rows have.
    let scale = Scale::new(allocations, Growth::GrownBy);
    let kinds: Vec<Option<Kind>> = shares
        .symbols
        .functions
        .iter()
        .map(|function| kind_of(&function.name))
        .collect();
    let mut places: HashMap<(Kind, Place), Counts> = HashMap::new();
    let mut all = Counts::default();
    for (stack, counts) in &allocations.stacks {
        all += *counts;
        let Some((place, kind)) = settle(shares, stack.0 as usize, &kinds) else {
            continue;
        };
        if let Some(kind) = kind {
            *places.entry((kind, place)).or_default() += *counts;
        }
        let is_short = counts.short_lived.saturating_mul(2) > counts.allocations;
        if is_short && !is_of_libc(shares, stack.0 as usize) {
            *places.entry((Kind::ShortLived, place)).or_default() += *counts;
        }
    }
    let (all_blocks, all_bytes) = (all.allocations.saturating_add(all.reallocations), all.bytes);
    let of = |part: u64, whole: u64| Share::of(part, whole).0;
    let mut found: Vec<((Kind, Place), Counts)> = places
        .into_iter()
        .filter(|((kind, _), counts)| is_so(*kind, counts))
        .filter(|((kind, _), counts)| {
            let (blocks, bytes) = concerned(*kind, counts);
            of(blocks, all_blocks) >= WORTH || of(bytes, all_bytes) >= WORTH
        })
        .collect();
    found.sort_by_key(|((kind, place), counts)| {
        let (blocks, bytes) = concerned(*kind, counts);
        (Reverse(blocks), Reverse(bytes), *kind, *place)
    });
    // What is said of a place once is not said again of its lifetime.
    let mut named: Vec<Place> = Vec::new();
    let mut findings = Vec::new();
    for ((kind, place), counts) in found {
        if findings.len() == MOST || named.contains(&place) {
            continue;
        }
        named.push(place);
        let share = of(concerned(kind, &counts).0, all_blocks).min(1.0);
        findings.extend(finding(
            subject, shares, &scale, kind, place, &counts, share,
        ));
    }
    findings
}

/// Whether a function of the system's libraries makes the block for itself, as `opendir` does: nobody
/// else can keep it.
fn is_of_libc(shares: &Shares<'_>, stack: usize) -> bool {
    let own = shares.settled.get(stack).and_then(|settled| settled.own);
    let function = own.and_then(|own| shares.function(Some(own)));
    let owner = function.and_then(|function| shares.owner(function));
    let owner = owner.and_then(|owner| shares.symbols.crates.get(owner.0 as usize));
    owner.is_some_and(|owner| owner.system && owner.origin == Origin::Native)
}

/// The place that a stack is charged to, and the kind of work in between.
fn settle(
    shares: &Shares<'_>,
    stack: usize,
    kinds: &[Option<Kind>],
) -> Option<(Place, Option<Kind>)> {
    let charged = shares.settled.get(stack)?.charged;
    // Where nobody's code is named, there is nobody to advise.
    if charged.is_some_and(|at| shares.is_system(at)) {
        return None;
    }
    let scope = shares.scope(charged)?;
    let place = (shares.function(charged), scope.file, scope.line);
    let mut kind = None;
    let mut at = Some(stack);
    while let Some(stack) = at {
        for (position, scope) in shares.scopes(stack) {
            if Some(position) == charged {
                return Some((place, kind));
            }
            kind = kind.or(kinds.get(scope.function.0 as usize).copied().flatten());
        }
        at = shares.caller(stack);
    }
    Some((place, kind))
}

/// The work that a function of std names.
fn kind_of(name: &str) -> Option<Kind> {
    let path = path_of(name);
    let has = |part: &str| path.contains(part);
    if has("hashbrown::") {
        Some(Kind::HashTable)
    } else if path.starts_with("alloc::fmt::format") {
        Some(Kind::Formatting)
    } else if path.ends_with(" as core::clone::Clone>::clone")
        || path.ends_with("::to_vec")
        || path.ends_with("::to_owned")
        || path.ends_with("::to_string")
    {
        Some(Kind::Clone)
    } else if has("raw_vec::") && (has("grow_amortized") || has("grow_one") || has("finish_grow")) {
        Some(Kind::Growth)
    } else if path.starts_with("alloc::boxed::")
        || path.starts_with("alloc::alloc::exchange_malloc")
    {
        Some(Kind::Boxes)
    } else {
        None
    }
}

/// The blocks, in [`PARTS`], and bytes that the advice is about: of a place where blocks grow those that
/// did, and their reallocations. Others are made there at their length.
fn concerned(kind: Kind, counts: &Counts) -> (u64, u64) {
    match kind {
        Kind::Growth => (
            counts.grown_blocks.saturating_add(counts.grown_steps),
            counts.grown_final,
        ),
        _ => (
            counts.allocations.saturating_add(counts.reallocations),
            counts.bytes,
        ),
    }
}

/// Whether the counts are what the kind says.
fn is_so(kind: Kind, counts: &Counts) -> bool {
    match kind {
        // A first allocation alone is no growth, and a block that is made elsewhere is not made longer here.
        Kind::Growth => counts.grown_blocks > 0 && counts.grown_steps >= counts.grown_blocks,
        // Files of other tools do not have the sizes.
        Kind::Boxes => {
            let is_one = counts.smallest == counts.largest && counts.largest > 0;
            is_one && counts.allocations >= 100 * PARTS
        }
        Kind::ShortLived => counts.allocations >= 100 * PARTS,
        Kind::Formatting | Kind::Clone | Kind::HashTable => counts.allocations >= 10 * PARTS,
    }
}

fn finding(
    subject: &Subject<'_>,
    shares: &Shares<'_>,
    scale: &Scale,
    kind: Kind,
    (function, file, line): Place,
    counts: &Counts,
    share: f64,
) -> Option<AllocFinding> {
    let function = shares.symbols.functions.get(function?.0 as usize)?;
    let file = file.and_then(|file| shares.symbols.files.get(file.0 as usize).cloned());
    let Figures {
        allocations: made,
        reallocations,
        bytes,
        ..
    } = scale.figures(&match kind {
        Kind::Growth => Counts {
            allocations: counts.grown_blocks,
            reallocations: counts.grown_steps,
            bytes: counts.grown_final,
            ..Counts::default()
        },
        _ => *counts,
    });
    let count = made.saturating_add(reallocations);
    let about = if scale.is_exact { "" } else { "about " };
    let what = match kind {
        Kind::Growth => "vectors and strings that grow step by step",
        Kind::Formatting => "strings made by formatting",
        Kind::Clone => "copies of values",
        Kind::HashTable => "hash tables that are made or get more room",
        Kind::Boxes => "boxes of one size",
        Kind::ShortLived => "blocks that are freed at once",
    };
    let mut evidence = Vec::new();
    let place = match (&file, line) {
        (Some(file), Some(line)) => format!(", {}:{line}", tail(file)),
        _ => String::new(),
    };
    if kind != Kind::Growth {
        let grown = match scale.told_apart {
            true => format!(", {}", counted(reallocations, "reallocation")),
            false => String::new(),
        };
        evidence.push(format!(
            "{about}{}{grown}, {} in {}{place}",
            counted(made, "allocation"),
            Bytes(bytes),
            function.name
        ));
    }
    if counts.grown_blocks > 0 {
        let steps = counts.grown_steps as f64 / counts.grown_blocks as f64;
        let length = counts.grown_final / counts.grown_blocks.div_ceil(PARTS).max(1);
        let place = match kind {
            Kind::Growth => format!(", in {}{place}", function.name),
            _ => String::new(),
        };
        let (blocks, grow) = match scale.blocks(counts.grown_blocks) {
            1 => ("1 block that is made here".to_owned(), "grows"),
            blocks => (
                format!("{} blocks that are made here", thousands(blocks)),
                "grow, each",
            ),
        };
        evidence.push(format!(
            "{about}{blocks} {grow} {steps:.1} times, to {} on average{place}",
            Bytes(length)
        ));
    }
    if kind == Kind::Boxes {
        evidence.push(format!("each has {}", Bytes(counts.largest)));
    }
    // An estimate of its own, so by chance it may exceed the blocks.
    let short = counts.short_lived.min(counts.allocations);
    let short = Share::of(short, counts.allocations);
    if short.0 > 0.5 {
        evidence.push(format!(
            "{short} of them are freed before 16 others are made"
        ));
    }
    evidence.push(advice(kind).to_owned());
    Some(AllocFinding {
        kind,
        title: format!("{what}: {} of all allocations", Share(share)),
        function: function.name.clone(),
        file,
        line,
        count,
        bytes,
        share,
        time_share: None,
        evidence,
        command: format!(
            "cargo hotspots callers {}{}",
            quoted(&function.name),
            subject.input_flag
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line that makes 20,000 vectors by a function that can grow them, 47 of which do.
    #[test]
    fn of_a_place_where_blocks_grow_those_count_that_do() {
        let counts = Counts {
            allocations: 20_000 * PARTS,
            reallocations: 123_728 * PARTS,
            bytes: 2 << 20,
            grown_blocks: 47 * PARTS,
            grown_steps: 50 * PARTS,
            grown_final: 9_000,
            ..Counts::default()
        };
        let found = concerned(Kind::Growth, &counts);
        assert_eq!(found, (97 * PARTS, 9_000));
        let blocks = concerned(Kind::ShortLived, &counts).0;
        assert_eq!(blocks, 143_728 * PARTS);
        // Blocks that are made elsewhere and get longer here.
        let elsewhere = Counts {
            grown_blocks: 0,
            grown_steps: 0,
            ..counts
        };
        assert!(is_so(Kind::Growth, &counts) && !is_so(Kind::Growth, &elsewhere));
    }

    #[test]
    fn functions_of_std_name_the_work() {
        for (name, kind) in [
            (
                "<alloc::raw_vec::RawVecInner>::grow_amortized",
                Some(Kind::Growth),
            ),
            ("alloc::raw_vec::finish_grow", Some(Kind::Growth)),
            ("alloc::fmt::format::format_inner", Some(Kind::Formatting)),
            (
                "<alloc::vec::Vec<u8> as core::clone::Clone>::clone",
                Some(Kind::Clone),
            ),
            (
                "<str as alloc::borrow::ToOwned>::to_owned",
                Some(Kind::Clone),
            ),
            (
                "<hashbrown::raw::RawTable<u8>>::reserve_rehash",
                Some(Kind::HashTable),
            ),
            ("<alloc::boxed::Box<u8>>::new", Some(Kind::Boxes)),
            ("core::slice::sort::stable", None),
        ] {
            assert_eq!(kind_of(name), kind, "{name}");
        }
    }
}
