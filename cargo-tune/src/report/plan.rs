//! The plan: `cargo tune --target …`.

use codecost::report::{Cell, Emphasis, Page, Report, Table};
use serde::Serialize;
use similar::TextDiff;

use super::{JsonValue, SCHEMA, VERSION, warnings};
use crate::apply::FileEdit;
use crate::knobs;
use crate::plan::{Change, Plan, Request, Skipped};
use crate::project::Project;

/// A row.
#[derive(Serialize)]
pub(crate) struct Row {
    file: String,
    table: String,
    key: String,
    knob: &'static str,
    before: Option<JsonValue>,
    after: JsonValue,
    why: &'static str,
    risk: Option<&'static str>,
    effect: Effect,
}

#[derive(Serialize)]
struct Effect {
    size: &'static str,
    speed: &'static str,
    compile_time: &'static str,
    source: &'static str,
}

#[derive(Serialize)]
struct JsonSkipped<'a> {
    key: &'a str,
    reason: &'a str,
    evidence: &'a [String],
}

/// The JSON of one row.
pub(crate) fn row(change: &Change) -> Row {
    Row {
        file: change.file.display().to_string(),
        table: change.table(),
        key: change.key().to_owned(),
        knob: change.knob.name,
        before: change.before.as_ref().map(Into::into),
        after: (&change.after).into(),
        why: change.knob.why,
        risk: change.knob.risk,
        effect: Effect {
            size: change.knob.size,
            speed: change.knob.speed,
            compile_time: change.knob.compile_time,
            source: knobs::SOURCE,
        },
    }
}

/// The report, with the diff of every file.
pub(crate) fn report<'a>(
    project: &'a Project,
    request: &Request,
    plan: &'a Plan,
    edits: &[FileEdit],
) -> Report<'a, Change> {
    let table = Table::new(&plan.changes)
        .text("key", "Key", |c| Cell::text(c.key()))
        .searched(true)
        .text("before", "Before", |c| {
            Cell::maybe_text(c.before.as_ref().map(ToString::to_string))
        })
        .machines_only()
        .text("after", "After", |c| Cell::text(c.after.to_string()))
        .machines_only()
        // Lists of flags are long: people see how many there are, and what comes to them.
        .text("from", "Before", |c| match (&c.before, c.flags()) {
            (Some(before), []) => Cell::text(before.to_string()),
            (Some(before), _) => Cell::text(codecost::units::counted(
                before.flags().len() as u64,
                "flag",
            )),
            (None, _) => Cell::Empty,
        })
        .people_only()
        .text("to", "After", |c| match c.flags() {
            [] => Cell::text(c.after.to_string()),
            flags => Cell::text(format!("+ {}", flags.join(" "))),
        })
        .people_only()
        .text("size", "Size", |c| Cell::text(c.knob.size))
        .droppable(2)
        .text("speed", "Speed", |c| Cell::text(c.knob.speed))
        .droppable(1)
        .text("file", "File", |c| Cell::text(project.shown(&c.file)))
        .machines_only()
        .text("table", "Table", |c| Cell::text(c.table()))
        .machines_only()
        .default_limit(0);
    let skipped: Vec<JsonSkipped<'_>> = plan.skipped.iter().map(json_skipped).collect();
    let title = format!(
        "Plan for {} in profile {}",
        request.goal,
        project.selection.profile()
    );
    let diffs: Vec<String> = edits.iter().map(|e| diff(project, e)).collect();
    let report = Report::new(SCHEMA, VERSION, "plan", table)
        .member("target", &request.goal.as_str())
        .member("profile", &project.selection.profile())
        .member("skipped", &skipped)
        .member("diff", &diffs.concat())
        .before(Page::new().heading(title))
        .after(reasons(plan))
        .after(diff_page(&diffs))
        .warnings(warnings(&plan.notices));
    if plan.changes.is_empty() {
        report.instead(Page::new().line("nothing to change", Emphasis::Strong))
    } else {
        report
    }
}

fn json_skipped(skipped: &Skipped) -> JsonSkipped<'_> {
    JsonSkipped {
        key: &skipped.key,
        reason: &skipped.reason,
        evidence: &skipped.evidence,
    }
}

fn reasons(plan: &Plan) -> Page {
    let mut page = Page::new();
    if !plan.changes.is_empty() {
        page = page.heading("Why, and what it costs");
    }
    for change in &plan.changes {
        page = page.line(
            format!("{}: {}", change.knob.name, change.knob.why),
            Emphasis::Plain,
        );
        if let Some(risk) = change.knob.risk {
            page = page.line(format!("  risk: {risk}"), Emphasis::Faint);
        }
    }
    if !plan.changes.is_empty() {
        page = page.line(format!("effects: {}", knobs::SOURCE), Emphasis::Faint);
    }
    if !plan.skipped.is_empty() {
        page = page.heading("Not changed");
    }
    for skipped in &plan.skipped {
        page = page.line(
            format!("{}: {}", skipped.key, skipped.reason),
            Emphasis::Plain,
        );
        for evidence in &skipped.evidence {
            page = page.line(format!("  {evidence}"), Emphasis::Faint);
        }
    }
    page
}

fn diff_page(diffs: &[String]) -> Page {
    let mut page = Page::new();
    for diff in diffs {
        page = page.heading("Diff");
        for line in diff.lines() {
            let emphasis = match line.as_bytes().first() {
                Some(b'+' | b'-') => Emphasis::Strong,
                _ => Emphasis::Plain,
            };
            page = page.line(line, emphasis);
        }
    }
    page
}

/// A unified diff of one file.
pub(crate) fn diff(project: &Project, edit: &FileEdit) -> String {
    let name = project.shown(&edit.path);
    texts(
        &name,
        &name,
        edit.before.as_deref().unwrap_or_default(),
        &edit.after,
    )
}

/// A unified diff of two texts.
pub(crate) fn texts(old_name: &str, new_name: &str, old: &str, new: &str) -> String {
    TextDiff::from_lines(old, new)
        .unified_diff()
        .context_radius(2)
        .header(old_name, new_name)
        .to_string()
}
