//! Callers that are found by rules of unwind tables other than a distance from a pointer.

use super::{OTHER, SHORTER, at_least, compare, hex, run};
use cargo_hotspots::profile::{FrameId, Place, Profile};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

struct Rules {
    directory: tempfile::TempDir,
}

impl Rules {
    fn new(flags: &[&str]) -> Self {
        let rules = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rules/rules.c");
        let mut build = Command::new("gcc");
        build.args(["-O2", "-g", "-fno-ipa-cp"]).args(flags);
        run(build.arg("-o").args([&rules.program(), &source]));
        rules
    }

    fn program(&self) -> PathBuf {
        self.directory.path().join("rules")
    }

    fn record(&self, call_graph: &str, arguments: &[&str]) -> PathBuf {
        let recording = self.directory.path().join("perf.data");
        let mut record = Command::new("perf");
        record.args(["record", "-q", "-N", "-e", "cpu-clock", "-F", "1499"]);
        record.args(["--call-graph", call_graph, "-o"]);
        run(record.arg(&recording).arg(self.program()).args(arguments));
        recording
    }

    /// Where functions are, by `nm`.
    fn function(&self, name: &str) -> std::ops::Range<u64> {
        let listing = run(Command::new("nm").arg("-S").arg(self.program()));
        let mut lines = listing.lines().map(|line| line.split(' '));
        let found = lines.find_map(|mut words| {
            let (start, size) = (words.next()?, words.next()?);
            (words.nth(1)? == name).then(|| hex(start)..hex(start) + hex(size))
        });
        found.unwrap_or_else(|| panic!("{name} in {listing}"))
    }

    /// The samples whose stacks have frames in functions of these names, in this order from the
    /// innermost on, whatever is between them; and of these those that have all.
    fn samples(&self, profile: &Profile, names: &[&str]) -> (u64, u64) {
        let ranges: Vec<_> = names.iter().map(|name| self.function(name)).collect();
        let (mut first, mut all) = (0, 0);
        for count in &profile.counts {
            let mut wanted = ranges.iter().peekable();
            for frame in profile.frames_of(count.stack) {
                let is_in = |range: &&std::ops::Range<u64>| matches!(place(profile, frame), Place::Code(at) if range.contains(&at.0));
                wanted.next_if(is_in);
            }
            first += count.samples * u64::from(wanted.len() < ranges.len());
            all += count.samples * u64::from(wanted.len() == 0);
        }
        (first, all)
    }
}

fn place(profile: &Profile, frame: FrameId) -> Place {
    profile.frames[frame.0 as usize].place
}

/// By a signal frame, by aligned stacks, by expressions, and by a register that an inner function has
/// saved.
#[test]
fn every_rule_of_a_table_leads_where_perf_says() {
    for flags in [&[][..], &["-fno-omit-frame-pointer"]] {
        let rules = Rules::new(flags);
        let (agreement, profile) = compare(&rules.record("dwarf,16384", &[]));
        at_least(&agreement, 0.97);
        assert!(agreement.count(OTHER) + agreement.count(SHORTER) <= agreement.samples / 50);
        assert!(profile.losses.unrooted <= profile.samples / 100);
        for names in [
            &["spin_handler", "spin_interrupted", "interrupted", "main"][..],
            &["spin_realigned", "realigned", "main"],
            &["computed", "computing", "main"],
            &["spin_hanging", "hanging_inside", "hanging", "main"],
        ] {
            let (first, all) = rules.samples(&profile, names);
            assert!(first > 30, "{names:?}: {first}");
            assert!(all * 50 >= first * 49, "{names:?}: {all} of {first}");
        }
    }
}

/// perf has an address before the function, gdb its name. Nothing calls it.
#[test]
fn a_coroutine_ends_where_it_begins() {
    for call_graph in ["dwarf,16384", "fp"] {
        let rules = Rules::new(&["-fno-omit-frame-pointer"]);
        let recording = rules.record(call_graph, &["coroutine"]);
        let profile = cargo_hotspots::perf_data::read(&recording, &[], false).unwrap();
        let (first, all) = rules.samples(&profile, &["spin_coroutine", "coroutine"]);
        assert!(first > 100, "{call_graph}: {first}");
        assert!(all * 50 >= first * 49, "{call_graph}: {all} of {first}");
        assert!(profile.losses.unrooted <= 5, "{:?}", profile.losses);
        assert!(profile.without_tables.is_empty());
        // gdb names its outermost frame.
        let mut debugger = Command::new("gdb");
        debugger.args(["-batch", "-nx", "-ex", "break spin_coroutine", "-ex"]);
        debugger.args(["run coroutine", "-ex", "backtrace", "-ex", "up 2", "-ex"]);
        debugger.args(["info symbol $pc", "-ex", "info line *$pc"]);
        debugger.arg(rules.program()).stdin(Stdio::null());
        let said = run(&mut debugger);
        assert!(said.contains("__start_context"), "{said}");
    }
}
