//! The records of a recording one after the other, uncompressed.
//!
//! The framing of `linux-perf-data` allocates what the file says, loses all records that it holds
//! back when the file is damaged after them, and puts records of the same time in no particular
//! order, so it is done here. One record is in memory at a time, and 256 KiB of what was
//! decompressed.

use super::{bytes::Cursor, header::Source, kind};
use std::io::{self, Read, Seek, SeekFrom};
use zstd::stream::raw::{Decoder, Operation};

/// What comes before the body of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub(super) kind: u32,
    pub(super) misc: u16,
}

/// The records of a recording.
pub(super) struct Stream<R> {
    reader: R,
    /// Bytes of the data section that were not read yet.
    left: u64,
    unpacked: Option<Unpacked>,
    /// The file ends in the middle of a record, or what follows cannot be read.
    pub(super) cut_off: bool,
    /// Records that make no sense; nothing after them can be read.
    pub(super) unreadable: u64,
}

/// Compressed records, and what came out of them so far.
struct Unpacked {
    decoder: Decoder<'static>,
    packed: Vec<u8>,
    packed_done: usize,
    /// Bytes that came out and were not taken: `bytes[taken..filled]`.
    bytes: Vec<u8>,
    /// How much of them is content.
    filled: usize,
    taken: usize,
    total_in: u64,
    total_out: u64,
}

/// The largest record, by the size of its size.
const MAX_RECORD: usize = 1 << 16;
/// What is unpacked at a time.
const CHUNK: usize = 192 << 10;
/// Whoever claims to have compressed better than this does not mean well. (zstd's limit is about
/// 32,000; stacks of a few bytes in copies of 16 KiB come to some hundreds.)
const MAX_RATIO: u64 = 4096;
const ALWAYS_ALLOWED: u64 = 256 << 20;

impl<R: Read + Seek> Stream<R> {
    /// Reads `size` bytes of records from `start`.
    pub(super) fn new(source: Source<R>, start: u64, size: u64) -> io::Result<Self> {
        let mut reader = source.reader;
        reader.seek(SeekFrom::Start(start))?;
        Ok(Self {
            reader,
            left: size,
            unpacked: None,
            cut_off: false,
            unreadable: 0,
        })
    }

    /// The next record, its body in `body`; `None` at the end.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub(super) fn next(&mut self, body: &mut Vec<u8>) -> io::Result<Option<Start>> {
        loop {
            if let Some(unpacked) = &mut self.unpacked {
                match unpacked.next(body) {
                    Ok(Some(start)) => return Ok(Some(start)),
                    Ok(None) => {}
                    Err(Damaged) => return Ok(self.give_up()),
                }
            }
            let Some(start) = self.next_in_file(body)? else {
                let open_end = self
                    .unpacked
                    .as_ref()
                    .is_some_and(|unpacked| unpacked.filled > unpacked.taken);
                self.cut_off |= open_end;
                return Ok(None);
            };
            match start.kind {
                kind::COMPRESSED | kind::COMPRESSED2 => {
                    if !self.start_unpacking(start.kind, body) {
                        return Ok(self.give_up());
                    }
                }
                record if kind::size_word(record).is_some() => {
                    let behind = kind::bytes_behind(record, body);
                    if behind > self.left {
                        self.cut_off = true;
                        self.left = 0;
                        return Ok(None);
                    }
                    self.left -= behind;
                    // `behind` is at most the file's size.
                    self.reader.seek_relative(behind.cast_signed())?;
                }
                _ => return Ok(Some(start)),
            }
        }
    }

    /// Nothing after this point can be read.
    fn give_up(&mut self) -> Option<Start> {
        self.unreadable += 1;
        self.cut_off = true;
        self.left = 0;
        self.unpacked = None;
        None
    }

    fn next_in_file(&mut self, body: &mut Vec<u8>) -> io::Result<Option<Start>> {
        if self.left < 8 {
            self.cut_off |= self.left > 0;
            return Ok(None);
        }
        let mut start = [0; 8];
        if !read_all(&mut self.reader, &mut start)? {
            self.cut_off = true;
            return Ok(None);
        }
        let Some((start, size)) = split_start(&start) else {
            return Ok(self.give_up());
        };
        self.left -= 8;
        if size as u64 > self.left {
            self.cut_off = true;
            self.left = 0;
            return Ok(None);
        }
        body.resize(size, 0);
        if !read_all(&mut self.reader, body)? {
            self.cut_off = true;
            return Ok(None);
        }
        self.left -= size as u64;
        Ok(Some(start))
    }

    fn start_unpacking(&mut self, record: u32, body: &mut Vec<u8>) -> bool {
        let unpacked = match &mut self.unpacked {
            Some(unpacked) => unpacked,
            none => match Decoder::new() {
                Ok(decoder) => none.insert(Unpacked {
                    decoder,
                    packed: Vec::new(),
                    packed_done: 0,
                    bytes: Vec::new(),
                    filled: 0,
                    taken: 0,
                    total_in: 0,
                    total_out: 0,
                }),
                Err(_) => return false,
            },
        };
        std::mem::swap(&mut unpacked.packed, body);
        unpacked.packed_done = 0;
        if record == kind::COMPRESSED2 {
            // The size without what fills up to a multiple of eight.
            let size = Cursor::new(&unpacked.packed).u64();
            let Some(end) = size.and_then(|size| usize::try_from(size).ok()?.checked_add(8)) else {
                return false;
            };
            if end > unpacked.packed.len() {
                return false;
            }
            unpacked.packed.truncate(end);
            unpacked.packed_done = 8;
        }
        unpacked.total_in += unpacked.packed.len() as u64;
        true
    }
}

/// What was compressed cannot be read.
struct Damaged;

impl Unpacked {
    fn next(&mut self, body: &mut Vec<u8>) -> Result<Option<Start>, Damaged> {
        loop {
            let rest = self.bytes.get(self.taken..self.filled).unwrap_or_default();
            if let Some((head, behind)) = rest.split_first_chunk::<8>() {
                let (start, size) = split_start(head).ok_or(Damaged)?;
                if let Some(content) = behind.get(..size) {
                    body.clear();
                    body.extend_from_slice(content);
                    self.taken += 8 + size;
                    return Ok(Some(start));
                }
            }
            if !self.unpack_more()? {
                return Ok(None);
            }
        }
    }

    /// Whether anything more came out of the packed bytes.
    fn unpack_more(&mut self) -> Result<bool, Damaged> {
        self.bytes.copy_within(self.taken..self.filled, 0);
        self.filled -= self.taken;
        self.taken = 0;
        debug_assert!(self.filled < MAX_RECORD);
        let end = self.filled + CHUNK;
        // The room is cleared once: a small record does not fill it.
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        let status = self.decoder.run_on_buffers(
            self.packed.get(self.packed_done..).unwrap_or_default(),
            self.bytes.get_mut(self.filled..end).unwrap_or_default(),
        );
        let status = status.map_err(|_| Damaged)?;
        self.packed_done += status.bytes_read;
        self.filled += status.bytes_written;
        self.total_out += status.bytes_written as u64;
        if self.total_out > self.total_in.saturating_mul(MAX_RATIO).max(ALWAYS_ALLOWED) {
            return Err(Damaged);
        }
        Ok(status.bytes_written > 0 || status.bytes_read > 0)
    }
}

/// The start of a record and the size of its body.
fn split_start(start: &[u8; 8]) -> Option<(Start, usize)> {
    let mut cursor = Cursor::new(start);
    let kind = cursor.u32()?;
    let misc_and_size = cursor.u32()?;
    let size = (misc_and_size >> 16) as usize;
    let misc = misc_and_size as u16;
    Some((Start { kind, misc }, size.checked_sub(8)?))
}

/// Fills `bytes`; false when the file ends before.
fn read_all(reader: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
