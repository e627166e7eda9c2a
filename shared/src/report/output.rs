//! Where a report goes, in which format, and with which rows: the groups of flags that commands
//! declare, and the options that come of them.

use crate::{
    error::{Error, Result},
    pattern::{Invalid, Pattern},
};
use clap::{
    Args, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// The format of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables for people.
    #[default]
    Human,
    /// One JSON object.
    Json,
    /// Comma-separated values with a header line; exact integers.
    Csv,
    /// Tables for issues and pull requests.
    Markdown,
    /// Annotations of a GitHub workflow, and its step summary; for gates.
    Github,
}

impl Format {
    /// Whether all rows are wanted when no limit is given.
    pub fn is_for_machines(self) -> bool {
        matches!(self, Self::Json | Self::Csv)
    }
}

const OUTPUT: &str = "Output";

/// `-o` alone, for a command that writes one format.
#[derive(Args, Clone, Debug, Default)]
pub struct FileFlag {
    /// Write the result to FILE (atomically)
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    #[arg(help_heading = OUTPUT)]
    output: Option<PathBuf>,
}

/// The format alone, for a command whose report goes to standard output.
#[derive(Args, Clone, Debug, Default)]
pub struct FormatFlag {
    /// Format of the report
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "human",
        hide_default_value = true
    )]
    #[arg(value_parser = report_format(), help_heading = OUTPUT)]
    message_format: Format,
}

/// The format of a report, and where it goes.
#[derive(Args, Clone, Debug, Default)]
pub struct FormatFlags {
    #[command(flatten)]
    format: FormatFlag,
    #[command(flatten)]
    file: FileFlag,
}

/// The same for a gate, which also reports to GitHub.
#[derive(Args, Clone, Debug, Default)]
pub struct GateFormatFlags {
    /// Format of the report
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        hide_default_value = true
    )]
    #[arg(help_heading = OUTPUT)]
    message_format: Format,
    #[command(flatten)]
    file: FileFlag,
}

/// Which rows of a report, and how much of each.
#[derive(Args, Clone, Debug, Default)]
pub struct RowFlags {
    /// Show at most N rows; 0 shows all
    #[arg(short = 'n', long, value_name = "N", help_heading = OUTPUT)]
    limit: Option<usize>,
    /// Show only rows whose name matches
    #[arg(long, value_name = "REGEX", help_heading = OUTPUT)]
    filter: Option<String>,
    /// Sort by this column
    #[arg(long, value_name = "COLUMN", help_heading = OUTPUT, hide_short_help = true)]
    sort: Option<String>,
    /// Show names in full, whatever the width of the terminal
    #[arg(short = 'w', long, help_heading = OUTPUT, hide_short_help = true)]
    full_names: bool,
}

/// The formats of all reports. The one for gates is refused with the reason, not as unknown.
fn report_format() -> impl TypedValueParser<Value = Format> {
    let formats = Format::value_variants().iter();
    let shown = formats.filter_map(|format| {
        let hidden = *format == Format::Github;
        Some(format.to_possible_value()?.hide(hidden))
    });
    PossibleValuesParser::new(shown.collect::<Vec<_>>()).try_map(|name| {
        match Format::from_str(&name, false) {
            Ok(Format::Github) => {
                Err("it is for gates; for a job summary, write `markdown`".to_owned())
            }
            other => other,
        }
    })
}

/// The flags, validated.
#[derive(Clone, Debug, Default)]
pub struct OutputOptions {
    /// The format.
    pub format: Format,
    /// The file, or standard output.
    pub output: Option<PathBuf>,
    /// The number of rows; `Some(0)` for all, `None` for the view's own default.
    pub limit: Option<usize>,
    /// Which rows, by name.
    pub filter: Option<Pattern>,
    /// The key of the column to sort by; checked by the table, which knows its columns.
    pub sort: Option<String>,
    /// Whether names stay whole.
    pub full_names: bool,
}

impl FileFlag {
    /// The file; `None` for standard output, of which `-` is the usual name.
    pub fn path(self) -> Option<PathBuf> {
        self.output.filter(|path| path.as_os_str() != "-")
    }

    /// The options of a command that has neither rows nor formats.
    pub fn options(self) -> OutputOptions {
        OutputOptions {
            output: self.path(),
            ..OutputOptions::default()
        }
    }
}

impl FormatFlag {
    /// The options that it makes with `rows`.
    ///
    /// # Errors
    ///
    /// A usage error when the filter is not a regular expression.
    pub fn options(self, rows: RowFlags) -> Result<OutputOptions> {
        rows.options(self.message_format, FileFlag::default())
    }
}

impl FormatFlags {
    /// The options that these make with `rows`.
    ///
    /// # Errors
    ///
    /// A usage error when the filter is not a regular expression.
    pub fn options(self, rows: RowFlags) -> Result<OutputOptions> {
        rows.options(self.format.message_format, self.file)
    }
}

impl GateFormatFlags {
    /// The options that these make with `rows`.
    ///
    /// # Errors
    ///
    /// A usage error when the filter is not a regular expression.
    pub fn options(self, rows: RowFlags) -> Result<OutputOptions> {
        rows.options(self.message_format, self.file)
    }
}

impl RowFlags {
    fn options(self, format: Format, file: FileFlag) -> Result<OutputOptions> {
        let Self {
            limit,
            filter,
            sort,
            full_names,
        } = self;
        let compiled =
            |pattern: String| Pattern::new(&pattern).map_err(|error| bad_filter(&pattern, &error));
        Ok(OutputOptions {
            format,
            output: file.path(),
            limit,
            filter: filter.map(compiled).transpose()?,
            sort,
            full_names,
        })
    }
}

fn bad_filter(pattern: &str, reason: &Invalid) -> Error {
    Error::usage(
        format!("`--filter {pattern}` is not a regular expression: {reason}"),
        "escape a literal character with a backslash, for example `\\[` or `\\(`",
    )
}

/// Writes a file all at once: what was there stays until the new content is complete.
///
/// A symbolic link is followed and stays a link; the mode of an existing file is kept. Anything
/// but a regular file (a pipe, `/dev/null`, a terminal) is written in place, since replacing it
/// by a file is never what was meant.
///
/// # Errors
///
/// The error of `write`, or [`Error::Write`] with the path.
pub fn write_file(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    write_to(path, write).map_err(|error| Error::write(path, error))
}

fn write_to(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let existing = match fs::metadata(path) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if existing
        .as_ref()
        .is_some_and(|metadata| !metadata.is_file())
    {
        let mut file = File::options().write(true).open(path)?;
        let written = write(&mut file).and_then(|()| file.flush());
        // A reader that has seen enough is not an error, as on standard output.
        return written.or_else(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Ok(()),
            _ => Err(error),
        });
    }
    let target = follow_links(path)?;
    let directory = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".codecost-");
    // The process's umask decides about a new file, as for any other program.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(directory).map_err(|error| {
        // The name of a temporary file that nobody asked for helps nobody.
        let why = fs::metadata(directory).err();
        why.unwrap_or_else(|| error.kind().into())
    })?;
    if let Some(metadata) = &existing {
        file.as_file().set_permissions(metadata.permissions())?;
    }
    write(file.as_file_mut())?;
    file.persist(&target).map_err(|error| error.error)?;
    Ok(())
}

/// The file that `path` leads to, which need not exist: `canonicalize` would refuse a dangling
/// link, and renaming over the link itself would replace it.
fn follow_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    // The kernel's own bound on a chain of links.
    for _ in 0..40 {
        match fs::read_link(&path) {
            Ok(target) => {
                path = match path.parent() {
                    Some(parent) => parent.join(target),
                    None => target,
                }
            }
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many levels of symbolic links"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_filter_is_a_usage_error_in_one_line() {
        let rows = RowFlags {
            filter: Some("a[".into()),
            ..RowFlags::default()
        };
        let error = FormatFlags::default().options(rows).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        let message = error.to_string();
        assert!(
            message.contains("`--filter a[`") && !message.contains('\n'),
            "{message}"
        );
    }

    #[test]
    fn a_failed_write_leaves_what_was_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("report.json");
        fs::write(&path, "old").unwrap();
        let failed = write_file(&path, |to| {
            to.write_all(b"half")?;
            Err(io::Error::other("disk on fire"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(
            fs::read_dir(directory.path()).unwrap().count(),
            1,
            "no temporary file stays"
        );
        write_file(&path, |to| to.write_all(b"new")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }

    #[test]
    fn a_directory_that_is_not_there_is_all_that_the_error_names() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("none").join("report.json");
        let error = write_file(&path, |_| Ok(())).unwrap_err();
        let Error::Write { source, .. } = &error else {
            panic!("{error:?}");
        };
        assert!(!source.to_string().contains("codecost"), "{source}");
        assert_eq!(source.kind(), io::ErrorKind::NotFound);
        assert!(source.raw_os_error().is_some(), "{source}");
    }

    #[cfg(unix)]
    #[test]
    fn links_and_modes_are_kept_and_devices_are_written_in_place() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("real"), directory.path().join("link"));
        symlink("real", &link).unwrap();
        // The link dangles at first: the file it names is made.
        write_file(&link, |to| to.write_all(b"1")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "1");
        fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        write_file(&link, |to| to.write_all(b"2")).unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "2");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o640
        );
        let null = Path::new("/dev/null");
        write_file(null, |to| to.write_all(b"3")).unwrap();
        assert!(!fs::metadata(null).unwrap().is_file());
    }
}
