//! Files of unusual kinds, and what in them is easily taken for something else.

use crate::slim;
use crate::sources::write;
use integration_tests::command::{command, rustc, succeed};
use integration_tests::tool::{Report, number, text};
use integration_tests::witness::nm;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Bytes of the rows with this name.
fn bytes(report: &Report, name: &str) -> u64 {
    let rows = report.rows_where("name", name);
    rows.iter().map(|row| number(row, "file")).sum()
}

/// A program with v0 names, compiled where no crate is beside it.
fn compile(arguments: &[&str], source: &Path, output: &Path) {
    let mut command = rustc();
    command.args(["-O", "--edition=2021", "-Csymbol-mangling-version=v0"]);
    command.args(arguments).arg(source).arg("-o").arg(output);
    succeed(&mut command);
}

/// A program and a dependency of the same crate name, as bindings for Python and Node often have.
#[test]
fn two_crates_of_one_name_are_two_rows() {
    let directory = TempDir::new().unwrap();
    let registry = "registry/src/registry.sample-1949cf8c6b5b557f/same-1.2.1/src/lib.rs";
    let library = write(
        &directory,
        registry,
        "#[inline(never)] pub fn theirs(v: &[u64], i: usize) -> u64 {
             let mut s = 1; for k in 0..i { s ^= v[k + 1] * 31; } s }",
    );
    let main = write(
        &directory,
        "main.rs",
        "extern crate same as other;
         #[inline(never)] fn ours(v: &[u64]) -> u64 {
             let mut s = 3u64; for x in v { s = s.wrapping_mul(7) ^ (x << 3); } s }
         fn main() { let v: Vec<u64> = std::env::args().map(|a| a.len() as u64).collect();
             println!(\"{} {}\", ours(&v), other::theirs(&v, v.len() - 1)); }",
    );
    let at = directory.path().display();
    let remap = format!("--remap-path-prefix={at}/registry=/home/u/.cargo/registry");
    let rlib = directory.path().join("libsame.rlib");
    let common = ["--crate-name=same", &remap];
    let arguments = [&common[..], &["--crate-type=rlib", "-Cmetadata=theirs"]].concat();
    compile(&arguments, &library, &rlib);
    let dependency = format!("--extern=same={}", rlib.display());
    let away = directory.path().join("away");
    fs::create_dir(&away).unwrap();
    let program = away.join("prog");
    compile(
        &[&common[..], &["-Cmetadata=ours", &dependency]].concat(),
        &main,
        &program,
    );
    fs::remove_file(&rlib).unwrap();

    // The witness: the hashes in the names.
    let hashes: BTreeSet<String> = nm(&program)
        .iter()
        .filter(|symbol| symbol.name.contains("4same4ours") || symbol.name.contains("4same6theirs"))
        .map(|symbol| symbol.name.split("_4same").next().unwrap().to_owned())
        .collect();
    assert_eq!(hashes.len(), 2);
    let crates = slim().view(&["crates", "-n", "0"], &program);
    assert_eq!(crates.rows_where("name", "same").len(), 2);
    let functions = slim().view(&["functions", "-n", "0"], &program);
    let version = |name: &str| functions.rows_where("name", name)[0]["version"].clone();
    // `main` says which of them the program is, so the other is the one that the paths name.
    assert_eq!(version("same::ours"), serde_json::Value::Null);
    assert_eq!(version("same::theirs"), "1.2.1");
}

/// A module for Python that is called like the library that it wraps: which is which says the generic code
/// that the one compiles of the other, and every table tells them apart.
#[test]
fn a_wrapper_and_its_library_of_one_name_are_told_apart() {
    let directory = TempDir::new().unwrap();
    let library = write(
        &directory,
        "library.rs",
        "pub trait Work { fn work(&self, x: u64) -> u64; }
         #[inline(never)] pub fn run<W: Work>(w: &W, n: u64) -> u64 {
             (0..n).map(|x| w.work(x).rotate_left(3)).fold(1, |a, b| a.wrapping_mul(31) ^ b) }
         #[inline(never)] pub fn plain(n: u64) -> u64 { (0..n).map(|x| x ^ (x << 7)).sum() }",
    );
    let wrapper = write(
        &directory,
        "wrapper.rs",
        "extern crate same as other;
         struct Ours; impl other::Work for Ours {
             #[inline(never)] fn work(&self, x: u64) -> u64 { x.count_ones() as u64 * 77 + x } }
         #[no_mangle] pub extern \"C\" fn PyInit_other(n: u64) -> u64 { other::plain(n) }
         #[no_mangle] pub extern \"C\" fn PyInit_same(n: u64) -> u64 { other::run(&Ours, n) }",
    );
    let rlib = directory.path().join("libsame.rlib");
    let arguments = [
        "--crate-name=same",
        "--crate-type=rlib",
        "-Cmetadata=theirs",
    ];
    compile(&arguments, &library, &rlib);
    let dependency = format!("--extern=same={}", rlib.display());
    let away = directory.path().join("away");
    fs::create_dir(&away).unwrap();
    let file = away.join("module.so");
    let arguments = [
        "--crate-name=same",
        "--crate-type=cdylib",
        "-Cmetadata=ours",
    ];
    let more = [&*dependency, "-Csymbol-mangling-version=v0", "-Cstrip=none"];
    compile(&[arguments, more].concat(), &wrapper, &file);
    fs::remove_file(&rlib).unwrap();

    let crates = slim().view(&["crates", "-n", "0"], &file);
    let rows = crates.rows_where("name", "same");
    let mut told: Vec<(&str, bool)> = rows
        .iter()
        .map(|row| (text(row, "id"), row["role"] == "outer"))
        .collect();
    told.sort_unstable();
    assert_eq!(told, [("crate:same", false), ("crate:same#2", true)]);
    let path = file.to_str().unwrap();
    for (view, wrapper) in [
        (&["crates"][..], "same (outer)"),
        (&["retained", "--by", "crate"], "same (outer)"),
        (&["functions", "--filter", "PyInit_same"], "same (outer)"),
        (&["functions", "--filter", "PyInit_other"], "same (outer)"),
        (&["functions", "--filter", "plain"], " same "),
    ] {
        let run = slim().run(view.iter().chain(&["-n", "0", "--file", path]));
        assert!(run.stdout.contains(wrapper), "{view:?}: {}", run.stdout);
    }
}

const EXPORTS: &str = "
    #[no_mangle] pub extern \"C\" fn work(x: u32) -> u32 { helper(x, 1) }
    #[no_mangle] pub extern \"C\" fn PyInit_speedy() -> u32 { helper(2, 3) }
    #[inline(never)] fn helper(x: u32, y: u32) -> u32 { (0..x).map(|z| z.rotate_left(y)).sum() }
    #[no_mangle] pub static TABLE: [u64; 9] = [7; 9];";

/// What a Rust library exports for Python, Node or C is the crate's own, with its symbols and without.
#[test]
fn what_rust_exports_belongs_to_its_crate() {
    let directory = TempDir::new().unwrap();
    let source = write(&directory, "speedy.rs", EXPORTS);
    for (name, more) in [
        ("libspeedy.so", &["-Cstrip=none"][..]),
        ("speedy.abi3.so", &["-Cstrip=symbols"]),
        ("libspeedy_lto.so", &["-Clto=fat", "-Cstrip=none"]),
    ] {
        let file = directory.path().join(name);
        compile(&[&["--crate-type=cdylib"], more].concat(), &source, &file);
        let functions = slim().view(&["functions", "-n", "0"], &file);
        for function in ["work", "PyInit_speedy"] {
            let rows = functions.rows_where("name", function);
            assert_eq!(text(rows[0], "crate"), "speedy", "{name}: {function}");
        }
    }
}

/// Where nothing in a file names rustc, a list of cargo's packages that is the file's own does.
#[test]
fn a_list_of_packages_says_that_exports_are_rusts() {
    let directory = TempDir::new().unwrap();
    let panics =
        "#![no_std]\n#[panic_handler] fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }";
    let source = write(&directory, "speedy.rs", &format!("{panics}{EXPORTS}"));
    let file = directory.path().join("speedy.abi3.so");
    let arguments = [
        "--crate-type=cdylib",
        "-Cpanic=abort",
        "-Cstrip=symbols",
        "-Clto=fat",
    ];
    compile(&arguments, &source, &file);
    let mut objcopy = command("objcopy");
    succeed(objcopy.args(["-R", ".comment"]).arg(&file));
    let owner = || {
        let functions = slim().view(&["functions", "-n", "0"], &file);
        text(functions.rows_where("name", "work")[0], "crate").to_owned()
    };
    assert_eq!(owner(), "[native]");
    let list = r#"{"bomFormat":"CycloneDX","metadata":{"component":{"name":"NAME","version":"1.2.3",
        "purl":"pkg:cargo/NAME@1.2.3"}},"components":[]}"#;
    write(&directory, "bom.json", &list.replace("NAME", "another"));
    assert_eq!(owner(), "[native]");
    write(&directory, "bom.json", &list.replace("NAME", "speedy"));
    assert_eq!(owner(), "speedy");
}

/// In a program, what stands around a function says whose it is; C stays C.
#[test]
fn an_exported_function_of_a_program_is_its_units_and_c_is_not() {
    let directory = TempDir::new().unwrap();
    let c = write(
        &directory,
        "c.c",
        "static int inner(int x) { return x * 77 + 1; } int from_c(int x) { return inner(x) ^ inner(x + 3); }",
    );
    let object = directory.path().join("c.o");
    succeed(
        command("cc")
            .args(["-c", "-O1", "-fno-inline"])
            .arg(c)
            .arg("-o")
            .arg(&object),
    );
    let source = write(
        &directory,
        "app.rs",
        "extern \"C\" { fn from_c(x: i32) -> i32; }
         #[inline(never)] fn before(x: i32) -> i32 { x.leading_zeros() as i32 * 3 }
         #[inline(never)] #[no_mangle] pub extern \"C\" fn callback(x: i32) -> i32 { x / 3 + before(x) }
         #[inline(never)] fn after(x: i32) -> i32 { before(x) + callback(x) }
         fn main() { let n = std::env::args().count() as i32; println!(\"{}\", after(n) + unsafe { from_c(n) }); }",
    );
    let file = directory.path().join("app");
    let link = format!("-Clink-arg={}", object.display());
    compile(
        &[&link, "-Ccodegen-units=1", "-Cstrip=none"],
        &source,
        &file,
    );
    let report = slim().view(&["functions", "-n", "0"], &file);
    let owner = |name: &str| text(report.rows_where("name", name)[0], "crate").to_owned();
    assert_eq!(owner("callback"), "app");
    assert_eq!(owner("from_c"), "[native]");
    assert_eq!(owner("inner"), "[native]");
}

/// No compiler is named in it, so no release of one is claimed.
#[test]
fn a_program_of_c_has_no_version_of_std() {
    let directory = TempDir::new().unwrap();
    let source = write(
        &directory,
        "p.c",
        "#include <stdio.h>
         int main(int c, char **v) { (void)v; unsigned __int128 x = (unsigned __int128)c << 70;
             printf(\"%d\", (int)(x / (unsigned __int128)(c + 2))); return 0; }",
    );
    let file = directory.path().join("p");
    succeed(command("cc").args(["-O1"]).arg(source).arg("-o").arg(&file));
    let functions: BTreeSet<String> = nm(&file).into_iter().map(|symbol| symbol.name).collect();
    assert!(
        functions.contains("__udivti3"),
        "libgcc's division is not in it"
    );
    let crates = slim().view(&["crates", "-n", "0"], &file);
    for row in crates.rows() {
        assert!(row["version"].is_null(), "{row}");
        assert_ne!(text(row, "origin"), "std", "{row}");
    }
}

/// patchelf and its kind move a section table to the end and leave its place behind.
#[test]
fn zeroes_among_left_over_bytes_are_padding() {
    let directory = TempDir::new().unwrap();
    let source = write(
        &directory,
        "a.rs",
        "fn main() { println!(\"{}\", std::env::args().count()) }",
    );
    let file = directory.path().join("a");
    compile(&["-Cstrip=debuginfo"], &source, &file);
    let plain = slim().view(&["sections", "-n", "0"], &file);
    let mut moved = fs::read(&file).unwrap();
    let word = |at: usize, size: usize| {
        let bytes = &moved[at..at + size];
        bytes
            .iter()
            .rev()
            .fold(0, |value, byte| value << 8 | usize::from(*byte))
    };
    let (start, size) = (word(0x28, 8), word(0x3a, 2) * word(0x3c, 2));
    let table = moved[start..start + size].to_vec();
    moved.extend([b'Z'; 16]);
    moved.resize((moved.len() + 65536).next_multiple_of(8), 0);
    let place = moved.len() as u64;
    moved[0x28..0x30].copy_from_slice(&place.to_le_bytes());
    moved.extend(&table);
    let gap = directory.path().join("gap");
    fs::write(&gap, &moved).unwrap();
    let report = slim().view(&["sections", "-n", "0"], &gap);
    let padding = bytes(&report, "[padding]") - bytes(&plain, "[padding]");
    let unknown = bytes(&report, "[unknown]");
    // The old table and the sixteen bytes are what is left over.
    assert_eq!(padding + unknown, place - start as u64);
    assert!(
        (16..=size as u64 + 16).contains(&unknown),
        "{unknown} of {size}"
    );
}

/// Only what the segments map is in memory.
#[test]
fn a_file_without_section_headers_takes_the_memory_that_its_segments_say() {
    let directory = TempDir::new().unwrap();
    let source = write(
        &directory,
        "a.rs",
        "fn main() { println!(\"{}\", std::env::args().count()) }",
    );
    let file = directory.path().join("a");
    compile(&[], &source, &file);
    let whole = slim().view(&["crates", "-n", "0"], &file);
    let mut bare = fs::read(&file).unwrap();
    bare[0x28..0x30].fill(0);
    bare[0x3a..0x40].fill(0);
    let path = directory.path().join("bare");
    fs::write(&path, &bare).unwrap();
    let report = slim().view(&["crates", "-n", "0"], &path);
    let memory = |report: &Report| report.json["total"]["memory"].as_u64().unwrap();
    assert!(memory(&report).abs_diff(memory(&whole)) < 4096);
    assert_eq!(report.sum("file"), bare.len() as u64);
    let code: u64 = slim().view(&["functions", "-n", "0"], &path).sum("file");
    let sections = slim().view(&["sections", "-n", "0"], &path);
    assert!(code * 10 > bytes(&sections, "LOAD (code)") * 9, "{code}");
}

/// Rows of an archive are its members, as `ar` lists them; their functions have crates.
#[test]
fn rows_of_an_archive_are_its_members() {
    let directory = TempDir::new().unwrap();
    let source = write(&directory, "w.rs", EXPORTS);
    let file = directory.path().join("libw.a");
    compile(
        &["--crate-type=staticlib", "--crate-name=w"],
        &source,
        &file,
    );
    let listing = succeed(command("ar").arg("tv").arg(&file));
    let mut witness: BTreeMap<String, u64> = BTreeMap::new();
    for line in listing.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        *witness.entry(fields[fields.len() - 1].into()).or_default() +=
            fields[2].parse::<u64>().unwrap();
    }
    let report = slim().view(&["sections", "-n", "0"], &file);
    let mut members: BTreeMap<String, u64> = BTreeMap::new();
    for row in report
        .rows()
        .iter()
        .filter(|row| text(row, "kind") == "member")
    {
        *members.entry(text(row, "name").into()).or_default() += number(row, "file");
    }
    assert_eq!(members, witness);
    let size = fs::metadata(&file).unwrap().len();
    assert_eq!(report.sum("file"), size);
    let functions = slim().view(&["functions", "-n", "0"], &file);
    assert_eq!(
        text(functions.rows_where("name", "w::helper")[0], "crate"),
        "w"
    );
    let crates = slim().view(&["crates", "-n", "0"], &file);
    assert_eq!(crates.sum("file"), size);
    assert!(
        bytes(&crates, "[unknown]") * 20 < size,
        "{:#?}",
        crates.rows()
    );
}

/// Function names that a stripped file carries compressed.
#[test]
fn names_in_gnu_debugdata_are_used() {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tests/image/specimens/mini.so");
    let report = slim().view(&["functions", "-n", "0"], &file);
    let names: BTreeSet<&str> = report.rows().iter().map(|row| text(row, "name")).collect();
    for name in ["inner_one", "inner_two", "exported"] {
        assert!(names.contains(name), "{names:?}");
    }
}

/// Where `dwz` put parts of the debug information is said when it is not there.
#[test]
fn a_missing_shared_debug_file_is_named() {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tests/image/specimens/dwz-a.elf");
    let codes = |file: &Path| -> Vec<String> {
        let report = slim().view(&["crates"], file);
        let warnings = report.json["warnings"].as_array().unwrap();
        warnings
            .iter()
            .map(|it| it["code"].as_str().unwrap().to_owned())
            .collect()
    };
    assert!(!codes(&file).contains(&"shared-debug-info".into()));
    let directory = TempDir::new().unwrap();
    let alone = directory.path().join("alone");
    fs::copy(&file, &alone).unwrap();
    assert!(codes(&alone).contains(&"shared-debug-info".into()));
}

/// A build of ours has its debug information whole, wherever the profile puts the user's.
#[test]
fn split_debug_information_is_switched_off_for_our_build() {
    let directory = TempDir::new().unwrap();
    write(
        &directory,
        "Cargo.toml",
        "[package]\nname=\"app\"\nversion=\"0.1.0\"\nedition=\"2021\"\n[profile.release]\ndebug = 2\n",
    );
    write(
        &directory,
        "src/main.rs",
        "fn f(v: &[u64]) -> String { v.iter().map(|x| format!(\"{x},\")).collect() }
         fn main() { let v: Vec<u64> = std::env::args().map(|a| a.len() as u64).collect(); println!(\"{}\", f(&v)) }",
    );
    let rows = |split: &str| {
        let config = format!("profile.release.split-debuginfo=\"{split}\"");
        let run = slim().in_directory(directory.path()).run([
            "crates",
            "--by",
            "inlined",
            "-n",
            "0",
            "--config",
            &config,
            "--message-format",
            "json",
        ]);
        let report = run.report();
        let code = |row: &serde_json::Value| (text(row, "name").to_owned(), number(row, "code"));
        report.rows().iter().map(code).collect::<BTreeMap<_, _>>()
    };
    let whole = rows("off");
    assert!(whole["app"] > 0);
    for split in ["packed", "unpacked"] {
        assert_eq!(rows(split), whole, "{split}");
    }
}

/// A program, and a crate whose build script compiles `c` with these flags.
fn project_with_c(flags: &str, c: &str) -> TempDir {
    let directory = TempDir::with_prefix("codecost-").unwrap();
    let script = format!(
        "use std::{{env, process::Command}};
         fn run(command: &mut Command) {{ assert!(command.status().unwrap().success()) }}
         fn main() {{
             let out = env::var(\"OUT_DIR\").unwrap();
             let object = format!(\"{{out}}/deep.o\");
             run(Command::new(\"cc\").args({flags:?}.split(' ')).args([\"-c\", \"deep.c\", \"-o\", &object]));
             run(Command::new(\"ar\").args([\"rcs\", &format!(\"{{out}}/libdeep.a\"), &object]));
             println!(\"cargo::rustc-link-search=native={{out}}\\ncargo::rustc-link-lib=static=deep\");
         }}"
    );
    let package = |name: &str, more: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"0.3.0\"\nedition = \"2021\"\n{more}")
    };
    let app = package("app", "[dependencies]\ndeep-sys = { path = \"../deep\" }\n");
    write(&directory, "app/Cargo.toml", &app);
    let main = "fn main() { std::process::exit(deep_sys::call(std::env::args().count() as i32)) }";
    write(&directory, "app/src/main.rs", main);
    write(&directory, "deep/Cargo.toml", &package("deep-sys", ""));
    let lib = "extern \"C\" { fn deep(n: i32) -> i32; }
               pub fn call(n: i32) -> i32 { unsafe { deep(n) } }";
    write(&directory, "deep/src/lib.rs", lib);
    write(&directory, "deep/build.rs", &script);
    write(&directory, "deep/deep.c", c);
    directory
}

/// Most functions of a C library are local to its files, and so in no index of its archive.
#[test]
fn local_functions_of_c_are_their_crates() {
    let functions: Vec<String> = (0..24)
        .map(|n| {
            format!(
                "static __attribute__((noinline)) int local_{n}(int n) {{
                     int sum = {n}; for (int i = 0; i < n; i++) sum = sum * 31 + (i ^ sum); return sum; }}"
            )
        })
        .collect();
    let calls: Vec<String> = (0..24).map(|n| format!("local_{n}(n)")).collect();
    let deep = format!("int deep(int n) {{ return {}; }}", calls.join(" ^ "));
    let c = format!("{}\n{deep}\n", functions.join("\n"));
    for flags in ["-O1 -fPIC", "-O2 -fPIC -ffunction-sections -fipa-sra"] {
        let project = project_with_c(flags, &c);
        let run = slim().in_directory(project.path().join("app")).run([
            "functions",
            "--message-format",
            "json",
        ]);
        let report = run.report();
        let ours: Vec<_> = report
            .rows()
            .iter()
            .filter(|row| text(row, "name").starts_with("local_"))
            .collect();
        assert!(ours.len() >= 24, "{flags}: {}", ours.len());
        for row in ours {
            assert_eq!(text(row, "crate"), "deep_sys", "{flags}: {row}");
            assert_eq!(text(row, "version"), "0.3.0", "{flags}: {row}");
            assert_eq!(text(row, "evidence"), "symbol", "{flags}: {row}");
        }
    }
}

const ASSEMBLY: &str = "
    .text
    .type inner_assembly,@function
inner_assembly:
    lea 3(%rdi,%rdi,4), %eax
    ret
    .size inner_assembly,.-inner_assembly
    .globl outer_assembly
    .type outer_assembly,@function
outer_assembly:
    call inner_assembly
    ret
    .size outer_assembly,.-outer_assembly
";

/// Assembly has no entry for its source file; the crate whose archive has it is known all the same.
#[test]
fn local_functions_of_assembly_are_their_archives() {
    let directory = TempDir::new().unwrap();
    let assembly = write(&directory, "x.s", ASSEMBLY);
    let object = directory.path().join("x.o");
    succeed(command("cc").arg("-c").arg(assembly).arg("-o").arg(&object));
    let archive = directory.path().join("libx.a");
    succeed(command("ar").arg("crs").arg(&archive).arg(&object));
    let library = write(
        &directory,
        "holder.rs",
        "#[link(name = \"x\", kind = \"static\")] extern \"C\" { fn outer_assembly(n: u32) -> u32; }
         pub fn call(n: u32) -> u32 { unsafe { outer_assembly(n) } }",
    );
    // Where cargo puts it.
    let deps = directory.path().join("release/deps");
    fs::create_dir_all(&deps).unwrap();
    let rlib = deps.join("libholder-0123456789abcdef.rlib");
    let search = format!("-Lnative={}", directory.path().display());
    let arguments = ["--crate-type=rlib", "--crate-name=holder", &*search];
    compile(&arguments, &library, &rlib);
    let functions = slim().view(&["functions", "-n", "0"], &rlib);
    let owner = |name: &str| text(functions.rows_where("name", name)[0], "crate").to_owned();
    assert_eq!(owner("outer_assembly"), "holder");
    assert_eq!(owner("inner_assembly"), "holder");

    // What ships of it and its parts add up, so relocations, which do not ship, are no part.
    let path = rlib.to_str().unwrap();
    let page = slim().run(["crates", "--file", path]);
    assert!(page.stdout.contains("Not shipped"), "{}", page.stdout);
    assert!(!page.stdout.contains("Relocs"), "{}", page.stdout);
}
