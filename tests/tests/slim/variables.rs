//! Where variables begin and end, and what is in memory: against binutils and the sources, where each
//! variable's size is written.

use crate::slim;
use crate::sources::{CORE, without_core, write};
use integration_tests::command::{command, rustc, succeed};
use integration_tests::tool::{Report, number, text};
use integration_tests::witness::{nm, readelf_sections};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Gives a source without `core` the macro that takes assembly: rustc's own assembler is there for all
/// targets.
const ASSEMBLY: &str = "#[rustc_builtin_macro] pub macro global_asm() {}\n";

/// An object of this assembly, in AT&T's syntax where there are two.
pub(crate) fn assemble(directory: &TempDir, triple: &str, lines: &str) -> PathBuf {
    let syntax = if triple.starts_with("x86_64") {
        ", options(att_syntax)"
    } else {
        ""
    };
    let source = format!(
        "#![feature(rustc_attrs, decl_macro)]\n{CORE}{ASSEMBLY}global_asm!({lines:?}{syntax});\n"
    );
    compile(directory, triple, &source)
}

fn compile(directory: &TempDir, triple: &str, source: &str) -> PathBuf {
    let source = write(directory, "a.rs", source);
    let object = directory.path().join(format!("{triple}.o"));
    let mut compile = without_core(triple);
    compile.args(["--crate-type=lib", "--emit=obj"]);
    succeed(compile.arg(source).arg("-o").arg(&object));
    object
}

/// Rust's own linker, in one of its forms.
pub(crate) fn linker(flavor: &str) -> std::process::Command {
    let libraries = succeed(rustc().args(["--print", "target-libdir"]));
    let mut linker = command(Path::new(libraries.trim()).join("../bin/rust-lld"));
    linker.args(["-flavor", flavor]);
    linker
}

/// Links a program of bare assembly for this machine.
fn link(directory: &TempDir, lines: &str, more: &[&str]) -> PathBuf {
    let at = |name: &str| directory.path().join(name);
    let source = write(directory, "s.s", lines);
    succeed(command("as").arg(source).arg("-o").arg(at("s.o")));
    let mut linker = command("ld");
    linker.args(more).arg(at("s.o")).arg("-o").arg(at("s"));
    succeed(&mut linker);
    at("s")
}

fn data(file: &Path) -> Report {
    slim().view(&["data", "-n", "0"], file)
}

/// The variables with a name: their bytes in memory.
fn named(report: &Report) -> BTreeMap<String, u64> {
    let rows = report.rows().iter();
    let rows = rows.filter(|row| !text(row, "name").starts_with('['));
    rows.map(|row| (text(row, "name").to_owned(), number(row, "memory")))
        .collect()
}

fn sizes(expected: &[(&str, u64)]) -> BTreeMap<String, u64> {
    let pairs = expected.iter();
    pairs
        .map(|(name, size)| (name.to_string(), *size))
        .collect()
}

/// Thread-local zeroes take no addresses: what follows has the same ones, and is not theirs.
#[test]
fn zeroes_of_threads_are_rows_and_own_nothing_else() {
    let directory = TempDir::new().unwrap();
    let source = "use std::cell::Cell;\n\
        thread_local! { static BUF: Cell<[u64; 512]> = const { Cell::new([0; 512]) }; }\n\
        fn main() { BUF.with(|a| { let mut v = a.get(); v[std::env::args().count()] = 3; a.set(v);\n\
        println!(\"{}\", v[1]); }) }\n";
    let source = write(&directory, "t.rs", source);
    let file = directory.path().join("t");
    let mut compile = rustc();
    compile.args(["-O", "-Csymbol-mangling-version=v0"]);
    succeed(compile.arg(source).arg("-o").arg(&file));
    let sections = readelf_sections(&file);
    let of = |name: &str| sections.iter().find(|section| section.name == name);
    let zeroes = of(".tbss").unwrap();
    let ends = zeroes.address + zeroes.size;
    let shared = sections
        .iter()
        .filter(|other| other.kind != "NOBITS" && (zeroes.address..ends).contains(&other.address));
    assert!(shared.count() > 0, "nothing else has these addresses");

    let report = data(&file);
    let at = sections.iter().position(|section| section.name == ".tbss");
    let number_of = (at.unwrap() + 1).to_string();
    let symbols = succeed(command("readelf").arg("-sW").arg(&file));
    let threads = symbols.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let of = fields.get(3) == Some(&"TLS") && fields.get(6) == Some(&&*number_of);
        of.then(|| fields[2].parse::<u64>().unwrap())
    });
    let mut theirs: Vec<u64> = threads.collect();
    assert!(theirs.contains(&4096), "{theirs:?}");
    let rows = report.rows_where("section", ".tbss");
    let mut ours: Vec<u64> = rows.iter().map(|row| number(row, "memory")).collect();
    ours.sort_unstable();
    theirs.sort_unstable();
    assert_eq!(ours, theirs);
    let is_thread_local = |name: &str| rows.iter().any(|row| text(row, "name") == name);
    for row in report.rows() {
        let elsewhere = text(row, "section") != ".tbss";
        assert!(!(elsewhere && is_thread_local(text(row, "name"))), "{row}");
    }
    // They are no memory of the image.
    let image = slim().view(&["sections"], &file);
    assert_eq!(number(image.rows_where("name", ".tbss")[0], "memory"), 0);
}

/// A table of assembly reaches to the next symbol; a reference to its middle does not cut it.
#[test]
fn tables_without_a_size_reach_to_the_next_symbol() {
    let directory = TempDir::new().unwrap();
    let lines = ".text\n.globl _start\n_start: lea tbl+16(%rip),%rax\n lea tbl(%rip),%rcx\n ret\n\
        .data\n.globl tbl\ntbl: .fill 300,1,7\n.globl tbl2\ntbl2: .fill 100,1,8\n\
        .section .rodata\nname: .ascii \"a name\\0\"\n";
    let file = link(&directory, lines, &[]);
    let symbols = nm(&file);
    let at = |name: &str| {
        let found = symbols.iter().find(|symbol| symbol.name == name);
        found.unwrap().address
    };
    assert_eq!(at("tbl2") - at("tbl"), 300);
    let expected = [("tbl", 300), ("tbl2", 100), ("name", 7)];
    assert_eq!(named(&data(&file)), sizes(&expected));
    assert_eq!(data(&file).rows().len(), 3);
}

/// A symbol whose size is none names nothing: a unit struct has the address of what stands behind it.
#[test]
fn nothing_is_named_after_a_unit_struct() {
    let directory = TempDir::new().unwrap();
    let lines = ".text\n.globl _start\n_start: lea text(%rip),%rax\n ret\n.section .rodata\n\
        .type unit,@object\n.size unit,0\nunit:\ntext: .ascii \"some text\"\n";
    let named = named(&data(&link(&directory, lines, &[])));
    assert_eq!(named, sizes(&[("text", 9)]));
    let lines = lines.replace("text: ", "").replace("lea text", "lea unit");
    let report = data(&link(&directory, &lines, &[]));
    let row = &report.rows()[0];
    assert_eq!(
        (text(row, "name"), number(row, "file")),
        ("\"some text\"", 9)
    );
}

/// The same in formats whose symbols have no sizes at all, with zeroes that the file leaves out.
#[test]
fn variables_of_other_formats_are_whole() {
    let directory = TempDir::new().unwrap();
    let at = |name: &str| directory.path().join(name);
    let lines = ".globl _get\n_get: movzbl _big+7(%rip), %eax\n movzbl _dat(%rip), %ecx\n ret\n\
        .data\n.globl _dat\n_dat: .fill 100,4,1\n.globl _more\n_more: .fill 8, 1, 3\n\
        .zerofill __DATA,__bss,_big,5000,4\n";
    let object = assemble(&directory, "x86_64-apple-darwin", lines);
    let mut apple = linker("darwin");
    apple.args(["-arch", "x86_64", "-platform_version", "macos", "11", "11"]);
    apple.args(["-dylib", "-undefined", "dynamic_lookup"]);
    succeed(apple.arg(&object).arg("-o").arg(at("m.dylib")));
    let expected = sizes(&[("dat", 400), ("more", 8), ("big", 5000)]);
    assert_eq!(named(&data(&object)), expected);
    assert_eq!(named(&data(&at("m.dylib"))), expected);

    let lines = ".text\n.globl get\nget: movzbl big+7(%rip), %eax\n movzbl dat(%rip), %ecx\n ret\n\
        .data\n.globl dat\ndat: .fill 100,4,1\n.bss\n.globl big\nbig: .zero 5000\n";
    let object = assemble(&directory, "x86_64-pc-windows-msvc", lines);
    let mut windows = linker("link");
    windows.args(["/nodefaultlib", "/entry:get", "/subsystem:console"]);
    windows.arg("/debug:symtab").arg(&object);
    succeed(windows.arg(format!("/out:{}", at("m.exe").display())));
    let expected = sizes(&[("dat", 400), ("big", 5000)]);
    assert_eq!(named(&data(&object)), expected);
    assert_eq!(named(&data(&at("m.exe"))), expected);
}

/// Objects of all formats: variables side by side in one section, and one that the linker is asked for.
#[test]
fn objects_name_their_variables() {
    let lines = ".data\n.globl _d\n_d: .quad 1\n.globl _e\n_e: .quad 2\n.comm _big,4096,4\n";
    for triple in [
        "x86_64-unknown-linux-gnu",
        "x86_64-pc-windows-msvc",
        "x86_64-apple-darwin",
    ] {
        let directory = TempDir::new().unwrap();
        let object = assemble(&directory, triple, lines);
        let variables = named(&data(&object)).into_iter();
        let variables = variables.map(|(name, size)| (name.trim_matches('_').to_owned(), size));
        let variables: BTreeMap<String, u64> = variables.collect();
        let expected = sizes(&[("d", 8), ("e", 8), ("big", 4096)]);
        assert_eq!(variables, expected, "{triple}");
        let sections = slim().view(&["sections", "-n", "0"], &object);
        let common = sections.rows_where("name", "COMMON")[0];
        assert_eq!(
            (number(common, "memory"), number(common, "file")),
            (4096, 0)
        );
        // Of an archive, too.
        let archive = directory.path().join("l.a");
        succeed(command("ar").arg("rcS").arg(&archive).arg(&object));
        let big = data(&archive).rows_where("section", "COMMON").len();
        assert_eq!(big, 1, "{triple}");
        let file = fs::metadata(&object).unwrap().len();
        assert_eq!(sections.sum("file"), file, "{triple}");
    }
}

/// What aligns the next variable is none.
#[test]
fn a_gap_between_zeroes_is_padding() {
    let directory = TempDir::new().unwrap();
    let lines = ".globl _start\n_start: lea a(%rip),%rax\n lea b(%rip),%rax\n ret\n.bss\n\
        .type a,@object\na: .zero 4\n.size a,4\n.balign 64\n.type b,@object\nb: .zero 64\n.size b,64\n";
    let file = link(&directory, lines, &[]);
    let report = data(&file);
    assert_eq!(named(&report), sizes(&[("a", 4), ("b", 64)]));
    assert_eq!(report.rows().len(), 2);
    let crates = slim().view(&["crates", "-n", "0"], &file);
    let padding = crates.rows_where("name", "[padding]")[0];
    assert!(number(padding, "memory") >= 60, "{padding}");
    // A gap that something refers to is a variable without a name.
    let referred = lines.replace("lea a(%rip)", "lea a+8(%rip)");
    assert_eq!(data(&link(&directory, &referred, &[])).rows().len(), 3);
}

/// A tool that adds a section to a linked file adds no segment: nothing maps it, whatever its flags say.
#[test]
fn what_no_segment_maps_is_not_in_memory() {
    let directory = TempDir::new().unwrap();
    let at = |name: &str| directory.path().join(name);
    let lines = ".globl _start\n_start: lea a(%rip),%rax\n ret\n.data\na: .quad 5\n";
    let file = link(&directory, lines, &["-pie", "-z", "noseparate-code"]);
    fs::write(at("blob"), vec![0xa5; 5000]).unwrap();
    let mut objcopy = command("objcopy");
    objcopy.arg(format!("--add-section=.foo={}", at("blob").display()));
    objcopy.args(["--set-section-flags", ".foo=alloc,readonly,data"]);
    succeed(objcopy.arg(&file).arg(at("more")));
    let memory = |file: &Path| {
        let report = slim().view(&["sections", "-n", "0"], file);
        number(&report.json["total"], "memory")
    };
    assert_eq!(memory(&at("more")), memory(&file));
    let report = slim().view(&["sections", "-n", "0"], &at("more"));
    let added = report.rows_where("name", ".foo")[0];
    assert_eq!(
        (number(added, "file"), text(added, "kind")),
        (5000, "other")
    );
    assert_eq!(report.sum("file"), fs::metadata(at("more")).unwrap().len());
    succeed(command("strip").arg("-o").arg(at("less")).arg(at("more")));
    let left = fs::metadata(at("less")).unwrap().len();
    assert_eq!(report.sum("shipped"), left);
}

/// `(COPY)` reserves memory by bytes that are not loaded; strip leaves them where they are.
#[test]
fn reserved_bytes_ship_whole() {
    let directory = TempDir::new().unwrap();
    let script = "ENTRY(_start)\n\
        MEMORY { FLASH (rx) : ORIGIN = 0x08000000, LENGTH = 256K\n\
        RAM (rwx) : ORIGIN = 0x20000000, LENGTH = 64K }\n\
        SECTIONS { .text : { *(.text*) } >FLASH .bss : { *(.bss*) } >RAM\n\
        .heap (COPY) : { . = . + 0x2000; } >RAM }\n";
    let script = write(&directory, "l.ld", script);
    let lines = ".globl _start\n_start: lea ni(%rip),%rax\n ret\n.bss\n.type ni,@object\n\
        ni: .zero 3000\n.size ni,3000\n";
    let script = script.to_str().unwrap();
    let file = link(
        &directory,
        lines,
        &["-T", script, "-z", "max-page-size=4096"],
    );
    let report = slim().view(&["sections", "-n", "0"], &file);
    let heap = report.rows_where("name", ".heap")[0];
    assert_eq!(
        (number(heap, "shipped"), number(heap, "memory")),
        (0x2000, 0)
    );
    let stripped = file.with_extension("stripped");
    succeed(command("strip").arg("-o").arg(&stripped).arg(&file));
    assert_eq!(report.sum("shipped"), fs::metadata(stripped).unwrap().len());
}

/// The loader goes on without a version that only weak references need, as its flag says.
#[test]
fn a_weak_version_is_no_need() {
    let directory = TempDir::new().unwrap();
    let source = "#include <stddef.h>\n#include <string.h>\n\
        extern int statx(int, const char *, int, unsigned, void *) __attribute__((weak));\n\
        int f(const char *s) { return (statx ? statx(0, s, 0, 0, 0) : 1) + (int)strlen(s); }\n";
    let source = write(&directory, "w.c", source);
    let file = directory.path().join("w.so");
    let mut compile = command("gcc");
    compile.args(["-O1", "-fno-builtin", "-shared", "-fPIC"]);
    succeed(compile.arg(source).arg("-o").arg(&file));
    let oldest = || slim().view(&["loads"], &file).json["oldest_glibc"].clone();
    assert_eq!(oldest(), "2.28");
    // The entry begins with the hash of its name; the flags follow.
    let hash = "GLIBC_2.28".bytes().fold(0_u32, |hash, byte| {
        let hash = (hash << 4).wrapping_add(byte.into());
        let high = hash & 0xf000_0000;
        (hash ^ (high >> 24)) & !high
    });
    let mut bytes = fs::read(&file).unwrap();
    let found = bytes.windows(4).position(|four| four == hash.to_le_bytes());
    bytes[found.unwrap() + 4] = 2;
    fs::write(&file, bytes).unwrap();
    let witness = succeed(command("readelf").args(["-VW"]).arg(&file));
    let weak = |line: &str| line.contains("GLIBC_2.28") && line.contains("WEAK");
    assert!(witness.lines().any(weak), "{witness}");
    assert_eq!(oldest(), "2.2.5");
}

/// Of 64-bit POWER's objects symbols name descriptors, whose code the relocations tell; their sizes are
/// those of the code. Objects of MIPS say how they are to be run, which is no constant.
#[test]
fn objects_of_other_processors_have_their_functions() {
    let source = format!(
        "{CORE}#[no_mangle] #[inline(never)] pub fn f(x: u32) -> u32 {{\n\
         match x {{ 0 => 7, 1 => 99, 2 => 123456, 3 => 5, 4 => 88888, _ => x }} }}\n\
         #[no_mangle] pub fn g(x: u32) -> u32 {{ f(f(x)) }}\n"
    );
    for triple in ["powerpc64-unknown-linux-gnu", "mips-unknown-linux-gnu"] {
        let directory = TempDir::new().unwrap();
        let object = compile(&directory, triple, &source);
        let symbols = succeed(command("readelf").args(["-sW"]).arg(&object));
        let theirs = symbols.lines().filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [_, _, size, "FUNC", .., name] = fields[..] else {
                return None;
            };
            Some((name.to_owned(), size.parse().unwrap()))
        });
        let theirs: BTreeMap<String, u64> = theirs.collect();
        assert_eq!(theirs.len(), 2, "{symbols}");
        let report = slim().view(&["functions", "-n", "0"], &object);
        let rows = report.rows().iter();
        let ours = rows.map(|row| (text(row, "name").to_owned(), number(row, "file")));
        assert_eq!(ours.collect::<BTreeMap<_, _>>(), theirs, "{triple}");
        let sections = slim().view(&["sections", "-n", "0"], &object);
        for name in [".opd", ".MIPS.abiflags", ".reginfo"] {
            for row in sections.rows_where("name", name) {
                assert_eq!(text(row, "kind"), "linker", "{row}");
            }
            assert!(data(&object).rows_where("section", name).is_empty());
        }
    }
}
