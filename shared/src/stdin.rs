//! A standard input that each of several runs of a program reads from its start.
//!
//! What measures a program runs it more than once, and a standard input can be read once: the first
//! run would leave the others an empty one, and the figures of a report would be of different inputs.
//! So a file is opened anew for each run, at the place where it stood when the tool began; of a pipe
//! the contents are kept in a temporary file; and where there is nothing to repeat, because a user
//! would have to type it again, each run has an empty input.

use crate::{Error, Result, units::Bytes};
use std::{
    fs::File,
    io::{self, IsTerminal as _, Read as _, Seek as _, SeekFrom, Write as _},
    process::Stdio,
    sync::{OnceLock, mpsc},
    thread,
    time::Duration,
};

/// How much of a pipe is kept.
pub const MOST: u64 = 1 << 30;
/// How long the first byte of a pipe, or its end, is waited for. Whoever starts this tool may have
/// left it a pipe that nobody writes to or closes.
const PATIENCE: Duration = Duration::from_secs(5);

/// FNV-1a, which tells an input from another that was not made to be taken for it.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x100_0000_01b3;

/// This process's own: there is one, and it can be read once.
static SHARED: OnceLock<Stdin> = OnceLock::new();

/// What each run of a program has as its standard input.
#[derive(Debug)]
pub enum Stdin {
    /// This process's own is a terminal: each run has an empty one.
    Terminal,
    /// Nothing came through a pipe, and it was not closed either: each run has an empty one.
    Silent,
    /// A device such as `/dev/null`, which is the same for each run.
    Device,
    /// A file, or what came through a pipe.
    Contents {
        /// Where it can be read.
        file: File,
        /// Where each run begins, in bytes from the file's start.
        start: u64,
    },
}

impl Stdin {
    /// This process's own, which is looked at, or read to its end, when this is called first.
    ///
    /// # Errors
    ///
    /// It cannot be read or kept, or is a pipe with more than [`MOST`] bytes.
    pub fn shared() -> Result<&'static Self> {
        if let Some(shared) = SHARED.get() {
            return Ok(shared);
        }
        let own = match io::stdin().is_terminal() {
            true => Self::Terminal,
            false => Self::of(own().map_err(unreadable)?, MOST, PATIENCE)?,
        };
        Ok(SHARED.get_or_init(|| own))
    }

    /// This process's own, where it was looked at.
    pub fn known() -> Option<&'static Self> {
        SHARED.get()
    }

    /// Reads `from` where it is no file that can be opened again.
    fn of(mut from: File, most: u64, patience: Duration) -> Result<Self> {
        let kind = from.metadata().map(|it| it.file_type());
        if kind.as_ref().is_ok_and(is_device) {
            return Ok(Self::Device);
        }
        if kind.is_ok_and(|kind| kind.is_file()) {
            let start = from.stream_position().map_err(unreadable)?;
            return Ok(Self::Contents { file: from, start });
        }
        let (sender, news) = mpsc::channel();
        thread::spawn(move || {
            let mut first = vec![0; 1 << 16];
            let begun = from.read(&mut first);
            // Nobody listens any more when it took too long.
            let _ = sender.send(None);
            let kept = begun.and_then(|count| {
                first.truncate(count);
                keep(&first, from, most)
            });
            let _ = sender.send(Some(kept));
        });
        if news.recv_timeout(patience).is_err() {
            return Ok(Self::Silent);
        }
        let kept = news.recv().ok().flatten();
        let kept = kept.unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()));
        let (file, length) = kept.map_err(unreadable)?;
        if length > most {
            return Err(Error::usage(
                format_args!(
                    "standard input is a pipe with more than {}, and each run needs all of it",
                    Bytes(most)
                ),
                "write it to a file, and redirect that: `< FILE`",
            ));
        }
        Ok(Self::Contents { file, start: 0 })
    }

    /// That of one more run.
    ///
    /// # Errors
    ///
    /// The file cannot be opened again.
    pub fn next(&self) -> Result<Stdio> {
        match self {
            Self::Terminal | Self::Silent => Ok(Stdio::null()),
            Self::Device => Ok(Stdio::inherit()),
            Self::Contents { file, start } => {
                let again = again(file).and_then(|mut file| {
                    file.seek(SeekFrom::Start(*start))?;
                    Ok(file)
                });
                Ok(again.map_err(unreadable)?.into())
            }
        }
    }

    /// What each run reads, so that it can be told from another's: how many bytes and which; `None`
    /// where each has an empty one, or a device.
    ///
    /// # Errors
    ///
    /// The file cannot be read again.
    pub fn contents(&self) -> Result<Option<(u64, u64)>> {
        let Self::Contents { file, start } = self else {
            return Ok(None);
        };
        let read = || {
            let mut file = again(file)?;
            file.seek(SeekFrom::Start(*start))?;
            let mut buffer = vec![0; 1 << 16];
            let (mut length, mut hash) = (0u64, FNV_OFFSET);
            loop {
                let count = match file.read(&mut buffer) {
                    Ok(0) => return Ok((length, hash)),
                    Ok(count) => count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error),
                };
                length += count as u64;
                for byte in buffer.get(..count).unwrap_or_default() {
                    hash = (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME);
                }
            }
        };
        let (length, hash) = read().map_err(unreadable)?;
        Ok((length > 0).then_some((length, hash)))
    }

    /// Why each run has an empty one, though this process's own may not be; `None` otherwise.
    pub fn why_empty(&self) -> Option<&'static str> {
        match self {
            Self::Terminal => Some(
                "standard input is a terminal, which cannot be read once more: each run has an \
                 empty one",
            ),
            Self::Silent => Some(
                "nothing came from standard input, which is a pipe, and it was not closed: each run \
                 has an empty one",
            ),
            Self::Device | Self::Contents { .. } => None,
        }
    }
}

/// Writes what was read and the rest to a file without a name; and how long it is.
fn keep(first: &[u8], rest: File, most: u64) -> io::Result<(File, u64)> {
    let mut file = tempfile::tempfile()?;
    file.write_all(first)?;
    let first = first.len() as u64;
    // One byte more shows that there is more.
    let left = most.saturating_add(1).saturating_sub(first);
    let length = first + io::copy(&mut rest.take(left), &mut file)?;
    Ok((file, length))
}

/// The same file with a place of its own. Where the system has no way to that, the runs share one
/// place, which is set anew for each: they run one after the other.
fn again(file: &File) -> io::Result<File> {
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd as _;
        // A file without a name, or of which another user lets only the descriptor be read, has none.
        if let Ok(own) = File::open(format!("/proc/self/fd/{}", file.as_raw_fd())) {
            return Ok(own);
        }
    }
    file.try_clone()
}

#[cfg(unix)]
fn own() -> io::Result<File> {
    use std::os::fd::AsFd as _;
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

#[cfg(windows)]
fn own() -> io::Result<File> {
    use std::os::windows::io::AsHandle as _;
    Ok(io::stdin().as_handle().try_clone_to_owned()?.into())
}

#[cfg(unix)]
fn is_device(kind: &std::fs::FileType) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    kind.is_char_device() || kind.is_block_device()
}

#[cfg(not(unix))]
fn is_device(_: &std::fs::FileType) -> bool {
    false
}

fn unreadable(source: io::Error) -> Error {
    Error::read("standard input", source)
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    const LONG: Duration = Duration::from_secs(60);

    /// How many bytes a run counts.
    fn counted(stdin: &Stdin) -> String {
        let mut count = Command::new("wc");
        let output = count.arg("-c").stdin(stdin.next().unwrap()).output();
        String::from_utf8(output.unwrap().stdout)
            .unwrap()
            .trim()
            .to_owned()
    }

    fn pipe() -> (File, io::PipeWriter) {
        let (reader, writer) = io::pipe().unwrap();
        (std::os::fd::OwnedFd::from(reader).into(), writer)
    }

    #[test]
    fn each_run_reads_a_file_from_where_it_stood() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        file.seek(SeekFrom::Start(3)).unwrap();
        let stdin = Stdin::of(file, MOST, LONG).unwrap();
        for _ in 0..3 {
            assert_eq!(counted(&stdin), "7");
        }
    }

    #[test]
    fn each_run_reads_all_of_a_pipe() {
        let (from, mut to) = pipe();
        // More than a pipe holds, so that the first read is not the last.
        let writer = thread::spawn(move || to.write_all(&vec![b'x'; 300_000]));
        let stdin = Stdin::of(from, 300_000, LONG).unwrap();
        writer.join().unwrap().unwrap();
        for _ in 0..3 {
            assert_eq!(counted(&stdin), "300000");
        }
    }

    #[test]
    fn a_pipe_with_more_than_is_kept_is_refused() {
        let (from, mut to) = pipe();
        to.write_all(b"0123456789").unwrap();
        drop(to);
        let error = Stdin::of(from, 9, LONG).unwrap_err();
        assert!(error.to_string().contains("more than 9 B"), "{error}");
    }

    #[test]
    fn a_pipe_that_nobody_writes_to_is_empty_and_said() {
        let (from, _to) = pipe();
        let stdin = Stdin::of(from, MOST, Duration::from_millis(1)).unwrap();
        assert_eq!(counted(&stdin), "0");
        assert!(stdin.why_empty().unwrap().contains("not closed"));
        let (from, to) = pipe();
        drop(to);
        let stdin = Stdin::of(from, MOST, LONG).unwrap();
        assert_eq!(counted(&stdin), "0");
        assert_eq!(stdin.why_empty(), None);
    }
}
