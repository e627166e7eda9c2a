//! Recordings that somebody tampered with: an error or a profile that says what is missing, and
//! never a panic.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use cargo_hotspots::{
    perf_data::{Options, read_from},
    profile::Profile,
};
use proptest::prelude::*;
use std::{
    io::Cursor,
    path::{Path, PathBuf},
    time::Duration,
};

/// Small recordings of each kind, in the fuzzer's corpus.
fn corpus() -> Vec<(PathBuf, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/perf_data");
    let files = std::fs::read_dir(directory).unwrap();
    let mut corpus: Vec<_> = files
        .map(|file| file.unwrap().path())
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    corpus.sort();
    assert!(corpus.len() >= 6);
    corpus
}

fn read(bytes: &[u8]) -> codecost::Result<Profile> {
    let options = Options {
        substitutes: &[],
        timeline: true,
        search: false,
        event: None,
    };
    let size = bytes.len() as u64;
    let profile = read_from(
        Cursor::new(bytes),
        Path::new("hostile"),
        size,
        None,
        &options,
    )?;
    check(&profile);
    Ok(profile)
}

/// What holds for every profile.
fn check(profile: &Profile) {
    let mut samples = 0;
    let mut period: u64 = 0;
    for count in &profile.counts {
        samples += count.samples;
        period = period.saturating_add(count.period);
        assert!((count.thread.0 as usize) < profile.threads.len());
        assert!(profile.frames_of(count.stack).count() > 0);
        for frame in profile.frames_of(count.stack) {
            let frame = &profile.frames[frame.0 as usize];
            assert!((frame.module.0 as usize) < profile.modules.len());
        }
    }
    assert_eq!((samples, period), (profile.samples, profile.period));
    assert!(profile.losses.truncated <= profile.samples);
    assert!(profile.losses.unrooted <= profile.samples - profile.losses.truncated);
    for (index, node) in profile.stacks.iter().enumerate() {
        assert!(node.caller.is_none_or(|caller| (caller.0 as usize) < index));
    }
    let timeline = profile.timeline.as_ref().unwrap();
    assert_eq!(timeline.len() as u64, profile.samples);
    assert!(timeline.is_sorted_by_key(|sample| sample.time_ns));
}

#[test]
fn the_corpus_is_whole() {
    for (path, bytes) in corpus() {
        let profile = read(&bytes).unwrap();
        assert!(profile.samples > 0, "{}", path.display());
        let losses = profile.losses;
        let damage = (
            losses.lost,
            losses.disordered,
            losses.unreadable,
            losses.cut_off,
        );
        assert_eq!(damage, (0, 0, 0, false), "{}", path.display());
    }
}

/// Found by fuzzing.
#[test]
fn lists_of_identifiers_may_claim_more_than_there_is() {
    let corpus = corpus();
    let (_, bytes) = corpus
        .iter()
        .find(|(path, _)| path.ends_with("multi.data"))
        .unwrap();
    let word = |at: usize| u64::from_le_bytes(*bytes[at..].first_chunk().unwrap());
    // The header says how large an entry of the table of events is, and where the table starts; an
    // entry ends with the bytes of its list.
    let (entry_size, table) = (word(16) as usize, word(24) as usize);
    for (which, claimed) in [(0, u64::MAX - 7), (1, u64::MAX - 7), (1, 1 << 60), (1, 9)] {
        let mut bytes = bytes.clone();
        let at = table + entry_size * (which + 1) - 8;
        bytes[at..at + 8].copy_from_slice(&claimed.to_le_bytes());
        assert!(read(&bytes).is_err(), "{which} {claimed}");
    }
}

#[test]
fn a_recording_that_is_cut_off_says_so() {
    for (path, bytes) in corpus() {
        let whole = read(&bytes).unwrap().samples;
        let is_pipe = bytes[8] == 16;
        let mut best = 0;
        for end in (0..bytes.len()).filter(|end| end % 5 == 0 || bytes.len() - end < 9) {
            // At the end of a record nothing shows that more would follow in a pipe.
            match read(&bytes[..end]) {
                Ok(profile) => {
                    assert!(
                        is_pipe || profile.losses.cut_off,
                        "{} {end}",
                        path.display()
                    );
                    assert!(profile.samples <= whole);
                    best = best.max(profile.samples);
                }
                Err(error) => assert!(error.to_string().contains("`hostile`"), "{error}"),
            }
        }
        // Without its last section all samples are still there.
        assert_eq!(best, whole, "{}", path.display());
    }
}

#[test]
fn each_byte_may_be_anything() {
    let mut slowest = Duration::ZERO;
    for (_, bytes) in corpus() {
        let mut bytes = bytes;
        // Every byte of the header and the first records, and a part of the rest.
        for at in (0..bytes.len()).filter(|at| *at < 1000 || at % 5 == 0) {
            let old = bytes[at];
            // Another bit for each byte, and now and then all of them.
            bytes[at] ^= if at % 9 == 8 { 0xff } else { 1 << (at % 9) };
            let (_, time) = common::timed(|| read(&bytes));
            slowest = slowest.max(time);
            bytes[at] = old;
        }
    }
    assert!(
        slowest < Duration::from_secs(5),
        "{slowest:?} of processor time"
    );
}

#[test]
fn what_is_no_recording_is_refused_in_words() {
    let refused = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
    assert!(refused(b"").contains("empty"));
    assert!(refused(b"PERFILE2").contains("no perf recording"));
    assert!(refused(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0").contains("no perf recording"));
    let (_, recording) = corpus().swap_remove(0);
    let mut foreign = recording.clone();
    foreign[..8].reverse();
    assert!(refused(&foreign).contains("byte order"));
    // Attributes of no size.
    let mut sizeless = recording.clone();
    sizeless[16..24].fill(0);
    assert!(refused(&sizeless).contains("damaged"));
}

/// `perf record` that was killed leaves the size of its data at zero and writes no tables.
#[test]
fn a_recording_that_was_killed_has_its_samples() {
    for (_, mut bytes) in corpus() {
        if bytes[8] == 16 {
            continue;
        }
        let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let end = (word(40) + word(48)) as usize;
        let whole = read(&bytes).unwrap();
        bytes.truncate(end);
        bytes[48..56].fill(0);
        let profile = read(&bytes).unwrap();
        assert_eq!(profile.samples, whole.samples);
        assert!(profile.losses.cut_off);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn several_changes_at_once(
        which in 0..6_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![
            Just(0_u64), Just(u64::MAX), Just(1 << 63), Just(0xffff), any::<u64>(),
        ], 1..9_usize), 1..12),
    ) {
        let mut bytes = corpus().swap_remove(which).1;
        for (at, value, width) in changes {
            let at = at.index(bytes.len());
            let end = (at + width.min(8)).min(bytes.len());
            bytes[at..end].copy_from_slice(&value.to_le_bytes()[..end - at]);
        }
        let _ = read(&bytes);
    }
}
