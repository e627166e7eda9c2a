//! `cargo tune pgo`.

use codecost::Result;
use codecost::console::Console;
use codecost::report::{Emphasis, OutputOptions, Page, Report, Table, Warning};
use codecost::units::{Bytes, Share};
use serde::Serialize;

use super::json::{SCHEMA, VERSION, warnings};
use super::trials;
use crate::pgo::age::{AGED, Age, Gone};
use crate::pgo::coverage::{Coverage, CrateCoverage, Weight};
use crate::pgo::kept::Place;
use crate::pgo::reuse::Used;
use crate::pgo::train::{Options, Trained};
use crate::project::Project;
use crate::trial::outcome::{Outcome, Status};
use crate::trial::variant::{Role, Variant};

/// So many crates are shown to people, the busiest first.
const CRATES: usize = 8;

#[derive(Serialize)]
struct JsonProfile {
    path: String,
    functions: u64,
    covered: Option<u64>,
    stale: u64,
    missing: u64,
    raw_version: Option<u64>,
    tool: Option<String>,
}

/// How much of a kept profile still fits.
#[derive(Serialize)]
struct JsonAge {
    /// The sum of all counters of the profile.
    counts: u64,
    changed: JsonWeight,
    /// `None` where the program's functions were not listed.
    gone: Option<JsonWeight>,
    /// Functions of the program that the profile does not have.
    new: u64,
    stale_counts: f64,
}

#[derive(Serialize)]
struct JsonWeight {
    functions: u64,
    counts: u64,
}

impl From<Weight> for JsonWeight {
    fn from(weight: Weight) -> Self {
        let Weight { functions, counts } = weight;
        Self { functions, counts }
    }
}

impl From<&Age> for JsonAge {
    fn from(age: &Age) -> Self {
        Self {
            counts: age.whole.counts,
            changed: age.changed.into(),
            gone: match &age.gone {
                Gone::Listed(gone) => Some((*gone).into()),
                Gone::NotListed | Gone::Failed(_) => None,
            },
            new: age.new,
            stale_counts: age.counts_share(),
        }
    }
}

#[derive(Serialize)]
struct JsonCrate<'a> {
    name: &'a str,
    functions: u64,
    covered: u64,
    stale: u64,
    missing: u64,
    counts: Option<f64>,
}

/// Writes what training brought.
pub(crate) fn write(
    project: &Project,
    training: &Options,
    trained: &Trained,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let Trained {
        name,
        baseline,
        rows,
        noise,
        profile,
        kept,
        notices,
    } = trained;
    let all: Vec<Outcome> = std::iter::once(baseline).chain(rows).cloned().collect();
    let total = profile.coverage.total();
    let json = JsonProfile {
        path: profile.path.display().to_string(),
        functions: total.functions,
        covered: Some(total.covered),
        stale: total.stale,
        missing: total.missing,
        raw_version: profile.raw_version,
        tool: profile.tool.as_ref().map(|tool| tool.display().to_string()),
    };
    let chosen = all.iter().find(|row| row.status == Status::Chosen);
    let is_kept = kept.is_some();
    let report = Report::new(SCHEMA, VERSION, "pgo", table(&all, baseline))
        .member("name", name)
        .member("profile", &json)
        .member("crates", &crates(&profile.coverage))
        .member("cargo_profile", &project.selection.profile())
        .member("chosen", &chosen.map(|row| row.variant.name()))
        .member("kept", &is_kept)
        .member("workload", &training.workload)
        .member("train", &training.training())
        .member("noise", &noise.map(|n| [n.low, n.high]))
        .before(trials::baseline_page(baseline))
        .after(trials::reasons(rows))
        .after(covered(&profile.coverage))
        .after(verdict(project, trained))
        .warnings(trials::time_warnings(*noise, true))
        .warnings(warnings(notices));
    console.write_report(&report, options, trials::row)
}

fn table<'a>(rows: &'a [Outcome], baseline: &'a Outcome) -> Table<'a, Outcome> {
    trials::table(rows, baseline, false)
}

fn crates(coverage: &Coverage) -> Vec<JsonCrate<'_>> {
    let whole = coverage.total().counts;
    let row = |of: &'_ CrateCoverage| (whole > 0).then_some(of.counts as f64 / whole as f64);
    let all = coverage.crates.iter();
    all.map(|of| JsonCrate {
        name: &of.name,
        functions: of.functions,
        covered: of.covered,
        stale: of.stale,
        missing: of.missing,
        counts: row(of),
    })
    .collect()
}

/// What of the program the profile covers, the busiest crates first.
fn covered(coverage: &Coverage) -> Page {
    let total = coverage.total();
    let heading = format!(
        "The profile covers {} of {} functions",
        total.covered, total.functions
    );
    let whole = total.counts.max(1) as f64;
    let shown = coverage.crates.iter().take(CRATES);
    let facts = shown.map(|of| {
        let share = Share(of.counts as f64 / whole);
        let stale = match of.stale {
            0 => String::new(),
            stale => format!(", {stale} of other code"),
        };
        let text = format!(
            "{} of {} functions ran, {share} of all counts{stale}",
            of.covered, of.functions
        );
        (of.name.clone(), text)
    });
    let mut page = Page::new().heading(heading).facts(facts.collect());
    let more = coverage.crates.len().saturating_sub(CRATES);
    if more > 0 {
        let line = format!(
            "\u{2026} {}",
            codecost::units::counted(more as u64, "more crate")
        );
        page = page.line(line, Emphasis::Faint);
    }
    page
}

/// What was kept, or why nothing was.
fn verdict(project: &Project, trained: &Trained) -> Page {
    let rows = &trained.rows;
    let chosen = rows.iter().find(|row| row.status == Status::Chosen);
    let page = Page::new().gap();
    let gains = |row: &Outcome| matches!(row.variant.role, Role::Pgo | Role::PgoBolt);
    let kept = |place: &Place| {
        format!(
            "kept: {} and {}; commit both",
            project.shown(&place.profile()),
            project.shown(&place.note())
        )
    };
    if let Some(place) = trained.kept.as_ref().filter(|_| !chosen.is_some_and(gains)) {
        return page
            .line(
                "the profile shows no gain on this workload",
                Emphasis::Strong,
            )
            .line(kept(place), Emphasis::Plain)
            .line("cargo tune pgo --use", Emphasis::Command);
    }
    let Some(place) = &trained.kept else {
        let page = page.line(
            "nothing was kept: the profile shows no gain on this workload",
            Emphasis::Strong,
        );
        let is_plan = chosen.is_some_and(|row| row.variant.role == Role::Plan);
        return match is_plan {
            true => page
                .line("the plan for speed alone is faster", Emphasis::Plain)
                .line("cargo tune --target speed", Emphasis::Command),
            false => page,
        };
    };
    let time = chosen.and_then(|row| row.time);
    let time =
        time.map(|time| format!(", time {} against the plain build", trials::interval(time)));
    let name = chosen.map_or_else(String::new, |row| row.variant.name());
    page.line(
        format!("chosen: {name}{}", time.unwrap_or_default()),
        Emphasis::Strong,
    )
    .line(kept(place), Emphasis::Plain)
    .line("cargo tune pgo --use", Emphasis::Command)
}

/// Writes what was built with a kept profile.
pub(crate) fn write_used(
    project: &Project,
    used: &Used,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let Used {
        name,
        weighed,
        note,
        place,
        age,
    } = used;
    let role = match note.bolt {
        true => Role::PgoBolt,
        false => Role::Pgo,
    };
    let row = Outcome {
        variant: Variant::new(role, Vec::new()),
        weighed: Some(weighed.clone()),
        time: None,
        status: Status::Kept,
        reason: None,
    };
    let json = JsonProfile {
        path: place.profile().display().to_string(),
        functions: note.functions,
        covered: Some(note.covered),
        stale: age.stale().functions,
        missing: age.new,
        raw_version: note.raw_version,
        tool: note.merged_by.clone(),
    };
    let rows = [row.clone()];
    let built = format!(
        "built {} ({}): {}",
        name,
        Bytes(weighed.file_size),
        project.shown(&weighed.path)
    );
    let report = Report::new(SCHEMA, VERSION, "pgo", table(&rows, &row))
        .member("name", name)
        .member("profile", &json)
        .member("cargo_profile", &note.profile)
        .member("artifact", &weighed.path.display().to_string())
        .member("settings", &note.settings)
        .member("stale_share", &age.share())
        .member("age", &JsonAge::from(age))
        .before(Page::new().line(built, Emphasis::Strong))
        .after(Page::new().line(age.words(), Emphasis::Plain))
        .warnings(aged(age))
        .warnings(unlisted(age));
    console.write_report(&report, options, trials::row)
}

fn aged(age: &Age) -> Option<Warning> {
    (age.worst() > AGED).then(|| {
        let message = format!("the profile has aged: {}", age.words());
        Warning::new("aged-profile", message).help("train again: `cargo tune pgo --workload CMD`")
    })
}

fn unlisted(age: &Age) -> Option<Warning> {
    let Gone::Failed(why) = &age.gone else {
        return None;
    };
    let message = format!(
        "functions of the profile that are gone are not counted, because the program that counts \
         was not built: {why}"
    );
    Some(
        Warning::new("gone-not-counted", message)
            .help("check the profile on the machine that trains: `cargo tune check --build`"),
    )
}
