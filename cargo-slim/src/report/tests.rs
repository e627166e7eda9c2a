//! What users see of every view, in every format. Snapshots are read as a user would read them:
//! at 80 and 120 columns and piped.

use super::{crates, data, fixture, functions, generics, loads, overview, sections};
use crate::analysis::model::By;
use codecost::{
    Result,
    console::Console,
    report::{Format, OutputOptions, Table},
};
use serde_json::Value;
use std::collections::HashSet;
use unicode_width::UnicodeWidthStr;

/// The command of a line, and the options that its flags make.
fn options(line: &str) -> (&str, OutputOptions) {
    let mut words = line.split_whitespace();
    let command = words.next().unwrap();
    let mut options = OutputOptions::default();
    while let Some(flag) = words.next() {
        let mut value = || words.next().unwrap();
        match flag {
            "-n" => options.limit = Some(value().parse().unwrap()),
            "-w" => options.full_names = true,
            "--filter" => options.filter = Some(codecost::pattern::Pattern::new(value()).unwrap()),
            "--sort" => options.sort = Some(value().into()),
            "--message-format" => {
                options.format = match value() {
                    "json" => Format::Json,
                    "csv" => Format::Csv,
                    "markdown" => Format::Markdown,
                    other => panic!("{other}"),
                }
            }
            other => panic!("{other}"),
        }
    }
    (command, options)
}

/// Shows what the command of `line` would show of the fixture.
fn write(line: &str, console: &mut Console) -> Result<()> {
    let (command, options) = options(line);
    let options = &options;
    match command {
        "overview" => overview::write(&fixture::analysis(fixture::overview()), options, console),
        "sections" => sections::write(&fixture::analysis(fixture::sections()), options, console),
        "crates" => {
            let analysis = fixture::analysis(fixture::crates());
            crates::write(&analysis, By::Defined, options, console)
        }
        "functions" => functions::write(&fixture::analysis(fixture::functions()), options, console),
        "generics" => generics::write(&fixture::analysis(fixture::generics()), options, console),
        "data" => data::write(&fixture::analysis(fixture::data()), options, console),
        "loads" => loads::write(&fixture::analysis(fixture::loads()), options, console),
        other => panic!("{other}"),
    }
}

const VIEWS: [&str; 7] = [
    "overview",
    "sections",
    "crates",
    "functions",
    "generics",
    "data",
    "loads",
];

fn shown(line: &str, width: Option<usize>) -> String {
    let (mut console, captured) = Console::in_memory();
    console.set_width(width);
    write(line, &mut console).unwrap();
    captured.stdout()
}

fn json(line: &str) -> Value {
    serde_json::from_str(&shown(&format!("{line} --message-format json"), None)).unwrap()
}

/// Names are spelt out only for rows that are shown.
#[test]
fn whatever_is_shown_has_its_name() {
    type Named = fn(&OutputOptions) -> usize;
    let views: [(usize, Named); 2] = [
        (data::ROWS, data::named),
        (overview::FUNCTIONS, overview::named),
    ];
    for (limit, named) in views {
        for flags in ["", "-n 0", "-n 1", "-n 30", "--filter x"] {
            let (_, options) = options(&format!("view {flags}"));
            for count in [limit, limit + 1, limit + 2, 50] {
                let rows = vec![(); count];
                let table = Table::new(&rows).name("name", "Name", |()| "x".into());
                let selection = table.default_limit(limit).select(&options).unwrap();
                let shown = selection.shown().len();
                assert!(shown <= named(&options), "{flags}: {shown} of {count}");
            }
        }
    }
    let (_, options) = options("data --message-format json -n 1");
    assert_eq!(data::named(&options), usize::MAX);
}

#[test]
fn human_pages() {
    for view in VIEWS {
        insta::assert_snapshot!(format!("{view}-80"), shown(view, Some(80)));
        insta::assert_snapshot!(format!("{view}-120"), shown(view, Some(120)));
    }
    insta::assert_snapshot!("functions-piped", shown("functions", None));
    insta::assert_snapshot!("functions-full-80", shown("functions -w -n 3", Some(80)));
    insta::assert_snapshot!(
        "crates-filter-80",
        shown("crates --filter mem|small -n 3", Some(80))
    );
}

#[test]
fn machine_formats() {
    for view in VIEWS {
        let csv = shown(&format!("{view} --message-format csv -n 3"), Some(80));
        insta::assert_snapshot!(format!("{view}-csv"), csv);
        let json = shown(&format!("{view} --message-format json -n 2"), None);
        insta::assert_snapshot!(format!("{view}-json"), json);
    }
    insta::assert_snapshot!(
        "crates-md",
        shown("crates --message-format markdown -n 3", None)
    );
    insta::assert_snapshot!(
        "overview-md",
        shown("overview --message-format markdown", None)
    );
}

#[test]
fn tables_fit_the_terminal() {
    for view in VIEWS {
        for width in [80, 100, 120] {
            let text = shown(view, Some(width));
            // The header's path and the notes below are sentences, which terminals wrap.
            let rows = text
                .lines()
                .filter(|line| line.contains("iB ") || line.contains('─'));
            for line in rows.filter(|line| !line.contains("strip")) {
                assert!(line.width() <= width, "{view} at {width}: {line}");
            }
        }
    }
}

#[test]
fn json_has_the_contracts_members_and_every_row() {
    for view in VIEWS {
        let value = json(view);
        assert_eq!(value["schema"], "cargo-slim/1");
        assert_eq!(value["view"], view);
        assert_eq!(value["artifact"]["format"], "elf");
        assert_eq!(value["artifact"]["shipped_size"], 4_521_976);
        assert_eq!(value["total"]["file"], 6_291_456);
        assert_eq!(value["warnings"][0]["code"], "unowned-assembly");
        assert!(value.get("cut").is_none());
        let rows = value["rows"].as_array().unwrap();
        let ids: HashSet<_> = rows.iter().filter_map(|row| row["id"].as_str()).collect();
        assert!(
            view == "loads" || ids.len() == rows.len(),
            "{view}: ids are not unique"
        );
    }
    for view in ["sections", "crates"] {
        let rows = json(view)["rows"].as_array().unwrap().clone();
        let sum: u64 = rows.iter().map(|row| row["file"].as_u64().unwrap()).sum();
        assert_eq!(sum, 6_291_456, "{view}");
    }
}

#[test]
fn a_limit_in_json_says_what_it_cut() {
    let value = json("functions -n 5");
    assert_eq!(value["rows"].as_array().unwrap().len(), 5);
    assert_eq!(value["cut"]["rows"], 23);
    let all: u64 = fixture::functions().iter().map(|row| row.file).sum();
    let kept: u64 = fixture::functions()[..5].iter().map(|row| row.file).sum();
    assert_eq!(value["cut"]["file"], all - kept);
}

#[test]
fn ids_do_not_depend_on_filter_and_limit() {
    let id = |line: &str, row: usize| json(line)["rows"][row]["id"].as_str().unwrap().to_owned();
    let second = "function:core::core::ptr::drop_in_place::<rg::A>#2";
    assert_eq!(id("functions", 6), second);
    assert_eq!(id("functions --filter drop_in_place", 1), second);
}

#[test]
fn a_filter_finds_names_as_they_are_shown_and_in_full() {
    let found = |pattern: &str| {
        let rows = &json(&format!("functions --filter {pattern}"))["rows"];
        rows.as_array().unwrap().len()
    };
    assert_eq!(found("^<Core.as.Strategy>::search$"), 1);
    assert_eq!(found("^<regex_automata::.*Core.as.*Strategy>::search$"), 1);
    assert_eq!(found("^nobody$"), 0);
}

#[test]
fn a_wrong_sort_column_lists_the_columns() {
    let (mut console, captured) = Console::in_memory();
    let error = write("sections --sort weight", &mut console).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert_eq!(
        error.hint().unwrap(),
        "sort by a column's title, or one of: shipped, file, share, name, kind, address, memory, unshipped"
    );
    assert_eq!(captured.stdout(), "");
}

#[test]
fn colour_is_sparing_and_only_on_request() {
    let (mut console, captured) = Console::in_memory();
    console.set_color(Some(codecost::console::ColorWhen::Always));
    write("crates", &mut console).unwrap();
    assert!(captured.stdout().contains("\u{1b}["));
    assert!(!captured.stdout().contains("\u{1b}[2J"));
    assert!(!shown("functions", None).contains('\u{1b}'));
}
