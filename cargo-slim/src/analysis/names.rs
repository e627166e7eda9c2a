//! The full names of all functions, in a few large texts instead of 165,000 small ones.

use codecost::{attribution::Function, demangle::Name, image::SymbolTable};
use rayon::prelude::*;

/// So many names make one text.
const CHUNK: usize = 512;

/// One name a function, in the functions' order.
#[derive(Debug)]
pub(super) struct FunctionNames {
    chunks: Vec<Chunk>,
}

#[derive(Debug)]
struct Chunk {
    text: String,
    ends: Vec<usize>,
}

impl FunctionNames {
    /// Spells out all names, on all cores.
    pub(super) fn new(functions: &[Function], symbols: &SymbolTable<'_>) -> Self {
        let chunk = |functions: &[Function]| {
            // Full names are about as long as their symbols.
            let lengths = functions.iter().map(|function| {
                let symbol = function
                    .symbol
                    .and_then(|at| symbols.symbols.get(at as usize));
                symbol.map_or(32, |symbol| symbol.name.len())
            });
            let mut text = String::with_capacity(lengths.sum::<usize>().saturating_mul(5) / 4);
            let mut ends = Vec::with_capacity(functions.len());
            for function in functions {
                write(function, symbols, &mut text);
                ends.push(text.len());
            }
            Chunk { text, ends }
        };
        Self {
            chunks: functions.par_chunks(CHUNK).map(chunk).collect(),
        }
    }

    /// The name of the function with this index.
    pub(super) fn get(&self, index: usize) -> &str {
        let name = || {
            let Chunk { text, ends } = self.chunks.get(index / CHUNK)?;
            let start = match (index % CHUNK).checked_sub(1) {
                Some(before) => *ends.get(before)?,
                None => 0,
            };
            text.get(start..*ends.get(index % CHUNK)?)
        };
        name().unwrap_or_default()
    }
}

/// A function's name as its symbol tells it.
pub(super) fn name_of<'a>(function: &Function, symbols: &'a SymbolTable<'_>) -> Option<Name<'a>> {
    let symbol = symbols.symbols.get(function.symbol? as usize)?;
    Some(Name::with_shape(&symbol.name, function.shape))
}

/// Appends the name to show: a function without a symbol is known by its address only.
pub(super) fn write(function: &Function, symbols: &SymbolTable<'_>, out: &mut String) {
    match name_of(function, symbols) {
        Some(name) => name.write_full(out),
        None => out.push_str(&format!("[function at {}]", function.range.start)),
    }
}
