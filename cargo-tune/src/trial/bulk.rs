//! The packages that most of the program's code comes from, by its symbols.
//!
//! Where no profile of the time is given, the sizes alone say for which packages another opt-level
//! is worth a trial. A copy of generic code counts for the crate that compiled it, where its name
//! says so: only that crate's opt-level reaches it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use codecost::demangle::Name;
use codecost::image::{Image, SymbolKind};

use super::outcome::Outcome;
use crate::project::Project;

/// A package with at least this share of the code is large.
const LARGE: f64 = 0.03;
/// More packages than these are no longer a choice.
const MOST: usize = 8;

/// The large packages that can have an override, the largest first. None, if no program has its
/// symbols.
pub(super) fn large(project: &Project, outcomes: &[&Outcome]) -> Vec<String> {
    let mut packages: BTreeSet<String> = project.lock.shipped(&project.workspace);
    packages.retain(|name| project.lock.packages.iter().any(|p| p.name == *name));
    let sizes = outcomes.iter().find_map(|outcome| {
        let sizes = by_crate(&outcome.weighed.as_ref()?.path)?;
        (!sizes.is_empty()).then_some(sizes)
    });
    among(&packages, &sizes.unwrap_or_default())
}

/// Bytes of functions by crate.
fn by_crate(path: &Path) -> Option<BTreeMap<String, u64>> {
    let bytes = std::fs::read(path).ok()?;
    let image = Image::parse(path, &bytes).ok()?;
    let mut sizes: BTreeMap<String, u64> = BTreeMap::new();
    for symbol in image.symbols().symbols {
        if symbol.kind != SymbolKind::Function {
            continue;
        }
        let name = Name::parse(&symbol.name);
        if let Some(owner) = name.instantiating().or_else(|| name.defining()) {
            *sizes.entry(owner.name.into_owned()).or_default() += symbol.size;
        }
    }
    Some(sizes)
}

/// Those of `packages` whose crates have a large share of all bytes.
fn among(packages: &BTreeSet<String>, sizes: &BTreeMap<String, u64>) -> Vec<String> {
    let whole: u64 = sizes.values().sum();
    let size = |package: &String| sizes.get(&package.replace('-', "_")).copied().unwrap_or(0);
    let mut large: Vec<(u64, &String)> = packages
        .iter()
        .map(|package| (size(package), package))
        .filter(|(size, _)| *size > 0 && *size as f64 >= LARGE * whole as f64)
        .collect();
    large.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    let names = large.into_iter().map(|(_, package)| package.clone());
    names.take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_packages_come_first_and_small_ones_not_at_all() {
        let packages = ["regex-automata", "memchr", "aho-corasick", "absent"];
        let packages = packages.map(str::to_owned).into();
        let sizes = [
            ("app", 400_000),
            ("regex_automata", 380_000),
            ("aho_corasick", 200_000),
            ("memchr", 20_000),
        ];
        let sizes = sizes.map(|(name, size)| (name.to_owned(), size)).into();
        assert_eq!(among(&packages, &sizes), ["regex-automata", "aho-corasick"]);
        assert!(among(&packages, &BTreeMap::new()).is_empty());
    }
}
