//! The envelope and the machine formats.

use super::*;
use serde_json::Value;

struct Row {
    name: String,
    file: u64,
}

#[derive(Serialize)]
struct JsonRow<'a> {
    name: &'a str,
    file: u64,
}

fn json_row(row: &Row) -> JsonRow<'_> {
    JsonRow {
        name: &row.name,
        file: row.file,
    }
}

fn rows(count: u64) -> Vec<Row> {
    (0..count)
        .map(|n| Row {
            name: format!("row, \"{n}\""),
            file: count - n,
        })
        .collect()
}

fn report(rows: &[Row]) -> Report<'_, Row> {
    let table = Table::new(rows)
        .name("name", "Name", |row| row.name.as_str().into())
        .number("file", "Size", |row| Cell::Bytes(row.file))
        .summed()
        .bar("bar", |row| row.file as f64);
    Report::new("cargo-test/1", "1.2.3", "rows", table)
        .member("artifact", &serde_json::json!({ "path": "x" }))
        .warnings([Warning::new("odd", "3 rows are odd")
            .help("look away")
            .count(3)])
}

fn written(rows: &[Row], options: &OutputOptions) -> String {
    let mut to = Vec::new();
    report(rows)
        .write(&mut to, options, &Style::plain(), json_row)
        .unwrap();
    String::from_utf8(to).unwrap()
}

fn json(rows: &[Row], options: OutputOptions) -> Value {
    let options = OutputOptions {
        format: Format::Json,
        ..options
    };
    serde_json::from_str(&written(rows, &options)).unwrap()
}

#[test]
fn the_envelope_is_one_object_with_all_rows() {
    let all = json(&rows(30), OutputOptions::default());
    assert_eq!(all["schema"], "cargo-test/1");
    assert_eq!(all["tool_version"], "1.2.3");
    assert_eq!(all["view"], "rows");
    assert_eq!(all["artifact"]["path"], "x");
    assert_eq!(all["rows"].as_array().unwrap().len(), 30);
    assert_eq!(all["rows"][0]["name"], "row, \"0\"");
    assert_eq!(all["warnings"][0]["code"], "odd");
    assert_eq!(all["warnings"][0]["help"], "look away");
    assert!(all.get("cut").is_none());
}

#[test]
fn a_limit_says_what_it_cut() {
    let cut = json(
        &rows(30),
        OutputOptions {
            limit: Some(28),
            ..OutputOptions::default()
        },
    );
    assert_eq!(cut["rows"].as_array().unwrap().len(), 28);
    assert_eq!(cut["cut"], serde_json::json!({ "rows": 2, "file": 3 }));
    let all = json(
        &rows(3),
        OutputOptions {
            limit: Some(0),
            ..OutputOptions::default()
        },
    );
    assert!(all.get("cut").is_none());
}

#[test]
fn rows_beyond_one_chunk_stay_whole() {
    let many = rows(10_000);
    let value = json(&many, OutputOptions::default());
    let sum: u64 = value["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["file"].as_u64().unwrap())
        .sum();
    assert_eq!(sum, 10_000 * 10_001 / 2);
    assert_eq!(
        json(&[], OutputOptions::default())["rows"],
        serde_json::json!([])
    );
}

#[test]
fn csv_has_exact_integers_and_quotes() {
    let options = OutputOptions {
        format: Format::Csv,
        ..OutputOptions::default()
    };
    assert_eq!(
        written(&rows(2), &options),
        "name,file\n\"row, \"\"0\"\"\",2\n\"row, \"\"1\"\"\",1\n"
    );
}

/// A name from somebody's file must not drive the terminal that shows the CSV.
#[test]
fn csv_escapes_control_characters() {
    let options = OutputOptions {
        format: Format::Csv,
        ..OutputOptions::default()
    };
    let rows = [Row {
        name: "a\u{1b}[31m\nb".into(),
        ..rows(1).remove(0)
    }];
    assert_eq!(written(&rows, &options), "name,file\na\\u{1b}[31m\\nb,1\n");
}

#[test]
fn a_wrong_sort_column_writes_nothing() {
    let options = OutputOptions {
        sort: Some("nope".into()),
        ..OutputOptions::default()
    };
    let mut to = Vec::new();
    let rows = rows(1);
    let result = report(&rows).write(&mut to, &options, &Style::plain(), json_row);
    assert!(matches!(result, Err(WriteError::Usage(_))));
    assert!(to.is_empty());
}
