//! Namespaces that are no crates, variables that C puts together, functions without names, and parts of
//! functions: what real files of other languages, linkers and optimisers hold. The witnesses are the same
//! objects linked in another way, `llvm-pdbutil`, the linker's map and `nm`.

use crate::slim;
use integration_tests::command::{command, rustc, succeed};
use integration_tests::tool::{Report, number, text};
use integration_tests::witness::nm;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
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

/// Of each function its identity, its crate and its size.
fn functions(report: &Report) -> BTreeSet<(String, String, u64)> {
    let rows = report.rows().iter();
    let of = |row: &Value, field| text(row, field).to_owned();
    let all = rows.map(|row| (of(row, "id"), of(row, "crate"), number(row, "file")));
    all.collect()
}

/// wasm-ld spells names out unless it is told not to: what was linked is the same.
#[test]
fn names_that_a_linker_spelled_out_say_what_mangled_ones_do() {
    let directory = tempfile::tempdir().unwrap();
    // A crate may be called like its file.
    let file = directory.path().join("m.wasm");
    for scheme in ["legacy", "v0"] {
        let view = |name: String| {
            fs::copy(specimen(&name), &file).unwrap();
            slim().view(&["functions"], &file)
        };
        let mangled = view(format!("spaces-{scheme}.wasm"));
        let shown = view(format!("spaces-{scheme}-shown.wasm"));
        assert_eq!(functions(&shown), functions(&mangled), "{scheme}");
        let of = |name: &str| {
            let rows = shown.rows_where("name", name);
            let row = rows.first().unwrap_or_else(|| panic!("no {name}"));
            (
                text(row, "crate").to_owned(),
                text(row, "evidence").to_owned(),
            )
        };
        let is = |owner: &str| (owner.to_owned(), "symbol".to_owned());
        assert_eq!(of("std::twice(int)"), is("[native]"));
        assert_eq!(of("alpha::thrice(int)"), is("[native]"));
        assert_eq!(of("alpha::inner::keep"), is("alpha"));
    }
}

/// `llvm-pdbutil dump --symbols`: the modules' S_COMPILE3 say C++ and Rust.
#[test]
fn namespaces_of_a_pdb_are_crates_in_code_of_rust_only() {
    let report = slim().view(&["functions"], &specimen("spaces.exe"));
    let all: BTreeMap<&str, (&str, u64)> = report
        .rows()
        .iter()
        .map(|row| (text(row, "name"), (text(row, "crate"), number(row, "file"))))
        .collect();
    for (name, expected) in [
        ("std::twice", ("[native]", 10)),
        ("alpha::thrice", ("[native]", 4)),
        ("run", ("[native]", 114)),
    ] {
        assert_eq!(all.get(name), Some(&expected), "{all:?}");
    }
    assert_eq!(all["alpha::inner::keep"].0, "alpha");
    let crates = slim().view(&["crates"], &specimen("spaces.exe"));
    assert!(crates.rows_where("name", "std").is_empty());
}

/// `llvm-pdbutil dump --globals`: `first` at 0003:0000, `second` at :2000, `third` at :2120, `text` at
/// :2128, `early` at :2144, `later` at :6144; the section has 2,560 bytes in the file.
#[test]
fn variables_of_one_object_file_have_their_own_sizes() {
    let report = slim().view(&["data"], &specimen("spaces.exe"));
    let rows = report.rows().iter();
    let all: BTreeMap<&str, (u64, u64, &str)> = rows
        .filter(|row| row["section"] != ".rdata")
        .map(|row| {
            let sizes = (number(row, "file"), number(row, "memory"));
            (text(row, "name"), (sizes.0, sizes.1, text(row, "crate")))
        })
        .collect();
    for (name, file, memory) in [
        ("first", 2000, 2000),
        ("second", 120, 120),
        ("third", 8, 8),
        ("text", 12, 12),
        // It begins in what the file holds, and ends in what only memory has.
        ("early", 2560 - 2144, 4000),
        ("later", 0, 8000),
    ] {
        assert_eq!(
            all.get(name),
            Some(&(file, memory, "[native]")),
            "{name}: {all:?}"
        );
    }
    // The sizes of the view's sum are those of the sections.
    let sections = slim().view(&["sections"], &specimen("spaces.exe"));
    let of = |name: &str| number(sections.rows_where("name", name)[0], "memory");
    let listed: u64 = all.values().map(|(_, memory, _)| memory).sum();
    let whole = of(".data") + of(".bss");
    assert!(
        listed <= whole && whole - listed < 16,
        "{listed} of {whole}"
    );
}

/// The linker's map says where each piece of data starts.
#[test]
fn small_numbers_are_no_addresses_where_the_importer_chooses_them() {
    let map = fs::read_to_string(specimen("apart.map")).unwrap();
    let map: BTreeSet<u64> = map
        .lines()
        .map(|line| u64::from_str_radix(line, 16).unwrap())
        .collect();
    let report = slim().view(&["data"], &specimen("apart.wasm"));
    let starts: BTreeSet<u64> = report
        .rows()
        .iter()
        .map(|row| number(row, "address"))
        .collect();
    assert_eq!(starts, map);
    assert_eq!(report.sum("file"), 396);
}

/// A module of functions without names, which differ by the sizes of their bodies.
fn module(bodies: &[u8]) -> Vec<u8> {
    let section = |id: u8, content: &[u8]| {
        let mut bytes = vec![id];
        let mut left = content.len();
        while left >= 0x80 {
            bytes.push(left as u8 | 0x80);
            left >>= 7;
        }
        bytes.push(left as u8);
        bytes.extend(content);
        bytes
    };
    let count = bodies.len() as u8;
    let mut code = vec![count];
    for nops in bodies {
        // Its length, no locals, `nop`s and `end`.
        code.extend([nops + 2, 0]);
        code.extend(vec![1; usize::from(*nops)]);
        code.push(0x0b);
    }
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    module.extend(section(1, &[1, 0x60, 0, 0]));
    module.extend(section(3, &[&[count][..], &vec![0; bodies.len()]].concat()));
    module.extend(section(10, &code));
    module
}

/// A function's number says only how many stand before it.
#[test]
fn functions_without_names_are_not_paired_by_their_numbers() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, bodies: &[u8]| {
        let path = directory.path().join(name);
        fs::write(&path, module(bodies)).unwrap();
        path
    };
    let before = file("before.wasm", &[10, 100, 20, 90, 30]);
    let after = file("after.wasm", &[50, 10, 100, 20, 90, 30]);
    let arguments = ["diff", "--message-format", "json"].map(Path::new);
    let arguments = arguments.into_iter().chain([&*before, &*after]);
    let report = slim().run(arguments).report();
    let rows = report.rows_where("kind", "function");
    let changes: Vec<(&str, i64)> = rows
        .iter()
        .map(|row| (text(row, "name"), row["delta"].as_i64().unwrap()))
        .collect();
    // One body of 50 and its length, locals and end.
    assert_eq!(changes, [("[function]", 53)]);
}

/// `nm -S` knows the symbols: three copies, of which two have parts elsewhere, as BOLT leaves them.
#[test]
fn parts_of_a_function_are_no_copies() {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("parts.rs");
    let object = directory.path().join("parts.o");
    let mut assembly = String::new();
    for (number, (symbol, size)) in [
        ("_RINvC5parts4samelE", 40),
        ("_RINvC5parts4samemE", 30),
        ("_RINvC5parts4samejE", 20),
        ("_RINvC5parts4samelE.cold.0", 25),
        ("_RINvC5parts4samelE.cold.1", 24),
        ("_RINvC5parts4samemE.warm", 23),
        // Of a function whose other parts are not there.
        ("_RINvC5parts4samesE.cold.0", 22),
        ("_RINvC5parts4samesE.cold.1", 21),
    ]
    .into_iter()
    .enumerate()
    {
        // Each differs: what equal copies are is asked elsewhere.
        assembly += &format!(
            ".type \"{symbol}\",@function\n\"{symbol}\":\nmov eax, {number}\n.fill {}, 1, 0x90\nret\n\
             .size \"{symbol}\", {size}\n",
            size - 6
        );
    }
    let text_of = format!("std::arch::global_asm!(r#\".text\n{assembly}\"#);\n");
    fs::write(&source, text_of).unwrap();
    let arguments = ["--crate-type=lib", "--emit=obj", "--edition=2024"];
    let mut compile = rustc();
    succeed(compile.args(arguments).arg("-o").arg(&object).arg(&source));
    let symbols = nm(&object);
    let sizes = symbols
        .iter()
        .filter(|symbol| symbol.name.starts_with("_RINvC5parts4same"))
        .map(|symbol| symbol.size);
    let whole: u64 = sizes.sum();
    assert_eq!(whole, 40 + 30 + 20 + 25 + 24 + 23 + 22 + 21);
    let report = slim().view(&["generics"], &object);
    let rows = report.rows_where("name", "parts::same");
    assert_eq!(rows.len(), 1, "{}", report.json);
    assert_eq!(number(rows[0], "copies"), 4);
    assert_eq!(number(rows[0], "file"), whole);
    assert_eq!(number(rows[0], "largest"), 40 + 25 + 24);
}

/// `llvm-readobj --coff-imports`: `slow.dll` stands under DelayImport, with two symbols; `one.dll` and
/// `ONE.DLL` have one each.
#[test]
fn libraries_are_listed_once_and_those_of_the_first_call_too() {
    let libraries = |name: &str| {
        let report = slim().view(&["loads"], &specimen(name)).json;
        let libraries = report["libraries"].as_array().unwrap().iter();
        let of = |library: &Value| {
            let delayed = library["delayed"].as_bool().unwrap_or_default();
            let functions = library["functions"].as_u64().unwrap();
            // Linkers choose one of the spellings.
            (text(library, "name").to_lowercase(), functions, delayed)
        };
        libraries.map(of).collect::<Vec<_>>()
    };
    assert_eq!(
        libraries("delayed.dll"),
        [
            ("one.dll".to_owned(), 2, false),
            ("slow.dll".to_owned(), 2, true)
        ]
    );
    assert_eq!(libraries("twice.exe"), [("one.dll".to_owned(), 2, false)]);
}

const FLOATS: &str = "#[inline(never)] fn a(n: f64) { println!(\"{n}\") }\n\
    #[inline(never)] fn b(n: f64) { println!(\"{n:?}\") }\n\
    fn main() { let n = std::env::args().count() as f64; a(n / 3.0); b(n / 7.0) }\n";

/// Without symbols only the library's own functions are known, by their code: whoever calls them has no
/// name that would help.
#[test]
fn whoever_has_no_name_is_no_reason() {
    let directory = tempfile::tempdir().unwrap();
    let (source, file) = (directory.path().join("f.rs"), directory.path().join("f"));
    fs::write(&source, FLOATS).unwrap();
    let mut compile = rustc();
    compile.args(["-O", "-Cstrip=symbols", "-o"]);
    succeed(compile.arg(&file).arg(&source));
    let report = slim().view(&["overview"], &file);
    let findings = report.json["findings"].as_array().unwrap();
    for finding in findings {
        let title = text(finding, "title");
        for nobody in ["`[unknown]`", "`[native]`", "`core`", "`std`", "`alloc`"] {
            let floats = finding["code"] == "float-formatting";
            assert!(!floats || !title.ends_with(nobody), "{title}");
        }
    }
}

const MUSL: &str = "x86_64-unknown-linux-musl";

/// A program with musl is the same wherever it is copied to. The paths in its panic locations say which
/// versions of its dependencies std has.
#[test]
fn std_is_that_of_the_target_wherever_a_program_lies() {
    let mut libraries = rustc();
    let libraries = succeed(libraries.args(["--print", "target-libdir", "--target", MUSL]));
    if !Path::new(libraries.trim()).is_dir() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (source, file) = (directory.path().join("f.rs"), directory.path().join("f"));
    fs::write(&source, FLOATS).unwrap();
    let mut compile = rustc();
    compile.args(["-O", "-Csymbol-mangling-version=v0", "--target", MUSL, "-o"]);
    succeed(compile.arg(&file).arg(&source));
    let report = slim().view(&["crates"], &file);
    let ids: Vec<&str> = report.rows().iter().map(|row| text(row, "id")).collect();
    let distinct: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), distinct.len(), "{ids:?}");
    let version = succeed(command("rustc").arg("--version"));
    let version = version.split(' ').nth(1).unwrap();
    let rows = report.rows_where("name", "std");
    assert_eq!(rows.len(), 1, "{ids:?}");
    assert_eq!(text(rows[0], "version"), version);
    let bytes = fs::read(&file).unwrap();
    let bytes = String::from_utf8_lossy(&bytes);
    let gimli = bytes.split("/rust/deps/gimli-").nth(1);
    let gimli = gimli
        .and_then(|rest| rest.split('/').next())
        .expect("a path of gimli's");
    let row = report.rows_where("name", "gimli")[0];
    assert_eq!(
        (text(row, "origin"), text(row, "version")),
        ("std-dependency", gimli)
    );
}
