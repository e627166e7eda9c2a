//! Programs for bare chips, compiled without any library of Rust's and linked by the toolchain's own
//! linker, which says how full the memory is.

use crate::sources::{CORE, without_core, write};
use crate::{cache, slim};
use integration_tests::command::{command, rustc, succeed};
use integration_tests::llvm;
use integration_tests::published::Program;
use integration_tests::tool::{number, text};
use integration_tests::witness::nm;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const SOURCE: &str = r#"
    #[no_mangle] pub static mut START: [u32; 9] = [3; 9];
    #[no_mangle] pub static mut ZERO: [u32; 256] = [0; 256];
    #[inline(never)] pub fn one(x: u32) -> u32 {
        match x { 0 => 7, 1 => 99, 2 => 123456, 3 => 5, 4 => 88888, _ => x } }
    #[no_mangle] pub extern "C" fn start(x: u32) -> u32 { one(one(x)) }
"#;

const MEMORY: &str = "
    /* a bootloader has the first 256 bytes */
    MEMORY { FLASH (rx) : ORIGIN = 0x08000000 + 0x100, LENGTH = 64K - 0x100
             RAM (xrw) : ORIGIN = 0x20000000, LENGTH = 8K }";

const LAYOUT: &str = "
    INCLUDE memory.x
    ENTRY(start)
    SECTIONS {
      .text : { *(.text .text.*) } > FLASH
      .ARM.exidx : { *(.ARM.exidx .ARM.exidx.*) } > FLASH
      .rodata : ALIGN(16) { __srodata = .; *(.rodata .rodata.*) } > FLASH
      .data : ALIGN(8) { *(.data .data.*) } > RAM AT> FLASH
      .bss : ALIGN(8) { *(.bss .bss.*) } > RAM
      .defmt (INFO) : { BYTE(1) BYTE(2) }
      .stack_sizes (INFO) : { KEEP(*(.stack_sizes)) }
    }";

/// Links the program; what the linker says of memory, by region.
fn link(directory: &TempDir, triple: &str) -> (PathBuf, Vec<(String, u64)>) {
    let at = |name: &str| directory.path().join(name);
    let source = format!("{CORE}{SOURCE}");
    for (name, text) in [
        ("n.rs", &*source),
        ("memory.x", MEMORY),
        ("layout.x", LAYOUT),
    ] {
        write(directory, name, text);
    }
    let mut compile = without_core(triple);
    compile.args(["--crate-type=lib", "--emit=obj", "-Zemit-stack-sizes"]);
    succeed(compile.arg(at("n.rs")).arg("-o").arg(at("n.o")));
    let libraries = succeed(rustc().args(["--print", "target-libdir"]));
    let linker = Path::new(libraries.trim()).join("../bin/rust-lld");
    let mut linker = command(linker);
    linker.args(["-flavor", "gnu", "--print-memory-usage", "-T"]);
    linker.arg(at("layout.x")).arg("-L").arg(directory.path());
    let usage = succeed(linker.arg(at("n.o")).arg("-o").arg(at("firmware")));
    let row = |line: &str| {
        let (name, numbers) = line.split_once(':')?;
        let (used, unit) = numbers.trim().split_once(' ')?;
        assert!(unit.starts_with("B "), "{line}");
        Some((name.trim().to_owned(), used.parse().unwrap()))
    };
    (at("firmware"), usage.lines().filter_map(row).collect())
}

#[test]
fn memory_is_as_full_as_the_linker_says() {
    for triple in ["thumbv7em-none-eabi", "riscv32imc-unknown-none-elf"] {
        let directory = TempDir::new().unwrap();
        let (file, witness) = link(&directory, triple);
        assert_eq!(witness.len(), 2, "{witness:?}");
        let report = slim().view(&["overview"], &file);
        let regions = report.json["memory_regions"].as_array().unwrap();
        let ours: Vec<_> = regions
            .iter()
            .map(|row| (text(row, "name").to_owned(), number(row, "used")))
            .collect();
        assert_eq!(ours, witness, "{triple}");
        // Of another chip: the program does not fit.
        let small = MEMORY.replace("0x20000000", "0x30000000");
        fs::write(directory.path().join("memory.x"), small).unwrap();
        let report = slim().view(&["overview"], &file);
        assert!(report.json["memory_regions"].is_null());
    }
}

/// A function of no frame at all has one of 0 bytes, as `.stack_sizes` says; `start` calls.
#[test]
fn stack_frames_and_metadata_are_known() {
    let directory = TempDir::new().unwrap();
    let (file, _) = link(&directory, "thumbv7em-none-eabi");
    let functions = slim().view(&["functions", "-n", "0"], &file);
    let start = functions.rows_where("name", "start")[0];
    // `push {r7, lr}` is two words.
    assert_eq!(number(start, "stack"), 8);
    assert_eq!(number(start, "address") % 2, 0);
    let sections = slim().view(&["sections", "-n", "0"], &file);
    for (name, kind) in [
        (".defmt", "metadata"),
        (".stack_sizes", "metadata"),
        (".ARM.exidx", "unwind"),
    ] {
        assert_eq!(text(sections.rows_where("name", name)[0], "kind"), kind);
    }
}

/// What a linker's script calls the start of a section is no name of the first constant in it.
#[test]
fn marks_of_the_script_name_no_constant() {
    for triple in ["thumbv7em-none-eabi", "riscv32imc-unknown-none-elf"] {
        let directory = TempDir::new().unwrap();
        let (file, _) = link(&directory, triple);
        let mark = nm(&file).into_iter().find(|one| one.name == "__srodata");
        let sections = integration_tests::witness::readelf_sections(&file);
        let constants = sections.iter().find(|one| one.name == ".rodata").unwrap();
        assert_eq!(mark.unwrap().address, constants.address, "{triple}");
        assert!(constants.size > 0, "{triple}");
        let data = slim().view(&["data", "-n", "0"], &file);
        assert!(data.rows_where("name", "__srodata").is_empty(), "{triple}");
        assert!(
            data.rows_where("crate", "[native]")
                .iter()
                .all(|row| { text(row, "section") != ".rodata" })
        );
    }
}

#[test]
fn a_region_has_a_budget() {
    let directory = TempDir::new().unwrap();
    let (_, witness) = link(&directory, "thumbv7em-none-eabi");
    let flash = witness[0].1;
    let budget = |limit: u64, region: &str| {
        let text = format!(
            "[[budget]]\nfile = \"firmware\"\nmeasure = \"region:{region}\"\nlimit = \"{limit} B\"\n"
        );
        fs::write(directory.path().join("slim.toml"), text).unwrap();
        let run = slim().in_directory(directory.path()).run(["check"]);
        (run.code, run.stdout)
    };
    assert_eq!(budget(flash, "FLASH").0, Some(0));
    assert_eq!(budget(flash - 1, "FLASH").0, Some(100));
    let (code, text) = budget(flash, "ROM");
    assert_eq!(code, Some(100));
    assert!(text.contains("no such region"), "{text}");
}

/// What debuggers unwind by is debug information of the function that it is for; without any other table
/// it says how long functions are, also those of a program without symbols.
#[test]
fn entries_for_debuggers_are_their_functions() {
    let directory = TempDir::new().unwrap();
    let at = |name: &str| directory.path().join(name);
    write(&directory, "n.rs", &format!("{CORE}{SOURCE}"));
    let mut compile = without_core("riscv32imc-unknown-none-elf");
    compile.args(["--crate-type=lib", "--emit=obj", "-Cdebuginfo=1"]);
    succeed(compile.arg(at("n.rs")).arg("-o").arg(at("n.o")));
    let libraries = succeed(rustc().args(["--print", "target-libdir"]));
    let mut linker = command(Path::new(libraries.trim()).join("../bin/rust-lld"));
    linker.args(["-flavor", "gnu", "-e", "start", "--gc-sections"]);
    succeed(linker.arg(at("n.o")).arg("-o").arg(at("program")));
    let frames = succeed(
        command("readelf")
            .args(["--debug-dump=frames", "-W"])
            .arg(at("program")),
    );
    // `0000000c 00000014 00000000 FDE cie=00000000 pc=00011134..0001115a`
    let mut witness: Vec<(u64, u64)> = frames
        .lines()
        .filter_map(|line| {
            let (start, end) = line
                .split_once("FDE ")?
                .1
                .split_once("pc=")?
                .1
                .split_once("..")?;
            let number = |text: &str| u64::from_str_radix(text.trim(), 16).unwrap();
            Some((number(start), number(end) - number(start)))
        })
        .filter(|(start, _)| *start > 0)
        .collect();
    witness.sort_unstable();
    assert!(witness.len() >= 2, "{frames}");
    let crates = slim().view(&["crates", "-n", "0"], &at("program"));
    let unknown = crates.rows_where("name", "[unknown]");
    let left: u64 = unknown.iter().map(|row| number(row, "file")).sum();
    assert_eq!(left, 0, "{unknown:?}");
    // Without the symbols, but with that table.
    let mut strip = command(llvm::tool("llvm-objcopy", cache()));
    strip.args(["--strip-all", "--keep-section=.debug_frame"]);
    succeed(strip.arg(at("program")).arg(at("nameless")));
    let report = slim().view(&["functions", "-n", "0"], &at("nameless"));
    let mut ours: Vec<(u64, u64)> = report
        .rows()
        .iter()
        .map(|row| (number(row, "address"), number(row, "file")))
        .collect();
    ours.sort_unstable();
    assert_eq!(ours, witness);
}

/// Programs for the ESP32 in the sources of `espflash`: no decoder reads their code, but names and tables
/// say what is whose.
const ESPFLASH: Program = Program {
    package: "espflash",
    version: "3.3.0",
    bin: "espflash",
};

/// A program without `std` has a panic handler of its own: nothing in it is the standard library's.
#[test]
fn a_panic_handler_is_no_function_of_std() {
    let file = ESPFLASH
        .files(cache())
        .join("tests/resources/esp32_hal_blinky");
    let names: Vec<String> = nm(&file).into_iter().map(|symbol| symbol.name).collect();
    assert!(names.iter().any(|name| name.contains("4core")));
    assert!(!names.iter().any(|name| name.contains("3std")));
    assert!(names.iter().any(|name| name == "rust_begin_unwind"));

    let report = slim().view(&["crates", "-n", "0"], &file);
    assert_eq!(report.sum("file"), fs::metadata(&file).unwrap().len());
    assert!(report.rows_where("name", "std").is_empty());
    assert_eq!(report.json["artifact"]["architecture"], "xtensa");
    let functions = slim().view(&["functions", "-n", "0"], &file);
    let handler = functions.rows_where("name", "rust_begin_unwind");
    assert_eq!(text(handler[0], "crate"), "[unknown]");
    // What the linker may shorten is told to it alone.
    let place = TempDir::new().unwrap();
    let with_tables = place.path().join("blinky");
    let table = place.path().join("table");
    fs::write(&table, [7; 240]).unwrap();
    let mut objcopy = command(llvm::tool("llvm-objcopy", cache()));
    objcopy.arg(format!("--add-section=.xt.prop={}", table.display()));
    succeed(objcopy.arg(&file).arg(&with_tables));
    let linker = |file: &Path| {
        let report = slim().view(&["crates", "-n", "0"], file);
        number(report.rows_where("name", "[linker]")[0], "file")
    };
    let more = linker(&with_tables) - linker(&file);
    assert!((240..300).contains(&more), "{more}");
}
