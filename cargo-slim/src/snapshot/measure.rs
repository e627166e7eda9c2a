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
//! level 9 it came within 0.6 % of `gzip -9n` on the programs tried. brotli, which browsers take, is a
//! library in Rust: at level 11 with a window of 16 MiB, which is what web servers keep beside a file, it
//! came within 0.6 % of `brotli -q 11 -w 24`. It takes seconds for a megabyte, so it is measured only
//! where it is asked for.

use super::model::Measures;
use codecost::{
    Error, Result,
    image::{Counter, Format, Image, gzip_size},
};
use std::{
    io::{self, Write},
    path::Path,
    sync::LazyLock,
    thread,
};

/// As `zstd -19`.
pub const ZSTD_LEVEL: i32 = 19;
/// As `brotli -q 11`.
pub const BROTLI_LEVEL: i32 = 11;
/// The logarithm of the window that brotli looks back, `brotli -w 24`.
const BROTLI_WINDOW: i32 = 24;
/// The library that writes brotli.
pub const BROTLI_LIBRARY: &str = "brotli 9";

/// The library that writes zstd, with its release: another one makes other sizes.
pub static ZSTD_LIBRARY: LazyLock<String> =
    LazyLock::new(|| format!("zstd {}", zstd::zstd_safe::version_string()));

/// Of what the slowest compressor is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Brotli {
    /// Of nothing.
    #[default]
    Never,
    /// Of WebAssembly, which web pages load.
    OfWasm,
    /// Of every file.
    Always,
}

/// Which compressed sizes are wanted: the compressors read about one megabyte a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compressors {
    /// gzip.
    pub gzip: bool,
    /// zstd.
    pub zstd: bool,
    /// brotli.
    pub brotli: Brotli,
}

impl Compressors {
    /// What a snapshot of a build has.
    pub const OF_BUILD: Self = Self {
        gzip: true,
        zstd: true,
        brotli: Brotli::OfWasm,
    };
    /// All.
    pub const ALL: Self = Self {
        brotli: Brotli::Always,
        ..Self::OF_BUILD
    };
    /// None.
    pub const NONE: Self = Self {
        gzip: false,
        zstd: false,
        brotli: Brotli::Never,
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
        brotli: None,
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
    let Compressors { gzip, zstd, brotli } = compressors;
    let image = Image::parse(path, bytes)?;
    let mut measures = sizes(&image);
    let failed = |error: io::Error| {
        Error::failed(
            format_args!("cannot compress `{}`: {error}", path.display()),
            "please report this",
        )
    };
    thread::scope(|scope| {
        let brotli = match brotli {
            Brotli::Never => false,
            Brotli::OfWasm => image.format == Format::Wasm,
            Brotli::Always => true,
        };
        let brotli = brotli.then(|| scope.spawn(|| brotli_size(bytes)));
        let gzip = gzip.then(|| scope.spawn(|| gzip_size(bytes)));
        let zstd = match zstd {
            true => Some(zstd_size(bytes).map_err(failed)?),
            false => None,
        };
        measures.zstd = zstd;
        for (started, size) in [(gzip, &mut measures.gzip), (brotli, &mut measures.brotli)] {
            let Some(compressor) = started else { continue };
            let found = compressor
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("the compressor panicked")));
            *size = Some(found.map_err(failed)?);
        }
        Ok(measures)
    })
}

fn zstd_size(bytes: &[u8]) -> io::Result<u64> {
    let mut encoder = zstd::stream::write::Encoder::new(Counter(0), ZSTD_LEVEL)?;
    // As the command-line tool, which knows the size of a file and adds a checksum.
    encoder.set_pledged_src_size(Some(bytes.len() as u64))?;
    encoder.include_checksum(true)?;
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.0)
}

fn brotli_size(bytes: &[u8]) -> io::Result<u64> {
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: BROTLI_LEVEL,
        lgwin: BROTLI_WINDOW,
        size_hint: bytes.len(),
        ..Default::default()
    };
    let mut counter = Counter(0);
    {
        let mut encoder = brotli::CompressorWriter::with_params(&mut counter, 1 << 16, &parameters);
        encoder.write_all(bytes)?;
    }
    // Dropping the encoder writes the end.
    Ok(counter.0)
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
    const BROTLI: u64 = 67_098;

    /// The witnesses are `zstd -19 --single-thread` 1.5.7, `gzip -9n` 1.12 and `brotli -q 11 -w 24` 1.0.9
    /// on these bytes.
    #[test]
    fn compressed_sizes_are_those_of_the_programs() {
        let letters = letters();
        assert_eq!(letters.len(), LENGTH);
        assert_eq!(*ZSTD_LIBRARY, "zstd 1.5.7", "measure the witness anew");
        assert_eq!(zstd_size(&letters).unwrap(), ZSTD);
        let gzip = gzip_size(&letters).unwrap();
        // Letters by chance are harder than programs: 2.9 % apart where those are 0.6.
        assert!(gzip.abs_diff(GZIP) * 30 <= GZIP, "{gzip}");
        let brotli = brotli_size(&letters).unwrap();
        assert!(brotli.abs_diff(BROTLI) * 500 <= BROTLI, "{brotli}");
    }
}
