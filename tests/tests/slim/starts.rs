//! Functions that no table lists, found in the code: against the unwind tables of released files, which
//! the search is not shown, and what the tool says of files that have none.

use crate::{cache, slim};
use codecost::disasm::find_functions;
use codecost::image::{Image, Mapping, SectionKind, UnwindTables};
use integration_tests::tool::{number, text};
use integration_tests::wheels::{Platform, unpacked_for};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn specimen(name: &str) -> PathBuf {
    let specimens = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tests/image/specimens");
    specimens.join(name)
}

#[test]
fn functions_found_in_code_are_those_of_the_unwind_tables() {
    for (package, module) in Platform::LinuxX86.modules() {
        let path = unpacked_for(Platform::LinuxX86, package, cache()).join(module);
        let file = Mapping::open(&path).unwrap();
        let image = Image::parse(&path, &file).unwrap();
        let exported = image.dynamic_symbols();
        let relocations = image.relocations(&exported);
        let found = find_functions(&image, &exported, &UnwindTables::default(), &relocations);
        let unwind = image.unwind_tables();
        let in_code = unwind.extents().filter(|range| {
            let section = image.section_at(range.start);
            section.is_some_and(|(_, section)| section.kind == SectionKind::Code)
        });
        let truth: BTreeMap<u64, u64> = in_code
            .map(|range| (range.start.0, range.end().0))
            .collect();
        let inside = |address: u64| {
            let before = truth.range(..=address).next_back();
            before.is_some_and(|(start, end)| *start < address && address < *end)
        };
        let right = found.iter().filter(|it| truth.contains_key(&it.start.0));
        let wrong = found.iter().filter(|it| inside(it.start.0));
        let (right, wrong) = (right.count(), wrong.count());
        let same = found.iter();
        let same = same.filter(|it| truth.get(&it.start.0) == Some(&it.end().0));
        let same: u64 = same.map(|range| range.size).sum();
        let whole: u64 = truth.iter().map(|(start, end)| end - start).sum();
        let said = format!(
            "{package}: {right} of {}, {wrong} wrong, {same} of {whole} bytes",
            truth.len()
        );
        assert!(truth.len() > 1000, "{said}");
        assert!(right * 100 >= truth.len() * 95, "{said}");
        assert!(wrong * 200 <= truth.len(), "{said}");
        assert!(same * 100 >= whole * 90, "{said}");
    }
}

#[test]
fn an_export_ends_where_its_code_does_and_the_page_says_what_is_inferred() {
    let file = specimen("windows-i686.dll");
    let functions = slim().view(&["functions"], &file);
    let entry = functions.rows_where("name", "calls_entry")[0];
    // By `llvm-objdump -d`.
    assert_eq!(number(entry, "file"), 0x20);
    assert_eq!(functions.rows().len(), 10);
    let depth = &functions.json["artifact"]["depth"];
    assert_eq!(depth["functions"], true);
    let warnings = functions.json["warnings"].as_array().unwrap();
    let code = "inferred-functions";
    let warning = warnings.iter().find(|it| it["code"] == code).unwrap();
    assert_eq!(warning["count"], 10);
    let crates = slim().view(&["crates"], &file);
    assert_eq!(crates.sum("file"), fs::metadata(&file).unwrap().len());
    // Fill is nobody's.
    let code = crates.sum("code");
    assert!((300..0x1fa).contains(&code), "{code}");
}

#[test]
fn where_code_is_not_decoded_no_function_is_claimed() {
    let directory = tempfile::tempdir().unwrap();
    let mut bytes = fs::read(specimen("windows-i686.dll")).unwrap();
    // IMAGE_FILE_MACHINE_ARMNT in place of I386.
    let header = u32::from_le_bytes(bytes[0x3c..0x40].try_into().unwrap()) as usize;
    assert_eq!(bytes[header + 4..header + 6], [0x4c, 0x01]);
    bytes[header + 4..header + 6].copy_from_slice(&[0xc4, 0x01]);
    let file = directory.path().join("arm.dll");
    fs::write(&file, &bytes).unwrap();
    for view in ["functions", "sections"] {
        let report = slim().view(&[view], &file);
        let depth = &report.json["artifact"]["depth"];
        assert_eq!(depth["functions"], false, "{view}");
    }
    let functions = slim().view(&["functions"], &file);
    assert!(functions.rows().is_empty(), "{:?}", functions.rows());
    let warnings = functions.json["warnings"].as_array().unwrap();
    let named = warnings.iter().find(|it| it["code"] == "no-functions");
    assert!(text(named.unwrap(), "message").contains("arm"));
}
