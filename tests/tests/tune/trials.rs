//! `measure` and `search` on a program that compiles in moments.

use crate::project::{MANIFEST, Project};

const SORT: &str = "fn main() {\n    let n: u64 = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(1000);\n    let mut v: Vec<u64> = (0..n).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();\n    v.sort();\n    println!(\"{}\", v[v.len() / 2]);\n}\n";

/// All trials of one program, one after the other: what one has built, the next finds done.
#[test]
fn a_program_is_measured_and_searched() {
    let project = Project::new(&[("Cargo.toml", MANIFEST), ("src/main.rs", SORT)]);
    measure_shows_each_knobs_part_without_touching_a_file(&project);
    a_failing_verify_rejects_the_winner(&project);
    shards_make_the_same_search_together(&project);
    search_finds_applies_and_undoes_within_the_budget(&project);
}

fn measure_shows_each_knobs_part_without_touching_a_file(project: &Project) {
    let before = project.snapshot();
    let run = project.json(&["measure", "--target", "size", "--workload", "app 2000"]);
    assert_eq!(project.snapshot(), before);
    assert!(!project.path("target/release").exists());
    let json = run.json();
    let baseline = json["baseline"]["file_size"].as_u64().unwrap();
    let rows = json["rows"].as_array().unwrap();
    let after = rows.iter().find(|r| r["name"] == "plan").unwrap();
    assert_eq!(after["status"], "chosen");
    assert!(after["file_size"].as_u64().unwrap() < baseline);
    assert!(after["time_ratio"].as_f64().unwrap() > 0.0);
    assert_eq!(after["time_ci"].as_array().unwrap().len(), 2);
    for knob in ["opt-level", "lto", "codegen-units", "panic", "strip"] {
        let name = format!("without {knob}");
        let row = rows
            .iter()
            .find(|r| r["name"] == name.as_str())
            .expect(knob);
        assert!(row["build_ns"].as_u64().unwrap() > 0);
        assert!(row["settings"].get(knob).is_none());
    }
    // The witness for one size: cargo alone with the same settings.
    let target = project.path("own");
    let mut cargo = integration_tests::command::cargo();
    cargo
        .args(["build", "--release", "-q", "--target-dir"])
        .arg(&target)
        .current_dir(project.root());
    for setting in [
        "opt-level=\"z\"",
        "lto=true",
        "codegen-units=1",
        "panic=\"abort\"",
        "strip=\"symbols\"",
    ] {
        cargo
            .arg("--config")
            .arg(format!("profile.release.{setting}"));
    }
    assert!(cargo.status().unwrap().success());
    let size = std::fs::metadata(target.join("release/app")).unwrap().len();
    assert_eq!(after["file_size"].as_u64().unwrap(), size);
    std::fs::remove_dir_all(&target).unwrap();
}

#[test]
fn without_codegen_units_rustc_gets_none() {
    let manifest = format!("{MANIFEST}[profile.release]\ncodegen-units = 1\nlto = true\n");
    let project = Project::new(&[("Cargo.toml", &manifest), ("src/main.rs", SORT)]);
    let json = project.json(&["measure", "--target", "balanced"]).json();
    let rows = json["rows"].as_array().unwrap();
    let named = |r: &&serde_json::Value| r["name"] == "without codegen-units";
    let row = rows.iter().find(named).expect("a row");
    assert_eq!(row["settings"]["codegen-units"], "unset");
    assert_eq!(row["status"], "kept", "{row}");
    // The record of the last build: what rustc got.
    let records = project.path("target/codecost/tune/trials/records");
    let units: Vec<String> = std::fs::read_dir(records)
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert!(units.iter().any(|unit| !unit.contains("codegen-units")));
    assert!(
        !units.iter().any(|unit| unit.contains("65521")),
        "{units:?}"
    );
}

fn search_finds_applies_and_undoes_within_the_budget(project: &Project) {
    let before = project.snapshot();
    let run = project.json(&[
        "search",
        "--target",
        "size",
        "--allow",
        "relr",
        "--verify",
        "test -x \"$CARGO_TUNE_BIN\"",
        "--prefer",
        "size",
        "--yes",
    ]);
    let json = run.json();
    let rows = json["rows"].as_array().unwrap();
    assert!(json["builds"].as_u64().unwrap() <= 12);
    let chosen = rows
        .iter()
        .find(|r| r["status"] == "chosen")
        .expect("a winner");
    let planned = rows.iter().find(|r| r["name"] == "plan").unwrap();
    let slack = planned["file_size"].as_u64().unwrap() + 1024;
    assert!(chosen["file_size"].as_u64().unwrap() <= slack);
    assert_eq!(json["reproducible"], true);
    // What was written makes the same file.
    let target = project.path("own");
    let mut cargo = integration_tests::command::cargo();
    cargo
        .args(["build", "--release", "-q", "--target-dir"])
        .arg(&target)
        .current_dir(project.root());
    assert!(cargo.status().unwrap().success());
    let size = std::fs::metadata(target.join("release/app")).unwrap().len();
    assert_eq!(chosen["file_size"].as_u64().unwrap(), size);
    std::fs::remove_dir_all(&target).unwrap();
    assert_eq!(project.tune(&["undo"]).code, Some(0));
    assert_eq!(project.snapshot(), before);
    // Again: everything is there already.
    let again = project
        .json(&["search", "--target", "size", "--allow", "relr"])
        .json();
    assert!(
        again["resumed"].as_u64().unwrap() >= 5,
        "{}",
        again["resumed"]
    );
}

fn shards_make_the_same_search_together(project: &Project) {
    let part = |index: usize, more: &[&str]| {
        let file = project.path(&format!("part{index}.json"));
        let shard = format!("{index}/2");
        let path = file.to_str().unwrap();
        let all = ["search", "--target", "size", "--shard", &shard, "-o", path];
        let run = project.tune(&[&all, more].concat());
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        (file, run.stdout)
    };
    // A part is whole and in JSON, whatever the terminal shows.
    let (one, table) = part(1, &["-n", "1"]);
    assert!(table.contains(" more"), "{table}");
    let (two, shown) = part(2, &["--message-format", "json"]);
    assert_eq!(shown, "");
    // Each part is wanted, and once.
    let (first, second) = (one.to_str().unwrap(), two.to_str().unwrap());
    for (parts, words) in [
        (&[first][..], "part 2 of 2 is missing"),
        (&[first, second, first], "is part 1, too"),
    ] {
        let run = project.tune(&[&["search", "--target", "size", "--merge"], parts].concat());
        assert_eq!(run.code, Some(2), "{}", run.stdout);
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
    let run = project.json(&[
        "search",
        "--target",
        "size",
        "--merge",
        one.to_str().unwrap(),
        two.to_str().unwrap(),
    ]);
    let json = run.json();
    let rows = json["rows"].as_array().unwrap();
    assert!(rows.iter().any(|r| r["name"] == "plan"));
    assert!(rows.iter().any(|r| r["name"] == "without lto"));
    assert_eq!(rows.iter().filter(|r| r["status"] == "chosen").count(), 1);
}

#[test]
fn a_failing_variant_is_a_row() {
    // Code that does not compile with one of the knobs.
    let source = format!("#[cfg(panic = \"abort\")]\ncompile_error!(\"no abort\");\n{SORT}");
    let project = Project::new(&[("Cargo.toml", MANIFEST), ("src/main.rs", &source)]);
    let json = project.json(&["measure", "--target", "size"]).json();
    let rows = json["rows"].as_array().unwrap();
    let after = rows.iter().find(|r| r["name"] == "plan").unwrap();
    assert_eq!(after["status"], "failed");
    assert!(
        after["reason"].as_str().unwrap().contains("no abort"),
        "{after}"
    );
    assert!(after["file_size"].is_null());
    let without = rows.iter().find(|r| r["name"] == "without panic").unwrap();
    assert!(without["file_size"].as_u64().is_some());
}

fn a_failing_verify_rejects_the_winner(project: &Project) {
    let json = project
        .json(&[
            "search", "--target", "size", "--budget", "4", "--verify", "exit 3",
        ])
        .json();
    let rows = json["rows"].as_array().unwrap();
    assert!(rows.iter().all(|r| r["status"] != "chosen"));
    assert!(
        rows.iter()
            .any(|r| r["reason"].as_str().is_some_and(|r| r.contains("--verify")))
    );
    assert!(json["warnings"].to_string().contains("budget"));
    let reason = json["baseline"]["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("every smaller variant failed: --verify"),
        "{reason}"
    );
}

#[test]
fn a_speed_search_claims_nothing_inside_the_noise() {
    // Nothing that a profile could speed up.
    let source = "fn main() { std::thread::sleep(std::time::Duration::from_millis(3)); }\n";
    let project = Project::new(&[("Cargo.toml", MANIFEST), ("src/main.rs", source)]);
    let json = project
        .json(&[
            "search",
            "--target",
            "speed",
            "--workload",
            "app",
            "--budget",
            "4",
        ])
        .json();
    assert_eq!(json["chosen"], "baseline", "{json}");
}

#[test]
fn a_profile_of_the_time_chooses_hot_and_cold_crates() {
    let project = Project::new(&[
        (
            "Cargo.toml",
            &format!(
                "{MANIFEST}[dependencies]\nhot = {{ path = \"hot\" }}\ncold = {{ path = \"cold\" }}\n[workspace]\n"
            ),
        ),
        (
            "src/main.rs",
            "fn main() { println!(\"{}\", hot::f(3) + cold::f(4)); }\n",
        ),
        (
            "hot/Cargo.toml",
            "[package]\nname = \"hot\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
        ),
        (
            "hot/src/lib.rs",
            "#[inline(never)]\npub fn f(x: u32) -> u32 { (0..x).map(|i| i * i).sum() }\n",
        ),
        (
            "cold/Cargo.toml",
            "[package]\nname = \"cold\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
        ),
        (
            "cold/src/lib.rs",
            "#[inline(never)]\npub fn f(x: u32) -> u32 { (0..x).map(|i| i ^ 5).sum() }\n",
        ),
        (
            "profile.json",
            r#"{"schema":"cargo-hotspots/1","view":"crates","rows":[{"name":"hot","package":"hot","charged":0.9,"self":0.5},{"name":"app","package":"app","charged":0.04,"self":0.04},{"name":"cold","package":"cold","charged":0.001,"self":0.001},{"name":"[kernel]","package":null,"charged":0.05}]}"#,
        ),
    ]);
    // The lock file says which packages there are.
    project.build(&["--release"]);
    let json = project
        .json(&[
            "search",
            "--target",
            "size",
            "--hotspots",
            "profile.json",
            "--svg",
            "front.svg",
        ])
        .json();
    let rows = json["rows"].as_array().unwrap();
    let drawing = project.read("front.svg");
    let drawn = rows.iter().filter(|row| row["status"] != "failed").count() + 1;
    assert_eq!(drawing.matches("<circle").count(), drawn, "{drawing}");
    let pruned = json["pruned"].as_array().unwrap();
    assert!(pruned.iter().any(|row| row["name"] == "without lto"));
    assert!(!rows.iter().any(|row| row["name"] == "without lto"));
    let row = rows
        .iter()
        .find(|r| r["name"] == "hot crates fast")
        .expect("a batch");
    assert_eq!(row["settings"]["package.hot.opt-level"], 3);
    // The program itself is hot, too: what its override says is no fault, and it stays stripped.
    assert_ne!(row["status"], "failed", "{row}");
    assert_eq!(row["settings"]["package.app.opt-level"], 3);
    assert_eq!(row["settings"]["package.app.strip"], "symbols");
    assert_eq!(row["file_size"], row["shipped_size"], "{row}");
    assert!(row["settings"].get("package.cold.opt-level").is_none());
    let bad = project.tune(&["search", "--target", "size", "--hotspots", "Cargo.toml"]);
    assert_eq!(bad.code, Some(2));
}
