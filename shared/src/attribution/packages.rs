//! The packages that a file was made from, where a list says it: in the file, or beside it.
//!
//! Truth: the section `.dep-v0` of cargo-auditable (JSON in a zlib stream), `*.cargo-sbom.json` of
//! cargo's `-Zsbom`, and CycloneDX documents (`*.cdx.json`, `bom.json`, `*.cyclonedx.json`), which
//! maturin puts into `*.dist-info/sboms/` of a Python package.
//!
//! Limits: the section goes with the file, so it is its own; that a document beside it describes this
//! very file nothing proves. A list names what was compiled, also what only runs while building, and
//! what the linker then left out.

mod beside;
mod formats;

use super::Origin;
use crate::image::{Image, Mapping};
use std::path::{Path, PathBuf};

/// One package of a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedPackage {
    /// Its name.
    pub name: String,
    /// The name of its library, where the list has it.
    pub library: Option<String>,
    /// Its version.
    pub version: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Whether it is the package that the file itself is of.
    pub root: bool,
    /// The directory where it was built, where the list names it.
    pub directory: Option<String>,
}

impl ListedPackage {
    /// Whether `directory`, from the root of a workspace or of the file system, is likely its own.
    pub(super) fn stands_in(&self, directory: &str) -> bool {
        let ends = |own: &str| {
            let rest = own.strip_suffix(directory);
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
        };
        match &self.directory {
            Some(own) => ends(own),
            None if self.origin == Origin::Workspace => {
                let last = directory.rsplit('/').next().unwrap_or_default();
                last.replace('-', "_") == self.name.replace('-', "_")
            }
            None => false,
        }
    }
}

/// A list of packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageList {
    /// The document; `None` for the section of the file itself.
    pub document: Option<PathBuf>,
    /// The packages by name and version. Those that only run while building are left out where the list
    /// tells them apart.
    pub packages: Vec<ListedPackage>,
}

/// A list that is longer was not written for one program.
const MAX_PACKAGES: usize = 1 << 16;

impl PackageList {
    /// The list of a file: the section in it, else a document of the package that it came out of, or
    /// beside `place`, where the file stands or once stood. `image` is what the file holds, where it
    /// can be read.
    pub fn find(image: Option<&Image<'_>>, file: &Mapping, place: &Path) -> Option<Self> {
        let of_package = || {
            let mut documents = file.documents().iter();
            documents.find_map(|(path, text)| Self::of_document(path, text))
        };
        let inside = image.and_then(Self::inside);
        inside.or_else(of_package).or_else(|| beside::find(place))
    }

    /// Whether a file of a package, by its path there, may be such a document, and how large one is at
    /// most.
    pub fn may_be_document(path: &str) -> Option<u64> {
        beside::may_be_document(path).then_some(formats::MAX_TEXT)
    }

    fn inside(image: &Image<'_>) -> Option<Self> {
        let mut sections = image.sections.iter();
        let section = sections.find(|section| section.name.ends_with("dep-v0"))?;
        Self::of_section(image.section_bytes(section))
    }

    /// What the content of `.dep-v0` says.
    pub fn of_section(content: &[u8]) -> Option<Self> {
        Some(Self::new(None, formats::auditable(content)?))
    }

    /// What the text of a document says.
    pub fn of_document(path: &Path, text: &[u8]) -> Option<Self> {
        Some(Self::new(Some(path.to_owned()), formats::document(text)?))
    }

    fn new(document: Option<PathBuf>, mut packages: Vec<ListedPackage>) -> Self {
        packages.truncate(MAX_PACKAGES);
        packages.sort();
        packages.dedup();
        Self { document, packages }
    }

    /// The package that the file itself is of.
    pub fn root(&self) -> Option<&ListedPackage> {
        let mut roots = self.packages.iter().filter(|package| package.root);
        roots.next().filter(|_| roots.next().is_none())
    }

    /// What the list is called where it is mentioned.
    pub fn source(&self) -> String {
        match &self.document {
            Some(document) => document.display().to_string(),
            None => ".dep-v0".into(),
        }
    }
}
