//! A tool of two commands, used as people use the real ones.

use super::*;
use crate::{
    cargo::CargoFlags,
    console::Captured,
    report::{FormatFlags, RowFlags},
};

/// Count things
///
/// At length.
#[derive(Args, Debug)]
struct Count {
    #[command(flatten)]
    cargo: CargoFlags,
    #[command(flatten)]
    format: FormatFlags,
    #[command(flatten)]
    rows: RowFlags,
}

/// Compare two things
#[derive(Args, Debug)]
struct Compare {
    old: String,
    new: String,
    #[arg(long, conflicts_with = "old")]
    file: bool,
    #[command(flatten)]
    format: FormatFlags,
}

#[derive(Args, Debug)]
struct Unnamed {
    #[command(flatten)]
    cargo: CargoFlags,
    #[arg(long)]
    only_here: bool,
    #[arg(last = true)]
    arguments: Vec<String>,
}

impl Command for Count {
    fn run(self, console: &mut Console) -> Result<u8> {
        let options = self.format.options(self.rows)?;
        let mut selection = self.cargo.selection(None);
        console.configure_cargo(&mut selection);
        let text = format!(
            "count {:?} {:?} {}",
            selection.target, options.limit, selection.verbose
        );
        console.print(&text)?;
        Ok(exit_code::OK)
    }
}

impl Command for Compare {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            old,
            new,
            file,
            format,
        } = self;
        let options = format.options(RowFlags::default())?;
        console.print(&format!("compare {old} {new} {file} {:?}", options.format))?;
        Ok(exit_code::GATE)
    }
}

impl Command for Unnamed {
    fn run(self, console: &mut Console) -> Result<u8> {
        let Self {
            cargo,
            only_here,
            arguments,
        } = self;
        let selection = cargo.selection(None);
        console.print(&format!(
            "unnamed {:?} {only_here} {arguments:?}",
            selection.target
        ))?;
        Ok(exit_code::OK)
    }
}

commands! {
    /// All of it.
    enum Both {
        Count(Count),
        Compare(Compare),
    }
}

impl Commands for Both {
    type Unnamed = Unnamed;
    const NAME: &'static str = "toy";
    const VERSION: &'static str = "1.2.3";

    fn describe(command: clap::Command) -> clap::Command {
        command.about("A toy")
    }

    fn hint_for_word(word: &str) -> String {
        format!("write `cargo toy --bin {word}`")
    }

    fn hint_for_conflict(flag: &str) -> Option<String> {
        (flag == "--file").then(|| "`--file` stands alone".to_owned())
    }
}

fn ran(line: &str) -> (String, Captured) {
    let (mut console, captured) = Console::in_memory();
    let code = run::<Both>(line.split_whitespace().map(OsString::from), &mut console);
    // ExitCode has no equality; its debug form has the number.
    (format!("{code:?}"), captured)
}

fn succeeds(line: &str, expected: &str) {
    let (code, captured) = ran(line);
    assert_eq!(captured.stderr(), "", "{line}");
    assert_eq!(captured.stdout(), expected, "{line}");
    assert_eq!(code, format!("{:?}", ExitCode::SUCCESS), "{line}");
}

#[test]
fn the_definition_is_sound() {
    definition::<Both>().debug_assert();
}

#[test]
fn cargos_own_word_is_optional() {
    for line in ["cargo-toy toy count", "cargo-toy count"] {
        succeeds(line, "count Default None 0");
    }
    succeeds("cargo-toy toy", "unnamed Default false []");
    succeeds(
        "cargo-toy toy --only-here -- a count",
        "unnamed Default true [\"a\", \"count\"]",
    );
}

#[test]
fn flags_may_stand_before_the_command() {
    for line in [
        "cargo-toy -n 5 --bin rg count -v",
        "cargo-toy -vn5 --bin=rg count",
        "cargo-toy toy --bin rg -n=5 count --verbose",
    ] {
        succeeds(line, "count Bin(Some(\"rg\")) Some(5) 1");
    }
    succeeds(
        "cargo-toy -vv count --bin count",
        "count Bin(Some(\"count\")) None 2",
    );
    // A dash is no flag, and a flag without a value takes none.
    succeeds("cargo-toy --bin -v count", "count Bin(None) None 1");
}

#[test]
fn the_exit_code_is_the_commands() {
    let (code, captured) = ran("cargo-toy compare a b");
    assert_eq!(code, format!("{:?}", ExitCode::from(100)));
    assert_eq!(captured.stdout(), "compare a b false Human");
}

#[test]
fn help_is_a_command_as_it_is_cargos() {
    for (line, flags) in [
        ("help", "--help"),
        ("toy help", "--help"),
        ("help compare", "compare --help"),
    ] {
        let (_, asked) = ran(&format!("cargo-toy {line}"));
        let (_, expected) = ran(&format!("cargo-toy {flags}"));
        assert_eq!(asked.stdout(), expected.stdout(), "{line}");
        assert!(!asked.stdout().is_empty());
    }
}

#[test]
fn wrong_usage_is_2_and_says_the_next_step() {
    for (line, message, help) in [
        (
            "compar",
            "no such command: `compar`",
            "a similar command exists: 'compare'",
        ),
        ("rg", "no such command: `rg`", "write `cargo toy --bin rg`"),
        (
            "compare a b --bin c",
            "unexpected argument '--bin' found",
            "`--bin` means nothing to `cargo toy compare`; it belongs to `cargo toy count`: \
             see `cargo toy compare --help`",
        ),
        (
            "count --only-here",
            "unexpected argument '--only-here' found",
            "`--only-here` means nothing to `cargo toy count`; \
             it belongs to `cargo toy` without a command: see `cargo toy count --help`",
        ),
        (
            "count --bim x",
            "unexpected argument '--bim' found",
            "a similar argument exists: '--bin'",
        ),
        ("compare a", "<NEW>", "see `cargo toy compare --help`"),
        (
            "compare a b c",
            "unexpected argument 'c' found",
            "see `cargo toy compare --help`",
        ),
        (
            "compare a b --file",
            "cannot be used with",
            "`--file` stands alone",
        ),
        (
            "compare a b -o",
            "a value is required",
            "see `cargo toy compare --help`",
        ),
        (
            "count --message-format github",
            "it is for gates",
            "see `cargo toy count --help`",
        ),
        (
            "count --message-format yaml",
            "[possible values: human, json, csv, markdown]",
            "see",
        ),
        (
            "count --filter a[",
            "not a regular expression",
            "escape a literal character",
        ),
    ] {
        let (code, captured) = ran(&format!("cargo-toy toy {line}"));
        assert_eq!(code, format!("{:?}", ExitCode::from(2)), "{line}");
        assert_eq!(captured.stdout(), "", "{line}");
        let stderr = captured.stderr();
        let (first, rest) = stderr.split_once("help: ").unwrap_or_default();
        assert!(
            first.starts_with("error: ") && first.contains(message),
            "{line}: {stderr}"
        );
        assert!(rest.starts_with(help), "{line}: {stderr}");
    }
}

#[test]
fn a_target_named_like_a_command_gets_a_hint() {
    let (_, captured) = ran("cargo-toy --bin count");
    assert!(
        captured
            .stderr()
            .contains("write it first: `cargo toy count --bin`")
    );
    assert_eq!(ran("cargo-toy --bin rg").1.stderr(), "");
    assert_eq!(ran("cargo-toy count --bin count").1.stderr(), "");
}

#[test]
fn quiet_and_color_configure_the_console() {
    let (_, captured) = ran("cargo-toy -q --bin count");
    assert_eq!(captured.stderr(), "", "hints are no errors");
    let (_, captured) = ran("cargo-toy --color always compar");
    assert!(captured.stderr().contains("compar"));
}

#[test]
fn help_is_that_of_the_type_and_shows_its_flags_only() {
    let (_, captured) = ran("cargo-toy compare --help");
    let help = captured.stdout();
    assert!(help.starts_with("Compare two things"), "{help}");
    assert!(
        help.contains("--file") && help.contains("--message-format"),
        "{help}"
    );
    assert!(
        !help.contains("--bin") && !help.contains("--limit") && !help.contains("github"),
        "{help}"
    );
    let (_, captured) = ran("cargo-toy count --help");
    assert!(
        captured.stdout().contains("At length."),
        "{}",
        captured.stdout()
    );
    let (_, captured) = ran("cargo-toy -h");
    assert!(
        captured.stdout().starts_with("A toy"),
        "{}",
        captured.stdout()
    );
}

#[test]
fn completions_man_pages_and_the_version() {
    let (_, captured) = ran("cargo-toy completions bash");
    assert!(captured.stdout().contains("message-format"));
    let (_, captured) = ran("cargo-toy man");
    let pages = definition::<Both>().get_subcommands().count() + 1;
    assert_eq!(captured.stdout().matches(".TH ").count(), pages);
    succeeds("cargo-toy toy --version", "cargo-toy 1.2.3\n");
}

#[test]
fn help_is_a_command_as_cargos_is() {
    for (line, same) in [
        ("cargo-toy toy help", "cargo-toy toy --help"),
        ("cargo-toy toy help count", "cargo-toy toy count --help"),
        ("cargo-toy -q help", "cargo-toy -q --help"),
    ] {
        let ((code, help), (_, expected)) = (ran(line), ran(same));
        assert_eq!(code, format!("{:?}", ExitCode::SUCCESS), "{line}");
        assert_eq!(help.stderr(), "", "{line}");
        assert_eq!(help.stdout(), expected.stdout(), "{line}");
        assert!(help.stdout().contains("Usage:"), "{line}");
    }
    // After `--` it is the program's.
    succeeds("cargo-toy -- help", "unnamed Default false [\"help\"]");
}
