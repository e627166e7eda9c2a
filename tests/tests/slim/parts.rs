//! Objects, static libraries and rlibs: each member is accounted for, and its functions are what
//! binutils list.

use crate::slim;
use integration_tests::command::{command, rustc, succeed};
use integration_tests::tool::{Report, is_cause_of_null, number, text};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const SOURCE: &str = r#"
    pub static TABLE: [u32; 16] = [9, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
    #[no_mangle]
    pub extern "C" fn work(x: u32) -> u32 {
        let mut s = x;
        for i in 0..x { s = s.rotate_left(i & 7) ^ TABLE[(i & 15) as usize]; }
        assert!(s != 77, "seventy seven after {x}");
        s
    }
    pub fn sizes(all: &[String]) -> std::collections::HashMap<String, usize> {
        all.iter().map(|one| (one.clone(), one.len())).collect()
    }
"#;

fn compile(directory: &TempDir, name: &str, arguments: &[&str]) -> PathBuf {
    let source = directory.path().join("w.rs");
    fs::write(&source, SOURCE).unwrap();
    let file = directory.path().join(name);
    let mut command = rustc();
    command.args(["-O", "--edition=2021", "--crate-name=w"]);
    command
        .args(["-Csymbol-mangling-version=v0"])
        .args(arguments);
    succeed(command.arg(&source).arg("-o").arg(&file));
    file
}

/// How often each function of each size is there, as `readelf` lists the symbols of all members. GNU
/// `nm` is no witness: a plugin of an older LLVM answers for it, and says that there are none.
fn by_readelf(file: &Path) -> BTreeMap<(String, u64), usize> {
    let mut found = BTreeMap::new();
    for line in succeed(command("readelf").arg("-sW").arg(file)).lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, _, size, "FUNC", _, _, section, name] = fields[..] else {
            continue;
        };
        let size = match size.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).unwrap(),
            None => size.parse().unwrap(),
        };
        if section != "UND" && size > 0 {
            *found.entry((name.to_owned(), size)).or_default() += 1;
        }
    }
    found
}

fn functions(report: &Report) -> BTreeMap<(String, u64), usize> {
    let mut found = BTreeMap::new();
    for row in report.rows() {
        let aliases = row["aliases"].as_array().into_iter().flatten();
        let aliases = aliases.filter_map(|name| name.as_str());
        for symbol in [text(row, "symbol")].into_iter().chain(aliases) {
            *found
                .entry((symbol.to_owned(), number(row, "file")))
                .or_default() += 1;
        }
    }
    found
}

/// Every rlib of the toolchain: all functions, each once, with its size.
#[test]
fn functions_of_the_toolchain_are_what_readelf_lists() {
    let sysroot = succeed(rustc().args(["--print", "target-libdir"]));
    let mut compared = 0;
    for entry in fs::read_dir(sysroot.trim()).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_none_or(|extension| extension != "rlib") {
            continue;
        }
        let witness = by_readelf(&file);
        let report = slim().view(&["functions", "-n", "0"], &file);
        let ours = functions(&report);
        for (function, count) in &witness {
            assert_eq!(ours.get(function), Some(count), "{}", file.display());
        }
        let others = ours
            .keys()
            .filter(|function| !witness.contains_key(*function));
        // Assembly has symbols without a type or without a size.
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let few = others.count();
        assert!(
            few == 0 || name.contains("compiler_builtins"),
            "{name}: {few}"
        );
        compared += witness.values().sum::<usize>();
        let crates = slim().view(&["crates", "-n", "0"], &file);
        assert_eq!(crates.sum("file"), fs::metadata(&file).unwrap().len());
        assert_eq!(crates.sum("shipped"), loaded(&file), "{name}");
    }
    assert!(compared > 3000, "{compared}");
}

/// Bytes of the sections that are loaded, as `readelf` lists them: all that a linker can take.
fn loaded(file: &Path) -> u64 {
    let listing = succeed(command("readelf").arg("-SW").arg(file));
    let row = |line: &str| {
        let rest = line.trim_start().strip_prefix('[')?.split_once(']')?.1;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // name, type, address, offset, size, entry size, flags
        let address = |field: &&str| field.len() == 16 && field.bytes().all(|digit| digit == b'0');
        let place = fields.iter().position(address)?;
        let flags = fields.get(place + 4)?;
        let held = fields.get(place.checked_sub(1)?)? != &"NOBITS" && flags.contains('A');
        let size = u64::from_str_radix(fields.get(place + 2)?, 16).unwrap();
        Some(if held { size } else { 0 })
    };
    listing.lines().filter_map(row).sum()
}

/// An rlib that was made for link-time optimisation has no machine code, which is said.
#[test]
fn bitcode_is_called_bitcode() {
    let directory = TempDir::new().unwrap();
    let flags = ["--crate-type=rlib", "-Clinker-plugin-lto"];
    let bitcode = compile(&directory, "libb.rlib", &flags);
    let report = slim().view(&["functions"], &bitcode);
    let warnings = report.json["warnings"].as_array().unwrap();
    let said = warnings.iter().find(|one| one["code"] == "bitcode-members");
    let said = said.unwrap_or_else(|| panic!("{warnings:?}"));
    let listed = succeed(command("ar").arg("t").arg(&bitcode));
    let objects = listed.lines().filter(|name| name.ends_with(".rcgu.o"));
    assert_eq!(number(said, "count"), objects.count() as u64, "{said}");
    assert!(said["help"].is_string(), "{said}");
    let plain = compile(&directory, "libp.rlib", &flags[..1]);
    let report = slim().view(&["functions"], &plain);
    assert!(!report.rows().is_empty());
    let mut warnings = report.json["warnings"].as_array().unwrap().iter();
    assert!(
        warnings.all(is_cause_of_null),
        "{}",
        report.json["warnings"]
    );
}

/// What waits for the linker is known all the same: relocations say what code refers to.
#[test]
fn relocations_of_an_object_tell_owners() {
    let directory = TempDir::new().unwrap();
    let file = compile(&directory, "w.o", &["--crate-type=lib", "--emit=obj"]);
    let data = slim().view(&["data", "-n", "0"], &file);
    let table = &data.rows_where("name", "w::TABLE")[0];
    assert_eq!((text(table, "crate"), number(table, "file")), ("w", 64));
    let of_core: Vec<_> = data.rows_where("evidence", "[unknown]");
    assert!(of_core.is_empty(), "{of_core:?}");
    assert!(!data.rows_where("kind", "location").is_empty());
    // A record of `.eh_frame` each, and the relocations of `.rela.text.*`.
    let crates = slim().view(&["crates", "-n", "0"], &file);
    for name in ["w", "core", "hashbrown"] {
        let row = crates.rows_where("name", name)[0];
        let (unwind, relocations) = (number(row, "unwind"), number(row, "relocations"));
        assert!(unwind > 0 && relocations > 0, "{row}");
    }
    let depth = &crates.json["artifact"]["depth"];
    for part in ["functions", "data", "unwind", "relocations"] {
        assert_eq!(depth[part], true, "{part}");
    }
    // All entries but the common ones are some function's.
    let objdump = succeed(
        command("readelf")
            .args(["--debug-dump=frames", "-W"])
            .arg(&file),
    );
    let entries = objdump.matches(" FDE ").count() as u64;
    assert!(crates.sum("unwind") >= entries * 24, "{entries}");
}

/// A static library: rows for what is no member, and the member of each function.
#[test]
fn a_static_library_is_its_members_and_tables() {
    let directory = TempDir::new().unwrap();
    let file = compile(&directory, "libw.a", &["--crate-type=staticlib"]);
    let sections = slim().view(&["sections", "-n", "0"], &file);
    // The index has four bytes for each symbol and one more, then the names.
    let size = |name| {
        sections.rows_where("name", name)[0]["file"]
            .as_u64()
            .unwrap()
    };
    let index = succeed(command("readelf").arg("-c").arg(&file));
    let first = index.lines().next().unwrap();
    let count = |word: &str| {
        let before = first.split(word).next().unwrap().trim_end();
        let digits = before.rsplit(|c: char| !c.is_ascii_digit()).next().unwrap();
        digits.parse::<u64>().unwrap()
    };
    let bytes = fs::read(&file).unwrap();
    assert_eq!(&bytes[8..10], b"/ ");
    assert!(
        size("[symbol index]") >= 4 + 4 * count(" entries"),
        "{first}"
    );
    assert!(size("[name table]") > 0);
    assert!(sections.rows_where("name", "[unknown]").is_empty());
    assert_eq!(sections.sum("file"), bytes.len() as u64);
    assert_eq!(sections.sum("shipped"), loaded(&file));
    let report = slim().view(&["functions", "-n", "0"], &file);
    let work = report.rows_where("symbol", "work")[0];
    assert!(text(work, "member").ends_with(".rcgu.o"), "{work}");
    assert_eq!(text(work, "crate"), "w");
}
