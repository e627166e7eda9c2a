//! `cargo tune show`.

use codecost::Result;
use codecost::cargo::config::{Setting, Value};
use codecost::console::Console;
use codecost::report::{Cell, OutputOptions, Page, Report, Table};
use serde::Serialize;

use super::json::{JsonOrigin, JsonValue, SCHEMA, VERSION, shown_origin, warnings};
use crate::project::Project;

/// A row.
#[derive(Serialize)]
struct Row {
    key: String,
    table: String,
    value: JsonValue,
    origin: JsonOrigin,
    shadowed_by: Option<JsonOrigin>,
    void: Option<String>,
}

/// The JSON of one row.
fn row(setting: &Setting) -> Row {
    Row {
        key: setting.key.clone(),
        table: setting.table.clone(),
        value: (&setting.value).into(),
        origin: (&setting.origin).into(),
        shadowed_by: setting.shadowed_by.as_ref().map(Into::into),
        void: setting.void.clone(),
    }
}

/// Writes every setting of the project.
pub(crate) fn write(
    project: &Project,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let effective = &project.effective;
    let table = Table::new(&effective.settings)
        .label("key", "Key", |s| {
            Cell::text(format!("{}.{}", s.table, s.key))
        })
        .text("value", "Value", |s| Cell::text(shown_value(&s.value)))
        .text("state", "State", |s| Cell::text(state(s)))
        .name("origin", "From", |s| {
            Cell::text(shown_origin(project, &s.origin))
        })
        .text("shadowed_by", "Shadowed by", |s| {
            Cell::maybe_text(s.shadowed_by.as_ref().map(ToString::to_string))
        })
        .machines_only()
        .text("void", "Void", |s| Cell::maybe_text(s.void.as_deref()))
        .machines_only()
        .default_limit(0);
    let facts = vec![
        ("profile".to_owned(), effective.profile.clone()),
        ("triple".to_owned(), effective.triple.clone()),
        ("rustflags".to_owned(), effective.rustflags.flags.join(" ")),
    ];
    let report = Report::new(SCHEMA, VERSION, "show", table)
        .member("profile", &effective.profile)
        .member("triple", &effective.triple)
        .member("rustflags", &effective.rustflags.flags)
        .before(Page::new().facts(facts))
        .warnings(warnings(&effective.notices));
    console.write_report(&report, options, row)
}

fn shown_value(value: &Value) -> String {
    let text = value.to_string();
    if text.is_empty() {
        "(empty)".to_owned()
    } else {
        text
    }
}

fn state(setting: &Setting) -> &'static str {
    match (&setting.void, &setting.shadowed_by) {
        (Some(_), _) => "void",
        (None, Some(_)) => "shadowed",
        (None, None) => "in force",
    }
}
