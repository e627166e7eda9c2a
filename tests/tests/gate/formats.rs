//! The formats of a gate: Markdown, GitHub's annotations and summary, CSV, human.

use crate::project::{check, growing, snapshot};
use crate::slim;
use integration_tests::command::{command, output};
use std::fs;

const TOO_SMALL: &str = "[[budget]]\nbin = \"growing\"\nmeasure = \"shipped\"\nlimit = \"1 KiB\"\n\
                         reason = \"50% of | it\"\n";

#[test]
fn markdown_has_the_verdict_first_and_folds_the_rest() {
    let fixture = growing();
    let before = snapshot(&fixture, "before.json", &[]);
    let run = check(
        &fixture,
        TOO_SMALL,
        &[
            "--message-format",
            "markdown",
            "--features",
            "report",
            "--baseline",
            before.to_str().unwrap(),
        ],
    );
    assert_eq!(run.code, Some(100), "{}", run.stderr);
    let text = run.stdout;
    println!("{text}");
    assert!(
        text.starts_with("### ❌ Size: 1 budget exceeded\n"),
        "{text}"
    );
    let place = |part: &str| {
        text.find(part)
            .unwrap_or_else(|| panic!("no {part} in\n{text}"))
    };
    // Why, with what the limit is for, before the figures.
    let why = "- `growing`, `shipped`: ";
    assert!(place(why) < place("| fail |"));
    assert!(place("over the limit (50% of \\| it)") < place("| fail |"));
    assert!(place("| fail |") < place("since the baseline"));
    // The rows are of what ships; what does not is one line, and sums are of what changed.
    assert!(place("**all that changed**") < place("<sub>not shipped: debug information"));
    assert!(place("**all that changed**") < place("<details>"));
    assert!(place("feature `report` of `growing` switched on") < place("<details>"));
    assert!(place("| helper |") < place("<details>"));
    assert_eq!(
        text.matches("<details>").count(),
        text.matches("</details>").count()
    );
    // Each table has one number of columns.
    let mut columns = None;
    for line in text.lines() {
        let bars = line.replace("\\|", "").matches('|').count();
        match (line.starts_with('|'), columns) {
            (false, _) => columns = None,
            (true, None) => columns = Some(bars),
            (true, Some(wanted)) => assert_eq!(bars, wanted, "{line}"),
        }
    }
    assert!(text.chars().count() <= 65_536);
}

#[test]
fn github_gets_annotations_and_a_summary() {
    let fixture = growing();
    fs::write(fixture.path().join("slim.toml"), TOO_SMALL).unwrap();
    let summary = fixture.root().join("summary.md");
    fs::write(&summary, "before\n").unwrap();
    let mut command = command(env!("CARGO_BIN_EXE_slim-under-test"));
    command
        .args(["slim", "check", "--message-format", "github"])
        .env("GITHUB_STEP_SUMMARY", &summary)
        .current_dir(fixture.path());
    let run = output(&mut command);
    assert_eq!(run.status.code(), Some(100));
    let text = String::from_utf8(run.stdout).unwrap();
    let start = "::error file=slim.toml,line=1,title=growing shipped::";
    assert!(text.starts_with(start), "{text}");
    assert!(text.contains("(50%25 of | it)"), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    let summary = fs::read_to_string(&summary).unwrap();
    assert!(summary.starts_with("before\n### ❌ Size"), "{summary}");
}

#[test]
fn other_views_refuse_githubs_format() {
    let run = slim().run(["crates", "--message-format", "github"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("it is for gates"), "{}", run.stderr);
    assert!(!slim().run(["crates", "--help"]).stdout.contains("github"));
    assert!(slim().run(["check", "--help"]).stdout.contains("github"));
}

#[test]
fn csv_and_tables_have_every_budget() {
    let fixture = growing();
    let run = check(&fixture, TOO_SMALL, &["--message-format", "csv"]);
    assert_eq!(run.code, Some(100));
    let mut lines = run.stdout.lines();
    assert_eq!(
        lines.next(),
        Some("status,budget,artifact,measure,value,limit,slack,baseline,growth,reason,why")
    );
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("fail,growing shipped,growing,shipped,")
    );
    let run = check(&fixture, TOO_SMALL, &[]);
    assert!(
        run.stdout.starts_with("1 budget exceeded\n"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("over the limit"), "{}", run.stdout);
}
