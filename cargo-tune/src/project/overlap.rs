//! Overrides of which two name one package: cargo refuses every build, whichever profile it is for.

use std::collections::BTreeMap;

use codecost::cargo::config::{Effective, Notice, OverrideTable, Spec};

/// The first two overrides of each profile that name one of the packages.
type Pair<'a> = (&'a OverrideTable, &'a OverrideTable, &'a (String, String));

/// Whether two overrides of a profile may name one package, so that the packages must be known.
pub(super) fn is_possible(overrides: &[OverrideTable]) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    let mut specs = overrides.iter().filter(|o| o.spec != "*");
    specs.any(|o| !seen.insert((&o.profile, Spec::parse(&o.spec).name)))
}

/// Marks and names such overrides; `packages` are names with versions.
pub(super) fn mark(packages: &[(String, String)], effective: &mut Effective) {
    let mut notices = Vec::new();
    let mut reasons: BTreeMap<String, String> = BTreeMap::new();
    for (first, second, (name, version)) in pairs(packages, &effective.overrides) {
        let profile = &first.profile;
        notices.push(Notice {
            code: "overlapping-overrides",
            message: format!(
                "cargo refuses the overrides `{}` ({}) and `{}` ({}) of the profile `{profile}`, \
                 which both name {name} {version}, so no build works",
                first.spec, first.origin, second.spec, second.origin
            ),
            help: Some("put what they set into one table".to_owned()),
        });
        for (one, other) in [(first, second), (second, first)] {
            let spec = toml_edit::Key::new(&one.spec);
            let reason = format!(
                "cargo refuses it beside the override `{}` ({}), so no build works",
                other.spec, other.origin
            );
            reasons.insert(format!("profile.{profile}.package.{spec}"), reason);
        }
    }
    for setting in effective.settings.iter_mut().filter(|s| s.in_force()) {
        setting.void = reasons.get(&setting.table).cloned();
    }
    effective.notices.extend(notices);
}

fn pairs<'a>(packages: &'a [(String, String)], overrides: &'a [OverrideTable]) -> Vec<Pair<'a>> {
    let mut by_profile: BTreeMap<&str, Vec<&OverrideTable>> = BTreeMap::new();
    for table in overrides.iter().filter(|o| o.spec != "*") {
        by_profile.entry(&table.profile).or_default().push(table);
    }
    let mut pairs = Vec::new();
    for tables in by_profile.values() {
        let found = packages.iter().find_map(|package| {
            let (name, version) = package;
            let mut matching = tables
                .iter()
                .filter(|table| Spec::parse(&table.spec).matches(name, version));
            let (first, second) = (matching.next()?, matching.next()?);
            Some((*first, *second, package))
        });
        pairs.extend(found);
    }
    pairs
}
