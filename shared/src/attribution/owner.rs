//! Who owns a symbol: who wrote it, and whose compilation made this copy.

use super::{CrateId, CrateInfo, Crates, Evidence, PackageList, instances::outer_instance};
use crate::{
    demangle::{Name, Scheme, is_cpp},
    image::{Binding, Symbol, SymbolTable},
};
use std::collections::{HashMap, HashSet};

/// The owner of a function or a piece of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// The crate that wrote it.
    pub defined: CrateId,
    /// How `defined` is known.
    pub defined_by: Evidence,
    /// The crate whose compilation made this copy.
    pub instantiated: CrateId,
    /// How `instantiated` is known.
    pub instantiated_by: Evidence,
}

impl Owner {
    /// The same crate in both questions.
    pub fn of(id: CrateId, evidence: Evidence) -> Self {
        Self {
            defined: id,
            defined_by: evidence,
            instantiated: id,
            instantiated_by: evidence,
        }
    }

    /// Nobody known.
    pub const UNKNOWN: Self = Self {
        defined: CrateId::UNKNOWN,
        defined_by: Evidence::None,
        instantiated: CrateId::UNKNOWN,
        instantiated_by: Evidence::None,
    };
}

/// The codegen unit that a file entry of a symbol table names: `<crate>.<hex>-cgu.N`, where the
/// hex is the crate instance's hash (rustc's stable crate id), the same as in v0 names.
pub fn codegen_unit(file: &str) -> Option<(&str, u64)> {
    let (front, number) = file.rsplit_once("-cgu.")?;
    let number = number.split('.').next()?;
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (name, hash) = front.rsplit_once('.')?;
    // Codegen units of generics shared between crates append the local crate's hash.
    let hash = hash.get(..16).unwrap_or(hash);
    Some((name, u64::from_str_radix(hash, 16).ok()?))
}

/// Attributes symbols of one symbol table.
#[derive(Debug)]
pub struct SymbolOwners {
    /// The crate of each file entry.
    files: Vec<Option<CrateId>>,
    /// The names of file entries that are no unit of rustc's: source files of C and assembly.
    sources: Vec<String>,
    /// Under fat LTO all code stands in one unit of the last crate, which made none of it.
    merged: bool,
    /// The crate that the executable or library itself is.
    leaf: Option<CrateId>,
    /// The crate whose `main` function rustc's own `main`, which libc calls, is made for.
    main: Option<CrateId>,
    /// Whether the leaf is named by an export or a file's name, not by a symbol.
    leaf_is_guess: bool,
    /// Whether every file entry is a unit of the leaf: no C was compiled into it.
    alone: bool,
    /// Whether what a library exports is Rust's.
    exports: bool,
    /// Whether names may be paths: [`SymbolTable::names_are_paths`].
    paths: bool,
    /// Whether units own whatever stands under them: [`SymbolTable::files_are_exact`].
    exact: bool,
    /// Whether the standard library may be in the file: firmware has `core` alone.
    has_std: bool,
    /// Which file entries are of other languages: [`SymbolTable::foreign_files`].
    foreign: Vec<bool>,
}

/// A library has no more Python modules than this.
const MAX_MODULES: usize = 64;

/// Whether the standard library may be there: a name is of it, or none is of `core` either.
fn has_std(table: &SymbolTable<'_>) -> bool {
    let (mut of_core, mut of_std) = (false, false);
    for symbol in &table.symbols {
        let name = &*symbol.name;
        let v0 = name.starts_with("_R");
        of_core |= name.starts_with("_ZN4core") || (v0 && name.contains("_4core"));
        of_std |= name.starts_with("_ZN3std") || (v0 && name.contains("_3std"));
        if of_std {
            return true;
        }
    }
    !of_core
}

/// Whether a v0 name has a crate `name` as a root.
fn has_root(table: &SymbolTable<'_>, name: &str) -> bool {
    let root = format!("_{}{name}", name.len());
    let mut symbols = table.symbols.iter();
    symbols.any(|symbol| symbol.name.starts_with("_R") && symbol.name.contains(&root))
}

impl SymbolOwners {
    /// Reads the file entries of `table`.
    pub fn new(table: &SymbolTable<'_>, crates: &mut Crates<'_>) -> Self {
        let mut units = HashMap::new();
        let files: Vec<_> = table
            .files
            .iter()
            .map(|file| {
                let (name, hash) = codegen_unit(file)?;
                let id = crates.resolve(name, Some(hash)).0;
                *units.entry(id).or_insert(0_u32) += 1;
                Some(id)
            })
            .collect();
        let alone = if units.len() == 1 {
            units.keys().next().copied()
        } else {
            None
        };
        let sources = table.files.iter().zip(&files);
        let sources = sources.map(|(file, unit)| match unit {
            Some(_) => String::new(),
            None => file.clone().into_owned(),
        });
        let sources = sources.collect();
        // One crate's units only, yet functions of several crates that are no instances: merged.
        // An object's functions are its unit's, the copies of `#[inline]` ones too.
        let merged = alone.is_some() && table.parts.is_empty() && {
            let mut roots = HashSet::new();
            for symbol in table.symbols.iter().filter(|symbol| symbol.file.is_some()) {
                let name = Name::parse(&symbol.name);
                if name.scheme() == Scheme::V0 && name.instantiating().is_none() {
                    roots.extend(name.defining().and_then(|root| root.disambiguator));
                }
                if roots.len() > 3 {
                    break;
                }
            }
            roots.len() > 3
        };
        // rustc lets the linker export only what Rust code marks; but a C compiler may have linked it.
        let exports = table.of_library && crates.catalogue().made_by_rustc(table);
        let leaf = alone.or_else(|| Self::crate_of_main(table, crates));
        if let Some(leaf) = leaf {
            crates.set_leaf(leaf);
        }
        let guess = || Self::crate_of_export(table, crates);
        let guess = leaf.is_none().then(guess).flatten().filter(|_| exports);
        Self {
            alone: alone.is_some() && files.iter().all(|file| *file == alone),
            files,
            sources,
            merged,
            main: leaf.or_else(|| Self::crate_of_legacy_main(table, crates)),
            leaf: leaf.or(guess),
            leaf_is_guess: guess.is_some(),
            exports,
            paths: table.names_are_paths,
            exact: table.files_are_exact,
            has_std: has_std(table),
            foreign: table.foreign_files.clone(),
        }
    }

    /// Only an executable's own crate has a `main` at its root.
    fn crate_of_main(table: &SymbolTable<'_>, crates: &mut Crates<'_>) -> Option<CrateId> {
        let mut roots = table.symbols.iter().filter_map(|symbol| {
            // `_R` value path, crate root: `_RNvC…4main`.
            let root = symbol.name.starts_with("_RNvC") && symbol.name.ends_with("4main");
            let name = root.then(|| Name::parse(&symbol.name))?;
            name.defining()
                .map(|root| (root.name.into_owned(), root.disambiguator))
        });
        let (name, instance) = roots.next()?;
        Some(crates.resolve(&name, instance).0)
    }

    /// The same by the older mangling, `_ZN5alpha4main17h…E`, whose names do not say which instance of
    /// a crate it is: it tells whose `main` that is, and nothing of other symbols.
    fn crate_of_legacy_main(table: &SymbolTable<'_>, crates: &mut Crates<'_>) -> Option<CrateId> {
        let mut roots = table.symbols.iter().filter_map(|symbol| {
            let path = symbol.name.strip_prefix("_ZN")?;
            let (path, _) = path.split_once("4main17h")?;
            let name = path.trim_start_matches(|c: char| c.is_ascii_digit());
            let length = path.strip_suffix(name)?.parse::<usize>().ok()?;
            // One name, and no module between it and `main`.
            (length == name.len()).then_some(name)
        });
        let name = roots.next()?;
        let is_only = roots.all(|other| other == name);
        is_only.then(|| crates.resolve(name, None).0)
    }

    /// The name under which the linker made the file is its crate's. Where that is not known, Python's
    /// modules export `PyInit_` and their name, which is the crate's; of others the name of the file may
    /// say it.
    fn crate_of_export(table: &SymbolTable<'_>, crates: &mut Crates<'_>) -> Option<CrateId> {
        let catalogue = crates.catalogue();
        let exported = table
            .symbols
            .iter()
            .filter(|symbol| symbol.section.is_some() && symbol.binding != Binding::Local);
        // A list says what the package is called, whatever its module is.
        if let Some(root) = catalogue.listed().and_then(PackageList::root) {
            let info = CrateInfo::of_package(root);
            return Some(match outer_instance(table, &info.name) {
                Some(hash) => crates.describe(hash, info),
                None => crates.intern(info, None),
            });
        }
        if let Some(name) = catalogue.link_crate() {
            return Some(crates.resolve(name, outer_instance(table, name)).0);
        }
        // A module may hold others, each of which has a function of its own.
        let file = catalogue.file_crate();
        let modules = exported.filter_map(|symbol| symbol.name.strip_prefix("PyInit_"));
        let modules: Vec<&str> = modules.take(MAX_MODULES).collect();
        let name = match (file, modules.as_slice()) {
            (Some(file), modules) if modules.contains(&file) => file,
            (_, [only]) => only,
            (Some(file), []) => file,
            // The one that is also a crate's name.
            (_, several) => {
                let mut named = several.iter().filter(|module| has_root(table, module));
                named.next().filter(|_| named.next().is_none())?
            }
        };
        Some(crates.resolve(name, outer_instance(table, name)).0)
    }

    /// Whether all code stands in one unit of one crate: fat LTO.
    pub fn is_merged(&self) -> bool {
        self.merged
    }

    /// The crate that the executable itself is, where the symbols say it.
    pub fn leaf(&self) -> Option<CrateId> {
        self.leaf
    }

    /// The crate of the file entry that `symbol` stands under.
    pub fn file_crate(&self, symbol: &Symbol<'_>) -> Option<CrateId> {
        self.crate_of_file(symbol.file?)
    }

    /// The crate of a file entry, by its place in [`SymbolTable::files`].
    pub(super) fn crate_of_file(&self, file: u32) -> Option<CrateId> {
        self.files.get(file as usize).copied().flatten()
    }

    /// The crate whose codegen unit made `symbol`, as far as its name allows: objects without a file
    /// entry of their own, libc's in static programs, stand under that of whatever was linked before
    /// them. So a unit has what Rust and compilers name; the program's own, which is linked first,
    /// has all.
    pub fn unit(&self, symbol: &Symbol<'_>) -> Option<CrateId> {
        let unit = self.file_crate(symbol)?;
        let name = &*symbol.name;
        let own = self.exact
            || name.is_empty()
            || name.starts_with("_R")
            || name.starts_with("_ZN")
            || made_by_compiler(name)
            // What LLVM has made known to other units of the crate.
            || name.contains(".llvm.")
            || Some(unit) == self.leaf;
        own.then_some(unit)
    }

    /// The owner of `symbol`, from its name, its file entry and the catalogue.
    pub fn owner(&self, symbol: &Symbol<'_>, name: &Name<'_>, crates: &mut Crates<'_>) -> Owner {
        if symbol.name.is_empty() && symbol.file.is_none() {
            return Owner::UNKNOWN;
        }
        let unit = self.file_crate(symbol).filter(|_| !self.merged);
        let certain = |certain| {
            if certain {
                Evidence::Symbol
            } else {
                Evidence::Inferred
            }
        };
        let defined = match (name.scheme(), name.defining()) {
            (Scheme::V0 | Scheme::Legacy, Some(root)) if root.name == "__rustc" => {
                // Not a crate: symbols with a fixed place in the runtime.
                let name =
                    runtime_crate(&symbol.name).filter(|name| self.has_std || *name != "std");
                let id = name.map(|name| crates.resolve(name, None).0);
                id.or(unit).map(|id| (id, Evidence::Symbol))
            }
            (Scheme::V0, Some(root)) => {
                let (id, sure) = crates.resolve(&root.name, root.disambiguator);
                Some((id, certain(sure && name.defining_is_exact())))
            }
            (Scheme::Legacy, Some(root)) => {
                // A crate compiled into its own unit names itself exactly.
                let same = unit.filter(|unit| crates.info(*unit).name == root.name);
                let (id, sure) = match same {
                    Some(unit) => (unit, true),
                    None => crates.resolve(&root.name, root.disambiguator),
                };
                Some((id, certain(sure && name.defining_is_exact())))
            }
            (Scheme::Other, _) if self.paths => self.owner_of_path(symbol, unit, crates),
            _ => None,
        };
        let instance = name.instantiating().map(|root| {
            let (id, sure) = crates.resolve(&root.name, root.disambiguator);
            (id, certain(sure))
        });
        let Some((defined, defined_by)) = defined else {
            return self.foreign_owner(symbol, unit, crates);
        };
        let of_unit = unit.map(|unit| (unit, Evidence::Symbol));
        // Of equal functions that were folded into one, another crate's name may have stayed.
        let made = match self.exact {
            true => of_unit.or(instance),
            false => instance.or(of_unit),
        };
        let (instantiated, instantiated_by) = made
            // A global v0 function without a suffix is no instance: it is compiled where it is
            // written. Merged into one unit, only the name speaks.
            .unwrap_or_else(|| {
                let exact = name.scheme() == Scheme::V0
                    && (symbol.binding != Binding::Local || !name.is_generic());
                (
                    defined,
                    if exact {
                        defined_by
                    } else {
                        Evidence::Inferred
                    },
                )
            });
        Owner {
            defined,
            defined_by,
            instantiated,
            instantiated_by,
        }
    }

    /// A name that is not Rust's: an exported Rust function, C, C++ or assembly.
    fn foreign_owner(
        &self,
        symbol: &Symbol<'_>,
        unit: Option<CrateId>,
        crates: &mut Crates<'_>,
    ) -> Owner {
        let name = symbol.name.split('@').next().unwrap_or_default();
        let catalogue = crates.catalogue();
        // Besides, a unit owns what its crate is known to export.
        let exported =
            || catalogue.native_owner(name).is_none() && catalogue.exported_by(name).is_some();
        let unit = unit.filter(|_| self.unit(symbol).is_some() || exported());
        if let Some(unit) = unit {
            return Owner::of(unit, Evidence::Symbol);
        }
        // Assembly has no file entry of its own.
        let source = symbol.file.and_then(|file| self.sources.get(file as usize));
        let source = source.map_or("", String::as_str);
        if symbol.binding == Binding::Local
            && let Some((info, exact)) = catalogue.native_local(source, name)
        {
            let evidence = match exact {
                true => Evidence::Symbol,
                false => Evidence::Inferred,
            };
            return Owner::of(crates.intern(info, None), evidence);
        }
        if let Some(info) = catalogue
            .native_owner(name)
            .or_else(|| catalogue.exported_by(name))
        {
            let id = crates.intern(info, None);
            return Owner::of(id, Evidence::Symbol);
        }
        let is_main = name == "main" && symbol.binding != Binding::Local;
        if let Some(leaf) = self.main.or(self.leaf).filter(|_| is_main) {
            return Owner::of(leaf, Evidence::Symbol);
        }
        match runtime_crate(name) {
            // The program has a panic handler of its own, whose crate nothing names.
            Some("std") if !self.has_std => return Owner::UNKNOWN,
            Some(name) => return Owner::of(crates.resolve(name, None).0, Evidence::Symbol),
            None => {}
        }
        let is_cpp = self.is_cpp(symbol);
        let exported = || self.export_owner(symbol, name, crates);
        if let Some(owner) = (!is_cpp).then(exported).flatten() {
            return owner;
        }
        // Under a C file's entry: no unit of rustc made it. Under a unit's, or global without any,
        // most likely none did.
        let file = symbol.file.is_some() && self.file_crate(symbol).is_none() && !self.merged;
        Owner::of(
            CrateId::NATIVE,
            if file || is_cpp {
                Evidence::Symbol
            } else {
                Evidence::Inferred
            },
        )
    }
}

impl SymbolOwners {
    /// The crate that the path in a symbol's name starts with, unless another language than Rust has
    /// such paths: namespaces of C++ are no crates.
    fn owner_of_path(
        &self,
        symbol: &Symbol<'_>,
        unit: Option<CrateId>,
        crates: &mut Crates<'_>,
    ) -> Option<(CrateId, Evidence)> {
        let of_file = |file: u32| self.foreign.get(file as usize).copied();
        if symbol.file.and_then(of_file).unwrap_or_default() || self.is_cpp(symbol) {
            return None;
        }
        let certain = match self.exact {
            true => Evidence::DebugInfo,
            // The name itself says it.
            false => Evidence::Symbol,
        };
        match path_root(&symbol.name)? {
            "__rustc" => {
                let id = runtime_crate(&symbol.name).map(|name| crates.resolve(name, None).0);
                Some((id.or(unit)?, certain))
            }
            root => Some(of_path(root, unit, certain, crates)),
        }
    }

    /// Whether a name is the signature of a C++ function, as a linker spells it out. Debug information
    /// names functions without their parameters, and says itself what a file was compiled from.
    fn is_cpp(&self, symbol: &Symbol<'_>) -> bool {
        !self.exact && is_cpp(&symbol.name)
    }

    /// The owner of what a Rust library exports under a name of C.
    fn export_owner(
        &self,
        symbol: &Symbol<'_>,
        name: &str,
        crates: &mut Crates<'_>,
    ) -> Option<Owner> {
        let visible = symbol.section.is_some() && symbol.binding != Binding::Local;
        if !visible || !(self.exports || self.alone) || symbol.file.is_some() {
            return None;
        }
        // wasm-bindgen's own functions, which the glue in JavaScript calls.
        // What describes imports and exports to its tool is of the crate that has them.
        let describes = name.starts_with("__wbindgen_describe");
        if name.starts_with("__externref_") || (name.starts_with("__wbindgen_") && !describes) {
            let id = crates.resolve("wasm_bindgen", None).0;
            return Some(Owner::of(id, Evidence::Inferred));
        }
        match self.leaf {
            Some(leaf) => Some(Owner::of(leaf, Evidence::Inferred)),
            // It is Rust's, but whose nothing says.
            None if self.exports => Some(Owner::UNKNOWN),
            None => None,
        }
    }

    /// Whether the leaf is named by an export or by the file's name only.
    pub fn leaf_is_guess(&self) -> bool {
        self.leaf_is_guess
    }
}

/// The crate that a path as a debugger shows it starts with: `core` of `core::fmt::impl$3::fmt` and of
/// `enum2$<core::option::Option<u8> >::take`. Names of C have no path.
pub fn path_root(path: &str) -> Option<&str> {
    let path = path.trim_start_matches(['<', '&', '*']);
    let path = path.strip_prefix("enum2$<").unwrap_or(path);
    let (root, _) = path.split_once("::")?;
    let plain = !root.is_empty()
        && root
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !root.starts_with(|first: char| first.is_ascii_digit());
    plain.then_some(root)
}

/// The crate of that name: the unit's own, else the one that is known by it.
fn of_path(
    root: &str,
    unit: Option<CrateId>,
    certain: Evidence,
    crates: &mut Crates<'_>,
) -> (CrateId, Evidence) {
    if let Some(unit) = unit.filter(|unit| crates.info(*unit).name == root) {
        return (unit, certain);
    }
    let (id, sure) = crates.resolve(root, None);
    (id, if sure { certain } else { Evidence::Inferred })
}

/// Whether LLVM or rustc gave this name to what has none in the source: `anon.1f.0`,
/// `switch.table.f`, `alloc_1f`, `OUTLINED_FUNCTION_0`. What a C compiler numbers
/// (`open_path.constprop.0`, `buffer.1`) is not meant: of C there is a source.
pub fn made_by_compiler(name: &str) -> bool {
    const BEGINNINGS: [&str; 12] = [
        "anon.",
        "str.",
        "vtable.",
        "switch.table",
        ".L",
        "alloc_",
        "__unnamed_",
        "OUTLINED_FUNCTION_",
        "GCC_except_table",
        "DW.ref.",
        "__covrec_",
        "_rust_extern_with_linkage_",
    ];
    let mut beginnings = BEGINNINGS.iter();
    beginnings.any(|beginning| name.starts_with(beginning))
}

/// The crate of the runtime's symbols with fixed names (rustc's `__rustc` pseudo-crate).
pub(super) fn runtime_crate(symbol: &str) -> Option<&'static str> {
    let is = |name: &str| symbol.ends_with(name);
    if is("rust_begin_unwind")
        || is("rust_panic")
        || symbol.contains("___rdl_")
        || symbol.contains("__rdl_")
    {
        Some("std")
    } else if is("__rust_start_panic") || is("__rust_panic_cleanup") {
        Some("panic_unwind")
    } else if is("__rust_alloc")
        || is("__rust_dealloc")
        || is("__rust_realloc")
        || is("__rust_alloc_zeroed")
        || is("__rust_alloc_error_handler")
        || is("__rust_no_alloc_shim_is_unstable_v2")
    {
        Some("alloc")
    } else if is("rust_eh_personality") || is("__rust_drop_panic") || is("__rust_foreign_exception")
    {
        Some("std")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_c_compiler_numbers_is_not_made_by_rustc() {
        for name in [
            "anon.0f3c.1",
            ".Lanon.0f3c.1",
            "alloc_0f3c",
            "switch.table.f",
        ] {
            assert!(made_by_compiler(name), "{name}");
        }
        for name in [
            "open_path.constprop.0",
            "buffer.1",
            "__malloc_info.part.0",
            "x.isra.0",
            "_ZN1a1bE.llvm.77",
        ] {
            assert!(!made_by_compiler(name), "{name}");
        }
    }

    #[test]
    fn codegen_units_carry_the_crate_and_its_hash() {
        assert_eq!(
            codegen_unit("core.c1f1a4ba060b9bfa-cgu.0"),
            Some(("core", 0xc1f1_a4ba_060b_9bfa))
        );
        // The hash is printed without leading zeroes.
        assert_eq!(
            codegen_unit("serde_core.65e89724c35e2a-cgu.12"),
            Some(("serde_core", 0x65_e897_24c3_5e2a))
        );
        assert_eq!(codegen_unit("crtstuff.c"), None);
        assert_eq!(codegen_unit("e07gtw12pkxh97uzlok6yc1zi"), None);
    }
}
