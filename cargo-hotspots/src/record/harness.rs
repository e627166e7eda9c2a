//! What drives a benchmark, and how to make it run long enough to be sampled.
//!
//! The manifest's `harness` key only tells libtest from all others, is inferred for targets that
//! are not listed, and `cargo metadata` does not have it; a dependency on Criterion says nothing
//! about this one target. What was linked into the program says both, so its symbols decide: the
//! build keeps them.
//!
//! | harness | arguments | source |
//! |---|---|---|
//! | Criterion | `--profile-time SECONDS --bench` | its book, "Profiling": runs each benchmark so long, without analysis or saved results |
//! | divan | `--min-time SECONDS --bench` | its `--help`; without `--bench` it only tests |
//! | libtest | `--bench` | rustc's book, "Tests": runs `#[bench]` functions only |
//! | bencher | `--bench` | its `macros.rs`: any other argument is a filter |
//! | none of these | `--bench` | cargo's reference: what `cargo bench` passes to every benchmark |
//!
//! The user's own arguments come first, as in `cargo bench -- ARGS`; when they hold a flag that
//! decides what is run or how long, none is added.

pub(crate) mod listing;

use codecost::image::{Image, Mapping};
use std::{ffi::OsString, path::Path};

/// What drives a benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Harness {
    Criterion,
    Divan,
    Libtest,
    /// The crate `bencher`: what libtest was in 2016, for stable toolchains.
    Bencher,
    /// Gungraun, or Iai-Callgrind as it was called: it runs each benchmark under valgrind.
    Gungraun,
    /// One of [`SELF_TIMED`], by its name.
    SelfTimed(&'static str),
    Plain,
}

/// Harnesses that are not read here, as crates. Each repeats a benchmark for a time of its own choice,
/// so that its process takes as long when the code is twice as slow.
const SELF_TIMED: [&str; 11] = [
    "brunch",
    "codspeed_criterion_compat_walltime",
    "codspeed_divan_compat_walltime",
    "easybench",
    "glassbench",
    "microbench",
    "nanobench",
    "quickbench",
    "tango_bench",
    "tiny_bench",
    "tinybench",
];

/// All benchmarks of one program together take about so long.
const TOTAL_SECONDS: f64 = 30.0;
/// One takes at most so long.
const MOST_SECONDS: f64 = 5.0;
/// Criterion takes no shorter times.
const LEAST_CRITERION: f64 = 1.0;
const LEAST_DIVAN: f64 = 0.1;

/// Flags that decide what is measured, or for how long. `--measurement-time` and the like are not
/// among them: they are for the statistics, which would be what is recorded.
const DECISIVE: [&str; 14] = [
    "--profile-time",
    "--quick",
    "--test",
    "--list",
    "--baseline",
    "--baseline-lenient",
    "--load-baseline",
    "--save-baseline",
    "--min-time",
    "--max-time",
    "--sample-count",
    "--sample-size",
    "--help",
    "-h",
];

impl Harness {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Criterion => "criterion",
            Self::Divan => "divan",
            Self::Libtest => "libtest",
            Self::Bencher => "bencher",
            Self::SelfTimed(name) => name,
            Self::Gungraun => "gungraun",
            Self::Plain => "plain",
        }
    }

    /// That of the program; one that cannot be read is plain.
    pub(crate) fn of(program: &Path) -> Self {
        let Ok(file) = Mapping::open(program) else {
            return Self::Plain;
        };
        let Ok(image) = Image::parse(program, &file) else {
            return Self::Plain;
        };
        let table = image.symbols();
        Self::of_symbols(table.symbols.iter().map(|symbol| symbol.name.as_ref()))
    }

    fn of_symbols<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let (mut criterion, mut divan, mut libtest, mut gungraun) = (0u32, 0u32, 0u32, 0u32);
        let (mut bencher, mut self_timed) = (false, None);
        for name in names {
            bencher |= name.contains("run_tests_console") && is_of_crate(name, "bencher");
            self_timed =
                self_timed.or_else(|| SELF_TIMED.into_iter().find(|own| is_of_crate(name, own)));
            gungraun +=
                u32::from(is_of_crate(name, "gungraun") || is_of_crate(name, "iai_callgrind"));
            criterion += u32::from(is_of_crate(name, "criterion"));
            divan += u32::from(is_of_crate(name, "divan"));
            libtest += u32::from(is_of_crate(name, "test") && name.contains("test_main"));
        }
        // Libtest's main is linked only when it is the harness; a library may bring the others.
        if libtest > 0 {
            Self::Libtest
        } else if gungraun > criterion.max(divan) {
            Self::Gungraun
        } else if bencher {
            Self::Bencher
        } else if criterion == 0 && divan == 0 {
            self_timed.map_or(Self::Plain, Self::SelfTimed)
        } else if criterion >= divan {
            Self::Criterion
        } else {
            Self::Divan
        }
    }

    /// Whether the time for each benchmark can be set, so that it pays to count them.
    pub(super) fn is_timed(self, user: &[OsString]) -> bool {
        matches!(self, Self::Criterion | Self::Divan) && !decides(user)
    }

    /// The arguments for a run of `count` benchmarks (0 when that is not known).
    pub(super) fn arguments(self, user: &[OsString], count: usize) -> Vec<OsString> {
        let mut arguments = user.to_vec();
        if self.is_timed(user) {
            let (flag, least) = match self {
                Self::Criterion => ("--profile-time", LEAST_CRITERION),
                _ => ("--min-time", LEAST_DIVAN),
            };
            let count = u32::try_from(count.max(1)).unwrap_or(u32::MAX);
            let seconds = (TOTAL_SECONDS / f64::from(count)).clamp(least, MOST_SECONDS);
            arguments.push(flag.into());
            arguments.push(format!("{seconds:.1}").trim_end_matches(".0").into());
        }
        if !user.iter().any(|argument| argument == "--bench") {
            arguments.push("--bench".into());
        }
        arguments
    }
}

/// Whether the user says what is to be run, beyond names.
fn decides(user: &[OsString]) -> bool {
    user.iter().any(|argument| {
        let text = argument.to_string_lossy();
        let flag = text.split('=').next().unwrap_or_default();
        DECISIVE.contains(&flag)
    })
}

/// Whether a mangled name begins in the crate: `_ZN9criterion…`, `_RNv…Cs1a2b_9criterion…`.
fn is_of_crate(symbol: &str, name: &str) -> bool {
    let part = format!("{}{name}", name.len());
    if let Some(path) = symbol.strip_prefix("_ZN") {
        return path.starts_with(&part);
    }
    if !symbol.starts_with("_R") {
        return false;
    }
    symbol.match_indices(&part).any(|(at, _)| {
        let before = symbol.get(..at).unwrap_or_default();
        // The crate's root is `C`, with `s`, a number in base 62 and `_` when it is not the first.
        let numbered = before.strip_suffix('_').map(|rest| {
            let root = rest.trim_end_matches(|c: char| c.is_ascii_alphanumeric());
            rest.get(root.len()..).unwrap_or_default()
        });
        before.ends_with('C') || numbered.is_some_and(|number| number.contains("Cs"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(arguments: &[OsString]) -> Vec<String> {
        let words = arguments.iter();
        words
            .map(|word| word.to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn symbols_name_the_harness() {
        let of = |names: &[&str]| Harness::of_symbols(names.iter().copied());
        assert_eq!(of(&["main", "_ZN4mine4mainE"]), Harness::Plain);
        assert_eq!(of(&["_ZN9criterion9benchmark3runE"]), Harness::Criterion);
        assert_eq!(of(&["_RNvCs3abC_9criterion3run"]), Harness::Criterion);
        assert_eq!(of(&["_RNvNtC5divan3cli3run"]), Harness::Divan);
        let gungraun = "_ZN8gungraun10__internal3run17h0123456789abcdefE";
        assert_eq!(of(&[gungraun]), Harness::Gungraun);
        assert_eq!(
            of(&["_ZN4test16test_main_static17h0123456789abcdefE"]),
            Harness::Libtest
        );
        assert_eq!(
            of(&["_ZN7bencher17run_tests_console17h0123456789abcdefE"]),
            Harness::Bencher
        );
        // A library's own `bencher` is not the harness.
        assert_eq!(of(&["_ZN7bencher3run17h0123456789abcdefE"]), Harness::Plain);
        assert_eq!(
            of(&["_RNvNtCs1_6brunch5bench3run"]),
            Harness::SelfTimed("brunch")
        );
        // A module of the user's that has the name, and a test of something else.
        assert_eq!(of(&["_ZN4mine9criterion3runE"]), Harness::Plain);
        assert_eq!(of(&["_RNvNtCs1_4mine9criterion3run"]), Harness::Plain);
        assert_eq!(of(&["_ZN4test5bench3runE"]), Harness::Plain);
    }

    #[test]
    fn the_time_is_bounded_and_the_users_arguments_win() {
        let none: &[OsString] = &[];
        let run = |harness: Harness, user: &[&str], count| {
            let user: Vec<OsString> = user.iter().map(Into::into).collect();
            words(&harness.arguments(&user, count)).join(" ")
        };
        assert_eq!(run(Harness::Criterion, &[], 1), "--profile-time 5 --bench");
        assert_eq!(
            run(Harness::Criterion, &["fib"], 12),
            "fib --profile-time 2.5 --bench"
        );
        assert_eq!(
            run(Harness::Criterion, &[], 500),
            "--profile-time 1 --bench"
        );
        assert_eq!(run(Harness::Divan, &[], 100), "--min-time 0.3 --bench");
        assert_eq!(
            run(Harness::Criterion, &["--profile-time=9", "x"], 1),
            "--profile-time=9 x --bench"
        );
        assert_eq!(
            run(Harness::Criterion, &["--measurement-time", "2", "x"], 1),
            "--measurement-time 2 x --profile-time 5 --bench"
        );
        assert_eq!(run(Harness::Criterion, &["--quick"], 1), "--quick --bench");
        assert_eq!(run(Harness::Libtest, &["a"], 1), "a --bench");
        assert_eq!(run(Harness::Plain, &["--bench"], 1), "--bench");
        assert!(!Harness::Plain.is_timed(none));
    }
}
