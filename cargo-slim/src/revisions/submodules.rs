//! Submodules of a commit, from what is there already.
//!
//! `git submodule update` would write into the user's configuration and ask the network. But a
//! repository keeps the objects of each submodule that was ever initialised, below
//! `.git/modules/NAME`, where `git` finds them by name, not by path: what the commit asks for is
//! checked out from there, with an index of its own, so that nothing but the worktree changes.

use super::repository::{Repository, git, git_with_index};
use codecost::report::Warning;
use std::{
    ffi::OsStr,
    path::{Component, Path, PathBuf},
};

/// Submodules in submodules in submodules: real ones have two or three levels.
const MOST_NESTED: usize = 10;

/// What became of a commit's submodules: those that could not be checked out, as the user calls them.
#[derive(Debug, Default)]
pub(super) struct Submodules {
    /// The repository does not have what the commit asks for.
    missing: Vec<String>,
    /// Nor does the user's own tree have them: it may well be built without.
    without: Vec<String>,
}

impl Submodules {
    /// Checks out the submodules of `commit` into the worktree `directory`, as far as they are in the
    /// repository.
    pub(super) fn check_out(repository: &Repository, commit: &str, directory: &Path) -> Self {
        let own = git(&repository.root, ["rev-parse", "--git-path", "modules"]);
        let own = own.map(|path| repository.root.join(path)).ok();
        let places = own.into_iter().chain([repository.common.join("modules")]);
        let outer = Outer {
            git: &repository.common,
            tree: Some(&repository.root),
            modules: places.collect(),
        };
        let mut submodules = Self::default();
        submodules.fill(&outer, commit, directory, Path::new(""), 0);
        submodules
    }

    /// What the build of `revision` is without.
    pub(super) fn warning(&self, revision: &str) -> Option<Warning> {
        let message = format!(
            "`{revision}` is built without submodules that this repository does not have: {}",
            self.missing.join(", ")
        );
        let warning = Warning::new("submodules-missing", message).help(format!(
            "check `{revision}` out and run `git submodule update --init --recursive`"
        ));
        (!self.missing.is_empty()).then_some(warning)
    }

    /// The likely reason why `revision` cannot be built, and what to do.
    pub(super) fn hint(&self, revision: &str) -> Option<String> {
        let all: Vec<&str> = self
            .missing
            .iter()
            .chain(&self.without)
            .map(String::as_str)
            .collect();
        let hint = format!(
            "this repository does not have the submodules {}: check `{revision}` out and run \
             `git submodule update --init --recursive`",
            all.join(", ")
        );
        (!all.is_empty()).then_some(hint)
    }
}

/// A repository with submodules.
struct Outer<'a> {
    /// Where its objects are.
    git: &'a Path,
    /// The user's own tree of it, if there is one.
    tree: Option<&'a Path>,
    /// Where the repositories of its submodules may be.
    modules: Vec<PathBuf>,
}

impl Submodules {
    fn fill(
        &mut self,
        outer: &Outer<'_>,
        commit: &str,
        directory: &Path,
        shown: &Path,
        depth: usize,
    ) {
        if depth > MOST_NESTED || !directory.join(".gitmodules").is_file() {
            return;
        }
        let named = names(outer.git, commit);
        for (path, wanted) in links(outer.git, commit) {
            let target = directory.join(&path);
            // The paths are the commit's own word: nothing is written outside of the worktree.
            if !is_below(&path) || !is_inside(directory, &target) {
                continue;
            }
            let shown = shown.join(&path);
            let tree = outer.tree.map(|tree| tree.join(&path));
            let empty = tree.as_ref().is_some_and(|tree| tree.is_dir());
            let tree = tree.filter(|tree| tree.join(".git").exists());
            let place = outer.place(&path, &wanted, tree.as_deref(), &named);
            let written = place.and_then(|place| {
                write(&place, &wanted, &target)?;
                Some(place)
            });
            let Some(place) = written else {
                let name = format!("`{}`", shown.display());
                match empty && tree.is_none() {
                    true => self.without.push(name),
                    false => self.missing.push(name),
                }
                continue;
            };
            let inner = Outer {
                git: &place,
                tree: tree.as_deref(),
                modules: vec![place.join("modules")],
            };
            self.fill(&inner, &wanted, &target, &shown, depth + 1);
        }
    }
}

impl Outer<'_> {
    /// The repository of the submodule at `path`, if it has the commit. `tree`: the user's own tree of
    /// it; `named`: the names of submodules by their paths.
    fn place(
        &self,
        path: &Path,
        commit: &str,
        tree: Option<&Path>,
        named: &[(PathBuf, String)],
    ) -> Option<PathBuf> {
        let of_tree = tree.and_then(|tree| git(tree, ["rev-parse", "--absolute-git-dir"]).ok());
        let name = named.iter().find(|(known, _)| known == path);
        let name = name
            .map(|(_, name)| Path::new(name))
            .filter(|name| is_below(name));
        let of_name = name.into_iter().flat_map(|name| {
            let modules = self.modules.iter();
            modules.map(move |modules| modules.join(name))
        });
        let object = format!("{commit}^{{commit}}");
        let has =
            |place: &PathBuf| place.is_dir() && git(place, ["cat-file", "-e", &object]).is_ok();
        of_tree
            .map(PathBuf::from)
            .into_iter()
            .chain(of_name)
            .find(has)
    }
}

/// Writes the files of a commit into `target`; nothing of the repository `place` changes.
fn write(place: &Path, commit: &str, target: &Path) -> Option<()> {
    let own = tempfile::tempdir().ok()?;
    let arguments = [
        OsStr::new("--git-dir"),
        place.as_os_str(),
        OsStr::new("--work-tree"),
        target.as_os_str(),
        OsStr::new("checkout"),
        OsStr::new("--quiet"),
        OsStr::new("--force"),
        OsStr::new(commit),
        OsStr::new("--"),
        OsStr::new("."),
    ];
    git_with_index(target, arguments, &own.path().join("index")).ok()?;
    Some(())
}

/// The submodules of a commit: where each stands, and at which commit of its own.
fn links(repository: &Path, commit: &str) -> Vec<(PathBuf, String)> {
    let listed = git(repository, ["ls-tree", "-r", "-z", "--full-tree", commit]);
    let listed = listed.unwrap_or_default();
    let links = listed.split('\0').filter_map(|entry| {
        let (kind, path) = entry.split_once('\t')?;
        let wanted = kind.strip_prefix("160000 commit ")?;
        Some((path.into(), wanted.to_owned()))
    });
    links.collect()
}

/// The names of the submodules, by their paths.
fn names(repository: &Path, commit: &str) -> Vec<(PathBuf, String)> {
    let blob = format!("{commit}:.gitmodules");
    let pattern = r"^submodule\..*\.path$";
    let arguments = ["config", "-z", "--blob", &blob, "--get-regexp", pattern];
    let listed = git(repository, arguments).unwrap_or_default();
    let names = listed.split('\0').filter_map(|entry| {
        let (key, path) = entry.split_once('\n')?;
        let name = key.strip_prefix("submodule.")?.strip_suffix(".path")?;
        Some((path.into(), name.to_owned()))
    });
    names.collect()
}

/// Whether a path leads downwards only.
fn is_below(path: &Path) -> bool {
    path.components()
        .all(|part| matches!(part, Component::Normal(name) if name != ".git"))
}

/// Whether the directory `target` is there, and really below `directory`.
fn is_inside(directory: &Path, target: &Path) -> bool {
    let canonical = directory
        .canonicalize()
        .ok()
        .zip(target.canonicalize().ok());
    canonical.is_some_and(|(directory, target)| {
        target.is_dir() && target != directory && target.starts_with(directory)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_or_name_from_a_commit_leads_downwards() {
        assert!(is_below(Path::new("vendor/zstd")));
        for path in ["../x", "/x", "a/../../x", "a/.git/hooks"] {
            assert!(!is_below(Path::new(path)), "{path}");
        }
    }
}
