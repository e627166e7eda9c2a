//! The crate catalogue: which package is behind a crate's name and hash, behind a source path,
//! behind a symbol of C or assembly.
//!
//! A crate name alone does not say which crate it is: two versions may be linked, and the standard
//! library brings crates of its own, `memchr` and `hashbrown` among them. What tells them apart is
//! the hash in v0 names (rustc's `StableCrateId`). It stands in no metadata file, but in the tables
//! of every crate's own archive: the crates that cargo's JSON messages name, those beside a file,
//! and those of the toolchain. A crate without an archive, such as the program itself, is found by
//! elimination when its name leaves one crate only.
//!
//! Limit: a file whose toolchain or `deps/` are not at hand is catalogued by name, and says so:
//! `certain` is false.

#[cfg(feature = "binary")]
mod archive;
#[cfg(feature = "binary")]
mod build;
#[cfg(feature = "binary")]
mod file;
mod layout;
#[cfg(feature = "binary")]
mod mentioned;
#[cfg(feature = "binary")]
mod producer;
mod source;
#[cfg(feature = "binary")]
mod sysroot;
#[cfg(all(test, feature = "binary"))]
mod tests;

#[cfg(feature = "binary")]
pub use file::Surroundings;

use super::Origin;
#[cfg(feature = "binary")]
use crate::{
    demangle::{Name, Scheme},
    image::{Symbol, SymbolTable},
};
use std::collections::{BTreeMap, HashMap};

/// A crate and where it comes from; or a bucket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CrateInfo {
    /// The name as rustc knows it, `regex_automata`; of a bucket in brackets, `[padding]`.
    pub name: String,
    /// The package's name, where known: `regex-automata`.
    pub package: Option<String>,
    /// The package's version, where known; of core, alloc and std the compiler's release.
    pub version: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
    /// What it is beside another crate of which all this is the same.
    pub role: Role,
}

/// What a crate is beside others of its name, package and version. In the order in which they are
/// counted: a library first, then the crates that use it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// There is no other, or it is the library of the package, or the first of those of which nothing
    /// more is known.
    #[default]
    First,
    /// The so-manieth of those of which nothing more is known, from 2.
    Nth(u32),
    /// It uses the other one of its name, as a wrapper does that is called like its library.
    Outer,
    /// The package's program.
    Program,
}

/// What tells crates apart without their hashes: name, origin, version and package.
pub type CrateKey<'a> = (&'a str, Origin, Option<&'a str>, Option<&'a str>);

impl CrateInfo {
    /// The library of a package that a list names, as the list or else cargo's default calls it.
    #[cfg(feature = "binary")]
    pub(super) fn of_package(package: &super::ListedPackage) -> Self {
        let name = package.library.as_ref().unwrap_or(&package.name);
        Self {
            name: name.replace('-', "_"),
            package: Some(package.name.clone()),
            version: Some(package.version.clone()),
            origin: package.origin,
            role: Role::First,
        }
    }

    /// What tells it apart.
    pub fn key(&self) -> CrateKey<'_> {
        (
            &self.name,
            self.origin,
            self.version.as_deref(),
            self.package.as_deref(),
        )
    }
}

/// The answer for a crate's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The crate; without package and version where several are possible.
    pub info: CrateInfo,
    /// Whether it is proven that the name, and the hash, mean this crate. Whether a legacy symbol
    /// name means the crate that it names is another question, which its reader answers.
    pub certain: bool,
    /// Whether the hash itself proved it. Otherwise what is left of the crates of this name was
    /// taken, and another hash cannot mean the same crate.
    pub by_hash: bool,
}

#[derive(Clone, Debug)]
struct Known {
    info: CrateInfo,
    /// Empty when the crate's archive taught none; several when it was built several times.
    disambiguators: Vec<u64>,
    /// Whether programs of this name and package were compiled too, whose hashes no archive holds.
    program: bool,
    /// Whether it is one of the toolchain's own.
    of_toolchain: bool,
}

impl Known {
    /// Whether it is a dependency of std, while the symbol is of another crate of this name. The
    /// toolchain's crates are compiled before any program: each has one hash. A legacy name has no hash,
    /// but where std's own are v0 only what users instantiate can have one, and of std's dependencies
    /// only hashbrown is generic over the types of its users.
    fn is_other_than(&self, name: &str, disambiguator: Option<u64>) -> bool {
        let settled = self.of_toolchain && !self.disambiguators.is_empty();
        settled
            && self.info.origin == Origin::StdDependency
            && match disambiguator {
                Some(hash) => !self.disambiguators.contains(&hash),
                None => name != "hashbrown",
            }
    }
}

/// A directory whose sources belong to a package.
#[derive(Clone, Debug, Default)]
struct Root {
    /// The crate of sources that no other crate of the package claims: the library, else the
    /// first.
    default: Option<usize>,
    /// Root modules of the crates of the package.
    crates: Vec<(String, usize)>,
}

/// All crates that an artifact can consist of.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    crates: Vec<Known>,
    by_name: HashMap<String, Vec<usize>>,
    by_disambiguator: HashMap<u64, usize>,
    /// Names of codegen units that do not name their crate, as in `STT_FILE` symbols.
    by_unit: HashMap<String, usize>,
    /// Symbols that C, C++ or assembly inside a crate's archive defines.
    native_symbols: HashMap<String, usize>,
    /// Symbols that are local to such a member, by the source file that it names; `None` where
    /// those of several crates are called the same.
    native_locals: HashMap<String, HashMap<String, Option<usize>>>,
    /// Unmangled symbols that the Rust code of a crate's archive defines.
    exported: HashMap<String, usize>,
    /// Source directories by their normalized path.
    roots: HashMap<String, Root>,
    /// Where relative source paths start.
    base: Option<String>,
    /// `--remap-path-prefix`, from what stands in the binary to what is on disk.
    remapped: Vec<(String, String)>,
    /// The toolchain's release and commit.
    release: Option<String>,
    /// Whether the file itself says which release that is.
    states_release: bool,
    commit: Option<String>,
    /// Versions of the standard library's own dependencies, by crate name.
    std_versions: BTreeMap<String, String>,
    /// Whether the program's own cargo had its home where std's builds had theirs.
    cargo_at_root: bool,
    /// Whether every crate that can occur is here.
    complete: bool,
    /// Whether nothing shows that the toolchain here made the file: its crates count only where their
    /// hashes prove it.
    foreign: bool,
    /// Whether something in the file, apart from symbols, shows that rustc made it.
    #[cfg(feature = "binary")]
    rust: bool,
    /// The crate that the file's own name tells.
    #[cfg(feature = "binary")]
    file_crate: Option<String>,
    /// The crate that the name tells under which the linker made the file.
    #[cfg(feature = "binary")]
    link_crate: Option<String>,
    /// The name of the file itself, without what follows a dot.
    #[cfg(feature = "binary")]
    file_stem: Option<String>,
    /// The libraries of the toolchain that made the file, where that toolchain is here.
    libraries: Option<std::path::PathBuf>,
    /// The packages that a list in or beside the file says it is made from.
    #[cfg(feature = "binary")]
    listed: Option<super::PackageList>,
}

/// Crates that live in the standard library's own repository.
const LIBRARY: [&str; 12] = [
    "core",
    "alloc",
    "std",
    "proc_macro",
    "test",
    "panic_abort",
    "panic_unwind",
    "unwind",
    "std_detect",
    "compiler_builtins",
    "profiler_builtins",
    "sysroot",
];

/// Names that nobody else's crate has: registries refuse them.
const RESERVED: [&str; 5] = ["core", "alloc", "std", "proc_macro", "test"];

/// The origin of a crate of the toolchain's own libraries.
fn toolchain_origin(name: &str) -> Origin {
    if LIBRARY.contains(&name) {
        Origin::Std
    } else {
        Origin::StdDependency
    }
}

impl Catalogue {
    /// A catalogue that knows nothing but the names of core, alloc and std.
    pub fn empty() -> Self {
        Self::default()
    }

    /// The crate with this name and, from a v0 name, this hash.
    pub fn crate_of(&self, name: &str, disambiguator: Option<u64>) -> Found {
        if let Some(index) = disambiguator.and_then(|hash| self.by_disambiguator.get(&hash))
            && let Some(known) = self.crates.get(*index)
            && known.info.name == name
        {
            return Found {
                info: known.info.clone(),
                certain: true,
                by_hash: true,
            };
        }
        let mut named = self.named(name);
        let before = named.len();
        named.retain(|known| !known.is_other_than(name, disambiguator));
        // A name alone proves nothing where several crates have it.
        let sure = disambiguator.is_some() || named.len() == before;
        // A crate whose own hash is known is not the one with another hash.
        let left: Vec<_> = match disambiguator {
            Some(_) => named
                .iter()
                .copied()
                .filter(|known| known.disambiguators.is_empty() || known.program)
                .collect(),
            None => named.clone(),
        };
        if let Some(only) = only(&left) {
            return Found {
                info: only.clone(),
                certain: self.complete && sure,
                by_hash: false,
            };
        }
        if RESERVED.contains(&name) {
            // Another toolchain's: its version is not ours, unless the file says that it is. Then the
            // library was built for another target.
            let version = match disambiguator {
                Some(_) if !named.is_empty() && !self.states_release => None,
                _ => self.release.clone(),
            };
            let info = CrateInfo {
                role: Default::default(),
                name: name.into(),
                package: None,
                version,
                origin: Origin::Std,
            };
            return Found {
                info,
                certain: true,
                by_hash: false,
            };
        }
        if !left.is_empty() {
            return Found {
                info: common(name, &left),
                certain: false,
                by_hash: false,
            };
        }
        if named.is_empty() {
            let of_std = LIBRARY.contains(&name);
            let info = CrateInfo {
                role: Default::default(),
                name: name.into(),
                package: None,
                version: self.release.clone().filter(|_| of_std),
                origin: match of_std {
                    true => Origin::Std,
                    false => Origin::Unknown,
                },
            };
            return Found {
                info,
                certain: false,
                by_hash: false,
            };
        }
        // Built once more, with another hash: by another compiler or with other features.
        let mut info = common(name, &named);
        info.version = None;
        Found {
            info,
            certain: false,
            by_hash: false,
        }
    }

    /// The crate that a codegen unit is a part of, from its name in an `STT_FILE` symbol, where the
    /// name does not say it (`6eu5p6…`; of incremental builds) and an archive has the unit.
    pub fn crate_of_unit(&self, unit: &str) -> Option<CrateInfo> {
        let unit = unit.strip_suffix(".rcgu.o").unwrap_or(unit);
        Some(self.crates.get(*self.by_unit.get(unit)?)?.info.clone())
    }

    /// The crate whose build brought the C, C++ or assembly that defines `symbol`; its origin is
    /// [`Origin::Native`].
    pub fn native_owner(&self, symbol: &str) -> Option<CrateInfo> {
        let known = self.crates.get(*self.native_symbols.get(symbol)?)?;
        Some(CrateInfo {
            role: Default::default(),
            origin: Origin::Native,
            ..known.info.clone()
        })
    }

    /// The crate whose build brought the C or assembly that has `symbol` as a local of the file
    /// `source`, and whether its archive says exactly that. A compiler that splits or copies
    /// functions appends to their names; else a source file of which only one crate has one of this
    /// name decides.
    pub fn native_local(&self, source: &str, symbol: &str) -> Option<(CrateInfo, bool)> {
        let of = |index: usize| {
            Some(CrateInfo {
                role: Default::default(),
                origin: Origin::Native,
                ..self.crates.get(index)?.info.clone()
            })
        };
        let nameless = |symbol: &str| self.native_locals.get("")?.get(symbol);
        if let Some(names) = self
            .native_locals
            .get(source)
            .filter(|_| !source.is_empty())
        {
            if let Some(found) = names.get(symbol) {
                return Some((of((*found)?)?, true));
            }
            if let Some(Some(index)) = names.get(without_clone(symbol)) {
                return Some((of(*index)?, false));
            }
            if let Some(Some(index)) = nameless(symbol) {
                return Some((of(*index)?, false));
            }
            let mut crates = names.values();
            let first = (*crates.next()?)?;
            let same = crates.all(|index| *index == Some(first));
            return Some((of(first).filter(|_| same)?, false));
        }
        // Assembly without a file entry stands under that of whatever was linked before it.
        let index = (*nameless(symbol)?)?;
        Some((of(index)?, false))
    }

    /// The crate whose Rust code defines `symbol`, for names that say no crate: `#[no_mangle]`
    /// functions, `compiler_builtins` among them.
    pub fn exported_by(&self, symbol: &str) -> Option<CrateInfo> {
        Some(self.crates.get(*self.exported.get(symbol)?)?.info.clone())
    }

    /// The crate that a source file belongs to, from its path in debug information or in a panic's
    /// location. C sources answer with the crate of their package, too.
    pub fn crate_of_path(&self, source: &str) -> Option<CrateInfo> {
        source::crate_of_path(self, source)
    }

    /// The crate of a panic's location. Beyond [`crate_of_path`](Self::crate_of_path), a source below a
    /// directory `src` of no known package stands for a bucket with the name of the directory above, or,
    /// relative to the root of the workspace, is likely of the file's own crate.
    #[cfg(feature = "binary")]
    pub fn crate_of_panic(&self, source: &str) -> Option<CrateInfo> {
        let known = source::crate_of_path(self, source);
        let info = known.or_else(|| source::by_directory(self, source))?;
        // Where the path does not show a registry, a list may.
        let listed = |package: &&super::ListedPackage| {
            info.package.as_ref() == Some(&package.name)
                && info.version.as_ref() == Some(&package.version)
        };
        let vendored = matches!(info.origin, Origin::Path | Origin::Registry);
        let list = self.listed.as_ref().filter(|_| vendored);
        let package = list.and_then(|list| list.packages.iter().find(listed));
        Some(package.map_or(info.clone(), CrateInfo::of_package))
    }

    /// Whether a crate is of the package that the file itself is of, as far as a list or the file's own
    /// name tell.
    #[cfg(feature = "binary")]
    pub fn is_own(&self, info: &CrateInfo) -> bool {
        match self.listed.as_ref().and_then(super::PackageList::root) {
            Some(root) => info.package.as_deref() == Some(&root.name),
            None => info.origin == Origin::Workspace && Some(&*info.name) == self.own_name(),
        }
    }

    /// What the file is called: as the linker was told, else as it is called now.
    #[cfg(feature = "binary")]
    pub(super) fn own_name(&self) -> Option<&str> {
        self.link_crate().or(self.file_stem.as_deref())
    }

    /// What the program is called as a crate, by the name of its file.
    #[cfg(feature = "binary")]
    pub fn program(&self) -> Option<String> {
        let stem = self.own_name()?;
        let mut bytes = stem.bytes();
        let plain = bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        plain.then(|| stem.replace('-', "_"))
    }

    /// The directory of the prebuilt libraries that were linked into the file, where the toolchain
    /// that made it is here.
    pub fn libraries(&self) -> Option<&std::path::Path> {
        self.libraries.as_deref()
    }

    /// The release of the compiler that made the file, where the file says it.
    pub fn release(&self) -> Option<&str> {
        self.release.as_deref()
    }

    /// The packages that a list in or beside the file says it is made from.
    #[cfg(feature = "binary")]
    pub fn listed(&self) -> Option<&super::PackageList> {
        self.listed.as_ref()
    }

    /// All crates, in no particular order.
    pub fn crates(&self) -> impl Iterator<Item = &CrateInfo> {
        self.crates.iter().map(|known| &known.info)
    }

    fn named(&self, name: &str) -> Vec<&Known> {
        let indices = self
            .by_name
            .get(name)
            .map(Vec::as_slice)
            .unwrap_or_default();
        indices
            .iter()
            .filter_map(|&index| self.crates.get(index))
            .filter(|known| !(self.foreign && known.of_toolchain))
            .collect()
    }

    /// Whether rustc made the file with these symbols, or a part of it.
    #[cfg(feature = "binary")]
    pub(super) fn made_by_rustc(&self, table: &SymbolTable<'_>) -> bool {
        let rust = |symbol: &Symbol<'_>| {
            symbol.name.starts_with("_R")
                // C++ has names of 17 letters that begin with an `h`, too.
                || (symbol.name.starts_with("_ZN")
                    && symbol.name.contains("17h")
                    && Name::parse(&symbol.name).scheme() == Scheme::Legacy)
        };
        let named = || self.rust || self.release.is_some() || self.lists_the_file();
        named() || table.symbols.iter().any(rust)
    }

    /// Whether the list of cargo's packages is that of the file, by its name.
    #[cfg(feature = "binary")]
    fn lists_the_file(&self) -> bool {
        let root = self.listed.as_ref().and_then(super::PackageList::root);
        let library = root.map(|root| CrateInfo::of_package(root).name);
        library.is_some() && (library == self.file_crate || library == self.link_crate)
    }

    /// The crate that the name tells under which the linker made the file, whatever it is called now.
    #[cfg(feature = "binary")]
    pub(super) fn link_crate(&self) -> Option<&str> {
        self.link_crate.as_deref()
    }

    /// The crate that the file's own name tells, as cargo and the packagers of Node's and Python's
    /// modules name files.
    #[cfg(feature = "binary")]
    pub(super) fn file_crate(&self) -> Option<&str> {
        self.file_crate.as_deref()
    }

    /// Adds a crate; one with the same name, package, version and origin is the same crate, but for those
    /// of a toolchain that made something else.
    #[cfg(feature = "binary")]
    fn add(&mut self, info: CrateInfo) -> usize {
        let same_name = self.by_name.entry(info.name.clone()).or_default();
        let found = same_name.iter().find(|&&index| {
            self.crates
                .get(index)
                .is_some_and(|known| known.info == info && !(self.foreign && known.of_toolchain))
        });
        if let Some(&index) = found {
            return index;
        }
        let index = self.crates.len();
        same_name.push(index);
        self.crates.push(Known {
            info,
            disambiguators: Vec::new(),
            program: false,
            of_toolchain: false,
        });
        index
    }

    /// Takes in what the archive of a crate taught.
    #[cfg(feature = "binary")]
    fn learn(&mut self, index: usize, learned: archive::Learned) {
        if let Some(hash) = learned.disambiguator {
            self.by_disambiguator.entry(hash).or_insert(index);
            if let Some(known) = self.crates.get_mut(index)
                && !known.disambiguators.contains(&hash)
            {
                known.disambiguators.push(hash);
            }
        }
        for unit in learned.units {
            self.by_unit.entry(unit).or_insert(index);
        }
        for symbol in learned.native_symbols {
            self.native_symbols.entry(symbol).or_insert(index);
        }
        for (source, symbol) in learned.native_locals {
            let names = self.native_locals.entry(source).or_default();
            names
                .entry(symbol)
                .and_modify(|known| {
                    let same = |other: &usize| {
                        self.crates.get(*other).map(|known| &known.info)
                            == self.crates.get(index).map(|known| &known.info)
                    };
                    *known = known.filter(same);
                })
                .or_insert(Some(index));
        }
        for symbol in learned.exported {
            self.exported.entry(symbol).or_insert(index);
        }
    }
}

/// `f` of `f.isra.0`, `f.part.1`, `f.cold` and `f_0`.
fn without_clone(symbol: &str) -> &str {
    if let Some((name, _)) = symbol.split_once('.') {
        return name;
    }
    let name = symbol.trim_end_matches(|digit: char| digit.is_ascii_digit());
    match name.strip_suffix('_') {
        Some(name) if name.len() + 1 < symbol.len() => name,
        _ => symbol,
    }
}

/// The one crate that all of `known` are, if they are.
fn only<'a>(known: &[&'a Known]) -> Option<&'a CrateInfo> {
    let (first, rest) = known.split_first()?;
    rest.iter()
        .all(|other| other.info == first.info)
        .then_some(&first.info)
}

/// What several crates of one name have in common; of origins the one outside std.
fn common(name: &str, known: &[&Known]) -> CrateInfo {
    let same = |field: fn(&CrateInfo) -> &Option<String>| {
        let first = field(&known.first()?.info).clone()?;
        let all = known
            .iter()
            .all(|known| field(&known.info).as_ref() == Some(&first));
        all.then_some(first)
    };
    let mut origins = known.iter().map(|known| known.info.origin);
    let origin = origins
        .clone()
        .find(|origin| *origin != Origin::StdDependency);
    CrateInfo {
        role: Default::default(),
        name: name.into(),
        package: same(|info| &info.package),
        version: same(|info| &info.version),
        origin: origin.or_else(|| origins.next()).unwrap_or(Origin::Unknown),
    }
}
