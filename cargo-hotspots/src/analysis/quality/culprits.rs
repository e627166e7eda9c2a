//! Which code is in the way of whole stacks: where most of them end, or have a hole.

use super::super::{advice::Culprit, shares::Shares};
use crate::profile::{FrameId, ModuleKind};
use codecost::units::Share;
use std::{collections::HashMap, path::Path};

/// The code without unwind tables that most stacks end in, and in how many any such code is.
pub(super) fn without_tables(shares: &Shares<'_>) -> Option<(Culprit, u64)> {
    let without = &shares.profile.without_tables;
    let ends = ends(shares).filter(|(frame, _)| without.binary_search(frame).is_ok());
    most(shares, ends)
}

/// The share of the allocated bytes whose stacks have no end, where ends are known: a few stacks may
/// have most of them. Not of time, where every sample is worth the same.
pub(super) fn unrooted_bytes(shares: &Shares<'_>) -> Option<Share> {
    let profile = shares.profile;
    let theirs = profile.counts.iter().map(|count| {
        let part = count.unrooted as f64 / count.samples.max(1) as f64;
        count.period as f64 * part
    });
    let share = Share(theirs.sum::<f64>() / profile.period.max(1) as f64);
    profile.call_graph.has_known_ends().then_some(share)
}

/// The code that most other stacks end in whose callers are missing.
pub(super) fn of_unrooted(shares: &Shares<'_>) -> Option<Culprit> {
    let without = &shares.profile.without_tables;
    let ends = ends(shares).filter(|(frame, _)| without.binary_search(frame).is_err());
    most(shares, ends).map(|(culprit, _)| culprit)
}

/// The innermost code of most of the stacks that have a hole.
pub(super) fn of_broken(shares: &Shares<'_>) -> Option<Culprit> {
    let profile = shares.profile;
    let broken = profile.counts.iter().filter(|count| count.broken > 0);
    let innermost = broken.filter_map(|count| {
        // The kernel leads on to the program.
        let mut frames = profile.frames_of(count.stack);
        let frame = frames.find(|frame| module_kind(shares, *frame) != ModuleKind::Kernel)?;
        Some((frame, count.broken))
    });
    most(shares, innermost).map(|(culprit, _)| culprit)
}

/// The outermost frames of stacks whose callers are missing, with their samples.
fn ends<'s>(shares: &'s Shares<'_>) -> impl Iterator<Item = (FrameId, u64)> + 's {
    let stacks = shares.profile.stacks.iter().enumerate();
    stacks.filter_map(|(stack, node)| {
        let caller = shares.caller(stack)?;
        let samples = shares.below.get(stack)?.samples;
        shares.is_missing(caller).then_some((node.frame, samples))
    })
}

fn module_kind(shares: &Shares<'_>, frame: FrameId) -> ModuleKind {
    let profile = shares.profile;
    let frame = profile.frames.get(frame.0 as usize);
    let module = frame.and_then(|frame| profile.modules.get(frame.module.0 as usize));
    module.map_or(ModuleKind::Unknown, |module| module.kind)
}

/// The function that has most samples, and all samples.
fn most(
    shares: &Shares<'_>,
    frames: impl Iterator<Item = (FrameId, u64)>,
) -> Option<(Culprit, u64)> {
    let (profile, symbols) = (shares.profile, shares.symbols);
    let mut sums: HashMap<(u32, u32), u64> = HashMap::new();
    let mut all = 0_u64;
    for (frame, samples) in frames {
        let module = profile.frames.get(frame.0 as usize)?.module.0;
        let function = symbols.chains.get(frame.0 as usize)?.symbol.0;
        let sum = sums.entry((module, function)).or_default();
        *sum = sum.saturating_add(samples);
        all = all.saturating_add(samples);
    }
    let most = sums.into_iter();
    let ((module, function), _) =
        most.max_by_key(|(of, samples)| (*samples, std::cmp::Reverse(*of)))?;
    let path = Path::new(&profile.modules.get(module as usize)?.name);
    let file = path.file_name().unwrap_or(path.as_os_str());
    let name = symbols.functions.get(function as usize);
    let culprit = Culprit {
        function: name.map_or_else(|| "[unknown]".into(), |function| function.name.clone()),
        file: file.to_string_lossy().into_owned(),
        is_program: !file.to_string_lossy().contains(".so"),
    };
    (all > 0).then_some((culprit, all))
}
