//! What a perf.data file says of itself, before or after its records.
//!
//! Source: `tools/perf/Documentation/perf.data-file-format.txt` of the kernel. Two forms: a *file*
//! has tables with offsets, written when the recording ends; a *pipe* has a header of 16 bytes and
//! all the rest in records. Files of a recording that was killed have a data section of size 0 and
//! no tables after it: their records reach to the end of the file.

use super::{
    attribute::Attribute,
    bytes::{Cursor, until_zero},
    kind,
};
use codecost::{Error, Result};
use std::{
    collections::HashMap,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

/// What is known of a recording apart from its records.
#[derive(Debug, Default)]
pub(super) struct Header {
    /// The events; at least one.
    pub(super) attributes: Vec<Attribute>,
    /// The attribute of each identifier.
    pub(super) by_id: HashMap<u64, usize>,
    /// Build ids of files, by the path that mappings give.
    pub(super) build_ids: HashMap<Vec<u8>, Vec<u8>>,
    /// The processor, as `uname -m` has it.
    pub(super) architecture: Option<String>,
    /// The kernel's release, as `uname -r` has it.
    pub(super) kernel: Option<String>,
    /// Where the records start in the file.
    pub(super) start: u64,
    /// How many bytes they take.
    pub(super) size: u64,
    /// Whether the end is missing.
    pub(super) cut_off: bool,
    /// Whether most of the records are in other files of the same directory.
    pub(super) of_directory: bool,
}

/// How perf calls the kernel's own code.
pub(super) const KERNEL_MAP: &[u8] = b"[kernel.kallsyms]";

/// More events, or identifiers, than anyone records at once.
const MAX_ATTRIBUTES: usize = 4096;
const MAX_IDS: u64 = 1 << 20;
/// More than all paths that one machine maps.
const MAX_SECTION: u64 = 64 << 20;

/// The sections of a file that matter here, by the number of their bit.
mod feature {
    pub(super) const BUILD_ID: u32 = 2;
    pub(super) const OSRELEASE: u32 = 4;
    pub(super) const ARCH: u32 = 6;
    pub(super) const EVENT_DESC: u32 = 12;
    pub(super) const DIR_FORMAT: u32 = 24;
    pub(super) const ALL: [u32; 4] = [BUILD_ID, OSRELEASE, ARCH, EVENT_DESC];
}

/// `PERF_RECORD_MISC_BUILD_ID_SIZE`
const MISC_BUILD_ID_SIZE: u16 = 1 << 15;
const MISC_CPUMODE_MASK: u16 = 7;
const MISC_USER: u16 = 2;

/// Reads at a given place of a file of a known size.
pub(super) struct Source<R> {
    pub(super) reader: R,
    pub(super) size: u64,
}

impl<R: Read + Seek> Source<R> {
    /// `size` bytes at `offset`, if the file has them.
    fn at(&mut self, offset: u64, size: u64) -> Option<Vec<u8>> {
        if offset.checked_add(size)? > self.size {
            return None;
        }
        self.reader.seek(SeekFrom::Start(offset)).ok()?;
        let mut bytes = vec![0; usize::try_from(size).ok()?];
        self.reader.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }
}

impl Header {
    /// Reads the header of a recording.
    ///
    /// # Errors
    ///
    /// It is not one, or one that cannot be read here.
    pub(super) fn read<R: Read + Seek>(source: &mut Source<R>, path: &Path) -> Result<Self> {
        let refuse = |reason: &str| Error::Failed {
            message: format!("`{}` cannot be read: {reason}", path.display()),
            hint: Some("name a recording that `perf record` or `cargo hotspots` made".into()),
        };
        if source.size == 0 {
            return Err(refuse("it is empty"));
        }
        let start = source
            .at(0, 16)
            .ok_or_else(|| refuse("it is no perf recording"))?;
        let mut cursor = Cursor::new(&start);
        match cursor.take(8) {
            Some(b"PERFILE2") => {}
            Some(b"2ELIFREP") => {
                return Err(refuse(
                    "it was recorded on a machine with the other byte order",
                ));
            }
            Some(b"PERFFILE") => {
                return Err(refuse("it has the form of perf before 2009"));
            }
            _ => return Err(refuse("it is no perf recording")),
        }
        let header_size = cursor.u64().unwrap_or_default();
        let mut header = if header_size == 16 {
            Self::of_pipe(source)
        } else {
            Self::of_file(source).ok_or_else(|| refuse("its header is damaged"))?
        };
        if header.attributes.is_empty() {
            return Err(refuse("it describes no event"));
        }
        for (index, attribute) in header.attributes.iter().enumerate() {
            header
                .by_id
                .extend(attribute.ids.iter().map(|id| (*id, index)));
        }
        Ok(header)
    }

    fn of_file<R: Read + Seek>(source: &mut Source<R>) -> Option<Self> {
        let bytes = source.at(16, 88)?;
        let mut cursor = Cursor::new(&bytes);
        let entry_size = cursor.u64()?;
        let (attributes_at, attributes_size) = (cursor.u64()?, cursor.u64()?);
        let (start, recorded_size) = (cursor.u64()?, cursor.u64()?);
        let _event_types = (cursor.u64()?, cursor.u64()?);
        let features = [cursor.u64()?, cursor.u64()?, cursor.u64()?, cursor.u64()?];

        let mut header = Self {
            start,
            size: recorded_size,
            of_directory: features[0] & (1 << feature::DIR_FORMAT) != 0,
            ..Self::default()
        };
        let there = source.size.checked_sub(start)?;
        if recorded_size == 0 || recorded_size > there {
            header.size = there;
            header.cut_off = true;
        }
        header.read_attributes(source, entry_size, attributes_at, attributes_size)?;
        if !header.cut_off {
            let mut entry = start.checked_add(recorded_size)?;
            let set =
                (0..256_u32).filter(|bit| features[(bit / 64) as usize] & (1 << (bit % 64)) != 0);
            for bit in set {
                // Damage here costs names and build ids, not the samples.
                let Some(section) = source.at(entry, 16) else {
                    header.cut_off = true;
                    break;
                };
                entry = entry.checked_add(16)?;
                let mut cursor = Cursor::new(&section);
                let (offset, size) = (cursor.u64()?, cursor.u64()?);
                header.cut_off |= offset.saturating_add(size) > source.size;
                if feature::ALL.contains(&bit)
                    && let Some(bytes) = source.at(offset, size.min(MAX_SECTION))
                {
                    header.take_feature(bit, &bytes);
                }
            }
        }
        Some(header)
    }

    /// The table of events: each a `perf_event_attr` and where its identifiers are.
    fn read_attributes<R: Read + Seek>(
        &mut self,
        source: &mut Source<R>,
        entry_size: u64,
        offset: u64,
        size: u64,
    ) -> Option<()> {
        let attr_size = entry_size.checked_sub(16).filter(|size| *size <= 4096)?;
        let count = (size / entry_size).min(MAX_ATTRIBUTES as u64);
        let table = source.at(offset, count.checked_mul(entry_size)?)?;
        let mut ids_read = 0;
        let mut cursor = Cursor::new(&table);
        for _ in 0..count {
            let mut attr = cursor.take(attr_size)?.to_vec();
            let (ids_at, ids_size) = (cursor.u64()?, cursor.u64()?);
            // The kernel's structure may be shorter than its place in the table.
            let own_size = u32::from_le_bytes(*attr.get(4..)?.first_chunk()?) as usize;
            attr.truncate(own_size);
            ids_read = ids_size.checked_add(ids_read)?;
            if ids_size % 8 != 0 || ids_read / 8 > MAX_IDS {
                return None;
            }
            attr.extend(source.at(ids_at, ids_size)?);
            self.attributes.push(Attribute::parse(&attr)?);
        }
        Some(())
    }

    /// Collects what a pipe has in records, wherever they are: build ids come last.
    fn of_pipe<R: Read + Seek>(source: &mut Source<R>) -> Self {
        let mut header = Self {
            start: 16,
            size: source.size - 16,
            ..Self::default()
        };
        let mut at = header.start;
        while let Some(start) = source.at(at, 8) {
            let mut cursor = Cursor::new(&start);
            let record = cursor.u32().unwrap_or_default();
            let size = u64::from(cursor.u32().unwrap_or_default() >> 16);
            let (Some(body_size), Some(mut next)) = (size.checked_sub(8), at.checked_add(size))
            else {
                break;
            };
            if kind::DESCRIBING.contains(&record) {
                let Some(body) = source.at(at + 8, body_size) else {
                    break;
                };
                header.take_record(record, &start, &body);
            }
            if let Some(behind) = kind::size_word(record) {
                let word = source.at(at + 8, behind.min(body_size)).unwrap_or_default();
                next = next.saturating_add(kind::bytes_behind(record, &word));
            }
            at = next;
        }
        header
    }

    /// Takes a record that describes the recording.
    fn take_record(&mut self, record: u32, start: &[u8], body: &[u8]) {
        match record {
            kind::HEADER_ATTR if self.attributes.len() < MAX_ATTRIBUTES => {
                self.attributes.extend(Attribute::parse(body));
            }
            kind::HEADER_FEATURE => {
                let mut cursor = Cursor::new(body);
                if let Some(number) = cursor.u64().and_then(|number| u32::try_from(number).ok()) {
                    self.take_feature(number, cursor.rest());
                }
            }
            kind::EVENT_UPDATE => {
                const NAME: u64 = 2;
                let mut cursor = Cursor::new(body);
                if let (Some(NAME), Some(id)) = (cursor.u64(), cursor.u64()) {
                    let name = String::from_utf8_lossy(until_zero(cursor.rest())).into_owned();
                    self.name_event(&[id], &name);
                }
            }
            kind::HEADER_BUILD_ID => {
                self.take_build_ids(&[start, body].concat());
            }
            _ => {}
        }
    }

    fn take_feature(&mut self, number: u32, bytes: &[u8]) {
        match number {
            feature::BUILD_ID => self.take_build_ids(bytes),
            feature::OSRELEASE => self.kernel = text(&mut Cursor::new(bytes)),
            feature::ARCH => self.architecture = text(&mut Cursor::new(bytes)),
            feature::EVENT_DESC => {
                // Names as far as they can be read.
                let _ = self.take_descriptions(bytes);
            }
            _ => {}
        }
    }

    fn take_descriptions(&mut self, bytes: &[u8]) -> Option<()> {
        let mut cursor = Cursor::new(bytes);
        let count = cursor.u32()?.min(MAX_ATTRIBUTES as u32);
        let attr_size = cursor.u32()?;
        for index in 0..count as usize {
            cursor.take(attr_size.into())?;
            let ids = cursor.u32()?;
            let name = text(&mut cursor)?;
            let ids: Vec<u64> = cursor.words(ids.into())?.iter().take(1).collect();
            if ids.is_empty() {
                if let Some(attribute) = self.attributes.get_mut(index) {
                    attribute.name = Some(name);
                }
            } else {
                self.name_event(&ids, &name);
            }
        }
        Some(())
    }

    fn name_event(&mut self, ids: &[u64], name: &str) {
        let first = ids.first();
        for attribute in &mut self.attributes {
            if attribute.ids.first() == first && !name.is_empty() {
                attribute.name = Some(name.to_owned());
            }
        }
    }

    /// Takes a sequence of `build_id_event`.
    fn take_build_ids(&mut self, bytes: &[u8]) {
        let mut cursor = Cursor::new(bytes);
        let mut next = || {
            let _type = cursor.u32()?;
            let misc_and_size = cursor.u32()?;
            let (misc, size) = (misc_and_size as u16, misc_and_size >> 16);
            let body = cursor.take(u64::from(size).checked_sub(8)?)?;
            Some((misc, body))
        };
        while let Some((misc, body)) = next() {
            // Process, 20 bytes of identifier and 4 for its length, path.
            let (Some(id), Some(path)) = (body.get(4..24), body.get(28..)) else {
                continue;
            };
            let size = match body.get(24) {
                Some(size) if misc & MISC_BUILD_ID_SIZE != 0 => usize::from(*size).min(20),
                // perf before 5.10 does not say; shorter ones are filled up with zeroes.
                _ => id.len() - id.iter().rev().take_while(|byte| **byte == 0).count() / 4 * 4,
            };
            let path = until_zero(path);
            // Of a kernel, perf has the identifier under the name of its own code.
            let is_special = path.starts_with(b"[vdso") || path == KERNEL_MAP;
            if size > 0 && (misc & MISC_CPUMODE_MASK == MISC_USER || is_special) {
                self.build_ids.insert(path.to_vec(), id[..size].to_vec());
            }
        }
    }
}

/// A `perf_header_string`.
fn text(cursor: &mut Cursor<'_>) -> Option<String> {
    let size = cursor.u32()?;
    let bytes = cursor.take(size.into())?;
    Some(String::from_utf8_lossy(until_zero(bytes)).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_ids_of_files_the_vdso_and_the_kernel_are_taken() {
        const KERNEL: u16 = 1;
        const GUEST: u16 = 4;
        let event = |misc: u16, path: &[u8]| {
            let mut body = vec![0xff; 4];
            body.extend([[7; 20].as_slice(), &[20, 0, 0, 0], path, &[0; 8]].concat());
            let size = (body.len() + 8) as u16;
            let misc = misc | MISC_BUILD_ID_SIZE;
            let head = [
                &67_u32.to_le_bytes()[..],
                &misc.to_le_bytes(),
                &size.to_le_bytes(),
            ];
            [head.concat(), body].concat()
        };
        let events = [
            event(MISC_USER, b"/bin/a"),
            event(KERNEL, b"[vdso]"),
            event(KERNEL, KERNEL_MAP),
            event(KERNEL, b"/lib/modules/a.ko"),
            event(GUEST, b"[guest.kernel.kallsyms]"),
        ];
        let mut header = Header::default();
        header.take_build_ids(&events.concat());
        let mut taken: Vec<_> = header.build_ids.into_iter().collect();
        taken.sort();
        let expected = [b"/bin/a".as_slice(), KERNEL_MAP, b"[vdso]"];
        assert_eq!(taken, expected.map(|path| (path.to_vec(), vec![7; 20])));
    }
}
