//! What may not be, in the library and in a tool.

use super::graph::{Named, Sources, is_within};
use super::source::Source;

/// What a module of a tool is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The commands: arguments, options, work, report.
    Commands,
    /// The groups of flags that commands take.
    Cli,
    /// What several commands do around their work: what help says of the whole tool, questions to
    /// the user, announcements.
    Helper,
    /// Columns and rows; sees results only.
    Report,
    /// Everything that is computed.
    Domain,
    /// Plain values with what they are called: a domain that reports may ask, too.
    Values,
}

/// A tool's modules with what each is for.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a>(pub &'a [(&'a str, Role)]);

impl Plan<'_> {
    fn role(&self, module: &str) -> Option<Role> {
        let first = module.split("::").next().unwrap_or_default();
        let found = self.0.iter().find(|(name, _)| *name == first);
        found.map(|(_, role)| *role)
    }
}

/// What breaks the rule that a library's module imports only from those declared above it.
pub fn order_violations(sources: &Sources) -> Vec<String> {
    let order = sources.declared();
    let position = |module: &str| {
        let first = module.split("::").next().unwrap_or_default();
        order.iter().position(|name| name == first)
    };
    let mut violations = Vec::new();
    for source in sources.files() {
        let Some(own) = position(&source.module) else {
            continue;
        };
        for named in sources.named_by(source) {
            if position(&named.module).is_some_and(|other| other > own) {
                violations.push(violation(source, "imports from below", &named));
            }
        }
    }
    violations
}

/// What breaks the floor plan of a tool.
pub fn plan_violations(sources: &Sources, plan: Plan<'_>) -> Vec<String> {
    let mut violations = Vec::new();
    let declared = sources.declared();
    for module in declared {
        if plan.role(module).is_none() {
            violations.push(format!("`{module}` of lib.rs has no rule"));
        }
    }
    for (module, _) in plan.0 {
        if !declared.iter().any(|own| own == module) {
            violations.push(format!(
                "the rule for `{module}` is about no module of lib.rs"
            ));
        }
    }
    for source in sources.files() {
        let role = plan.role(&source.module);
        if matches!(role, Some(Role::Domain | Role::Values | Role::Report))
            && source.names_crate("clap")
        {
            let file = source.path.display();
            violations.push(format!("{file}: clap belongs into cli.rs and commands/"));
        }
        let room = |module: &str| module.strip_prefix("commands::").map(str::to_owned);
        for written in sources.written_by(source) {
            // Only `commands/mod.rs` knows which commands there are.
            let is_the_list = source.module == "commands";
            let is_inside =
                |named: &str| room(&source.module).is_some_and(|own| is_within(&own, named));
            if room(&written).is_some_and(|named| !is_the_list && !is_inside(&named)) {
                let file = source.path.display();
                violations.push(format!("{file}: names a command's module: `{written}`"));
            }
        }
        for named in sources.named_by(source) {
            if let Some(what) = forbidden(role, &named, sources, plan) {
                violations.push(violation(source, what, &named));
            }
        }
    }
    violations
}

/// Why the file must not name it.
fn forbidden(
    role: Option<Role>,
    named: &Named,
    sources: &Sources,
    plan: Plan<'_>,
) -> Option<&'static str> {
    let to = plan.role(&named.module)?;
    match (role?, to) {
        (Role::Domain | Role::Values, Role::Commands | Role::Cli | Role::Helper | Role::Report) => {
            Some("computes, and must not import")
        }
        (Role::Values, Role::Domain) => Some("is plain, and must not import"),
        (Role::Report, Role::Commands | Role::Cli | Role::Helper) => {
            Some("shows, and must not import")
        }
        (Role::Report, Role::Domain) if !is_result(named, sources) => {
            Some("shows and must not compute, but imports")
        }
        _ => None,
    }
}

/// Types and constants, and whatever is in a module of results.
fn is_result(named: &Named, sources: &Sources) -> bool {
    let is_model = named
        .module
        .split("::")
        .any(|part| part == "model" || part == "result");
    // A module by itself; what is used of it is another path.
    let is_module = named.item.is_empty() && sources.files().any(|own| own.module == named.module);
    is_model || is_module || named.item.starts_with(|first: char| first.is_uppercase())
}

fn violation(source: &Source, what: &str, named: &Named) -> String {
    let (file, path) = (source.path.display(), named.path());
    format!("{file}: `{}` {what} `{path}`", source.module)
}

/// The files that name one of `crates`.
pub fn foreign(sources: &Sources, crates: &[String]) -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources.files() {
        for other in crates.iter().filter(|other| source.names_crate(other)) {
            violations.push(format!("{} names {other}", source.path.display()));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::super::graph::tests::sources;
    use super::*;

    const PLAN: Plan<'_> = Plan(&[
        ("offer", Role::Helper),
        ("paths", Role::Values),
        ("commands", Role::Commands),
        ("cli", Role::Cli),
        ("report", Role::Report),
        ("analysis", Role::Domain),
    ]);

    /// A tool that keeps all rules.
    const SOUND: [(&str, &str); 10] = [
        ("paths", "pub fn tail() {}"),
        (
            "offer",
            "use crate::{analysis::sum, report::crates::write};",
        ),
        (
            "commands",
            "pub(crate) use list::List;\ncommands! { enum Cli { Crates(crates::Crates) } }",
        ),
        (
            "commands::crates",
            "use crate::{analysis, cli::Lookup, report::crates};\n\
             #[derive(clap::Args)] pub(crate) struct Crates;\n\
             fn run() { analysis::sum(); crates::write() }",
        ),
        ("commands::list", "pub(crate) struct List;"),
        (
            "cli",
            "use clap::Args;\nuse crate::commands::List;\npub(crate) struct Lookup;",
        ),
        ("report", "mod crates;"),
        (
            "report::crates",
            "use crate::analysis::{Rows, model};\npub fn write(rows: Rows) { model::label(); crate::paths::tail() }",
        ),
        ("analysis", "pub struct Rows;\npub fn sum() {}"),
        ("analysis::model", "pub fn label() {}"),
    ];

    /// The same tool with a line added to one file.
    fn with(module: &str, line: &str) -> Vec<String> {
        let text: Vec<(&str, String)> = SOUND
            .iter()
            .map(|(name, text)| {
                let more = if *name == module { line } else { "" };
                (*name, format!("{text}\n{more}"))
            })
            .collect();
        let mut text: Vec<(&str, &str)> = text
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        if module.is_empty() {
            text.push(("", line));
        }
        plan_violations(&sources(&text), PLAN)
    }

    #[test]
    fn a_sound_tool_breaks_nothing() {
        assert_eq!(with("", ""), [""; 0]);
    }

    #[test]
    fn each_rule_is_broken_by_one_line() {
        for (module, line, expected) in [
            ("analysis", "use crate::report::crates::write;", "computes"),
            ("analysis", "use crate::cli::Lookup;", "computes"),
            (
                "analysis::model",
                "fn f() { super::super::report::crates::write() }",
                "computes",
            ),
            ("analysis", "use crate::commands::Cli;", "computes"),
            (
                "analysis",
                "fn f(command: clap::Command) {}",
                "clap belongs",
            ),
            (
                "report::crates",
                "#[derive(clap::Args)] struct X;",
                "clap belongs",
            ),
            (
                "report::crates",
                "use crate::cli::Lookup;",
                "shows, and must not import",
            ),
            (
                "report",
                "use crate::commands::Cli;",
                "shows, and must not import",
            ),
            (
                "report::crates",
                "use crate::analysis::sum;",
                "must not compute",
            ),
            (
                "report::crates",
                "fn f() { crate::analysis::sum() }",
                "must not compute",
            ),
            (
                "cli",
                "use crate::commands::crates::Crates;",
                "names a command's module",
            ),
            (
                "commands::list",
                "use super::crates::Crates;",
                "names a command's module",
            ),
        ] {
            let found = with(module, line);
            assert!(
                found.iter().any(|violation| violation.contains(expected)),
                "{module}: {line}: {found:?}"
            );
        }
    }

    #[test]
    fn a_module_without_a_rule_and_a_rule_without_a_module_are_seen() {
        let all = sources(&[("cli", ""), ("new", "")]);
        let found = plan_violations(&all, Plan(&[("cli", Role::Cli), ("gone", Role::Domain)]));
        assert_eq!(
            found,
            [
                "`new` of lib.rs has no rule",
                "the rule for `gone` is about no module of lib.rs"
            ]
        );
    }

    #[test]
    fn a_library_imports_upwards() {
        let good = sources(&[
            ("", "pub use b::Error;"),
            ("a", "pub struct X;"),
            ("b", "use crate::a::X;\npub struct Error;"),
            ("b::inner", "use super::Error;"),
        ]);
        assert_eq!(order_violations(&good), [""; 0]);
        for line in [
            "fn f() { crate::b::run() }",
            "use super::b::run;",
            "use crate::Error;",
        ] {
            let bad = sources(&[
                ("", "pub use b::Error;"),
                ("a", line),
                ("b", "pub fn run() {}\npub struct Error;"),
            ]);
            assert_eq!(order_violations(&bad).len(), 1, "{line}");
        }
    }

    #[test]
    fn another_tool_is_seen_wherever_it_is_named() {
        let others = ["cargo_slim".to_owned()];
        let sources = sources(&[
            ("a", "fn f() { cargo_slim::run() }"),
            ("b", "use cargo_slim::x;"),
            ("c", ""),
        ]);
        assert_eq!(
            foreign(&sources, &others),
            ["a.rs names cargo_slim", "b.rs names cargo_slim"]
        );
    }
}
