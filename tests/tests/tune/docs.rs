//! The page on `cargo tune` says what the tool says.

use std::path::Path;

use crate::project::{MANIFEST, Project};

/// Set `UPDATE_DOCS=1` to write the page anew.
#[test]
fn the_knob_table_is_the_tools_own() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/tune.md");
    let page = std::fs::read_to_string(&path).expect("the page");
    let marker = page.find("<!-- The table is").expect("the marker");
    let end = marker + page[marker..].find("-->").expect("its end") + 4;
    let run = Project::new(&[("Cargo.toml", MANIFEST)]).tune(&[
        "explain",
        "--message-format",
        "markdown",
    ]);
    let table: Vec<&str> = run
        .stdout
        .lines()
        .filter(|l| l.starts_with('|') && !l.contains(" in total**"))
        .collect();
    assert!(table.len() > 20, "{}", run.stdout);
    let wanted = format!("{}\n{}\n", &page[..end], table.join("\n"));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &wanted).expect("write the page");
    } else {
        assert_eq!(page, wanted, "run the test with UPDATE_DOCS=1");
    }
}
