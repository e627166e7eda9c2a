//! The files that code ran in, opened, with the samples by address; and which functions there are
//! in them, with samples and without.

use super::{
    code::Code,
    find::Copy,
    model::Weight,
    part::{Hits, within},
};
use crate::{
    profile::{FrameId, ModuleId, ModuleKind, Place, Profile},
    symbols::{FunctionId, Symbols},
};
use codecost::{
    address::VirtualAddress,
    attribution::Origin,
    demangle::{Name, Part},
    image::{Image, Mapping, debug_info::separate},
    report::{CrateName, short_name},
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A file with code that ran.
pub(super) struct CodeFile<'p> {
    pub(super) name: &'p str,
    pub(super) code: Code<'p>,
    /// The file that has its debug information, if that is another one.
    pub(super) debug: Option<Image<'p>>,
    pub(super) hits: Hits,
    pub(super) module: ModuleId,
}

/// Separate debug files of the wanted modules, by module.
pub(super) fn debug_files(
    profile: &Profile,
    wanted: &dyn Fn(ModuleId) -> bool,
) -> HashMap<usize, Mapping> {
    let files = profile.modules.iter().enumerate();
    files
        .filter(|(index, _)| wanted(ModuleId(*index as u32)))
        .filter_map(|(index, module)| Some((index, debug_file(module.file.as_ref()?)?)))
        .collect()
}

fn debug_file(mapping: &Mapping) -> Option<Mapping> {
    let image = Image::parse(mapping.path(), mapping).ok()?;
    if image.section(".debug_info").is_some() {
        return None;
    }
    let link = image.section(".gnu_debuglink");
    let link = link.map(|(_, section)| image.section_bytes(section));
    let name = link.and_then(|link| link.split(|byte| *byte == 0).next());
    // Whichever way it is found, the build id proves that it belongs.
    let id = image.build_id()?;
    let candidates = separate::candidates(mapping.path(), Some(id), name);
    candidates.into_iter().find_map(|(_, path)| {
        let candidate = Mapping::open(&path).ok()?;
        let belongs =
            Image::parse(&path, &candidate).is_ok_and(|candidate| candidate.build_id() == Some(id));
        belongs.then_some(candidate)
    })
}

/// The samples of each innermost frame.
fn self_weights(profile: &Profile) -> BTreeMap<FrameId, Weight> {
    let mut weights: BTreeMap<FrameId, Weight> = BTreeMap::new();
    for count in &profile.counts {
        if let Some(node) = profile.stacks.get(count.stack.0 as usize) {
            *weights.entry(node.frame).or_default() += Weight {
                samples: count.samples,
                period: count.period,
            };
        }
    }
    weights
}

/// The wanted files that code ran in, the hottest first. Linear in frames and symbols.
pub(super) fn open<'p>(
    profile: &'p Profile,
    symbols: &Symbols,
    debug: &'p HashMap<usize, Mapping>,
    wanted: &dyn Fn(ModuleId) -> bool,
) -> Vec<CodeFile<'p>> {
    let mut hits: HashMap<ModuleId, BTreeMap<VirtualAddress, Weight>> = HashMap::new();
    for (frame, weight) in self_weights(profile) {
        if let Some(frame) = profile.frames.get(frame.0 as usize)
            && let Place::Code(address) = frame.place
        {
            let module = hits.entry(frame.module).or_default();
            *module.entry(address).or_default() += weight;
        }
    }
    // Code that only called what was sampled ran, too.
    for frame in &profile.frames {
        if let Place::Code(_) = frame.place {
            hits.entry(frame.module).or_default();
        }
    }
    let modules = profile.modules.iter().enumerate();
    let mut opened: Vec<CodeFile<'p>> = modules
        .filter_map(|(index, module)| {
            let id = ModuleId(index as u32);
            let hits = hits.remove(&id).filter(|_| wanted(id))?;
            let mapping = module.file.as_ref()?;
            let image = Image::parse(mapping.path(), mapping).ok()?;
            let debug = debug.get(&index);
            let debug = debug.and_then(|debug| Image::parse(debug.path(), debug).ok());
            (module.kind == ModuleKind::File).then(|| CodeFile {
                name: &module.name,
                code: Code::new(image, debug.as_ref()),
                debug,
                hits: hits.into_iter().collect(),
                module: id,
            })
        })
        .collect();
    let weight = |opened: &CodeFile<'_>| {
        let periods = opened.hits.iter().map(|(_, weight)| weight.period);
        periods.fold(0_u64, u64::saturating_add)
    };
    opened.sort_by_key(|opened| std::cmp::Reverse(weight(opened)));
    for opened in &mut opened {
        describe(profile, symbols, opened);
    }
    opened
}

/// Names functions as all other views do: by what the debug information says of their addresses.
/// Where it has several for one (identical code that the linker folded), the first one counts.
fn describe(profile: &Profile, symbols: &Symbols, opened: &mut CodeFile<'_>) {
    let mut named: BTreeMap<usize, FunctionId> = BTreeMap::new();
    for (at, frame) in (0..).map(FrameId).zip(&profile.frames) {
        let Place::Code(address) = frame.place else {
            continue;
        };
        if frame.module == opened.module
            && let Some(function) = opened.code.function_at(address)
            && let Some(chain) = symbols.chains.get(at.0 as usize)
        {
            named.entry(function).or_insert(chain.symbol);
        }
    }
    for (function, id) in named {
        if let Some(known) = symbols.functions.get(id.0 as usize)
            && !known.name.starts_with('[')
        {
            opened.code.describe(function, &known.name);
        }
    }
}

/// The names of functions as tables show them, by their full names.
fn shown_names(symbols: &Symbols) -> HashMap<&str, String> {
    let named = symbols.functions.iter().map(|function| {
        let owner = symbols.crates.get(function.owner.0 as usize);
        let owner = CrateName {
            name: owner.map_or("", |owner| owner.name.as_str()),
            version: None,
            origin: owner.map_or(Origin::Unknown, |owner| owner.origin),
        };
        let shown = short_name(&function.name, owner).into_owned();
        (function.name.as_str(), shown)
    });
    named.collect()
}

/// All copies of functions that have samples: symbols, and what was inlined into them.
pub(super) fn hot_copies(
    profile: &Profile,
    symbols: &Symbols,
    opened: &[CodeFile<'_>],
) -> Vec<Copy> {
    let shown = shown_names(symbols);
    let shown = |full: &str| shown.get(full).cloned().unwrap_or_default();
    let mut hot = Vec::new();
    for (file, opened) in opened.iter().enumerate() {
        for (function, own) in symbol_weights(opened) {
            let Some(full) = opened.code.function_name(function) else {
                continue;
            };
            hot.push(Copy {
                shown: shown(&full),
                aliases: opened.code.aliases(function),
                full,
                file,
                function,
                inlined: false,
                own,
            });
        }
    }
    let files: HashMap<ModuleId, usize> = opened
        .iter()
        .enumerate()
        .map(|(file, opened)| (opened.module, file))
        .collect();
    let mut inlined: BTreeMap<(&str, usize, usize), Weight> = BTreeMap::new();
    let weights = self_weights(profile);
    // Also what was only inlined where it calls others: callers show it.
    for (id, frame) in (0..).map(FrameId).zip(&profile.frames) {
        let weight = weights.get(&id).copied().unwrap_or_default();
        let (Some(file), Place::Code(address)) = (files.get(&frame.module), frame.place) else {
            continue;
        };
        let Some(function) = opened
            .get(*file)
            .and_then(|opened| opened.code.function_at(address))
        else {
            continue;
        };
        let Some((_, scopes)) = symbols.scopes_of(id).split_last() else {
            continue;
        };
        // A function that is inlined into itself has the sample once.
        let functions: BTreeSet<_> = scopes.iter().map(|scope| scope.function).collect();
        for inner in functions {
            if let Some(known) = symbols.functions.get(inner.0 as usize) {
                let copy = inlined.entry((&known.name, *file, function));
                *copy.or_default() += weight;
            }
        }
    }
    let inlined = inlined
        .into_iter()
        .map(|((full, file, function), own)| Copy {
            full: full.to_owned(),
            aliases: Vec::new(),
            shown: shown(full),
            file,
            function,
            inlined: true,
            own,
        });
    // Inlined into a copy of itself, it is part of that copy.
    let own: BTreeSet<(String, usize, usize)> = hot
        .iter()
        .map(|copy| (copy.full.clone(), copy.file, copy.function))
        .collect();
    hot.extend(
        inlined.filter(|copy| !own.contains(&(copy.full.clone(), copy.file, copy.function))),
    );
    hot
}

/// The samples of each symbol, its cold and outlined parts included; parts have none themselves.
pub(super) fn symbol_weights(opened: &CodeFile<'_>) -> BTreeMap<usize, Weight> {
    let mut weights: BTreeMap<usize, Weight> = BTreeMap::new();
    for (address, weight) in &opened.hits {
        if let Some(function) = opened.code.function_at(*address) {
            let whole = opened.code.whole_of(function);
            *weights.entry(whole).or_default() += *weight;
        }
    }
    weights
}

/// All other symbols.
pub(super) fn cold_copies(opened: &[CodeFile<'_>], hot: &[Copy]) -> Vec<Copy> {
    let known: BTreeSet<(usize, usize)> = hot
        .iter()
        .filter(|copy| !copy.inlined)
        .map(|copy| (copy.file, copy.function))
        .collect();
    let mut all = Vec::new();
    for (file, opened) in opened.iter().enumerate() {
        for (function, extent) in opened.code.functions.iter().enumerate() {
            let is_hot = known.contains(&(file, function));
            // Of a hot one the first name is there already.
            for (nth, symbol) in extent.names.iter().enumerate().skip(usize::from(is_hot)) {
                let name = Name::parse(symbol);
                // A piece is found by the function that it was split off, where that is here.
                if name.part() != Part::Plt && !opened.code.is_piece(function) {
                    let described = opened.code.function_name(function).filter(|_| nth == 0);
                    all.push(Copy {
                        full: described.unwrap_or_else(|| name.full()),
                        aliases: opened.code.aliases(function),
                        shown: String::new(),
                        file,
                        function,
                        inlined: false,
                        own: match is_hot {
                            true => within(&opened.hits, extent.range),
                            false => Weight::default(),
                        },
                    });
                }
            }
        }
    }
    all
}
