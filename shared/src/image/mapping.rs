//! A file mapped into memory for reading.
//!
//! The only module of the library with `unsafe`: mapping asks for it. The danger of a mapping is
//! that somebody else shortens the file while it is read; the kernel then answers a read with
//! `SIGBUS`. A handler turns that into the error it is: one line with the path, exit code 101.
//! A file that keeps its length but changes is noticed by [`Mapping::check_unchanged`].
#![allow(unsafe_code)]

use crate::{
    address::FileRange,
    error::{Error, Result},
};
use std::{
    fs::{File, Metadata},
    io,
    ops::Deref,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// A whole file in memory, read-only. Costs address space, not memory, until it is read.
#[derive(Debug)]
pub struct Mapping {
    path: PathBuf,
    // Ahead of `map`, so that the handler forgets the range before it is unmapped.
    _guard: guard::Registration,
    map: Option<memmap2::Mmap>,
    /// Of a file that holds several images the one that is meant.
    window: Option<std::ops::Range<usize>>,
    /// `None`: a copy in memory, which nobody else writes to.
    identity: Option<Identity>,
    /// Of a file that came out of a package the documents there that may describe it.
    documents: Vec<(PathBuf, Vec<u8>)>,
}

/// What changes when a file is written to.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    size: u64,
    modified: Option<SystemTime>,
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.len(),
            modified: metadata.modified().ok(),
        }
    }
}

impl Mapping {
    /// Maps `path`.
    ///
    /// # Errors
    ///
    /// The file does not exist, is no regular file, is empty or may not be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        // Asked before opening: opening a pipe would wait for its writer.
        let before = std::fs::metadata(path).map_err(|error| Error::read(path, error))?;
        if before.is_dir() {
            return Err(Error::read(
                path,
                io::Error::from(io::ErrorKind::IsADirectory),
            ));
        }
        if !before.is_file() {
            return Err(Error::Format {
                path: path.into(),
                reason: "it is not a regular file".into(),
            });
        }
        let file = File::open(path).map_err(|error| Error::read(path, error))?;
        let metadata = file.metadata().map_err(|error| Error::read(path, error))?;
        let map = if metadata.len() == 0 {
            None
        } else {
            // SAFETY: the mapping is private and read-only. Another process may still write to
            // the file; all readers treat the bytes as untrusted and check every bound against
            // the length taken here, and `guard` answers for reads past a shortened end.
            Some(unsafe { memmap2::Mmap::map(&file) }.map_err(|error| Error::read(path, error))?)
        };
        let guard = guard::Registration::new(path, map.as_deref().unwrap_or_default());
        Ok(Self {
            path: path.into(),
            _guard: guard,
            map,
            window: None,
            identity: Some(Identity::of(&metadata)),
            documents: Vec::new(),
        })
    }

    /// A copy of `bytes` that stands for the file `path`: what needs no file, tests and fuzzing
    /// above all, is analysed as files are.
    ///
    /// # Errors
    ///
    /// The memory is not to be had.
    pub fn of_bytes(path: impl AsRef<Path>, bytes: &[u8]) -> Result<Self> {
        let path = path.as_ref();
        let map = if bytes.is_empty() {
            None
        } else {
            let copy = memmap2::MmapMut::map_anon(bytes.len()).and_then(|mut map| {
                map.copy_from_slice(bytes);
                map.make_read_only()
            });
            Some(copy.map_err(|error| Error::read(path, error))?)
        };
        Ok(Self {
            path: path.into(),
            // Nobody else can shorten it.
            _guard: guard::Registration::new(path, &[]),
            map,
            window: None,
            identity: None,
            documents: Vec::new(),
        })
    }

    /// Only the bytes of `range`, as if they were the file; nothing where they are not inside.
    pub fn narrowed(mut self, range: FileRange) -> Self {
        let start = usize::try_from(range.start.0).unwrap_or(usize::MAX);
        let end = usize::try_from(range.end().0).unwrap_or(usize::MAX);
        self.window = Some(start..end);
        self
    }

    /// With the documents of the package that it came out of, each with its path.
    #[must_use]
    pub fn with_documents(mut self, documents: Vec<(PathBuf, Vec<u8>)>) -> Self {
        self.documents = documents;
        self
    }

    /// The documents of the package that it came out of.
    pub fn documents(&self) -> &[(PathBuf, Vec<u8>)] {
        &self.documents
    }

    /// The path as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file is still the one that was mapped.
    ///
    /// # Errors
    ///
    /// It was replaced, shortened or written to since.
    pub fn check_unchanged(&self) -> Result<()> {
        let Some(identity) = &self.identity else {
            return Ok(());
        };
        match std::fs::metadata(&self.path) {
            Ok(metadata) if Identity::of(&metadata) == *identity => Ok(()),
            _ => Err(Error::Changed {
                path: self.path.clone(),
            }),
        }
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let all = self.map.as_deref().unwrap_or_default();
        match &self.window {
            Some(window) => all.get(window.clone()).unwrap_or_default(),
            None => all,
        }
    }
}

#[cfg(unix)]
mod guard {
    //! The `SIGBUS` handler and the mapped ranges it knows.

    use std::{
        ffi::c_void,
        mem::MaybeUninit,
        path::Path,
        ptr,
        sync::{
            Once,
            atomic::{AtomicPtr, AtomicUsize, Ordering},
        },
    };

    /// Mapped ranges the handler can name; more files than this fall back to a plain `SIGBUS`.
    const SLOTS: usize = 512;

    struct Slot {
        start: AtomicUsize,
        size: AtomicUsize,
        message: AtomicPtr<Vec<u8>>,
    }

    static RANGES: [Slot; SLOTS] = [const {
        Slot {
            start: AtomicUsize::new(0),
            size: AtomicUsize::new(0),
            message: AtomicPtr::new(ptr::null_mut()),
        }
    }; SLOTS];

    /// Keeps a range known to the handler as long as it lives.
    #[derive(Debug)]
    pub(super) struct Registration(Option<usize>);

    impl Registration {
        pub(super) fn new(path: &Path, bytes: &[u8]) -> Self {
            static INSTALL: Once = Once::new();
            if bytes.is_empty() {
                return Self(None);
            }
            INSTALL.call_once(install);
            // One line whatever the name; the console is not there to see to it.
            let name: String = path
                .display()
                .to_string()
                .chars()
                .map(|c| if c.is_control() { '\u{fffd}' } else { c })
                .collect();
            let message = format!(
                "error: `{name}` changed while it was read\n\
                 help: wait for the build or copy that writes it to end, then run again\n"
            );
            let message = Box::into_raw(Box::new(message.into_bytes()));
            let start = bytes.as_ptr() as usize;
            for (index, slot) in RANGES.iter().enumerate() {
                let free =
                    slot.start
                        .compare_exchange(0, start, Ordering::AcqRel, Ordering::Acquire);
                if free.is_ok() {
                    slot.message.store(message, Ordering::Release);
                    slot.size.store(bytes.len(), Ordering::Release);
                    return Self(Some(index));
                }
            }
            // SAFETY: just made by `Box::into_raw` and stored nowhere.
            drop(unsafe { Box::from_raw(message) });
            Self(None)
        }
    }

    impl Drop for Registration {
        fn drop(&mut self) {
            let Some(slot) = self.0.and_then(|index| RANGES.get(index)) else {
                return;
            };
            slot.size.store(0, Ordering::Release);
            let message = slot.message.swap(ptr::null_mut(), Ordering::AcqRel);
            slot.start.store(0, Ordering::Release);
            if !message.is_null() {
                // SAFETY: made by `Box::into_raw` in `new`; the handler reads it only while
                // `size` is not zero, and only for a fault inside this mapping, which its owner
                // is dropping and so no longer reads.
                drop(unsafe { Box::from_raw(message) });
            }
        }
    }

    fn install() {
        // SAFETY: `sigaction` is given a zeroed, then filled structure and a handler of the
        // signature that SA_SIGINFO asks for.
        unsafe {
            let mut action = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
            let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut c_void) = on_bus;
            action.sa_sigaction = handler as usize;
            action.sa_flags = libc::SA_SIGINFO;
            libc::sigaction(libc::SIGBUS, &action, ptr::null_mut());
        }
    }

    /// Only async-signal-safe calls: atomics, `write`, `_exit`, `signal`.
    extern "C" fn on_bus(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
        // SAFETY: the kernel passes a valid `siginfo_t`; for SIGBUS `si_addr` is filled.
        let address = unsafe { (*info).si_addr() } as usize;
        for slot in &RANGES {
            let start = slot.start.load(Ordering::Acquire);
            let size = slot.size.load(Ordering::Acquire);
            if start == 0 || address.wrapping_sub(start) >= size {
                continue;
            }
            let message = slot.message.load(Ordering::Acquire);
            // SAFETY: not null while `size` is not zero, see `Registration::drop`.
            if let Some(message) = unsafe { message.as_ref() } {
                // SAFETY: a valid buffer and length; a failed write changes nothing.
                unsafe { libc::write(2, message.as_ptr().cast(), message.len()) };
            }
            // SAFETY: ends the process without running anything else.
            unsafe { libc::_exit(i32::from(crate::error::exit_code::FAILURE)) };
        }
        // Not one of ours: let the fault happen again with the default action.
        // SAFETY: resets the action of one signal.
        unsafe { libc::signal(libc::SIGBUS, libc::SIG_DFL) };
    }
}

#[cfg(not(unix))]
mod guard {
    //! Elsewhere a mapped file cannot be shortened while it is mapped.

    #[derive(Debug)]
    pub(super) struct Registration;

    impl Registration {
        pub(super) fn new(_: &std::path::Path, _: &[u8]) -> Self {
            Self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_that_was_written_to_is_noticed() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"one").unwrap();
        let mapping = Mapping::open(file.path()).unwrap();
        assert_eq!(&*mapping, b"one");
        assert!(mapping.check_unchanged().is_ok());
        file.write_all(b"two").unwrap();
        assert!(matches!(
            mapping.check_unchanged(),
            Err(Error::Changed { .. })
        ));
    }

    #[test]
    fn bytes_in_memory_are_read_as_files_are() {
        let mapping = Mapping::of_bytes("here", b"bytes").unwrap();
        assert_eq!(&*mapping, b"bytes");
        assert_eq!(mapping.path(), Path::new("here"));
        mapping.check_unchanged().unwrap();
        assert!(Mapping::of_bytes("here", b"").unwrap().is_empty());
    }

    #[test]
    fn directories_pipes_and_missing_files_are_errors() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Mapping::open(directory.path()).is_err());
        assert!(Mapping::open(directory.path().join("none")).is_err());
        #[cfg(unix)]
        assert!(Mapping::open("/dev/null").is_err());
        let empty = tempfile::NamedTempFile::new().unwrap();
        assert!(Mapping::open(empty.path()).unwrap().is_empty());
    }
}
