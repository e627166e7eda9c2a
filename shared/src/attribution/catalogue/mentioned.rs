//! Directories of packages in the texts of a file.

use crate::image::{Format, Image, SectionKind};
use std::collections::BTreeSet;

/// Directories of packages in the texts of a file: `…/registry/src/<index>/NAME-VERSION/`,
/// `/rust/deps/NAME-VERSION/`. Panic locations stand among the constants; where there is no
/// section to tell, the whole file is searched.
pub(super) fn mentioned(file: &[u8], image: Option<&Image<'_>>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut search = |bytes: &[u8]| {
        for text in directories(bytes) {
            let text = String::from_utf8_lossy(text).replace('\\', "/");
            if !found.contains(&text) {
                found.insert(text);
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

/// The texts of the form that [`mentioned`] is about, from the first to the last; none overlap.
fn directories(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut vendored = memchr::memmem::find_iter(bytes, VENDORED).peekable();
    let mut registries = memchr::memmem::find_iter(bytes, REGISTRY)
        // A match begins with the separator before.
        .filter_map(|at| at.checked_sub(1))
        .peekable();
    let mut free = 0;
    std::iter::from_fn(move || {
        loop {
            let first = match (vendored.peek(), registries.peek()) {
                (Some(one), Some(other)) if one < other => vendored.next()?,
                (Some(_), None) => vendored.next()?,
                _ => registries.next()?,
            };
            if first >= free
                && let Some(length) = directory(&bytes[first..])
            {
                free = first + length;
                return Some(&bytes[first..free]);
            }
        }
    })
}

const VENDORED: &[u8] = b"/rust/deps";
const REGISTRY: &[u8] = b"registry";

/// The length of what `bytes` begin with, where that is the directory of a package.
fn directory(bytes: &[u8]) -> Option<usize> {
    let separator = |rest: &'_ [u8]| matches!(rest.first(), Some(b'/' | b'\\'));
    // A name of at most 128 characters: of a package with its version, or of an index.
    let name = |rest: &[u8], plus: bool| {
        let is_name = |c: &u8| {
            c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b'-') || (plus && *c == b'+')
        };
        let length = rest.iter().take(129).take_while(|c| is_name(c)).count();
        (1..=128).contains(&length).then_some(length)
    };
    let mut at = if bytes.starts_with(VENDORED) {
        VENDORED.len()
    } else {
        let mut at = 0;
        for part in [REGISTRY, b"src"] {
            let rest = bytes.get(at..).filter(|rest| separator(rest))?;
            at += 1 + rest[1..].starts_with(part).then_some(part.len())?;
        }
        let rest = bytes.get(at..).filter(|rest| separator(rest))?;
        at + 1 + name(&rest[1..], false)?
    };
    let rest = bytes.get(at..).filter(|rest| separator(rest))?;
    at += 1 + name(&rest[1..], true)?;
    bytes.get(at..).filter(|rest| separator(rest))?;
    Some(at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn directories_of_packages_are_found_in_texts() {
        let text = b"x/registry/src/index.crates.io-1949/regex-1.13.1/src/lib.rs/rust/deps/a-1+2/b\\registry\\src\\i\\c-0.1\\";
        let found: Vec<_> = directories(text).map(String::from_utf8_lossy).collect();
        assert_eq!(
            found,
            [
                "/registry/src/index.crates.io-1949/regex-1.13.1/",
                "/rust/deps/a-1+2/",
                r"\registry\src\i\c-0.1\",
            ]
        );
        let name = |length| format!("/rust/deps/{}/", "a".repeat(length));
        assert_eq!(directories(name(128).as_bytes()).count(), 1);
        assert_eq!(directories(name(129).as_bytes()).count(), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        /// The witness is the same as a regular expression.
        #[test]
        fn directories_are_those_of_the_pattern(
            text in r"(/|\\|/rust/deps|registry|/registry/src|src|/registry/src/i/|a|\+1|-|\.|\x00|é){0,12}",
        ) {
            let pattern = r"(?-u)(?:/rust/deps|[/\\]registry[/\\]src[/\\][\w.-]{1,128})[/\\][\w.+-]{1,128}[/\\]";
            let pattern = regex::bytes::Regex::new(pattern).unwrap();
            let expected: Vec<_> = pattern.find_iter(text.as_bytes()).map(|m| m.as_bytes()).collect();
            prop_assert_eq!(directories(text.as_bytes()).collect::<Vec<_>>(), expected);
        }
    }
}
