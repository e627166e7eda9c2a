//! The hottest loops of a recording, over all functions, each with what its instructions say.
//!
//! The functions with the most samples are decoded as `asm` does it. A loop's own time is that of its
//! blocks without the loops inside it, so that of a nest the loop where the time passes comes first,
//! and the times of all loops sum to no more than the whole.
//!
//! Limits: as those of `flow`; a loop that calls the function where its time passes is not hot.

use super::{
    Gaps, SourceRoots,
    chains::Link,
    code::Code,
    loop_sources::read_sources,
    mca,
    model::*,
    no_disassembler, nothing_opened, open,
    part::{Builder, Built, Files, PartRequest},
    written::{Names, level},
};
use crate::{
    analysis::{
        label::label_of,
        model::{Analysis, CrateInfo},
        subject::Subject,
    },
    profile::{FrameId, ModuleId, Place, Profile},
    symbols::{Scope, Symbols},
};
use codecost::{
    Result,
    address::VirtualAddress,
    attribution::Origin,
    disasm::{Lister, Syntax},
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

/// Functions with a smaller share of the time have no hot loop.
const HOT_FUNCTION: f64 = 0.003;
/// A loop with a smaller share is left out.
const HOT_LOOP: f64 = 0.001;
/// Lines of a loop that are named.
const LINES: usize = 5;
/// Loops that are given to the model, and the longest.
const MODELLED: usize = 3;
const LONGEST_MODELLED: usize = 300;

/// What is asked for.
pub struct LoopQuery {
    /// Where sources may be.
    pub roots: SourceRoots,
    /// How instructions are written.
    pub syntax: Syntax,
    /// Whether `llvm-mca` is asked, where it is installed.
    pub model: bool,
    /// How many functions are decoded at most, the hottest first.
    pub functions: usize,
    /// Whether only functions in which code of the workspace ran are decoded. Files without any are
    /// not opened: the debug information of the C library alone costs more than all other findings.
    pub own: bool,
}

/// Enough functions for every loop that matters.
pub const FUNCTIONS: usize = 64;

/// The hottest loops, with what is known of the recording.
///
/// # Errors
///
/// There is not one sample, the files that ran are not there, or they are for a processor without a
/// disassembler.
pub fn loops(subject: &Subject<'_>, query: &LoopQuery) -> Result<Analysis<Vec<Card>>> {
    let (profile, symbols) = (subject.profile, subject.symbols);
    let mut warnings = Vec::new();
    let mut analysis = subject.analyse(|_| {
        let (cards, said) = cards(profile, symbols, query)?;
        warnings = said;
        Ok(cards)
    })?;
    for warning in warnings {
        if analysis
            .warnings
            .iter()
            .all(|known| known.code != warning.code)
        {
            analysis.warnings.push(warning);
        }
    }
    Ok(analysis)
}

/// As [`loops`], for who has the samples already: the cards, and what is missing.
pub(crate) fn cards(
    profile: &Profile,
    symbols: &Symbols,
    query: &LoopQuery,
) -> Result<(Vec<Card>, Vec<codecost::report::Warning>)> {
    let total = Weight {
        samples: profile.samples,
        period: profile.period,
    };
    let own = query.own.then(|| OwnCode::of(profile, symbols));
    let wanted = |module| own.as_ref().is_none_or(|own| own.0.contains_key(&module));
    let debug = open::debug_files(profile, &wanted);
    let opened = open::open(profile, symbols, &debug, &wanted);
    if opened.is_empty() {
        return Err(nothing_opened(profile));
    }
    let names = Names::of(symbols);
    let mut gaps = Gaps::default();
    let mut cards = Vec::new();
    let mut hot = hot_functions(&opened, total, query.functions, own.as_ref());
    let mut unread = None;
    for (file, opened) in opened.iter().enumerate() {
        let wanted: Vec<PartRequest<'_>> = hot
            .remove(&file)
            .unwrap_or_default()
            .into_iter()
            .map(|function| PartRequest {
                function,
                only: None,
            })
            .collect();
        let module = profile.modules.get(opened.module.0 as usize);
        let (false, Some(module)) = (wanted.is_empty(), module) else {
            continue;
        };
        let Some(lister) = opened.code.lister else {
            unread = unread.or_else(|| Some(no_disassembler(&opened.code)));
            continue;
        };
        let mut files = Files::default();
        let mut builder = Builder {
            code: &opened.code,
            lister,
            module,
            debug: opened.debug.as_ref().unwrap_or(&opened.code.image),
            hits: &opened.hits,
            files: &mut files,
            names: &names,
            syntax: query.syntax,
        };
        let (built, any) = builder.build(&wanted);
        if !any {
            gaps.no_debug_info.insert(opened.name.to_owned());
        }
        let maker = Maker {
            names: &names,
            files: &files.names,
            least: (HOT_LOOP * total.period as f64) as u64,
        };
        for part in &built {
            maker.cards(part, &mut cards);
        }
    }
    if let (true, Some(error)) = (cards.is_empty(), unread) {
        return Err(error);
    }
    cards.sort_by_key(|card| (Reverse(card.own.period), card.header));
    read_sources(&mut cards, &query.roots, &mut gaps);
    if query.model {
        ask_model(&mut cards, &opened);
    }
    let mut said = Asm {
        own: Weight::default(),
        ..Asm::default()
    };
    gaps.warn(&mut said);
    Ok((cards, said.warnings))
}

/// The functions that are decoded, by file: the hottest of all files.
fn hot_functions(
    opened: &[open::CodeFile<'_>],
    total: Weight,
    most: usize,
    own: Option<&OwnCode>,
) -> BTreeMap<usize, Vec<usize>> {
    let files = opened.iter().enumerate();
    let mut all: Vec<(u64, usize, usize)> = files
        .flat_map(|(file, opened)| {
            let weights = open::symbol_weights(opened).into_iter();
            let own = own.map(|own| own.functions(opened));
            let weights = weights
                .filter(move |(function, _)| own.as_ref().is_none_or(|own| own.contains(function)));
            weights.map(move |(function, weight)| (weight.period, file, function))
        })
        .filter(|(period, ..)| *period as f64 >= HOT_FUNCTION * total.period as f64)
        .collect();
    all.sort_by_key(|(period, file, function)| (Reverse(*period), *file, *function));
    let mut by_file: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (_, file, function) in all.into_iter().take(most) {
        by_file.entry(file).or_default().push(function);
    }
    by_file
}

/// Where code of the workspace had samples, inlined code included, by file.
struct OwnCode(BTreeMap<ModuleId, Vec<VirtualAddress>>);

impl OwnCode {
    fn of(profile: &Profile, symbols: &Symbols) -> Self {
        let is_own = |scope: &Scope| {
            let function = symbols.functions.get(scope.function.0 as usize);
            let owner = function.and_then(|it| symbols.crates.get(it.owner.0 as usize));
            owner.is_some_and(|owner| owner.origin == Origin::Workspace)
        };
        let mut own: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (id, frame) in (0..).map(FrameId).zip(&profile.frames) {
            if let Place::Code(address) = frame.place
                && symbols.scopes_of(id).iter().any(is_own)
            {
                own.entry(frame.module).or_default().push(address);
            }
        }
        Self(own)
    }

    /// The functions of a file that have such code, each with what was split off it.
    fn functions(&self, opened: &open::CodeFile<'_>) -> BTreeSet<usize> {
        let addresses = self.0.get(&opened.module).into_iter().flatten();
        let functions = addresses.filter_map(|address| opened.code.function_at(*address));
        functions
            .map(|function| opened.code.whole_of(function))
            .collect()
    }
}

/// The crate of a function.
fn owner(names: &Names<'_>, function: &str) -> Option<CrateInfo> {
    let known = names.known.get(function)?;
    Some(label_of(names.symbols.crates.get(known.owner.0 as usize)?))
}

/// Makes the cards of one file.
struct Maker<'m> {
    names: &'m Names<'m>,
    files: &'m [String],
    least: u64,
}

impl Maker<'_> {
    fn cards(&self, built: &Built, cards: &mut Vec<Card>) {
        let mut rows: Vec<Vec<usize>> = vec![Vec::new(); built.loops.len()];
        for (at, row) in built.rows.iter().enumerate() {
            if let Some(rows) = row.innermost.and_then(|inner| rows.get_mut(inner)) {
                rows.push(at);
            }
        }
        for (found, rows) in built.loops.iter().zip(rows) {
            let mut own = Weight::default();
            for row in rows.iter().filter_map(|at| built.rows.get(*at)) {
                own += row.own;
            }
            if own.samples > 0 && own.period >= self.least {
                cards.push(self.card(built, found, &rows, own));
            }
        }
    }

    fn card(&self, built: &Built, found: &LoopRow, at: &[usize], own: Weight) -> Card {
        let rows: Vec<&Row> = at.iter().filter_map(|at| built.rows.get(*at)).collect();
        let chains: Vec<&[Link]> = at
            .iter()
            .filter_map(|at| built.chains.get(*at).map(Vec::as_slice))
            .collect();
        let depth = self.names.depth(&chains);
        let header = rows.iter().position(|row| row.address == found.header);
        let header = header.and_then(|at| chains.get(at).copied());
        let place = self.names.place(&chains, header, depth);
        let function = place
            .as_ref()
            .map_or_else(|| built.part.function.clone(), |link| link.function.clone());
        let count = |kind: MarkKind| {
            let marks = rows.iter().flat_map(|row| &row.marks);
            marks.filter(|mark| mark.kind == kind).count()
        };
        Card {
            owner: owner(self.names, &function),
            symbol: built.part.function.clone(),
            function,
            file: place.as_ref().and_then(|link| link.file.clone()),
            line: place.as_ref().and_then(|link| link.line),
            header: found.header,
            depth: found.depth,
            own,
            inclusive: found.own,
            instructions: rows.len(),
            with_inner: found.instructions,
            blocks: rows.iter().filter(|row| row.leader).count().max(1),
            lines: lines(&rows, &chains, |chain| level(chain, depth)),
            checks: self.checks(&rows),
            simd: simd(&rows),
            calls: calls(&rows),
            divisions: count(MarkKind::Division),
            square_roots: count(MarkKind::SquareRoot),
            locks: count(MarkKind::Locked),
            allocations: count(MarkKind::Allocation),
            code: rows.iter().map(|row| code(row)).collect(),
            model: None,
        }
    }

    fn checks(&self, rows: &[&Row]) -> Vec<Check> {
        let marks = rows.iter().flat_map(|row| &row.marks);
        let checks =
            marks.filter(|mark| matches!(mark.kind, MarkKind::BoundsCheck | MarkKind::Check));
        checks
            .map(|mark| Check {
                kind: mark.kind,
                panics: mark.detail.clone(),
                file: mark.file.and_then(|file| self.files.get(file).cloned()),
                line: mark.line,
                text: None,
                variable: None,
            })
            .collect()
    }
}

/// The lines of the function that the loop is written in, by their samples.
fn lines(
    rows: &[&Row],
    chains: &[&[Link]],
    level: impl Fn(&&[Link]) -> Option<Link>,
) -> Vec<CardLine> {
    let mut lines: BTreeMap<(String, u32), Weight> = BTreeMap::new();
    for (row, chain) in rows.iter().zip(chains) {
        if let Some(Link {
            file: Some(file),
            line: Some(line),
            ..
        }) = level(chain)
        {
            *lines.entry((file, line)).or_default() += row.own;
        }
    }
    let mut lines: Vec<CardLine> = lines
        .into_iter()
        .map(|((file, line), own)| CardLine {
            file,
            line,
            text: None,
            own,
        })
        .collect();
    lines.sort_by_key(|line| Reverse(line.own.period));
    lines.truncate(LINES);
    lines
}

fn simd(rows: &[&Row]) -> Simd {
    let mut simd = Simd::default();
    for mark in rows.iter().flat_map(|row| &row.marks) {
        match mark.kind {
            MarkKind::Packed => {
                simd.packed += 1;
                let bits = mark.detail.split(' ').next();
                let bits = bits.and_then(|bits| bits.parse().ok());
                simd.width = simd.width.max(bits.unwrap_or(0));
            }
            MarkKind::Scalar => simd.scalar += 1,
            _ => {}
        }
    }
    simd
}

/// The functions that are called, without those that only panic.
fn calls(rows: &[&Row]) -> Vec<(String, usize)> {
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.text.starts_with("call")) {
        let name = match &row.target {
            Some(Lead::Named(name)) => name.clone(),
            Some(Lead::Inside(_)) => continue,
            None => "[indirect]".to_owned(),
        };
        if !super::flow::never_returns(&name) {
            *calls.entry(name).or_default() += 1;
        }
    }
    let mut calls: Vec<(String, usize)> = calls.into_iter().collect();
    calls.sort_by_key(|(_, count)| Reverse(*count));
    calls
}

fn code(row: &Row) -> CodeLine {
    CodeLine {
        address: row.address,
        text: row.text.clone(),
        target: match &row.target {
            Some(Lead::Named(name)) => Some(name.clone()),
            _ => None,
        },
        own: row.own,
    }
}

/// Asks the model of the processor about the hottest loops.
fn ask_model(cards: &mut [Card], opened: &[open::CodeFile<'_>]) {
    let fits = |card: &&mut Card| card.instructions <= LONGEST_MODELLED;
    for card in cards.iter_mut().take(MODELLED).filter(fits) {
        let file = opened.iter().find_map(|opened| {
            let at = opened.code.function_at(card.header)?;
            let name = opened.code.function_name(at)?;
            (name == card.symbol).then_some((&opened.code, opened.code.lister?))
        });
        if let Some((code, lister)) = file {
            card.model = mca::throughput(&plain(card, code, lister));
        }
    }
}

/// The instructions of a loop as `llvm-mca` reads them, without names.
fn plain(card: &Card, code: &Code<'_>, lister: &dyn Lister) -> Vec<String> {
    let mut lines = Vec::new();
    for line in &card.code {
        // The longest instruction has 15 bytes.
        let bytes = code.image.bytes_at(line.address).unwrap_or_default();
        let bytes = bytes.get(..15).unwrap_or(bytes);
        let decoded = lister.instructions(bytes, line.address, Syntax::Att);
        lines.extend(
            decoded
                .into_iter()
                .next()
                .map(|instruction| instruction.text),
        );
    }
    lines
}
