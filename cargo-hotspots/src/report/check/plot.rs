//! The paired ratios as dots: one for each block, in one line of text or as a picture.

use crate::gate::row::{Gate, Row};
use std::fmt::Write as _;

/// Columns of the text.
const WIDTH: usize = 48;

/// The range that holds all dots, nothing, and the limit that is to be acted on.
fn range(changes: &[f64], action: f64) -> (f64, f64) {
    let low = changes.iter().copied().fold(0.0_f64, f64::min);
    let high = changes.iter().copied().fold(action, f64::max);
    let margin = (high - low) * 0.03;
    (low - margin, high + margin)
}

/// `-2.1 % ┆  ·  ·· •·    ┊ · +14.0 %`: `┆` is no change, `┊` the action; `•` is several blocks.
pub(super) fn line(row: &Row) -> Option<String> {
    let changes = &row.figures.as_ref()?.changes;
    if changes.is_empty() {
        return None;
    }
    let action = row.limits.action;
    let (low, high) = range(changes, action);
    let column = |change: f64| {
        let way = (change - low) / (high - low);
        ((way * (WIDTH - 1) as f64).round() as usize).min(WIDTH - 1)
    };
    let mut counts = [0_usize; WIDTH];
    for change in changes {
        if let Some(count) = counts.get_mut(column(*change)) {
            *count += 1;
        }
    }
    let dots: String = counts
        .iter()
        .enumerate()
        .map(|(index, count)| match count {
            0 if index == column(0.0) => '┆',
            0 if index == column(action) => '┊',
            0 => ' ',
            1 => '·',
            _ => '•',
        })
        .collect();
    Some(format!(
        "{} {dots} {}",
        super::evidence::signed(low),
        super::evidence::signed(high)
    ))
}

/// A picture of all benchmarks, one below the other.
pub(super) fn svg(gate: &Gate) -> String {
    const ROW: usize = 28;
    const LEFT: f64 = 260.0;
    const RIGHT: f64 = 900.0;
    let rows: Vec<&Row> = gate
        .rows
        .iter()
        .filter(|row| row.figures.is_some())
        .collect();
    let all: Vec<f64> = rows
        .iter()
        .filter_map(|row| row.figures.as_ref())
        .flat_map(|figures| figures.changes.iter().copied())
        .collect();
    let action = rows.iter().map(|row| row.limits.action).fold(0.0, f64::max);
    let (low, high) = range(&all, action);
    let x = |change: f64| LEFT + (change - low) / (high - low) * (RIGHT - LEFT);
    let height = (rows.len() + 2) * ROW;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"920\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    // Writing into a string does not fail.
    let mut mark = |change: f64, colour: &str, label: String| {
        let _ = write!(
            svg,
            "<line x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{ROW}\" y2=\"{1}\" stroke=\"{colour}\"/>\n\
             <text x=\"{0:.1}\" y=\"18\" text-anchor=\"middle\">{label}</text>\n",
            x(change),
            height - ROW / 2,
        );
    };
    mark(0.0, "#888", "0".into());
    if action > 0.0 {
        mark(action, "#c00", super::evidence::percent(action));
    }
    for (index, row) in rows.iter().enumerate() {
        let y = (index + 1) * ROW + ROW / 2;
        let _ = writeln!(
            svg,
            "<text x=\"8\" y=\"{}\">{} <tspan fill=\"#666\">{}</tspan></text>",
            y + 4,
            escaped(&row.benchmark),
            row.status.as_str()
        );
        let figures = row.figures.iter();
        for change in figures.flat_map(|figures| &figures.changes) {
            let _ = writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{y}\" r=\"3\" fill=\"#246\" fill-opacity=\"0.5\"/>",
                x(*change)
            );
        }
        if let Some(interval) = row
            .figures
            .as_ref()
            .and_then(|figures| figures.verdict.interval)
        {
            let _ = writeln!(
                svg,
                "<line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{2}\" y2=\"{2}\" stroke=\"#246\" \
                 stroke-width=\"2\"/>",
                x(interval.low),
                x(interval.high),
                y + 8
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn escaped(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
