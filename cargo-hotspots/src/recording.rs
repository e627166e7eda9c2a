//! A recording on disk: what was sampled, how, and where its files are.
//!
//! A recording that the tool makes is a directory below the target directory: `perf.data`, a copy
//! of the program as it ran (the next build replaces the original), and `recording.json`, which is
//! [`About`]. A `perf.data` that the user names has none of that but itself.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The samples.
    pub data: PathBuf,
    /// What else is known of it, when the tool itself made it.
    pub about: Option<About>,
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
    /// What is worse than it could be, in words, with its remedy.
    pub degradations: Vec<Degradation>,
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
