//! Config files and `--config` arguments: which there are, and what they include. Everything that
//! reads configuration reads it here.
//!
//! Config files are found from the *current directory* upward, then in `$CARGO_HOME`; where both
//! `config` and `config.toml` lie in one directory, the legacy one without an extension wins.
//! `include` brings further files, which rank below the file that includes them.

use std::path::{Path, PathBuf};

use toml_edit::{Document, Item, TableLike};

use super::include::{Include, included};
use super::{Notice, Origin, OriginKind};
use crate::{Error, Result};

/// More files than this in an `include` chain is a loop or an attack, not a configuration.
const MAX_INCLUDES: usize = 64;

/// What becomes of files and arguments that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cargo) enum Faults {
    /// They are errors.
    Refuse,
    /// They are left out: cargo refuses the build itself, with a better message than ours.
    Skip,
}

/// Where and how to read.
#[derive(Clone, Copy, Debug)]
pub(in crate::cargo) struct Reader<'a> {
    /// The current directory.
    pub(in crate::cargo) cwd: &'a Path,
    /// `$CARGO_HOME`, if there is one.
    pub(in crate::cargo) cargo_home: Option<&'a Path>,
    /// Whether this cargo knows `include`.
    pub(in crate::cargo) includes: bool,
    /// What becomes of what cannot be read.
    pub(in crate::cargo) faults: Faults,
}

/// What was read, each list from the highest precedence to the lowest.
#[derive(Debug, Default)]
pub(in crate::cargo) struct Configuration {
    /// `--config` arguments: the last one given comes first.
    pub(in crate::cargo) cli: Vec<Layer>,
    /// Config files, nearest first.
    pub(in crate::cargo) files: Vec<Layer>,
    /// What was noticed on the way.
    pub(in crate::cargo) notices: Vec<Notice>,
}

impl Reader<'_> {
    /// Reads the config files and the `--config` arguments, given in their order.
    ///
    /// # Errors
    ///
    /// What cannot be read, unless it is to be skipped.
    pub(in crate::cargo) fn read(&self, arguments: &[String]) -> Result<Configuration> {
        let mut read = Configuration::default();
        for argument in arguments.iter().rev().filter(|a| !a.is_empty()) {
            let path = self.cwd.join(argument);
            if !argument.contains('=') || path.is_file() {
                self.load(&path, OriginKind::CommandLine, &mut read.cli)?;
            } else {
                let layer = Layer::parse(OriginKind::CommandLine, None, argument.clone());
                self.add(layer, self.cwd, &mut read.cli)?;
            }
        }
        for path in discover(self.cwd, self.cargo_home, &mut read.notices) {
            self.load(&path, OriginKind::Config, &mut read.files)?;
        }
        Ok(read)
    }

    /// Reads a file and what it includes, which ranks below it.
    fn load(&self, path: &Path, kind: OriginKind, layers: &mut Vec<Layer>) -> Result<()> {
        let known = layers.iter().any(|l| l.path.as_deref() == Some(path));
        if layers.len() > MAX_INCLUDES || known {
            return Ok(());
        }
        let base = path.parent().unwrap_or(path);
        self.add(Layer::read(kind, path), base, layers)
    }

    /// Adds a layer and what it includes relative to `base`, which ranks below it.
    fn add(&self, layer: Result<Layer>, base: &Path, layers: &mut Vec<Layer>) -> Result<()> {
        let layer = match (layer, self.faults) {
            (Ok(layer), _) => layer,
            (Err(_), Faults::Skip) => return Ok(()),
            (Err(error), Faults::Refuse) => return Err(error),
        };
        let kind = layer.kind;
        let includes = match self.includes {
            true => included(layer.root(), base),
            false => Vec::new(),
        };
        layers.push(layer);
        // Of several included files the later one wins.
        for Include { path, optional } in includes.into_iter().rev() {
            if path.is_file() || !optional {
                self.load(&path, kind, layers)?;
            }
        }
        Ok(())
    }
}

/// One parsed document and where it came from.
#[derive(Debug)]
pub(in crate::cargo) struct Layer {
    pub(in crate::cargo) kind: OriginKind,
    pub(in crate::cargo) path: Option<PathBuf>,
    text: String,
    document: Document<String>,
}

impl Layer {
    fn parse(kind: OriginKind, path: Option<PathBuf>, text: String) -> Result<Self> {
        let document = Document::parse(text.clone()).map_err(|error| {
            let place = path.as_ref().map_or_else(
                || format!("`--config {text}`"),
                |p| format!("`{}`", p.display()),
            );
            Error::usage(
                format!(
                    "{place} is not valid TOML: {}",
                    one_line(&error.to_string())
                ),
                "mend the file; cargo cannot read it either",
            )
        })?;
        Ok(Self {
            kind,
            path,
            text,
            document,
        })
    }

    pub(super) fn read(kind: OriginKind, path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::read(path, e))?;
        Self::parse(kind, Some(path.to_owned()), text)
    }

    /// The root table.
    pub(in crate::cargo) fn root(&self) -> &dyn TableLike {
        self.document.as_table()
    }

    /// The item at a path of keys.
    pub(super) fn get(&self, path: &[&str]) -> Option<&Item> {
        let (last, tables) = path.split_last()?;
        let mut table = self.root();
        for key in tables {
            table = table.get(key)?.as_table_like()?;
        }
        table.get(last)
    }

    /// Where `item` stands.
    pub(super) fn origin(&self, item: &Item) -> Origin {
        Origin {
            kind: self.kind,
            path: Some(match (&self.path, self.kind) {
                (Some(path), _) => path.display().to_string(),
                (None, _) => "--config".to_owned(),
            }),
            line: self
                .path
                .as_ref()
                .and(item.span())
                .map(|span| line_of(&self.text, span.start)),
        }
    }
}

/// The line of a byte offset, counted from 1.
pub fn line_of(text: &str, offset: usize) -> usize {
    let head = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    head.iter().filter(|b| **b == b'\n').count() + 1
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The config files that cargo would read, nearest first.
fn discover(cwd: &Path, cargo_home: Option<&Path>, notices: &mut Vec<Notice>) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for directory in cwd.ancestors() {
        if let Some(path) = config_in(&directory.join(".cargo"), notices) {
            found.push(path);
        }
    }
    if let Some(path) = cargo_home.and_then(|home| config_in(home, notices))
        && !found.contains(&path)
    {
        found.push(path);
    }
    found
}

/// The config file of one directory; the legacy name wins.
pub(super) fn config_in(directory: &Path, notices: &mut Vec<Notice>) -> Option<PathBuf> {
    let legacy = directory.join("config");
    let modern = directory.join("config.toml");
    match (legacy.is_file(), modern.is_file()) {
        (true, true) => {
            notices.push(Notice {
                code: "legacy-config",
                message: format!(
                    "cargo reads `{}` and ignores `{}` beside it",
                    legacy.display(),
                    modern.display()
                ),
                help: Some("merge the two into `config.toml` and delete `config`".to_owned()),
            });
            Some(legacy)
        }
        (true, false) => {
            notices.push(Notice {
                code: "legacy-config",
                message: format!(
                    "`{}` has the old name, and would win over a `config.toml` beside it",
                    legacy.display()
                ),
                help: Some("rename it to `config.toml`".to_owned()),
            });
            Some(legacy)
        }
        (false, true) => Some(modern),
        (false, false) => None,
    }
}
