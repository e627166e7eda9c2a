//! The container of a PDB: pages of one size that together are streams.

use super::super::fields::Fields;

pub(super) const MAGIC: &[u8] = b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0";

/// The streams of a file, by number: size and pages.
#[derive(Debug)]
pub(super) struct Streams<'d> {
    bytes: &'d [u8],
    page_size: usize,
    streams: Vec<(usize, Vec<u32>)>,
}

/// A stream that is not there.
const NONE: u32 = u32::MAX;

impl<'d> Streams<'d> {
    pub(super) fn parse(bytes: &'d [u8]) -> Option<Self> {
        let fields = Fields::little(bytes);
        if !bytes.starts_with(MAGIC) {
            return None;
        }
        let page_size = fields.u32(32)? as usize;
        if !page_size.is_power_of_two() || !(512..=1 << 16).contains(&page_size) {
            return None;
        }
        let size = fields.u32(44)? as usize;
        if size > bytes.len() {
            return None;
        }
        // The pages of the directory's own pages' numbers.
        let of_pages = fields.u32(52)?;
        let mut pages = Self {
            bytes,
            page_size,
            streams: Vec::new(),
        };
        let count = size.div_ceil(page_size);
        let list = Fields::little(bytes.get(of_pages as usize * page_size..)?);
        let list = (0..count as u64).map(|number| list.u32(4 * number));
        let directory = pages.gather(size, &list.collect::<Option<Vec<u32>>>()?)?;
        let directory = Fields::little(&directory);
        let count = u64::from(directory.u32(0)?);
        let mut at = 4 + 4 * count;
        // Pages are not shared, so all streams together fit the file.
        let mut left = bytes.len();
        for number in 0..count {
            let size = directory.u32(4 + 4 * number)?;
            let size = if size == NONE { 0 } else { size as usize };
            left = left.checked_sub(size)?;
            let count = size.div_ceil(page_size) as u64;
            let list = (0..count).map(|page| directory.u32(at + 4 * page));
            pages.streams.push((size, list.collect::<Option<_>>()?));
            at += 4 * count;
        }
        Some(pages)
    }

    /// A stream in one piece.
    pub(super) fn read(&self, number: u32) -> Option<Vec<u8>> {
        let (size, pages) = self.streams.get(number as usize)?;
        self.gather(*size, pages)
    }

    fn gather(&self, size: usize, pages: &[u32]) -> Option<Vec<u8>> {
        let mut whole = Vec::with_capacity(size);
        for page in pages {
            let start = (*page as usize).checked_mul(self.page_size)?;
            let end = (start + self.page_size).min(self.bytes.len());
            let wanted = (size - whole.len()).min(self.page_size);
            whole.extend_from_slice(self.bytes.get(start..end)?.get(..wanted)?);
        }
        (whole.len() == size).then_some(whole)
    }
}
