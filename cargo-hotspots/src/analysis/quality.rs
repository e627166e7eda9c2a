//! How good a recording is, and what its figures cannot say.

mod culprits;
mod gaps;

use super::{
    advice::{self, Culprit, Mode, Symptom},
    coverage,
    model::{Facts, Quality},
    shares::Shares,
};
use crate::{
    profile::{CallGraph, Module, ModuleKind, ModuleProblem, Profile},
    symbols::FunctionId,
};
use codecost::{
    report::Warning,
    units::{Bytes, Share, counted},
};

/// Below this many samples a share of a few percent is chance.
const FEW: u64 = 100;

/// Above these a recording is doubtful: it is warned of, and `--strict` fails.
const MOST_LOST: f64 = 0.01;
const MOST_UNROOTED: f64 = 0.10;
const MOST_TRUNCATED: f64 = 0.10;
const MOST_BROKEN: f64 = 0.10;
const MOST_UNKNOWN: f64 = 0.05;

/// The function that stands for code made at run time which has no name.
const UNNAMED_JIT: &str = "[jit]";

/// Above this, code without unwind tables is named.
const NOTICED: f64 = 0.01;

/// The quality of the samples.
pub(super) fn measure(shares: &Shares<'_>) -> Quality {
    let symbols = shares.symbols;
    let (mut unknown, mut line_zero) = (0_u64, 0_u64);
    for (stack, weight) in shares.ends() {
        let function = shares.function(shares.settled[stack].own);
        let owner = function.and_then(|function| shares.owner(function));
        let owner = owner.and_then(|owner| symbols.crates.get(owner.0 as usize));
        // A crate of a name that no catalogue knows has a name.
        if owner.is_none_or(|owner| owner.name == "[unknown]") || is_unnamed_jit(shares, function) {
            unknown = unknown.saturating_add(weight.samples);
        }
        let frame = shares.profile.stacks.get(stack).map(|node| node.frame);
        let chain = frame.and_then(|frame| symbols.chains.get(frame.0 as usize));
        if chain.is_some_and(|chain| chain.line_zero) {
            line_zero = line_zero.saturating_add(weight.samples);
        }
    }
    Quality {
        losses: shares.profile.losses,
        unknown,
        line_zero,
        unrooted_bytes: shares
            .profile
            .allocations
            .as_ref()
            .and_then(|_| culprits::unrooted_bytes(shares)),
    }
}

/// Whether a function stands for code that the program made itself and that nobody has named.
fn is_unnamed_jit(shares: &Shares<'_>, function: Option<FunctionId>) -> bool {
    let function = function.and_then(|it| shares.symbols.functions.get(it.0 as usize));
    function.is_some_and(|function| function.name == UNNAMED_JIT)
}

impl Facts {
    /// Whether not one stack was kept, so that nothing is known but how much was allocated in all.
    pub fn has_totals_only(&self) -> bool {
        self.allocated.is_some() && self.call_graph == CallGraph::None
    }

    /// Whether the event's periods stand for time.
    pub fn counts_time(&self) -> bool {
        self.is_waiting() || coverage::is_time(&self.event)
    }

    /// Whether the recording is of where threads wait: its periods are nanoseconds without a processor.
    pub fn is_waiting(&self) -> bool {
        self.waited_ns.is_some()
    }

    /// What was recorded, and how its stacks were.
    pub(super) fn mode(&self) -> Mode {
        Mode {
            call_graph: self.call_graph,
            of_allocations: self.allocated.is_some(),
        }
    }

    /// Which bounds the recording exceeds, in words.
    pub fn exceeded(&self) -> Vec<String> {
        let Quality {
            losses,
            unknown,
            line_zero: _,
            unrooted_bytes,
        } = self.quality;
        // That nobody is named is what was asked for.
        let unknown = if self.has_totals_only() { 0 } else { unknown };
        let of = self.samples;
        let asked = of.saturating_add(losses.lost);
        let figures = [
            ("lost", losses.lost, asked, MOST_LOST),
            ("unrooted", losses.unrooted, of, MOST_UNROOTED),
            ("truncated", losses.truncated, of, MOST_TRUNCATED),
            ("broken", losses.broken, of, MOST_BROKEN),
            ("unknown", unknown, of, MOST_UNKNOWN),
        ];
        let mut exceeded: Vec<String> = figures
            .into_iter()
            .filter_map(|(what, part, whole, most)| {
                let share = Share::of(part, whole);
                (share.0 > most).then(|| format!("{what} {share} is above {}", Share(most)))
            })
            .collect();
        // Few stacks may have most of the bytes.
        let unrooted = unrooted_bytes.filter(|share| share.0 > MOST_UNROOTED);
        if let Some(share) = unrooted {
            let most = Share(MOST_UNROOTED);
            exceeded.push(format!("unrooted {share} of the bytes is above {most}"));
        }
        if let Some(share) = self.low_coverage() {
            let (share, least) = (Share(share), Share(coverage::LEAST));
            exceeded.push(format!("coverage {share} is below {least}"));
        }
        if losses.cut_off {
            exceeded.push("the recording was cut off".into());
        }
        exceeded
    }
}

/// What the reader of the figures must know.
pub(super) fn warnings(shares: &Shares<'_>, facts: &Facts) -> Vec<Warning> {
    let mut warnings = recorded(shares.profile, facts);
    warnings.extend(coverage::warning(shares, facts));
    warnings.extend(coverage::waiting(facts));
    warnings.extend(lost(facts));
    warnings.extend(stacks(shares, facts));
    warnings.extend(damaged(facts));
    warnings.extend(unknown(shares, facts));
    warnings.extend(programs(facts));
    warnings
}

/// What the recording does not have.
fn recorded(profile: &Profile, facts: &Facts) -> Vec<Warning> {
    let mut warnings = Vec::new();
    // Where each allocation has its stack nothing is left to chance, however few there are.
    let is_counted =
        facts.allocated.is_some_and(|totals| totals.complete != 0) || facts.is_waiting();
    if facts.samples < FEW && !is_counted && !facts.has_totals_only() {
        let (what, help) = match facts.allocated {
            Some(_) => ("stack", remedy(facts, Symptom::Estimated, None)),
            None => (
                "sample",
                "let the program run longer, or raise `--frequency`".into(),
            ),
        };
        let text = format!(
            "only {}: shares of a few percent are chance",
            counted(facts.samples, what)
        );
        warnings.push(
            Warning::new("few-samples", text)
                .help(help)
                .count(facts.samples),
        );
    }
    if profile.call_graph == CallGraph::None {
        let what = match facts.has_totals_only() {
            true => {
                "no call stacks were recorded: only the totals are known, and not who allocates"
            }
            false => "no call stacks were recorded: `charged` and `caused` end at the inline chain",
        };
        let help = remedy(facts, Symptom::NoStacks, None);
        warnings.push(Warning::new("no-stacks", what).help(help));
    }
    if profile.call_graph == CallGraph::Given {
        warnings.push(
            Warning::new(
                "stack-ends-unknown",
                "the file does not say which of its stacks are whole: where callers are missing, \
                 `charged` and `caused` end too early",
            )
            .help("what `cargo hotspots` records itself says how each stack ends"),
        );
    }
    if profile.call_graph == CallGraph::CallEdges {
        warnings.push(
            Warning::new(
                "estimated-stacks",
                "the file has calls and no stacks: what rests on callers (`charged`, `caused`, \
                 `inclusive`) is estimated by sharing out each function's cost over its callers",
            )
            .help("`self` is exact; for stacks record with `cargo hotspots` or perf"),
        );
    }
    if !profile.other_events.is_empty() {
        let events = profile.other_events.iter();
        let named: Vec<_> = events
            .map(|(event, samples)| match profile.call_graph {
                CallGraph::CallEdges => format!("`{event}` ({})", counted(*samples, "event")),
                _ => format!("`{event}` ({})", counted(*samples, "sample")),
            })
            .collect();
        warnings.push(
            Warning::new(
                "other-events",
                format!(
                    "only `{}` is shown; the recording also has {}",
                    facts.event,
                    named.join(", ")
                ),
            )
            .help("show another one with `--event NAME`")
            .count(profile.other_events.len() as u64),
        );
    }
    warnings
}

/// Samples that were lost while recording.
fn lost(facts: &Facts) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let losses = facts.quality.losses;
    if share_of(losses.lost, facts.samples.saturating_add(losses.lost)) > MOST_LOST {
        warnings.push(
            Warning::new(
                "lost-samples",
                format!("{} were lost", counted(losses.lost, "sample")),
            )
            .help(remedy(facts, Symptom::Lost, None))
            .count(losses.lost),
        );
    }
    warnings
}

fn remedy(facts: &Facts, symptom: Symptom, culprit: Option<&Culprit>) -> String {
    advice::remedy(symptom, facts.mode(), facts.stack_limit, culprit)
}

/// Callers that the stacks do not have, by cause.
fn stacks(shares: &Shares<'_>, facts: &Facts) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let losses = facts.quality.losses;
    let share = |part: u64| Share::of(part, facts.samples);
    if share(losses.truncated).0 > MOST_TRUNCATED {
        let limit = match (facts.stack_limit.frames, facts.stack_limit.bytes) {
            (Some(frames), _) => match facts.allocated {
                Some(_) => format!("the {frames} frames that the recorder follows"),
                None => format!("the {frames} frames that the kernel follows"),
            },
            (None, Some(bytes)) => format!("the {} that are copied of them", Bytes(bytes.into())),
            (None, None) => "what is recorded of them".into(),
        };
        let what = format!(
            "{} of the stacks are deeper than {limit}",
            share(losses.truncated)
        );
        let help = remedy(facts, Symptom::Truncated, None);
        let warning = Warning::new("truncated-stacks", what).help(help);
        warnings.push(warning.count(losses.truncated));
    }
    if share(losses.broken).0 > MOST_BROKEN {
        let culprit = culprits::of_broken(shares);
        let named = culprit
            .as_ref()
            .map(|culprit| format!(", such as {culprit}"));
        let what = format!(
            "{} of the stacks have a hole: code without frame pointers{} hides its callers",
            share(losses.broken),
            named.unwrap_or_default()
        );
        let help = remedy(facts, Symptom::Broken, culprit.as_ref());
        warnings.push(
            Warning::new("broken-stacks", what)
                .help(help)
                .count(losses.broken),
        );
    }
    let culprit = culprits::without_tables(shares);
    if let Some((culprit, samples)) = &culprit
        && share(*samples).0 > NOTICED
    {
        let what = format!(
            "{} of the stacks end in code without unwind tables, most of them in {culprit}",
            share(*samples)
        );
        let help = remedy(facts, Symptom::NoTables, Some(culprit));
        warnings.push(
            Warning::new("no-unwind-tables", what)
                .help(help)
                .count(*samples),
        );
    }
    let explained = culprit.map_or(0, |(_, samples)| samples);
    let elsewhere = losses.unrooted.saturating_sub(explained);
    if share(elsewhere).0 > MOST_UNROOTED {
        let culprit = culprits::of_unrooted(shares);
        let named = culprit
            .as_ref()
            .map(|culprit| format!(", most of them in {culprit}"));
        let what = format!(
            "{} of the stacks end before a thread's first function{}: callers are missing",
            share(elsewhere),
            named.unwrap_or_default()
        );
        let help = remedy(facts, Symptom::Unrooted, culprit.as_ref());
        warnings.push(
            Warning::new("unrooted-stacks", what)
                .help(help)
                .count(elsewhere),
        );
    } else if let Some(bytes) = facts.quality.unrooted_bytes
        && bytes.0 > MOST_UNROOTED
    {
        let culprit = culprits::of_unrooted(shares);
        let help = remedy(facts, Symptom::Unrooted, culprit.as_ref());
        let what = format!(
            "few stacks end before a thread's first function, and {bytes} of what was allocated is theirs: \
             their callers are missing, and it stays with whom they end in"
        );
        let warning = Warning::new("unrooted-stacks", what).help(help);
        warnings.push(warning.count(losses.unrooted));
    }
    warnings
}

/// What is wrong with the file.
fn damaged(facts: &Facts) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let losses = facts.quality.losses;
    if losses.cut_off {
        warnings.push(
            Warning::new(
                "cut-off",
                "the recording ends in the middle of a record: what came after is missing",
            )
            .help("let the recorder end by itself, or end it with Ctrl-C"),
        );
    }
    if losses.unreadable > 0 {
        warnings.push(
            Warning::new(
                "unreadable-records",
                format!("{} could not be read", counted(losses.unreadable, "record")),
            )
            .help(
                "the file is damaged there: what these records say of mapped files and samples is \
                 missing; record again, or with `--recorder builtin`",
            )
            .count(losses.unreadable),
        );
    }
    if losses.disordered > 0 {
        warnings.push(
            Warning::new(
                "disordered-records",
                format!("{} came out of order", counted(losses.disordered, "record")),
            )
            .help(
                "samples next to them may be in the wrong file; record again, or with `--recorder \
                 builtin`",
            )
            .count(losses.disordered),
        );
    }
    warnings
}

/// Code without a name, with the causes that are known: only what no cause explains is a warning
/// of its own.
fn unknown(shares: &Shares<'_>, facts: &Facts) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if facts.has_totals_only() {
        return warnings;
    }
    let share = |part: u64| Share::of(part, facts.samples);
    let causes: Vec<Warning> = modules(shares)
        .into_iter()
        .chain(gaps::warnings(shares))
        .chain(unnamed_jit(shares, facts))
        .collect();
    let explained = causes.iter().filter(|cause| {
        ["no-symbol", "unnamed-jit"].contains(&cause.code) || cause.code.ends_with("-binary")
    });
    let explained: u64 = explained.filter_map(|cause| cause.count).sum();
    let rest = facts.quality.unknown.saturating_sub(explained);
    if share(rest).0 > MOST_UNKNOWN {
        let unmapped = unmapped(shares);
        let (more, help) = match unmapped.saturating_mul(2) > rest {
            // Then no file helps: nothing says which file it was.
            true => (
                ", at addresses that the recording has no mapped file for",
                match facts.allocated {
                    Some(_) => {
                        "code that was loaded and unloaded again, or generated at run time, has no \
                         file; count a run without it"
                    }
                    None => {
                        "record again, or with `--recorder builtin`; code that was generated at run \
                         time has a name only where its maker writes `/tmp/perf-PID.map`"
                    }
                },
            ),
            false => (
                "",
                "keep the recorded binary and its debug file where they were",
            ),
        };
        let text = format!(
            "{} of the samples are in code without a name{more}",
            share(rest)
        );
        warnings.push(Warning::new("unknown-code", text).help(help).count(rest));
    }
    warnings.extend(causes);
    warnings
}

/// Code that the program made itself, whose names nobody wrote down.
fn unnamed_jit(shares: &Shares<'_>, facts: &Facts) -> Option<Warning> {
    let samples = shares.ends().map(|(stack, weight)| {
        let function = shares.function(shares.settled[stack].own);
        match is_unnamed_jit(shares, function) {
            true => weight.samples,
            false => 0,
        }
    });
    let samples = samples.fold(0, u64::saturating_add);
    let share = Share::of(samples, facts.samples);
    if share.0 <= MOST_UNKNOWN {
        return None;
    }
    let text = format!(
        "{share} of the samples are in machine code that the program made at run time, without a name"
    );
    // A map is read where the program wrote it; in a container that is another `/tmp`.
    let help = "let its runtime write `/tmp/perf-PID.map` and record again: `node --perf-basic-prof`, \
                `python -X perf`, `DOTNET_PerfMapEnabled=1`, wasmtime's `--profile=perfmap`";
    Some(Warning::new("unnamed-jit", text).help(help).count(samples))
}

/// Samples at addresses that nothing is known of, not even a file.
fn unmapped(shares: &Shares<'_>) -> u64 {
    let profile = shares.profile;
    let samples = shares.ends().map(|(stack, weight)| {
        let frame = profile.stacks.get(stack).map(|node| node.frame);
        let frame = frame.and_then(|frame| profile.frames.get(frame.0 as usize));
        let module = frame.and_then(|frame| profile.modules.get(frame.module.0 as usize));
        let is_unmapped = module.is_some_and(|module| module.kind == ModuleKind::Unknown);
        if is_unmapped { weight.samples } else { 0 }
    });
    samples.fold(0, u64::saturating_add)
}

fn share_of(part: u64, whole: u64) -> f64 {
    Share::of(part, whole).0
}

/// Files that could not be used, where samples are in them.
fn modules(shares: &Shares<'_>) -> Vec<Warning> {
    let profile = shares.profile;
    let mut samples = vec![0_u64; profile.modules.len()];
    for (stack, weight) in shares.ends() {
        let frame = profile.stacks.get(stack).map(|node| node.frame);
        let frame = frame.and_then(|frame| profile.frames.get(frame.0 as usize));
        let module = frame.and_then(|frame| samples.get_mut(frame.module.0 as usize));
        if let Some(module) = module {
            *module = module.saturating_add(weight.samples);
        }
    }
    let (mut missing, mut rebuilt, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
    for (module, samples) in profile.modules.iter().zip(samples) {
        match &module.problem {
            _ if samples == 0 => {}
            Some(ModuleProblem::Missing) => missing.push((module, samples)),
            Some(ModuleProblem::Rebuilt { .. }) => rebuilt.push((module, samples)),
            Some(ModuleProblem::Unreadable(_)) => unreadable.push((module, samples)),
            None => {}
        }
    }
    let said = |list: &[(&Module, u64)]| {
        let samples: u64 = list.iter().map(|(_, samples)| samples).sum();
        let names: Vec<_> = list
            .iter()
            .take(3)
            .map(|(module, _)| format!("`{}`", module.name))
            .collect();
        let more = match list.len().saturating_sub(3) {
            0 => String::new(),
            more => format!(" and {}", counted(more as u64, "other")),
        };
        (names.join(", ") + &more, samples)
    };
    let mut warnings = Vec::new();
    let mut warn = |code, list: &[(&Module, u64)], what: &str, help: &str| {
        if list.is_empty() {
            return;
        }
        let (names, samples) = said(list);
        warnings.push(
            Warning::new(
                code,
                format!("{names} {what}: {} in it", counted(samples, "sample")),
            )
            .help(help)
            .count(samples),
        );
    };
    warn(
        "missing-binary",
        &missing,
        "is not here",
        "put the recorded file back, or record again; the files of a container, and of a program that \
         runs from memory, are kept where it is recorded by its number while it runs: `--pid`",
    );
    warn(
        "rebuilt-binary",
        &rebuilt,
        "is here as another build than the one that ran, so it names nothing",
        "record again, or put the recorded file back; the files of a container are kept where it is \
         recorded by its number while it runs: `--pid`",
    );
    warn(
        "unreadable-binary",
        &unreadable,
        "cannot be read",
        "make it readable for you, or run as its owner",
    );
    warnings
}

/// Programs that did not end well: what was measured may not be what was meant.
fn programs(facts: &Facts) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for program in &facts.programs {
        let name = program.path.file_name().unwrap_or_default();
        let name = name.to_string_lossy();
        let how = match (program.exit_code, program.signal) {
            _ if program.interrupted => continue,
            (Some(0) | None, None) => continue,
            (_, Some(signal)) => format!("was ended by signal {signal}"),
            (Some(code), None) => format!("ended with exit code {code}"),
        };
        warnings.push(
            Warning::new("program-failed", format!("`{name}` {how}"))
                .help("see what it said above; the samples are those until then"),
        );
    }
    warnings
}
