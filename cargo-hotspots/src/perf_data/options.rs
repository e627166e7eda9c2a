//! What to read of a recording.

use codecost::Error;
use std::path::{Path, PathBuf};

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

impl<'o> Options<'o> {
    /// What to open instead of the file at a recorded path.
    pub(super) fn copies_of<'p>(
        &self,
        path: &'p Path,
    ) -> impl Iterator<Item = &'o PathBuf> + use<'o, 'p> {
        // The kernel says so of what has no place in any directory.
        let name = path
            .to_str()
            .and_then(|name| name.strip_suffix(" (deleted)"));
        let plain = name.map_or(path, Path::new);
        let found = self.substitutes.iter();
        let found = found.filter(move |(recorded, _)| recorded == path || recorded == plain);
        found.map(|(_, copy)| copy)
    }
}

/// There is no event of this name among those that the recording has.
pub(crate) fn no_event(wanted: &str, names: &[String]) -> Error {
    let listed: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    Error::usage(
        format_args!("the recording has no event `{wanted}`"),
        format_args!("it has {}", listed.join(", ")),
    )
}
