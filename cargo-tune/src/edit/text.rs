//! What all edits of a text have in common.

/// The line ending that most lines have.
pub(super) fn line_ending(text: &str) -> &'static str {
    let crlf = text.matches("\r\n").count();
    if crlf * 2 > text.matches('\n').count() {
        "\r\n"
    } else {
        "\n"
    }
}
