//! `cargo tune explain`.

use codecost::Result;
use codecost::console::Console;
use codecost::report::{Cell, Emphasis, OutputOptions, Page, Report, Table};
use serde::Serialize;

use super::json::{SCHEMA, VERSION};
use crate::knob::{About, Knob, SOURCE};
use crate::project::Project;

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
    let About {
        written,
        offer,
        size,
        speed,
        compile_time,
        why,
        risk,
        story,
    } = knob.about();
    Row {
        name: knob.name(),
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

/// Writes the table of all knobs.
pub(crate) fn write_all(options: &OutputOptions, console: &mut Console) -> Result<()> {
    let knobs: Vec<Knob> = Knob::all().collect();
    let report = report(&knobs).after(
        Page::new()
            .line(format!("effects: {SOURCE}"), Emphasis::Faint)
            .line("cargo tune explain KNOB", Emphasis::Command),
    );
    console.write_report(&report, options, row)
}

/// Writes what there is to know of one knob, and how it is set in the project, if there is one.
pub(crate) fn write(
    knob: Knob,
    project: Option<&Project>,
    options: &OutputOptions,
    console: &mut Console,
) -> Result<()> {
    let here = project.map_or_else(Page::new, |project| here(project, knob));
    let knobs = [knob];
    let report = report(&knobs).instead(story(knob).then(here));
    console.write_report(&report, options, row)
}

fn report(knobs: &[Knob]) -> Report<'_, Knob> {
    let table = Table::new(knobs)
        .label("name", "Knob", |k| k.name().into())
        .name("size", "Size", |k| k.about().size.into())
        .searched(false)
        .name("speed", "Speed", |k| k.about().speed.into())
        .searched(false)
        .text("offer", "Offered", |k| k.about().offer.as_str().into())
        .droppable(1)
        .text("written", "Written", |k| k.about().written.into())
        .droppable(2)
        .text("risk", "Risk, or where it is void", |k| {
            Cell::maybe_text(k.about().risk)
        })
        .droppable(3)
        .default_limit(0);
    Report::new(SCHEMA, VERSION, "explain", table)
}

fn story(knob: Knob) -> Page {
    let About {
        written,
        offer,
        size,
        speed,
        compile_time,
        why,
        risk,
        story,
    } = knob.about();
    let fact = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let mut facts = vec![
        fact("written", written),
        fact("offered", offer.as_str()),
        fact("size", size),
        fact("speed", speed),
        fact("build time", compile_time),
        fact("how", why),
    ];
    facts.extend(risk.map(|risk| fact("risk", risk)));
    Page::new()
        .heading(knob.name())
        .facts(facts)
        .line(story, Emphasis::Plain)
        .line(format!("effects: {SOURCE}"), Emphasis::Faint)
}

/// How the knob is set in the project.
fn here(project: &Project, knob: Knob) -> Page {
    let mut page = Page::new().heading(format!("Here, in profile {}", project.effective.profile));
    let settings = project.effective.settings.iter();
    let mut any = false;
    for setting in settings.filter(|s| s.key == knob.name()) {
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
    let flags = if flags.is_empty() { "none" } else { &flags };
    page.line(format!("rustflags in force: {flags}"), Emphasis::Plain)
}
