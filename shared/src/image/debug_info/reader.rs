//! A bounds-checked position in one section, and a bound on repeated work.
//!
//! Every read returns `None` past the end of the data, so that a caller can stop at what it has.

use std::{
    ffi::CStr,
    sync::atomic::{AtomicI64, Ordering},
};

/// A position in one section's bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'d> {
    data: &'d [u8],
    pos: usize,
    big_endian: bool,
}

impl<'d> Reader<'d> {
    /// At `offset` of `data`; past the end everything reads as `None`.
    pub(super) fn at(data: &'d [u8], offset: u64, big_endian: bool) -> Self {
        let pos = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(data.len());
        Self {
            data,
            pos,
            big_endian,
        }
    }

    pub(super) fn pos(&self) -> usize {
        self.pos
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pos >= self.data.len()
    }

    /// No read goes past `end` from now on.
    pub(super) fn clip(mut self, end: usize) -> Self {
        self.data = self.data.get(..end).unwrap_or(self.data);
        self
    }

    #[inline]
    pub(super) fn skip(&mut self, bytes: u64) -> Option<()> {
        let bytes = usize::try_from(bytes).ok()?;
        let end = self.pos.checked_add(bytes)?;
        (end <= self.data.len()).then(|| self.pos = end)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = self.data.get(self.pos..)?.first_chunk::<N>()?;
        self.pos += N;
        Some(*bytes)
    }

    #[inline]
    pub(super) fn u8(&mut self) -> Option<u8> {
        let byte = *self.data.get(self.pos)?;
        self.pos += 1;
        Some(byte)
    }

    #[inline]
    pub(super) fn u16(&mut self) -> Option<u16> {
        let bytes = self.array()?;
        Some(if self.big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    #[inline]
    pub(super) fn u32(&mut self) -> Option<u32> {
        let bytes = self.array()?;
        Some(if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }

    #[inline]
    pub(super) fn u64(&mut self) -> Option<u64> {
        let bytes = self.array()?;
        Some(if self.big_endian {
            u64::from_be_bytes(bytes)
        } else {
            u64::from_le_bytes(bytes)
        })
    }

    /// An unsigned integer of 1, 2, 3, 4 or 8 bytes.
    #[inline]
    pub(super) fn uint(&mut self, size: u8) -> Option<u64> {
        match size {
            1 => self.u8().map(u64::from),
            2 => self.u16().map(u64::from),
            3 => {
                let [a, b, c] = self.array()?;
                let bytes = if self.big_endian {
                    [0, a, b, c]
                } else {
                    [0, c, b, a]
                };
                Some(u64::from(u32::from_be_bytes(bytes)))
            }
            4 => self.u32().map(u64::from),
            8 => self.u64(),
            _ => None,
        }
    }

    /// Unsigned LEB128; bits past the 64th are dropped.
    #[inline]
    pub(super) fn uleb(&mut self) -> Option<u64> {
        let first = self.u8()?;
        if first < 0x80 {
            return Some(u64::from(first));
        }
        let mut value = u64::from(first & 0x7f);
        let mut shift = 7u32;
        loop {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            shift = shift.saturating_add(7);
            if byte < 0x80 {
                return Some(value);
            }
        }
    }

    /// Signed LEB128; bits past the 64th are dropped.
    pub(super) fn sleb(&mut self) -> Option<i64> {
        let mut value = 0u64;
        let mut shift = 0u32;
        loop {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            shift = shift.saturating_add(7);
            if byte < 0x80 {
                if byte & 0x40 != 0 {
                    value |= u64::MAX.checked_shl(shift).unwrap_or(0);
                }
                return Some(value.cast_signed());
            }
        }
    }

    #[inline]
    pub(super) fn skip_leb(&mut self) -> Option<()> {
        while self.u8()? >= 0x80 {}
        Some(())
    }

    /// A string up to its NUL, which is passed but not returned.
    #[inline]
    pub(super) fn string(&mut self) -> Option<&'d [u8]> {
        let text = CStr::from_bytes_until_nul(self.data.get(self.pos..)?)
            .ok()?
            .to_bytes();
        self.pos += text.len() + 1;
        Some(text)
    }

    /// A DWARF initial length: the bytes that follow, and the size of offsets (4 or 8).
    pub(super) fn initial_length(&mut self) -> Option<(u64, u8)> {
        match self.u32()? {
            u32::MAX => Some((self.u64()?, 8)),
            0xffff_fff0.. => None,
            length => Some((u64::from(length), 4)),
        }
    }
}

/// A bound on work that a hostile file could ask for again and again, such as reading the same
/// long list for each of a million entries. Honest files stay far below it.
#[derive(Debug)]
pub(super) struct Budget(AtomicI64);

impl Budget {
    pub(super) fn new(units: usize) -> Self {
        Self(AtomicI64::new(i64::try_from(units).unwrap_or(i64::MAX)))
    }

    /// Whether `units` of work are still allowed; they are then spent.
    pub(super) fn spend(&self, units: usize) -> bool {
        let units = i64::try_from(units).unwrap_or(i64::MAX);
        // Saturation is not needed: once negative nobody goes on for long.
        if self.0.load(Ordering::Relaxed) < units {
            return false;
        }
        self.0.fetch_sub(units, Ordering::Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(data: &[u8]) -> Reader<'_> {
        Reader::at(data, 0, false)
    }

    #[test]
    fn leb128_as_in_the_dwarf_specification() {
        // The examples of DWARF 5, section 7.6, figures 22 and 23.
        for (bytes, value) in [
            (&[2u8][..], 2),
            (&[127], 127),
            (&[0x80, 1], 128),
            (&[57 + 0x80, 100], 12857),
        ] {
            assert_eq!(reader(bytes).uleb(), Some(value));
        }
        for (bytes, value) in [
            (&[2u8][..], 2),
            (&[0x7e], -2),
            (&[0xff, 0], 127),
            (&[0x81, 0x7f], -127),
            (&[0x80, 1], 128),
            (&[0x80, 0x7f], -128),
        ] {
            assert_eq!(reader(bytes).sleb(), Some(value));
        }
        let endless = [0xff; 40];
        assert_eq!(reader(&endless).uleb(), None);
        assert_eq!(reader(&endless).sleb(), None);
    }

    #[test]
    fn both_byte_orders() {
        let data = [1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(Reader::at(&data, 0, false).uint(3), Some(0x03_02_01));
        assert_eq!(Reader::at(&data, 0, true).uint(3), Some(0x01_02_03));
        assert_eq!(
            Reader::at(&data, 0, true).uint(8),
            Some(0x0102_0304_0506_0708)
        );
        assert_eq!(Reader::at(&data, 6, false).uint(4), None);
        assert_eq!(Reader::at(&data, 0, false).clip(2).uint(4), None);
    }

    #[test]
    fn initial_lengths_of_both_formats() {
        assert_eq!(reader(&[9, 0, 0, 0]).initial_length(), Some((9, 4)));
        let wide = [0xff, 0xff, 0xff, 0xff, 9, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(reader(&wide).initial_length(), Some((9, 8)));
        assert_eq!(reader(&[0xf0, 0xff, 0xff, 0xff]).initial_length(), None);
    }
}
