//! The files that code ran in: found, checked to be the same build, and their segments.
//!
//! A file is opened when the first address in it is asked for, once for all processes. It counts
//! as the one that ran when its build id is the recorded one. Where the recording has no build id,
//! it must not be newer than the recording, on the same device have the same inode, and be as long
//! as what was mapped of it. A file of another build is never used: neither to unwind nor to name.

use super::{Options, bytes::Cursor, roots, unwind::Span};
use crate::profile::{Module, ModuleId, ModuleKind, ModuleProblem, Place};
use codecost::{
    address::{AddressRange, FileOffset, FileRange, VirtualAddress},
    image::{Image, Mapping},
};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

/// All modules of a recording.
pub(super) struct Files<'o> {
    options: &'o Options<'o>,
    /// Build ids from the header, by path.
    build_ids: HashMap<Vec<u8>, Vec<u8>>,
    /// When the recording was last written.
    recorded: Option<SystemTime>,
    by_key: HashMap<Key, ModuleId>,
    entries: Vec<Entry>,
}

/// What tells modules apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    name: Vec<u8>,
    identity: Identity,
}

/// What a mapping says of its file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Identity {
    /// Nothing.
    #[default]
    Unknown,
    /// Device and inode.
    Inode { major: u32, minor: u32, inode: u64 },
    /// Its build id.
    BuildId(Vec<u8>),
}

#[derive(Debug)]
struct Entry {
    name: String,
    path: Vec<u8>,
    kind: ModuleKind,
    identity: Identity,
    build_id: Option<Vec<u8>>,
    /// The end of what was mapped of it.
    mapped_to: FileOffset,
    state: State,
}

#[derive(Debug)]
enum State {
    /// No address in it was asked for.
    Untouched,
    Opened(Box<Opened>),
    Problem(Option<ModuleProblem>),
}

/// A file that was opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) mapping: Arc<Mapping>,
    /// What the loader maps: ranges of the file, where they go, and whether they are code.
    segments: Vec<(FileRange, VirtualAddress, bool)>,
    /// Its place among all files that can be unwound.
    pub(super) span: Option<Span>,
    /// The functions that threads begin with, once they were asked for.
    roots: Option<Vec<AddressRange>>,
}

impl Opened {
    fn address(&self, offset: FileOffset) -> Option<VirtualAddress> {
        let holds = |code: bool| {
            self.segments
                .iter()
                .find(|(range, _, is_code)| *is_code == code && range.contains(offset))
        };
        // Pages at the border of two segments are mapped for both; code runs in the one for code.
        let (range, address, _) = holds(true).or_else(|| holds(false))?;
        address.checked_add(offset.checked_since(range.start)?)
    }
}

/// Modules that are no file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Special {
    pub(super) kernel: ModuleId,
    pub(super) unknown: ModuleId,
    pub(super) jit: ModuleId,
}

impl<'o> Files<'o> {
    pub(super) fn new(
        options: &'o Options<'o>,
        build_ids: HashMap<Vec<u8>, Vec<u8>>,
        recorded: Option<SystemTime>,
    ) -> (Self, Special) {
        let mut files = Self {
            options,
            build_ids,
            recorded,
            by_key: HashMap::new(),
            entries: Vec::new(),
        };
        let special = Special {
            kernel: files.add_special("[kernel]", ModuleKind::Kernel),
            unknown: files.add_special("[unknown]", ModuleKind::Unknown),
            jit: files.add_special("[jit]", ModuleKind::Jit),
        };
        (files, special)
    }

    fn add_special(&mut self, name: &str, kind: ModuleKind) -> ModuleId {
        self.entries.push(Entry {
            name: name.into(),
            path: Vec::new(),
            kind,
            identity: Identity::Unknown,
            build_id: None,
            mapped_to: FileOffset(0),
            state: State::Problem(None),
        });
        ModuleId(self.entries.len() as u32 - 1)
    }

    /// The module of a mapping of `size` bytes from `offset` on.
    pub(super) fn module(
        &mut self,
        path: &[u8],
        identity: Identity,
        offset: FileOffset,
        size: u64,
        special: &Special,
    ) -> ModuleId {
        let kind = kind_of(path);
        if kind == ModuleKind::Jit {
            return special.jit;
        }
        let key = Key {
            name: path.to_vec(),
            identity,
        };
        let end = FileOffset(offset.0.saturating_add(size));
        if let Some(id) = self.by_key.get(&key) {
            if let Some(entry) = self.entries.get_mut(id.0 as usize) {
                entry.mapped_to = entry.mapped_to.max(end);
            }
            return *id;
        }
        let build_id = match &key.identity {
            Identity::BuildId(id) if !id.is_empty() => Some(id.clone()),
            _ => self.build_ids.get(path).cloned(),
        };
        self.entries.push(Entry {
            name: String::from_utf8_lossy(path).into_owned(),
            path: path.to_vec(),
            kind,
            identity: key.identity.clone(),
            build_id,
            mapped_to: end,
            state: match kind {
                ModuleKind::File | ModuleKind::Vdso => State::Untouched,
                _ => State::Problem(None),
            },
        });
        let id = ModuleId(self.entries.len() as u32 - 1);
        self.by_key.insert(key, id);
        id
    }

    /// The file of a module, opened now if it was not; whether it was just now.
    pub(super) fn open(&mut self, id: ModuleId) -> Option<(&mut Opened, bool)> {
        let recorded = self.recorded;
        let options = self.options;
        let entry = self.entries.get_mut(id.0 as usize)?;
        let mut first = false;
        if let State::Untouched = entry.state {
            first = true;
            entry.state = match find(entry, options, recorded) {
                Ok(opened) => State::Opened(Box::new(opened)),
                Err(problem) => State::Problem(Some(problem)),
            };
        }
        match &mut entry.state {
            State::Opened(opened) => Some((opened, first)),
            _ => None,
        }
    }

    /// Where an offset of a module's file is; the file must have been asked for by `open`.
    pub(super) fn place(&self, id: ModuleId, offset: FileOffset) -> (Place, Option<&Opened>) {
        match self.entries.get(id.0 as usize).map(|entry| &entry.state) {
            Some(State::Opened(opened)) => match opened.address(offset) {
                Some(address) => (Place::Code(address), Some(opened)),
                None => (Place::Offset(offset), None),
            },
            _ => (Place::Offset(offset), None),
        }
    }

    /// Whether a module is the C library.
    pub(super) fn is_c_library(&self, id: ModuleId) -> bool {
        let entry = self.entries.get(id.0 as usize);
        entry.is_some_and(|entry| roots::is_c_library(&entry.name))
    }

    /// Whether threads begin with the function at an address, by its name.
    pub(super) fn is_named_root(&mut self, id: ModuleId, address: VirtualAddress) -> bool {
        let Some((opened, _)) = self.open(id) else {
            return false;
        };
        let mapping = &opened.mapping;
        let roots = opened.roots.get_or_insert_with(|| {
            let image = Image::parse(mapping.path(), mapping);
            image.map_or_else(|_| Vec::new(), |image| roots::roots(&image))
        });
        roots.iter().any(|range| range.contains(address))
    }

    /// Whether a module is memory that code was written to by the program.
    pub(super) fn kind(&self, id: ModuleId) -> ModuleKind {
        let entry = self.entries.get(id.0 as usize);
        entry.map_or(ModuleKind::Unknown, |entry| entry.kind)
    }

    /// The modules for the profile. Nothing else may hold the files any more.
    pub(super) fn into_modules(self) -> Vec<Module> {
        let to_module = |entry: Entry| {
            let (file, problem) = match entry.state {
                State::Opened(opened) => (Arc::into_inner(opened.mapping), None),
                State::Problem(problem) => (None, problem),
                State::Untouched => (None, None),
            };
            Module {
                name: entry.name,
                kind: entry.kind,
                build_id: entry.build_id,
                file,
                problem,
            }
        };
        self.entries.into_iter().map(to_module).collect()
    }
}

/// What a mapping of this name is, by the names that the kernel and perf give.
fn kind_of(path: &[u8]) -> ModuleKind {
    const WRITTEN: [&[u8]; 9] = [
        b"//anon",
        b"[anon",
        b"/anon_hugepage",
        b"anon_inode:",
        b"/memfd:",
        b"/dev/zero",
        b"/SYSV",
        b"[heap]",
        b"[stack",
    ];
    if path.starts_with(b"[vdso") || path.starts_with(b"[vsyscall") {
        ModuleKind::Vdso
    } else if WRITTEN.iter().any(|prefix| path.starts_with(prefix)) {
        ModuleKind::Jit
    } else if path.starts_with(b"[") || path.is_empty() {
        ModuleKind::Unknown
    } else {
        ModuleKind::File
    }
}

fn path_of(bytes: &[u8]) -> PathBuf {
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
fn find(
    entry: &Entry,
    options: &Options<'_>,
    recorded: Option<SystemTime>,
) -> Result<Opened, ModuleProblem> {
    let mut problem = ModuleProblem::Missing;
    let path = path_of(&entry.path);
    if entry.kind == ModuleKind::Vdso {
        if options.search
            && let Some(mapping) = own_vdso()
            && let Ok(opened) = check(mapping, entry, None)
        {
            return Ok(opened);
        }
    } else {
        let substitutes = options.substitutes.iter();
        let copies = substitutes.filter(|(recorded, _)| *recorded == path);
        for (_, copy) in copies {
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
                Some(Ok(mapping)) => match check(mapping, entry, Some(recorded)) {
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
    let hex: String = build_id.iter().map(|byte| format!("{byte:02x}")).collect();
    let Some((first, rest)) = hex.split_at_checked(2) else {
        return Vec::new();
    };
    let below = Path::new(".build-id").join(first).join(rest);
    let cache = std::env::var_os("PERF_BUILDID_DIR").map(PathBuf::from);
    let cache = cache.or_else(|| Some(std::env::home_dir()?.join(".debug")));
    let name = if kind == ModuleKind::Vdso {
        "vdso"
    } else {
        "elf"
    };
    let mut paths = Vec::new();
    if let Some(cache) = cache {
        paths.push(cache.join(&below).join(name));
    }
    paths.push(Path::new("/usr/lib/debug").join(below));
    paths
}

/// Whether a file is the one that ran. `at_recorded_path` says that it is the file at the recorded
/// path, whose inode and time can be compared with those of the recording.
fn check(
    mapping: Mapping,
    entry: &Entry,
    at_recorded_path: Option<Option<SystemTime>>,
) -> Result<Opened, ModuleProblem> {
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
    Ok(Opened {
        mapping: Arc::new(mapping),
        segments,
        span: None,
        roots: None,
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
    #[cfg(target_os = "linux")]
    if let Identity::Inode {
        major,
        minor,
        inode,
    } = identity
    {
        use std::os::linux::fs::MetadataExt;
        let device = metadata.st_dev();
        // As glibc's `makedev` puts them together.
        let here = (
            ((device >> 8) & 0xfff) | ((device >> 32) & !0xfff),
            (device & 0xff) | ((device >> 12) & !0xff),
        );
        if here == (u64::from(*major), u64::from(*minor)) && *inode != metadata.st_ino() {
            return true;
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = identity;
    false
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
