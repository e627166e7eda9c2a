//! The directory that commits are checked out into, one after the other, and its removal.
//!
//! The directory is beside the user's repository and its name begins with a dot. The directories
//! above are then the same as the repository's own, so cargo finds the same configuration, rustup
//! the same toolchain, and `path = "../other"` the same neighbour. It is not inside the repository,
//! because cargo would then read the `.cargo/config.toml`, and rustup the `rust-toolchain.toml`, of
//! the user's own working tree instead of those of the commit. Where that directory cannot be written, or where
//! a manifest above makes the repository a part of an outer workspace (which the worktree is no
//! member of), the system's temporary directory is used; what is lost by that is said.
//!
//! For each directory of ours a file in `.git/cargo-slim` holds the path, locked as long as its
//! process lives. One that can be locked is of a process that was killed: then the directory goes,
//! if git says that it is a worktree of this repository.

use super::{
    lock,
    repository::{Repository, git},
};
use codecost::{Error, Result, report::Warning};
use std::{
    ffi::OsStr,
    fs::{self, File},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{ErrorKind, Read as _, Write as _},
    path::{Path, PathBuf},
    process,
    sync::{Mutex, MutexGuard, Once, PoisonError},
    thread,
    time::Duration,
};

/// What all names of ours begin with.
const PREFIX: &str = ".cargo-slim-";
/// Several processes may build revisions of one repository at once, but not this many.
const MOST: usize = 100;

/// A directory for commits, which is removed when this value is dropped.
pub(super) struct Worktree {
    place: Place,
    /// Held for as long as this value lives.
    lock: Option<File>,
}

/// What has to be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    root: PathBuf,
    directory: PathBuf,
    marker: PathBuf,
}

/// Worktrees that Ctrl-C must remove.
static OPEN: Mutex<Vec<Place>> = Mutex::new(Vec::new());

fn open_worktrees() -> MutexGuard<'static, Vec<Place>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Worktree {
    /// Takes a directory; `warnings`: what is not in force in it.
    pub(super) fn new(repository: &Repository, warnings: &mut Vec<Warning>) -> Result<Self> {
        remove_on_interrupt();
        clear_stale(repository);
        let outer = outer_workspace(&repository.root);
        let beside = match (repository.root.parent(), &outer) {
            (Some(parent), None) => Some(parent.to_path_buf()),
            _ => None,
        };
        if let Some(parent) = &beside
            && let Some(worktree) = Self::below(repository, parent).unwrap_or(None)
        {
            return Ok(worktree);
        }
        let parent = std::env::temp_dir();
        let parent = parent.canonicalize().unwrap_or(parent);
        warnings.extend(lost(&repository.root, &parent, outer));
        Self::below(repository, &parent)?.ok_or_else(|| {
            Error::failed(
                format_args!("there is no room for a worktree in `{}`", parent.display()),
                format_args!("remove the unused directories `{PREFIX}…` there"),
            )
        })
    }

    /// A name for it that no other directory has, and the same each time.
    pub(super) fn name(&self) -> String {
        let directory = &self.place.directory;
        let mut hasher = DefaultHasher::new();
        directory.hash(&mut hasher);
        let name = directory.file_name().unwrap_or_default().to_string_lossy();
        let name = name.strip_prefix(PREFIX).unwrap_or(&name);
        format!("{name}-{:08x}", hasher.finish() as u32)
    }

    /// `None` when all names are taken.
    fn below(repository: &Repository, parent: &Path) -> Result<Option<Self>> {
        let name = repository.root.file_name().unwrap_or(OsStr::new("root"));
        let name = name.to_string_lossy();
        for number in 1..=MOST {
            // The same name each time: what is compiled depends on it, and stays below `target`.
            let name = match number {
                1 => format!("{PREFIX}{name}"),
                number => format!("{PREFIX}{name}-{number}"),
            };
            let place = Place {
                root: repository.root.clone(),
                directory: parent.join(&name),
                marker: markers(repository).join(&name),
            };
            if place.directory.symlink_metadata().is_ok() {
                continue;
            }
            let lock = match mark(&place) {
                // Another process has taken the name and not made the directory yet.
                Ok(None) => continue,
                Ok(lock) => lock,
                // Without locks we cannot tell what a killed process left, and say nothing of it.
                Err(_) => {
                    forget(&place);
                    None
                }
            };
            match private_directory(&place.directory) {
                Ok(()) => {
                    open_worktrees().push(place.clone());
                    return Ok(Some(Self { place, lock }));
                }
                Err(error) => {
                    drop(lock);
                    forget(&place);
                    if error.kind() != ErrorKind::AlreadyExists {
                        return Err(Error::write(&place.directory, error));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Checks out a commit; what was checked out before must be gone.
    pub(super) fn check_out(&self, commit: &str) -> Result<CheckedOut<'_>> {
        let arguments = [
            OsStr::new("worktree"),
            OsStr::new("add"),
            OsStr::new("--detach"),
            OsStr::new("--quiet"),
            self.place.directory.as_os_str(),
            OsStr::new(commit),
        ];
        git(&self.place.root, arguments)?;
        Ok(CheckedOut { worktree: self })
    }
}

impl Drop for Worktree {
    fn drop(&mut self) {
        let mut open = open_worktrees();
        if open.contains(&self.place) {
            remove(&self.place.root, &self.place.directory);
            // Windows does not remove what is open.
            self.lock = None;
            forget(&self.place);
            open.retain(|place| *place != self.place);
        }
    }
}

/// A commit in a worktree, which is removed when this value is dropped.
pub(super) struct CheckedOut<'w> {
    worktree: &'w Worktree,
}

impl CheckedOut<'_> {
    pub(super) fn directory(&self) -> &Path {
        &self.worktree.place.directory
    }
}

impl Drop for CheckedOut<'_> {
    fn drop(&mut self) {
        // After Ctrl-C has removed the worktree, the directory must not be made again.
        let open = open_worktrees();
        if open.contains(&self.worktree.place) {
            remove(&self.worktree.place.root, self.directory());
            // An error shows when the next commit is checked out.
            let _ = private_directory(self.directory());
        }
    }
}

/// A directory that only this user can look into: the temporary directory is everybody's.
fn private_directory(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// The manifest of a workspace above the repository, which takes the repository as a member, or
/// refuses it; a repository that is a workspace of its own has nothing to do with it.
fn outer_workspace(root: &Path) -> Option<PathBuf> {
    let is_workspace = |manifest: &Path| {
        let text = fs::read_to_string(manifest).ok();
        let document = text.and_then(|text| text.parse::<toml_edit::DocumentMut>().ok());
        document.is_some_and(|document| document.contains_key("workspace"))
    };
    let manifests = root.ancestors().map(|at| at.join("Cargo.toml"));
    let nearest = manifests.into_iter().find(|path| is_workspace(path))?;
    (nearest.parent() != Some(root)).then_some(nearest)
}

/// What is in force in the user's repository, and is not below `parent`.
fn lost(root: &Path, parent: &Path, outer: Option<PathBuf>) -> Option<Warning> {
    let above = |path: &Path| -> Vec<PathBuf> { path.ancestors().map(Path::to_path_buf).collect() };
    let kept = above(parent);
    let home = codecost::cargo::Context::current().ok()?.cargo_home();
    let configured = above(root)
        .into_iter()
        .skip(1)
        .filter(|directory| !kept.contains(directory))
        .map(|directory| directory.join(".cargo"))
        .filter(|directory| Some(directory) != home.as_ref())
        .flat_map(|directory| [directory.join("config.toml"), directory.join("config")])
        .filter(|file| file.is_file());
    let files: Vec<String> = outer
        .into_iter()
        .chain(configured)
        .map(|file| format!("`{}`", file.display()))
        .collect();
    if files.is_empty() {
        return None;
    }
    let message = format!(
        "the revisions are built in `{}`, without {}",
        parent.display(),
        files.join(" and ")
    );
    Some(Warning::new("outside-settings", message).help(
        "check both revisions out yourself below the same directory, take a snapshot in each, and \
         compare these: `cargo slim diff OLD NEW`",
    ))
}

fn markers(repository: &Repository) -> PathBuf {
    repository.common.join("cargo-slim")
}

/// Notes the directory where the next run finds it.
fn mark(place: &Place) -> std::io::Result<Option<File>> {
    if let Some(parent) = place.marker.parent() {
        fs::create_dir_all(parent)?;
    }
    let Some(mut file) = lock::hold(&place.marker)? else {
        return Ok(None);
    };
    file.set_len(0)?;
    file.write_all(place.directory.to_string_lossy().as_bytes())?;
    Ok(Some(file))
}

fn forget(place: &Place) {
    let _ = fs::remove_file(&place.marker);
    // Goes only when it is empty.
    let _ = place.marker.parent().map(fs::remove_dir);
}

/// Removes the directories that killed processes left. A failure is not reported: it concerns none
/// of the revisions that this process builds.
fn clear_stale(repository: &Repository) {
    let Ok(entries) = fs::read_dir(markers(repository)) else {
        return;
    };
    for marker in entries.flatten().map(|entry| entry.path()) {
        let Ok(Some(mut file)) = lock::hold(&marker) else {
            continue;
        };
        let mut path = String::new();
        if file.read_to_string(&mut path).is_err() {
            continue;
        }
        let place = Place {
            root: repository.root.clone(),
            directory: path.into(),
            marker,
        };
        // The file must be of this very name, and git must say that the directory is its own.
        let named = |path: &Path| path.file_name().map(OsStr::to_os_string);
        let ours = named(&place.directory) == named(&place.marker)
            && named(&place.directory)
                .is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        if ours && is_worktree(repository, &place.directory) {
            remove(&place.root, &place.directory);
        } else if ours {
            // Killed before git had it, or after: an empty directory at most.
            let _ = fs::remove_dir(&place.directory);
        }
        if !place.directory.exists() || !ours {
            // Windows does not remove what is open.
            drop(file);
            forget(&place);
        }
    }
}

/// Whether git lists `directory` among the worktrees of this repository.
fn is_worktree(repository: &Repository, directory: &Path) -> bool {
    let Ok(listed) = git(&repository.root, ["worktree", "list", "--porcelain"]) else {
        return false;
    };
    let canonical = |path: &Path| {
        let parent = path.parent()?.canonicalize().ok()?;
        Some(parent.join(path.file_name()?))
    };
    let wanted = canonical(directory);
    listed
        .lines()
        .filter_map(|line| line.strip_prefix("worktree "))
        .any(|line| wanted.is_some() && canonical(Path::new(line)) == wanted)
}

/// Removes a worktree and git's record of it. A failure is not reported: this runs while values are
/// dropped and when the user interrupts.
fn remove(root: &Path, directory: &Path) {
    let arguments = [
        OsStr::new("worktree"),
        OsStr::new("remove"),
        OsStr::new("--force"),
        OsStr::new("--force"),
        directory.as_os_str(),
    ];
    if git(root, arguments).is_err() {
        let _ = fs::remove_dir_all(directory);
        let _ = git(root, ["worktree", "prune"]);
    }
}

/// Ctrl-C also reaches cargo and rustc, which end by themselves; then nothing writes to the
/// worktrees any more and they go. The exit code is the shell's for an interrupt.
fn remove_on_interrupt() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A handler that somebody else has set stays: then the next run removes the worktree.
        let _ = ctrlc::set_handler(|| {
            // Held until the end: the build that fails for want of its worktree waits in `Drop`
            // and does not get to answer first.
            let mut open = open_worktrees();
            for place in open.drain(..) {
                for _ in 0..10 {
                    remove(&place.root, &place.directory);
                    if !place.directory.exists() {
                        break;
                    }
                    thread::sleep(Duration::from_millis(100));
                }
                forget(&place);
            }
            #[allow(clippy::disallowed_methods)] // There is no way back to `main` from here.
            process::exit(130);
        });
    });
}
