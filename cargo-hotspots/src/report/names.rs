//! Names as tables show them: short, and still one for each row. Two crates of one name have their
//! version beside it, and functions whose short names are equal are named in full.

use crate::analysis::model::CrateInfo;
use codecost::report::{Ambiguous, Cell, short_name};
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

/// The names of a table's rows.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    crates: Ambiguous<'a>,
    /// Crate and short name of different functions.
    twice: HashSet<(String, String)>,
}

impl<'a> Names<'a> {
    /// Of rows with these crates and functions.
    pub(super) fn among(rows: impl Iterator<Item = (&'a CrateInfo, &'a str)> + Clone) -> Self {
        let crates = Ambiguous::among(rows.clone().map(|(label, _)| label.as_name()));
        let mut first: HashMap<(String, String), &str> = HashMap::new();
        let mut twice = HashSet::new();
        for (label, name) in rows {
            let shown = crates.name(label.as_name()).into_owned();
            let key = (shown, short_name(name, label.as_name()).into_owned());
            match first.get(&key) {
                Some(other) if *other != name => {
                    twice.insert(key);
                }
                Some(_) => {}
                None => {
                    first.insert(key, name);
                }
            }
        }
        Self { crates, twice }
    }

    /// The crate's column.
    pub(super) fn owner(&self, label: &CrateInfo) -> Cell<'static> {
        Cell::text(self.crates.name(label.as_name()).into_owned())
    }

    /// The function, in full if `full` or if it takes that to tell it from others.
    pub(super) fn function<'n>(
        &self,
        label: &'n CrateInfo,
        name: &'n str,
        full: bool,
    ) -> Cow<'n, str> {
        let short = short_name(name, label.as_name());
        let shown = self.crates.name(label.as_name());
        let is_twice = || {
            let key = (shown.into_owned(), short.clone().into_owned());
            self.twice.contains(&key)
        };
        match full || !self.twice.is_empty() && is_twice() {
            true => name.into(),
            false => short,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use codecost::attribution::Origin;

    #[test]
    fn equal_short_names_are_told_apart() {
        let label = |name: &str, version: Option<&str>| CrateInfo {
            role: Default::default(),
            name: name.into(),
            package: None,
            version: version.map(str::to_owned),
            origin: Origin::Registry,
        };
        let (app, old, new) = (
            label("app", None),
            label("table", Some("0.15.5")),
            label("table", Some("0.16.1")),
        );
        let rows = [
            (&app, "app::main"),
            (&app, "main"),
            (&app, "app::work"),
            (&app, "<app::a::Key as core::clone::Clone>::clone"),
            (&app, "<app::b::Key as core::clone::Clone>::clone"),
            (&old, "table::grow"),
            (&new, "table::grow"),
        ];
        let names = Names::among(rows.iter().copied());
        let shown: Vec<(String, String)> = rows
            .iter()
            .map(|(label, name)| {
                let owner = names.crates.name(label.as_name()).into_owned();
                (owner, names.function(label, name, false).into_owned())
            })
            .collect();
        let distinct: HashSet<_> = shown.iter().collect();
        assert_eq!(distinct.len(), rows.len(), "{shown:?}");
        assert_eq!(shown[2], ("app".into(), "work".into()));
        assert_eq!(shown[5], ("table 0.15.5".into(), "grow".into()));
    }
}
