//! Variables with which cargo refuses every build.
//!
//! A profile's key `lto` is read from `CARGO_PROFILE_RELEASE_LTO`; but cargo also takes any variable
//! that goes on after that name for a table below the key, and then fails, because the key is no
//! table. `CARGO_PROFILE_RELEASE_LTO_OPT_LEVEL`, meant for a profile `release-lto`, is such a
//! variable (cargo 1.95).

use std::collections::BTreeSet;

use toml_edit::Item;

use super::Inputs;
use super::keys::{ALL_KEYS, upper};
use super::source::Layers;
use crate::{Error, Result};

/// Refuses what cargo refuses.
pub(super) fn check(inputs: &Inputs<'_>, layers: &Layers) -> Result<()> {
    let mut profiles: BTreeSet<&str> = ["dev", "release", "test", "bench"].into();
    let all = layers
        .cli
        .iter()
        .chain(&layers.files)
        .chain([&layers.manifest]);
    for layer in all {
        if let Some(table) = layer.get(&["profile"]).and_then(Item::as_table_like) {
            profiles.extend(table.iter().map(|(name, _)| name));
        }
    }
    for profile in profiles {
        let prefix = format!("CARGO_PROFILE_{}_", upper(profile));
        for name in inputs.environment.keys() {
            let Some(rest) = name.strip_prefix(&prefix) else {
                continue;
            };
            let is_set = |key: &str| {
                let variable = format!("{prefix}{}", upper(key));
                let mut layers = layers.cli.iter().chain(&layers.files);
                inputs.environment.contains_key(&variable)
                    || layers.any(|layer| layer.get(&["profile", profile, key]).is_some())
            };
            if let Some(key) = refused(rest, is_set) {
                return Err(Error::usage(
                    format!(
                        "cargo takes the environment variable {name} for a table below the key \
                         `{key}` of the profile `{profile}`, and refuses every build"
                    ),
                    "unset the variable, and set the key in the manifest or in a config file",
                ));
            }
        }
    }
    Ok(())
}

/// The key that the rest of a variable's name goes on after, if cargo then refuses it. `is_set`
/// says whether a variable or the configuration has the key itself, which cargo reads then.
fn refused(rest: &str, is_set: impl Fn(&str) -> bool) -> Option<&'static str> {
    if ALL_KEYS.iter().any(|key| upper(key) == rest) {
        return None;
    }
    let goes_on = |key: &str| {
        let more = rest.strip_prefix(&upper(key));
        more.is_some_and(|more| more.starts_with('_')) && !is_set(key)
    };
    ALL_KEYS.iter().copied().find(|key| goes_on(key))
}

#[cfg(test)]
mod tests {
    use super::refused;

    #[test]
    fn only_what_goes_on_after_a_key_is_refused() {
        let refused = |rest| refused(rest, |_| false);
        assert_eq!(refused("LTO_OPT_LEVEL"), Some("lto"));
        assert_eq!(refused("DEBUG_ASSERTIONS_X"), Some("debug"));
        for accepted in [
            "LTO",
            "DEBUG_ASSERTIONS",
            "BUILD_OVERRIDE_OPT_LEVEL",
            "PACKAGE_SERDE_OPT_LEVEL",
            "LTOX",
        ] {
            assert_eq!(refused(accepted), None, "{accepted}");
        }
        assert_eq!(super::refused("LTO_X", |key| key == "lto"), None);
    }
}
