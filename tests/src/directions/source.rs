//! One source file as far as its paths go.

use std::path::PathBuf;

/// A source file, or a module of a test's own making.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// Where it is, for messages.
    pub path: PathBuf,
    /// Its path below the crate's root with `::`, such as `analysis::model`; empty for the root.
    pub module: String,
    /// The modules that it declares in files of their own, in their order.
    pub declared: Vec<String>,
    /// Those that only unit tests have, apart.
    pub for_tests: Vec<String>,
    /// Files of unit tests that are named by `#[path]`, beside this one.
    pub test_files: Vec<String>,
    /// What its `use` lines bring in.
    pub imports: Vec<Import>,
    /// The paths of two and more names in its code outside `use` lines.
    pub paths: Vec<Vec<String>>,
    /// The items that it defines: functions, types, constants, macros.
    pub items: Vec<String>,
}

/// One name of a `use` line.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// The whole path; a glob ends with `*`.
    pub path: Vec<String>,
    /// What it is called in this file.
    pub name: String,
    /// Whether the file passes it on: `pub use` of any visibility.
    pub is_passed_on: bool,
}

impl Source {
    /// Reads the module `module`.
    pub fn new(path: impl Into<PathBuf>, module: &str, text: &str) -> Self {
        let mut source = Self {
            path: path.into(),
            module: module.to_owned(),
            ..Self::default()
        };
        let mut words = Words {
            all: words(text),
            at: 0,
        };
        source.read(&mut words);
        source
    }

    /// Whether a path of the file starts at the crate `name`.
    pub fn names_crate(&self, name: &str) -> bool {
        let starts = |path: &[String]| path.first().is_some_and(|first| first == name);
        self.imports.iter().any(|import| starts(&import.path))
            || self.paths.iter().any(|path| starts(path))
    }

    fn read(&mut self, words: &mut Words) {
        let mut is_for_tests = false;
        let mut is_public = false;
        while let Some(word) = words.next() {
            match word.as_str() {
                "#" if words.skip(&["[", "cfg", "(", "test", ")", "]"]) => {
                    is_for_tests = true;
                    continue;
                }
                "#" if words.skip(&["[", "path", "="]) => {
                    // The file's name takes the module's place.
                    let file = words.next().unwrap_or_default();
                    self.test_files.extend(is_for_tests.then_some(file));
                    words.skip(&["]"]);
                    continue;
                }
                // Any other attribute is read like code: `#[derive(clap::Args)]` names a crate.
                "#" if is_for_tests => {
                    words.group("[", "]");
                    continue;
                }
                "pub" => {
                    is_public = true;
                    words.group("(", ")");
                    continue;
                }
                "use" => {
                    let mut imports = Vec::new();
                    tree(words, &[], &mut imports);
                    for import in &mut imports {
                        import.is_passed_on = is_public;
                    }
                    if !is_for_tests {
                        self.imports.append(&mut imports);
                    }
                }
                "mod" => self.module(words, is_for_tests),
                // An item that only unit tests have: to its end.
                _ if is_for_tests => words.item(),
                "fn" | "struct" | "enum" | "trait" | "const" | "static" | "type" | "union"
                | "macro_rules" => {
                    words.skip(&["!"]);
                    self.items
                        .extend(words.peek().filter(|word| is_name(word)).map(Into::into));
                }
                _ if is_name(&word) => self.path(word, words),
                _ => continue,
            }
            (is_for_tests, is_public) = (false, false);
        }
    }

    fn module(&mut self, words: &mut Words, is_for_tests: bool) {
        let name = words.next().unwrap_or_default();
        if words.skip(&[";"]) {
            let list = if is_for_tests {
                &mut self.for_tests
            } else {
                &mut self.declared
            };
            list.push(name);
        } else if is_for_tests {
            words.group("{", "}");
        }
    }

    fn path(&mut self, first: String, words: &mut Words) {
        let mut path = vec![first];
        while words.skip(&["::"]) {
            match words.peek().filter(|word| is_name(word)) {
                Some(name) => path.push(name.to_owned()),
                None => break,
            }
            words.next();
        }
        // `commands! { … }` lists the rooms of a tool as `mod` lists them: no dependency.
        if path.last().is_some_and(|last| last == "commands") && words.skip(&["!"]) {
            words.group("{", "}");
        } else if path.len() > 1 {
            self.paths.push(path);
        }
    }
}

/// A tree of `use`, to its end or to the `,` or `}` behind it.
fn tree(words: &mut Words, before: &[String], imports: &mut Vec<Import>) {
    let mut path = before.to_vec();
    words.skip(&["::"]);
    loop {
        if words.skip(&["{"]) {
            while !words.skip(&["}"]) {
                if words.peek().is_none() {
                    return;
                }
                tree(words, &path, imports);
                words.skip(&[","]);
            }
            return;
        }
        match words.next() {
            Some(word) if word == "*" || is_name(&word) => path.push(word),
            _ => return,
        }
        if !words.skip(&["::"]) {
            break;
        }
    }
    // `a::{self}` is `a`.
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let mut name = path.last().cloned().unwrap_or_default();
    if words.skip(&["as"]) {
        name = words.next().unwrap_or_default();
    }
    imports.push(Import {
        path,
        name,
        is_passed_on: false,
    });
}

/// The words of a file, one after the other.
struct Words {
    all: Vec<String>,
    at: usize,
}

impl Words {
    fn peek(&self) -> Option<&str> {
        self.all.get(self.at).map(String::as_str)
    }

    fn next(&mut self) -> Option<String> {
        let word = self.all.get(self.at)?.clone();
        self.at += 1;
        Some(word)
    }

    /// Takes these words when they are next.
    fn skip(&mut self, wanted: &[&str]) -> bool {
        let rest = self.all.get(self.at..).unwrap_or_default();
        let is_next = rest.len() >= wanted.len() && rest.iter().zip(wanted).all(|(a, b)| a == b);
        if is_next {
            self.at += wanted.len();
        }
        is_next
    }

    /// Takes a group in brackets when it is next.
    fn group(&mut self, open: &str, close: &str) {
        if self.peek() != Some(open) {
            return;
        }
        let mut depth = 0_usize;
        while let Some(word) = self.all.get(self.at) {
            self.at += 1;
            if word == open {
                depth += 1;
            } else if word == close {
                depth -= 1;
                if depth == 0 {
                    return;
                }
            }
        }
    }

    /// Takes the rest of an item: to its `;`, or past its body.
    fn item(&mut self) {
        while let Some(word) = self.peek() {
            match word {
                "{" => return self.group("{", "}"),
                "(" => self.group("(", ")"),
                "[" => self.group("[", "]"),
                ";" => {
                    self.at += 1;
                    return;
                }
                _ => self.at += 1,
            }
        }
    }
}

fn is_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Names, `::` and single signs; without comments, texts and numbers.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(length) = text_literal(rest) {
            if words.ends_with(&["path".to_owned(), "=".to_owned()]) {
                words.push(rest[..length].trim_matches('"').to_owned());
            }
            length
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            let length = end.unwrap_or(rest.len());
            if !first.is_numeric() {
                words.push(rest[..length].to_owned());
            }
            length
        } else if rest.starts_with("::") {
            words.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                words.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    words
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// The length of the text, byte text or character that `text` starts with.
fn text_literal(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        text.strip_prefix(prefix)
            .is_some_and(|rest| rest.starts_with(['"', '\'', '#']))
    })?;
    let at = prefix.len();
    if prefix.ends_with('r') {
        let hashes = text[at..].bytes().take_while(|byte| *byte == b'#').count();
        text[at + hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let start = at + hashes + 1;
        let length = text[start..].find(&end).unwrap_or(text.len() - start);
        return Some((start + length + end.len()).min(text.len()));
    }
    let quote = bytes[at];
    match quote {
        b'"' => {}
        // A character, not a lifetime.
        b'\''
            if text[at + 1..].starts_with('\\') || text[at + 1..].chars().nth(1) == Some('\'') => {}
        _ => return None,
    }
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] != quote {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    Some((end + 1).min(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(source: &Source) -> Vec<String> {
        source.paths.iter().map(|path| path.join("::")).collect()
    }

    #[test]
    fn use_trees_are_read() {
        let text = "use crate::{a::{self, b as c}, d::*};\npub(crate) use super::g;\nuse ::x::Y;";
        let source = Source::new("m.rs", "m", text);
        let imports: Vec<_> = source
            .imports
            .iter()
            .map(|own| (own.path.join("::"), own.name.as_str(), own.is_passed_on))
            .collect();
        let expected = [
            ("crate::a".to_owned(), "a", false),
            ("crate::a::b".to_owned(), "c", false),
            ("crate::d::*".to_owned(), "*", false),
            ("super::g".to_owned(), "g", true),
            ("x::Y".to_owned(), "Y", false),
        ];
        assert_eq!(imports, expected);
    }

    #[test]
    fn comments_texts_and_unit_tests_name_nothing() {
        let text = "// crate::a::X\n/* crate::b::X /* nested */ crate::c::X */\n\
            const S: &str = \"crate::d::X \\\" crate::e::X\";\n\
            const R: &[u8] = br#\"crate::f::\"X\"#;\n\
            fn f<'a>(c: char) -> crate::g::T<'a> { if c == '\"' || c == '\\'' { h::run::<u8>() } }\n\
            #[cfg(test)]\nmod tests { use crate::i::X; fn f() { crate::j::run() } }\n\
            #[cfg(test)]\nuse crate::k::X;\n\
            #[cfg(test)]\npub(crate) fn only(a: [u8; 2]) { crate::l::run() }\n\
            fn last() { m::run() }\n";
        let source = Source::new("m.rs", "m", text);
        assert_eq!(paths(&source), ["crate::g::T", "h::run", "m::run"]);
        assert_eq!(source.imports, []);
        assert_eq!(source.items, ["S", "R", "f", "last"]);
    }

    #[test]
    fn modules_are_in_their_order_and_those_for_tests_apart() {
        let text = "pub mod b;\n#[cfg(unix)]\nmod a;\n#[cfg(test)]\nmod fixture;\nmod inline { }\n\
            #[cfg(test)]\n#[path = \"a_tests.rs\"]\nmod tests;\n";
        let source = Source::new("lib.rs", "", text);
        assert_eq!(source.declared, ["b", "a"]);
        assert_eq!(source.for_tests, ["fixture", "tests"]);
        assert_eq!(source.test_files, ["a_tests.rs"]);
    }

    #[test]
    fn the_list_of_commands_names_no_room() {
        let source = Source::new(
            "mod.rs",
            "commands",
            "codecost::commands! { enum Cli { Overview(overview::Overview) } }\nfn f() { x::y() }",
        );
        assert!(!paths(&source).contains(&"overview::Overview".to_owned()));
        assert!(paths(&source).contains(&"x::y".to_owned()));
    }

    #[test]
    fn a_crate_is_named_by_import_and_by_path() {
        let names = |text| Source::new("m.rs", "m", text).names_crate("clap");
        assert!(names("use clap::Args;"));
        assert!(names(
            "#[derive(clap::Args)] struct X;\nfn f(c: clap::Command) {}"
        ));
        assert!(!names("// clap::Args\nfn clap() {}"));
    }
}
