//! What was read and named, kept beside the recording, so that the next command need not do it
//! again: unwinding, reading debug information and asking cargo take most of a command's time.
//!
//! It is used while nothing has changed that it was made from: the tool, the samples, the files
//! that code ran in, and the places where their debug files are looked for. A kept file is written once and never trusted further than its checksum; what
//! cannot be read is made anew.

use super::packed::Packed;
use crate::{
    profile::{ModuleKind, Profile},
    recording::Recording,
    symbolize,
    symbols::Symbols,
};
use codecost::{image::debug_info::separate::crc32, report::write_file};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

/// Changes with what is kept.
const FORMAT: &str = concat!("cargo-hotspots ", env!("CARGO_PKG_VERSION"), " kept 5\n");
const NAME: &str = "resolved";

/// The profile and the names of a recording, where they were kept and still hold.
pub(super) fn read(recording: &Recording) -> Option<(Profile, Symbols)> {
    let bytes = fs::read(path_of(recording)?).ok()?;
    let rest = bytes.strip_prefix(FORMAT.as_bytes())?;
    let (sum, mut rest) = rest.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*sum) != crc32(rest) {
        return None;
    }
    let from = &mut rest;
    let files: Vec<File> = Packed::unpack(from)?;
    if files.is_empty() || files.iter().any(|file| file.has_changed()) {
        return None;
    }
    Some((Packed::unpack(from)?, Packed::unpack(from)?))
}

/// Keeps them. That they cannot be kept costs time only.
pub(super) fn write(recording: &Recording, profile: &Profile, symbols: &Symbols) {
    let Some(path) = path_of(recording) else {
        return;
    };
    let looked_at = profile.modules.iter().flat_map(|module| {
        let own = module.kind == ModuleKind::File && module.file.is_none();
        // What was not there may be there later.
        let own = own.then(|| PathBuf::from(&module.name));
        own.into_iter().chain(symbolize::looked_at(module))
    });
    let looked_at: BTreeSet<PathBuf> = looked_at.collect();
    let mut files = vec![File::of(&recording.data)];
    files.extend(looked_at.iter().map(|path| File::of(path)));
    let mut content = Vec::new();
    files.pack(&mut content);
    profile.pack(&mut content);
    symbols.pack(&mut content);
    let _ = write_file(&path, |to| {
        to.write_all(FORMAT.as_bytes())?;
        to.write_all(&crc32(&content).to_le_bytes())?;
        to.write_all(&content)
    });
}

/// Beside the samples of a recording that this tool made; other directories are not its own.
fn path_of(recording: &Recording) -> Option<PathBuf> {
    recording.about.as_ref()?;
    Some(recording.data.parent()?.join(NAME))
}

/// A file as it was: its length and when it was last written; both `None` where there was none.
#[derive(Debug, PartialEq, Eq)]
struct File {
    path: PathBuf,
    size: Option<u64>,
    written: Option<u64>,
}

impl File {
    fn of(path: &Path) -> Self {
        let found = fs::metadata(path).ok();
        let written = found.as_ref().and_then(|found| {
            let since = found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
            u64::try_from(since.as_nanos()).ok()
        });
        Self {
            path: path.to_path_buf(),
            size: found.map(|found| found.len()),
            written,
        }
    }

    fn has_changed(&self) -> bool {
        *self != Self::of(&self.path)
    }
}

impl Packed for File {
    fn pack(&self, to: &mut Vec<u8>) {
        let Self {
            path,
            size,
            written,
        } = self;
        path.pack(to);
        size.pack(to);
        written.pack(to);
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        Some(Self {
            path: Packed::unpack(from)?,
            size: Packed::unpack(from)?,
            written: Packed::unpack(from)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::About;

    #[test]
    fn what_is_kept_holds_until_its_recording_changes() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("perf.data");
        fs::write(&data, "samples").unwrap();
        let own = Recording {
            data: data.clone(),
            about: Some(About::default()),
        };
        let profile = Profile {
            event: "cpu-clock".into(),
            ..Profile::default()
        };
        assert!(read(&own).is_none());
        write(&own, &profile, &Symbols::default());
        assert_eq!(read(&own).unwrap().0.event, "cpu-clock");
        // Of a file that is somebody else's nothing is kept beside it.
        let foreign = Recording {
            data: data.clone(),
            about: None,
        };
        assert!(read(&foreign).is_none());
        // Damaged, and of other samples.
        let kept = directory.path().join(NAME);
        let mut bytes = fs::read(&kept).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&kept, &bytes).unwrap();
        assert!(read(&own).is_none());
        write(&own, &profile, &Symbols::default());
        fs::write(&data, "other samples").unwrap();
        assert!(read(&own).is_none());
    }
}
