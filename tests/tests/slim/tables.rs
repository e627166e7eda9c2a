//! What the tables of files made by less usual linkers and tools say, and what is said of those that
//! say nothing.

use crate::slim;
use crate::sources::write;
use integration_tests::command::{command, output, rustc, succeed};
use integration_tests::tool::{Report, number, text};
use integration_tests::witness::{nm, readelf_sections};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const HELLO: &str = "fn main() { println!(\"{}\", std::env::args().count()) }";
const TWO: &str = "int t[2]; int f(int x) { return x * 3; } int g(int x) { return f(x) + t[1]; }\n";
const PROGRAM: &str =
    "int t[2]; int f(int x) { return x * 3; } int main(void) { return f(2) + t[1]; }\n";

/// A program of rustc's.
fn hello(directory: &TempDir, name: &str, arguments: &[&str]) -> PathBuf {
    let source = write(directory, "hello.rs", HELLO);
    let program = directory.path().join(name);
    succeed(
        rustc()
            .arg("-O")
            .args(arguments)
            .arg(source)
            .arg("-o")
            .arg(&program),
    );
    program
}

/// What gcc makes of `source`.
fn gcc(directory: &TempDir, name: &str, arguments: &[&str], source: &str) -> PathBuf {
    let source = write(directory, &format!("{name}.c"), source);
    let made = directory.path().join(name);
    succeed(
        command("gcc")
            .args(arguments)
            .arg(source)
            .arg("-o")
            .arg(&made),
    );
    made
}

fn codes(report: &Report) -> Vec<&str> {
    let warnings = report.json["warnings"].as_array().unwrap().iter();
    warnings.map(|it| it["code"].as_str().unwrap()).collect()
}

fn kind_of<'r>(report: &'r Report, section: &str) -> &'r str {
    text(report.rows_where("name", section)[0], "kind")
}

/// Sizes by strip and by us, within a thousandth.
fn assert_shipped(file: &Path, what: &str) {
    let stripped = file.with_extension("by-strip");
    succeed(command("strip").arg(file).arg("-o").arg(&stripped));
    // Of a file that is larger afterwards, what ships is the file as it is.
    let size = fs::metadata(file).unwrap().len();
    let witness = fs::metadata(&stripped).unwrap().len().min(size);
    let report = slim().view(&["sections", "-n", "0"], file);
    let shipped = report.artifact("shipped_size");
    assert!(
        shipped.abs_diff(witness) * 1000 <= witness,
        "{what}: {shipped}, strip: {witness}"
    );
    assert_eq!(report.sum("shipped"), shipped, "{what}");
    assert_eq!(
        report.sum("file"),
        fs::metadata(file).unwrap().len(),
        "{what}"
    );
}

/// Without sections only hash tables say how many symbols the loader has; lld puts others than the
/// strings after them.
#[test]
fn without_sections_the_loaders_symbols_end_where_they_do() {
    let directory = TempDir::new().unwrap();
    let gnu = "-Wl,--hash-style=gnu";
    let files = [
        hello(&directory, "lld", &["-Cstrip=symbols"]),
        gcc(&directory, "bfd", &["-s", "-O1"], PROGRAM),
        gcc(&directory, "exports", &["-s", "-shared", "-fPIC", gnu], TWO),
        gcc(
            &directory,
            "older",
            &["-s", "-shared", "-fPIC", "-Wl,--hash-style=sysv"],
            TWO,
        ),
    ];
    for file in files {
        let truth = readelf_sections(&file);
        let size = |name: &str| {
            let mut all = truth.iter();
            all.find(|it| it.name == name).map(|it| it.size)
        };
        let mut bytes = fs::read(&file).unwrap();
        bytes[0x28..0x30].fill(0);
        bytes[0x3a..0x40].fill(0);
        let bare = file.with_extension("bare");
        fs::write(&bare, bytes).unwrap();
        let report = slim().view(&["sections", "-n", "0"], &bare);
        for name in [".dynsym", ".dynstr", ".gnu.version", ".gnu.hash", ".hash"] {
            let rows = report.rows_where("name", name);
            let ours = rows.first().map(|row| number(row, "file"));
            assert_eq!(ours, size(name), "{name} of {}", file.display());
        }
        let crates = slim().view(&["crates"], &bare);
        assert!(
            !codes(&crates).contains(&"damaged-symbols"),
            "{}",
            file.display()
        );
    }
}

/// The kernel does not look at the section table, so the program runs whatever it points to.
#[test]
fn a_section_table_outside_the_file_leaves_the_segments() {
    let directory = TempDir::new().unwrap();
    let whole = hello(&directory, "whole", &["-Cstrip=symbols"]);
    let damages: [(&str, usize, &[u8]); 2] = [
        ("place", 0x28, &[0x10, 0, 0, 0, 0x7f, 0, 0, 0]),
        ("entry size", 0x3a, &[7, 0]),
    ];
    for (name, at, damage) in damages {
        let mut bytes = fs::read(&whole).unwrap();
        bytes[at..at + damage.len()].copy_from_slice(damage);
        let size = bytes.len() as u64;
        let damaged = directory.path().join("damaged");
        fs::copy(&whole, &damaged).unwrap();
        fs::write(&damaged, bytes).unwrap();
        assert_eq!(succeed(&mut command(&damaged)), "1\n", "{name}");
        for view in ["sections", "crates", "loads"] {
            let report = slim().view(&[view, "-n", "0"], &damaged);
            assert!(
                codes(&report).contains(&"damaged-sections"),
                "{name} {view}"
            );
            if view != "loads" {
                assert_eq!(report.sum("file"), size, "{name} {view}");
            }
        }
    }
}

/// Sections that strip takes for debug information, by formats and by names.
#[test]
fn debug_information_of_every_name_does_not_ship() {
    let directory = TempDir::new().unwrap();
    let specimens = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tests/image/specimens");
    let windows = directory.path().join("windows.exe");
    fs::copy(specimens.join("windows-gnu.exe"), &windows).unwrap();
    assert_shipped(&windows, "windows-gnu");
    let sections = slim().view(&["sections", "-n", "0"], &windows);
    assert_eq!(kind_of(&sections, ".debug_frame"), "debug");
    let stabs = gcc(&directory, "stabs", &["-gstabs"], PROGRAM);
    assert_shipped(&stabs, "stabs");
    let sections = slim().view(&["sections", "-n", "0"], &stabs);
    assert_eq!(kind_of(&sections, ".stab"), "debug");
    assert_eq!(kind_of(&sections, ".stabstr"), "symbols");
}

/// `patchelf` adds a segment after the debug information, which strip then moves up.
#[test]
fn what_patchelf_added_moves_up_when_the_symbols_go() {
    let directory = TempDir::new().unwrap();
    let long = format!("/opt/{}", "x".repeat(300));
    let bfd = [
        "-g",
        "-Clink-arg=-fuse-ld=bfd",
        "-Clink-self-contained=-linker",
    ];
    let programs = [
        hello(&directory, "bfd", &bfd),
        hello(&directory, "lld", &["-g"]),
        gcc(&directory, "lib.so", &["-g", "-shared", "-fPIC"], TWO),
    ];
    for program in programs {
        assert_shipped(&program, "before");
        succeed(
            command("patchelf")
                .args(["--set-rpath", &long])
                .arg(&program),
        );
        assert_shipped(&program, &program.display().to_string());
    }
}

/// `.sframe`, as gas makes it: each function's entry and rows are the function's.
#[test]
fn the_entries_of_sframe_belong_to_their_functions() {
    let directory = TempDir::new().unwrap();
    let program = gcc(&directory, "sframe", &["-Wa,--gsframe"], PROGRAM);
    let dump = succeed(command("readelf").arg("--sframe").arg(&program));
    let functions = dump
        .lines()
        .filter(|line| line.contains("func idx"))
        .count();
    assert!(functions > 1, "{dump}");
    let sections = slim().view(&["sections", "-n", "0"], &program);
    assert_eq!(kind_of(&sections, ".sframe"), "unwind");
    let size = number(sections.rows_where("name", ".sframe")[0], "file");
    // By the format: 17 bytes an entry in its first version, and a header of 28.
    assert!(size > 28 + 17 * functions as u64);
    let crates = slim().view(&["crates", "-n", "0"], &program);
    for row in crates.rows_where("name", "[unknown]") {
        assert_eq!(number(row, "unwind"), 0, "{row}");
    }
    assert!(!codes(&crates).contains(&"damaged-unwind-tables"));
}

/// Files whose machine code is elsewhere, or not made yet.
#[test]
fn what_holds_no_machine_code_says_so() {
    let directory = TempDir::new().unwrap();
    let plain = gcc(&directory, "two.o", &["-c"], TWO);
    let thin = directory.path().join("thin.a");
    succeed(command("ar").arg("rcsT").arg(&thin).arg(&plain));
    let opened = succeed(command("nm").arg(&thin));
    assert_eq!(opened.matches(" T ").count(), 2, "nm opens the members");
    let lto = gcc(&directory, "lto.o", &["-c", "-flto"], TWO);
    let archive = directory.path().join("lto.a");
    succeed(command("gcc-ar").arg("rcs").arg(&archive).arg(&lto));
    let fat = gcc(
        &directory,
        "fat.o",
        &["-c", "-flto", "-ffat-lto-objects"],
        TWO,
    );
    for (file, code) in [
        (&thin, Some("thin-archive")),
        (&lto, Some("gcc-lto-members")),
        (&archive, Some("gcc-lto-members")),
        (&fat, None),
        (&plain, None),
    ] {
        for view in ["functions", "crates"] {
            let report = slim().view(&[view], file);
            let all = codes(&report);
            let said = ["thin-archive", "gcc-lto-members", "bitcode-members"];
            let said = said.into_iter().find(|code| all.contains(code));
            assert_eq!(said, code, "{} {all:?}", file.display());
        }
        let functions = slim().view(&["functions", "-n", "0"], file);
        assert_eq!(
            functions.rows().is_empty(),
            code.is_some(),
            "{}",
            file.display()
        );
    }
    let source = write(
        &directory,
        "w.rs",
        "pub fn f(x: u32) -> u32 { x.rotate_left(3) }",
    );
    let bitcode = directory.path().join("w.o");
    let arguments = [
        "-O",
        "--crate-type=lib",
        "--emit=obj",
        "-Clinker-plugin-lto",
    ];
    succeed(rustc().args(arguments).arg(source).arg("-o").arg(&bitcode));
    let run = slim().run([Path::new("crates"), Path::new("--file"), &bitcode]);
    run.assert_clean_failure();
    assert!(run.stderr.contains("LLVM bitcode"), "{}", run.stderr);
}

/// Symbols that are packed in a way that is not read: it is said, and what is said to do helps.
#[test]
fn compressed_symbols_that_cannot_be_read_are_mentioned() {
    let directory = TempDir::new().unwrap();
    let whole = hello(&directory, "whole", &[]);
    let at = |name: &str| directory.path().join(name);
    succeed(command("strip").arg(&whole).arg("-o").arg(at("bare")));
    succeed(
        command("objcopy")
            .arg("--only-keep-debug")
            .arg(&whole)
            .arg(at("symbols")),
    );
    let count = |file: &Path, more: &[&Path]| {
        let more: Vec<_> = more.iter().map(|path| path.as_os_str()).collect();
        let report = slim().view_with(&["functions", "-n", "0"], file, &more);
        let std = report.rows_where("crate", "std").len();
        (std, codes(&report).contains(&"unread-debugdata"))
    };
    let (truth, said) = count(&whole, &[]);
    assert!(truth > 100 && !said);
    for (check, unread) in [("--check=crc32", false), ("--check=sha256", true)] {
        let packed = output(command("xz").args(["-c", check]).arg(at("symbols"))).stdout;
        fs::write(at("symbols.xz"), packed).unwrap();
        let section = format!(".gnu_debugdata={}", at("symbols.xz").display());
        let file = at("packed");
        succeed(
            command("objcopy")
                .args(["--add-section", &section])
                .arg(at("bare"))
                .arg(&file),
        );
        assert_eq!(count(&file, &[]).1, unread, "{check}");
        // The help, word by word.
        let dump = format!(".gnu_debugdata={}", at("out.xz").display());
        succeed(
            command("objcopy")
                .args(["--dump-section", &dump])
                .arg(&file)
                .arg("/dev/null"),
        );
        let _ = fs::remove_file(at("out"));
        succeed(command("xz").arg("-d").arg(at("out.xz")));
        let (named, said) = count(&file, &[Path::new("--debug-file"), &at("out")]);
        assert_eq!((named, said), (truth, false), "{check}");
    }
}

/// Distributions ship the debug files of all programs of a source package as one package, by build id.
#[test]
fn a_package_of_debug_files_is_looked_through_by_build_id() {
    let directory = TempDir::new().unwrap();
    let at = |name: &str| directory.path().join(name);
    let below = at("debug/usr/lib/debug/.build-id");
    // Two programs, so that nothing but the id can choose.
    for (name, id) in [("one", "ab01020304"), ("two", "cd01020304")] {
        let whole = hello(
            &directory,
            name,
            &[&format!("-Clink-arg=-Wl,--build-id=0x{id}")],
        );
        let (first, rest) = id.split_at(2);
        fs::create_dir_all(below.join(first)).unwrap();
        let debug = below.join(first).join(format!("{rest}.debug"));
        succeed(
            command("objcopy")
                .arg("--only-keep-debug")
                .arg(&whole)
                .arg(debug),
        );
        succeed(
            command("strip")
                .arg(&whole)
                .arg("-o")
                .arg(at(&format!("{name}.bare"))),
        );
    }
    let package = at("debug.tar.xz");
    let mut tar = command("tar");
    succeed(
        tar.arg("-cJf")
            .arg(&package)
            .arg("-C")
            .arg(at("debug"))
            .arg("usr"),
    );
    let functions = |file: &Path, debug: &Path| {
        let more = [OsStr::new("--debug-file"), debug.as_os_str()];
        let report = slim().view_with(&["functions", "-n", "0"], file, &more);
        report.json["rows"].clone()
    };
    let apart = below.join("cd/01020304.debug");
    let known = functions(&at("two.bare"), &apart);
    assert!(known.as_array().unwrap().len() > 100);
    assert_eq!(functions(&at("two.bare"), &package), known);
    let inside = package.join("usr/lib/debug/.build-id/cd/01020304.debug");
    assert_eq!(functions(&at("two.bare"), &inside), known);
    let other = package.join("usr/lib/debug/.build-id/ab/01020304.debug");
    let file = at("two.bare");
    let words = [Path::new("functions"), Path::new("--file"), &file];
    let run = slim().run(words.into_iter().chain([Path::new("--debug-file"), &other]));
    run.assert_clean_failure();
    assert!(
        run.stderr.contains("their build ids differ"),
        "{}",
        run.stderr
    );
}

/// What a v0 name states is so, wherever the file lies and whatever unit has the copy: `line-tables-only`
/// names neither namespaces nor symbols, and its unit is that of the crate that copied the function.
#[test]
fn a_v0_name_is_believed_before_the_unit_of_the_copy() {
    let directory = TempDir::new().unwrap();
    let root = "registry/src/index.crates.io-0/lent-1.2.3/src/lib.rs";
    let library = write(
        &directory,
        root,
        "#[derive(Clone)] pub struct Big { pub words: Vec<String>, pub more: [u64; 9] }
         impl Big { #[inline] pub fn count(&self) -> usize {
             self.words.iter().map(|word| word.len().rotate_left(3)).sum() } }",
    );
    let main = write(
        &directory,
        "main.rs",
        "fn main() { let big = lent::Big { words: std::env::args().collect(), more: [7; 9] };
             let clone = std::hint::black_box(<lent::Big as Clone>::clone as fn(&_) -> lent::Big);
             let count = std::hint::black_box(lent::Big::count as fn(&_) -> usize);
             println!(\"{} {}\", count(&clone(&big)), clone(&big).more[2]); }",
    );
    let rlib = directory.path().join("liblent.rlib");
    for debug in ["line-tables-only", "limited", "full"] {
        let compile = |more: &[&str], source: &Path, to: &Path| {
            let mut rustc = rustc();
            rustc
                .args(["-O", "--edition=2021", "-Csymbol-mangling-version=v0"])
                .arg(format!("-Cdebuginfo={debug}"))
                .args(more);
            succeed(rustc.arg(source).arg("-o").arg(to));
        };
        compile(&["--crate-type=rlib", "--crate-name=lent"], &library, &rlib);
        let place = directory.path().join(debug);
        fs::create_dir_all(&place).unwrap();
        let program = place.join("prog");
        let dependency = format!("--extern=lent={}", rlib.display());
        compile(&[&dependency], &main, &program);
        let functions = slim().view(&["functions", "-n", "0"], &program);
        let stated: Vec<_> = functions
            .rows()
            .iter()
            .filter(|row| {
                let symbol = row["symbol"].as_str().unwrap_or_default();
                // The implementation's path comes first: `_RNvXs_Cs1a2b_4lent…`.
                let first = symbol
                    .strip_prefix("_RNv")
                    .and_then(|path| path.split_once("Cs"));
                let crate_of = first.and_then(|(_, hash)| hash.split_once('_'));
                crate_of.is_some_and(|(_, name)| name.starts_with("4lent"))
            })
            .collect();
        assert!(stated.len() >= 2, "{debug}: {:#?}", functions.rows());
        for row in stated {
            assert_eq!(text(row, "crate"), "lent", "{debug}: {row}");
        }
    }
}

/// A crate of the user's that is called like a dependency of std is not std's, in either scheme.
#[test]
fn a_namesake_of_a_crate_of_std_is_not_std_s() {
    let directory = TempDir::new().unwrap();
    let library = write(
        &directory,
        "memchr.rs",
        "#[inline(never)] pub fn ours(v: &[u64], i: usize) -> u64 {
             let mut s = 1; for k in v { s ^= k.rotate_left(i as u32) * 31; } s }",
    );
    let main = write(
        &directory,
        "main.rs",
        "fn main() { let v: Vec<u64> = std::env::args().map(|a| a.len() as u64).collect();
             println!(\"{}\", memchr::ours(&v, v.len())); }",
    );
    let rlib = directory.path().join("libmemchr.rlib");
    for scheme in ["v0", "legacy"] {
        let scheme = format!("-Csymbol-mangling-version={scheme}");
        let compile = |more: &[&str], source: &Path, to: &Path| {
            let unstable = "-Zunstable-options";
            let mut rustc = rustc();
            rustc.env("RUSTC_BOOTSTRAP", "1");
            rustc
                .args(["-O", "--edition=2021", &scheme, unstable])
                .args(more);
            succeed(rustc.arg(source).arg("-o").arg(to));
        };
        compile(&["--crate-type=rlib", "-Cmetadata=ours"], &library, &rlib);
        let place = directory.path().join("away");
        fs::create_dir_all(&place).unwrap();
        let program = place.join("prog");
        let dependency = format!("--extern=memchr={}", rlib.display());
        compile(&[&dependency], &main, &program);
        let truth: Vec<_> = nm(&program)
            .into_iter()
            .filter(|symbol| symbol.name.contains("6memchr4ours"))
            .collect();
        let [truth] = &truth[..] else {
            panic!("{truth:?}")
        };
        let crates = slim().view(&["crates", "-n", "0"], &program);
        let rows = crates.rows_where("name", "memchr");
        let code = |origin: &str| -> u64 {
            let rows = rows.iter().filter(|row| text(row, "origin") == origin);
            rows.map(|row| number(row, "code")).sum()
        };
        assert!(code("unknown") >= truth.size, "{scheme}: {rows:#?}");
        for row in &rows {
            let of_std = text(row, "origin") == "std-dependency";
            assert_eq!(of_std, !row["version"].is_null(), "{scheme}: {row}");
        }
        // In the workspace that it is of, the lock file has the version.
        let lock = "version = 4\n[[package]]\nname = \"memchr\"\nversion = \"2.0.9\"\n\
                    source = \"registry+sample\"\n[[package]]\nname = \"prog\"\nversion = \"0.1.0\"\n";
        write(&directory, "ws/Cargo.lock", lock);
        write(
            &directory,
            "ws/Cargo.toml",
            "[package]\nname = \"prog\"\nversion = \"0.1.0\"\n",
        );
        write(&directory, "ws/src/main.rs", "fn main() {}");
        let arguments = ["crates", "-n", "0", "--message-format", "json", "--file"];
        let arguments = arguments.map(Path::new);
        let run = slim()
            .in_directory(directory.path().join("ws"))
            .run(arguments.into_iter().chain([program.as_path()]));
        let crates = run.report();
        let rows = crates.rows_where("version", "2.0.9");
        let [row] = rows[..] else { panic!("{rows:#?}") };
        assert_eq!(
            (text(row, "name"), text(row, "origin")),
            ("memchr", "registry")
        );
        assert!(number(row, "code") >= truth.size, "{scheme}: {row}");
    }
}

/// A build script that has the linker strip: the build that is analysed has its names all the same.
#[test]
fn a_build_script_that_strips_does_not_take_our_names() {
    let directory = TempDir::new().unwrap();
    let manifest =
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n";
    write(&directory, "Cargo.toml", manifest);
    write(&directory, "src/main.rs", HELLO);
    let script = write(
        &directory,
        "build.rs",
        "fn main() { println!(\"cargo::rustc-link-arg=-s\"); }",
    );
    let arguments = directory.path().join("arguments");
    let by_file = format!(
        "[build]\nrustflags = [\"-Clink-arg=@{}\"]\n",
        arguments.display()
    );
    let mut unknown = BTreeMap::new();
    for how in ["script", "file", "nothing"] {
        if how == "file" {
            fs::remove_file(&script).unwrap();
            fs::write(&arguments, "-s\n").unwrap();
            write(&directory, ".cargo/config.toml", &by_file);
        }
        if how == "nothing" {
            fs::remove_file(directory.path().join(".cargo/config.toml")).unwrap();
        }
        let run = slim().in_directory(directory.path()).run([
            "crates",
            "-n",
            "0",
            "--message-format",
            "json",
        ]);
        let report = run.report();
        let file = PathBuf::from(report.json["artifact"]["path"].as_str().unwrap());
        assert!(nm(&file).len() > 100, "{how}");
        assert!(!codes(&report).contains(&"stripped"), "{how}");
        let rows = report.rows_where("name", "[unknown]");
        let bytes: u64 = rows.iter().map(|row| number(row, "shipped")).sum();
        unknown.insert(how, bytes);
    }
    assert_eq!(unknown["script"], unknown["nothing"]);
    assert_eq!(unknown["file"], unknown["nothing"]);
}
