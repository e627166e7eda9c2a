//! Commands that can be pasted into a POSIX shell.

/// `word` as a shell takes it: bare where that is safe, else in single quotes.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=@:,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(quoted("./rg"), "./rg");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("Vec<u8>"), "'Vec<u8>'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
