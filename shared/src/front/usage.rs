//! Wrong usage, explained: what clap found, and the next step.

use super::{Commands, arguments::Arguments, help::see};
use crate::{
    cargo::{Context, Workspace},
    error::Error,
};
use clap::{
    ArgMatches, Command,
    error::{ContextKind, ContextValue, ErrorKind},
    parser::ValueSource,
};
use std::path::Path;

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

/// What of a command line says what is looked at, so that its first word is the command beyond doubt.
const SUBJECTS: [&str; 14] = [
    "package",
    "lib",
    "bin",
    "example",
    "test",
    "bench",
    "file",
    "input",
    "exec",
    "pid",
    "manifest_path",
    "rev",
    "arguments",
    "merge",
];

/// `crates` is the command of that name, and may be a binary, too.
pub(super) fn command_named_like_a_target<C: Commands>(
    definition: &Command,
    name: &str,
    matches: &ArgMatches,
) -> Option<String> {
    let own = definition.find_subcommand(name)?;
    let takes = |id: &str| own.get_arguments().any(|arg| arg.get_id() == id);
    // Only a command that takes targets can have been taken for one.
    if !takes("bin") {
        return None;
    }
    let given = |id: &str| takes(id) && matches.value_source(id) == Some(ValueSource::CommandLine);
    if SUBJECTS.iter().any(|id| given(id)) {
        return None;
    }
    let context = Context::current().ok()?;
    if !may_have_target(context.directory(), name) {
        return None;
    }
    let workspace = Workspace::find(&context)?;
    let members = workspace.members();
    let mut targets = members.iter().flat_map(|member| &member.targets);
    let flag = targets.find_map(|target| {
        let flag = match target {
            target if target.name != name => return None,
            target if target.is_bin() => "bin",
            target if target.is_example() => "example",
            target if target.is_bench() => "bench",
            target if target.is_test() => "test",
            _ => return None,
        };
        takes(flag).then_some(flag)
    })?;
    let tool = C::NAME;
    Some(format!(
        "`{name}` is the command; for the target of that name write `cargo {tool} --{flag} {name}`"
    ))
}

/// Whether cargo is worth asking: it takes as long as a small analysis.
fn may_have_target(directory: &Path, name: &str) -> bool {
    let mut above = directory.ancestors();
    let Some(package) = above.find(|directory| directory.join("Cargo.toml").is_file()) else {
        return false;
    };
    let places = ["src/bin", "examples", "benches", "tests"];
    let in_place = places.iter().any(|place| {
        let place = package.join(place);
        place.join(format!("{name}.rs")).is_file() || place.join(name).join("main.rs").is_file()
    });
    let named = || {
        let manifest = std::fs::read_to_string(package.join("Cargo.toml")).unwrap_or_default();
        manifest.contains(&format!("\"{name}\"")) || manifest.contains("[workspace]")
    };
    in_place || named()
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
