//! The one object that owns standard output, standard error, colour, width, verbosity and progress.
//!
//! Results go to standard output, everything else to standard error. A closed pipe is a quiet
//! success: whoever reads has seen enough, so the rest is dropped and no error is made of it.
//! Messages keep cargo's manner (`error:`, `warning:`, `help:`, a green verb for a status).
//!
//! Colour follows `--color`, then `CARGO_TERM_COLOR`, then `NO_COLOR`, then whether the stream is
//! a terminal. Width is the terminal's; where there is none nothing is trimmed.
//!
//! ```
//! use codecost::console::Console;
//! use codecost::Error;
//!
//! let (mut console, captured) = Console::in_memory();
//! let error = Error::usage("no such view `crate`", "did you mean `crates`?");
//! let code = console.fail(&error);
//! assert_eq!(code, 2);
//! assert_eq!(
//!     captured.stderr(),
//!     "error: no such view `crate`\nhelp: did you mean `crates`?\n"
//! );
//! ```

mod color;
mod progress;
mod stream;
mod wrap;

pub use color::ColorWhen;
pub use progress::Progress;
pub use stream::{Captured, Output};

use crate::{
    cargo::Selection,
    error::{Error, Result, exit_code},
    report::{JsonRow, OutputOptions, Report, Style, Warning, WriteError, printable, write_file},
    units::Bytes,
};
use anstyle::{AnsiColor, Style as Ansi};
use std::{
    error::Error as StdError,
    fs,
    io::{self, IsTerminal, Write},
    path::Path,
};

/// How much is said on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors only (`-q`).
    Quiet,
    /// Warnings and what is being done.
    #[default]
    Normal,
    /// Also how it is done (`-v`).
    Verbose,
    /// Also the commands that cargo runs (`-vv`).
    VeryVerbose,
}

impl Verbosity {
    /// What `-q`, and `-v` as often as it was given, ask for; `-q` goes first.
    pub fn asked(quiet: bool, verbose: u8) -> Self {
        match (quiet, verbose) {
            (true, _) => Self::Quiet,
            (false, 0) => Self::Normal,
            (false, 1) => Self::Verbose,
            (false, _) => Self::VeryVerbose,
        }
    }
}

/// Standard output, standard error and the terminal's manners. See the [module](self).
pub struct Console {
    out: Output,
    err: Output,
    out_is_terminal: bool,
    err_is_terminal: bool,
    color: ColorWhen,
    width: Option<usize>,
    err_width: Option<usize>,
    verbosity: Verbosity,
    progress: Option<indicatif::ProgressBar>,
    may_draw: bool,
}

const ERROR: Ansi = AnsiColor::Red.on_default().bold();
const WARNING: Ansi = AnsiColor::Yellow.on_default().bold();
const STATUS: Ansi = AnsiColor::Green.on_default().bold();
const HELP: Ansi = AnsiColor::Cyan.on_default().bold();

impl Console {
    /// The process's own streams.
    pub fn system() -> Self {
        let err_is_terminal = io::stderr().is_terminal();
        Self {
            out_is_terminal: io::stdout().is_terminal(),
            err_is_terminal,
            width: terminal_size::terminal_size_of(io::stdout())
                .map(|(width, _)| usize::from(width.0)),
            err_width: terminal_size::terminal_size_of(io::stderr())
                .map(|(width, _)| usize::from(width.0)),
            may_draw: err_is_terminal && progress::is_wanted(|name| std::env::var_os(name)),
            ..Self::over(Output::new(io::stdout()), Output::new(io::stderr()))
        }
    }

    /// Any two writers; no terminal behind them.
    pub fn over(out: Output, err: Output) -> Self {
        Self {
            out,
            err,
            out_is_terminal: false,
            err_is_terminal: false,
            color: ColorWhen::Auto,
            width: None,
            err_width: None,
            verbosity: Verbosity::Normal,
            progress: None,
            may_draw: false,
        }
    }

    /// Two buffers, for tests.
    pub fn in_memory() -> (Self, Captured) {
        let captured = Captured::default();
        let console = Self::over(captured.output(), captured.error_output());
        // Tests must not depend on the environment that they run in.
        (
            Self {
                color: ColorWhen::Never,
                ..console
            },
            captured,
        )
    }

    /// Obey `--color`, where it was given.
    pub fn set_color(&mut self, color: Option<ColorWhen>) {
        self.color = color.unwrap_or(self.color);
    }

    /// Obey `-q` and `-v`.
    pub fn set_verbosity(&mut self, verbosity: Verbosity) {
        self.verbosity = verbosity;
    }

    /// Pretend that standard output is a terminal this wide.
    pub fn set_width(&mut self, width: Option<usize>) {
        self.width = width;
    }

    /// What `--color` said, for programs that this one starts.
    pub fn color(&self) -> ColorWhen {
        self.color
    }

    /// How much is said.
    pub fn verbosity(&self) -> Verbosity {
        self.verbosity
    }

    /// Makes the cargo that builds `selection` as loud and as colourful as this console.
    pub fn configure_cargo(&self, selection: &mut Selection) {
        selection.quiet = self.verbosity == Verbosity::Quiet;
        selection.verbose = match self.verbosity {
            Verbosity::Quiet | Verbosity::Normal => 0,
            Verbosity::Verbose => 1,
            Verbosity::VeryVerbose => 2,
        };
        selection.color = self.color.as_choice();
    }

    /// What the terminal behind standard output can do.
    pub fn style(&self) -> Style {
        Style {
            width: self.width,
            color: self.decide(self.out_is_terminal),
        }
    }

    fn decide(&self, is_terminal: bool) -> bool {
        self.color
            .decide(is_terminal, |name| std::env::var_os(name))
    }

    /// Standard output for data; a closed pipe swallows the rest without an error.
    pub fn stdout(&mut self) -> &mut Output {
        &mut self.out
    }

    /// Text with escape codes to standard output, stripped or translated where need be.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] when standard output fails for another reason than a closed pipe.
    pub fn print(&mut self, text: &str) -> Result<()> {
        let color = self.decide(self.out_is_terminal);
        write_styled(&mut self.out, text, color)
            .map_err(|error| Error::write("standard output", error))
    }

    /// Writes a report where the options say: to their file, or to standard output. Warnings go
    /// to standard error unless the format carries them.
    ///
    /// # Errors
    ///
    /// A usage error when `--sort` names no column, or [`Error::Write`].
    pub fn write_report<'a, R, J: JsonRow>(
        &mut self,
        report: &Report<'a, R>,
        options: &OutputOptions,
        row: impl FnMut(&'a R) -> J,
    ) -> Result<()> {
        self.deliver(options, |to, style| report.write(to, options, style, row))?;
        if options.format != crate::report::Format::Json {
            for warning in report.all_warnings() {
                self.warning(warning);
            }
        }
        Ok(())
    }

    /// Writes a finished text where the options say: to their file, or to standard output.
    ///
    /// # Errors
    ///
    /// [`Error::Write`].
    pub fn write_text(&mut self, options: &OutputOptions, text: &str) -> Result<()> {
        self.deliver(options, |to, _| {
            to.write_all(text.as_bytes())?;
            to.flush()?;
            Ok(())
        })
    }

    /// Runs `write` over the options' file or standard output, with the style that fits it.
    fn deliver(
        &mut self,
        options: &OutputOptions,
        write: impl FnOnce(&mut dyn Write, &Style) -> Result<(), WriteError>,
    ) -> Result<()> {
        let Some(path) = &options.output else {
            let style = self.style();
            return write(&mut self.out, &style).map_err(|error| match error {
                WriteError::Usage(error) => error,
                WriteError::Io(error) => Error::write("standard output", error),
            });
        };
        let mut usage = None;
        let written = write_file(path, |to| {
            write(to, &Style::plain()).map_err(|error| match error {
                WriteError::Io(error) => error,
                WriteError::Usage(error) => {
                    usage = Some(error);
                    io::Error::from(io::ErrorKind::InvalidInput)
                }
            })
        });
        usage.map_or(written, Err)?;
        self.wrote(path);
        Ok(())
    }

    /// Says that a file was written, and how large it is. A pipe or device is no file.
    pub fn wrote(&mut self, path: &Path) {
        if let Ok(metadata) = fs::metadata(path)
            && metadata.is_file()
        {
            let size = Bytes(metadata.len());
            self.status("Wrote", &format!("{} ({size})", path.display()));
        }
    }

    /// `error:` with its causes and what to do about it; returns the exit code for it.
    ///
    /// A [`crate::Error`] anywhere in the chain of causes gives the hint and the code. For an
    /// `anyhow::Error`, pass `error.as_ref()`.
    pub fn fail(&mut self, error: &(dyn StdError + 'static)) -> u8 {
        let causes = || std::iter::successors(error.source(), |&cause| cause.source());
        let known = std::iter::once(error)
            .chain(causes())
            .find_map(|cause| cause.downcast_ref::<Error>());
        self.message(ERROR, "error", &error.to_string());
        let mut said = error.to_string();
        for cause in causes() {
            let text = cause.to_string();
            // Transparent wrappers repeat what they wrap.
            if !said.ends_with(&text) {
                self.write_err(&format!(
                    "  caused by: {}\n",
                    indent_rest(&printable_lines(&text))
                ));
            }
            said = text;
        }
        if let Some(hint) = known.and_then(Error::hint) {
            self.message(HELP, "help", &hint);
        }
        known.map_or(exit_code::FAILURE, Error::exit_code)
    }

    /// `warning:` with its help, unless quiet.
    pub fn warning(&mut self, warning: &Warning) {
        if self.verbosity > Verbosity::Quiet {
            self.message(WARNING, "warning", &warning.message);
            if let Some(help) = &warning.help {
                self.message(HELP, "help", help);
            }
        }
    }

    /// A hint on a line of its own, unless quiet.
    pub fn help(&mut self, text: &str) {
        if self.verbosity > Verbosity::Quiet {
            self.message(HELP, "help", text);
        }
    }

    /// What is being done, in cargo's manner: a verb, right-aligned, and its object.
    pub fn status(&mut self, verb: &str, object: &str) {
        if self.verbosity > Verbosity::Quiet {
            let line = format!("{STATUS}{verb:>12}{STATUS:#} {}\n", printable_lines(object));
            self.write_err(&line);
        }
    }

    /// How it is done, with `-v` only.
    pub fn detail(&mut self, text: &str) {
        if self.verbosity >= Verbosity::Verbose {
            self.write_err(&format!("{}\n", printable_lines(text)));
        }
    }

    fn message(&mut self, ansi: Ansi, label: &str, text: &str) {
        let label_width = label.len() + ": ".len();
        let text = wrap::message(&printable_lines(text), label_width, self.err_width);
        self.write_err(&format!("{ansi}{label}{ansi:#}: {text}\n"));
    }

    /// Standard error is the last resort: when it fails there is nobody left to tell.
    fn write_err(&mut self, text: &str) {
        let color = self.decide(self.err_is_terminal);
        let bar = self.progress.take().filter(|bar| !bar.is_finished());
        let mut write = || {
            let _ = write_styled(&mut self.err, text, color);
        };
        match &bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
        self.progress = bar;
    }

    /// A progress display for work that may take long; `total` where it is known. It appears
    /// after half a second, on a terminal's standard error only, and goes when it is dropped.
    pub fn progress(&mut self, text: &str, total: Option<u64>) -> Progress {
        let visible = self.may_draw && self.verbosity > Verbosity::Quiet;
        let progress = Progress::start(text, total, visible);
        self.progress = progress.bar();
        progress
    }
}

fn write_styled(to: &mut Output, text: &str, color: bool) -> io::Result<()> {
    let choice = match color {
        true => anstream::ColorChoice::Always,
        false => anstream::ColorChoice::Never,
    };
    let to: &mut dyn Write = to;
    let mut stream = anstream::AutoStream::new(to, choice);
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

/// Paths and names in messages must not steer the terminal; line breaks are the writer's own.
fn printable_lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

fn indent_rest(text: &str) -> String {
    text.replace('\n', "\n  ")
}

#[cfg(test)]
mod tests;
