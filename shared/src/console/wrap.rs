//! Messages on a narrow terminal: broken between words, as the terminal itself does not.
//!
//! What stands in backticks is a command or a path to copy, and stays in one piece; so does a line that
//! is indented, which is one of a list of choices.

use unicode_width::UnicodeWidthStr;

/// Before all lines of a message but the first.
const INDENT: &str = "  ";

/// The text of a message in lines of at most `width` display columns, the first after a label of
/// `label` columns. A piece that is wider has a line of its own. Linear in the text.
pub(super) fn message(text: &str, label: usize, width: Option<usize>) -> String {
    let mut wrapped = String::new();
    for (number, line) in text.split('\n').enumerate() {
        let mut column = match number {
            0 => label,
            _ => {
                wrapped.push('\n');
                wrapped.push_str(INDENT);
                INDENT.len()
            }
        };
        let Some(width) = width.filter(|_| !line.starts_with(' ')) else {
            wrapped.push_str(line);
            continue;
        };
        let mut is_first = true;
        for piece in pieces(line) {
            let wide = piece.width();
            if !is_first && column + 1 + wide > width {
                wrapped.push('\n');
                wrapped.push_str(INDENT);
                column = INDENT.len();
            } else if !is_first {
                wrapped.push(' ');
                column += 1;
            }
            wrapped.push_str(piece);
            column += wide;
            is_first = false;
        }
    }
    wrapped
}

/// The words of a line; those between two backticks are one.
fn pieces(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut is_code = false;
        let end = text.char_indices().find(|(_, c)| {
            is_code ^= *c == '`';
            *c == ' ' && !is_code
        });
        // A backtick without its second one is no code.
        let end = match end {
            Some((end, _)) => Some(end),
            None if is_code => text.find(' '),
            None => None,
        };
        let (piece, after) = match end {
            Some(end) => (&text[..end], Some(&text[end + 1..])),
            None => (text, None),
        };
        rest = after;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn lines_are_broken_between_words_and_commands_stay_whole() {
        let text = "the archive is thin: use `ar rcs new.a one.o two.o` to make one that is not";
        let wrapped = message(text, 9, Some(40));
        assert_eq!(
            wrapped,
            "the archive is thin: use\n  `ar rcs new.a one.o two.o` to make one\n  that is not"
        );
        assert!(wrapped.lines().skip(1).all(|line| line.len() <= 40));
        assert_eq!(message(text, 9, None), text);
        // All words are there, in their order.
        for width in 0..90 {
            let words = |text: &str| {
                text.split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            assert_eq!(words(&message(text, 9, Some(width))), words(text));
        }
    }

    #[test]
    fn a_list_of_choices_is_left_as_it_is() {
        let text = "choose one of them:\n  -p a --bin one\n  -p a --bin a-rather-long-name";
        assert_eq!(
            message(text, 6, Some(20)),
            "choose one of\n  them:\n    -p a --bin one\n    -p a --bin a-rather-long-name"
        );
        assert_eq!(message("a ` alone stays", 0, Some(9)), "a ` alone\n  stays");
    }
}
