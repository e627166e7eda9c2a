//! Puts the answers for all modules together: each function, crate and file once.

use super::{
    buckets::{self, Bucket},
    owners::Owners,
};
use crate::symbols::{Chain, Function, FunctionId, Gaps, Owner, OwnerId, Scope, SourceId, Symbols};
use codecost::attribution::{Catalogue, CrateId, CrateInfo, Evidence, Origin};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Symbols in the making.
pub(super) struct Collector<'c> {
    pub(super) owners: Owners<'c>,
    symbols: Symbols,
    chains: Vec<Option<Chain>>,
    known_owners: HashMap<CrateId, OwnerId>,
    known_crates: HashMap<CrateInfo, OwnerId>,
    known_functions: HashMap<(String, OwnerId), FunctionId>,
    known_files: HashMap<String, SourceId>,
    known_aliases: HashSet<(String, FunctionId)>,
}

impl<'c> Collector<'c> {
    /// For so many frames.
    pub(super) fn new(catalogue: &'c Catalogue, frames: usize) -> Self {
        Self {
            owners: Owners::new(catalogue),
            symbols: Symbols::default(),
            chains: vec![None; frames],
            known_owners: HashMap::new(),
            known_crates: HashMap::new(),
            known_functions: HashMap::new(),
            known_files: HashMap::new(),
            known_aliases: HashSet::new(),
        }
    }

    pub(super) fn gaps(&mut self) -> &mut Gaps {
        &mut self.symbols.gaps
    }

    pub(super) fn file(&mut self, path: &str) -> SourceId {
        if let Some(id) = self.known_files.get(path) {
            return *id;
        }
        let id = SourceId(self.symbols.files.len() as u32);
        self.symbols.files.push(path.to_owned());
        self.known_files.insert(path.to_owned(), id);
        id
    }

    fn owner(&mut self, id: CrateId) -> OwnerId {
        if let Some(known) = self.known_owners.get(&id) {
            return *known;
        }
        let info = self.owners.info(id).clone();
        // Instances of one version are one crate to the reader: the library and the benchmark of a
        // package, or what is known of it by a hash and by a path.
        if info.version.is_some()
            && let Some(known) = self.known_crates.get(&info)
        {
            self.known_owners.insert(id, *known);
            return *known;
        }
        let info = &info;
        let owner = Owner {
            name: info.name.clone(),
            package: info.package.clone(),
            version: info.version.clone(),
            origin: info.origin,
            system: buckets::is_system(info),
        };
        let known = OwnerId(self.symbols.crates.len() as u32);
        self.symbols.crates.push(owner);
        self.known_owners.insert(id, known);
        self.known_crates.insert(info.clone(), known);
        known
    }

    /// The function of this name in this crate; declarations and evidence of its copies add up.
    pub(super) fn function(
        &mut self,
        name: String,
        owner: (CrateId, Evidence),
        declared: (Option<SourceId>, Option<u32>),
    ) -> FunctionId {
        let (id, evidence) = (self.owner(owner.0), owner.1);
        let next = FunctionId(self.symbols.functions.len() as u32);
        let key = (name, id);
        if let Some(known) = self.known_functions.get(&key) {
            if let Some(function) = self.symbols.functions.get_mut(known.0 as usize) {
                function.evidence = function.evidence.min(evidence);
                if function.file.is_none() {
                    (function.file, function.line) = declared;
                }
            }
            return *known;
        }
        self.symbols.functions.push(Function {
            name: key.0.clone(),
            owner: id,
            evidence,
            file: declared.0,
            line: declared.1,
        });
        self.known_functions.insert(key, next);
        next
    }

    /// Another function with the code of this one.
    pub(super) fn merged(&mut self, name: String, with: FunctionId) {
        let own = self.symbols.functions.get(with.0 as usize);
        let merged = (name, with);
        if own.is_some_and(|own| own.name != merged.0) && !self.symbols.merged.contains(&merged) {
            self.symbols.merged.push(merged);
        }
    }

    /// Another name of a function.
    pub(super) fn alias(&mut self, name: String, function: FunctionId) {
        let own = self.symbols.functions.get(function.0 as usize);
        if own.is_none_or(|own| own.name == name) {
            return;
        }
        let alias = (name, function);
        if !self.known_aliases.contains(&alias) {
            self.symbols.aliases.push(alias.clone());
            self.known_aliases.insert(alias);
        }
    }

    /// The one function that represents all of a bucket.
    pub(super) fn bucket(&mut self, bucket: Bucket) -> FunctionId {
        let id = self.owners.bucket(bucket);
        let evidence = if bucket == buckets::UNKNOWN {
            Evidence::None
        } else {
            Evidence::Format
        };
        self.function(bucket.name.to_owned(), (id, evidence), (None, None))
    }

    /// Adds a chain; `scopes` are not empty.
    pub(super) fn chain(
        &mut self,
        scopes: &[Scope],
        symbol: FunctionId,
        extent: Option<codecost::address::AddressRange>,
        line_zero: bool,
    ) -> Chain {
        let first = self.symbols.scopes.len() as u32;
        self.symbols.scopes.extend_from_slice(scopes);
        Chain {
            first,
            len: scopes.len() as u32,
            symbol,
            extent,
            line_zero,
        }
    }

    /// A chain of one function without lines.
    pub(super) fn lone(&mut self, function: FunctionId) -> Chain {
        let scope = Scope {
            function,
            file: None,
            line: None,
        };
        self.chain(&[scope], function, None, false)
    }

    /// Says what is at a frame.
    pub(super) fn set(&mut self, frame: usize, chain: Chain) {
        if let Some(slot) = self.chains.get_mut(frame) {
            *slot = Some(chain);
        }
    }

    pub(super) fn finish(mut self) -> Symbols {
        if self.chains.iter().any(Option::is_none) {
            let unknown = self.bucket(buckets::UNKNOWN);
            let lone = self.lone(unknown);
            for slot in &mut self.chains {
                slot.get_or_insert(lone);
            }
        }
        self.symbols.chains = self.chains.into_iter().flatten().collect();
        tell_apart(&mut self.symbols);
        self.symbols
    }
}

/// The program and the library of a package have one name. Where nothing else is known of them, so
/// that they are two crates to us, the name says which: the program is the one with a `main`. The words
/// are those of `cargo slim`.
fn tell_apart(symbols: &mut Symbols) {
    let mut same: BTreeMap<(String, Option<String>, Origin), Vec<usize>> = BTreeMap::new();
    for (at, owner) in symbols.crates.iter().enumerate() {
        let key = (owner.name.clone(), owner.version.clone(), owner.origin);
        same.entry(key).or_default().push(at);
    }
    same.retain(|_, owners| owners.len() > 1);
    for ((name, ..), owners) in same {
        let main = format!("{name}::main");
        let has_main = |at: &usize| {
            let mut functions = symbols.functions.iter();
            functions.any(|function| function.owner.0 as usize == *at && function.name == main)
        };
        let program = owners.iter().copied().find(has_main);
        let alone = owners.len() == 2 && program.is_some();
        for (nth, at) in owners.into_iter().enumerate() {
            let told = match () {
                () if Some(at) == program => format!("{name} (program)"),
                () if alone || nth == 0 => continue,
                () => format!("{name} #{}", nth + 1),
            };
            if let Some(owner) = symbols.crates.get_mut(at) {
                owner.name = told;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_and_a_library_of_one_name_are_told_apart() {
        let owner = |name: &str| Owner {
            name: name.into(),
            package: None,
            version: None,
            origin: Origin::Unknown,
            system: false,
        };
        let function = |name: &str, owner: u32| Function {
            name: name.into(),
            owner: OwnerId(owner),
            evidence: Evidence::Symbol,
            file: None,
            line: None,
        };
        let named = |crates: &[&str], functions: &[(&str, u32)]| -> Vec<String> {
            let mut symbols = Symbols {
                crates: crates.iter().map(|name| owner(name)).collect(),
                functions: functions
                    .iter()
                    .map(|(name, at)| function(name, *at))
                    .collect(),
                ..Symbols::default()
            };
            tell_apart(&mut symbols);
            symbols.crates.into_iter().map(|owner| owner.name).collect()
        };
        let functions = [("two::spin", 0), ("two::spin", 2), ("two::main", 2)];
        assert_eq!(
            named(&["two", "one", "two"], &functions),
            ["two", "one", "two (program)"]
        );
        // Nothing says which is which.
        assert_eq!(named(&["two", "two"], &[]), ["two", "two #2"]);
    }
}
