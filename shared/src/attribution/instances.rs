//! Crates of one name, told apart by the hashes in v0 names.
//!
//! Generic code is compiled in the crate that uses it, so a function whose name speaks of two instances of a
//! name was compiled in the one that depends on the other: a wrapper that is called like its library.

use crate::{demangle::Name, image::SymbolTable};

/// Whether a v0 symbol has two roots `Cs<hash>_<length><name>` with this name. Linear.
pub fn has_two_instances(symbol: &str, name: &str) -> bool {
    let end = format!("_{}{name}", name.len());
    let mut first = None;
    symbol.match_indices(&end).any(|(at, _)| {
        let before = symbol.get(..at).unwrap_or_default();
        let root = before.rfind("Cs").and_then(|start| before.get(start..));
        let Some(root) = root.filter(|root| root.bytes().all(|b| b.is_ascii_alphanumeric())) else {
            return false;
        };
        *first.get_or_insert(root) != root
    })
}

/// The hash of the crate `name` that uses another one of this name.
pub(super) fn outer_instance(table: &SymbolTable<'_>, name: &str) -> Option<u64> {
    let mut symbols = table.symbols.iter();
    symbols.find_map(|symbol| {
        if !has_two_instances(&symbol.name, name) {
            return None;
        }
        let parsed = Name::parse(&symbol.name);
        let by = parsed.instantiating().filter(|by| by.name == name)?;
        by.disambiguator
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_instances_of_a_name_are_told_by_their_hashes() {
        for (symbol, two) in [
            ("_RNvCs84oBVal8Hga_10tokenizers3one", false),
            (
                "_RINvCscxzlFi8rOL3_10tokenizers3oneNtCscxzlFi8rOL3_10tokenizers1TE",
                false,
            ),
            (
                "_RINvCscxzlFi8rOL3_10tokenizers3oneuECs84oBVal8Hga_10tokenizers",
                true,
            ),
            (
                "_RINvCscxzlFi8rOL3_10tokenizers3oneuECs84oBVal8Hga_11tokenizers_",
                false,
            ),
            ("tokenizers", false),
        ] {
            assert_eq!(has_two_instances(symbol, "tokenizers"), two, "{symbol}");
        }
    }
}
