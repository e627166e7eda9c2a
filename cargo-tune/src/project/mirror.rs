//! A copy of the workspace's manifests, so that cargo can resolve dependencies where there is no
//! lock file, or an old one, without writing into the user's project.
//!
//! Cargo wants the manifests of all members and path dependencies, and of each target a file; what
//! the files hold does not matter to it. So the copy has the manifests, and empty files, at the same
//! places relative to each other. Dependencies of tests alone are left out: they are not linked, and
//! often were never downloaded. Cargo runs in the user's directory, whose configuration counts, and
//! without the network.

use std::collections::{BTreeSet, HashMap};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use cargo_metadata::{Metadata, MetadataCommand, Package};
use codecost::cargo::{Context, Selection, Workspace};
use tempfile::TempDir;

/// More path dependencies than this are not followed.
const MOST_PACKAGES: usize = 4096;

/// The copy.
pub(super) struct Mirror {
    directory: TempDir,
    /// The files that the copies stand for.
    originals: HashMap<PathBuf, PathBuf>,
}

impl Mirror {
    /// Copies the manifests that cargo reads for the workspace.
    ///
    /// # Errors
    ///
    /// In words, what cannot be read or written.
    pub(super) fn new(context: &Context, workspace: &Workspace) -> Result<Self, String> {
        let directory = TempDir::with_prefix("cargo-tune-").map_err(|e| e.to_string())?;
        let mut mirror = Self {
            directory,
            originals: HashMap::new(),
        };
        let root = workspace.root().join("Cargo.toml");
        mirror.copy(&root)?;
        let mut queue: Vec<PathBuf> = patches(&root);
        mirror.add(&workspace.members(), &mut queue)?;
        let lock = workspace.root().join("Cargo.lock");
        if lock.is_file() {
            mirror.copy(&lock)?;
        }
        let mut seen: BTreeSet<PathBuf> = BTreeSet::new();
        while let Some(path) = queue.pop() {
            let manifest = path.join("Cargo.toml");
            let is_known = mirror.originals.contains_key(&mirror.place(&manifest));
            if is_known || !seen.insert(path) {
                continue;
            }
            if seen.len() > MOST_PACKAGES {
                return Err(format!("more than {MOST_PACKAGES} path dependencies"));
            }
            let mut command = context.cargo();
            command.args(["metadata", "--format-version=1", "--no-deps", "--offline"]);
            let metadata = ask(command.arg("--manifest-path").arg(&manifest))?;
            mirror.copy(metadata.workspace_root.join("Cargo.toml").as_std_path())?;
            let packages: Vec<&Package> = metadata.packages.iter().collect();
            mirror.add(&packages, &mut queue)?;
        }
        Ok(mirror)
    }

    /// Resolves the dependencies for `triple`.
    ///
    /// # Errors
    ///
    /// What cargo says.
    pub(super) fn resolve(
        &self,
        context: &Context,
        selection: &Selection,
        triple: &str,
    ) -> Result<Metadata, String> {
        let given = selection.manifest_path.as_ref();
        let nearest = match given {
            Some(path) => context.absolute(path),
            None => {
                let mut directories = context.directory().ancestors();
                let manifests = directories.find(|d| d.join("Cargo.toml").is_file());
                manifests.unwrap_or(context.directory()).join("Cargo.toml")
            }
        };
        let selection = Selection {
            manifest_path: Some(self.place(&nearest)),
            locked: false,
            frozen: false,
            offline: true,
            color: None,
            ..selection.clone()
        };
        let mut command = context.cargo();
        command.args(["metadata", "--format-version=1", "--color=never"]);
        command.args(selection.common_args());
        ask(command.args(["--filter-platform", triple]))
    }

    /// The user's own file for one of the copy's.
    pub(super) fn original(&self, copy: &Path) -> PathBuf {
        let original = self.originals.get(copy).cloned();
        original.unwrap_or_else(|| copy.to_owned())
    }

    /// Copies packages; adds the path dependencies that they name to `queue`.
    fn add(&mut self, packages: &[&Package], queue: &mut Vec<PathBuf>) -> Result<(), String> {
        for package in packages {
            self.copy(package.manifest_path.as_std_path())?;
            for target in &package.targets {
                self.touch(target.src_path.as_std_path())?;
            }
            let paths = package.dependencies.iter().filter_map(|d| d.path.as_ref());
            queue.extend(paths.map(|path| path.clone().into_std_path_buf()));
        }
        Ok(())
    }

    /// Where the copy of a file is.
    fn place(&self, file: &Path) -> PathBuf {
        let names = file.components().filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_owned()),
            Component::Prefix(drive) => {
                let name = drive.as_os_str().to_string_lossy();
                Some(name.replace([':', '\\', '/', '?'], "_").into())
            }
            _ => None,
        });
        self.directory.path().join(names.collect::<PathBuf>())
    }

    fn copy(&mut self, file: &Path) -> Result<(), String> {
        let place = self.touch(file)?;
        let copied = std::fs::read_to_string(file).and_then(|text| {
            let edited = without_dev_dependencies(&text);
            std::fs::write(place, edited.unwrap_or(text))
        });
        copied.map_err(|e| format!("{}: {e}", file.display()))
    }

    fn touch(&mut self, file: &Path) -> Result<PathBuf, String> {
        let place = self.place(file);
        let directory = place.parent().unwrap_or(self.directory.path());
        let made = std::fs::create_dir_all(directory).and_then(|()| {
            let mut options = std::fs::OpenOptions::new();
            options.append(true).create(true).open(&place)
        });
        made.map_err(|e| format!("{}: {e}", place.display()))?;
        self.originals.insert(place.clone(), file.to_owned());
        Ok(place)
    }
}

/// A manifest without what only tests, examples and benches depend on; `None` for other files.
fn without_dev_dependencies(text: &str) -> Option<String> {
    const NAMES: [&str; 2] = ["dev-dependencies", "dev_dependencies"];
    let mut document: toml_edit::DocumentMut = text.parse().ok()?;
    for name in NAMES {
        document.remove(name);
    }
    let targets = document
        .get_mut("target")
        .and_then(|t| t.as_table_like_mut());
    for (_, target) in targets.into_iter().flat_map(|t| t.iter_mut()) {
        if let Some(target) = target.as_table_like_mut() {
            for name in NAMES {
                target.remove(name);
            }
        }
    }
    Some(document.to_string())
}

/// What a cargo command prints as metadata; else the first line of its error.
fn ask(command: &mut Command) -> Result<Metadata, String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|e| format!("cargo did not start: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return MetadataCommand::parse(text).map_err(|e| e.to_string());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let error = said.lines().find_map(|line| line.strip_prefix("error: "));
    Err(error.unwrap_or("cargo metadata failed").to_owned())
}

/// The directories that `[patch]` and `[replace]` of a root manifest name.
fn patches(root: &Path) -> Vec<PathBuf> {
    let found = || {
        let text = std::fs::read_to_string(root).ok()?;
        let document: toml_edit::DocumentMut = text.parse().ok()?;
        let directory = root.parent()?;
        let mut paths = Vec::new();
        let mut add = |table: &dyn toml_edit::TableLike| {
            for (_, item) in table.iter() {
                let path = item.as_table_like().and_then(|t| t.get("path")?.as_str());
                paths.extend(path.map(|path| lexical(&directory.join(path))));
            }
        };
        if let Some(replaced) = document.get("replace").and_then(|i| i.as_table_like()) {
            add(replaced);
        }
        let patched = document.get("patch").and_then(|i| i.as_table_like());
        for (_, source) in patched.into_iter().flat_map(|t| t.iter()) {
            if let Some(table) = source.as_table_like() {
                add(table);
            }
        }
        Some(paths)
    };
    found().unwrap_or_default()
}

/// A path without `.` and `..`, as cargo makes it.
fn lexical(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}
