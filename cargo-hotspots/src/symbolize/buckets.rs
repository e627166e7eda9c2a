//! What is no crate's: libc and its companions, the kernel, the vdso, code made at run time, and
//! which crates are the system to those who call them.

use codecost::attribution::{Origin, catalogue::CrateInfo};

/// A bucket's name and origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bucket {
    pub(super) name: &'static str,
    pub(super) origin: Origin,
}

/// libc, libm, the dynamic loader and what else comes with them.
pub(super) const LIBC: Bucket = Bucket {
    name: "[libc]",
    origin: Origin::Native,
};
/// The library and the runtime of C++, which are to C++ what std is to Rust.
pub(super) const CXX: Bucket = Bucket {
    name: "[c++]",
    origin: Origin::Native,
};
/// A memory allocator that is a library of its own.
pub(super) const ALLOCATOR: Bucket = Bucket {
    name: "[allocator]",
    origin: Origin::Native,
};
/// The kernel.
pub(super) const KERNEL: Bucket = Bucket {
    name: "[kernel]",
    origin: Origin::Kernel,
};
/// The kernel's page of user code.
pub(super) const VDSO: Bucket = Bucket {
    name: "[vdso]",
    origin: Origin::Vdso,
};
/// Code made at run time.
pub(super) const JIT: Bucket = Bucket {
    name: "[jit]",
    origin: Origin::Jit,
};
/// What the linker makes: the jumps to shared libraries.
pub(super) const LINKER: Bucket = Bucket {
    name: "[linker]",
    origin: Origin::Linker,
};
/// Callers that a stack does not have, because its end is missing.
pub(super) const MISSING: Bucket = Bucket {
    name: "[callers missing]",
    origin: Origin::Unknown,
};
/// No evidence.
pub(super) const UNKNOWN: Bucket = Bucket {
    name: "[unknown]",
    origin: Origin::Unknown,
};

impl Bucket {
    pub(super) fn info(self) -> CrateInfo {
        CrateInfo {
            role: Default::default(),
            name: self.name.into(),
            package: None,
            version: None,
            origin: self.origin,
        }
    }
}

/// The bucket that a tool has written as a function's name.
pub(super) fn of_name(name: &str) -> Option<Bucket> {
    [
        LIBC, CXX, ALLOCATOR, KERNEL, VDSO, JIT, LINKER, MISSING, UNKNOWN,
    ]
    .into_iter()
    .find(|bucket| bucket.name == name)
}

/// A crate that comes with std and that nearly nobody else's code is seen in by that name alone.
pub(super) fn of_std(name: &str) -> Option<Bucket> {
    const WITH_STD: [&str; 5] = [
        "hashbrown",
        "compiler_builtins",
        "panic_unwind",
        "rustc_demangle",
        "std_detect",
    ];
    let name = WITH_STD.into_iter().find(|known| *known == name)?;
    let origin = Origin::StdDependency;
    Some(Bucket { name, origin })
}

/// Shared libraries that are libc or come with it, by what comes before `.so`, `-` or a digit.
const LIBC_FILES: [&str; 16] = [
    "libc",
    "libm",
    "libmvec",
    "libpthread",
    "libdl",
    "librt",
    "libresolv",
    "libutil",
    "libanl",
    "libnss_files",
    "libnss_dns",
    "libgcc_s",
    "ld-linux",
    "ld-musl",
    "ld",
    "ld64",
];
/// Shared libraries of C++ itself.
const CXX_FILES: [&str; 4] = ["libstdc++", "libc++", "libc++abi", "libunwind"];
/// Shared libraries that replace libc's allocator.
const ALLOCATOR_FILES: [&str; 7] = [
    "libjemalloc",
    "libmimalloc",
    "libmimalloc-secure",
    "libtcmalloc",
    "libtcmalloc_minimal",
    "libsnmallocshim",
    "librpmallocwrap",
];
/// Crates that are memory allocators: the caller that asks for memory pays for it. Crates that hand
/// out memory in a way of their own (arenas, slabs) are not meant: those are called by name.
const ALLOCATOR_CRATES: [&str; 22] = [
    "tikv_jemalloc_sys",
    "tikv_jemallocator",
    "jemalloc_sys",
    "jemallocator",
    "mimalloc",
    "libmimalloc_sys",
    "mimalloc_rust",
    "mimalloc_rust_sys",
    "snmalloc_rs",
    "snmalloc_sys",
    "rpmalloc",
    "rpmalloc_sys",
    "tcmalloc",
    "tcmalloc_better",
    "libtcmalloc_sys",
    "scudo",
    "scudo_sys",
    "dlmalloc",
    "wee_alloc",
    "talc",
    "lol_alloc",
    "stats_alloc",
];

/// Whose a shared library is by its path, where that is known.
pub(super) fn of_library(path: &str) -> Option<Bucket> {
    let file = path.rsplit(['/', '\\']).next()?;
    // `libc.so.6`, `libc-2.31.so`, `ld-linux-x86-64.so.2`, `ld-musl-x86_64.so.1`
    let stem = file.split(".so").next()?;
    if stem.len() == file.len() {
        return None;
    }
    let is = |names: &[&str]| {
        names.iter().any(|name| {
            stem.strip_prefix(name).is_some_and(|rest| {
                rest.is_empty()
                    || rest.starts_with('.')
                    || (rest.starts_with('-')
                        && (name.starts_with("ld-")
                            || rest[1..].starts_with(|c: char| c.is_ascii_digit())))
            })
        })
    };
    if is(&LIBC_FILES) {
        Some(LIBC)
    } else if is(&CXX_FILES) {
        Some(CXX)
    } else if is(&ALLOCATOR_FILES) {
        Some(ALLOCATOR)
    } else {
        None
    }
}

/// Whether time in this crate is charged to its caller.
pub(super) fn is_system(info: &CrateInfo) -> bool {
    match info.origin {
        Origin::Std | Origin::StdDependency | Origin::Kernel | Origin::Vdso | Origin::Linker => {
            true
        }
        Origin::Workspace => false,
        _ => {
            [LIBC.name, CXX.name, ALLOCATOR.name, MISSING.name].contains(&info.name.as_str())
                || ALLOCATOR_CRATES.contains(&info.name.as_str())
        }
    }
}

/// Whether a unit's source is libc's, by its path and the directory of the compilation.
pub(super) fn is_libc_source(path: &str) -> bool {
    ["/glibc", "/musl-", "/musl/", "/sysdeps/", "/csu/", "/nptl/"]
        .iter()
        .any(|part| path.contains(part))
        || path.starts_with("../sysdeps/")
}

/// Functions that libc's start files put into each program.
pub(super) fn is_start_code(name: &str) -> bool {
    [
        "_start",
        "_init",
        "_fini",
        "_dl_relocate_static_pie",
        "deregister_tm_clones",
        "register_tm_clones",
        "__do_global_dtors_aux",
        "frame_dummy",
        "__libc_csu_init",
        "__libc_csu_fini",
    ]
    .contains(&name)
}

/// Whether C++'s library or runtime defines a name, mangled or not, when it is inside a program:
/// operators of the allocator, exceptions, and templates of the namespaces `std` and `__gnu_cxx`.
pub(super) fn is_cxx_symbol(name: &str) -> bool {
    const STARTS: [&str; 12] = [
        "_Znwm",
        "_Znam",
        "_ZdlPv",
        "_ZdaPv",
        "__cxa_",
        "__gxx_",
        "operator new",
        "operator delete",
        "_ZSt",
        "_ZNSt",
        "_ZNKSt",
        "_ZN9__gnu_cxx",
    ];
    STARTS.iter().any(|start| name.starts_with(start))
}

/// How names of libc's own start.
const LIBC_PREFIXES: [&str; 10] = [
    "__libc_",
    "__GI_",
    "_IO_",
    "_dl_",
    "__pthread_",
    "pthread_",
    "_nl_",
    "__gconv",
    "__nss_",
    "__stdio_",
];

/// Names of libc that have no such start.
const LIBC_NAMES: [&str; 60] = [
    "memcpy",
    "memmove",
    "memset",
    "memcmp",
    "memchr",
    "memrchr",
    "bcmp",
    "strlen",
    "strnlen",
    "strchr",
    "strrchr",
    "strcmp",
    "strncmp",
    "strcpy",
    "strncpy",
    "strcat",
    "strstr",
    "malloc",
    "free",
    "calloc",
    "realloc",
    "reallocarray",
    "memalign",
    "aligned_alloc",
    "posix_memalign",
    "_int_malloc",
    "_int_free",
    "_int_realloc",
    "_int_memalign",
    "malloc_consolidate",
    "unlink_chunk",
    "sysmalloc",
    "systrim",
    "tcache_init",
    "read",
    "write",
    "readv",
    "writev",
    "pread64",
    "pwrite64",
    "open64",
    "open",
    "close",
    "mmap",
    "mmap64",
    "munmap",
    "mprotect",
    "madvise",
    "syscall",
    "qsort",
    "bsearch",
    "exp",
    "log",
    "pow",
    "sin",
    "cos",
    "fmod",
    "getenv",
    "clock_gettime",
    "sched_yield",
];

/// Functions of libc that a statically linked program contains. Only asked for names that no crate
/// defines, in programs that load no libraries.
pub(super) fn is_libc_symbol(name: &str) -> bool {
    // `__memmove_avx_unaligned_erms`, `__strlen_evex`: chosen at load time for the processor.
    let plain = name.trim_start_matches('_');
    let variants = [
        "_avx",
        "_sse",
        "_evex",
        "_erms",
        "_ssse3",
        "_generic",
        "_unaligned",
        "_fma",
    ];
    let base = variants
        .iter()
        .filter_map(|variant| plain.find(variant))
        .min()
        .and_then(|end| plain.get(..end))
        .unwrap_or(plain);
    LIBC_PREFIXES.iter().any(|part| name.starts_with(part))
        || LIBC_NAMES.contains(&name)
        || LIBC_NAMES.contains(&base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_by_their_names() {
        let bucket = |path| of_library(path).map(|bucket| bucket.name);
        for path in [
            "/usr/lib/x86_64-linux-gnu/libc.so.6",
            "/lib/libc-2.31.so",
            "/lib64/ld-linux-x86-64.so.2",
            "/lib/ld-musl-x86_64.so.1",
            "/lib/x86_64-linux-gnu/ld-2.31.so",
            "/usr/lib/libm.so.6",
            "/usr/lib/libgcc_s.so.1",
        ] {
            assert_eq!(bucket(path), Some("[libc]"), "{path}");
        }
        assert_eq!(bucket("/usr/lib/libjemalloc.so.2"), Some("[allocator]"));
        for path in [
            "/usr/lib/libstdc++.so.6",
            "/usr/lib/libc++.so.1",
            "/lib/libc++abi.so.1",
        ] {
            assert_eq!(bucket(path), Some("[c++]"), "{path}");
        }
        for path in [
            "/usr/lib/libcrypto.so.3",
            "/usr/lib/libmagic.so.1",
            "/home/me/target/release/libc",
            "/usr/lib/libc++filt.so.1",
            "",
        ] {
            assert_eq!(bucket(path), None, "{path}");
        }
    }

    #[test]
    fn the_library_of_cxx_inside_a_program() {
        for name in [
            "_Znwm",
            "operator new(unsigned long)",
            "__cxa_throw",
            "_ZNSt6vectorIiSaIiEE3endEv",
        ] {
            assert!(is_cxx_symbol(name), "{name}");
        }
        for name in ["_ZN7StorageC1Ev", "_Z5wantsi", "cxa", "ZSTD_compress"] {
            assert!(!is_cxx_symbol(name), "{name}");
        }
    }

    #[test]
    fn libc_inside_a_static_program() {
        for name in [
            "malloc",
            "__memmove_avx_unaligned_erms",
            "__strlen_evex",
            "_int_malloc",
            "__libc_start_main",
        ] {
            assert!(is_libc_symbol(name), "{name}");
        }
        for name in ["blake3_hash_many", "ZSTD_compress", "main", "", "_"] {
            assert!(!is_libc_symbol(name), "{name}");
        }
    }
}
