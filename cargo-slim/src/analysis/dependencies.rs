//! The dependency tree of the analysed program in bytes.

use super::{
    crates,
    model::{By, CrateRow},
    open::Opened,
    result::Analysis,
    subject::Subject,
};
use crate::{
    analysis::{Input, model::Deps},
    dependencies::{
        Counted, DependencyKind, DependencyRow, PackageNames, PackageSizes, Proof, Status, Tree,
        prove, tree,
    },
};
use codecost::{
    Error, Result,
    attribution::Origin,
    cargo::{Context, Dependencies, Selection, Toolchain},
    report::Warning,
};
use std::{collections::BTreeSet, path::Path};

/// The `main` that rustc writes, naked functions and the like never have debug information: so many
/// bytes, or one part in so many.
const UNDESCRIBED: u64 = 256;
const UNDESCRIBED_PART: u64 = 100;
/// Packages that a warning names.
const NAMED: usize = 5;

/// How features are to be proven.
pub struct ProofOptions<'a> {
    /// How many builds may be made.
    pub budget: usize,
    /// Is told of each build: its feature, how many were made, how many there are.
    pub begin: &'a mut dyn FnMut(&str, usize, usize),
}

/// The tree, and where `proof` is given, what each feature of the program's package costs.
///
/// # Errors
///
/// Cargo cannot resolve the dependencies, none of its packages makes the file, or a file changed
/// while it was read.
pub fn dependencies(
    opened: &Opened,
    subject: &mut Subject<'_>,
    input: &Input,
    proof: Option<ProofOptions<'_>>,
) -> Result<Analysis<Deps>> {
    subject.one_image()?;
    let context = Context::current()?;
    let (resolved, root) = resolve(&context, opened, input)?;
    let inlined = inlined(subject, opened.files.file.path());
    let ledger = subject.ledger(&[]);
    let rows = crates::rows(subject, &ledger, By::Defined);
    let ships = subject.image.shipped_size().is_some();
    let counted = counted(&rows, ships);
    let mut tree = tree(&resolved, root, &counted, inlined.as_ref());
    let mut proven = None;
    let mut more = Vec::new();
    if let (Some(options), Input::Build(selection)) = (proof, input) {
        let Some(build) = &opened.facts.build else {
            return Err(Error::failed(
                "features can be proven of what cargo builds only",
                "leave out `--file`",
            ));
        };
        let proof = Proof {
            context: &context,
            selection,
            build,
            dependencies: &resolved,
            root,
            budget: options.budget,
        };
        let features = prove(&proof, options.begin)?;
        for row in tree.rows.iter_mut().filter(|row| row.parent.is_none()) {
            for feature in &mut row.features {
                let same = features.rows.iter().find(|own| own.name == feature.name);
                feature.bytes = same.and_then(|own| own.bytes);
                if let Some(own) = same {
                    feature.enabled_by.clone_from(&own.enabled_by);
                }
            }
        }
        more.extend(unmeasured(&features));
        proven = Some(features);
    }
    if subject.owners.is_merged() {
        more.extend(nameless(&tree));
    }
    let rows = Deps { tree, proven };
    Analysis::new(opened, subject, rows, more)
}

/// Fat LTO takes the names of constants with it: a package of tables alone has no byte then, and its
/// tables are counted for whose code refers to them.
fn nameless(tree: &Tree) -> Option<Warning> {
    let without = |row: &&DependencyRow| {
        row.own == 0 && row.parent.is_some() && row.kind != DependencyKind::Build
    };
    // What the user wrote comes first, and then what they asked for.
    let mut rows: Vec<&DependencyRow> = tree.rows.iter().filter(without).collect();
    rows.sort_by_key(|row| (!row.member, row.depth, row.name.as_str()));
    let mut named = BTreeSet::new();
    rows.retain(|row| named.insert(row.name.as_str()));
    let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    let named = match names.as_slice() {
        [] => return None,
        names => names.iter().take(NAMED).map(|name| format!("`{name}`")),
    };
    let named: Vec<String> = named.collect();
    let more = names.len().saturating_sub(NAMED);
    let more = match more {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let message = format!(
        "fat LTO leaves constants without names, which are counted for the crate whose code refers to \
         them: {}{more} may have some, although no byte is counted for them",
        named.join(", ")
    );
    let help =
        "ask with `CARGO_PROFILE_RELEASE_LTO=off`, or prove what a feature costs with `--features`";
    Some(Warning::new("nameless-constants", message).help(help))
}

/// The packages of which code was inlined into functions of others, where debug information describes all
/// code of the program and its dependencies.
fn inlined(subject: &mut Subject<'_>, path: &Path) -> Option<PackageNames> {
    let inlined = subject.inlined(path).ok()?;
    let (missing, code) = crates::undescribed_code(subject, &inlined);
    if missing > (code / UNDESCRIBED_PART).max(UNDESCRIBED) {
        return None;
    }
    let mut ids: Vec<_> = inlined.iter().map(|(_, id, _)| *id).collect();
    ids.sort_unstable();
    ids.dedup();
    let package = |id| {
        let label = subject.label(id);
        label.package.clone().zip(label.version.clone())
    };
    Some(ids.into_iter().filter_map(package).collect())
}

/// The bytes of each crate's package: those that ship, else those of the file.
pub(super) fn counted(rows: &[CrateRow], ships: bool) -> Vec<Counted> {
    let counted = |row: &CrateRow| {
        let label = &row.label;
        // The standard library brings its own copies of some packages.
        let own = matches!(label.origin, Origin::Std | Origin::StdDependency);
        let (package, version) = match (own, &label.package, &label.version) {
            (false, Some(package), Some(version)) => (package.clone(), version.clone()),
            _ => (label.name.clone(), String::new()),
        };
        Counted {
            package,
            version,
            bytes: if ships { row.shipped } else { row.file },
            sizes: PackageSizes {
                shipped: ships.then_some(row.shipped),
                file: row.file,
                memory: row.memory,
            },
        }
    };
    rows.iter().map(counted).collect()
}

/// What is not known of features, and why.
fn unmeasured(features: &crate::dependencies::Features) -> [Warning; 2] {
    let count = |is: fn(&Status) -> bool| {
        let rows = features.rows.iter();
        rows.filter(|row| is(&row.status)).count() as u64
    };
    [
        Warning::new(
            "features-not-built",
            "builds without a feature failed, so what it costs is not known",
        )
        .help("see the reason in `proven` of the JSON report: the program may need the feature")
        .count(count(|status| matches!(status, Status::Failed(_)))),
        Warning::new(
            "features-not-measured",
            "features were left for another run: the budget was used up",
        )
        .help("run it again: what was measured is kept")
        .count(count(|status| matches!(status, Status::Left))),
    ]
}

/// What cargo resolves for the file, and the place of its own package.
fn resolve(context: &Context, opened: &Opened, input: &Input) -> Result<(Dependencies, usize)> {
    match input {
        Input::Build(_) => {
            let Some(build) = &opened.facts.build else {
                return Err(no_package(opened.files.file.path()));
            };
            let resolved = Dependencies::of_build(context, build);
            let own = build.artifacts.first();
            let root = own.and_then(|own| resolved.by_id(&own.target.package_id));
            let root = root.ok_or_else(|| no_package(opened.files.file.path()))?;
            Ok((resolved, root))
        }
        Input::File {
            path,
            debug_file: _,
            member: _,
            arch: _,
            manifest_path,
        } => {
            let near = || {
                let above = context.absolute(path);
                let found = above.ancestors().skip(1).find_map(|directory| {
                    let manifest = directory.join("Cargo.toml");
                    manifest.is_file().then_some(manifest)
                });
                let here = context.directory().ancestors().find_map(|directory| {
                    let manifest = directory.join("Cargo.toml");
                    manifest.is_file().then_some(manifest)
                });
                found.or(here)
            };
            let manifest = manifest_path.clone().or_else(near);
            let manifest = manifest.ok_or_else(|| no_package(path))?;
            let other = || not_of_project(path, &manifest);
            let selection = Selection {
                manifest_path: Some(manifest.clone()),
                ..Selection::default()
            };
            let toolchain = Toolchain::load(context, &selection)?;
            let resolved = Dependencies::load(context, &selection, &toolchain.host)?;
            let root = program(&resolved, path).ok_or_else(other)?;
            Ok((resolved, root))
        }
    }
}

/// The member that makes a program or library of the file's name.
fn program(resolved: &Dependencies, file: &Path) -> Option<usize> {
    let stem = file.file_stem()?.to_string_lossy();
    let plain = stem.strip_prefix("lib").unwrap_or(&stem).replace('-', "_");
    let is_it = |name: &String| {
        let name = name.replace('-', "_");
        // `deps/` has them with a hash.
        let hashed = plain.strip_prefix(&name).is_some_and(|rest| {
            let hash = rest.strip_prefix('_').unwrap_or("-");
            hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        name == plain || name == stem.replace('-', "_") || hashed
    };
    let members = resolved.packages.iter().enumerate();
    let mut members = members.filter(|(_, package)| package.member);
    let found = members.find(|(_, package)| package.programs.iter().any(is_it));
    found.map(|(at, _)| at)
}

fn not_of_project(file: &Path, manifest: &Path) -> Error {
    Error::failed(
        format_args!(
            "no program or library of `{}` is called like `{}`, so its dependencies are not known",
            manifest.display(),
            file.display()
        ),
        "name the project that the file was built from with `--manifest-path`, and the file as cargo \
         called it; or let cargo build it: `cargo slim deps` in that project",
    )
}

fn no_package(file: &Path) -> Error {
    Error::failed(
        format_args!(
            "no package is known that `{}` was built from, so its dependencies are not either",
            file.display()
        ),
        "name the project with `--manifest-path`, or leave out `--file` and let cargo build it",
    )
}
