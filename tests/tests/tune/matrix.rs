//! `show` on a hundred generated projects, with what rustc gets as the witness.
//!
//! Nothing is compiled: a wrapper in rustc's place notes its arguments and leaves empty files.

use std::fs;

use crate::project::{Call, MANIFEST, Project, Run};

/// How many projects are made.
const PROJECTS: u64 = 100;
/// How many are looked at side by side.
const WORKERS: u64 = 4;

/// A sequence that is the same on every machine (xorshift).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..8 {
            random.next();
        }
        random
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    /// True in so many of a hundred cases.
    fn percent(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.next() as usize % of.len()]
    }
}

/// Keys with values that cargo takes, as TOML.
const KEYS: &[(&str, &[&str])] = &[
    ("opt-level", &["0", "1", "2", "3", "\"s\"", "\"z\""]),
    ("lto", &["true", "false", "\"thin\"", "\"fat\"", "\"off\""]),
    ("codegen-units", &["1", "4", "16", "256"]),
    ("panic", &["\"abort\"", "\"unwind\""]),
    (
        "strip",
        &["true", "false", "\"debuginfo\"", "\"symbols\"", "\"none\""],
    ),
    (
        "debug",
        &["0", "1", "2", "true", "false", "\"line-tables-only\""],
    ),
    ("debug-assertions", &["true", "false"]),
    ("overflow-checks", &["true", "false"]),
    ("incremental", &["true", "false"]),
    ("rpath", &["true", "false"]),
];

/// Keys that a package may have of its own.
const OF_PACKAGES: &[&str] = &["opt-level", "codegen-units", "debug", "debug-assertions"];

/// Some keys, one a line; only those of packages where they are for one.
fn keys(random: &mut Random, percent: u64, of_package: bool) -> String {
    let mut text = String::new();
    for (key, values) in KEYS {
        let fits = !of_package || OF_PACKAGES.contains(key);
        if fits && random.percent(percent) {
            text.push_str(&format!("{key} = {}\n", random.one(values)));
        }
    }
    text
}

/// One generated project.
struct Case {
    project: Project,
    profile: &'static str,
    /// `--config` arguments.
    arguments: Vec<String>,
}

fn manifest(random: &mut Random) -> String {
    let mut text = MANIFEST.to_owned();
    text.push_str(random.one(&[
        "",
        "",
        "",
        "[lib]\n",
        "[lib]\ncrate-type = [\"cdylib\"]\n",
        "[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n",
        "[lib]\ncrate-type = [\"staticlib\"]\n",
        "[lib]\nproc-macro = true\n",
    ]));
    text.push_str("[dependencies]\ndep = { path = \"dep\" }\n");
    if random.percent(70) {
        text.push_str(&format!("[profile.release]\n{}", keys(random, 30, false)));
    }
    if random.percent(30) {
        text.push_str(&format!(
            "[profile.release.package.dep]\n{}",
            keys(random, 40, true)
        ));
    }
    if random.percent(20) {
        text.push_str(&format!(
            "[profile.release.package.\"*\"]\n{}",
            keys(random, 40, true)
        ));
    }
    text.push_str(&format!(
        "[profile.fast]\ninherits = \"release\"\n{}",
        keys(random, 15, false)
    ));
    text
}

/// A config file, and what it includes.
fn configuration(random: &mut Random, project: &Project, directory: &str, profile: &str) {
    let mut text = String::new();
    if random.percent(40) {
        text.push_str(random.one(&[
            "include = [\"extra.toml\"]\n",
            "include = [{ path = \"extra.toml\" }, { path = \"no.toml\", optional = true }]\n",
            "[[include]]\npath = \"extra.toml\"\n",
        ]));
        let extra = format!("[profile.{profile}]\n{}", keys(random, 25, false));
        project.write(&format!("{directory}/extra.toml"), &extra);
    }
    // Cargo refuses a text in one file beside a list in another.
    let flags = random.one(&[
        "[\"--cfg\", \"b\"]",
        "[\"--cfg\", \"d\"]",
        "[\"-Copt-level=1\"]",
    ]);
    match random.next() % 4 {
        0 => text.push_str(&format!("[build]\nrustflags = {flags}\n")),
        1 => text.push_str(&format!("[target.'cfg(unix)']\nrustflags = {flags}\n")),
        _ => {}
    }
    if random.percent(70) {
        text.push_str(&format!("[profile.{profile}]\n{}", keys(random, 20, false)));
    }
    if random.percent(30) {
        text.push_str(&format!(
            "[profile.{profile}.package.dep]\n{}",
            keys(random, 30, true)
        ));
    }
    let name = random.one(&["config.toml", "config.toml", "config"]);
    project.write(&format!("{directory}/{name}"), &text);
}

/// Variables that are not quoted as TOML is.
fn variables(random: &mut Random, mut project: Project) -> Project {
    for (key, values) in KEYS {
        if random.percent(6) {
            let name = format!(
                "CARGO_PROFILE_RELEASE_{}",
                key.to_uppercase().replace('-', "_")
            );
            project = project.env(&name, random.one(values).trim_matches('"'));
        }
    }
    if random.percent(15) {
        project = project.env("CARGO_PROFILE_RELEASE_PACKAGE_dep_OPT_LEVEL", "1");
    }
    if random.percent(10) {
        project = project.env("CARGO_INCREMENTAL", random.one(&["0", "1"]));
    }
    if random.percent(15) {
        project = project.env("RUSTFLAGS", random.one(&["", "--cfg e", "-C debuginfo=1"]));
    }
    if random.percent(10) {
        project = project.env("CARGO_BUILD_RUSTFLAGS", "--cfg f");
    }
    project
}

fn case(seed: u64) -> Case {
    let mut random = Random::new(seed);
    let manifest = manifest(&mut random);
    let source = match manifest.contains("[lib]") {
        true => "src/lib.rs",
        false => "src/main.rs",
    };
    let project = Project::new(&[
        ("Cargo.toml", &manifest),
        (source, "fn main() {}\n"),
        (
            "dep/Cargo.toml",
            "[package]\nname = \"dep\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
        ),
        ("dep/src/lib.rs", "\n"),
    ]);
    let profile = random.one(&["release", "release", "fast"]);
    if random.percent(60) {
        configuration(&mut random, &project, ".cargo", profile);
    }
    if random.percent(25) {
        configuration(&mut random, &project, "../.cargo", "release");
    }
    let mut arguments = Vec::new();
    for (key, values) in KEYS {
        if random.percent(5) {
            let value = random.one(values);
            arguments.push(format!("profile.{profile}.{key}={value}"));
        }
    }
    Case {
        project: variables(&mut random, project),
        profile,
        arguments,
    }
}

impl Case {
    /// The files and variables, for a message.
    fn text(&self) -> String {
        let files = self.project.snapshot();
        let mut text: String = files
            .iter()
            .map(|(path, bytes)| {
                format!("# {}\n{}\n", path.display(), String::from_utf8_lossy(bytes))
            })
            .collect();
        for above in ["config", "config.toml", "extra.toml"] {
            let path = self.project.path("../.cargo").join(above);
            if let Ok(content) = fs::read_to_string(&path) {
                text.push_str(&format!("# above: {above}\n{content}\n"));
            }
        }
        format!(
            "{text}{:?}\n--profile {} {:?}",
            self.project.variables(),
            self.profile,
            self.arguments
        )
    }
}

/// The value of a key that is in force in the first of these tables that has it.
fn in_force(run: &Run, tables: &[String], key: &str) -> Option<serde_json::Value> {
    let rows = run.rows(key);
    tables.iter().find_map(|table| {
        let row = rows.iter().find(|row| {
            row["table"] == table.as_str() && row["shadowed_by"].is_null() && row["void"].is_null()
        });
        row.map(|row| row["value"].clone())
    })
}

/// What is wrong between `show` and rustc's arguments.
fn differences(case: &Case, run: &Run, calls: &[Call]) -> Vec<String> {
    let mut wrong = Vec::new();
    let find = |name: &str| calls.iter().find(|c| c.after("--crate-name") == [name]);
    let (Some(app), Some(dep)) = (find("app"), find("dep")) else {
        return vec![format!("not compiled: {calls:?}")];
    };
    let own = vec![format!("profile.{}", case.profile)];
    for (key, _) in KEYS {
        match in_force(run, &own, key) {
            Some(value) if !app.shows(key, &value) => {
                wrong.push(format!("app {key}: shown {value}, passed {:?}", app.words));
            }
            Some(_) => {}
            // Void: rustc must not get what is written in the profile, which its own rows say.
            None if run.rows(key).is_empty() => wrong.push(format!("app {key}: not shown")),
            None => {}
        }
    }
    // An inherited profile's overrides rank below the profile's own.
    let mut tables: Vec<String> = Vec::new();
    for spec in ["dep", "*"] {
        for profile in [case.profile, "release"] {
            let spec = toml_key(spec);
            tables.push(format!("profile.{profile}.package.{spec}"));
        }
    }
    tables.extend(own);
    // What a proc-macro links runs in the compiler: cargo builds it by `build-override`.
    let for_the_host = app.after("--crate-type") == ["proc-macro"];
    for key in OF_PACKAGES {
        if let Some(value) = in_force(run, &tables, key)
            && !for_the_host
            && !dep.shows(key, &value)
        {
            wrong.push(format!("dep {key}: shown {value}, passed {:?}", dep.words));
        }
    }
    let json = run.json();
    let shown: Vec<&str> = json["rustflags"]
        .as_array()
        .expect("rustflags")
        .iter()
        .filter_map(serde_json::Value::as_str)
        .collect();
    let is_passed = app.words.windows(shown.len().max(1)).any(|w| w == shown);
    if !shown.is_empty() && !is_passed {
        wrong.push(format!(
            "rustflags: shown {shown:?}, passed {:?}",
            app.words
        ));
    }
    if shown.is_empty() && !app.after("--cfg").is_empty() {
        wrong.push(format!("rustflags: none shown, passed {:?}", app.words));
    }
    wrong
}

/// A key as TOML.
fn toml_key(text: &str) -> &str {
    match text {
        "*" => "\"*\"",
        text => text,
    }
}

#[test]
fn what_is_shown_is_what_rustc_gets() {
    // Each project waits for cargo most of the time, so several go side by side.
    let workers: Vec<Vec<(Option<String>, bool)>> = std::thread::scope(|scope| {
        let of = |worker: u64| (1..=PROJECTS).filter(move |seed| seed % WORKERS == worker);
        let spawned: Vec<_> = (0..WORKERS)
            .map(|worker| scope.spawn(move || of(worker).map(compared).collect()))
            .collect();
        let joined = spawned.into_iter().map(|worker| worker.join());
        joined.map(|result| result.expect("a worker")).collect()
    });
    let all: Vec<(Option<String>, bool)> = workers.into_iter().flatten().collect();
    let failures: Vec<&str> = all.iter().filter_map(|(f, _)| f.as_deref()).collect();
    assert!(
        failures.is_empty(),
        "{} of {PROJECTS}: {}",
        failures.len(),
        failures.join("\n\n")
    );
    let overrides = all.iter().filter(|(_, has_override)| *has_override).count();
    assert!(overrides >= 10, "only {overrides} projects have overrides");
}

/// What differs in one project, and whether it has overrides.
fn compared(seed: u64) -> (Option<String>, bool) {
    let case = case(seed);
    let mut arguments = vec!["--profile", case.profile];
    for argument in &case.arguments {
        arguments.extend(["--config", argument.as_str()]);
    }
    let show = [&["show"], arguments.as_slice()].concat();
    let run = case.project.json(&show);
    let calls = case.project.recorded(&arguments);
    let wrong = differences(&case, &run, &calls);
    let failure = format!("seed {seed}: {}\n{}", wrong.join("\n"), case.text());
    let has_override = run.stdout.contains("profile.release.package");
    ((!wrong.is_empty()).then_some(failure), has_override)
}
