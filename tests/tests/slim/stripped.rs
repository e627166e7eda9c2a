//! What is inferred of stripped files, against their twins with symbols: how much is named, and how
//! much of that is right. The table of `docs/slim.md` is what `rules_are_right` prints.

use crate::{cache, slim};
use integration_tests::command::{command, succeed};
use integration_tests::published::{B3SUM, HYPERFINE, RIPGREP, V0};
use integration_tests::tool::{Report, number, text};
use integration_tests::wheels::{MODULES, unpacked};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

/// A program with symbols, and the same without.
struct Twins {
    name: &'static str,
    whole: PathBuf,
    stripped: PathBuf,
    /// Where it stands.
    _place: tempfile::TempDir,
}

/// `whole` stripped by binutils, alone in a directory: nothing beside it names a crate.
fn alone(name: &'static str, whole: PathBuf) -> Twins {
    let place = tempfile::tempdir().unwrap();
    let stripped = place.path().join(whole.file_name().unwrap());
    strip(&whole, &stripped);
    Twins {
        name,
        whole,
        stripped,
        _place: place,
    }
}

fn strip(whole: &Path, stripped: &Path) {
    succeed(
        command("strip")
            .arg("-s")
            .arg(whole)
            .arg("-o")
            .arg(stripped),
    );
}

/// A module stripped within its package, whose list of packages stays.
fn in_package(name: &'static str, module: &str) -> Twins {
    let package = unpacked(name, cache());
    let place = tempfile::tempdir().unwrap();
    integration_tests::command::copy_tree(&package, place.path());
    let stripped = place.path().join(module);
    let whole = package.join(module);
    strip(&whole, &stripped);
    Twins {
        name,
        whole,
        stripped,
        _place: place,
    }
}

/// Three programs of this toolchain, and five as their publishers released them, by other compilers.
fn all() -> Vec<Twins> {
    let own = [
        ("b3sum", B3SUM),
        ("hyperfine", HYPERFINE),
        ("ripgrep", RIPGREP),
    ];
    let own = own.map(|(name, program)| alone(name, program.build(V0, cache()).file));
    let released = MODULES.map(|(package, module)| in_package(package, module));
    own.into_iter().chain(released).collect()
}

/// Functions and bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    functions: u64,
    bytes: u64,
}

impl Count {
    fn add(&mut self, bytes: u64) {
        self.functions += 1;
        self.bytes += bytes;
    }

    /// The shares in `whole`.
    fn of(self, whole: Self) -> [f64; 2] {
        let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
        [
            share(self.functions, whole.functions),
            share(self.bytes, whole.bytes),
        ]
    }
}

/// What one rule named, and what of that is right.
#[derive(Clone, Copy, Debug, Default)]
struct Rule {
    named: Count,
    right: Count,
}

/// What is measured of functions' names, among the rules.
const NAMES: &str = "(names)";

/// By rule; all code under the empty name.
type Rules = BTreeMap<String, Rule>;

/// The library of a package, where it is called otherwise: no list says it.
fn library(crate_name: &str) -> &str {
    match crate_name {
        "rustls_webpki" => "webpki",
        "tokenizers_python" => "tokenizers",
        "watchfiles_rust_notify" => "_rust_notify",
        // Without a list, the module's name.
        "_tiktoken" => "tiktoken",
        other => other,
    }
}

/// Whether two rows are of one crate.
fn same_crate(inferred: &Value, truth: &Value) -> bool {
    let versions = [inferred, truth].map(|row| row["version"].as_str());
    if let [Some(one), Some(other)] = versions
        && one != other
    {
        return false;
    }
    let (inferred, truth) = (text(inferred, "crate"), text(truth, "crate"));
    // Two packages: `hf-xet`, whose library is `xet`, and `hf_xet`.
    library(inferred) == truth || (inferred == "hf_xet" && truth == "xet")
}

fn functions(file: &Path) -> Report {
    slim().view(&["functions", "-n", "0"], file)
}

fn measured(twins: &Twins) -> Rules {
    let truth = functions(&twins.whole);
    let truth: HashMap<u64, &Value> = truth
        .rows()
        .iter()
        .map(|row| (number(row, "address"), row))
        .collect();
    let found = functions(&twins.stripped);
    let mut rules = Rules::new();
    for row in found.rows() {
        let bytes = number(row, "file");
        rules.entry(String::new()).or_default().named.add(bytes);
        let Some(rule) = row.get("inferred_by").and_then(Value::as_str) else {
            continue;
        };
        assert_eq!(text(row, "evidence"), "inferred", "{row}");
        let Some(known) = truth.get(&number(row, "address")) else {
            continue;
        };
        let rule = rules.entry(rule.to_owned()).or_default();
        rule.named.add(bytes);
        if same_crate(row, known) {
            rule.right.add(bytes);
        }
        if !text(row, "symbol").is_empty() {
            let names = rules.entry(NAMES.to_owned()).or_default();
            names.named.add(bytes);
            // Equal functions are one, under several names.
            let mut aliases = known["aliases"].as_array().into_iter().flatten();
            let same = row["name"] == known["name"] || aliases.any(|it| *it == row["symbol"]);
            if same {
                names.right.add(bytes);
            }
        }
    }
    rules
}

#[test]
fn rules_are_right() {
    let mut sums = Rules::new();
    println!(
        "{:12} {:15} {:>7} {:>7} {:>7}",
        "program", "rule", "named", "right", "(functions)"
    );
    for twins in all() {
        let rules = measured(&twins);
        let code = rules[""].named;
        for (name, rule) in &rules {
            let sum = sums.entry(name.clone()).or_default();
            for (sum, own) in [(&mut sum.named, rule.named), (&mut sum.right, rule.right)] {
                sum.functions += own.functions;
                sum.bytes += own.bytes;
            }
            if name.is_empty() {
                continue;
            }
            let [functions, bytes] = rule.right.of(rule.named);
            println!(
                "{:12} {name:15} {:6.1} % {:6.1} % {:6.1} %",
                twins.name,
                100.0 * rule.named.of(code)[1],
                100.0 * bytes,
                100.0 * functions
            );
        }
    }
    let code = sums[""].named;
    let mut named = Count::default();
    for (name, rule) in sums.iter().filter(|(name, _)| !name.is_empty()) {
        let [functions, bytes] = rule.right.of(rule.named);
        named.bytes += rule.named.bytes;
        println!(
            "all          {name:15} {:6.1} % {:6.1} % {:6.1} %",
            100.0 * rule.named.of(code)[1],
            100.0 * bytes,
            100.0 * functions
        );
        if name == NAMES {
            named.bytes -= rule.named.bytes;
        }
        let least = match name.as_str() {
            "signature" | "callee" | NAMES => 0.99,
            _ => 0.90,
        };
        assert!(
            bytes >= least,
            "{name} is right for {bytes} of the bytes that it names"
        );
    }
    let share = named.bytes as f64 / code.bytes as f64;
    // 21.5 % when the rules were chosen.
    assert!(share > 0.20, "{share} of the code is named");
}

/// The crates of a program's own v0 names, read by binutils.
fn crates_of_symbols(file: &Path) -> BTreeSet<String> {
    let names = succeed(command("nm").arg("--defined-only").arg(file));
    let mut found = BTreeSet::new();
    for name in names.lines().filter_map(|line| line.split(' ').nth(2)) {
        // `Cs<hash>_<length><name>` is the root of each path in a name.
        for (at, _) in name.match_indices("Cs").filter(|_| name.starts_with("_R")) {
            let rest = &name[at + 2..];
            let Some((_, rest)) = rest.split_once('_') else {
                continue;
            };
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let Ok(length) = rest[..digits].parse::<usize>() else {
                continue;
            };
            let rest = &rest[digits..];
            let rest = rest.strip_prefix('_').unwrap_or(rest);
            found.extend(rest.get(..length).map(str::to_owned));
        }
    }
    found
}

#[test]
fn listed_packages_are_those_of_the_document() {
    for (package, module) in MODULES {
        let twins = in_package(package, module);
        let metadata = fs::read_dir(twins._place.path()).unwrap().flatten();
        let metadata = metadata.map(|entry| entry.path().join("sboms"));
        let directory = metadata.into_iter().find(|path| path.is_dir());
        let Some(directory) = directory else {
            assert_eq!(package, "tiktoken", "a package without a list");
            continue;
        };
        let document = fs::read_dir(directory).unwrap().next().unwrap().unwrap();
        let document: Value = serde_json::from_slice(&fs::read(document.path()).unwrap()).unwrap();
        let components = document["components"].as_array().unwrap().iter();
        let components = components.chain([&document["metadata"]["component"]]);
        let expected: BTreeSet<(String, String)> = components
            .filter(|it| text(it, "purl").starts_with("pkg:cargo/"))
            .map(|it| (text(it, "name").to_owned(), text(it, "version").to_owned()))
            .collect();
        let report = slim().view(&["crates", "-n", "0"], &twins.stripped);
        let listed = report.json["packages"].as_array().unwrap();
        let pair = |it: &Value| (text(it, "name").to_owned(), text(it, "version").to_owned());
        let found: BTreeSet<_> = listed.iter().map(pair).collect();
        assert_eq!(found, expected, "{package}");

        // What has bytes is listed, in that version, and was linked.
        let linked = crates_of_symbols(&twins.whole);
        let whole = fs::read(&twins.whole).unwrap();
        // What was inlined whole has no symbol; its panic locations are there.
        let mentioned = |row: &Value| {
            let directory = format!("/{}-{}/src/", text(row, "package"), text(row, "version"));
            let mut places = whole.windows(directory.len());
            places.any(|place| place == directory.as_bytes())
        };
        let mut rows = 0;
        for row in report.rows_where("origin", "registry") {
            assert!(
                expected.contains(&(
                    text(row, "package").to_owned(),
                    text(row, "version").to_owned()
                )),
                "{row}"
            );
            let library = library(text(row, "name"));
            let is_linked = linked.contains(library) || mentioned(row);
            assert!(is_linked, "{package}: {library} is not linked");
            rows += 1;
        }
        let with_bytes = listed.iter().filter(|it| it["named"] == true).count();
        println!(
            "{package}: {} listed, {with_bytes} with bytes, {rows} of a registry",
            found.len()
        );
        assert!(rows > 3, "{package}");
    }
}

#[test]
fn a_section_of_the_file_comes_before_what_stands_beside_it() {
    let place = tempfile::tempdir().unwrap();
    let plain = B3SUM.build(V0, cache()).file;
    let list = r#"{"packages":[{"name":"b3sum","version":"1.8.2","source":"local","root":true,"dependencies":[1]},{"name":"clap_builder","version":"4.0.0","source":"crates.io"},{"name":"cc","version":"1.0.0","source":"crates.io","kind":"build"}],"format":1}"#;
    let (content, file) = (place.path().join("list"), place.path().join("b3sum"));
    let script =
        "import sys, zlib; open(sys.argv[1], 'wb').write(zlib.compress(sys.argv[2].encode()))";
    succeed(
        command("python3")
            .args(["-c", script])
            .arg(&content)
            .arg(list),
    );
    let section = format!(".dep-v0={}", content.display());
    succeed(
        command("objcopy")
            .args(["-S", "--add-section", &section])
            .arg(&plain)
            .arg(&file),
    );
    fs::write(place.path().join("bom.json"), r#"{"bomFormat":"CycloneDX","components":[{"name":"a","version":"1.0.0","purl":"pkg:cargo/a@1.0.0"}]}"#).unwrap();
    let report = slim().view(&["loads"], &file);
    let packages = report.json["packages"].as_array().unwrap();
    let names: Vec<&str> = packages.iter().map(|it| text(it, "name")).collect();
    assert_eq!(names, ["b3sum", "clap_builder"]);
    assert_eq!(
        text(&report.json["artifact"]["packages"], "source"),
        ".dep-v0"
    );
    assert_eq!(
        text(&report.json["artifact"]["packages"], "root"),
        "b3sum 1.8.2"
    );

    // Without the section, the document.
    strip(&plain, &file);
    let report = slim().view(&["loads"], &file);
    let source = text(&report.json["artifact"]["packages"], "source");
    assert!(source.ends_with("bom.json"), "{source}");
}

#[test]
fn paths_that_were_trimmed_name_nothing() {
    let place = tempfile::tempdir().unwrap();
    let plain = HYPERFINE.build(V0, cache()).file;
    let file = place.path().join("hyperfine");
    strip(&plain, &file);
    let mut bytes = fs::read(&file).unwrap();
    for ending in [&b".rs"[..]] {
        let places: Vec<usize> = bytes
            .windows(ending.len())
            .enumerate()
            .filter(|(_, window)| *window == ending)
            .map(|(at, _)| at)
            .collect();
        for at in places {
            bytes[at..at + ending.len()].fill(b'_');
        }
    }
    fs::write(&file, bytes).unwrap();
    let found = functions(&file);
    let bases: BTreeSet<&str> = found
        .rows()
        .iter()
        .filter_map(|row| row.get("inferred_by")?.as_str())
        .collect();
    assert!(!bases.contains("panic-location"), "{bases:?}");
    assert!(bases.contains("signature"), "{bases:?}");
}
