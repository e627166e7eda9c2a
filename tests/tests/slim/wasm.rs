//! WebAssembly through the tool: crates and data against wasm-ld's map, what a module asks for, and
//! what refers to what. Where things stand is told by `wasm-objdump` in `shared/tests/image/wasm.rs`.

use crate::{cache, slim};
use integration_tests::command::{command, succeed};
use integration_tests::npm;
use integration_tests::tool::{Report, is_cause_of_null, number, text};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

fn repository(path: &str) -> PathBuf {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(path);
    assert!(path.is_file(), "{} is missing", path.display());
    path
}

fn specimen(name: &str) -> PathBuf {
    repository(&format!("shared/tests/image/specimens/{name}"))
}

/// The lines of the linker's map that begin with `what`.
fn map(what: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(specimen("pieces.map")).unwrap();
    let lines = text.lines().filter(|line| line.starts_with(what));
    lines
        .map(|line| line.split(' ').map(str::to_owned).collect())
        .collect()
}

#[test]
fn code_by_crate_is_that_of_the_map() {
    let mut witness: BTreeMap<String, u64> = BTreeMap::new();
    for line in map("code") {
        *witness.entry(line[2].clone()).or_default() += line[1].parse::<u64>().unwrap();
    }
    let whole: u64 = witness.values().sum();
    let arguments = ["crates", "--by", "instantiated"];
    let report = slim().view(&arguments, &specimen("pieces.wasm"));
    let mut off = 0;
    for row in report.rows() {
        let ours = number(row, "code");
        off += ours.abs_diff(witness.remove(text(row, "name")).unwrap_or_default());
    }
    off += witness.values().sum::<u64>();
    // Bytes that moved are missing in one place and too many in another.
    assert!(
        off / 2 * 100 <= whole,
        "{off} of {whole} bytes, {witness:?}"
    );
}

#[test]
fn data_is_that_of_the_crates_in_the_map() {
    let report = slim().view(&["data"], &specimen("pieces.wasm"));
    let rows: Vec<(u64, u64, Vec<&str>)> = report
        .rows()
        .iter()
        .map(|row| {
            let crates = row["instantiated_by"].as_array().unwrap().iter();
            let crates = crates.map(|name| name.as_str().unwrap());
            let crates = crates.map(|name| name.split('@').next().unwrap());
            (
                number(row, "address"),
                number(row, "file"),
                crates.collect(),
            )
        })
        .collect();
    let (mut right, mut wrong) = (0, 0);
    for line in map("data") {
        let start = u64::from_str_radix(line[1].trim_start_matches("0x"), 16).unwrap();
        let end = start + line[2].parse::<u64>().unwrap();
        for (address, size, crates) in &rows {
            let both = (address + size)
                .min(end)
                .saturating_sub(start.max(*address));
            match crates.contains(&line[3].as_str()) {
                true => right += both,
                false => wrong += both,
            }
        }
    }
    assert!(right + wrong > 700, "{right} and {wrong} bytes");
    assert!(
        right * 10 >= (right + wrong) * 9,
        "{right} right, {wrong} wrong"
    );
}

fn unread(report: &Report) -> Vec<String> {
    let depth = report.json["artifact"]["depth"].as_object().unwrap();
    let unread = depth.iter().filter(|(_, read)| *read == false);
    unread.map(|(what, _)| what.clone()).collect()
}

#[test]
fn every_byte_has_a_row_and_every_depth_a_reason() {
    for (name, missing, reasons) in [
        ("pieces.wasm", vec![], vec![]),
        ("pieces-threads.wasm", vec![], vec![]),
        (
            "pieces-stripped.wasm",
            vec!["units"],
            // Its panic locations tell some of them.
            vec!["stripped", "inferred-owners"],
        ),
    ] {
        let file = specimen(name);
        let size = fs::metadata(&file).unwrap().len();
        let crates = slim().view(&["crates"], &file);
        assert_eq!(crates.sum("file"), size, "{name}");
        assert_eq!(crates.json["artifact"]["architecture"], "wasm32");
        let sections = slim().view(&["sections"], &file);
        assert_eq!(sections.sum("file"), size, "{name}");
        assert!(
            sections.rows_where("name", "[unknown]").is_empty(),
            "{name}"
        );
        assert_eq!(unread(&crates), missing, "{name}");
        let warnings = crates.json["warnings"].as_array().unwrap();
        let codes: Vec<_> = warnings
            .iter()
            .filter(|it| !is_cause_of_null(it))
            .map(|it| it["code"].as_str().unwrap())
            .collect();
        assert_eq!(codes, reasons, "{name}");
    }
}

#[test]
fn functions_without_a_name_have_their_number() {
    let report = slim().view(&["functions"], &specimen("pieces-stripped.wasm"));
    let named = report.rows_where("name", "speak");
    assert_eq!(named.len(), 1);
    assert_eq!(number(named[0], "file"), 406);
    let nameless = report.rows_where("name", "[function 19]");
    // `Formatter::pad_integral` is the twentieth.
    assert_eq!(number(nameless[0], "file"), 1030);
    assert_eq!(text(nameless[0], "crate"), "[unknown]");
}

#[test]
fn loads_says_what_a_module_asks_for_and_offers() {
    let report = slim().view(&["loads"], &specimen("pieces-threads.wasm"));
    let row = &report.rows()[0];
    assert_eq!(
        (number(row, "address"), number(row, "file")),
        (0x10_0000, 772)
    );
    assert_eq!(row["loaded"], false);
    let wasm = &report.json["wasm"];
    let memory = &wasm["resources"][0];
    assert_eq!(memory["kind"], "memory");
    assert_eq!(memory["maximum"], 256);
    assert_eq!(
        (&memory["shared"], &memory["imported"]),
        (&true.into(), &true.into())
    );
    let exports: Vec<_> = wasm["exports"].as_array().unwrap().iter().collect();
    assert!(
        exports
            .iter()
            .any(|it| it["kind"] == "function" && it["name"] == "speak")
    );
    assert_eq!(wasm["start"][0], "function 0");
    let features = wasm["features"].as_array().unwrap();
    assert!(features.contains(&"atomics".into()), "{features:?}");
    assert!(wasm["producers"].to_string().contains("rustc 1.63.0"));
    assert_eq!(report.json["libraries"][0]["others"]["memory"], 1);
}

#[test]
fn calls_constants_and_vtables_keep_what_they_refer_to() {
    let file = specimen("pieces.wasm");
    let report = slim().view(&["retained"], &file);
    let row = |name: &str| report.rows_where("name", name)[0];
    // All but the panic runtime hangs on the only export, and a method on the vtable's user.
    let all = number(row("speak"), "retained");
    assert!(all * 10 > 6_900 * 7, "{all} bytes");
    let chosen = number(row("shapes::choose"), "retained");
    let method = number(row("<shapes::Edged as words::Say>::say"), "retained");
    assert!(chosen > method && method > 44, "{chosen} and {method}");
    // The table of the sides, which only this method uses.
    let sides = report.rows().iter().find(|row| number(row, "own") == 48);
    assert!(sides.is_some(), "the 48 bytes of `SIDES` are one object");
}

#[test]
fn debug_information_counts_from_the_code_section() {
    let file = repository("fuzz/corpus/ledger/module.wasm");
    let report = slim().view(&["crates", "--by", "inlined"], &file);
    let size = fs::metadata(&file).unwrap().len();
    assert_eq!(report.sum("file"), size);
    let plain = slim().view(&["crates"], &file);
    assert_eq!(plain.sum("code"), report.sum("code"));
    let debug = report.rows().iter().filter(|row| number(row, "debug") > 0);
    assert!(debug.count() > 0, "no unit owns debug information");
    assert_eq!(unread(&report), Vec::<String>::new());
}

/// A component with one module in it says of that what the module says of itself; what would be left of it
/// without symbols is what is left of the module.
#[test]
fn a_component_is_read_like_its_module() {
    let file = repository("fuzz/corpus/ledger/module.wasm");
    let module = fs::read(&file).unwrap();
    let mut component = b"\0asm\x0d\0\x01\0".to_vec();
    // What `wasm-component-ld` adds for tools stays.
    component.extend(section(1, &module));
    component.extend(custom("component-name", b"\0\x04\x03app"));
    let directory = tempfile::tempdir().unwrap();
    let wrapped = directory.path().join("c.wasm");
    fs::write(&wrapped, &component).unwrap();
    let around = (component.len() - module.len()) as u64;
    for by in [&["crates"][..], &["crates", "--by", "inlined"]] {
        let (plain, inside) = (slim().view(by, &file), slim().view(by, &wrapped));
        assert_eq!(inside.sum("file"), component.len() as u64);
        for row in plain.rows() {
            let name = text(row, "name");
            if name.starts_with('[') {
                continue;
            }
            let same = inside.rows_where("name", name);
            for figure in ["code", "data", "debug", "symbols", "shipped"] {
                assert_eq!(number(same[0], figure), number(row, figure), "{name}");
            }
        }
        let debug: u64 = inside.rows().iter().map(|row| number(row, "debug")).sum();
        assert!(debug > 0, "no debug information was read");
        let shipped = |report: &Report| number(&report.json["artifact"], "shipped_size");
        assert_eq!(shipped(&inside), shipped(&plain) + around);
        assert_eq!(inside.sum("shipped"), shipped(&inside));
        assert_eq!(unread(&inside), unread(&plain));
    }
    // Two modules, each with debug information: whose a unit is would be a guess.
    component.extend(section(1, &module));
    fs::write(&wrapped, &component).unwrap();
    let report = slim().view(&["crates"], &wrapped);
    assert_eq!(report.sum("file"), component.len() as u64);
    assert!(report.rows().iter().all(|row| number(row, "debug") == 0));
}

/// What `jco print` lists of a component with an adapter, by how its lines begin.
fn listed(start: &str) -> Vec<String> {
    let listing = fs::read_to_string(specimen("adapted.listing")).unwrap();
    let lines = listing
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix(start));
    lines
        .map(|line| {
            // `"wasi:io/error@0.2.12"`, `$main (;0;)`, `$run (;10;) "wasi:cli/run@0.2.12"`
            let quoted = line.split('"').nth(1);
            let name = quoted.unwrap_or_else(|| line.split_whitespace().next().unwrap());
            name.trim_start_matches('$').to_owned()
        })
        .collect()
}

/// The contents of a component's own modules.
fn modules_in(component: &[u8]) -> Vec<&[u8]> {
    let (mut rest, mut modules) = (&component[8..], Vec::new());
    while let [id, tail @ ..] = rest {
        let digits = 1 + tail.iter().take_while(|byte| **byte > 127).count();
        let mut size = 0;
        for (place, byte) in tail[..digits].iter().enumerate() {
            size |= usize::from(byte & 127) << (7 * place);
        }
        let (content, after) = tail[digits..].split_at(size);
        modules.extend((*id == 1).then_some(content));
        rest = after;
    }
    modules
}

/// A component asks for what it imports itself, and not for what its modules have of each other; they are
/// told apart by the names that it gives them, and have the sections that `wasm-objdump` lists.
#[test]
fn a_component_says_what_it_is_made_of() {
    let file = specimen("adapted.wasm");
    let loads = slim().view(&["loads", "-n", "0"], &file);
    let names = |rows: &serde_json::Value| {
        let rows = rows.as_array().unwrap().iter();
        rows.map(|row| text(row, "name").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&loads.json["libraries"]), listed("(import "));
    assert_eq!(loads.json["libraries"][0]["others"]["instance"], 1);
    assert_eq!(names(&loads.json["wasm"]["exports"]), listed("(export "));
    let resources = loads.json["wasm"]["resources"].as_array().unwrap();
    assert!(resources.iter().all(|one| one["imported"] == false));
    let modules = loads.json["wasm"]["modules"].as_array().unwrap();
    let given = listed("(core module ");
    assert_eq!(given.len(), modules.len());
    let bytes = fs::read(&file).unwrap();
    let contents = modules_in(&bytes);
    let sections = slim().view(&["sections", "-n", "0"], &file);
    assert_eq!(sections.sum("file"), bytes.len() as u64);
    let directory = tempfile::tempdir().unwrap();
    let mut compared = 0;
    for ((module, given), content) in modules.iter().zip(given).zip(contents) {
        let label = text(module, "name");
        let shown = match given.split_once("adapter:") {
            Some((_, adapted)) => format!("(adapter {adapted})"),
            // It names itself.
            None if given == "main" => "(core.wasm)".to_owned(),
            None => format!("({})", given.trim_start_matches("wit-component-")),
        };
        assert!(label.ends_with(&shown), "{label}, {given}");
        assert_eq!(number(module, "file"), content.len() as u64, "{label}");
        let alone = directory.path().join("module.wasm");
        fs::write(&alone, content).unwrap();
        let listing = succeed(command("wasm-objdump").arg("-h").arg(&alone));
        for line in listing.lines() {
            // `     Type start=0x0000000a end=0x00000052 (size=0x00000048) count: 12`
            let Some((name, rest)) = line.trim_start().split_once(" start=") else {
                continue;
            };
            let size = rest.split("(size=0x").nth(1).unwrap();
            let size = u64::from_str_radix(&size[..8], 16).unwrap();
            if name == "Custom" {
                continue;
            }
            let name = match name {
                "Elem" => "element",
                "DataCount" => "data_count",
                name => &name.to_lowercase(),
            };
            let row = sections.rows_where("name", &format!("{label}: <{name}>"));
            let digits = (64 - size.leading_zeros()).div_ceil(7).max(1);
            assert_eq!(
                number(row[0], "file"),
                size + 1 + u64::from(digits),
                "{label}"
            );
            compared += 1;
        }
    }
    assert!(compared > 20, "{compared}");
}

/// Half a module is no module whose names are missing.
#[test]
fn a_module_that_is_cut_off_is_called_damaged() {
    let whole = fs::read(specimen("pieces.wasm")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    for (name, bytes, damaged) in [
        ("whole.wasm", &whole[..], false),
        ("cut.wasm", &whole[..whole.len() / 2], true),
    ] {
        let file = directory.path().join(name);
        fs::write(&file, bytes).unwrap();
        let report = slim().view(&["sections"], &file);
        let warnings = report.json["warnings"].as_array().unwrap();
        let said = warnings.iter().any(|it| it["code"] == "damaged-sections");
        assert_eq!(said, damaged, "{warnings:?}");
    }
}

/// The number of a section, its length and its content.
fn section(id: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![id];
    let mut length = content.len();
    while length > 127 {
        bytes.push((length & 127) as u8 | 128);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend(content);
    bytes
}

fn custom(name: &str, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(name.len()).unwrap();
    section(0, &[&[length], name.as_bytes(), content].concat())
}

/// A section is what goes from the file with it: its number, length and name too, and all that it
/// is cut into.
#[test]
fn a_section_has_all_bytes_that_it_adds_to_the_file() {
    let body = [&[0][..], &[0x41, 7, 0x1a].repeat(300), &[0x0b]].concat();
    let code = [&[1][..], &section(0, &body)[1..]].concat();
    let names = b"\x00\x04\x03mod\x01\x07\x01\x00\x04work\x02\x03\x01\x00\x00";
    let sections = [
        ("<type>", section(1, b"\x01\x60\x00\x00")),
        ("<function>", section(3, b"\x01\x00")),
        ("<export>", section(7, b"\x01\x04work\x00\x00")),
        ("<code>", section(10, &code)),
        ("name", custom("name", names)),
        ("producers", custom("producers", b"\x00")),
        (
            "target_features",
            custom("target_features", b"\x01+\x04sign"),
        ),
        ("own.notes", custom("own.notes", b"text")),
    ];
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    module.extend(sections.iter().flat_map(|(_, bytes)| bytes));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("m.wasm");
    fs::write(&file, &module).unwrap();
    let report = slim().view(&["sections"], &file);
    for (name, bytes) in &sections {
        let row = report.rows_where("name", name)[0];
        assert_eq!(number(row, "file"), bytes.len() as u64, "{row}");
    }
    let headers = report.rows_where("name", "[headers]")[0];
    assert_eq!(number(headers, "file"), 8);
    assert_eq!(report.rows().len(), sections.len() + 1);
    // Each part with its number and length; before them stand those of the section, and its name.
    let parts = &report.rows_where("name", "name")[0]["parts"];
    let parts = parts.as_array().unwrap().iter();
    let parts: Vec<(&str, u64)> = parts
        .map(|part| (text(part, "name"), number(part, "file")))
        .collect();
    let expected = [
        ("module", 2 + 5 + 6),
        ("functions", 2 + 7),
        ("locals", 2 + 3),
    ];
    assert_eq!(parts, expected.map(|(name, bytes)| (name, bytes as u64)));
}

/// wasm-bindgen writes names as `rustc-demangle` spells them. What begins with a crate is that crate's, by
/// the list that wabt prints, and no name of Rust's is taken for C's.
#[test]
fn names_that_were_spelled_out_say_their_crate() {
    let file = npm::module(npm::PRISMA, cache());
    let report = slim().view(&["functions", "-n", "0"], &file);
    let mut rows: BTreeMap<&str, Vec<&serde_json::Value>> = BTreeMap::new();
    for row in report.rows() {
        rows.entry(text(row, "symbol")).or_default().push(row);
    }
    let names = succeed(
        command("wasm-objdump")
            .args(["-x", "-j", "name"])
            .arg(&file),
    );
    let (mut compared, mut bytes) = (0, 0);
    for line in names.lines() {
        // ` - func[5] <regex_automata[8a4cbc5f77700559]::meta::strategy::new>`
        let Some((_, name)) = line.split_once("] <").filter(|_| line.contains("- func[")) else {
            continue;
        };
        let name = name.strip_suffix('>').unwrap();
        let root = name.split_once('[').filter(|(root, rest)| {
            let id = rest.split_once("]::").map_or("", |(id, _)| id);
            let plain = root.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            plain && !id.is_empty() && id.bytes().all(|b| b.is_ascii_hexdigit())
        });
        let (Some((root, rest)), Some(rows)) = (root, rows.get(name)) else {
            continue;
        };
        let (id, _) = rest.split_once(']').unwrap();
        for row in rows.iter().filter(|_| root != "__rustc") {
            assert_eq!(text(row, "crate"), root, "{name}");
            assert!(!text(row, "name").contains(id), "{row}");
            compared += 1;
            bytes += number(row, "file");
        }
    }
    assert!(
        compared > 800 && bytes > 600_000,
        "{compared}, {bytes} bytes"
    );
    let native: u64 = report
        .rows_where("crate", "[native]")
        .iter()
        .map(|row| number(row, "file"))
        .sum();
    // `__multi3` and its like are the compiler's own.
    assert!(native * 100 < report.sum("file"), "{native} bytes");
    // Copies of one function are found by their names without arguments.
    let generics = slim().view(&["generics"], &file);
    assert!(generics.rows().iter().any(|row| number(row, "copies") > 20));
}

/// The library of another target, whose hashes nothing here knows, is of the release that the module
/// names: by both kinds of names it is one crate.
#[test]
fn a_library_of_the_named_release_is_one_crate() {
    let file = npm::module(npm::DPRINT_JSON, cache());
    let sections = succeed(
        command("wasm-objdump")
            .args(["-x", "-j", "name"])
            .arg(&file),
    );
    assert!(sections.contains("<_RNv") && sections.contains("<_ZN4core"));
    let report = slim().view(&["crates", "-n", "0"], &file);
    for name in ["core", "alloc", "std"] {
        let rows = report.rows_where("name", name);
        assert_eq!(rows.len(), 1, "{name}: {rows:?}");
        assert_eq!(text(rows[0], "version"), "1.95.0");
    }
}
