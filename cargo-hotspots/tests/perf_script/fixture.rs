//! The program that most tests record.

use super::run;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A directory with the program in it, and recordings of it.
pub(super) struct Fixture {
    directory: tempfile::TempDir,
    pub(super) program: PathBuf,
}

impl Fixture {
    pub(super) fn new(flags: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("stacks");
        let fixture = Self { directory, program };
        fixture.build(flags);
        fixture
    }

    pub(super) fn build(&self, flags: &[&str]) {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/stacks.rs");
        run(Command::new("rustc")
            .args([
                "--edition",
                "2024",
                "-O",
                "-g",
                "-C",
                "link-arg=-Wl,--build-id",
            ])
            .args(flags)
            .arg("-o")
            .args([&self.program, &source]));
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Records the program with `flags`; `children` processes of it besides.
    pub(super) fn record(&self, flags: &[&str], children: u32) -> PathBuf {
        // One at a time, however many tests run: a busy machine is not what is tested.
        static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
        let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let recording = self.path("perf.data");
        let mut command = Command::new("perf");
        command
            .args(["record", "-q", "-N", "-e", "cpu-clock", "-F", "1499"])
            .args(flags)
            .arg("-o")
            .arg(&recording)
            .arg(&self.program)
            .arg(children.to_string());
        run(&mut command);
        recording
    }
}
