//! Writes the file format of perf: a header, one event, the kernel's records as they came, and
//! after them what else a reader should know.
//!
//! Source: the kernel's `tools/perf/Documentation/perf.data-file-format.txt`. All numbers are in
//! the machine's own byte order; readers tell it by the magic.

use super::pack::{self, Packer};
use std::{
    fs::File,
    io::{self, BufWriter, Seek as _, SeekFrom, Write as _},
};

const HEADER_SIZE: u64 = 104;
/// Where the header has the length of the data.
const DATA_SIZE_AT: u64 = 48;
/// Strings are padded to a multiple of this.
const NAME_ALIGN: usize = 64;
const FINISHED_ROUND: u32 = 68;

/// Features, by their bit in the header.
const HOSTNAME: u32 = 3;
const OSRELEASE: u32 = 4;
const ARCH: u32 = 6;
const NRCPUS: u32 = 7;
const CMDLINE: u32 = 11;
const EVENT_DESC: u32 = 12;
const COMPRESSION: u32 = 27;
/// zstd, among the kinds of compression.
const ZSTD: u32 = 1;

/// A file that is being written.
pub(in crate::record) struct Writer {
    file: BufWriter<File>,
    data_start: u64,
    data_size: u64,
    packer: Option<Packer>,
    /// Bytes that went into it.
    packed: u64,
}

/// What follows the data.
#[derive(Clone, Debug, Default)]
pub(in crate::record) struct Facts {
    pub(in crate::record) host: String,
    pub(in crate::record) release: String,
    pub(in crate::record) architecture: String,
    pub(in crate::record) cpus: u32,
    pub(in crate::record) command: Vec<String>,
    pub(in crate::record) event: String,
    pub(in crate::record) attributes: Vec<u8>,
    /// The longest run of records that was written at a time.
    pub(in crate::record) longest: usize,
}

impl Writer {
    /// Writes all that comes before the data, which will be compressed if `pack`.
    pub(in crate::record) fn new(file: File, attributes: &[u8], pack: bool) -> io::Result<Self> {
        let mut file = BufWriter::with_capacity(1 << 20, file);
        // The event's entry ends with the place of its ids; one event needs none.
        let entry = attributes.len() as u64 + 16;
        let data_start = HEADER_SIZE + entry;
        file.write_all(b"PERFILE2")?;
        let mut word = |value: u64| file.write_all(&value.to_ne_bytes());
        word(HEADER_SIZE)?;
        word(entry)?;
        word(HEADER_SIZE)?;
        word(entry)?;
        word(data_start)?;
        // Until the recording is finished: so an unfinished file is known as one.
        word(0)?;
        word(0)?;
        word(0)?;
        let features = [HOSTNAME, OSRELEASE, ARCH, NRCPUS, CMDLINE, EVENT_DESC];
        let features = features.iter().chain(pack.then_some(&COMPRESSION));
        word(features.fold(0, |bits, bit| bits | (1 << bit)))?;
        for _ in 0..3 {
            word(0)?;
        }
        file.write_all(attributes)?;
        file.write_all(&[0; 16])?;
        Ok(Self {
            file,
            data_start,
            data_size: 0,
            packer: pack.then(Packer::new).transpose()?,
            packed: 0,
        })
    }

    /// Whole records as the kernel wrote them.
    pub(in crate::record) fn records(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Self {
            file,
            data_size,
            packer,
            packed,
            ..
        } = self;
        let mut write = |bytes: &[u8]| {
            *data_size += bytes.len() as u64;
            file.write_all(bytes)
        };
        match packer {
            Some(packer) if !bytes.is_empty() => {
                *packed += bytes.len() as u64;
                packer.pack(bytes, write)
            }
            _ => write(bytes),
        }
    }

    /// Says that all buffers were read once: nothing older than what was read in the round before
    /// comes any more, so a reader can sort up to there.
    pub(in crate::record) fn round(&mut self) -> io::Result<()> {
        let mut record = [0; 8];
        record[..4].copy_from_slice(&FINISHED_ROUND.to_ne_bytes());
        record[6..].copy_from_slice(&8u16.to_ne_bytes());
        // Never compressed, as in perf's own files.
        self.data_size += record.len() as u64;
        self.file.write_all(&record)
    }

    /// Writes what follows the data, and the data's length into the header.
    pub(in crate::record) fn finish(mut self, facts: &Facts) -> io::Result<()> {
        let mut sections = vec![
            string(&facts.host),
            string(&facts.release),
            string(&facts.architecture),
            [facts.cpus.to_ne_bytes(), facts.cpus.to_ne_bytes()].concat(),
            strings(&facts.command),
            description(facts),
        ];
        if self.packer.is_some() {
            let ratio = self.packed.checked_div(self.data_size).unwrap_or(1).max(1);
            let ratio = u32::try_from(ratio).unwrap_or(u32::MAX);
            let longest = u32::try_from(facts.longest).unwrap_or(u32::MAX);
            sections.push(
                [1, ZSTD, pack::LEVEL, ratio, longest]
                    .map(u32::to_ne_bytes)
                    .concat(),
            );
        }
        let table = self.data_start + self.data_size;
        let mut start = table + 16 * sections.len() as u64;
        for section in &sections {
            self.file.write_all(&start.to_ne_bytes())?;
            self.file.write_all(&(section.len() as u64).to_ne_bytes())?;
            start += section.len() as u64;
        }
        for section in &sections {
            self.file.write_all(section)?;
        }
        self.file.seek(SeekFrom::Start(DATA_SIZE_AT))?;
        self.file.write_all(&self.data_size.to_ne_bytes())?;
        self.file.flush()
    }
}

fn string(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(0);
    bytes.resize(bytes.len().next_multiple_of(NAME_ALIGN), 0);
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_ne_bytes(), bytes.as_slice()].concat()
}

fn strings(texts: &[String]) -> Vec<u8> {
    let count = u32::try_from(texts.len()).unwrap_or(u32::MAX);
    let mut bytes = count.to_ne_bytes().to_vec();
    for text in texts {
        bytes.extend(string(text));
    }
    bytes
}

/// The event's name beside its attributes.
fn description(facts: &Facts) -> Vec<u8> {
    let size = u32::try_from(facts.attributes.len()).unwrap_or(u32::MAX);
    let mut bytes = [1u32.to_ne_bytes(), size.to_ne_bytes()].concat();
    bytes.extend(&facts.attributes);
    bytes.extend(0u32.to_ne_bytes());
    bytes.extend(string(&facts.event));
    bytes
}
