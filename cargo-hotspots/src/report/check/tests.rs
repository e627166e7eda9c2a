use super::*;
use crate::gate::{
    change::Change as Measured,
    harness::Throughput,
    requirement::Requirement,
    row::{Against, Figures, Grew},
    verdict::{Evidence, Limits, Status, judge},
};

mod allowed;

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
        commit: Some("fedcba9876543210".into()),
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
        evidence::line(&gate().rows[1], &gate().names(), "before"),
        "perf: regex/search: +12.2 % [+11.9, +12.6] vs before (n=12, detects ≥ 4.4 %) → fail \
         (action 10 %); grew: regex_automata +9.1 %, app +2.4 %; most in regex_automata::find \
         +8.0 %"
    );
    // The two middle pairs are 1 and 1.001, whose geometric mean is 1.0004999.
    let same = evidence::line(&gate().rows[3], &gate().names(), "before");
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

/// The exit code is that of the statuses; the first words never call it a pass.
#[test]
fn where_nothing_was_compared_no_pass_is_said() {
    for status in [Status::New, Status::Inconclusive] {
        let mut only = row("only", 0.0);
        (only.figures, only.status) = (None, status);
        let mut gate = Gate {
            rows: vec![only],
            ..gate()
        };
        let text = shown(&gate, &OutputOptions::default());
        let first = "inconclusive: no figures, so nothing was compared, 1 benchmark ";
        assert!(text.starts_with(first), "{text}");
        assert!(!gate.fails());
        gate.also_fail_on(&[status]);
        assert!(gate.fails());
    }
}

#[test]
fn csv_has_the_names_and_fractions_of_json() {
    let of = |format| {
        let options = OutputOptions {
            format,
            ..OutputOptions::default()
        };
        shown(&gate(), &options)
    };
    let json: serde_json::Value = serde_json::from_str(&of(Format::Json)).unwrap();
    let csv = of(Format::Csv);
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let keys = lines.next().unwrap();
    for (line, row) in lines.zip(json["rows"].as_array().unwrap()) {
        for key in [
            "benchmark",
            "target",
            "metric",
            "status",
            "change",
            "ci_low",
            "ci_high",
            "minimum_detectable",
            "runs",
        ] {
            let at = keys.iter().position(|one| *one == key).unwrap();
            assert_eq!(keys.iter().filter(|one| **one == key).count(), 1, "{key}");
            let same = match &row[key] {
                serde_json::Value::String(text) => line[at] == text,
                serde_json::Value::Null => line[at].is_empty(),
                // What reads the JSON here is wrong in the last bit.
                number => {
                    (line[at].parse::<f64>().unwrap() - number.as_f64().unwrap()).abs() < 1e-12
                }
            };
            assert!(same, "{key}: {} {}", line[at], row[key]);
        }
    }
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
    assert!(message(&paths[..1]).contains("no file: 2"));
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
    assert!(!svg.contains("<path"), "all is within the scale");
    let bencher: serde_json::Value = serde_json::from_str(&bencher::bencher(&gate())).unwrap();
    assert_eq!(bencher["regex/search"]["latency"]["value"], 1123.0);
}

/// The row of a metric that has counts and no blocks.
fn counted_row(name: &str, target: &str, metric: Metric, change: Option<f64>) -> Row {
    let mut row = row(name, change.unwrap_or(0.0));
    row.target = target.into();
    row.metric = metric;
    if let Some(figures) = &mut row.figures {
        figures.changes.clear();
        figures.p90 = None;
        if change.is_none() {
            (figures.baseline, figures.current) = (0.0, 5.0);
        }
        figures.verdict.estimate = change;
        figures.verdict.interval = change.map(|change| crate::gate::change::Interval {
            low: change,
            high: change,
        });
    }
    row
}

/// `mix` of two targets: one fails, and the other has other metrics.
fn ambiguous() -> Gate {
    let mut failing = row("mix", 0.5);
    failing.target = "crit2".into();
    let mut passing = row("mix", 0.0);
    passing.target = "crit".into();
    Gate {
        rows: vec![
            failing,
            passing,
            counted_row("mix", "crit", Metric::Instructions, Some(-0.3)),
            counted_row("mix", "crit", Metric::Allocations, None),
            counted_row("join", "crit", Metric::Bytes, Some(4.0)),
        ],
        ..gate()
    }
}

#[test]
fn benchmarks_of_one_id_are_told_apart_by_their_target() {
    let gate = ambiguous();
    let bencher: serde_json::Value = serde_json::from_str(&bencher::bencher(&gate)).unwrap();
    assert_eq!(bencher["crit2/mix"]["latency"]["value"], 1500.0);
    assert_eq!(bencher["crit/mix"]["latency"]["value"], 1000.0);
    assert_eq!(bencher["crit/mix"]["instructions"]["value"], 700.0);
    assert!(bencher["crit/mix"]["allocations"].is_object());
    assert!(bencher["join"]["bytes"].is_object());
    assert_eq!(bencher.as_object().unwrap().len(), 3);
    let github = github::annotations(&gate);
    assert!(github.contains("title=crit2/mix%3A fail"), "{github}");
    let line = evidence::line(&gate.rows[0], &gate.names(), "before");
    assert!(
        line.starts_with("perf: crit2/mix: +50 %") || line.starts_with("perf: crit2/mix: +49.9"),
        "{line}"
    );
    let text = shown(&gate, &OutputOptions::default());
    assert!(text.contains("In") && text.contains("crit2"), "{text}");
    let fewer = evidence::line(&gate.rows[2], &gate.names(), "before");
    assert!(!fewer.contains("faster"), "{fewer}");
    let mut namesakes = ambiguous();
    namesakes.rows[1].target = "crit2".into();
    namesakes.rows[1].package = Some("other".into());
    assert_eq!(namesakes.names().of(&namesakes.rows[0]), "app/crit2/mix");
    assert_eq!(namesakes.names().of(&namesakes.rows[2]), "crit/mix");
}

#[test]
fn fewer_is_said_of_what_is_counted() {
    let mut row = counted_row("a", "cr", Metric::Bytes, Some(-0.5));
    row.figures.as_mut().unwrap().verdict.improved = true;
    let gate = Gate {
        rows: vec![row],
        ..gate()
    };
    let line = evidence::line(&gate.rows[0], &gate.names(), "before");
    assert!(line.ends_with("→ pass (fewer)"), "{line}");
    assert!(github::comment(&gate).contains("pass (fewer)"));
}

/// Rows of metrics are no benchmarks: the verdict and the fold count the same.
#[test]
fn what_did_not_change_is_counted_in_benchmarks() {
    let quiet = ["b", "c", "d"].map(|name| row(name, 0.0));
    let of = |metric| ["a", "b", "c", "d"].map(|name| counted_row(name, "cr", metric, Some(0.0)));
    let mut rows = vec![row("a", 0.3)];
    rows.extend(quiet);
    rows.extend(of(Metric::Bytes));
    rows.extend(of(Metric::Instructions));
    let gate = Gate { rows, ..gate() };
    assert_eq!(verdict(&gate), "fail: 1 benchmark failed, 3 unchanged");
    let comment = github::comment(&gate);
    assert!(
        comment.contains("<summary>3 benchmarks unchanged (11 rows)<"),
        "{comment}"
    );
}

/// What is far outside is at the edge, with an arrow and its figure; nothing is outside the picture.
#[test]
fn the_picture_shows_all_and_names_the_metric() {
    let svg = plot::svg(&ambiguous());
    let places = svg.split_whitespace().filter_map(|word| {
        let value = word.strip_prefix("cx=\"").or(word.strip_prefix("x1=\""));
        let value = value.or(word.strip_prefix("x2=\""))?;
        value
            .trim_end_matches(|c: char| !c.is_ascii_digit())
            .parse::<f64>()
            .ok()
    });
    let places: Vec<f64> = places.collect();
    assert!(places.len() > 20);
    assert!(
        places.iter().all(|x| (0.0..=920.0).contains(x)),
        "{places:?}"
    );
    assert!(svg.contains(">+400.0 %</text>"), "{svg}");
    assert!(svg.contains("from none"), "{svg}");
    for label in ["mix instructions", "mix allocations", "join bytes"] {
        assert!(svg.contains(&format!("{label} <tspan")), "{label}: {svg}");
    }
    // One that has not changed is told from one that is at the action.
    let long = Gate {
        rows: vec![row(&"x".repeat(80), 0.0)],
        ..gate()
    };
    let svg = plot::svg(&long);
    assert!(svg.contains("…") && !svg.contains(&format!("</title>{}", "x".repeat(40))));
}

fn held(status: Status) -> crate::gate::shares::Held {
    crate::gate::shares::Held {
        text: "crate:dep_x > 15%".into(),
        limit: 0.15,
        share: (status != Status::Missing).then_some(0.5),
        interval: (status != Status::Missing).then_some((0.01, 0.99)),
        samples: 2,
        status,
        reason: (status != Status::Fail).then(|| "of a reason".into()),
    }
}

#[test]
fn conditions_over_shares_are_reported_in_each_format() {
    let of = |status, format| {
        let gate = Gate {
            shares: vec![held(status)],
            ..Gate::empty()
        };
        let options = OutputOptions {
            format,
            ..OutputOptions::default()
        };
        let (mut console, captured) = Console::in_memory();
        write_shares(&gate, &options, &Extra::default(), &mut console).unwrap();
        (gate.fails(), captured.stdout())
    };
    let (fails, text) = of(Status::Fail, Format::Github);
    assert!(
        fails && text.starts_with("::error title=crate%3Adep_x > 15%25%3A fail::"),
        "{text}"
    );
    let (fails, text) = of(Status::Missing, Format::Github);
    assert!(fails && text.contains("of a reason"), "{text}");
    let (fails, text) = of(Status::Inconclusive, Format::Github);
    assert!(!fails && text.starts_with("::warning"), "{text}");
    assert_eq!(of(Status::Pass, Format::Github).1, "");
    let (_, text) = of(Status::Inconclusive, Format::Human);
    assert!(
        text.starts_with("inconclusive: 1 share not told from the limit"),
        "{text}"
    );
    let (_, text) = of(Status::Fail, Format::Markdown);
    assert!(
        text.starts_with("## Performance: fail: 1 share over the limit"),
        "{text}"
    );

    let (_, alone) = of(Status::Missing, Format::Json);
    let alone: serde_json::Value = serde_json::from_str(&alone).unwrap();
    assert_eq!(alone["rows"][0]["status"], "missing");
    assert!(alone["rows"][0]["sampling_error"].is_null() && alone["baseline"].is_null());
    assert_eq!(alone["shares"], alone["rows"]);
    let json = OutputOptions {
        format: Format::Json,
        ..OutputOptions::default()
    };
    let compared: serde_json::Value = serde_json::from_str(&shown(&gate(), &json)).unwrap();
    for key in compared.as_object().unwrap().keys() {
        assert!(alone.get(key).is_some(), "{key}");
    }
}

#[test]
fn an_inconclusive_share_fails_where_that_is_asked_for() {
    let mut gate = Gate {
        shares: vec![held(Status::Inconclusive)],
        ..Gate::empty()
    };
    assert!(!gate.fails());
    gate.also_fail_on(&[Status::Inconclusive]);
    assert!(gate.fails());
}

/// What fails is the union of what the shards and the merge say.
#[test]
fn what_a_merge_fails_on_is_what_any_shard_does() {
    let directory = tempfile::tempdir().unwrap();
    let json = OutputOptions {
        format: Format::Json,
        ..OutputOptions::default()
    };
    let part = |index: usize, fail_on: Vec<Status>| {
        let mut attention = row("a", 0.06);
        attention.status = Status::Attention;
        let part = Gate {
            rows: vec![attention],
            shard: Some((index, 2)),
            fail_on,
            ..gate()
        };
        let path = directory.path().join(format!("{index}.json"));
        std::fs::write(&path, shown(&part, &json)).unwrap();
        path
    };
    let paths = [part(1, Vec::new()), part(2, vec![Status::Attention])];
    assert!(merge(&paths).unwrap().fails());
    let paths = [part(1, Vec::new()), part(2, Vec::new())];
    let mut merged = merge(&paths).unwrap();
    assert!(!merged.fails());
    merged.also_fail_on(&[Status::Attention]);
    assert!(merged.fails());
}
