//! From the options to mapped files: built by cargo, or there already.

use super::{
    files::{Files, is_stripped},
    package,
};
use codecost::{
    Error, Result,
    address::FileRange,
    attribution::Catalogue,
    cargo::{Additions, Build, Candidate, Context, Selection, config},
    front::quoted,
    image::{Architecture, Image, Mapping},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

mod debug;

use debug::{beside, given, shared};

/// Where the artifact comes from.
#[derive(Clone, Debug)]
pub enum Input {
    /// Cargo builds it.
    Build(Selection),
    /// It is there.
    File {
        /// The file.
        path: PathBuf,
        /// Its debug file.
        debug_file: Option<PathBuf>,
        /// Of a package or an archive the file that is meant.
        member: Option<String>,
        /// Of a universal file the image for this architecture.
        arch: Option<String>,
        /// The manifest whose workspace names crates; `None` for the one here or above.
        manifest_path: Option<PathBuf>,
    },
}

impl Input {
    /// A file, with what is found around it.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::File {
            path: path.into(),
            debug_file: None,
            member: None,
            arch: None,
            manifest_path: None,
        }
    }
}

/// What is known of the artifact besides its bytes.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The package that it was built from.
    pub package: Option<String>,
    /// The cargo target that it was built from.
    pub target_name: Option<String>,
    /// The profile in use.
    pub profile: Option<String>,
    /// What was added for this one build, in words.
    pub build_notes: Vec<String>,
    /// The target, when cargo built it.
    pub target: Option<Candidate>,
    /// The user's own settings of the profile in use, when cargo built it.
    pub settings: Settings,
    /// The build, when it was ours.
    pub build: Option<Build>,
    /// The flags that name the same artifact again, for a shell.
    pub flags: String,
}

/// Settings of a profile as written, where they are not cargo's default.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `lto`.
    pub lto: Option<String>,
    /// `debug`.
    pub debug: Option<String>,
    /// `strip`.
    pub strip: Option<String>,
    /// These and all others, by key.
    pub all: BTreeMap<String, String>,
}

impl Settings {
    /// What the user's build would use.
    fn load(context: &Context, selection: &Selection, build: &Build) -> Self {
        let all = config::written(
            context,
            selection,
            &build.workspace_root,
            &build.toolchain.host,
        );
        let value = |key: &str| all.get(key).cloned();
        Self {
            lto: value("lto"),
            debug: value("debug"),
            strip: value("strip"),
            all,
        }
    }
}

/// An opened artifact.
#[derive(Debug)]
pub struct Opened {
    /// The mapped files and what is known of crates.
    pub files: Files,
    /// What is known besides.
    pub facts: Facts,
}

/// Opens what `input` names; builds it first where it is a cargo target, `with_debug` where debug
/// information is needed. `first`: as in [`Build::one_announced`].
///
/// # Errors
///
/// The build failed, or a file cannot be read.
pub fn open(input: &Input, with_debug: bool, first: &mut dyn FnMut(&[String])) -> Result<Opened> {
    open_in(&Context::current()?, input, with_debug, first)
}

/// Opens what `input` names for its tables of contents alone: nobody is asked about crates.
///
/// # Errors
///
/// As [`open`].
pub fn open_tables(input: &Input, first: &mut dyn FnMut(&[String])) -> Result<Opened> {
    let Input::File {
        path,
        debug_file,
        member,
        arch,
        manifest_path,
    } = input
    else {
        return open(input, false, first);
    };
    if let Some(manifest) = manifest_path {
        beside_manifest(&Context::current()?, manifest)?;
    }
    let file = mapped(path, member.as_deref(), arch.as_deref())?;
    let image = Image::parse(file.path(), &file)?;
    if let Some(debug) = debug_file {
        given(path, &image, debug)?;
    }
    let slice = |(name, range)| {
        let file = mapped(path, member.as_deref(), arch.as_deref())?.narrowed(range);
        Ok((name, Files::of_tables(file, Vec::new())))
    };
    let slices = images(&image).into_iter().map(slice);
    let files = Files::of_tables(file, slices.collect::<Result<_>>()?);
    let facts = Facts {
        flags: of_file(&files.file, input),
        ..Facts::default()
    };
    Ok(Opened { files, facts })
}

/// The flags that name a file again: what was mapped, and how it was to be read.
fn of_file(file: &Mapping, input: &Input) -> String {
    let mut flags = format!("--file {}", quoted(&file.path().display().to_string()));
    let Input::File {
        path: _,
        debug_file,
        // The path of what was mapped names it.
        member: _,
        arch,
        manifest_path,
    } = input
    else {
        return flags;
    };
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    for (flag, value) in [
        ("--arch", arch.clone()),
        ("--debug-file", path(debug_file)),
        ("--manifest-path", path(manifest_path)),
    ] {
        if let Some(value) = value {
            flags = format!("{flags} {flag} {}", quoted(&value));
        }
    }
    flags
}

/// The flags that choose a target of a build again.
fn of_target(target: &Candidate, selection: &Selection) -> String {
    let more = selection.same_build_args();
    let words = more.iter().map(|word| quoted(word));
    let mut flags = vec![target.flags()];
    flags.extend(words);
    flags.join(" ")
}

/// As [`open`], seen from another directory.
///
/// # Errors
///
/// As [`open`].
pub fn open_in(
    context: &Context,
    input: &Input,
    with_debug: bool,
    first: &mut dyn FnMut(&[String]),
) -> Result<Opened> {
    match input {
        Input::File {
            path,
            debug_file,
            member,
            arch,
            manifest_path,
        } => {
            let given_path = path;
            let file = mapped(path, member.as_deref(), arch.as_deref())?;
            let path = &file.path().to_path_buf();
            // What is no object file is refused before anything else is asked.
            let image = Image::parse(path, &file)?;
            let images = images(&image);
            let debug = match debug_file {
                Some(debug) => Some(given(path, &image, debug)?),
                None => beside(path, &image),
            };
            let mut facts = Facts {
                flags: of_file(&file, input),
                ..Facts::default()
            };
            if let (Some(debug), None) = (&debug, debug_file) {
                let note = if debug.path() == path {
                    "symbols from .gnu_debugdata".into()
                } else {
                    format!("symbols from {}", debug.path().display())
                };
                facts.build_notes.push(note);
            }
            let context = match manifest_path {
                Some(manifest) => beside_manifest(context, manifest)?,
                None => context.clone(),
            };
            let shared_debug = match &debug {
                Some(debug) => shared(debug).or_else(|| shared(&file)),
                None => shared(&file),
            };
            let catalogue = Catalogue::for_image(&context, Some(&image), &file);
            let slice = |(name, range)| {
                let file = mapped(given_path, member.as_deref(), None)?.narrowed(range);
                Ok((name, of_image(&context, file)?))
            };
            let slices = images.into_iter().map(slice).collect::<Result<_>>()?;
            let files = Files {
                file,
                debug,
                shared_debug,
                catalogue,
                slices,
            };
            Ok(Opened { files, facts })
        }
        Input::Build(selection) => {
            let additions = if with_debug {
                Additions::ANALYSIS.with_debug()
            } else {
                Additions::ANALYSIS
            };
            in_project(context, selection)?;
            let mut build = Build::one_announced(context, selection, &additions, first)?;
            // A build script or a wrapper around the linker asked for it.
            if !with_debug && build.artifacts.iter().any(|built| is_stripped(&built.path)) {
                let additions = Additions {
                    outlast_strip: true,
                    ..additions
                };
                build = Build::one_announced(context, selection, &additions, &mut |_| {})?;
            }
            let Some(artifact) = build.artifacts.first() else {
                return Err(Error::failed(
                    "cargo built no artifact",
                    "name the target with `--bin`, `--example` or `--lib`",
                ));
            };
            let facts = Facts {
                package: Some(artifact.target.package.clone()),
                target_name: Some(artifact.target.name.clone()),
                profile: Some(build.profile.clone()),
                build_notes: build.additions.clone(),
                target: Some(artifact.target.clone()),
                settings: Settings::load(context, selection, &build),
                build: None,
                flags: of_target(&artifact.target, selection),
            };
            let file = Mapping::open(&artifact.path)?;
            let catalogue = Catalogue::for_build(&build);
            let files = Files {
                file,
                debug: None,
                shared_debug: None,
                catalogue,
                slices: Vec::new(),
            };
            let build = Some(build);
            Ok(Opened {
                files,
                facts: Facts { build, ..facts },
            })
        }
    }
}

/// The file, or what is meant of a package, an archive or a universal file.
///
/// # Errors
///
/// It cannot be read, or holds nothing of that name or for that architecture.
pub fn mapped(path: &Path, member: Option<&str>, arch: Option<&str>) -> Result<Mapping> {
    let file = package::open(path, member)?;
    match arch {
        Some(arch) => of_architecture(file, arch),
        None => Ok(file),
    }
}

/// The images of a universal file that can be read, with their architectures.
fn images(image: &Image<'_>) -> Vec<(String, FileRange)> {
    let places = places(image);
    let readable = |range: FileRange| {
        let bytes = image.bytes_in(range);
        Image::parse(Path::new(""), bytes)
            .is_ok_and(|image| image.architecture != Architecture::Universal)
    };
    if places.is_empty() || !places.iter().all(|range| readable(*range)) {
        return Vec::new();
    }
    let name = |range: &FileRange| {
        let mut sections = image.sections.iter();
        let section = sections.find(|section| section.file == *range)?;
        Some((section.name.to_string(), *range))
    };
    places.iter().filter_map(name).collect()
}

/// The places of the images of a universal file; none where they share bytes, as in a damaged one.
fn places(image: &Image<'_>) -> Vec<FileRange> {
    let images = image
        .sections
        .iter()
        .filter(|section| !section.file.is_empty());
    let mut places: Vec<_> = images.map(|section| section.file).collect();
    places.sort_unstable();
    let apart = places.is_sorted_by(|a, b| a.end() <= b.start);
    if image.architecture != Architecture::Universal || !apart {
        places.clear();
    }
    places
}

/// One image of a universal file, with what is found beside the file.
fn of_image(context: &Context, file: Mapping) -> Result<Files> {
    let path = file.path().to_path_buf();
    let image = Image::parse(&path, &file)?;
    let debug = beside(&path, &image);
    let catalogue = Catalogue::for_image(context, Some(&image), &file);
    drop(image);
    Ok(Files {
        file,
        debug,
        shared_debug: None,
        catalogue,
        slices: Vec::new(),
    })
}

/// `context` in the directory of `manifest`.
fn beside_manifest(context: &Context, manifest: &Path) -> Result<Context> {
    let manifest = context.absolute(manifest);
    match manifest.parent() {
        Some(directory) if manifest.is_file() => Ok(context.clone().in_directory(directory)),
        _ => Err(Error::usage(
            format_args!("there is no manifest `{}`", manifest.display()),
            "name the `Cargo.toml` of the project that the file was built from",
        )),
    }
}

/// What an architecture is called here, which may have been written in the words of its vendor.
pub fn architecture_name(wanted: &str) -> &str {
    match wanted {
        "arm64" | "arm64e" => "aarch64",
        "x64" | "amd64" => "x86_64",
        other => other,
    }
}

/// Of a universal file the image for `wanted`; another file where it is for that architecture.
///
/// # Errors
///
/// It holds no such image.
fn of_architecture(file: Mapping, wanted: &str) -> Result<Mapping> {
    let image = Image::parse(file.path(), &file)?;
    let plain = architecture_name(wanted);
    let universal = image.architecture == Architecture::Universal;
    let parts = image.sections.iter().filter(|_| universal);
    let parts: Vec<_> = parts
        .map(|part| (part.name.to_string(), part.file))
        .collect();
    let all: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).collect();
    let all = match universal {
        true => all.join(", "),
        false => image.architecture.to_string(),
    };
    let found = parts.iter().find(|(name, _)| name == plain);
    let found = found.map(|(_, range)| *range);
    let same = !universal && all == plain;
    drop(image);
    match found {
        Some(range) => Ok(file.narrowed(range)),
        None if same => Ok(file),
        None => Err(Error::usage(
            format_args!(
                "`{}` holds no image for the architecture `{wanted}`",
                file.path().display()
            ),
            format!("it is for {all}"),
        )),
    }
}

/// Refuses to build outside of a project. Cargo's own error would not mention `--file`.
fn in_project(context: &Context, selection: &Selection) -> Result<()> {
    let mut places = context.directory().ancestors();
    if selection.manifest_path.is_some() || places.any(|place| place.join("Cargo.toml").is_file()) {
        return Ok(());
    }
    Err(Error::failed(
        format_args!(
            "there is no `Cargo.toml` in `{}` or above",
            context.directory().display()
        ),
        "analyse a file that exists with `--file PATH`, or name a project with `--manifest-path`",
    ))
}
