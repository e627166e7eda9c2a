//! Stripped files: the lists of packages in and beside them, and what trimmed paths leave. How often
//! what is inferred of them is right, `rules` measures.

use crate::{cache, slim};
use integration_tests::command::{command, succeed};
use integration_tests::published::{B3SUM, HYPERFINE, V0};
use integration_tests::tool::text;
use integration_tests::wheels::{MODULES, unpacked};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A program with symbols, and the same without.
pub(crate) struct Twins {
    pub(crate) name: &'static str,
    pub(crate) whole: PathBuf,
    pub(crate) stripped: PathBuf,
    /// Where it stands.
    _place: tempfile::TempDir,
}

impl Twins {
    /// Of files that are there.
    pub(crate) fn new(
        name: &'static str,
        whole: PathBuf,
        stripped: PathBuf,
        place: tempfile::TempDir,
    ) -> Self {
        Self {
            name,
            whole,
            stripped,
            _place: place,
        }
    }
}

/// `whole` stripped by binutils, alone in a directory: nothing beside it names a crate.
pub(crate) fn alone(name: &'static str, whole: PathBuf) -> Twins {
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
pub(crate) fn in_package(name: &'static str, module: &str) -> Twins {
    copied(name, &unpacked(name, cache()), module, strip)
}

/// As [`in_package`], for the package as it stands in `package`, stripped by `strip`.
pub(crate) fn copied(
    name: &'static str,
    package: &Path,
    module: &str,
    strip: impl Fn(&Path, &Path),
) -> Twins {
    let place = tempfile::tempdir().unwrap();
    integration_tests::command::copy_tree(package, place.path());
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

/// The library of a package, where it is called otherwise: no list says it of a dependency.
fn library(crate_name: &str) -> &str {
    match crate_name {
        "rustls_webpki" => "webpki",
        other => other,
    }
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
    let found = slim().view(&["functions", "-n", "0"], &file);
    let bases: BTreeSet<&str> = found
        .rows()
        .iter()
        .filter_map(|row| row.get("inferred_by")?.as_str())
        .collect();
    assert!(!bases.contains("panic-location"), "{bases:?}");
    assert!(bases.contains("signature"), "{bases:?}");
}
