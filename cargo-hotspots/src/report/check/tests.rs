use super::*;
use crate::gate::{
    change::Change as Measured,
    harness::Throughput,
    requirement::Requirement,
    row::{Against, Figures, Grew},
    verdict::{Evidence, Limits, Status, judge},
};

fn row(name: &str, change: f64) -> Row {
    let changes: Vec<f64> = (0..12).map(|i| change + f64::from(i - 6) * 0.001).collect();
    let measured = Measured::of_pairs(changes.iter().map(|change| (1.0, 1.0 + change)));
    let limits = Limits::default();
    let verdict = judge(&[Evidence::new(measured, limits)], 1).remove(0);
    Row {
        benchmark: name.into(),
        target: "cr".into(),
        package: Some("app".into()),
        harness: None,
        metric: Metric::Time,
        status: verdict.status,
        reason: None,
        figures: Some(Figures {
            baseline: 1000.0,
            current: 1000.0 * (1.0 + change),
            medians: (1010.0, 1010.0 * (1.0 + change)),
            p90: Some((1100.0, 1200.0)),
            throughput: Some(Throughput::Bytes(4096.0)),
            verdict,
            first: None,
            changes,
        }),
        requirements: Vec::new(),
        accepted: None,
        limits,
        grew: Vec::new(),
    }
}

fn gate() -> Gate {
    let mut slower = row("regex/search", 0.123);
    let grew = |is_crate, name: &str, delta| Grew {
        is_crate,
        name: name.into(),
        delta,
    };
    slower.grew = vec![
        grew(true, "regex_automata", 0.091),
        grew(true, "app", 0.024),
        grew(false, "regex_automata::find", 0.08),
    ];
    let mut missing = row("gone|x", 0.0);
    missing.figures = None;
    missing.status = Status::Missing;
    missing.reason = Some("the current side has no such benchmark".into());
    Gate {
        rows: vec![missing, slower, row("faster", -0.2), row("same", 0.001)],
        against: Against {
            name: "before".into(),
            commit: Some("0123456789abcdef".into()),
            cpu: None,
            age: None,
        },
        fail_on: Vec::new(),
        stopped: false,
        elapsed: Duration::from_secs(61),
        seed: 7,
        family: 4,
        shard: None,
        shares: Vec::new(),
        culprit: None,
        warnings: Vec::new(),
    }
}

fn shown(gate: &Gate, options: &OutputOptions) -> String {
    let (mut console, captured) = Console::in_memory();
    write(gate, options, &Extra::default(), &mut console).unwrap();
    captured.stdout()
}

/// It detects 4.4 %: the tenth block, which is the interval's upper end, is at least 0.1 points over
/// the median in most runs of this spread, and the interval has to reach 4.5 %.
#[test]
fn the_evidence_is_one_line() {
    assert_eq!(
        evidence::line(&gate().rows[1], "before"),
        "perf: regex/search: +12.2 % [+11.9, +12.6] vs before (n=12, detects ≥ 4.4 %) → fail \
         (action 10 %); grew: regex_automata +9.1 %, app +2.4 %; most in regex_automata::find \
         +8.0 %"
    );
    // The two middle pairs are 1 and 1.001, whose geometric mean is 1.0004999.
    let same = evidence::line(&gate().rows[3], "before");
    assert!(same.contains(": ~ 0.0 % ["), "{same}");
    assert!(same.ends_with("→ pass"), "{same}");
}

#[test]
fn people_read_the_verdict_first_and_only_what_changed() {
    let text = shown(&gate(), &OutputOptions::default());
    assert!(
        text.starts_with(
            "fail: 1 benchmark failed, 1 benchmark missing, 1 benchmark faster, 1 unchanged\n"
        ),
        "{text}"
    );
    assert!(text.contains("regex/search") && text.contains("pass (faster)"));
    assert!(!text.contains("same"), "{text}");
    assert!(text.contains("1 benchmark unchanged (show all with `-n 0`)"));
    assert!(text.contains("geometric mean"));
    let all = OutputOptions {
        limit: Some(0),
        ..OutputOptions::default()
    };
    assert!(shown(&gate(), &all).contains("same"));
}

#[test]
fn machines_read_all_rows_under_the_names_of_the_interface() {
    let json = OutputOptions {
        format: Format::Json,
        ..OutputOptions::default()
    };
    let value: serde_json::Value = serde_json::from_str(&shown(&gate(), &json)).unwrap();
    assert_eq!(value["schema"], "cargo-hotspots/1");
    assert_eq!(value["view"], "check");
    assert_eq!(value["passed"], false);
    assert_eq!(value["rows"].as_array().unwrap().len(), 4);
    let row = &value["rows"][1];
    for key in [
        "benchmark",
        "target",
        "metric",
        "baseline",
        "current",
        "change",
        "ci_low",
        "ci_high",
        "minimum_detectable",
        "runs",
        "status",
        "grew",
    ] {
        assert!(!row[key].is_null(), "{key}");
    }
    assert_eq!(row["metric"], "time");
    assert_eq!(row["grew"][0]["kind"], "crate");
    assert_eq!(row["grew"][2]["kind"], "function");
    assert!(value["rows"][0]["change"].is_null());
}

#[test]
fn github_gets_errors_for_what_fails_and_cells_that_stay_cells() {
    let text = github::annotations(&gate());
    assert_eq!(
        text.lines()
            .filter(|line| line.starts_with("::error"))
            .count(),
        2
    );
    assert!(text.contains("%25"), "{text}");
    let comment = github::comment(&gate());
    assert!(comment.contains("gone\\|x"));
    assert!(comment.contains("<details><summary>1 benchmark unchanged"));
    let many = Gate {
        rows: (0..2000).map(|i| row(&format!("slow/{i}"), 0.2)).collect(),
        ..gate()
    };
    let comment = github::comment(&many);
    assert!(comment.len() <= 65_536 && comment.contains("did not fit"));
    let annotations = github::annotations(&many);
    assert_eq!(annotations.lines().count(), 10);
    assert!(annotations.contains("1991 more"));
}

#[test]
fn a_gate_says_no_for_what_fails_and_for_what_was_asked() {
    let of = |rows: Vec<Row>, fail_on: Vec<Status>| Gate {
        rows,
        fail_on,
        ..gate()
    };
    let attention = || {
        let mut row = row("a", 0.06);
        row.status = Status::Attention;
        row
    };
    assert!(!of(vec![attention()], Vec::new()).fails());
    assert!(of(vec![attention()], vec![Status::Attention]).fails());
    assert!(of(vec![row("b", 0.2)], Vec::new()).fails());
    assert!(!of(vec![row("c", 0.0)], Vec::new()).fails());
}

#[test]
fn shards_are_merged_when_all_are_there_and_fit() {
    let directory = tempfile::tempdir().unwrap();
    let json = OutputOptions {
        format: Format::Json,
        ..OutputOptions::default()
    };
    let all = gate();
    let mut paths = Vec::new();
    for (index, rows) in all.rows.chunks(2).enumerate() {
        let mut part = Gate {
            rows: rows.to_vec(),
            shard: Some((index + 1, 2)),
            ..all.clone()
        };
        part.rows[0].requirements = vec![
            Requirement::parse("time <= 10 us")
                .unwrap()
                .check(&[1.0; 12], None),
        ];
        let path = directory.path().join(format!("{index}.json"));
        std::fs::write(&path, shown(&part, &json)).unwrap();
        paths.push(path);
    }
    let merged = merge(&paths).unwrap();
    assert_eq!(merged.rows.len(), 4);
    assert!(merged.fails());
    let names = |gate: &Gate| {
        let mut rows: Vec<_> = gate
            .rows
            .iter()
            .map(|row| (row.benchmark.clone(), row.status, row.grew.len()))
            .collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        rows
    };
    assert_eq!(names(&merged), names(&all));
    let change = |gate: &Gate| {
        gate.rows
            .iter()
            .find(|row| row.benchmark == "regex/search")
            .unwrap()
            .change()
            .unwrap()
    };
    assert!((change(&merged) - change(&all)).abs() < 1e-9);

    let message = |paths: &[PathBuf]| merge(paths).unwrap_err().to_string();
    assert!(message(&paths[..1]).contains("not there: 2"));
    let twice = [paths[0].clone(), paths[0].clone()];
    assert!(message(&twice).contains("is there twice"));
    std::fs::write(&paths[1], "{}").unwrap();
    assert!(message(&paths).contains("cannot be merged"));
    assert!(merge(&[]).is_err());
}

#[test]
fn the_dots_show_blocks_and_limits() {
    let line = plot::line(&row("a", 0.123)).unwrap();
    assert!(
        line.contains('┆') && line.contains('┊') && line.contains('•'),
        "{line}"
    );
    let svg = plot::svg(&gate());
    // Three benchmarks with figures, twelve blocks each.
    assert_eq!(svg.matches("<circle").count(), 36);
    let bencher: serde_json::Value = serde_json::from_str(&json::bencher(&gate())).unwrap();
    assert_eq!(bencher["regex/search"]["latency"]["value"], 1123.0);
}
