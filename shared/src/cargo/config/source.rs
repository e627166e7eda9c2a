//! The places that can hold a setting, in cargo's order of precedence: config files and arguments as
//! [`super::reader`] finds them, and the manifests.

use std::path::{Path, PathBuf};

use toml_edit::Item;

use super::reader::{Configuration, Faults, Layer, Reader, config_in};
use super::{Inputs, Notice, OriginKind, Setting, Value};
use crate::Result;

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
        let reader = Reader {
            cwd: inputs.cwd,
            cargo_home: inputs.cargo_home,
            includes: true,
            faults: Faults::Refuse,
        };
        let Configuration {
            cli,
            files,
            notices,
        } = reader.read(inputs.cli)?;
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
