//! Documents beside a file.

use super::{PackageList, formats};
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

/// In an unpacked package programs stand a few directories below its top
/// (`x-1.0.data/scripts/x`, `x/sub/_x.so`).
const LEVELS: usize = 5;

/// More entries of a directory are not looked at.
const MAX_ENTRIES: usize = 1 << 14;

/// The document that describes the file at `place`.
pub(super) fn find(place: &Path) -> Option<PackageList> {
    let place = place.canonicalize().ok()?;
    let directory = place.parent()?;
    let named: Vec<PathBuf> = entries(directory)
        .into_iter()
        .filter(|path| is_document(path))
        .collect();
    own(&named, &place)
        .and_then(read)
        .or_else(|| in_package(&place))
}

/// Whether a file is called as lists of packages are.
fn is_document(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let ends = [".cdx.json", ".cyclonedx.json", ".cargo-sbom.json"];
    name == "bom.json" || ends.iter().any(|end| name.ends_with(end))
}

/// The same by the path inside of a package, where Python's have them in a directory of their own.
pub(super) fn may_be_document(path: &str) -> bool {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    let in_metadata = directory.ends_with(".dist-info/sboms") && name.ends_with(".json");
    in_metadata || is_document(Path::new(name))
}

/// The one that is called as the file, else the only one.
fn own<'a>(named: &'a [PathBuf], place: &Path) -> Option<&'a Path> {
    let stem = |path: &Path| {
        let name = path.file_name()?.to_str()?;
        Some(
            name.split_once('.')
                .map_or(name, |(stem, _)| stem)
                .to_owned(),
        )
    };
    let wanted = stem(place);
    let mut same = named.iter().filter(|path| stem(path) == wanted);
    if let Some(own) = same.next() {
        return Some(own);
    }
    match named {
        [only] => Some(only),
        _ => None,
    }
}

fn read(path: &Path) -> Option<PackageList> {
    let size = path.metadata().ok()?.len();
    let text = formats::is_small(size).then(|| fs::read(path).ok())??;
    PackageList::of_document(path, &text)
}

/// The document in the metadata of the Python package that lists the file.
fn in_package(place: &Path) -> Option<PackageList> {
    for top in place.ancestors().skip(1).take(LEVELS) {
        let metadata: Vec<PathBuf> = entries(top)
            .into_iter()
            .filter(|path| path.extension().is_some_and(|own| own == "dist-info"))
            .filter(|path| path.join("sboms").is_dir())
            .collect();
        let below = place.strip_prefix(top).ok()?;
        let below = below.to_str()?.replace('\\', "/");
        let listed = metadata.iter().find(|package| lists(package, &below));
        if let Some(package) = listed {
            let mut documents = entries(&package.join("sboms"));
            documents.retain(|path| path.extension().is_some_and(|own| own == "json"));
            // Others describe C libraries that were bundled.
            return documents.iter().find_map(|path| read(path));
        }
    }
    None
}

/// Whether the package's record has the file.
fn lists(package: &Path, file: &str) -> bool {
    let record = package.join("RECORD");
    let small = record
        .metadata()
        .is_ok_and(|it| formats::is_small(it.len()));
    let text = small.then(|| fs::read_to_string(record).ok()).flatten();
    let text = text.unwrap_or_default();
    let mut lines = text.lines();
    lines.any(|line| {
        let rest = line.strip_prefix(file);
        let quoted = line
            .strip_prefix('"')
            .and_then(|line| line.strip_prefix(file));
        rest.is_some_and(|rest| rest.starts_with(','))
            || quoted.is_some_and(|rest| rest.starts_with("\","))
    })
}

/// What stands in a directory, in order.
fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .take(MAX_ENTRIES)
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{"bomFormat":"CycloneDX","components":[
        {"name":"a","version":"1.0.0","purl":"pkg:cargo/a@1.0.0"}]}"#;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_package_describes_the_files_that_it_lists() {
        let place = tempfile::tempdir().unwrap();
        let at = |path: &str| place.path().join(path);
        for name in ["one", "two"] {
            write(&at(&format!("{name}/_{name}.so")), "");
            let information = format!("{name}-1.0.dist-info");
            write(
                &at(&format!("{information}/RECORD")),
                &format!("{name}/_{name}.so,sha256=x,1\n"),
            );
            let document = DOCUMENT.replace("\"a\"", &format!("\"{name}\""));
            write(
                &at(&format!("{information}/sboms/{name}.cyclonedx.json")),
                &document,
            );
        }
        let found = find(&at("two/_two.so")).unwrap();
        assert_eq!(found.packages[0].name, "two");
        write(&at("two/other.so"), "");
        assert_eq!(find(&at("two/other.so")), None);
    }

    #[test]
    fn of_several_documents_the_one_of_the_file_counts() {
        let place = tempfile::tempdir().unwrap();
        let at = |path: &str| place.path().join(path);
        write(&at("x"), "");
        write(&at("y"), "");
        write(&at("x.cdx.json"), DOCUMENT);
        assert!(find(&at("x")).is_some());
        // The only one there is.
        assert!(find(&at("y")).is_some());
        write(&at("z.cdx.json"), DOCUMENT);
        assert!(find(&at("y")).is_none());
        assert!(find(&at("x")).is_some());
    }
}
