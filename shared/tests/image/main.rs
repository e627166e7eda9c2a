//! Reading object files of many kinds, against `readelf` and what is known of how they were made.
// A fixture that cannot be made fails its test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(all(target_os = "linux", feature = "binary"))]

mod foreign;
mod forms;
mod objects;
mod pdb;
mod specimens;
mod wasm;

use codecost::{
    attribution::{Catalogue, CodeMap, Crates, SymbolOwners},
    image::{Image, Mapping},
};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A function: name, crate, address, size.
type Row = (String, String, u64, u64);

/// The functions of a file, attributed without knowing any crate.
fn functions(path: &Path) -> Vec<Row> {
    let file = Mapping::open(path).unwrap();
    let image = Image::parse(path, &file).unwrap();
    let symbols = image.symbols();
    // A library without any still says what it exports.
    let symbols = match symbols.symbols.is_empty() {
        true => image.dynamic_symbols(),
        false => symbols,
    };
    let catalogue = Catalogue::empty();
    let mut crates = Crates::new(&catalogue);
    let owners = SymbolOwners::new(&symbols, &mut crates);
    let mut code = CodeMap::new(&image, &symbols, &image.unwind_tables());
    code.name(&symbols, &owners, &mut crates);
    let row = |function: &codecost::attribution::Function| {
        let symbol = function.symbol.map(|at| &symbols.symbols[at as usize]);
        let start = image.place_in_section(function.section, function.range.start);
        (
            symbol.map_or_else(String::new, |symbol| symbol.name.to_string()),
            crates.info(function.owner.defined).name.clone(),
            start.0,
            function.range.size,
        )
    };
    let mut rows: Vec<Row> = code.functions.iter().map(row).collect();
    rows.sort();
    rows
}

/// What a program says; it must succeed.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// A symbol as `readelf` shows it.
#[derive(Debug)]
struct Symbol {
    value: u64,
    size: u64,
    kind: String,
    name: String,
}

fn readelf_symbols(path: &Path) -> Vec<Symbol> {
    let text = output("readelf", &["-sW", "--sym-base=10", path.to_str().unwrap()]);
    let rows = text.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [number, value, size, kind, _, _, section, name] = fields[..] else {
            return None;
        };
        let is_row = number.trim_end_matches(':').parse::<u32>().is_ok() && section != "UND";
        is_row.then(|| Symbol {
            value: u64::from_str_radix(value, 16).unwrap(),
            size: size.parse().unwrap(),
            kind: kind.into(),
            name: name.into(),
        })
    });
    let mut rows: Vec<Symbol> = rows.collect();
    assert!(!rows.is_empty(), "{text}");
    rows.sort_by(|a, b| (&a.name, a.value).cmp(&(&b.name, b.value)));
    rows.dedup_by(|a, b| (&a.name, a.value) == (&b.name, b.value));
    rows
}

fn specimen(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/image/specimens")
        .join(name)
}
