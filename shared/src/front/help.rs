//! What the help texts of all tools have in common.

use clap::Command;

/// The heading of the flags that decide what is printed and how.
pub(super) const OUTPUT: &str = "Output";

/// The last lines of `-h`.
pub(super) fn more(tool: &str) -> String {
    format!(
        "`cargo {tool} --help` lists all flags, `cargo {tool} COMMAND --help` explains a command."
    )
}

/// Where the help of the tool, or of one of its commands, is.
pub(super) fn see(tool: &str, command: Option<&str>) -> String {
    match command {
        Some(command) => format!("see `cargo {tool} {command} --help`"),
        None => format!("see `cargo {tool} --help`"),
    }
}

/// Leaves the flags `ids` of `command` to `--help`, so that `-h` fits a screen. What a command
/// does not have is skipped.
pub fn hide_in_short_help(command: Command, ids: &[&str]) -> Command {
    command.mut_args(|arg| {
        let hidden = arg.is_hide_short_help_set() || ids.contains(&arg.get_id().as_str());
        arg.hide_short_help(hidden)
    })
}
