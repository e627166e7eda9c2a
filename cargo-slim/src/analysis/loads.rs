//! What the loader does with the file, and what it needs to run.

use super::{
    model::{Loads, RequiredVersion, SegmentRow},
    subject::Subject,
};
use codecost::{Error, Result};

/// The loader's view.
///
/// # Errors
///
/// The file is not for a loader, or its dynamic tables are damaged.
pub(super) fn view(subject: &Subject<'_>) -> Result<Loads> {
    let image = &subject.image;
    if image.segments.is_empty() {
        let format = image.format.as_str();
        return Err(Error::failed(
            format_args!("this {format} file has no segments for a loader to map"),
            "`cargo slim sections` shows what it is made of",
        ));
    }
    let segments = subject
        .image
        .segments
        .iter()
        .map(|segment| SegmentRow {
            name: segment.name.clone(),
            permissions: [
                (segment.readable, 'r'),
                (segment.writable, 'w'),
                (segment.executable, 'x'),
            ]
            .iter()
            .map(|(set, letter)| if *set { *letter } else { '-' })
            .collect(),
            address: segment.address.0,
            file: segment.file.size,
            memory: segment.memory,
            loaded: segment.loaded,
        })
        .collect();
    let needs = subject.image.loader_needs()?;
    Ok(Loads {
        segments,
        needed: needs.libraries,
        oldest_glibc: needs.oldest_glibc,
        versions: needs
            .versions
            .into_iter()
            .map(|version| RequiredVersion {
                library: version.library,
                version: version.version,
                symbols: version.symbols,
            })
            .collect(),
        interpreter: needs.interpreter,
        run_paths: needs.run_paths,
    })
}
