//! Separate debug files: the one that the user names, and those found beside a file.

use crate::analysis::package;
use codecost::{
    Error, Result,
    image::{
        Format, Image, Mapping, SectionKind,
        debug_info::separate::{self, FoundBy},
        pdb::Pdb,
    },
};
use std::path::{Path, PathBuf};

/// The debug file that the user named.
///
/// # Errors
///
/// It cannot be read, or is another build's: its symbols would name the wrong code.
pub(super) fn given(path: &Path, image: &Image<'_>, debug: &Path) -> Result<Mapping> {
    let inside = separate::inside_bundle(debug);
    let mapping = unpacked(inside.as_deref().unwrap_or(debug), image)?;
    let debug = &mapping.path().to_path_buf();
    if Pdb::is_pdb(&mapping) {
        given_pdb(path, image, debug, &mapping)?;
        return Ok(mapping);
    }
    let theirs = Image::parse(debug, &mapping)?;
    if theirs.section(".debug_info.dwo").is_some() {
        return Err(Error::failed(
            format_args!(
                "`{}` holds split debug information, which is not read",
                debug.display()
            ),
            "build with `split-debuginfo = \"off\"`",
        ));
    }
    if let (Some(ours), Some(other)) = (image.build_id(), theirs.build_id())
        && ours != other
    {
        return Err(Error::failed(
            format_args!(
                "`{}` is not the debug file of `{}`: their build ids differ",
                debug.display(),
                path.display()
            ),
            "name the debug file that was made in the same build",
        ));
    }
    if theirs.architecture != image.architecture {
        return Err(Error::failed(
            format_args!(
                "`{}` is for {}, `{}` for {}",
                debug.display(),
                theirs.architecture,
                path.display(),
                image.architecture
            ),
            "name the debug file that was made in the same build",
        ));
    }
    drop(theirs);
    Ok(mapping)
}

/// The file itself; of a package the debug file in it: Debian's have hundreds, by their build ids.
///
/// # Errors
///
/// It cannot be read, or is a package of several files of which none is called as this one's would be.
fn unpacked(debug: &Path, image: &Image<'_>) -> Result<Mapping> {
    let (file, inside) = package::split(debug);
    // Who names a file in a package means that one.
    if inside.is_some() || !package::is_package(&Mapping::open(file)?) {
        return package::open(debug, None);
    }
    let id = image.build_id().and_then(separate::build_id_path);
    let pdb = image.pdb_path();
    let pdb = pdb.and_then(|path| Some(path.rsplit(['/', '\\']).next()?.to_owned()));
    let by_name = id.into_iter().chain(pdb);
    match by_name
        .filter_map(|name| package::open(debug, Some(&name)).ok())
        .next()
    {
        Some(found) => Ok(found),
        None => package::open(debug, None),
    }
}

/// Whether the PDB that the user named is of the same build.
///
/// # Errors
///
/// It is another build's, or damaged.
fn given_pdb(path: &Path, image: &Image<'_>, debug: &Path, bytes: &[u8]) -> Result<()> {
    let problem = match (Pdb::parse(bytes), image.build_id()) {
        (None, _) => "its tables of contents are damaged",
        (Some(_), None) => "this file names no PDB",
        (Some(pdb), Some(ours)) if pdb.identity() != ours => "their GUIDs differ",
        _ => return Ok(()),
    };
    Err(Error::failed(
        format_args!(
            "`{}` is not the debug file of `{}`: {problem}",
            debug.display(),
            path.display()
        ),
        "name the debug file that was made in the same build",
    ))
}

/// The PDB that the file names, at the path that it names or beside the file, where it is of the same
/// build.
fn pdb_beside(path: &Path, image: &Image<'_>) -> Option<Mapping> {
    let named = image.pdb_path()?;
    let own = named.rsplit(['/', '\\']).next()?;
    let directory = path.parent().unwrap_or(Path::new(""));
    let candidates = [
        directory.join(own),
        path.with_extension("pdb"),
        PathBuf::from(&*named),
    ];
    candidates.into_iter().find_map(|candidate| {
        let mapping = Mapping::open(&candidate).ok()?;
        let pdb = Pdb::parse(&mapping)?;
        let same = Some(pdb.identity()) == image.build_id();
        drop(pdb);
        same.then_some(mapping)
    })
}

/// The dSYM bundle beside the file, where it is of the same build.
fn bundle_beside(path: &Path, image: &Image<'_>) -> Option<Mapping> {
    let found = separate::candidates(path, None, None);
    found.into_iter().find_map(|(_, path)| {
        let mapping = Mapping::open(&path).ok()?;
        let theirs = Image::parse(&path, &mapping).ok()?;
        let same = theirs.build_id().is_some() && theirs.build_id() == image.build_id();
        drop(theirs);
        same.then_some(mapping)
    })
}

/// The debug file of a stripped file, where its build id or debug link leads to one that matches.
pub(super) fn beside(path: &Path, image: &Image<'_>) -> Option<Mapping> {
    match image.format {
        Format::Pe => return pdb_beside(path, image),
        Format::MachO => return bundle_beside(path, image),
        _ => {}
    }
    if image
        .sections
        .iter()
        .any(|section| section.kind == SectionKind::Symbols)
    {
        return None;
    }
    let link = image
        .section(".gnu_debuglink")
        .map(|(_, section)| image.section_bytes(section));
    let name = link.and_then(|link| link.split(|byte| *byte == 0).next());
    let checksum = link
        .and_then(|link| link.last_chunk::<4>())
        .map(|sum| image.u32(*sum));
    let found = separate::candidates(path, image.build_id(), name);
    let found = found.into_iter().find_map(|(by, path)| {
        let mapping = Mapping::open(&path).ok()?;
        let belongs = match by {
            FoundBy::BuildId => Image::parse(&path, &mapping).ok()?.build_id() == image.build_id(),
            FoundBy::DebugLink => Some(separate::crc32(&mapping)) == checksum,
            // Only Mach-O files have bundles.
            FoundBy::Bundle => false,
        };
        belongs.then_some(mapping)
    });
    found.or_else(|| {
        let inside = separate::inside(image)?;
        let mapping = Mapping::of_bytes(path, &inside).ok()?;
        // What is no object file in there says nothing.
        Image::parse(path, &mapping).is_ok().then_some(mapping)
    })
}

/// The file that shares debug information with `file`, where its link leads to one that matches.
pub(super) fn shared(file: &Mapping) -> Option<Mapping> {
    // Only ELF files have such a link, and reading another one's tables takes time.
    if !file.starts_with(b"\x7fELF") {
        return None;
    }
    let image = Image::parse(file.path(), file).ok()?;
    separate::SharedLink::of(&image)?.open(&[file.path().to_path_buf()])
}
