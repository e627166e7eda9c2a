//! Snapshots from JSON. Anybody may have written the file: every index is checked, every sum that
//! must hold does, and names grow no larger than a multiple of the file.

use super::{
    depth::JsonDepth,
    model::{Artifact, Build, Crate, Function, Measures, Package, SCHEMA, Section, Snapshot, VIEW},
    names::Names,
};
use crate::{
    analysis::model::ReadDepth,
    ledger::{ByCategory, Category},
};
use codecost::{Error, Result, attribution::Origin, image::Image};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, MapAccess, Visitor},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt, fs,
    path::Path,
};

/// Names share their beginnings; real ones come to three times the file.
const MOST_EXPANSION: usize = 64;

/// Whether `bytes` begin like JSON; no executable does.
pub fn is_snapshot(bytes: &[u8]) -> bool {
    let start = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    start == Some(&b'{')
}

/// Reads the snapshot `path`.
///
/// # Errors
///
/// The file cannot be read, is no snapshot, is damaged, or a newer tool wrote it.
pub fn open(path: &Path) -> Result<Snapshot> {
    let bytes = fs::read(path).map_err(|source| Error::read(path, source))?;
    parse(path, &bytes)
}

/// Reads `bytes`, the content of the file `path`.
///
/// # Errors
///
/// It is no snapshot, is damaged, or a newer tool wrote it.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<Snapshot> {
    let damaged = |reason: &str| {
        Error::failed(
            format_args!("`{}` is not a snapshot: {reason}", path.display()),
            "write one with `cargo slim snapshot -o size.json`",
        )
    };
    if !is_snapshot(bytes) && Image::parse(path, bytes).is_ok() {
        return Err(Error::failed(
            format_args!("expected a snapshot, found a binary: `{}`", path.display()),
            format_args!(
                "take a snapshot of it: `cargo slim snapshot --file {} -o size.json`",
                path.display()
            ),
        ));
    }
    let head: Head = serde_json::from_slice(bytes).map_err(|error| damaged(&error.to_string()))?;
    if head.schema != SCHEMA {
        let known = "cargo-slim/";
        let newer = head.schema.strip_prefix(known).map(str::parse::<u32>);
        return Err(match newer {
            Some(Ok(version)) if version > 1 => Error::failed(
                format_args!(
                    "`{}` is a snapshot of version {version}, written by cargo-slim {}; \
                     this one reads version 1",
                    path.display(),
                    head.tool_version.as_deref().unwrap_or("of a later version"),
                ),
                "install that version of cargo-slim, or take the snapshot again with this one",
            ),
            _ => damaged(&format!("its schema is `{}`", head.schema)),
        });
    }
    if head.view != VIEW {
        return Err(damaged(&format!("it is a report of `{}`", head.view)));
    }
    let file: File = serde_json::from_slice(bytes).map_err(|error| damaged(&error.to_string()))?;
    file.into_snapshot(bytes.len().saturating_mul(MOST_EXPANSION))
        .map_err(damaged)
}

#[derive(Deserialize)]
struct Head {
    schema: String,
    tool_version: Option<String>,
    #[serde(default)]
    view: String,
}

#[derive(Deserialize)]
struct File {
    artifact: FileArtifact,
    total: Total,
    measures: FileMeasures,
    build: Option<FileBuild>,
    #[serde(default)]
    packages: Vec<FilePackage>,
    rows: Vec<FileCrate>,
    sections: Vec<FileSection>,
    families: Vec<(usize, String)>,
    functions: Vec<(usize, String, u32, i64, u32, i64, u64)>,
}

#[derive(Deserialize)]
struct Total {
    file: Option<u64>,
    shipped: Option<u64>,
    memory: u64,
}

#[derive(Deserialize)]
struct FileArtifact {
    path: String,
    format: String,
    architecture: String,
    file_size: u64,
    shipped_size: Option<u64>,
    package: Option<String>,
    target_name: Option<String>,
    target_kind: Option<String>,
    profile: Option<String>,
    #[serde(default)]
    build_notes: Vec<String>,
    stripped: Option<bool>,
    #[serde(default)]
    absent: bool,
    depth: Option<JsonDepth>,
}

#[derive(Deserialize)]
struct FileMeasures {
    file: Option<u64>,
    shipped: Option<u64>,
    gzip: Option<u64>,
    zstd: Option<u64>,
    brotli: Option<u64>,
    flash: Option<u64>,
    ram: Option<u64>,
}

#[derive(Deserialize)]
struct FileBuild {
    toolchain: Option<String>,
    triple: Option<String>,
    #[serde(default)]
    profile: BTreeMap<String, String>,
    #[serde(default)]
    rustflags: Vec<String>,
}

#[derive(Deserialize)]
struct FilePackage {
    name: String,
    version: String,
    features: Option<BTreeSet<String>>,
    #[serde(default)]
    dependencies: Vec<String>,
}

#[derive(Deserialize)]
struct FileCrate {
    name: String,
    package: Option<String>,
    version: Option<String>,
    origin: String,
    file: u64,
    shipped: Option<u64>,
    memory: u64,
    #[serde(flatten)]
    parts: FileParts,
}

/// One member for each [`Category`]; none may be missing.
struct FileParts(ByCategory);

impl<'de> Deserialize<'de> for FileParts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PartsVisitor)
    }
}

struct PartsVisitor;

impl<'de> Visitor<'de> for PartsVisitor {
    type Value = FileParts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the parts of a crate")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FileParts, A::Error> {
        let mut parts = ByCategory::default();
        let mut missing = Category::ALL.to_vec();
        while let Some(name) = map.next_key::<String>()? {
            let Some(category) = Category::from_name(&name) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            parts[category] = map.next_value()?;
            missing.retain(|other| *other != category);
        }
        match missing.first() {
            Some(category) => Err(A::Error::missing_field(category.as_str())),
            None => Ok(FileParts(parts)),
        }
    }
}

#[derive(Deserialize)]
struct FileSection {
    name: String,
    kind: String,
    file: u64,
    shipped: Option<u64>,
    memory: u64,
}

impl File {
    fn into_snapshot(self, most: usize) -> Result<Snapshot, &'static str> {
        let mut families = Names::default();
        for (shared, rest) in &self.families {
            add(&mut families, *shared, rest, most)?;
        }
        let mut names = Names::default();
        let mut functions = Vec::with_capacity(self.functions.len());
        for (shared, rest, owner, by, section, family, size) in &self.functions {
            add(&mut names, *shared, rest, most)?;
            let within = |index: i64, len: usize| match u32::try_from(index) {
                Ok(index) if (index as usize) < len => Ok(Some(index)),
                Err(_) if index == -1 => Ok(None),
                _ => Err("a function refers to what is not there"),
            };
            let by = within(*by, self.rows.len())?;
            let family = within(*family, self.families.len())?;
            within((*owner).into(), self.rows.len())?;
            within((*section).into(), self.sections.len())?;
            functions.push(Function {
                owner: *owner,
                section: *section,
                size: *size,
                by,
                family,
            });
        }
        if !names.is_sorted() {
            return Err("its functions are not sorted");
        }
        self.add_up(&functions)?;
        Ok(Snapshot {
            read_from: None,
            commit: None,
            warnings: Vec::new(),
            artifact: self.artifact.into(),
            measures: self.measures.into(),
            memory: self.total.memory,
            crates: self.rows.into_iter().map(Into::into).collect(),
            sections: self.sections.into_iter().map(Into::into).collect(),
            families,
            names,
            functions,
            build: self.build.map(|build| build.with(self.packages)),
        })
    }
}

impl File {
    /// What is true of every snapshot that was ever written, also of one of a damaged file: crates
    /// and sections each partition the file and the memory, a crate's parts its row. A damaged
    /// file may have two sections over the same bytes, and functions in both: so functions are
    /// held against the file, not against their section. Linear.
    fn add_up(&self, functions: &[Function]) -> Result<(), &'static str> {
        let file = Some(self.artifact.file_size);
        if sum(self.rows.iter().map(|row| row.file)) != file {
            return Err("its crates do not add up to the file");
        }
        for row in &self.rows {
            if row.parts.0.sum() != Some(row.file) {
                return Err("the parts of a crate do not add up to it");
            }
        }
        if sum(self.sections.iter().map(|row| row.file)) != file {
            return Err("its sections do not add up to the file");
        }
        if self.total.file.is_some_and(|total| Some(total) != file) {
            return Err("its total is not the size of the file");
        }
        // Older tools did not say what ships; those that do say it of every row.
        let ships = |rows: &mut dyn Iterator<Item = Option<u64>>| {
            let shipped: Vec<u64> = rows.flatten().collect();
            shipped.is_empty() || sum(shipped.into_iter()) == self.artifact.shipped_size
        };
        if !ships(&mut self.rows.iter().map(|row| row.shipped)) {
            return Err("its crates do not add up to what ships");
        }
        if !ships(&mut self.sections.iter().map(|row| row.shipped)) {
            return Err("its sections do not add up to what ships");
        }
        let total = self.total.shipped;
        if total.is_some() && total != self.artifact.shipped_size {
            return Err("its total is not what ships");
        }
        // A damaged file may claim more memory than a number holds; the writer stops there, too.
        let memory = |rows: &mut dyn Iterator<Item = u64>| rows.fold(0, u64::saturating_add);
        if memory(&mut self.sections.iter().map(|row| row.memory)) != self.total.memory {
            return Err("its sections do not add up to the memory");
        }
        if memory(&mut self.rows.iter().map(|row| row.memory)) != self.total.memory {
            return Err("its crates do not add up to the memory");
        }
        // Functions do not overlap, so those of one section are no larger than the file, however
        // the sections lie; sections of one name are one row to a function, the first.
        let mut room: HashMap<&str, u64> = HashMap::new();
        for row in &self.sections {
            let room = room.entry(&row.name).or_default();
            *room = room.saturating_add(self.artifact.file_size);
        }
        for function in functions {
            let section = self.sections.get(function.section as usize);
            if let Some(room) = section.and_then(|row| room.get_mut(row.name.as_str())) {
                *room = room
                    .checked_sub(function.size)
                    .ok_or("its functions are larger than the file")?;
            }
        }
        self.measures
            .plausible(self.artifact.target_name.is_none(), file)
    }
}

impl FileMeasures {
    /// `same`: measured on the very file that was analysed.
    fn plausible(&self, same: bool, analysed: Option<u64>) -> Result<(), &'static str> {
        if same && self.file.is_some() && self.file != analysed {
            return Err("it measures another file than it analyses");
        }
        let Some(file) = self.file else {
            return Ok(());
        };
        // What does not compress is stored, in blocks with a header each.
        let most = file.saturating_add(file / 100).saturating_add(1 << 10);
        if self
            .gzip
            .max(self.zstd)
            .max(self.brotli)
            .is_some_and(|size| size > most)
        {
            return Err("the file is larger compressed than as it is");
        }
        Ok(())
    }
}

/// `None`: more than a number holds.
fn sum(mut sizes: impl Iterator<Item = u64>) -> Option<u64> {
    sizes.try_fold(0, u64::checked_add)
}

fn add(names: &mut Names, shared: usize, rest: &str, most: usize) -> Result<(), &'static str> {
    if names.bytes() > most {
        return Err("its names are too long");
    }
    names
        .push_after(shared, rest)
        .ok_or("a name continues one that is not there")
}

impl From<FileArtifact> for Artifact {
    fn from(file: FileArtifact) -> Self {
        let FileArtifact {
            path,
            format,
            architecture,
            file_size,
            shipped_size,
            package,
            target_name,
            target_kind,
            profile,
            build_notes,
            stripped,
            absent,
            depth,
        } = file;
        Self {
            path,
            format,
            architecture,
            file_size,
            shipped_size,
            package,
            target_name,
            target_kind,
            profile,
            build_notes,
            stripped,
            absent,
            depth: depth.map(ReadDepth::from),
        }
    }
}

impl From<FileMeasures> for Measures {
    fn from(file: FileMeasures) -> Self {
        Self {
            file: file.file,
            shipped: file.shipped,
            gzip: file.gzip,
            zstd: file.zstd,
            brotli: file.brotli,
            flash: file.flash,
            ram: file.ram,
        }
    }
}

impl FileBuild {
    fn with(self, packages: Vec<FilePackage>) -> Build {
        let package = |package: FilePackage| Package {
            name: package.name,
            version: package.version,
            features: package.features,
            dependencies: package.dependencies,
        };
        Build {
            toolchain: self.toolchain,
            triple: self.triple,
            profile: self.profile,
            rustflags: self.rustflags,
            packages: packages.into_iter().map(package).collect(),
        }
    }
}

impl From<FileCrate> for Crate {
    fn from(file: FileCrate) -> Self {
        Self {
            origin: origin(&file.origin),
            name: file.name,
            package: file.package,
            version: file.version,
            file: file.file,
            shipped: file.shipped,
            memory: file.memory,
            parts: file.parts.0,
        }
    }
}

impl From<FileSection> for Section {
    fn from(file: FileSection) -> Self {
        Self {
            name: file.name,
            kind: file.kind,
            file: file.file,
            shipped: file.shipped,
            memory: file.memory,
        }
    }
}

fn origin(name: &str) -> Origin {
    const ALL: [Origin; 8] = [
        Origin::Workspace,
        Origin::Registry,
        Origin::Git,
        Origin::Path,
        Origin::Std,
        Origin::StdDependency,
        Origin::Native,
        Origin::Linker,
    ];
    let found = ALL.into_iter().find(|origin| origin.as_str() == name);
    found.unwrap_or(Origin::Unknown)
}

#[cfg(test)]
mod tests;
