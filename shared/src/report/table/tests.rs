use super::*;
use crate::pattern::Pattern;
use crate::report::Format;

type Row = (&'static str, u64);
const ROWS: [Row; 4] = [("delta", 40), ("alpha", 30), ("beta", 20), ("gamma", 10)];

fn table() -> Table<'static, Row> {
    Table::new(&ROWS)
        .name("name", "Name", |row| row.0.into())
        .number("file", "Size", |row| Cell::Bytes(row.1))
        .summed()
        .default_limit(2)
}

fn names(options: &OutputOptions) -> Vec<&'static str> {
    table()
        .select(options)
        .unwrap()
        .shown()
        .iter()
        .map(|row| row.0)
        .collect()
}

#[test]
fn names_that_are_shown_shortened_are_sorted_in_full() {
    let rows = ["core::fmt::write", "app::write", "zip::append"];
    let short = |row: &&'static str| Cell::text(row.rsplit("::").next().unwrap_or(row));
    let table = Table::new(&rows)
        .name("function", "Function", short)
        .people_only()
        .name("function", "Function", |row| (*row).into())
        .machines_only();
    for sort in ["function", "Function"] {
        let options = OutputOptions {
            sort: Some(sort.into()),
            ..OutputOptions::default()
        };
        let selection = table.select(&options).unwrap();
        let shown: Vec<_> = selection.shown().iter().map(|row| **row).collect();
        assert_eq!(shown, ["app::write", "core::fmt::write", "zip::append"]);
    }
}

/// `--sort` by a column that only machines see shows it, and it is not dropped.
/// What is shown does not change what is found.
#[test]
fn a_filter_finds_the_same_rows_by_full_and_by_short_names() {
    let rows = ["core::fmt::write", "app::write", "app::fmt"];
    let found = |full_names: bool, pattern: &str| {
        let short = |row: &&'static str| Cell::text(row.rsplit("::").next().unwrap_or(row));
        let table = Table::new(&rows).names("Name", full_names, |row| (*row).into(), short);
        let options = OutputOptions {
            filter: Some(Pattern::new(pattern).unwrap()),
            full_names,
            ..OutputOptions::default()
        };
        let selection = table.select(&options).unwrap();
        let seen: Vec<_> = table.human_columns(&selection).map(|it| it.key).collect();
        assert_eq!(seen, [if full_names { "name" } else { "short" }]);
        let machines: Vec<_> = table.machine_columns().map(|it| it.key).collect();
        assert_eq!(machines, ["name"]);
        selection
            .shown()
            .iter()
            .map(|row| **row)
            .collect::<Vec<_>>()
    };
    for (pattern, expected) in [
        ("^write$", &["core::fmt::write", "app::write"][..]),
        ("^core::", &["core::fmt::write"]),
        ("fmt", &["core::fmt::write", "app::fmt"]),
    ] {
        for full_names in [false, true] {
            assert_eq!(
                found(full_names, pattern),
                expected,
                "{pattern} {full_names}"
            );
        }
    }
}

#[test]
fn the_column_that_was_sorted_by_is_seen() {
    let table = Table::new(&ROWS)
        .name("name", "Name", |row| row.0.into())
        .number("file", "Size", |row| Cell::Bytes(row.1))
        .droppable(1)
        .number("memory", "In memory", |row| Cell::Bytes(100 - row.1))
        .machines_only();
    let titles = |sort: Option<&str>| {
        let options = OutputOptions {
            sort: sort.map(Into::into),
            ..OutputOptions::default()
        };
        let selection = table.select(&options).unwrap();
        let grid = table.grid(&selection, false);
        let titled =
            |column: &crate::report::page::GridColumn| (column.title.clone(), column.importance);
        grid.columns.iter().map(titled).collect::<Vec<_>>()
    };
    let seen = |titles: &[(&str, u8)]| {
        let owned = titles
            .iter()
            .map(|(title, importance)| ((*title).to_owned(), *importance));
        owned.collect::<Vec<_>>()
    };
    assert_eq!(titles(None), seen(&[("Name", 0), ("Size", 1)]));
    assert_eq!(titles(Some("name")), seen(&[("Name", 0), ("Size", 1)]));
    assert_eq!(titles(Some("size")), seen(&[("Name", 0), ("Size", 0)]));
    assert_eq!(
        titles(Some("memory")),
        seen(&[("Name", 0), ("Size", 1), ("In memory", 0)])
    );
}

#[test]
fn the_rest_of_a_table_has_the_rows_that_the_first_part_has_not() {
    let all = OutputOptions {
        limit: Some(0),
        ..OutputOptions::default()
    };
    let rest = table().select(&all).unwrap().without_first(3);
    assert_eq!(rest.shown(), [&ROWS[3]]);
    let rest = table().select(&all).unwrap().without_first(9);
    assert!(rest.shown().is_empty() && rest.cut().is_empty());
    let cut = table().select(&OutputOptions::default()).unwrap();
    let cut = cut.without_first(1);
    assert_eq!((cut.shown(), cut.cut().len()), (&[&ROWS[1]][..], 2));
}

#[test]
fn people_see_the_default_limit_and_machines_see_all() {
    let options = OutputOptions::default();
    assert_eq!(names(&options), ["delta", "alpha"]);
    let options = OutputOptions {
        format: Format::Json,
        ..options
    };
    assert_eq!(names(&options).len(), 4);
    let options = OutputOptions {
        limit: Some(1),
        ..options
    };
    assert_eq!(names(&options), ["delta"]);
}

#[test]
fn zero_means_all_and_no_cut_hides_a_single_row() {
    let all = OutputOptions {
        limit: Some(0),
        ..OutputOptions::default()
    };
    assert_eq!(names(&all).len(), 4);
    let table = table().default_limit(3);
    assert_eq!(
        table
            .select(&OutputOptions::default())
            .unwrap()
            .shown()
            .len(),
        4
    );
    let asked = OutputOptions {
        limit: Some(3),
        ..OutputOptions::default()
    };
    assert_eq!(table.select(&asked).unwrap().cut().len(), 1);
}

#[test]
fn filter_and_sort_work_on_all_rows_before_the_limit() {
    let options = OutputOptions {
        filter: Some(Pattern::new("a$").unwrap()),
        sort: Some("name".into()),
        ..OutputOptions::default()
    };
    assert_eq!(names(&options), ["alpha", "beta"]);
    let selection = table().select(&options).unwrap();
    assert_eq!(selection.matched().map(<[_]>::len), Some(4));
    assert_eq!(table().sums(selection.cut()), [("file", Cell::Bytes(50))]);
}

#[test]
fn an_unknown_sort_column_is_a_usage_error_that_lists_the_columns() {
    let options = OutputOptions {
        sort: Some("weight".into()),
        ..OutputOptions::default()
    };
    let error = table().select(&options).err().unwrap();
    assert_eq!(error.exit_code(), 2);
    assert_eq!(
        error.hint().unwrap(),
        "sort by a column's title, or one of: name, file"
    );
}

#[test]
fn the_title_above_a_column_sorts_as_its_key_does() {
    let sorted = |sort: &str| {
        names(&OutputOptions {
            sort: Some(sort.into()),
            limit: Some(0),
            ..OutputOptions::default()
        })
    };
    for title in ["Size", "size", "file"] {
        assert_eq!(
            sorted(title),
            ["delta", "alpha", "beta", "gamma"],
            "{title}"
        );
    }
    assert_eq!(sorted("Name"), ["alpha", "beta", "delta", "gamma"]);
}

#[test]
fn a_key_of_two_columns_is_offered_once() {
    let table = Table::new(&ROWS)
        .number("file", "Of all", |row| Cell::Bytes(row.1))
        .people_only()
        .name("name", "Name", |row| row.0.into())
        .number("file", "Of all", |row| Cell::Bytes(row.1))
        .machines_only();
    let options = OutputOptions {
        sort: Some("nothing".into()),
        ..OutputOptions::default()
    };
    let error = table.select(&options).err().unwrap();
    let hint = error.hint().unwrap_or_default();
    assert!(hint.ends_with("one of: file, name"), "{hint}");
}
