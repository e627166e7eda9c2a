//! Published programs, built from the registry's sources as their users build them.
//!
//! They are cached in cargo's directory for tests inside the target directory: the first run
//! takes one or two minutes per build, later ones ask cargo and find all fresh. Several test
//! processes may ask at once: cargo locks its target directories.

use crate::command::{cargo, copy_tree, succeed};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// A program of the registry.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// The package.
    pub package: &'static str,
    /// Its version; the published `Cargo.lock` pins the rest.
    pub version: &'static str,
    /// The binary.
    pub bin: &'static str,
}

/// Large, of many crates, among them a `memchr` beside std's own; no C.
pub const RIPGREP: Program = Program {
    package: "ripgrep",
    version: "15.1.0",
    bin: "rg",
};
/// Small; with C and much assembly.
pub const B3SUM: Program = Program {
    package: "b3sum",
    version: "1.8.2",
    bin: "b3sum",
};
/// Middle-sized; no C.
pub const HYPERFINE: Program = Program {
    package: "hyperfine",
    version: "1.20.0",
    bin: "hyperfine",
};

/// The version of [`HYPERFINE`] before it.
pub const HYPERFINE_BEFORE: Program = Program {
    version: "1.19.0",
    ..HYPERFINE
};

/// How to build it. Always unstripped and without link-time optimisation: only then does the
/// linker's map tell crates apart.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// The name of its directory.
    pub tag: &'static str,
    /// Further flags of rustc.
    pub rustflags: &'static str,
    /// `CARGO_PROFILE_RELEASE_STRIP`.
    pub strip: &'static str,
}

/// v0 names, nothing stripped, no debug information but std's own.
pub const V0: Variant = Variant {
    tag: "v0",
    rustflags: "-Csymbol-mangling-version=v0",
    strip: "none",
};
/// As [`V0`] with the names that stable Rust made before 1.97.
pub const LEGACY: Variant = Variant {
    tag: "legacy",
    rustflags: "",
    ..V0
};
/// As [`V0`], and stripped by rustc itself.
pub const STRIPPED: Variant = Variant {
    tag: "stripped",
    strip: "symbols",
    ..V0
};

/// Every build that a test asks for, the quickest first.
pub const ALL: [(Program, Variant); 7] = [
    (B3SUM, V0),
    (B3SUM, LEGACY),
    (B3SUM, STRIPPED),
    (HYPERFINE, V0),
    (HYPERFINE, LEGACY),
    (HYPERFINE_BEFORE, V0),
    (RIPGREP, V0),
];

/// A finished build.
#[derive(Clone, Debug)]
pub struct Build {
    /// The binary, with `deps/` beside it.
    pub file: PathBuf,
    /// The linker's map.
    pub map: PathBuf,
    /// The project.
    pub project: PathBuf,
}

/// One build at a time: they would only share the processor.
static BUILDING: Mutex<()> = Mutex::new(());

impl Program {
    /// Builds it below `cache`, or finds it there.
    pub fn build(&self, variant: Variant, cache: &Path) -> Build {
        let _turn = BUILDING
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let home = cache
            .join("published")
            .join(format!("{}-{}", self.package, self.version));
        let project = self.source(&home);
        let target = home.join(variant.tag);
        let map = target.join(format!("{}.map", self.bin));
        let mut command = cargo();
        command
            .args([
                "rustc",
                "--release",
                "--locked",
                "--bin",
                self.bin,
                "--target-dir",
            ])
            .arg(&target)
            // Behind `--`, flags reach the binary alone: build scripts must not write the map.
            .args(["--", &format!("-Clink-arg=-Wl,-Map={}", map.display())])
            .current_dir(&project)
            .env("RUSTFLAGS", variant.rustflags)
            .env("CARGO_PROFILE_RELEASE_LTO", "false")
            .env("CARGO_PROFILE_RELEASE_PANIC", "unwind")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
            .env("CARGO_PROFILE_RELEASE_STRIP", variant.strip);
        succeed(&mut command);
        let file = target.join("release").join(self.bin);
        Build { file, map, project }
    }

    /// The unpacked source, below `cache`; for files that are in it.
    pub fn files(&self, cache: &Path) -> PathBuf {
        let _turn = BUILDING
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let home = format!("{}-{}", self.package, self.version);
        self.source(&cache.join("published").join(home))
    }

    /// The unpacked source, copied from cargo's cache of the registry.
    fn source(&self, home: &Path) -> PathBuf {
        let project = home.join("source");
        if project.is_dir() {
            return project;
        }
        let needs_it = tempfile::tempdir().expect("a temporary directory");
        let manifest = format!(
            "[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
             [dependencies]\n{} = \"={}\"\n[workspace]\n",
            self.package, self.version
        );
        fs::write(needs_it.path().join("Cargo.toml"), manifest).expect("write a manifest");
        fs::create_dir(needs_it.path().join("src")).expect("create a directory");
        fs::write(needs_it.path().join("src/lib.rs"), "").expect("write a file");
        succeed(cargo().arg("fetch").current_dir(needs_it.path()));

        let unpacked = self.unpacked().unwrap_or_else(|| {
            panic!(
                "`cargo fetch` left no source of {} {}",
                self.package, self.version
            )
        });
        // Renamed when complete, so that an interrupted copy is not taken for the source.
        fs::create_dir_all(home).expect("create a directory");
        let copy = tempfile::tempdir_in(home)
            .expect("a temporary directory")
            .keep();
        copy_tree(&unpacked, &copy);
        // It is its own workspace, not a stray member of ours.
        let manifest = copy.join("Cargo.toml");
        let mut text = fs::read_to_string(&manifest).expect("read the manifest");
        if !text.lines().any(|line| line.starts_with("[workspace")) {
            text.push_str("\n[workspace]\n");
            fs::write(&manifest, text).expect("write the manifest");
        }
        if fs::rename(&copy, &project).is_err() {
            assert!(
                project.is_dir(),
                "cannot move the source to {}",
                project.display()
            );
        }
        project
    }

    /// `$CARGO_HOME/registry/src/<index>/NAME-VERSION`, as the cargo book describes it.
    fn unpacked(&self) -> Option<PathBuf> {
        let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")))?;
        let wanted = format!("{}-{}", self.package, self.version);
        let indexes = fs::read_dir(home.join("registry/src")).ok()?;
        indexes
            .flatten()
            .map(|index| index.path().join(&wanted))
            .find(|path| path.is_dir())
    }
}
