//! Two recordings: what takes a larger or smaller share of the time than before.
//!
//! Each recording is scaled to its own total, so that a longer run does not look like a slower one;
//! by how much the whole became slower or faster only repeated runs can tell. What is compared is
//! the charged share, by names that have neither hashes nor versions: a crate, a function of a
//! crate, a function with those that it is inlined into.

use super::{
    crates, functions,
    label::{label_of, unknown},
    model::{ChangeKind, ChangeRow, Comparison, CrateInfo, Facts, Weight},
    quality,
    shares::Shares,
    subject::{Subject, facts, no_samples},
};
use codecost::{Result, attribution::Origin, report::Warning};
use std::{cmp::Reverse, collections::HashMap};

/// Compares two recordings.
///
/// # Errors
///
/// One of them has no samples.
pub fn compare(before: &Subject<'_>, after: &Subject<'_>) -> Result<Comparison> {
    let sides = [before, after].map(|subject| Shares::new(subject.profile, subject.symbols));
    for (subject, shares) in [before, after].into_iter().zip(&sides) {
        if shares.total.samples == 0 {
            return Err(no_samples(subject));
        }
    }
    let [first, second] = &sides;
    let (facts_before, facts_after) = (facts(before, first), facts(after, second));
    let mut rows = Changes::default();
    for (side, shares) in sides.iter().enumerate() {
        rows.add(side, shares);
    }
    let (total_before, total_after) = (first.total, second.total);
    let mut rows: Vec<ChangeRow> = rows.0.into_values().collect();
    let share = |weight: Weight, total: Weight| weight.period as f64 / total.period as f64;
    rows.sort_by(|a, b| {
        // Rounded, so that equal changes are equal.
        let change = |row: &ChangeRow| {
            let change = share(row.after, total_after) - share(row.before, total_before);
            (change.abs() * 1e12).round() as u64
        };
        let order = change(b).cmp(&change(a));
        order.then_with(|| {
            (a.kind, Reverse(a.after.period), &a.name).cmp(&(
                b.kind,
                Reverse(b.after.period),
                &b.name,
            ))
        })
    });
    let mut warnings = differences(&facts_before, &facts_after);
    warnings.extend(quality::warnings(first, &facts_before));
    for warning in quality::warnings(second, &facts_after) {
        if warnings.iter().all(|known| known.code != warning.code) {
            warnings.push(warning);
        }
    }
    Ok(Comparison {
        before: facts_before,
        after: facts_after,
        total_before,
        total_after,
        rows,
        warnings,
    })
}

/// What keeps the two from being compared.
fn differences(before: &Facts, after: &Facts) -> Vec<Warning> {
    // True of every comparison so far, and why `ci_low` and `ci_high` are null.
    let mut warnings = vec![
        Warning::new(
            "no-interval",
            "each side is one recording: how much its runs vary is not known",
        )
        .help("record both again, and believe what changes the same way twice"),
    ];
    let event = |facts: &Facts| facts.event.clone();
    if event(before) != event(after) {
        warnings.push(
            Warning::new(
                "different-events",
                format!(
                    "the events differ, `{}` and `{}`: shares of one are not shares of the other",
                    event(before),
                    event(after)
                ),
            )
            .help("record both with the same `--event`"),
        );
    }
    if before.call_graph != after.call_graph {
        warnings.push(
            Warning::new(
                "different-stacks",
                "the call stacks were recorded in different ways, which changes what is charged",
            )
            .help("record both with the same `--call-graph`"),
        );
    }
    if let (Some(before), Some(after)) = (&before.build_profile, &after.build_profile)
        && before != after
    {
        warnings.push(Warning::new(
            "different-profiles",
            format!("built with different profiles, `{before}` and `{after}`"),
        ));
    }
    warnings
}

/// Rows by kind, crate and name.
#[derive(Default)]
struct Changes(HashMap<(ChangeKind, String, String), ChangeRow>);

impl Changes {
    fn add(&mut self, side: usize, shares: &Shares<'_>) {
        for row in crates::rows(shares) {
            let name = row.label.name.clone();
            self.row(
                side,
                ChangeKind::Crate,
                &name,
                &row.label,
                row.times.charged,
            );
        }
        for row in functions::rows(shares) {
            self.row(
                side,
                ChangeKind::Function,
                &row.name,
                &row.label,
                row.times.charged,
            );
        }
        for (path, label, weight) in inline_paths(shares) {
            self.row(side, ChangeKind::Inline, &path, &label, weight);
        }
    }

    fn row(
        &mut self,
        side: usize,
        kind: ChangeKind,
        name: &str,
        label: &CrateInfo,
        weight: Weight,
    ) {
        if weight == Weight::default() {
            return;
        }
        // Std's own copy of a crate is another crate, whatever the versions.
        let owner = match label.origin {
            Origin::StdDependency => format!("std/{}", label.name),
            _ => label.name.clone(),
        };
        let row = self
            .0
            .entry((kind, owner, name.to_owned()))
            .or_insert_with(|| ChangeRow {
                kind,
                name: name.to_owned(),
                label: label.clone(),
                version_before: None,
                version_after: None,
                before: Weight::default(),
                after: Weight::default(),
            });
        let (sum, version) = match side {
            0 => (&mut row.before, &mut row.version_before),
            _ => (&mut row.after, &mut row.version_after),
        };
        *sum += weight;
        if version.is_none() {
            version.clone_from(&label.version);
        }
    }
}

/// The charged function with those that it is inlined into, where there are any.
fn inline_paths(shares: &Shares<'_>) -> Vec<(String, CrateInfo, Weight)> {
    // A position in the list of scopes names the rest of its chain, too.
    let mut charged: HashMap<u32, (usize, Weight)> = HashMap::new();
    for (stack, weight) in shares.ends() {
        if let Some(at) = shares.settled[stack].charged {
            charged.entry(at).or_insert((stack, Weight::default())).1 += weight;
        }
    }
    let symbols = shares.symbols;
    let mut paths = Vec::new();
    for (at, (stack, weight)) in charged {
        // The frame that the scope is in: the innermost one, or one of the callers'.
        let mut from = Some(stack);
        while let Some(stack) = from {
            let chain: Vec<_> = shares.scopes(stack).collect();
            if let Some(position) = chain.iter().position(|(position, _)| *position == at) {
                let names: Vec<&str> = chain[position..]
                    .iter()
                    .filter_map(|(_, scope)| {
                        let function = symbols.functions.get(scope.function.0 as usize)?;
                        Some(function.name.as_str())
                    })
                    .collect();
                if names.len() > 1 {
                    let function = chain[position].1.function;
                    let owner = shares
                        .owner(function)
                        .and_then(|owner| symbols.crates.get(owner.0 as usize));
                    let label = owner.map_or_else(unknown, label_of);
                    paths.push((names.join(" ← "), label, weight));
                }
                break;
            }
            from = shares.caller(stack);
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{analysis::fixture::Fixture, recording::Recording};

    fn recording(alpha: u64, beta: u64, version: &str) -> Fixture {
        let mut fixture = Fixture::new();
        let core = fixture.krate("core", Origin::Std, true);
        let app = fixture.krate("app", Origin::Workspace, false);
        let other = fixture.krate("beta", Origin::Registry, false);
        fixture.symbols.crates[2].version = Some(version.into());
        let rotate = fixture.function("core::num::rotate", core);
        let alpha_function = fixture.function("app::alpha", app);
        let run = fixture.function("app::run", app);
        let beta_function = fixture.function("beta::work", other);
        let inlined = fixture.frame(&[rotate, alpha_function, run]);
        let called = fixture.frame(&[beta_function]);
        let first = fixture.stack(&[inlined]);
        let second = fixture.stack(&[inlined, called]);
        fixture.samples(first, alpha);
        fixture.samples(second, beta);
        fixture
    }

    fn compared(before: &Fixture, after: &Fixture) -> Comparison {
        let recording = Recording {
            data: "perf.data".into(),
            about: None,
        };
        compare(&before.subject(&recording), &after.subject(&recording)).unwrap()
    }

    fn shown(comparison: &Comparison) -> Vec<(&'static str, &str, u64, u64)> {
        let rows = comparison.rows.iter();
        rows.map(|row| {
            (
                row.kind.as_str(),
                row.name.as_str(),
                row.before.samples,
                row.after.samples,
            )
        })
        .collect()
    }

    #[test]
    fn crates_functions_and_inline_paths_by_the_size_of_the_change() {
        let (before, after) = (recording(80, 20, "1.0.0"), recording(120, 80, "1.1.0"));
        let comparison = compared(&before, &after);
        assert_eq!(
            shown(&comparison),
            [
                ("crate", "app", 80, 120),
                ("crate", "beta", 20, 80),
                ("function", "app::alpha", 80, 120),
                ("function", "beta::work", 20, 80),
                ("inline", "app::alpha ← app::run", 80, 120),
            ]
        );
        let beta = &comparison.rows[1];
        assert_eq!(beta.version_before.as_deref(), Some("1.0.0"));
        assert_eq!(beta.version_after.as_deref(), Some("1.1.0"));
        assert_eq!(comparison.total_before.samples, 100);
        assert_eq!(comparison.total_after.samples, 200);
        // Nothing but that there is one recording on each side.
        let codes: Vec<_> = comparison.warnings.iter().map(|w| w.code).collect();
        assert_eq!(codes, ["no-interval"]);
    }

    #[test]
    fn what_cannot_be_compared_is_said() {
        let before = recording(80, 20, "1.0.0");
        let mut after = recording(80, 20, "1.0.0");
        after.profile.event = "cycles".into();
        after.profile.call_graph = crate::profile::CallGraph::None;
        let comparison = compared(&before, &after);
        let codes: Vec<_> = comparison.warnings.iter().map(|w| w.code).collect();
        let expected = [
            "no-interval",
            "different-events",
            "different-stacks",
            "no-stacks",
        ];
        assert_eq!(codes, expected);
    }

    #[test]
    fn events_that_are_not_shown_are_named() {
        let before = recording(80, 20, "1.0.0");
        let mut after = recording(80, 20, "1.0.0");
        after.profile.other_events = vec![("page-faults".into(), 4), ("cycles".into(), 1)];
        let comparison = compared(&before, &after);
        let warning = comparison
            .warnings
            .iter()
            .find(|warning| warning.code == "other-events")
            .unwrap();
        assert_eq!(
            warning.message,
            "only `cpu-clock` is shown; the recording also has `page-faults` (4 samples), \
             `cycles` (1 sample)"
        );
        assert_eq!(warning.count, Some(2));
    }
}
