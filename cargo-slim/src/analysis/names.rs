//! The full names of all functions, in a few large texts instead of 165,000 small ones.

use codecost::{attribution::Function, demangle::Name, image::SymbolTable};
use rayon::prelude::*;
use std::ops::Range;

/// What follows the name of the function that drops a value, which the compiler writes: the type in
/// brackets. It is `drop_in_place`, and from 1.97 on `drop_glue`.
pub(super) fn of_drop_glue(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("core::ptr::drop_")?;
    let rest = rest
        .strip_prefix("in_place")
        .or(rest.strip_prefix("glue"))?;
    (rest.is_empty() || rest.starts_with("::<")).then_some(rest)
}

/// So many names make one text.
const CHUNK: usize = 512;

/// One name a function, in the functions' order.
#[derive(Debug)]
pub(crate) struct FunctionNames {
    chunks: Vec<Chunk>,
}

#[derive(Debug, Default)]
struct Chunk {
    text: String,
    ends: Vec<usize>,
}

impl Chunk {
    /// An empty one with room for the full names, which are about as long as their symbols.
    fn for_names_of(functions: &[Function], symbols: &SymbolTable<'_>) -> Self {
        let lengths = functions.iter().map(|function| {
            let symbol = function
                .symbol
                .and_then(|at| symbols.symbols.get(at as usize));
            symbol.map_or(32, |symbol| symbol.name.len())
        });
        Self {
            text: String::with_capacity(lengths.sum::<usize>().saturating_mul(5) / 4),
            ends: Vec::with_capacity(functions.len()),
        }
    }

    /// What was written since is one name.
    fn end(&mut self) {
        self.ends.push(self.text.len());
    }
}

impl FunctionNames {
    /// Spells out all names, on all cores.
    pub(crate) fn new(functions: &[Function], symbols: &SymbolTable<'_>) -> Self {
        let chunk = |functions: &[Function]| {
            let mut names = Chunk::for_names_of(functions, symbols);
            for function in functions {
                write(function, symbols, &mut names.text);
                names.end();
            }
            names
        };
        Self {
            chunks: functions
                .par_chunks(CHUNK)
                .with_max_len(4)
                .map(chunk)
                .collect(),
        }
    }

    /// All names, and the names of the generic families; the latter are empty for functions that are
    /// not generic. Both at once, while a symbol is at hand: that is what takes long.
    pub(crate) fn with_families(functions: &[Function], symbols: &SymbolTable<'_>) -> (Self, Self) {
        let chunk = |functions: &[Function]| {
            let mut names = Chunk::for_names_of(functions, symbols);
            let mut families = Chunk::default();
            for function in functions {
                match name_of(function, symbols) {
                    Some(name) => {
                        name.write_full(&mut names.text);
                        if name.is_generic() {
                            name.write_family(&mut families.text);
                        }
                    }
                    None => write_place(function, symbols, &mut names.text),
                }
                names.end();
                families.end();
            }
            (names, families)
        };
        let (names, families) = functions
            .par_chunks(CHUNK)
            .with_max_len(4)
            .map(chunk)
            .unzip();
        (Self { chunks: names }, Self { chunks: families })
    }

    /// The name of the function with this index.
    pub(crate) fn get(&self, index: usize) -> &str {
        let name = || {
            let (chunk, range) = self.place(index)?;
            self.chunks[chunk].text.get(range)
        };
        name().unwrap_or_default()
    }

    /// Which text the name of the function with this index lies in, and where.
    pub(crate) fn place(&self, index: usize) -> Option<(usize, Range<usize>)> {
        let ends = &self.chunks.get(index / CHUNK)?.ends;
        let start = match (index % CHUNK).checked_sub(1) {
            Some(before) => *ends.get(before)?,
            None => 0,
        };
        Some((index / CHUNK, start..*ends.get(index % CHUNK)?))
    }

    /// How many texts there are.
    pub(crate) fn texts(&self) -> usize {
        self.chunks.len()
    }

    /// The texts that the names lie in.
    pub(crate) fn into_texts(self) -> impl Iterator<Item = String> {
        self.chunks.into_iter().map(|chunk| chunk.text)
    }
}

/// A function's name as its symbol tells it.
pub(super) fn name_of<'a>(function: &Function, symbols: &'a SymbolTable<'_>) -> Option<Name<'a>> {
    let symbol = symbols.symbols.get(function.symbol? as usize)?;
    // A piece that only its object file is known of.
    (!symbol.name.is_empty()).then(|| Name::with_shape(&symbol.name, function.shape))
}

/// Appends the name to show: a function without a symbol is known by its address only.
pub(super) fn write(function: &Function, symbols: &SymbolTable<'_>, out: &mut String) {
    match name_of(function, symbols) {
        Some(name) => name.write_full(out),
        None => write_place(function, symbols, out),
    }
}

/// A function without a name: by its number, where functions have one, else by its address.
fn write_place(function: &Function, symbols: &SymbolTable<'_>, out: &mut String) {
    let symbol = function.symbol.filter(|_| symbols.are_numbered);
    let symbol = symbol.and_then(|at| symbols.symbols.get(at as usize));
    match symbol {
        Some(symbol) => out.push_str(&format!("[function {}]", symbol.index)),
        None => out.push_str(&format!("[function at {}]", function.range.start)),
    }
}

#[cfg(test)]
mod tests {
    use super::of_drop_glue;

    #[test]
    fn glue_is_known_by_both_of_its_names() {
        for (name, expected) in [
            ("core::ptr::drop_in_place", Some("")),
            ("core::ptr::drop_in_place::<a::B>", Some("::<a::B>")),
            ("core::ptr::drop_glue::<a::B>", Some("::<a::B>")),
            ("core::ptr::drop_glue", Some("")),
            ("core::ptr::drop_in_place_of", None),
            ("a::drop_glue", None),
        ] {
            assert_eq!(of_drop_glue(name), expected, "{name}");
        }
    }
}
