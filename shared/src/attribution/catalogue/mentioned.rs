//! Crates whose sources a file itself mentions, in panic locations and debug information.

use super::{
    Catalogue, CrateInfo,
    layout::{DEPENDENCIES, STD_BUILD, package_by_layout},
};
use crate::{
    attribution::Origin,
    image::{Format, Image, SectionKind},
};
use regex::bytes::Regex;
use std::collections::BTreeSet;

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
    let pattern = r"(?-u)(?:/rust/deps|registry[/\\]src[/\\][\w.-]{1,128}|(?:vendor|registry)[\w-]{0,24})[/\\][\w.+-]{1,128}[/\\]";
    let Ok(pattern) = Regex::new(pattern) else {
        return found;
    };
    let mut search = |bytes: &[u8]| {
        for text in pattern.find_iter(bytes) {
            let before = bytes.get(text.start().saturating_sub(ABOVE)..text.start());
            let path = whole_path(before.unwrap_or_default(), text.as_bytes());
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
