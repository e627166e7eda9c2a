//! Which profiles a profile inherits.

use toml_edit::Item;

use super::keys::{upper, values};
use super::source::Layers;
use super::{Inputs, Value};
use crate::{Error, Result};

/// Cargo refuses every build where the manifest gives `dev` or `release` something to inherit.
fn refuse_root(inputs: &Inputs<'_>, layers: &Layers, root: &str) -> Result<()> {
    let found = values(inputs, layers, &["profile", root], None, "inherits");
    match found.into_iter().next() {
        None => Ok(()),
        Some((_, origin)) => Err(Error::failed(
            format!("profile `{root}` cannot inherit another ({origin}), so no build works"),
            "remove `inherits` there",
        )),
    }
}

/// Checks the profiles of the manifest that are not in use, too: with one that cargo cannot resolve
/// it builds nothing at all. One that only a config file has is not looked at.
pub(super) fn check_all(inputs: &Inputs<'_>, layers: &Layers) -> Result<()> {
    let profiles = layers.manifest.get(&["profile"]);
    let profiles = profiles.and_then(Item::as_table_like);
    for (profile, _) in profiles.iter().flat_map(|table| table.iter()) {
        let inputs = Inputs { profile, ..*inputs };
        if let Err(error) = chain(&inputs, layers) {
            let file = inputs.workspace_root.join("Cargo.toml");
            return Err(Error::failed(
                format!("cargo builds nothing with `{}`: {error}", file.display()),
                format!("mend `[profile.{profile}]` and what it inherits, or remove it"),
            ));
        }
    }
    Ok(())
}

/// Longer chains of `inherits` are refused; cargo itself refuses loops.
const MAX_INHERITANCE: usize = 32;

/// The profile, what it inherits, and so on down to `dev` or `release`.
pub(super) fn chain(inputs: &Inputs<'_>, layers: &Layers) -> Result<Vec<String>> {
    let mut chain = vec![inputs.profile.to_owned()];
    while let Some(last) = chain.last().cloned() {
        let parent = match last.as_str() {
            root @ ("dev" | "release") => {
                refuse_root(inputs, layers, root)?;
                break;
            }
            "test" => "dev".to_owned(),
            "bench" => "release".to_owned(),
            custom => {
                let variable = format!("CARGO_PROFILE_{}", upper(custom));
                let inherits = values(
                    inputs,
                    layers,
                    &["profile", custom],
                    Some(&variable),
                    "inherits",
                );
                match inherits.into_iter().next() {
                    Some((Value::String(parent), _)) => parent,
                    _ => {
                        return Err(Error::usage(
                            format!("profile `{custom}` is not defined"),
                            format!(
                                "define it with `[profile.{custom}]` and `inherits = \"release\"` in the root manifest, or name another with --profile"
                            ),
                        ));
                    }
                }
            }
        };
        if chain.contains(&parent) || chain.len() > MAX_INHERITANCE {
            return Err(Error::usage(
                format!(
                    "profile `{}` inherits itself through `{parent}`",
                    inputs.profile
                ),
                "end the chain of `inherits` in `dev` or `release`",
            ));
        }
        chain.push(parent);
    }
    Ok(chain)
}
