//! Packages: the native file inside a wheel, an npm or crates.io archive, a gem or a Debian package.
//!
//! What is inside is found by its content, not by its name. Where there are several native files the
//! user chooses; nothing is written to the disk. A package may be made to fill the memory, so what is
//! unpacked is bounded by the package's own size.

mod limit;
mod search;
mod tar;
mod zip;

use codecost::{
    Error, Result,
    front::quoted,
    image::{Mapping, ThinMember, thin_members},
};
use object::read::archive::{ArchiveFile, ArchiveOffset};
use search::Search;
use std::{io, path::Path};

/// How a package is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    /// Wheels, and many others.
    Zip,
    /// `.tgz`, `.tar.gz`, `.crate`; and one file alone, `.gz`.
    Gzip,
    /// `.tar.xz`, `.xz`.
    Xz,
    /// `.tar.zst`, `.zst`.
    Zstd,
    /// Gems, which hold another one.
    Tar,
    /// Debian's, which hold another one too.
    Deb,
}

impl Packing {
    fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Self::Zip),
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            _ if bytes.starts_with(b"!<arch>\ndebian-binary") => Some(Self::Deb),
            _ if bytes.get(257..262) == Some(b"ustar") => Some(Self::Tar),
            _ => None,
        }
    }
}

/// A choice of several files as lines that can be pasted has at most so many.
const MAX_CHOICES: usize = 20;

/// The file at `path`, or what is meant of it, as [`opened`]. A path may go on inside of a package, as
/// the header of a page prints it: `x.whl/x/x.so`.
///
/// # Errors
///
/// As [`opened`], or the file cannot be read.
pub fn open(path: &Path, wanted: Option<&str>) -> Result<Mapping> {
    let (outer, inner) = split(path);
    opened(Mapping::open(outer)?, wanted.or(inner.as_deref()))
}

/// The file that a path leads to, and what follows if that lies inside of it.
pub fn split(path: &Path) -> (&Path, Option<String>) {
    let mut above = path.ancestors().skip(1);
    let outer = match path.exists() {
        true => None,
        false => above.find(|above| above.is_file()),
    };
    let inner = outer.and_then(|outer| path.strip_prefix(outer).ok());
    match outer.zip(inner) {
        Some((outer, inner)) => {
            let parts = inner.iter().map(|part| part.to_string_lossy());
            (outer, Some(parts.collect::<Vec<_>>().join("/")))
        }
        None => (path, None),
    }
}

/// Whether it holds files.
pub fn is_package(file: &[u8]) -> bool {
    Packing::of(file).is_some()
}

/// What `file` holds, where it is a package or an archive of which one member is wanted; else `file`.
///
/// # Errors
///
/// The package is damaged or holds no native file, it holds several and none was chosen, or there is
/// none of the name that was chosen.
pub fn opened(file: Mapping, wanted: Option<&str>) -> Result<Mapping> {
    let Some(packing) = Packing::of(&file) else {
        return match wanted {
            Some(wanted) => of_archive(&file, wanted),
            None => Ok(file),
        };
    };
    let path = file.path();
    let mut search = Search::new(wanted, file.len() as u64);
    if let Some(stem) = path.file_stem() {
        search.alone = stem.to_string_lossy().into_owned();
    }
    look(packing, &file, &mut search).map_err(|error| Error::Format {
        path: path.into(),
        reason: error.to_string(),
    })?;
    let documents = std::mem::take(&mut search.documents).into_iter();
    let documents = documents
        .map(|(name, text)| (path.join(name), text))
        .collect();
    let (name, bytes) = chosen(path, search)?;
    Ok(Mapping::of_bytes(path.join(name), &bytes)?.with_documents(documents))
}

/// Offers all files of a package to `search`.
fn look(packing: Packing, bytes: &[u8], search: &mut Search<'_>) -> io::Result<()> {
    match packing {
        Packing::Zip => zip::read(bytes, search),
        Packing::Gzip => tar::compressed("data.gz", bytes, search),
        Packing::Xz => tar::compressed("data.xz", bytes, search),
        Packing::Zstd => tar::compressed("data.zst", bytes, search),
        Packing::Tar => match tar::inner(bytes, search)? {
            // A gem's files are in an archive of their own.
            Some((name, inner)) => tar::compressed(&name, &inner, search),
            None => Ok(()),
        },
        Packing::Deb => {
            let archive = ArchiveFile::parse(bytes).map_err(io::Error::other)?;
            for member in archive.members() {
                let member = member.map_err(io::Error::other)?;
                if !member.name().starts_with(b"data.tar") {
                    continue;
                }
                let name = String::from_utf8_lossy(member.name()).into_owned();
                let data = member.data(bytes).map_err(io::Error::other)?;
                return tar::compressed(&name, data, search);
            }
            Err(io::Error::other("it has no `data.tar`"))
        }
    }
}

/// The file that was found, or why there is not one.
fn chosen(path: &Path, search: Search<'_>) -> Result<(String, Vec<u8>)> {
    let Search {
        wanted,
        natives,
        found,
        matches,
        ..
    } = search;
    match (found, wanted) {
        (Some(found), Some(_)) if matches == 1 => return Ok(found),
        (Some(found), None) if natives.len() == 1 => return Ok(found),
        _ => {}
    }
    let choices = choices(path, natives.iter().map(String::as_str), natives.len());
    let shown = path.display();
    Err(match (natives.len(), wanted) {
        (0, _) => Error::failed(
            format_args!("`{shown}` is a package without any executable, library or object file"),
            "name a package for a platform, such as a wheel whose name does not end in `any.whl`",
        ),
        (_, Some(wanted)) if matches > 1 => Error::usage(
            format_args!("{matches} files in `{shown}` are called `{wanted}`"),
            format_args!("choose one:{choices}"),
        ),
        (_, Some(wanted)) => Error::usage(
            format_args!("`{shown}` holds no native file `{wanted}`"),
            format_args!("choose one:{choices}"),
        ),
        (count, None) => Error::usage(
            format_args!("`{shown}` holds {count} native files"),
            format_args!("choose one:{choices}"),
        ),
    })
}

/// One line for each of the first of `count` files, ready to be pasted.
fn choices<'n>(path: &Path, names: impl Iterator<Item = &'n str>, count: usize) -> String {
    let package = quoted(&path.display().to_string());
    let line = |name: &str| format!("\n  --file {package} --member {}", quoted(name));
    let mut lines: String = names.take(MAX_CHOICES).map(line).collect();
    let more = count.saturating_sub(MAX_CHOICES);
    if more > 0 {
        lines += &format!("\n  … {more} more");
    }
    lines
}

/// The name, and the place among the members of that name: `y.o#2` is the second `y.o`, as an archive
/// may have several.
fn nth(wanted: &str) -> (&str, Option<usize>) {
    let numbered = wanted.rsplit_once('#');
    let numbered = numbered.and_then(|(name, nth)| Some((name, nth.parse::<usize>().ok()?)));
    match numbered {
        Some((name, nth)) => (name, nth.checked_sub(1)),
        None => (wanted, None),
    }
}

/// A member of an archive; of a thin archive the file that it names.
fn of_archive(file: &Mapping, wanted: &str) -> Result<Mapping> {
    let path = file.path();
    if let Some(members) = thin_members(file) {
        return of_thin(path, members, wanted);
    }
    let archive = ArchiveFile::parse(&**file).map_err(|_| {
        Error::usage(
            format_args!("`{}` has no members", path.display()),
            "leave out `--member`: it chooses from packages and archives",
        )
    })?;
    let mut members = Names::default();
    let mut found = Vec::new();
    let (called, at) = nth(wanted);
    for member in archive.members() {
        let member = member.map_err(|error| Error::Format {
            path: path.into(),
            reason: error.to_string(),
        })?;
        let name = String::from_utf8_lossy(member.name()).into_owned();
        if search::is_called(&name, called) {
            found.push((name.clone(), member.file_range()));
        }
        members.add(name);
    }
    match at {
        Some(at) if at < found.len() => {
            found.swap(0, at);
            found.truncate(1);
        }
        // There is one of that name, and not the one that was asked for.
        Some(_) if found.len() == 1 => found.clear(),
        _ => {}
    }
    let [(name, (offset, size))] = &found[..] else {
        let found: Vec<String> = found.into_iter().map(|(name, _)| name).collect();
        return Err(not_one(path, wanted, called, &found, &members));
    };
    let start = usize::try_from(*offset).unwrap_or(usize::MAX);
    let end = start.saturating_add(usize::try_from(*size).unwrap_or(usize::MAX));
    let bytes = file.get(start..end).unwrap_or_default();
    Mapping::of_bytes(path.join(name), bytes)
}

/// A member of a thin archive: the file that it names, or a member of the archive that it names.
fn of_thin<'m>(
    path: &Path,
    members: impl Iterator<Item = ThinMember<'m>>,
    wanted: &str,
) -> Result<Mapping> {
    let (mut names, mut found) = (Names::default(), Vec::new());
    for member in members {
        let name = member.to_string();
        if search::is_called(&name, wanted) {
            found.push(member);
        }
        names.add(name);
    }
    let [member] = &found[..] else {
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        return Err(not_one(path, wanted, wanted, &found, &names));
    };
    let named = String::from_utf8_lossy(member.path).into_owned();
    let beside = path.parent().unwrap_or(Path::new("")).join(named);
    let file = Mapping::open(&beside)?;
    let Some(place) = member.within else {
        return Ok(file);
    };
    let unfit = |error: String| Error::Format {
        path: beside.clone(),
        reason: error,
    };
    let archive = ArchiveFile::parse(&*file).map_err(|error| unfit(error.to_string()))?;
    let member = archive.member(ArchiveOffset(place));
    let member = member.map_err(|error| unfit(error.to_string()))?;
    let bytes = member.data(&*file);
    let bytes = bytes.map_err(|error| unfit(error.to_string()))?;
    let name = String::from_utf8_lossy(member.name()).into_owned();
    Mapping::of_bytes(beside.join(name), bytes)
}

/// The names of an archive's members, as far as a choice shows them.
#[derive(Default)]
struct Names {
    first: Vec<String>,
    count: usize,
}

impl Names {
    fn add(&mut self, name: String) {
        self.count += 1;
        if self.first.len() < MAX_CHOICES {
            self.first.push(name);
        }
    }
}

/// The error where no member is called as asked for, or several of them are: `found`. `called` is the name
/// without the number that may follow it.
fn not_one(path: &Path, wanted: &str, called: &str, found: &[String], all: &Names) -> Error {
    let (message, names, count) = match found.len() {
        0 => (
            format!("`{}` has no member `{wanted}`", path.display()),
            &*all.first,
            all.count,
        ),
        count => (
            format!(
                "{count} members of `{}` are called `{called}`",
                path.display()
            ),
            found,
            count,
        ),
    };
    let shown = &names[..count.min(MAX_CHOICES)];
    let numbered: Vec<String> = (1..)
        .zip(shown)
        .map(|(at, name)| {
            let same = |names: &[String]| names.iter().filter(|other| *other == name).count();
            match (same(names), found.is_empty()) {
                (1, _) => name.clone(),
                (_, true) => format!("{name}#{}", same(&names[..at])),
                // By its place among those that the name may mean, as it is looked up.
                (_, false) => format!("{called}#{at}"),
            }
        })
        .collect();
    let choices = choices(path, numbered.iter().map(String::as_str), count);
    Error::usage(message, format_args!("choose one:{choices}"))
}

/// Looks for native files in `bytes`; for tests and fuzzing. How many bytes were unpacked for it.
pub fn unpack(bytes: &[u8]) -> u64 {
    let mut search = Search::new(None, bytes.len() as u64);
    if let Some(packing) = Packing::of(bytes) {
        // What is damaged ends the search.
        let _ = look(packing, bytes, &mut search);
    }
    search.unpacked()
}

#[cfg(test)]
mod tests;
