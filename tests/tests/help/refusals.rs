//! A flag of another command is refused, and the error says which flag and where it belongs.

use crate::{Flag, TOOLS, Tool};
use codecost::console::Console;
use std::collections::BTreeMap;
use std::process::ExitCode;

/// What a tool answers to one flag.
fn answer(tool: &Tool, command: &str, flag: &Flag) -> (ExitCode, String) {
    let mut words = vec![format!("cargo-{}", tool.name)];
    if !command.is_empty() {
        words.push(command.to_owned());
    }
    words.push(if flag.takes_value && flag.word.starts_with("--") {
        format!("{}=1", flag.word)
    } else {
        flag.word.clone()
    });
    let (mut console, captured) = Console::in_memory();
    let words = words.into_iter().map(Into::into).collect();
    let code = (tool.run)(words, &mut console);
    assert_eq!(
        captured.stdout(),
        "",
        "{} {command} {}",
        tool.name,
        flag.word
    );
    (code, captured.stderr())
}

#[test]
fn every_flag_of_other_commands_is_refused_by_name() {
    let mut wrong = Vec::new();
    let mut refused = 0;
    for tool in &TOOLS {
        let commands = tool.commands();
        let all: BTreeMap<&str, &Flag> = commands
            .iter()
            .flat_map(|command| &command.flags)
            .map(|flag| (flag.word.as_str(), flag))
            .collect();
        for command in &commands {
            for flag in all.values() {
                if command.flags.iter().any(|own| own.word == flag.word) {
                    continue;
                }
                let (code, said) = answer(tool, &command.name, flag);
                let helps = said.lines().find(|line| line.starts_with("help: "));
                let is_right = code == ExitCode::from(2)
                    && said.starts_with("error: ")
                    && helps.is_some_and(|help| help.contains(&format!("`{}`", flag.word)));
                if !is_right {
                    let name = &command.name;
                    wrong.push(format!(
                        "{} {name} {}: {code:?}\n{said}",
                        tool.name, flag.word
                    ));
                }
                refused += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(refused > 100, "{refused}");
}
