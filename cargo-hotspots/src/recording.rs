//! A recording on disk: what was sampled, how, and where its files are.
//!
//! A recording that the tool makes is a directory below the target directory: `perf.data`, a copy
//! of the program as it ran (the next build replaces the original), and `recording.json`, which is
//! [`About`]. A `perf.data` that the user names has none of that but itself.

pub mod sources;

use serde::{Deserialize, Serialize};
use std::{path::PathBuf, time::SystemTime};

/// A recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The samples.
    pub data: PathBuf,
    /// What else is known of it, when the tool itself made it.
    pub about: Option<About>,
}

impl Recording {
    /// Its number among the recordings that are kept: the name of its directory.
    pub fn number(&self) -> Option<u64> {
        self.about.as_ref()?;
        let directory = self.data.parent()?.file_name()?;
        directory.to_str()?.parse().ok()
    }
}

/// A recording among those that are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its number, which commands take for its path.
    pub number: u64,
    /// When it was finished, as far as the file system knows.
    pub finished: Option<SystemTime>,
    /// The bytes of all its files.
    pub size: u64,
    /// The recording; it has a description.
    pub recording: Recording,
}

/// What a recording says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The version of this description.
    pub format: u32,
    /// `perf` or `builtin`.
    pub recorder: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The programs that ran, one for each target.
    pub programs: Vec<Program>,
    /// The samples asked for each second.
    pub frequency: u32,
    /// `dwarf`, `fp` or `none`.
    pub call_graph: String,
    /// What was added to the user's build, in words.
    pub build_notes: Vec<String>,
    /// The build profile in use, when cargo built it.
    #[serde(rename = "profile")]
    pub build_profile: Option<String>,
    /// The directory where the build was asked for.
    pub directory: Option<PathBuf>,
    /// Whether whole CPUs were sampled, which also sees what lives for less than a sample's period.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole_cpus: bool,
    /// What is worse than it could be, in words, with its remedy.
    pub degradations: Vec<Degradation>,
    /// Files that were not at their path here, and the copies that were kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<Copied>,
    /// What the programs used while they were recorded; recordings of format 1 do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Account>,
}

/// A file of a container, or one that was in memory only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copied {
    /// Where it was, as the samples name it.
    pub path: PathBuf,
    /// The copy that was kept.
    pub copy: PathBuf,
}

/// The kernel's account of the programs and of those of their children that they waited for, while
/// they were recorded: what the samples can be held against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// From start to end.
    pub duration_ns: u64,
    /// CPU time in the programs' own code.
    pub user_ns: u64,
    /// CPU time in the kernel on their behalf.
    pub system_ns: u64,
    /// How often the sampled event happened, by a counter beside the samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_count: Option<u64>,
    /// How long the programs' threads were ready and had no processor; recordings of format 3 and
    /// of processes that ran already do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued_ns: Option<u64>,
    /// How often threads gave up their processor to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<u64>,
}

/// The recorder of allocations, by the name that recordings have for it.
pub const ALLOCATIONS: &str = "alloc";

impl About {
    /// Whether it is a recording of allocations, whose periods are bytes and no time.
    pub fn is_of_allocations(&self) -> bool {
        self.recorder == ALLOCATIONS
    }
}

impl Account {
    /// For how long at least no thread ran or was ready to: it waited for a lock, a disk, another
    /// process. `None` where it is not known how long it was only queued.
    pub fn waiting_ns(&self) -> Option<u64> {
        let busy = self.cpu_ns().saturating_add(self.queued_ns?);
        Some(self.duration_ns.saturating_sub(busy))
    }

    /// All CPU time.
    pub fn cpu_ns(&self) -> u64 {
        self.user_ns.saturating_add(self.system_ns)
    }
}

/// A program of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Where it was when it ran, as the samples name it.
    pub path: PathBuf,
    /// The copy that was kept.
    pub copy: Option<PathBuf>,
    /// Its package.
    pub package: Option<String>,
    /// Its cargo target.
    pub target: Option<String>,
    /// `bin`, `example`, `test` or `bench`.
    pub kind: Option<String>,
    /// What drives it, when it is a benchmark: `criterion`, `divan`, `libtest`, `plain`.
    pub harness: Option<String>,
    /// Its exit code.
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Whether Ctrl-C ended the recording.
    pub interrupted: bool,
    /// What it read and wrote, by the kernel's account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Traffic>,
}

/// What a process read and wrote: calls like `read` and `write`, and their bytes. Children are not in
/// it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// Calls that read.
    pub reads: u64,
    /// Bytes that they got.
    pub read_bytes: u64,
    /// Calls that write.
    pub writes: u64,
    /// Bytes that they gave.
    pub written_bytes: u64,
}

/// Something that is worse than it could be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Degradation {
    /// A short name: `no-pmu`.
    pub code: String,
    /// What is so.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}
