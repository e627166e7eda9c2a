//! Errors that say what went wrong, with the path or command, and what to do about it.
//!
//! The message is a lower-case fragment without a full stop; the hint stands apart so that the
//! console can print it on a `help:` line of its own.

use std::{fmt, io, path::PathBuf};

/// Exit codes that all three tools share.
pub mod exit_code {
    /// Done, and nothing exceeded.
    pub const OK: u8 = 0;
    /// Wrong usage, including an invalid configuration file.
    pub const USAGE: u8 = 2;
    /// A limit, budget, gate or check says no.
    pub const GATE: u8 = 100;
    /// The work could not be done: build failed, unreadable file, no permission.
    pub const FAILURE: u8 = 101;
}

/// A result with the library's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the work could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be opened or read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file opened but is not what it should be.
    #[error("`{}` is not a file this tool can analyse: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file became shorter or was written to while it was read.
    #[error("`{}` changed while it was read", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A command could not be started.
    #[error("cannot run `{command}`")]
    Spawn {
        /// The command line as a user would type it.
        command: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// A command ran and failed; its own diagnostics are already on standard error.
    #[error("`{command}` failed with {status}")]
    Command {
        /// The command line as a user would type it.
        command: String,
        /// Its exit status, in words.
        status: String,
    },
    /// The same, for one of several places that are alike, such as a git revision.
    #[error("{place}")]
    At {
        /// What could not be done where: "cannot build `HEAD~1`".
        place: String,
        /// Why.
        #[source]
        source: Box<Error>,
        /// What to do besides what the source's hint says.
        hint: Option<String>,
    },
    /// The user asked for something that cannot be; exit code 2.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// Anything else that kept the work from being done; exit code 101.
    #[error("{message}")]
    Failed {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
}

impl Error {
    /// A usage error (exit code 2) with a hint.
    pub fn usage(message: impl fmt::Display, hint: impl fmt::Display) -> Self {
        Self::Usage {
            message: message.to_string(),
            hint: Some(hint.to_string()),
        }
    }

    /// A failure (exit code 101) with a hint.
    pub fn failed(message: impl fmt::Display, hint: impl fmt::Display) -> Self {
        Self::Failed {
            message: message.to_string(),
            hint: Some(hint.to_string()),
        }
    }

    /// A failed read of `path`.
    pub fn read(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Read {
            path: path.into(),
            source,
        }
    }

    /// A failed write of `path`.
    pub fn write(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Write {
            path: path.into(),
            source,
        }
    }

    /// This error, met at `place`; `hint` beside its own.
    pub fn at(self, place: impl fmt::Display, hint: Option<String>) -> Self {
        Self::At {
            place: place.to_string(),
            source: Box::new(self),
            hint,
        }
    }

    /// What the user can do about it, for the `help:` line.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read { source, .. } => Some(match source.kind() {
                io::ErrorKind::NotFound => "check the spelling of the path".into(),
                io::ErrorKind::PermissionDenied => {
                    "make the file readable for you, or run as its owner".into()
                }
                io::ErrorKind::IsADirectory => "name a file, not a directory".into(),
                _ => "check that the file is readable".into(),
            }),
            Self::Write { path, source } => Some(match (source.kind(), path.parent()) {
                (io::ErrorKind::NotFound, Some(parent)) if !parent.as_os_str().is_empty() => {
                    format!("make its directory first: `mkdir -p {}`", parent.display())
                }
                (kind, _) => match kind {
                    io::ErrorKind::StorageFull => "make room on the disk, then run again".into(),
                    _ => "check that the directory exists and is writable".into(),
                },
            }),
            Self::Format { .. } => {
                Some("name an executable, a library or an object file of a Rust program".into())
            }
            Self::Changed { .. } => {
                Some("wait for the build or copy that writes it to end, then run again".into())
            }
            Self::Spawn { .. } => Some("check that the program is installed and on PATH".into()),
            Self::Command { .. } => Some("mend what it reported above, then run again".into()),
            Self::At { source, hint, .. } => match (source.hint(), hint) {
                // What is known here says more than what holds for any.
                (Some(own), Some(hint)) => Some(format!("{hint}\n{own}")),
                (own, hint) => own.or_else(|| hint.clone()),
            },
            Self::Usage { hint, .. } | Self::Failed { hint, .. } => hint.clone(),
        }
    }

    /// The exit code that this error calls for.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage { .. } => exit_code::USAGE,
            Self::At { source, .. } => source.exit_code(),
            _ => exit_code::FAILURE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_errors_exit_with_2_and_all_others_with_101() {
        assert_eq!(Error::usage("a", "b").exit_code(), 2);
        assert_eq!(Error::failed("a", "b").exit_code(), 101);
        let missing = Error::read("x", io::Error::from(io::ErrorKind::NotFound));
        assert_eq!(missing.exit_code(), 101);
        assert!(missing.to_string().contains("`x`"));
        assert!(missing.hint().is_some());
        let inside = Error::usage("a", "b").at("there", Some("c".into()));
        assert_eq!(inside.exit_code(), 2);
        assert_eq!(inside.hint().as_deref(), Some("c\nb"));
        let nowhere = Error::write("a/b/c.json", io::Error::from(io::ErrorKind::NotFound));
        assert!(nowhere.hint().unwrap().contains("`mkdir -p a/b`"));
    }
}
