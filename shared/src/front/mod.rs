//! The front half of a tool: from the words that the user typed to a command that runs.
//!
//! A tool is an enum of commands ([`Commands`], made by the macro [`commands!`](crate::commands))
//! whose variants hold the arguments of one [`Command`] each. Everything that is the same in all
//! tools happens here, once: cargo's own word is dropped, flags before the command are moved
//! behind it, clap's errors become the tool's own with the next step, `-q`, `-v` and `--color`
//! configure the console, and completions and man pages come from the same definitions.
//!
//! The groups of flags that commands declare are beside what they choose: [`crate::cargo`] has
//! cargo's own, [`crate::report`] those of rows and formats.

mod arguments;
mod help;
mod manual;
pub mod shell;
mod usage;

pub use help::hide_in_short_help;
pub use shell::quoted;

use crate::{
    console::{ColorWhen, Console, Verbosity},
    error::{Result, exit_code},
};
use clap::{ArgAction, Args, FromArgMatches, Subcommand, builder::Resettable};
use std::{ffi::OsString, process::ExitCode};

/// What one command does with its arguments.
pub trait Command: Sized {
    /// Does the work, and returns the exit code.
    ///
    /// # Errors
    ///
    /// Whatever keeps the work from being done; the error's exit code becomes the tool's.
    fn run(self, console: &mut Console) -> Result<u8>;
}

/// All commands of a tool.
pub trait Commands: Command + Subcommand {
    /// The command that runs when none is named.
    type Unnamed: Command + Args;
    /// What cargo calls the tool: `slim` for `cargo slim`.
    const NAME: &'static str;
    /// The version of the tool.
    const VERSION: &'static str;

    /// Adds what help says about the tool as a whole: what it is for, its usage and examples.
    fn describe(command: clap::Command) -> clap::Command;

    /// What to do about a word that is no command and resembles none.
    fn hint_for_word(word: &str) -> String;

    /// What to do when `flag` (such as `--file`) was given beside one that contradicts it.
    fn hint_for_conflict(flag: &str) -> Option<String> {
        let _ = flag;
        None
    }
}

/// Declares the commands of a tool: one line for each, with the type of its arguments. The help
/// of a command is the documentation of that type.
///
/// ```
/// use codecost::{commands, console::Console, front, Result};
///
/// /// Say hello
/// #[derive(Debug, clap::Args)]
/// struct Greet {}
///
/// impl front::Command for Greet {
///     fn run(self, console: &mut Console) -> Result<u8> {
///         console.print("hello\n")?;
///         Ok(0)
///     }
/// }
///
/// commands! {
///     /// The commands of `cargo greet`.
///     enum Greetings {
///         Greet(Greet),
///     }
/// }
/// ```
#[macro_export]
macro_rules! commands {
    (
        $(#[$meta:meta])*
        $visibility:vis enum $name:ident { $($command:ident($arguments:ty)),+ $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Debug, ::clap::Subcommand)]
        $visibility enum $name {
            $(#[allow(missing_docs)] $command(::std::boxed::Box<$arguments>),)+
        }

        impl $crate::front::Command for $name {
            fn run(self, console: &mut $crate::console::Console) -> $crate::Result<u8> {
                match self {
                    $(Self::$command(command) => $crate::front::Command::run(*command, console),)+
                }
            }
        }
    };
}

/// `-q`, `-v` and `--color`, which every command has.
#[derive(Args, Clone, Debug, Default)]
pub struct ConsoleFlags {
    /// Verbose output; -vv also shows the commands that cargo runs
    #[arg(short, long, action = ArgAction::Count, help_heading = help::OUTPUT, hide_short_help = true)]
    verbose: u8,
    /// Print only errors and the result
    #[arg(short, long, conflicts_with = "verbose", help_heading = help::OUTPUT, hide_short_help = true)]
    quiet: bool,
    /// When to use colors
    #[arg(long, value_enum, value_name = "WHEN", help_heading = help::OUTPUT, hide_short_help = true)]
    color: Option<ColorWhen>,
}

/// Runs a tool with `args`, the program's name first, over `console`.
pub fn run<C: Commands>(
    args: impl IntoIterator<Item = OsString>,
    console: &mut Console,
) -> ExitCode {
    let (command, args) = (definition::<C>(), args.into_iter().collect());
    let arguments = arguments::Arguments::new(args, C::NAME, &command);
    let code = match command.clone().try_get_matches_from(arguments.words()) {
        Ok(matches) => perform::<C>(&command, &matches, console),
        Err(error) if error.use_stderr() => Err(usage::explain::<C>(&error, &arguments, &command)),
        Err(answer) => console
            .print(&answer.render().ansi().to_string())
            .map(|()| exit_code::OK),
    };
    ExitCode::from(code.unwrap_or_else(|error| console.fail(&error)))
}

/// The clap definition of a tool, from which help, completions and man pages are made.
pub fn definition<C: Commands>() -> clap::Command {
    let name = format!("cargo-{}", C::NAME);
    let command = clap::Command::new(name)
        .bin_name(format!("cargo {}", C::NAME))
        .version(C::VERSION)
        .args_conflicts_with_subcommands(true)
        .disable_help_subcommand(true)
        .subcommand_value_name("COMMAND")
        .subcommand_help_heading("Commands")
        .after_help(help::more(C::NAME));
    let command = C::Unnamed::augment_args(command);
    let command = C::augment_subcommands(command).mut_subcommands(with_console_flags);
    let command = manual::augment(with_console_flags(command));
    C::describe(command)
}

/// Adds the flags and keeps what the command says about itself: clap would put the documentation
/// of the group in its place.
fn with_console_flags(command: clap::Command) -> clap::Command {
    let about = Resettable::from(command.get_about().cloned());
    let long_about = Resettable::from(command.get_long_about().cloned());
    ConsoleFlags::augment_args(command)
        .about(about)
        .long_about(long_about)
}

fn perform<C: Commands>(
    command: &clap::Command,
    matches: &clap::ArgMatches,
    console: &mut Console,
) -> Result<u8> {
    // A definition that does not fit its own type is caught by the tests of the tool.
    let unfit = |error: clap::Error| crate::Error::usage(error, help::see(C::NAME, None));
    if let Some((name, inner)) = matches.subcommand() {
        if let Some(done) = manual::run(name, inner, command, console) {
            return done;
        }
        configure(console, inner)?;
        if let Some(hint) = usage::command_named_like_a_target::<C>(command, name, inner) {
            console.help(&hint);
        }
        let commands = C::from_arg_matches(matches).map_err(unfit)?;
        return commands.run(console);
    }
    configure(console, matches)?;
    let unnamed = C::Unnamed::from_arg_matches(matches).map_err(unfit)?;
    if let Some(hint) = usage::target_named_like_a_command::<C>(command, matches) {
        console.help(&hint);
    }
    unnamed.run(console)
}

/// Makes the console do what `-q`, `-v` and `--color` say.
fn configure(console: &mut Console, matches: &clap::ArgMatches) -> Result<()> {
    let flags = ConsoleFlags::from_arg_matches(matches);
    let ConsoleFlags {
        verbose,
        quiet,
        color,
    } = flags.unwrap_or_default();
    console.set_color(color);
    console.set_verbosity(Verbosity::asked(quiet, verbose));
    Ok(())
}

#[cfg(test)]
mod tests;
