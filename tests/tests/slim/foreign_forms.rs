//! Forms of Mach-O, PE and WebAssembly that tools and compilers leave behind, through the tool.

use crate::variables::{assemble, linker};
use crate::{cache, slim};
use integration_tests::command::{command, succeed};
use integration_tests::llvm;
use integration_tests::tool::{number, text};
use integration_tests::wheels::{Platform, unpacked_for};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn specimen(name: &str) -> PathBuf {
    let specimens = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tests/image/specimens");
    specimens.join(name)
}

/// `llvm-objdump -h` on Apple's modules: all sections take memory, those of threads too.
#[test]
fn sections_of_apple_take_the_memory_that_llvm_says() {
    let mut of_threads = 0;
    for (package, module) in Platform::MacArm.modules() {
        let file = unpacked_for(Platform::MacArm, package, cache()).join(module);
        let mut objdump = command(llvm::tool("llvm-objdump", cache()));
        let listed = succeed(objdump.arg("-h").arg(&file));
        let rows = listed.lines().filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            fields.first()?.parse::<u32>().ok()?;
            let size = u64::from_str_radix(fields.get(2)?, 16).ok()?;
            Some(((*fields.get(1)?).to_owned(), size))
        });
        // Several segments have a section of the same name.
        let sums = |rows: &mut dyn Iterator<Item = (String, u64)>| {
            let mut sums: BTreeMap<String, u64> = BTreeMap::new();
            rows.for_each(|(name, size)| *sums.entry(name).or_default() += size);
            sums
        };
        let witness = sums(&mut rows.into_iter());
        let sections = slim().view(&["sections"], &file);
        let rows = sections.rows().iter();
        let own = rows.filter(|row| text(row, "name").starts_with("__"));
        let own = sums(&mut own.map(|row| (text(row, "name").to_owned(), number(row, "memory"))));
        let at = |name: &str| witness.get(name).copied();
        assert!(own.len() > 10, "{own:?}");
        for (name, memory) in &own {
            assert_eq!(at(name), Some(*memory), "{package} {name}");
        }
        of_threads += u64::from(own.contains_key("__thread_bss"));
    }
    assert!(of_threads > 0);
}

/// Joined by hand: two images behind a header of eight bytes and twenty for each.
#[test]
fn images_of_a_universal_file_have_their_memory_and_depth() {
    let directory = tempfile::tempdir().unwrap();
    let images = ["apple-x86_64.dylib", "apple-bare.dylib"].map(specimen);
    // Processor, and a page as a power of two.
    let kinds = [(0x0100_0007_u32, 12_u32), (0x0100_000c, 14)];
    let mut bytes: Vec<u8> = [0xcafe_babe_u32, 2].map(u32::to_be_bytes).concat();
    let mut at = 1_u32 << 14;
    let mut contents = Vec::new();
    for (image, (processor, align)) in images.iter().zip(kinds) {
        let content = fs::read(image).unwrap();
        let size = content.len() as u32;
        bytes.extend(
            [processor, 0, at, size, align]
                .map(u32::to_be_bytes)
                .concat(),
        );
        contents.push((at as usize, content));
        at = (at + size).next_multiple_of(1 << 14);
    }
    for (at, content) in contents {
        bytes.resize(at, 0);
        bytes.extend(content);
    }
    let file = directory.path().join("both.dylib");
    fs::write(&file, &bytes).unwrap();
    let both = slim().view(&["sections"], &file);
    let apart =
        images.map(|image| slim().view(&["sections"], &image).json["total"]["memory"].clone());
    let members = both.rows_where("kind", "member");
    let mut memory: Vec<u64> = members.iter().map(|row| number(row, "memory")).collect();
    let mut expected: Vec<u64> = apart
        .iter()
        .map(|memory| memory.as_u64().unwrap())
        .collect();
    memory.sort_unstable();
    expected.sort_unstable();
    assert_eq!(memory, expected);
    assert_eq!(both.json["total"]["memory"], expected.iter().sum::<u64>());
    assert_eq!(both.json["artifact"]["depth"]["functions"], true);
}

#[test]
fn what_was_appended_to_a_library_of_apple_is_no_padding() {
    let directory = tempfile::tempdir().unwrap();
    let whole = specimen("apple-x86_64.dylib");
    let mut bytes = fs::read(&whole).unwrap();
    let appended = 5_000;
    bytes.extend((0..appended).map(|index: u32| (index % 251 + 1) as u8));
    let file = directory.path().join("more.dylib");
    fs::write(&file, &bytes).unwrap();
    let [before, after] = [&whole, &file].map(|file| slim().view(&["sections"], file));
    let padding = |report: &integration_tests::tool::Report| {
        let row = report.rows_where("name", "[padding]")[0];
        (number(row, "file"), number(row, "shipped"))
    };
    assert_eq!(padding(&before), padding(&after));
    let unknown = after.rows_where("name", "[unknown]")[0];
    assert_eq!(number(unknown, "file"), u64::from(appended));
    // `llvm-strip` leaves it out: what is in no segment is not copied.
    assert_eq!(
        before.artifact("shipped_size"),
        after.artifact("shipped_size")
    );
    let stripped = directory.path().join("stripped.dylib");
    let mut strip = command(llvm::tool("llvm-strip", cache()));
    succeed(strip.arg("-x").arg("-o").arg(&stripped).arg(&file));
    let witness = fs::metadata(&stripped).unwrap().len();
    assert!(after.artifact("shipped_size").abs_diff(witness) <= 64);
}

#[test]
fn an_empty_section_of_wasm_has_its_header_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("empty.wasm");
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    // Number, length, length of the name, name.
    bytes.extend(b"\0\x0a\x09.eh_frame");
    bytes.extend(b"\0\x0d\x08build_id\x03abc");
    fs::write(&file, &bytes).unwrap();
    let sections = slim().view(&["sections"], &file);
    let size = |name| number(sections.rows_where("name", name)[0], "file");
    assert_eq!((size(".eh_frame"), size("build_id")), (12, 15));
}

#[test]
fn a_format_that_is_not_read_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("aix");
    // The magic number of 64-bit XCOFF, and an empty header.
    fs::write(&file, [&[0x01, 0xf7][..], &[0; 200]].concat()).unwrap();
    let run = slim().run(["sections", "--file", file.to_str().unwrap()]);
    assert_eq!(run.code, Some(101), "{}", run.stdout);
    assert!(run.stderr.contains("XCOFF"), "{}", run.stderr);
}

/// The linker was told `lib.pdb`; paths of std as rustc writes them on Windows show that it was rustc's.
#[test]
fn an_export_of_rust_is_of_the_crate_that_the_linker_was_told() {
    let directory = tempfile::tempdir().unwrap();
    let mut bytes = fs::read(specimen("windows-x86_64.dll")).unwrap();
    let owner = |bytes: &[u8]| {
        let file = directory.path().join("renamed.dll");
        fs::write(&file, bytes).unwrap();
        let functions = slim().view(&["functions"], &file);
        let entry = functions.rows_where("name", "one_entry")[0];
        text(entry, "crate").to_owned()
    };
    assert_eq!(owner(&bytes), "[native]");
    bytes.extend(br"/rustc/f6e511eec7342f59a25f7c0534f1dbea00d01b14\library\core\src\str\mod.rs");
    assert_eq!(owner(&bytes), "lib");
}

/// What code can write to is a variable.
#[test]
fn no_literal_is_in_writable_memory() {
    for (package, module) in Platform::LinuxX86.modules() {
        let file = unpacked_for(Platform::LinuxX86, package, cache()).join(module);
        let data = slim().view_with(&["data"], &file, &["-n".as_ref(), "0".as_ref()]);
        let literals = data.rows_where("kind", "literal");
        assert!(!literals.is_empty(), "{package}");
        for row in literals {
            assert_ne!(text(row, "section"), ".data", "{package} {row}");
        }
    }
}

/// 32-bit Windows: the loader moves each address that code holds, so its relocations tell who uses what.
#[test]
fn data_of_32_bit_windows_is_of_whom_the_relocations_name() {
    let directory = TempDir::new().unwrap();
    let lines = ".text\n.globl _get\n_get: mov eax, dword ptr [_one]\n ret\n\
        .globl _nothing\n_nothing: xor eax, eax\n ret\n\
        .section .rdata,\"dr\"\n_one: .long 7, 8, 9\n_two: .long 10, 11, 12\n";
    let object = assemble(&directory, "i686-pc-windows-msvc", lines);
    let file = directory.path().join("x.dll");
    let mut windows = linker("link");
    windows.args(["/nodefaultlib", "/noentry", "/dll", "/export:get"]);
    windows.args(["/safeseh:no", "/opt:noref", "/include:_nothing"]);
    windows.arg(&object).arg(format!("/out:{}", file.display()));
    succeed(&mut windows);
    let data = slim().view(&["data", "-n", "0"], &file);
    let rows = data.rows_where("section", ".rdata");
    let found: Vec<_> = rows
        .iter()
        .filter(|row| number(row, "file") >= 12)
        .map(|row| text(row, "evidence"))
        .collect();
    assert!(found.contains(&"reference"), "{}", data.json["rows"]);
    let unread = data.json["warnings"].to_string();
    assert!(unread.contains("relocations tell who uses it"), "{unread}");
}

/// How many lines LLVM's tool prints that fit.
fn lines(tool: &str, arguments: &[&str], file: &Path, fits: impl Fn(&str) -> bool) -> u64 {
    let mut run = command(llvm::tool(tool, cache()));
    let listed = succeed(run.args(arguments).arg(file));
    listed.lines().filter(|line| fits(line.trim())).count() as u64
}

/// The tables of modules of Python packages for four platforms, and of libraries for Windows, have as many
/// entries as LLVM lists.
#[test]
fn tables_have_as_many_entries_as_llvm_lists() {
    let count = |file: &Path, name: &str| {
        let report = slim().view(&["loads"], file);
        number(&report.json["counts"], name)
    };
    let is_number = |line: &str, digits: usize| {
        line.len() >= digits && line.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let mut pointers = 0;
    for platform in Platform::ALL {
        for (package, module) in platform.modules() {
            // LLVM takes a while to print the tables of the larger ones.
            if !["rpds_py", "safetensors"].contains(&package) {
                continue;
            }
            let file = unpacked_for(platform, package, cache()).join(module);
            let apple = matches!(platform, Platform::MacArm | Platform::MacX86);
            let (listed, exported) = match apple {
                true => (
                    lines("llvm-objdump", &["--macho", "--rebase"], &file, |line| {
                        line.starts_with("__") && line.ends_with("pointer")
                    }),
                    lines(
                        "llvm-objdump",
                        &["--macho", "--exports-trie"],
                        &file,
                        |line| line.starts_with("0x"),
                    ),
                ),
                false => (
                    lines("readelf", &["-rW"], &file, |line| {
                        let mut fields = line.split_whitespace();
                        let both = fields.next().zip(fields.next());
                        both.is_some_and(|(at, kind)| is_number(at, 8) && is_number(kind, 8))
                    }),
                    lines("readelf", &["--dyn-syms", "-W"], &file, |line| {
                        let fields: Vec<&str> = line.split_whitespace().collect();
                        let [_, _, _, _, binding, _, section, _, ..] = fields[..] else {
                            return false;
                        };
                        ["GLOBAL", "WEAK"].contains(&binding) && section != "UND"
                    }),
                ),
            };
            assert!(listed > 500 && exported > 0, "{listed} {exported}");
            assert_eq!(count(&file, "pointers"), listed, "{platform:?} {package}");
            assert_eq!(count(&file, "exports"), exported, "{platform:?} {package}");
            if apple {
                let starts = ["--macho", "--function-starts=addrs"];
                let starts = lines("llvm-objdump", &starts, &file, |line| is_number(line, 8));
                let functions = slim().view(&["functions", "-n", "0"], &file);
                assert_eq!(functions.rows().len() as u64, starts, "{package}");
            } else {
                let listed = succeed(command("readelf").arg("--debug-dump=frames").arg(&file));
                let entries = listed.lines().filter(|line| line.contains(" FDE "));
                let own = count(&file, "unwind_entries");
                assert_eq!(own, entries.count() as u64, "{package}");
            }
            pointers += listed;
        }
    }
    assert!(pointers > 8_000, "{pointers}");
    for name in [
        "windows-aarch64.dll",
        "windows-i686.dll",
        "windows-x86_64.dll",
        "windows-gnu.exe",
    ] {
        let file = specimen(name);
        let listed = lines("llvm-readobj", &["--coff-basereloc"], &file, |line| {
            line.starts_with("Type: ") && line != "Type: ABSOLUTE"
        });
        let exported = lines("llvm-readobj", &["--coff-exports"], &file, |line| {
            line == "Export {"
        });
        assert_eq!(count(&file, "pointers"), listed, "{name}");
        assert_eq!(count(&file, "exports"), exported, "{name}");
        if !name.contains("i686") {
            let entries = lines("llvm-readobj", &["--unwind"], &file, |line| {
                line == "RuntimeFunction {"
            });
            assert_eq!(count(&file, "unwind_entries"), entries, "{name}");
        }
    }
}
