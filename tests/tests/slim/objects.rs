//! Objects of other formats than ELF, as members of an rlib: WebAssembly, COFF and Mach-O. They are compiled
//! without any library of Rust's, so no target has to be installed.

use crate::sources::{CORE, without_core, write};
use crate::{cache, slim};
use integration_tests::command::{command, rustc, succeed};
use integration_tests::llvm;
use integration_tests::tool::{Report, number, text};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const SOURCE: &str = r#"
    #[lang = "sync"] pub unsafe trait Sync {}
    unsafe impl Sync for [u32; 16] {}
    extern "C" { fn elsewhere(table: *const [u32; 16]) -> u32; }
    static SQUARES: [u32; 16] = [0, 1, 4, 9, 16, 25, 36, 49, 64, 81, 100, 121, 144, 169, 196, 225];
    static PRIMES: [u32; 16] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53];
    #[inline(never)] pub unsafe fn squares() -> u32 {
        elsewhere(&raw const SQUARES);
        elsewhere(&raw const SQUARES)
    }
    #[inline(never)] pub unsafe fn primes() -> u32 {
        elsewhere(&raw const PRIMES);
        squares()
    }
"#;

/// An rlib for a target, and its only object.
fn compile(directory: &TempDir, triple: &str) -> (PathBuf, PathBuf) {
    let source = write(directory, "tiny.rs", &format!("{CORE}{SOURCE}"));
    let rlib = directory.path().join("libtiny.rlib");
    let mut compile = without_core(triple);
    compile.args(["--crate-type=rlib", "-Cdebuginfo=2"]);
    compile.arg("-Cforce-unwind-tables=yes");
    succeed(compile.arg(&source).arg("-o").arg(&rlib));
    let members = succeed(command("ar").arg("t").arg(&rlib));
    let object = members.lines().find(|name| name.ends_with(".rcgu.o"));
    let object = object.unwrap_or_else(|| panic!("{members}"));
    let mut extract = command("ar");
    extract.current_dir(directory.path());
    succeed(extract.arg("x").arg(&rlib).arg(object));
    (rlib, directory.path().join(object))
}

/// The sizes of named functions.
type Sizes = BTreeMap<String, u64>;

fn hexadecimal(text: &str) -> u64 {
    let digits = text.trim_start_matches("0x");
    u64::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("{text}"))
}

/// What stands between two texts, or after the first to the end.
fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let rest = text.split_once(before)?.1;
    Some(rest.split(after).next().unwrap_or(rest).trim())
}

/// `wasm-objdump` counts the body, and the linker's map the length before it, a byte here.
fn of_wasm(object: &Path) -> Sizes {
    let listing = succeed(command("wasm-objdump").arg("-x").arg(object));
    let lines = || listing.lines().map(str::trim);
    let sizes: BTreeMap<&str, u64> = lines()
        .filter_map(|line| {
            let number = between(line, "- func[", "]")?;
            Some((number, between(line, "] size=", " ")?.parse().unwrap()))
        })
        .collect();
    let symbol = |line| {
        let name = between(line, ": F <", ">")?;
        let size = sizes.get(between(line, "> func=", " ")?)?;
        Some((name.to_owned(), size + 1))
    };
    lines().filter_map(symbol).collect()
}

/// The entries of `.pdata`.
fn of_coff(object: &Path) -> Sizes {
    let mut tool = command(llvm::tool("llvm-readobj", cache()));
    let listing = succeed(tool.arg("--unwind").arg(object));
    let mut sizes = Sizes::new();
    for entry in listing.split("RuntimeFunction {").skip(1) {
        // x86-64 has the end, Arm the length.
        let found = match between(entry, "EndAddress: ", "\n") {
            Some(end) => {
                let start = between(entry, "StartAddress: ", " ").unwrap();
                let (name, end) = end.split_once(" +0x").unwrap();
                assert_eq!(start, name);
                (name, hexadecimal(end.split(' ').next().unwrap()))
            }
            None => {
                let name = between(entry, "Function: ", " ").unwrap();
                let length = between(entry, "FunctionLength: ", "\n").unwrap();
                (name, length.parse().unwrap())
            }
        };
        sizes.insert(found.0.to_owned(), found.1);
    }
    sizes
}

/// The entries of `__compact_unwind`. The first function has the name that assemblers give its section.
fn of_macho(object: &Path) -> Sizes {
    let mut tool = command(llvm::tool("llvm-objdump", cache()));
    let listing = succeed(tool.args(["--macho", "--unwind-info"]).arg(object));
    let entries = listing.split("Entry at offset").skip(1);
    let entry = |entry: &str| {
        let name = between(entry, "start:", "\n")?.split_once(' ')?.1.trim();
        let length = hexadecimal(between(entry, "length:", "\n")?);
        let name = if name.starts_with("ltmp") {
            ""
        } else {
            &name[1..]
        };
        Some((name.to_owned(), length))
    };
    entries.filter_map(entry).collect()
}

fn functions(report: &Report) -> Sizes {
    let rows = report.rows().iter();
    rows.map(|row| (text(row, "symbol").to_owned(), number(row, "file")))
        .collect()
}

/// Each function is as long as the format's own tools say, is proven, and its unwind entry is its own.
#[test]
fn functions_are_those_of_the_formats_own_tables() {
    type Witness = fn(&Path) -> Sizes;
    let targets: [(&str, Witness, bool); 6] = [
        ("wasm32-unknown-unknown", of_wasm, false),
        ("x86_64-pc-windows-msvc", of_coff, true),
        ("x86_64-pc-windows-gnu", of_coff, true),
        ("aarch64-pc-windows-msvc", of_coff, true),
        ("aarch64-apple-darwin", of_macho, true),
        ("x86_64-apple-darwin", of_macho, true),
    ];
    for (triple, witness, unwinds) in targets {
        let directory = TempDir::new().unwrap();
        let (rlib, object) = compile(&directory, triple);
        let witness = witness(&object);
        assert_eq!(witness.len(), 2, "{triple}: {witness:?}");
        for file in [&rlib, &object] {
            let report = slim().view(&["functions", "-n", "0"], file);
            let ours = functions(&report);
            assert_eq!(ours.len(), 2, "{triple}: {ours:?}");
            for (name, size) in &witness {
                let found = match name.is_empty() {
                    true => ours.values().any(|own| own == size),
                    false => ours.get(name) == Some(size),
                };
                assert!(found, "{triple}: {name} has {size} bytes, {ours:?}");
            }
            for row in report.rows() {
                assert_ne!(text(row, "evidence"), "inferred", "{triple}: {row}");
                assert_eq!(text(row, "crate"), "tiny", "{triple}: {row}");
            }
            let crates = slim().view(&["crates", "-n", "0"], file);
            assert_eq!(crates.sum("file"), fs::metadata(file).unwrap().len());
            let own = crates.rows_where("name", "tiny")[0];
            assert_eq!(number(own, "unwind") > 0, unwinds, "{triple}: {own}");
            // Nothing of it is left over: `ltmp` marks and the like are the linker's.
            let unknown = crates.rows_where("name", "[unknown]");
            let code: u64 = unknown.iter().map(|row| number(row, "code")).sum();
            assert_eq!(code, 0, "{triple}: {unknown:?}");
        }
    }
}

/// Relocations lead to the start of each of two tables, also where they count from their section.
#[test]
fn relocations_lead_to_the_right_constant() {
    for triple in [
        "wasm32-unknown-unknown",
        "x86_64-pc-windows-msvc",
        "x86_64-pc-windows-gnu",
        "aarch64-apple-darwin",
        "x86_64-apple-darwin",
    ] {
        let directory = TempDir::new().unwrap();
        let (rlib, _) = compile(&directory, triple);
        let data = slim().view(&["data", "-n", "0"], &rlib);
        let tables: Vec<_> = data.rows_where("crate", "tiny");
        let sizes: Vec<u64> = tables.iter().map(|row| number(row, "file")).collect();
        // One object each, which ends where the other begins.
        assert_eq!(sizes, [64, 64], "{triple}: {tables:?}");
    }
}

/// What a linker drops does not ship: LLVM's bitcode in Mach-O objects, rustc's metadata.
#[test]
fn what_a_linker_drops_does_not_ship() {
    for triple in [
        "aarch64-apple-darwin",
        "x86_64-pc-windows-gnu",
        "wasm32-unknown-unknown",
    ] {
        let directory = TempDir::new().unwrap();
        let (_, object) = compile(&directory, triple);
        let report = slim().view(&["sections", "-n", "0"], &object);
        let mut bitcode = 0;
        for row in report.rows() {
            let name = text(row, "name");
            if ["__bitcode", "__cmdline", ".llvmbc", ".llvmcmd"].contains(&name) {
                bitcode += number(row, "file");
                assert_eq!(number(row, "shipped"), 0, "{triple}: {row}");
                assert_eq!(number(row, "memory"), 0, "{triple}: {row}");
            }
        }
        assert!(bitcode > 1000, "{triple}: {bitcode} bytes of bitcode");
    }
}

/// A program for windows-gnu: what is left of it without symbols is what `llvm-strip` leaves, headers
/// included, and its functions are those of the symbols.
#[test]
fn a_program_for_windows_gnu_is_stripped_to_the_byte() {
    let directory = TempDir::new().unwrap();
    let (_, object) = compile(&directory, "x86_64-pc-windows-gnu");
    let libraries = succeed(rustc().args(["--print", "target-libdir"]));
    let mut linker = command(Path::new(libraries.trim()).join("../bin/rust-lld"));
    linker.args([
        "-flavor",
        "gnu",
        "-m",
        "i386pep",
        "-Xlink=-force:unresolved",
    ]);
    let program = directory.path().join("tiny.exe");
    let entry = functions(&slim().view(&["functions", "-n", "0"], &object));
    let entry = entry.keys().next().unwrap();
    succeed(
        linker
            .args(["-e", entry])
            .arg(&object)
            .arg("-o")
            .arg(&program),
    );
    let stripped = directory.path().join("stripped.exe");
    let mut strip = command(llvm::tool("llvm-strip", cache()));
    succeed(
        strip
            .arg("--strip-all")
            .arg(&program)
            .arg("-o")
            .arg(&stripped),
    );
    let left = fs::metadata(&stripped).unwrap().len();
    for view in ["sections", "crates"] {
        let report = slim().view(&[view, "-n", "0"], &program);
        assert_eq!(
            number(&report.json["artifact"], "shipped_size"),
            left,
            "{view}"
        );
        assert_eq!(report.sum("shipped"), left, "{view}");
        assert_eq!(report.sum("file"), fs::metadata(&program).unwrap().len());
    }
    let ours = functions(&slim().view(&["functions", "-n", "0"], &program));
    assert_eq!(ours, of_coff(&object));
}
