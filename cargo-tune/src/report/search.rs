//! `cargo tune search`.

use codecost::Result;
use codecost::console::Console;
use codecost::report::{Emphasis, Format, OutputOptions, Page, Report, Warning};

use super::json::{SCHEMA, VERSION, warnings};
use super::{front, trials};
use crate::plan::{Plan, Request};
use crate::project::Project;
use crate::trial::outcome::{Outcome, Status};
use crate::trial::price::Price;
use crate::trial::prune::Pruned;
use crate::trial::search::{Found, Options};
use codecost::units::{Bytes, Share, Time};
use serde::Serialize;
use std::time::Duration;

/// Writes what was found.
pub(crate) fn write(
    project: &Project,
    request: &Request,
    plan: &Plan,
    search: &Options,
    found: &Found,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let Found {
        baseline,
        rows,
        builds,
        resumed,
        reproducible,
        noise,
        notices,
        untried,
        pruned,
    } = found;
    let pruned: Vec<JsonPruned<'_>> = pruned.iter().map(JsonPruned::from).collect();
    let is_timed = rows.iter().any(|r| r.time.is_some());
    let unbeaten = found.unbeaten();
    let mut outcomes = rows.iter().chain([baseline]);
    let chosen = outcomes.find(|r| r.status == Status::Chosen);
    let prices = found.prices(request.goal, search.taste);
    let report = Report::new(
        SCHEMA,
        VERSION,
        "search",
        trials::table(rows, baseline, false),
    )
    .member("target", &request.goal.as_str())
    .member("profile", &project.selection.profile())
    .member("baseline", &trials::row(baseline))
    .member("builds", builds)
    .member("resumed", resumed)
    .member("chosen", &chosen.map(|c| c.variant.name()))
    .member("pareto", &unbeaten)
    .member("prices", &prices)
    .member("reproducible", reproducible)
    .member("untried", untried)
    .member("pruned", &pruned)
    .member("shard", &search.shard.map(|(index, of)| [index, of]))
    .member("noise", &noise.map(|n| [n.low, n.high]))
    .before(trials::baseline_page(baseline))
    .after(trials::reasons(rows))
    .after(needless(&pruned))
    .after(front_page(found, &unbeaten))
    .after(summary(found, &prices, search))
    .warnings(trials::time_warnings(*noise, is_timed))
    .warnings(warnings(notices))
    .warnings(unshown(found, search))
    .warnings(all_failed(rows))
    .warnings(warnings(&plan.notices))
    .warnings(over_budget(search.budget, untried));
    match &search.shard {
        Some(_) => part(&report, options, console)?,
        None => console.write_report(&report, options, trials::row)?,
    }
    let Some(path) = &search.drawing else {
        return Ok(());
    };
    match front::svg(found, &unbeaten) {
        Some(svg) => {
            codecost::report::write_file(path, |to| to.write_all(svg.as_bytes()))?;
            console.wrote(path);
        }
        None => console.warning(
            &Warning::new(
                "nothing-to-draw",
                "fewer than two trials can be compared, so no drawing was written",
            )
            .help("give the search a larger `--budget`"),
        ),
    }
    Ok(())
}

/// Writes a shard. Its file is what `--merge` reads, whole and in JSON; standard output has what the
/// options ask for, where that is something else.
fn part<'a>(
    report: &Report<'a, Outcome>,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let Some(file) = &options.output else {
        return console.write_report(report, options, trials::row);
    };
    let whole = OutputOptions {
        format: Format::Json,
        output: Some(file.clone()),
        ..OutputOptions::default()
    };
    console.write_report(report, &whole, trials::row)?;
    if options.format == Format::Json {
        return Ok(());
    }
    let shown = OutputOptions {
        output: None,
        ..options.clone()
    };
    console.write_report(report, &shown, trials::row)
}

/// A trial that was not made.
#[derive(Serialize)]
struct JsonPruned<'a> {
    name: &'a str,
    reason: &'a str,
}

impl<'a> From<&'a Pruned> for JsonPruned<'a> {
    fn from(pruned: &'a Pruned) -> Self {
        let Pruned { name, reason } = pruned;
        Self { name, reason }
    }
}

/// What was not tried, because it cannot win.
fn needless(pruned: &[JsonPruned<'_>]) -> Page {
    pruned.iter().fold(Page::new(), |page, one| {
        let line = format!("{}: not tried: {}", one.name, one.reason);
        page.line(line, Emphasis::Faint)
    })
}

fn over_budget(budget: usize, untried: &[String]) -> Option<Warning> {
    let names = untried.join(", ");
    (!untried.is_empty()).then(|| {
        Warning::new(
            "budget",
            format!("the budget of {budget} builds left untried: {names}"),
        )
        .help("run again with a larger --budget; what was built is kept")
    })
}

fn all_failed(rows: &[Outcome]) -> Option<Warning> {
    let is_failed = |row: &Outcome| row.status == Status::Failed;
    (!rows.is_empty() && rows.iter().all(is_failed)).then(|| {
        let count = codecost::units::counted(rows.len() as u64, "variant");
        Warning::new(
            "variants-failed",
            format!("nothing was chosen among {count}: all failed"),
        )
        .help("each row has its `reason`; try the build, or the command of --verify, by hand")
    })
}

/// Smaller variants that may be within the bound on the slowdown, which the times do not show.
fn unshown(found: &Found, search: &Options) -> Option<Warning> {
    let most = search.taste.max_slowdown?;
    let rows = found.unshown(search.taste).into_iter();
    let figures: Vec<String> = rows
        .filter_map(|row| Some((row, found.pace(row)?)))
        .map(|(row, time)| format!("{} ({})", row.variant.name(), trials::interval(time)))
        .collect();
    (!figures.is_empty()).then(|| {
        let message = format!(
            "smaller, and not shown to be at most {} slower: {}",
            Share(most),
            figures.join(", ")
        );
        Warning::new("slowdown-not-shown", message)
            .help("close other programs, or give a longer workload, so that the interval narrows")
    })
}

/// The trials that no other one beats: what there is to choose from.
fn front_page(found: &Found, unbeaten: &[String]) -> Page {
    let heading = match found.rows.iter().any(|row| row.time.is_some()) {
        true => "Not beaten in both size and time",
        false => "Not beaten in both size and build time",
    };
    let mut rows: Vec<&Outcome> = std::iter::once(&found.baseline)
        .chain(&found.rows)
        .filter(|row| unbeaten.contains(&row.variant.name()))
        .collect();
    rows.sort_by_key(|row| row.size());
    let facts = rows.into_iter().map(|row| {
        let size = row
            .size()
            .map_or("n/a".to_owned(), |size| Bytes(size).to_string());
        let time = found.pace(row);
        let time = time.map(|time| format!(", time {}", trials::interval(time)));
        let build = row
            .weighed
            .as_ref()
            .and_then(|w| Some((w.build_ns?, w.compiled)));
        let build = build.map(|(ns, crates)| {
            let crates = codecost::units::counted(crates as u64, "crate");
            format!(", build {} of {crates}", Time(Duration::from_nanos(ns)))
        });
        let figures = format!(
            "{size}{}{}",
            time.unwrap_or_default(),
            build.unwrap_or_default()
        );
        (row.variant.name(), figures)
    });
    Page::new().heading(heading).facts(facts.collect())
}

fn summary(found: &Found, prices: &[Price], search: &Options) -> Page {
    let resumed = match found.resumed {
        0 => String::new(),
        n => format!(", {n} of them found done already"),
    };
    let mut page = Page::new().gap().line(
        format!(
            "{}{resumed}",
            codecost::units::counted(found.builds as u64, "build")
        ),
        Emphasis::Plain,
    );
    if search.shard.is_some() {
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
            format!("chosen: {}{size}{time}", winner.variant.name()),
            Emphasis::Strong,
        );
        for price in prices {
            page = page.line(format!("  {}", price.words()), Emphasis::Plain);
        }
        if let (Some(reason), true) = (&winner.reason, winner.variant.assignments.is_empty()) {
            page = page.line(reason.clone(), Emphasis::Plain);
        }
    }
    match found.reproducible {
        Some(true) => page.line(
            "compiled once more, it is the same to the byte",
            Emphasis::Plain,
        ),
        Some(false) => page.line(
            "compiled once more, it has other bytes: the program embeds the time or what varies",
            Emphasis::Plain,
        ),
        None => page,
    }
}
