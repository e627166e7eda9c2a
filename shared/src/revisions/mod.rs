//! Two commits, each built in a git worktree.
//!
//! The user's tree, index and branches are not touched: `git worktree add --detach` checks out
//! beside the repository (`worktree` says why there), and the worktree is removed when the
//! builds are done, when they fail, and on Ctrl-C; what a killed process left, the next one
//! removes. Both commits are checked out at the same path, one after the other, because a crate's hash, and with
//! it the length of names, follows from its path. Both are built into one directory below the
//! user's target directory, so that dependencies they share are compiled once.
//!
//! What is built of a commit, and what becomes of it, is the caller's; each is built with the
//! toolchain that it asks for ([`crate::cargo::rustup`]).
//!
//! Submodules are taken from what the repository has of them (`submodules`). What git does not know
//! (an ignored `.cargo/config.toml`) is not there, and that is said.

mod lock;
mod repository;
mod submodules;
mod worktree;

use crate::{
    Result,
    cargo::{
        Context, Selection, Workspace,
        config::config_includes,
        rustup::{ChosenToolchain, chosen_toolchain, typed_in},
    },
    report::Warning,
};
use repository::Repository;
use std::{
    iter,
    path::{Path, PathBuf},
};
use submodules::Submodules;
use worktree::Worktree;

/// One commit, checked out.
#[derive(Debug)]
pub struct Revision<'r> {
    /// What the user calls it.
    pub name: &'r str,
    /// The commit that this is.
    pub commit: &'r str,
    /// Where to run cargo.
    pub context: Context,
    /// What to build, as it is called there.
    pub selection: Selection,
}

/// Checks out both commits, one after the other, and does `work` with each. `begin` is told which
/// one it is; the warnings say what is not there, or is not in force.
///
/// # Errors
///
/// There is no such commit, it cannot be checked out, or `work` failed.
pub fn each<T>(
    context: &Context,
    revisions: [&str; 2],
    selection: &Selection,
    begin: &mut dyn FnMut(&str),
    work: &mut dyn FnMut(&Revision<'_>) -> Result<T>,
) -> Result<([T; 2], Vec<Warning>)> {
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
    let mut warnings = Vec::new();
    warnings.extend(uncommitted(&repository, revisions, &commits));
    warnings.extend(unknown_to_git(&repository, &selection.config));
    let worktree = Worktree::new(&repository, &mut warnings)?;
    // Of its own for each worktree: cargo goes by the time of files, and would take what another run
    // builds there meanwhile for its own.
    let target = target
        .join("codecost")
        .join("revisions")
        .join(worktree.name());
    let chosen = chosen_toolchain(context);
    let mut of = |index: usize| {
        let (name, commit) = (revisions[index], &commits[index]);
        let named = format!("{name} ({})", short(commit));
        if index == 0 || commits[0] != commits[1] {
            begin(&named);
        }
        let checked_out = worktree.check_out(commit)?;
        let directory = checked_out.directory();
        let submodules = Submodules::check_out(&repository, commit, directory);
        warnings.extend(submodules.warning(name));
        // Gone from this commit, the directory would give a puzzling error.
        let inside = Some(directory.join(&repository.prefix)).filter(|inside| inside.is_dir());
        let inside = inside.unwrap_or_else(|| directory.to_path_buf());
        if let Some(chosen) = &chosen {
            warnings.extend(overruled(chosen, name, &inside, directory));
        }
        let revision = Revision {
            name,
            commit,
            context: typed_in(context, &inside),
            selection: in_worktree(&repository, context, selection, directory, &target),
        };
        // What is not there is the likely reason.
        let outside = warnings
            .iter()
            .find(|warning| warning.code == "outside-settings");
        let outside = outside.map(|warning| warning.message.clone());
        let hint = submodules.hint(name).or(outside);
        work(&revision)
            .map_err(|error| error.at(format_args!("cannot build and analyse {named}"), hint))
    };
    Ok(([of(0)?, of(1)?], warnings))
}

/// The commits from `before` to `after`, both included, the oldest first; of merges only the side
/// that was merged into.
///
/// # Errors
///
/// There is no such commit.
pub fn between(context: &Context, before: &str, after: &str) -> Result<Vec<String>> {
    let repository = Repository::find(context, &Selection::default())?;
    let (first, last) = (repository.commit(before)?, repository.commit(after)?);
    let range = format!("{first}..{last}");
    let listed = repository::git(
        &repository.root,
        [
            "rev-list",
            "--first-parent",
            "--reverse",
            "--end-of-options",
            &range,
        ],
    )?;
    let later = listed.lines().map(str::to_owned);
    Ok(std::iter::once(first).chain(later).collect())
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

/// What the user asked for, as it is called in a worktree.
fn in_worktree(
    repository: &Repository,
    context: &Context,
    selection: &Selection,
    directory: &Path,
    target: &Path,
) -> Selection {
    let manifest = selection.manifest_path.as_deref();
    // `--config FILE` is below the directory where it was typed.
    let config = selection.config.iter().map(|config| {
        let file = context.absolute(Path::new(config));
        match file.is_file() {
            true => file.to_string_lossy().into_owned(),
            false => config.clone(),
        }
    });
    Selection {
        target_dir: Some(target.to_path_buf()),
        manifest_path: manifest.map(|path| repository.moved(context, path, directory)),
        config: config.collect(),
        ..selection.clone()
    }
}

/// What the user sees in his tree is not what is built.
fn uncommitted(
    repository: &Repository,
    revisions: [&str; 2],
    commits: &[String; 2],
) -> Option<Warning> {
    let head = repository.commit("HEAD").ok()?;
    let built = commits.iter().rposition(|commit| *commit == head)?;
    let files = match repository.changed_files() {
        0 => return None,
        1 => "one file has".to_owned(),
        count => format!("{count} files have"),
    };
    let message = format!(
        "{files} uncommitted changes, which are not in `{}`",
        revisions[built]
    );
    let help = "commit or stash them to have them compared";
    Some(Warning::new("uncommitted-changes", message).help(help))
}

/// Settings of the user's own builds that no commit has, because git ignores the file or does not
/// have it yet; `given`: what he gives with `--config`, which is in force in both builds.
fn unknown_to_git(repository: &Repository, given: &[String]) -> Option<Warning> {
    const SETTINGS: [&str; 4] = [
        ".cargo/config.toml",
        ".cargo/config",
        "rust-toolchain.toml",
        "rust-toolchain",
    ];
    let inside = repository.root.join(&repository.prefix);
    let directories = inside.ancestors();
    let directories = directories.take_while(|at| at.starts_with(&repository.root));
    let files = directories.flat_map(|at| SETTINGS.map(|name| (at.join(name), name)));
    // What a configuration file includes belongs to it.
    let mut files = files.flat_map(|(path, name)| {
        let more = match name.starts_with(".cargo") {
            true => included(&path),
            false => Vec::new(),
        };
        let more = more.into_iter().map(move |path| (path, name));
        iter::once((path, name)).chain(more)
    });
    let (path, name) = files.find(|(path, name)| {
        let is_given = given.iter().any(|given| {
            let same = || Some(Path::new(given).canonicalize().ok()? == path.canonicalize().ok()?);
            Path::new(given).ends_with(name) || same() == Some(true)
        });
        path.is_file() && !is_given && !repository.knows(path)
    })?;
    let shown = path.strip_prefix(&inside).unwrap_or(&path).display();
    let message =
        format!("`{shown}` is not in git, so both revisions are built without what it says");
    let warning = Warning::new("ignored-settings", message);
    Some(match name.starts_with(".cargo") {
        true => warning.help(format!("give it to both builds with `--config {shown}`")),
        false => warning.help("name the toolchain for both builds with RUSTUP_TOOLCHAIN"),
    })
}

/// Files that one configuration file may lead to; more are a circle.
const MAX_INCLUDED: usize = 64;

/// The files that a configuration file includes, directly and indirectly.
fn included(config: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    let mut open = vec![config.to_path_buf()];
    while let Some(path) = open.pop() {
        for path in config_includes(&path) {
            if found.len() < MAX_INCLUDED && !found.contains(&path) {
                open.push(path.clone());
                found.push(path);
            }
        }
    }
    found
}

/// A toolchain file that the user's own choice overrules.
fn overruled(
    chosen: &ChosenToolchain,
    revision: &str,
    inside: &Path,
    root: &Path,
) -> Option<Warning> {
    let mut above = inside.ancestors().take_while(|at| at.starts_with(root));
    let file = above.find_map(|at| {
        ["rust-toolchain", "rust-toolchain.toml"]
            .iter()
            .find(|name| at.join(name).is_file())
    })?;
    let message = format!(
        "`{revision}` has a `{file}`, but is built with `{}`, because {} says so",
        chosen.name, chosen.by
    );
    Some(
        Warning::new("toolchain-chosen", message).help(
            "without that choice, each revision is built with the toolchain that it asks for",
        ),
    )
}
