//! `cargo tune check`.

use codecost::cargo::config::OriginKind;
use codecost::console::Console;
use codecost::report::github::{self, Annotation, Kind};
use codecost::report::{Cell, Emphasis, Format, OutputOptions, Page, Report, Style, Table};
use codecost::{Error, Result};
use serde::Serialize;
use std::path::Path;

use super::json::{JsonOrigin, JsonValue, SCHEMA, VERSION, shown_origin, warnings};
use crate::drift::{Row, Status};
use crate::plan::{Plan, Request};
use crate::project::Project;

const TITLE: &str = "cargo tune check";

#[derive(Serialize)]
struct JsonRow {
    key: String,
    package: Option<String>,
    expected: JsonValue,
    value: Option<JsonValue>,
    origin: Option<JsonOrigin>,
    status: &'static str,
    proof: Option<String>,
}

fn row(row: &Row) -> JsonRow {
    JsonRow {
        key: row.key.clone(),
        package: row.package.clone(),
        expected: (&row.expected).into(),
        value: row.value.as_ref().map(Into::into),
        origin: row.origin.as_ref().map(Into::into),
        status: row.status.as_str(),
        proof: row.proof.clone(),
    }
}

/// Writes the verdict on every key.
pub(crate) fn write(
    project: &Project,
    request: &Request,
    plan: &Plan,
    rows: &[Row],
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let failed: Vec<&str> = rows
        .iter()
        .filter(|r| r.status != Status::Pass)
        .map(|r| r.key.as_str())
        .collect();
    let goal = request.goal;
    let verdict = if failed.is_empty() {
        format!("as planned for {goal}")
    } else {
        let names = rows.iter().filter(|r| r.status != Status::Pass);
        let names: Vec<String> = names.map(shown_key).collect();
        format!("drifted from the plan for {goal}: {}", names.join(", "))
    };
    let report = Report::new(SCHEMA, VERSION, "check", table(project, rows))
        .member("target", &goal.as_str())
        .member("profile", &project.selection.profile())
        .member("drifted", &failed)
        .before(Page::new().line(verdict, Emphasis::Strong))
        .after(faults(rows))
        .warnings(warnings(&plan.notices));
    if options.format != Format::Github {
        return console.write_report(&report, options, row);
    }
    let all: Vec<Annotation> = rows.iter().filter_map(annotation).collect();
    console.write_text(options, &github::annotations(TITLE, &all))?;
    github::summarize(&markdown(&report)?)
}

/// What is wrong with each row that is not as planned, where there is more to say than its values.
fn faults(rows: &[Row]) -> Page {
    let failed = rows.iter().filter(|row| row.status != Status::Pass);
    let said = failed.filter_map(|row| {
        let proof = row.proof.as_ref()?;
        Some(format!("{}: {proof}", shown_key(row)))
    });
    said.fold(Page::new(), |page, line| page.line(line, Emphasis::Plain))
}

fn table<'a>(project: &'a Project, rows: &'a [Row]) -> Table<'a, Row> {
    Table::new(rows)
        .text("status", "Status", |r| r.status.as_str().into())
        .label("key", "Key", |r| Cell::text(shown_key(r)))
        .name("expected", "Expected", |r| {
            Cell::text(r.expected.to_string())
        })
        .searched(false)
        .name("value", "In force", |r| {
            Cell::maybe_text(r.value.as_ref().map(ToString::to_string))
        })
        .searched(false)
        .name("origin", "From", |r| {
            Cell::maybe_text(r.origin.as_ref().map(|origin| {
                let is_file = matches!(origin.kind, OriginKind::Manifest | OriginKind::Config);
                match is_file {
                    true => shown_origin(project, origin),
                    false => origin.to_string(),
                }
            }))
        })
        .text("proof", "Proof", |r| Cell::maybe_text(r.proof.as_deref()))
        .machines_only()
        // What is wrong is said in a sentence below the table.
        .text("proven", "Proof", |r| {
            let proof = r.proof.as_deref();
            Cell::maybe_text(proof.filter(|_| r.status == Status::Pass))
        })
        .people_only()
        .droppable(1)
        .default_limit(0)
}

/// The key, with the package that an override is for: `package."*".debug`.
fn shown_key(row: &Row) -> String {
    match &row.package {
        Some(package) => format!("package.{}.{}", toml_edit::Key::new(package), row.key),
        None => row.key.clone(),
    }
}

/// What GitHub is told of a key that is not as planned.
fn annotation(row: &Row) -> Option<Annotation> {
    if row.status == Status::Pass {
        return None;
    }
    let place = row.origin.as_ref().and_then(|origin| {
        let file = github::path(Path::new(origin.path.as_ref()?));
        Some((file, origin.line?))
    });
    let found = row.value.as_ref().map(ToString::to_string);
    let found = found.unwrap_or_else(|| "nothing".to_owned());
    Some(Annotation {
        kind: Kind::Error,
        place,
        title: TITLE.to_owned(),
        message: format!(
            "`{}` should be {} and is {found}",
            shown_key(row),
            row.expected
        ),
    })
}

/// The report as the step's summary shows it.
fn markdown(report: &Report<'_, Row>) -> Result<String> {
    let options = OutputOptions {
        format: Format::Markdown,
        ..OutputOptions::default()
    };
    let mut page = Vec::new();
    let unwritten = |why: String| {
        Error::failed(
            format!("cannot write the summary: {why}"),
            "check GITHUB_STEP_SUMMARY",
        )
    };
    report
        .write(&mut page, &options, &Style::plain(), row)
        .map_err(|e| unwritten(e.to_string()))?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
