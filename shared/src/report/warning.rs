//! What the reader must know about the figures: one warning per cause, however many rows it meets.

use serde::Serialize;

/// Something that makes a figure less than it seems, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// A stable kebab-case code.
    pub code: &'static str,
    /// One sentence; it names the count where there is one.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// How often the cause was met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

impl Warning {
    /// A warning without help and count.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            help: None,
            count: None,
        }
    }

    /// With what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With how often the cause was met.
    #[must_use]
    pub fn count(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }
}
