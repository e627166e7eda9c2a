//! What a budget measures of an artifact as a whole: the file, what of it is shipped, compressed
//! and loaded.
//!
//! `flash` and `ram` follow the program headers: `flash` is what a loader or programmer copies
//! from the file (file bytes of loaded segments), `ram` the memory of the segments that the
//! program may write to. Compression levels are fixed, because the same file must weigh the same
//! tomorrow; another version of a compressor may still differ by some bytes.

use super::model::{GZIP_LEVEL, ZSTD_LEVEL};
use crate::snapshot::Measures;
use codecost::{Error, Result, image::Image};
use flate2::{Compression, write::GzEncoder};
use std::{
    io::{self, Write},
    path::Path,
    thread,
};

/// What can be told without compressing.
pub(super) fn sizes(image: &Image<'_>) -> Measures {
    let mut loaded = image.segments.iter().filter(|segment| segment.loaded);
    let any = loaded.clone().next().is_some();
    let flash = loaded
        .clone()
        .map(|segment| segment.file.size)
        .fold(0, u64::saturating_add);
    let ram = loaded
        .by_ref()
        .filter(|segment| segment.writable)
        .map(|segment| segment.memory)
        .fold(0, u64::saturating_add);
    Measures {
        file: Some(image.bytes.len() as u64),
        shipped: image.shipped_size(),
        gzip: None,
        zstd: None,
        flash: any.then_some(flash),
        ram: any.then_some(ram),
    }
}

/// All measures of `bytes`, the content of the file `path`; gzip and zstd only where asked for:
/// they read about one megabyte a second.
///
/// # Errors
///
/// `bytes` is no object file of a known format.
pub fn of(path: &Path, bytes: &[u8], gzip: bool, zstd: bool) -> Result<Measures> {
    let image = Image::parse(path, bytes)?;
    let mut measures = sizes(&image);
    let failed = |error: io::Error| {
        Error::failed(
            format_args!("cannot compress `{}`: {error}", path.display()),
            "please report this",
        )
    };
    thread::scope(|scope| {
        let gzip = gzip.then(|| scope.spawn(|| gzip_size(bytes)));
        let zstd = match zstd {
            true => Some(zstd_size(bytes).map_err(failed)?),
            false => None,
        };
        measures.zstd = zstd;
        if let Some(gzip) = gzip {
            let size = gzip
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("the compressor panicked")));
            measures.gzip = Some(size.map_err(failed)?);
        }
        Ok(measures)
    })
}

fn gzip_size(bytes: &[u8]) -> io::Result<u64> {
    let mut encoder = GzEncoder::new(Counter(0), Compression::new(GZIP_LEVEL));
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.0)
}

fn zstd_size(bytes: &[u8]) -> io::Result<u64> {
    let mut encoder = zstd::stream::write::Encoder::new(Counter(0), ZSTD_LEVEL)?;
    // As the command-line tool, which knows the size of a file and adds a checksum.
    encoder.set_pledged_src_size(Some(bytes.len() as u64))?;
    encoder.include_checksum(true)?;
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.0)
}

/// Counts what is written, and keeps none of it.
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
