//! Where an export goes: to a file, all at once, or to standard output.

use codecost::{Error, Result, console::Console, report::write_file};
use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
};

/// A file, or standard output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination(Option<PathBuf>);

impl Destination {
    /// For a format that people can read.
    pub fn of_text(file: Option<PathBuf>) -> Self {
        Self(file)
    }

    /// For a format that only programs read.
    ///
    /// # Errors
    ///
    /// A usage error when it would go to a terminal.
    pub fn of_document(file: Option<PathBuf>) -> Result<Self> {
        if file.is_none() && io::stdout().is_terminal() {
            return Err(Error::usage(
                "this format is not for a terminal",
                "name a file with `-o FILE`",
            ));
        }
        Ok(Self(file))
    }

    /// Writes the content there.
    ///
    /// # Errors
    ///
    /// [`Error::Write`].
    pub fn write(
        &self,
        console: &mut Console,
        content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<()> {
        match &self.0 {
            Some(path) => write_file(path, content),
            None => {
                content(console.stdout()).map_err(|error| Error::write("standard output", error))
            }
        }
    }
}
