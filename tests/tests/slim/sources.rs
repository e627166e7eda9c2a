//! Sources of small programs, and the compiler for those that need no library of Rust's.

use integration_tests::command::rustc;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// Writes a file below the directory, and the directories that it is in.
pub(crate) fn write(directory: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = directory.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

/// What the compiler asks of a program that has no `core`; it stands at the source's start.
pub(crate) const CORE: &str = r#"
    #![feature(no_core, lang_items)] #![no_core] #![allow(internal_features)]
    #[lang = "pointee_sized"] pub trait PointeeSized {}
    #[lang = "meta_sized"] pub trait MetaSized: PointeeSized {}
    #[lang = "sized"] pub trait Sized: MetaSized {}
    #[lang = "copy"] pub trait Copy {}
    impl Copy for u32 {}
    #[lang = "drop_in_place"] unsafe fn drop_in_place<T: PointeeSized>(_: *mut T) {}
"#;

/// The compiler for a source that begins with [`CORE`]: optimised, in one piece, with v0 names. No
/// target has to be installed for it.
pub(crate) fn without_core(triple: &str) -> Command {
    let mut compile = rustc();
    compile.env("RUSTC_BOOTSTRAP", "1");
    compile.args(["--edition=2021", "--crate-name=tiny", "-O"]);
    compile.args(["-Ccodegen-units=1", "-Cpanic=abort"]);
    compile.args(["-Csymbol-mangling-version=v0", "--target", triple]);
    compile
}
