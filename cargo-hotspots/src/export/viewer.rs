//! Opens a file in the program that the desktop has for it: a browser, for a flamegraph.

use codecost::{Error, Result};
use std::{
    path::Path,
    process::{Command, Stdio},
};

/// The desktop's own command, with the arguments that come before the file.
const OPENER: (&str, &[&str]) = if cfg!(target_os = "macos") {
    ("open", &[])
} else if cfg!(windows) {
    // `start` takes the first quoted word for a window's title.
    ("cmd", &["/C", "start", ""])
} else {
    ("xdg-open", &[])
};

/// Opens `file`, and does not wait until it is closed.
///
/// # Errors
///
/// There is no such command, or it failed at once.
pub fn open(file: &Path) -> Result<()> {
    let (command, first) = OPENER;
    let failed = |why: String| {
        Error::failed(
            format_args!("`{}` cannot be opened: {why}", file.display()),
            "open it by hand in a browser",
        )
    };
    let status = Command::new(command)
        .args(first)
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(|error| failed(format!("`{command}`: {error}")))?;
    match status.success() {
        true => Ok(()),
        false => Err(failed(format!("`{command}` ended with {status}"))),
    }
}
