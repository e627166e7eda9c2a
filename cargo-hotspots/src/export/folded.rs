//! Folded stacks: `thread;caller;callee 12`, one line for each distinct stack, as the FlameGraph
//! scripts define it. A name that holds the separator (`[u8; 4]`) has a colon in its place, as
//! perf's own collapse script writes it; inlined functions end in `_[i]`, its mark for them. Frames
//! in a row that have no other name than their bucket's (`[kernel]`) are one.

use super::symbolized::{Level, Symbolized};
use crate::{
    analysis::fold::{self, StartUp},
    profile::FrameId,
};
use std::io::{self, Write};

/// Writes all stacks; the number is the period, which sums to the profile's.
///
/// # Errors
///
/// What the writer says.
pub fn folded(symbolized: Symbolized<'_>, to: &mut dyn Write) -> io::Result<()> {
    let mut line = String::new();
    // All frames: what is left out here, the other tool cannot show.
    each_line(symbolized, None, &mut line, |line| {
        to.write_all(line.as_bytes())?;
        to.write_all(b"\n")
    })
}

/// Calls `with` for each line; all lines share one buffer. With `start_up`, what only starts the
/// program is left out, and each recursion is one frame.
pub(super) fn each_line(
    symbolized: Symbolized<'_>,
    start_up: Option<&StartUp>,
    line: &mut String,
    mut with: impl FnMut(&str) -> io::Result<()>,
) -> io::Result<()> {
    let mut frames: Vec<FrameId> = Vec::new();
    let mut levels: Vec<Level> = Vec::new();
    for count in &symbolized.profile.counts {
        line.clear();
        let thread = symbolized.profile.threads.get(count.thread.0 as usize);
        push(line, thread.map_or("[unknown]", |thread| &thread.name));
        symbolized.frames(count.stack, &mut frames);
        levels.clear();
        levels.extend(
            frames
                .iter()
                .flat_map(|frame| symbolized.levels(*frame).rev()),
        );
        if let Some(start_up) = start_up {
            fold_levels(&mut levels, start_up);
        }
        // Many frames of the kernel without names say no more than one.
        let mut bucket = "";
        for level in &levels {
            let name = symbolized.function_name(&level.scope);
            if name.starts_with('[') && name.ends_with(']') && name == bucket {
                continue;
            }
            bucket = name;
            line.push(';');
            push_level(line, symbolized, *level);
        }
        line.push(' ');
        line.push_str(&count.period.to_string());
        with(line)?;
    }
    Ok(())
}

fn fold_levels(levels: &mut Vec<Level>, start_up: &StartUp) {
    let functions = levels.iter().map(|level| level.scope.function);
    let only_start = start_up.count(functions);
    let mut folded = Vec::with_capacity(levels.len());
    for level in levels.drain(..).skip(only_start) {
        fold::push(&mut folded, level);
    }
    *levels = folded;
}

pub(super) fn push_level(line: &mut String, symbolized: Symbolized<'_>, level: Level) {
    push(line, symbolized.function_name(&level.scope));
    if level.inlined {
        line.push_str("_[i]");
    }
}

/// A name without what separates names and lines.
fn push(line: &mut String, name: &str) {
    if name.is_empty() {
        line.push_str("[unknown]");
    }
    line.extend(name.chars().map(|letter| match letter {
        ';' => ':',
        '\n' | '\r' => ' ',
        other => other,
    }));
}
