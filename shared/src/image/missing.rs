//! Parts that a file's headers place beyond its end: what a file that was cut off no longer holds.

use super::bounds;

/// A part of which bytes are missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingPart {
    /// The section, or the table, as it is called elsewhere.
    pub name: String,
    /// How many of its bytes lie beyond the end of the file; 0 where the table is there and cannot be
    /// read.
    pub bytes: u64,
}

/// Adds the part `name` to `missing`, where it does not end within the file.
pub(super) fn note(
    missing: &mut Vec<MissingPart>,
    name: &str,
    file: &[u8],
    (offset, size): (u64, u64),
) {
    let there = bounds::clip(file, offset, size);
    let bytes = size - there.size;
    if bytes > 0 {
        missing.push(MissingPart {
            name: name.to_owned(),
            bytes,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_ends_outside_is_missing() {
        let mut missing = Vec::new();
        let file = [0; 16];
        for part in [(0, 16), (16, 0), (99, 0), (8, 9), (u64::MAX, 5)] {
            note(&mut missing, "part", &file, part);
        }
        let bytes: Vec<u64> = missing.iter().map(|part| part.bytes).collect();
        assert_eq!(bytes, [1, 5]);
    }
}
