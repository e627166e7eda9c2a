//! The plan: `cargo tune --target …`.

use codecost::Result;
use codecost::console::Console;
use codecost::report::{Cell, Emphasis, OutputOptions, Page, Report, Table};
use serde::Serialize;
use std::collections::BTreeSet;

use super::diff;
use super::json::{JsonValue, SCHEMA, VERSION, warnings};
use crate::apply::FileEdit;
use crate::knob::{About, SOURCE};
use crate::plan::{Change, Goal, Plan, Request, Skipped};
use crate::project::Project;

/// A row.
#[derive(Serialize)]
struct Row {
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
fn row(project: &Project, change: &Change) -> Row {
    let knob = change.knob();
    let About {
        size,
        speed,
        compile_time,
        why,
        risk,
        ..
    } = change.about(project);
    Row {
        file: change.file.display().to_string(),
        table: change.table(),
        key: change.key().to_owned(),
        knob: knob.name(),
        before: change.before.as_ref().map(Into::into),
        after: (&change.after).into(),
        why,
        risk,
        effect: Effect {
            size,
            speed,
            compile_time,
            source: SOURCE,
        },
    }
}

/// Writes the plan, with the diff of every file.
pub(crate) fn write(
    project: &Project,
    request: &Request,
    plan: &Plan,
    edits: &[FileEdit],
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let skipped: Vec<JsonSkipped<'_>> = plan.skipped.iter().map(json_skipped).collect();
    let profile = project.selection.profile();
    let title = format!("Plan for {} in profile {profile}", request.goal);
    let diffs: Vec<String> = edits.iter().map(|e| diff::of_edit(project, e)).collect();
    let mut report = Report::new(SCHEMA, VERSION, "plan", table(project, request, plan))
        .member("target", &request.goal.as_str())
        .member("profile", &profile)
        .member("skipped", &skipped)
        .member("diff", &diffs.concat())
        .before(Page::new().heading(title))
        .after(reasons(project, plan))
        .after(diff_page(&diffs))
        .warnings(warnings(&plan.notices));
    if plan.changes.is_empty() {
        report = report.instead(Page::new().line("nothing to change", Emphasis::Strong));
    }
    console.write_report(&report, options, |change| row(project, change))
}

/// The effect that the goal is about stays at every width.
fn table<'a>(project: &'a Project, request: &Request, plan: &'a Plan) -> Table<'a, Change> {
    let (size, speed, build) = match request.goal {
        Goal::Size => (0, 1, 2),
        Goal::Speed => (1, 0, 2),
        Goal::CompileTime => (2, 1, 0),
        Goal::Balanced => (0, 0, 2),
    };
    let profile = project.selection.profile();
    Table::new(&plan.changes)
        .text("key", "Key", |c| Cell::text(c.key()))
        .searched(true)
        .machines_only()
        .text("setting", "Key", move |c| Cell::text(shown_key(profile, c)))
        .people_only()
        .text("before", "Before", |c| {
            Cell::maybe_text(c.before.as_ref().map(ToString::to_string))
        })
        .machines_only()
        .text("after", "After", |c| Cell::text(c.after.to_string()))
        .machines_only()
        // Lists of flags are long: people see how many there are, and which are added.
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
        .text("size", "Size", |c| Cell::text(c.about(project).size))
        .machines_only()
        // The whole sentence is below the table, which must fit into 80 columns.
        .text("size_short", "Size", |c| {
            Cell::text(short(c.about(project).size))
        })
        .people_only()
        .droppable(size)
        .text("speed", "Speed", |c| Cell::text(c.about(project).speed))
        .droppable(speed)
        .text("compile_time", "Build time", |c| {
            Cell::text(c.about(project).compile_time)
        })
        .droppable(build)
        .text("file", "File", |c| Cell::text(project.shown(&c.file)))
        .machines_only()
        .text("table", "Table", |c| Cell::text(c.table()))
        .machines_only()
        .default_limit(0)
}

/// An effect without what it is of, or when.
fn short(effect: &str) -> &str {
    let ends = [": ", " of ", " for ", " in ", "; "].map(|end| effect.find(end));
    let end = ends.into_iter().flatten().min().unwrap_or(effect.len());
    effect.get(..end).unwrap_or(effect)
}

/// The key, with the table below the profile that it is in: `package."*".debug`.
fn shown_key(profile: &str, change: &Change) -> String {
    let table = change.table();
    let below = table.strip_prefix(&format!("profile.{profile}."));
    match below {
        Some(below) => format!("{below}.{}", change.key()),
        None => change.key().to_owned(),
    }
}

fn json_skipped(skipped: &Skipped) -> JsonSkipped<'_> {
    JsonSkipped {
        key: skipped.knob.name(),
        reason: &skipped.reason,
        evidence: &skipped.evidence,
    }
}

fn reasons(project: &Project, plan: &Plan) -> Page {
    let mut page = Page::new();
    if !plan.changes.is_empty() {
        page = page.heading("Why, and what it costs");
    }
    let mut said = BTreeSet::new();
    for change in &plan.changes {
        let about = change.about(project);
        // One key in two tables has one reason.
        if !said.insert((change.knob().name(), about.why)) {
            continue;
        }
        page = page.line(
            format!("{}: {}", change.knob().name(), about.why),
            Emphasis::Plain,
        );
        if short(about.size) != about.size {
            page = page.line(format!("  size: {}", about.size), Emphasis::Faint);
        }
        if let Some(risk) = about.risk {
            page = page.line(format!("  risk: {risk}"), Emphasis::Faint);
        }
    }
    if !plan.changes.is_empty() {
        page = page.line(format!("effects: {}", SOURCE), Emphasis::Faint);
    }
    if !plan.skipped.is_empty() {
        page = page.heading("Not changed");
    }
    for skipped in &plan.skipped {
        page = page.line(
            format!("{}: {}", skipped.knob.name(), skipped.reason),
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

#[cfg(test)]
mod tests {
    use super::short;
    use crate::knob::Key;
    use codecost::cargo::config::Value;

    /// Key, values before and after, and the effect that the goal is about: 80 columns with the
    /// widest of each.
    #[test]
    fn what_a_plan_shows_fits_into_eighty_columns() {
        let text = |text: &str| Value::String(text.to_owned());
        for (key, value) in [
            (Key::OptLevel, text("z")),
            (Key::OptLevel, Value::Integer(3)),
            (Key::Lto, Value::Bool(true)),
            (Key::Lto, text("thin")),
            (Key::CodegenUnits, Value::Integer(1)),
            (Key::Panic, text("abort")),
            (Key::Strip, text("symbols")),
            (Key::Incremental, Value::Bool(false)),
        ] {
            let size = key.about_value(&value).size;
            assert!(short(size).chars().count() <= 30, "{size}");
        }
        assert_eq!(
            short("\u{2212}23 % of an unstripped program"),
            "\u{2212}23 %"
        );
        assert_eq!(short("none"), "none");
        for (key, value) in [
            (Key::Debug, text("line-tables-only")),
            (Key::Lto, Value::Bool(false)),
            (Key::CodegenUnits, Value::Integer(16)),
            (Key::Incremental, Value::Bool(true)),
        ] {
            let build = key.about_value(&value).compile_time;
            assert!(build.chars().count() <= 33, "{build}");
        }
    }
}
