//! Conditions over the shares of a recording: `--fail-if 'crate:serde_json > 15%'`.
//!
//! A share is charged time, as `cargo hotspots crates` and `functions` show it. It is an estimate
//! from samples, so its exact interval is what is held against the limit: over it the condition
//! fails, below it it passes, and else the recording cannot tell. A name that nothing has is
//! missing, as a limit on nothing would always hold.

mod known;

use super::{glob::Glob, proportion, verdict::Status};
use crate::analysis::{self, Subject};
use codecost::{Error, Result, units::Share};
use std::str::FromStr;

/// One condition.
#[derive(Clone, Debug)]
pub struct Condition {
    /// As it was written.
    pub text: String,
    is_crate: bool,
    name: Glob,
    /// The name with `_` for `-`, as rustc spells the crate of a package.
    spelt: Glob,
    limit: f64,
}

/// A condition, held against a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// As it was written.
    pub text: String,
    /// The most that is allowed.
    pub limit: f64,
    /// The share; `None` where nothing has the name.
    pub share: Option<f64>,
    /// The share's interval, with 95 %.
    pub interval: Option<(f64, f64)>,
    /// How many samples the recording has.
    pub samples: u64,
    /// `pass`, `fail`, `inconclusive` or `missing`.
    pub status: Status,
    /// Why, where the figures do not say it.
    pub reason: Option<String>,
}

impl Held {
    /// How far the share may be off: the longer side of its interval.
    pub fn chance(&self) -> Option<f64> {
        let (share, (low, high)) = self.share.zip(self.interval)?;
        Some((share - low).max(high - share))
    }
}

impl FromStr for Condition {
    type Err = String;

    /// Reads `crate:NAME > 15%` or `function:NAME > 15%`; `*` in a name is any text.
    fn from_str(text: &str) -> Result<Self, String> {
        const EXAMPLE: &str = "write `crate:serde_json > 15%` or `function:app::parse > 5%`";
        let (left, right) = text
            .split_once('>')
            .ok_or_else(|| format!("`{text}` has no `>`: {EXAMPLE}"))?;
        let (kind, name) = left
            .trim()
            .split_once(':')
            .ok_or_else(|| format!("`{text}` does not say of what: {EXAMPLE}"))?;
        let is_crate = match kind {
            "crate" => true,
            "function" => false,
            _ => return Err(format!("`{kind}` has no share: {EXAMPLE}")),
        };
        let limit: Share = right.parse().map_err(|error| format!("{error}"))?;
        if name.trim().is_empty() || limit.0 > 1.0 {
            return Err(format!("`{text}` can never hold: {EXAMPLE}"));
        }
        let glob =
            |name: &str| Glob::new(name).map_err(|_| format!("the name in `{text}` is too long"));
        let name = name.trim();
        Ok(Self {
            text: text.trim().to_owned(),
            is_crate,
            name: glob(name)?,
            spelt: glob(&name.replace('-', "_"))?,
            limit: limit.0,
        })
    }
}

/// Holds the conditions against a recording.
///
/// # Errors
///
/// The recording has no samples, so that nothing is known of any share.
pub fn check(conditions: &[Condition], subject: &Subject<'_>) -> Result<Vec<Held>> {
    let crates = analysis::crates(subject)?;
    let functions = analysis::functions(subject)?;
    let total = crates.total;
    if total.samples == 0 {
        return Err(Error::failed(
            "the recording has no samples, so that no share is known",
            "let the program run longer",
        ));
    }
    let held = conditions.iter().map(|condition| {
        let periods: Vec<u64> = match condition.is_crate {
            true => crates
                .rows
                .iter()
                .filter(|row| condition.is_of(&row.label.name, row.label.package.as_deref()))
                .map(|row| row.times.charged.period)
                .collect(),
            false => functions
                .rows
                .iter()
                .filter(|row| condition.matches(&row.name))
                .map(|row| row.times.charged.period)
                .collect(),
        };
        let is_there = condition.is_bucket() || known::is_there(condition, subject);
        if periods.is_empty() && !is_there {
            return condition.missing(total.samples);
        }
        let charged = periods
            .iter()
            .fold(0, |sum: u64, own| sum.saturating_add(*own));
        condition.hold(Share::of(charged, total.period).0, total.samples)
    });
    Ok(held.collect())
}

impl Condition {
    fn matches(&self, name: &str) -> bool {
        self.name.matches(name) || self.spelt.matches(name)
    }

    /// Whether it is of what every recording may have: by chance a short one has no sample of it.
    fn is_bucket(&self) -> bool {
        self.is_crate && ["[kernel]", "[unknown]", "[native]"].contains(&self.name.as_str())
    }

    /// Whether it is of this crate, by its own name or by its package's.
    fn is_of(&self, name: &str, package: Option<&str>) -> bool {
        self.matches(name) || package.is_some_and(|package| self.name.matches(package))
    }

    fn hold(&self, share: f64, samples: u64) -> Held {
        // Samples may differ in weight, so the hits need not be whole: each end takes the worse.
        let hits = share.clamp(0.0, 1.0) * samples as f64;
        let (low, _) = proportion::interval((hits + 1e-6).floor() as u64, samples);
        let (_, high) = proportion::interval((hits - 1e-6).ceil().max(0.0) as u64, samples);
        let status = match (low > self.limit, high <= self.limit) {
            (true, _) => Status::Fail,
            (false, true) => Status::Pass,
            (false, false) => Status::Inconclusive,
        };
        let reason = (status == Status::Inconclusive).then(|| {
            format!(
                "{} cannot tell a share from its limit; let the program run longer",
                codecost::units::counted(samples, "sample")
            )
        });
        Held {
            text: self.text.clone(),
            limit: self.limit,
            share: Some(share),
            interval: Some((low, high)),
            samples,
            status,
            reason,
        }
    }

    fn missing(&self, samples: u64) -> Held {
        let what = if self.is_crate { "crate" } else { "function" };
        Held {
            text: self.text.clone(),
            limit: self.limit,
            share: None,
            interval: None,
            samples,
            status: Status::Missing,
            reason: Some(format!(
                "the program has no {what} `{}`; `cargo hotspots {what}s` lists those with samples",
                self.name.as_str()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_names_what_it_is_of_and_a_share() {
        let condition: Condition = "crate:serde_json > 15%".parse().unwrap();
        assert!(condition.is_crate && condition.name.matches("serde_json"));
        for (text, part) in [
            ("crate:x", "has no `>`"),
            ("x > 5%", "does not say of what"),
            ("line:x > 5%", "`line` has no share"),
            ("crate:x > 5", "unit"),
            ("crate: > 5%", "never"),
            ("crate:x > 150%", "never"),
        ] {
            let error = text.parse::<Condition>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn chance_does_not_exceed_a_limit_and_does_not_keep_it() {
        let condition: Condition = "function:a::* > 15%".parse().unwrap();
        let status = |share, samples| condition.hold(share, samples).status;
        // Of 100 samples, 20 % may be 13 % to 29 %; of 10,000 it is over.
        assert_eq!(status(0.20, 100), Status::Inconclusive);
        assert_eq!(status(0.20, 10_000), Status::Fail);
        assert_eq!(status(0.10, 10_000), Status::Pass);
        // None of two may still be 84 %, none of 22 is 15.4 % at most, none of 23 14.8 %.
        let none = condition.hold(0.0, 2);
        assert_eq!(none.status, Status::Inconclusive);
        assert!((none.chance().unwrap() - 0.8419).abs() < 1e-4, "{none:?}");
        assert_eq!(status(0.0, 22), Status::Inconclusive);
        assert_eq!(status(0.0, 23), Status::Pass);
        assert_eq!(status(1.0, 1), Status::Inconclusive);
        assert_eq!(status(1.0, 2), Status::Fail);
    }

    #[test]
    fn a_package_and_its_crate_are_spelt_differently() {
        let condition: Condition = "crate: dep-x > 15%".parse().unwrap();
        assert!(condition.is_of("dep_x", None) && condition.is_of("x", Some("dep-x")));
        let condition: Condition = "crate:dep_x > 15%".parse().unwrap();
        assert!(condition.is_of("dep_x", Some("dep-x")) && !condition.is_of("dep", None));
        let condition: Condition = "function:dep-x::f > 15%".parse().unwrap();
        assert!(condition.matches("dep_x::f"));
    }

    /// This test's own program: its crates and functions are there, sampled or not.
    #[test]
    fn what_nothing_is_called_is_missing() {
        let profile = crate::profile::Profile {
            modules: vec![crate::profile::Module {
                name: "program".into(),
                kind: crate::profile::ModuleKind::File,
                build_id: None,
                file: Some(
                    codecost::image::Mapping::open(std::env::current_exe().unwrap()).unwrap(),
                ),
                problem: None,
            }],
            ..crate::profile::Profile::default()
        };
        let recording = crate::recording::Recording {
            data: "perf.data".into(),
            about: None,
        };
        let symbols = crate::symbols::Symbols::default();
        let subject = Subject {
            profile: &profile,
            symbols: &symbols,
            recording: &recording,
            settings: None,
            input_flag: String::new(),
        };
        for (text, there) in [
            ("crate:cargo-hotspots > 5%", true),
            ("crate:codecost > 5%", true),
            ("crate:cargo_hotspot > 5%", false),
            ("function:*shares::known::is_there > 5%", true),
            ("function:*shares::known::is_where > 5%", false),
        ] {
            let condition: Condition = text.parse().unwrap();
            assert_eq!(known::is_there(&condition, &subject), there, "{text}");
        }
        let bucket = |text: &str| text.parse::<Condition>().unwrap().is_bucket();
        assert!(bucket("crate:[kernel] > 99%"));
        assert!(!bucket("crate:[kernal] > 99%") && !bucket("function:[kernel] > 99%"));
        let missing = "crate:absent > 5%".parse::<Condition>().unwrap().missing(3);
        assert_eq!((missing.status, missing.share), (Status::Missing, None));
        assert!(missing.reason.unwrap().contains("no crate `absent`"));
    }
}
