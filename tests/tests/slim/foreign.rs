//! Mach-O and PE through the tool: sums, kinds, depth and its reasons. What the files hold is told
//! by LLVM's tools in `shared/tests/image/foreign.rs`.

use crate::{cache, slim};
use integration_tests::command::{command, succeed};
use integration_tests::llvm;
use integration_tests::tool::{Report, is_cause_of_null, number, text};
use integration_tests::wheels::{Platform, unpacked_for};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn specimen(name: &str) -> PathBuf {
    let specimens = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/tests/image/specimens"
    );
    let path = PathBuf::from(specimens).join(name);
    assert!(path.is_file(), "{} is missing", path.display());
    path
}

/// What the file says was not read, by the names of `artifact.depth`.
fn unread(report: &Report) -> Vec<String> {
    let depth = report.json["artifact"]["depth"].as_object().unwrap();
    assert_eq!(depth.len(), 6, "{depth:?}");
    let unread = depth.iter().filter(|(_, read)| *read == false);
    unread.map(|(what, _)| what.clone()).collect()
}

fn warnings(report: &Report) -> Vec<&str> {
    let warnings = report.json["warnings"].as_array().unwrap();
    warnings
        .iter()
        .filter(|it| !is_cause_of_null(it))
        .map(|it| it["code"].as_str().unwrap())
        .collect()
}

#[test]
fn every_byte_has_a_row_and_every_depth_a_reason() {
    for (name, missing, reasons) in [
        ("apple-x86_64.dylib", vec!["debug"], vec!["no-dsym"]),
        ("apple-chained.dylib", vec!["debug"], vec!["no-dsym"]),
        ("windows-x86_64.dll", vec!["debug", "units"], vec!["no-pdb"]),
        (
            "windows-aarch64.dll",
            vec!["units"],
            // Its table leaves out leaf functions.
            vec!["stripped", "inferred-functions"],
        ),
    ] {
        let file = specimen(name);
        let size = fs::metadata(&file).unwrap().len();
        let crates = slim().view(&["crates"], &file);
        assert_eq!(crates.sum("file"), size, "{name}");
        let sections = slim().view(&["sections"], &file);
        assert_eq!(sections.sum("file"), size, "{name}");
        let mut found = unread(&crates);
        found.sort();
        assert_eq!(found, missing, "{name}");
        assert_eq!(warnings(&crates), reasons, "{name}");
        let unknown = sections.rows_where("name", "[unknown]");
        assert!(unknown.is_empty(), "{name}: bytes that no header mentions");
    }
}

#[test]
fn a_crate_has_its_constants_and_unwind_tables_too() {
    let crates = slim().view(&["crates"], &specimen("apple-x86_64.dylib"));
    let row = |name| crates.rows_where("name", name)[0];
    // 16 numbers in `table`, and `two_counter`.
    assert_eq!(number(row("two"), "data"), 68);
    // Three pointers, `one_names`, and three texts.
    assert_eq!(number(row("one"), "data"), 24 + 8 + 6 + 7 + 6);
    for name in ["one", "two"] {
        assert!(number(row(name), "unwind") > 0, "{name}");
        assert!(number(row(name), "symbols") > 0, "{name}");
    }
    // Nothing refers to `one_names`: that its unit's crate wrote it, and its symbol, is a guess.
    assert_eq!(number(row("one"), "inferred"), 8 + 16);
    assert_eq!(number(row("two"), "inferred"), 0);
}

#[test]
fn what_ships_is_without_symbols() {
    let file = specimen("apple-x86_64.dylib");
    let sections = slim().view(&["sections"], &file);
    let stripped = fs::metadata(specimen("apple-stripped.dylib"))
        .unwrap()
        .len();
    let shipped = sections.artifact("shipped_size");
    // `llvm-strip -x` of the same library, which pads its tables.
    assert!(shipped.abs_diff(stripped) <= 64, "{shipped} {stripped}");
    assert_eq!(sections.sum("shipped"), shipped);
}

#[test]
fn what_the_loaders_need() {
    let apple = slim()
        .view(&["loads"], &specimen("apple-chained.dylib"))
        .json;
    assert_eq!(apple["oldest_system"], "macOS 13.0");
    let facts = apple["hardening"].as_array().unwrap();
    let fact = |name: &str| {
        let found = facts.iter().find(|it| it["name"] == name);
        text(found.unwrap(), "value").to_owned()
    };
    assert_eq!(fact("fixups"), "chained");
    assert_eq!(fact("code-signature"), "no");
    let windows = slim()
        .view(&["loads"], &specimen("windows-x86_64.dll"))
        .json;
    assert_eq!(windows["oldest_system"], "Windows Vista (6.0)");
    // `lld-link` writes it unless told otherwise.
    assert_eq!(windows["oldest_system_is_default"], true);
    let page = slim().run([
        "loads",
        "--file",
        specimen("windows-x86_64.dll").to_str().unwrap(),
    ]);
    assert!(
        page.stdout.contains("not said: the header"),
        "{}",
        page.stdout
    );
    let facts = windows["hardening"].as_array().unwrap();
    assert!(
        facts
            .iter()
            .any(|it| it["name"] == "aslr" && it["value"] == "yes")
    );
}

/// Apple's page: where an image of a universal file may start.
const PAGE: usize = 1 << 14;

/// The images joined as `lipo` does it, in `directory`; LLVM's tool reads the header.
fn universal(directory: &Path, images: &[(&str, PathBuf)]) -> PathBuf {
    let contents: Vec<Vec<u8>> = images
        .iter()
        .map(|(_, file)| fs::read(file).unwrap())
        .collect();
    let mut header: Vec<u8> = [0xcafe_babe_u32, images.len() as u32]
        .iter()
        .flat_map(|word| word.to_be_bytes())
        .collect();
    let mut at = PAGE;
    for content in &contents {
        // The processor and its variant, as in the image's own header but high byte first.
        header.extend(content[4..8].iter().rev());
        header.extend(content[8..12].iter().rev());
        for word in [at, content.len(), PAGE.trailing_zeros() as usize] {
            header.extend((word as u32).to_be_bytes());
        }
        at = (at + content.len()).next_multiple_of(PAGE);
    }
    let mut bytes = header;
    for content in &contents {
        bytes.resize(bytes.len().next_multiple_of(PAGE), 0);
        bytes.extend(content);
    }
    let file = directory.join("universal.dylib");
    fs::write(&file, bytes).unwrap();
    let mut objdump = command(llvm::tool("llvm-objdump", cache()));
    let seen = succeed(objdump.args(["--macho", "--universal-headers"]).arg(&file));
    for (name, _) in images {
        assert!(seen.contains(&format!("architecture {name}\n")), "{seen}");
    }
    file
}

/// A Python module in a universal file below `directory`, and its images.
fn universal_module(directory: &Path) -> (PathBuf, Vec<(&'static str, PathBuf)>) {
    let images: Vec<_> = [(Platform::MacArm, "arm64"), (Platform::MacX86, "x86_64")]
        .map(|(platform, architecture)| {
            let (package, module) = &platform.modules()[2];
            let package = unpacked_for(platform, package, cache());
            (architecture, package.join(module))
        })
        .into();
    (universal(directory, &images), images)
}

/// What it weighs later is compared image by image or as the sum of them, and so are budgets.
#[test]
fn snapshots_diffs_and_budgets_know_the_images_of_a_universal_file() {
    let directory = tempfile::TempDir::new().unwrap();
    let (file, images) = universal_module(directory.path());
    let slim = slim().in_directory(directory.path());
    let json = |arguments: &[&str]| -> Report {
        let arguments = arguments.iter().chain(&["--message-format", "json"]);
        slim.run(arguments).report()
    };
    let size = |path: &Path| fs::metadata(path).unwrap().len();
    let file = file.to_str().unwrap();
    for (arch, name) in [(&[][..], "all.json"), (&["--arch", "arm64"], "one.json")] {
        let snapshot = ["snapshot", "-o", name, "--file", file];
        let run = slim.run(snapshot.iter().chain(arch));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        // The rows are those of `crates`, in which the images are one crate's.
        let crates = slim.view_with(
            &["crates"],
            Path::new(file),
            &arch.iter().map(AsRef::as_ref).collect::<Vec<_>>(),
        );
        let written: Value =
            serde_json::from_slice(&fs::read(directory.path().join(name)).unwrap()).unwrap();
        let core = |rows: &Value| -> u64 {
            let rows = rows.as_array().unwrap().iter();
            rows.filter(|row| row["name"] == "core")
                .map(|row| number(row, "shipped"))
                .sum()
        };
        assert!(core(&written["rows"]) > 0, "{name}");
        assert_eq!(core(&written["rows"]), core(&crates.json["rows"]), "{name}");
        // It says what the view says.
        let code = |json: &Value| {
            let mut all = json["warnings"].as_array().unwrap().iter();
            // What the view says of `null` is no warning of the snapshot's figures.
            let said = all.find(|it| !is_cause_of_null(it));
            said.map(|it| it["code"].clone())
        };
        assert_eq!(code(&written), code(&crates.json), "{name}");
        // And the same file is compared with it as the same thing.
        let same = ["diff", name, file].into_iter().chain(arch.iter().copied());
        let same = json(&same.collect::<Vec<_>>());
        assert_eq!(same.rows(), [Value::Null; 0], "{name}");
    }
    let one = json(&["diff", "all.json", "one.json"]);
    assert_eq!(one.json["before"]["architecture"], "universal");
    let help = text(&one.json["warnings"][0], "help");
    assert!(help.contains("--arch aarch64"), "{help}");
    // Of two snapshots of one artifact the files say which is which.
    let page = slim.run(["diff", "all.json", "one.json"]).stdout;
    for side in [
        "before   all.json (snapshot of",
        "after    one.json (snapshot of",
    ] {
        assert!(page.contains(side), "{page}");
    }
    let other = slim.run(["diff", "all.json", file, "--arch", "x86_64"]);
    assert_eq!(other.code, Some(2), "{}", other.stdout);

    let budget = |measure: &str| {
        format!(
            "[[budget]]\nfile = \"universal.dylib\"\nmeasure = \"{measure}\"\nlimit = \"1 GiB\"\n"
        )
    };
    let budgets = ["file", "crate:core", "section:__text"].map(budget);
    fs::write(directory.path().join("slim.toml"), budgets.concat()).unwrap();
    let check = |arch: &[&str], code: i32| -> Report {
        let arguments = ["check", "--file", file, "--message-format", "json"];
        slim.run(arguments.iter().chain(arch)).verdict(code)
    };
    // A section is one image's.
    let (all, arm) = (check(&[], 100), check(&["--arch", "arm64"], 0));
    let value =
        |report: &Report, measure: &str| report.rows_where("measure", measure)[0]["value"].as_u64();
    assert_eq!(value(&all, "file"), Some(size(Path::new(file))));
    assert_eq!(value(&arm, "file"), Some(size(&images[0].1)));
    let crates = |arch: &[&str]| {
        let report = slim.view(&[&["crates"], arch].concat(), Path::new(file));
        Some(number(report.rows_where("name", "core")[0], "shipped"))
    };
    assert_eq!(value(&all, "crate:core"), crates(&[]));
    assert_eq!(value(&arm, "crate:core"), crates(&["--arch", "arm64"]));
    let section = all.rows_where("measure", "section:__text")[0];
    assert!(text(section, "why").contains("--arch"), "{section}");
    assert!(value(&arm, "section:__text").is_some());
    let measured = |report: &Report| report.json["images"][0]["architectures"].clone();
    assert_eq!(measured(&all), serde_json::json!(["aarch64", "x86_64"]));
    assert_eq!(measured(&arm), serde_json::json!(["aarch64"]));

    // What can be done is said for the image that it is true of.
    let overview = slim.view(&["overview"], Path::new(file));
    let findings = overview.json["findings"].as_array().unwrap();
    assert!(!findings.is_empty());
    let of = text(&overview.json, "findings_of");
    for finding in findings {
        let command = text(finding, "command");
        assert!(command.contains(&format!(" --arch {of}")), "{command}");
        let words = command.strip_prefix("cargo slim ").unwrap().split(' ');
        let words: Vec<&str> = words.map(|word| word.trim_matches('\'')).collect();
        let run = slim.run(words);
        assert_eq!(run.code, Some(0), "{command}: {}", run.stderr);
    }
}

/// Each image of a universal file is read as if it stood alone, and the rows are added up.
#[test]
fn a_universal_file_is_the_sum_of_its_images() {
    let directory = tempfile::TempDir::new().unwrap();
    let (file, images) = universal_module(directory.path());
    let size = fs::metadata(&file).unwrap().len();
    let alone: u64 = images
        .iter()
        .map(|(_, file)| fs::metadata(file).unwrap().len())
        .sum();

    for view in ["crates", "functions", "generics", "data"] {
        let both = slim().view(&[view, "-n", "0"], &file);
        let codes = warnings(&both);
        assert!(!codes.contains(&"universal-file"), "{view}: {codes:?}");
        let each: Vec<Report> = ["arm64", "x86_64"]
            .map(|arch| slim().view(&[view, "-n", "0", "--arch", arch], &file))
            .into();
        let bytes: u64 = each.iter().map(|report| report.sum("file")).sum();
        match view {
            // Header and gaps are rows, too.
            "crates" => {
                assert_eq!(both.sum("file"), size);
                assert_eq!(bytes, alone);
                let shipped: u64 = each.iter().map(|it| it.artifact("shipped_size")).sum();
                assert_eq!(both.artifact("shipped_size"), size - alone + shipped);
                assert_eq!(both.sum("shipped"), both.artifact("shipped_size"));
                for name in ["pyo3", "core", "std"] {
                    let of = |report: &Report| number(report.rows_where("name", name)[0], "code");
                    assert_eq!(of(&both), each.iter().map(of).sum::<u64>(), "{name}");
                }
            }
            _ => assert_eq!(both.sum("file"), bytes, "{view}"),
        }
        let is_listed = |row: &Value| text(row, "member").to_owned();
        if matches!(view, "functions" | "data") {
            let members: BTreeSet<String> = both.rows().iter().map(is_listed).collect();
            assert_eq!(
                members,
                ["aarch64", "x86_64"].map(str::to_owned).into(),
                "{view}"
            );
            let rows: usize = each.iter().map(|report| report.rows().len()).sum();
            assert_eq!(both.rows().len(), rows, "{view}");
        }
    }
    let sections = slim().view(&["sections"], &file);
    assert_eq!(sections.sum("file"), size);
    for (name, (_, image)) in [("aarch64", &images[0]), ("x86_64", &images[1])] {
        let row = sections.rows_where("name", name)[0];
        assert_eq!(number(row, "file"), fs::metadata(image).unwrap().len());
    }
    // The header: two words and five for each image.
    let header = sections.rows_where("name", "[headers]")[0];
    assert_eq!(number(header, "file"), 8 + 2 * 20);

    let path = file.to_str().unwrap();
    let run = slim().run(["crates", "--arch", "riscv64", "--file", path]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("x86_64"), "{}", run.stderr);
    // What is asked of one image only says which there are, and answers for each.
    for view in [
        &["retained"][..],
        &["why", "main"],
        &["language"],
        &["loads"],
        &["data", "x"],
    ] {
        let run = slim().run(view.iter().chain(&["--file", path]));
        assert_eq!(run.code, Some(2), "{view:?} {}", run.stdout);
        assert!(
            run.stderr.contains("choose one with `--arch"),
            "{}",
            run.stderr
        );
    }
    let loads = slim().run(["loads", "--arch", "aarch64", "--file", path]);
    assert_eq!(loads.code, Some(0), "{}", loads.stderr);
}

/// What headers place beyond the end of the file is named, and nothing is advised that needs it.
#[test]
fn a_file_that_is_cut_off_says_what_is_missing() {
    let directory = tempfile::TempDir::new().unwrap();
    for (name, keep, parts) in [
        ("apple-x86_64.dylib", 12_000, "`__data`"),
        ("apple-x86_64.dylib", 1_300, "`__text`"),
        ("windows-x86_64.dll", 3_000, "`.reloc`"),
        ("windows-x86_64.dll", 1_200, "`.text`"),
    ] {
        let whole = fs::read(specimen(name)).unwrap();
        let file = directory.path().join(name);
        fs::write(&file, &whole[..keep]).unwrap();
        for view in ["overview", "crates", "sections"] {
            let report = slim().view(&[view], &file);
            assert_eq!(
                warnings(&report),
                ["damaged-sections"],
                "{view} {name} {keep}"
            );
            let warning = &report.json["warnings"][0];
            let message = text(warning, "message");
            assert!(message.contains(parts), "{message}");
            assert!(!text(warning, "help").contains("strip"), "{warning}");
            if view != "overview" {
                assert_eq!(report.sum("file"), keep as u64, "{view} {name}");
            }
        }
        let overview = slim().view(&["overview"], &file);
        let findings = overview.json["findings"].as_array().unwrap();
        assert!(findings.is_empty(), "{findings:?}");
        // The whole file has nothing to say of this kind.
        let whole = slim().view(&["crates"], &specimen(name));
        assert!(!warnings(&whole).contains(&"damaged-sections"), "{name}");
    }
}

/// What a library offers is kept, by the export trie of Mach-O as by the tables of the other formats.
#[test]
fn exports_are_roots() {
    for (file, name) in [
        ("apple-chained.dylib", "one_entry"),
        ("windows-x86_64.dll", "one_entry"),
    ] {
        let file = specimen(file);
        let arguments = ["why", name, "--message-format", "json", "--file"];
        let file = file.display().to_string();
        let report = slim()
            .run(arguments.iter().copied().chain([&*file]))
            .report();
        assert_eq!(report.rows()[0]["via"], "export", "{:?}", report.rows());
    }
}

/// Neighbours in a section of Mach-O, whose names are all identifiers, are not of one piece as those of
/// an ELF section that is walked over from `__start_NAME`: who uses what is as the source has it.
#[test]
fn neighbours_in_a_section_use_each_other_only_by_pointers() {
    for name in ["apple-x86_64.dylib", "apple-chained.dylib"] {
        let users = |of: &str| -> Vec<String> {
            let report = slim().view(&["data", of], &specimen(name));
            let row = &report.rows()[0];
            let users = row["users"].as_array().into_iter().flatten();
            users.map(|user| text(user, "name").to_owned()).collect()
        };
        assert_eq!(users("two_counter"), ["other"], "{name}");
        assert_eq!(users("second"), ["names"], "{name}");
        // It is exported, and nothing in the file refers to it.
        assert_eq!(users("one_names"), [""; 0], "{name}");
    }
}

/// The roots of the file's graph, and what of its bytes they reach.
fn graph(file: &Path) -> (u64, u64) {
    let report = slim().view(&["retained"], file);
    let graph = &report.json["graph"];
    (number(graph, "roots"), number(graph, "known"))
}

/// Linkers keep what a library exports, and of a program what runs: `main`, and what a list of
/// initialisers names. The file is the same but for its type and the name of its list of pointers.
#[test]
fn a_program_is_kept_by_what_runs_and_a_library_by_what_it_exports() {
    let directory = tempfile::TempDir::new().unwrap();
    let library = specimen("apple-x86_64.dylib");
    let mut objdump = command(llvm::tool("llvm-objdump", cache()));
    let exports = succeed(objdump.args(["--macho", "--exports-trie"]).arg(&library));
    let exports = exports
        .lines()
        .filter(|line| line.starts_with("0x"))
        .count() as u64;
    assert!(exports > 0);
    assert_eq!(graph(&library).0, exports);

    let mut bytes = fs::read(&library).unwrap();
    // `filetype` of `mach_header_64`: MH_DYLIB, then MH_EXECUTE.
    assert_eq!(bytes[12], 6);
    bytes[12] = 2;
    let program = directory.path().join("program");
    fs::write(&program, &bytes).unwrap();
    assert_eq!(graph(&program), (0, 0), "nothing of it runs");

    let name = *b"__const\0\0\0\0\0\0\0\0\0__DATA_CONST";
    let at = bytes.windows(name.len()).position(|window| window == name);
    let at = at.expect("a section of pointers");
    bytes[at..at + 16].copy_from_slice(b"__mod_init_func\0");
    fs::write(&program, &bytes).unwrap();
    // LLVM wants a library where there is a library's name.
    bytes[12] = 6;
    let named = directory.path().join("named.dylib");
    fs::write(&named, &bytes).unwrap();
    let mut objdump = command(llvm::tool("llvm-objdump", cache()));
    let seen = succeed(objdump.args(["--macho", "--rebase"]).arg(&named));
    let pointers = seen.lines().filter(|line| line.contains("__mod_init_func"));
    let pointers = pointers.count();
    assert!(pointers > 0, "{seen}");
    let (roots, known) = graph(&program);
    assert!(roots >= 1 && known > 0, "{roots} {known} {pointers}");
    // Its list is a root, and what the list names is reached.
    let report = slim().view(&["retained"], &program);
    let reached = report.rows();
    let functions = reached.iter().filter(|row| text(row, "kind") == "function");
    assert!(functions.count() > 0);
}

/// The magic number of a universal file is that of a Java class, whose version stands in place of the
/// number of images.
#[test]
fn a_java_class_is_no_universal_file() {
    let directory = tempfile::TempDir::new().unwrap();
    let class = directory.path().join("J.class");
    let mut bytes = vec![0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 52];
    bytes.extend((0..3000_u32).map(|i| (i * 7 % 251) as u8));
    fs::write(&class, bytes).unwrap();
    let run = slim().run(["--file", class.to_str().unwrap()]);
    assert_eq!(run.code, Some(101), "{}", run.stdout);
    assert!(run.stderr.contains("J.class"), "{}", run.stderr);
}
