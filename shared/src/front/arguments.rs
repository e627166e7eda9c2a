//! The words of the command line, put in the order that clap wants: the command first.
//!
//! Cargo's users write flags where they like (`cargo -q build`), clap wants those of a subcommand
//! behind it. Which word is the command can only be told by knowing which flags take a value; the
//! definitions say so.

use clap::{Arg, ArgAction, Command};
use std::ffi::OsString;

/// The command line without cargo's own word, its command first.
pub(super) struct Arguments {
    words: Vec<OsString>,
    command: Option<String>,
}

impl Arguments {
    /// Orders `words`, the program's name first. `tool` is what cargo calls the tool, and puts
    /// behind the program's name.
    pub(super) fn new(mut words: Vec<OsString>, tool: &str, definition: &Command) -> Self {
        if words.get(1).is_some_and(|word| word == tool) {
            words.remove(1);
        }
        // As cargo itself takes it: `help crates` is `crates --help`.
        if let Some(at) = position(&words, definition)
            && words.get(at).is_some_and(|word| word == "help")
        {
            words.remove(at);
            words.push("--help".into());
        }
        let at = position(&words, definition);
        let command = at.and_then(|at| Some(words.get(at)?.to_str()?.to_owned()));
        let known = |name: &String| definition.get_subcommands().any(|c| c.get_name() == *name);
        let command = command.filter(known);
        if let (Some(at), Some(_)) = (at, &command)
            && let Some(before) = words.get_mut(1..=at)
        {
            before.rotate_right(1);
        }
        Self { words, command }
    }

    /// The words, the program's name first.
    pub(super) fn words(&self) -> &[OsString] {
        &self.words
    }

    /// The command that is named.
    pub(super) fn command(&self) -> Option<&str> {
        self.command.as_deref()
    }
}

/// Where the first word is that is neither a flag nor the value of one.
fn position(words: &[OsString], definition: &Command) -> Option<usize> {
    let mut at = 1;
    while let Some(word) = words.get(at) {
        // What is not UTF-8 is no flag of ours and no command.
        let text = word.to_str()?;
        if text == "--" {
            return None;
        }
        let value = match text.strip_prefix("--") {
            Some(long) if long.contains('=') => Value::None,
            Some(long) => value_of(definition, |arg| arg.get_long() == Some(long)),
            None => match text.strip_prefix('-') {
                None | Some("") => return Some(at),
                Some(cluster) => value_of_cluster(definition, cluster),
            },
        };
        at += 1;
        let next = words.get(at).and_then(|next| next.to_str());
        let taken = match value {
            Value::None => false,
            Value::One => true,
            Value::Optional => next.is_some_and(|next| !next.starts_with('-')),
        };
        at += usize::from(taken);
    }
    None
}

/// Whether a flag takes the next word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    None,
    Optional,
    One,
}

/// Of a long flag, looked up in the tool and in all its commands: the same flag takes the same
/// value everywhere.
fn value_of(definition: &Command, is_it: impl Fn(&Arg) -> bool) -> Value {
    let commands = std::iter::once(definition).chain(definition.get_subcommands());
    let Some(arg) = commands
        .flat_map(Command::get_arguments)
        .find(|arg| is_it(arg))
    else {
        return Value::None;
    };
    match (arg.get_action(), arg.get_num_args()) {
        (ArgAction::Set | ArgAction::Append, Some(range)) if range.min_values() == 0 => {
            Value::Optional
        }
        (ArgAction::Set | ArgAction::Append, _) => Value::One,
        _ => Value::None,
    }
}

/// Of short flags in one word, such as `-qn5` or `-vp app`.
fn value_of_cluster(definition: &Command, cluster: &str) -> Value {
    let mut letters = cluster.chars();
    while let Some(letter) = letters.next() {
        let value = value_of(definition, |arg| arg.get_short() == Some(letter));
        if value != Value::None {
            return match letters.as_str() {
                "" => value,
                // The rest of the word is the value.
                _ => Value::None,
            };
        }
    }
    Value::None
}
