//! `--rev A..B`: two commits, each built in a git worktree of its own.
//!
//! The user's tree, index and branches are not touched: `git worktree add --detach` checks out
//! into a temporary directory, and the worktree is removed when the build is done, when it fails,
//! and on Ctrl-C. Both are built into one directory below the user's target directory, so that
//! dependencies they share are compiled once.
//!
//! Limits: submodules are not checked out, and what git does not know (an uncommitted
//! `.cargo/config.toml`, a path dependency outside the repository) is not there.

use super::{plain, snapshot_of};
use crate::{options::Input, snapshot::Snapshot};
use codecost::{
    Error, Result,
    cargo::{Context, Selection, Workspace},
    console::Console,
    report::Warning,
};
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, MutexGuard, Once, PoisonError},
    thread,
    time::Duration,
};
use tempfile::TempDir;

/// Builds both commits, one after the other, and takes a snapshot of each.
pub(super) fn build(
    context: &Context,
    revisions: [&str; 2],
    selection: &Selection,
    console: &mut Console,
) -> Result<([Snapshot; 2], Vec<Warning>)> {
    let repository = Repository::find(context, selection)?;
    let commits = [
        repository.commit(revisions[0])?,
        repository.commit(revisions[1])?,
    ];
    let target = match &selection.target_dir {
        Some(directory) => context.absolute(directory),
        None => Workspace::load(context, selection)?
            .target_directory()
            .to_path_buf(),
    };
    let target = target.join("codecost").join("revisions");
    let mut of = |index: usize| {
        let (revision, commit) = (revisions[index], &commits[index]);
        console.status("Building", &format!("{revision} ({})", short(commit)));
        let worktree = Worktree::add(&repository, commit)?;
        let inside = worktree.directory().join(&repository.prefix);
        let manifest = selection.manifest_path.as_deref();
        let selection = Selection {
            target_dir: Some(target.clone()),
            manifest_path: manifest.map(|path| repository.moved(context, path, &worktree)),
            ..selection.clone()
        };
        // Gone from this commit, the directory would give a puzzling error.
        let inside = match inside.is_dir() {
            true => inside,
            false => worktree.directory().to_path_buf(),
        };
        let context = context.clone().in_directory(inside);
        let mut snapshot = snapshot_of(&context, &Input::Build(selection.clone()), &mut |_| {})?;
        snapshot.measures = plain(&context, &selection, (false, false), &mut |_| {})?;
        snapshot.artifact.path = format!("{} at {revision}", snapshot.title());
        Ok(snapshot)
    };
    Ok(([of(0)?, of(1)?], Vec::new()))
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

/// The user's repository.
struct Repository {
    root: PathBuf,
    /// The working directory below the root.
    prefix: PathBuf,
}

impl Repository {
    fn find(context: &Context, selection: &Selection) -> Result<Self> {
        let mut directory = context.directory().to_path_buf();
        if let Some(parent) = selection.manifest_path.as_deref().and_then(Path::parent) {
            directory = context.absolute(parent);
        }
        let ask = |what: &str| git(&directory, ["rev-parse", what]);
        let root = ask("--show-toplevel").map_err(|_| {
            Error::usage(
                format_args!("`{}` is in no git repository", directory.display()),
                "run it inside one, or compare two files: `cargo slim diff OLD NEW`",
            )
        })?;
        // From the working directory, which a manifest elsewhere does not change.
        let prefix = git(context.directory(), ["rev-parse", "--show-prefix"]).unwrap_or_default();
        Ok(Self {
            root: root.into(),
            prefix: prefix.into(),
        })
    }

    fn commit(&self, revision: &str) -> Result<String> {
        let name = format!("{revision}^{{commit}}");
        let arguments = [
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &name,
        ];
        git(&self.root, arguments).map_err(|_| {
            Error::usage(
                format_args!("git knows no commit `{revision}`"),
                "in CI, fetch it first: `git fetch origin BRANCH`, or check out with full history",
            )
        })
    }

    /// A manifest of the user's tree as it is in a worktree.
    fn moved(&self, context: &Context, path: &Path, worktree: &Worktree) -> PathBuf {
        let absolute = context.absolute(path);
        let absolute = absolute.canonicalize().unwrap_or(absolute);
        let root = self.root.canonicalize().unwrap_or(self.root.clone());
        match absolute.strip_prefix(root) {
            Ok(relative) => worktree.directory().join(relative),
            Err(_) => path.to_path_buf(),
        }
    }
}

/// A worktree that goes when this value does.
struct Worktree {
    // Emptied by `Drop` ahead of the field's own.
    directory: PathBuf,
    _parent: TempDir,
}

/// Worktrees that Ctrl-C must remove: repository, worktree, the directory around it.
static OPEN: Mutex<Vec<(PathBuf, PathBuf, PathBuf)>> = Mutex::new(Vec::new());

fn open_worktrees() -> MutexGuard<'static, Vec<(PathBuf, PathBuf, PathBuf)>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Worktree {
    fn add(repository: &Repository, commit: &str) -> Result<Self> {
        remove_on_interrupt();
        let parent = tempfile::Builder::new()
            .prefix("cargo-slim-")
            .tempdir()
            .map_err(|error| Error::write(std::env::temp_dir(), error))?;
        // The last part is the name that git gives the worktree: it must not clash with one of
        // the user's.
        let name = parent.path().file_name().unwrap_or(OsStr::new("worktree"));
        let directory = parent.path().join(name);
        open_worktrees().push((
            repository.root.clone(),
            directory.clone(),
            parent.path().to_path_buf(),
        ));
        let worktree = Self {
            directory,
            _parent: parent,
        };
        let arguments = [
            OsStr::new("worktree"),
            OsStr::new("add"),
            OsStr::new("--detach"),
            OsStr::new("--quiet"),
            worktree.directory.as_os_str(),
            OsStr::new(commit),
        ];
        git(&repository.root, arguments)?;
        Ok(worktree)
    }

    fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for Worktree {
    fn drop(&mut self) {
        let mut open = open_worktrees();
        open.retain(|(root, directory, _)| {
            let ours = *directory == self.directory;
            if ours {
                remove(root, directory);
            }
            !ours
        });
    }
}

/// Removes a worktree and git's record of it; there is nobody left to tell when that fails.
fn remove(root: &Path, directory: &Path) {
    let arguments = [
        OsStr::new("worktree"),
        OsStr::new("remove"),
        OsStr::new("--force"),
        OsStr::new("--force"),
        directory.as_os_str(),
    ];
    if git(root, arguments).is_err() {
        let _ = std::fs::remove_dir_all(directory);
        let _ = git(root, ["worktree", "prune"]);
    }
}

/// Ctrl-C also reaches cargo and rustc, which end by themselves; then nothing writes to the
/// worktrees any more and they go. The exit code is the shell's for an interrupt.
fn remove_on_interrupt() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A handler that somebody else has set stays: then the worktree may be left behind.
        let _ = ctrlc::set_handler(|| {
            // Held until the end: the build that fails for want of its worktree waits in `Drop`
            // and does not get to answer first.
            let mut open = open_worktrees();
            for (root, directory, parent) in open.drain(..) {
                for _ in 0..10 {
                    remove(&root, &directory);
                    if std::fs::remove_dir_all(&parent).is_ok() || !parent.exists() {
                        break;
                    }
                    thread::sleep(Duration::from_millis(100));
                }
            }
            #[allow(clippy::disallowed_methods)] // There is no way back to `main` from here.
            std::process::exit(130);
        });
    });
}

/// Runs git and returns its answer without the line break.
fn git<S: AsRef<OsStr>>(
    directory: &Path,
    arguments: impl IntoIterator<Item = S>,
) -> Result<String> {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(directory)
        .args(arguments)
        .stdin(Stdio::null());
    // A hook of git's that runs us sets these, and they would lead to another repository.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(name);
    }
    let words = command
        .get_args()
        .skip(2)
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ");
    let words = format!("git {words}");
    let output = command.output().map_err(|source| Error::Spawn {
        command: words.clone(),
        source,
    })?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(Error::failed(
            format_args!("`{words}` failed: {}", stderr.trim()),
            "mend what git reports, then run again",
        ));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
