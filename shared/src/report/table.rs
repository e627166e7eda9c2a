//! The table model: columns that know how to read a row, and the choice of rows that the user's
//! flags make. Nothing is rendered here and no row is copied.

use super::{Cell, OutputOptions};
use crate::error::{Error, Result};

/// What a column holds, which decides its alignment, its default order and whether it may shrink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The name of the row: shrinks first when the terminal is narrow, with a cut in the middle.
    Name,
    /// What tells the row from others: shrinks after all else.
    Label,
    /// Short text: never shrinks.
    Text,
    /// Any quantity: aligned right.
    Number,
    /// A bar: aligned left, only for people.
    Bar,
}

/// Who sees a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    Everyone,
    People,
    Machines,
    /// It is only searched.
    Nobody,
}

type Read<'a, R> = Box<dyn Fn(&'a R) -> Cell<'a> + 'a>;

/// One column: a key for flags and files, a title for people, and how to read it from a row.
pub(super) struct Column<'a, R> {
    pub(super) key: &'static str,
    pub(super) title: String,
    pub(super) kind: Kind,
    pub(super) importance: u8,
    pub(super) summed: bool,
    audience: Audience,
    searched: bool,
    read: Read<'a, R>,
}

impl<'a, R> Column<'a, R> {
    /// The value of this column in `row`.
    pub(super) fn read(&self, row: &'a R) -> Cell<'a> {
        (self.read)(row)
    }
}

/// Columns over borrowed rows, which are complete and in their default order.
///
/// ```
/// use codecost::report::{Cell, OutputOptions, Table};
///
/// let rows = [("regex", 300_u64), ("memchr", 200), ("libc", 100)];
/// let table = Table::new(&rows)
///     .name("name", "Crate", |row| row.0.into())
///     .number("file", "Size", |row| Cell::Bytes(row.1))
///     .summed();
/// let options = OutputOptions { limit: Some(1), ..OutputOptions::default() };
/// let chosen = table.select(&options).unwrap();
/// assert_eq!(chosen.shown().len(), 1);
/// assert_eq!(table.sums(chosen.cut()), [("file", Cell::Bytes(300))]);
/// ```
pub struct Table<'a, R> {
    rows: &'a [R],
    pub(super) columns: Vec<Column<'a, R>>,
    pub(super) total_label: String,
    pub(super) noun: Option<&'static str>,
    pub(super) when_empty: String,
    default_limit: usize,
    counts: Option<Counts<'a, R>>,
}

type Counts<'a, R> = Box<dyn Fn(&R) -> bool + 'a>;

impl<'a, R> Table<'a, R> {
    /// A table without columns.
    pub fn new(rows: &'a [R]) -> Self {
        Self {
            rows,
            columns: Vec::new(),
            total_label: "total".into(),
            noun: None,
            when_empty: "nothing to show".into(),
            default_limit: 20,
            counts: None,
        }
    }

    fn column(
        mut self,
        key: &'static str,
        title: &str,
        kind: Kind,
        read: impl Fn(&'a R) -> Cell<'a> + 'a,
    ) -> Self {
        self.columns.push(Column {
            key,
            title: title.into(),
            kind,
            importance: 0,
            summed: false,
            audience: Audience::Everyone,
            searched: matches!(kind, Kind::Name | Kind::Label),
            read: Box::new(read),
        });
        self
    }

    /// With a column for the name of the row. `--filter` looks at it, and it shrinks first.
    #[must_use]
    pub fn name(
        self,
        key: &'static str,
        title: &str,
        read: impl Fn(&'a R) -> Cell<'a> + 'a,
    ) -> Self {
        self.column(key, title, Kind::Name, read)
    }

    /// With a column that tells the rows apart where other columns may be cut: `--filter` looks at
    /// it, and it shrinks only when nothing else is left that could.
    #[must_use]
    pub fn label(
        self,
        key: &'static str,
        title: &str,
        read: impl Fn(&'a R) -> Cell<'a> + 'a,
    ) -> Self {
        self.column(key, title, Kind::Label, read)
    }

    /// With the column for the name of the row in two forms: people see the short one unless they ask
    /// for `full_names`, machines always the full one. `--filter` looks at both whichever is shown, so
    /// that it finds the same rows.
    #[must_use]
    pub fn names(
        self,
        title: &str,
        full_names: bool,
        full: impl Fn(&'a R) -> Cell<'a> + 'a,
        short: impl Fn(&'a R) -> Cell<'a> + 'a,
    ) -> Self {
        let table = self.name("name", title, full);
        match full_names {
            true => table.name("short", title, short).searched_only(),
            false => table
                .machines_only()
                .name("short", title, short)
                .people_only(),
        }
    }

    /// Show the last column nowhere, but let `--filter` look at it.
    #[must_use]
    pub fn searched_only(self) -> Self {
        self.last(|column| column.audience = Audience::Nobody)
            .searched(true)
    }

    /// With a column of short text.
    #[must_use]
    pub fn text(
        self,
        key: &'static str,
        title: &str,
        read: impl Fn(&'a R) -> Cell<'a> + 'a,
    ) -> Self {
        self.column(key, title, Kind::Text, read)
    }

    /// With a column for a quantity.
    #[must_use]
    pub fn number(
        self,
        key: &'static str,
        title: &str,
        read: impl Fn(&'a R) -> Cell<'a> + 'a,
    ) -> Self {
        self.column(key, title, Kind::Number, read)
    }

    /// With a bar for a fraction of the largest row; only people see it.
    #[must_use]
    pub fn bar(self, key: &'static str, read: impl Fn(&'a R) -> f64 + 'a) -> Self {
        self.column(key, "", Kind::Bar, move |row| Cell::Bar(read(row)))
            .people_only()
    }

    fn last(mut self, change: impl FnOnce(&mut Column<'a, R>)) -> Self {
        if let Some(column) = self.columns.last_mut() {
            change(column);
        }
        self
    }

    /// Gives the columns of this key another title.
    #[must_use]
    pub fn titled(mut self, key: &str, title: &'static str) -> Self {
        let of_key = self.columns.iter_mut().filter(|column| column.key == key);
        of_key.for_each(|column| column.title = title.into());
        self
    }

    /// Sum the last column in the total row and in what was cut.
    #[must_use]
    pub fn summed(self) -> Self {
        self.last(|column| column.summed = true)
    }

    /// How readily the last column goes when the terminal is too narrow: 0 (the default) never,
    /// the highest number first.
    #[must_use]
    pub fn droppable(self, importance: u8) -> Self {
        self.last(|column| column.importance = importance)
    }

    /// Leave the last column out of CSV.
    #[must_use]
    pub fn people_only(self) -> Self {
        self.last(|column| column.audience = Audience::People)
    }

    /// Leave the last column out of human and Markdown tables.
    #[must_use]
    pub fn machines_only(self) -> Self {
        self.last(|column| column.audience = Audience::Machines)
    }

    /// Whether `--filter` looks at the last column (by default only at names).
    #[must_use]
    pub fn searched(self, searched: bool) -> Self {
        self.last(|column| column.searched = searched)
    }

    /// How many rows people see when they give no `--limit`; 20 by default, 0 for all.
    #[must_use]
    pub fn default_limit(mut self, rows: usize) -> Self {
        self.default_limit = rows;
        self
    }

    /// What the total row is called.
    #[must_use]
    pub fn total_label(mut self, label: impl Into<String>) -> Self {
        self.total_label = label.into();
        self
    }

    /// What a row is, in the singular, where nothing can be added up and the total is how many there are.
    #[must_use]
    pub fn counted(mut self, noun: &'static str) -> Self {
        self.noun = Some(noun);
        self
    }

    /// What people read in place of a table without rows.
    #[must_use]
    pub fn when_empty(mut self, line: impl Into<String>) -> Self {
        self.when_empty = line.into();
        self
    }

    /// Only rows for which this holds count in sums: rows that overlap others must not.
    #[must_use]
    pub fn counting(mut self, counts: impl Fn(&R) -> bool + 'a) -> Self {
        self.counts = Some(Box::new(counts));
        self
    }

    /// Whether `row` counts in sums.
    pub(super) fn counts(&self, row: &R) -> bool {
        self.counts.as_ref().is_none_or(|counts| counts(row))
    }

    /// All rows, in their default order.
    pub fn rows(&self) -> &'a [R] {
        self.rows
    }

    /// The columns that CSV files have.
    pub(super) fn machine_columns(&self) -> impl Iterator<Item = &Column<'a, R>> {
        self.columns
            .iter()
            .filter(|column| matches!(column.audience, Audience::Everyone | Audience::Machines))
    }

    /// The columns that people see, before the width of the terminal has its say. An order that
    /// cannot be seen would be a riddle: so the column that was asked for by `--sort` is one.
    pub(super) fn human_columns(
        &self,
        selection: &Selection<'a, R>,
    ) -> impl Iterator<Item = &Column<'a, R>> {
        let seen = |column: &Column<'a, R>| {
            matches!(column.audience, Audience::Everyone | Audience::People)
        };
        let sorted = selection.sorted.filter(|key| {
            let mut columns = self.columns.iter().filter(|column| column.key == *key);
            columns.all(|column| !seen(column) && !matches!(column.kind, Kind::Name | Kind::Label))
        });
        self.columns.iter().filter(move |column| {
            let asked = Some(column.key) == sorted && column.audience != Audience::Nobody;
            seen(column) || asked
        })
    }

    /// The rows that `--filter`, `--sort` and `--limit` ask for.
    ///
    /// # Errors
    ///
    /// A usage error that lists the columns when `--sort` names none of them.
    pub fn select(&self, options: &OutputOptions) -> Result<Selection<'a, R>> {
        let mut rows: Vec<&'a R> = match &options.filter {
            None => self.rows.iter().collect(),
            Some(pattern) => {
                let searched: Vec<_> = self.columns.iter().filter(|c| c.searched).collect();
                let matches = |row| {
                    searched.iter().any(|column| match column.read(row) {
                        Cell::Text(text) => pattern.is_match(&text),
                        _ => false,
                    })
                };
                self.rows.iter().filter(|row| matches(row)).collect()
            }
        };
        let mut sorted = None;
        if let Some(key) = &options.sort {
            let column = self.sort_column(key);
            let column = column.ok_or_else(|| self.unknown_column(key))?;
            sorted = Some(column.key);
            rows.sort_by_cached_key(|row| Sorted(column.read(row)));
        }
        let limit = match options.limit {
            Some(0) => rows.len(),
            Some(limit) => limit,
            None if options.format.is_for_machines() || self.default_limit == 0 => rows.len(),
            None => self.default_limit,
        };
        // A row that says "… 1 more" would take the line of the one that it hides.
        let hides_one = options.limit.is_none() && rows.len() == limit.saturating_add(1);
        let shown = if hides_one {
            rows.len()
        } else {
            limit.min(rows.len())
        };
        Ok(Selection {
            rows,
            first: 0,
            shown,
            sorted,
            filtered: options.filter.is_some(),
        })
    }

    /// The column that `--sort` means: by its key, else by the title that people see above it.
    fn sort_column(&self, name: &str) -> Option<&Column<'a, R>> {
        let is_one = |c: &&Column<'a, R>| c.kind != Kind::Bar && c.audience != Audience::Nobody;
        let quantities = || self.columns.iter().filter(is_one);
        let titled = |column: &&Column<'a, R>| {
            let plain = |text: &str| text.replace([' ', '-', '_'], "").to_lowercase();
            !column.title.is_empty() && plain(&column.title) == plain(name)
        };
        let keyed = |column: &&Column<'a, R>| column.key == name;
        // A name that people see shortened is sorted in full, so that the order is that of JSON.
        let full = |column: &&Column<'a, R>| {
            column.kind != Kind::Name || column.audience != Audience::People
        };
        let first = |is: &dyn Fn(&&Column<'a, R>) -> bool| {
            let whole = quantities().find(|column| is(column) && full(column));
            whole.or_else(|| quantities().find(|column| is(column)))
        };
        first(&keyed).or_else(|| first(&titled))
    }

    fn unknown_column(&self, key: &str) -> Error {
        let keys = self
            .columns
            .iter()
            .filter(|column| column.kind != Kind::Bar && column.audience != Audience::Nobody);
        // People and machines may have a column each under one key, wherever these are.
        let mut seen = std::collections::HashSet::new();
        let keys = keys.map(|column| column.key);
        let keys: Vec<_> = keys.filter(|key| seen.insert(*key)).collect();
        Error::usage(
            format!("`{key}` is not a column of this view"),
            format!("sort by a column's title, or one of: {}", keys.join(", ")),
        )
    }

    /// The summed columns that machines see, each with its sum over `rows`.
    pub fn sums<'r>(
        &self,
        rows: impl IntoIterator<Item = &'r &'a R>,
    ) -> Vec<(&'static str, Cell<'a>)>
    where
        'a: 'r,
        R: 'r,
    {
        let columns: Vec<_> = self
            .machine_columns()
            .filter(|column| column.summed)
            .collect();
        let mut sums: Vec<_> = columns
            .iter()
            .map(|column| (column.key, Cell::Empty))
            .collect();
        for row in rows.into_iter().filter(|row| self.counts(row)) {
            for (column, (_, sum)) in columns.iter().zip(&mut sums) {
                sum.add(&column.read(row));
            }
        }
        sums
    }
}

/// A cell in the order of `--sort`.
struct Sorted<'a>(Cell<'a>);

impl PartialEq for Sorted<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Sorted<'_> {}
impl PartialOrd for Sorted<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Sorted<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.sort_order(&other.0)
    }
}

/// The rows that were asked for, in the order that was asked for.
pub struct Selection<'a, R> {
    rows: Vec<&'a R>,
    first: usize,
    shown: usize,
    sorted: Option<&'static str>,
    filtered: bool,
}

impl<'a, R> Selection<'a, R> {
    /// The rows to show.
    pub fn shown(&self) -> &[&'a R] {
        self.rows.get(self.first..self.shown).unwrap_or_default()
    }

    /// Without the first rows, which another table shows; they are still part of the total.
    #[must_use]
    pub fn without_first(mut self, rows: usize) -> Self {
        self.first = rows.min(self.rows.len());
        self.shown = self.shown.max(self.first);
        self
    }

    /// The key of the column that was asked for by `--sort`.
    pub(super) fn sorted(&self) -> Option<&'static str> {
        self.sorted
    }

    /// The rows that match but were cut off by the limit.
    pub fn cut(&self) -> &[&'a R] {
        self.rows.get(self.shown..).unwrap_or_default()
    }

    /// The rows that match, shown or not; `None` when there was no filter.
    pub fn matched(&self) -> Option<&[&'a R]> {
        self.filtered.then_some(&self.rows)
    }
}

#[cfg(test)]
mod tests;
