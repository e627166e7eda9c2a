//! Compresses records as perf does: runs of them, in records of their own, one zstd stream through
//! all of these. Copies of stacks are alike, so a recording shrinks to a hundredth.
//!
//! Source: `PERF_RECORD_COMPRESSED` in the kernel's `perf.data-file-format.txt`. A reader unpacks
//! each such record into a buffer of the length that the header names, so no more than that may go
//! in before what is inside the compressor is flushed.

use std::io;
use zstd::stream::raw::{Encoder, InBuffer, Operation as _, OutBuffer};

const COMPRESSED: u32 = 81;
/// The fastest of zstd's usual levels.
pub(super) const LEVEL: u32 = 1;
/// What a record may hold in addition to its header, with room to spare.
const MOST: usize = 60_000;

/// The stream.
pub(super) struct Packer {
    encoder: Encoder<'static>,
    buffer: Vec<u8>,
}

impl Packer {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            encoder: Encoder::new(LEVEL as i32)?,
            buffer: vec![0; MOST],
        })
    }

    /// Packs whole records and hands over the records that hold them; nothing stays inside.
    pub(super) fn pack(
        &mut self,
        bytes: &[u8],
        mut write: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut input = InBuffer::around(bytes);
        loop {
            let mut output = OutBuffer::around(self.buffer.as_mut_slice());
            if input.pos() < bytes.len() {
                self.encoder.run(&mut input, &mut output)?;
            }
            let all_in = input.pos() == bytes.len();
            let done = all_in && self.encoder.flush(&mut output)? == 0;
            let length = output.pos();
            if length > 0 {
                let size = u16::try_from(length + 8).map_err(io::Error::other)?;
                let mut header = [0; 8];
                header[..4].copy_from_slice(&COMPRESSED.to_ne_bytes());
                header[6..].copy_from_slice(&size.to_ne_bytes());
                write(&header)?;
                write(self.buffer.get(..length).unwrap_or_default())?;
            }
            if done {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zstd::stream::raw::Decoder;

    #[test]
    fn each_run_of_records_comes_out_whole_from_what_was_written_for_it() {
        let mut packer = Packer::new().unwrap();
        let mut decoder = Decoder::new().unwrap();
        // Alike, as stacks are; and one that cannot be compressed into a single record.
        let mut noise = 1u32;
        let mut random = || {
            noise ^= noise << 13;
            noise ^= noise >> 17;
            noise ^= noise << 5;
            noise as u8
        };
        let noisy: Vec<u8> = (0..300_000).map(|_| random()).collect();
        for run in [vec![7u8; 500_000], noisy, vec![8; 10], Vec::new()] {
            let mut file = Vec::new();
            packer
                .pack(&run, |bytes| {
                    file.extend_from_slice(bytes);
                    Ok(())
                })
                .unwrap();
            let mut found = Vec::new();
            let mut rest = file.as_slice();
            while let [a, b, c, d, _, _, low, high, ..] = *rest {
                assert_eq!(u32::from_ne_bytes([a, b, c, d]), COMPRESSED);
                let size = usize::from(u16::from_ne_bytes([low, high]));
                let mut room = vec![0; run.len() + 1];
                let status = decoder.run_on_buffers(&rest[8..size], &mut room).unwrap();
                assert_eq!(
                    status.bytes_read,
                    size - 8,
                    "taken in at once, as perf does"
                );
                found.extend_from_slice(&room[..status.bytes_written]);
                rest = &rest[size..];
            }
            assert!(rest.is_empty());
            assert_eq!(found, run);
        }
    }
}
