//! Patterns over the ids of benchmarks: `*` for any text, `?` for one character.

use codecost::pattern::{Invalid, Pattern, escape};

/// A pattern, compiled.
#[derive(Clone, Debug)]
pub struct Glob {
    text: String,
    regex: Pattern,
}

impl Glob {
    /// Compiles a pattern. Every text is one; only its size can be too large.
    ///
    /// # Errors
    ///
    /// The pattern is too large to compile.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let mut regex = String::from("(?s)^");
        for c in text.chars() {
            match c {
                '*' => regex.push_str(".*"),
                '?' => regex.push('.'),
                other => regex.push_str(&escape(other.encode_utf8(&mut [0; 4]))),
            }
        }
        regex.push('$');
        Ok(Self {
            text: text.to_owned(),
            regex: Pattern::new(&regex)?,
        })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it matches the whole id.
    pub fn matches(&self, id: &str) -> bool {
        self.regex.is_match(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_star_and_the_question_mark_are_special() {
        let matches = |glob: &str, id: &str| Glob::new(glob).unwrap().matches(id);
        assert!(matches("search/*", "search/a/b"));
        assert!(!matches("search/*", "research/a"));
        assert!(matches("a.b[1]", "a.b[1]"));
        assert!(!matches("a.b", "axb"));
        assert!(matches("f?b", "fib") && !matches("f?b", "fb"));
        assert!(matches("*", "") && matches("*::20", "dv::fib::20"));
    }
}
