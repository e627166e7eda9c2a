//! Markdown: for issues, pull requests and job summaries.

use super::{
    Page,
    page::{Block, Emphasis, Grid},
    table::Kind,
};
use std::fmt::Write as _;

impl Page {
    /// The page as GitHub-flavoured Markdown.
    pub fn to_markdown(&self) -> String {
        let mut text = String::new();
        let mut after_line = false;
        for block in &self.blocks {
            if matches!(block, Block::Gap) {
                after_line = false;
                continue;
            }
            let is_line = matches!(block, Block::Line(..));
            if !(text.is_empty() || is_line && after_line) {
                text.push('\n');
            }
            after_line = is_line;
            match block {
                Block::Heading(heading) => push(&mut text, format_args!("## {}", escape(heading))),
                Block::Facts(facts) => {
                    for (key, value) in facts {
                        push(
                            &mut text,
                            format_args!("- **{}**: {}", escape(key), escape(value)),
                        );
                    }
                }
                Block::Line(line, Emphasis::Command) => {
                    push(
                        &mut text,
                        format_args!("`{}`  ", line.trim().replace('`', "'")),
                    );
                }
                Block::Line(line, Emphasis::Strong) => {
                    push(&mut text, format_args!("**{}**  ", escape(line.trim())));
                }
                Block::Line(line, _) => push(&mut text, format_args!("{}  ", escape(line.trim()))),
                Block::Gap => {}
                Block::Grid(grid) => match grid.nothing() {
                    Some(nothing) => push(&mut text, format_args!("{}", escape(nothing))),
                    None => push_grid(&mut text, grid),
                },
            }
        }
        // The two spaces that break a line have no use at the end of a paragraph.
        text.replace("  \n\n", "\n\n").trim_end().to_owned() + "\n"
    }
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing into a string does not fail.
    let _ = writeln!(text, "{line}");
}

fn push_grid(text: &mut String, grid: &Grid) {
    // Bars are drawn for terminals; a proportional font would make them lie.
    let drawn = |index: usize| grid.columns.get(index).is_some_and(|c| c.kind != Kind::Bar);
    let shown = |index: usize| drawn(index) && !grid.is_blank(index);
    let columns = grid.columns.iter().enumerate();
    let columns = columns.filter(|(index, _)| shown(*index));
    let columns = columns.map(|(_, column)| column);
    let titles = columns.clone().map(|column| column.title.as_str());
    let row = |text: &mut String, cells: &mut dyn Iterator<Item = String>| {
        text.push('|');
        for cell in cells {
            push_cell(text, &cell);
        }
        text.push('\n');
    };
    row(text, &mut titles.map(escape));
    row(
        text,
        &mut columns.map(|column| match column.kind {
            Kind::Number => "---:".to_owned(),
            _ => "---".to_owned(),
        }),
    );
    // A narrow table must not break between a number and its unit.
    let number = |index: usize| {
        grid.columns
            .get(index)
            .is_some_and(|c| c.kind == Kind::Number)
    };
    let content = |index: usize, cell: &str| match number(index) {
        true => escape(cell).replace(' ', "\u{a0}"),
        false => escape(cell),
    };
    for at in 0..grid.rows.len() {
        let cells = (0..grid.columns.len()).filter(|index| shown(*index));
        row(
            text,
            &mut cells.map(|index| content(index, grid.rows.cell(at, index))),
        );
    }
    if let Some(cells) = &grid.cut {
        let cells = cells.iter().enumerate().filter(|(index, _)| shown(*index));
        row(text, &mut cells.map(|(index, cell)| content(index, cell)));
    }
    for cells in &grid.totals {
        let cells = cells.iter().enumerate().filter(|(index, _)| shown(*index));
        row(
            text,
            &mut cells.map(|(index, cell)| match content(index, cell) {
                cell if cell.is_empty() => cell,
                cell => format!("**{cell}**"),
            }),
        );
    }
}

fn push_cell(text: &mut String, cell: &str) {
    text.push(' ');
    text.push_str(cell);
    text.push_str(" |");
}

/// Text whose own backticks, where they come in pairs, mark code; all else is [`literal`].
fn escape(text: &str) -> String {
    if text.matches('`').count() % 2 == 1 {
        return literal(text);
    }
    let parts = text
        .split('`')
        .enumerate()
        .map(|(index, part)| match index % 2 {
            0 => literal(part),
            _ => format!("<code>{}</code>", literal(part)),
        });
    parts.collect()
}

/// Escapes what Markdown or HTML would read as markup; generic names are full of `<`.
fn literal(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '|' | '\\' | '*' | '_' | '`' | '[' | ']' | '~' | '#' => escaped.extend(['\\', c]),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\n' | '\r' => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
