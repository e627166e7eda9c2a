//! The code of one file: which function is where, and what its slots hold.
//!
//! Truth: the symbol table for names and extents, the loader's relocations for the slots that
//! calls go through, the machine code of the linkage table's stubs for those.
//!
//! Limits: a symbol without a size reaches to the next one in its section.

use codecost::{
    address::{AddressRange, Range, VirtualAddress},
    demangle::{Name, Part},
    disasm::{Flow, Lister, Syntax, Target, lister},
    image::{Image, SectionKind, Symbol, SymbolKind, SymbolTable},
};
use std::{borrow::Cow, cell::OnceCell, collections::HashMap};

/// The code of a file.
pub(super) struct Code<'d> {
    pub(super) image: Image<'d>,
    pub(super) lister: Option<&'static dyn Lister>,
    /// Functions by address; those at one address are one entry.
    pub(super) functions: Vec<Extent<'d>>,
    /// What the debug information calls functions, by their position: symbols may not have the
    /// generic arguments, or the crate.
    described: HashMap<usize, String>,
    /// Filled when it is first asked for: most recordings need none of it.
    pieces: OnceCell<Pieces>,
    slots: Vec<Slot>,
    imports: SymbolTable<'d>,
}

/// What compilers split off functions under names of their own, by position.
#[derive(Debug, Default)]
struct Pieces {
    /// The function that a piece was split off; the piece itself where that is not in the file,
    /// because it was inlined everywhere.
    wholes: HashMap<usize, usize>,
    /// Turned round, without those that are by themselves.
    of: HashMap<usize, Vec<usize>>,
}

/// A range that the symbol table gives names to.
#[derive(Debug)]
pub(super) struct Extent<'d> {
    pub(super) range: AddressRange,
    /// All names that it has, the one that others see first.
    pub(super) names: Vec<Cow<'d, str>>,
}

/// What a slot will hold.
#[derive(Clone, Copy, Debug)]
struct Slot {
    at: VirtualAddress,
    target: Option<VirtualAddress>,
    symbol: Option<u32>,
}

impl<'d> Code<'d> {
    /// The code of `image`, with the symbols of `debug` where the image has none itself.
    pub(super) fn new(image: Image<'d>, debug: Option<&Image<'d>>) -> Self {
        let own = image.symbols();
        let imports = image.dynamic_symbols();
        let has_functions = |table: &SymbolTable<'_>| table.symbols.iter().any(is_code);
        let symbols = match debug.map(Image::symbols) {
            Some(debug) if !has_functions(&own) => debug,
            _ => own,
        };
        let mut functions = extents(&image, &symbols);
        if functions.is_empty() {
            functions = extents(&image, &imports);
        }
        let mut slots: Vec<Slot> = image
            .relocations(&imports)
            .into_iter()
            .flat_map(|table| table.relocations)
            .map(|relocation| Slot {
                at: relocation.slot,
                target: relocation.target,
                symbol: relocation.symbol,
            })
            .collect();
        slots.sort_by_key(|slot| slot.at);
        Self {
            lister: lister(image.architecture),
            image,
            functions,
            described: HashMap::new(),
            pieces: OnceCell::new(),
            slots,
            imports,
        }
    }

    /// The function around an address, by its position.
    pub(super) fn function_at(&self, address: VirtualAddress) -> Option<usize> {
        let next = self
            .functions
            .partition_point(|function| function.range.start <= address);
        let found = next.checked_sub(1)?;
        let function = self.functions.get(found)?;
        function.range.contains(address).then_some(found)
    }

    /// Calls the function at `position` what the debug information calls it.
    pub(super) fn describe(&mut self, position: usize, name: &str) {
        self.described.insert(position, name.to_owned());
    }

    /// What symbols call the function at `position`, where that is not its name; and its pieces,
    /// which other views show as rows of their own.
    pub(super) fn aliases(&self, position: usize) -> Vec<String> {
        let names = |position: usize| {
            let function = self.functions.get(position);
            let names = function.map_or(&[][..], |function| &function.names);
            names.iter().map(|name| Name::parse(name).full())
        };
        let pieces = self
            .split()
            .of
            .get(&position)
            .map_or(&[][..], Vec::as_slice);
        let pieces = pieces.iter().flat_map(|piece| names(*piece));
        match self.described.get(&position) {
            Some(own) => {
                let others = names(position).filter(|name| name != own);
                others.chain(pieces).collect()
            }
            None => pieces.collect(),
        }
    }

    /// The name of the function at `position`, in full.
    pub(super) fn function_name(&self, position: usize) -> Option<String> {
        if let Some(described) = self.described.get(&position) {
            return Some(described.clone());
        }
        let function = self.functions.get(position)?;
        Some(Name::parse(function.names.first()?).full())
    }

    /// What people call the code at an address; an offset is added where it is not the start.
    pub(super) fn name_of(&self, address: VirtualAddress) -> Option<String> {
        let known = self.function_at(address).and_then(|found| {
            let function = self.functions.get(found)?;
            let name = self.function_name(found)?;
            Some(match address.checked_since(function.range.start)? {
                0 => name,
                offset => format!("{name}+{offset:#x}"),
            })
        });
        known.or_else(|| self.stub(address))
    }

    /// What the loader puts into a slot: the name of a function here or elsewhere.
    pub(super) fn name_in(&self, slot: VirtualAddress) -> Option<String> {
        let first = self.slots.partition_point(|other| other.at < slot);
        let found = self.slots.get(first).filter(|found| found.at == slot)?;
        let here = found.target.and_then(|target| self.name_of(target));
        here.or_else(|| {
            let symbol = self.imports.symbols.get(found.symbol? as usize)?;
            (!symbol.name.is_empty()).then(|| Name::parse(&symbol.name).full())
        })
    }

    /// A stub of the linkage table: it jumps through a slot.
    fn stub(&self, address: VirtualAddress) -> Option<String> {
        let (_, section) = self.image.section_at(address)?;
        if section.kind != SectionKind::Plt {
            return None;
        }
        // Entries have eight or sixteen bytes.
        let bytes = self.image.bytes_at(address)?;
        let bytes = bytes.get(..16).unwrap_or(bytes);
        let stub = self.lister?.instructions(bytes, address, Syntax::Intel);
        stub.iter().find_map(|instruction| match instruction.flow {
            Flow::Jump(Target::Slot(slot)) => self.name_in(slot),
            _ => None,
        })
    }

    /// The bytes of a range, as far as the file has them.
    pub(super) fn bytes(&self, range: AddressRange) -> &'d [u8] {
        let bytes = self.image.bytes_at(range.start).unwrap_or_default();
        let size = usize::try_from(range.size).unwrap_or(usize::MAX);
        bytes.get(..size).unwrap_or(bytes)
    }

    /// The function that the one at `position` was split off; itself, if it is no piece or what it
    /// was split off is not here.
    pub(super) fn whole_of(&self, position: usize) -> usize {
        let whole = self.split().wholes.get(&position);
        whole.copied().unwrap_or(position)
    }

    /// Whether the code at `position` was split off a function that is in the file.
    pub(super) fn is_piece(&self, position: usize) -> bool {
        self.whole_of(position) != position
    }

    fn split(&self) -> &Pieces {
        self.pieces.get_or_init(|| {
            let mut bases: HashMap<&str, Vec<usize>> = HashMap::new();
            for (position, function) in self.functions.iter().enumerate() {
                let mut names = function.names.iter().map(|name| base(name));
                if let Some((base, _)) = names.find(|(_, part)| is_split(*part)) {
                    bases.entry(base).or_default().push(position);
                }
            }
            let mut found = Pieces::default();
            if bases.is_empty() {
                return found;
            }
            let by_itself = bases.values().flatten().map(|piece| (*piece, *piece));
            found.wholes = by_itself.collect();
            for (position, function) in self.functions.iter().enumerate() {
                for name in &function.names {
                    let (base, part) = base(name);
                    let pieces = bases.get(base).filter(|_| !is_split(part));
                    for piece in pieces.into_iter().flatten() {
                        found.wholes.insert(*piece, position);
                    }
                }
            }
            for (piece, whole) in &found.wholes {
                if piece != whole {
                    found.of.entry(*whole).or_default().push(*piece);
                }
            }
            found
        })
    }

    /// All ranges of the function at `position`: its own, and what the compiler split off it under
    /// names of their own. With whether each is cold.
    pub(super) fn pieces(&self, position: usize) -> Vec<(AddressRange, bool)> {
        let Some(function) = self.functions.get(position) else {
            return Vec::new();
        };
        let own: Vec<_> = function.names.iter().map(|name| base(name)).collect();
        let mut pieces: Vec<_> = self
            .functions
            .iter()
            .enumerate()
            .filter_map(|(index, other)| {
                let piece = other.names.iter().find(|name| {
                    let (base, part) = base(name);
                    index == position || is_split(part) && own.iter().any(|own| own.0 == base)
                })?;
                Some((other.range, base(piece).1 == Part::Cold))
            })
            .collect();
        pieces.sort_unstable();
        pieces
    }
}

/// A mangled name without what was appended to it, and what that says.
fn base(symbol: &str) -> (&str, Part) {
    // Only the end of the name matters here: most names have no ending at all.
    if !symbol.contains('.') && !symbol.contains("OUTLINED") {
        return (symbol, Part::Whole);
    }
    let name = Name::parse(symbol);
    let end = symbol.len().saturating_sub(name.suffix().len());
    (symbol.get(..end).unwrap_or(symbol), name.part())
}

fn is_split(part: Part) -> bool {
    matches!(part, Part::Cold | Part::Warm | Part::Outlined)
}

fn is_code(symbol: &Symbol<'_>) -> bool {
    symbol.kind == SymbolKind::Function && symbol.section.is_some()
}

fn extents<'d>(image: &Image<'_>, table: &SymbolTable<'d>) -> Vec<Extent<'d>> {
    let in_code = |symbol: &&Symbol<'_>| {
        let kind = image
            .section_at(symbol.address)
            .map(|(_, section)| section.kind);
        // Assembly often leaves its labels without a type.
        let typed = symbol.kind == SymbolKind::Function
            || symbol.kind == SymbolKind::Untyped && !symbol.name.starts_with(['.', '$']);
        typed && symbol.section.is_some() && kind == Some(SectionKind::Code)
    };
    let mut symbols: Vec<&Symbol<'d>> = table.symbols.iter().filter(in_code).collect();
    // Of several at one address the typed one with the larger size speaks for all.
    symbols.sort_by_key(|symbol| {
        (
            symbol.address,
            symbol.kind != SymbolKind::Function,
            std::cmp::Reverse(symbol.size),
            symbol.index,
        )
    });
    let mut extents: Vec<Extent<'d>> = Vec::new();
    for symbol in symbols {
        match extents.last_mut() {
            Some(last) if last.range.start == symbol.address => {
                last.names.push(symbol.name.clone());
            }
            // A label inside a function is not a function.
            Some(last)
                if symbol.size == 0
                    && symbol.kind == SymbolKind::Untyped
                    && last.range.contains(symbol.address) => {}
            _ => extents.push(Extent {
                range: Range::<VirtualAddress>::new(symbol.address, symbol.size),
                names: vec![symbol.name.clone()],
            }),
        }
    }
    // Without a size it reaches to the next; with one, never into the next.
    for index in 0..extents.len() {
        let next = extents.get(index + 1).map(|next| next.range.start);
        let range = extents[index].range;
        let end = match image.section_at(range.start) {
            Some((_, section)) => section.addresses().end(),
            None => range.end(),
        };
        let limit = next.unwrap_or(end).min(end);
        let own = if range.size == 0 {
            limit
        } else {
            range.end().min(limit)
        };
        extents[index].range = Range::<VirtualAddress>::between(range.start, own);
    }
    extents.retain(|extent| !extent.range.is_empty());
    extents
}
