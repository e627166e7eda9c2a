//! The user's git repository, asked through `git`; nothing here writes to it.

use crate::{
    Error, Result,
    cargo::{Context, Selection},
};
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The repository around the working directory.
pub(super) struct Repository {
    /// The user's own working tree.
    pub(super) root: PathBuf,
    /// The working directory below the root.
    pub(super) prefix: PathBuf,
    /// `.git`, also where the user's tree is itself a worktree of another one.
    pub(super) common: PathBuf,
}

impl Repository {
    pub(super) fn find(context: &Context, selection: &Selection) -> Result<Self> {
        let mut directory = context.directory().to_path_buf();
        if let Some(parent) = selection.manifest_path.as_deref().and_then(Path::parent) {
            directory = context.absolute(parent);
        }
        let ask = |what: &str| git(&directory, ["rev-parse", what]);
        let root = ask("--show-toplevel").map_err(|_| {
            Error::usage(
                format_args!("`{}` is not in a git repository", directory.display()),
                "run it inside one, or compare two files or a baseline instead of revisions",
            )
        })?;
        // Relative to the directory that was asked about.
        let common = directory.join(ask("--git-common-dir")?);
        // From the working directory, which a manifest elsewhere does not change.
        let prefix = git(context.directory(), ["rev-parse", "--show-prefix"]).unwrap_or_default();
        Ok(Self {
            root: root.into(),
            prefix: prefix.into(),
            common: common.canonicalize().unwrap_or(common),
        })
    }

    pub(super) fn commit(&self, revision: &str) -> Result<String> {
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

    /// How many files that git knows differ from the last commit.
    pub(super) fn changed_files(&self) -> usize {
        let arguments = ["status", "--porcelain", "--untracked-files=no"];
        // An answer that cannot be had is not worth an end: the builds do not depend on it.
        git(&self.root, arguments).map_or(0, |text| text.lines().count())
    }

    /// Whether git has the file, committed or about to be.
    pub(super) fn knows(&self, path: &Path) -> bool {
        let arguments = ["ls-files", "--error-unmatch", "--"].map(OsStr::new);
        let arguments = arguments.into_iter().chain([path.as_os_str()]);
        git(&self.root, arguments).is_ok()
    }

    /// A manifest of the user's tree as it is in the worktree `directory`.
    pub(super) fn moved(&self, context: &Context, path: &Path, directory: &Path) -> PathBuf {
        let absolute = context.absolute(path);
        let absolute = absolute.canonicalize().unwrap_or(absolute);
        let root = self.root.canonicalize().unwrap_or(self.root.clone());
        match absolute.strip_prefix(root) {
            Ok(relative) => directory.join(relative),
            Err(_) => path.to_path_buf(),
        }
    }
}

/// Runs git and returns its answer without the line break.
pub(super) fn git<S: AsRef<OsStr>>(
    directory: &Path,
    arguments: impl IntoIterator<Item = S>,
) -> Result<String> {
    run(directory, arguments, None)
}

/// As [`git`], with another index than the repository's own.
pub(super) fn git_with_index<S: AsRef<OsStr>>(
    directory: &Path,
    arguments: impl IntoIterator<Item = S>,
    index: &Path,
) -> Result<String> {
    run(directory, arguments, Some(index))
}

fn run<S: AsRef<OsStr>>(
    directory: &Path,
    arguments: impl IntoIterator<Item = S>,
    index: Option<&Path>,
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
    command.envs(index.map(|index| ("GIT_INDEX_FILE", index)));
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
            "fix what git reports, then run the command again",
        ));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
