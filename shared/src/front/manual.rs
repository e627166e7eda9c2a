//! Shell completions and man pages, from the same clap definitions that parse the command line.
//!
//! `clap_complete` and `clap_mangen` do the work. Cargo starts `cargo-slim` for `cargo slim`, and
//! shells complete the program that is typed, so completions are for `cargo-slim`.

use crate::{
    console::Console,
    error::{Error, Result, exit_code},
};
use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell;
use std::io::{self, Write};

const COMPLETIONS: &str = "completions";
const MAN: &str = "man";

/// Adds the two commands.
pub(super) fn augment(command: Command) -> Command {
    let shell = Arg::new("shell")
        .required(true)
        .value_parser(value_parser!(Shell))
        .help("The shell");
    command
        .subcommand(
            Command::new(COMPLETIONS)
                .about("Print a completion script for a shell")
                .arg(shell),
        )
        .subcommand(Command::new(MAN).about("Print the man pages, in roff"))
}

/// Runs the command `name` when it is one of the two.
pub(super) fn run(
    name: &str,
    matches: &ArgMatches,
    command: &Command,
    console: &mut Console,
) -> Option<Result<u8>> {
    let to = console.stdout();
    let written = match name {
        COMPLETIONS => {
            let shell = matches.get_one("shell").copied();
            completions(command.clone(), shell.unwrap_or(Shell::Bash), to)
        }
        MAN => man(command.clone(), to),
        _ => return None,
    };
    let failed = |error| Error::write("standard output", error);
    Some(written.map(|()| exit_code::OK).map_err(failed))
}

fn completions(mut command: Command, shell: Shell, to: &mut dyn Write) -> io::Result<()> {
    let name = command.get_name().to_owned();
    // The generators panic when their writer fails, so they get one that does not.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    to.write_all(&script)?;
    to.flush()
}

/// The man page of `command`, then those of its subcommands.
fn man(mut command: Command, to: &mut dyn Write) -> io::Result<()> {
    command.build();
    page(&command, to)?;
    to.flush()
}

fn page(command: &Command, to: &mut dyn Write) -> io::Result<()> {
    let title = command
        .get_display_name()
        .unwrap_or_else(|| command.get_name());
    clap_mangen::Man::new(command.clone())
        .title(title)
        .render(to)?;
    for subcommand in command.get_subcommands() {
        if !subcommand.is_hide_set() && subcommand.get_name() != "help" {
            page(subcommand, to)?;
        }
    }
    Ok(())
}
