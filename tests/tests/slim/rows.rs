//! What all rows have in common: identities that the next build has too, figures in memory beside
//! those of the file, and sums of what was cut.

use crate::{findings::project, slim};
use integration_tests::command::{command, rustc, succeed};
use integration_tests::tool::{Report, number, text};
use std::fs;
use tempfile::TempDir;

/// A library and a program of one name are told apart whichever is larger.
#[test]
fn a_library_and_its_program_keep_their_ids() {
    let made = |library: u32, program: u32| {
        let table = |name: &str, words: u32, seed: u32| {
            let numbers = (0..words).map(|n| n.wrapping_mul(2_654_435_761) ^ seed);
            let numbers: Vec<String> = numbers.map(|n| n.to_string()).collect();
            let numbers = numbers.join(",");
            format!("static {name}: [u32; {words}] = [{numbers}];\n")
        };
        let manifest = "[package]\nname = \"twin\"\nversion = \"1.0.0\"\nedition = \"2024\"\n";
        let lib = table("OURS", library, 1)
            + "#[inline(never)]\npub fn look(at: usize) -> u32 { OURS[at] }\n";
        let main = table("OWN", program, 2)
            + "fn main() {\n    let at = std::env::args().count();\n    \
               std::process::exit((twin::look(at) ^ OWN[at]) as i32)\n}\n";
        let directory = project(&[
            ("Cargo.toml", manifest),
            ("src/lib.rs", &lib),
            ("src/main.rs", &main),
        ]);
        let slim = slim().in_directory(directory.path());
        let report = slim.run(["crates", "--message-format", "json"]).report();
        let of = |id: &str| {
            let mut rows = report.rows().iter();
            let row = rows.find(|row| text(row, "id") == id);
            let row = row.unwrap_or_else(|| panic!("no {id}: {}", report.json["rows"]));
            number(row, "data")
        };
        (of("crate:twin@1.0.0"), of("crate:twin@1.0.0#2"))
    };
    for (library, program) in [(4096, 64), (64, 4096)] {
        let (lib, bin) = made(library, program);
        let (large, small) = if library > program {
            (lib, bin)
        } else {
            (bin, lib)
        };
        assert!(large >= 4 * 4096 && small < 4096, "{lib} {bin}");
    }
}

/// A variable of zeroes takes nothing of the file, and its size in memory, as `nm` has it.
#[test]
fn zeroes_have_their_size_in_memory() {
    let directory = TempDir::new().unwrap();
    let source = "static mut ROOM: [u8; 1 << 20] = [0; 1 << 20];\nfn main() {\n    \
                  let at = std::env::args().count();\n    \
                  unsafe { (&raw mut ROOM).cast::<u8>().add(at).write_volatile(1) }\n}\n";
    fs::write(directory.path().join("room.rs"), source).unwrap();
    succeed(
        rustc()
            .args(["-Copt-level=2", "room.rs"])
            .current_dir(directory.path()),
    );
    let file = directory.path().join("room");
    let report = slim().view(&["data", "-n", "0"], &file);
    let largest = report.rows().iter().max_by_key(|row| number(row, "memory"));
    let row = largest.unwrap();
    let listed = succeed(command("nm").args(["-S", "--size-sort"]).arg(&file));
    let last = listed.lines().last().unwrap();
    let size = u64::from_str_radix(last.split(' ').nth(1).unwrap(), 16).unwrap();
    assert_eq!(
        (number(row, "memory"), number(row, "file")),
        (size, 0),
        "{row}"
    );
    assert_eq!(text(row, "kind"), "static");
    // What is nowhere in the file is no constant.
    for row in report
        .rows()
        .iter()
        .filter(|row| text(row, "section") == ".bss")
    {
        assert_eq!(text(row, "kind"), "static", "{row}");
    }
}

/// What was cut has a sum for each figure of the rows, and with these the rows add up to all.
#[test]
fn what_was_cut_has_all_its_sums() {
    let directory = TempDir::new().unwrap();
    let source = "fn main() { println!(\"{:?}\", std::env::args().collect::<Vec<_>>()) }\n";
    fs::write(directory.path().join("a.rs"), source).unwrap();
    succeed(
        rustc()
            .args(["-Copt-level=2", "a.rs"])
            .current_dir(directory.path()),
    );
    let file = directory.path().join("a");
    let figures = |report: &Report, row: usize| -> Vec<String> {
        let row = report.rows()[row].as_object().unwrap().iter();
        let sizes = row.filter(|(key, value)| {
            value.is_u64() && !["address", "largest"].contains(&key.as_str())
        });
        sizes.map(|(key, _)| key.clone()).collect()
    };
    for view in [
        "crates",
        "overview",
        "functions",
        "generics",
        "data",
        "sections",
    ] {
        let cut = slim().view(&[view, "-n", "2"], &file);
        let all = slim().view(&[view, "-n", "0"], &file);
        assert_eq!(cut.rows().len(), 2, "{view}");
        for key in figures(&all, 0) {
            let rest = cut.json["cut"][&key].as_u64();
            let rest = rest.unwrap_or_else(|| panic!("{view} {key}: {}", cut.json["cut"]));
            assert_eq!(cut.sum(&key) + rest, all.sum(&key), "{view} {key}");
        }
    }
}

/// A column that the page shows can be asked for.
#[test]
fn the_overview_sorts_by_its_columns() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("a.rs"), "fn main() {}\n").unwrap();
    succeed(rustc().arg("a.rs").current_dir(directory.path()));
    let file = directory.path().join("a");
    for column in [
        "code", "data", "unwind", "inferred", "memory", "file", "shipped", "crate",
    ] {
        let run = slim().run([
            "overview",
            "--sort",
            column,
            "--file",
            &file.to_string_lossy(),
        ]);
        assert_eq!(run.code, Some(0), "{column}: {}", run.stderr);
    }
}

/// Where only std brings debug information, `--by inlined` says that the rest is not known.
#[test]
fn code_without_debug_information_is_named() {
    let directory = TempDir::new().unwrap();
    let source = "fn main() {\n    let all: Vec<String> = std::env::args().collect();\n    \
                  println!(\"{:?} {}\", all, all.iter().map(String::len).sum::<usize>())\n}\n";
    fs::write(directory.path().join("a.rs"), source).unwrap();
    let compile = |name: &str, flags: &[&str]| {
        let mut rustc = rustc();
        rustc
            .args(["-Copt-level=2", "a.rs", "-o", name])
            .args(flags);
        succeed(rustc.current_dir(directory.path()));
        let report = slim().view(&["crates", "--by", "inlined"], &directory.path().join(name));
        let warnings = report.json["warnings"].as_array().unwrap().clone();
        let mut warnings = warnings.into_iter();
        warnings.find(|one| one["code"] == "code-without-debug-info")
    };
    assert_eq!(compile("described", &["-Cdebuginfo=1"]), None);
    // A library without any, beside std, which has its own.
    let work = |n: u32| {
        format!(
            "#[inline(never)]\npub fn work{n}(n: u64) -> u64 {{\n    \
             (0..n).map(|k| k.rotate_left(k as u32 & {})).sum()\n}}\n",
            n % 64
        )
    };
    let many: String = (0..600).map(work).collect();
    let calls: String = (0..600)
        .map(|n| format!("sum ^= work{n}(sum);\n"))
        .collect();
    let source = format!(
        "{many}fn main() {{\nlet mut sum = std::process::id() as u64;\n{calls}std::process::exit(sum as i32)\n}}\n"
    );
    fs::write(directory.path().join("a.rs"), source).unwrap();
    let said = compile("undescribed", &[]).expect("most of the code is not described");
    assert!(said["help"].is_string(), "{said}");
}

/// Of a stripped file only a part of a crate is known, so no limit on it holds.
#[test]
fn a_crate_of_a_stripped_file_is_no_measure() {
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(
        path("app.rs"),
        "fn main() { println!(\"{}\", std::env::args().count()) }\n",
    )
    .unwrap();
    succeed(
        rustc()
            .args(["-Copt-level=2", "app.rs"])
            .current_dir(directory.path()),
    );
    let budgets = ["crate:core", "crate-file:core"].map(|measure| {
        format!("[[budget]]\nfile = \"app\"\nmeasure = \"{measure}\"\nlimit = \"90 MiB\"\n")
    });
    fs::write(path("slim.toml"), budgets.concat()).unwrap();
    let statuses = || -> Vec<String> {
        let slim = slim().in_directory(directory.path());
        let run = slim.run(["check", "--file", "app", "--message-format", "json"]);
        let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let rows = json["rows"].as_array().unwrap().iter();
        rows.map(|row| text(row, "status").to_owned()).collect()
    };
    assert_eq!(statuses(), ["pass", "pass"]);
    succeed(command("strip").arg("-s").arg(path("app")));
    assert_eq!(statuses(), ["missing", "missing"]);
}
