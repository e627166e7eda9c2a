//! `cargo tune show`.

use codecost::cargo::config::{Setting, Value};
use codecost::report::{Cell, Page, Report, Table};
use serde::Serialize;

use super::{JsonOrigin, JsonValue, SCHEMA, VERSION, warnings};
use crate::project::Project;

/// A row.
#[derive(Serialize)]
pub(crate) struct Row {
    key: String,
    table: String,
    value: JsonValue,
    origin: JsonOrigin,
    shadowed_by: Option<JsonOrigin>,
    void: Option<String>,
}

/// The JSON of one row.
pub(crate) fn row(setting: &Setting) -> Row {
    Row {
        key: setting.key.clone(),
        table: setting.table.clone(),
        value: (&setting.value).into(),
        origin: (&setting.origin).into(),
        shadowed_by: setting.shadowed_by.as_ref().map(Into::into),
        void: setting.void.clone(),
    }
}

/// The report.
pub(crate) fn report<'a>(project: &'a Project, settings: &'a [Setting]) -> Report<'a, Setting> {
    let effective = &project.effective;
    let table = Table::new(settings)
        .name("key", "Key", |s| {
            Cell::text(format!("{}.{}", s.table, s.key))
        })
        .text("value", "Value", |s| Cell::text(shown_value(&s.value)))
        .text("state", "State", |s| Cell::text(state(s)))
        .text("origin", "From", |s| {
            Cell::text(match s.origin.path.as_deref().map(std::path::Path::new) {
                Some(path) => {
                    let path = project.shown(path);
                    s.origin
                        .line
                        .map_or(path.clone(), |line| format!("{path}:{line}"))
                }
                None => s.origin.to_string(),
            })
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
    Report::new(SCHEMA, VERSION, "show", table)
        .member("profile", &effective.profile)
        .member("triple", &effective.triple)
        .member("rustflags", &effective.rustflags.flags)
        .before(Page::new().facts(facts))
        .warnings(warnings(&effective.notices))
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
