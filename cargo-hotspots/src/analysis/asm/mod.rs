//! `cargo hotspots asm FUNCTION`: the machine code that ran, all ranges of the function, with
//! samples, source lines, loops and what is worth knowing beside.
//!
//! ```text
//! name -> find    which function: its copies, and where it was inlined
//!         code    its ranges, names for what it calls (symbols, relocations)
//!         chains  what was inlined at each instruction (debug information)
//!         flow    blocks and loops; marks: checks, divisions, vectors, calls
//!         part    all of that for one copy; source: the text of the lines
//! ```
//!
//! Only the ranges that are shown are decoded. Times are what landed on an instruction: without a
//! precise event samples land on one after the instruction that took the time, so figures hold for
//! loops and blocks, and for instructions nearly.

mod chains;
mod code;
mod find;
mod flow;
mod loop_sources;
mod loops;
mod marks;
mod mca;
pub mod model;
mod names;
mod open;
mod part;
mod source;
mod written;

pub(crate) use loops::cards;
pub use loops::{FUNCTIONS, LoopQuery, loops};
pub use source::SourceRoots;

use super::{merged, model::Analysis, select::program_main, subject::Subject};
use crate::{
    profile::{ModuleProblem, Profile},
    symbols::{FunctionId, Symbols},
};
use code::Code;
use codecost::{
    Error, Result, attribution::Origin, disasm::Syntax, report::Warning, units::counted,
};
use find::{Copy, Found};
use model::{Asm, Caller, Part, Weight};
use open::CodeFile;
use part::{Builder, Built, Files, PartRequest};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};
use written::Names;

/// Copies with less than this share of the function's samples are listed, not shown.
const SHOWN_ABOVE: f64 = 0.05;
/// And never more than this many.
const SHOWN: usize = 12;

/// What is asked for.
pub struct Query<'q> {
    /// The function, as the user names it.
    pub name: &'q str,
    /// The flag that opens the recording again, with a space in front; empty for the latest one.
    pub input_flag: &'q str,
    /// Where sources may be.
    pub roots: SourceRoots,
    /// How instructions are written.
    pub syntax: Syntax,
}

impl<'q> Query<'q> {
    /// The latest recording's function of this name, with the sources of this machine.
    pub fn of(name: &'q str) -> Self {
        Self {
            name,
            input_flag: "",
            roots: SourceRoots::of_this_machine(),
            syntax: Syntax::default(),
        }
    }
}

/// The machine code of the function that is asked for, with what is known of the recording.
///
/// # Errors
///
/// There is not one sample, or as [`asm`].
pub fn analyse(subject: &Subject<'_>, query: &Query<'_>) -> Result<Analysis<Asm>> {
    let mut analysis = subject.analyse(|_| asm(subject.profile, subject.symbols, query))?;
    // Both say what the debug information of a file leaves open; the listing's words are nearer.
    let own = &analysis.rows.warnings;
    let known: Vec<_> = own.iter().map(|warning| warning.code).collect();
    analysis
        .warnings
        .retain(|warning| !known.contains(&warning.code));
    analysis.warnings.splice(0..0, own.iter().cloned());
    let shown: Vec<FunctionId> = (0..)
        .map(FunctionId)
        .zip(&subject.symbols.functions)
        .filter(|(_, function)| function.name == analysis.rows.function)
        .map(|(id, _)| id)
        .collect();
    analysis
        .warnings
        .extend(merged::of_selected(subject.symbols, &shown));
    Ok(analysis)
}

/// The machine code of the function that is asked for.
///
/// # Errors
///
/// A usage error when no function has such a name, or several do; a failure when the file that it
/// is in is not there, or is for a processor without a disassembler.
pub fn asm(profile: &Profile, symbols: &Symbols, query: &Query<'_>) -> Result<Asm> {
    let mut answers = each(profile, symbols, std::slice::from_ref(query));
    answers.remove(0)
}

/// As [`asm`], for several functions; the files are opened once.
pub fn each(profile: &Profile, symbols: &Symbols, queries: &[Query<'_>]) -> Vec<Result<Asm>> {
    let debug = open::debug_files(profile, &|_| true);
    let opened = open::open(profile, symbols, &debug, &|_| true);
    let hot = open::hot_copies(profile, symbols, &opened);
    let answer = |query| answer(profile, symbols, &opened, &hot, query);
    queries.iter().map(answer).collect()
}

fn answer(
    profile: &Profile,
    symbols: &Symbols,
    opened: &[CodeFile<'_>],
    hot: &[Copy],
    query: &Query<'_>,
) -> Result<Asm> {
    let Query {
        name,
        input_flag,
        roots,
        syntax,
    } = query;
    let total = Weight {
        samples: profile.samples,
        period: profile.period,
    };
    if opened.is_empty() {
        return Err(nothing_opened(profile));
    }
    if let Some(owner) = without_file(symbols, name) {
        return Err(Error::failed(
            format!("the machine code of `{name}` is in no file: it is of {owner}"),
            "`cargo hotspots callers` shows who asked for it",
        ));
    }
    let all = || {
        hot.iter()
            .cloned()
            .chain(open::cold_copies(opened, hot))
            .collect()
    };
    // `main` means the program's, not C's.
    let own_main = program_main(symbols)
        .filter(|_| *name == "main")
        .and_then(|id| symbols.functions.get(id.0 as usize))
        .map(|function| function.name.as_str());
    let Found {
        function,
        copies,
        others,
    } = find::find(own_main.unwrap_or(name), input_flag, hot, all, total)?;

    let mut found = Asm {
        function: match copies.first() {
            // A name with its arguments was asked for, or there is only this one.
            Some(first) if copies.iter().all(|copy| copy.full == first.full) => first.full.clone(),
            _ => function.clone(),
        },
        event: profile.event.clone(),
        call_graph: profile.call_graph,
        precise: is_precise(&profile.event),
        total,
        ..Asm::default()
    };
    copies.iter().for_each(|copy| found.own += copy.own);
    (found.owner, found.version) = owner(symbols, &found.function);
    let shown = shown(&copies, found.own);
    list_copies(&mut found, opened, &copies, &others, &shown);

    let mut files = Files::default();
    let mut gaps = Gaps::default();
    let choice = Choice {
        copies: &copies,
        shown: &shown,
        names: &Names::of(symbols),
        syntax: *syntax,
    };
    let built = build(profile, opened, &choice, &mut found, &mut files, &mut gaps)?;
    built
        .into_values()
        .for_each(|part| append(&mut found, part));
    found.files = files.names;
    read_sources(&mut found, roots, profile, &mut gaps);
    gaps.warn(&mut found);
    Ok(found)
}

/// Whose a function of this name is, where its code is in no file that could be shown.
fn without_file<'s>(symbols: &'s Symbols, name: &str) -> Option<&'s str> {
    let mut named = symbols
        .functions
        .iter()
        .filter(|known| known.name == name)
        .filter_map(|known| symbols.crates.get(known.owner.0 as usize));
    let owner = named.next()?;
    let no_file = matches!(owner.origin, Origin::Kernel | Origin::Vdso | Origin::Jit);
    (no_file && named.next().is_none()).then_some(owner.name.as_str())
}

/// What is shown of a function.
struct Choice<'c> {
    copies: &'c [Copy],
    /// Which of the copies, by their positions.
    shown: &'c [usize],
    names: &'c Names<'c>,
    syntax: Syntax,
}

/// The parts that are shown, by their copy's position: those of one file together, because its
/// debug information is opened once.
fn build(
    profile: &Profile,
    opened: &[CodeFile<'_>],
    choice: &Choice<'_>,
    found: &mut Asm,
    files: &mut Files,
    gaps: &mut Gaps,
) -> Result<BTreeMap<usize, Built>> {
    // Most copies are in one file, whose debug information is opened once.
    let by_file: BTreeSet<usize> = choice
        .shown
        .iter()
        .filter_map(|at| Some(choice.copies.get(*at)?.file))
        .collect();
    let mut built: BTreeMap<usize, Built> = BTreeMap::new();
    for file in by_file {
        let Some(opened) = opened.get(file) else {
            continue;
        };
        let lister = opened
            .code
            .lister
            .ok_or_else(|| no_disassembler(&opened.code))?;
        let Some(module) = profile.modules.get(opened.module.0 as usize) else {
            continue;
        };
        let mut builder = Builder {
            code: &opened.code,
            lister,
            module,
            debug: opened.debug.as_ref().unwrap_or(&opened.code.image),
            hits: &opened.hits,
            files,
            names: choice.names,
            syntax: choice.syntax,
        };
        let of_file = |at: &&usize| {
            choice
                .copies
                .get(**at)
                .is_some_and(|copy| copy.file == file)
        };
        let places: Vec<usize> = choice.shown.iter().filter(of_file).copied().collect();
        let wanted = places.iter().filter_map(|at| choice.copies.get(*at));
        let wanted: Vec<PartRequest<'_>> = wanted
            .map(|copy| PartRequest {
                function: copy.function,
                only: copy.inlined.then_some(copy.full.as_str()),
            })
            .collect();
        let (parts, any) = builder.build(&wanted);
        if !any {
            gaps.no_debug_info.insert(opened.name.to_owned());
        }
        gaps.without_line += parts.iter().map(|part| part.without_line).sum::<usize>();
        built.extend(places.into_iter().zip(parts));
        if found.module.is_empty() {
            found.module = opened.name.to_owned();
        }
    }
    Ok(built)
}

/// Which copies are shown, by their positions: those that matter, the hottest first. Of what did
/// not run, the first.
fn shown(copies: &[Copy], own: Weight) -> Vec<usize> {
    let matters = |(at, copy): &(usize, &Copy)| *at == 0 || copy.own.share_of(own) >= SHOWN_ABOVE;
    let numbered = copies.iter().enumerate().filter(matters);
    numbered.map(|(at, _)| at).take(SHOWN).collect()
}

fn list_copies(
    found: &mut Asm,
    opened: &[CodeFile<'_>],
    copies: &[Copy],
    others: &[Copy],
    shown: &[usize],
) {
    let listed = copies.iter().enumerate();
    let listed = listed.map(|(at, copy)| (copy, shown.contains(&at)));
    for (copy, shown) in listed.chain(others.iter().map(|copy| (copy, false))) {
        if copy.inlined {
            let around = opened.get(copy.file);
            let function = around.and_then(|opened| opened.code.function_name(copy.function));
            found.callers_if_inlined.push(Caller {
                function: function.unwrap_or_else(|| "[unknown]".into()),
                own: copy.own,
                shown,
            });
        } else if !shown {
            found.other_copies.push(Caller {
                function: copy.full.clone(),
                own: copy.own,
                shown,
            });
        }
    }
    // One function may have several ranges with symbols of their own, or copies by one name.
    merge(&mut found.callers_if_inlined);
    merge(&mut found.other_copies);
}

/// Those of one name become one.
fn merge(callers: &mut Vec<Caller>) {
    let mut merged: BTreeMap<String, Caller> = BTreeMap::new();
    for caller in callers.drain(..) {
        let known = merged
            .entry(caller.function.clone())
            .or_insert_with(|| Caller {
                function: caller.function,
                ..Caller::default()
            });
        known.own += caller.own;
        known.shown |= caller.shown;
    }
    callers.extend(merged.into_values());
    callers.sort_by_key(|caller| std::cmp::Reverse(caller.own.period));
}

fn append(found: &mut Asm, built: Built) {
    let Built {
        part,
        rows,
        loops,
        chains: _,
        without_line: _,
    } = built;
    let (this, first_loop) = (found.parts.len(), found.loops.len());
    found.parts.push(part);
    found.rows.extend(rows.into_iter().map(|mut row| {
        row.part = this;
        row.innermost = row.innermost.map(|at| at + first_loop);
        row
    }));
    found.loops.extend(loops.into_iter().map(|mut row| {
        row.part = this;
        row.parent = row.parent.map(|at| at + first_loop);
        row
    }));
}

/// The crate of a function and its version, where `symbols` knows it.
fn owner(symbols: &Symbols, function: &str) -> (Option<String>, Option<String>) {
    let known = symbols
        .functions
        .iter()
        .find(|known| known.name == function);
    let family = || {
        let mut functions = symbols.functions.iter();
        functions.find(|known| names::family(&known.name) == function)
    };
    let owner = known
        .or_else(family)
        .and_then(|known| symbols.crates.get(known.owner.0 as usize));
    match owner {
        Some(owner) => (Some(owner.name.clone()), owner.version.clone()),
        None => (None, None),
    }
}

/// Whether a sample of this event names the instruction that caused it: `cycles:pp`.
fn is_precise(event: &str) -> bool {
    event
        .rsplit_once(':')
        .is_some_and(|(_, modifiers)| modifiers.contains('p') || modifiers.contains('P'))
}

fn read_sources(found: &mut Asm, roots: &SourceRoots, profile: &Profile, gaps: &mut Gaps) {
    let rows = found.rows.iter().filter_map(|row| row.file.zip(row.line));
    let marks = found.rows.iter().flat_map(|row| &row.marks);
    let marks = marks.filter_map(|mark| mark.file.zip(mark.line));
    let loops = found.loops.iter().filter_map(|row| row.file.zip(row.line));
    let wanted: BTreeSet<(usize, u32)> = rows.chain(marks).chain(loops).collect();
    let wanted: Vec<_> = wanted.into_iter().collect();
    let module = profile
        .modules
        .iter()
        .find(|module| module.name == found.module);
    let built = module
        .and_then(|module| fs::metadata(module.file.as_ref()?.path()).ok())
        .and_then(|metadata| metadata.modified().ok());
    let read = source::read(roots, &found.files, &wanted, built);
    found.source = read.lines;
    gaps.missing = read.missing;
    gaps.newer = read.newer;
    gaps.changed = read.changed;
}

/// What is missing, each kind said once.
#[derive(Debug, Default)]
struct Gaps {
    no_debug_info: BTreeSet<String>,
    without_line: usize,
    missing: Vec<String>,
    newer: Vec<String>,
    changed: Vec<String>,
}

impl Gaps {
    fn warn(self, found: &mut Asm) {
        let Self {
            no_debug_info,
            without_line,
            missing,
            newer,
            changed,
        } = self;
        let warnings = &mut found.warnings;
        for name in &no_debug_info {
            let text = format!("`{name}` has no debug information: no lines, nothing inlined");
            let help = "record a build with `debug = 1`, or install the debug file";
            warnings.push(Warning::new("no-debug-info", text).help(help));
        }
        if no_debug_info.is_empty() && without_line > 0 {
            let count = counted(without_line as u64, "instruction");
            let text = format!("{count} with samples have no line in the debug information");
            let help = "the compiler made them for no line of its own; `--sort address` shows them \
                        among their neighbours";
            let warning = Warning::new("no-line", text).help(help);
            warnings.push(warning.count(without_line as u64));
        }
        let (std, other): (Vec<_>, Vec<_>) =
            missing.iter().partition(|name| name.starts_with("/rustc/"));
        if !std.is_empty() {
            let text = format!(
                "the sources of std are not here ({})",
                counted(std.len() as u64, "file")
            );
            let help = "`rustup component add rust-src` shows its lines too";
            let warning = Warning::new("no-std-source", text).help(help);
            warnings.push(warning.count(std.len() as u64));
        }
        if let Some(first) = other.first() {
            let text = match other.len() {
                1 => format!("the source `{first}` is not here"),
                more => format!("{more} source files are not here, `{first}` among them"),
            };
            let help = "put the sources where they were when it was built, or record on the machine \
                        that has them";
            let warning = Warning::new("no-source", text).help(help);
            warnings.push(warning.count(other.len() as u64));
        }
        if let Some(first) = newer.first() {
            let text = match newer.len() {
                1 => format!("`{first}` changed after the program was built"),
                more => format!("{more} sources changed after the build, `{first}` among them"),
            };
            let help = "lines may not be those that were compiled; build and record again";
            let warning = Warning::new("newer-source", text).help(help);
            warnings.push(warning.count(newer.len() as u64));
        }
        if let Some(first) = changed.first() {
            let text = match changed.len() {
                1 => format!("`{first}` changed since the recording"),
                more => format!("{more} sources changed since the recording, `{first}` among them"),
            };
            let help = "the lines shown are those that were recorded";
            let warning = Warning::new("changed-source", text).help(help);
            warnings.push(warning.count(changed.len() as u64));
        }
        if !found.precise && found.own.samples > 0 {
            let text = format!(
                "samples of `{}` land after the instruction that took the time",
                found.event
            );
            let help = "trust loops and blocks; single instructions are approximate";
            warnings.push(Warning::new("skid", text).help(help));
        }
        warnings.extend(not_followed(&found.parts));
    }
}

/// Jumps that the search for loops could not follow.
fn not_followed(parts: &[Part]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let unresolved: usize = parts.iter().map(|part| part.unresolved).sum();
    if unresolved > 0 {
        let count = counted(unresolved as u64, "indirect jump");
        let text = format!("{count} could not be followed: loops through them are not found");
        let help = "read the instructions themselves: `--message-format json` has all of them";
        let warning = Warning::new("indirect-jumps", text).help(help);
        warnings.push(warning.count(unresolved as u64));
    }
    let irreducible: usize = parts.iter().map(|part| part.irreducible).sum();
    if irreducible > 0 {
        let count = counted(irreducible as u64, "jump");
        let text =
            format!("{count} back into cycles with several entries: no loops are shown for them");
        let help = "read the instructions themselves: `--message-format json` has all of them";
        let warning = Warning::new("irreducible-loops", text).help(help);
        warnings.push(warning.count(irreducible as u64));
    }
    warnings
}

fn no_disassembler(code: &Code<'_>) -> Error {
    Error::failed(
        format!(
            "there is no disassembler for `{}` yet",
            code.image.architecture
        ),
        "`cargo hotspots lines` shows the time by source line on every processor",
    )
}

fn nothing_opened(profile: &Profile) -> Error {
    let problem = profile.modules.iter().find_map(|module| {
        let name = &module.name;
        Some(match module.problem.as_ref()? {
            ModuleProblem::Missing => format!("`{name}` is not here"),
            ModuleProblem::Rebuilt { path } => {
                format!(
                    "`{}` is another build than the one that ran",
                    path.display()
                )
            }
            ModuleProblem::Unreadable(why) => format!("`{name}` cannot be read: {why}"),
        })
    });
    let message = match (problem, profile.samples) {
        (Some(problem), _) => format!("there is no code to show: {problem}"),
        (None, 0) => "there is no code to show: the recording has no samples".to_owned(),
        (None, _) => "there is no code to show: no file that ran could be opened".to_owned(),
    };
    Error::failed(message, "record again, and show the new recording")
}
