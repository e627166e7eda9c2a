//! The corpus of the fuzz targets, whole and damaged, through all of `cargo slim`: no panic, sums
//! that are the file's size, and an end within a time that grows with the file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_macros)]

use integration_tests::{bound, forge, replay};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Of processor time, for a few kilobytes; the unoptimised build is slower than what users have.
const LIMIT: Duration = Duration::from_secs(if cfg!(debug_assertions) { 8 } else { 2 });

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_none_or(|extension| extension != "md"))
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    assert!(files.len() > 4, "the corpus of `{target}` is missing");
    files
}

/// All object files, whichever target they were found with.
fn files() -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = corpus("ledger");
    files.extend(corpus("image"));
    files
}

fn check(bytes: &[u8], what: &str) -> bool {
    bound::bounded(LIMIT, what, || {
        replay::image(bytes);
        replay::ledger(bytes)
    })
}

#[test]
fn whole_files_add_up() {
    let mut read = 0;
    for (path, bytes) in files() {
        read += u32::from(check(&bytes, &path.display().to_string()));
    }
    assert!(read >= 15, "{read} files of the corpus could be read");
}

/// Modules and components whole, cut, and with bits flipped.
#[test]
fn modules_add_up() {
    let mut numbers = Numbers(0x000d_ecad_e011);
    let check = |bytes: &[u8], what: &str| bound::bounded(LIMIT, what, || replay::wasm(bytes));
    for (path, bytes) in corpus("wasm") {
        let name = path.display();
        check(&bytes, &name.to_string());
        let lengths = (0..64).chain((64..bytes.len()).step_by(bytes.len() / 32 + 1));
        for length in lengths.filter(|length| *length <= bytes.len()) {
            check(&bytes[..length], &format!("{name} cut to {length}"));
        }
        for round in 0..48 {
            let mut bytes = bytes.clone();
            for _ in 0..6 {
                let at = numbers.below(bytes.len());
                bytes[at] ^= 1 << numbers.below(8);
            }
            check(&bytes, &format!("{name}, round {round}"));
        }
    }
}

#[test]
fn files_cut_anywhere_add_up() {
    for (path, bytes) in files() {
        // The start is where the headers are: every length; then in steps that hit all residues.
        let lengths = (0..64).chain((64..bytes.len()).step_by(bytes.len() / 24 + 1));
        for length in lengths.filter(|length| *length <= bytes.len()) {
            check(
                &bytes[..length],
                &format!("{} cut to {length}", path.display()),
            );
        }
    }
}

/// A small generator of numbers (xorshift64), so that a failure can be repeated.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

#[test]
fn flipped_bits_add_up() {
    let mut numbers = Numbers(0x000d_ecad_e000);
    for (path, bytes) in files().iter().filter(|(_, bytes)| !bytes.is_empty()) {
        for round in 0..24 {
            let mut bytes = bytes.clone();
            // Headers at the start, section tables at the end, and all between.
            for _ in 0..3 {
                let early = numbers.below(512.min(bytes.len()));
                let late = bytes.len() - 1 - numbers.below(1024.min(bytes.len()));
                for at in [early, late, numbers.below(bytes.len())] {
                    bytes[at] ^= 1 << numbers.below(8);
                }
            }
            check(&bytes, &format!("{}, round {round}", path.display()));
        }
    }
}

/// Numbers at the ends of their range, at every aligned place of the headers.
#[test]
fn absurd_numbers_add_up() {
    for (path, bytes) in corpus("ledger") {
        let end = bytes.len().saturating_sub(8);
        let places = (16..end.min(256))
            .step_by(4)
            .chain((end.saturating_sub(640)..end).step_by(4));
        for (number, at) in places.enumerate() {
            let value = [u64::MAX, u64::MAX / 2, 0x1000, 0][number % 4];
            let width = [4, 8][number / 4 % 2];
            let mut bytes = bytes.clone();
            bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
            check(
                &bytes,
                &format!("{}, {value:#x} at {at:#x}", path.display()),
            );
        }
    }
}

/// Packages and linker scripts, cut anywhere and with flipped bits.
#[test]
fn damaged_packages_are_opened_or_refused() {
    let mut numbers = Numbers(0x00da_1a9a_c4ed);
    for (path, bytes) in corpus("package") {
        let what = path.display().to_string();
        let check = |bytes: &[u8]| bound::bounded(LIMIT, &what, || replay::package(bytes));
        check(&bytes);
        for length in (0..bytes.len()).step_by(bytes.len() / 64 + 1) {
            check(&bytes[..length]);
        }
        for _ in 0..200 {
            let mut bytes = bytes.clone();
            for _ in 0..3 {
                let at = numbers.below(bytes.len());
                bytes[at] ^= 1 << numbers.below(8);
            }
            check(&bytes);
        }
    }
}

/// Merged profiles, cut anywhere, with flipped bits and with absurd numbers.
#[test]
fn damaged_profiles_are_read_or_refused() {
    let mut numbers = Numbers(0x0bad_c0de_ca5e);
    for (path, bytes) in corpus("profdata") {
        let what = path.display().to_string();
        let check = |bytes: &[u8]| bound::bounded(LIMIT, &what, || replay::profile(bytes));
        check(&bytes);
        for length in 0..bytes.len() {
            check(&bytes[..length]);
        }
        for _ in 0..400 {
            let mut bytes = bytes.clone();
            for _ in 0..3 {
                let at = numbers.below(bytes.len());
                bytes[at] ^= 1 << numbers.below(8);
            }
            check(&bytes);
        }
        for at in 8..bytes.len().saturating_sub(8) {
            for value in [u64::MAX, u64::MAX / 2, 0x1000, 0] {
                let mut bytes = bytes.clone();
                bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
                check(&bytes);
            }
        }
    }
}

/// What LLVM made of a text is what the text says, in each version.
#[test]
fn profiles_say_what_their_text_says() {
    let text = fs::read_to_string("../fuzz/specimens/profile.proftext").unwrap();
    let mut names = std::collections::BTreeSet::new();
    let mut counts = 0_u64;
    // A name, two comments with a number below, then the counters after a third.
    for block in text.split("\n\n") {
        let lines: Vec<&str> = block
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        let lines = match lines.as_slice() {
            [":ir", rest @ ..] => rest,
            rest => rest,
        };
        let [name, _hash, number, rest @ ..] = lines else {
            continue;
        };
        names.insert(*name);
        let counters = rest.iter().take(number.parse().unwrap());
        let sum = counters.map(|counter| counter.parse::<u64>().unwrap());
        counts = sum.fold(counts, u64::saturating_add);
    }
    assert_eq!((names.len(), counts), (4, u64::MAX));
    let weight = |name: &str| {
        let bytes = fs::read(Path::new("../fuzz/corpus/profdata").join(name)).unwrap();
        cargo_tune::pgo::indexed::weight(&bytes).unwrap()
    };
    for name in ["version-7", "version-11", "version-13", "temporal"] {
        let weight = weight(name);
        assert_eq!((weight.functions, weight.counts), (4, counts), "{name}");
    }
    // Without the functions that did not run.
    assert_eq!(weight("sparse").functions, 3);
    assert_eq!(weight("empty").functions, 0);
}

/// What would take minutes and gigabytes when the tables were believed.
#[test]
fn files_made_to_cost_are_no_dearer_than_others() {
    for (what, bytes) in forge::all(64 << 10, 1000) {
        assert!(
            check(&bytes, what) || what.contains("archive"),
            "{what} was not read"
        );
    }
}

/// Fuzzing without a fuzzer: what CI has no time for and a release compiler can do. Another seed
/// each time, said at the start; as long as `CODECOST_FUZZ_SECONDS` says.
#[test]
#[ignore = "takes as long as it is told to"]
fn mutated_files_add_up() {
    let setting = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    let seconds = setting("CODECOST_FUZZ_SECONDS").unwrap_or(60);
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    let seed = setting("CODECOST_FUZZ_SEED").unwrap_or(now | 1);
    println!("CODECOST_FUZZ_SEED={seed}");
    let files: Vec<_> = files().into_iter().map(|(_, bytes)| bytes).collect();
    let mut numbers = Numbers(seed);
    let start = Instant::now();
    let (mut rounds, mut read) = (0_u64, 0_u64);
    while start.elapsed().as_secs() < seconds {
        let mut bytes = files[numbers.below(files.len())].clone();
        for _ in 0..=numbers.below(6) {
            let at = numbers.below(bytes.len());
            let length = (1 + numbers.below(64)).min(bytes.len() - at);
            let to = numbers.below(bytes.len() - length + 1);
            match numbers.below(6) {
                0 => bytes[at] ^= 1 << numbers.below(8),
                1 => bytes[at] = numbers.below(256) as u8,
                2 => bytes.copy_within(at..at + length, to),
                3 => bytes.truncate(bytes.len() - length / 2),
                4 => {
                    let other = &files[numbers.below(files.len())];
                    let from = numbers.below(other.len() - other.len().min(length) + 1);
                    let piece = &other[from..other.len().min(from + length)];
                    bytes[at..at + piece.len()].copy_from_slice(piece);
                }
                _ => {
                    let small = numbers.below(0x2000) as u64;
                    let value = [small, u64::MAX - small, small << 48, 1 << (small % 64)];
                    let width = [1, 2, 4, 8][numbers.below(4)].min(length);
                    let value = value[numbers.below(4)].to_le_bytes();
                    bytes[at..at + width].copy_from_slice(&value[..width]);
                }
            }
            if bytes.is_empty() {
                break;
            }
        }
        let kept = std::env::temp_dir().join("codecost-fuzz-last");
        fs::write(&kept, &bytes).unwrap();
        rounds += 1;
        let what = format!("round {rounds} of seed {seed}, kept as {}", kept.display());
        read += u64::from(check(&bytes, &what));
    }
    println!("{rounds} files, {read} of them read");
    assert!(read > 0);
}

#[test]
fn damaged_pdbs_end() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/pdb");
    for entry in fs::read_dir(directory).unwrap() {
        let whole = fs::read(entry.unwrap().path()).unwrap();
        let read = |bytes: &[u8], what: String| bound::bounded(LIMIT, &what, || replay::pdb(bytes));
        read(&whole, "whole".into());
        for at in (0..whole.len()).step_by(3) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0xff;
            read(&bytes, format!("byte {at} flipped"));
        }
    }
}

#[test]
fn names_of_the_corpus_have_all_forms() {
    for (_, bytes) in corpus("demangle") {
        let symbol = String::from_utf8_lossy(&bytes);
        for end in 0..=symbol.len() {
            if let Some(symbol) = symbol.get(..end) {
                replay::demangle(symbol);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 200 } else { 1000 }))]

    /// Pieces of a real file written over other pieces of it, numbers written over both.
    #[test]
    fn a_mutated_library_adds_up(
        pieces in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1usize..64), 0..4),
        numbers in prop::collection::vec((any::<prop::sample::Index>(), any::<u64>(), 1usize..=8), 0..6),
    ) {
        let mut bytes = include_bytes!("../../fuzz/corpus/ledger/elf64-so-relr-zlib").to_vec();
        for (from, to, size) in pieces {
            let from = from.index(bytes.len() - size);
            let to = to.index(bytes.len() - size);
            bytes.copy_within(from..from + size, to);
        }
        for (at, number, width) in numbers {
            let at = at.index(bytes.len() - width);
            bytes[at..at + width].copy_from_slice(&number.to_le_bytes()[..width]);
        }
        check(&bytes, "a mutated library");
    }
}

#[test]
fn damaged_lists_of_packages_end() {
    for (path, bytes) in corpus("packages") {
        let read =
            |bytes: &[u8], what: String| bound::bounded(LIMIT, &what, || replay::packages(bytes));
        for length in 0..=bytes.len() {
            read(
                &bytes[..length],
                format!("{} cut to {length}", path.display()),
            );
        }
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << (at % 8);
            read(&bytes, format!("{} with byte {at} changed", path.display()));
        }
    }
}
