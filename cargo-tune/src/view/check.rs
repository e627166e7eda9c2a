//! `cargo tune check`: for CI.

use codecost::Result;
use codecost::console::Console;
use codecost::error::exit_code;
use codecost::report::{Cell, Emphasis, Page, Report, Table};
use serde::Serialize;

use crate::check::{self, Row, Status};
use crate::options::Options;
use crate::plan::{self, Request};
use crate::project::Project;
use crate::report::{JsonOrigin, JsonValue, SCHEMA, VERSION, warnings};

#[derive(Serialize)]
struct JsonRow {
    key: String,
    package: Option<&'static str>,
    expected: JsonValue,
    value: Option<JsonValue>,
    origin: Option<JsonOrigin>,
    status: &'static str,
    proof: Option<String>,
}

fn row(row: &Row) -> JsonRow {
    JsonRow {
        key: row.key.clone(),
        package: row.package,
        expected: (&row.expected).into(),
        value: row.value.as_ref().map(Into::into),
        origin: row.origin.as_ref().map(Into::into),
        status: row.status.as_str(),
        proof: row.proof.clone(),
    }
}

pub(crate) fn run(
    options: Options,
    request: &Request,
    build: bool,
    console: &mut Console,
) -> Result<u8> {
    let project = Project::load(options.context, options.selection)?;
    let plan = plan::plan(&project, request)?;
    let mut rows = check::drift(&project, &plan);
    if build {
        check::prove(&project, &mut rows)?;
    }
    let failed: Vec<&str> = rows
        .iter()
        .filter(|r| r.status != Status::Pass)
        .map(|r| r.key.as_str())
        .collect();
    let verdict = if failed.is_empty() {
        format!("as planned for {}", request.goal)
    } else {
        format!(
            "drifted from the plan for {}: {}",
            request.goal,
            failed.join(", ")
        )
    };
    let table = Table::new(&rows)
        .text("status", "Status", |r| r.status.as_str().into())
        .text("key", "Key", |r| Cell::text(r.key.as_str()))
        .searched(true)
        .text("expected", "Expected", |r| {
            Cell::text(r.expected.to_string())
        })
        .text("value", "In force", |r| {
            Cell::maybe_text(r.value.as_ref().map(ToString::to_string))
        })
        .name("origin", "From", |r| {
            Cell::maybe_text(r.origin.as_ref().map(|o| match &o.path {
                Some(path) if o.line.is_some() => format!(
                    "{}:{}",
                    project.shown(std::path::Path::new(path)),
                    o.line.unwrap_or_default()
                ),
                _ => o.to_string(),
            }))
        })
        .text("proof", "Proof", |r| Cell::maybe_text(r.proof.as_deref()))
        .default_limit(0);
    let report = Report::new(SCHEMA, VERSION, "check", table)
        .member("target", &request.goal.as_str())
        .member("profile", &project.selection.profile())
        .member("drifted", &failed)
        .before(Page::new().line(verdict, Emphasis::Strong))
        .warnings(warnings(&plan.notices));
    console.write_report(&report, &options.output, row)?;
    if failed.is_empty() {
        Ok(exit_code::OK)
    } else {
        console.help(&format!("cargo tune --target {}", request.goal));
        Ok(exit_code::GATE)
    }
}
