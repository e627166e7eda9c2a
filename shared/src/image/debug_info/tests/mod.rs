//! Programs built here, read here, and held against what other tools say about them.
//!
//! Needs `rustc`, `gcc`, `g++`, `readelf`, `nm` and `addr2line`; a test without its tool fails and
//! says so.

// clippy's `allow-unwrap-in-tests` does not see helpers outside of `#[test]` functions.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod code;
mod hostile;
mod ledger;
mod units;

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
    process::Command,
};

use object::{Object, ObjectSection};

use super::*;
use crate::address::{AddressRange, VirtualAddress};

/// A crate with something generic, something inline and an impl for a type of another crate.
const INNER: &str = r#"
pub trait Area { fn area(&self) -> u64; }
impl Area for Vec<u32> {
    #[inline(never)]
    fn area(&self) -> u64 { self.iter().map(|x| twice(*x)).sum() }
}
#[inline(always)]
pub fn twice(x: u32) -> u64 { u64::from(x) * 2 }
#[inline(never)]
pub fn largest<T: PartialOrd + Copy>(items: &[T]) -> Option<T> {
    let mut found = *items.first()?;
    for item in items { if *item > found { found = *item; } }
    Some(found)
}
#[derive(Clone, Debug, Default)]
pub struct Shape { pub name: String, pub corners: Vec<(i32, i32)> }
impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} with {} corners", self.name, self.corners.len())
    }
}
"#;

const OUTER: &str = r#"
use inner::{Area, Shape};
mod deep { pub mod er { #[inline(never)] pub fn wind(x: u32) -> u64 { inner::twice(x) ^ 7 } } }
fn main() {
    let count = std::env::args().count() as u32;
    let list: Vec<u32> = (0..count).collect();
    let shape = Shape { name: "s".to_string(), corners: vec![(1, count as i32)] };
    println!("{} {:?} {}", list.area(), inner::largest(&list), deep::er::wind(count));
    println!("{} {:?}", shape, shape.clone());
}
"#;

const C: &str = r#"
#include <stdio.h>
struct point { int x, y; };
static inline int square(int x) { return x * x; }
__attribute__((noinline)) int norm(struct point *p) {
    int sum = 0;
    for (int i = 0; i < p->x; i++) sum += square(i) ^ p->y;
    return sum;
}
int main(int argc, char **argv) {
    struct point p = { argc, 3 };
    printf("%d %s\n", norm(&p), argv[0]);
    return 0;
}
"#;

const CXX: &str = r#"
#include <string>
#include <vector>
namespace geo {
struct point { int x, y; int norm() const; };
__attribute__((noinline)) int point::norm() const { return x * x + y; }
template <typename T> __attribute__((noinline)) T most(const std::vector<T> &items) {
    T found = items[0];
    for (auto item : items) if (found < item) found = item;
    return found;
}
}
int main(int argc, char **argv) {
    geo::point p = { argc, 3 };
    std::vector<int> items = { p.norm(), argc };
    return geo::most(items) + std::string(argv[0]).size();
}
"#;

/// A program of two crates built with these flags. With `dynamic` the standard library, and so
/// its debug information, stays outside.
pub(super) struct Program {
    pub(super) path: PathBuf,
    data: Vec<u8>,
    _directory: tempfile::TempDir,
}

pub(super) fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program)
        .args(args)
        .output()
        .unwrap_or_else(|error| panic!("this test needs `{program}`: {error}"));
    assert!(
        output.status.success(),
        "{program} {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

impl Program {
    pub(super) fn rust(flags: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
        let compile = |name: &str, text: &str, more: &[&str]| {
            let source = directory.path().join(format!("{name}.rs"));
            std::fs::write(&source, text).unwrap();
            let mut args = vec!["--edition=2024", "--out-dir", path(directory.path())];
            args.extend(["-L", path(directory.path()), path(&source)]);
            args.extend(more);
            args.extend(flags);
            run(&rustc, &args);
        };
        compile("inner", INNER, &["--crate-type=rlib"]);
        compile("outer", OUTER, &["--extern=inner"]);
        Self::open(directory, "outer")
    }

    pub(super) fn c(flags: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let source = directory.path().join("outer.c");
        std::fs::write(&source, C).unwrap();
        let output = directory.path().join("outer");
        let mut args = vec![path(&source), "-o", path(&output)];
        args.extend(flags);
        run("gcc", &args);
        Self::open(directory, "outer")
    }

    pub(super) fn cxx(flags: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let source = directory.path().join("outer.cc");
        std::fs::write(&source, CXX).unwrap();
        let output = directory.path().join("outer");
        let mut args = vec![path(&source), "-o", path(&output)];
        args.extend(flags);
        run("g++", &args);
        Self::open(directory, "outer")
    }

    fn open(directory: tempfile::TempDir, name: &str) -> Self {
        let path = directory.path().join(name);
        let data = std::fs::read(&path).unwrap();
        Self {
            path,
            data,
            _directory: directory,
        }
    }

    pub(super) fn path(&self) -> &str {
        path(&self.path)
    }

    pub(super) fn file(&self) -> object::File<'_> {
        object::File::parse(&*self.data).unwrap()
    }

    /// The executable sections.
    pub(super) fn code(&self) -> Vec<AddressRange> {
        self.file()
            .sections()
            .filter(|section| section.kind() == object::SectionKind::Text)
            .map(|section| AddressRange::new(VirtualAddress(section.address()), section.size()))
            .collect()
    }

    /// Its debug sections, uncompressed.
    pub(super) fn sections(&self) -> Vec<(DebugSection, Cow<'_, [u8]>)> {
        let file = self.file();
        file.sections()
            .filter_map(|section| {
                let kind = DebugSection::from_name(section.name().unwrap())?;
                let data = section.uncompressed_data().unwrap().into_owned();
                Some((kind, Cow::Owned(data)))
            })
            .collect()
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub(super) fn load<'d>(sections: &'d [(DebugSection, Cow<'_, [u8]>)]) -> DebugInfo<'d> {
    let mut found = DwarfSections::new(false);
    for (kind, data) in sections {
        assert_eq!(found.add(kind.name(), data), Some(*kind));
    }
    DebugInfo::load(found)
}

/// Every piece starts where the one before ended, and the last one ends with the section.
pub(super) fn assert_partition(ledger: &DebugLedger, sections: &[(DebugSection, Cow<'_, [u8]>)]) {
    for (kind, data) in sections.iter().filter(|(_, data)| !data.is_empty()) {
        let section = ledger
            .sections
            .iter()
            .find(|section| section.kind == *kind)
            .unwrap();
        let mut at = 0;
        for piece in &section.pieces {
            assert_eq!(piece.start, at, "{kind:?}");
            assert!(piece.end > at, "{kind:?}");
            at = piece.end;
        }
        assert_eq!(at, data.len() as u64, "{kind:?}");
        assert!(
            section.pieces.is_sorted_by(|a, b| a.owner != b.owner),
            "{kind:?}"
        );
    }
}
