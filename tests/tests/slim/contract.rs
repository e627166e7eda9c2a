//! What holds for all views: one identity for one thing, a cause for each `null`, `-` for standard
//! output, and what cargo's users expect of a bare `--bin`.

use crate::{cache, findings::project, slim};
use integration_tests::command::{command, rustc, succeed};
use integration_tests::llvm;
use integration_tests::tool::{Report, number, text};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A program that formats `value`, without debug information and away from any project.
fn program(directory: &Path, name: &str, value: &str) -> std::path::PathBuf {
    let source = directory.join(format!("{name}.rs"));
    let text = format!(
        "static mut ROOM: [u8; 1 << 20] = [0; 1 << 20];\nfn main() {{\n    \
         let at = std::env::args().count();\n    \
         unsafe {{ (&raw mut ROOM).cast::<u8>().add(at).write_volatile(1) }}\n    \
         println!(\"{{:?}}\", {value});\n}}\n"
    );
    fs::write(&source, text).unwrap();
    let file = directory.join(name);
    let scheme = "-Csymbol-mangling-version=v0";
    succeed(
        rustc()
            .args(["-O", "--crate-name=same", scheme, "-o"])
            .arg(&file)
            .arg(&source),
    );
    file
}

fn ids(report: &Report) -> BTreeSet<&str> {
    report.rows().iter().map(|row| text(row, "id")).collect()
}

#[test]
fn one_thing_has_one_identity_in_all_views() {
    let directory = TempDir::new().unwrap();
    let old = program(directory.path(), "old", "at");
    let new = program(
        directory.path(),
        "new",
        "(at, vec![1.5; at], std::env::args())",
    );
    let crates = slim().view(&["crates"], &new);
    let functions = slim().view(&["functions"], &new);
    let (crates, functions) = (ids(&crates), ids(&functions));
    let kept = slim().view(&["retained", "--by", "crate"], &new);
    assert!(kept.rows().len() > 3);
    assert_eq!(ids(&kept).difference(&crates).next(), None);
    let kept = slim().view(&["retained", "--by", "function"], &new);
    let kept: BTreeSet<&str> = ids(&kept)
        .into_iter()
        .filter(|id| id.starts_with("function:"))
        .collect();
    assert_eq!(kept.difference(&functions).next(), None);
    same_data(&new);
    let run = slim().run([
        "diff".as_ref(),
        old.as_os_str(),
        new.as_os_str(),
        "--message-format".as_ref(),
        "json".as_ref(),
    ]);
    let diff = run.report();
    let is = |row: &&Value, kind: &str| {
        let status = text(row, "status");
        text(row, "kind") == kind && !["removed", "moved"].contains(&status)
    };
    for (kind, known) in [("crate", &crates), ("function", &functions)] {
        let rows: Vec<_> = diff.rows().iter().filter(|row| is(row, kind)).collect();
        assert!(rows.len() > 2, "{kind}");
        for row in rows {
            let id = text(row, "id");
            assert!(known.contains(id), "{id} is in no other view");
        }
    }
    assert_eq!(diff.json["artifact"]["depth"]["functions"], true);
}

/// A constant has one identity in `data`, `data NAME` and `retained`, without its address, and each row
/// has its own.
fn same_data(file: &Path) {
    let data = slim().view(&["data", "-n", "0"], file);
    let known: BTreeMap<u64, &str> = data
        .rows()
        .iter()
        .filter(|row| text(row, "section") != ".tbss")
        .map(|row| (number(row, "address"), text(row, "id")))
        .collect();
    assert_eq!(ids(&data).len(), data.rows().len());
    assert!(!ids(&data).iter().any(|id| id.contains(" at 0x")));
    assert!(!ids(&data).iter().any(|id| id.contains("anon.")));
    // Those with one name are told apart in the same way.
    let several = slim().view(&["data", "[vtable"], file);
    assert!(several.rows().len() > 3);
    for row in several.rows() {
        assert_eq!(known[&number(row, "address")], text(row, "id"), "{row}");
    }
    let kept = slim().view(&["retained", "-n", "0"], file);
    let is_data = |row: &&Value| text(row, "kind") == "data";
    let kept: Vec<&Value> = kept.rows().iter().filter(is_data).collect();
    assert!(kept.len() > 3);
    for row in kept {
        let same = data.rows_where("id", text(row, "id"));
        let [same] = same[..] else {
            panic!("{row}");
        };
        for field in ["name", "crate", "version"] {
            assert_eq!(row[field], same[field], "{row}");
        }
        assert_eq!(row["own"], same["file"], "{row}");
    }
}

/// `nm` has the variable's size, which only memory has.
#[test]
fn what_is_retained_has_its_size_in_memory() {
    let directory = TempDir::new().unwrap();
    let file = program(directory.path(), "room", "at");
    let names = succeed(command("nm").arg("-S").arg(&file));
    let room = names.lines().find(|line| line.contains("4ROOM")).unwrap();
    let size = room.split_whitespace().nth(1).unwrap();
    let size = u64::from_str_radix(size, 16).unwrap();
    assert_eq!(size, 1 << 20);
    let report = slim().view(&["retained", "--by", "crate"], &file);
    for row in report.rows() {
        let (shipped, held, memory) = (
            number(row, "shipped"),
            number(row, "file"),
            number(row, "memory"),
        );
        assert!(shipped == held && memory >= shipped, "{row}");
        let zeroed = memory - shipped;
        match text(row, "name") {
            "same" => assert!((size..size + 4096).contains(&zeroed), "{zeroed}"),
            // The start code of C keeps all of it.
            "[native]" => assert!(zeroed >= size, "{row}"),
            _ => assert!(zeroed < size, "{row}"),
        }
    }
}

/// Each figure of a package is the sum of its crates'.
#[test]
fn packages_have_the_figures_of_their_crates() {
    let manifest = "[package]\nname = \"app\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\
                    [dependencies]\npart = { path = \"part\" }\n";
    let part = "[package]\nname = \"part\"\nversion = \"2.0.0\"\nedition = \"2024\"\n";
    let directory = project(&[
        ("Cargo.toml", manifest),
        (
            "src/main.rs",
            "fn main() { part::say(std::env::args().count()) }\n",
        ),
        ("part/Cargo.toml", part),
        (
            "part/src/lib.rs",
            "#[inline(never)]\npub fn say(n: usize) { println!(\"{n:?}\") }\n",
        ),
    ]);
    let slim = slim().in_directory(directory.path());
    let crates = slim.run(["crates", "--message-format", "json"]).report();
    let deps = slim.run(["deps", "--message-format", "json"]).report();
    for package in ["app", "part"] {
        let row = deps.rows_where("name", package)[0];
        let own = crates.rows_where("package", package);
        for figure in ["shipped", "file", "memory"] {
            let sum: u64 = own.iter().map(|row| number(row, figure)).sum();
            assert!(
                number(row, figure) == sum && sum > 0,
                "{package} {figure}: {row}"
            );
        }
    }
}

#[test]
fn each_null_has_its_cause() {
    let directory = TempDir::new().unwrap();
    let file = program(directory.path(), "away", "at");
    let away = slim().in_directory(directory.path());
    for view in ["crates", "functions", "generics", "data"] {
        let report = away.view(&[view], &file);
        let warnings = report.json["warnings"].as_array().unwrap();
        let of = |code: &str| warnings.iter().find(|warning| warning["code"] == code);
        assert!(report.json["artifact"]["package"].is_null());
        let build = of("unknown-build").expect("a cause");
        assert!(text(build, "message").contains("artifact.package"));
        let has_package = |row: &&Value| {
            let of = if view == "crates" { "name" } else { "crate" };
            !text(row, of).starts_with('[')
        };
        let rows = report.rows().iter().filter(has_package);
        let nulls = rows.filter(|row| row["version"].is_null()).count() as u64;
        let counted = of("unknown-packages").map_or(0, |warning| number(warning, "count"));
        assert_eq!(counted, nulls, "{view}: {}", report.json["warnings"]);
        assert!(view != "crates" || nulls > 0);
    }
    // People see no null, and no cause of one.
    let shown = away.run(["crates", "--file", "away"]);
    assert!(!shown.stderr.contains("null"), "{}", shown.stderr);
}

#[test]
fn a_dash_is_standard_output() {
    let directory = TempDir::new().unwrap();
    program(directory.path(), "away", "at");
    let here = slim().in_directory(directory.path());
    for view in ["crates", "snapshot"] {
        let plain = here.run([view, "--file", "away"]);
        let dashed = here.run([view, "--file", "away", "-o", "-"]);
        assert_eq!((dashed.code, &dashed.stdout), (Some(0), &plain.stdout));
        assert!(!plain.stdout.is_empty() && !directory.path().join("-").exists());
    }
}

/// Two binaries, one of which the package prefers, and one is called like a command.
fn two_programs() -> TempDir {
    let manifest = "[package]\nname = \"app\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\
                    default-run = \"app\"\n";
    let main = "fn main() {}\n";
    project(&[
        ("Cargo.toml", manifest),
        ("src/main.rs", main),
        ("src/bin/sections.rs", main),
    ])
}

#[test]
fn a_bare_bin_is_the_packages_own_choice() {
    let directory = two_programs();
    let slim = slim().in_directory(directory.path());
    let report = slim
        .run(["crates", "--bin", "--message-format", "json"])
        .report();
    assert_eq!(report.json["artifact"]["target_name"], "app");
}

#[test]
fn a_command_that_is_also_a_target_says_so() {
    let directory = two_programs();
    let slim = slim().in_directory(directory.path());
    let hint = "--bin sections";
    let run = slim.run(["sections"]);
    assert!(
        run.code == Some(0) && run.stderr.contains(hint),
        "{}",
        run.stderr
    );
    for arguments in [&["crates"][..], &["sections", "--bin", "app"]] {
        let run = slim.run(arguments);
        assert!(
            run.code == Some(0) && !run.stderr.contains(hint),
            "{}",
            run.stderr
        );
    }
}

/// The linker is asked by a wrapper to strip; `readelf` says that it did.
#[test]
fn what_a_linker_strips_is_not_called_unstripped() {
    use std::os::unix::fs::PermissionsExt;
    let manifest = "[package]\nname = \"app\"\nversion = \"1.0.0\"\nedition = \"2024\"\n";
    let directory = project(&[("Cargo.toml", manifest), ("src/main.rs", "fn main() {}\n")]);
    let root = directory.path();
    let wrapper = root.join("linker.sh");
    fs::write(&wrapper, "#!/bin/sh\nexec cc \"$@\" -s -Wl,-s\n").unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(root.join(".cargo")).unwrap();
    let config = format!("[target.x86_64-unknown-linux-gnu]\nlinker = {wrapper:?}\n");
    fs::write(root.join(".cargo/config.toml"), config).unwrap();
    let slim = slim().in_directory(root);
    let report = slim.run(["crates", "--message-format", "json"]).report();
    let path = text(&report.json["artifact"], "path");
    let sections = succeed(command("readelf").args(["-SW", path]));
    assert!(!sections.contains(".symtab"), "{sections}");
    let shown = slim.run(["crates"]);
    assert!(!shown.stdout.contains("strip=none"), "{}", shown.stdout);
    let snapshot = slim.run(["snapshot"]);
    for text in [
        &report.json["artifact"]["build_notes"].to_string(),
        &snapshot.stdout,
    ] {
        assert!(!text.contains("strip=none"), "{text}");
    }
}

/// `objdump` has the sections that the loader reads, and LLD made them.
#[test]
fn import_tables_are_the_loaders() {
    let directory = TempDir::new().unwrap();
    let (definition, library) = (
        directory.path().join("a.def"),
        directory.path().join("a.lib"),
    );
    fs::write(&definition, "LIBRARY \"a.dll\"\nEXPORTS\n  alpha\n  beta\n").unwrap();
    let sysroot = succeed(rustc().args(["--print", "sysroot"]));
    let linker = "lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld";
    let mut linker = command(Path::new(sysroot.trim()).join(linker));
    linker.args(["-flavor", "link", "/lib", "/machine:x64"]);
    linker.arg(format!("/def:{}", definition.display()));
    succeed(linker.arg(format!("/out:{}", library.display())));
    let headers = command(llvm::tool("llvm-objdump", cache()))
        .arg("-h")
        .arg(&library)
        .output();
    let headers = String::from_utf8_lossy(&headers.unwrap().stdout).into_owned();
    let tables = headers.lines().filter(|line| line.contains(".idata$"));
    let sizes =
        tables.filter_map(|line| u64::from_str_radix(line.split_whitespace().nth(2)?, 16).ok());
    let expected: u64 = sizes.sum();
    assert!(expected > 0, "{headers}");
    let report = slim().view(&["crates"], &library);
    let unknown = report.rows_where("name", "[unknown]");
    let unknown: u64 = unknown.iter().map(|row| number(row, "file")).sum();
    assert_eq!(unknown, 0, "{}", report.json["rows"]);
    let linker = report.rows_where("name", "[linker]")[0];
    assert!(number(linker, "file") >= expected, "{linker}");
    assert_eq!(report.sum("file"), report.artifact("file_size"));
}

/// `ar` takes the members of an ordinary archive into a thin one, where they stay in the other file.
#[test]
fn members_of_archives_in_a_thin_archive_are_found() {
    let directory = TempDir::new().unwrap();
    let root = directory.path();
    for (name, value) in [("one", 1), ("two", 2)] {
        let source = root.join(format!("{name}.c"));
        fs::write(&source, format!("int {name}(void) {{ return {value}; }}\n")).unwrap();
        succeed(
            command("gcc")
                .args(["-c", "-o"])
                .arg(root.join(format!("{name}.o")))
                .arg(source),
        );
    }
    let ar = |arguments: &[&str]| succeed(command("ar").args(arguments).current_dir(root));
    ar(&["rcs", "inner.a", "one.o", "two.o"]);
    ar(&["rcs", "other.a", "one.o"]);
    ar(&["rcsT", "outer.a", "inner.a", "other.a", "two.o"]);
    let listed = ar(&["t", "outer.a"]);
    let expected = listed.lines().count();
    let here = slim().in_directory(root);
    let arguments = ["--file", "outer.a", "--message-format", "json"];
    let report = here.run(["sections"].iter().chain(&arguments)).report();
    let members = report.rows_where("kind", "member");
    let names: BTreeSet<&str> = members.iter().map(|row| text(row, "name")).collect();
    assert_eq!(
        (members.len(), names.len()),
        (expected, expected),
        "{names:?}"
    );
    assert_eq!(report.sum("file"), report.artifact("file_size"));
    let functions: Vec<String> = names
        .iter()
        .map(|name| {
            let member = ["functions", "--member", name];
            let report = here.run(member.iter().chain(&arguments)).report();
            text(&report.rows()[0], "name").to_owned()
        })
        .collect();
    let one = functions.iter().filter(|name| *name == "one").count();
    assert_eq!((one, functions.len()), (2, expected), "{functions:?}");
}
