//! Knobs that are flags of rustc: offered only when allowed by name.
//!
//! A new one is a variant here, an objection in `plan::objection` (when it suits which program),
//! and a row of the table in `docs/tune.md`, which a test writes.

use codecost::cargo::config::codegen_options;

use super::about::{About, Offer};

listed! {
    /// A flag of rustc.
    pub enum Flag {
        /// Relative relocations packed as a bitmap.
        Relr,
        /// Identical code folding.
        Icf,
        /// A program at a fixed address.
        StaticRelocation,
        /// Instructions that older processors do not have.
        TargetCpu,
        /// Panic messages without their place.
        LocationDetail,
    }
}

impl Flag {
    /// The name for `explain` and `--allow`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relr => "relr",
            Self::Icf => "icf",
            Self::StaticRelocation => "static-relocation",
            Self::TargetCpu => "target-cpu",
            Self::LocationDetail => "location-detail",
        }
    }

    /// The knob of that name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|flag| flag.name() == name)
    }

    /// The word for what must follow the name in `--allow NAME=…`; `None` if nothing follows.
    pub fn argument(self) -> Option<&'static str> {
        match self {
            Self::TargetCpu => Some("CPU"),
            Self::Relr | Self::Icf | Self::StaticRelocation | Self::LocationDetail => None,
        }
    }

    /// What rustc gets. `argument` is empty for a flag that takes none.
    pub fn rustflags(self, argument: &str) -> Vec<String> {
        vec![match self {
            Self::Relr => "-Clink-arg=-Wl,-z,pack-relative-relocs".to_owned(),
            Self::Icf => "-Clink-arg=-Wl,--icf=all".to_owned(),
            Self::StaticRelocation => "-Crelocation-model=static".to_owned(),
            Self::TargetCpu => format!("-Ctarget-cpu={argument}"),
            Self::LocationDetail => "-Zlocation-detail=none".to_owned(),
        }]
    }

    /// Whether only the final link is concerned, so that no dependency is compiled again.
    pub fn link_only(self) -> bool {
        match self {
            Self::Relr | Self::Icf => true,
            Self::StaticRelocation | Self::TargetCpu | Self::LocationDetail => false,
        }
    }

    /// What the flag, and every other of its kind, has in it: rustc's option, or the linker's.
    pub fn option(self) -> &'static str {
        match self {
            Self::Relr => "pack-relative-relocs",
            Self::Icf => "--icf=",
            Self::StaticRelocation => "relocation-model",
            Self::TargetCpu => "target-cpu",
            Self::LocationDetail => "location-detail",
        }
    }

    /// What is said of the flag.
    pub fn about(self) -> About {
        match self {
            Self::Relr => About {
                written: "rustflags: -Clink-arg=-Wl,-z,pack-relative-relocs",
                offer: Offer::Allow,
                size: "\u{2212}2\u{2026}\u{2212}10 %",
                speed: "none",
                compile_time: "none",
                why: "relative relocations are stored as a bitmap instead of 24 bytes each",
                risk: Some("the program starts only with glibc 2.36 or musl 1.2.4 and later"),
                story: "Linux only. Position-independent programs have one relocation for each pointer in constant data, such as vtables and string slices. The oldest glibc wanted is taken from --glibc, from `[workspace.metadata.cargo-tune] glibc = \"2.31\"` (or the same under [package]), or else is this machine's.",
            },
            Self::Icf => About {
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
            Self::StaticRelocation => About {
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
            Self::TargetCpu => About {
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
            Self::LocationDetail => About {
                written: "rustflags: -Zlocation-detail=none",
                offer: Offer::Nightly,
                size: "smaller; not measured",
                speed: "none",
                compile_time: "none",
                why: "panic messages carry no file, line and column",
                risk: Some("panics no longer say where; nightly only"),
                story: "The standard library keeps its own locations unless it is rebuilt with -Zbuild-std.",
            },
        }
    }
}

/// A flag with what rustc gets for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagSetting {
    /// The knob.
    pub knob: Flag,
    /// What rustc gets.
    pub flags: Vec<String>,
}

/// What the rustflags in force say of a flag that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Present {
    /// The flag is there, as it is written in the rustflags.
    Same(String),
    /// The option has another value.
    Other(String),
}

impl FlagSetting {
    /// The flag `knob` with its argument.
    pub fn new(knob: Flag, argument: &str) -> Self {
        Self {
            knob,
            flags: knob.rustflags(argument),
        }
    }

    /// Whether `in_force` has the flag already, or another value of the same option.
    pub fn present(&self, in_force: &[String]) -> Option<Present> {
        let option = self.knob.option();
        let found = in_force.iter().find(|flag| flag.contains(option))?;
        let value = |flags: &[String]| {
            let options = codegen_options(flags);
            let last = options.into_iter().rev().find(|o| o.name == option)?;
            last.value
        };
        Some(match (value(&self.flags), value(in_force)) {
            (Some(wanted), Some(value)) if value != wanted => Present::Other(value),
            _ => Present::Same(found.clone()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(all: &[&str]) -> Vec<String> {
        all.iter().map(|flag| (*flag).to_owned()).collect()
    }

    #[test]
    fn a_flag_in_force_is_recognised_however_it_is_written() {
        let v3 = FlagSetting::new(Flag::TargetCpu, "x86-64-v3");
        let other = flags(&["-C", "target-cpu=x86-64-v2"]);
        assert_eq!(v3.present(&other), Some(Present::Other("x86-64-v2".into())));
        let same = flags(&["--cfg", "a", "-Ctarget-cpu=x86-64-v3"]);
        assert_eq!(
            v3.present(&same),
            Some(Present::Same("-Ctarget-cpu=x86-64-v3".into()))
        );
        assert_eq!(v3.present(&flags(&["--cfg", "a"])), None);
        let relr = FlagSetting::new(Flag::Relr, "");
        let inside = flags(&["-Clink-args=-Wl,-z,pack-relative-relocs -Wl,-O1"]);
        assert!(matches!(relr.present(&inside), Some(Present::Same(_))));
    }

    #[test]
    fn every_flag_is_recognised_in_its_own_rustflags() {
        for &knob in Flag::ALL {
            let own = FlagSetting::new(knob, "x");
            assert!(
                matches!(own.present(&own.flags), Some(Present::Same(_))),
                "{}",
                knob.name()
            );
        }
    }
}
