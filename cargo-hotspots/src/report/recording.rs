//! What was recorded, and how well: the lines above every table, and `recording` in JSON.

use crate::{
    allocations::Totals,
    analysis::model::{Facts, Quality},
    profile::{CallGraph, LeftOut},
    recording::{Degradation, Program, Traffic},
};
use codecost::{
    report::{Emphasis, Page, Warning, printable},
    units::{Share, Time, counted, counted_as, thousands},
};
use serde::Serialize;
use std::{env, path::Path, time::Duration};

/// `recording` of the envelope. `lost` are samples, the first four of `quality` their shares of
/// `samples`; `disordered` and `unreadable` are records. Without stacks, or in another tool's file, it
/// is not known where they end: `null`, of which a warning speaks.
#[derive(Serialize)]
pub(super) struct JsonRecording<'a> {
    /// Among the recordings that are kept.
    number: Option<u64>,
    source: String,
    event: &'a str,
    samples: u64,
    lost: u64,
    /// `null` in files whose samples have no time.
    duration_ns: Option<u64>,
    cpu_ns: Option<u64>,
    /// The kernel's account; `coverage` is `cpu_ns` of it.
    used_cpu_ns: Option<u64>,
    coverage: Option<f64>,
    /// For how long at least no thread ran or was ready to; `null` where that was not measured.
    waiting_ns: Option<u64>,
    /// How long all threads together had no processor, where that was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    waited_ns: Option<u64>,
    /// Whether whole CPUs were sampled, so that nothing is too short to be seen.
    whole_cpus: bool,
    threads: u64,
    processes: u64,
    quality: JsonQuality,
    /// What is not shown: other processes and threads, by their process.
    left_out: Vec<JsonLeftOut<'a>>,
    /// Which bounds of `--strict` are exceeded, in words.
    exceeded: Vec<String>,
    recorder: Option<&'a str>,
    call_graph: &'static str,
    command: &'a [String],
    profile: Option<&'a str>,
    build_notes: &'a [String],
    programs: Vec<JsonProgram<'a>>,
    degradations: Vec<JsonDegradation<'a>>,
}

#[derive(Serialize)]
struct JsonQuality {
    unrooted: Option<f64>,
    /// Of allocations.
    #[serde(skip_serializing_if = "Option::is_none")]
    unrooted_bytes: Option<f64>,
    truncated: Option<f64>,
    broken: Option<f64>,
    unknown: Option<f64>,
    line_zero: Option<f64>,
    disordered: u64,
    unreadable: u64,
    cut_off: bool,
}

#[derive(Serialize)]
struct JsonLeftOut<'a> {
    process: &'a str,
    samples: u64,
}

#[derive(Serialize)]
struct JsonProgram<'a> {
    path: String,
    package: Option<&'a str>,
    target: Option<&'a str>,
    kind: Option<&'a str>,
    harness: Option<&'a str>,
    exit_code: Option<i32>,
    signal: Option<i32>,
    interrupted: bool,
    /// Calls like `read` and `write`, by the kernel's account.
    traffic: Option<JsonTraffic>,
}

#[derive(Serialize)]
struct JsonTraffic {
    reads: u64,
    read_bytes: u64,
    writes: u64,
    written_bytes: u64,
}

#[derive(Serialize)]
struct JsonDegradation<'a> {
    code: &'a str,
    what: &'a str,
    remedy: &'a str,
}

impl<'a> JsonRecording<'a> {
    pub(super) fn new(facts: &'a Facts) -> Self {
        let Facts {
            input_flag: _,
            number,
            source,
            event,
            recorder,
            command,
            programs,
            build_profile,
            build_notes,
            degradations,
            call_graph,
            stack_limit: _,
            left_out,
            samples,
            duration_ns,
            whole_cpus,
            started: _,
            cpu_ns,
            account,
            allocated: _,
            waited_ns,
            threads,
            processes,
            quality:
                Quality {
                    losses,
                    unknown,
                    line_zero,
                    unrooted_bytes,
                },
        } = facts;
        let of_all = |part: u64| Share::of(part, *samples).0;
        let of_stacks = |part: u64| call_graph.has_known_ends().then(|| of_all(part));
        let of_places = |part: u64| (!facts.has_totals_only()).then(|| of_all(part));
        Self {
            number: *number,
            source: source.to_string_lossy().into_owned(),
            event,
            samples: *samples,
            lost: losses.lost,
            duration_ns: *duration_ns,
            cpu_ns: *cpu_ns,
            waited_ns: *waited_ns,
            used_cpu_ns: account.map(|account| account.cpu_ns()),
            coverage: facts.coverage(),
            waiting_ns: account.and_then(|account| account.waiting_ns()),
            whole_cpus: *whole_cpus,
            threads: *threads,
            processes: *processes,
            quality: JsonQuality {
                unrooted: of_stacks(losses.unrooted),
                unrooted_bytes: unrooted_bytes.map(|share| share.0),
                truncated: of_stacks(losses.truncated),
                broken: of_stacks(losses.broken),
                unknown: of_places(*unknown),
                line_zero: of_places(*line_zero),
                disordered: losses.disordered,
                unreadable: losses.unreadable,
                cut_off: losses.cut_off,
            },
            left_out: left_out
                .iter()
                .map(|left| JsonLeftOut {
                    process: &left.process,
                    samples: left.samples,
                })
                .collect(),
            exceeded: facts.exceeded(),
            recorder: recorder.as_deref(),
            call_graph: call_graph_name(*call_graph),
            command,
            profile: build_profile.as_deref(),
            build_notes,
            programs: programs.iter().map(JsonProgram::new).collect(),
            degradations: degradations.iter().map(JsonDegradation::new).collect(),
        }
    }
}

/// Why members of the recording are `null`: one cause each.
pub(super) fn unknowns(facts: &Facts) -> Vec<Warning> {
    let mut causes = Vec::new();
    match (facts.allocated, facts.cpu_ns) {
        (Some(_), None) => causes.push(
            Warning::new(
                "no-cpu-time",
                "a recording of allocations counts each of them and samples no time: `cpu_ns` and \
                 `coverage` are null",
            )
            .help("record the same command without `alloc` for its time"),
        ),
        (None, None) => causes.push(
            Warning::new(
                "no-cpu-time",
                format!(
                    "the event `{}` says nothing of the time on a processor: `cpu_ns` and `coverage` \
                     are null",
                    facts.event
                ),
            )
            .help("record with `--event cpu-clock` for the time"),
        ),
        (_, Some(_)) => {}
    }
    if facts.duration_ns.is_none() {
        let what = "the samples of the file have no time: `duration_ns` is null";
        causes.push(Warning::new("no-times", what).help("record with `cargo hotspots` itself"));
    }
    if facts.account.is_none() {
        causes.push(
            Warning::new(
                "no-account",
                "what the kernel counted for the program was not recorded: `used_cpu_ns`, `coverage` \
                 and `waiting_ns` are null",
            )
            .help("record with `cargo hotspots` itself"),
        );
    }
    let is_foreign = |program: &Program| program.package.is_none();
    if facts.build_profile.is_none() || facts.programs.iter().any(is_foreign) {
        causes.push(
            Warning::new(
                "unknown-build",
                "cargo did not build what was recorded: `profile`, and `package`, `target` and `kind` \
                 of the programs, are null",
            )
            .help("choose a target (`--bin`, `--bench`, …), so that cargo builds it"),
        );
    }
    causes
}

impl<'a> JsonProgram<'a> {
    fn new(program: &'a Program) -> Self {
        let Program {
            path,
            copy: _,
            package,
            target,
            kind,
            harness,
            exit_code,
            signal,
            interrupted,
            traffic,
        } = program;
        Self {
            path: path.to_string_lossy().into_owned(),
            package: package.as_deref(),
            target: target.as_deref(),
            kind: kind.as_deref(),
            harness: harness.as_deref(),
            exit_code: *exit_code,
            signal: *signal,
            interrupted: *interrupted,
            traffic: traffic.map(|traffic| {
                let Traffic {
                    reads,
                    read_bytes,
                    writes,
                    written_bytes,
                } = traffic;
                JsonTraffic {
                    reads,
                    read_bytes,
                    writes,
                    written_bytes,
                }
            }),
        }
    }
}

impl<'a> JsonDegradation<'a> {
    fn new(degradation: &'a Degradation) -> Self {
        let Degradation { code, what, remedy } = degradation;
        Self { code, what, remedy }
    }
}

/// What is worse than it could be, with its remedy.
pub(super) fn notes(facts: &Facts) -> Page {
    facts
        .degradations
        .iter()
        .fold(Page::new(), |page, degradation| {
            let Degradation {
                code: _,
                what,
                remedy,
            } = degradation;
            let line = format!("note: {}", printable(what));
            page.line(line, Emphasis::Faint)
                .line(format!("      → {}", printable(remedy)), Emphasis::Faint)
        })
}

/// The quality of the data, then what it is of.
pub(super) fn page(facts: &Facts) -> Page {
    let mut lines = vec![
        ("quality".to_owned(), quality(facts)),
        ("recording".to_owned(), recording(facts)),
    ];
    if !facts.build_notes.is_empty() {
        let notes = format!("for this recording with {}", facts.build_notes.join(", "));
        lines.push(("build".to_owned(), notes));
    }
    if !facts.left_out.is_empty() {
        lines.push(("left out".to_owned(), left_out(facts)));
    }
    let lines = lines
        .into_iter()
        .map(|(key, value)| (key, printable(&value).into_owned()));
    let page = Page::new().facts(lines.collect());
    let exceeded = facts.exceeded();
    if exceeded.is_empty() {
        return page;
    }
    page.line(
        format!("doubtful: {}", exceeded.join("; ")),
        Emphasis::Strong,
    )
}

/// Processes that are named, of those that are left out.
const LEFT_OUT: usize = 3;

/// `412 samples of `cargo` (5.1%)`: what is in the recording and not shown.
fn left_out(facts: &Facts) -> String {
    let all = facts.left_out.iter().map(|left| left.samples);
    let all = all.fold(facts.samples, u64::saturating_add);
    let mut largest: Vec<&LeftOut> = facts.left_out.iter().collect();
    // A recording of the whole system has hundreds.
    largest.sort_by_key(|left| std::cmp::Reverse(left.samples));
    let others = largest.split_off(LEFT_OUT.min(largest.len()));
    let said = largest.into_iter().map(|left| {
        let samples = counted(left.samples, "sample");
        let share = Share::of(left.samples, all);
        match left.process.as_str() {
            LeftOut::WAITING => format!("{samples} of waiting threads ({share} of all)"),
            LeftOut::INPUTS => format!("{samples} of making a benchmark's inputs ({share} of all)"),
            LeftOut::DROPS => format!("{samples} of dropping inputs and outputs ({share} of all)"),
            process => {
                let whose = match left.beside_shown {
                    true => "other threads of process",
                    false => "process",
                };
                format!("{samples} of {whose} `{process}` ({share} of all)")
            }
        }
    });
    let mut said: Vec<String> = said.collect();
    if !others.is_empty() {
        let samples = others.iter().map(|left| left.samples).sum::<u64>();
        said.push(format!(
            "{} of {} ({} of all)",
            counted(samples, "sample"),
            counted_as(others.len() as u64, "other process", "other processes"),
            Share::of(samples, all)
        ));
    }
    said.join(", ")
}

/// `9,523 samples, 99.1% of the CPU time, 0 lost, 1.2% unrooted, 0.3% truncated, 0.1% unknown, 1.2%
/// line 0`.
fn quality(facts: &Facts) -> String {
    let Quality {
        losses,
        unknown,
        line_zero,
        unrooted_bytes: _,
    } = facts.quality;
    let share = |part: u64| match part {
        0 => "0%".to_owned(),
        _ => Share::of(part, facts.samples).to_string(),
    };
    if facts.has_totals_only() {
        return "no call stacks: only the totals are known".into();
    }
    let mut said = vec![match facts.allocated {
        Some(totals) => of_allocations(facts.samples, &totals),
        None if facts.is_waiting() => counted(facts.samples, "wait"),
        None => match facts.recorded_samples() {
            all if all > facts.samples => {
                format!("{} of {}", thousands(facts.samples), counted(all, "sample"))
            }
            all => counted(all, "sample"),
        },
    }];
    if let Some(coverage) = facts.coverage() {
        // It is that of the recording, whatever is shown of it.
        let whole = match facts.recorded_samples() > facts.samples {
            true => "all of them ",
            false => "",
        };
        said.push(format!("{whole}{} of the CPU time", Share(coverage)));
    }
    said.push(format!("{} lost", thousands(losses.lost)));
    match facts.call_graph {
        CallGraph::None => {
            said.push("no call stacks: charged and caused end at the inline chain".into());
        }
        CallGraph::Given => said.push("ends of the stacks not known".into()),
        CallGraph::CallEdges => said.push("calls and no stacks".into()),
        CallGraph::Dwarf | CallGraph::FramePointers | CallGraph::Unwound => {
            said.push(format!("{} unrooted", share(losses.unrooted)));
            said.push(format!("{} truncated", share(losses.truncated)));
        }
    }
    // Only frame pointers pass over callers.
    if facts.call_graph == CallGraph::FramePointers {
        said.push(format!("{} broken", share(losses.broken)));
    }
    said.push(format!("{} unknown", share(unknown)));
    said.push(format!("{} line 0", share(line_zero)));
    if losses.cut_off {
        said.push("cut off".into());
    }
    said.join(", ")
}

/// `1,024 stacks of 6,204 allocations`.
fn of_allocations(stacks: u64, totals: &Totals) -> String {
    let made = totals.allocations.saturating_add(totals.reallocations);
    match totals.complete != 0 {
        true => format!("the stack of each of {}", counted(made, "allocation")),
        false => format!(
            "{} of {}",
            counted(stacks, "stack"),
            counted(made, "allocation")
        ),
    }
}

/// What was recorded, in a few words: `rg (bin of ripgrep, profile release)`.
pub fn title(facts: &Facts) -> String {
    let mut of = Vec::new();
    if let Some(program) = facts.programs.first() {
        let kind = program.kind.as_deref().unwrap_or("target");
        of.extend(
            program
                .package
                .as_ref()
                .map(|package| format!("{kind} of {package}")),
        );
        of.extend(
            program
                .harness
                .as_ref()
                .map(|harness| format!("{harness} harness")),
        );
    }
    of.extend(
        facts
            .build_profile
            .as_ref()
            .map(|profile| format!("profile {profile}")),
    );
    if facts.programs.iter().any(|program| program.interrupted) {
        of.push("interrupted".into());
    }
    let name = match facts.programs.as_slice() {
        [] => shown(&facts.source),
        [only] => program_name(only),
        [first, others @ ..] => {
            let others = counted(others.len() as u64, "other");
            format!("{} and {others}", program_name(first))
        }
    };
    if of.is_empty() {
        return name;
    }
    format!("{name} ({})", of.join(", "))
}

/// Which recording is shown: `recording 3: rg (bin of ripgrep, profile release)`.
pub fn which(facts: &Facts) -> String {
    match facts.number {
        Some(number) => format!("recording {number}: {}", title(facts)),
        None => format!("{}: {}", shown(&facts.source), title(facts)),
    }
}

/// How good the recording is, in one line.
pub fn subtitle(facts: &Facts) -> String {
    quality(facts)
}

/// `rg (bin of ripgrep, profile release): cpu-clock by perf, copied stacks, 9.6 s, 3 threads`.
fn recording(facts: &Facts) -> String {
    let by = match &facts.recorder {
        Some(recorder) => format!("{} by {recorder}", facts.event),
        None => facts.event.clone(),
    };
    let stacks = match facts.call_graph {
        CallGraph::Dwarf => "copied stacks",
        CallGraph::FramePointers => "stacks by frame pointers",
        CallGraph::Unwound => "stacks by unwind tables",
        CallGraph::Given => "stacks as the file has them",
        CallGraph::CallEdges => "stacks estimated from calls",
        CallGraph::None => "no stacks",
    };
    let time = |nanoseconds| Time(Duration::from_nanos(nanoseconds));
    let duration = match (facts.cpu_ns, facts.duration_ns) {
        (None, Some(duration)) if facts.is_waiting() => format!(
            "{} of waiting in {}",
            time(facts.waited_ns.unwrap_or_default()),
            time(duration)
        ),
        (Some(cpu), Some(duration)) => {
            // `:u`: the event counts in user space only.
            let user = match facts.event.split_once(':') {
                Some((_, modifiers)) if modifiers.contains('u') => "user ",
                _ => "",
            };
            format!("{} of {user}CPU in {}", time(cpu), time(duration))
        }
        (Some(cpu), None) => format!("{} of CPU", time(cpu)),
        (None, Some(duration)) => time(duration).to_string(),
        (None, None) => "duration not known".into(),
    };
    let number = facts.number.map(|number| format!("#{number} "));
    format!(
        "{}{}: {by}, {stacks}, {duration}, {}",
        number.unwrap_or_default(),
        title(facts),
        counted(facts.threads, "thread")
    )
}

fn program_name(program: &Program) -> String {
    let file = program.path.file_name().unwrap_or_default();
    program
        .target
        .clone()
        .unwrap_or_else(|| file.to_string_lossy().into_owned())
}

fn call_graph_name(call_graph: CallGraph) -> &'static str {
    match call_graph {
        CallGraph::Dwarf | CallGraph::Unwound => "dwarf",
        CallGraph::FramePointers => "fp",
        CallGraph::Given => "given",
        CallGraph::CallEdges => "calls",
        CallGraph::None => "none",
    }
}

/// The path as a user in this directory would type it.
fn shown(path: &Path) -> String {
    let here = env::current_dir().ok();
    let relative = here.and_then(|here| path.strip_prefix(here).ok().map(Path::to_path_buf));
    relative.as_deref().unwrap_or(path).display().to_string()
}
