//! A page for people: headings, facts, text and tables in order, independent of the renderer.

use super::{
    Cell, Table,
    table::{Kind, Selection},
};
use crate::units::{counted, thousands};

/// How a line stands out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Emphasis {
    /// As any text.
    #[default]
    Plain,
    /// The line that counts.
    Strong,
    /// Worth less attention than what is around it.
    Faint,
    /// A command to run next.
    Command,
}

/// One piece of a page.
#[derive(Clone, Debug)]
pub(super) enum Block {
    Heading(String),
    Facts(Vec<(String, String)>),
    Line(String, Emphasis),
    Gap,
    Grid(Grid),
}

/// A page: what a person sees of a view.
///
/// ```
/// use codecost::report::{Emphasis, Page, Style};
///
/// let page = Page::new().heading("Sections").line("none", Emphasis::Plain);
/// assert_eq!(page.to_human(&Style::plain()), "Sections\nnone\n");
/// assert_eq!(page.to_markdown(), "## Sections\n\nnone\n");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub(super) blocks: Vec<Block>,
}

impl Page {
    /// An empty page.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a heading.
    #[must_use]
    pub fn heading(mut self, text: impl Into<String>) -> Self {
        self.blocks.push(Block::Heading(text.into()));
        self
    }

    /// With named facts, one to a line, aligned.
    #[must_use]
    pub fn facts(mut self, facts: Vec<(String, String)>) -> Self {
        self.blocks.push(Block::Facts(facts));
        self
    }

    /// With a line of text; lines that follow each other form a paragraph.
    #[must_use]
    pub fn line(mut self, text: impl Into<String>, emphasis: Emphasis) -> Self {
        self.blocks.push(Block::Line(text.into(), emphasis));
        self
    }

    /// With an end to the paragraph.
    #[must_use]
    pub fn gap(mut self) -> Self {
        self.blocks.push(Block::Gap);
        self
    }

    /// With a table.
    #[must_use]
    pub fn grid(mut self, grid: Grid) -> Self {
        self.blocks.push(Block::Grid(grid));
        self
    }

    /// With everything that `other` has.
    #[must_use]
    pub fn then(mut self, other: Self) -> Self {
        self.blocks.extend(other.blocks);
        self
    }
}

/// The visible part of a table, as text.
#[derive(Clone, Debug)]
pub struct Grid {
    pub(super) columns: Vec<GridColumn>,
    pub(super) rows: Rows,
    /// `… 214 more`, and what they sum to.
    pub(super) cut: Option<Vec<String>>,
    /// The matching rows when there is a filter, then all rows.
    pub(super) totals: Vec<Vec<String>>,
    /// What is said where there are no rows.
    pub(super) when_empty: String,
    /// Names stay whole.
    pub(super) full_names: bool,
}

/// The cells of many rows in one text: a table of a large library has a million of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    text: String,
    /// Where each cell ends.
    ends: Vec<usize>,
    columns: usize,
}

/// Bytes of a row of common length. What is not written to costs no memory.
const COMMON: usize = 96;

impl Rows {
    /// With room for so many rows of common length, so that little is copied while they come.
    fn with_capacity(rows: usize, columns: usize) -> Self {
        Self {
            text: String::with_capacity(rows.saturating_mul(COMMON)),
            ends: Vec::with_capacity(rows.saturating_mul(columns)),
            columns,
        }
    }

    fn push(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.text.len());
    }

    /// How many rows.
    pub(super) fn len(&self) -> usize {
        self.ends.len() / self.columns.max(1)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A cell; empty where there is none.
    pub(super) fn cell(&self, row: usize, column: usize) -> &str {
        let at = row * self.columns + column;
        let start = match at.checked_sub(1) {
            Some(before) => self.ends.get(before).copied(),
            None => Some(0),
        };
        let range = start.zip(self.ends.get(at).copied());
        range
            .and_then(|(start, end)| self.text.get(start..end))
            .unwrap_or_default()
    }
}

#[derive(Clone, Debug)]
pub(super) struct GridColumn {
    pub(super) title: String,
    pub(super) kind: Kind,
    pub(super) importance: u8,
}

impl Grid {
    /// A column in which no row says anything (no crate has a version, say) only takes space.
    pub(super) fn is_blank(&self, index: usize) -> bool {
        let says_nothing = |row: &Vec<String>| row.get(index).is_none_or(String::is_empty);
        let mut cells = (0..self.rows.len()).map(|row| self.rows.cell(row, index));
        let labels = self.cut.iter().chain(&self.totals);
        let is_name = self
            .columns
            .get(index)
            .is_some_and(|column| matches!(column.kind, Kind::Name | Kind::Label));
        !self.rows.is_empty()
            && cells.all(str::is_empty)
            && (!is_name || labels.into_iter().all(says_nothing))
    }

    /// What to say in place of the table, where it has no rows.
    pub(super) fn nothing(&self) -> Option<&str> {
        let none = self.rows.is_empty() && self.cut.is_none();
        none.then_some(&*self.when_empty)
    }
}

impl<'a, R> Table<'a, R> {
    /// The selected rows as people see them, with the row for what was cut and the total row.
    pub fn grid(&self, selection: &Selection<'a, R>, full_names: bool) -> Grid {
        let columns: Vec<_> = self.human_columns(selection).collect();
        let shown = selection.shown();
        let mut rows = Rows::with_capacity(shown.len(), columns.len());
        for row in shown {
            for column in &columns {
                rows.push(&column.read(row).human());
            }
        }
        let summary = |label: String, rows: &mut dyn Iterator<Item = &'a R>| {
            let mut sums = vec![Cell::Empty; columns.len()];
            for row in rows.filter(|row| self.counts(row)) {
                for (column, sum) in columns.iter().zip(&mut sums) {
                    if column.summed {
                        sum.add(&column.read(row));
                    }
                }
            }
            let mut cells: Vec<_> = sums.iter().map(|sum| sum.human().into_owned()).collect();
            // The label goes where the name is, wherever that column stands.
            let name = columns
                .iter()
                .position(|column| matches!(column.kind, Kind::Name | Kind::Label))
                .unwrap_or(0);
            if let Some(cell) = cells.get_mut(name) {
                *cell = label;
            }
            cells
        };
        let cut = selection.cut();
        let cut_label = || format!("… {} more", thousands(cut.len() as u64));
        let mut totals = Vec::new();
        let mut when_empty = self.when_empty.clone();
        let all = self.rows().len() as u64;
        if let Some(matched) = selection.matched() {
            let label = format!("{} matching", counted(matched.len() as u64, "row"));
            totals.push(summary(label, &mut matched.iter().copied()));
            if all > 0 {
                when_empty = format!("nothing matches `--filter`, of {}", counted(all, "row"));
            }
        }
        // Without anything to add up, how many there are is the total.
        let label = match columns.iter().any(|column| column.summed) {
            true => self.total_label.clone(),
            false => match self.noun {
                Some(noun) => format!("{} in total", counted(all, noun)),
                None => format!("{} in total", thousands(all)),
            },
        };
        totals.push(summary(label, &mut self.rows().iter()));
        Grid {
            when_empty,
            rows,
            cut: (!cut.is_empty()).then(|| summary(cut_label(), &mut cut.iter().copied())),
            totals,
            full_names,
            columns: columns
                .iter()
                .map(|column| GridColumn {
                    title: column.title.clone(),
                    kind: column.kind,
                    importance: match selection.sorted() == Some(column.key) {
                        true => 0,
                        false => column.importance,
                    },
                })
                .collect(),
        }
    }
}
