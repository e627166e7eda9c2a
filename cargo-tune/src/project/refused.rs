//! Values in a manifest with which cargo does not even read it.

use std::path::{Path, PathBuf};

use codecost::Error;
use codecost::cargo::config::{Value, line_of, refusal};
use codecost::cargo::{Context, Selection};
use toml_edit::{Document, TableLike};

/// The error for the first such value of the manifests that cargo reads; `None` if it has another
/// reason to fail.
pub(super) fn value(context: &Context, selection: &Selection) -> Option<Error> {
    let nearest = match &selection.manifest_path {
        Some(path) => context.absolute(path),
        None => context.directory().join("Cargo.toml"),
    };
    // The workspace's root may be above.
    let directories = nearest.ancestors().skip(1);
    let manifests: Vec<PathBuf> = directories.map(|d| d.join("Cargo.toml")).collect();
    let found = manifests.iter().find_map(|manifest| in_manifest(manifest));
    found.map(|(written, right, place)| {
        let help = match right {
            Some(right) => format!("write `{right}` there"),
            None => "`cargo tune explain` says which values the keys take".to_owned(),
        };
        Error::failed(
            format!("cargo refuses `{written}` ({place}), so no build works"),
            help,
        )
    })
}

/// What is written, what was meant, and the place.
fn in_manifest(path: &Path) -> Option<(String, Option<String>, String)> {
    let text = std::fs::read_to_string(path).ok()?;
    let document = Document::parse(text.as_str()).ok()?;
    let profiles = document.get("profile")?.as_table_like()?;
    let mut found = None;
    for (_, profile) in profiles.iter() {
        let profile = profile.as_table_like();
        found = found.or_else(|| profile.and_then(in_table));
    }
    let (written, right, at) = found?;
    let line = line_of(&text, at);
    Some((written, right, format!("{}:{line}", path.display())))
}

/// The first value that is refused in a profile's table, or in one of its overrides.
fn in_table(table: &dyn TableLike) -> Option<(String, Option<String>, usize)> {
    table.iter().find_map(|(key, item)| {
        if let Some(inner) = item.as_table_like() {
            return in_table(inner);
        }
        let value = Value::from_item(item);
        // What rustc refuses, cargo reads.
        refusal(key, &value).filter(|why| why.starts_with("cargo"))?;
        let meant = match &value {
            Value::String(text) => Value::from_variable(text),
            other => Value::String(other.to_string()),
        };
        let right = refusal(key, &meant)
            .is_none()
            .then(|| format!("{key} = {meant}"));
        let at = item.span().map_or(0, |span| span.start);
        Some((format!("{key} = {value}"), right, at))
    })
}
