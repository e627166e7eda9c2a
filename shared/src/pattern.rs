//! Regular expressions that users write, for names.
//!
//! They are run by `regex-lite`, which is a fifteenth of the size of `regex` in a program and slower
//! by a factor of three. So a text that every match must have in it is looked for first, and most
//! patterns are nothing but that.

use memchr::memmem::Finder;
use regex_lite::{Regex, RegexBuilder};
use std::fmt;

/// Larger than any pattern that somebody wrote by hand; bytes.
const SIZE_LIMIT: usize = 4 << 20;

/// A regular expression, compiled: the syntax of the `regex` crate, with `\w`, `\d`, `\s`, `\b` and
/// `(?i)` for ASCII.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    /// Every match has it in it. A searcher is large.
    needed: Option<Box<Finder<'static>>>,
    /// `None` where `needed` is all.
    regex: Option<Regex>,
}

/// Why a text is no pattern, in one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(String);

impl Pattern {
    /// Compiles `text`.
    ///
    /// # Errors
    ///
    /// It is no regular expression, or one that would take more than 4 MiB.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let pattern = Self {
            text: text.to_owned(),
            needed: None,
            regex: None,
        };
        if !text.is_empty() && !text.contains(is_special) {
            return Ok(Self {
                needed: Some(Box::new(Finder::new(text).into_owned())),
                ..pattern
            });
        }
        let regex = RegexBuilder::new(text).size_limit(SIZE_LIMIT).build();
        let regex = regex.map_err(|error| Invalid(error.to_string()))?;
        Ok(Self {
            needed: needed(text).map(|text| Box::new(Finder::new(&text).into_owned())),
            regex: Some(regex),
            ..pattern
        })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it matches somewhere in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        let needed = self.needed.as_ref();
        needed.is_none_or(|needed| needed.find(text.as_bytes()).is_some())
            && self.regex.as_ref().is_none_or(|regex| regex.is_match(text))
    }
}

/// A pattern that matches `text` and nothing else, as part of a larger one.
pub fn escape(text: &str) -> String {
    regex_lite::escape(text)
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.text).finish()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_special(c: char) -> bool {
    matches!(
        c,
        '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$'
    )
}

/// The longest text that every match of a valid pattern has in it; `None` where that is not plain.
fn needed(pattern: &str) -> Option<String> {
    // Flags change what letters mean.
    if pattern.contains("(?") {
        return None;
    }
    let (mut longest, mut run) = (String::new(), String::new());
    let mut end = |run: &mut String| {
        if run.len() > longest.len() {
            longest.clone_from(run);
        }
        run.clear();
    };
    let mut depth = 0_usize;
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        match c {
            '(' => {
                end(&mut run);
                depth += 1;
            }
            ')' => depth = depth.saturating_sub(1),
            '|' if depth == 0 => return None,
            '[' => {
                end(&mut run);
                skip_class(&mut rest)?;
            }
            '\\' => match rest.next()? {
                'd' | 'D' | 'w' | 'W' | 's' | 'S' | 'b' | 'B' | 'A' | 'z' | '<' | '>' => {
                    end(&mut run);
                }
                // A character by its number.
                c if c.is_alphanumeric() => return None,
                c if depth == 0 => run.push(c),
                _ => {}
            },
            // What stands before may be missing; with `+`, where another one follows.
            '*' | '?' | '+' | '{' => {
                run.pop();
                end(&mut run);
                if c == '{' {
                    rest.find(|c| *c == '}')?;
                }
            }
            c if is_special(c) => end(&mut run),
            c if depth == 0 => run.push(c),
            _ => {}
        }
    }
    end(&mut run);
    (!longest.is_empty()).then_some(longest)
}

/// Reads to the end of `[…]`; `None` where one may stand inside another.
fn skip_class(rest: &mut std::str::Chars<'_>) -> Option<()> {
    let mut first = true;
    loop {
        match rest.next()? {
            '[' => return None,
            '\\' => {
                rest.next()?;
            }
            '^' if first => continue,
            ']' if !first => return Some(()),
            _ => {}
        }
        first = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_needed_text_is_in_every_match() {
        let needed = |pattern| needed(pattern).unwrap_or_default();
        assert_eq!(needed("^core::.*fmt$"), "core::");
        assert_eq!(needed(r"serde_json::\w+<"), "serde_json::");
        assert_eq!(needed(r"a\.b[1]?x"), "a.b");
        // The last letter may be missing, whatever its length.
        assert_eq!(needed("größen?"), "größe");
        assert_eq!(needed("aß*b"), "a");
        assert_eq!(needed("ab+*"), "a");
        assert_eq!(needed("ab{0}cde"), "cde");
        assert_eq!(needed("(alloc|core)::fmt"), "::fmt");
        assert_eq!(needed("x[]|]yz"), "yz");
        for none in ["alloc|core", "(?i)vec", r"\x41bc", "a[b[c]d]e", ".*", "a?"] {
            assert_eq!(needed(none), "", "{none}");
        }
    }

    #[test]
    fn plain_texts_need_no_regular_expression() {
        let pattern = Pattern::new("core::fmt").unwrap();
        assert!(pattern.regex.is_none());
        assert!(pattern.is_match("<core::fmt::Arguments>") && !pattern.is_match("core::fm"));
        assert!(Pattern::new("").unwrap().is_match("anything"));
    }

    #[test]
    fn what_is_no_pattern_is_told_in_one_line() {
        for text in ["a(", "[", "a**{", r"\", "*", r"(?P<n", "a{9999999}"] {
            let Err(error) = Pattern::new(text) else {
                panic!("{text}");
            };
            assert!(!error.to_string().is_empty() && !error.to_string().contains('\n'));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        /// The witness is the crate `regex`.
        #[test]
        fn matches_are_those_of_regex(
            pattern in r"(a|b|::|<|é|\.|\*|\+|\?|\||\(|\)|\[|\^|\]|\$|\\w|\\b|\\\.|\{2\}|\(\?i\)|B|-|\\d){0,8}",
            texts in prop::collection::vec(r"(a|b|A|B|::|<|é|\.|-|2){0,8}", 8),
        ) {
            if let (Ok(ours), Ok(witness)) = (Pattern::new(&pattern), regex::Regex::new(&pattern)) {
                for text in texts {
                    // The two differ by design where a class or a boundary meets what is not ASCII.
                    let differs = text.contains('é')
                        && (pattern.contains(r"\w") || pattern.contains(r"\b"));
                    if !differs {
                        prop_assert_eq!(ours.is_match(&text), witness.is_match(&text), "{}", text);
                    }
                }
            }
        }
    }
}
