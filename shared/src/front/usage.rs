//! Wrong usage, explained: what clap found, and the next step.

use super::{Commands, arguments::Arguments, help::see};
use crate::error::Error;
use clap::{
    ArgMatches, Command,
    error::{ContextKind, ContextValue, ErrorKind},
};

/// The error of a command line that clap could not read.
pub(super) fn explain<C: Commands>(
    error: &clap::Error,
    arguments: &Arguments,
    definition: &Command,
) -> Error {
    if let Some(word) = stray_word(error, arguments) {
        let hint = hint_for_word::<C>(word, definition);
        return Error::usage(format_args!("no such command: `{word}`"), hint);
    }
    let text = error.render().to_string();
    let (message, tips) = message_and_tips(&text);
    let hint = hint::<C>(error, arguments, definition);
    let hint = hint.or_else(|| (!tips.is_empty()).then(|| tips.join("\n")));
    let hint = hint.unwrap_or_else(|| see(C::NAME, arguments.command()));
    Error::usage(message, hint)
}

/// clap's own words: the message is its first paragraph, tips stand below on lines of their own,
/// usage comes last.
fn message_and_tips(text: &str) -> (String, Vec<&str>) {
    let mut paragraphs = text.split("\n\n");
    let first = paragraphs.next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(first).trim_end();
    let lines = paragraphs.flat_map(str::lines);
    let tips = lines.filter_map(|line| line.trim_start().strip_prefix("tip: "));
    let lines: Vec<&str> = message.lines().map(str::trim).collect();
    (lines.join("\n"), tips.collect())
}

fn value(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text),
        _ => None,
    }
}

/// The word that stands where a command was expected. Without a command clap takes it for an
/// argument.
fn stray_word<'e>(error: &'e clap::Error, arguments: &Arguments) -> Option<&'e str> {
    let kind = match error.kind() {
        ErrorKind::InvalidSubcommand => ContextKind::InvalidSubcommand,
        ErrorKind::UnknownArgument if arguments.command().is_none() => ContextKind::InvalidArg,
        _ => return None,
    };
    value(error, kind).filter(|word| !word.starts_with('-'))
}

fn hint<C: Commands>(
    error: &clap::Error,
    arguments: &Arguments,
    definition: &Command,
) -> Option<String> {
    match error.kind() {
        ErrorKind::ArgumentConflict => {
            let both =
                [ContextKind::InvalidArg, ContextKind::PriorArg].map(|kind| value(error, kind));
            let mut flags = both.into_iter().flatten().map(flag_of);
            flags.find_map(C::hint_for_conflict)
        }
        ErrorKind::UnknownArgument => {
            let given = value(error, ContextKind::InvalidArg)?;
            let is_flag = given.starts_with('-');
            is_flag.then(|| elsewhere::<C>(flag_of(given), arguments.command(), definition))?
        }
        _ => None,
    }
}

/// `--file` of `--file <PATH>`, `OLD` of `[OLD]`.
fn flag_of(shown: &str) -> &str {
    let shown = shown.trim_start_matches(['[', '<']);
    let end = shown.find([' ', '=', '[', ']', '>']).unwrap_or(shown.len());
    shown.get(..end).unwrap_or(shown)
}

/// A word where a command was expected. A similar command goes first.
fn hint_for_word<C: Commands>(word: &str, definition: &Command) -> String {
    match similar_command(word, definition) {
        Some(command) => format!("a similar command exists: '{command}'"),
        None => C::hint_for_word(word),
    }
}

/// A flag that other commands take and this one does not.
fn elsewhere<C: Commands>(
    flag: &str,
    command: Option<&str>,
    definition: &Command,
) -> Option<String> {
    let is_it = |arg: &clap::Arg| {
        let long = flag
            .strip_prefix("--")
            .is_some_and(|long| arg.get_long() == Some(long));
        let short = flag.strip_prefix('-').and_then(|rest| rest.chars().next());
        long || (!flag.starts_with("--") && short.is_some() && arg.get_short() == short)
    };
    let takes = |command: &&Command| command.get_arguments().any(is_it);
    let others: Vec<&str> = definition
        .get_subcommands()
        .filter(takes)
        .map(Command::get_name)
        .collect();
    let tool = C::NAME;
    let known = match others.as_slice() {
        [] if takes(&definition) => format!("it belongs to `cargo {tool}` without a command"),
        [] => return None,
        [only] => format!("it belongs to `cargo {tool} {only}`"),
        [first, second] => format!("it belongs to `{first}` and `{second}`"),
        [first, second, rest @ ..] => {
            format!(
                "it belongs to `{first}`, `{second}` and {} more",
                rest.len()
            )
        }
    };
    let here = command.map_or(String::new(), |command| format!(" {command}"));
    Some(format!(
        "`{flag}` means nothing to `cargo {tool}{here}`; {known}: {}",
        see(tool, command)
    ))
}

/// `--bin crates` chooses a binary of that name, which may not be what was meant.
pub(super) fn target_named_like_a_command<C: Commands>(
    definition: &Command,
    matches: &ArgMatches,
) -> Option<String> {
    ["bin", "example", "test", "bench"]
        .into_iter()
        .find_map(|flag| {
            let given = matches.try_get_one::<String>(flag).ok().flatten();
            let name = given.filter(|name| {
                definition
                    .get_subcommands()
                    .any(|command| command.get_name() == *name)
            })?;
            let tool = C::NAME;
            Some(format!(
                "`--{flag} {name}` chooses a target of that name; \
             for the command, write it first: `cargo {tool} {name} --{flag}`"
            ))
        })
}

/// The command that was probably meant.
fn similar_command<'d>(word: &str, definition: &'d Command) -> Option<&'d str> {
    let names = definition.get_subcommands().map(Command::get_name);
    let (distance, name) = names
        .map(|name| (strsim::levenshtein(word, name), name))
        .min()?;
    // A third of the letters may be wrong.
    (distance * 3 <= word.chars().count()).then_some(name)
}
