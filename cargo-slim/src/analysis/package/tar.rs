//! Tar archives: npm's and crates.io's, and those inside of gems and Debian's packages.

use super::search::{self, Search};
use codecost::image::debug_info::separate::unpacked;
use flate2::bufread::MultiGzDecoder;
use std::io::{self, Read};
use tar::{Archive, Header};

/// Offers all files of a compressed archive, whose name says how it is compressed; or the one file that
/// was compressed alone.
pub(super) fn compressed(name: &str, bytes: &[u8], search: &mut Search<'_>) -> io::Result<()> {
    match name.rsplit('.').next() {
        Some("tar") => files(bytes, search),
        Some("gz") => files(MultiGzDecoder::new(bytes), search),
        Some("zst") => files(zstd::Decoder::new(bytes)?, search),
        Some("xz") => {
            let unpacked = unpacked(bytes).ok_or_else(|| {
                io::Error::other(format!("its `{name}` is damaged, or unpacks to far more"))
            })?;
            files(&unpacked[..], search)
        }
        _ => Err(io::Error::other(format!(
            "it is packed in a way that is not read here (`{name}`)"
        ))),
    }
}

/// Offers all files of an archive, or what is none but a native file.
fn files(reader: impl Read, search: &mut Search<'_>) -> io::Result<()> {
    let mut reader = search.packed.clone().reader(reader);
    let mut head = Vec::new();
    Read::by_ref(&mut reader)
        .take(HEAD)
        .read_to_end(&mut head)?;
    // The first thing in an archive is a name.
    let alone = search::is_native("", &head);
    if alone {
        return search.offer(&search.alone.clone(), head.as_slice().chain(reader));
    }
    let first = head.get(..512).map(Header::from_byte_slice);
    if first.is_some_and(|first| head[0] != 0 && first.cksum().is_err()) {
        return Err(io::Error::other(
            "what was compressed is neither an archive nor an executable, library or object file",
        ));
    }
    each(
        head.as_slice().chain(reader),
        search,
        &mut |name, entry, search| search.offer(name, entry),
    )
}

/// By so many bytes a native file is told from an archive.
const HEAD: u64 = 4096;

/// Offers all files of an archive that is not compressed; the archive in it, where there is one.
pub(super) fn inner(
    bytes: &[u8],
    search: &mut Search<'_>,
) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut inner = None;
    let reader = search.packed.clone().reader(bytes);
    each(reader, search, &mut |name, entry, search| {
        if name.starts_with("data.tar") {
            let mut content = Vec::new();
            // It is no longer than the whole.
            entry.take(bytes.len() as u64).read_to_end(&mut content)?;
            inner = Some((name.to_owned(), content));
            return Ok(());
        }
        search.offer(name, entry)
    })?;
    Ok(inner)
}

type Visit<'v> = dyn FnMut(&str, &mut dyn Read, &mut Search<'_>) -> io::Result<()> + 'v;

fn each(reader: impl Read, search: &mut Search<'_>, visit: &mut Visit<'_>) -> io::Result<()> {
    let mut archive = Archive::new(reader);
    for entry in archive.entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let name = name.strip_prefix("./").unwrap_or(&name).to_owned();
        visit(&name, &mut entry, search)?;
    }
    Ok(())
}
