//! What the user wrote for the profile in use, as a tool that only analyses wants to know it.

use super::{Inputs, OriginKind, effective};
use crate::cargo::{Context, Selection};
use std::{collections::BTreeMap, path::Path};

/// The settings of the selection's profile that are in force and not cargo's default, by key:
/// `lto`, and for overrides `package."*".opt-level`.
///
/// A configuration that cannot be read has made cargo fail already, so here it only leaves the
/// settings unknown.
pub fn written(
    context: &Context,
    selection: &Selection,
    workspace_root: &Path,
    host: &str,
) -> BTreeMap<String, String> {
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let cargo_home = context.cargo_home();
    let inputs = Inputs {
        cwd: context.directory(),
        workspace_root,
        member_manifests: &[],
        cargo_home: cargo_home.as_deref(),
        environment: &environment,
        cli: &selection.config,
        profile: selection.profile(),
        host,
        triple: selection.triple.as_deref(),
        // Only rustflags can depend on `cfg(…)` tables.
        cfgs: &|_| Vec::new(),
        packages: None,
        nearest: None,
    };
    let Ok(effective) = effective(&inputs) else {
        return BTreeMap::new();
    };
    let written = effective
        .settings
        .iter()
        .filter(|setting| setting.in_force() && setting.origin.kind != OriginKind::Default)
        .filter_map(|setting| {
            let table = setting.table.strip_prefix("profile.")?;
            // `release`, and overrides such as `release.package."*"`.
            let of = table.strip_prefix(effective.profile.as_str())?;
            let key = format!("{of}.{}", setting.key);
            let key = key.trim_start_matches('.').to_owned();
            Some((key, setting.value.to_string()))
        });
    written.collect()
}
