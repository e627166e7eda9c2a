//! Whose functions are that nothing names: what a stripped file still tells.
//!
//! Rust's panics carry the path of their source. The code of the prebuilt standard library is that of
//! its archives, byte for byte. Linkers keep what one codegen unit holds together. None of this
//! proves an owner, so all that comes of it is `inferred`, and each rule was measured against the
//! unstripped twins of stripped files (`docs/slim.md`, `tests/tests/slim/stripped.rs`). A rule is in use
//! for those formats and architectures only where it is right for at least 90 % of the bytes that it
//! names ([`Basis::is_measured_for`]).

mod calls;
mod library;
mod locations;
mod neighbours;

use crate::ledger::{CodeReferences, Pointers};
use codecost::{
    address::{AddressRange, VirtualAddress},
    attribution::{CodeMap, CrateId, Crates, Evidence, Function, Owner, SymbolOwners},
    demangle::Name,
    hashing::NumberMap,
    image::{Architecture, Binding, Format, Image, SectionKind, Symbol, SymbolKind, SymbolTable},
};

/// What an inference rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// The code is equal to that of a function in the toolchain's libraries.
    Signature,
    /// A function that was found by its code calls it under this name.
    Callee,
    /// It uses panic locations in the sources of one crate.
    Location,
    /// It stands between functions of one crate.
    Neighbour,
}

impl Basis {
    /// The name in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Callee => "callee",
            Self::Location => "panic-location",
            Self::Neighbour => "neighbour",
        }
    }

    /// Whether a measurement says that the rule is right for at least 90 % of the bytes that it names
    /// in files of this kind.
    pub fn is_measured_for(self, format: Format, architecture: Architecture) -> bool {
        let everywhere = matches!(self, Self::Location | Self::Neighbour);
        match (format, architecture) {
            (Format::Elf, Architecture::X86_64) => true,
            (Format::Elf | Format::MachO, Architecture::Aarch64)
            | (Format::MachO, Architecture::X86_64) => everywhere,
            (Format::Pe, Architecture::X86_64) => everywhere,
            // No released file for Arm has both its symbols and a list of what they are.
            (Format::Pe, _) => false,
            (Format::Elf | Format::MachO, _) => false,
            // Optimisers put functions in another order: there neighbours tell nothing.
            (Format::Wasm, Architecture::Wasm32) => self == Self::Location,
            (Format::Wasm | Format::Archive | Format::Object, _) => false,
        }
    }

    const ALL: [Self; 4] = [
        Self::Signature,
        Self::Callee,
        Self::Location,
        Self::Neighbour,
    ];
}

/// What is inferred from.
pub struct Inputs<'a, 'd> {
    /// The analysed file.
    pub image: &'a Image<'d>,
    /// Who owns the symbols.
    pub owners: &'a SymbolOwners,
    /// What the functions refer to.
    pub references: &'a CodeReferences,
    /// What the loader writes into data.
    pub pointers: &'a Pointers,
}

/// The linker's table of addresses, which calls across objects go through.
#[derive(Debug)]
struct Slots(NumberMap<VirtualAddress, VirtualAddress>);

impl Slots {
    /// What its entries will hold.
    fn new(image: &Image<'_>, pointers: &Pointers) -> Self {
        let tables = image
            .sections
            .iter()
            .filter(|it| it.kind == SectionKind::Got);
        let tables: Vec<AddressRange> = tables.map(|section| section.addresses()).collect();
        let in_table = |slot: VirtualAddress| tables.iter().take(8).any(|it| it.contains(slot));
        Self(
            pointers
                .targets()
                .filter(|(slot, _)| in_table(*slot))
                .collect(),
        )
    }

    fn target(&self, slot: VirtualAddress) -> Option<VirtualAddress> {
        self.0.get(&slot).copied()
    }
}

/// What was inferred of one function.
#[derive(Clone, Debug)]
struct Guess {
    basis: Basis,
    owner: Owner,
    /// Its symbol, where that was found.
    symbol: Option<String>,
}

/// Infers owners of the functions of `code` that have none, and names some of them, with `symbols` that
/// stand in no table. Returns what each one's owner rests on, in their order; `None` for those that
/// stay as they are. Linear in code and references, but for sorting.
pub fn infer(
    inputs: &Inputs<'_, '_>,
    code: &mut CodeMap,
    symbols: &mut SymbolTable<'_>,
    crates: &mut Crates<'_>,
) -> Vec<Option<Basis>> {
    if !reads(inputs.image) {
        return Vec::new();
    }
    let mut guesses = vec![None; code.functions.len()];
    let slots = Slots::new(inputs.image, inputs.pointers);
    let may = |basis: Basis| basis.is_measured_for(inputs.image.format, inputs.image.architecture);
    if may(Basis::Signature) && may(Basis::Callee) {
        library::find(inputs, &slots, code, crates, &mut guesses);
    }
    if may(Basis::Location) {
        locations::find(inputs, code, crates, &mut guesses);
    }
    if may(Basis::Neighbour) {
        neighbours::find(inputs, &slots, code, crates, &mut guesses);
    }
    let mut bases = Vec::with_capacity(guesses.len());
    for (function, guess) in code.functions.iter_mut().zip(guesses) {
        bases.push(guess.as_ref().map(|guess: &Guess| guess.basis));
        let Some(guess) = guess else { continue };
        function.owner = guess.owner;
        let Ok(place) = u32::try_from(symbols.symbols.len()) else {
            continue;
        };
        if let (Some(name), None) = (guess.symbol, function.symbol) {
            function.shape = Name::parse(&name).shape();
            function.symbol = Some(place);
            function.guessed = true;
            symbols.symbols.push(outside(name, function));
        }
    }
    bases
}

/// Whether anything is inferred of files of this kind.
pub fn reads(image: &Image<'_>) -> bool {
    let mut all = Basis::ALL.into_iter();
    all.any(|basis| basis.is_measured_for(image.format, image.architecture))
}

/// Whether nothing names the function.
fn is_open(owner: Owner) -> bool {
    owner.defined == CrateId::UNKNOWN
}

/// The machine code of a function.
fn code_of<'d>(image: &Image<'d>, function: &Function) -> &'d [u8] {
    let code = image.bytes_at(function.range.start).unwrap_or_default();
    let size = usize::try_from(function.range.size).unwrap_or(usize::MAX);
    code.get(..size).unwrap_or_default()
}

/// A symbol as the table of a debug file would have it.
fn outside(name: String, function: &Function) -> Symbol<'static> {
    Symbol {
        name: name.into(),
        name_offset: 0,
        index: Symbol::OUTSIDE,
        address: function.range.start,
        size: function.range.size,
        section: Some(function.section),
        kind: SymbolKind::Function,
        binding: Binding::Global,
        file: None,
    }
}

/// Who wrote it, as a guess; whose compilation made it stays open, because code that was optimised as
/// one tells too little of that.
fn written_by(id: CrateId) -> Owner {
    Owner {
        defined: id,
        defined_by: Evidence::Inferred,
        ..Owner::UNKNOWN
    }
}

/// The owner, as a guess.
fn guessed(owner: Owner) -> Owner {
    let weaker = |id, evidence: Evidence| match id {
        CrateId::UNKNOWN => Evidence::None,
        _ => evidence.max(Evidence::Inferred),
    };
    Owner {
        defined_by: weaker(owner.defined, owner.defined_by),
        instantiated_by: weaker(owner.instantiated, owner.instantiated_by),
        ..owner
    }
}
