//! Who uses a thread-local variable: against sources in which it is written, and against the
//! relocations that a linker keeps.

use crate::slim;
use crate::sources::write;
use crate::variables::{assemble, linker};
use integration_tests::command::{command, rustc, succeed};
use integration_tests::tool::{Report, text};
use integration_tests::witness::nm;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tempfile::TempDir;

/// The users of each variable of these sections, by the last part of its name.
fn users(file: &Path, sections: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let last = |name: &str| name.rsplit("::").next().unwrap_or(name).to_owned();
    let data = slim().view(&["data", "-n", "0"], file);
    let rows = data.rows().iter();
    let rows = rows.filter(|row| sections.contains(&text(row, "section")));
    let rows = rows.filter(|row| !text(row, "name").starts_with('['));
    rows.map(|row| {
        let name = text(row, "name");
        let named: Report = slim().view(&["data", name, "-n", "0"], file);
        let own = named.rows_where("name", name)[0];
        let users = own["users"].as_array().into_iter().flatten();
        let users = users.map(|user| last(text(user, "name"))).collect();
        (last(name), users)
    })
    .collect()
}

fn written(expected: &[(&str, &[&str])]) -> BTreeMap<String, BTreeSet<String>> {
    let owned = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
    let pairs = expected.iter();
    pairs
        .map(|(name, users)| (name.to_string(), owned(users)))
        .collect()
}

/// In each model of access that compilers have, and what linkers make of it.
#[test]
fn users_of_thread_local_variables_are_those_of_the_source() {
    let directory = TempDir::new().unwrap();
    let source = "__thread int one = 1;\n\
        static __thread long two[8] = {2};\n\
        __thread char zeroes[64];\n\
        static __thread int last;\n\
        __attribute__((visibility(\"hidden\"))) __thread int hidden = 7;\n\
        int *address(void) { return &one; }\n\
        long indexed(int i) { return two[i]; }\n\
        void stored(int i, char c) { zeroes[i] = c; }\n\
        int both(void) { return last + one; }\n\
        int more(int n) { hidden += n; last ^= n; return hidden; }\n\
        int none(int n) { return n * 3; }\n\
        int main(void) { stored(1, 2); return both() + more(3) + *address() + (int)indexed(4); }\n";
    let source = write(&directory, "t.c", source);
    // `main` is where these are inlined to.
    let expected = written(&[
        ("hidden", &["more"]),
        ("last", &["both", "more"]),
        ("one", &["address", "both"]),
        ("two", &["indexed"]),
        ("zeroes", &["stored"]),
    ]);
    let models: [&[&str]; 9] = [
        &["-O1", "-pie", "-fPIE"],
        &["-O2", "-no-pie", "-fno-pie"],
        &["-O0", "-pie", "-fPIE"],
        &["-O2", "-shared", "-fPIC"],
        &["-O0", "-shared", "-fPIC"],
        &["-O2", "-shared", "-fPIC", "-ftls-model=initial-exec"],
        &["-O2", "-shared", "-fPIC", "-mtls-dialect=gnu2"],
        &["-O2", "-fPIC", "-pie"],
        &["-O2", "-fPIC", "-pie", "-mtls-dialect=gnu2"],
    ];
    for (number, flags) in models.iter().enumerate() {
        let file = directory.path().join(format!("t{number}"));
        let mut compile = command("gcc");
        compile.args(["-fno-inline", "-fno-ipa-icf"]).args(*flags);
        succeed(compile.arg(&source).arg("-o").arg(&file));
        assert_eq!(users(&file, &[".tdata", ".tbss"]), expected, "{flags:?}");
    }
    // The chain leads there, too.
    let why = slim().view(
        &["why", "two", "--chains", "1"],
        &directory.path().join("t0"),
    );
    let step = why.rows().last().unwrap();
    assert_eq!((text(step, "name"), text(step, "via")), ("two", "data"));
    assert!(step["address"].as_u64().is_some(), "{step}");
    let before = &why.rows()[why.rows().len() - 2];
    assert_eq!(text(before, "name"), "indexed");
}

/// Programs of rustc, by the relocations that the linker was told to keep.
#[test]
fn users_of_thread_local_variables_are_those_of_the_relocations() {
    let directory = TempDir::new().unwrap();
    let source = write(
        &directory,
        "t.rs",
        "use std::cell::{Cell, RefCell};\n\
         thread_local! {\n\
             static COUNT: Cell<u64> = const { Cell::new(7) };\n\
             static LIST: RefCell<Vec<u64>> = RefCell::new(Vec::new());\n\
             static TABLE: Cell<[u64; 64]> = const { Cell::new([0; 64]) };\n\
         }\n\
         #[inline(never)] fn count() -> u64 { COUNT.with(|c| { c.set(c.get() + 1); c.get() }) }\n\
         #[inline(never)] fn list(n: u64) -> usize {\n\
             LIST.with(|l| { l.borrow_mut().push(n); l.borrow().len() }) }\n\
         #[inline(never)] fn table(n: usize) -> u64 {\n\
             TABLE.with(|t| { let mut v = t.get(); v[n] = 3; t.set(v); v[1] }) }\n\
         fn main() {\n\
             std::thread::spawn(|| println!(\"{}\", table(3))).join().unwrap();\n\
             println!(\"{} {}\", list(count()), count());\n\
         }\n",
    );
    for flags in [
        &["-Copt-level=2"][..],
        &["-Copt-level=0"],
        &["-Copt-level=3", "-Ccodegen-units=1"],
    ] {
        let file = directory.path().join("t");
        let mut compile = rustc();
        compile.args(["--edition=2024", "-Csymbol-mangling-version=v0"]);
        compile.args(["-Clink-arg=-fuse-ld=bfd", "-Clink-arg=-Wl,--emit-relocs"]);
        succeed(compile.args(flags).arg(&source).arg("-o").arg(&file));
        let expected = by_relocations(&file);
        assert!(expected.len() > 3, "{expected:?}");
        for (variable, expected) in expected {
            let named = slim().view(&["data", &variable, "-n", "0"], &file);
            assert_eq!(named.rows().len(), 1, "{variable}");
            let users = named.rows()[0]["users"].as_array().into_iter().flatten();
            let users: BTreeSet<&str> = users.map(|user| text(user, "name")).collect();
            assert_eq!(
                users,
                expected.iter().map(|name| &**name).collect(),
                "{variable} {flags:?}"
            );
        }
    }
}

/// The functions with a relocation for each thread-local variable, by its symbol.
fn by_relocations(file: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let functions = slim().view(&["functions", "-n", "0"], file);
    let mut places: Vec<(u64, u64, &str)> = functions
        .rows()
        .iter()
        .map(|row| {
            let start = row["address"].as_u64().unwrap();
            (
                start,
                start + row["file"].as_u64().unwrap(),
                text(row, "name"),
            )
        })
        .collect();
    places.sort_unstable();
    let is_variable = |symbol: &str| {
        let kinds = ["_R", "_ZN"];
        kinds.iter().any(|kind| symbol.starts_with(kind))
    };
    let symbols: BTreeSet<String> = nm(file).into_iter().map(|symbol| symbol.name).collect();
    let listed = succeed(command("readelf").args(["-rW"]).arg(file));
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in listed.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [at, _, kind, _, symbol, ..] = fields[..] else {
            continue;
        };
        let of_threads = kind.contains("TPOFF") || kind.contains("TLS");
        if !of_threads || !is_variable(symbol) || !symbols.contains(symbol) {
            continue;
        }
        let at = u64::from_str_radix(at, 16).unwrap();
        let next = places.partition_point(|(start, ..)| *start <= at);
        let Some((start, end, name)) = next.checked_sub(1).map(|before| places[before]) else {
            continue;
        };
        if (start..end).contains(&at) {
            let users = found.entry(symbol.to_owned()).or_default();
            users.insert(name.to_owned());
        }
    }
    found
}

/// AArch64, by code that asks for descriptors, in a library and in a program, where the linker writes
/// distances in their place.
#[test]
fn users_on_aarch64_are_those_of_the_source() {
    let directory = TempDir::new().unwrap();
    let mut lines = String::from(".text\n");
    for (name, body) in [
        ("_start", "bl direct\n bl asked\n ret\n"),
        (
            "direct",
            "mrs x8, tpidr_el0\n add x8, x8, :tprel_hi12:zeroes\n\
             add x8, x8, :tprel_lo12_nc:zeroes\n ldr w0, [x8]\n ret\n",
        ),
        (
            "asked",
            "adrp x0, :tlsdesc:word\n ldr x1, [x0, :tlsdesc_lo12:word]\n\
             add x0, x0, :tlsdesc_lo12:word\n .tlsdesccall word\n blr x1\n\
             mrs x8, tpidr_el0\n ldr w0, [x8, x0]\n ret\n",
        ),
        (
            "slot",
            "adrp x8, :gottprel:far\n ldr x8, [x8, :gottprel_lo12:far]\n\
             mrs x9, tpidr_el0\n ldr w0, [x9, x8]\n ret\n",
        ),
    ] {
        lines += &format!(
            ".globl {name}\n.hidden {name}\n.type {name}, %function\n{name}: {body}.size {name}, . - {name}\n"
        );
    }
    lines += ".section .tdata,\"awT\",@progbits\n";
    for (name, size) in [("word", 8), ("far", 16)] {
        lines += &format!(
            ".type {name}, %object\n.balign 16\n{name}: .fill {size}, 1, 5\n.size {name}, {size}\n"
        );
    }
    lines += ".section .tbss,\"awT\",@nobits\n.type zeroes, %object\n.balign 32\nzeroes: .zero 96\n\
              .size zeroes, 96\n";
    let expected = [("far", "slot"), ("word", "asked"), ("zeroes", "direct")];
    let object = assemble(&directory, "aarch64-unknown-linux-gnu", &lines);
    for flags in [&["-pie"][..], &["-static"]] {
        let file = directory.path().join(flags.concat());
        succeed(linker("gnu").args(flags).arg(&object).arg("-o").arg(&file));
        let expected = expected.map(|(name, user)| (name, [user]));
        let expected: Vec<(&str, &[&str])> = expected
            .iter()
            .map(|(name, user)| (*name, &user[..]))
            .collect();
        assert_eq!(
            users(&file, &[".tdata", ".tbss"]),
            written(&expected),
            "{flags:?}"
        );
    }
    // A library's code does not know its distance from the pointer.
    let lines = lines
        .replace(":tprel_hi12:zeroes", "1")
        .replace(":tprel_lo12_nc:zeroes", "2");
    let object = assemble(&directory, "aarch64-unknown-linux-gnu", &lines);
    let file = directory.path().join("library");
    succeed(
        linker("gnu")
            .arg("-shared")
            .arg(&object)
            .arg("-o")
            .arg(&file),
    );
    let expected = written(&[("far", &["slot"]), ("word", &["asked"]), ("zeroes", &[])]);
    assert_eq!(users(&file, &[".tdata", ".tbss"]), expected);
}

/// macOS: code takes the address of a descriptor, which has the distance. Windows: code adds it to where
/// a table says that the first one is.
#[test]
fn users_on_other_systems_are_those_of_the_source() {
    let directory = TempDir::new().unwrap();
    let at = |name: &str| directory.path().join(name);
    let lines = ".globl _get\n_get: movq _one@TLVP(%rip), %rdi\n callq *(%rdi)\n ret\n\
        .globl _none\n_none: ret\n\
        .section __DATA,__thread_vars,thread_local_variables\n.globl _one\n\
        _one: .quad __tlv_bootstrap\n .quad 0\n .quad _one$tlv$init\n\
        _two: .quad __tlv_bootstrap\n .quad 0\n .quad _two$tlv$init\n\
        .section __DATA,__thread_data,thread_local_regular\n\
        _one$tlv$init: .long 5\n_two$tlv$init: .long 6\n";
    let object = assemble(&directory, "x86_64-apple-darwin", lines);
    let mut apple = linker("darwin");
    apple.args(["-arch", "x86_64", "-platform_version", "macos", "11", "11"]);
    apple.args(["-dylib", "-undefined", "dynamic_lookup"]);
    succeed(apple.arg(&object).arg("-o").arg(at("m.dylib")));
    let found = users(&at("m.dylib"), &["__thread_vars", "__thread_data"]);
    let of = |name: &str| -> Vec<&str> {
        let users = found.get(name).into_iter().flatten();
        users.map(String::as_str).collect()
    };
    assert_eq!(of("one"), ["get"], "{found:?}");
    assert_eq!(of("one$tlv$init"), ["one"], "{found:?}");
    assert_eq!(of("two$tlv$init"), ["two"], "{found:?}");

    let lines = ".text\n.globl get\nget: movl _tls_index(%rip), %eax\n movq %gs:88, %rcx\n\
        movq (%rcx,%rax,8), %rax\n movl second@SECREL32(%rax), %eax\n ret\n\
        .globl none\nnone: ret\n\
        .section .tls$,\"dw\"\n.globl first\nfirst: .long 7\n.globl second\nsecond: .long 8\n\
        .bss\n.globl _tls_index\n_tls_index: .long 0\n";
    let object = assemble(&directory, "x86_64-pc-windows-msvc", lines);
    let mut windows = linker("link");
    windows.args([
        "/nodefaultlib",
        "/entry:get",
        "/subsystem:console",
        "/opt:noref",
    ]);
    windows.arg("/debug:symtab").arg(&object);
    succeed(windows.arg(format!("/out:{}", at("m.exe").display())));
    let expected = written(&[("first", &[]), ("second", &["get"])]);
    assert_eq!(users(&at("m.exe"), &[".tls"]), expected);
}
