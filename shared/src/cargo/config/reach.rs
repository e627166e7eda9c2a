//! Keys that overrides leave no package for.
//!
//! For each package and key cargo takes the override that names the package, else `"*"` if the
//! package is no member of the workspace, else `build-override` for what runs at compile time, else
//! the profile (cargo reference, "Overrides and precedence"; cargo 1.95: `"*"` wins over
//! `build-override`). A key that loses for every package is void though nothing shadows it.
//!
//! Limits: an override that names a package which is no member counts only without a version,
//! because the lock file's versions are not asked for; and a package of the lock file may be for
//! another platform. Both err on the side of a key that reaches something.

use std::collections::BTreeSet;

use super::{Inputs, Nearest, Origin, Setting, Spec};

/// The keys that an override can have and that reach every crate.
const KEYS: [&str; 6] = [
    "opt-level",
    "codegen-units",
    "debug",
    "split-debuginfo",
    "debug-assertions",
    "overflow-checks",
];

/// An override's value in force.
struct Override {
    spec: String,
    table: String,
    origin: Origin,
}

/// Marks the keys that are left for nothing. Cargo's own defaults are marked, too. The profile's
/// own keys among them.
pub(super) fn void_by_overrides(
    inputs: &Inputs<'_>,
    settings: &mut [Setting],
) -> BTreeSet<&'static str> {
    let mut left = BTreeSet::new();
    let Some(near) = inputs.nearest else {
        return left;
    };
    let own = format!("profile.{}", inputs.profile);
    let others = others(inputs, near);
    for key in KEYS {
        let found = overrides(&own, key, settings);
        let covered = Covered {
            near,
            others: others.as_deref(),
            overrides: &found,
        };
        let rows = [
            (own.clone(), covered.all(near.members.keys())),
            (format!("{own}.build-override"), covered.all(&near.host)),
            (format!("{own}.package.\"*\""), covered.star()),
        ];
        for (table, reason) in rows {
            let mut settings = settings.iter_mut();
            let row = settings.find(|s| s.table == table && s.key == key && s.in_force());
            if let Some((row, reason)) = row.zip(reason) {
                row.void = Some(reason);
                left.extend((table == own).then_some(key));
            }
        }
    }
    left
}

/// Whether all packages that are compiled are members, as far as that is known.
pub(super) fn only_members(inputs: &Inputs<'_>) -> bool {
    let others = inputs.nearest.and_then(|near| others(inputs, near));
    others.is_some_and(|others| others.is_empty())
}

/// The packages that are compiled and no members, where that is known.
fn others<'a>(inputs: &Inputs<'a>, near: &'a Nearest) -> Option<Vec<&'a str>> {
    if near.is_all {
        return Some(Vec::new());
    }
    let locked = inputs.packages?.iter().chain(&near.dependencies);
    let others = locked.filter(|name| !near.members.contains_key(*name));
    Some(others.map(String::as_str).collect())
}

/// The overrides for packages that have `key`.
fn overrides(own: &str, key: &str, settings: &[Setting]) -> Vec<Override> {
    let prefix = format!("{own}.package.");
    let in_force = settings.iter().filter(|s| s.key == key && s.in_force());
    let found = in_force.filter_map(|setting| {
        let spec = setting.table.strip_prefix(&prefix)?;
        let keys = toml_edit::Key::parse(spec).ok()?;
        Some(Override {
            spec: keys.first()?.get().to_owned(),
            table: setting.table.clone(),
            origin: setting.origin.clone(),
        })
    });
    found.collect()
}

/// Which packages have an override for one key.
struct Covered<'a> {
    near: &'a Nearest,
    others: Option<&'a [&'a str]>,
    overrides: &'a [Override],
}

impl<'a> Covered<'a> {
    /// Why nothing is left if all these members, and all packages that are no members, have an
    /// override.
    fn all(&self, members: impl IntoIterator<Item = &'a String>) -> Option<String> {
        let mut by: Vec<&Override> = Vec::new();
        for member in members {
            let of_member = |o: &&Override| self.near.member(&o.spec) == Some(member.as_str());
            by.push(self.overrides.iter().find(of_member)?);
        }
        match (self.others, self.of_star()) {
            (Some([]), _) => {}
            (_, Some(star)) => by.push(star),
            (_, None) => by.extend(self.others()?),
        }
        // Without any override the key is left for nothing else either, but not by one.
        by.first()?;
        by.dedup_by_key(|o| &o.table);
        let names: Vec<String> = by
            .iter()
            .map(|o| format!("`{}` ({})", o.table, o.origin))
            .collect();
        Some(format!(
            "every package that it is for has its own from an override: {}",
            names.join(", ")
        ))
    }

    /// Why nothing is left for `"*"`.
    fn star(&self) -> Option<String> {
        let others = self.others?;
        if others.is_empty() {
            return Some(
                "`\"*\"` is for packages that are no members of the workspace, and there are none"
                    .to_owned(),
            );
        }
        let by = self.others()?;
        let names: Vec<String> = by.iter().map(|o| format!("`{}`", o.table)).collect();
        Some(format!(
            "every package that is no member of the workspace has its own from {}",
            names.join(", ")
        ))
    }

    fn of_star(&self) -> Option<&'a Override> {
        self.overrides.iter().find(|o| o.spec == "*")
    }

    /// The overrides that name the packages that are no members, if all are named.
    fn others(&self) -> Option<Vec<&'a Override>> {
        let of = |name: &&str| {
            let names = |o: &&Override| {
                let spec = Spec::parse(&o.spec);
                spec.name == *name && spec.version.is_none()
            };
            self.overrides.iter().find(names)
        };
        self.others?.iter().map(of).collect()
    }
}
