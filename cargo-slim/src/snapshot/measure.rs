//! What a budget measures of an artifact as a whole: its size as a file, shipped,
//! compressed and loaded.
//!
//! `flash` and `ram` follow the program headers: `flash` is what a loader or programmer copies
//! from the file (file bytes of loaded segments), `ram` the memory of the segments that the
//! program may write to.
//!
//! Compressors and their levels are fixed, because the same file must weigh the same tomorrow.
//! zstd is the C library: what it writes has the size of `zstd -19 --single-thread FILE` of the
//! same release to the byte; other releases were measured to differ by up to 2 %, and several
//! threads by some bytes. gzip is zlib-rs, another encoder than that of the program `gzip`: at
//! level 9 it came within 0.6 % of `gzip -9n` on the programs tried.

use super::model::Measures;
use codecost::{Error, Result, image::Image};
use flate2::{Compression, write::GzEncoder};
use std::{
    io::{self, Write},
    path::Path,
    sync::LazyLock,
    thread,
};

/// As `gzip -9`.
pub const GZIP_LEVEL: u32 = 9;
/// As `zstd -19`.
pub const ZSTD_LEVEL: i32 = 19;
/// The library that writes gzip.
pub const GZIP_LIBRARY: &str = "zlib-rs";

/// The library that writes zstd, with its release: another one makes other sizes.
pub static ZSTD_LIBRARY: LazyLock<String> =
    LazyLock::new(|| format!("zstd {}", zstd::zstd_safe::version_string()));

/// Which compressed sizes are wanted: the compressors read about one megabyte a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compressors {
    /// gzip.
    pub gzip: bool,
    /// zstd.
    pub zstd: bool,
}

impl Compressors {
    /// Both.
    pub const ALL: Self = Self {
        gzip: true,
        zstd: true,
    };
    /// Neither.
    pub const NONE: Self = Self {
        gzip: false,
        zstd: false,
    };
}

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

/// All measures of `bytes`, the content of the file `path`.
///
/// # Errors
///
/// `bytes` is no object file of a known format.
pub fn of(path: &Path, bytes: &[u8], compressors: Compressors) -> Result<Measures> {
    let Compressors { gzip, zstd } = compressors;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Letters with copies of what came before, the same on every machine.
    fn letters() -> Vec<u8> {
        let (mut state, mut letters) = (1_u64, Vec::new());
        while letters.len() < 300_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            letters.push(b'a' + ((state >> 33) % 23) as u8);
            if state >> 60 == 0 && letters.len() > 64 {
                let start = ((state >> 20) as usize) % (letters.len() - 40);
                letters.extend_from_within(start..start + 40);
            }
        }
        letters
    }

    const LENGTH: usize = 300_002;
    const ZSTD: u64 = 65_600;
    const GZIP: u64 = 110_949;

    /// The witnesses are `zstd -19 --single-thread` 1.5.7 and `gzip -9n` 1.12 on these bytes.
    #[test]
    fn compressed_sizes_are_those_of_the_programs() {
        let letters = letters();
        assert_eq!(letters.len(), LENGTH);
        assert_eq!(*ZSTD_LIBRARY, "zstd 1.5.7", "measure the witness anew");
        assert_eq!(zstd_size(&letters).unwrap(), ZSTD);
        let gzip = gzip_size(&letters).unwrap();
        // Letters by chance are harder than programs: 2.9 % apart where those are 0.6.
        assert!(gzip.abs_diff(GZIP) * 30 <= GZIP, "{gzip}");
    }
}
