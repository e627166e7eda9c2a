//! The places that can hold a setting, in cargo's order of precedence.
//!
//! Config files are found from the *current directory* upward, then in `$CARGO_HOME`; where both
//! `config` and `config.toml` lie in one directory, the legacy one without an extension wins.
//! `include` brings further files, which rank below the file that includes them.

use std::path::{Path, PathBuf};

use toml_edit::{Document, Item, TableLike};

use super::include::{Include, included};
use super::{Inputs, Notice, Origin, OriginKind, Setting, Value};
use crate::{Error, Result};

/// More files than this in an `include` chain is a loop or an attack, not a configuration.
const MAX_INCLUDES: usize = 64;

/// One parsed document and where it came from.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) kind: OriginKind,
    pub(super) path: Option<PathBuf>,
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

    fn read(kind: OriginKind, path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::read(path, e))?;
        Self::parse(kind, Some(path.to_owned()), text)
    }

    /// The root table.
    pub(super) fn root(&self) -> &dyn TableLike {
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

/// All layers, each list from the highest precedence to the lowest.
#[derive(Debug)]
pub(super) struct Layers {
    /// `--config` arguments: the last one given comes first.
    pub(super) cli: Vec<Layer>,
    /// Config files, nearest first.
    pub(super) files: Vec<Layer>,
    /// The workspace root's manifest.
    pub(super) manifest: Layer,
    /// Manifests of members other than the root, and of an enclosing workspace that excludes
    /// this one: their profiles count for nothing.
    pub(super) ignored_manifests: Vec<(Layer, &'static str)>,
    /// What was noticed on the way.
    pub(super) notices: Vec<Notice>,
}

impl Layers {
    pub(super) fn load(inputs: &Inputs<'_>) -> Result<Self> {
        let mut notices = Vec::new();
        let mut cli = Vec::new();
        for argument in inputs.cli.iter().rev() {
            let path = inputs.cwd.join(argument);
            if !argument.contains('=') || path.is_file() {
                load_with_includes(&path, OriginKind::CommandLine, &mut cli)?;
            } else {
                let layer = Layer::parse(OriginKind::CommandLine, None, argument.clone())?;
                add_with_includes(layer, inputs.cwd, &mut cli)?;
            }
        }
        let mut files = Vec::new();
        for path in discover(inputs.cwd, inputs.cargo_home, &mut notices) {
            load_with_includes(&path, OriginKind::Config, &mut files)?;
        }
        let root = inputs.workspace_root.join("Cargo.toml");
        let manifest = Layer::read(OriginKind::Manifest, &root)?;
        let mut ignored_manifests = Vec::new();
        for member in inputs.member_manifests {
            if *member != root {
                let layer = Layer::read(OriginKind::Manifest, member)?;
                if layer.get(&["profile"]).is_some() {
                    ignored_manifests.push((
                        layer,
                        "cargo reads profiles from the workspace root's manifest only, this is a member's",
                    ));
                }
            }
        }
        if let Some(layer) = enclosing_workspace(inputs.workspace_root) {
            ignored_manifests.push((
                layer,
                "that workspace excludes this package, so its profiles do not reach it",
            ));
        }
        Ok(Self {
            cli,
            files,
            manifest,
            ignored_manifests,
            notices,
        })
    }

    pub(super) fn config_files(&self) -> Vec<PathBuf> {
        self.files.iter().filter_map(|l| l.path.clone()).collect()
    }
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
fn config_in(directory: &Path, notices: &mut Vec<Notice>) -> Option<PathBuf> {
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

/// Reads a file and what it includes, which ranks below it.
fn load_with_includes(path: &Path, kind: OriginKind, layers: &mut Vec<Layer>) -> Result<()> {
    if layers.len() > MAX_INCLUDES || layers.iter().any(|l| l.path.as_deref() == Some(path)) {
        return Ok(());
    }
    let layer = Layer::read(kind, path)?;
    let base = path.parent().unwrap_or(path).to_owned();
    add_with_includes(layer, &base, layers)
}

/// Adds a layer and what it includes relative to `base`, which ranks below it.
fn add_with_includes(layer: Layer, base: &Path, layers: &mut Vec<Layer>) -> Result<()> {
    let (kind, includes) = (layer.kind, included(layer.root(), base));
    layers.push(layer);
    // Of several included files the later one wins.
    for Include { path, optional } in includes.into_iter().rev() {
        if path.is_file() || !optional {
            load_with_includes(&path, kind, layers)?;
        }
    }
    Ok(())
}

/// A workspace above this one that names it in `exclude`.
fn enclosing_workspace(root: &Path) -> Option<Layer> {
    for directory in root.ancestors().skip(1) {
        let manifest = directory.join("Cargo.toml");
        if !manifest.is_file() {
            continue;
        }
        // A broken manifest above us is none of our business.
        let layer = Layer::read(OriginKind::Manifest, &manifest).ok()?;
        let excluded = layer
            .get(&["workspace", "exclude"])
            .and_then(Item::as_array)
            .is_some_and(|list| {
                list.iter()
                    .filter_map(|v| v.as_str())
                    .any(|name| root.starts_with(directory.join(name)))
            });
        return (excluded && layer.get(&["profile"]).is_some()).then_some(layer);
    }
    None
}

/// Settings in config files that lie in the workspace but that cargo does not read, because it
/// looks from the current directory upward.
pub(super) fn unread_config(inputs: &Inputs<'_>, layers: &Layers) -> Result<Vec<Setting>> {
    let mut directories: Vec<&Path> = vec![inputs.workspace_root];
    directories.extend(inputs.member_manifests.iter().filter_map(|m| m.parent()));
    let mut settings = Vec::new();
    let mut seen: Vec<PathBuf> = Vec::new();
    for directory in directories {
        let mut ignored = Vec::new();
        let Some(path) = config_in(&directory.join(".cargo"), &mut ignored) else {
            continue;
        };
        let read = layers
            .files
            .iter()
            .any(|l| l.path.as_deref() == Some(&path));
        if read || seen.contains(&path) {
            continue;
        }
        seen.push(path.clone());
        let layer = Layer::read(OriginKind::Config, &path)?;
        let reason = format!(
            "cargo looks for config files from the current directory `{}` upward, not from the manifest's",
            inputs.cwd.display()
        );
        collect_all(&layer, &reason, inputs.profile, &mut settings);
    }
    Ok(settings)
}

/// Every profile key and rustflags of a layer, all void for one reason.
fn collect_all(layer: &Layer, reason: &str, profile: &str, settings: &mut Vec<Setting>) {
    let mut add = |table: String, key: &str, item: &Item| {
        settings.push(Setting {
            table,
            key: key.to_owned(),
            value: Value::from_item(item),
            origin: layer.origin(item),
            shadowed_by: None,
            void: Some(reason.to_owned()),
        });
    };
    if let Some(table) = layer
        .get(&["profile", profile])
        .and_then(Item::as_table_like)
    {
        for (key, item) in table.iter().filter(|(_, item)| !item.is_table_like()) {
            add(format!("profile.{profile}"), key, item);
        }
    }
    if let Some(item) = layer.get(&["build", "rustflags"]) {
        add("build".to_owned(), "rustflags", item);
    }
    if let Some(targets) = layer.get(&["target"]).and_then(Item::as_table_like) {
        for (name, target) in targets.iter() {
            if let Some(item) = target.as_table_like().and_then(|t| t.get("rustflags")) {
                add(format!("target.{}", quoted_key(name)), "rustflags", item);
            }
        }
    }
}

/// A key as it must be written in a header.
pub(super) fn quoted_key(name: &str) -> String {
    toml_edit::Key::new(name).to_string()
}
