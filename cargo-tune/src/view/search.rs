//! `cargo tune search`, whole, in shards, and merged.

use std::fs;
use std::path::{Path, PathBuf};

use codecost::console::Console;
use codecost::report::{Emphasis, Page, Report, Warning};
use codecost::{Error, Result};
use serde::Deserialize;

use crate::apply;
use crate::options::SearchOptions;
use crate::plan::{self, Change, Flag, Plan, Request};
use crate::project::Project;
use crate::report::{SCHEMA, VERSION, trials, warnings};
use crate::trial::search::{self, Found, Heat};
use crate::trial::{Outcome, Status, Turn, Variant, Weighed, paired};
use crate::view;

pub(crate) fn run(options: SearchOptions, console: &mut Console) -> Result<u8> {
    let SearchOptions {
        request,
        search: mut trial,
        hotspots,
        merge,
        yes,
        options,
    } = options;
    let project = Project::load(options.context, options.selection)?;
    let plan = plan::plan(&project, &request)?;
    if let Some(path) = &hotspots {
        trial.heat = Some(read_heat(path, &project)?);
    }
    let found = if merge.is_empty() {
        search::search(&project, &request, &plan, &trial, console)?
    } else {
        merged(&request, &merge)?
    };
    let timed = found.rows.iter().any(|r| r.time.is_some());
    let pareto = search::pareto(&found.baseline, &found.rows);
    let chosen = found
        .rows
        .iter()
        .chain([&found.baseline])
        .find(|r| r.status == Status::Chosen);
    let shard = trial.shard.map(|(index, of)| [index, of]);
    let mut report = Report::new(
        SCHEMA,
        VERSION,
        "search",
        trials::table(&found.rows, &found.baseline),
    )
    .member("target", &request.goal.as_str())
    .member("profile", &project.selection.profile())
    .member("baseline", &trials::row(&found.baseline))
    .member("builds", &found.builds)
    .member("resumed", &found.resumed)
    .member("chosen", &chosen.map(|c| &c.variant.name))
    .member("pareto", &pareto)
    .member("reproducible", &found.reproducible)
    .member("untried", &found.untried)
    .member("shard", &shard)
    .member("noise", &found.noise.map(|n| [n.low, n.high]))
    .before(trials::baseline_page(&found.baseline))
    .after(trials::reasons(&found.rows))
    .after(summary(&found, &pareto, shard.is_some()))
    .warnings(trials::time_warnings(found.noise, timed))
    .warnings(warnings(&plan.notices));
    if !found.untried.is_empty() {
        report = report.warnings([Warning::new(
            "budget",
            format!(
                "the budget of {} builds left untried: {}",
                trial.budget,
                found.untried.join(", ")
            ),
        )
        .help("run again with a larger --budget; what was built is kept")]);
    }
    console.write_report(&report, &options.output, trials::row)?;
    if shard.is_some() {
        return Ok(0);
    }
    let Some(winner) = found.rows.iter().find(|r| r.status == Status::Chosen) else {
        return Ok(0);
    };
    let plan = plan_of(&project, plan, &winner.variant);
    if plan.changes.is_empty() {
        return Ok(0);
    }
    let edits = apply::edits(&plan, false)?;
    let machine = options.output.format.is_for_machines() || options.output.output.is_some();
    if !machine {
        for edit in &edits {
            console.print(&format!("\n{}", crate::report::plan::diff(&project, edit)))?;
        }
    }
    let title = format!("search --target {}: {}", request.goal, winner.variant.name);
    view::plan::offer(&project, &plan, &edits, yes, &title, console)
}

fn summary(found: &Found, pareto: &[String], is_shard: bool) -> Page {
    let resumed = match found.resumed {
        0 => String::new(),
        n => format!(", {n} of them found done already"),
    };
    let mut page = Page::new().line(
        format!(
            "{}{resumed}",
            codecost::units::counted(found.builds as u64, "build")
        ),
        Emphasis::Plain,
    );
    page = page.line(
        format!("not beaten in both size and cost: {}", pareto.join(", ")),
        Emphasis::Plain,
    );
    if is_shard {
        return page.line(
            "cargo tune search --target … --merge PART…",
            Emphasis::Command,
        );
    }
    let rows = || found.rows.iter().chain([&found.baseline]);
    if let Some(winner) = rows().find(|r| r.status == Status::Chosen) {
        let size = match (winner.size(), found.baseline.size()) {
            (Some(size), Some(whole)) => {
                format!(", {} against the baseline", trials::relative(size, whole))
            }
            _ => String::new(),
        };
        let time = winner.time.map_or_else(
            || ", speed not measured".to_owned(),
            |t| format!(", time {}", trials::interval(t)),
        );
        page = page.line(
            format!("chosen: {}{size}{time}", winner.variant.name),
            Emphasis::Strong,
        );
        if let (Some(reason), true) = (&winner.reason, winner.variant.turns.is_empty()) {
            page = page.line(reason.clone(), Emphasis::Plain);
        }
    }
    match found.reproducible {
        Some(true) => page.line("a clean build gives the same bytes", Emphasis::Plain),
        Some(false) => page.line(
            "a clean build gives other bytes: the program embeds its directory or the time",
            Emphasis::Plain,
        ),
        None => page,
    }
}

/// The plan cut down and changed to what won.
fn plan_of(project: &Project, plan: Plan, winner: &Variant) -> Plan {
    let mut changes: Vec<Change> = Vec::new();
    for turn in &winner.turns {
        let same = |c: &&Change| Turn::of(c).name() == turn.name();
        match (plan.changes.iter().find(same), turn) {
            (Some(change), Turn::Key { value, .. }) => changes.push(Change {
                after: value.clone(),
                edit: crate::edit::Change::Set(value.to_string()),
                ..change.clone()
            }),
            (Some(change), Turn::Flag(_)) => changes.push(change.clone()),
            (None, Turn::Key { path, value }) => changes.extend(new_change(project, path, value)),
            (None, Turn::Flag(_)) => {}
        }
    }
    // A key that is back at the value in force needs no edit.
    changes.retain(|c| {
        c.before.as_ref().is_none_or(|before| {
            codecost::cargo::config::canonical(c.key(), before)
                != codecost::cargo::config::canonical(c.key(), &c.after)
        })
    });
    Plan { changes, ..plan }
}

/// A key that the goal's plan does not have: another opt-level, or one for a package.
fn new_change(
    project: &Project,
    below: &[String],
    value: &codecost::cargo::config::Value,
) -> Option<Change> {
    let knob = crate::knobs::find(below.last()?)?;
    let mut path = vec!["profile".to_owned(), project.selection.profile().to_owned()];
    path.extend(below.iter().cloned());
    let before = if below.len() == 1 {
        project
            .effective
            .get(below.last()?)
            .map(|s| s.value.clone())
    } else {
        None
    };
    Some(Change {
        knob,
        file: project.root_manifest(),
        path,
        before,
        after: value.clone(),
        edit: crate::edit::Change::Set(value.to_string()),
    })
}

#[derive(Deserialize)]
struct Part {
    schema: String,
    view: String,
    target: String,
    baseline: trials::Row,
    builds: usize,
    rows: Vec<trials::Row>,
}

/// Reads the parts of a sharded search and judges them together.
fn merged(request: &Request, parts: &[PathBuf]) -> Result<Found> {
    let mut found: Option<Found> = None;
    for path in parts {
        let bad = |why: String| {
            Error::usage(
                format!("`{}` is not a part of a search: {why}", path.display()),
                "make parts with `cargo tune search … --shard I/N --message-format json -o FILE`",
            )
        };
        let text = fs::read_to_string(path).map_err(|e| Error::read(path, e))?;
        let part: Part = serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
        if part.schema != SCHEMA || part.view != "search" {
            return Err(bad(format!("it is a {} of {}", part.view, part.schema)));
        }
        if part.target != request.goal.as_str() {
            return Err(bad(format!("it was a search for {}", part.target)));
        }
        let rows = part.rows.into_iter().map(outcome_of);
        match &mut found {
            None => {
                found = Some(Found {
                    baseline: outcome_of(part.baseline),
                    rows: rows.collect(),
                    builds: part.builds,
                    resumed: 0,
                    reproducible: None,
                    noise: None,
                    untried: Vec::new(),
                });
            }
            Some(found) => {
                found.builds += part.builds;
                for row in rows {
                    if !found
                        .rows
                        .iter()
                        .any(|r| r.variant.name == row.variant.name)
                    {
                        found.rows.push(row);
                    }
                }
            }
        }
    }
    let mut found = found.ok_or_else(|| Error::usage("no parts to merge", "name their files"))?;
    search::choose(request, &mut found.baseline, &mut found.rows);
    Ok(found)
}

fn outcome_of(row: trials::Row) -> Outcome {
    let turns = row
        .settings
        .into_iter()
        .map(|(name, value)| {
            let value: codecost::cargo::config::Value = value.into();
            match flag_name(&name) {
                Some(name) => Turn::Flag(Flag {
                    name,
                    flags: value.flags(),
                    link_only: matches!(name, "relr" | "icf"),
                }),
                None => Turn::Key {
                    path: key_path(&name),
                    value,
                },
            }
        })
        .collect();
    let weighed = row.file_size.map(|file_size| Weighed {
        path: PathBuf::new(),
        file_size,
        shipped_size: row.shipped_size,
        text_size: row.text_size,
        compressed_size: row.compressed_size,
        build_ns: row.build_ns,
        compiled: row.compiled.unwrap_or_default(),
        hash: row
            .hash
            .and_then(|h| u64::from_str_radix(&h, 16).ok())
            .unwrap_or_default(),
    });
    let time = match (row.time_ratio, row.time_ci) {
        (Some(ratio), Some([low, high])) => Some(paired::Interval {
            ratio,
            low,
            high,
            p_faster: row.time_p.unwrap_or(1.0),
        }),
        _ => None,
    };
    Outcome {
        variant: Variant {
            name: row.name,
            turns,
        },
        weighed,
        time,
        status: Status::parse(&row.status).unwrap_or(Status::Dropped),
        reason: row.reason,
    }
}

fn flag_name(name: &str) -> Option<&'static str> {
    [
        "relr",
        "icf",
        "static-relocation",
        "target-cpu",
        "location-detail",
    ]
    .into_iter()
    .find(|n| *n == name)
}

/// `package.regex.opt-level` back to its parts.
fn key_path(name: &str) -> Vec<String> {
    match name
        .strip_prefix("package.")
        .and_then(|n| n.rsplit_once('.'))
    {
        Some((package, key)) => vec!["package".into(), package.into(), key.into()],
        None => vec![name.to_owned()],
    }
}

#[derive(Deserialize)]
struct Profile {
    schema: String,
    view: String,
    rows: Vec<ProfileRow>,
}

#[derive(Deserialize)]
struct ProfileRow {
    package: Option<String>,
    charged: Option<f64>,
    #[serde(rename = "self")]
    own: Option<f64>,
}

/// A crate with at least this share of the time is hot.
const HOT: f64 = 0.01;

/// Hot and cold packages from the rows of `cargo hotspots crates`. Packages of the lock file that
/// the profile does not name took no time at all.
fn read_heat(path: &Path, project: &Project) -> Result<Heat> {
    let text = fs::read_to_string(path).map_err(|e| Error::read(path, e))?;
    let bad = |why: String| {
        Error::usage(
            format!("`{}` is not a profile: {why}", path.display()),
            "make one with `cargo hotspots crates --message-format json -o FILE`",
        )
    };
    let profile: Profile = serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
    if profile.schema != "cargo-hotspots/1" || profile.view != "crates" {
        return Err(bad(format!(
            "it is the view {} of {}",
            profile.view, profile.schema
        )));
    }
    let shipped = project.lock.shipped(&project.workspace);
    let members = project.workspace.members();
    let known =
        |name: &str| shipped.contains(name) || members.iter().any(|m| m.name.as_str() == name);
    let mut shares: std::collections::BTreeMap<String, f64> = std::collections::BTreeMap::new();
    for row in profile.rows {
        let share = row.charged.or(row.own).unwrap_or(0.0);
        if let Some(package) = row.package.filter(|p| known(p)) {
            *shares.entry(package).or_default() += share;
        }
    }
    for name in &shipped {
        if project.lock.packages.iter().any(|p| p.name == *name) {
            shares.entry(name.clone()).or_default();
        }
    }
    let mut all: Vec<(String, f64)> = shares.into_iter().collect();
    all.sort_by(|a, b| a.1.total_cmp(&b.1));
    let cold = all
        .iter()
        .filter(|(_, s)| *s < HOT)
        .map(|(n, _)| n.clone())
        .collect();
    let hot = all
        .iter()
        .rev()
        .filter(|(_, s)| *s >= HOT)
        .map(|(n, _)| n.clone())
        .collect();
    Ok(Heat { hot, cold })
}
