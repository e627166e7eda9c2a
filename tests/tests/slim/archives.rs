//! Archives and objects, more than twenty of them: every member beside what `llvm-ar`, `llvm-size` and
//! `readelf` say of it, none of which shares code with us.

use crate::sources::{CORE, without_core, write};
use crate::{cache, slim};
use integration_tests::command::{command, rustc, succeed};
use integration_tests::llvm;
use integration_tests::tool::{Report, number, text};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Of the C library and of the compiler, as their packages have them.
const OF_SYSTEM: [&str; 15] = [
    "libc.a",
    "libm.a",
    "libresolv.a",
    "libanl.a",
    "libpthread.a",
    "crt1.o",
    "crti.o",
    "gcrt1.o",
    "libgcc.a",
    "libgcc_eh.a",
    "libgcov.a",
    "libstdc++.a",
    "libsupc++.a",
    "crtbegin.o",
    "crtend.o",
];

/// One member, or the object that the file is.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord, Clone)]
struct Member {
    name: String,
    bytes: u64,
}

/// Where compilers look for a file of this name; of a linker script the archive that it names first.
fn of_system(name: &str) -> PathBuf {
    let printed = succeed(command("cc").arg(format!("-print-file-name={name}")));
    let file = PathBuf::from(printed.trim());
    let bytes = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let Some(script) = std::str::from_utf8(&bytes)
        .ok()
        .filter(|it| it.contains("GROUP"))
    else {
        return file;
    };
    let mut words = script.split_whitespace();
    PathBuf::from(
        words
            .find(|word| word.starts_with('/') && word.ends_with(".a"))
            .unwrap(),
    )
}

fn is_archive(file: &Path) -> bool {
    fs::read(file).unwrap().starts_with(b"!<arch>\n")
}

/// Names and sizes as `llvm-ar` lists them, or the file itself.
fn listed(file: &Path) -> Vec<Member> {
    if !is_archive(file) {
        let bytes = fs::metadata(file).unwrap().len();
        return vec![Member {
            name: String::new(),
            bytes,
        }];
    }
    let mut tool = command(llvm::tool("llvm-ar", cache()));
    let listing = succeed(tool.arg("tv").arg(file));
    let row = |line: &str| {
        // `rw-r--r-- 0/0   1712 Jan  1 00:00 1970 init-first.o`
        let fields: Vec<&str> = line.split_whitespace().collect();
        Member {
            name: fields[7..].join(" "),
            bytes: fields[2].parse().unwrap(),
        }
    };
    listing.lines().map(row).collect()
}

/// Memory by member as `llvm-size` counts it: text, data and zeroes.
fn sized(file: &Path) -> Vec<Member> {
    let mut tool = command(llvm::tool("llvm-size", cache()));
    let totals = succeed(tool.arg(file));
    let mut members: Vec<Member> = totals.lines().skip(1).map(of_total).collect();
    // It adds what each thread has of its own, which takes no memory of the image.
    let mut tool = command(llvm::tool("llvm-size", cache()));
    let by_section = succeed(tool.arg("-A").arg(file));
    let blocks = by_section.split("\nsection ").skip(1);
    for (member, block) in members.iter_mut().zip(blocks) {
        for line in block.lines().filter(|line| line.starts_with(".tbss")) {
            let size = line.split_whitespace().nth(1).unwrap();
            member.bytes -= size.parse::<u64>().unwrap();
        }
    }
    members
}

/// `148`, `0`, `12`, `160`, `a0`, `init-first.o (ex /usr/lib/libc.a)`, with tabs between.
fn of_total(line: &str) -> Member {
    let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
    let name = fields[5].split(" (ex ").next().unwrap();
    Member {
        name: name.to_owned(),
        bytes: fields[3].parse().unwrap(),
    }
}

/// A symbol of `readelf`.
struct Symbol {
    name: String,
    start: u64,
    size: u64,
    section: u32,
    is_function: bool,
    is_common: bool,
}

/// The symbols of each member, by its name; what has the same name is together.
fn symbols(file: &Path) -> BTreeMap<String, Vec<Symbol>> {
    let mut found: BTreeMap<String, Vec<Symbol>> = BTreeMap::new();
    let mut member = String::new();
    // Members of one name are told apart by their sections' numbers.
    let mut seen = 0;
    for line in succeed(command("readelf").arg("-sW").arg(file)).lines() {
        if let Some(file) = line.strip_prefix("File: ") {
            let name = file.rsplit_once('(').unwrap().1;
            member = name.trim_end_matches(')').to_owned();
            seen += 1;
        }
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, start, size, kind, _, _, section, name, ..] = fields[..] else {
            continue;
        };
        let Ok(start) = u64::from_str_radix(start, 16) else {
            continue;
        };
        let size = match size.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).unwrap(),
            None => size.parse().unwrap(),
        };
        let number = section.parse::<u32>().ok();
        found.entry(member.clone()).or_default().push(Symbol {
            name: name.split('@').next().unwrap().to_owned(),
            start,
            size,
            section: number.map_or(0, |number| number + (seen << 16)),
            is_function: number.is_some() && ["FUNC", "IFUNC"].contains(&kind),
            is_common: section == "COM",
        });
    }
    found
}

/// The bytes that the ranges cover.
fn covered(symbols: &[&Symbol]) -> u64 {
    let mut ranges: Vec<(u32, u64, u64)> = symbols
        .iter()
        .map(|one| (one.section, one.start, one.start + one.size))
        .collect();
    ranges.sort_unstable();
    let (mut bytes, mut last) = (0, (0, 0));
    for (section, start, end) in ranges {
        let from = if last.0 == section {
            start.max(last.1)
        } else {
            start
        };
        bytes += end.saturating_sub(from);
        last = (
            section,
            if last.0 == section {
                end.max(last.1)
            } else {
                end
            },
        );
    }
    bytes
}

/// How many functions of an ELF file were compared: each that `readelf` lists has a row of its size, but
/// for those that stand inside of another one, and the rows of a member are as long together as what the
/// symbols cover.
fn compare_functions(file: &Path, symbols: &BTreeMap<String, Vec<Symbol>>) -> usize {
    let report = slim().view(&["functions", "-n", "0"], file);
    let mut sizes: BTreeMap<&str, BTreeSet<(&str, u64)>> = BTreeMap::new();
    let mut bytes: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for row in report.rows() {
        let member = row["member"].as_str().unwrap_or_default();
        let aliases = row["aliases"].as_array().into_iter().flatten();
        let names = aliases
            .filter_map(|name| name.as_str())
            .chain([text(row, "symbol")]);
        let size = number(row, "file");
        let of = sizes.entry(member).or_default();
        of.extend(names.map(|name| (name, size)));
        *bytes.entry((member, text(row, "symbol"))).or_default() += size;
    }
    let mut compared = 0;
    for (member, all) in symbols {
        let functions: Vec<&Symbol> = all
            .iter()
            .filter(|it| it.is_function && it.size > 0)
            .collect();
        let ours = sizes.get(&**member).cloned().unwrap_or_default();
        let mut known = 0;
        for one in &functions {
            let end = one.start + one.size;
            let is_inside = functions.iter().any(|outer| {
                let same = outer.section == one.section && outer.start <= one.start;
                same && outer.start + outer.size >= end && outer.size > one.size
            });
            let found = ours.contains(&(&*one.name, one.size));
            assert!(
                found || is_inside,
                "{}({member}): {} has {} bytes",
                file.display(),
                one.name,
                one.size
            );
        }
        let names: BTreeSet<&str> = functions.iter().map(|it| &*it.name).collect();
        for name in names {
            known += bytes.get(&(&**member, name)).copied().unwrap_or_default();
        }
        assert_eq!(known, covered(&functions), "{}({member})", file.display());
        compared += functions.len();
    }
    compared
}

fn rows(report: &Report, figure: &str, is_archive: bool) -> Vec<Member> {
    if !is_archive {
        return vec![Member {
            name: String::new(),
            bytes: report.sum(figure),
        }];
    }
    let members = report.rows_where("kind", "member").into_iter();
    let members = members.map(|row| Member {
        name: text(row, "name").to_owned(),
        bytes: number(row, figure),
    });
    members.collect()
}

fn sorted(mut members: Vec<Member>) -> Vec<Member> {
    members.sort_unstable();
    members
}

/// Members, their sizes and their memory; and what the whole adds up to.
fn compare_members(file: &Path, memory: Vec<Member>) -> Report {
    let report = slim().view(&["sections", "-n", "0"], file);
    let archive = is_archive(file);
    let shown = file.display();
    assert_eq!(
        report.sum("file"),
        fs::metadata(file).unwrap().len(),
        "{shown}"
    );
    let bytes = rows(&report, "file", archive);
    assert_eq!(sorted(bytes), sorted(listed(file)), "{shown}");
    assert_eq!(
        sorted(rows(&report, "memory", archive)),
        sorted(memory),
        "{shown}"
    );
    let crates = slim().view(&["crates", "-n", "0"], file);
    assert_eq!(crates.sum("file"), report.sum("file"), "{shown}");
    assert_eq!(crates.sum("memory"), report.sum("memory"), "{shown}");
    assert_eq!(
        report.json["artifact"]["depth"]["functions"], true,
        "{shown}"
    );
    crates
}

/// Those of ELF, where `size` and the symbols say all.
fn compare_elf(file: &Path) -> usize {
    let symbols = symbols(file);
    let mut memory = sized(file);
    for member in &mut memory {
        let alone = !is_archive(file);
        let name = if alone { "" } else { &member.name };
        // What the linker makes room for is in no section yet.
        let all = symbols.get(name).into_iter().flatten();
        member.bytes += all.filter(|it| it.is_common).map(|it| it.size).sum::<u64>();
        if alone {
            member.name.clear();
        }
    }
    compare_members(file, memory);
    compare_functions(file, &symbols)
}

#[test]
fn members_of_the_systems_archives_are_what_binutils_say() {
    let mut files: Vec<PathBuf> = OF_SYSTEM.iter().map(|name| of_system(name)).collect();
    let rlibs = succeed(rustc().args(["--print", "target-libdir"]));
    for entry in fs::read_dir(rlibs.trim()).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if ["libcore-", "libmemchr-", "libstd-", "libunwind-"]
            .iter()
            .any(|start| name.starts_with(start) && name.ends_with(".rlib"))
        {
            files.push(file);
        }
    }
    assert!(files.len() >= 19, "{files:?}");
    let compared: usize = files.iter().map(|file| compare_elf(file)).sum();
    assert!(compared > 10_000, "{compared}");
}

const SOURCE: &str = r#"
    #[no_mangle] pub extern "C" fn first(x: u32) -> u32 { second(x) }
    #[no_mangle] #[inline(never)] pub extern "C" fn second(x: u32) -> u32 {
        match x { 0 => 7, 1 => 99, 2 => 123456, 3 => 5, 4 => 88888, _ => x } }
"#;

/// Members of any format in an archive of any form: names, sizes and the archive's own bytes.
#[test]
fn every_form_of_an_archive_has_its_members() {
    for (triple, form) in [
        ("wasm32-unknown-unknown", "gnu"),
        ("x86_64-pc-windows-msvc", "gnu"),
        ("aarch64-pc-windows-msvc", "bsd"),
        ("x86_64-pc-windows-gnu", "gnu"),
        ("aarch64-apple-darwin", "darwin"),
        ("x86_64-apple-darwin", "bsd"),
        ("thumbv7em-none-eabi", "gnu"),
        ("riscv32imc-unknown-none-elf", "bsd"),
        ("aarch64-unknown-none", "gnu"),
    ] {
        let directory = TempDir::new().unwrap();
        let source = write(&directory, "tiny.rs", &format!("{CORE}{SOURCE}"));
        let archive = directory.path().join("all.a");
        let mut tool = command(llvm::tool("llvm-ar", cache()));
        tool.arg(format!("--format={form}"))
            .arg("rcs")
            .arg(&archive);
        // A name that is too long for the header, and one with a space.
        for name in ["short.o", "one that is longer than sixteen bytes.o"] {
            let object = directory.path().join(name);
            let mut compile = without_core(triple);
            compile.args(["--crate-type=lib", "--emit=obj"]);
            succeed(compile.arg(&source).arg("-o").arg(&object));
            tool.arg(object);
        }
        succeed(&mut tool);
        let report = slim().view(&["sections", "-n", "0"], &archive);
        let bytes = rows(&report, "file", true);
        // Darwin's linker wants members at multiples of eight, so their sizes are rounded up.
        assert_eq!(sorted(bytes), sorted(listed(&archive)), "{triple}");
        let whole = fs::metadata(&archive).unwrap().len();
        assert_eq!(report.sum("file"), whole, "{triple}");
        let functions = slim().view(&["functions", "-n", "0"], &archive);
        for name in ["first", "second"] {
            let found = functions.rows().iter().filter(|row| {
                let symbol = text(row, "symbol");
                symbol == name || symbol.strip_prefix('_') == Some(name)
            });
            assert_eq!(found.count(), 2, "{triple}: {name}");
        }
    }
}

/// An import library: what a linker makes of it is its own. Each member can be looked at.
#[test]
fn an_import_library_is_the_linkers() {
    let directory = TempDir::new().unwrap();
    let exports = write(
        &directory,
        "k.def",
        "LIBRARY k.dll\nEXPORTS\n  Alpha\n  Beta\n  Gamma\n",
    );
    let library = directory.path().join("k.lib");
    for (machine, architecture) in [("x64", "x86_64"), ("arm64", "aarch64")] {
        let mut tool = command(llvm::tool("llvm-lib", cache()));
        tool.arg(format!("/def:{}", exports.display()));
        tool.arg(format!("/machine:{machine}"));
        succeed(tool.arg(format!("/out:{}", library.display())));
        let report = slim().view(&["sections", "-n", "0"], &library);
        assert_eq!(
            sorted(rows(&report, "file", true)),
            sorted(listed(&library))
        );
        assert_eq!(report.json["artifact"]["architecture"], architecture);
        let crates = slim().view(&["crates", "-n", "0"], &library);
        assert_eq!(crates.sum("file"), fs::metadata(&library).unwrap().len());
        assert!(crates.rows_where("name", "[unknown]").is_empty());
        let names = listed(&library).len();
        assert!(names >= 6, "{names}");
        let file = library.to_str().unwrap();
        for place in 1..=names {
            let member = format!("k.dll#{place}");
            let arguments = ["sections", "--file", file, "--member", &member];
            let run = slim().run([&arguments[..], &["--message-format", "json"]].concat());
            let report = run.report();
            assert_eq!(
                report.json["artifact"]["architecture"], architecture,
                "{member}"
            );
            assert_eq!(
                report.sum("file"),
                number(&report.json["artifact"], "file_size")
            );
        }
        // The choices are those that have the name, and each of them.
        let refused = slim().run(["sections", "--file", file, "--member", "k.dll"]);
        assert_eq!(refused.code, Some(2));
        assert_eq!(refused.stderr.matches("--member").count(), names);
        let refused = slim().run(["sections", "--file", file, "--member", "k.dll#99"]);
        assert_eq!(refused.code, Some(2));
    }
}

/// Debug information of C, and the relocations of it, are of those whose the code is.
#[test]
fn an_object_of_c_is_native_as_a_whole() {
    let directory = TempDir::new().unwrap();
    let source = write(
        &directory,
        "c.c",
        "int table[4] = {1, 2, 3, 4};\nint f(int x) { return table[x]; }\n",
    );
    let object = directory.path().join("c.o");
    succeed(
        command("cc")
            .args(["-g", "-O1", "-c"])
            .arg(&source)
            .arg("-o")
            .arg(&object),
    );
    let archive = directory.path().join("libc_code.a");
    succeed(command("ar").arg("rcs").arg(&archive).arg(&object));
    for file in [&object, &archive] {
        let crates = slim().view(&["crates", "-n", "0"], file);
        let native = crates.rows_where("name", "[native]")[0];
        let sections = integration_tests::witness::readelf_sections(&object);
        let of = |start: &str| {
            let all = sections.iter().filter(|it| it.name.starts_with(start));
            all.map(|it| it.size).sum::<u64>()
        };
        assert_eq!(number(native, "debug"), of(".debug_"), "{native}");
        assert_eq!(number(native, "relocations"), of(".rela"), "{native}");
        assert!(crates.rows_where("name", "[unknown]").is_empty());
    }
}
