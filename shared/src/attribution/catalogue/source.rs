//! From the path of a source file to its crate.
//!
//! Paths come from debug information and from panic locations. Known directories (packages,
//! `OUT_DIR`s) are matched by the longest prefix; beyond them the layouts of cargo's home (`layout`)
//! and of the standard library say it: `/rustc/<commit>/library/<crate>/`.

use super::{
    Catalogue, CrateInfo, Root,
    layout::{DEPENDENCIES, STD_BUILD, package_by_layout},
};
use crate::attribution::Origin;
#[cfg(feature = "binary")]
use {super::layout::name_and_version, crate::attribution::PackageList};

pub(super) fn crate_of_path(catalogue: &Catalogue, source: &str) -> Option<CrateInfo> {
    let mut path = normalized(source);
    for (shown, real) in &catalogue.remapped {
        if let Some(rest) = path.strip_prefix(shown.as_str())
            && (rest.starts_with('/') || shown.ends_with('/') || rest.is_empty())
        {
            path = normalized(&format!("{real}{rest}"));
        }
    }
    if let Some(info) = library(catalogue, &path).or_else(|| known(catalogue, &path)) {
        return Some(info);
    }
    // Cargo compiles members by relative paths and everything else by absolute ones; relative names
    // of C sources count from a directory that only their debug information knows.
    if let Some(base) = &catalogue.base
        && !is_absolute(&path)
        && path.ends_with(".rs")
        && let Some(info) = known(catalogue, &normalized(&format!("{base}/{path}")))
    {
        return Some(info);
    }
    by_layout(catalogue, &path)
}

/// Forward slashes, without `.` and, where something precedes it, `..`.
pub(super) fn normalized(path: &str) -> String {
    let path = path.replace('\\', "/");
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            "" if !parts.is_empty() => {}
            ".." if parts
                .last()
                .is_some_and(|last| !last.is_empty() && *last != "..") =>
            {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn is_absolute(path: &str) -> bool {
    path.starts_with('/') || path.as_bytes().get(1) == Some(&b':')
}

/// Directories of packages and `OUT_DIR`s: the longest that is a prefix.
fn known(catalogue: &Catalogue, path: &str) -> Option<CrateInfo> {
    let mut prefix = path;
    loop {
        if let Some(root) = catalogue.roots.get(prefix) {
            let index = root.crate_of(path)?;
            return Some(catalogue.crates.get(index)?.info.clone());
        }
        prefix = prefix.rsplit_once('/')?.0;
    }
}

impl Root {
    fn crate_of(&self, path: &str) -> Option<usize> {
        let exact = self.crates.iter().find(|(source, _)| source == path);
        // Modules of `src/bin/x/main.rs` are beside it; those of `src/main.rs` are the library's
        // where there is one.
        let beside = || {
            self.crates.iter().find(|(source, _)| {
                source
                    .strip_suffix("/main.rs")
                    .filter(|directory| !directory.ends_with("/src"))
                    .is_some_and(|directory| {
                        path.strip_prefix(directory)
                            .is_some_and(|rest| rest.starts_with('/'))
                    })
            })
        };
        exact
            .or_else(beside)
            .map(|(_, index)| *index)
            .or(self.default)
    }
}

/// The standard library's own sources, as shipped (`/rustc/<commit>/library/…`) or installed
/// (`…/lib/rustlib/src/rust/library/…`).
fn library(catalogue: &Catalogue, path: &str) -> Option<CrateInfo> {
    let (commit, rest) = if let Some(rest) = path.strip_prefix("/rustc/") {
        let (commit, rest) = rest.split_once('/')?;
        (Some(commit), rest)
    } else {
        (None, path.split_once("/lib/rustlib/src/rust/")?.1)
    };
    let rest = rest.strip_prefix("library/")?;
    let name = library_of(rest)?;
    let own =
        commit.is_none() || catalogue.commit.is_none() || commit == catalogue.commit.as_deref();
    let name = name.replace('-', "_");
    Some(CrateInfo {
        role: Default::default(),
        package: None,
        version: catalogue.release.clone().filter(|_| own),
        origin: super::toolchain_origin(&name),
        name,
    })
}

/// The crate of a source below the directory `library` of the standard library's repository.
fn library_of(source: &str) -> Option<&str> {
    Some(match source.split('/').next()? {
        "stdarch" if source.starts_with("stdarch/crates/std_detect") => "std_detect",
        "stdarch" => "core",
        "portable-simd" if source.contains("/std_float/") => "std",
        "portable-simd" => "core",
        "backtrace" => "std",
        "compiler-builtins" => "compiler_builtins",
        directory => directory,
    })
}

/// What the layout of cargo's directories says about a path that is in none of the known ones.
fn by_layout(catalogue: &Catalogue, path: &str) -> Option<CrateInfo> {
    let (package, version, mut origin) = package_by_layout(path)?;
    if path.starts_with(STD_BUILD) {
        let of_std = catalogue.std_versions.get(&package.replace('-', "_"));
        let same = of_std.is_some() && of_std.map(String::as_str) == version;
        if same || !catalogue.cargo_at_root && DEPENDENCIES.contains(&package) {
            origin = Origin::StdDependency;
        }
    }
    Some(package_crate(catalogue, package, version, origin))
}

/// Modules of the standard library that a program's own crate of the same name hardly has.
#[cfg(feature = "binary")]
const OF_LIBRARY: [(&str, &str); 18] = [
    ("alloc", "collections"),
    ("alloc", "raw_vec"),
    ("alloc", "rc"),
    ("alloc", "vec"),
    ("core", "cell"),
    ("core", "char"),
    ("core", "fmt"),
    ("core", "iter"),
    ("core", "num"),
    ("core", "option"),
    ("core", "panicking"),
    ("core", "result"),
    ("core", "slice"),
    ("core", "str"),
    ("std", "io"),
    ("std", "panicking"),
    ("std", "sys"),
    ("std", "thread"),
];

/// The crate of the standard library whose directory a relative path begins with, as it does in
/// prebuilt libraries whose makers have cut what stood before.
#[cfg(feature = "binary")]
fn prebuilt(above: &str) -> Option<&'static str> {
    let mut names = super::LIBRARY.iter().chain(&["backtrace"]);
    names.find(|name| **name == above).copied()
}

/// The crate of a source in none of the known directories: of the package that stands in the directory
/// above its `src`, as a list of packages says it, or else a bucket with that directory's name.
///
/// The directory does not say what the crate is called: over the released files that were measured, as
/// a crate's name it was right for half of the bytes (`libcst/src` is `libcst_native`'s, `bindings/python`
/// is `tokenizers`').
#[cfg(feature = "binary")]
pub(super) fn by_directory(catalogue: &Catalogue, source: &str) -> Option<CrateInfo> {
    let path = normalized(source);
    let info = |name: &str, package: Option<&str>, version: Option<&str>, origin| CrateInfo {
        role: Default::default(),
        name: name.replace('-', "_"),
        package: package.map(str::to_owned),
        version: version.map(str::to_owned),
        origin,
    };
    let list = catalogue.listed.as_ref();
    // The compiler's own, wherever it was built.
    let release = catalogue.release.as_deref();
    let above = match path.split_once("/src/") {
        Some((above, _)) => above,
        None if path.starts_with("src/") => {
            // The workspace's own root.
            let root = list.and_then(PackageList::root).map(CrateInfo::of_package);
            // Modules of Python are often called like their crate after a `_`, but seldom like it with one.
            let named = catalogue.own_name();
            let named = named.filter(|name| !name.starts_with('_'));
            return root.or_else(|| {
                let name = named.unwrap_or("[src/]");
                Some(info(name, None, None, Origin::Workspace))
            });
        }
        None => return None,
    };
    let mut local = list.into_iter().flat_map(|list| &list.packages);
    if let Some(package) = local.find(|package| package.stands_in(above)) {
        return Some(CrateInfo::of_package(package));
    }
    let directory = above.rsplit('/').next().filter(|name| !name.is_empty())?;
    if let Some(name) = prebuilt(above) {
        let rest = path.get(above.len() + "/src/".len()..)?;
        // A directory of this name may be the user's own, too.
        let file = rest.split(['/', '.']).next()?;
        return OF_LIBRARY
            .contains(&(name, file))
            .then(|| info(name, None, release, Origin::Std));
    }
    // Distributions build the standard library, and what it depends on, in places of their own.
    let below = path.strip_prefix("library/");
    let below = below.or_else(|| Some(path.rsplit_once("/library/")?.1));
    if let Some(name) = below
        .and_then(library_of)
        .filter(|name| super::LIBRARY.contains(name))
    {
        return Some(info(name, None, release, Origin::Std));
    }
    match name_and_version(directory) {
        Some((name, version)) if DEPENDENCIES.contains(&name) => {
            Some(info(name, Some(name), Some(version), Origin::StdDependency))
        }
        Some((name, version)) => Some(info(name, Some(name), Some(version), Origin::Path)),
        None => Some(CrateInfo {
            role: Default::default(),
            name: format!("[{directory}/]"),
            package: None,
            version: None,
            origin: Origin::Workspace,
        }),
    }
}

/// The library crate of a package; by the catalogue where it has it, else by cargo's default.
fn package_crate(
    catalogue: &Catalogue,
    package: &str,
    version: Option<&str>,
    origin: Origin,
) -> CrateInfo {
    let fits = |info: &&CrateInfo| {
        info.package.as_deref() == Some(package)
            && info.origin == origin
            && version.is_none_or(|version| info.version.as_deref() == Some(version))
    };
    let mut found = catalogue.crates().filter(fits);
    if let (Some(info), None) = (found.next(), found.next()) {
        return info.clone();
    }
    CrateInfo {
        role: Default::default(),
        name: package.replace('-', "_"),
        package: Some(package.into()),
        version: version.map(str::to_owned),
        origin,
    }
}

#[cfg(all(test, feature = "binary"))]
mod tests {
    use super::*;

    #[test]
    fn the_standard_library_is_nobodys_workspace() {
        let catalogue = Catalogue::empty();
        let of = |path| by_directory(&catalogue, path).map(|info| (info.name, info.origin));
        for (path, name) in [
            ("core/src/num/flt2dec/strategy/dragon.rs", "core"),
            ("std\\src\\sys\\pal\\windows\\c.rs", "std"),
            ("alloc/src/raw_vec.rs", "alloc"),
        ] {
            assert_eq!(of(path), Some((name.to_owned(), Origin::Std)), "{path}");
        }
        // It could be either.
        assert_eq!(of("core/src/engine.rs"), None);
        assert_eq!(of("std/src/../../backtrace/src/symbolize/mod.rs"), None);
        let own = Some(("[core/]".to_owned(), Origin::Workspace));
        assert_eq!(of("crates/core/src/engine.rs"), own);
    }
}
