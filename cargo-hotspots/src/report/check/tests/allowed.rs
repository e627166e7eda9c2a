//! What is worse within its limits, and what a merge keeps.

use super::*;

/// What was agreed to happened all the same: it is said, with its reason, in each text.
#[test]
fn a_slowdown_that_is_allowed_is_not_called_none() {
    let mut agreed = row("agreed", 0.46);
    agreed.status = Status::Pass;
    agreed.accepted = Some((0.6, "checks its input".into()));
    let mut count = counted_row("agreed", "cr", Metric::Instructions, Some(0.499));
    count.status = Status::Pass;
    let gate = Gate {
        rows: vec![agreed, count, row("little", 0.03), row("same", 0.0)],
        ..gate()
    };
    assert_eq!(
        verdict(&gate),
        "pass: 2 benchmarks worse within the limit, 1 unchanged"
    );
    let text = shown(&gate, &OutputOptions::default());
    assert!(
        text.contains("pass (slower)") && text.contains("pass (more)"),
        "{text}"
    );
    assert!(!text.contains('~'), "{text}");
    assert!(
        text.contains("→ pass, +60.0 % is agreed to: checks its input"),
        "{text}"
    );
    assert!(
        text.contains("→ pass (slower, within the concern of 5 %)"),
        "{text}"
    );
    let comment = github::comment(&gate);
    assert!(comment.contains("| pass (more) | +49.9 %"), "{comment}");
    assert!(comment.contains("checks its input"), "{comment}");
}

/// Counts have no blocks: the runs and the first stage are those of the shard.
#[test]
fn a_merge_keeps_how_often_each_was_run() {
    let directory = tempfile::tempdir().unwrap();
    let json = OutputOptions {
        format: Format::Json,
        ..OutputOptions::default()
    };
    let mut count = counted_row("a", "cr", Metric::Bytes, Some(0.2));
    count.figures.as_mut().unwrap().verdict.n = 2;
    let mut timed = row("a", 0.2);
    let first = timed
        .figures
        .as_ref()
        .map(|figures| figures.verdict.clone());
    timed.figures.as_mut().unwrap().first = first;
    let part = Gate {
        rows: vec![count, timed],
        shard: Some((1, 1)),
        ..gate()
    };
    let path = directory.path().join("1.json");
    std::fs::write(&path, shown(&part, &json)).unwrap();
    let merged = merge(&[path]).unwrap();
    let rows = |gate: &Gate| {
        let shown = shown(gate, &json);
        let all: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let of = |row: &serde_json::Value| {
            (
                row["metric"].clone(),
                row["runs"].clone(),
                row["first_stage"].clone(),
                row["slower"].clone(),
            )
        };
        all["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(of)
            .collect::<Vec<_>>()
    };
    assert_eq!(rows(&merged).len(), 2);
    let mut before = rows(&part);
    before.sort_by_key(|row| row.0.to_string());
    let mut after = rows(&merged);
    after.sort_by_key(|row| row.0.to_string());
    assert_eq!(after, before);
}
