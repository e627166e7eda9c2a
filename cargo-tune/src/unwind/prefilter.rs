//! A look at bytes before anything is parsed.

use std::path::Path;

use super::source::{Evidence, Reliance};

/// What a file may hold.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wanted {
    /// A word that matters.
    pub(super) words: bool,
    /// A word that only helps to judge what other files of the package hold.
    pub(super) symbols: bool,
    /// `mod x;` or `include!`: other files hang on this one.
    pub(super) modules: bool,
    /// It has to do with threads.
    pub(super) threads: bool,
}

/// Names whose use is evidence by itself.
pub(super) const FUNCTIONS: &[&str] = &["catch_unwind", "resume_unwind", "panic_any"];

/// Methods of `tokio::task::JoinError` that only tell something where tasks unwind.
pub(super) const JOIN_ERROR_METHODS: &[&str] = &["is_panic", "into_panic", "try_into_panic"];

/// One pass over the bytes.
pub(super) fn look(bytes: &[u8]) -> Wanted {
    let has = |word: &str| contains(bytes, word.as_bytes());
    let threads = has("thread") || has("JoinHandle");
    Wanted {
        words: has("_unwind")
            || has("panic_any")
            || has("_panic")
            || has("panicking")
            || has("oison")
            || (has("JoinHandle") && has("::join"))
            || calls(bytes, b"join")
            || calls(bytes, b"lock")
            || (has("RwLock") && (calls(bytes, b"read") || calls(bytes, b"write"))),
        symbols: has("JoinHandle")
            || has("fn join")
            || has("thread::Result")
            || has("Mutex")
            || has("RwLock"),
        modules: declares_module(bytes) || has("include!"),
        threads,
    }
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    memchr::memmem::find(bytes, word).is_some()
}

/// What follows each occurrence of `word`.
fn after<'b>(bytes: &'b [u8], word: &'b [u8]) -> impl Iterator<Item = &'b [u8]> {
    memchr::memmem::find_iter(bytes, word).filter_map(move |at| bytes.get(at + word.len()..))
}

/// Whether a file has this name in it.
pub(super) fn names(bytes: &[u8], name: &str) -> bool {
    contains(bytes, name.as_bytes())
}

/// `join`, or another word, and empty parentheses, with any white space between; but not
/// `join().unwrap()`, which hands a panic on and looks at nothing.
fn calls(bytes: &[u8], word: &[u8]) -> bool {
    after(bytes, word).any(|tail| {
        let Some(tail) = tail.trim_ascii_start().strip_prefix(b"(") else {
            return false;
        };
        let Some(tail) = tail.trim_ascii_start().strip_prefix(b")") else {
            return false;
        };
        let next = tail.trim_ascii_start();
        !next.starts_with(b".unwrap()") && !next.starts_with(b".expect(")
    })
}

/// `mod name;`
fn declares_module(bytes: &[u8]) -> bool {
    after(bytes, b"mod").any(|tail| {
        let name = tail.trim_ascii_start();
        if name.len() == tail.len() {
            return false;
        }
        let end = name
            .iter()
            .position(|b| !(b.is_ascii_alphanumeric() || *b == b'_' || *b == b'#' || *b >= 0x80));
        end.is_some_and(|end| {
            end > 0
                && name
                    .get(end..)
                    .unwrap_or_default()
                    .trim_ascii_start()
                    .starts_with(b";")
        })
    })
}

/// For a file that does not parse: every line that names one of the functions.
pub(super) fn word_evidence(file: &Path, text: &str) -> Vec<Evidence> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .filter_map(|(index, line)| {
            let word = FUNCTIONS.iter().find(|word| line.contains(**word))?;
            Some(Evidence {
                file: file.to_owned(),
                line: index + 1,
                what: format!("`{word}` (in a file that could not be parsed)"),
                reliance: Reliance::Breaks,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_say_which_files_to_parse() {
        assert!(look(b"h.join ( )").words);
        assert!(!look(b"h.join().unwrap()").words);
        assert!(look(b"h.join()\n  .unwrap_or(1)").words);
        assert!(look(b"struct S(JoinHandle<()>);").symbols);
        assert!(!look(b"path.join(\"x\")").words);
        assert!(look(b"pub mod x ;").modules);
        assert!(look(b"mod r#type;").modules);
        assert!(!look(b"mod x { fn f() {} } // modern; times").modules);
        assert!(look(b"std::panic::catch_unwind(f)").words);
    }
}
