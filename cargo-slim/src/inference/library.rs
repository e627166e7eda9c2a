//! Functions of the standard library by their code, and those that they call by name.

use super::{Basis, Guess, Inputs, Slots, code_of, guessed, is_open, outside};
use codecost::{
    address::VirtualAddress,
    attribution::{
        Archives, CodeMap, CrateId, CrateInfo, Crates, Evidence, Function, Hole, Origin, Owner,
        Signature, Signatures,
    },
    demangle::Name,
    image::Image,
};
use rayon::prelude::*;
use std::collections::HashMap;

pub(super) fn find(
    inputs: &Inputs<'_, '_>,
    slots: &Slots,
    code: &CodeMap,
    crates: &mut Crates<'_>,
    guesses: &mut [Option<Guess>],
) {
    let Some(directory) = crates.catalogue().libraries() else {
        return;
    };
    let archives = Archives::open(directory);
    let signatures = Signatures::new(&archives);
    let equal: Vec<Vec<&Signature<'_>>> = code
        .functions
        .par_iter()
        .map(|function| match is_open(function.owner) {
            true => signatures.of(code_of(inputs.image, function)).collect(),
            false => Vec::new(),
        })
        .collect();
    let mut owners = Owners {
        inputs,
        known: HashMap::new(),
    };
    let ambiguous = Ambiguous::new(crates);
    let mut called: Vec<(u32, &str)> = Vec::new();
    for ((function, equal), guess) in code.functions.iter().zip(&equal).zip(guesses.iter_mut()) {
        let mut symbols: Vec<&str> = equal.iter().map(|signature| signature.symbol).collect();
        symbols.sort_unstable();
        symbols.dedup();
        let Some(owner) = owners.common(&symbols, function, crates) else {
            continue;
        };
        if ambiguous.has(crates.info(owner.defined)) {
            continue;
        }
        let named = symbols.len() == 1 && is_telling(equal[0]);
        *guess = Some(Guess {
            basis: Basis::Signature,
            owner,
            symbol: named.then(|| symbols[0].to_owned()),
        });
        if let [signature] = equal[..] {
            called.extend(callees((inputs.image, slots), code, function, signature));
        }
    }
    called.sort_unstable();
    called.dedup();
    for same in called.chunk_by(|a, b| a.0 == b.0) {
        let [(at, name)] = same else { continue };
        let at = *at as usize;
        let function = &code.functions[at];
        let basis = match &guesses[at] {
            // Equal to several, of which the caller tells one.
            Some(guess) if guess.symbol.is_none() => guess.basis,
            None if is_open(function.owner) => Basis::Callee,
            _ => continue,
        };
        let fits = equal[at].iter().any(|signature| signature.symbol == *name);
        if fits || basis == Basis::Callee {
            guesses[at] = Some(Guess {
                basis,
                owner: owners.of(name, function, crates),
                symbol: Some((*name).to_owned()),
            });
        }
    }
}

/// Short copies of a generic function for one type are equal to those for others.
const LEAST_OF_GENERIC: usize = 64;

/// Whether equal code tells the function's name, too.
fn is_telling(signature: &Signature<'_>) -> bool {
    signature.compared() >= LEAST_OF_GENERIC || !Name::parse(signature.symbol).is_generic()
}

/// Crates that the standard library depends on, and that programs depend on by themselves: the code of
/// both is equal, when they are of one version.
struct Ambiguous(Vec<String>);

impl Ambiguous {
    /// These two are in many programs, of which few have a path of theirs.
    const OFTEN: [&str; 2] = ["hashbrown", "memchr"];

    fn new(crates: &Crates<'_>) -> Self {
        let others = crates.catalogue().crates();
        let others = others.filter(|info| info.origin != Origin::StdDependency);
        let names = others.map(|info| info.name.clone());
        Self(names.chain(Self::OFTEN.map(str::to_owned)).collect())
    }

    fn has(&self, info: &CrateInfo) -> bool {
        info.origin == Origin::StdDependency && self.0.contains(&info.name)
    }
}

/// The functions that a function of the file calls or takes the address of, named as in the
/// signature that it is equal to.
fn callees<'s, 'a>(
    (image, slots): (&'s Image<'_>, &'s Slots),
    code: &'s CodeMap,
    function: &'s Function,
    signature: &'s Signature<'a>,
) -> impl Iterator<Item = (u32, &'a str)> + 's {
    let body = code_of(image, function);
    signature.holes.iter().filter_map(move |hole| {
        let (to, name) = target(slots, body, function.range.start, hole)?;
        let at = code.at(to)?;
        let starts = code.functions.get(at as usize)?.range.start == to;
        starts.then_some((at, name))
    })
}

/// The owners of symbols, remembered.
struct Owners<'i, 'a, 'd, 's> {
    inputs: &'i Inputs<'a, 'd>,
    known: HashMap<&'s str, Owner>,
}

impl<'s> Owners<'_, '_, '_, 's> {
    fn of(&mut self, symbol: &'s str, function: &Function, crates: &mut Crates<'_>) -> Owner {
        let inputs = self.inputs;
        *self.known.entry(symbol).or_insert_with(|| {
            let symbol = outside(symbol.to_owned(), function);
            guessed(
                inputs
                    .owners
                    .owner(&symbol, &Name::parse(&symbol.name), crates),
            )
        })
    }

    /// What all of them agree on; `None` where they were written by different crates.
    fn common(
        &mut self,
        symbols: &[&'s str],
        function: &Function,
        crates: &mut Crates<'_>,
    ) -> Option<Owner> {
        let (first, rest) = symbols.split_first()?;
        let mut owner = self.of(first, function, crates);
        for symbol in rest {
            let other = self.of(symbol, function, crates);
            if other.defined != owner.defined {
                return None;
            }
            if other.instantiated != owner.instantiated {
                owner.instantiated = CrateId::UNKNOWN;
                owner.instantiated_by = Evidence::None;
            }
        }
        (owner.defined != CrateId::UNKNOWN).then_some(owner)
    }
}

/// Where a hole leads in the file, when it is a call or takes an address there.
fn target<'a>(
    slots: &Slots,
    body: &[u8],
    start: VirtualAddress,
    hole: &Hole<'a>,
) -> Option<(VirtualAddress, &'a str)> {
    let name = hole.function?;
    let at = hole.at as usize;
    let before = body.get(at.checked_sub(2)?..at)?;
    let distance = |at: usize| {
        let bytes = body.get(at..at + 4)?.first_chunk::<4>()?;
        let next = start.0.wrapping_add(at as u64 + 4);
        Some(VirtualAddress(
            next.wrapping_add_signed(i32::from_le_bytes(*bytes).into()),
        ))
    };
    let to = match *before {
        // A jump through the table of addresses that became a direct one, and a `nop`.
        [0xe9, _] if body.get(at + 3) == Some(&0x90) => distance(at - 1)?,
        [_, 0xe8 | 0xe9] | [0x8d, _] => distance(at)?,
        // Through the table of addresses.
        [0xff, 0x15 | 0x25] | [0x8b, _] => slots.target(distance(at)?)?,
        _ => return None,
    };
    Some((to, name))
}
