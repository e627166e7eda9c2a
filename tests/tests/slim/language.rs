//! What was inlined and what the language's machinery costs, counted once more from binutils' listings.

use crate::{findings::project, slim};
use integration_tests::command::{command, rustc, succeed};
use integration_tests::tool::{Report, number, text};
use integration_tests::witness::{nm, readelf_sections};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const NESTED: &str = "#![no_std]
#[panic_handler] fn panic(_: &core::panic::PanicInfo<'_>) -> ! { loop {} }
#[inline(always)] fn inner(x: u64) -> u64 { (x ^ (x >> 7)).wrapping_mul(0x9e37_79b9_7f4a_7c15) }
#[inline(always)] fn middle(x: &[u64]) -> u64 {
    let mut s = 1; for v in x { s = inner(s ^ *v).rotate_left(3) } s }
#[unsafe(no_mangle)] pub extern \"C\" fn outer(p: *const u64, n: usize) -> u64 {
    let x = unsafe { core::slice::from_raw_parts(p, n) }; middle(x) ^ inner(n as u64) }
#[unsafe(no_mangle)] pub extern \"C\" fn alone(n: u64) -> u64 {
    n / 3 + middle(&[n, n + 1, n * 2, n ^ 5, n | 6]) }";

/// Addresses and bytes of the instructions of a file; a long one is in several lines.
fn instructions(file: &Path) -> Vec<(u64, u64)> {
    let listing = succeed(command("objdump").arg("-d").arg(file));
    let rows = listing.lines().filter_map(|line| {
        let mut fields = line.split('\t');
        let address = fields.next()?.trim().strip_suffix(':')?;
        let address = u64::from_str_radix(address, 16).ok()?;
        let bytes = fields.next()?.split_whitespace().count() as u64;
        Some((address, bytes))
    });
    rows.collect()
}

/// Each instruction counts for the innermost function that was inlined there, which `addr2line` reads from
/// the same debug information in its own way.
#[test]
fn inlined_code_is_what_addr2line_says() {
    let directory = TempDir::new().unwrap();
    let source = directory.path().join("nested.rs");
    fs::write(&source, NESTED).unwrap();
    let file = directory.path().join("libnested.so");
    let mut compile = rustc();
    compile.args(["--edition=2024", "--crate-type=cdylib", "-Copt-level=2"]);
    compile.args([
        "-Cdebuginfo=2",
        "-Cpanic=abort",
        "-Csymbol-mangling-version=v0",
    ]);
    succeed(compile.arg("-o").arg(&file).arg(&source));

    let code = instructions(&file);
    let addresses = code.iter().map(|(address, _)| format!("{address:#x}"));
    let mut addr2line = command("addr2line");
    addr2line.args(["-f", "-i", "-a", "-e"]).arg(&file);
    let told = succeed(addr2line.args(addresses));
    let mut witness: BTreeMap<&str, u64> = BTreeMap::new();
    let mut all = 0;
    let lines: Vec<&str> = told.lines().collect();
    let starts = (0..lines.len()).filter(|at| lines[*at].starts_with("0x"));
    for (start, (_, bytes)) in starts.zip(&code) {
        let frames = lines[start + 1..].iter();
        let frames: Vec<_> = frames.take_while(|line| !line.starts_with("0x")).collect();
        // A function and its line for each frame, the innermost first.
        if frames.len() > 2 {
            all += bytes;
            for name in ["inner", "middle"] {
                if frames[0].ends_with(&format!("{}{name}", name.len())) {
                    *witness.entry(name).or_default() += bytes;
                }
            }
        }
    }
    assert!(all > 100 && witness.len() == 2, "{all} {witness:?}");
    let report = slim().view(&["inlined", "-n", "0"], &file);
    assert_eq!(report.sum("file"), all, "{:#?}", report.rows());
    for (name, bytes) in witness {
        let rows = report.rows_where("name", &format!("nested::{name}"));
        assert_eq!(number(rows[0], "file"), bytes, "{name}");
    }
}

const MACHINERY: &str = "
struct Loud(String, Vec<u8>);
impl Drop for Loud { #[inline(never)] fn drop(&mut self) { eprintln!(\"{} {:?}\", self.0, self.1); } }
#[derive(Debug)] struct Point { x: f32, y: Option<u8> }
#[inline(never)] fn pick(list: &[u64], at: usize) -> u64 { list[at] + list[at / 2] }
#[inline(never)] fn show(n: usize) -> String {
    let point = Point { x: n as f32, y: Some(n as u8) };
    format!(\"{point:?} {:>5} {}\", n, pick(&[1, 2, 3], n)) }
#[inline(never)] fn hold(n: usize) -> Vec<Loud> { (0..n).map(|n| Loud(show(n), vec![1; n])).collect() }
fn main() {
    let n = std::env::args().count();
    let mut all = hold(n);
    all.pop();
    println!(\"{}\", show(all.len()).parse::<usize>().unwrap_or(3));
    std::process::exit(pick(&[n as u64; 4], n) as i32)
}";

/// What is in a group by its name, without the hash.
fn group(name: &str) -> Option<&'static str> {
    let of_core = |path: &str| name.starts_with(path) || name.starts_with(&format!("<{path}"));
    if name.starts_with("core::ptr::drop_in_place")
        || name.starts_with("core::ptr::drop_glue")
        || name.ends_with(" as core::ops::drop::Drop>::drop")
    {
        return Some("drop glue");
    }
    let formats = of_core("core::fmt::")
        || name.starts_with("alloc::fmt::")
        || name.contains("::flt2dec::")
        || name.contains(" as core::fmt::")
        || name.ends_with("::write_fmt");
    formats.then_some("formatting")
}

/// Functions of a group are counted in the symbol table, and what the workspace's code refers to in the
/// disassembler's listing.
#[test]
fn the_languages_machinery_is_what_the_listing_shows() {
    let directory = project(&[
        (
            "Cargo.toml",
            "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
        ),
        ("src/main.rs", MACHINERY),
    ]);
    let tool = slim().in_directory(directory.path());
    let report = tool.run(["language", "--message-format", "json"]).report();
    let file = directory
        .path()
        .join(text(&report.json["artifact"], "path"));
    let plain = |symbol: &str| format!("{:#}", rustc_demangle::demangle(symbol));

    let mut addresses: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for symbol in nm(&file) {
        let name = plain(&symbol.name);
        if let ('t' | 'T' | 'w' | 'W', Some(group)) = (symbol.class, group(&name)) {
            addresses.entry(group).or_default().insert(symbol.address);
        }
    }
    // Calls into other crates go by the loader's table of addresses.
    let relocations = succeed(command("readelf").arg("-rW").arg(&file));
    let slots: HashMap<u64, u64> = relocations
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let relative = fields.get(2) == Some(&"R_X86_64_RELATIVE");
            let hex = |text: &str| u64::from_str_radix(text, 16).ok();
            relative.then(|| hex(fields[0]).zip(hex(fields[3])))?
        })
        .collect();
    let of_address: HashMap<u64, &str> = addresses
        .iter()
        .flat_map(|(group, all)| all.iter().map(|address| (*address, *group)))
        .collect();
    let mut references: BTreeMap<&str, u64> = BTreeMap::new();
    let mut objdump = command("objdump");
    let listing = succeed(objdump.args(["-d", "--no-show-raw-insn"]).arg(&file));
    // The group of the function of the workspace that a line is of.
    let mut from: Option<Option<&str>> = None;
    for line in listing.lines() {
        if let Some(header) = line.strip_suffix(">:") {
            let name = plain(header.split_once('<').unwrap().1);
            let ours = name.starts_with("app::") || name.starts_with("<app::");
            from = ours.then(|| group(&name));
            continue;
        }
        // `call 1234 <name>`, `lea 0x12(%rip),%rax  # 1234 <name>`
        let address = line.rsplit_once(" <").and_then(|(front, _)| {
            let word = front.split_whitespace().next_back()?;
            u64::from_str_radix(word, 16).ok()
        });
        let address = address.map(|address| slots.get(&address).copied().unwrap_or(address));
        let target = address.and_then(|address| of_address.get(&address).copied());
        // What is of a group does not pay for it.
        if let (Some(from), Some(target)) = (from, target)
            && from != Some(target)
        {
            *references.entry(target).or_default() += 1;
        }
    }
    panics_are_functions_and_locations(&report, &file);
    unwinding_is_the_unwinder_and_its_tables(&report, &file);
    for name in ["drop glue", "formatting"] {
        let row = report.rows_where("name", name)[0];
        assert_eq!(number(row, "count"), addresses[name].len() as u64, "{name}");
        let counted = references.get(name).copied().unwrap_or_default();
        assert_eq!(number(row, "references"), counted, "{name}");
        assert!(counted > 0, "{name}");
    }
}

/// A function of the symbol table.
struct Listed {
    size: u64,
    names: Vec<String>,
}

/// Functions by address, with all their names.
fn listed(file: &Path) -> BTreeMap<u64, Listed> {
    let mut found: BTreeMap<u64, Listed> = BTreeMap::new();
    for symbol in nm(file) {
        if let 't' | 'T' | 'w' | 'W' = symbol.class {
            let names = Vec::new();
            let size = symbol.size;
            let function = found
                .entry(symbol.address)
                .or_insert(Listed { size, names });
            let name = format!("{:#}", rustc_demangle::demangle(&symbol.name));
            function.names.push(name);
        }
    }
    found
}

/// The crate that a path begins with, or the type of a method.
fn root(name: &str) -> &str {
    let name = name.trim_start_matches(['<', '&', '*', '[', '(']);
    name.split("::").next().unwrap_or_default()
}

/// Functions that give up are counted in the symbol table, and places in the source by the relocations
/// that the loader applies: a pointer to a text that ends in `.rs`, its length, a line and a column.
fn panics_are_functions_and_locations(report: &Report, file: &Path) {
    let gives_up = |name: &String| {
        let of_std = matches!(root(name), "core" | "alloc" | "std" | "__rustc");
        let ends = [
            "_fail",
            "_failed",
            "rust_panic",
            "::handle_error",
            "::capacity_overflow",
        ];
        let panicking = [
            "core::panicking::",
            "std::panicking::",
            "<std::panicking::",
            "core::panic::",
        ];
        of_std
            && (panicking.iter().any(|path| name.starts_with(path))
                || ends.iter().any(|end| name.ends_with(end))
                || name.ends_with("::handle_alloc_error")
                || name.ends_with("::slice_error_fail_rt")
                || name.ends_with("panic_already_borrowed")
                || name.ends_with("panic_already_mutably_borrowed"))
    };
    let functions = listed(file);
    let functions = functions.values();
    let functions: Vec<_> = functions
        .filter(|it| it.names.iter().any(gives_up))
        .collect();

    let bytes = fs::read(file).unwrap();
    let sections = readelf_sections(file);
    let at = |address: u64, size: u64| {
        let held = sections.iter().find(|section| {
            let inside = address.checked_sub(section.address);
            section.address > 0
                && section.kind != "NOBITS"
                && inside.is_some_and(|inside| inside + size <= section.size)
        })?;
        let start = (held.offset + address - held.address) as usize;
        bytes.get(start..start + size as usize)
    };
    let relocations = succeed(command("readelf").arg("-rW").arg(file));
    let hex = |text: &str| u64::from_str_radix(text, 16).unwrap();
    let locations = relocations.lines().filter(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [slot, _, "R_X86_64_RELATIVE", target] = fields[..] else {
            return false;
        };
        let Some(rest) = at(hex(slot) + 8, 16) else {
            return false;
        };
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap());
        let numbers = rest[8..]
            .chunks(4)
            .map(|it| u32::from_le_bytes(it.try_into().unwrap()));
        let place = numbers.clone().all(|number| number > 0 && number < 1 << 20);
        place && length < 1024 && at(hex(target), length).is_some_and(|it| it.ends_with(b".rs"))
    });
    let locations = locations.count() as u64;
    let row = report.rows_where("name", "panics and bounds checks")[0];
    assert!(functions.len() > 20 && locations > 100);
    assert_eq!(
        number(row, "count"),
        functions.len() as u64 + locations,
        "{row}"
    );
    // A pointer, a length and two numbers.
    let code: u64 = functions.iter().map(|function| function.size).sum();
    assert_eq!(number(row, "own"), code + 24 * locations, "{row}");
}

/// The functions are between those whose names begin with a crate of the unwinder's and those in which
/// one is mentioned, and its tables, which `readelf` lists, go with it once.
fn unwinding_is_the_unwinder_and_its_tables(report: &Report, file: &Path) {
    const CRATES: [&str; 8] = [
        "gimli",
        "addr2line",
        "miniz_oxide",
        "object",
        "rustc_demangle",
        "adler2",
        "panic_unwind",
        "unwind",
    ];
    let functions = listed(file);
    let sum = |holds: &dyn Fn(&String) -> bool| {
        let all = functions.values();
        let all = all.filter(|it| it.names.iter().any(holds));
        all.map(|function| function.size).sum::<u64>()
    };
    // A method's type or trait may be another crate's.
    let least = sum(&|name| CRATES.contains(&root(name)) && !name.contains(" as "));
    let most = sum(&|name| {
        CRATES.iter().any(|known| name.contains(known))
            || name.contains("backtrace")
            || name.contains("rust_eh_personality")
            || name.contains("__rust_start_panic")
            || name.contains("__rust_panic_cleanup")
    });
    let row = report.rows_where("name", "unwinding and backtraces")[0];
    let own = number(row, "own");
    assert!(
        least > 50_000 && least <= own && own <= most,
        "{least} {own} {most}"
    );

    let sections = readelf_sections(file);
    let size = |name| {
        sections
            .iter()
            .find(|it| it.name == name)
            .map_or(0, |it| it.size)
    };
    let tables = size(".eh_frame") + size(".eh_frame_hdr") + size(".gcc_except_table");
    let (retained, shipped) = (number(row, "retained"), number(row, "shipped"));
    // Beside these only relocations in its constants: three words for a word.
    let more = shipped - retained - tables;
    assert!(more <= 3 * size(".data.rel.ro"), "{more} {row}");
    let relocations = size(".rela.dyn");
    assert!(more <= relocations, "{more} of {relocations}, {row}");
}

const COPIES: &str = r#"#![no_std]
#[panic_handler] fn panic(_: &core::panic::PanicInfo<'_>) -> ! { loop {} }
trait Mix { fn mix(&self, n: u64) -> u64; }
impl Mix for u32 { fn mix(&self, n: u64) -> u64 { n ^ u64::from(*self) } }
impl Mix for u64 { fn mix(&self, n: u64) -> u64 { n.rotate_left(7) ^ *self } }
impl Mix for [u8; 5] { fn mix(&self, n: u64) -> u64 { self.iter().fold(n, |n, b| (n << 3) ^ u64::from(*b)) } }
#[inline(never)] fn fold<T: Mix>(all: &[T], n: u64) -> u64 { all.iter().fold(n, |n, one| one.mix(n) | 1) }
#[inline(never)] fn twice<T: Mix, const N: usize>(all: &[T; N], n: u64) -> u64 {
    let mut n = n; for one in all { n = one.mix(n) + n / 3; } n }
struct Holder<T>(T);
impl<T: Mix> Holder<T> { #[inline(never)] fn held(&self, n: u64) -> u64 { self.0.mix(n) / 7 ^ self.0.mix(n / 3) } }
#[unsafe(no_mangle)] pub extern "C" fn all(a: &Holder<u32>, b: &Holder<u64>, c: &Holder<[u8; 5]>, s: usize, n: u64) -> u64 {
    let (i, j) = (&[a.0; 9], &[b.0; 4]);
    fold(&i[s % 9..], n) ^ fold(&j[s % 4..], n) ^ fold(&[c.0; 3][s % 3..], n) ^ twice(i, n) ^ twice(j, n)
        ^ a.held(n) ^ b.held(n) ^ c.held(n)
}
"#;

/// Of each generic function the largest copy is not counted; copies by their v0 names, as `nm` lists
/// them.
#[test]
fn further_copies_are_those_of_the_symbol_table() {
    let directory = TempDir::new().unwrap();
    let source = directory.path().join("copies.rs");
    fs::write(&source, COPIES).unwrap();
    let file = directory.path().join("libcopies.so");
    let mut compile = rustc();
    compile.args(["--edition=2024", "--crate-type=cdylib", "-Copt-level=2"]);
    compile.args(["-Cpanic=abort", "-Csymbol-mangling-version=v0"]);
    succeed(compile.arg("-o").arg(&file).arg(&source));

    let mut families: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    let symbols = nm(&file);
    for symbol in &symbols {
        // `…6copies4fold…`, `…6copies5twice…`, `…INtB_6HolderyE4held`
        let family = ["4fold", "5twice", "4held"];
        let family = family.into_iter().find(|name| symbol.name.contains(name));
        if let (Some(family), true) = (family, symbol.name.starts_with("_R")) {
            families.entry(family).or_default().push(symbol.size);
        }
    }
    let counts: Vec<usize> = families.values().map(Vec::len).collect();
    // `4fold`, `4held`, `5twice`.
    assert_eq!(counts, [3, 3, 2], "{families:?}");
    let all: u64 = families.values().flatten().sum();
    let largest = families.values().filter_map(|sizes| sizes.iter().max());
    let further = all - largest.sum::<u64>();
    let report = slim().view(&["language"], &file);
    let row = report.rows_where("name", "further copies of generic functions")[0];
    assert_eq!(number(row, "count"), 5, "{row}");
    assert_eq!(number(row, "own"), further, "{row}");
}
