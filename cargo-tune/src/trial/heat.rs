//! Hot and cold packages, from the rows of `cargo hotspots crates`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use codecost::{Error, Result};
use serde::Deserialize;

use crate::project::Project;

/// Packages by how much of the time they take.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Heat {
    /// Packages that take much of the time, the hottest first.
    pub hot: Vec<String>,
    /// Packages that take little of it, the coldest first.
    pub cold: Vec<String>,
    /// The shares of the time of the hot packages, in the same order.
    pub shares: Vec<f64>,
}

/// A package with at least this share of the time is hot.
const HOT: f64 = 0.01;

#[derive(Deserialize)]
struct Profile {
    schema: String,
    view: String,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    package: Option<String>,
    charged: Option<f64>,
    #[serde(rename = "self")]
    own: Option<f64>,
}

impl Heat {
    /// Reads a profile. Packages of the lock file that it does not name took no time at all.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or is something else than such a profile.
    pub fn read(path: &Path, project: &Project) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(|e| Error::read(path, e))?;
        let bad = |why: String| {
            Error::usage(
                format!("`{}` is not a profile: {why}", path.display()),
                "make one with `cargo hotspots crates --message-format json -o FILE`",
            )
        };
        let profile: Profile = serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
        let Profile { schema, view, rows } = profile;
        if schema != "cargo-hotspots/1" || view != "crates" {
            return Err(bad(format!("it is the output of `{view}` in {schema}")));
        }
        let mut all: Vec<(String, f64)> = shares(rows, project).into_iter().collect();
        all.sort_by(|a, b| a.1.total_cmp(&b.1));
        let (cold, mut hot): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, s)| *s < HOT);
        hot.reverse();
        let shares = hot.iter().map(|(_, share)| *share).collect();
        let names = |packages: Vec<(String, f64)>| packages.into_iter().map(|(n, _)| n).collect();
        Ok(Self {
            hot: names(hot),
            cold: names(cold),
            shares,
        })
    }

    /// The fewest hot packages that take so much of what all hot packages take together.
    pub(super) fn hottest(&self, share: f64) -> &[String] {
        let wanted = share * self.shares.iter().sum::<f64>();
        let mut sum = 0.0;
        let before = self.shares.iter().position(|share| {
            sum += share;
            sum >= wanted
        });
        let count = before.map_or(self.hot.len(), |before| before + 1);
        self.hot.get(..count).unwrap_or(&self.hot)
    }
}

/// Each package's share of the time. Only packages that can have an override count: members and
/// what they ship.
fn shares(rows: Vec<Row>, project: &Project) -> BTreeMap<String, f64> {
    let shipped = project.lock.shipped(&project.workspace);
    let mut shares: BTreeMap<String, f64> = BTreeMap::new();
    for row in rows {
        let share = row.charged.or(row.own).unwrap_or(0.0);
        let known = |name: &String| shipped.contains(name) || project.is_member(name);
        if let Some(package) = row.package.filter(known) {
            *shares.entry(package).or_default() += share;
        }
    }
    for name in shipped {
        if project.lock.packages.iter().any(|p| p.name == name) {
            shares.entry(name).or_default();
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boundary_follows_the_shares() {
        let heat = Heat {
            hot: ["a", "b", "c"].map(str::to_owned).to_vec(),
            cold: Vec::new(),
            shares: vec![0.6, 0.3, 0.02],
        };
        assert_eq!(heat.hottest(0.5), ["a"]);
        assert_eq!(heat.hottest(0.9), ["a", "b"]);
        assert_eq!(heat.hottest(1.0), ["a", "b", "c"]);
        assert!(Heat::default().hottest(0.9).is_empty());
    }
}
