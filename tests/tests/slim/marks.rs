//! Where symbols say less than what a table of sections, segments or versions says: variables without sizes,
//! thread-local zeroes, sections outside of all segments, version needs that may stay open. The witnesses are
//! `nm` and `readelf`.

use crate::slim;
use integration_tests::command::{command, succeed};
use integration_tests::tool::{number, text};
use std::fs;
use std::path::{Path, PathBuf};

fn compiled(directory: &Path, name: &str, source: &str, arguments: &[&str]) -> PathBuf {
    let from = directory.join(name);
    fs::write(&from, source).unwrap();
    let file = from.with_extension("out");
    let mut cc = command("cc");
    succeed(cc.args(arguments).arg(from).arg("-o").arg(&file));
    file
}

/// The addresses of symbols, as `nm` lists them.
fn address(file: &Path, symbol: &str) -> u64 {
    let listed = succeed(command("nm").arg(file));
    let line = listed
        .lines()
        .find(|line| line.split(' ').next_back() == Some(symbol));
    u64::from_str_radix(&line.unwrap()[..16], 16).unwrap()
}

#[test]
fn tables_of_assembly_reach_to_the_next_symbol() {
    let directory = tempfile::tempdir().unwrap();
    let source = ".text\n.globl _start\n_start: lea tbl+16(%rip),%rax\n lea tbl(%rip),%rcx\n ret\n\
                  .data\n.globl tbl\ntbl: .fill 300,1,7\n.globl tbl2\ntbl2: .fill 100,1,8\n.globl tbl3\ntbl3: .byte 1\n";
    let file = compiled(directory.path(), "t.s", source, &["-nostdlib", "-static"]);
    let report = slim().view(&["data", "-n", "0"], &file);
    for (name, next) in [("tbl", "tbl2"), ("tbl2", "tbl3")] {
        let expected = address(&file, next) - address(&file, name);
        let rows = report.rows_where("name", name);
        let sizes: Vec<u64> = rows.iter().map(|row| number(row, "file")).collect();
        assert_eq!(sizes, [expected], "{name}");
    }
}

#[test]
fn thread_local_zeroes_own_nothing_of_the_section_behind_them() {
    let directory = tempfile::tempdir().unwrap();
    let source = "__thread int zeroes[100]; int f(int x) { return zeroes[x]; }\n\
                  int main(int c, char **v) { return f(c); }\n";
    let file = compiled(directory.path(), "t.c", source, &["-O1"]);
    let headers = succeed(command("readelf").arg("-SW").arg(&file));
    let start = |section: &str| {
        let line = headers.lines().find(|line| line.contains(section)).unwrap();
        let fields = line.split(section).nth(1).unwrap();
        fields.split_whitespace().nth(1).unwrap().to_owned()
    };
    assert_eq!(start(".tbss"), start(".init_array"), "they do not overlap");
    let report = slim().view(&["data", "-n", "0"], &file);
    for row in report.rows_where("name", "zeroes") {
        assert_eq!(text(row, "section"), ".tbss", "{row}");
    }
}

#[test]
fn a_section_in_no_segment_is_not_in_memory() {
    let directory = tempfile::tempdir().unwrap();
    let file = compiled(
        directory.path(),
        "t.c",
        "int main(void) { return 0; }\n",
        &[],
    );
    let blob = directory.path().join("blob");
    fs::write(&blob, [7; 5000]).unwrap();
    let more = directory.path().join("more");
    let mut objcopy = command("objcopy");
    objcopy.arg(format!("--add-section=.foo={}", blob.display()));
    objcopy.args(["--set-section-flags", ".foo=alloc,readonly,data"]);
    succeed(objcopy.arg(&file).arg(&more));
    let listed = succeed(command("readelf").arg("-lW").arg(&more));
    let (_, segments) = listed.split_once("Segment Sections").unwrap();
    assert!(!segments.contains(".foo"), "{listed}");
    let sections = slim().view(&["sections", "-n", "0"], &more);
    let row = sections.rows_where("name", ".foo")[0];
    assert_eq!((number(row, "file"), number(row, "memory")), (5000, 0));
    // All others are what they were.
    let before = slim().view(&["sections", "-n", "0"], &file);
    assert_eq!(sections.sum("memory"), before.sum("memory"));
}

/// glibc's loader goes on where a version that only weak references ask for is missing. `readelf -V` says
/// which these are.
#[test]
fn a_version_for_weak_references_is_not_required() {
    let directory = tempfile::tempdir().unwrap();
    let source = "extern int statx(int, const char *, int, unsigned, void *) __attribute__((weak));\n\
                  extern int puts(const char *);\n\
                  int f(const char *s) { return (statx ? statx(0, s, 0, 0, 0) : 1) + puts(s); }\n";
    let flags = ["-O1", "-fno-builtin", "-shared", "-fPIC"];
    let file = compiled(directory.path(), "t.c", source, &flags);
    let oldest = |file: &Path| {
        let report = slim().view(&["loads"], file);
        text(&report.json, "oldest_glibc").to_owned()
    };
    assert_eq!(oldest(&file), "2.28");
    let mut bytes = fs::read(&file).unwrap();
    // An entry is a hash of the name, flags, a number, the name's place, the next one's.
    let hash = b"GLIBC_2.28".iter().fold(0_u32, |hash, byte| {
        let hash = (hash << 4).wrapping_add(u32::from(*byte));
        let high = hash & 0xf000_0000;
        (hash ^ (high >> 24)) & !high
    });
    let at = bytes.windows(8).position(|entry| {
        entry[..4] == hash.to_le_bytes() && entry[4..6] == [0, 0] && entry[6..8] != [0, 0]
    });
    bytes[at.unwrap() + 4] = 2;
    let weak = directory.path().join("weak.so");
    fs::write(&weak, bytes).unwrap();
    let listed = succeed(command("readelf").arg("-VW").arg(&weak));
    let line = listed
        .lines()
        .find(|line| line.contains("Name: GLIBC_2.28"));
    assert!(line.unwrap().contains("WEAK"), "{listed}");
    assert_eq!(oldest(&weak), "2.2.5");
}

#[test]
fn a_program_of_c_with_its_symbols_is_not_searched() {
    let directory = tempfile::tempdir().unwrap();
    let source = "__attribute__((noinline)) int f(int x) { return x * 3; }\n\
                  int main(int c, char **v) { return f(c); }\n";
    let file = compiled(directory.path(), "t.c", source, &["-O1", "-g"]);
    let listed = succeed(command("nm").arg("-S").arg(&file));
    assert!(
        listed
            .lines()
            .any(|line| line.ends_with(" T main") && line.len() > 30)
    );
    let report = slim().view(&["functions"], &file);
    let warnings = report.json["warnings"].to_string();
    assert!(!warnings.contains("inferred-functions"), "{warnings}");
}

/// `ar q` puts a second member of the same name into an archive: each choice that the error prints works.
#[test]
fn members_of_one_name_can_be_chosen() {
    let directory = tempfile::tempdir().unwrap();
    let object = directory.path().join("y.o");
    let archive = directory.path().join("m.a");
    for function in ["first", "second"] {
        let source = format!("int {function}(int x) {{ return x * 3; }}\n");
        fs::copy(
            compiled(directory.path(), "y.c", &source, &["-O1", "-c"]),
            &object,
        )
        .unwrap();
        succeed(command("ar").arg("q").arg(&archive).arg(&object));
    }
    let file = archive.to_str().unwrap();
    let refused = slim().run(["functions", "--file", file, "--member", "y.o"]);
    for (choice, function) in [("y.o#1", "first"), ("y.o#2", "second")] {
        assert!(
            refused.stderr.contains(&format!("--member {choice}"))
                || refused.stderr.contains(&format!("--member '{choice}'")),
            "{}",
            refused.stderr
        );
        let arguments = ["functions", "--file", file, "--member", choice];
        let report = slim().run([&arguments[..], &["--message-format", "json"]].concat());
        assert_eq!(report.report().rows_where("name", function).len(), 1);
    }
}

/// The witness is `readelf`: its `.text` has no bytes.
#[test]
fn a_debug_file_on_its_own_asks_for_its_program() {
    let directory = tempfile::tempdir().unwrap();
    let source = "int main(int c, char **v) { return c * 3; }\n";
    let program = compiled(directory.path(), "p.c", source, &["-g"]);
    let file = directory.path().join("p.debug");
    succeed(
        command("objcopy")
            .arg("--only-keep-debug")
            .args([&program, &file]),
    );
    let listed = succeed(command("readelf").arg("-SW").arg(&file));
    let text = listed
        .lines()
        .find(|line| line.contains(" .text "))
        .unwrap();
    assert!(text.contains("NOBITS"), "{text}");
    let report = slim().view(&["functions"], &file);
    let warnings = report.json["warnings"].to_string();
    assert!(warnings.contains("\"debug-file\""), "{warnings}");
    let report = slim().view(&["functions"], &program);
    assert!(!report.json["warnings"].to_string().contains("debug-file"));
}
