//! Every knob there is to turn, as data: the plan, `explain` and the documentation all read this.
//!
//! Effects are ranges measured on published Rust programs on x86_64 Linux with rustc 1.95, each
//! knob on top of the rest of the recipe unless said otherwise; they are what to expect, not a
//! promise, and `cargo tune measure` gives the figures for one program.

/// How a knob is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// Part of the plan of some goal.
    Plan,
    /// Only with `--allow`.
    Allow,
    /// Only on a nightly toolchain with `--nightly`.
    Nightly,
    /// Explained, never written.
    Advice,
}

impl Offer {
    /// As the documentation says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "in the plan",
            Self::Allow => "with --allow",
            Self::Nightly => "with --nightly",
            Self::Advice => "advice only",
        }
    }
}

/// One knob.
#[derive(Debug, Clone, Copy)]
pub struct Knob {
    /// The name for `explain` and, where it is offered so, for `--allow`.
    pub name: &'static str,
    /// How it is written.
    pub written: &'static str,
    /// How it is offered.
    pub offer: Offer,
    /// What it does to the size, in words, or why nothing.
    pub size: &'static str,
    /// What it does to the speed.
    pub speed: &'static str,
    /// What it does to the build time.
    pub compile_time: &'static str,
    /// The mechanism, in one sentence.
    pub why: &'static str,
    /// The danger, or where it is void.
    pub risk: Option<&'static str>,
    /// What else there is to know.
    pub story: &'static str,
}

/// Where the ranges in the table come from.
pub const SOURCE: &str = "measured on published programs, x86_64 Linux, rustc 1.95";

/// The knob of that name.
pub fn find(name: &str) -> Option<&'static Knob> {
    KNOBS.iter().find(|knob| knob.name == name)
}

/// All knobs.
pub const KNOBS: &[Knob] = &[
    Knob {
        name: "opt-level",
        written: "profile: opt-level = 0, 1, 2, 3, \"s\" or \"z\"",
        offer: Offer::Plan,
        size: "\u{2212}8\u{2026}\u{2212}12 % for \"z\" after the rest",
        speed: "\u{2212}10\u{2026}\u{2212}30 % for \"z\"",
        compile_time: "\"z\" and \"s\" a little faster than 3",
        why: "\"z\" tells LLVM to prefer fewer instructions to faster ones: less inlining, no unrolling, no vectorised loops",
        risk: Some(
            "slower code, often by 10 to 30 %; not monotone: \"s\" or 2 is smaller than \"z\" in some programs",
        ),
        story: "`cargo tune search` tries 2, 3, \"s\" and \"z\" on your program. Generic code is compiled in the crate that instantiates it, so a dependency's own opt-level does not reach its generics elsewhere. `-Copt-level=…` in rustflags comes later on rustc's command line and wins silently.",
    },
    Knob {
        name: "lto",
        written: "profile: lto = true (fat), \"thin\", false (thin, within one crate) or \"off\"",
        offer: Offer::Plan,
        size: "\u{2212}10\u{2026}\u{2212}30 %",
        speed: "+5\u{2026}+20 %",
        compile_time: "link step several times longer",
        why: "the whole program is optimised at once, so code that no crate needs any more is found and calls across crates are inlined",
        risk: Some("longer builds and more memory while linking"),
        story: "`false` is not off: it is thin LTO within each crate; `\"off\"` is none. Cargo skips LTO without a word for a library with an rlib beside its cdylib or staticlib (`crate-type = [\"cdylib\", \"rlib\"]`), and for dylibs. `lto = \"full\"` is accepted by cargo and fails in rustc.",
    },
    Knob {
        name: "codegen-units",
        written: "profile: codegen-units = N",
        offer: Offer::Plan,
        size: "0\u{2026}\u{2212}4 %",
        speed: "a little faster",
        compile_time: "code generation of one crate uses one core",
        why: "one unit lets LLVM see a whole crate at once instead of 16 pieces",
        risk: Some("code generation is no longer parallel within a crate"),
        story: "Adds little under fat LTO, which joins all units anyway. Incremental builds use 256 units unless this key is set.",
    },
    Knob {
        name: "panic",
        written: "profile: panic = \"abort\" or \"unwind\"",
        offer: Offer::Plan,
        size: "\u{2212}1\u{2026}\u{2212}25 %",
        speed: "\u{b1}1 %",
        compile_time: "a little faster",
        why: "without unwinding there are no landing pads and no tables that lead to them",
        risk: Some(
            "a panic ends the process at once: no destructors run, nothing can catch it, not even in another thread",
        ),
        story: "Blocked, with file and line, where the workspace's own code relies on unwinding: catch_unwind, resume_unwind, panic_any, JoinError::is_panic, or the Err of a thread's join(). `cargo test --release` still passes, because cargo compiles test targets with unwinding whatever the profile says; so tests cannot reveal the break. Ignored for build scripts and proc-macros. wasm32-unknown-unknown aborts anyway. .eh_frame stays since Rust 1.92, so that backtraces of aborts work.",
    },
    Knob {
        name: "abort",
        written: "--allow abort",
        offer: Offer::Allow,
        size: "see panic",
        speed: "see panic",
        compile_time: "see panic",
        why: "overrides the block on panic = \"abort\" after you have read the evidence",
        risk: Some("the code that was shown as evidence no longer works as written"),
        story: "Not needed where nothing blocks.",
    },
    Knob {
        name: "strip",
        written: "profile: strip = \"symbols\", \"debuginfo\" or \"none\"",
        offer: Offer::Plan,
        size: "\u{2212}23 % of an unstripped program",
        speed: "none",
        compile_time: "none",
        why: "the symbol table is not needed to run, only to give names to addresses",
        risk: Some("backtraces, profilers, BOLT and export tools see no function names"),
        story: "Cargo strips debug information by itself when no crate is built with any; `debug` other than 0, or `strip = \"none\"` written out, cancels that and brings in the standard library's debug information (a hello world of 2.0 MB instead of 0.37 MB).",
    },
    Knob {
        name: "overflow-checks",
        written: "profile: overflow-checks = true or false",
        offer: Offer::Advice,
        size: "costs a little when on",
        speed: "costs when on",
        compile_time: "none",
        why: "integer overflow panics instead of wrapping",
        risk: Some(
            "a program that was written to be checked silently computes wrong numbers without",
        ),
        story: "Off in release by default. An explicit `true` is a decision about correctness and is never turned off here.",
    },
    Knob {
        name: "debug",
        written: "profile: debug = 0, \"line-tables-only\", 1 or 2",
        offer: Offer::Plan,
        size: "none in the program itself when it is stripped",
        speed: "none",
        compile_time: "dev builds 20\u{2026}40 % faster without",
        why: "debug information is generated, written, and copied again by the linker",
        risk: Some("a debugger shows lines but no variables; dependencies show neither"),
        story: "In a release profile, `debug` other than 0 cancels cargo's own stripping and imports the standard library's DWARF.",
    },
    Knob {
        name: "split-debuginfo",
        written: "profile: split-debuginfo = \"off\", \"packed\" or \"unpacked\"",
        offer: Offer::Advice,
        size: "moves debug information out of the program",
        speed: "none",
        compile_time: "\"unpacked\" shortens linking with debug = 2",
        why: "the linker need not copy what stays in separate files",
        risk: Some("the program must be kept beside its .dwo files to be debugged"),
        story: "The default differs by platform: off on Linux, unpacked on macOS, packed on Windows.",
    },
    Knob {
        name: "incremental",
        written: "profile: incremental = true or false",
        offer: Offer::Plan,
        size: "larger: 256 codegen units unless set",
        speed: "slower code",
        compile_time: "much faster rebuilds of the same crate",
        why: "rustc keeps what it computed and compiles only what changed",
        risk: Some("accepted beside fat LTO, where it costs and gives nothing"),
        story: "CARGO_INCREMENTAL and build.incremental win over every profile. Only path dependencies are ever compiled incrementally.",
    },
    Knob {
        name: "relr",
        written: "rustflags: -Clink-arg=-Wl,-z,pack-relative-relocs",
        offer: Offer::Allow,
        size: "\u{2212}2\u{2026}\u{2212}10 %",
        speed: "none",
        compile_time: "none",
        why: "relative relocations are stored as a bitmap instead of 24 bytes each",
        risk: Some("the program starts only with glibc 2.36 or musl 1.2.4 and later"),
        story: "Linux only. Position-independent programs have one relocation for each pointer in constant data, such as vtables and string slices. The oldest glibc wanted is taken from --glibc, from `[workspace.metadata.cargo-tune] glibc = \"2.31\"` (or the same under [package]), or else is this machine's.",
    },
    Knob {
        name: "icf",
        written: "rustflags: -Clink-arg=-Wl,--icf=all",
        offer: Offer::Allow,
        size: "\u{2212}0.4\u{2026}\u{2212}4 %",
        speed: "none",
        compile_time: "none",
        why: "the linker keeps one of several functions with the same machine code",
        risk: Some(
            "different functions get the same address: code that compares function pointers changes its meaning, and rust-lang/rust#160267 reports a miscompile even with --icf=safe",
        ),
        story: "Needs lld, gold or mold; lld is rustc's own default on x86_64 Linux since 1.90. --icf=safe finds nothing on Linux, since rustc emits no address-significance table there.",
    },
    Knob {
        name: "static-relocation",
        written: "rustflags: -Crelocation-model=static",
        offer: Offer::Allow,
        size: "\u{2212}10 %, little beside relr",
        speed: "none",
        compile_time: "none",
        why: "a program at a fixed address needs no relocations",
        risk: Some(
            "loses PIE and with it address space randomisation: not for anything that reads untrusted input; impossible for a cdylib",
        ),
        story: "Not for services, never for cdylib.",
    },
    Knob {
        name: "target-cpu",
        written: "rustflags: -Ctarget-cpu=x86-64-v2, -v3, native",
        offer: Offer::Allow,
        size: "little",
        speed: "depends on the workload",
        compile_time: "none",
        why: "the compiler may use newer instructions",
        risk: Some(
            "illegal instruction on older machines; `native` never for releases, cross builds or published crates",
        ),
        story: "Written as `--allow target-cpu=x86-64-v3`. The standard library is not rebuilt, so its code stays as it is.",
    },
    Knob {
        name: "force-unwind-tables",
        written: "rustflags: -Cforce-unwind-tables=no",
        offer: Offer::Advice,
        size: "often nothing under fat LTO (output identical)",
        speed: "none",
        compile_time: "none",
        why: "leaves out .eh_frame entries where nothing unwinds",
        risk: Some("an aborting program prints no backtrace"),
        story: "Only with panic = \"abort\".",
    },
    Knob {
        name: "linker",
        written: "config: linker, or -Clink-arg=-fuse-ld=…",
        offer: Offer::Advice,
        size: "\u{2212}1.3 % for lld",
        speed: "none",
        compile_time: "lld and mold link faster than GNU ld",
        why: "linkers differ in how they lay out and merge sections",
        risk: Some("a system lld or mold may be older than the one that rustc brings"),
        story: "lld is the default on x86_64 Linux since 1.90: do not write one there.",
    },
    Knob {
        name: "gc-sections",
        written: "linker: --gc-sections, --as-needed",
        offer: Offer::Advice,
        size: "nothing: already on",
        speed: "none",
        compile_time: "none",
        why: "rustc passes them already",
        risk: None,
        story: "There is nothing to gain.",
    },
    Knob {
        name: "relro",
        written: "-Crelro-level=off, no PIE, RUSTC_BOOTSTRAP",
        offer: Offer::Advice,
        size: "little",
        speed: "none",
        compile_time: "none",
        why: "these switch off protections, or stability checks",
        risk: Some("a security loss, or not yours to set"),
        story: "Not offered.",
    },
    Knob {
        name: "prefer-dynamic",
        written: "-Cprefer-dynamic, crt-static, inline-threshold, symbol mangling",
        offer: Offer::Advice,
        size: "not shippable, larger, or nothing",
        speed: "none",
        compile_time: "none",
        why: "they move code elsewhere or change names only",
        risk: Some("a program that needs the toolchain's libstd.so cannot be shipped"),
        story: "Not offered.",
    },
    Knob {
        name: "location-detail",
        written: "rustflags: -Zlocation-detail=none",
        offer: Offer::Nightly,
        size: "smaller; not measured",
        speed: "none",
        compile_time: "none",
        why: "panic messages carry no file, line and column",
        risk: Some("panics no longer say where; nightly only"),
        story: "The standard library keeps its own locations unless it is rebuilt with -Zbuild-std.",
    },
    Knob {
        name: "build-std",
        written: "-Zbuild-std, panic = \"immediate-abort\", -Zfmt-debug=none, trim-paths, -Zshare-generics",
        offer: Offer::Advice,
        size: "large: the standard library is compiled with your profile",
        speed: "varies",
        compile_time: "the standard library is compiled too",
        why: "code that you never use can be left out of std as well",
        risk: Some("nightly only; a manifest with these keys is an error on stable"),
        story: "`cargo +nightly build -Zbuild-std=std,panic_abort --target …` by hand.",
    },
    Knob {
        name: "allocator",
        written: "source: #[global_allocator]",
        offer: Offer::Advice,
        size: "larger by the allocator; not measured",
        speed: "varies with allocation and threads",
        compile_time: "C code to compile",
        why: "malloc of the system is not the fastest for many small blocks",
        risk: Some("needs a change of source"),
        story: "Profile allocations first: where allocation is not hot there is nothing to gain.",
    },
    Knob {
        name: "pgo",
        written: "-Cprofile-generate, -Cprofile-use; BOLT",
        offer: Offer::Advice,
        size: "varies",
        speed: "varies; not measured",
        compile_time: "two builds and a training run",
        why: "the compiler learns which branches are taken",
        risk: Some(
            "needs an llvm-profdata that reads the profiles of rustc's LLVM: distributions' are often too old",
        ),
        story: "`rustup component add llvm-tools` brings a matching one; cargo-pgo drives the steps.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_explain_themselves() {
        let names: HashSet<_> = KNOBS.iter().map(|k| k.name).collect();
        assert_eq!(names.len(), KNOBS.len());
        assert!(
            KNOBS
                .iter()
                .all(|k| !k.why.is_empty() && !k.story.is_empty())
        );
    }
}
