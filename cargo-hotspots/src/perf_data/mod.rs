//! Reads `perf.data` into a [`Profile`].
//!
//! ```text
//! header   events, build ids              stream   records, unpacked      order   by time
//! process  what is mapped where           files    the same build?        unwind  callers
//! code     callers of code without unwind tables    known     of each place once
//! rules    tables that framehop does not follow    registers   all of a frame   callers   by which
//! fold     equal stacks once               waits   how long, from switches
//! directory   several files, one recording
//! ```
//!
//! The recording is read once, from front to end, and never held: memory follows the distinct
//! stacks and addresses in it, and two rounds of `perf record`'s buffers. What is wrong with it is
//! counted (`Losses`) and what can be read is. Files that code ran in are opened when the first
//! address in them is sampled.
//!
//! Sources: `perf_event_open(2)` and `linux/perf_event.h` for the kernel's records,
//! `tools/perf/Documentation/perf.data-file-format.txt` for perf's; `linux-perf-data` reads the
//! fields of events and records. Limits: recordings of machines with the other byte order are
//! refused, programs of 32 bits are not unwound, hardware traces are skipped.

mod attribute;
mod bytes;
mod callers;
mod code;
mod debug_frame;
mod directory;
mod files;
mod fold;
mod header;
mod kind;
mod known;
mod mapped;
mod module_file;
mod options;
mod order;
mod places;
mod process;
mod reader;
mod registers;
mod roots;
mod rules;
mod sample;
mod search;
mod stream;
mod unwind;
mod waits;
mod walk;

pub use mapped::mapped;
pub use options::Options;
pub(crate) use options::no_event;
pub(crate) use search::kept_kallsyms;

use crate::profile::Profile;
use codecost::{Error, Result};
use header::{Header, Source};
use order::{Event, Rounds};
use reader::Reader;
use std::{
    fs::File,
    io::{self, BufReader, Read, Seek},
    path::{Path, PathBuf},
    time::SystemTime,
};
use stream::Stream;

/// Reads the recording at `path`. `substitutes` are paths as recorded, and the copies to open
/// instead; `timeline` keeps each single sample.
///
/// Time follows the file's size, memory the distinct stacks in it.
///
/// # Errors
///
/// The file cannot be read or is no recording. Damage inside is no error but counted.
pub fn read(path: &Path, substitutes: &[(PathBuf, PathBuf)], timeline: bool) -> Result<Profile> {
    let options = Options {
        substitutes,
        timeline,
        search: true,
        event: None,
    };
    read_as(path, &options)
}

/// As [`read`], as the options say.
///
/// # Errors
///
/// As of [`read`]; or the recording has no samples of the event that is asked for.
pub fn read_as(path: &Path, options: &Options<'_>) -> Result<Profile> {
    let fail = |error| Error::read(path, error);
    let before = std::fs::metadata(path).map_err(fail)?;
    if before.is_dir() {
        return Err(fail(io::Error::from(io::ErrorKind::IsADirectory)));
    }
    if !before.is_file() {
        return Err(Error::failed(
            format!(
                "`{}` cannot be read: it is not a regular file",
                path.display()
            ),
            "write the recording to a file first",
        ));
    }
    let file = File::open(path).map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    let reader = BufReader::with_capacity(64 << 10, file);
    read_from(
        reader,
        path,
        metadata.len(),
        metadata.modified().ok(),
        options,
    )
}

/// Reads a recording of `size` bytes; `path` is for messages, `recorded` is when it ended.
///
/// # Errors
///
/// As of [`read`].
pub fn read_from(
    reader: impl Read + Seek,
    path: &Path,
    size: u64,
    recorded: Option<SystemTime>,
    options: &Options<'_>,
) -> Result<Profile> {
    let mut source = Source { reader, size };
    let header = Header::read(&mut source, path)?;
    let (start, size) = (header.start, header.size);
    let fail = |error| Error::read(path, error);
    let mut parts = match header.of_directory {
        true => directory::parts(path)?,
        false => Vec::new(),
    };
    let mut stream = Stream::new(source, start, size).map_err(fail)?;
    let mut turns = directory::Turns::of(1 + parts.len());
    let mut reader = Reader::new(header, recorded, options);
    let mut rounds = Rounds::default();
    let mut body = Vec::new();
    let mut is_count = false;
    while let Some(turn) = turns.next() {
        let next = match turn.checked_sub(1).and_then(|part| parts.get_mut(part)) {
            Some(part) => part.next(&mut body),
            None => stream.next(&mut body),
        };
        let Some(start) = next.map_err(fail)? else {
            turns.end(turn);
            continue;
        };
        if start.kind < kind::FIRST_OF_PERF {
            let attribute = reader.attribute_of(start.kind, &body);
            let time = reader.time_of(start.kind, attribute, &body);
            turns.advance(turn, time);
            rounds.push(Event {
                time: time.unwrap_or(rounds.now()),
                kind: start.kind,
                misc: start.misc,
                attribute,
                body,
            });
            body = rounds.buffer();
        } else if start.kind == kind::STAT {
            is_count = true;
        } else if start.kind == kind::FINISHED_ROUND && parts.is_empty() {
            // Of a directory each file has rounds of its own.
            rounds.finish_round();
        }
        reader.take_all(&mut rounds);
    }
    rounds.finish();
    reader.take_all(&mut rounds);
    reader.losses.disordered = rounds.disordered;
    reader.losses.unreadable += stream.unreadable;
    reader.losses.cut_off |= stream.cut_off;
    for part in &parts {
        reader.losses.unreadable += part.unreadable;
        reader.losses.cut_off |= part.cut_off;
    }
    let profile = reader.finish(options.event)?;
    if is_count && profile.samples == 0 {
        return Err(Error::failed(
            format_args!(
                "`{}` has no samples: `perf stat` counts events and takes none",
                path.display()
            ),
            "`perf stat report` shows it; `perf record` takes samples",
        ));
    }
    Ok(profile)
}

#[cfg(test)]
mod tests;
