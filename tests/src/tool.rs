//! The tool as a user runs it: a process, its exit code and its two outputs.

use crate::bound::{PATIENCE, limited};
use crate::command::command;
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A tool under test, with the directory it is started in.
#[derive(Clone, Debug)]
pub struct Tool {
    program: PathBuf,
    subcommand: &'static str,
    directory: Option<PathBuf>,
    limit: Option<Duration>,
    input: Input,
}

/// What the tool has as its standard input.
#[derive(Clone, Debug, Default)]
pub enum Input {
    /// Nothing.
    #[default]
    Null,
    /// A file, from its start.
    File(PathBuf),
    /// A pipe with these bytes.
    Pipe(Vec<u8>),
}

/// What a run of the tool left behind.
#[derive(Debug)]
pub struct Run {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Its results.
    pub stdout: String,
    /// Everything else.
    pub stderr: String,
    what: String,
}

impl Tool {
    /// `program` as `cargo SUBCOMMAND` starts it.
    pub fn new(program: impl Into<PathBuf>, subcommand: &'static str) -> Self {
        Self {
            program: program.into(),
            subcommand,
            directory: None,
            limit: None,
            input: Input::Null,
        }
    }

    /// The same tool, started in `directory`.
    pub fn in_directory(&self, directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: Some(directory.into()),
            ..self.clone()
        }
    }

    /// The same tool, ended by a signal when it has had `limit` of processor time.
    pub fn limited(&self, limit: Duration) -> Self {
        Self {
            limit: Some(limit),
            ..self.clone()
        }
    }

    /// The same tool with this standard input.
    pub fn reading(&self, input: Input) -> Self {
        Self {
            input,
            ..self.clone()
        }
    }

    /// Runs the tool to its end.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Run {
        let mut command = match self.limit {
            Some(limit) => limited(&self.program, limit),
            None => command(&self.program),
        };
        // cargo sets it for its subcommands, and they start that same cargo.
        if let Some(cargo) = std::env::var_os("CARGO") {
            command.env("CARGO", cargo);
        }
        command.arg(self.subcommand).args(arguments);
        command.stdin(match &self.input {
            Input::Null => Stdio::null(),
            Input::File(path) => File::open(path).expect("the input").into(),
            Input::Pipe(_) => Stdio::piped(),
        });
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let what = format!("{command:?}");
        let start = Instant::now();
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        if let (Input::Pipe(bytes), Some(mut pipe)) = (&self.input, child.stdin.take()) {
            let bytes = bytes.clone();
            // A tool that ends early closes it.
            thread::spawn(move || drop(pipe.write_all(&bytes)));
        }
        let stdout = collect(child.stdout.take());
        let stderr = collect(child.stderr.take());
        let status = loop {
            if let Some(status) = child.try_wait().expect("the child's status") {
                break status;
            }
            if start.elapsed() > PATIENCE {
                // A test that hangs says nothing; a test that fails says which command hung.
                child.kill().expect("end the child");
                panic!("{what} did not end within {PATIENCE:?}");
            }
            thread::sleep(Duration::from_millis(2));
        };
        Run {
            code: status.code(),
            stdout: stdout.join().expect("its standard output"),
            stderr: stderr.join().expect("its standard error"),
            what,
        }
    }

    /// Runs a view on an existing file and reads its JSON.
    pub fn view(&self, view: &[&str], file: &Path) -> Report {
        self.view_with(view, file, &[])
    }

    /// As [`Self::view`], with further arguments.
    pub fn view_with(&self, view: &[&str], file: &Path, more: &[&OsStr]) -> Report {
        let mut arguments: Vec<&OsStr> = view.iter().map(OsStr::new).collect();
        arguments.extend(["--message-format", "json", "--file"].map(OsStr::new));
        arguments.push(file.as_os_str());
        arguments.extend(more);
        self.run(arguments).report()
    }
}

/// Reads a pipe to its end, beside the other one, so that neither fills up.
fn collect(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    let mut pipe = pipe.expect("a pipe");
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("read a pipe");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

impl Run {
    /// Of a run that a gate ended, demanded to have been with `code`, the JSON.
    pub fn verdict(self, code: i32) -> Report {
        assert_eq!(self.code, Some(code), "{}\n{}", self.what, self.stderr);
        let code = Some(0);
        Self { code, ..self }.report()
    }

    /// The JSON of a run that must have succeeded.
    pub fn report(self) -> Report {
        assert_eq!(self.code, Some(0), "{}\n{}", self.what, self.stderr);
        let json = serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            let start: String = self.stdout.chars().take(300).collect();
            panic!("{}: {error} in {start}", self.what)
        });
        Report {
            json,
            what: self.what,
        }
    }

    /// Demands a failure as users must see it: exit 101, one `error:` line, a `help:` line, no
    /// panic, nothing on standard output.
    pub fn assert_clean_failure(&self) {
        let Self {
            what,
            stderr,
            stdout,
            ..
        } = self;
        self.assert_no_crash();
        assert_eq!(self.code, Some(101), "{what}\n{stderr}");
        assert_eq!(stdout, "", "{what}");
        let count = |start: &str| {
            stderr
                .lines()
                .filter(|line| line.starts_with(start))
                .count()
        };
        assert_eq!(count("error: "), 1, "{what}\n{stderr}");
        assert_eq!(count("help: "), 1, "{what}\n{stderr}");
    }

    /// Demands an end by the tool's own will. A panic would also exit with 101.
    pub fn assert_no_crash(&self) {
        let Self { what, stderr, .. } = self;
        assert!(
            self.code.is_some(),
            "{what} was ended by a signal\n{stderr}"
        );
        assert!(!stderr.contains("panicked"), "{what}\n{stderr}");
        assert!(!stderr.contains("overflowed its stack"), "{what}\n{stderr}");
    }
}

/// The JSON of one view.
#[derive(Debug)]
pub struct Report {
    /// All of it.
    pub json: Value,
    what: String,
}

impl Report {
    /// The rows.
    pub fn rows(&self) -> &[Value] {
        let rows = self.json["rows"].as_array();
        rows.unwrap_or_else(|| panic!("{}: no `rows` in {:.300}", self.what, self.json))
    }

    /// The rows whose text field holds `value`.
    pub fn rows_where(&self, field: &str, value: &str) -> Vec<&Value> {
        self.rows()
            .iter()
            .filter(|row| row[field] == value)
            .collect()
    }

    /// The sum of a column.
    pub fn sum(&self, column: &str) -> u64 {
        self.rows().iter().map(|row| number(row, column)).sum()
    }

    /// A size of the artifact.
    pub fn artifact(&self, field: &str) -> u64 {
        number(&self.json["artifact"], field)
    }
}

/// An unsigned integer of a row.
///
/// # Panics
///
/// When it is not there, or is no such number.
pub fn number(row: &Value, field: &str) -> u64 {
    row[field]
        .as_u64()
        .unwrap_or_else(|| panic!("`{field}` is no size in {row}"))
}

/// A text of a row; empty when it is `null`.
pub fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    let value = &row[field];
    assert!(
        value.is_string() || value.is_null(),
        "`{field}` is no text in {row}"
    );
    value.as_str().unwrap_or("")
}

/// Whether a warning says no more than why something in JSON is `null`. A report on a file that cargo did
/// not build just now always has some.
pub fn is_cause_of_null(warning: &Value) -> bool {
    let causes = [
        "unknown-build",
        "unknown-packages",
        "unknown-depth",
        "no-lines",
        "kernel-without-lines",
        "no-cpu-time",
        "no-times",
        "no-account",
        "no-time-recording",
        "no-p90",
        "no-minimum-detectable",
    ];
    causes.iter().any(|cause| warning["code"] == *cause)
}
