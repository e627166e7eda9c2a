//! Conditions over the shares of a recording: `--fail-if 'crate:serde_json > 15%'`.
//!
//! A share is charged time, as `cargo hotspots crates` and `functions` show it. It is an estimate
//! from samples, so a condition holds only when the share is over its limit by more than the chance
//! of so many samples: twice the standard error of a share.

use crate::{
    analysis::{self, Subject},
    gate::glob::Glob,
};
use codecost::{Error, Result, units::Share};
use std::str::FromStr;

/// One condition.
#[derive(Clone, Debug)]
pub struct Condition {
    /// As it was written.
    pub text: String,
    is_crate: bool,
    name: Glob,
    limit: f64,
}

/// A condition, held against a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// As it was written.
    pub text: String,
    /// The share.
    pub share: f64,
    /// What chance may add to it or take away.
    pub chance: f64,
    /// Whether it is over its limit, by more than chance.
    pub exceeded: bool,
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
        if name.is_empty() || limit.0 > 1.0 {
            return Err(format!("`{text}` can never hold: {EXAMPLE}"));
        }
        Ok(Self {
            text: text.trim().to_owned(),
            is_crate,
            name: Glob::new(name).map_err(|_| format!("the name in `{text}` is too long"))?,
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
        let charged: u64 = match condition.is_crate {
            true => crates
                .rows
                .iter()
                .filter(|row| condition.name.matches(&row.label.name))
                .map(|row| row.times.charged.period)
                .sum(),
            false => functions
                .rows
                .iter()
                .filter(|row| condition.name.matches(&row.name))
                .map(|row| row.times.charged.period)
                .sum(),
        };
        let share = Share::of(charged, total.period).0;
        condition.hold(share, total.samples)
    });
    Ok(held.collect())
}

impl Condition {
    fn hold(&self, share: f64, samples: u64) -> Held {
        let variance = (share * (1.0 - share)).max(0.0) / samples.max(1) as f64;
        let chance = 2.0 * variance.sqrt();
        Held {
            text: self.text.clone(),
            share,
            chance,
            exceeded: share - chance > self.limit,
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
    fn chance_does_not_exceed_a_limit() {
        let condition: Condition = "function:a::* > 15%".parse().unwrap();
        // Of 100 samples, 20 % may be 12 % to 28 %; of 10,000 it is over.
        assert!(!condition.hold(0.20, 100).exceeded);
        assert!(condition.hold(0.20, 10_000).exceeded);
        assert!(!condition.hold(0.10, 10_000).exceeded);
    }
}
