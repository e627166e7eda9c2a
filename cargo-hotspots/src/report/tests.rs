//! What users see of a small recording, in every format.

use super::{calls, crates, functions, lines, overview, threads};
use crate::{
    analysis::{self, Frames, Measured, Subject, fixture::Fixture},
    profile::{CallGraph, Losses},
    recording::{About, Degradation, Program, Recording},
};
use codecost::{
    Result,
    attribution::Origin,
    console::Console,
    report::{Format, OutputOptions},
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A program that sorts in a dependency, allocates, and has a little of everything.
fn example() -> Fixture {
    let mut fixture = Fixture::new();
    let libc = fixture.krate("[libc]", Origin::Native, true);
    let kernel = fixture.krate("[kernel]", Origin::Kernel, true);
    let core = fixture.krate("core", Origin::Std, true);
    let unknown = fixture.krate("[unknown]", Origin::Unknown, false);
    let app = fixture.krate("app", Origin::Workspace, false);
    let delta = fixture.krate("delta", Origin::Registry, false);
    let start = fixture.function("__libc_start_main", libc);
    let main = fixture.function("app::main", app);
    let run = fixture.function("app::run::<alloc::vec::Vec<u8>>", app);
    let work = fixture.function("<delta::Work<u8> as core::iter::Iterator>::next", delta);
    let sort = fixture.function("core::slice::sort::quicksort::<u64>", core);
    let compare = fixture.function("core::cmp::lt", core);
    let fault = fixture.function("asm_exc_page_fault", kernel);
    let nothing = fixture.function("[unknown]", unknown);
    let start = fixture.frame(&[start]);
    let main = fixture.frame(&[main]);
    let work = fixture.frame(&[work, run]);
    let sort = fixture.frame(&[compare, sort]);
    let fault = fixture.frame(&[fault]);
    let nothing = fixture.frame(&[nothing]);
    for (frames, samples) in [
        (vec![start, main, work], 300),
        (vec![start, main, work, sort], 600),
        (vec![start, main, fault], 70),
        (vec![nothing], 20),
        (vec![start], 10),
    ] {
        let stack = fixture.stack(&frames);
        fixture.samples(stack, samples);
    }
    fixture.profile.losses = Losses {
        lost: 3,
        unrooted: 20,
        ..Losses::default()
    };
    fixture
}

fn recording() -> Recording {
    Recording {
        data: "target/hotspots/1/perf.data".into(),
        about: Some(About {
            recorder: "perf".into(),
            command: vec!["target/release/app".into(), "--fast".into()],
            programs: vec![Program {
                path: "target/release/app".into(),
                package: Some("app".into()),
                target: Some("app".into()),
                kind: Some("bin".into()),
                exit_code: Some(0),
                ..Program::default()
            }],
            build_profile: Some("release".into()),
            build_notes: vec!["debug=1".into(), "strip=none".into()],
            degradations: vec![Degradation {
                code: "no-pmu".into(),
                what: "no hardware counters here: sampled by the clock".into(),
                remedy: "record on hardware, or in a machine with a virtual PMU".into(),
            }],
            ..About::default()
        }),
    }
}

/// Analyses a recording and shows the rows.
type Show = fn(&Subject<'_>, &OutputOptions, &mut Console) -> Result<()>;

fn shown(fixture: &Fixture, show: Show, options: &OutputOptions) -> (String, String) {
    let recording = recording();
    let (mut console, captured) = Console::in_memory();
    show(&fixture.subject(&recording), options, &mut console).unwrap();
    (captured.stdout(), captured.stderr())
}

fn options(format: Format) -> OutputOptions {
    OutputOptions {
        format,
        ..OutputOptions::default()
    }
}

const CRATES: Show =
    |subject, options, console| crates::write(&analysis::crates(subject)?, options, console);

const COMMANDS: [(&str, Show); 7] = [
    ("overview", |subject, options, console| {
        overview::write(&analysis::overview(subject)?, options, console)
    }),
    ("crates", CRATES),
    ("functions", |subject, options, console| {
        functions::write(&analysis::functions(subject)?, options, console)
    }),
    ("lines", |subject, options, console| {
        lines::write(&analysis::lines(subject)?, options, console)
    }),
    ("callers", |subject, options, console| {
        let analysis = analysis::callers(subject, "quicksort", Frames::Folded)?;
        calls::write_callers(&analysis, options, console)
    }),
    ("callees", |subject, options, console| {
        let analysis = analysis::callees(subject, "app::main", Frames::Folded)?;
        calls::write_callees(&analysis, options, console)
    }),
    ("threads", |subject, options, console| {
        threads::write(&analysis::threads(subject)?, options, console)
    }),
];

#[test]
fn people_see() {
    let fixture = example();
    for (view, show) in COMMANDS {
        let (out, _) = shown(&fixture, show, &options(Format::Human));
        insta::assert_snapshot!(view, out);
    }
}

#[test]
fn markdown_and_csv_have_all_views() {
    let fixture = example();
    for (view, show) in COMMANDS {
        let (out, _) = shown(&fixture, show, &options(Format::Markdown));
        assert!(out.contains("| --"), "{view}: {out}");
        assert!(out.contains("quality"), "{view}: {out}");
        let (out, _) = shown(&fixture, show, &options(Format::Csv));
        let mut lines = out.lines();
        let columns = lines.next().unwrap().split(',').count();
        assert!(columns > 4 && lines.next().is_some(), "{view}: {out}");
        let header = out.lines().next().unwrap();
        let mut keys: Vec<_> = header.split(',').collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), columns, "{view}: a column twice: {header}");
    }
}

#[test]
fn json_is_the_contracts() {
    let fixture = example();
    let rows = [
        (
            "crates",
            "name package version origin self charged caused inclusive samples",
        ),
        (
            "functions",
            "name crate version self symbol_self charged inclusive inlined samples file line",
        ),
        ("lines", "file line crate function self samples"),
        (
            "overview",
            "name package version origin self charged caused inclusive samples",
        ),
        ("threads", "name self samples"),
        ("callers", "name depth inclusive samples"),
        ("callees", "name depth inclusive samples"),
    ];
    for (view, show) in COMMANDS {
        let (out, err) = shown(&fixture, show, &options(Format::Json));
        assert_eq!(err, "", "warnings are in the JSON");
        let json: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(json["schema"], "cargo-hotspots/1");
        assert_eq!(json["view"], view);
        let recording = &json["recording"];
        assert_eq!(recording["samples"], 1000);
        assert_eq!(recording["lost"], 3);
        assert_eq!(recording["event"], "cpu-clock");
        assert_eq!(recording["duration_ns"], 1_500_000_000_u64);
        assert_eq!(recording["threads"], 1);
        let quality = &recording["quality"];
        assert_eq!(quality["unrooted"], 0.02);
        assert_eq!(quality["truncated"], 0.0);
        assert_eq!(quality["unknown"], 0.02);
        assert_eq!(quality["line_zero"], 0.0);
        let keys = rows.iter().find(|(of, _)| *of == view).unwrap().1;
        let all = json["rows"].as_array().unwrap();
        assert!(!all.is_empty(), "{view}");
        let mut ids: Vec<_> = all.iter().map(|row| row["id"].as_str().unwrap()).collect();
        for row in all {
            for key in keys.split(' ') {
                assert!(row.get(key).is_some(), "{view}: no `{key}` in {row}");
            }
        }
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "{view}: ids are not unique");
    }
}

#[test]
fn shares_sum_to_the_whole() {
    let fixture = example();
    let (out, _) = shown(&fixture, CRATES, &options(Format::Json));
    let json: Value = serde_json::from_str(&out).unwrap();
    for key in ["self", "charged", "caused"] {
        let rows = json["rows"].as_array().unwrap();
        let sum: f64 = rows.iter().map(|row| row[key].as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{key}: {sum}");
    }
}

#[test]
fn a_doubtful_recording_says_so() {
    let mut fixture = example();
    fixture.profile.losses.truncated = 300;
    fixture.profile.losses.unrooted = 320;
    fixture.profile.losses.lost = 100;
    let (out, err) = shown(&fixture, CRATES, &options(Format::Human));
    let doubtful = "doubtful: lost 9.1% is above 1.0%; unrooted 32.0% is above 10.0%; \
                    truncated 30.0% is above 10.0%";
    assert!(out.contains(doubtful), "{out}");
    assert!(err.contains("warning: 100 samples were lost"), "{err}");
    assert!(err.contains("--call-graph fp"), "{err}");
    let (out, _) = shown(&fixture, CRATES, &options(Format::Json));
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["recording"]["exceeded"].as_array().unwrap().len(), 3);
    let codes: Vec<_> = json["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| warning["code"].as_str().unwrap())
        // Why something is `null` does not make it doubtful.
        .filter(|code| !["unknown-packages", "unknown-build", "no-account"].contains(code))
        .collect();
    let expected = [
        "lost-samples",
        "truncated-stacks",
        "unrooted-stacks",
        "coverage-unknown",
    ];
    assert_eq!(codes, expected);
}

#[test]
fn a_few_stacks_without_an_end_may_have_most_of_the_bytes() {
    let mut fixture = example();
    let first = &mut fixture.profile.counts[0];
    first.unrooted = first.samples;
    first.period += 1 << 40;
    fixture.profile.add_up();
    fixture.profile.losses.unrooted = 1;
    let (_, err) = shown(&fixture, CRATES, &options(Format::Human));
    assert!(!err.contains("callers are missing"), "{err}");
    fixture.profile.allocations = Some(Default::default());
    let (out, err) = shown(&fixture, CRATES, &options(Format::Human));
    assert!(err.contains("of what was allocated is theirs"), "{err}");
    // `--strict` fails of it.
    assert!(out.contains("doubtful: unrooted"), "{out}");
    assert!(out.contains("of the bytes is above 10.0%"), "{out}");
}

#[test]
fn without_stacks_the_quality_line_says_what_that_means() {
    let mut fixture = example();
    fixture.profile.call_graph = CallGraph::None;
    let (out, err) = shown(&fixture, CRATES, &options(Format::Human));
    let quality = out.lines().next().unwrap();
    assert!(
        quality.contains("charged and caused end at the inline chain"),
        "{quality}"
    );
    assert!(err.contains("no call stacks"), "{err}");
}

#[test]
fn no_samples_is_an_error_that_says_why() {
    let fixture = Fixture::new();
    let mut recording = recording();
    let ask = |recording: &Recording| analysis::crates(&fixture.subject(recording)).unwrap_err();
    let error = ask(&recording);
    assert_eq!(error.exit_code(), 101);
    assert!(error.to_string().contains("no CPU time"), "{error}");
    assert!(error.hint().unwrap().contains("doctor"));
    recording.about.as_mut().unwrap().programs[0].exit_code = Some(2);
    let error = ask(&recording);
    assert!(
        error
            .to_string()
            .contains("`app` ended at once, with exit code 2"),
        "{error}"
    );
}

#[test]
fn filter_sort_and_limit_are_obeyed() {
    let fixture = example();
    let options = OutputOptions {
        format: Format::Json,
        limit: Some(1),
        sort: Some("self".into()),
        ..OutputOptions::default()
    };
    let (out, _) = shown(&fixture, CRATES, &options);
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["rows"][0]["name"], "core");
    assert_eq!(json["cut"]["rows"], 6);
    let cut = json["cut"]["self"].as_f64().unwrap();
    assert!((cut - 0.4).abs() < 1e-9, "{cut}");
}

#[test]
fn two_recordings_side_by_side() {
    let before = example();
    let mut after = example();
    // The sort takes twice as long.
    after.profile.counts[1].samples *= 2;
    after.profile.counts[1].period *= 2;
    let recording = recording();
    let measure = |fixture: &Fixture| vec![Measured::new(&fixture.subject(&recording)).unwrap()];
    let comparison = analysis::compare(&measure(&before), &measure(&after), false).unwrap();
    let shown = |format| {
        let (mut console, captured) = Console::in_memory();
        super::diff::write(&comparison, &options(format), &mut console).unwrap();
        captured.stdout()
    };
    insta::assert_snapshot!("diff", shown(Format::Human));
    let json: Value = serde_json::from_str(&shown(Format::Json)).unwrap();
    assert_eq!(json["view"], "diff");
    let rows = json["rows"].as_array().unwrap();
    let delta = rows.iter().find(|row| row["id"] == "crate:delta").unwrap();
    assert_eq!(delta["kind"], "crate");
    let figure = |key: &str| delta[key].as_f64().unwrap();
    assert!((figure("before") - 0.9).abs() < 1e-9);
    assert!((figure("after") - 1500.0 / 1600.0).abs() < 1e-9);
    assert!((figure("delta") - (1500.0 / 1600.0 - 0.9)).abs() < 1e-9);
    // A sample is a millisecond: 600 more of them.
    assert_eq!(json["cpu_before_ns"], 1_000_000_000_u64);
    assert_eq!(json["cpu_after_ns"], 1_600_000_000_u64);
    assert_eq!(json["interval"], "sampling");
    assert!(json["scaled"].is_null());
    assert_eq!(delta["before_ns"], 900_000_000);
    assert_eq!(delta["delta_ns"], 600_000_000);
    for (low, delta_key, high) in [
        ("ci_low", "delta", "ci_high"),
        ("ci_low_ns", "delta_ns", "ci_high_ns"),
    ] {
        assert!(figure(low) < figure(delta_key) && figure(delta_key) < figure(high));
    }
    // Within a kind the changes sum to nothing.
    for kind in ["crate", "function"] {
        let of_kind = rows.iter().filter(|row| row["kind"] == kind);
        let sum: f64 = of_kind.map(|row| row["delta"].as_f64().unwrap()).sum();
        assert!(sum.abs() < 1e-9, "{kind}: {sum}");
    }
    assert!(shown(Format::Csv).starts_with("kind,crate,name,before_ns,after_ns"));
    assert!(shown(Format::Markdown).contains("| --"));
}

/// Each warning says what to do about it: `.help(…)` follows every place that makes one.
#[test]
fn no_warning_is_made_without_help() {
    fn files(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                _ if path.is_dir() => files(&path, found),
                Some(extension) if extension == "rs" => found.push(path),
                _ => {}
            }
        }
    }
    /// What comes after the parenthesis that closes the first one.
    fn after_call(text: &str) -> &str {
        let mut depth = 0;
        let end = text.find(|c: char| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth == 0
        });
        &text[end.unwrap() + 1..]
    }
    let mut all = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    let (mut made, mut without) = (0, Vec::new());
    for path in all.iter().filter(|path| !path.ends_with("tests.rs")) {
        let text = fs::read_to_string(path).unwrap();
        let own = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for (at, call) in own.match_indices("Warning::new(") {
            made += 1;
            let rest = after_call(&own[at + call.len() - 1..]);
            if !rest.trim_start().starts_with(".help(") {
                let line = own[..at].matches('\n').count() + 1;
                without.push(format!("{}:{line}", path.display()));
            }
        }
    }
    assert!(made > 60, "{made}");
    assert!(without.is_empty(), "{without:#?}");
}
