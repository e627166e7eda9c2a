//! Recordings of other tools, opened as our own: `perf.data`, callgrind's and DHAT's output,
//! heaptrack's, and the Firefox Profiler's format, in which samply saves.
//!
//! ```text
//! firefox     samples with stacks; addresses are looked up where the binary is at hand
//! callgrind   exact counts of each function; stacks are estimated from the edges of calls
//! dhat        allocations by the stack that made the block
//! heaptrack   allocations and frees by the stack that did it
//! build       the profile that all of them make
//! ```
//!
//! What a file is, its first bytes say and not its name. Files come from anybody: what is damaged is
//! an error, memory follows the file's size, and no recursion follows its nesting.

mod build;
mod callgrind;
mod dhat;
mod firefox;
mod heaptrack;

use crate::{perf_data, profile::Profile};
use codecost::{Error, Result};
use flate2::read::GzDecoder;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

/// A compressed file may become so large; the Firefox Profiler does not show larger ones either.
const MOST_BYTES: u64 = 1 << 30;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Perf,
    Json,
    Callgrind,
    Heaptrack,
}

/// Reads a recording.
///
/// # Errors
///
/// The file cannot be read, or is no recording of a known form.
pub fn read(path: &Path, options: &perf_data::Options<'_>) -> Result<Profile> {
    let fail = |error| Error::read(path, error);
    let is_file = std::fs::metadata(path).is_ok_and(|found| found.is_file());
    // What is no file, or none of ours, is perf's reader's to refuse.
    if !is_file {
        return perf_data::read_as(path, options);
    }
    let file = File::open(path).map_err(fail)?;
    let mut reader = unpacked(BufReader::new(file)).map_err(fail)?;
    let start = reader.fill_buf().map_err(fail)?;
    let Some(kind) = kind_of(start) else {
        return perf_data::read_as(path, options);
    };
    let damaged = |reason: String| {
        Error::failed(
            format_args!("`{}` cannot be read: {reason}", path.display()),
            "it is not a recording that perf, samply, callgrind, DHAT or heaptrack made, or was \
             damaged",
        )
    };
    if let (Some(event), Kind::Json | Kind::Heaptrack) = (options.event, kind) {
        return Err(Error::usage(
            format_args!("`{}` has no event `{event}`", path.display()),
            "leave out `--event`: only files of perf and callgrind have several",
        ));
    }
    match kind {
        Kind::Perf => perf_data::read_as(path, options),
        Kind::Callgrind => callgrind::read(&mut reader, options.event).map_err(damaged)?,
        Kind::Heaptrack => heaptrack::read(&mut reader).map_err(damaged),
        Kind::Json => {
            let json: serde_json::Value = serde_json::from_reader(reader)
                .map_err(|error| damaged(format!("it is no JSON: {error}")))?;
            if json.get("dhatFileVersion").is_some() {
                dhat::read(&json).map_err(damaged)
            } else if json.get("threads").is_some() && json.get("meta").is_some() {
                firefox::read(&json, options.timeline).map_err(damaged)
            } else {
                Err(damaged("it is JSON of an unknown form".into()))
            }
        }
    }
}

/// By the first bytes, uncompressed.
fn kind_of(start: &[u8]) -> Option<Kind> {
    let text = String::from_utf8_lossy(start.get(..4096.min(start.len())).unwrap_or_default());
    let first = text.trim_start();
    if start.starts_with(b"PERFILE2") || start.starts_with(b"2ELIFREP") {
        Some(Kind::Perf)
    } else if first.starts_with('{') {
        Some(Kind::Json)
    } else if first.starts_with("# callgrind format")
        || first.starts_with("version:") && first.contains("creator: callgrind")
    {
        Some(Kind::Callgrind)
    } else if first.starts_with("v ") && first.contains("\nX ") {
        Some(Kind::Heaptrack)
    } else {
        None
    }
}

/// The content, whatever it is compressed with.
fn unpacked(mut reader: BufReader<File>) -> io::Result<Box<dyn BufRead>> {
    let start = reader.fill_buf()?;
    if start.starts_with(&[0x1f, 0x8b]) {
        let inner = GzDecoder::new(reader).take(MOST_BYTES);
        return Ok(Box::new(BufReader::new(inner)));
    }
    if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let inner = zstd::stream::read::Decoder::with_buffer(reader)?.take(MOST_BYTES);
        return Ok(Box::new(BufReader::new(inner)));
    }
    Ok(Box::new(reader))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_content() {
        assert_eq!(kind_of(b"PERFILE2\0\0"), Some(Kind::Perf));
        assert_eq!(
            kind_of(b"# callgrind format\nversion: 1\n"),
            Some(Kind::Callgrind)
        );
        assert_eq!(
            kind_of(b"version: 1\ncreator: callgrind-3.19.0\n"),
            Some(Kind::Callgrind)
        );
        assert_eq!(kind_of(b"v 10400 3\nX /bin/true\n"), Some(Kind::Heaptrack));
        assert_eq!(kind_of(b" {\"meta\":{}}"), Some(Kind::Json));
        assert_eq!(kind_of(b"[package]\nname = \"x\"\n"), None);
        assert_eq!(kind_of(b""), None);
    }
}
