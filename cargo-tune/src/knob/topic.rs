//! Knobs that are explained and never written.

use super::about::{About, Offer};

listed! {
    /// What `explain` knows beside keys and flags.
    pub enum Topic {
        /// The permission to write `panic = "abort"` in spite of evidence against it.
        Abort,
        /// Unwind tables of programs that abort.
        ForceUnwindTables,
        /// Another linker.
        Linker,
        /// What the linker leaves out.
        GcSections,
        /// Protections of the program.
        Relro,
        /// Libraries that are not linked in.
        PreferDynamic,
        /// The standard library compiled with the program.
        BuildStd,
        /// Panics that end the program without a word.
        ImmediateAbort,
        /// Debug formatting without text.
        FmtDebug,
        /// Paths of the building machine.
        TrimPaths,
        /// Generic functions that several crates use.
        ShareGenerics,
        /// Another allocator.
        Allocator,
        /// Optimisation guided by a profile.
        Pgo,
    }
}

impl Topic {
    /// The name for `explain`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Abort => "abort",
            Self::ForceUnwindTables => "force-unwind-tables",
            Self::Linker => "linker",
            Self::GcSections => "gc-sections",
            Self::Relro => "relro",
            Self::PreferDynamic => "prefer-dynamic",
            Self::BuildStd => "build-std",
            Self::ImmediateAbort => "immediate-abort",
            Self::FmtDebug => "fmt-debug",
            Self::TrimPaths => "trim-paths",
            Self::ShareGenerics => "share-generics",
            Self::Allocator => "allocator",
            Self::Pgo => "pgo",
        }
    }

    /// What is said of it.
    pub fn about(self) -> About {
        match self {
            Self::Abort => About {
                written: "--allow abort",
                offer: Offer::Allow,
                size: "see panic",
                speed: "see panic",
                compile_time: "see panic",
                why: "overrides the block on panic = \"abort\" after you have read the evidence",
                risk: Some("the code that was shown as evidence no longer works as written"),
                story: "Not needed where nothing blocks.",
            },
            Self::ForceUnwindTables => About {
                written: "rustflags: -Cforce-unwind-tables=no",
                offer: Offer::Advice,
                size: "often nothing under fat LTO",
                speed: "none",
                compile_time: "none",
                why: "leaves out .eh_frame entries where nothing unwinds",
                risk: Some("an aborting program prints no backtrace"),
                story: "Only with panic = \"abort\".",
            },
            Self::Linker => About {
                written: "config: linker, or -Clink-arg=-fuse-ld=…",
                offer: Offer::Advice,
                size: "\u{2212}1.3 % for lld",
                speed: "none",
                compile_time: "lld and mold link faster than GNU ld",
                why: "linkers differ in how they lay out and merge sections",
                risk: Some("a system lld or mold may be older than the one that rustc brings"),
                story: "lld is the default on x86_64 Linux since 1.90: do not write one there.",
            },
            Self::GcSections => About {
                written: "linker: --gc-sections, --as-needed",
                offer: Offer::Advice,
                size: "nothing: already on",
                speed: "none",
                compile_time: "none",
                why: "rustc passes them already",
                risk: None,
                story: "There is nothing to gain.",
            },
            Self::Relro => About {
                written: "-Crelro-level=off, no PIE, RUSTC_BOOTSTRAP",
                offer: Offer::Advice,
                size: "little",
                speed: "none",
                compile_time: "none",
                why: "these switch off protections, or stability checks",
                risk: Some("a security loss, or not yours to set"),
                story: "Not offered.",
            },
            Self::PreferDynamic => About {
                written: "-Cprefer-dynamic, crt-static, inline-threshold, symbol mangling",
                offer: Offer::Advice,
                size: "not shippable, larger, or nothing",
                speed: "none",
                compile_time: "none",
                why: "they move code elsewhere or change names only",
                risk: Some("a program that needs the toolchain's libstd.so cannot be shipped"),
                story: "Not offered.",
            },
            Self::BuildStd => About {
                written: "cargo's -Zbuild-std=std,panic_abort with --target",
                offer: Offer::Advice,
                size: "large: std by your own profile",
                speed: "varies",
                compile_time: "the standard library is compiled too",
                why: "code that you never use can be left out of std as well",
                risk: Some("nightly only"),
                story: "`cargo +nightly build -Zbuild-std=std,panic_abort --target …` by hand; needs `rustup component add rust-src`.",
            },
            Self::ImmediateAbort => About {
                written: "panic = \"immediate-abort\", with cargo-features = [\"panic-immediate-abort\"]",
                offer: Offer::Advice,
                size: "smaller: no code formats panic messages",
                speed: "none",
                compile_time: "the standard library is compiled too",
                why: "a panic becomes one trapping instruction",
                risk: Some(
                    "nightly only: a manifest with it is an error on stable; a panic ends the program without any message",
                ),
                story: "Only with -Zbuild-std, because the standard library must be compiled for it.",
            },
            Self::FmtDebug => About {
                written: "rustflags: -Zfmt-debug=none",
                offer: Offer::Advice,
                size: "smaller; not measured",
                speed: "none",
                compile_time: "none",
                why: "`{:?}` prints nothing, so derived Debug code goes",
                risk: Some(
                    "nightly only; every output and log line made with `{:?}` is empty, and code that reads such text breaks",
                ),
                story: "-Zfmt-debug=shallow keeps the outermost names. The standard library keeps its own code unless it is rebuilt with -Zbuild-std.",
            },
            Self::TrimPaths => About {
                written: "trim-paths = \"all\", with cargo-features = [\"trim-paths\"]",
                offer: Offer::Advice,
                size: "little",
                speed: "none",
                compile_time: "none",
                why: "paths of the building machine are left out of panic messages and debug information",
                risk: Some(
                    "nightly only: a manifest with it is an error on stable; debuggers need to be told where sources are",
                ),
                story: "For reproducible builds and privacy rather than for size. On stable, `--remap-path-prefix` in the rustflags does the same by hand.",
            },
            Self::ShareGenerics => About {
                written: "rustflags: -Zshare-generics=y",
                offer: Offer::Advice,
                size: "nothing under fat LTO",
                speed: "none",
                compile_time: "a little shorter",
                why: "a crate uses the copies of generic functions that its dependencies compiled",
                risk: Some("nightly only"),
                story: "On by default where opt-level is 0, 1, \"s\" or \"z\".",
            },
            Self::Allocator => About {
                written: "source: #[global_allocator]",
                offer: Offer::Advice,
                size: "larger by the allocator",
                speed: "varies with allocation",
                compile_time: "C code to compile",
                why: "malloc of the system is not the fastest for many small blocks",
                risk: Some("needs a change of source"),
                story: "Profile allocations first: where allocation is not hot there is nothing to gain.",
            },
            Self::Pgo => About {
                written: "`cargo tune pgo`; -Cprofile-generate, -Cprofile-use; BOLT",
                offer: Offer::Advice,
                size: "varies, often a little smaller",
                speed: "varies: kept only if it gains",
                compile_time: "two builds and a training run",
                why: "the compiler learns which branches are taken",
                risk: Some(
                    "needs an llvm-profdata that reads the profiles of rustc's LLVM: distributions' are often too old",
                ),
                story: "`cargo tune pgo --workload CMD` trains the program, builds it with its profile, measures the gain and keeps the profile. `rustup component add llvm-tools` brings a matching llvm-profdata.",
            },
        }
    }
}
