//! Finding the very file that ran.
//!
//! A file counts as the one that ran when its build id is the recorded one. Where the recording
//! has no build id, it must not be newer than the recording, on the same device have the same
//! inode, and be as long as what was mapped of it. A file of another build is never used: neither
//! to unwind nor to name.

use super::{
    bytes::Cursor,
    module_file::{Entry, Identity, OpenFile, Recorded},
    options::Options,
};
use crate::profile::{ModuleKind, ModuleProblem};
use codecost::image::{Image, Mapping};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

pub(super) fn path_of(bytes: &[u8]) -> PathBuf {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
    }
    #[cfg(not(unix))]
    {
        PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
    }
}

/// Finds the file that ran.
pub(super) fn find(
    entry: &Entry,
    options: &Options<'_>,
    recorded: &Recorded,
) -> Result<OpenFile, ModuleProblem> {
    let mut problem = ModuleProblem::Missing;
    let path = path_of(&entry.path);
    if entry.kind == ModuleKind::Vdso {
        // Where its build id is unknown, that of the kernel's release must do.
        if options.search
            && (entry.build_id.is_some() || recorded.kernel == own_kernel())
            && let Some(mapping) = own_vdso()
            && let Ok(opened) = check(mapping, entry, None)
        {
            return Ok(opened);
        }
    } else {
        for copy in options.copies_of(&path) {
            match Mapping::open(copy)
                .map_err(unreadable)
                .and_then(|copy| check(copy, entry, None))
            {
                Ok(opened) => return Ok(opened),
                Err(reason) => problem = reason,
            }
        }
        if options.search && path.is_absolute() {
            match open_if_there(&path) {
                Some(Ok(mapping)) => match check(mapping, entry, Some(recorded.at)) {
                    Ok(opened) => return Ok(opened),
                    Err(reason) => problem = reason,
                },
                Some(Err(reason)) => problem = reason,
                None => {}
            }
        }
    }
    if options.search
        && let Some(build_id) = &entry.build_id
    {
        for path in by_build_id(build_id, entry.kind) {
            if let Some(Ok(mapping)) = open_if_there(&path)
                && let Ok(opened) = check(mapping, entry, None)
            {
                return Ok(opened);
            }
        }
    }
    Err(problem)
}

fn unreadable(error: codecost::Error) -> ModuleProblem {
    ModuleProblem::Unreadable(match &error {
        codecost::Error::Read { source, .. } => source.to_string(),
        codecost::Error::Format { reason, .. } => reason.clone(),
        error => error.to_string(),
    })
}

fn open_if_there(path: &Path) -> Option<Result<Mapping, ModuleProblem>> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        _ => Some(Mapping::open(path).map_err(unreadable)),
    }
}

/// Where copies of files are kept by their build id: `perf record` copies what it sampled into
/// `~/.debug`, distributions have `/usr/lib/debug`.
fn by_build_id(build_id: &[u8], kind: ModuleKind) -> Vec<PathBuf> {
    let Some(below) = below(build_id) else {
        return Vec::new();
    };
    let name = if kind == ModuleKind::Vdso {
        "vdso"
    } else {
        "elf"
    };
    let mut paths = Vec::new();
    if let Some(cache) = cache() {
        paths.push(cache.join(&below).join(name));
    }
    paths.push(Path::new("/usr/lib/debug").join(below));
    paths
}

/// Where `perf record` keeps its copy of a kernel's `/proc/kallsyms`.
pub(crate) fn kept_kallsyms(build_id: &[u8]) -> Option<PathBuf> {
    Some(cache()?.join(below(build_id)?).join("kallsyms"))
}

fn below(build_id: &[u8]) -> Option<PathBuf> {
    let hex: String = build_id.iter().map(|byte| format!("{byte:02x}")).collect();
    let (first, rest) = hex.split_at_checked(2)?;
    Some(Path::new(".build-id").join(first).join(rest))
}

/// The directory of perf's copies.
fn cache() -> Option<PathBuf> {
    let set = std::env::var_os("PERF_BUILDID_DIR").map(PathBuf::from);
    set.or_else(|| Some(std::env::home_dir()?.join(".debug")))
}

/// Whether a file is the one that ran. `at_recorded_path` says that it is the file at the recorded
/// path, whose inode and time can be compared with those of the recording.
fn check(
    mapping: Mapping,
    entry: &Entry,
    at_recorded_path: Option<Option<SystemTime>>,
) -> Result<OpenFile, ModuleProblem> {
    let path = mapping.path().to_path_buf();
    let image = Image::parse(&path, &mapping).map_err(unreadable)?;
    let rebuilt = || Err(ModuleProblem::Rebuilt { path: path.clone() });
    match &entry.build_id {
        Some(build_id) => {
            if build_id_of(&image) != Some(build_id) {
                return rebuilt();
            }
        }
        None => {
            // Mappings end with a page.
            let in_pages = (mapping.len() as u64).next_multiple_of(64 << 10);
            if entry.mapped_to.0 > in_pages && entry.kind == ModuleKind::File {
                return rebuilt();
            }
            if let Some(recorded) = at_recorded_path
                && is_another(&path, &entry.identity, recorded)
            {
                return rebuilt();
            }
        }
    }
    let segments = image
        .segments
        .iter()
        .filter(|segment| segment.loaded && !segment.file.is_empty())
        .map(|segment| (segment.file, segment.address, segment.executable))
        .collect();
    Ok(OpenFile {
        mapping: Arc::new(mapping),
        segments,
        span: None,
        for_debuggers: None,
        roots: None,
        rows: HashMap::new(),
        code: None,
    })
}

/// The build id, in whichever section of notes: the kernel's own has but one.
fn build_id_of<'d>(image: &Image<'d>) -> Option<&'d [u8]> {
    image.build_id().or_else(|| {
        let mut notes = image
            .sections
            .iter()
            .filter(|section| section.name.starts_with(".note"));
        notes.find_map(|section| build_id_note(image.section_bytes(section)))
    })
}

/// Looks through notes: each has the sizes of its name and content, a type, and these two, filled
/// up to multiples of four.
fn build_id_note(notes: &[u8]) -> Option<&[u8]> {
    const BUILD_ID: u32 = 3;
    let mut cursor = Cursor::new(notes);
    loop {
        let (name_size, size, kind) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
        let name = cursor.take(u64::from(name_size).next_multiple_of(4))?;
        let content = cursor.take(u64::from(size).next_multiple_of(4))?;
        if kind == BUILD_ID && name == b"GNU\0" {
            return content.get(..size as usize).filter(|id| !id.is_empty());
        }
    }
}

/// Whether the file at a path cannot be the one that was mapped.
fn is_another(path: &Path, identity: &Identity, recorded: Option<SystemTime>) -> bool {
    let Ok(metadata) = std::fs::metadata(path) else {
        return true;
    };
    if let (Ok(modified), Some(recorded)) = (metadata.modified(), recorded)
        && modified > recorded
    {
        return true;
    }
    has_inode(path, identity) == Some(false)
}

/// Whether the file at a path has this inode; `None` where that cannot be told.
pub(super) fn has_inode(path: &Path, identity: &Identity) -> Option<bool> {
    #[cfg(target_os = "linux")]
    if let Identity::Inode {
        major,
        minor,
        inode,
        ..
    } = identity
    {
        use std::os::linux::fs::MetadataExt;
        let metadata = std::fs::metadata(path).ok()?;
        let device = metadata.st_dev();
        // As glibc's `makedev` puts them together.
        let here = (
            ((device >> 8) & 0xfff) | ((device >> 32) & !0xfff),
            (device & 0xff) | ((device >> 12) & !0xff),
        );
        let is_here = here == (u64::from(*major), u64::from(*minor));
        return is_here.then_some(*inode == metadata.st_ino());
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (path, identity);
    None
}

/// The release of the kernel that runs here; something that no recording has, where there is none.
fn own_kernel() -> Option<String> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease");
    Some(release.unwrap_or_default().trim_end().to_owned())
}

/// The code that the kernel gives to this process: the one of the recording, if the build id is
/// the same.
fn own_vdso() -> Option<Mapping> {
    #[cfg(target_os = "linux")]
    {
        use std::io::{Read, Seek, SeekFrom};
        let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
        let line = maps.lines().find(|line| line.ends_with("[vdso]"))?;
        let (start, rest) = line.split_once('-')?;
        let (end, _) = rest.split_once(' ')?;
        let start = u64::from_str_radix(start, 16).ok()?;
        let size = u64::from_str_radix(end, 16).ok()?.checked_sub(start)?;
        let mut memory = std::fs::File::open("/proc/self/mem").ok()?;
        memory.seek(SeekFrom::Start(start)).ok()?;
        let mut bytes = vec![0; usize::try_from(size.min(1 << 20)).ok()?];
        memory.read_exact(&mut bytes).ok()?;
        Mapping::of_bytes("[vdso]", &bytes).ok()
    }
    #[cfg(not(target_os = "linux"))]
    None
}
