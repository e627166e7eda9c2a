//! Knobs that are keys of a profile.

use codecost::cargo::config::{self, Value};

use super::about::{About, Offer};

listed! {
    /// A key of a profile.
    pub enum Key {
        /// How hard LLVM optimises, and for what.
        OptLevel,
        /// Optimisation of the whole program at once.
        Lto,
        /// Into how many pieces a crate is split for code generation.
        CodegenUnits,
        /// What a panic does.
        Panic,
        /// Which symbols are removed from the program.
        Strip,
        /// Whether integer overflow panics.
        OverflowChecks,
        /// How much debug information is made.
        Debug,
        /// Where debug information is put.
        SplitDebuginfo,
        /// Whether rustc keeps what it computed.
        Incremental,
    }
}

impl Key {
    /// The key as a profile has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::OptLevel => "opt-level",
            Self::Lto => "lto",
            Self::CodegenUnits => "codegen-units",
            Self::Panic => "panic",
            Self::Strip => "strip",
            Self::OverflowChecks => "overflow-checks",
            Self::Debug => "debug",
            Self::SplitDebuginfo => "split-debuginfo",
            Self::Incremental => "incremental",
        }
    }

    /// One spelling for all the ways to write `value`.
    pub fn canonical(self, value: &Value) -> String {
        config::canonical(self.name(), value)
    }

    /// The value that the key has in the profile `root` (`dev` or `release`) if it is not set.
    pub fn default_value(self, root: &str) -> Option<Value> {
        config::default_value(root, self.name())
    }

    /// Whether the value shows only in the arguments of the crate that is linked: cargo passes other
    /// crates no value, or another one.
    pub fn concerns_only_the_root(self) -> bool {
        match self {
            Self::Lto | Self::Strip | Self::Incremental => true,
            Self::OptLevel
            | Self::CodegenUnits
            | Self::Panic
            | Self::OverflowChecks
            | Self::Debug
            | Self::SplitDebuginfo => false,
        }
    }

    /// What is said of the key where it gets this value. What is measured of a key is measured of
    /// the value that the plan for size or speed gives to it; another one does something else.
    pub fn about_value(self, value: &Value) -> About {
        let about = self.about();
        match (self, self.canonical(value).as_str()) {
            (Self::OptLevel, "2" | "3") => About {
                size: "larger than \"s\" and \"z\" in most programs",
                speed: "the fastest code in most programs",
                compile_time: "a little longer than \"s\" and \"z\"",
                why: "LLVM prefers faster instructions to fewer ones",
                risk: None,
                ..about
            },
            (Self::Lto, "thin") => About {
                size: "less than fat LTO: \u{2212}2 % of a program where fat gives \u{2212}11 %",
                speed: "not more than fat LTO",
                compile_time: "longer link step, on all cores",
                why: "crates are optimised with summaries of each other, so calls across crates are inlined",
                risk: Some("longer builds"),
                ..about
            },
            (Self::Lto, "thin-local" | "off") => About {
                size: "larger",
                speed: "slower code",
                compile_time: "the link step of LTO is left out",
                why: "each crate is optimised by itself",
                risk: None,
                ..about
            },
            (Self::CodegenUnits, units) if units != "1" => About {
                size: "0\u{2026}+4 %",
                speed: "a little slower",
                compile_time: "one crate uses several cores",
                why: "LLVM works on the pieces of a crate in parallel",
                risk: None,
                ..about
            },
            (Self::Incremental, "false") => About {
                size: "smaller: fewer codegen units unless set",
                speed: "faster code",
                compile_time: "slower rebuilds; nothing is lost beside fat LTO",
                why: "beside fat LTO, what rustc keeps costs time and space and saves nothing",
                risk: None,
                ..about
            },
            _ => about,
        }
    }

    /// What is said of the key.
    pub fn about(self) -> About {
        match self {
            Self::OptLevel => About {
                written: "profile: opt-level = 0, 1, 2, 3, \"s\" or \"z\"",
                offer: Offer::Plan,
                size: "\u{2212}8\u{2026}\u{2212}12 % for \"z\" after the rest",
                speed: "\u{2212}10\u{2026}\u{2212}30 % for \"z\", or worse",
                compile_time: "\"z\" and \"s\" a little faster than 3",
                why: "\"z\" tells LLVM to prefer fewer instructions to faster ones: less inlining, no unrolling, no vectorised loops",
                risk: Some(
                    "slower code, often by 10 to 30 % and in tight loops by much more; not monotone: \"s\" or 2 is smaller than \"z\" in some programs",
                ),
                story: "`cargo tune search` tries 2, 3, \"s\" and \"z\" on your program. Generic code is compiled in the crate that instantiates it, so a dependency's own opt-level does not reach its generics elsewhere. `-Copt-level=…` in rustflags comes later on rustc's command line and wins silently.",
            },
            Self::Lto => About {
                written: "profile: lto = true (fat), \"thin\", false (thin, within one crate) or \"off\"",
                offer: Offer::Plan,
                size: "\u{2212}10\u{2026}\u{2212}30 %",
                speed: "+5\u{2026}+20 %",
                compile_time: "link step several times longer",
                why: "the whole program is optimised at once, so code that no crate needs any more is found and calls across crates are inlined",
                risk: Some("longer builds and more memory while linking"),
                story: "`false` is not off: it is thin LTO within each crate; `\"off\"` is none. Cargo skips LTO without a word for a library with an rlib beside its cdylib or staticlib (`crate-type = [\"cdylib\", \"rlib\"]`), and for dylibs. `lto = \"full\"` is accepted by cargo and fails in rustc.",
            },
            Self::CodegenUnits => About {
                written: "profile: codegen-units = N",
                offer: Offer::Plan,
                size: "0\u{2026}\u{2212}4 %",
                speed: "a little faster",
                compile_time: "code generation of one crate uses one core",
                why: "one unit lets LLVM see a whole crate at once instead of 16 pieces",
                risk: Some("code generation is no longer parallel within a crate"),
                story: "Adds little under fat LTO, which joins all units anyway. Incremental builds use 256 units unless this key is set.",
            },
            Self::Panic => About {
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
            Self::Strip => About {
                written: "profile: strip = \"symbols\", \"debuginfo\" or \"none\"",
                offer: Offer::Plan,
                size: "\u{2212}23 % of an unstripped program",
                speed: "none",
                compile_time: "none",
                why: "the symbol table is not needed to run, only to give names to addresses",
                risk: Some("backtraces, profilers, BOLT and export tools see no function names"),
                story: "Cargo strips debug information by itself when no crate is built with any; `debug` other than 0, or `strip = \"none\"` written out, cancels that and brings in the standard library's debug information (a hello world of 2.0 MB instead of 0.37 MB).",
            },
            Self::OverflowChecks => About {
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
            Self::Debug => About {
                written: "profile: debug = 0, \"line-tables-only\", 1 or 2",
                offer: Offer::Plan,
                size: "none when stripped",
                speed: "none",
                compile_time: "dev builds 20\u{2026}40 % faster without",
                why: "debug information is generated, written, and copied again by the linker",
                risk: Some("a debugger shows lines but no variables; dependencies show neither"),
                story: "In a release profile, `debug` other than 0 cancels cargo's own stripping and imports the standard library's DWARF.",
            },
            Self::SplitDebuginfo => About {
                written: "profile: split-debuginfo = \"off\", \"packed\" or \"unpacked\"",
                offer: Offer::Advice,
                size: "debug information moves out",
                speed: "none",
                compile_time: "\"unpacked\" shortens linking with debug = 2",
                why: "the linker need not copy what stays in separate files",
                risk: Some("the program must be kept beside its .dwo files to be debugged"),
                story: "The default differs by platform: off on Linux, unpacked on macOS, packed on Windows.",
            },
            Self::Incremental => About {
                written: "profile: incremental = true or false",
                offer: Offer::Plan,
                size: "larger: 256 codegen units",
                speed: "slower code",
                compile_time: "much faster rebuilds of a crate",
                why: "rustc keeps what it computed and compiles only what changed",
                risk: Some("accepted beside fat LTO, where it costs and gives nothing"),
                story: "CARGO_INCREMENTAL and build.incremental win over every profile. Only path dependencies are ever compiled incrementally.",
            },
        }
    }
}
