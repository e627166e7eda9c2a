//! The lexical layer of v0 names: digits, identifiers, numbers.
//!
//! Truth: "v0 symbol format" of the rustc book (RFC 2603), sections *Lexical components*. Nothing
//! here allocates, and no arithmetic can overflow: a number too large for 64 bits is an error.

use super::punycode;

/// Why a walk over a name ended early: the text breaks the grammar, or a limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stop;

/// A position in the ASCII text of a v0 name, the `_R` already taken off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'s> {
    text: &'s str,
    pub(super) pos: usize,
}

/// An identifier as it stands in the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ident<'s> {
    pub(super) ascii: &'s str,
    /// The insertions that make it Unicode; empty for a plain identifier.
    pub(super) punycode: &'s str,
}

impl<'s> Ident<'s> {
    pub(super) fn is_empty(&self) -> bool {
        self.ascii.is_empty() && self.punycode.is_empty()
    }

    /// Appends the identifier, decoded where it is Unicode.
    pub(super) fn write(&self, out: &mut String) {
        if self.punycode.is_empty() {
            out.push_str(self.ascii);
            return;
        }
        match punycode::decode(self.ascii, self.punycode) {
            Some(chars) => out.extend(chars),
            // Not decodable: shown as it stands, recognisable as what it is.
            None => {
                out.push_str("punycode{");
                if !self.ascii.is_empty() {
                    out.push_str(self.ascii);
                    out.push('-');
                }
                out.push_str(self.punycode);
                out.push('}');
            }
        }
    }
}

impl<'s> Cursor<'s> {
    pub(super) fn new(text: &'s str, pos: usize) -> Self {
        Self { text, pos }
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.pos).copied()
    }

    #[inline]
    pub(super) fn next(&mut self) -> Result<u8, Stop> {
        let byte = self.peek().ok_or(Stop)?;
        self.pos += 1;
        Ok(byte)
    }

    #[inline]
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let hit = self.peek() == Some(byte);
        self.pos += usize::from(hit);
        hit
    }

    /// `{<0-9a-zA-Z>} "_"`: `_` is 0, `0_` is 1, `1_` is 2.
    #[inline]
    pub(super) fn integer_62(&mut self) -> Result<u64, Stop> {
        let bytes = self.text.as_bytes().get(self.pos..).ok_or(Stop)?;
        let mut value: u64 = 0;
        for (digits, &byte) in bytes.iter().enumerate() {
            if byte == b'_' {
                self.pos += digits + 1;
                return if digits == 0 {
                    Ok(0)
                } else {
                    value.checked_add(1).ok_or(Stop)
                };
            }
            let digit = u64::from(DIGITS_62[usize::from(byte)]);
            if digit == NO_DIGIT {
                return Err(Stop);
            }
            // 62^10 is below 2^60: crate hashes are long enough for this to count.
            value = if digits < 10 {
                value * 62 + digit
            } else {
                value
                    .checked_mul(62)
                    .and_then(|v| v.checked_add(digit))
                    .ok_or(Stop)?
            };
        }
        Err(Stop)
    }

    /// A number behind a tag; 0 where the tag is not there, so `s_` is 1.
    #[inline]
    pub(super) fn tagged_integer_62(&mut self, tag: u8) -> Result<u64, Stop> {
        if !self.eat(tag) {
            return Ok(0);
        }
        self.integer_62()?.checked_add(1).ok_or(Stop)
    }

    /// `["s" <base-62-number>]`.
    #[inline]
    pub(super) fn disambiguator(&mut self) -> Result<u64, Stop> {
        self.tagged_integer_62(b's')
    }

    /// `["u"] <decimal-number> ["_"] <bytes>`.
    #[inline]
    pub(super) fn ident(&mut self) -> Result<Ident<'s>, Stop> {
        let unicode = self.eat(b'u');
        let mut len = match self.next()? {
            d @ b'0'..=b'9' => usize::from(d - b'0'),
            _ => return Err(Stop),
        };
        // A leading zero is the whole number.
        if len != 0 {
            while let Some(d @ b'0'..=b'9') = self.peek() {
                self.pos += 1;
                len = len
                    .checked_mul(10)
                    .and_then(|n| n.checked_add(usize::from(d - b'0')))
                    .ok_or(Stop)?;
            }
        }
        self.eat(b'_');
        let end = self.pos.checked_add(len).ok_or(Stop)?;
        let bytes = self.text.get(self.pos..end).ok_or(Stop)?;
        self.pos = end;
        if !unicode {
            return Ok(Ident {
                ascii: bytes,
                punycode: "",
            });
        }
        let (ascii, punycode) = bytes.rsplit_once('_').unwrap_or(("", bytes));
        if punycode.is_empty() {
            return Err(Stop);
        }
        Ok(Ident { ascii, punycode })
    }

    /// `{<0-9a-f>} "_"`, without the underscore.
    pub(super) fn hex(&mut self) -> Result<&'s str, Stop> {
        let start = self.pos;
        loop {
            match self.next()? {
                b'0'..=b'9' | b'a'..=b'f' => {}
                b'_' => return self.text.get(start..self.pos - 1).ok_or(Stop),
                _ => return Err(Stop),
            }
        }
    }

    /// The target of a back reference whose `B` has just been read. It must lie before the `B`.
    #[inline]
    pub(super) fn backref(&mut self) -> Result<usize, Stop> {
        let start = self.pos.saturating_sub(1);
        let target = usize::try_from(self.integer_62()?).map_err(|_| Stop)?;
        if target < start {
            Ok(target)
        } else {
            Err(Stop)
        }
    }

    /// The same text, elsewhere.
    pub(super) fn at(&self, pos: usize) -> Self {
        Self {
            text: self.text,
            pos,
        }
    }

    pub(super) fn text(&self) -> &'s str {
        self.text
    }
}

const NO_DIGIT: u64 = 255;

/// The value of each byte as a digit of base 62.
const DIGITS_62: [u8; 256] = {
    let mut table = [255; 256];
    let mut i = 0u8;
    while i < 26 {
        if i < 10 {
            table[(b'0' + i) as usize] = i;
        }
        table[(b'a' + i) as usize] = i + 10;
        table[(b'A' + i) as usize] = i + 36;
        i += 1;
    }
    table
};

/// A hexadecimal number, if it fits.
pub(super) fn hex_value(digits: &str) -> Option<u64> {
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Some(0);
    }
    if digits.len() > 16 {
        return None;
    }
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Result<u64, Stop> {
        Cursor::new(text, 0).integer_62()
    }

    #[test]
    fn base_62_counts_from_the_underscore() {
        let cases = [
            ("_", 0),
            ("0_", 1),
            ("9_", 10),
            ("a_", 11),
            ("Z_", 62),
            ("10_", 63),
        ];
        for (text, value) in cases {
            assert_eq!(number(text), Ok(value), "{text}");
        }
        assert_eq!(Cursor::new("s_", 0).disambiguator(), Ok(1));
        assert_eq!(Cursor::new("C", 0).disambiguator(), Ok(0));
    }

    #[test]
    fn numbers_too_large_or_unfinished_are_refused() {
        for text in ["ZZZZZZZZZZZZZ_", "lYGhA16ahyg_", "12", "", "1-_"] {
            assert_eq!(number(text), Err(Stop), "{text}");
        }
        // u64::MAX is lYGhA16ahyf in base 62; the notation adds one.
        assert_eq!(number("lYGhA16ahye_"), Ok(u64::MAX));
    }

    #[test]
    fn identifiers() {
        let ident = |text| Cursor::new(text, 0).ident();
        assert_eq!(
            ident("3foo"),
            Ok(Ident {
                ascii: "foo",
                punycode: ""
            })
        );
        assert_eq!(ident("7___rustc").map(|i| i.ascii), Ok("__rustc"));
        assert_eq!(
            ident("0"),
            Ok(Ident {
                ascii: "",
                punycode: ""
            })
        );
        assert_eq!(ident("4foo"), Err(Stop));
        assert_eq!(ident("99999999999999999999999a"), Err(Stop));
        assert_eq!(ident("u3ab_"), Err(Stop), "no insertions");
    }

    #[test]
    fn hexadecimal() {
        assert_eq!(hex_value(""), Some(0));
        assert_eq!(hex_value("00000000000000000000ff"), Some(255));
        assert_eq!(hex_value("10000000000000000"), None);
    }
}
