//! Records of symbols and types: a length, a kind, and what the kind says.

use super::super::fields::Fields;

/// A record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'d> {
    pub(super) kind: u16,
    /// What follows the kind.
    pub(super) fields: Fields<'d>,
}

/// The records of a stream, from `at` on, up to `end`.
pub(super) fn records(bytes: &[u8], at: usize, end: usize) -> impl Iterator<Item = Record<'_>> {
    let bytes = bytes.get(..end.min(bytes.len())).unwrap_or_default();
    let mut at = at;
    std::iter::from_fn(move || {
        let fields = Fields::little(bytes.get(at..)?);
        let length = usize::from(fields.u16(0)?);
        let kind = fields.u16(2)?;
        let content = bytes.get(at + 4..at + 2 + length)?;
        at += 2 + length;
        Some(Record {
            kind,
            fields: Fields::little(content),
        })
    })
}

impl<'d> Record<'d> {
    /// The text that starts there: it ends before a zero or with the record.
    pub(super) fn text(&self, at: u64) -> &'d [u8] {
        let rest = usize::try_from(at)
            .ok()
            .and_then(|at| self.fields.bytes.get(at..));
        let rest = rest.unwrap_or_default();
        rest.get(..memchr::memchr(0, rest).unwrap_or(rest.len()))
            .unwrap_or(rest)
    }
}
