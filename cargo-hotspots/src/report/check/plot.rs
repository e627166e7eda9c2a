//! The paired ratios as dots: one for each block, in one line of text or as a picture.

use crate::gate::row::{Gate, Metric, Names, Row};
use std::fmt::Write as _;

/// Columns of the text.
const WIDTH: usize = 48;

/// What the marks of [`line`] are.
pub(super) const LEGEND: &str = "  (· a block of runs, • several; ┆ no change, ┊ the action limit)";

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

/// Where the picture's scale begins and ends, in pixels.
const LEFT: f64 = 330.0;
const RIGHT: f64 = 860.0;
/// The height of a benchmark.
const ROW: usize = 28;
/// Characters of a name beside the scale.
const NAME: usize = 30;

/// From changes to places in the picture. What is far outside of the limits is at the edge, with an
/// arrow: one row that is four times slower would leave the others a few pixels.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn of(rows: &[&Row]) -> Self {
        let action = rows.iter().map(|row| row.limits.action).fold(0.0, f64::max);
        let all: Vec<f64> = rows
            .iter()
            .flat_map(|row| marks(row))
            .filter(|change| change.is_finite())
            .collect();
        let most = (5.0 * action).max(0.25);
        let (low, high) = range(&all, action);
        Self {
            low: low.max(-most),
            high: high.min(most),
        }
    }

    fn holds(&self, change: f64) -> bool {
        (self.low..=self.high).contains(&change)
    }

    fn x(&self, change: f64) -> f64 {
        let way = (change - self.low) / (self.high - self.low);
        LEFT + way.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }
}

/// All changes of a row that the picture marks.
fn marks(row: &Row) -> Vec<f64> {
    let Some(figures) = &row.figures else {
        return Vec::new();
    };
    let verdict = &figures.verdict;
    let ends = verdict
        .interval
        .iter()
        .flat_map(|ends| [ends.low, ends.high]);
    let changes = figures.changes.iter().copied();
    changes.chain(ends).chain(verdict.estimate).collect()
}

/// A picture of all benchmarks, one below the other.
pub(super) fn svg(gate: &Gate) -> String {
    let rows: Vec<&Row> = gate
        .rows
        .iter()
        .filter(|row| row.figures.is_some())
        .collect();
    let names = gate.names();
    let scale = Scale::of(&rows);
    let action = rows.iter().map(|row| row.limits.action).fold(0.0, f64::max);
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
            scale.x(change),
            height - ROW / 2,
        );
    };
    mark(0.0, "#888", "0".into());
    if action > 0.0 {
        mark(action, "#c00", super::evidence::percent(action));
    }
    for (index, row) in rows.iter().enumerate() {
        let y = (index + 1) * ROW + ROW / 2;
        label(&mut svg, row, &names, y);
        dots(&mut svg, row, &scale, y);
    }
    svg.push_str("</svg>\n");
    svg
}

/// The name with its metric, short enough to stay left of the scale; in full where the mouse is.
fn label(svg: &mut String, row: &Row, names: &Names<'_>, y: usize) {
    let name = names.of(row);
    let metric = match row.metric {
        Metric::Time => String::new(),
        metric => format!(" {}", metric.as_str()),
    };
    let room = NAME.saturating_sub(metric.len());
    let shown = match name.chars().count() <= room {
        true => name.clone(),
        // The end of an id tells more than its beginning.
        false => {
            let skipped = name.chars().count() - room.saturating_sub(1);
            format!("…{}", name.chars().skip(skipped).collect::<String>())
        }
    };
    let _ = writeln!(
        svg,
        "<text x=\"8\" y=\"{}\"><title>{}</title>{} <tspan fill=\"#666\">{}</tspan></text>",
        y + 4,
        escaped(&format!("{name}{metric}")),
        escaped(&format!("{shown}{metric}")),
        row.status.as_str()
    );
}

/// The blocks, the interval below them, and where there are no blocks the change itself.
fn dots(svg: &mut String, row: &Row, scale: &Scale, y: usize) {
    let Some(figures) = &row.figures else {
        return;
    };
    let verdict = &figures.verdict;
    let blocks = match figures.changes.as_slice() {
        [] => verdict.estimate.as_slice(),
        changes => changes,
    };
    for change in blocks.iter().filter(|change| scale.holds(**change)) {
        let _ = writeln!(
            svg,
            "<circle cx=\"{:.1}\" cy=\"{y}\" r=\"3\" fill=\"#246\" fill-opacity=\"0.5\"/>",
            scale.x(*change)
        );
    }
    // From none to some is no ratio: beyond any.
    let beyond = verdict.estimate.is_none() && figures.current > figures.baseline;
    let most = marks(row).into_iter().fold(f64::NEG_INFINITY, f64::max);
    let least = marks(row).into_iter().fold(f64::INFINITY, f64::min);
    if beyond {
        arrow(svg, RIGHT, 1.0, "from none", y);
    } else if most > scale.high {
        arrow(svg, RIGHT, 1.0, &super::evidence::signed(most), y);
    }
    if least < scale.low {
        arrow(svg, LEFT, -1.0, &super::evidence::signed(least), y);
    }
    if let Some(interval) = verdict.interval {
        let _ = writeln!(
            svg,
            "<line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{2}\" y2=\"{2}\" stroke=\"#246\" \
             stroke-width=\"2\"/>",
            scale.x(interval.low),
            scale.x(interval.high),
            y + 8
        );
    }
}

/// A triangle at an edge of the scale that points outward, and how far what it stands for is.
fn arrow(svg: &mut String, x: f64, way: f64, text: &str, y: usize) {
    let (tip, anchor) = (x + way * 8.0, if way > 0.0 { "start" } else { "end" });
    let _ = writeln!(
        svg,
        "<path d=\"M{x:.1} {0} L{tip:.1} {y} L{x:.1} {1} Z\" fill=\"#246\"/>\n\
         <text x=\"{2:.1}\" y=\"{3}\" font-size=\"9\" text-anchor=\"{anchor}\">{text}</text>",
        y - 5,
        y + 5,
        tip + way * 2.0,
        y + 4,
    );
}

fn escaped(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
