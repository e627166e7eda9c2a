//! What names cost: every symbol of the compiler's own library, the largest set of names that each
//! Rust machine has (165,000 on Linux). The aim is 1 µs for reading and two texts of one name.

use std::hint::black_box;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use codecost::demangle::Name;
use divan::Bencher;
use divan::counter::ItemsCount;
use object::{Object, ObjectSymbol};

static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--print", "sysroot"])
        .output()
        .expect("rustc runs");
    let sysroot = PathBuf::from(String::from_utf8(output.stdout).expect("a path").trim());
    let library = std::fs::read_dir(sysroot.join("lib"))
        .expect("the sysroot has a lib directory")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.to_string_lossy().contains("librustc_driver-"))
        .expect("the compiler is a shared library");
    let data = std::fs::read(library).expect("readable");
    let file = object::File::parse(&*data).expect("an object file");
    file.symbols()
        .filter_map(|s| Some(s.name().ok()?.to_owned()))
        .collect()
});

fn main() {
    divan::main();
}

fn each(bencher: Bencher<'_, '_>, work: impl Fn(Name<'_>, &mut String)) {
    let names = &*NAMES;
    bencher
        .counter(ItemsCount::new(names.len()))
        .bench_local(|| {
            let mut text = String::with_capacity(1 << 16);
            for name in names {
                text.clear();
                work(Name::parse(black_box(name)), &mut text);
                black_box(&text);
            }
        });
}

#[divan::bench(sample_count = 10)]
fn parse(bencher: Bencher<'_, '_>) {
    each(bencher, |name, _| {
        black_box(name.scheme());
    });
}

#[divan::bench(sample_count = 10)]
fn parse_and_crates(bencher: Bencher<'_, '_>) {
    each(bencher, |name, _| {
        black_box((name.defining(), name.instantiating()));
    });
}

#[divan::bench(sample_count = 10)]
fn parse_full_short(bencher: Bencher<'_, '_>) {
    each(bencher, |name, text| {
        name.write_full(text);
        name.write_short(text);
    });
}

#[divan::bench(sample_count = 10)]
fn parse_family_key(bencher: Bencher<'_, '_>) {
    each(bencher, |name, text| name.write_family_key(text));
}

#[divan::bench(sample_count = 10)]
fn witness_full(bencher: Bencher<'_, '_>) {
    each(bencher, |name, text| {
        use std::fmt::Write;
        let _ = write!(text, "{:#}", rustc_demangle::demangle(name.symbol()));
    });
}
