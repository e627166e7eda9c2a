//! Programs with tests, and which targets cargo leaves out for their features.
//!
//! Source: "Cargo Targets" in the cargo reference, `cargo test` and `required-features`.

use super::{Candidate, TargetKind, Workspace, candidate, targets};
use crate::{
    cargo::selection::{Selection, TargetChoice},
    error::Result,
};
use cargo_metadata::{Package, Target, TargetKind as Kind};
use std::collections::BTreeSet;

impl Workspace {
    /// As [`Workspace::candidates`], of programs with tests: `--lib` means the unit tests of the
    /// library, `--test` without a name all that `cargo test` would run, and a name that no
    /// integration test has the unit tests of the binary or library of that name.
    ///
    /// # Errors
    ///
    /// A usage error: a package or a name does not exist, or nothing has tests.
    pub fn test_candidates(&self, selection: &Selection) -> Result<Vec<Candidate>> {
        let packages = self.packages(selection)?;
        let named = |candidate: &Candidate, name: &str| {
            // A library's name is that of its package, with underscores.
            candidate.name == name || candidate.name == name.replace('-', "_")
        };
        let found: Vec<Candidate> = match &selection.target {
            TargetChoice::Test(Some(name)) => {
                let tests: Vec<_> = packages
                    .iter()
                    .flat_map(|package| targets(package, &Kind::Test))
                    .filter(|candidate| candidate.name == *name)
                    .collect();
                if !tests.is_empty() {
                    return Ok(tests);
                }
                let units = packages.iter().flat_map(|package| unit_tests(package));
                units.filter(|candidate| named(candidate, name)).collect()
            }
            TargetChoice::Lib => {
                let units = packages.iter().flat_map(|package| unit_tests(package));
                let of_library =
                    |candidate: &Candidate| candidate.tests_of.is_some_and(TargetKind::is_library);
                units.filter(of_library).collect()
            }
            _ => packages
                .iter()
                .flat_map(|package| {
                    let tests = package.targets.iter().filter(|target| target.test);
                    let tests = tests.filter(|target| target.kind.contains(&Kind::Test));
                    let tests = tests.map(|target| candidate(package, target, TargetKind::Test));
                    unit_tests(package).chain(tests)
                })
                .collect(),
        };
        if !found.is_empty() {
            return Ok(found);
        }
        Err(match &selection.target {
            TargetChoice::Test(Some(name)) => {
                let tests = packages
                    .iter()
                    .flat_map(|package| unit_tests(package).chain(targets(package, &Kind::Test)));
                self.not_found(&Kind::Test, name, tests.collect(), &packages)
            }
            TargetChoice::Lib => self.nothing("no library with unit tests", &packages),
            _ => self.nothing("no tests", &packages),
        })
    }

    /// Those of `candidates` that cargo would build with the features that are selected, and the
    /// others. Limit: a feature of one member that only another member's dependency on it activates
    /// is not known to be active.
    pub fn with_features(
        &self,
        candidates: Vec<Candidate>,
        selection: &Selection,
    ) -> (Vec<Candidate>, Vec<Candidate>) {
        let members = self.members();
        candidates.into_iter().partition(|candidate| {
            if candidate.required_features.is_empty() || selection.all_features {
                return true;
            }
            let own = members
                .iter()
                .find(|member| member.id.repr == candidate.package_id);
            let active = own.map(|package| active_features(package, selection));
            let active = active.unwrap_or_default();
            let mut required = candidate.required_features.iter();
            required.all(|feature| active.contains(feature.as_str()))
        })
    }
}

/// Those of the benchmarks `all` that `cargo bench` runs: a manifest leaves them out with
/// `bench = false`, which cargo's metadata does not pass on.
pub(super) fn benched(packages: &[&Package], all: Vec<Candidate>) -> Vec<Candidate> {
    let left_out: BTreeSet<(&str, String)> = packages
        .iter()
        .flat_map(|package| {
            let names = not_benched(package);
            names
                .into_iter()
                .map(|name| (package.id.repr.as_str(), name))
        })
        .collect();
    let mut all = all;
    all.retain(|candidate| {
        let key = (candidate.package_id.as_str(), candidate.name.clone());
        !left_out.contains(&key)
    });
    all
}

/// The names in `[[bench]]` tables with `bench = false`.
fn not_benched(package: &Package) -> Vec<String> {
    let text = std::fs::read_to_string(&package.manifest_path).unwrap_or_default();
    // Cargo has read it without an error.
    let document = text.parse::<toml_edit::DocumentMut>().unwrap_or_default();
    let tables = document.get("bench").and_then(|item| match item {
        toml_edit::Item::ArrayOfTables(tables) => Some(
            tables
                .iter()
                .map(|table| table as &dyn toml_edit::TableLike)
                .collect::<Vec<_>>(),
        ),
        toml_edit::Item::Value(toml_edit::Value::Array(array)) => {
            let tables = array.iter().filter_map(toml_edit::Value::as_inline_table);
            Some(
                tables
                    .map(|table| table as &dyn toml_edit::TableLike)
                    .collect(),
            )
        }
        _ => None,
    });
    let off = |table: &&dyn toml_edit::TableLike| {
        table.get("bench").and_then(toml_edit::Item::as_bool) == Some(false)
    };
    let tables = tables.unwrap_or_default().into_iter().filter(off);
    tables
        .filter_map(|table| Some(table.get("name")?.as_str()?.to_owned()))
        .collect()
}

/// The programs of unit tests that `cargo test` makes of a package: of its library and binaries, and
/// of the examples and benchmarks that say `test = true`.
fn unit_tests(package: &Package) -> impl Iterator<Item = Candidate> + use<'_> {
    let is_bin = |target: &Target| target.kind.contains(&Kind::Bin);
    let is_lib = |target: &Target| {
        let library = [
            Kind::Lib,
            Kind::RLib,
            Kind::DyLib,
            Kind::CDyLib,
            Kind::StaticLib,
            Kind::ProcMacro,
        ];
        target.kind.iter().any(|kind| library.contains(kind))
    };
    let tested = package.targets.iter().filter(|target| target.test);
    tested.filter_map(move |target| {
        let of = if is_bin(target) {
            TargetKind::Bin
        } else if target.kind.contains(&Kind::Example) {
            TargetKind::Example
        } else if target.kind.contains(&Kind::Bench) {
            TargetKind::Bench
        } else if is_lib(target) {
            TargetKind::Rlib
        } else {
            return None;
        };
        Some(Candidate {
            tests_of: Some(of),
            ..candidate(package, target, TargetKind::Test)
        })
    })
}

/// The features of a package that the selection activates, by cargo's rules for `--features`.
fn active_features<'p>(package: &'p Package, selection: &Selection) -> BTreeSet<&'p str> {
    let mut active = BTreeSet::new();
    let asked = selection.features.iter().flat_map(|features| {
        let words = features.split([' ', ',']);
        words.filter(|word| !word.is_empty())
    });
    let own = asked.filter_map(|word| match word.split_once('/') {
        Some((member, feature)) => (member == package.name.as_str()).then_some(feature),
        None => Some(word),
    });
    let default = (!selection.no_default_features).then_some("default");
    let mut open: Vec<&str> = own.chain(default).collect();
    while let Some(feature) = open.pop() {
        let Some((name, implied)) = package.features.get_key_value(feature) else {
            continue;
        };
        if active.insert(name.as_str()) {
            open.extend(implied.iter().map(String::as_str));
        }
    }
    active
}
