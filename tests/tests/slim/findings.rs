//! Each finding where it must be made, and where it must not.

use crate::{cache, slim};
use integration_tests::command::{cargo, command, succeed};
use integration_tests::published::{B3SUM, HYPERFINE, RIPGREP, V0};
use integration_tests::tool::number;
use serde_json::Value;
use std::{fs, path::Path};
use tempfile::TempDir;

/// A project in a directory of its own: (path, content).
pub(crate) fn project(files: &[(&str, &str)]) -> TempDir {
    let directory = TempDir::with_prefix("codecost-").unwrap();
    for (path, content) in files {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    directory
}

pub(crate) fn findings(app: &Path, flags: &[&str]) -> Vec<Value> {
    let mut arguments = vec!["overview", "--message-format", "json"];
    arguments.extend_from_slice(flags);
    let report = slim().in_directory(app).run(arguments).report();
    report.json["findings"].as_array().unwrap().clone()
}

pub(crate) fn finding<'a>(findings: &'a [Value], code: &str) -> Option<&'a Value> {
    findings.iter().find(|finding| finding["code"] == code)
}

fn bytes(finding: &Value) -> u64 {
    finding["bytes"].as_u64().unwrap()
}

pub(crate) const MANIFEST: &str =
    "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
const QUIET: &str = "fn main() { std::process::exit(std::env::args().count() as i32) }\n";

/// Constants that the optimiser cannot drop, and a function that takes one.
pub(crate) fn table(words: u32, seed: u32) -> String {
    let numbers: Vec<String> = (0..words)
        .map(|n| n.wrapping_mul(2_654_435_761).wrapping_add(seed).to_string())
        .collect();
    format!(
        "static TABLE: [u32; {words}] = [{}];\npub fn look(at: usize) -> u32 {{ TABLE[at] }}\n",
        numbers.join(",")
    )
}

#[test]
fn two_versions_of_a_crate_are_found_and_one_is_not() {
    let twin_manifest = |version| {
        format!("[package]\nname = \"twin\"\nversion = \"{version}\"\nedition = \"2024\"\n")
    };
    let (one, two) = (twin_manifest("1.0.0"), twin_manifest("2.0.0"));
    let (first, second) = (table(4096, 1), table(4096, 2));
    let app = format!(
        "{MANIFEST}[dependencies]\ntwin = {{ path = \"../one\" }}\n\
         twin2 = {{ path = \"../two\", package = \"twin\" }}\n"
    );
    let both = "fn main() {\n    let at = std::env::args().count();\n    \
                std::process::exit((twin::look(at) ^ twin2::look(at)) as i32)\n}\n";
    let files = |main| {
        [
            ("app/Cargo.toml", app.clone()),
            ("app/src/main.rs", String::from(main)),
            ("one/Cargo.toml", one.clone()),
            ("one/src/lib.rs", first.clone()),
            ("two/Cargo.toml", two.clone()),
            ("two/src/lib.rs", second.clone()),
        ]
    };
    let make = |main| {
        let files = files(main);
        project(&files.each_ref().map(|(path, text)| (*path, text.as_str())))
    };
    let directory = make(both);
    let found = findings(&directory.path().join("app"), &[]);
    let versions = finding(&found, "several-versions").expect("two versions");
    // All but the larger one are at stake: one table of 16 KiB and the code around it.
    assert!((16_384..40_000).contains(&bytes(versions)), "{versions}");
    let evidence = versions["evidence"].to_string();
    assert!(
        evidence.contains("1.0.0") && evidence.contains("2.0.0"),
        "{evidence}"
    );
    assert!(
        versions["command"]
            .as_str()
            .unwrap()
            .starts_with("cargo tree -i twin@"),
        "{versions}"
    );

    // The other version is a dependency still, but nothing of it is in the binary.
    let directory =
        make("fn main() { std::process::exit(twin::look(std::env::args().count()) as i32) }\n");
    let found = findings(&directory.path().join("app"), &[]);
    assert_eq!(finding(&found, "several-versions"), None);
}

#[test]
fn float_formatting_is_found_with_its_only_caller() {
    let make = |main: &str| project(&[("app/Cargo.toml", MANIFEST), ("app/src/main.rs", main)]);
    let floats = make(
        "#[inline(never)]\nfn report(n: f64) { println!(\"{n}\") }\n\
         fn main() { report(std::env::args().count() as f64 / 3.0) }\n",
    );
    let found = findings(&floats.path().join("app"), &[]);
    let float = finding(&found, "float-formatting").expect("floats are formatted");
    assert!((4_096..60_000).contains(&bytes(float)), "{float}");
    assert!(
        float["title"].as_str().unwrap().contains("`app`"),
        "{float}"
    );
    assert!(
        float["evidence"].to_string().contains("app::report"),
        "{float}"
    );
    // It counts what its pattern finds, and its next step says why that is there.
    let command = float["command"].as_str().unwrap();
    let pattern = command.split('\'').nth(1).unwrap();
    let app = floats.path().join("app");
    let run = |arguments: &[&str]| slim().in_directory(&app).run(arguments).report();
    let filter = pattern.trim_matches('/');
    let functions = run(&["functions", "--filter", filter, "--message-format", "json"]);
    let counted = format!("{} functions of core", functions.rows().len());
    assert!(
        float["evidence"].to_string().contains(&counted),
        "{counted} {float}"
    );
    let why = run(&["why", pattern, "--message-format", "json"]);
    let last = why.rows().iter().rfind(|row| row["chain"] == 1).unwrap();
    assert_eq!(last["crate"], "core", "{last}");
    let asks = why.rows().iter().any(|row| row["name"] == "app::report");
    assert!(asks, "{:?}", why.rows());

    let none = make(QUIET);
    assert_eq!(
        finding(&findings(&none.path().join("app"), &[]), "float-formatting"),
        None
    );
}

/// What it says that goes, goes: the same program without the float is that much smaller.
#[test]
fn float_formatting_costs_what_the_finding_says() {
    let make = |third: &str| {
        let main = format!(
            "fn main() {{\n    let n = std::env::args().count();\n    \
             println!(\"{{n}} {{}}\", {third})\n}}\n"
        );
        project(&[("app/Cargo.toml", MANIFEST), ("app/src/main.rs", &main)])
    };
    let shipped = |directory: &TempDir| {
        let arguments = ["sections", "--message-format", "json"];
        let slim = slim().in_directory(directory.path().join("app"));
        let report = slim.run(arguments).report();
        report.json["artifact"]["shipped_size"].as_u64().unwrap()
    };
    let (with, without) = (make("n as f64 / 3.0"), make("n / 3"));
    let found = findings(&with.path().join("app"), &[]);
    let said = bytes(finding(&found, "float-formatting").expect("found"));
    let less = shipped(&with) - shipped(&without);
    assert!(said.abs_diff(less) * 20 < less, "{said} said, {less} less");
}

/// Who could do without it is a function of the workspace, and not the dependency that writes the
/// float down, nor the one that calls back.
#[test]
fn float_formatting_is_asked_for_by_the_workspace() {
    let app = format!(
        "{MANIFEST}[dependencies]\nhelper = {{ path = \"../helper\" }}\n\
         [profile.release]\ndebug = 1\n"
    );
    let helper = MANIFEST.replace("app", "helper");
    let make = |main: &str| {
        project(&[
            ("app/Cargo.toml", &app),
            ("app/src/main.rs", main),
            ("helper/Cargo.toml", &helper),
            (
                "helper/src/lib.rs",
                "#[inline(never)]\npub fn shout(n: f64) -> String { format!(\"{n}!\") }\n\
                 #[inline(never)]\npub fn call<F: FnOnce() -> String>(f: F) -> String { f() }\n",
            ),
        ])
    };
    let float = |main: &str| {
        let directory = make(main);
        let found = findings(&directory.path().join("app"), &[]);
        finding(&found, "float-formatting").expect("found").clone()
    };
    let through = float(
        "#[inline(never)]\nfn total(n: usize) -> f64 { n as f64 / 3.0 }\n\
         #[inline(always)]\nfn report(n: usize) {\n    println!(\"{}\", helper::shout(total(n)))\n}\n\
         #[inline(never)]\nfn work() { report(std::env::args().count()) }\n\
         fn main() { work() }\n",
    );
    let evidence = through["evidence"][0].as_str().unwrap();
    assert_eq!(
        evidence, "asked for by `app::report` (src/main.rs:5), through `helper::shout`",
        "{through}"
    );
    assert!(
        through["title"].as_str().unwrap().ends_with("of `app`"),
        "{through}"
    );

    let back = float(
        "fn main() {\n    let n = std::env::args().count() as f64 / 3.0;\n    \
         println!(\"{}\", helper::call(|| {\n        format!(\"{n}\")\n    }))\n}\n",
    );
    let evidence = back["evidence"][0].as_str().unwrap();
    assert!(
        evidence.starts_with("asked for by `app::main") && evidence.contains("(src/main.rs:4)"),
        "{back}"
    );
    assert!(
        !back["title"].as_str().unwrap().contains("helper"),
        "{back}"
    );
}

/// What a default feature is said to bring goes when it is switched off, in a build.
#[test]
fn a_default_feature_that_brings_much_is_found() {
    let app = format!(
        "{MANIFEST}[features]\ndefault = [\"tables\", \"quiet\"]\ntables = [\"dep:tables\"]\n\
         quiet = []\n[dependencies]\ntables = {{ path = \"../tables\", optional = true }}\n\
         [profile.release]\nstrip = true\n"
    );
    let main = "fn main() {\n    let at = std::env::args().count();\n    \
                #[cfg(feature = \"tables\")]\n    let at = tables::look(at) as usize;\n    \
                std::process::exit(at as i32)\n}\n";
    let directory = project(&[
        ("app/Cargo.toml", &app),
        ("app/src/main.rs", main),
        ("tables/Cargo.toml", &MANIFEST.replace("app", "tables")),
        ("tables/src/lib.rs", &table(16_384, 1)),
    ]);
    let app = directory.path().join("app");
    let found = findings(&app, &[]);
    let feature = finding(&found, "large-feature").expect("it brings a tenth");
    let title = feature["title"].as_str().unwrap();
    assert!(
        title.starts_with("the default feature `tables` brings"),
        "{title}"
    );
    assert!(
        feature["evidence"].to_string().contains("tables 6"),
        "{feature}"
    );
    // One line for the same bytes.
    assert_eq!(finding(&found, "large-dependency"), None);
    let command = feature["command"].as_str().unwrap();
    let words = command.strip_prefix("cargo slim ").unwrap().split(' ');
    let words = words.chain(["--message-format", "json"]);
    let deps = slim().in_directory(&app).run(words).report();
    let proven = deps.json["proven"].as_array().unwrap();
    let proven = proven.iter().find(|row| row["name"] == "tables").unwrap();
    let measured = proven["bytes"].as_u64().unwrap();
    let said = bytes(feature);
    assert!(
        said.abs_diff(measured) * 20 < measured,
        "{said} said, {measured} measured"
    );

    let found = findings(&app, &["--no-default-features"]);
    assert_eq!(finding(&found, "large-feature"), None);
}

/// The default features of a dependency: one line in the manifest leaves them out.
#[test]
fn default_features_of_a_dependency_that_bring_much_are_found() {
    let manifest = |more: &str| {
        format!(
            "{MANIFEST}[dependencies]\nviewer = {{ path = \"../viewer\"{more} }}\n\
             [profile.release]\nstrip = true\n"
        )
    };
    let viewer = MANIFEST.replace("app", "viewer")
        + "[features]\ndefault = [\"tables\"]\n\
           [dependencies]\ntables = { path = \"../tables\", optional = true }\n";
    let make = |more: &str| {
        project(&[
            ("app/Cargo.toml", &manifest(more)),
            (
                "app/src/main.rs",
                "fn main() { std::process::exit(viewer::view(std::env::args().count())) }\n",
            ),
            ("viewer/Cargo.toml", &viewer),
            (
                "viewer/src/lib.rs",
                "#[cfg(feature = \"tables\")]\npub fn view(at: usize) -> i32 { tables::look(at) as i32 }\n\
                 #[cfg(not(feature = \"tables\"))]\npub fn view(at: usize) -> i32 { at as i32 }\n",
            ),
            ("tables/Cargo.toml", &MANIFEST.replace("app", "tables")),
            ("tables/src/lib.rs", &table(16_384, 1)),
        ])
    };
    let shipped = |directory: &TempDir| {
        let slim = slim().in_directory(directory.path().join("app"));
        let report = slim.run(["sections", "--message-format", "json"]).report();
        report.json["artifact"]["shipped_size"].as_u64().unwrap()
    };
    let with = make("");
    let found = findings(&with.path().join("app"), &[]);
    let feature = finding(&found, "large-feature").expect("it brings a tenth");
    let title = feature["title"].as_str().unwrap();
    assert!(
        title.starts_with("the default features of `viewer` bring"),
        "{title}"
    );
    let without = make(", default-features = false");
    let less = shipped(&with) - shipped(&without);
    let said = bytes(feature);
    assert!(said.abs_diff(less) * 20 < less, "{said} said, {less} less");
    let found = findings(&without.path().join("app"), &[]);
    assert_eq!(finding(&found, "large-feature"), None);
}

/// One function of the workspace that alone uses a large part of a dependency: without its call the
/// bytes go.
#[test]
fn a_call_that_alone_keeps_much_of_a_dependency_is_found() {
    let app = format!(
        "{MANIFEST}[dependencies]\nhelper = {{ path = \"../helper\" }}\n\
         [profile.release]\nstrip = true\n"
    );
    let helper = table(16_384, 1).replace("pub fn look", "#[inline(never)]\npub fn look")
        + "#[inline(never)]\npub fn small(at: usize) -> u32 { at as u32 ^ 5 }\n";
    let make = |body: &str| {
        let main = format!(
            "#[inline(never)]\nfn rarely(at: usize) -> u32 {{ {body} }}\n\
             fn main() {{\n    let at = std::env::args().count();\n    \
             std::process::exit((rarely(at) ^ helper::small(at)) as i32)\n}}\n"
        );
        project(&[
            ("app/Cargo.toml", &app),
            ("app/src/main.rs", &main),
            ("helper/Cargo.toml", &MANIFEST.replace("app", "helper")),
            ("helper/src/lib.rs", &helper),
        ])
    };
    let shipped = |directory: &TempDir| {
        let slim = slim().in_directory(directory.path().join("app"));
        let report = slim.run(["sections", "--message-format", "json"]).report();
        report.json["artifact"]["shipped_size"].as_u64().unwrap()
    };
    let (with, without) = (make("helper::look(at)"), make("at as u32 * 3"));
    let found = findings(&with.path().join("app"), &[]);
    let call = finding(&found, "kept-by-one-call").expect("one call keeps the table");
    let title = call["title"].as_str().unwrap();
    assert_eq!(title, "only `rarely` uses `look` of `helper`");
    let less = shipped(&with) - shipped(&without);
    let said = bytes(call);
    assert!(said.abs_diff(less) * 50 < less, "{said} said, {less} less");
    // The command that it prints says the same.
    let ask = ["why", "helper::look", "--message-format", "json"];
    let why = slim().in_directory(with.path().join("app")).run(ask);
    let target = why.report().json["target"].clone();
    let left = number(&target, "shipped") - number(&target, "uncertain");
    assert_eq!(left, said, "{target}");
    let found = findings(&without.path().join("app"), &[]);
    assert_eq!(finding(&found, "kept-by-one-call"), None);
}

/// A profile that says nothing of `strip` ships the symbol table: what the finding says that it
/// takes is what `strip` takes from the user's own build.
#[test]
fn a_symbol_table_that_ships_is_found() {
    let make = |profile: &str| {
        let manifest = format!("{MANIFEST}{profile}");
        project(&[("app/Cargo.toml", &manifest), ("app/src/main.rs", QUIET)])
    };
    let plain = make("");
    let app = plain.path().join("app");
    let found = findings(&app, &[]);
    let said = bytes(finding(&found, "symbols-shipped").expect("it ships"));
    succeed(cargo().args(["build", "--release"]).current_dir(&app));
    let built = app.join("target/release/app");
    let with = fs::metadata(&built).unwrap().len();
    succeed(command("strip").arg("-s").arg(&built));
    let less = with - fs::metadata(&built).unwrap().len();
    assert!(said.abs_diff(less) * 50 < less, "{said} said, {less} less");

    let stripped = make("[profile.release]\nstrip = true\n");
    let found = findings(&stripped.path().join("app"), &[]);
    assert_eq!(finding(&found, "symbols-shipped"), None);
    // By the user's own flags, over which the build for the analysis keeps it.
    let flags = make("");
    let app = flags.path().join("app");
    fs::create_dir(app.join(".cargo")).unwrap();
    let config = "[build]\nrustflags = [\"-Cstrip=symbols\"]\n";
    fs::write(app.join(".cargo/config.toml"), config).unwrap();
    assert_eq!(finding(&findings(&app, &[]), "symbols-shipped"), None);
}

#[test]
fn many_copies_of_one_generic_function_are_found() {
    let copies: Vec<String> = (1..=12).map(|n| format!("grow([{n}_u64; {n}])")).collect();
    let body = "#[inline(never)]\nfn grow<const N: usize>(mut all: [u64; N]) -> u64 {\n    \
                for round in 0..N {\n        for n in &mut all {\n            \
                *n = n.rotate_left(round as u32).wrapping_mul(*n ^ std::process::id() as u64);\n        \
                }\n    }\n    all.sort_unstable();\n    \
                all.iter().map(|n| n.to_string().len() as u64).sum()\n}\n";
    let main = format!(
        "{body}fn main() {{ std::process::exit(({}) as i32) }}\n",
        copies.join(" + ")
    );
    let directory = project(&[("app/Cargo.toml", MANIFEST), ("app/src/main.rs", &main)]);
    let app = directory.path().join("app");
    let found = findings(&app, &[]);
    let copies = finding(&found, "many-copies").expect("twelve copies");
    // The figure is the generics view's own.
    let title = copies["title"].as_str().unwrap();
    let report = slim()
        .in_directory(&app)
        .run(["generics", "--message-format", "json"])
        .report();
    let family = report
        .rows()
        .iter()
        .find(|row| title.contains(&format!("`{}`", row["name"].as_str().unwrap())))
        .unwrap_or_else(|| panic!("no family for {title}"));
    let (all, largest) = (
        family["file"].as_u64().unwrap(),
        family["largest"].as_u64().unwrap(),
    );
    assert_eq!(bytes(copies), all - largest);
    // And no other family of as many copies has more.
    let rows = report.rows().iter();
    let many = rows.filter(|row| row["copies"].as_u64() >= Some(8));
    let many = many.filter(|row| {
        !row["name"]
            .as_str()
            .unwrap()
            .starts_with("core::ptr::drop_")
    });
    let beyond = |row: &Value| row["file"].as_u64().unwrap() - row["largest"].as_u64().unwrap();
    assert_eq!(many.map(beyond).max(), Some(bytes(copies)));

    // Its command shows what the finding does not: each copy, by its arguments.
    let name = family["name"].as_str().unwrap();
    let command = copies["command"].as_str().unwrap();
    assert!(
        command.starts_with(&format!("cargo slim generics {name} ")),
        "{command}"
    );
    let arguments = command.strip_prefix("cargo slim ").unwrap().split(' ');
    let run = slim()
        .in_directory(&app)
        .run(arguments.chain(["-w", "-n", "0"]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let listed = run.stdout.lines().filter(|line| line.contains("grow::<"));
    assert_eq!(
        listed.count() as u64,
        family["copies"].as_u64().unwrap(),
        "{}",
        run.stdout
    );
    // Any part of its name will do, and a name that none has is an error.
    let part = slim().in_directory(&app).run(["generics", "grow"]);
    assert!(part.stdout.contains(name), "{}", part.stdout);
    let none = slim().in_directory(&app).run(["generics", "shrink"]);
    assert_eq!(none.code, Some(2), "{}", none.stdout);

    let none = project(&[("app/Cargo.toml", MANIFEST), ("app/src/main.rs", QUIET)]);
    let found = findings(&none.path().join("app"), &[]);
    assert!(finding(&found, "many-copies").is_none_or(|one| !one.to_string().contains("grow")));
}

#[test]
fn shipped_debug_information_is_found_and_what_we_added_is_not() {
    let make = |profile: &str| {
        let manifest = format!("{MANIFEST}[profile.release]\n{profile}");
        project(&[
            ("app/Cargo.toml", manifest.as_str()),
            ("app/src/main.rs", QUIET),
        ])
    };
    let debug = make("debug = 1\n");
    let found = findings(&debug.path().join("app"), &[]);
    let shipped = finding(&found, "debug-info").expect("debug = 1 ships");
    assert!(
        shipped["evidence"].to_string().contains("debug = 1"),
        "{shipped}"
    );

    // Our own build keeps std's debug information; the user's has none, or strips it.
    for profile in ["", "debug = 1\nstrip = true\n", "debug = 0\n"] {
        let directory = make(profile);
        let found = findings(&directory.path().join("app"), &[]);
        assert_eq!(finding(&found, "debug-info"), None, "with {profile:?}");
    }
}

#[test]
fn lto_that_a_library_of_two_kinds_loses_is_found() {
    let make = |kinds: &str| {
        let manifest =
            format!("{MANIFEST}[lib]\ncrate-type = {kinds}\n[profile.release]\nlto = true\n");
        // Enough code to be worth a line.
        let lib = "#[unsafe(no_mangle)]\npub extern \"C\" fn answer(n: u64) -> usize {\n    \
                   format!(\"{n:?}\").len()\n}\n";
        project(&[
            ("app/Cargo.toml", manifest.as_str()),
            ("app/src/lib.rs", lib),
        ])
    };
    let both = make("[\"cdylib\", \"rlib\"]");
    let found = findings(&both.path().join("app"), &["--lib"]);
    let lost = finding(&found, "lto-left-out").expect("the rlib costs the LTO");
    assert!(
        lost["title"].as_str().unwrap().contains("lto = true"),
        "{lost}"
    );

    let alone = make("[\"cdylib\"]");
    let found = findings(&alone.path().join("app"), &["--lib"]);
    assert_eq!(finding(&found, "lto-left-out"), None);
}

/// The words of a command as a shell takes them; our own quoting needs no more than single quotes.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in command.chars() {
        match letter {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            _ => words.last_mut().unwrap().push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Who follows a finding sees what the page did not have.
#[test]
fn the_command_of_each_finding_has_rows() {
    let mut followed = 0;
    for program in [B3SUM, HYPERFINE, RIPGREP] {
        let file = program.build(V0, cache()).file;
        let report = slim().view(&["overview"], &file);
        let page = slim().run([Path::new("--file"), &file]).stdout;
        for finding in report.json["findings"].as_array().unwrap() {
            let command = words(finding["command"].as_str().unwrap());
            let Some(arguments) = command.strip_prefix(&["cargo".to_owned(), "slim".to_owned()])
            else {
                continue;
            };
            let format = ["--message-format".to_owned(), "json".to_owned()];
            let shown = slim().run(arguments.iter().chain(&format)).report();
            assert!(!shown.rows().is_empty(), "{finding}");
            let is_new = |row: &Value| !page.contains(row["name"].as_str().unwrap());
            let instances = shown.rows().iter().any(|row| row["instances"].is_array());
            assert!(instances || shown.rows().iter().any(is_new), "{finding}");
            followed += 1;
        }
    }
    assert!(followed >= 3, "{followed} findings");
}
