//! One program under both schemes: what is one thing must have one name. And what only v0 knows,
//! on a program of three crates, two of them versions of one.

#![allow(clippy::expect_used)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use codecost::demangle::{Name, Scheme};
use object::{Object, ObjectSymbol};

/// Every kind of function that is named in its own way.
const PROBE: &str = r#"
#![allow(dead_code)]
use std::fmt::{self, Debug, Display};
use std::hint::black_box;

pub mod shapes {
    pub struct Square(pub u8);
    pub struct Pair<T, U>(pub T, pub U);
    impl Square { #[inline(never)] pub fn side(&self) -> u8 { std::hint::black_box(self.0) } }
    impl<T: Clone, U> Pair<T, U> {
        #[inline(never)] pub fn first(&self) -> T { self.0.clone() }
        #[inline(never)] pub fn with<V>(&self, v: V) -> (T, V) { (self.0.clone(), v) }
    }
    // An inherent impl away from its type's module.
    pub mod far { impl super::Square { #[inline(never)] pub fn far(&self) -> u8 { self.0 + 1 } } }
}
use shapes::{Pair, Square};

pub trait Named { fn name(&self) -> String; #[inline(never)] fn twice(&self) -> String { self.name() + "x" } }
impl Named for Square { #[inline(never)] fn name(&self) -> String { format!("{}", self.side()) } }
impl<T: Debug> Named for [T] { #[inline(never)] fn name(&self) -> String { format!("{self:?}") } }
impl<T: Debug> Named for &T { #[inline(never)] fn name(&self) -> String { format!("{self:?}") } }
impl<T: Debug> Named for (T, u8) { #[inline(never)] fn name(&self) -> String { format!("{self:?}") } }
impl Named for fn(u8) -> u8 { #[inline(never)] fn name(&self) -> String { "fn".into() } }
impl Named for dyn Debug { #[inline(never)] fn name(&self) -> String { "dyn".into() } }
impl Named for String { #[inline(never)] fn name(&self) -> String { self.clone() } }
impl<T: Named + ?Sized, U> PartialEq<Pair<T, U>> for Square where T: Sized {
    #[inline(never)] fn eq(&self, _: &Pair<T, U>) -> bool { black_box(false) }
}
impl Display for Square {
    #[inline(never)] fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{}", self.0) }
}
impl Drop for Square { #[inline(never)] fn drop(&mut self) { black_box(self.0); } }
// A blanket impl: v0 names the type, legacy the parameter.
pub trait Blanket { fn blanket(&self) -> usize; }
impl<T> Blanket for T { #[inline(never)] fn blanket(&self) -> usize { size_of::<T>() } }

#[inline(never)] pub fn generic<T: Debug>(t: T) -> String { format!("{t:?}") }
#[inline(never)] pub fn array<const N: usize>(a: [u8; N]) -> usize { black_box(a).len() }
#[inline(never)] pub fn outer(n: u8) -> u8 {
    #[inline(never)] fn inner(n: u8) -> u8 { black_box(n) + 1 }
    let closure = |x: u8| { let deep = |y: u8| black_box(y) + n; deep(x) };
    inner(n) + closure(n)
}
#[inline(never)] pub fn call(f: &dyn Fn(u8) -> u8) -> u8 { f(black_box(1)) }

fn main() {
    let n = black_box(3u8);
    let pair = Pair(n, 2u16);
    black_box((pair.first(), pair.with("x"), outer(n), call(&move |x| x + n)));
    black_box((Square(n).side(), Square(n).far(), Square(n).name(), Square(n).twice(), Square(n).to_string()));
    black_box(([1u8, 2][..].name(), (&n).name(), (n, n).name(), (outer as fn(u8) -> u8).name(), "a".to_owned().name()));
    black_box((<dyn Debug as Named>::name(&n), Square(n) == Pair("a".to_owned(), n), n.blanket(), 1u64.blanket()));
    black_box((generic(n), generic("x"), array([1; 3]), array([1; 4])));
    black_box(Box::new(Square(n)) as Box<dyn Display>);
}
"#;

/// Compiles with the toolchain's own rustc, or says why that could not be done.
fn rustc(dir: &Path, args: &[&str]) -> Result<(), String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args([
            "--edition=2021",
            "-Copt-level=0",
            "-Ccodegen-units=1",
            "-Cdebuginfo=0",
        ])
        .args(args)
        .current_dir(dir)
        // Wanted only where a newer compiler has made the legacy scheme unstable.
        .env("RUSTC_BOOTSTRAP", "1")
        .arg("-Zunstable-options")
        .output()
        .map_err(|e| e.to_string())?;
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn symbols(file: &Path) -> BTreeSet<String> {
    let data = std::fs::read(file).expect("the compiler's output");
    let file = object::File::parse(&*data).expect("an object file");
    let names = file
        .symbols()
        .filter_map(|s| s.name().ok().map(str::to_owned));
    // Mach-O: one underscore before everything, which `Name` takes.
    names
        .filter(|n| n.contains("_R") || n.contains("_ZN"))
        .collect()
}

/// Legacy names do not number closures.
fn unnumbered(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("{closure#") {
        out.push_str(&rest[..at]);
        out.push_str("{closure}");
        rest = rest[at..].split_once('}').map_or("", |(_, after)| after);
    }
    out + rest
}

#[test]
fn both_schemes_name_one_program_alike() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("probe.rs"), PROBE).expect("written");
    let mut families = Vec::new();
    for scheme in ["v0", "legacy"] {
        let flag = format!("-Csymbol-mangling-version={scheme}");
        let object = format!("{scheme}.o");
        rustc(
            dir.path(),
            &[
                "probe.rs",
                "--crate-name=probe",
                "--emit=obj",
                &flag,
                "-o",
                &object,
            ],
        )
        .unwrap_or_else(|e| panic!("{scheme}: {e}"));
        let wanted = if scheme == "v0" {
            Scheme::V0
        } else {
            Scheme::Legacy
        };
        let mut found = BTreeSet::new();
        let mut shorts = BTreeSet::new();
        for symbol in symbols(&dir.path().join(&object)) {
            let name = Name::parse(&symbol);
            if name.scheme() == wanted && name.defining().is_some_and(|c| c.name == "probe") {
                found.insert(unnumbered(&name.family()));
                if !name.is_generic() {
                    shorts.insert(unnumbered(&name.short()));
                }
            }
        }
        families.push((found, shorts));
    }
    let (legacy, legacy_shorts) = families.pop().expect("two");
    let (v0, v0_shorts) = families.pop().expect("two");
    let only =
        |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>();
    // All there is to differ: the blanket impl's type, and whose closure is called (legacy calls
    // those `core::ops::function::FnOnce::call_once`, all of them).
    assert_eq!(
        only(&legacy, &v0),
        ["<T as probe::Blanket>::blanket"],
        "{v0:#?}"
    );
    assert_eq!(
        only(&v0, &legacy),
        [
            "<probe::main::{closure} as core::ops::function::FnOnce>::call_once",
            "<probe::main::{closure} as core::ops::function::FnOnce>::call_once::{shim:vtable#0}",
            "<u64 as probe::Blanket>::blanket",
            "<u8 as probe::Blanket>::blanket",
        ],
        "{legacy:#?}"
    );
    assert!(v0.len() >= 22, "{v0:#?}");
    for expected in [
        "probe::shapes::Pair::first",
        "probe::shapes::Square::far",
        "<probe::shapes::Square as probe::Named>::name",
        "<[_] as probe::Named>::name",
        "probe::outer::{closure}::{closure}",
        "probe::Named::twice",
    ] {
        assert!(v0.contains(expected), "{expected}: {v0:#?}");
    }
    let both = v0_shorts.intersection(&legacy_shorts).count();
    assert!(both >= 8, "{v0_shorts:#?}\n{legacy_shorts:#?}");
}

#[test]
fn v0_tells_versions_makers_and_families_apart() {
    let dir = tempfile::tempdir().expect("a directory");
    let write = |file: &str, text: &str| {
        std::fs::write(dir.path().join(file), text).expect("written");
    };
    write(
        "dep.rs",
        "use std::hint::black_box;
         #[inline(never)] pub fn plain() -> u8 { black_box(1) }
         #[inline(never)] pub fn generic<T>(t: T) -> T { black_box(t) }
         pub struct Of<T>(pub T);
         // Two functions of one name and one family, told apart by their impls.
         impl Of<u8> { #[inline(never)] pub fn get(&self) -> u8 { black_box(self.0) } }
         impl Of<u16> { #[inline(never)] pub fn get(&self) -> u16 { black_box(self.0) + 1 } }
         impl<T: Clone> Of<T> { #[inline(never)] pub fn any(&self) -> T { black_box(self.0.clone()) } }
         pub trait Local<K> { fn local(&self) -> u8; #[inline(never)] fn default(&self) -> u8 { self.local() } }",
    );
    write(
        "main.rs",
        "use std::hint::black_box;
         use dep_new::Local;
         struct Mine;
         impl Local<Mine> for String { #[inline(never)] fn local(&self) -> u8 { black_box(self.len() as u8) } }
         fn main() {
             black_box((dep_old::plain(), dep_new::plain()));
             black_box((dep_new::generic(1u8), dep_new::generic(\"x\"), dep_old::generic(1u32)));
             black_box((dep_new::Of(1u8).get(), dep_new::Of(1u16).get()));
             black_box((dep_new::Of(1u8).any(), dep_new::Of(1u16).any()));
             black_box((String::new().local(), String::new().default()));
         }",
    );
    let v0 = "-Csymbol-mangling-version=v0";
    for version in ["old", "new"] {
        let metadata = format!("-Cmetadata={version}");
        let file = format!("libdep_{version}.rlib");
        rustc(
            dir.path(),
            &[
                "dep.rs",
                "--crate-name=dep",
                "--crate-type=rlib",
                v0,
                &metadata,
                "-o",
                &file,
            ],
        )
        .expect("a library");
    }
    rustc(
        dir.path(),
        &[
            "main.rs",
            "--crate-name=user",
            v0,
            "--extern=dep_old=libdep_old.rlib",
            "--extern=dep_new=libdep_new.rlib",
            "-o",
            "user",
        ],
    )
    .expect("a program");
    let all = symbols(&dir.path().join("user"));
    let names: Vec<Name<'_>> = all.iter().map(|s| Name::parse(s)).collect();
    let with = |family: &str| {
        let found: Vec<_> = names.iter().filter(|n| n.family() == family).collect();
        assert!(!found.is_empty(), "{family} in {all:#?}");
        found
    };
    let keys = |family: &str| {
        with(family)
            .iter()
            .map(|n| n.family_key())
            .collect::<BTreeSet<_>>()
    };
    let defining = |family: &str| {
        with(family)
            .iter()
            .map(|n| n.defining().expect("v0").name.into_owned())
            .collect::<BTreeSet<_>>()
    };

    // Two versions: one family text, two keys, two hashes.
    assert_eq!(keys("dep::plain").len(), 2);
    let hashes: BTreeSet<_> = with("dep::plain")
        .iter()
        .map(|n| n.defining().expect("v0").disambiguator)
        .collect();
    assert_eq!(hashes.len(), 2);
    assert!(!hashes.contains(&None));

    // Three copies, of two functions, all made by the user of them.
    assert_eq!(with("dep::generic").len(), 3);
    assert_eq!(keys("dep::generic").len(), 2);
    for name in with("dep::generic") {
        assert!(name.is_generic());
        assert_eq!(name.instantiating().expect("generic").name, "user");
        assert_eq!(name.defining().expect("v0").name, "dep");
    }

    // Two functions; and two copies of one.
    assert_eq!(
        (with("dep::Of::get").len(), keys("dep::Of::get").len()),
        (2, 2)
    );
    assert_eq!(
        (with("dep::Of::any").len(), keys("dep::Of::any").len()),
        (2, 1)
    );

    // The impl is the user's, neither the type nor the trait; the default body is the trait's.
    let user = BTreeSet::from(["user".to_owned()]);
    assert_eq!(
        defining("<alloc::string::String as dep::Local>::local"),
        user
    );
    assert_eq!(
        defining("dep::Local::default"),
        BTreeSet::from(["dep".to_owned()])
    );
}
