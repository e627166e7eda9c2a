//! The result of a variant: sizes, time and the verdict.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::paired::Interval;
use super::variant::{Role, Variant};

/// A gain under both of these is not worth a risk.
const THRESHOLD_BYTES: u64 = 1024;
const THRESHOLD_SHARE: f64 = 0.001;

/// Whether `gain` bytes of `whole` are worth keeping a knob.
pub fn worthwhile(gain: i128, whole: u64) -> bool {
    gain >= i128::from(THRESHOLD_BYTES) && gain as f64 >= THRESHOLD_SHARE * whole as f64
}

/// The result of one variant's build.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Weighed {
    /// The artifact's copy.
    pub path: PathBuf,
    /// Bytes of the file.
    pub file_size: u64,
    /// Bytes with its symbols stripped; unknown where the format is not understood.
    pub shipped_size: Option<u64>,
    /// Bytes of `.text`.
    pub text_size: Option<u64>,
    /// Bytes compressed by gzip, level 6.
    pub compressed_size: Option<u64>,
    /// Wall time of the build that made it; unknown if it was there before anybody timed it.
    pub build_ns: Option<u64>,
    /// Processor time of that build.
    #[serde(default)]
    pub build_cpu_ns: Option<u64>,
    /// Which crates that build compiled: equal for equal sets, 0 where it is not known.
    #[serde(default)]
    pub units: u64,
    /// The most memory that that build took at once.
    #[serde(default)]
    pub peak_memory: Option<u64>,
    /// How many crates that build compiled.
    pub compiled: usize,
    /// A hash of the file.
    pub hash: u64,
}

impl Weighed {
    /// The size that counts: what is shipped, else the file.
    pub fn size(&self) -> u64 {
        self.shipped_size.unwrap_or(self.file_size)
    }
}

/// The verdict on a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The one to take.
    Chosen,
    /// Its knob is worth it.
    Kept,
    /// Not worth it, or beaten.
    Dropped,
    /// The output is the same with and without.
    NoEffect,
    /// It could not be built or run.
    Failed,
}

impl Status {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chosen => "chosen",
            Self::Kept => "kept",
            Self::Dropped => "dropped",
            Self::NoEffect => "no-effect",
            Self::Failed => "failed",
        }
    }

    /// Back from the word, for `--merge`.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Chosen,
            Self::Kept,
            Self::Dropped,
            Self::NoEffect,
            Self::Failed,
        ]
        .into_iter()
        .find(|s| s.as_str() == text)
    }
}

/// A variant with all that is known of it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The variant.
    pub variant: Variant,
    /// Sizes; `None` if it failed.
    pub weighed: Option<Weighed>,
    /// Time against the baseline: ratio and interval.
    pub time: Option<Interval>,
    /// The verdict.
    pub status: Status,
    /// Why, where there is something to say.
    pub reason: Option<String>,
}

impl Outcome {
    /// The build as it is, before anything was measured.
    pub fn baseline() -> Self {
        Self {
            variant: Variant::new(Role::Baseline, Vec::new()),
            weighed: None,
            time: None,
            status: Status::Kept,
            reason: None,
        }
    }

    /// The size that counts.
    pub fn size(&self) -> Option<u64> {
        self.weighed.as_ref().map(Weighed::size)
    }
}
