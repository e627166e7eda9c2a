//! Shell completions and man pages, from the same clap definitions that parse the command line.
//!
//! `clap_complete` and `clap_mangen` do the work. Cargo starts `cargo-slim` for `cargo slim`, and
//! shells complete the program that is typed, so completions are for `cargo-slim`.

use clap::Command;
pub use clap_complete::Shell;
use std::io::{self, Write};

/// Writes the completion script of `command` for `shell`.
///
/// # Errors
///
/// What the writer says.
pub fn completions(mut command: Command, shell: Shell, to: &mut dyn Write) -> io::Result<()> {
    let name = command.get_name().to_owned();
    // The generators panic when their writer fails, so they get one that does not.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    to.write_all(&script)?;
    to.flush()
}

/// Writes the man page of `command`, then those of its subcommands, in roff.
///
/// # Errors
///
/// What the writer says.
pub fn man(mut command: Command, to: &mut dyn Write) -> io::Result<()> {
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
