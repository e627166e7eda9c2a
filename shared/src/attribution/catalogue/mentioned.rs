//! Crates whose sources a file itself mentions, in panic locations and debug information.

use super::{
    Catalogue, CrateInfo,
    layout::{DEPENDENCIES, STD_BUILD, package_by_layout},
};
use crate::{
    attribution::Origin,
    image::{Format, Image, SectionKind},
};
use std::{collections::BTreeSet, ops::Range};

/// So much of a path is read before the directory that tells its layout.
const ABOVE: usize = 160;

impl Catalogue {
    /// Adds them.
    pub(super) fn add_mentioned(&mut self, file: &[u8], image: Option<&Image<'_>>) {
        let texts = mentioned(file, image);
        let found = texts.iter().filter_map(|text| {
            let (package, version, origin) = package_by_layout(text)?;
            Some((package, version?, origin, text.starts_with(STD_BUILD)))
        });
        let found: Vec<_> = found.collect();
        // With a crate there that std never had it is the home of the program's own cargo.
        self.cargo_at_root = found
            .iter()
            .any(|(package, _, _, at_root)| *at_root && !DEPENDENCIES.contains(package));
        for (package, version, origin, at_root) in found {
            self.add(CrateInfo {
                role: Default::default(),
                name: package.replace('-', "_"),
                package: Some(package.into()),
                version: Some(version.into()),
                origin: match at_root && !self.cargo_at_root {
                    true => Origin::StdDependency,
                    false => origin,
                },
            });
        }
    }
}

/// Directories of packages in the texts of a file, each up to the package's name and version and with
/// what stands before it, as far as that is a path. Panic locations stand among the constants; where
/// there is no section to tell, the whole file is searched.
fn mentioned(file: &[u8], image: Option<&Image<'_>>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut search = |bytes: &[u8]| {
        for range in directories(bytes) {
            let before = bytes.get(range.start.saturating_sub(ABOVE)..range.start);
            let path = whole_path(before.unwrap_or_default(), &bytes[range]);
            if !found.contains(&path) {
                found.insert(path);
            }
        }
    };
    match image {
        Some(image)
            if matches!(image.format, Format::Elf | Format::Wasm) && !image.sections.is_empty() =>
        {
            for section in &image.sections {
                // WebAssembly has one section for all data.
                let mixed = image.format == Format::Wasm && section.kind == SectionKind::Data;
                // Some linkers put constants to what is read-only after relocation.
                let texts = mixed
                    || section.kind == SectionKind::ReadOnlyData
                    || section.name.starts_with(".data.rel.ro")
                    || [".debug_str", ".debug_line_str"].contains(&&*section.name);
                if texts && let Some(content) = image.section_content(section) {
                    search(&content);
                }
            }
        }
        _ => search(file),
    }
    found
}

const VENDORED: &[u8] = b"/rust/deps";
const REGISTRY: &[u8] = b"registry";
const VENDOR: &[u8] = b"vendor";

/// Where in `bytes` directories of packages stand, from the first to the last; none overlap. By hand,
/// because a library for regular expressions would be most of what this tool ships.
fn directories(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut marks =
        [VENDORED, REGISTRY, VENDOR].map(|mark| memchr::memmem::find_iter(bytes, mark).peekable());
    let mut free = 0;
    std::iter::from_fn(move || {
        loop {
            let next = marks
                .iter_mut()
                .filter_map(|mark| Some((*mark.peek()?, mark)));
            let (first, mark) = next.min_by_key(|(at, _)| *at)?;
            mark.next();
            if first >= free
                && let Some(length) = directory(&bytes[first..])
            {
                free = first + length;
                return Some(first..free);
            }
        }
    })
}

/// The length of what `bytes` begin with, where that is the directory of a package: `/rust/deps/`,
/// `registry/src/INDEX/`, or `vendor…/` and `registry…/`, and then NAME-VERSION.
fn directory(bytes: &[u8]) -> Option<usize> {
    let is_name = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-');
    let in_index = |c: u8| is_name(c) || c == b'.';
    let in_version = |c: u8| in_index(c) || c == b'+';
    let package = |at: usize| {
        let at = separator(bytes, at)?;
        separator(bytes, named(bytes, at, 1, 128, in_version)?)
    };
    if bytes.starts_with(VENDORED) {
        return package(VENDORED.len());
    }
    let of_index = || {
        let at = separator(bytes, REGISTRY.len())?;
        let at = bytes.get(at..)?.starts_with(b"src").then_some(at + 3)?;
        let at = separator(bytes, at)?;
        package(named(bytes, at, 1, 128, in_index)?)
    };
    let mark = if bytes.starts_with(REGISTRY) {
        REGISTRY
    } else {
        VENDOR
    };
    let index = (mark == REGISTRY).then(of_index).flatten();
    index.or_else(|| package(named(bytes, mark.len(), 0, 24, is_name)?))
}

/// What is behind the separator at `at`.
fn separator(bytes: &[u8], at: usize) -> Option<usize> {
    matches!(bytes.get(at), Some(b'/' | b'\\')).then_some(at + 1)
}

/// What is behind the name at `at`, of at least and at most so many characters.
fn named(
    bytes: &[u8],
    at: usize,
    least: usize,
    most: usize,
    is_name: impl Fn(u8) -> bool,
) -> Option<usize> {
    let rest = bytes.get(at..)?.iter().take(most + 1);
    let length = rest.take_while(|c| is_name(**c)).count();
    (least..=most).contains(&length).then_some(at + length)
}

/// A path of which `directory` is the end. Constants follow each other without a gap: the path begins
/// at the first separator after another source's `.rs` or another text's last space.
fn whole_path(before: &[u8], directory: &[u8]) -> String {
    if directory.starts_with(b"/rust/deps") {
        return String::from_utf8_lossy(directory).into_owned();
    }
    let is_path = |byte: &u8| byte.is_ascii_alphanumeric() || b"/\\._-+@".contains(byte);
    let start = before.iter().rposition(|byte| !is_path(byte));
    let before = before
        .get(start.map_or(0, |at| at + 1)..)
        .unwrap_or_default();
    let text = String::from_utf8_lossy(before).replace('\\', "/");
    let own = text.rfind(".rs").map_or(0, |at| at + ".rs".len());
    let own = text.get(own..).unwrap_or_default();
    let own = own
        .find('/')
        .and_then(|at| own.get(at..))
        .unwrap_or_default();
    let directory = String::from_utf8_lossy(directory).replace('\\', "/");
    format!("{own}{directory}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(bytes: &[u8]) -> Vec<&[u8]> {
        directories(bytes).map(|range| &bytes[range]).collect()
    }

    #[test]
    fn directories_of_packages_are_found_in_texts() {
        let text = b"x/registry/src/index.crates.io-1949/regex-1.13.1/src/lib.rs/rust/deps/a-1+2/b\\registry\\src\\i\\c-0.1\\d/vendor-x/e-1/";
        let found: Vec<_> = texts(text)
            .into_iter()
            .map(String::from_utf8_lossy)
            .collect();
        assert_eq!(
            found,
            [
                "registry/src/index.crates.io-1949/regex-1.13.1/",
                "/rust/deps/a-1+2/",
                r"registry\src\i\c-0.1\",
                "vendor-x/e-1/",
            ]
        );
        let name = |length| format!("/rust/deps/{}/", "a".repeat(length));
        assert_eq!(texts(name(128).as_bytes()).len(), 1);
        assert_eq!(texts(name(129).as_bytes()).len(), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        /// The witness is the same as a regular expression.
        #[test]
        fn directories_are_those_of_the_pattern(
            text in r"(/|\\|/rust/deps|registry|/registry/src|vendor|src|/registry/src/i/|a|\+1|-|\.|\x00|é){0,12}",
        ) {
            let pattern = r"(?-u)(?:/rust/deps|registry[/\\]src[/\\][\w.-]{1,128}|(?:vendor|registry)[\w-]{0,24})[/\\][\w.+-]{1,128}[/\\]";
            let pattern = regex::bytes::Regex::new(pattern).unwrap();
            let found = pattern.find_iter(text.as_bytes());
            let expected: Vec<_> = found.map(|found| found.as_bytes()).collect();
            prop_assert_eq!(texts(text.as_bytes()), expected);
        }
    }

    fn found(file: &[u8]) -> Vec<(String, Origin)> {
        let mut catalogue = Catalogue::default();
        catalogue.add_mentioned(file, None);
        let crates = catalogue.crates();
        let mut found: Vec<_> = crates.map(|one| (one.name.clone(), one.origin)).collect();
        found.sort();
        found
    }

    const STD: &[u8] = b"None/cargo/registry/src/i-6f17/hashbrown-0.14.0/src/raw/mod.rs\
        /cargo/registry/src/i-6f17/rustc-demangle-0.1.23/src/v0.rs";

    #[test]
    fn what_std_was_built_from_is_not_the_programs() {
        let own = b"x/root/.cargo/registry/src/i-6f17/yrs-0.17.0/src/doc.rs/usr/local/cargo/registry/src/i-6f17/memchr-2.5.0/src/lib.rs";
        let expected = [
            ("hashbrown".to_owned(), Origin::StdDependency),
            ("memchr".to_owned(), Origin::Registry),
            ("rustc_demangle".to_owned(), Origin::StdDependency),
            ("yrs".to_owned(), Origin::Registry),
        ];
        assert_eq!(found(&[STD, own].concat()), expected);
    }

    #[test]
    fn a_home_of_cargo_at_the_root_holds_what_std_never_had() {
        let own = b"\0/cargo/registry/src/i-6f17/yrs-0.17.0/src/doc.rs";
        let found = found(&[STD, own].concat());
        assert!(
            found.iter().all(|(_, origin)| *origin == Origin::Registry),
            "{found:?}"
        );
    }
}
