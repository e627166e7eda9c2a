//! A file that says, for as long as its process lives, that something is in use.
//!
//! The kernel lets go of the lock when the process ends, however it ends; a process number would
//! not do, as another process may have it by then.

use std::{
    fs::{File, OpenOptions},
    io::Result,
    path::Path,
};

/// Opens `path`, makes it if it is not there, and holds it; `None` where another process does.
#[cfg(unix)]
pub(super) fn hold(path: &Path) -> Result<Option<File>> {
    use rustix::fs::{FlockOperation, flock};
    use std::os::unix::fs::MetadataExt;
    let file = options().open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(error) if error == rustix::io::Errno::WOULDBLOCK => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    // Between opening and locking, the one who had it may have removed it.
    let (own, there) = (file.metadata()?, path.metadata());
    let same = there.is_ok_and(|there| (there.dev(), there.ino()) == (own.dev(), own.ino()));
    Ok(same.then_some(file))
}

/// Opens `path`, makes it if it is not there, and holds it; `None` where another process does.
#[cfg(windows)]
pub(super) fn hold(path: &Path) -> Result<Option<File>> {
    use std::os::windows::fs::OpenOptionsExt;
    const ERROR_SHARING_VIOLATION: i32 = 32;
    match options().share_mode(0).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.raw_os_error() == Some(ERROR_SHARING_VIOLATION) => Ok(None),
        Err(error) => Err(error),
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options
}
