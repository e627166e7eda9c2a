//! The catalogue of a file that exists: `deps/` beside it, and a manifest upward from here.
//!
//! Beside each archive `libNAME-EXTRA.rlib` cargo leaves `NAME-EXTRA.d`, the list of its sources in
//! make's format; the first source tells the package by the layout of cargo's directories, or by
//! the manifest above it. Archives of earlier builds may stand there too: hashes keep them apart.
//! Without `deps/` the file's own texts help: panic locations and debug information name the
//! directories of packages, so names get versions, though no proof.

use super::{
    Catalogue, CrateInfo, archive,
    build::slashed,
    layout::package_by_layout,
    producer,
    sysroot::{self, crate_name},
    toolchain_origin,
};
use crate::{
    attribution::{Origin, PackageList},
    cargo::{Context, Selection, Toolchain, Workspace},
    image::{Image, Mapping},
};
use rayon::prelude::*;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    thread,
};

/// A crate found beside the file.
struct Beside {
    name: String,
    source: Option<PathBuf>,
    library: bool,
    learned: archive::Learned,
}

/// What cargo and the compiler say, asked before the file is known: starting them takes longer
/// than reading many a recording.
#[derive(Clone, Debug)]
pub struct Surroundings {
    context: Context,
    workspace: Option<Workspace>,
}

impl Surroundings {
    /// Asks both at once.
    pub fn look(context: &Context) -> Self {
        let workspace = thread::scope(|scope| {
            // It is remembered, and asked for again.
            scope.spawn(|| Toolchain::load(context, &Selection::default()).is_ok());
            Workspace::find(context)
        });
        Self {
            context: context.clone(),
            workspace,
        }
    }
}

impl Catalogue {
    /// What can be found out about the crates of the file, seen from `context`'s directory.
    ///
    /// Starts cargo and the compiler for the workspace and the toolchain here, silently; without
    /// them less is known. Writes nothing.
    pub fn for_file(context: &Context, mapping: &Mapping) -> Self {
        let image = Image::parse(mapping.path(), mapping).ok();
        Self::for_image(context, image.as_ref(), mapping)
    }

    /// As [`Catalogue::for_file`], where the file was read already: `image`, if it is one.
    pub fn for_image(context: &Context, image: Option<&Image<'_>>, mapping: &Mapping) -> Self {
        let find = || Workspace::find(context);
        Self::for_file_from(context, find, (mapping, image), mapping.path())
    }

    /// As [`Catalogue::for_file`], with what was asked for before. `stood` is where the file stood
    /// once, when it is a copy: what cargo left there still names most of its crates, if not surely
    /// all.
    pub fn for_file_in(around: &Surroundings, mapping: &Mapping, stood: Option<&Path>) -> Self {
        let find = || around.workspace.clone();
        let file = stood.unwrap_or(mapping.path());
        let image = Image::parse(mapping.path(), mapping).ok();
        let read = (mapping, image.as_ref());
        let mut catalogue = Self::for_file_from(&around.context, find, read, file);
        catalogue.complete &= stood.is_none();
        catalogue
    }

    fn for_file_from(
        context: &Context,
        find: impl FnOnce() -> Option<Workspace> + Send,
        (mapping, image): (&Mapping, Option<&Image<'_>>),
        file: &Path,
    ) -> Self {
        let (workspace, toolchain, beside) = thread::scope(|scope| {
            let workspace = scope.spawn(find);
            let toolchain = scope.spawn(|| {
                let toolchain = Toolchain::load(context, &Selection::default()).ok()?;
                let triple = triple_of(file, &toolchain);
                let triple = sysroot::linked_into(&toolchain, triple, image, mapping);
                let crates = sysroot::read(&toolchain, &triple);
                Some((toolchain, crates, triple))
            });
            let beside = beside(file);
            (
                workspace.join().ok().flatten(),
                toolchain.join().ok().flatten(),
                beside,
            )
        });
        let mut catalogue = Self {
            file_crate: producer::crate_of_file_name(file),
            file_stem: stem(file),
            ..Self::default()
        };
        let made_by = image.map(producer::of).unwrap_or_default();
        let linked = image.and_then(Image::linked_as);
        let linked = linked.and_then(|name| producer::crate_of_link(&name));
        catalogue.rust = made_by.is_rust() || linked.as_ref().is_some_and(|(_, cargo)| *cargo);
        catalogue.link_crate = linked.map(|(name, _)| name);
        let release = made_by.release(toolchain.as_ref().map(|all| &all.0));
        catalogue.states_release = release.is_some();
        match (release, toolchain) {
            (Some(other), Some((toolchain, crates, triple))) if other == toolchain.release => {
                catalogue.libraries = Some(toolchain.libraries(&triple));
                catalogue.add_toolchain(&toolchain, crates);
            }
            (Some(other), _) => catalogue.release = Some(other),
            (None, Some((toolchain, crates, _))) => {
                catalogue.foreign = true;
                catalogue.add_toolchain(&toolchain, crates);
            }
            (None, None) => {}
        }
        let own = workspace
            .as_ref()
            .filter(|workspace| catalogue.is_of(workspace, file));
        catalogue.base = own.map(|workspace| slashed(workspace.root()));
        // All that was linked into a file of cargo's stands in its `deps/`.
        catalogue.complete = beside.iter().any(|found| found.library);
        let of_std = of_built_std(&beside, workspace.as_ref());
        for found in beside {
            catalogue.add_beside(found, workspace.as_ref(), file, &of_std);
        }
        catalogue.listed = PackageList::find(image, mapping, file);
        if !catalogue.complete {
            catalogue.add_mentioned(mapping, image);
            catalogue.add_listed();
            if let Some(workspace) = &workspace {
                catalogue.add_locked(workspace);
            }
        }
        if let Some(workspace) = &workspace {
            catalogue.add_members(workspace);
        }
        catalogue
    }

    fn add_beside(
        &mut self,
        found: Beside,
        workspace: Option<&Workspace>,
        file: &Path,
        of_std: &BTreeSet<Locked>,
    ) {
        let Beside {
            name,
            source,
            library,
            learned,
        } = found;
        let source = source.map(|source| absolute_source(source, workspace, file));
        // `-Zbuild-std` compiles std and its dependencies from the toolchain's own sources.
        let is_std = source.as_deref().and_then(built_std).is_some();
        if is_std && toolchain_origin(&name) == Origin::Std {
            let index = self.add(CrateInfo {
                role: Default::default(),
                name,
                package: None,
                version: self.release.clone(),
                origin: Origin::Std,
            });
            self.learn(index, learned);
            return;
        }
        let package = source
            .as_deref()
            .and_then(|source| package_of_source(source, workspace));
        let info = match &package {
            Some((info, _)) => CrateInfo {
                role: Default::default(),
                name,
                origin: match info.package.clone().zip(info.version.clone()) {
                    Some(locked) if of_std.contains(&locked) => Origin::StdDependency,
                    _ if is_std => Origin::StdDependency,
                    _ => info.origin,
                },
                ..info.clone()
            },
            None => CrateInfo {
                role: Default::default(),
                name,
                package: None,
                version: None,
                origin: Origin::Unknown,
            },
        };
        let index = self.add(info);
        self.learn(index, learned);
        if !library {
            self.add_program(index);
        }
        if let (Some(source), Some((_, Some(root)))) = (source, package) {
            self.add_root(&root, &source, index, library);
        }
    }

    /// Crates of the packages that are listed, as cargo names a package's library.
    fn add_listed(&mut self) {
        let listed = self.listed.take();
        for package in listed.iter().flat_map(|list| &list.packages) {
            self.add(CrateInfo::of_package(package));
        }
        self.listed = listed;
    }

    /// Whether the file may come from this workspace, by its place or its name. The one around the user's
    /// directory need not be it, and `src/main.rs` is in every one.
    fn is_of(&self, workspace: &Workspace, file: &Path) -> bool {
        let file = file.canonicalize().unwrap_or_else(|_| file.to_path_buf());
        let stem = self.file_stem.as_deref();
        let named = |name: &str| {
            Some(name) == stem || self.file_crate.as_deref() == Some(&name.replace('-', "_"))
        };
        file.starts_with(workspace.root())
            || file.starts_with(workspace.target_directory())
            || has_target(workspace, named)
    }

    /// The packages of the workspace's lock file, where the file is one of its targets by its name. That
    /// its build used this lock file is likely, not certain.
    fn add_locked(&mut self, workspace: &Workspace) {
        let stem = self.file_stem.as_deref();
        if !has_target(workspace, |name| Some(name) == stem) {
            return;
        }
        for ((name, version), source) in locked(&workspace.root().join("Cargo.lock")) {
            self.add(CrateInfo {
                role: Default::default(),
                name: name.replace('-', "_"),
                package: Some(name),
                version: Some(version),
                origin: match source.starts_with("git+") {
                    true => Origin::Git,
                    false => Origin::Registry,
                },
            });
        }
    }

    fn add_members(&mut self, workspace: &Workspace) {
        for member in workspace.members() {
            let Some(root) = member.manifest_path.parent() else {
                continue;
            };
            for target in &member.targets {
                let kinds = |name: &str| target.kind.iter().any(|kind| kind.to_string() == name);
                if kinds("custom-build") || kinds("proc-macro") {
                    continue;
                }
                let executable = ["bin", "example", "test", "bench"]
                    .iter()
                    .any(|kind| kinds(kind));
                let name = target.name.replace('-', "_");
                let version = member.version.to_string();
                // Unpacked sources of what a registry has too: the one beside the file is it.
                let known = self.crates.iter().position(|known| {
                    let CrateInfo {
                        role: _,
                        package,
                        version: of,
                        ..
                    } = &known.info;
                    known.info.name == name
                        && package.as_deref() == Some(member.name.as_str())
                        && of.as_deref() == Some(&*version)
                });
                if let Some(known) = known {
                    if executable {
                        self.add_program(known);
                    }
                    continue;
                }
                let index = self.add(CrateInfo {
                    role: Default::default(),
                    name,
                    package: Some(member.name.to_string()),
                    version: Some(version),
                    origin: Origin::Workspace,
                });
                let source = target.src_path.as_std_path();
                if executable {
                    self.add_program(index);
                }
                self.add_root(root.as_std_path(), source, index, !executable);
            }
        }
    }
}

/// A package's name and version.
type Locked = (String, String);

/// What a lock file has that comes from elsewhere, and from where.
fn locked(file: &Path) -> Vec<(Locked, String)> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let document = text.parse::<toml_edit::DocumentMut>().unwrap_or_default();
    let packages = document.get("package");
    let packages = packages.and_then(toml_edit::Item::as_array_of_tables);
    let packages = packages.into_iter().flatten().filter_map(|package| {
        let text = |key| Some(package.get(key)?.as_str()?.to_owned());
        Some(((text("name")?, text("version")?), text("source")?))
    });
    packages.collect()
}

/// The directory of the standard library's sources that a source stands in, where these are the
/// toolchain's.
fn built_std(source: &Path) -> Option<PathBuf> {
    const LIBRARY: &str = "/lib/rustlib/src/rust/library";
    let text = slashed(source);
    let (above, below) = text.split_once(LIBRARY)?;
    below
        .starts_with('/')
        .then(|| PathBuf::from(format!("{above}{LIBRARY}")))
}

/// What the standard library depends on by its own lock file, where it was compiled with the program: what
/// the program depends on, too, is left out, for nothing tells the two apart.
fn of_built_std(beside: &[Beside], workspace: Option<&Workspace>) -> BTreeSet<Locked> {
    let mut sources = beside.iter().filter_map(|found| found.source.as_deref());
    let Some(library) = sources.find_map(built_std) else {
        return BTreeSet::new();
    };
    let all = |lock: &Path| locked(lock).into_iter().map(|(package, _)| package);
    let mut of_std: BTreeSet<Locked> = all(&library.join("Cargo.lock")).collect();
    if let Some(workspace) = workspace {
        for package in all(&workspace.root().join("Cargo.lock")) {
            of_std.remove(&package);
        }
    }
    of_std
}

/// The name of the file as cargo gives it to an executable: its crate's.
fn stem(file: &Path) -> Option<String> {
    if let Some(name) = producer::crate_of_file_name(file) {
        return Some(name);
    }
    let name = file.file_name()?.to_str()?;
    let stem = name.split('.').next().filter(|stem| !stem.is_empty())?;
    Some(stem.to_owned())
}

/// The archives, and the executables' source lists, in `deps/` beside the file.
fn beside(file: &Path) -> Vec<Beside> {
    let Some(directory) = file.parent() else {
        return Vec::new();
    };
    // Examples are one level deeper; tests and benchmarks are in `deps/` themselves.
    let mut directories = vec![directory.join("deps"), directory.join("..").join("deps")];
    if directory.file_name().is_some_and(|name| name == "deps") {
        directories = vec![directory.to_path_buf()];
    }
    let Some(entries) = directories
        .iter()
        .find_map(|directory| fs::read_dir(directory).ok())
    else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    paths
        .par_iter()
        .filter_map(|path| match path.extension()?.to_str()? {
            "rlib" => {
                let name = crate_name(path)?;
                let list = path.file_name()?.to_str()?.strip_prefix("lib")?;
                let list = path.with_file_name(list).with_extension("d");
                let learned = archive::learn(path, &name);
                Some(Beside {
                    name,
                    source: first_source(&list),
                    library: true,
                    learned,
                })
            }
            "d" => {
                let stem = path.file_stem()?.to_str()?;
                let library = path.with_file_name(format!("lib{stem}.rlib"));
                if library.exists() {
                    return None;
                }
                let name = stem
                    .rsplit_once('-')
                    .map_or(stem, |(name, _)| name)
                    .replace('-', "_");
                let source = first_source(path)?;
                Some(Beside {
                    name,
                    source: Some(source),
                    library: false,
                    learned: Default::default(),
                })
            }
            _ => None,
        })
        .collect()
}

/// The first Rust source of a make rule; spaces in it are escaped.
fn first_source(list: &Path) -> Option<PathBuf> {
    let text = fs::read_to_string(list).ok()?;
    let line = text.lines().next()?;
    let mut rest = line.split_once(": ")?.1;
    loop {
        let mut end = rest.find(' ').unwrap_or(rest.len());
        while end < rest.len() && rest.get(..end).is_some_and(|part| part.ends_with('\\')) {
            end = rest
                .get(end + 1..)?
                .find(' ')
                .map_or(rest.len(), |next| end + 1 + next);
        }
        let source = rest.get(..end)?;
        if source.ends_with(".rs") {
            return Some(source.replace("\\ ", " ").into());
        }
        rest = rest.get(end + 1..)?;
    }
}

/// Whether a member has a target with such a name.
fn has_target(workspace: &Workspace, mut wanted: impl FnMut(&str) -> bool) -> bool {
    let members = workspace.members();
    let mut targets = members.iter().flat_map(|member| &member.targets);
    targets.any(|target| wanted(&target.name))
}

/// Sources of workspace members are relative to the workspace's root: the one above the file, else
/// the one here.
fn absolute_source(source: PathBuf, workspace: Option<&Workspace>, file: &Path) -> PathBuf {
    if source.is_absolute() {
        return source;
    }
    let file = file.canonicalize().unwrap_or_else(|_| file.to_path_buf());
    let above = file
        .ancestors()
        .skip(1)
        .map(|directory| directory.join(&source));
    let here = workspace.map(|workspace| workspace.root().join(&source));
    above
        .chain(here)
        .find(|path| path.is_file())
        .unwrap_or(source)
}

/// The package of a source file and its directory, where that is known.
fn package_of_source(
    source: &Path,
    workspace: Option<&Workspace>,
) -> Option<(CrateInfo, Option<PathBuf>)> {
    let text = slashed(source);
    let info = |package: String, version: Option<String>, origin: Origin| CrateInfo {
        role: Default::default(),
        name: package.replace('-', "_"),
        package: Some(package),
        version,
        origin,
    };
    let layout = package_by_layout(&text);
    if let Some((package, Some(version), origin)) = layout {
        return Some((info(package.into(), Some(version.into()), origin), None));
    }
    for directory in source.ancestors().skip(1) {
        let Some((package, version)) = manifest(&directory.join("Cargo.toml")) else {
            continue;
        };
        let members = workspace.map(Workspace::members).unwrap_or_default();
        let member = members.iter().find(|member| {
            member
                .manifest_path
                .parent()
                .is_some_and(|root| root == directory)
        });
        // `cargo vendor` writes this beside the manifest.
        let vendored = directory.join(".cargo-checksum.json").exists();
        let (version, origin) = match (layout, member) {
            (Some((_, _, Origin::Registry)), _) if !vendored => (version, Origin::Path),
            (Some((_, _, origin)), _) => (version, origin),
            (None, Some(member)) => (Some(member.version.to_string()), Origin::Workspace),
            (None, None) => (version, Origin::Path),
        };
        return Some((
            info(package, version, origin),
            Some(directory.to_path_buf()),
        ));
    }
    let (package, version, origin) = layout?;
    Some((
        info(package.into(), version.map(str::to_owned), origin),
        None,
    ))
}

/// Name and version in a package's manifest; an inherited version is the workspace's to tell.
fn manifest(path: &Path) -> Option<(String, Option<String>)> {
    let document: toml_edit::DocumentMut = fs::read_to_string(path).ok()?.parse().ok()?;
    let package = document.get("package")?.as_table_like()?;
    let name = package.get("name")?.as_str()?.to_owned();
    let version = package
        .get("version")
        .and_then(toml_edit::Item::as_str)
        .map(str::to_owned);
    Some((name, version))
}

/// The triple in `target/<triple>/release/x`, where the toolchain has it, else the host's.
fn triple_of(file: &Path, toolchain: &Toolchain) -> String {
    let above = file.ancestors().skip(1).take(4);
    let mut names = above.filter_map(|directory| directory.file_name()?.to_str());
    let installed = |name: &&str| name.contains('-') && toolchain.libraries(name).is_dir();
    names
        .find(installed)
        .map_or_else(|| toolchain.host.clone(), str::to_owned)
}
