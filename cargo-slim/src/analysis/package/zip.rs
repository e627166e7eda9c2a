//! Zip archives: wheels above all.

use super::search::Search;
use flate2::bufread::DeflateDecoder;
use rawzip::{CompressionMethod, ZipArchive};
use std::io;

/// Offers all files. Linear in the directory and in what is unpacked of each file.
pub(super) fn read(bytes: &[u8], search: &mut Search<'_>) -> io::Result<()> {
    let archive = ZipArchive::from_slice(bytes).map_err(io::Error::other)?;
    let mut entries = archive.entries();
    while let Some(entry) = entries.next_entry().map_err(io::Error::other)? {
        if entry.is_dir() {
            continue;
        }
        let name = String::from_utf8_lossy(entry.file_path().as_ref()).into_owned();
        let local = archive
            .get_entry(entry.wayfinder())
            .map_err(io::Error::other)?;
        match entry.compression_method() {
            CompressionMethod::STORE => search.offer(&name, local.data())?,
            CompressionMethod::DEFLATE => search.offer(&name, DeflateDecoder::new(local.data()))?,
            // Nothing that packages are made with.
            _ => {}
        }
    }
    Ok(())
}
