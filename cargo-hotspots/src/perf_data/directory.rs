//! Recordings of `perf record --threads`: a directory with `data`, which has the header, and `data.0`,
//! `data.1`, … with records alone.
//!
//! Source: `tools/perf/util/data.c` of the kernel. Each file is about in order of time, so they are read
//! side by side.

use super::{header::Source, stream::Stream};
use codecost::{Error, Result};
use std::{
    fs::File,
    io::{self, BufReader},
    path::Path,
};

/// More threads of `perf record` than any machine has processors.
const MAX_PARTS: usize = 1 << 13;

/// The records of the files beside `path`, which is the one with the header.
///
/// # Errors
///
/// There are none, or they cannot be read.
pub(super) fn parts(path: &Path) -> Result<Vec<Stream<BufReader<File>>>> {
    let mut parts = Vec::new();
    for number in 0..MAX_PARTS {
        let mut name = path.to_path_buf().into_os_string();
        name.push(format!(".{number}"));
        let fail = |error| Error::read(Path::new(&name), error);
        let file = match File::open(&name) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(fail(error)),
        };
        let size = file.metadata().map_err(fail)?.len();
        let reader = BufReader::new(file);
        parts.push(Stream::new(Source { reader, size }, 0, size).map_err(fail)?);
    }
    match parts.is_empty() {
        true => Err(Error::failed(
            format_args!(
                "`{path}` is one file of several that `perf record --threads` wrote, and `{path}.0` is \
                 not beside it",
                path = path.display()
            ),
            "copy the whole directory, or record without `--threads`",
        )),
        false => Ok(parts),
    }
}

/// Whose turn it is: the file that is furthest behind in time.
pub(super) struct Turns {
    /// The time that each file is at; none of one that has ended.
    at: Vec<Option<u64>>,
}

impl Turns {
    /// Of so many files.
    pub(super) fn of(files: usize) -> Self {
        Self {
            at: vec![Some(0); files],
        }
    }

    /// The next file; of several at one time the first, for it says what is mapped.
    pub(super) fn next(&self) -> Option<usize> {
        let open = self.at.iter().zip(0..);
        let open = open.filter_map(|(time, file)| Some(((*time)?, file)));
        open.min().map(|(_, file)| file)
    }

    /// The file is at this time now.
    pub(super) fn advance(&mut self, file: usize, time: Option<u64>) {
        if let (Some(Some(at)), Some(time)) = (self.at.get_mut(file), time) {
            *at = time.max(*at);
        }
    }

    /// The file has no more.
    pub(super) fn end(&mut self, file: usize) {
        if let Some(at) = self.at.get_mut(file) {
            *at = None;
        }
    }
}
