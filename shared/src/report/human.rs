//! Tables for terminals: compact, without boxes, fitted to the width.
//!
//! Rows are written as they come, since a table of a large library has a hundred thousand. Names
//! shrink first (a path from its front, since its end tells it from others), then the columns that are
//! marked as droppable go, and a line below says which. Without a terminal nothing is trimmed.

use super::{
    Page,
    fit::{GAP, columns_of, elide, fit},
    page::{Block, Emphasis, Grid},
    table::Kind,
};
use anstyle::{AnsiColor, Style as Ansi};
use std::io::{self, Write};
use unicode_width::UnicodeWidthStr;

/// What the terminal can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Columns of the terminal; `None` where there is no terminal and nothing is trimmed.
    pub width: Option<usize>,
    /// Whether to write escape codes.
    pub color: bool,
}

impl Style {
    /// No terminal: no colour, no trimming.
    pub const fn plain() -> Self {
        Self {
            width: None,
            color: false,
        }
    }

    fn paint(self, ansi: Ansi, text: &str) -> String {
        if self.color && !text.is_empty() {
            format!("{ansi}{text}{ansi:#}")
        } else {
            text.into()
        }
    }
}

const STRONG: Ansi = Ansi::new().bold();
const FAINT: Ansi = Ansi::new().dimmed();
const HEADING: Ansi = AnsiColor::Green.on_default().bold();
const COMMAND: Ansi = AnsiColor::Cyan.on_default();
const BAR: Ansi = AnsiColor::Cyan.on_default();

/// Text is handed on in pieces of this size.
const PIECE: usize = 64 * 1024;

impl Page {
    /// The page as text for a terminal.
    pub fn to_human(&self, style: &Style) -> String {
        let mut text = String::new();
        // Nothing is written, so nothing fails.
        let _ = self.render(style, &mut text, &mut |_| Ok(()));
        text
    }

    /// Writes the page as text for a terminal.
    ///
    /// # Errors
    ///
    /// That of writing.
    pub fn write_human(&self, style: &Style, to: &mut dyn Write) -> io::Result<()> {
        let mut hand_on = |text: &mut String| {
            to.write_all(text.as_bytes())?;
            text.clear();
            Ok(())
        };
        let mut text = String::new();
        self.render(style, &mut text, &mut hand_on)?;
        hand_on(&mut text)
    }

    fn render(&self, style: &Style, text: &mut String, hand_on: HandOn<'_>) -> io::Result<()> {
        let mut after_heading = true;
        let mut after_line = false;
        for block in &self.blocks {
            if matches!(block, Block::Gap) {
                after_line = false;
                continue;
            }
            let is_line = matches!(block, Block::Line(..));
            if !(after_heading || is_line && after_line) {
                text.push('\n');
            }
            after_heading = matches!(block, Block::Heading(_));
            after_line = is_line;
            match block {
                Block::Heading(heading) => push(text, &style.paint(HEADING, heading)),
                Block::Facts(facts) => push_facts(text, facts, style),
                Block::Line(line, emphasis) => {
                    let ansi = match emphasis {
                        Emphasis::Plain => Ansi::new(),
                        Emphasis::Strong => STRONG,
                        Emphasis::Faint => FAINT,
                        Emphasis::Command => COMMAND,
                    };
                    // A command is to be copied as it is.
                    let width = style.width.filter(|_| *emphasis != Emphasis::Command);
                    for line in wrapped(line, width) {
                        push(text, &style.paint(ansi, &line));
                    }
                }
                Block::Gap => {}
                Block::Grid(grid) => push_grid(text, grid, style, hand_on)?,
            }
        }
        Ok(())
    }
}

/// Takes text that is finished, or leaves it.
type HandOn<'a> = &'a mut dyn FnMut(&mut String) -> io::Result<()>;

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn push_facts(text: &mut String, facts: &[(String, String)], style: &Style) {
    let widest = facts.iter().map(|(key, _)| key.width()).max().unwrap_or(0);
    // Further lines stand below the value.
    let left = widest + GAP;
    let width = style.width.and_then(|width| width.checked_sub(left));
    for (key, value) in facts {
        let mut lines = wrapped(value, width).into_iter();
        let padding = " ".repeat(left - key.width());
        let first = lines.next().unwrap_or_default();
        push(
            text,
            &format!("{}{padding}{first}", style.paint(FAINT, key)),
        );
        for line in lines {
            push(text, &format!("{}{line}", " ".repeat(left)));
        }
    }
}

fn push_grid(text: &mut String, grid: &Grid, style: &Style, hand_on: HandOn<'_>) -> io::Result<()> {
    if let Some(nothing) = grid.nothing() {
        push(text, &style.paint(FAINT, nothing));
        return Ok(());
    }
    let (fitted, dropped) = fit(grid, style.width);
    if fitted.is_empty() {
        return Ok(());
    }
    let widths = fitted.iter().map(|&(_, width)| width + GAP);
    let rule = "─".repeat(widths.sum::<usize>() - GAP);
    let rule = style.paint(FAINT, &rule);
    let mut line = String::new();
    let titles = |index: usize| grid.columns.get(index).map_or("", |column| &*column.title);
    lay(&mut line, grid, &fitted, titles);
    push(text, &style.paint(STRONG, &line));
    push(text, &rule);
    for row in 0..grid.rows.len() {
        lay(&mut line, grid, &fitted, |index| grid.rows.cell(row, index));
        if style.color {
            push(text, &paint_bars(&line, style));
        } else {
            push(text, &line);
        }
        if text.len() >= PIECE {
            hand_on(text)?;
        }
    }
    if let Some(cells) = &grid.cut {
        lay(&mut line, grid, &fitted, cell_of(cells));
        push(text, &style.paint(FAINT, &line));
    }
    for cells in &grid.totals {
        if std::ptr::eq(cells, &grid.totals[0]) {
            push(text, &rule);
        }
        lay(&mut line, grid, &fitted, cell_of(cells));
        push(text, &style.paint(STRONG, &line));
    }
    push_dropped(text, &dropped, style);
    Ok(())
}

fn cell_of<'c>(cells: &'c [String]) -> impl Fn(usize) -> &'c str {
    move |index| cells.get(index).map_or("", String::as_str)
}

/// Writes a row over `line`: quantities to the right of their columns, all else to the left.
fn lay<'c>(
    line: &mut String,
    grid: &Grid,
    fitted: &[(usize, usize)],
    cell: impl Fn(usize) -> &'c str,
) {
    line.clear();
    let mut blanks = 0;
    for &(index, width) in fitted {
        let cell = elide(cell(index), width);
        let free = width.saturating_sub(columns_of(&cell));
        let right = grid
            .columns
            .get(index)
            .is_some_and(|column| column.kind == Kind::Number);
        if right {
            blanks += free;
        }
        // Blanks at the end of a line are not written.
        if !cell.is_empty() {
            line.extend(std::iter::repeat_n(' ', blanks));
            line.push_str(&cell);
            blanks = 0;
        }
        blanks += GAP + if right { 0 } else { free };
    }
}

/// Which columns the terminal had no room for; they take as many lines as they need.
fn push_dropped(text: &mut String, titles: &[&str], style: &Style) {
    if titles.is_empty() {
        return;
    }
    let said = format!(
        "columns not shown: {}; widen the terminal or use --message-format csv",
        titles.join(", ")
    );
    for line in wrapped(&said, style.width) {
        push(text, &style.paint(FAINT, &line));
    }
}

/// The text in lines of at most this many display columns, broken between words; further lines are
/// indented as the first one is. A word that is longer has a line of its own.
fn wrapped(text: &str, width: Option<usize>) -> Vec<String> {
    let Some(width) = width.filter(|width| text.width() > *width) else {
        return vec![text.to_owned()];
    };
    let words = text.trim_start_matches(' ');
    let indent = &text[..text.len() - words.len()];
    let mut lines = vec![indent.to_owned()];
    let mut empty = true;
    for word in words.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        if empty {
            line.push_str(word);
        } else if line.width() + 1 + word.width() > width {
            lines.push(format!("{indent}{word}"));
        } else {
            line.push(' ');
            line.push_str(word);
        }
        empty = false;
    }
    lines
}

/// Colours the runs of bar characters in a row; names do not contain them.
fn paint_bars(line: &str, style: &Style) -> String {
    let is_bar = |c: char| ('\u{2588}'..='\u{258f}').contains(&c);
    match (style.color, line.find(is_bar)) {
        (true, Some(start)) => {
            let (before, rest) = line.split_at(start);
            let end = rest.find(|c| !is_bar(c)).unwrap_or(rest.len());
            let (bar, after) = rest.split_at(end);
            format!("{before}{}{after}", style.paint(BAR, bar))
        }
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Cell, OutputOptions, Table};

    #[test]
    fn text_wraps_at_words_and_keeps_its_indent() {
        let lines = |text, width| wrapped(text, width);
        assert_eq!(lines("  one two three", Some(9)), ["  one two", "  three"]);
        assert_eq!(lines("  one two three", None), ["  one two three"]);
        assert_eq!(lines("one", Some(2)), ["one"]);
        assert_eq!(
            lines("a verylongword b", Some(6)),
            ["a", "verylongword", "b"]
        );
        let page = Page::new()
            .line("one two", Emphasis::Plain)
            .line("one two", Emphasis::Command);
        let style = Style {
            width: Some(5),
            color: false,
        };
        assert_eq!(page.to_human(&style), "one\ntwo\none two\n");
        let facts = vec![("key".to_owned(), "one two three".to_owned())];
        let style = Style {
            width: Some(13),
            color: false,
        };
        let text = Page::new().facts(facts).to_human(&style);
        assert_eq!(text, "key  one two\n     three\n");
    }

    type Row = (&'static str, &'static str, u64);
    const ROWS: [Row; 3] = [
        (
            "alloc::collections::btree::map::BTreeMap::insert_fit",
            "alloc",
            4096,
        ),
        ("短い", "core", 1024),
        ("main", "app", 10),
    ];

    fn page(limit: usize) -> Page {
        let table = Table::new(&ROWS)
            .number("file", "Size", |row| Cell::Bytes(row.2))
            .summed()
            .bar("bar", |row| row.2 as f64 / 4096.0)
            .droppable(2)
            .text("crate", "Crate", |row| row.1.into())
            .droppable(1)
            .name("name", "Function", |row| row.0.into());
        let options = OutputOptions {
            limit: Some(limit),
            ..OutputOptions::default()
        };
        let selection = table.select(&options).unwrap();
        Page::new().grid(table.grid(&selection, false))
    }

    #[test]
    fn piped_tables_are_not_trimmed() {
        insta::assert_snapshot!(page(2).to_human(&Style::plain()), @r"
           Size            Crate  Function
        ──────────────────────────────────────────────────────────────────────────────
        4.0 KiB  ████████  alloc  alloc::collections::btree::map::BTreeMap::insert_fit
        1.0 KiB  ██        core   短い
           10 B                   … 1 more
        ──────────────────────────────────────────────────────────────────────────────
        5.0 KiB                   total
        ");
    }

    #[test]
    fn names_shrink_first_then_columns_go() {
        for width in 20..90 {
            let style = Style {
                width: Some(width),
                color: false,
            };
            let text = page(0).to_human(&style);
            let widest = text.lines().map(|line| line.width()).max().unwrap();
            assert!(widest <= width, "{widest} columns on {width}:\n{text}");
            // The bar goes where the name would have fewer than 40 columns.
            assert_eq!(text.contains('█'), width >= 40 + 26, "{text}");
            // A column goes, and the reader learns of it.
            let crates = text.lines().next().unwrap().contains("Crate");
            let said = text
                .replace('\n', " ")
                .contains("columns not shown: Crate;");
            assert_eq!(crates, !said, "{text}");
        }
    }

    #[test]
    fn a_label_is_cut_last() {
        let rows = [
            (
                "profile.release.package.one.opt-level",
                "/a/long/way/to/Cargo.toml:1",
            ),
            (
                "profile.release.package.two.opt-level",
                "/a/long/way/to/Cargo.toml:2",
            ),
        ];
        for width in 25..90 {
            let table = Table::new(&rows)
                .label("key", "Key", |row| row.0.into())
                .text("state", "State", |row| Cell::text(row.0[24..27].to_owned()))
                .name("from", "From", |row| row.1.into());
            let selection = table.select(&OutputOptions::default()).unwrap();
            let style = Style {
                width: Some(width),
                color: false,
            };
            let text = Page::new()
                .grid(table.grid(&selection, false))
                .to_human(&style);
            let widest = text.lines().map(|line| line.width()).max().unwrap();
            assert!(widest <= width, "{widest} columns on {width}:\n{text}");
            // With room for it and eight columns of the name, the label is whole.
            assert_eq!(
                text.contains(rows[1].0),
                width >= 37 + 2 + 5 + 2 + 8,
                "{text}"
            );
        }
    }

    #[test]
    fn without_rows_there_is_no_table() {
        let filtered = OutputOptions {
            filter: Some(crate::pattern::Pattern::new("nobody").unwrap()),
            ..OutputOptions::default()
        };
        let page = |rows: &'static [Row], options: &OutputOptions| {
            let table = Table::new(rows)
                .name("name", "Function", |row| row.0.into())
                .when_empty("nothing: no functions are known");
            let grid = table.grid(&table.select(options).unwrap(), false);
            let page = Page::new().grid(grid);
            page.to_human(&Style::plain())
        };
        let none = page(&[], &OutputOptions::default());
        assert_eq!(none, "nothing: no functions are known\n");
        assert_eq!(page(&[], &filtered), none);
        assert_eq!(
            page(&ROWS, &filtered),
            "nothing matches `--filter`, of 3 rows\n"
        );
    }

    #[test]
    fn what_has_no_sum_is_counted() {
        let table = Table::new(&ROWS).name("name", "Function", |row| row.0.into());
        let grid = table.grid(&table.select(&OutputOptions::default()).unwrap(), false);
        let text = Page::new().grid(grid).to_human(&Style::plain());
        assert!(text.ends_with("\n3 in total\n"), "{text}");
    }

    #[test]
    fn colour_adds_escape_codes_only() {
        let plain = page(2).to_human(&Style::plain());
        let colored = page(2).to_human(&Style {
            width: None,
            color: true,
        });
        assert_ne!(plain, colored);
        assert_eq!(anstream::adapter::strip_str(&colored).to_string(), plain);
    }

    #[test]
    fn markdown_escapes_what_would_break_the_table() {
        let rows = [("<T as a|b>::f_*", 1_u64)];
        let table = Table::new(&rows)
            .name("name", "Name", |row| row.0.into())
            .number("file", "Size", |row| Cell::Bytes(row.1))
            .summed();
        let selection = table.select(&OutputOptions::default()).unwrap();
        let page = Page::new().grid(table.grid(&selection, false));
        insta::assert_snapshot!(page.to_markdown(), @r"
        | Name | Size |
        | --- | ---: |
        | &lt;T as a\|b&gt;::f\_\* | 1 B |
        | **total** | **1 B** |
        ");
    }
}
