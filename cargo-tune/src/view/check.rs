//! `cargo tune check`: for CI.

use codecost::console::Console;
use codecost::error::exit_code;
use codecost::report::{
    Cell, Emphasis, Format, OutputOptions, Page, Report, Style, Table, write_file,
};
use codecost::{Error, Result};
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
    if options.output.format == Format::Github {
        let annotations = annotations(&project, &rows);
        match &options.output.output {
            Some(path) => write_file(path, |to| to.write_all(annotations.as_bytes()))?,
            None => console.print(&annotations)?,
        }
        summarize(&report)?;
    } else {
        console.write_report(&report, &options.output, row)?;
    }
    if failed.is_empty() {
        Ok(exit_code::OK)
    } else {
        console.help(&format!("cargo tune --target {}", request.goal));
        Ok(exit_code::GATE)
    }
}

/// GitHub's workflow commands: one error for each key that is not as planned, at most ten.
fn annotations(project: &Project, rows: &[Row]) -> String {
    let escape = |text: &str| {
        text.replace('%', "%25")
            .replace('\r', "%0D")
            .replace('\n', "%0A")
    };
    let mut text = String::new();
    for row in rows.iter().filter(|r| r.status != Status::Pass).take(10) {
        let place = row.origin.as_ref().and_then(|origin| {
            let path = std::path::Path::new(origin.path.as_ref()?);
            let below = path.strip_prefix(project.workspace.root()).unwrap_or(path);
            let file = escape(&below.display().to_string());
            Some(format!(
                "file={},line={},",
                file.replace(':', "%3A").replace(',', "%2C"),
                origin.line?
            ))
        });
        let found = row
            .value
            .as_ref()
            .map_or("nothing".to_owned(), ToString::to_string);
        let message = format!("`{}` should be {} and is {found}", row.key, row.expected);
        text += &format!(
            "::error {}title=cargo tune check::{}\n",
            place.unwrap_or_default(),
            escape(&message)
        );
    }
    text
}

/// Appends the table to the step's summary, where there is one.
fn summarize(report: &Report<'_, Row>) -> Result<()> {
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|p| !p.is_empty()) else {
        return Ok(());
    };
    let mut page = Vec::new();
    let options = OutputOptions {
        format: Format::Markdown,
        ..OutputOptions::default()
    };
    let unwritten = |why: String| {
        Error::failed(
            format!("cannot write the summary: {why}"),
            "check GITHUB_STEP_SUMMARY",
        )
    };
    report
        .write(&mut page, &options, &Style::plain(), row)
        .map_err(|e| unwritten(e.to_string()))?;
    let mut file = std::fs::File::options()
        .append(true)
        .create(true)
        .open(&path)
        .map_err(|e| Error::write(std::path::PathBuf::from(&path), e))?;
    std::io::Write::write_all(&mut file, &page).map_err(|e| unwritten(e.to_string()))
}
