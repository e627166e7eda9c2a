//! A flamegraph by `inferno`, coloured by crate.
//!
//! What `inferno` does not draw is added to its page: a legend of the crates below, and names that
//! are cut at their left end, because the end of a path says more than its start. Its script does
//! that in a browser; pictures are made without one.

use super::{
    colors, folded,
    symbolized::{Symbolized, is_clock},
};
use crate::{
    analysis::{Frames, fold::StartUp},
    profile::FrameId,
    symbols::Owner,
};
use codecost::attribution::Origin;
use inferno::flamegraph::{
    self, Direction, Options,
    color::{Color, PaletteMap},
};
use std::{
    borrow::Cow,
    io::{self, Write},
};

/// How a flamegraph is drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drawing {
    /// The line above.
    pub title: String,
    /// The line below it.
    pub subtitle: String,
    /// Which functions of a stack are drawn.
    pub frames: Frames,
    /// Whether callees are at the bottom and their callers above.
    pub reverse: bool,
    /// Whether the bottom is at the top: an icicle graph.
    pub inverted: bool,
    /// Frames that take less than this part of the time, in percent, are left out.
    pub min_width: f64,
}

/// The height of a line of the legend, in pixels.
const LINE: usize = 20;
/// Its lines.
const LINES: usize = 2;
/// About how much of it a letter takes.
const LETTER: usize = 7;
/// The width of the picture, and what is left free on each side, as `inferno` has them.
const WIDTH: usize = 1200;
const MARGIN: usize = 10;

/// Writes an SVG page: callers below, widths by period, warm colours for the workspace's crates,
/// cool ones for dependencies, greys for std and the system; inlined functions are paler.
///
/// # Errors
///
/// The profile has no samples, or what the writer says.
pub fn flamegraph(
    symbolized: Symbolized<'_>,
    drawing: &Drawing,
    to: &mut dyn Write,
) -> io::Result<()> {
    let Drawing {
        title,
        subtitle,
        frames,
        reverse,
        inverted,
        min_width,
    } = drawing;
    let mut palette = palette(symbolized);
    let start_up = (*frames == Frames::Folded).then(|| StartUp::of(symbolized.symbols));
    let mut lines = String::new();
    folded::each_line(symbolized, start_up.as_ref(), &mut String::new(), |line| {
        lines.push_str(line);
        lines.push('\n');
        Ok(())
    })?;
    let mut options = Options::default();
    options.title = title.clone();
    options.subtitle = Some(subtitle.clone());
    options.palette_map = Some(&mut palette);
    options.deterministic = true;
    options.reverse_stack_order = *reverse;
    options.min_width = *min_width;
    if *inverted {
        options.direction = Direction::Inverted;
    }
    (options.count_name, options.factor) = if is_clock(&symbolized.profile.event) {
        ("ms".to_owned(), 1e-6)
    } else {
        (symbolized.profile.event.clone(), 1.0)
    };
    let mut sorted: Vec<&str> = lines.lines().collect();
    sorted.sort_unstable();
    let mut page = Vec::new();
    flamegraph::from_lines(&mut options, sorted, &mut page)?;
    let page = String::from_utf8_lossy(&page);
    let page = with_right_ends(&page);
    to.write_all(with_legend(&page, &legend(symbolized)).as_bytes())
}

fn palette(symbolized: Symbolized<'_>) -> PaletteMap {
    let mut palette = PaletteMap::default();
    let color = |(r, g, b)| Color { r, g, b };
    for thread in &symbolized.profile.threads {
        palette.insert(&thread.name, color((200, 200, 200)));
    }
    let mut name = String::new();
    for frame in 0..symbolized.profile.frames.len() {
        let frame = FrameId(frame as u32);
        for level in symbolized.levels(frame) {
            name.clear();
            folded::push_level(&mut name, symbolized, level);
            let shade = match owner_of(symbolized, level.scope.function.0) {
                Some((_, owner)) => shade(owner, level.inlined),
                None => UNKNOWN,
            };
            palette.insert(&name, color(shade));
        }
    }
    palette
}

const UNKNOWN: colors::Rgb = (190, 190, 190);

fn shade(owner: &Owner, inlined: bool) -> colors::Rgb {
    match owner.origin {
        Origin::Unknown => UNKNOWN,
        _ => colors::of(owner, inlined),
    }
}

fn owner_of(symbolized: Symbolized<'_>, function: u32) -> Option<(usize, &Owner)> {
    let function = symbolized.symbols.functions.get(function as usize)?;
    let at = function.owner.0 as usize;
    Some((at, symbolized.symbols.crates.get(at)?))
}

/// A colour, and what it stands for.
type Entry = (colors::Rgb, String);

/// The crates that take the most of the picture.
fn legend(symbolized: Symbolized<'_>) -> Vec<Entry> {
    let mut areas = vec![0_u64; symbolized.symbols.crates.len()];
    for count in &symbolized.profile.counts {
        for frame in symbolized.profile.frames_of(count.stack) {
            for level in symbolized.levels(frame) {
                let owner = owner_of(symbolized, level.scope.function.0);
                if let Some(area) = owner.and_then(|(at, _)| areas.get_mut(at)) {
                    *area = area.saturating_add(count.period.max(1));
                }
            }
        }
    }
    let mut crates: Vec<(u64, &Owner)> =
        areas.into_iter().zip(&symbolized.symbols.crates).collect();
    crates.retain(|(area, _)| *area > 0);
    crates.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.name.cmp(&b.1.name)));
    let entries = crates.into_iter();
    entries
        .map(|(_, owner)| {
            let version = owner.version.as_deref().filter(|_| !owner.system);
            let name = match (owner.origin, version) {
                (Origin::Workspace, _) | (_, None) => owner.name.clone(),
                (_, Some(version)) => format!("{} {version}", owner.name),
            };
            (shade(owner, false), name)
        })
        .collect()
}

/// The page with a legend below the picture.
fn with_legend(page: &str, entries: &[Entry]) -> String {
    // The first two numbers of this kind are those of the page itself.
    let height = page.split_once("height=\"").and_then(|(_, rest)| {
        let (height, _) = rest.split_once('"')?;
        height.parse::<usize>().ok()
    });
    let (Some(height), Some(end)) = (height, page.rfind("</svg>")) else {
        return page.to_owned();
    };
    let taller = height + LINE * LINES + MARGIN;
    let (head, tail) = page.split_at(end);
    let mut whole = head
        .replacen(
            &format!("height=\"{height}\""),
            &format!("height=\"{taller}\""),
            // That of the page and that of its background.
            2,
        )
        .replacen(
            &format!("viewBox=\"0 0 {WIDTH} {height}\""),
            &format!("viewBox=\"0 0 {WIDTH} {taller}\""),
            1,
        );
    whole += "<g id=\"legend\">";
    let (mut x, mut line) = (MARGIN, 0);
    for (shade, name) in entries {
        let width = LINE + LETTER * (name.chars().count() + 2);
        if x + width > WIDTH - MARGIN - HINT.len() * LETTER && line + 1 == LINES {
            break;
        }
        if x + width > WIDTH - MARGIN {
            (x, line) = (MARGIN, line + 1);
        }
        let y = height + LINE * line;
        whole += &swatch(x, y, *shade);
        whole += &text(x + LINE, y, name);
        x += width;
    }
    whole += &text(x, height + LINE * line, HINT);
    whole += "</g>";
    whole + tail
}

const HINT: &str = "paler: inlined into the frame around it";

fn swatch(x: usize, y: usize, (r, g, b): colors::Rgb) -> String {
    format!("<rect x=\"{x}\" y=\"{y}\" width=\"14\" height=\"14\" fill=\"rgb({r},{g},{b})\"/>")
}

fn text(x: usize, y: usize, text: &str) -> String {
    format!(
        "<text x=\"{x}\" y=\"{}\">{}</text>",
        y + 11,
        escaped(text.chars())
    )
}

/// The page with the right end of each name that does not fit, in place of its left end.
fn with_right_ends(page: &str) -> String {
    let mut out = String::with_capacity(page.len() + page.len() / 8);
    let frames = page.find("id=\"frames\"").unwrap_or(page.len());
    let (head, mut rest) = page.split_at(frames);
    out.push_str(head);
    while let Some(at) = rest.find("<title>") {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let Some((frame, shown, after)) = frame_of(from) else {
            rest = from;
            break;
        };
        let (title, _) = frame.split_once("</title>").unwrap_or((frame, ""));
        let name = title.strip_prefix("<title>").unwrap_or(title);
        let name = name.rsplit_once(" (").map_or(name, |(name, _)| name);
        out.push_str(frame);
        match shown.strip_suffix("..") {
            Some(kept) => {
                let room = unescaped(kept).chars().count();
                let name = unescaped(name);
                let letters = name.chars().count();
                out.push_str("..");
                out.push_str(&escaped(name.chars().skip(letters.saturating_sub(room))));
            }
            None => out.push_str(shown),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A frame up to its text, the text, and what follows.
fn frame_of(from: &str) -> Option<(&str, &str, &str)> {
    let text = from.find("<text")?;
    let start = text + from.get(text..)?.find('>')? + 1;
    let end = start + from.get(start..)?.find("</text>")?;
    Some((from.get(..start)?, from.get(start..end)?, from.get(end..)?))
}

const ENTITIES: [(&str, char); 5] = [
    ("&lt;", '<'),
    ("&gt;", '>'),
    ("&quot;", '"'),
    ("&apos;", '\''),
    ("&amp;", '&'),
];

fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return text.into();
    }
    let entities = ENTITIES.iter();
    let plain = entities.fold(text.to_owned(), |text, (entity, letter)| {
        text.replace(entity, &letter.to_string())
    });
    plain.into()
}

fn escaped(text: impl Iterator<Item = char>) -> String {
    let mut out = String::new();
    for letter in text {
        match ENTITIES.iter().find(|(_, known)| *known == letter) {
            Some((entity, _)) => out.push_str(entity),
            None => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_right_end() {
        let frame = |title: &str, text: &str| {
            format!(
                "<svg id=\"frames\"><g><title>{title} (3 ms, 7%)</title><rect x=\"1\"/>\
                 <text x=\"1\" y=\"2\">{text}</text></g></svg>"
            )
        };
        let name = "&lt;a::B as c::Iterator&gt;::next";
        assert_eq!(
            with_right_ends(&frame(name, "&lt;a::B as..")),
            frame(name, "..r&gt;::next")
        );
        assert_eq!(
            with_right_ends(&frame("main", "main")),
            frame("main", "main")
        );
        assert_eq!(with_right_ends("<svg></svg>"), "<svg></svg>");
        assert_eq!(
            with_right_ends("id=\"frames\"<title>x"),
            "id=\"frames\"<title>x"
        );
    }

    #[test]
    fn a_legend_never_outgrows_its_lines() {
        let page = "<svg width=\"1200\" height=\"100\" viewBox=\"0 0 1200 100\">\
                    <rect height=\"100\"/><rect height=\"100\"/></svg>";
        let entries: Vec<Entry> = (0..200).map(|n| ((1, 2, 3), format!("crate{n}"))).collect();
        let drawn = with_legend(page, &entries);
        assert!(drawn.contains("height=\"150\" viewBox=\"0 0 1200 150\""));
        assert_eq!(drawn.matches("height=\"150\"").count(), 2);
        assert!(drawn.contains("crate0<") && !drawn.contains("crate199<"));
        assert!(drawn.contains("y=\"131\"") && !drawn.contains("y=\"151\""));
        assert!(drawn.ends_with("</g></svg>"));
        assert_eq!(with_legend("nothing", &entries), "nothing");
    }
}
