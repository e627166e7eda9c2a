//! What users see on the two streams.

use super::*;
use crate::report::{Cell, Format, Table};
use std::{io, path::Path};

/// A pipe whose reader leaves after some bytes.
struct Pipe {
    room: usize,
    error: io::ErrorKind,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.room == 0 {
            return Err(self.error.into());
        }
        let taken = bytes.len().min(self.room);
        self.room -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn console_over(pipe: Pipe) -> Console {
    Console::over(Output::new(pipe), Output::new(Vec::new()))
}

#[test]
fn a_closed_pipe_is_a_quiet_success() {
    let mut console = console_over(Pipe {
        room: 10,
        error: io::ErrorKind::BrokenPipe,
    });
    for _ in 0..100 {
        console.print("some text\n").unwrap();
    }
    assert!(console.stdout().is_closed());
}

#[test]
fn a_full_disk_is_an_error_that_names_the_stream() {
    let mut console = console_over(Pipe {
        room: 10,
        error: io::ErrorKind::StorageFull,
    });
    let error = console.print("more than ten bytes\n").unwrap_err();
    assert_eq!(error.to_string(), "cannot write `standard output`");
    assert_eq!(error.exit_code(), 101);
}

#[test]
fn an_error_names_its_causes_and_the_help() {
    let (mut console, captured) = Console::in_memory();
    let error = Error::read("a/b", io::Error::other("it is gone"));
    assert_eq!(console.fail(&error), 101);
    insta::assert_snapshot!(captured.stderr(), @r"
    error: cannot read `a/b`
      caused by: it is gone
    help: check that the file is readable
    ");
    assert_eq!(captured.stdout(), "");
}

#[derive(Debug, thiserror::Error)]
#[error("cannot analyse")]
struct Context(#[source] Error);

#[test]
fn the_hint_and_code_come_from_anywhere_in_the_chain() {
    let (mut console, captured) = Console::in_memory();
    assert_eq!(
        console.fail(&Context(Error::usage("no unit", "write `5%`"))),
        2
    );
    insta::assert_snapshot!(captured.stderr(), @r"
    error: cannot analyse
      caused by: no unit
    help: write `5%`
    ");
}

#[test]
fn quiet_leaves_errors_only_and_verbose_adds_details() {
    let say = |verbosity| {
        let (mut console, captured) = Console::in_memory();
        console.set_verbosity(verbosity);
        console.status("Analysing", "x\x1b[2J");
        console.detail("opened x");
        console.warning(&Warning::new("odd", "odd").help("look"));
        console.fail(&io::Error::other("broken"));
        captured.stderr()
    };
    assert_eq!(say(Verbosity::Quiet), "error: broken\n");
    let normal = "   Analysing x\\u{1b}[2J\nwarning: odd\nhelp: look\nerror: broken\n";
    assert_eq!(say(Verbosity::Normal), normal);
    assert!(say(Verbosity::Verbose).contains("opened x\n"));
}

fn write(console: &mut Console, options: &OutputOptions) -> Result<()> {
    let rows = [("a", 1_u64)];
    let table = Table::new(&rows)
        .name("name", "Name", |row| row.0.into())
        .number("file", "Size", |row| Cell::Bytes(row.1))
        .summed();
    let report = Report::new("cargo-test/1", "0", "rows", table)
        .warnings([Warning::new("odd", "one is odd")]);
    console.write_report(&report, options, |row| row.1)
}

#[test]
fn reports_go_to_the_file_and_warnings_to_where_they_are_seen() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("report");
    let to_file = |path: &Path| OutputOptions {
        output: Some(path.into()),
        ..OutputOptions::default()
    };

    let (mut console, captured) = Console::in_memory();
    write(&mut console, &to_file(&path)).unwrap();
    assert_eq!(captured.stdout(), "");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("Name"));
    let wrote = format!("       Wrote {} ({} B)\n", path.display(), text.len());
    assert_eq!(captured.stderr(), wrote + "warning: one is odd\n");

    let (mut console, captured) = Console::in_memory();
    let json = OutputOptions {
        format: Format::Json,
        ..OutputOptions::default()
    };
    write(&mut console, &json).unwrap();
    assert!(captured.stdout().contains("one is odd"));
    assert_eq!(
        captured.stderr(),
        "",
        "the JSON object carries the warnings"
    );

    let bad = OutputOptions {
        sort: Some("x".into()),
        ..to_file(&path)
    };
    assert_eq!(write(&mut console, &bad).unwrap_err().exit_code(), 2);
    let missing = to_file(&directory.path().join("no/such/directory"));
    assert_eq!(write(&mut console, &missing).unwrap_err().exit_code(), 101);
}

#[test]
fn colour_reaches_the_stream_when_asked_for() {
    let (mut console, captured) = Console::in_memory();
    console.set_color(Some(ColorWhen::Always));
    console.fail(&io::Error::other("broken"));
    assert_eq!(
        captured.stderr(),
        "\u{1b}[1m\u{1b}[31merror\u{1b}[0m: broken\n"
    );
}
