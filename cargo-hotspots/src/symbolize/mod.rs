//! From places to functions, inlined ones included, their lines and their crates.
//!
//! Each distinct address is looked up once: addresses are sorted by module and compilation unit and
//! the units shared out over the cores (`dwarf`). What the debug information does not know, the
//! symbol tables do (`table`); what no table knows is a bucket: `[libc]`, `[kernel]`, `[vdso]`,
//! `[jit]`, `[linker]`, `[native]`, `[unknown]`. No frame is dropped. Whose a function is and how
//! that is known, says `owners`.
//!
//! A function is its full name, without hashes, and its crate: the many copies of a generic
//! function in several units and both copies of a function that was outlined are one.
//!
//! Limits: where the file is not here to which `dwz` moved parts of the debug information, what these
//! parts name has the names of the symbol tables. Functions of a kernel have names where that kernel
//! runs here (`kernel`), else it is one row.

mod buckets;
mod collect;
mod dwarf;
mod files;
mod jit;
mod kernel;
mod named;
mod owners;
mod table;

use crate::{
    profile::{FrameId, Kernel, Module, ModuleId, ModuleKind, Place, Profile},
    symbols::{Chain, FunctionId, Scope, Symbols},
};
use codecost::{
    address::{AddressRange, VirtualAddress},
    attribution::{Catalogue, SymbolOwners},
    demangle::{Name, Part, Scheme},
    image::{
        Image, Mapping, Symbol, SymbolKind, SymbolTable,
        debug_info::{DebugInfo, separate::SharedLink},
    },
};
use collect::Collector;
use dwarf::{Answer, Described, Dwarf};
use files::Sections;
pub(crate) use files::looked_at;
use owners::ModuleFacts;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::OnceLock,
};
use table::Table;

/// Resolves all frames of `profile`.
///
/// Takes time linear in the size of the units that hold addresses, and in the number of addresses.
/// Damaged or hostile files degrade the answer; what could not be resolved is in [`Symbols::gaps`].
pub fn symbolize(profile: &Profile, catalogue: &Catalogue) -> Symbols {
    let mut frames: BTreeMap<ModuleId, Vec<(Place, FrameId)>> = BTreeMap::new();
    for (id, frame) in (0..).zip(&profile.frames) {
        if profile.named.contains_key(&FrameId(id)) {
            continue;
        }
        let of_module = frames.entry(frame.module).or_default();
        of_module.push((frame.place, FrameId(id)));
    }
    let processes: HashSet<i32> = profile.threads.iter().map(|thread| thread.pid).collect();
    let processes: Vec<i32> = processes.into_iter().collect();
    let mut collector = Collector::new(catalogue, profile.frames.len());
    for (id, mut frames) in frames {
        frames.sort_unstable();
        if let Some(module) = profile.modules.get(id.0 as usize) {
            match module.kind {
                ModuleKind::Kernel => of_kernel(&profile.kernel, &frames, &mut collector),
                _ => of_module(module, &frames, &processes, &mut collector),
            }
        }
    }
    named::set(profile, &mut collector);
    collector.finish()
}

fn of_module(
    module: &Module,
    frames: &[(Place, FrameId)],
    processes: &[i32],
    collector: &mut Collector<'_>,
) {
    let bucket = match module.kind {
        ModuleKind::File => {
            return match &module.file {
                Some(file) => of_file(module, file, frames, collector),
                None => without_file(module, frames, collector),
            };
        }
        ModuleKind::Kernel => buckets::KERNEL,
        ModuleKind::Vdso => buckets::VDSO,
        ModuleKind::Jit => buckets::JIT,
        ModuleKind::Missing => buckets::MISSING,
        ModuleKind::Unknown => buckets::UNKNOWN,
    };
    let names = match module.kind {
        ModuleKind::Jit => jit::Names::read(&module.name, processes),
        _ => jit::Names::default(),
    };
    let function = collector.bucket(bucket);
    let lone = collector.lone(function);
    for (place, frame) in frames {
        let name = match place {
            Place::Memory(address) => names.at(*address),
            _ => None,
        };
        let chain = match name {
            Some(name) => {
                let owner = collector.owners.bucket(bucket);
                let evidence = codecost::attribution::Evidence::Symbol;
                let function = collector.function(name.to_owned(), (owner, evidence), (None, None));
                collector.lone(function)
            }
            None => lone,
        };
        collector.set(frame.0 as usize, chain);
    }
}

/// The kernel: its functions where their names are known.
fn of_kernel(kernel: &Kernel, frames: &[(Place, FrameId)], collector: &mut Collector<'_>) {
    let asked = frames.iter().filter_map(|(place, _)| match place {
        Place::Memory(address) => Some(*address),
        _ => None,
    });
    let names = kernel::Names::read(kernel, &asked.collect::<Vec<_>>());
    let function = collector.bucket(buckets::KERNEL);
    let lone = collector.lone(function);
    for (place, frame) in frames {
        let name = match place {
            Place::Memory(address) => names.at(*address),
            _ => None,
        };
        let chain = name.map_or(lone, |name| {
            let owner = (
                collector.owners.bucket(buckets::KERNEL),
                codecost::attribution::Evidence::Symbol,
            );
            let function = collector.function(name.to_owned(), owner, (None, None));
            collector.lone(function)
        });
        collector.set(frame.0 as usize, chain);
    }
}

/// A file that is gone or another build: its name may still say what it was.
fn without_file(module: &Module, frames: &[(Place, FrameId)], collector: &mut Collector<'_>) {
    let bucket = buckets::of_library(&module.name).unwrap_or(buckets::UNKNOWN);
    let function = collector.bucket(bucket);
    let lone = collector.lone(function);
    for (_, frame) in frames {
        collector.set(frame.0 as usize, lone);
    }
    let count = frames.len() as u64;
    let gaps = collector.gaps();
    gaps.no_debug_info.push((module.name.clone(), count));
    gaps.no_symbol.push((module.name.clone(), count));
}

/// The symbol tables of a file, best first, with what they say of owners.
struct Tables<'t, 'd> {
    list: Vec<(Table<'t, 'd>, SymbolOwners)>,
}

impl<'t, 'd> Tables<'t, 'd> {
    /// The table that has the symbol at an address.
    fn of(&self, address: VirtualAddress) -> Option<&(Table<'t, 'd>, SymbolOwners)> {
        let mut tables = self.list.iter();
        tables.find(|(table, _)| table.at(address).is_some())
    }

    fn at(&self, address: VirtualAddress) -> Option<(&'t Symbol<'d>, AddressRange, &SymbolOwners)> {
        self.list.iter().find_map(|(table, owners)| {
            let (symbol, extent) = table.at(address)?;
            Some((symbol, extent, owners))
        })
    }
}

fn of_file(
    module: &Module,
    file: &Mapping,
    frames: &[(Place, FrameId)],
    collector: &mut Collector<'_>,
) {
    let Ok(image) = Image::parse(file.path(), file) else {
        return without_file(module, frames, collector);
    };
    let mut programs = files::programs(module, file);
    let debug = files::debug_file(&image, &programs).or_else(|| files::inside(&image, file));
    let debug_image = debug
        .as_ref()
        .and_then(|debug| Image::parse(debug.path(), debug).ok());
    if let Some(debug) = &debug {
        programs.push(debug.path().to_path_buf());
    }
    // Of a system library all code is one bucket: its symbols name it, and what is inlined into
    // what in there is not worth inflating a debug file that is larger than most programs.
    let system = buckets::of_library(&module.name).is_some();
    let sections = match &debug_image {
        Some(_) if system => Sections::default(),
        Some(other) if !files::has_debug_info(&image) => Sections::of(other),
        _ => Sections::of(&image),
    };
    // The debug information that is read, with the paths of its file.
    let (described, described_by) = match (&debug_image, &debug) {
        (Some(other), Some(debug)) if !files::has_debug_info(&image) => {
            (other, &[debug.path().to_path_buf()][..])
        }
        _ => (&image, &programs[..]),
    };
    let link = SharedLink::of(described).filter(|_| !system || debug_image.is_none());
    let shared = link.and_then(|link| link.open(described_by));
    let shared_image = shared
        .as_ref()
        .and_then(|shared| Image::parse(shared.path(), shared).ok());
    let shared_sections = shared_image.as_ref().map(Sections::of);
    let facts = ModuleFacts {
        library: buckets::of_library(&module.name),
        is_static: image.section(".interp").is_none()
            && image
                .loader_needs()
                .is_ok_and(|needs| needs.libraries.is_empty()),
    };

    let own = image.symbols();
    let of_debug = match &debug_image {
        Some(other) if own.symbols.is_empty() => other.symbols(),
        _ => SymbolTable::default(),
    };
    let dynamic = image.dynamic_symbols();
    let mut tables = Tables { list: Vec::new() };
    for symbols in [&own, &of_debug, &dynamic] {
        if !symbols.symbols.is_empty() {
            let owners = collector.owners.symbol_owners(symbols);
            tables.list.push((Table::new(&image, symbols), owners));
        }
    }

    let addresses = addresses(frames);
    let (files, split) = (OnceLock::new(), OnceLock::new());
    let store = dwarf::Store {
        files: &files,
        sections: &split,
    };
    let mut dwarf = Dwarf::load(&sections, shared_sections.as_ref());
    let answers = match &mut dwarf {
        Some(dwarf) => dwarf.answers(&addresses, &programs, store),
        None => Vec::new(),
    };
    let described = dwarf
        .as_ref()
        .map(|dwarf| describe(dwarf, &answers, collector))
        .unwrap_or_default();

    let mut resolver = Resolver {
        image: &image,
        tables: &tables,
        info: dwarf.as_ref().map(Dwarf::info),
        described: &described,
        facts,
        collector,
        by_place: HashMap::new(),
        by_symbol: HashMap::new(),
        named_by: HashSet::new(),
        merged: HashSet::new(),
        without_debug_info: 0,
        without_symbol: 0,
    };
    resolver.prepare();
    resolver.set_chains(frames, &answers);
    let (no_debug_info, no_symbol) = (resolver.without_debug_info, resolver.without_symbol);
    if let (Some(link), None) = (link, &shared) {
        let path = String::from_utf8_lossy(link.path).into_owned();
        let gaps = collector.gaps();
        gaps.no_shared_debug.push((module.name.clone(), path));
    }
    note_gaps(module, no_debug_info, no_symbol, collector);
}

/// The distinct addresses of sorted frames.
fn addresses(frames: &[(Place, FrameId)]) -> Vec<u64> {
    let mut addresses: Vec<u64> = frames
        .iter()
        .filter_map(|(place, _)| match place {
            Place::Code(address) => Some(address.0),
            _ => None,
        })
        .collect();
    addresses.dedup();
    addresses
}

/// Writes down in how many frames of a module something was not found.
fn note_gaps(module: &Module, no_debug_info: u64, no_symbol: u64, collector: &mut Collector<'_>) {
    let gaps = collector.gaps();
    if no_debug_info > 0 {
        gaps.no_debug_info
            .push((module.name.clone(), no_debug_info));
    }
    if no_symbol > 0 {
        gaps.no_symbol.push((module.name.clone(), no_symbol));
    }
}

/// Describes all functions of the answers.
fn describe(
    dwarf: &Dwarf<'_>,
    answers: &[Answer],
    collector: &mut Collector<'_>,
) -> HashMap<dwarf::EntryId, Described> {
    let mut places: Vec<dwarf::EntryId> = answers
        .iter()
        .flat_map(|answer| answer.frames.iter().map(|frame| frame.function))
        .collect();
    places.sort_unstable();
    places.dedup();
    let described = dwarf.describe(&places);
    // All evidence before the first verdict: which crate a function is of must not depend on
    // which function is asked for first.
    collector.owners.learn_units(dwarf.info());
    for place in &places {
        if let Some(function) = described.get(place) {
            collector.owners.learn(function);
        }
    }
    described
}

/// A name in full: a legacy linkage name says no generic arguments, so those of `name`, which is
/// the debug information's (`total<u8>`), are added. Of closures and what is inside of them they
/// are left out: there they are those of the function around.
fn instance(linkage: &str, name: Option<&str>) -> String {
    let linkage = Name::parse(linkage);
    let full = linkage.full();
    if linkage.scheme() != Scheme::Legacy {
        return full;
    }
    let arguments = name.and_then(|name| {
        let at = name.find('<')?;
        let own = name.get(..at)?;
        let is_own = !own.is_empty() && name.ends_with('>') && full.ends_with(own);
        is_own.then(|| name.get(at..)).flatten()
    });
    match arguments {
        Some(arguments) => format!("{full}::{arguments}"),
        None => full,
    }
}

/// Turns the answers for one file into chains.
struct Resolver<'a, 'c, 'd> {
    image: &'a Image<'d>,
    tables: &'a Tables<'a, 'd>,
    info: Option<&'a DebugInfo<'a>>,
    described: &'a HashMap<dwarf::EntryId, Described>,
    facts: ModuleFacts,
    collector: &'a mut Collector<'c>,
    /// With the file, where only a line's path tells the crate.
    by_place: HashMap<(dwarf::EntryId, Option<&'a str>), FunctionId>,
    by_symbol: HashMap<&'a str, FunctionId>,
    /// Which symbols were seen for which functions.
    named_by: HashSet<(&'a str, FunctionId)>,
    /// Which functions were asked whether others have their code.
    merged: HashSet<(VirtualAddress, FunctionId)>,
    without_debug_info: u64,
    without_symbol: u64,
}

impl<'a> Resolver<'a, '_, '_> {
    /// Sets the chain of each frame. Both lists are sorted by address, and each distinct address
    /// has one answer.
    fn set_chains(&mut self, frames: &[(Place, FrameId)], answers: &'a [Answer]) {
        let mut answers = answers.iter();
        let mut last = None;
        for (place, frame) in frames {
            let chain = match (place, last) {
                (Place::Code(address), Some((same, chain))) if same == *address => chain,
                (Place::Code(address), _) => {
                    let chain = self.chain(*address, answers.next());
                    last = Some((*address, chain));
                    chain
                }
                _ => {
                    let function = self
                        .collector
                        .bucket(self.facts.library.unwrap_or(buckets::UNKNOWN));
                    self.collector.lone(function)
                }
            };
            self.collector.set(frame.0 as usize, chain);
        }
    }

    /// Functions with a linkage name first, so that symbols of that name find them.
    fn prepare(&mut self) {
        let mut places: Vec<_> = self.described.keys().copied().collect();
        places.sort_unstable();
        for place in places {
            let linkage = |function: &'a Described| function.linkage.as_deref();
            if let Some(linkage) = self.described.get(&place).and_then(linkage) {
                let function = self.function(place, None);
                self.by_symbol.entry(linkage).or_insert(function);
            }
        }
    }

    fn function(&mut self, place: dwarf::EntryId, file: Option<&'a str>) -> FunctionId {
        let (Some(found), Some(info)) = (self.described.get(&place), self.info) else {
            return self.collector.bucket(buckets::UNKNOWN);
        };
        let named = found.linkage.is_some() || found.root.is_some() || found.file.is_some();
        let key = (place, file.filter(|_| !named));
        if let Some(known) = self.by_place.get(&key) {
            return *known;
        }
        let collector = &mut *self.collector;
        let owner = collector.owners.of_function(found, info, key.1, self.facts);
        let name = match (&found.linkage, &found.name) {
            (Some(linkage), name) => instance(linkage, name.as_deref()),
            (None, Some(name)) => name.clone(),
            (None, None) => buckets::UNKNOWN.name.to_owned(),
        };
        let file = found.file.as_deref().map(|file| collector.file(file));
        let function = collector.function(name, owner, (file, found.line));
        self.by_place.insert(key, function);
        function
    }

    fn symbol(&mut self, symbol: &'a Symbol<'_>, owners: &SymbolOwners) -> FunctionId {
        let name = Name::parse(&symbol.name);
        // What link-time optimisation appends is in no linkage name.
        let plain = match name.part() {
            Part::Whole => symbol.name.strip_suffix(name.suffix()),
            _ => None,
        };
        let known = self.by_symbol.get(&*symbol.name);
        let known = known.or_else(|| plain.and_then(|plain| self.by_symbol.get(plain)));
        if let Some(known) = known {
            return *known;
        }
        let owner = self.collector.owners.of_symbol(symbol, owners, self.facts);
        let function = self.collector.function(name.full(), owner, (None, None));
        self.by_symbol.insert(&symbol.name, function);
        function
    }

    /// Writes down which other functions have the code of one.
    fn note_merged(&mut self, start: VirtualAddress, function: FunctionId) {
        if self.facts.library.is_some() || !self.merged.insert((start, function)) {
            return;
        }
        let Some((table, _)) = self.tables.of(start) else {
            return;
        };
        let kept = table.at(start).map(|(symbol, _)| symbol);
        let names: BTreeSet<String> = kept
            .into_iter()
            .chain(table.others(start))
            .filter(|symbol| symbol.kind == SymbolKind::Function && symbol.size > 0)
            .map(|symbol| Name::parse(&symbol.name).full())
            .collect();
        // Constructors of C++ have two symbols and one name.
        if names.len() > 1 {
            for name in names {
                self.collector.merged(name, function);
            }
        }
    }

    /// For an address without a symbol and without debug information.
    fn nameless(&mut self, address: VirtualAddress) -> FunctionId {
        let section = self.image.section_at(address);
        if section.is_some_and(|(_, section)| section.name.contains("plt")) {
            return self.collector.bucket(buckets::LINKER);
        }
        self.without_symbol += 1;
        let bucket = self.facts.library.unwrap_or(buckets::UNKNOWN);
        self.collector.bucket(bucket)
    }

    fn chain(&mut self, address: VirtualAddress, answer: Option<&'a Answer>) -> Chain {
        let symbol = self.tables.at(address);
        let extent = symbol.as_ref().map(|(_, extent, _)| *extent);
        let mut scopes: Vec<Scope> = Vec::new();
        for frame in answer.iter().flat_map(|answer| &answer.frames) {
            let described = self.described.get(&frame.function);
            // Its name is in a file that is not here: what it is part of has one, or a symbol.
            if described.is_some_and(|it| it.unreadable) {
                continue;
            }
            let file = frame.file.as_deref();
            scopes.push(Scope {
                function: self.function(frame.function, file),
                file: file.map(|file| self.collector.file(file)),
                line: frame.line,
            });
        }
        if let (Some(outermost), Some((symbol, ..))) = (scopes.last(), &symbol) {
            // One function by its address: what the symbol is called is another name for it.
            let outermost = outermost.function;
            if self.named_by.insert((&*symbol.name, outermost)) {
                let name = Name::parse(&symbol.name).full();
                self.collector.alias(name, outermost);
            }
        }
        if scopes.is_empty() {
            self.without_debug_info += 1;
            let physical = symbol.map(|(symbol, _, owners)| self.symbol(symbol, owners));
            let row = answer.and_then(|answer| answer.row.as_ref());
            let file = row.and_then(|(file, _)| file.as_deref());
            scopes.push(Scope {
                function: physical.unwrap_or_else(|| self.nameless(address)),
                file: file.map(|file| self.collector.file(file)),
                line: row.and_then(|(_, line)| *line),
            });
        }
        let outermost = scopes.last().map(|scope| scope.function);
        if let (Some(outermost), Some(extent)) = (outermost, extent) {
            self.note_merged(extent.start, outermost);
        }
        let physical = outermost.unwrap_or_else(|| self.collector.bucket(buckets::UNKNOWN));
        let line_zero = answer.is_some_and(|answer| answer.line_zero);
        self.collector.chain(&scopes, physical, extent, line_zero)
    }
}
