//! Numbers at places of a file, in its byte order; `None` beyond its end.

/// No name has more bytes.
const LONGEST: usize = 1 << 16;

/// The bytes of a file, or of a part of it, as a row of fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'d> {
    pub(super) bytes: &'d [u8],
    pub(super) little_endian: bool,
}

impl<'d> Fields<'d> {
    /// Fields with their low byte first.
    pub(super) fn little(bytes: &'d [u8]) -> Self {
        Self {
            bytes,
            little_endian: true,
        }
    }

    /// So many bytes from there.
    pub(super) fn array<const N: usize>(&self, at: u64) -> Option<[u8; N]> {
        let at = usize::try_from(at).ok()?;
        self.bytes.get(at..)?.first_chunk().copied()
    }

    pub(super) fn u8(&self, at: u64) -> Option<u8> {
        self.bytes.get(usize::try_from(at).ok()?).copied()
    }

    pub(super) fn u16(&self, at: u64) -> Option<u16> {
        let bytes = self.array(at)?;
        Some(match self.little_endian {
            true => u16::from_le_bytes(bytes),
            false => u16::from_be_bytes(bytes),
        })
    }

    pub(super) fn u32(&self, at: u64) -> Option<u32> {
        let bytes = self.array(at)?;
        Some(match self.little_endian {
            true => u32::from_le_bytes(bytes),
            false => u32::from_be_bytes(bytes),
        })
    }

    pub(super) fn u64(&self, at: u64) -> Option<u64> {
        let bytes = self.array(at)?;
        Some(match self.little_endian {
            true => u64::from_le_bytes(bytes),
            false => u64::from_be_bytes(bytes),
        })
    }

    /// Eight bytes or four.
    pub(super) fn word(&self, at: u64, is_64: bool) -> Option<u64> {
        match is_64 {
            true => self.u64(at),
            false => self.u32(at).map(u64::from),
        }
    }

    /// The text of a field of fixed size, without the zeroes that fill it.
    pub(super) fn text(&self, at: u64, size: usize) -> Option<&'d [u8]> {
        let at = usize::try_from(at).ok()?;
        let field = self.bytes.get(at..at.checked_add(size)?)?;
        let end = field.iter().position(|byte| *byte == 0);
        field.get(..end.unwrap_or(size))
    }

    /// The text that starts there and ends before a zero. A longer one than names are is damage, and
    /// would be looked through again and again.
    pub(super) fn terminated(&self, at: u64) -> Option<&'d [u8]> {
        let rest = self.bytes.get(usize::try_from(at).ok()?..)?;
        let rest = rest.get(..LONGEST).unwrap_or(rest);
        rest.get(..memchr::memchr(0, rest)?)
    }
}

/// A number of up to 64 bits, seven in each byte, low ones first; moves `at` behind it.
pub(super) fn uleb(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0_u64;
    for position in 0..10 {
        let byte = *bytes.get(*at)?;
        *at += 1;
        // What does not fit is damage; its bits are lost.
        value |= u64::from(byte & 0x7f)
            .checked_shl(7 * position)
            .unwrap_or_default();
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
