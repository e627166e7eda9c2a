//! Numbers out of bytes that are not trusted. Little-endian, as everything here is.

/// Reads forward; every read says whether there was something to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'d> {
    rest: &'d [u8],
}

impl<'d> Cursor<'d> {
    pub(super) fn new(bytes: &'d [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next `size` bytes.
    #[inline]
    pub(super) fn take(&mut self, size: u64) -> Option<&'d [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(size).ok()?)?;
        self.rest = rest;
        Some(taken)
    }

    #[inline]
    pub(super) fn u32(&mut self) -> Option<u32> {
        let (number, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u32::from_le_bytes(*number))
    }

    #[inline]
    pub(super) fn i32(&mut self) -> Option<i32> {
        self.u32().map(u32::cast_signed)
    }

    #[inline]
    pub(super) fn u64(&mut self) -> Option<u64> {
        let (number, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u64::from_le_bytes(*number))
    }

    /// `count` words of eight bytes.
    #[inline]
    pub(super) fn words(&mut self, count: u64) -> Option<Words<'d>> {
        self.take(count.checked_mul(8)?).map(Words)
    }

    /// What is left.
    pub(super) fn rest(self) -> &'d [u8] {
        self.rest
    }
}

/// A sequence of numbers of eight bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Words<'d>(pub(super) &'d [u8]);

impl<'d> Words<'d> {
    pub(super) fn iter(self) -> impl Iterator<Item = u64> + 'd {
        let (words, _) = self.0.as_chunks();
        words.iter().map(|word| u64::from_le_bytes(*word))
    }

    #[inline]
    pub(super) fn get(self, index: usize) -> Option<u64> {
        let bytes = self.0.get(index.checked_mul(8)?..)?.first_chunk()?;
        Some(u64::from_le_bytes(*bytes))
    }
}

/// The bytes up to the first zero.
pub(super) fn until_zero(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| *byte == 0);
    &bytes[..end.unwrap_or(bytes.len())]
}
