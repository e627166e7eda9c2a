//! `cargo tune explain`: one knob's story, or the table of all.

use codecost::cargo::Workspace;
use codecost::console::Console;
use codecost::report::{Cell, Emphasis, Page, Report, Table};
use codecost::{Error, Result};
use serde::Serialize;

use crate::knobs::{self, KNOBS, Knob};
use crate::options::Options;
use crate::project::Project;
use crate::report::{SCHEMA, VERSION};

#[derive(Serialize)]
struct Row {
    name: &'static str,
    written: &'static str,
    offer: &'static str,
    size: &'static str,
    speed: &'static str,
    compile_time: &'static str,
    why: &'static str,
    risk: Option<&'static str>,
    story: &'static str,
}

fn row(knob: &Knob) -> Row {
    let Knob {
        name,
        written,
        offer,
        size,
        speed,
        compile_time,
        why,
        risk,
        story,
    } = *knob;
    Row {
        name,
        written,
        offer: offer.as_str(),
        size,
        speed,
        compile_time,
        why,
        risk,
        story,
    }
}

pub(crate) fn run(options: &Options, knob: Option<&str>, console: &mut Console) -> Result<u8> {
    let chosen: Vec<Knob> = match knob {
        None => KNOBS.to_vec(),
        Some(name) => {
            // `profile.release.lto` and `rustflags` are what people see elsewhere.
            let bare = name.rsplit('.').next().unwrap_or(name);
            vec![*knobs::find(bare).ok_or_else(|| unknown(name))?]
        }
    };
    let table = Table::new(&chosen)
        .name("name", "Knob", |k| k.name.into())
        .text("size", "Size", |k| k.size.into())
        .text("speed", "Speed", |k| k.speed.into())
        .text("offer", "Offered", |k| k.offer.as_str().into())
        .text("written", "Written", |k| k.written.into())
        .droppable(2)
        .text("risk", "Risk, or where it is void", |k| {
            Cell::maybe_text(k.risk)
        })
        .droppable(1)
        .default_limit(0);
    let mut report = Report::new(SCHEMA, VERSION, "explain", table);
    report = match (knob, chosen.first()) {
        (Some(_), Some(knob)) => report.instead(story(knob).then(here(options, knob))),
        _ => report.after(
            Page::new()
                .line(format!("effects: {}", knobs::SOURCE), Emphasis::Faint)
                .line("cargo tune explain KNOB", Emphasis::Command),
        ),
    };
    console.write_report(&report, &options.output, row)?;
    Ok(0)
}

fn story(knob: &Knob) -> Page {
    let fact = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let mut facts = vec![
        fact("written", knob.written),
        fact("offered", knob.offer.as_str()),
        fact("size", knob.size),
        fact("speed", knob.speed),
        fact("build time", knob.compile_time),
        fact("how", knob.why),
    ];
    facts.extend(knob.risk.map(|risk| fact("risk", risk)));
    Page::new()
        .heading(knob.name)
        .facts(facts)
        .line(knob.story, Emphasis::Plain)
        .line(format!("effects: {}", knobs::SOURCE), Emphasis::Faint)
}

/// How the knob stands in the project around the current directory, if there is one.
fn here(options: &Options, knob: &Knob) -> Page {
    let inside =
        options.selection.manifest_path.is_some() || Workspace::find(&options.context).is_some();
    let project = inside
        .then(|| Project::load(options.context.clone(), options.selection.clone()).ok())
        .flatten();
    let Some(project) = project else {
        return Page::new();
    };
    let mut page = Page::new().heading(format!("Here, in profile {}", project.effective.profile));
    let settings = project.effective.settings.iter();
    let mut any = false;
    for setting in settings.filter(|s| s.key == knob.name) {
        any = true;
        let state = match (&setting.void, &setting.shadowed_by) {
            (Some(reason), _) => format!("void: {reason}"),
            (None, Some(origin)) => format!("shadowed by {origin}"),
            (None, None) => "in force".to_owned(),
        };
        let text = format!(
            "{}.{} = {} ({}): {state}",
            setting.table, setting.key, setting.value, setting.origin
        );
        page = page.line(text, Emphasis::Plain);
    }
    if any {
        return page;
    }
    let flags = project.effective.rustflags.flags.join(" ");
    page.line(
        format!(
            "rustflags in force: {}",
            if flags.is_empty() { "none" } else { &flags }
        ),
        Emphasis::Plain,
    )
}

fn unknown(name: &str) -> Error {
    let names: Vec<&str> = KNOBS.iter().map(|k| k.name).collect();
    Error::usage(
        format!("`{name}` is not a knob"),
        format!("the knobs are: {}", names.join(", ")),
    )
}
