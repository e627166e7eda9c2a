//! What to read of a recording.

use codecost::Error;
use std::path::PathBuf;

/// What to read of a recording, and with what.
#[derive(Clone, Copy, Debug)]
pub struct Options<'o> {
    /// Paths as recorded, and the copies to open instead.
    pub substitutes: &'o [(PathBuf, PathBuf)],
    /// Whether to keep each single sample.
    pub timeline: bool,
    /// Whether to look for files where they were and where copies are kept by build id; otherwise
    /// only `substitutes` are opened.
    pub search: bool,
    /// The event whose samples are read, as perf names it, with or without its modifiers; `None`
    /// for the one that counts time, else the first.
    pub event: Option<&'o str>,
}

/// There is no event of this name among those that the recording has.
pub(crate) fn no_event(wanted: &str, names: &[String]) -> Error {
    let listed: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    Error::usage(
        format_args!("the recording has no event `{wanted}`"),
        format_args!("it has {}", listed.join(", ")),
    )
}
