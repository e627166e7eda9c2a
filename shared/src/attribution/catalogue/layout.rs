//! What the names of directories say about a package: cargo's home, vendored sources, and where those
//! who build a standard library keep what it depends on.
//!
//! Truth: the cargo book, "Cargo Home" and "Source Replacement"; dh-cargo, rust-packaging and nixpkgs
//! for the registries of distributions; the paths in released files.

use crate::attribution::Origin;

/// Where rust-lang's builds of std showed its dependencies before `/rust/deps/`. A program that was
/// built with this directory as cargo's home shows its own there, too.
pub(super) const STD_BUILD: &str = "/cargo/registry/";

/// What the standard library depends on, for its backtraces mostly, of all releases.
pub(super) const DEPENDENCIES: [&str; 16] = [
    "addr2line",
    "adler",
    "adler2",
    "allocator-api2",
    "cfg-if",
    "compiler_builtins",
    "dlmalloc",
    "gimli",
    "hashbrown",
    "libc",
    "memchr",
    "miniz_oxide",
    "object",
    "rustc-demangle",
    "unicode-width",
    "wasi",
];

/// `name` and `1.0.0` of `name-1.0.0`: the version starts behind the first `-` that a number and a
/// dot follow, because names have no dots.
pub(super) fn name_and_version(directory: &str) -> Option<(&str, &str)> {
    for (at, _) in directory.match_indices('-') {
        let (name, version) = (directory.get(..at)?, directory.get(at + 1..)?);
        let digits = version.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 && version.as_bytes().get(digits) == Some(&b'.') && !name.is_empty() {
            return Some((name, version));
        }
    }
    None
}

/// Package, version and origin, as far as the path shows them.
pub(super) fn package_by_layout(path: &str) -> Option<(&str, Option<&str>, Origin)> {
    if let Some(rest) = path.strip_prefix("/rust/deps/") {
        let (package, version) = name_and_version(rest.split('/').next()?)?;
        return Some((package, Some(version), Origin::StdDependency));
    }
    if let Some((_, rest)) = path.rsplit_once("/registry/src/") {
        let (package, version) = name_and_version(rest.split('/').nth(1)?)?;
        return Some((package, Some(version), Origin::Registry));
    }
    if let Some((_, rest)) = path.rsplit_once("/git/checkouts/") {
        // `<repository>-<hash>/<revision>/…`; inside, the directory above `src` names the package.
        let mut parts = rest.split('/');
        let repository = parts.next()?;
        let repository = repository
            .rsplit_once('-')
            .map_or(repository, |(name, _)| name);
        let inner = parts.skip(1).take_while(|part| *part != "src");
        let package = inner
            .last()
            .filter(|last| !last.contains('.'))
            .unwrap_or(repository);
        return Some((package, None, Origin::Git));
    }
    directory_source(path)
}

/// A package of a directory that cargo takes in place of a registry: `vendor/` of `cargo vendor`,
/// Debian's and Fedora's `/usr/share/cargo/registry/` and `debian/cargo_registry/`, Guix's
/// `guix-vendor/`, and Nix's `cargo-vendor-dir/` and `NAME-vendor/source-registry-0/`. Path
/// dependencies are in none of them, except that a folder `vendor` may be anybody's own.
fn directory_source(path: &str) -> Option<(&str, Option<&str>, Origin)> {
    let is_directory = path.ends_with('/');
    let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    if !is_directory && !path.ends_with(".rs") {
        return None;
    }
    let named = |part: &str| {
        part.contains("vendor") || part.contains("registry") || part.starts_with("source-git-")
    };
    (0..parts.len()).rev().find_map(|at| {
        let source = parts[at];
        let mut below = parts.get(at + 1..)?.iter().filter(|_| named(source));
        let mut directory = *below.next()?;
        // Crane has a directory for each registry, which a hash names.
        if directory.len() >= 32 && directory.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            directory = below.next()?;
        }
        let directory = match source {
            "guix-vendor" => directory.strip_prefix("rust-")?.strip_suffix(".tar.gz")?,
            _ => directory,
        };
        let origin = match source.starts_with("source-git-") {
            true => Origin::Git,
            false => Origin::Registry,
        };
        match name_and_version(directory) {
            Some((package, version)) => {
                let of_std =
                    source == "vendor" && DEPENDENCIES.contains(&package) && is_rust(&parts[..at]);
                let origin = if of_std {
                    Origin::StdDependency
                } else {
                    origin
                };
                Some((package, Some(version), origin))
            }
            None if source == "vendor" && below.next() == Some(&"src") => {
                Some((directory, None, origin))
            }
            None => None,
        }
    })
}

/// Whether a directory has the sources of Rust itself, as distributions unpack them: `rustc-1.63.0`,
/// `rustc-1.79.0-src`, `/rustc/<commit>`, in newer releases the `library` below it.
fn is_rust(above: &[&str]) -> bool {
    let above = above.strip_suffix(&["library"]).unwrap_or(above);
    match above {
        [.., "rustc", _] => true,
        [.., last] => {
            let release = last.strip_prefix("rustc-").or(last.strip_prefix("rust-"));
            release.is_some_and(|release| release.starts_with(|first: char| first.is_ascii_digit()))
        }
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths as they stand in files of these distributions, and what their package lists say of them.
    #[test]
    fn distributions_and_vendored_sources_show_their_packages() {
        use Origin::{Git, Registry, StdDependency};
        let hash = "c19b7c6f923b580ac259164a89f2577984ad5ab09ee9d583b888f934adbbe8d0";
        let crane = format!("/nix/store/x-vendor-cargo-deps/{hash}/serde-1.0.0/src/lib.rs");
        for (path, expected) in [
            // Debian
            (
                "/usr/src/rustc-1.63.0/vendor/miniz_oxide-0.4.0/src/inflate/core.rs",
                Some(("miniz_oxide", Some("0.4.0"), StdDependency)),
            ),
            (
                "/usr/share/cargo/registry/regex-1.7.1/src/exec.rs",
                Some(("regex", Some("1.7.1"), Registry)),
            ),
            (
                "/build/fd-8.6.0/debian/cargo_registry/clap-3.2.23/src/lib.rs",
                Some(("clap", Some("3.2.23"), Registry)),
            ),
            // Fedora, Alpine, newer releases
            (
                "/builddir/build/BUILD/rustc-1.79.0-src/vendor/hashbrown-0.14.3/src/raw/mod.rs",
                Some(("hashbrown", Some("0.14.3"), StdDependency)),
            ),
            (
                "/home/buildozer/aports/community/rust/src/rustc-1.71.1-src/vendor/gimli-0.26.2/src/read/line.rs",
                Some(("gimli", Some("0.26.2"), StdDependency)),
            ),
            (
                "/build/rustc-1.86.0-src/library/vendor/memchr-2.7.4/src/lib.rs",
                Some(("memchr", Some("2.7.4"), StdDependency)),
            ),
            // What the compiler itself uses.
            (
                "/build/rustc-1.86.0-src/vendor/regex-1.7.1/src/exec.rs",
                Some(("regex", Some("1.7.1"), Registry)),
            ),
            // Nix, Guix
            (
                "/build/cargo-vendor-dir/regex-1.7.1/src/exec.rs",
                Some(("regex", Some("1.7.1"), Registry)),
            ),
            (
                "/build/fd-1.0-vendor/source-registry-0/regex-1.7.1/src/exec.rs",
                Some(("regex", Some("1.7.1"), Registry)),
            ),
            (
                "/build/fd-1.0-vendor/source-git-1/lsp-0.9.0/src/lib.rs",
                Some(("lsp", Some("0.9.0"), Git)),
            ),
            (&crane, Some(("serde", Some("1.0.0"), Registry))),
            (
                "/tmp/guix-build-rg.drv-0/rg/guix-vendor/rust-memchr-2.5.0.tar.gz/src/lib.rs",
                Some(("memchr", Some("2.5.0"), Registry)),
            ),
            // `cargo vendor`, of a path and as a directory in a file's texts
            (
                "vendor/vendored-1.2.0/src/lib.rs",
                Some(("vendored", Some("1.2.0"), Registry)),
            ),
            (
                "/w/vendor/regex/src/exec.rs",
                Some(("regex", None, Registry)),
            ),
            (
                "vendor/memchr-2.5.0/",
                Some(("memchr", Some("2.5.0"), Registry)),
            ),
            ("/w/vendor/zlib-1.2.13/inflate.c", None),
            ("/w/vendor/engine.rs", None),
            ("/build/fd-8.6.0/src/main.rs", None),
        ] {
            assert_eq!(package_by_layout(path), expected, "{path}");
        }
    }
}
