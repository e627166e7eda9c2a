//! The files that a config file includes.
//!
//! From "include" in the cargo reference, chapter "Configuration": a list of paths, or of tables
//! with `path` and `optional` (inline, or as `[[include]]`), relative to the file. Stable since
//! Rust 1.94. Anything else cargo refuses, so it is skipped here.

use std::path::{Path, PathBuf};

use toml_edit::{Item, TableLike};

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cargo) struct Include {
    /// The file.
    pub(in crate::cargo) path: PathBuf,
    /// Whether cargo accepts that it does not exist.
    pub(in crate::cargo) optional: bool,
}

/// The files that `document` includes, in order: the later wins. `base` is the directory that holds
/// the document, or for a `--config` argument the current directory.
pub(in crate::cargo) fn included(document: &dyn TableLike, base: &Path) -> Vec<Include> {
    let entry = |table: &dyn TableLike| {
        let path = base.join(table.get("path")?.as_str()?);
        let optional = table.get("optional").and_then(Item::as_bool);
        Some(Include {
            path,
            optional: optional.unwrap_or(false),
        })
    };
    let value = |value: &toml_edit::Value| match value.as_inline_table() {
        Some(table) => entry(table),
        None => Some(Include {
            path: base.join(value.as_str()?),
            optional: false,
        }),
    };
    match document.get("include") {
        Some(Item::ArrayOfTables(tables)) => {
            tables.iter().filter_map(|table| entry(table)).collect()
        }
        Some(Item::Value(toml_edit::Value::Array(array))) => {
            array.iter().filter_map(value).collect()
        }
        _ => Vec::new(),
    }
}

/// The files that the configuration file `config` includes itself; none where it cannot be read.
pub fn config_includes(config: &Path) -> Vec<PathBuf> {
    let text = std::fs::read_to_string(config).unwrap_or_default();
    let document = text.parse::<toml_edit::DocumentMut>().unwrap_or_default();
    let base = config.parent().unwrap_or(Path::new(""));
    let found = included(document.as_table(), base);
    found.into_iter().map(|include| include.path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_what_cargo_refuses_is_not() {
        let base = Path::new("b");
        let of = |text: &str| {
            let document: toml_edit::DocumentMut = text.parse().unwrap();
            let found = included(document.as_table(), base);
            let shown = found
                .iter()
                .map(|i| (i.path.to_str().unwrap().to_owned(), i.optional));
            shown.collect::<Vec<_>>()
        };
        let path = |name: &str| base.join(name).to_str().unwrap().to_owned();
        let both = vec![(path("x.toml"), false), (path("y.toml"), true)];
        assert_eq!(
            of("include = [\"x.toml\", { path = \"y.toml\", optional = true }]"),
            both
        );
        assert_eq!(
            of("[[include]]\npath = \"x.toml\"\n[[include]]\npath = \"y.toml\"\noptional = true\n"),
            both
        );
        assert_eq!(of("include = \"x.toml\""), []);
        assert_eq!(of("[build]\ninclude = [\"x.toml\"]"), []);
    }
}
