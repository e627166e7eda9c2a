//! Bad input: a clear refusal or a true answer, soon, and never a panic.

use crate::slim;
use integration_tests::bound::{Watched, limited};
use integration_tests::command::{command, succeed};
use integration_tests::fixture::Specimens;
use integration_tests::tool::Run;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// Of processor time: two seconds for the tool as users have it; the tests' own build is not
/// optimised. A run that needs more is ended by a signal, which no test takes for an answer.
const LIMIT: Duration = if cfg!(debug_assertions) {
    Duration::from_secs(8)
} else {
    Duration::from_secs(2)
};

fn run(view: &str, file: &Path) -> Run {
    let arguments = [view, "--message-format", "json", "--file"].map(OsStr::new);
    let run = slim()
        .limited(LIMIT)
        .run(arguments.into_iter().chain([file.as_os_str()]));
    assert!(
        run.code.is_some(),
        "{view} of {} took over {LIMIT:?}, or was ended by another signal\n{}",
        file.display(),
        run.stderr
    );
    run
}

fn is_refused(file: &Path) {
    for view in ["overview", "crates", "functions"] {
        let run = run(view, file);
        run.assert_clean_failure();
        let name = file.display().to_string();
        assert!(
            run.stderr.contains(&name),
            "the path is not named: {}",
            run.stderr
        );
    }
}

const ALL: [&str; 7] = [
    "overview",
    "sections",
    "crates",
    "functions",
    "loads",
    "retained",
    "language",
];

/// A refusal, or an answer whose sums still are the file's size.
fn is_survived(file: &Path, views: &[&str], what: &str) {
    let size = fs::metadata(file).unwrap().len();
    for view in views {
        let run = run(view, file);
        run.assert_no_crash();
        if run.code != Some(0) {
            run.assert_clean_failure();
        } else if *view == "sections" || *view == "crates" {
            assert_eq!(run.report().sum("file"), size, "{view}, {what}");
        }
    }
}

#[test]
fn what_is_no_object_file_is_refused() {
    let specimens = Specimens::new();
    let directory = specimens.path();
    is_refused(directory);
    is_refused(Path::new("/dev/null"));
    // Without an end, and with a size of zero that is not true.
    is_refused(Path::new("/dev/zero"));
    is_refused(Path::new("/proc/self/maps"));
    let circle = directory.join("circle");
    symlink(&circle, &circle).unwrap();
    is_refused(&circle);
    is_refused(&directory.join("not-there"));
    for (name, content) in [
        ("empty", &b""[..]),
        ("text", b"#!/bin/sh\necho hello\n"),
        ("magic-only", b"\x7fELF"),
        ("wasm-magic-only", b"\0asm"),
        ("zeros", &[0; 4096]),
    ] {
        let file = directory.join(name);
        fs::write(&file, content).unwrap();
        is_refused(&file);
    }
}

#[test]
fn what_may_not_be_read_is_refused() {
    let specimens = Specimens::new();
    let file = specimens.path().join("secret");
    fs::write(&file, "x").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o000)).unwrap();
    if File::open(&file).is_ok() {
        println!("SKIPPED: root may read everything; run as another user");
        return;
    }
    is_refused(&file);
}

/// Opening a pipe to read would wait for a writer for ever.
#[test]
fn a_named_pipe_is_refused_and_not_waited_for() {
    let specimens = Specimens::new();
    let pipe = specimens.path().join("pipe");
    succeed(command("mkfifo").arg(&pipe));
    is_refused(&pipe);
}

#[test]
fn a_name_that_is_not_utf8_is_no_obstacle() {
    let specimens = Specimens::new();
    let plain = specimens.rustc("plain", &[]);
    let name: OsString = OsStr::from_bytes(b"plain-\xff\xfe").to_owned();
    let odd = specimens.path().join(name);
    fs::copy(plain, &odd).unwrap();
    let report = run("crates", &odd).report();
    assert_eq!(report.sum("file"), fs::metadata(&odd).unwrap().len());
    fs::remove_file(&odd).unwrap();
    run("crates", &odd).assert_clean_failure();
}

/// The name reaches the terminal in the error message.
#[test]
fn a_name_cannot_drive_the_terminal() {
    let specimens = Specimens::new();
    let file = specimens.path().join("red-\x1b[31m");
    fs::write(&file, "no object file").unwrap();
    for file in [file, specimens.path().join("not-there-\x1b[31m")] {
        let run = run("crates", &file);
        run.assert_clean_failure();
        assert!(!run.stderr.contains('\x1b'), "{:?}", run.stderr);
    }
}

/// The kernel answers a read behind the new end with a signal, which ends a process at once.
#[test]
fn a_file_that_shrinks_while_it_is_read_is_an_error() {
    let specimens = Specimens::new();
    let whole = fs::read(specimens.rustc("plain", &[])).unwrap();
    let file = specimens.path().join("shrinking");
    let name = file.display().to_string();
    let signal = |process: u32, signal: &str| {
        succeed(command("kill").args([signal, &process.to_string()]));
    };
    // The tool may have ended before it is stopped; then once more.
    for _ in 0..50 {
        fs::write(&file, &whole).unwrap();
        let _watched = Watched::new("a file that shrinks");
        let tool = Path::new(env!("CARGO_BIN_EXE_slim-under-test"));
        let mut process = limited(tool, LIMIT)
            .args(["slim", "crates", "--file"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let maps = format!("/proc/{}/maps", process.id());
        let is_mapped = || fs::read_to_string(&maps).is_ok_and(|maps| maps.contains(&name));
        while process.try_wait().unwrap().is_none() && !is_mapped() {}
        if process.try_wait().unwrap().is_some() {
            continue;
        }
        signal(process.id(), "-STOP");
        File::options()
            .write(true)
            .open(&file)
            .unwrap()
            .set_len(64)
            .unwrap();
        signal(process.id(), "-CONT");
        let output = process.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            continue;
        }
        assert_eq!(output.status.code(), Some(101), "{stderr}");
        let lines: Vec<&str> = stderr.lines().collect();
        let [error, help] = *lines else {
            panic!("not two lines: {stderr}")
        };
        assert!(
            error.starts_with("error: ") && error.contains(&name),
            "{stderr}"
        );
        assert!(error.contains("changed while"), "{stderr}");
        assert!(help.starts_with("help: "), "{stderr}");
        return;
    }
    panic!("the tool always ended before its file could be cut");
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

/// A program without the standard library inside: what is damaged is a table that is read, not one
/// of a million bytes that are only counted, and each of the hundreds of runs is short.
fn small(specimens: &Specimens) -> PathBuf {
    specimens.rustc("plain", &["-Cprefer-dynamic"])
}

#[test]
fn a_file_cut_anywhere_is_survived() {
    let specimens = Specimens::new();
    let whole = fs::read(small(&specimens)).unwrap();
    let file = specimens.path().join("cut");
    let mut numbers = Numbers(0x5eed);
    let mut lengths: Vec<usize> = vec![1, 4, 16, 52, 63, 64, 65, 120, 4096, whole.len() - 1];
    lengths.extend((0..20).map(|_| numbers.below(whole.len())));
    for length in lengths {
        fs::write(&file, &whole[..length]).unwrap();
        is_survived(&file, &ALL, &format!("cut to {length}"));
    }
}

#[test]
fn flipped_bits_are_survived() {
    let specimens = Specimens::new();
    let whole = fs::read(small(&specimens)).unwrap();
    let file = specimens.path().join("flipped");
    let mut numbers = Numbers(0xf11b);
    for _ in 0..30 {
        let mut bytes = whole.clone();
        // Many in the headers, at the start and at the end; some anywhere.
        for _ in 0..4 {
            let early = numbers.below(0x400.min(bytes.len()));
            let late = bytes.len() - 1 - numbers.below(0xa00.min(bytes.len()));
            let anywhere = numbers.below(bytes.len());
            for at in [early, late, anywhere] {
                // The magic and class decide what reads the file; they have tests of their own.
                if at > 5 {
                    bytes[at] ^= 1 << numbers.below(8);
                }
            }
        }
        fs::write(&file, &bytes).unwrap();
        is_survived(&file, &ALL, "flipped");
    }
}

/// Counts and sizes at the end of their range, where additions overflow.
#[test]
fn absurd_header_fields_are_survived() {
    let specimens = Specimens::new();
    let whole = fs::read(small(&specimens)).unwrap();
    let word = |at: usize| u64::from_le_bytes(whole[at..at + 8].try_into().unwrap()) as usize;
    let file = specimens.path().join("absurd");
    // ELF-64: e_phoff, e_shoff, then the 16-bit counts at the header's end.
    let (programs, sections) = (word(32), word(40));
    let count = usize::from(u16::from_le_bytes(whole[60..62].try_into().unwrap()));
    let mut places: Vec<(usize, usize)> = vec![
        (24, 8),
        (32, 8),
        (40, 8),
        (54, 2),
        (56, 2),
        (58, 2),
        (60, 2),
        (62, 2),
    ];
    for header in (0..4).map(|index| programs + 56 * index) {
        places.extend([8, 16, 32, 40, 48].map(|field| (header + field, 8)));
    }
    for header in (0..count).map(|index| sections + 64 * index) {
        places.extend([16, 24, 32, 56].map(|field| (header + field, 8)));
        places.extend([4, 40].map(|field| (header + field, 4)));
    }
    let mut numbers = Numbers(0xab5d);
    while places.len() > 50 {
        places.swap_remove(8 + numbers.below(places.len() - 8));
    }
    for (at, width) in places {
        for value in [u64::MAX, u64::MAX / 2 - 15] {
            let mut bytes = whole.clone();
            bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
            fs::write(&file, &bytes).unwrap();
            is_survived(
                &file,
                &["crates", "loads"],
                &format!("{value:#x} at {at:#x}"),
            );
        }
    }
}
