//! Small projects and small programs, built for real.

use crate::command::{cargo, copy_tree, rustc, succeed};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A copy of `tests/fixtures/NAME`, deleted with this value. The project is in `app/`.
#[derive(Debug)]
pub struct Fixture {
    directory: TempDir,
    project: PathBuf,
}

impl Fixture {
    /// Copies the project to a temporary directory.
    pub fn new(name: &str) -> Self {
        let directory = TempDir::with_prefix("codecost-").expect("a temporary directory");
        let source = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures")
            .join(name);
        copy_tree(&source, directory.path());
        let project = directory.path().join("app");
        assert!(
            project.join("Cargo.toml").is_file(),
            "no project in {}",
            source.display()
        );
        Self { directory, project }
    }

    /// The project's directory.
    pub fn path(&self) -> &Path {
        &self.project
    }

    /// The directory that holds the project and what lies beside it.
    pub fn root(&self) -> &Path {
        self.directory.path()
    }

    /// Runs cargo in the project; it must succeed. Returns its standard output.
    pub fn cargo(&self, arguments: &[&str]) -> String {
        succeed(cargo().args(arguments).current_dir(self.path()))
    }
}

/// A directory for single files that rustc makes from `tests/fixtures/specimen.rs`, a program
/// with generics, tables, strings, a vtable and variables.
#[derive(Debug)]
pub struct Specimens {
    directory: TempDir,
}

impl Specimens {
    /// An empty directory.
    pub fn new() -> Self {
        Self {
            directory: TempDir::with_prefix("codecost-").expect("a temporary directory"),
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Compiles the specimen to `name`, optimised, with v0 names and these arguments.
    pub fn rustc(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/specimen.rs");
        let file = self.path().join(name);
        let mut command = rustc();
        command.args(["--edition=2024", "--crate-name=specimen", "-Copt-level=2"]);
        command
            .args(["-Csymbol-mangling-version=v0"])
            .args(arguments);
        succeed(command.arg("-o").arg(&file).arg(source));
        file
    }
}

impl Default for Specimens {
    fn default() -> Self {
        Self::new()
    }
}
