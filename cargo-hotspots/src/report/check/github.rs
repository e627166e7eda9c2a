//! GitHub: workflow commands, the step summary, and a comment that another job can post, as a pull
//! request from a fork may not write one itself ("Workflow commands for GitHub Actions").

use super::evidence;
use crate::gate::{
    row::{Gate, Metric, Names, Row},
    shares::Held,
    verdict::Status,
};
use codecost::{
    report::github::{data, property},
    units::counted,
};

/// GitHub shows so many annotations of one kind for a step.
const MOST_ANNOTATIONS: usize = 10;
/// A comment has at most so many characters.
const MOST_COMMENT: usize = 65_536;
/// A step's summary has at most so many bytes, those of other steps included.
const MOST_SUMMARY: usize = 1 << 20;

/// The commands, the worst first; the last of ten says how many more there are.
pub(super) fn annotations(gate: &Gate) -> String {
    let mut text = String::new();
    let names = gate.names();
    let fails = |row: &&Row| gate.refuses(row.status);
    for held in gate
        .shares
        .iter()
        .filter(|held| held.status != Status::Pass)
    {
        let kind = if gate.refuses(held.status) {
            "error"
        } else {
            "warning"
        };
        let title = property(&format!("{}: {}", held.text, held.status.as_str()));
        text += &format!("::{kind} title={title}::{}\n", data(&of_share(held)));
    }
    let kinds: [(&str, Vec<&Row>); 2] = [
        ("error", gate.rows.iter().filter(fails).collect()),
        (
            "warning",
            gate.rows
                .iter()
                .filter(|row| !fails(row))
                .filter(|row| matches!(row.status, Status::Attention | Status::Inconclusive))
                .collect(),
        ),
    ];
    for (kind, rows) in kinds {
        let fits = rows.len() <= MOST_ANNOTATIONS;
        let shown = if fits {
            rows.len()
        } else {
            MOST_ANNOTATIONS - 1
        };
        for row in rows.iter().take(shown) {
            let mut message = evidence::line(row, &names, &gate.against.name);
            if let Some(reason) = &row.reason {
                message += &format!("\n{reason}");
            }
            let title = property(&format!("{}: {}", names.of(row), row.status.as_str()));
            text += &format!("::{kind} title={title}::{}\n", data(&message));
        }
        if !fits {
            let more = rows.len() - shown;
            text += &format!("::{kind} title=cargo hotspots::{more} more, see the summary\n");
        }
    }
    for warning in &gate.warnings {
        text += &format!(
            "::notice title=cargo hotspots::{}\n",
            data(&warning.message)
        );
    }
    text
}

/// What is said of a condition, with its reason.
fn of_share(held: &Held) -> String {
    let mut text = evidence::share(held);
    if let Some(reason) = &held.reason {
        text += &format!("\n{reason}");
    }
    text
}

/// The comment: verdict, what changed, and all in a fold, as far as it fits.
pub(super) fn comment(gate: &Gate) -> String {
    markdown(gate, MOST_COMMENT)
}

/// The same for the step's summary.
pub(super) fn summary(gate: &Gate) -> String {
    // Half of it is left to other steps.
    markdown(gate, MOST_SUMMARY / 2)
}

fn markdown(gate: &Gate, most: usize) -> String {
    let mut text = format!(
        "## Performance: {}\n\n",
        cell(&super::evidence::verdict(gate))
    );
    let head = "| Benchmark | Status | Change | Baseline | Current | Detects |\n\
                | --- | --- | --- | ---: | ---: | ---: |\n";
    let names = gate.names();
    let news: Vec<&Row> = gate.rows.iter().filter(|row| row.is_news()).collect();
    let rest: Vec<&Row> = gate.rows.iter().filter(|row| !row.is_news()).collect();
    // What is appended in the end has to fit as well.
    let room = most.saturating_sub(600);
    let mut cut = 0;
    for held in &gate.shares {
        let line = format!("- {}\n", cell(&of_share(held)));
        if text.len() + line.len() > room {
            cut += 1;
        } else {
            text += &line;
        }
    }
    if !gate.shares.is_empty() {
        text += "\n";
    }
    if !news.is_empty() {
        text += head;
        for row in &news {
            let line = line(row, &names);
            if text.len() + line.len() > room {
                cut += 1;
            } else {
                text += &line;
            }
        }
        text += "\n";
        for row in &news {
            let line = evidence::line(row, &names, &gate.against.name);
            let line = format!("- {}\n", cell(&line));
            if text.len() + line.len() <= room {
                text += &line;
            }
        }
        text += "\n";
    }
    if !rest.is_empty() {
        text += &format!(
            "<details><summary>{}</summary>\n\n{head}",
            unchanged(gate, rest.len() as u64)
        );
        for row in &rest {
            let line = line(row, &names);
            if text.len() + line.len() > room {
                cut += 1;
            } else {
                text += &line;
            }
        }
        text += "\n</details>\n\n";
    }
    if cut > 0 {
        text += &format!("{} did not fit.\n\n", counted(cut, "row"));
    }
    for warning in gate.warnings.iter().take(5) {
        let line = format!("> {}\n", cell(&warning.message));
        if text.len() + line.len() <= most {
            text += &line;
        }
    }
    text
}

/// `2 benchmarks unchanged (6 rows)`: a benchmark has a row for each metric, and one that changed
/// may have rows that did not.
fn unchanged(gate: &Gate, rows: u64) -> String {
    match gate.quiet() as u64 {
        0 => format!("{} unchanged", counted(rows, "row")),
        quiet => format!(
            "{} unchanged ({})",
            counted(quiet, "benchmark"),
            counted(rows, "row")
        ),
    }
}

fn line(row: &Row, names: &Names<'_>) -> String {
    let figures = row.figures.as_ref();
    let time = |value: Option<f64>| match value {
        Some(value) => evidence::amount(row.metric, value).human().into_owned(),
        None => String::new(),
    };
    let least = figures.and_then(|figures| figures.verdict.minimum_detectable);
    let status = match evidence::is_missed(row) {
        true => "fail (requirement)".to_owned(),
        false => evidence::status(row),
    };
    let name = match row.metric {
        Metric::Time => cell(&names.of(row)),
        metric => format!("{} ({})", cell(&names.of(row)), metric.as_str()),
    };
    format!(
        "| {name} | {status} | {} | {} | {} | {} |\n",
        evidence::change(row).unwrap_or_default(),
        time(figures.map(|figures| figures.baseline)),
        time(figures.map(|figures| figures.current)),
        least.map_or(String::new(), |least| format!(
            "≥ {}",
            evidence::percent(least)
        )),
    )
}

/// Text that cannot leave its cell or begin something else.
fn cell(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '\\' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '@' => {
                safe.push('\\');
                safe.push(c);
            }
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}
