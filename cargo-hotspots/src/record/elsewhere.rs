//! Files that are not at their path here: of a program in a mount namespace or root directory of its
//! own, as containers have them, and of one that runs from memory (`memfd_create`, `fexecve`).
//!
//! They can be read while the program lives, by `/proc/PID/root` and `/proc/PID/exe`. Both recorders
//! end after the program may be gone, so what leads there is opened while it runs: a namespace stays as
//! long as somebody holds it. Afterwards the files that the recording names are copied.
//!
//! Source: proc(5), namespaces(7). Limits: the program itself is looked at, not its children; one that
//! is over within a tenth of a second may not be seen.

use super::store::Unfinished;
use crate::{perf_data, recording::Copied};
use codecost::image::{Image, Mapping};
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::{self, File},
    os::{
        fd::AsRawFd as _,
        unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    },
    path::{Path, PathBuf},
};

/// A program changes its namespace once, if at all.
const MOST: usize = 16;
/// No file with code is larger.
const LARGEST: u64 = 4 << 30;

/// What leads to the files.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    roots: Vec<Root>,
    /// By the name that samples have for it.
    in_memory: BTreeMap<PathBuf, File>,
}

/// Where the paths of a program begin.
#[derive(Debug)]
struct Root {
    /// What `/proc` says of it, to tell it apart.
    links: [PathBuf; 2],
    directory: File,
    /// Holds the namespace, without which nothing is below the directory any more.
    _namespace: File,
}

impl Elsewhere {
    /// Looks where the program is now; to be called from time to time while it runs.
    pub(super) fn look(&mut self, pid: i32) {
        let proc = PathBuf::from(format!("/proc/{pid}"));
        if let Ok(program) = fs::read_link(proc.join("exe"))
            && let Some(name) = in_memory(&program)
            && self.in_memory.len() < MOST
            && !self.in_memory.contains_key(&name)
            && let Ok(file) = File::open(proc.join("exe"))
        {
            self.in_memory.insert(name, file);
        }
        let Some(links) = links(&proc) else { return };
        if links_of_ours().is_none_or(|ours| ours == links)
            || self.roots.len() >= MOST
            || self.roots.iter().any(|root| root.links == links)
        {
            return;
        }
        let namespace = File::open(proc.join("ns/mnt"));
        if let (Ok(directory), Ok(namespace)) = (File::open(proc.join("root")), namespace) {
            self.roots.push(Root {
                links,
                directory,
                _namespace: namespace,
            });
        }
    }

    /// Copies the files that the recording names and that are not at their path here.
    pub(super) fn keep(self, unfinished: &Unfinished) -> Vec<Copied> {
        let mut copies = Vec::new();
        if self.roots.is_empty() && self.in_memory.is_empty() {
            return copies;
        }
        // What cannot be copied is reported as missing when it is asked for.
        let mut keep = |from: &Path, name: &Path| {
            let number = 1000 + copies.len();
            if let Ok(copy) = unfinished.keep(number, from, name) {
                copies.push(Copied {
                    path: name.to_path_buf(),
                    copy,
                });
            }
        };
        for (name, file) in &self.in_memory {
            keep(&own_descriptor(file), name);
        }
        let mapped = match self.roots.is_empty() {
            true => BTreeMap::new(),
            false => perf_data::mapped(&unfinished.data()).unwrap_or_default(),
        };
        for (path, build_id) in mapped {
            let path = Path::new(OsStr::from_bytes(&path));
            let Ok(below) = path.strip_prefix("/") else {
                continue;
            };
            let there = self.roots.iter().map(|root| {
                let directory = own_descriptor(&root.directory);
                directory.join(below)
            });
            let mut there = there.filter(|there| is_another(there, path));
            if let Some(found) = there.find(|there| is_it(there, build_id.as_deref())) {
                keep(&found, path);
            }
        }
        copies
    }
}

/// The path by which this process has an open file once more.
fn own_descriptor(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// The name of a program that runs from memory.
fn in_memory(program: &Path) -> Option<PathBuf> {
    let name = program.to_str()?;
    let name = name.strip_suffix(" (deleted)").unwrap_or(name);
    name.starts_with("/memfd:").then(|| name.into())
}

fn links(proc: &Path) -> Option<[PathBuf; 2]> {
    let link = |name: &str| fs::read_link(proc.join(name)).ok();
    Some([link("ns/mnt")?, link("root")?])
}

fn links_of_ours() -> Option<[PathBuf; 2]> {
    links(Path::new("/proc/self"))
}

/// Whether a file is there, and another one or none at the path here.
fn is_another(there: &Path, here: &Path) -> bool {
    let Ok(there) = fs::metadata(there) else {
        return false;
    };
    let is_same =
        fs::metadata(here).is_ok_and(|here| (here.dev(), here.ino()) == (there.dev(), there.ino()));
    !is_same && there.is_file() && there.len() <= LARGEST
}

/// Whether a file has this build id.
fn is_it(path: &Path, build_id: Option<&[u8]>) -> bool {
    let Some(build_id) = build_id else {
        return true;
    };
    let Ok(file) = Mapping::open(path) else {
        return false;
    };
    let image = Image::parse(path, &file).ok();
    image.is_some_and(|image| image.build_id() == Some(build_id))
}
