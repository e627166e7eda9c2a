//! The trials of a search as a drawing: size to the right, time (or build time) upward, and the
//! front of those that no other one beats as a line.

use std::fmt::Write as _;

use codecost::units::{Bytes, Time};
use std::time::Duration;

use crate::trial::outcome::{Outcome, Status};
use crate::trial::search::Found;

const WIDTH: f64 = 840.0;
const HEIGHT: f64 = 520.0;
/// Room for the axes' texts and the points' names.
const LEFT: f64 = 90.0;
const RIGHT: f64 = 190.0;
const BELOW: f64 = 50.0;
const ABOVE: f64 = 40.0;

/// One trial.
struct Point {
    name: String,
    size: f64,
    cost: f64,
    is_front: bool,
    is_chosen: bool,
}

/// The drawing; `None` where fewer than two trials can be compared.
pub(super) fn svg(found: &Found, unbeaten: &[String]) -> Option<String> {
    let is_timed = found.rows.iter().any(|row| row.time.is_some());
    let points = points(found, unbeaten, is_timed);
    if points.len() < 2 {
        return None;
    }
    let cost = |cost: f64| match is_timed {
        true => format!("{cost:.2}"),
        false => Time(Duration::from_nanos(cost as u64)).to_string(),
    };
    let title = match is_timed {
        true => "time against the baseline",
        false => "build time",
    };
    Some(drawing(&points, title, &cost))
}

fn points(found: &Found, unbeaten: &[String], is_timed: bool) -> Vec<Point> {
    let all = std::iter::once(&found.baseline).chain(&found.rows);
    let mut points: Vec<Point> = all
        .filter(|row| row.status != Status::Failed)
        .filter_map(|row| {
            let build = |row: &Outcome| Some(row.weighed.as_ref()?.build_ns? as f64);
            let cost = match is_timed {
                true => found.pace(row)?.ratio,
                false => build(row)?,
            };
            let name = row.variant.name();
            Some(Point {
                size: row.size()? as f64,
                cost,
                is_front: unbeaten.contains(&name),
                is_chosen: row.status == Status::Chosen,
                name,
            })
        })
        .collect();
    points.sort_by(|a, b| a.size.total_cmp(&b.size));
    points
}

/// A scale from values to places, with a margin on both sides.
fn scale(values: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> impl Fn(f64) -> f64 {
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.fold(f64::NEG_INFINITY, f64::max);
    let margin = ((high - low) * 0.08).max(low.abs() * 0.001).max(1e-9);
    let (low, high) = (low - margin, high + margin);
    move |value| from + (value - low) / (high - low) * (to - from)
}

fn drawing(points: &[Point], title: &str, cost: &dyn Fn(f64) -> String) -> String {
    let x = scale(points.iter().map(|p| p.size), LEFT, WIDTH - RIGHT);
    let y = scale(points.iter().map(|p| p.cost), HEIGHT - BELOW, ABOVE);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let (bottom, end) = (HEIGHT - BELOW, WIDTH - RIGHT);
    let mut add = |line: String| {
        let _ = writeln!(svg, "{line}");
    };
    add(format!(
        "<path d=\"M{LEFT} {ABOVE}V{bottom}H{end}\" fill=\"none\" stroke=\"#888\"/>"
    ));
    add(format!(
        "<text x=\"{LEFT}\" y=\"{}\">{title}</text>",
        ABOVE - 14.0
    ));
    add(format!(
        "<text x=\"{end}\" y=\"{}\" text-anchor=\"end\">shipped size</text>",
        HEIGHT - 8.0
    ));
    // The ends of both axes.
    let ends = |value: fn(&Point) -> f64| {
        let mut values: Vec<f64> = points.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        [values.first().copied(), values.last().copied()]
    };
    for size in ends(|p| p.size).into_iter().flatten() {
        let text = Bytes(size as u64);
        let (at, under) = (x(size), bottom + 18.0);
        add(format!(
            "<text x=\"{at:.1}\" y=\"{under}\" text-anchor=\"middle\">{text}</text>"
        ));
    }
    for value in ends(|p| p.cost).into_iter().flatten() {
        let (before, at) = (LEFT - 8.0, y(value) + 4.0);
        let text = cost(value);
        add(format!(
            "<text x=\"{before}\" y=\"{at:.1}\" text-anchor=\"end\">{text}</text>"
        ));
    }
    let front: Vec<String> = points
        .iter()
        .filter(|p| p.is_front)
        .map(|p| format!("{:.1},{:.1}", x(p.size), y(p.cost)))
        .collect();
    add(format!(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"#2a6\" stroke-width=\"2\"/>",
        front.join(" ")
    ));
    for point in points {
        let (fill, radius) = match (point.is_chosen, point.is_front) {
            (true, _) => ("#d40", 6),
            (false, true) => ("#2a6", 5),
            (false, false) => ("#aaa", 4),
        };
        let (at, height, name) = (x(point.size), y(point.cost), escaped(&point.name));
        let tip = format!("{name}: {}, {}", Bytes(point.size as u64), cost(point.cost));
        add(format!(
            "<circle cx=\"{at:.1}\" cy=\"{height:.1}\" r=\"{radius}\" fill=\"{fill}\"><title>{tip}</title></circle>"
        ));
        let (beside, middle) = (at + 9.0, height + 4.0);
        add(format!(
            "<text x=\"{beside:.1}\" y=\"{middle:.1}\">{name}</text>"
        ));
    }
    add("</svg>".to_owned());
    svg
}

/// A name as XML text: package names are whatever a manifest says.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_is_a_line_through_its_points() {
        let point = |name: &str, size, cost, is_front| Point {
            name: name.to_owned(),
            size,
            cost,
            is_front,
            is_chosen: name == "b",
        };
        let points = [
            point("a & z", 100.0, 2.0, true),
            point("b", 200.0, 1.0, true),
            point("c", 300.0, 1.5, false),
        ];
        let svg = drawing(&points, "time", &|cost| format!("{cost:.2}"));
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        assert_eq!(svg.matches("<circle").count(), 3);
        let line = svg.lines().find(|line| line.contains("<polyline")).unwrap();
        assert_eq!(line.matches(',').count(), 2, "{line}");
        assert!(svg.contains(">a &amp; z<") && !svg.contains("NaN"));
        // The chosen one is marked, and a smaller program is further to the left.
        assert_eq!(svg.matches("#d40").count(), 1);
    }
}
