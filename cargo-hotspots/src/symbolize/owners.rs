//! Whose code a function is.
//!
//! The question is which crate *wrote* the function, and evidence counts by what it proves, not by
//! where it is written:
//!
//! 1. A v0 linkage name states the defining crate and its hash; debug information has it for inlined
//!    functions too. Nothing is more exact: it holds for crates that were inlined away and have no
//!    unit, tells two versions apart, and a function that a macro wrote is that of the crate that
//!    called the macro, though its line may point into the macro. Where the catalogue knows the
//!    hash, package and version are proven as well.
//! 2. Where it does not, a compilation unit of that crate names the hash and the path of the
//!    crate's root; else the path at which some function of that hash is declared, provided that
//!    the path's crate has the name that the linkage name states (a macro's would not).
//! 3. Legacy names state the crate where they start with a path. `<A as B>::f` hides where the
//!    `impl` is written, but the outermost namespace around its description is its crate.
//!    The declaration's path then gives the version, as above, else the unit.
//! 4. Without either (`line-tables-only`), the path of the line that is executed: true but for
//!    macros.
//! 5. What is not Rust: the crate whose build brought the symbol or whose package has the source,
//!    else the library's bucket, else `[native]`.
//! 6. Without debug information the symbol alone, as in `cargo slim`.

use super::{
    buckets::{self, Bucket},
    dwarf::Described,
};
use codecost::{
    attribution::{
        Catalogue, CrateId, Crates, Evidence, Origin, SymbolOwners, catalogue::CrateInfo,
    },
    demangle::{Name, Scheme},
    image::{
        Symbol,
        debug_info::{DebugInfo, Unit},
    },
};
use std::collections::HashMap;

/// Finds the owners of functions.
pub(super) struct Owners<'c> {
    crates: Crates<'c>,
    /// Package and version of crate instances, learned from debug information.
    instances: HashMap<(String, u64), CrateInfo>,
    /// Paths that were looked up.
    paths: HashMap<String, Option<CrateInfo>>,
}

/// What is known of a module as a whole.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ModuleFacts {
    /// Whose all code of it is that is no crate's.
    pub(super) library: Option<Bucket>,
    /// Whether it loads no libraries, so that libc is inside.
    pub(super) is_static: bool,
}

impl<'c> Owners<'c> {
    pub(super) fn new(catalogue: &'c Catalogue) -> Self {
        Self {
            crates: Crates::new(catalogue),
            instances: HashMap::new(),
            paths: HashMap::new(),
        }
    }

    pub(super) fn info(&self, id: CrateId) -> &CrateInfo {
        self.crates.info(id)
    }

    pub(super) fn bucket(&mut self, bucket: Bucket) -> CrateId {
        self.crates.intern(bucket.info(), None)
    }

    pub(super) fn symbol_owners(
        &mut self,
        table: &codecost::image::SymbolTable<'_>,
    ) -> SymbolOwners {
        SymbolOwners::new(table, &mut self.crates)
    }

    /// Learns from the names of all units where crates come from.
    pub(super) fn learn_units(&mut self, info: &DebugInfo<'_>) {
        for unit in info.units() {
            let Some(rust) = unit.rust_name() else {
                continue;
            };
            let (Some(name), Some(hash)) = (rust.crate_name, rust.crate_id) else {
                continue;
            };
            let key = (name.to_owned(), hash);
            if rust.root.is_empty() || self.instances.contains_key(&key) {
                continue;
            }
            if let Some(info) = self.of_path(&absolute(rust.root, unit)) {
                // Packages do not always have the name of their crate; the unit has both.
                let info = CrateInfo {
                    role: Default::default(),
                    name: name.to_owned(),
                    ..info
                };
                self.instances.insert(key, info);
            }
        }
    }

    /// Learns from where a function is declared.
    pub(super) fn learn(&mut self, function: &Described) {
        let (Some(linkage), Some(file)) = (&function.linkage, &function.file) else {
            return;
        };
        let Some(root) = Name::parse(linkage).defining() else {
            return;
        };
        let Some(hash) = root.disambiguator else {
            return;
        };
        let key = (root.name.into_owned(), hash);
        if self.instances.contains_key(&key) {
            return;
        }
        if let Some(info) = self.of_path(file)
            && info.name == key.0
        {
            self.instances.insert(key, info);
        }
    }

    /// The crate of a function. `file` is that of a line that is executed in it.
    pub(super) fn of_function(
        &mut self,
        function: &Described,
        info: &DebugInfo<'_>,
        file: Option<&str>,
        facts: ModuleFacts,
    ) -> (CrateId, Evidence) {
        let unit = info.units().get(function.unit as usize);
        let symbol = function.linkage.as_deref().or(function.name.as_deref());
        let name = function.linkage.as_deref().map(Name::parse);
        let stated = name
            .and_then(|name| Some((name.defining()?, name.defining_is_exact())))
            .filter(|(root, _)| root.name != "__rustc");
        if let Some((root, exact)) = &stated {
            if let Some(hash) = root.disambiguator {
                return self.instance(&root.name, hash);
            }
            if *exact {
                return self.named(&root.name, function, unit);
            }
        }
        let is_rust = unit.is_some_and(Unit::is_rust) || stated.is_some();
        if !is_rust {
            return self.foreign(symbol, function, unit, facts);
        }
        if let Some(root) = &function.root {
            return self.named(root, function, unit);
        }
        let path = function.file.as_deref().or(file);
        if let Some(found) = path.and_then(|path| self.of_path(path)) {
            return (self.crates.intern(found, None), Evidence::DebugInfo);
        }
        if let Some((root, _)) = stated {
            let (id, _) = self.named(&root.name, function, unit);
            return (id, Evidence::Inferred);
        }
        match unit.and_then(|unit| self.of_unit(unit)) {
            Some(id) => (id, Evidence::Inferred),
            None => (CrateId::UNKNOWN, Evidence::None),
        }
    }

    /// The crate of a symbol, where nothing else is known.
    pub(super) fn of_symbol(
        &mut self,
        symbol: &Symbol<'_>,
        owners: &SymbolOwners,
        facts: ModuleFacts,
    ) -> (CrateId, Evidence) {
        let name = Name::parse(&symbol.name);
        // Objects of a static libc have no file entries, so that its local symbols come under
        // that of whatever was linked before them.
        if facts.is_static
            && name.scheme() == Scheme::Other
            && buckets::is_libc_symbol(&symbol.name)
            && self.crates.catalogue().exported_by(&symbol.name).is_none()
        {
            return self.native(Some(&symbol.name), Evidence::Inferred, facts);
        }
        let owner = owners.owner(symbol, &name, &mut self.crates);
        if owner.defined != CrateId::NATIVE {
            let root = name.defining().and_then(|root| root.disambiguator);
            let id = match self.with_version(owner.defined, root) {
                Some(info) => self.crates.intern(info, root),
                None => owner.defined,
            };
            return (id, owner.defined_by);
        }
        self.native(Some(&symbol.name), owner.defined_by, facts)
    }

    /// The crate of what only has a name: by its source path where that tells, else by the name.
    pub(super) fn of_name(
        &mut self,
        name: &Name<'_>,
        text: &str,
        file: Option<&str>,
    ) -> (CrateId, Evidence) {
        if let Some(found) = file.and_then(|file| self.of_path(file)) {
            return (self.crates.intern(found, None), Evidence::DebugInfo);
        }
        if let Some(root) = root(name, text) {
            let hash = name.defining().and_then(|root| root.disambiguator);
            let (id, certain) = self.crates.resolve(&root, hash);
            if self.crates.info(id).origin == Origin::Unknown
                && let Some(bucket) = buckets::of_std(&root)
            {
                return (self.bucket(bucket), Evidence::Inferred);
            }
            let evidence = match certain {
                true => Evidence::Symbol,
                false => Evidence::Inferred,
            };
            return (id, evidence);
        }
        let facts = ModuleFacts {
            library: None,
            // Nothing says which library it is in, so that libc's own names decide.
            is_static: true,
        };
        self.native(Some(text), Evidence::Inferred, facts)
    }

    /// A crate by its exact name and hash.
    fn instance(&mut self, name: &str, hash: u64) -> (CrateId, Evidence) {
        let (id, certain) = self.crates.resolve(name, Some(hash));
        let info = self.crates.info(id);
        if certain && (info.version.is_some() || info.origin == Origin::Std) {
            return (id, Evidence::Symbol);
        }
        if let Some(info) = self.instances.get(&(name.to_owned(), hash)) {
            let id = self.crates.intern(info.clone(), Some(hash));
            return (id, Evidence::DebugInfo);
        }
        let evidence = if certain {
            Evidence::Symbol
        } else {
            Evidence::Inferred
        };
        (id, evidence)
    }

    /// A crate that only a name told, as the debug information knows it.
    fn with_version(&self, id: CrateId, hash: Option<u64>) -> Option<CrateInfo> {
        let info = self.crates.info(id);
        if info.version.is_some() || info.origin == Origin::Std {
            return None;
        }
        let mut same = self
            .instances
            .iter()
            .filter(|((name, own), _)| *name == info.name && hash.is_none_or(|hash| hash == *own))
            .map(|(_, info)| info);
        let first = same.next()?;
        // Of two versions a name alone tells neither.
        same.all(|other| other == first).then(|| first.clone())
    }

    /// A crate whose name is certain, but not which one of that name.
    fn named(
        &mut self,
        name: &str,
        function: &Described,
        unit: Option<&Unit<'_>>,
    ) -> (CrateId, Evidence) {
        let found = function.file.as_deref().and_then(|file| self.of_path(file));
        if let Some(info) = found.filter(|info| info.name == name) {
            return (self.crates.intern(info, None), Evidence::DebugInfo);
        }
        let rust = unit.and_then(Unit::rust_name);
        if let Some(hash) = rust
            .filter(|rust| rust.crate_name == Some(name))
            .and_then(|rust| rust.crate_id)
        {
            return (self.instance(name, hash).0, Evidence::DebugInfo);
        }
        let (id, certain) = self.crates.resolve(name, None);
        let evidence = if certain {
            Evidence::DebugInfo
        } else {
            Evidence::Inferred
        };
        (id, evidence)
    }

    /// The crate that a Rust unit was compiled for.
    fn of_unit(&mut self, unit: &Unit<'_>) -> Option<CrateId> {
        let rust = unit.rust_name()?;
        if let (Some(name), Some(hash)) = (rust.crate_name, rust.crate_id) {
            return Some(self.instance(name, hash).0);
        }
        let found = self
            .crates
            .catalogue()
            .crate_of_unit(rust.codegen_unit)
            .or_else(|| self.of_path(&absolute(rust.root, unit)))?;
        Some(self.crates.intern(found, None))
    }

    /// What is not Rust, by its debug information.
    fn foreign(
        &mut self,
        symbol: Option<&str>,
        function: &Described,
        unit: Option<&Unit<'_>>,
        facts: ModuleFacts,
    ) -> (CrateId, Evidence) {
        let by_symbol = self.native(symbol, Evidence::DebugInfo, facts);
        if by_symbol.0 != CrateId::NATIVE {
            return by_symbol;
        }
        let own = unit.and_then(|unit| {
            let name = String::from_utf8_lossy(unit.name?).into_owned();
            Some(absolute(&name, unit))
        });
        for path in own.as_deref().into_iter().chain(function.file.as_deref()) {
            if let Some(mut info) = self.of_path(path) {
                info.origin = Origin::Native;
                return (self.crates.intern(info, None), Evidence::DebugInfo);
            }
            if buckets::is_libc_source(path) {
                return (self.bucket(buckets::LIBC), Evidence::DebugInfo);
            }
        }
        by_symbol
    }

    /// What is not Rust, by its symbol and where it is.
    fn native(
        &mut self,
        symbol: Option<&str>,
        otherwise: Evidence,
        facts: ModuleFacts,
    ) -> (CrateId, Evidence) {
        if let Some(bucket) = facts.library {
            return (self.bucket(bucket), Evidence::Format);
        }
        let catalogue = self.crates.catalogue();
        let known = symbol.and_then(|symbol| {
            catalogue
                .native_owner(symbol)
                .or_else(|| catalogue.exported_by(symbol))
        });
        if let Some(info) = known {
            return (self.crates.intern(info, None), Evidence::Symbol);
        }
        let is_libc = |symbol: &str| {
            buckets::is_start_code(symbol) || facts.is_static && buckets::is_libc_symbol(symbol)
        };
        if symbol.is_some_and(is_libc) {
            return (self.bucket(buckets::LIBC), Evidence::Inferred);
        }
        if symbol.is_some_and(buckets::is_cxx_symbol) {
            return (self.bucket(buckets::CXX), Evidence::Inferred);
        }
        (CrateId::NATIVE, otherwise)
    }

    fn of_path(&mut self, path: &str) -> Option<CrateInfo> {
        if let Some(known) = self.paths.get(path) {
            return known.clone();
        }
        let found = self.crates.catalogue().crate_of_path(path);
        self.paths.insert(path.to_owned(), found.clone());
        found
    }
}

/// A unit's source path, below the directory where the compiler ran when it is relative.
fn absolute(path: &str, unit: &Unit<'_>) -> String {
    match unit.comp_dir {
        Some(directory) if !path.starts_with('/') && !path.contains(':') => {
            format!("{}/{path}", String::from_utf8_lossy(directory))
        }
        _ => path.to_owned(),
    }
}
/// The crate that a demangled name begins with: `alloc` of `<alloc::vec::Vec<T> as core::…>::f`.
pub(super) fn root(name: &Name<'_>, text: &str) -> Option<String> {
    if name.scheme() != Scheme::Other {
        return name.defining().map(|root| root.name.into_owned());
    }
    let start = text.trim_start_matches(['<', '&', '*', '(', '[']);
    let start = start.strip_prefix("impl ").unwrap_or(start);
    let start = start.strip_prefix("mut ").unwrap_or(start);
    let (root, _) = start.split_once("::")?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match root {
        // What the compiler makes for the allocator is std's.
        "__rustc" => Some("std".to_owned()),
        "" => None,
        root => root.chars().all(is_name).then(|| root.to_owned()),
    }
}
