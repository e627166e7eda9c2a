//! `codecost::demangle` against `rustc-demangle`, over every name of the compiler's own library
//! and of the sysroot's rlibs: some hundred thousand names that nobody chose.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use codecost::demangle::{Name, Part, Scheme};
use object::read::archive::ArchiveFile;
use object::{Object, ObjectSymbol};

fn sysroot() -> PathBuf {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--print", "sysroot"])
        .output()
        .expect("rustc");
    assert!(output.status.success());
    PathBuf::from(String::from_utf8(output.stdout).expect("a path").trim())
}

fn names_of(data: &[u8], names: &mut BTreeSet<String>) {
    let Ok(file) = object::File::parse(data) else {
        return;
    };
    for symbol in file.symbols().chain(file.dynamic_symbols()) {
        if let Ok(name) = symbol.name() {
            names.insert(name.to_owned());
        }
    }
}

/// Every symbol of the libraries in a directory whose names start and end so.
fn names_in(dir: &Path, start: &str, end: &[&str]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(dir)
        .expect("a directory")
        .map(|e| e.expect("an entry").path())
    {
        let file = entry
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !file.starts_with(start) || !end.iter().any(|end| file.ends_with(end)) {
            continue;
        }
        let data = std::fs::read(&entry).expect("readable");
        if let Ok(archive) = ArchiveFile::parse(&*data) {
            for member in archive.members().flatten() {
                if let Ok(data) = member.data(&*data) {
                    names_of(data, &mut names);
                }
            }
        } else {
            names_of(&data, &mut names);
        }
    }
    names
}

fn compiler_names() -> BTreeSet<String> {
    names_in(
        &sysroot().join("lib"),
        "librustc_driver-",
        &[".so", ".dylib"],
    )
}

fn sysroot_names() -> BTreeSet<String> {
    let libraries = sysroot().join("lib/rustlib");
    let mut names = BTreeSet::new();
    for target in std::fs::read_dir(libraries).expect("targets").flatten() {
        let dir = target.path().join("lib");
        if dir.is_dir() {
            names.append(&mut names_in(&dir, "lib", &[".rlib", ".so", ".dylib"]));
        }
    }
    names
}

/// The name without what tools appended, by the suffix our parser found.
fn bare<'n>(name: &Name<'n>) -> &'n str {
    let symbol = name.symbol();
    &symbol[..symbol.len() - name.suffix().len()]
}

fn marker(part: Part) -> &'static str {
    match part {
        Part::Whole | Part::Warm => "",
        Part::Cold => " [cold]",
        Part::Outlined => " [outlined]",
        Part::Merged => " [merged]",
        Part::Plt => " [plt]",
    }
}

/// Compares every full text, and returns how many names were compared under v0.
fn compare(names: &BTreeSet<String>) -> usize {
    let mut compared = BTreeMap::new();
    let mut differences = Vec::new();
    for symbol in names {
        let name = Name::parse(symbol);
        let witness = rustc_demangle::try_demangle(bare(&name));
        match name.scheme() {
            Scheme::V0 => {
                let expected = witness.map_or_else(|_| "not a name".into(), |w| format!("{w:#}"));
                if name.full() != format!("{expected}{}", marker(name.part())) {
                    differences.push(format!("{symbol}\n  {expected}\n  {}", name.full()));
                }
                *compared.entry("v0").or_insert(0) += 1;
            }
            Scheme::Legacy => *compared.entry("legacy").or_insert(0) += 1,
            Scheme::Cpp | Scheme::Other => {
                // The witness takes `R…` and some C++ for Rust; neither starts with `_R`.
                if symbol.starts_with("_R") && witness.is_ok() {
                    differences.push(format!("{symbol}: not taken for Rust"));
                }
                *compared.entry("other").or_insert(0) += 1;
            }
        }
    }
    println_counts(&compared);
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        differences[..differences.len().min(10)].join("\n")
    );
    compared.get("v0").copied().unwrap_or(0)
}

/// Shown with `--nocapture`.
fn println_counts(counts: &BTreeMap<&str, usize>) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "compared: {counts:?}");
}

#[test]
fn full_text_agrees_over_the_compiler() {
    assert!(compare(&compiler_names()) > 50_000);
}

#[test]
fn full_text_agrees_over_the_sysroot() {
    assert!(compare(&sysroot_names()) > 1_000);
}

/// The witness prints `name[hash]` before the first `::`.
#[test]
fn crate_roots_and_their_hashes_agree() {
    let mut names = compiler_names();
    names.append(&mut sysroot_names());
    let mut checked = 0;
    for symbol in &names {
        let name = Name::parse(symbol);
        if name.scheme() != Scheme::V0 {
            continue;
        }
        let text = rustc_demangle::demangle(bare(&name)).to_string();
        if text.starts_with('<') {
            continue;
        }
        let root = text.split("::").next().expect("one part at least");
        let found = name.defining().expect("v0 names have a crate");
        let ours = match found.disambiguator {
            Some(hash) => format!("{}[{hash:x}]", found.name),
            None => found.name.to_string(),
        };
        assert_eq!(ours, root, "{symbol}");
        assert!(name.defining_is_exact());
        checked += 1;
    }
    assert!(checked > 10_000, "{checked}");
}
