//! What a file needs at run time, in the terms of all formats.

/// What must be there at run time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoaderNeeds {
    /// Shared libraries.
    pub libraries: Vec<String>,
    /// Versions that these must offer, by library and version.
    pub versions: Vec<VersionNeed>,
    /// The oldest glibc that offers all of them.
    pub oldest_glibc: Option<String>,
    /// The program interpreter (dynamic loader).
    pub interpreter: Option<String>,
    /// Where the loader looks for libraries first.
    pub run_paths: Vec<String>,
    /// The shared libraries again, with what Mach-O and PE say of each.
    pub details: Vec<Library>,
    /// The oldest macOS or Windows that runs the file.
    pub oldest_system: Option<String>,
    /// Whether that is what the linker writes unless told otherwise, so that it says nothing of what the
    /// file needs.
    pub system_is_default: bool,
    /// What Windows runs it in: `console`, `gui`, …
    pub subsystem: Option<&'static str>,
    /// What is offered under a name: what it is, and the name.
    pub exports: Vec<(&'static str, String)>,
    /// The memories and tables.
    pub resources: Vec<Resource>,
    /// The modules of a component of WebAssembly: what each is called, and its bytes.
    pub modules: Vec<(String, u64)>,
    /// What runs first.
    pub starts: Vec<String>,
    /// Extensions of the format that are used.
    pub features: Vec<String>,
    /// Compilers and tools that made it, with their versions.
    pub producers: Vec<String>,
    /// How the file is protected, as its headers say.
    pub hardening: Vec<Hardening>,
}

impl LoaderNeeds {
    /// What asks for these libraries and nothing else.
    pub(super) fn of_libraries(libraries: Vec<Library>) -> Self {
        Self {
            libraries: libraries.iter().map(|one| one.name.clone()).collect(),
            details: libraries,
            ..Self::default()
        }
    }
}

/// A shared library as Mach-O and PE ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    /// Its name or path.
    pub name: String,
    /// The version that was linked against.
    pub version: Option<String>,
    /// The oldest version that will do.
    pub compatible: Option<String>,
    /// Whether the file also runs without it.
    pub optional: bool,
    /// Whether it is loaded when one of its functions is first called, not at the start.
    pub delayed: bool,
    /// How many functions and variables are imported from it.
    pub functions: Option<u32>,
    /// What else is imported from it, by kind.
    pub others: Vec<(&'static str, u32)>,
}

/// A memory or a table of WebAssembly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    /// `memory` or `table`.
    pub what: &'static str,
    /// How large it is at first: of a memory in pages of 64 KiB, of a table in entries.
    pub least: u64,
    /// How large it may become.
    pub most: Option<u64>,
    /// Whether threads share it.
    pub shared: bool,
    /// Whether it comes from outside.
    pub imported: bool,
}

/// A fact on how a file is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hardening {
    /// What it is about: `pie`, `relro`, `control-flow-guard`, …
    pub name: &'static str,
    /// `yes` or `no`, or in which way: `full`, `partial`, `ad-hoc`, …
    pub value: &'static str,
}

impl Hardening {
    pub(super) fn flag(name: &'static str, set: bool) -> Self {
        Self {
            name,
            value: if set { "yes" } else { "no" },
        }
    }
}

/// A version that a library must offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionNeed {
    /// The library.
    pub library: String,
    /// `GLIBC_2.34`, …
    pub version: String,
    /// The imported symbols that ask for it, sorted.
    pub symbols: Vec<String>,
    /// Whether the file also runs without it: only weak references ask for it.
    pub optional: bool,
}

impl VersionNeed {
    /// Whether it is glibc that must offer this version. Its names begin with `GLIBC_`, but so do
    /// those of other libraries that took over what glibc once had: libgcc's
    /// `__register_frame_info` is `GLIBC_2.0`, and programs for musl ask libgcc for it too.
    pub fn is_of_glibc(&self) -> bool {
        // What glibc installs, from its `shlib-versions`; on some processors libc and the dynamic
        // loader have other numbers.
        const LIBRARIES: [&str; 17] = [
            "libc",
            "libm",
            "libmvec",
            "libpthread",
            "libdl",
            "librt",
            "libresolv",
            "libutil",
            "libanl",
            "libnsl",
            "libcrypt",
            "libBrokenLocale",
            "libthread_db",
            "libnss_files",
            "libnss_dns",
            "libnss_compat",
            "libc_malloc_debug",
        ];
        let (stem, _) = self
            .library
            .split_once(".so")
            .unwrap_or((&self.library, ""));
        // `ld-linux-x86-64.so.2`, `ld64.so.1`, `ld.so.1`; musl's loader is `ld-musl-*`.
        let loader = stem == "ld" || stem == "ld64" || stem.starts_with("ld-linux");
        self.version.starts_with("GLIBC_") && (loader || LIBRARIES.contains(&stem))
    }
}
