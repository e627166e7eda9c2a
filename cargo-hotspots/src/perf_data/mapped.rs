//! Which files' code a recording has mapped, without reading its samples.
//!
//! Truth: `PERF_RECORD_MMAP2` in `linux/perf_event.h`.

use super::{
    bytes::{Cursor, until_zero},
    header::{Header, Source},
    kind,
    stream::Stream,
};
use codecost::{Error, Result};
use std::{collections::BTreeMap, fs::File, io::BufReader, path::Path};

/// The paths of all code that programs have mapped, each with its build id where the recording has it.
/// Takes time linear in the size of the recording.
///
/// # Errors
///
/// It cannot be read.
pub fn mapped(path: &Path) -> Result<BTreeMap<Vec<u8>, Option<Vec<u8>>>> {
    let fail = |error| Error::read(path, error);
    let file = File::open(path).map_err(fail)?;
    let size = file.metadata().map_err(fail)?.len();
    let reader = BufReader::with_capacity(64 << 10, file);
    let mut source = Source { reader, size };
    let header = Header::read(&mut source, path)?;
    let mut stream = Stream::new(source, header.start, header.size).map_err(fail)?;
    let mut found: BTreeMap<Vec<u8>, Option<Vec<u8>>> = BTreeMap::new();
    let mut body = Vec::new();
    while let Some(start) = stream.next(&mut body).map_err(fail)? {
        if start.kind == kind::MMAP2
            && let Some((path, build_id)) = code(&body, start.misc)
        {
            let known = found.entry(path.to_vec()).or_default();
            *known = known.take().or(build_id.map(<[u8]>::to_vec));
        }
    }
    for (path, build_id) in &header.build_ids {
        if let Some(known @ None) = found.get_mut(path) {
            *known = Some(build_id.clone());
        }
    }
    Ok(found)
}

/// The path of a mapping of code, and its build id.
fn code(body: &[u8], misc: u16) -> Option<(&[u8], Option<&[u8]>)> {
    const MISC_BUILD_ID: u16 = 1 << 14;
    const PROT_EXEC: u32 = 4;
    let mut cursor = Cursor::new(body);
    // Process and thread, start, size, offset.
    cursor.take(8 + 24)?;
    let identity = cursor.take(24)?;
    let protection = cursor.u32()?;
    cursor.u32()?;
    let path = until_zero(body.get(64..)?);
    let build_id = (misc & MISC_BUILD_ID != 0).then(|| {
        let length = usize::from(identity.first().copied().unwrap_or_default());
        identity.get(4..4 + length).unwrap_or_default()
    });
    let build_id = build_id.filter(|id| !id.is_empty());
    (protection & PROT_EXEC != 0).then_some((path, build_id))
}
