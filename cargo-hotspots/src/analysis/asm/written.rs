//! Where a loop is written: `asm` and `loops` say the same of it.
//!
//! A loop belongs to the innermost inlined function that all of its instructions have in common:
//! the one whose text has the loop. Where that is std's (`iter().sum()`), it belongs to the nearest
//! function outward that is not. The instructions of inner loops do not count, which may be written
//! in functions of their own.

use super::chains::Link;
use crate::symbols::{Function, Symbols};
use std::collections::HashMap;

/// Whose functions are, by their names.
pub(super) struct Names<'s> {
    pub(super) symbols: &'s Symbols,
    pub(super) known: HashMap<&'s str, &'s Function>,
}

impl<'s> Names<'s> {
    pub(super) fn of(symbols: &'s Symbols) -> Self {
        let functions = symbols.functions.iter();
        let known = functions.map(|function| (function.name.as_str(), function));
        Self {
            symbols,
            known: known.collect(),
        }
    }

    fn is_system(&self, link: &Link) -> bool {
        let known = self.known.get(link.function.as_str());
        let owner = known.and_then(|known| self.symbols.crates.get(known.owner.0 as usize));
        match owner {
            Some(owner) => owner.system,
            // Without samples it has no owner yet; its path tells std from others.
            None => is_of_std(link.file.as_deref().unwrap_or_default()),
        }
    }

    /// How deep, from the outermost function inward, the function is that a loop is written in;
    /// `chains` are those of its instructions.
    pub(super) fn depth(&self, chains: &[&[Link]]) -> Option<usize> {
        let mut chains = chains.iter().filter(|chain| !chain.is_empty());
        let first = chains.next()?;
        let mut common = first.len();
        for chain in chains {
            let pairs = first.iter().rev().zip(chain.iter().rev());
            let mut same = 0;
            for (one, other) in pairs {
                if one.function != other.function {
                    break;
                }
                same += 1;
                // Another call of it is another place.
                if (one.line, &one.file) != (other.line, &other.file) {
                    break;
                }
            }
            // All are in one symbol, whatever the debug information says.
            common = common.min(same.max(1));
        }
        let inward = first.iter().rev().take(common).enumerate();
        let mut own = inward.filter(|(_, link)| !self.is_system(link));
        Some(own.next_back().map_or(common - 1, |(depth, _)| depth))
    }

    /// Where a loop begins: the function at this depth, with the line. `header` is the chain of the
    /// instruction through which it is entered.
    pub(super) fn place(
        &self,
        chains: &[&[Link]],
        header: Option<&[Link]>,
        depth: Option<usize>,
    ) -> Option<Link> {
        let level = |chain: &[Link]| level(chain, depth);
        let header = header.and_then(level);
        let any = || chains.iter().find_map(|chain| level(chain));
        let mut place = header.filter(|link| link.line.is_some()).or_else(any)?;
        // The header may be in the middle of a line of the body: the loop begins at its first line.
        // Instructions of something inlined may have its lines and not its name.
        let known = self.known.get(place.function.as_str());
        let declared = known.and_then(|known| known.line).unwrap_or_default();
        let links = chains.iter().filter_map(|chain| level(chain));
        let same = links.filter(|link| link.file == place.file);
        let lines = same.filter_map(|link| link.line);
        place.line = lines.filter(|line| *line >= declared).min().or(place.line);
        Some(place)
    }
}

/// The function at a depth, from the outermost one inward.
pub(super) fn level(chain: &[Link], depth: Option<usize>) -> Option<Link> {
    chain.iter().rev().nth(depth?).cloned()
}

/// Whether a source file is of Rust's own libraries.
fn is_of_std(file: &str) -> bool {
    file.starts_with("/rustc/") || file.contains("/rustlib/src/rust/library/")
}
