//! One value of a table, and how each renderer writes it.

use crate::units::{Bytes, Change, Delta, Share, Time, thousands};
use std::{borrow::Cow, cmp::Ordering, fmt::Write as _, time::Duration};

/// A value with its unit. People see it rounded, machines see it exact.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    /// There is nothing to say.
    Empty,
    /// A figure that could not be had: `n/a (reason)` for people, empty in CSV.
    Unknown(&'static str),
    /// A name or any other text.
    Text(Cow<'a, str>),
    /// A size.
    Bytes(u64),
    /// A change of a size.
    Delta(i64),
    /// A count of things.
    Count(u64),
    /// A fraction of a whole.
    Share(f64),
    /// A relative change.
    Change(f64),
    /// A fraction of the largest row, drawn as a bar; only people see it.
    Bar(f64),
    /// A virtual address: hexadecimal for people.
    Address(u64),
    /// A duration in nanoseconds.
    Nanoseconds(u64),
    /// A change of a duration, in nanoseconds.
    NanosecondsDelta(i64),
}

impl<'a> Cell<'a> {
    /// Text, borrowed where it can be.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    /// Text, or nothing.
    pub fn maybe_text<T: Into<Cow<'a, str>>>(text: Option<T>) -> Self {
        text.map_or(Self::Empty, Self::text)
    }

    /// A size, or why it is not known.
    pub fn maybe_bytes(bytes: Option<u64>, reason: &'static str) -> Self {
        bytes.map_or(Self::Unknown(reason), Self::Bytes)
    }

    /// As people read it. Control characters are escaped, so that a hostile symbol name cannot
    /// steer the terminal or break the table.
    pub fn human(&self) -> Cow<'_, str> {
        match self {
            Self::Empty => "".into(),
            Self::Unknown("") => "n/a".into(),
            Self::Unknown(reason) => format!("n/a ({reason})").into(),
            Self::Text(text) => printable(text),
            Self::Bytes(bytes) => Bytes(*bytes).to_string().into(),
            Self::Delta(delta) => Delta(*delta).to_string().into(),
            Self::Count(count) => thousands(*count).into(),
            Self::Share(share) => Share(*share).to_string().into(),
            Self::Change(change) => Change(*change).to_string().into(),
            Self::Bar(fraction) => bar(*fraction).into(),
            Self::Address(address) => format!("{address:#x}").into(),
            Self::Nanoseconds(nanos) => Time(Duration::from_nanos(*nanos)).to_string().into(),
            Self::NanosecondsDelta(nanos) => {
                let sign = match nanos.cmp(&0) {
                    Ordering::Less => "-",
                    Ordering::Equal => "",
                    Ordering::Greater => "+",
                };
                let time = Time(Duration::from_nanos(nanos.unsigned_abs()));
                format!("{sign}{time}").into()
            }
        }
    }

    /// As a machine reads it: integers, plain fractions, whole text; written over `into`.
    pub fn exact(&self, into: &mut String) {
        into.clear();
        // Writing into a string does not fail.
        let _ = match self {
            Self::Empty | Self::Unknown(_) | Self::Bar(_) => Ok(()),
            Self::Text(text) => into.write_str(text),
            Self::Bytes(n) | Self::Count(n) | Self::Address(n) | Self::Nanoseconds(n) => {
                write!(into, "{n}")
            }
            Self::Delta(n) | Self::NanosecondsDelta(n) => write!(into, "{n}"),
            Self::Share(x) | Self::Change(x) if x.is_finite() => write!(into, "{x}"),
            Self::Share(_) | Self::Change(_) => Ok(()),
        };
    }

    /// The order that `--sort` gives: text from A to Z, addresses upwards, quantities from the
    /// largest down, what is unknown last. In a column of several units each unit by itself.
    pub fn sort_order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Address(a), Self::Address(b)) => a.cmp(b),
            (Self::Bytes(a), Self::Bytes(b))
            | (Self::Count(a), Self::Count(b))
            | (Self::Nanoseconds(a), Self::Nanoseconds(b)) => b.cmp(a),
            (Self::Delta(a), Self::Delta(b))
            | (Self::NanosecondsDelta(a), Self::NanosecondsDelta(b)) => {
                b.unsigned_abs().cmp(&a.unsigned_abs())
            }
            (Self::Share(a), Self::Share(b)) | (Self::Bar(a), Self::Bar(b)) => b.total_cmp(a),
            (Self::Change(a), Self::Change(b)) => b.abs().total_cmp(&a.abs()),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }

    /// What is of another kind can only be put before or after it as a whole.
    fn rank(&self) -> u8 {
        match self {
            Self::Text(_) => 0,
            Self::Address(_) => 1,
            Self::Nanoseconds(_) => 2,
            Self::NanosecondsDelta(_) => 3,
            Self::Bytes(_) => 4,
            Self::Delta(_) => 5,
            Self::Count(_) => 6,
            Self::Share(_) | Self::Bar(_) => 7,
            Self::Change(_) => 8,
            Self::Empty | Self::Unknown(_) => 9,
        }
    }

    /// Adds `other` to a sum of its kind; what is unknown adds nothing.
    pub(super) fn add(&mut self, other: &Cell<'_>) {
        match (&mut *self, other) {
            (Self::Bytes(a), Cell::Bytes(b))
            | (Self::Count(a), Cell::Count(b))
            | (Self::Nanoseconds(a), Cell::Nanoseconds(b)) => *a = a.saturating_add(*b),
            (Self::Delta(a), Cell::Delta(b))
            | (Self::NanosecondsDelta(a), Cell::NanosecondsDelta(b)) => *a = a.saturating_add(*b),
            (Self::Share(a), Cell::Share(b)) => *a += b,
            (Self::Empty, Cell::Bytes(n)) => *self = Self::Bytes(*n),
            (Self::Empty, Cell::Count(n)) => *self = Self::Count(*n),
            (Self::Empty, Cell::Nanoseconds(n)) => *self = Self::Nanoseconds(*n),
            (Self::Empty, Cell::Delta(n)) => *self = Self::Delta(*n),
            (Self::Empty, Cell::NanosecondsDelta(n)) => *self = Self::NanosecondsDelta(*n),
            (Self::Empty, Cell::Share(x)) => *self = Self::Share(*x),
            _ => {}
        }
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

/// `text` with every control character, and what reorders text on a terminal, escaped.
pub fn printable(text: &str) -> Cow<'_, str> {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(hidden) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if hidden(c) {
            safe.extend(c.escape_default())
        } else {
            safe.push(c)
        }
    }
    safe.into()
}

/// How many columns the longest bar takes.
pub(super) const BAR_WIDTH: usize = 8;

/// A bar of eighths of a column.
fn bar(fraction: f64) -> String {
    let eighths = (fraction.clamp(0.0, 1.0) * (BAR_WIDTH * 8) as f64).round() as usize;
    let mut bar = "█".repeat(eighths / 8);
    bar.extend(['▏', '▎', '▍', '▌', '▋', '▊', '▉'].get((eighths % 8).wrapping_sub(1)));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_cannot_steer_the_terminal() {
        let cell = Cell::text("a\x1b[2Jb\nc\u{202e}d");
        assert_eq!(cell.human(), "a\\u{1b}[2Jb\\nc\\u{202e}d");
        assert!(matches!(printable("plain λ"), Cow::Borrowed(_)));
    }

    #[test]
    fn machines_get_exact_values() {
        let exact = |cell: Cell<'_>| {
            let mut text = "left over".to_owned();
            cell.exact(&mut text);
            text
        };
        assert_eq!(exact(Cell::Bytes(1_234_567)), "1234567");
        assert_eq!(exact(Cell::Share(0.25)), "0.25");
        assert_eq!(exact(Cell::Unknown("no decoder")), "");
        assert_eq!(exact(Cell::Address(0x40)), "64");
        assert_eq!(exact(Cell::NanosecondsDelta(-1_500_000)), "-1500000");
    }

    #[test]
    fn a_column_of_several_units_has_an_order() {
        let mut cells = [
            Cell::Count(5),
            Cell::Empty,
            Cell::Nanoseconds(1),
            Cell::Bytes(7),
            Cell::Count(9),
            Cell::Unknown(""),
            Cell::Nanoseconds(3),
        ];
        cells.sort_by(Cell::sort_order);
        let sorted = [
            Cell::Nanoseconds(3),
            Cell::Nanoseconds(1),
            Cell::Bytes(7),
            Cell::Count(9),
            Cell::Count(5),
            Cell::Empty,
            Cell::Unknown(""),
        ];
        assert_eq!(cells, sorted);
    }

    #[test]
    fn changes_of_time_have_their_sign() {
        let human = |nanos| Cell::NanosecondsDelta(nanos).human().into_owned();
        assert_eq!(human(-1_500_000), "-1.5 ms");
        assert_eq!(human(2_000_000_000), "+2.0 s");
        assert_eq!(human(0), "0 ns");
    }

    #[test]
    fn bars_are_as_long_as_their_fraction() {
        assert_eq!(bar(1.0), "████████");
        assert_eq!(bar(0.0625), "▌");
        assert_eq!(bar(0.0), "");
        assert_eq!(bar(f64::NAN), "");
    }

    #[test]
    fn the_unknown_sorts_last() {
        let mut cells = [
            Cell::Unknown("x"),
            Cell::Bytes(1),
            Cell::Empty,
            Cell::Bytes(2),
        ];
        cells.sort_by(Cell::sort_order);
        assert_eq!(cells[..2], [Cell::Bytes(2), Cell::Bytes(1)]);
    }
}
