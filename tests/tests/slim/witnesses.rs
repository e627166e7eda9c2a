//! Totals against `nm`, `size`, `readelf`, and rustc's own strip.

use crate::{cache, slim};
use integration_tests::fixture::Specimens;
use integration_tests::published::{B3SUM, STRIPPED, V0};
use integration_tests::tool::{number, text};
use integration_tests::witness::{nm, readelf_sections, size_by_section};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

fn sections_agree(file: &Path) {
    let report = slim().view(&["sections"], file);
    let name = file.display();
    for section in readelf_sections(file) {
        let rows = report.rows_where("name", &section.name);
        let wanted = rows.iter().find(|row| {
            let address = row["address"].as_u64().unwrap_or(0);
            address == section.address
        });
        let row = wanted.unwrap_or_else(|| panic!("{name}: no row for {section:?} in {rows:#?}"));
        let in_file = if section.kind == "NOBITS" {
            0
        } else {
            section.size
        };
        assert_eq!(number(row, "file"), in_file, "{name}: {section:?}");
    }
    // `size -A` counts what is loaded, and what is not by its size in the file. It counts thread
    // variables that start as zero, too, though each thread gets its own and the image none.
    for (section, bytes) in size_by_section(file)
        .into_iter()
        .filter(|it| it.0 != ".tbss")
    {
        let rows = report.rows_where("name", &section);
        let found: u64 = rows
            .iter()
            .map(|row| number(row, "file").max(number(row, "memory")))
            .sum();
        assert_eq!(found, bytes, "{name}: {section}");
    }
}

#[test]
fn sections_are_those_of_readelf_and_size() {
    let specimens = Specimens::new();
    sections_agree(&specimens.rustc("plain", &[]));
    sections_agree(&specimens.rustc("stripped", &["-Cstrip=symbols"]));
    sections_agree(&specimens.rustc("library.so", &["--crate-type=cdylib"]));
    sections_agree(&B3SUM.build(V0, cache()).file);
}

/// Every function that `nm` knows by size is a row of that size, and no row is larger.
#[test]
fn functions_are_those_of_nm() {
    let file = B3SUM.build(V0, cache()).file;
    let report = slim().view(&["functions", "-n", "0"], &file);
    let rows: BTreeMap<u64, u64> = report
        .rows()
        .iter()
        .map(|row| (number(row, "address"), number(row, "file")))
        .collect();
    assert_eq!(rows.len(), report.rows().len(), "two rows have one address");

    let mut sized = BTreeMap::new();
    for symbol in nm(&file)
        .iter()
        .filter(|it| "tTwW".contains(it.class) && it.size > 0)
    {
        let size = sized.entry(symbol.address).or_insert(0);
        *size = symbol.size.max(*size);
    }
    assert!(sized.len() > 1000, "{}", sized.len());
    let differ: Vec<_> = sized
        .iter()
        .filter(|(address, size)| rows.get(address) != Some(size))
        .collect();
    assert!(
        differ.is_empty(),
        "{} of {}: {differ:x?}",
        differ.len(),
        sized.len()
    );

    // Names are those of the table, too.
    let names: BTreeSet<(u64, String)> = nm(&file)
        .into_iter()
        .map(|symbol| (symbol.address, symbol.name))
        .collect();
    for row in report
        .rows()
        .iter()
        .filter(|row| !text(row, "symbol").is_empty())
    {
        let key = (number(row, "address"), text(row, "symbol").to_owned());
        assert!(names.contains(&key), "{row}");
    }
}

/// Functions and padding fill `.text`, as `size` counts it.
#[test]
fn functions_and_padding_fill_the_section() {
    let file = B3SUM.build(V0, cache()).file;
    let report = slim().view(&["functions", "-n", "0"], &file);
    let mut functions: Vec<(u64, u64)> = report
        .rows_where("section", ".text")
        .iter()
        .map(|row| (number(row, "address"), number(row, "file")))
        .collect();
    functions.sort_unstable();
    for pair in functions.windows(2) {
        assert!(pair[0].0 + pair[0].1 <= pair[1].0, "{pair:x?} overlap");
    }
    let code: u64 = functions.iter().map(|(_, size)| size).sum();
    let text = size_by_section(&file)[".text"];
    assert!(code <= text, "{code} of {text}");
    // Functions are aligned to 16 bytes: about 7 bytes of padding each.
    assert!(
        text - code < 16 * functions.len() as u64,
        "{code} of {text}"
    );
}

fn shipped_size_is_rustcs(unstripped: &Path, stripped: &Path) {
    let truth = fs::metadata(stripped).unwrap().len();
    let claimed = slim()
        .view(&["sections"], unstripped)
        .artifact("shipped_size");
    let off = claimed.abs_diff(truth) as f64 / truth as f64;
    let name = unstripped.display();
    println!(
        "{name}: {claimed} claimed, {truth} after rustc's strip, {:.4} % off",
        100.0 * off
    );
    assert!(
        off <= 0.001,
        "{name}: {claimed} is not within 0.1 % of {truth}"
    );
    // What is stripped already ships as it is.
    let already = slim().view(&["sections"], stripped);
    assert_eq!(
        already.artifact("shipped_size"),
        truth,
        "{}",
        stripped.display()
    );
}

#[test]
fn shipped_size_is_what_rustc_strips_to() {
    let specimens = Specimens::new();
    let ways: [(&str, &[&str]); 6] = [
        ("plain", &[]),
        ("debug", &["-Cdebuginfo=2"]),
        ("lines", &["-Cdebuginfo=line-tables-only", "-Cpanic=abort"]),
        ("library", &["--crate-type=cdylib"]),
        ("static", &["-Ctarget-feature=+crt-static"]),
        ("fixed", &["-Crelocation-model=static", "-Cdebuginfo=1"]),
    ];
    for (name, arguments) in ways {
        let strip = [arguments, &["-Cstrip=symbols"]].concat();
        let unstripped = specimens.rustc(name, arguments);
        let stripped = specimens.rustc(&format!("{name}-stripped"), &strip);
        shipped_size_is_rustcs(&unstripped, &stripped);
    }
}

/// Each section of the stripped file has the size that the unstripped one's row says ships; what
/// the rows say ships of others is nothing.
fn shipped_rows_are_the_stripped_files(unstripped: &Path, stripped: &Path) {
    let report = slim().view(&["sections"], unstripped);
    let name = unstripped.display();
    let mut wanted: BTreeMap<String, u64> = BTreeMap::new();
    for section in readelf_sections(stripped) {
        let bytes = match section.kind.as_str() {
            "NOBITS" | "NULL" => 0,
            _ => section.size,
        };
        *wanted.entry(section.name).or_default() += bytes;
    }
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    for row in report.rows() {
        *found.entry(text(row, "name").to_owned()).or_default() += number(row, "shipped");
    }
    for (section, bytes) in &found {
        // Headers and padding have no section of their own.
        if !section.starts_with('[') {
            let truth = wanted.get(section).copied().unwrap_or_default();
            // A link that strips may leave out the fill behind the last entry of `.eh_frame`.
            let fill = if section == ".eh_frame" { 7 } else { 0 };
            assert!(
                (truth..=truth + fill).contains(bytes),
                "{name}: {section}: {bytes}, not {truth}"
            );
        }
    }
    for section in wanted.keys().filter(|section| !section.is_empty()) {
        assert!(found.contains_key(section), "{name}: no row {section}");
    }
}

/// The crates' rows: their parts that are loaded are in sections that `readelf` knows.
fn shipped_parts_fill_loaded_sections(file: &Path) {
    let crates = slim().view(&["crates"], file);
    let name = file.display();
    let part = |key: &str| -> u64 { crates.rows().iter().map(|row| number(row, key)).sum() };
    let loaded = |is: &dyn Fn(&str) -> bool| -> u64 {
        let sections = readelf_sections(file);
        let some = sections.iter().filter(|section| section.kind != "NOBITS");
        some.filter(|section| is(&section.name))
            .map(|section| section.size)
            .sum()
    };
    let code = loaded(&|name| matches!(name, ".text" | ".init" | ".fini"));
    let unwind =
        loaded(&|name| matches!(name, ".eh_frame" | ".eh_frame_hdr" | ".gcc_except_table"));
    let data = loaded(&|name| {
        matches!(
            name,
            ".rodata" | ".data" | ".data.rel.ro" | ".tdata" | ".got"
        )
    });
    // What is missing is padding between functions and between constants, and data of no known
    // owner; nothing is there twice.
    for (key, whole) in [("code", code), ("unwind", unwind), ("data", data)] {
        let sum = part(key);
        println!("{name}: {key} {sum} of {whole}");
        assert!(sum <= whole, "{name}: {key} {sum} of {whole}");
        assert!(sum * 100 >= whole * 90, "{name}: {key} {sum} of {whole}");
    }
}

#[test]
fn shipped_rows_of_programs_linked_in_many_ways() {
    let specimens = Specimens::new();
    let ways: [(&str, &[&str]); 3] = [
        ("plain", &[]),
        ("debug", &["-Cdebuginfo=2"]),
        ("library", &["--crate-type=cdylib"]),
    ];
    for (name, arguments) in ways {
        let strip = [arguments, &["-Cstrip=symbols"]].concat();
        let unstripped = specimens.rustc(name, arguments);
        let stripped = specimens.rustc(&format!("{name}-stripped"), &strip);
        shipped_rows_are_the_stripped_files(&unstripped, &stripped);
    }
}

#[test]
fn shipped_rows_of_a_published_program() {
    let unstripped = B3SUM.build(V0, cache()).file;
    let stripped = B3SUM.build(STRIPPED, cache()).file;
    shipped_rows_are_the_stripped_files(&unstripped, &stripped);
    shipped_parts_fill_loaded_sections(&unstripped);
}

#[test]
fn shipped_size_of_a_published_program() {
    let unstripped = B3SUM.build(V0, cache()).file;
    let stripped = B3SUM.build(STRIPPED, cache()).file;
    shipped_size_is_rustcs(&unstripped, &stripped);
}
