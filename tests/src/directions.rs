//! Who may import whom, read off the source: the rules of ARCHITECTURE.md as a check.
//!
//! The source is scanned as text without comments and without its unit tests. Limits: paths made
//! by macros are not seen; `super::` is not followed, so it must not leave its module.

use regex::Regex;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// One source file.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its path, for messages.
    pub path: PathBuf,
    /// The module below the crate's root that it belongs to; empty for the root itself.
    pub module: String,
    /// Its path below the crate's root with `::`, such as `analysis::model`.
    pub full_module: String,
    /// Its code, without comments and unit tests.
    pub code: String,
}

/// All source files below a crate's `src`.
pub fn sources(src: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    collect(src, src, &mut found);
    assert!(!found.is_empty(), "no source below {}", src.display());
    let tests: Vec<String> = found.iter().flat_map(Source::test_modules).collect();
    found.retain(|source| !tests.contains(&source.full_module));
    found
}

fn collect(root: &Path, directory: &Path, found: &mut Vec<Source>) {
    let entries = fs::read_dir(directory).expect("read a source directory");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("read a source file");
            let below = path.strip_prefix(root).expect("a path below the root");
            found.push(Source::new(path.clone(), &module_of(below), &text));
        }
    }
}

/// `attribution/origin.rs` is `attribution::origin`; `lib.rs` is the root, with no name.
fn module_of(path: &Path) -> String {
    let path = path.with_extension("");
    let mut parts: Vec<String> = path
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if parts
        .last()
        .is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str()))
    {
        parts.pop();
    }
    parts.join("::")
}

impl Source {
    /// A source file of the module `full_module`.
    pub fn new(path: PathBuf, full_module: &str, text: &str) -> Self {
        let module = full_module.split("::").next().unwrap_or("").to_owned();
        Self {
            path,
            module,
            full_module: full_module.to_owned(),
            code: code_of(text),
        }
    }

    /// The full names of the modules that are compiled for unit tests only.
    fn test_modules(&self) -> Vec<String> {
        let pattern = Regex::new(r"(?m)^#\[cfg\(test\)\]\s*\n(?:pub(?:\(\w+\))? )?mod (\w+);");
        let pattern = pattern.expect("a pattern");
        let names = pattern
            .captures_iter(&self.code)
            .map(|found| found[1].to_owned());
        let parent = |name| match self.full_module.as_str() {
            "" => name,
            parent => format!("{parent}::{name}"),
        };
        names.map(parent).collect()
    }

    /// All paths below `crate` that the file names, such as `analysis::model::CrateRow`.
    pub fn own_paths(&self) -> BTreeSet<String> {
        self.paths_below("crate")
    }

    /// All paths below the crate `root` that the file names.
    pub fn paths_below(&self, root: &str) -> BTreeSet<String> {
        let start = Regex::new(&format!(r"(?:^|[^\w:$])(?:::)?{root}\s*::\s*")).expect("a pattern");
        let mut paths = BTreeSet::new();
        for found in start.find_iter(&self.code) {
            expand(
                &mut self.code[found.end()..].chars().peekable(),
                "",
                &mut paths,
            );
        }
        paths
    }

    /// Whether the file names the crate at all.
    pub fn names_crate(&self, name: &str) -> bool {
        let pattern = Regex::new(&format!(r"\b{name}\b")).expect("a pattern");
        pattern.is_match(&self.code)
    }
}

/// Reads one path or `{…}` group of a `use` tree, with `prefix` before it.
fn expand(
    input: &mut std::iter::Peekable<std::str::Chars<'_>>,
    prefix: &str,
    paths: &mut BTreeSet<String>,
) {
    let mut path = prefix.to_owned();
    while let Some(&next) = input.peek() {
        match next {
            '{' => {
                input.next();
                loop {
                    while input.next_if(|c| c.is_whitespace() || *c == ',').is_some() {}
                    match input.peek() {
                        None => return,
                        Some('}') => {
                            input.next();
                            return;
                        }
                        Some(c) if c.is_alphanumeric() || "_{*".contains(*c) => {
                            expand(input, &path, paths);
                        }
                        // Not a `use` tree after all.
                        Some(_) => return,
                    }
                }
            }
            c if c.is_alphanumeric() || c == '_' || c == ':' || c == '*' => {
                path.push(c);
                input.next();
            }
            _ => break,
        }
    }
    // `as NAME` belongs to this entry of a group.
    while input.next_if(|c| *c == ' ' || *c == '\n').is_some() {}
    if input.peek() == Some(&'a') {
        while input
            .next_if(|c| c.is_alphanumeric() || *c == '_' || *c == ' ')
            .is_some()
        {}
    }
    paths.insert(path.trim_end_matches(':').to_owned());
}

/// The text without comments, and without what follows the unit tests' `#[cfg(test)] mod`.
fn code_of(text: &str) -> String {
    let tests = Regex::new(r"(?m)^#\[cfg\(test\)\]\s*\nmod \w+ \{").expect("a pattern");
    let end = tests.find(text).map_or(text.len(), |found| found.start());
    let lines = text[..end]
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    // A comment behind code. `://` stands in addresses, not before comments.
    let comment = Regex::new(r"(^|[^:])//.*$").expect("a pattern");
    lines
        .map(|line| comment.replace(line, "$1").into_owned() + "\n")
        .collect()
}

/// The modules that a `lib.rs` declares, in its order.
pub fn declared_modules(lib: &str) -> Vec<String> {
    let pattern = Regex::new(r"(?m)^(?:pub(?:\(crate\))? )?mod (\w+);").expect("a pattern");
    pattern
        .captures_iter(lib)
        .map(|found| found[1].to_owned())
        .collect()
}

/// What breaks the rule that a module imports only from those declared above it.
pub fn order_violations(order: &[String], sources: &[Source]) -> Vec<String> {
    let position = |module: &str| order.iter().position(|name| name == module);
    let mut violations = Vec::new();
    for source in sources.iter().filter(|source| !source.module.is_empty()) {
        let Some(own) = position(&source.module) else {
            violations.push(format!("{}: not declared in lib.rs", source.path.display()));
            continue;
        };
        for path in source.own_paths() {
            let first = path.split("::").next().unwrap_or("");
            // What the root re-exports is named by type: `Error`, `Result`.
            if position(first).is_some_and(|other| other > own) {
                let from = &source.full_module;
                violations.push(format!("{}: {from} imports {path}", source.path.display()));
            }
        }
    }
    violations
}

/// What breaks a rule of the kind "`from` never imports `to`", both modules of one crate, unless
/// it is at or below one of `except`.
pub fn forbidden_imports(sources: &[Source], from: &str, to: &str, except: &[&str]) -> Vec<String> {
    let below = |path: &str, module: &str| {
        path == module
            || path
                .strip_prefix(module)
                .is_some_and(|rest| rest.starts_with("::"))
    };
    let mut violations = Vec::new();
    for source in sources
        .iter()
        .filter(|source| below(&source.full_module, from))
    {
        for path in source.own_paths() {
            if below(&path, to) && !except.iter().any(|except| below(&path, except)) {
                violations.push(format!("{}: {from} imports {path}", source.path.display()));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(module: &str, text: &str) -> Source {
        Source::new(PathBuf::from(format!("{module}.rs")), module, text)
    }

    #[test]
    fn use_trees_and_inline_paths_are_seen() {
        let text = "use crate::{a::{self, b as c}, d};\n\
            fn f() -> crate::e::T { /* x */ }\n\
            // use crate::comment::X;\n\
            let url = 1; // crate::trailing::X\n\
            pub(crate) use crate::g::*;\n\
            #[cfg(test)]\nmod tests {\n use crate::late::X;\n}\n";
        let paths: Vec<String> = source("m", text).own_paths().into_iter().collect();
        assert_eq!(paths, ["a::b", "a::self", "d", "e::T", "g::*"]);
    }

    #[test]
    fn modules_for_tests_are_known() {
        let root = source("report", "#[cfg(test)]\nmod fixture;\nmod table;\n");
        assert_eq!(root.test_modules(), ["report::fixture"]);
    }

    #[test]
    fn an_import_from_below_is_a_violation() {
        let order = declared_modules("pub mod a;\n\n#[cfg(x)]\npub mod b;\nmod c;\n");
        assert_eq!(order, ["a", "b", "c"]);
        let good = [source(
            "b",
            "use crate::a::X;\nuse crate::b::Y;\nuse crate::Error;",
        )];
        assert_eq!(order_violations(&order, &good), [""; 0]);
        let bad = [source("b::inner", "fn f() { crate::c::run(); }")];
        assert_eq!(
            order_violations(&order, &bad),
            ["b::inner.rs: b::inner imports c::run"]
        );
        let stray = [source("d", "")];
        assert_eq!(order_violations(&order, &stray).len(), 1);
    }

    #[test]
    fn a_forbidden_import_is_seen_unless_it_is_excepted() {
        let report = [source(
            "report::table",
            "use crate::analysis::{ledger::sum, model::Row};",
        )];
        let found = forbidden_imports(&report, "report", "analysis", &["analysis::model"]);
        assert_eq!(
            found,
            ["report::table.rs: report imports analysis::ledger::sum"]
        );
        assert_eq!(
            forbidden_imports(&report, "analysis", "report", &[]),
            [""; 0]
        );
    }
}
