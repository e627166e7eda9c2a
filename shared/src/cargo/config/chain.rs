//! Which profiles a profile inherits.

use super::keys::{upper, values};
use super::source::Layers;
use super::{Inputs, Value};
use crate::{Error, Result};

/// Longer chains of `inherits` are refused; cargo itself refuses loops.
const MAX_INHERITANCE: usize = 32;

/// The profile, what it inherits, and so on down to `dev` or `release`.
pub(super) fn chain(inputs: &Inputs<'_>, layers: &Layers) -> Result<Vec<String>> {
    let mut chain = vec![inputs.profile.to_owned()];
    while let Some(last) = chain.last().cloned() {
        let parent = match last.as_str() {
            "dev" | "release" => break,
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
