//! The JSON envelope: one object, its rows streamed one to a line.
//!
//! A large binary has 165,000 functions and 70 MB of rows, so no tree is built: each row goes
//! from its struct through one reused buffer to the writer.

use super::{Cell, Warning};
use serde::Serialize;
use std::io::{self, Write};

/// What stands before the rows.
pub(super) struct Head<'a> {
    pub(super) schema: &'static str,
    pub(super) tool_version: &'static str,
    pub(super) view: &'static str,
    /// Further members, already in JSON.
    pub(super) members: &'a [(&'static str, String)],
}

/// What was cut by `--limit`: the number of rows and the sums of their summed columns.
pub(super) struct Cut<'a> {
    pub(super) rows: usize,
    pub(super) sums: Vec<(&'static str, Cell<'a>)>,
}

/// The buffer is handed on when it is about this full.
const CHUNK: usize = 1 << 16;

/// A row that can be written as JSON: whatever serialises, and by hand what occurs by the hundred
/// thousand.
pub trait JsonRow {
    /// Appends the row, one JSON value.
    ///
    /// # Errors
    ///
    /// The row cannot be written as JSON.
    fn append(&self, to: &mut Vec<u8>) -> io::Result<()>;
}

impl<T: Serialize> JsonRow for T {
    fn append(&self, to: &mut Vec<u8>) -> io::Result<()> {
        Ok(serde_json::to_writer(to, self)?)
    }
}

/// Appends `text` as it stands inside the quotes of a JSON string.
///
/// Nearly every name stands as it is: all bytes are looked at together, not one after the other.
pub fn json_text(to: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let (words, rest) = bytes.as_chunks::<8>();
    let escaped = match bytes.last_chunk::<8>() {
        // The last word overlaps the one before.
        Some(last) => words
            .iter()
            .chain([last])
            .fold(0, |any, word| any | escaped(*word)),
        None => {
            let mut word = [b' '; 8];
            word.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            escaped(word)
        }
    };
    if escaped == 0 {
        to.extend_from_slice(bytes);
        return;
    }
    // Text always has a JSON form.
    let quoted = serde_json::to_string(text).unwrap_or_default();
    let inside = quoted.get(1..quoted.len().saturating_sub(1));
    to.extend_from_slice(inside.unwrap_or_default().as_bytes());
}

/// Not zero where one of eight bytes is a control character, a quote or a backslash.
#[inline]
fn escaped(word: [u8; 8]) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_le_bytes(word);
    // The highest bit of a byte of `below` is set where that of the word is not and the byte is
    // less; a borrow from the byte before can only add to what is found there already.
    let below = |word: u64, limit: u64| word.wrapping_sub(EACH * limit) & !word & (EACH << 7);
    let is = |byte: u8| below(word ^ (EACH * u64::from(byte)), 1);
    below(word, 0x20) | is(b'"') | is(b'\\')
}

pub(super) fn write<T: JsonRow>(
    to: &mut dyn Write,
    head: &Head<'_>,
    rows: impl Iterator<Item = T>,
    tail: &[(&'static str, Cut<'_>)],
    warnings: &[&Warning],
) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(CHUNK + CHUNK / 4);
    member(&mut buffer, "{", "schema", &head.schema)?;
    member(&mut buffer, ",", "tool_version", &head.tool_version)?;
    member(&mut buffer, ",", "view", &head.view)?;
    for (key, json) in head.members {
        buffer.push(b',');
        serde_json::to_writer(&mut buffer, key)?;
        buffer.push(b':');
        buffer.extend_from_slice(json.as_bytes());
    }
    buffer.extend_from_slice(b",\"rows\":[");
    for (index, row) in rows.enumerate() {
        buffer.extend_from_slice(if index == 0 { b"\n" } else { b",\n" });
        row.append(&mut buffer)?;
        if buffer.len() >= CHUNK {
            to.write_all(&buffer)?;
            buffer.clear();
        }
    }
    buffer.extend_from_slice(b"\n]");
    for (key, cut) in tail {
        buffer.push(b',');
        serde_json::to_writer(&mut buffer, key)?;
        buffer.push(b':');
        member(&mut buffer, "{", "rows", &cut.rows)?;
        for (key, sum) in &cut.sums {
            match sum {
                Cell::Bytes(n) | Cell::Count(n) | Cell::Nanoseconds(n) => {
                    member(&mut buffer, ",", key, n)?;
                }
                Cell::Delta(n) | Cell::NanosecondsDelta(n) => member(&mut buffer, ",", key, n)?,
                Cell::Share(x) | Cell::Change(x) => member(&mut buffer, ",", key, x)?,
                // No row had a figure: the sum of none is zero.
                _ => member(&mut buffer, ",", key, &0)?,
            }
        }
        buffer.push(b'}');
    }
    member(&mut buffer, ",", "warnings", &warnings)?;
    buffer.extend_from_slice(b"}\n");
    to.write_all(&buffer)?;
    to.flush()
}

fn member(buffer: &mut Vec<u8>, before: &str, key: &str, value: &impl Serialize) -> io::Result<()> {
    buffer.extend_from_slice(before.as_bytes());
    serde_json::to_writer(&mut *buffer, key)?;
    buffer.push(b':');
    serde_json::to_writer(buffer, value)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_as_serde_does_it() {
        for text in [
            "",
            "plain λ\u{7f}",
            "0123456\"",
            "\"123456789",
            "01234567 9a\\",
            "0123456789\tbcdefghi",
            "a\"b",
            "a\\b",
            "\n\u{1}",
            "/</script>",
        ] {
            let mut own = b"\"".to_vec();
            json_text(&mut own, text);
            own.push(b'"');
            assert_eq!(own, serde_json::to_vec(text).unwrap());
        }
    }
}
