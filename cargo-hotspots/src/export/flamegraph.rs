//! A flamegraph by `inferno`, coloured by crate.

use super::{
    colors, folded,
    symbolized::{Symbolized, is_clock},
};
use crate::profile::FrameId;
use codecost::attribution::Origin;
use inferno::flamegraph::{
    self, Options,
    color::{Color, PaletteMap},
};
use std::io::{self, Write};

const LEGEND: &str = "warm: workspace, cool: dependencies, grey: std and system, pale: inlined";

/// Writes an SVG page: callers below, widths by period, warm colours for the workspace's crates,
/// cool ones for dependencies, greys for std and the system; inlined functions are paler.
///
/// # Errors
///
/// The profile has no samples, or what the writer says.
pub fn flamegraph(
    symbolized: Symbolized<'_>,
    title: &str,
    subtitle: &str,
    to: &mut dyn Write,
) -> io::Result<()> {
    let mut palette = palette(symbolized);
    let mut lines = String::new();
    folded::each_line(symbolized, &mut String::new(), |line| {
        lines.push_str(line);
        lines.push('\n');
        Ok(())
    })?;
    let mut options = Options::default();
    options.title = title.to_owned();
    options.subtitle = Some(format!("{subtitle} · {LEGEND}"));
    options.palette_map = Some(&mut palette);
    options.deterministic = true;
    (options.count_name, options.factor) = if is_clock(&symbolized.profile.event) {
        ("ms".to_owned(), 1e-6)
    } else {
        (symbolized.profile.event.clone(), 1.0)
    };
    let mut sorted: Vec<&str> = lines.lines().collect();
    sorted.sort_unstable();
    flamegraph::from_lines(&mut options, sorted, to)
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
            let function = symbolized
                .symbols
                .functions
                .get(level.scope.function.0 as usize);
            let owner = function
                .and_then(|function| symbolized.symbols.crates.get(function.owner.0 as usize));
            let shade = match owner {
                Some(owner) if owner.origin != Origin::Unknown => colors::of(owner, level.inlined),
                _ => (190, 190, 190),
            };
            palette.insert(&name, color(shade));
        }
    }
    palette
}
