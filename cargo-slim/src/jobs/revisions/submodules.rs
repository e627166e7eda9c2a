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

/// Checks out the submodules of `commit` into the worktree `directory`, as far as they are in the
/// repository; the rest is a warning. What the user's own tree is built without is not missed.
pub(super) fn check_out(
    repository: &Repository,
    commit: &str,
    revision: &str,
    directory: &Path,
) -> Option<Warning> {
    let mut missing = Vec::new();
    let own = git(&repository.root, ["rev-parse", "--git-path", "modules"]);
    let own = own.map(|path| repository.root.join(path)).ok();
    let places = own.into_iter().chain([repository.common.join("modules")]);
    let outer = Outer {
        git: &repository.common,
        tree: Some(&repository.root),
        modules: places.collect(),
    };
    fill(&outer, commit, directory, Path::new(""), 0, &mut missing);
    if missing.is_empty() {
        return None;
    }
    let message = format!(
        "`{revision}` is built without what this repository does not have of its submodules: {}",
        missing.join(", ")
    );
    Some(
        Warning::new("submodules-missing", message).help(
            "fetch it: `git submodule update --init --recursive` with that commit checked out",
        ),
    )
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

fn fill(
    outer: &Outer<'_>,
    commit: &str,
    directory: &Path,
    shown: &Path,
    depth: usize,
    missing: &mut Vec<String>,
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
        let tree = outer.tree.map(|tree| tree.join(&path));
        let without = tree.as_ref().is_some_and(|tree| tree.is_dir());
        let tree = tree.filter(|tree| tree.join(".git").exists());
        let without = without && tree.is_none();
        let of_tree = tree
            .as_ref()
            .and_then(|tree| git(tree, ["rev-parse", "--absolute-git-dir"]).ok());
        let name = named.iter().find(|(known, _)| *known == path);
        let name = name
            .map(|(_, name)| Path::new(name))
            .filter(|name| is_below(name));
        let of_name = name.into_iter().flat_map(|name| {
            let modules = outer.modules.iter();
            modules.map(move |modules| modules.join(name))
        });
        let mut places = of_tree.map(PathBuf::from).into_iter().chain(of_name);
        let has = |place: &Path| {
            let object = format!("{wanted}^{{commit}}");
            place.is_dir() && git(place, ["cat-file", "-e", &object]).is_ok()
        };
        let shown = shown.join(&path);
        let Some(place) = places.find(|place| has(place)) else {
            if !without {
                missing.push(format!("`{}`", shown.display()));
            }
            continue;
        };
        if write(&place, &wanted, &target).is_none() {
            missing.push(format!("`{}`", shown.display()));
            continue;
        }
        let inner = Outer {
            git: &place,
            tree: tree.as_deref(),
            modules: vec![place.join("modules")],
        };
        fill(&inner, &wanted, &target, &shown, depth + 1, missing);
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
