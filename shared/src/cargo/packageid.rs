//! What a package id says: name, version and source.
//!
//! Since cargo 1.77 an id is a package id specification (`registry+URL#name@1.0.0`,
//! `path+file:///dir#0.1.0` where the name is the last segment); before that it was
//! `name 1.0.0 (source)`. See "Package ID Specifications" in the cargo reference.

/// Where a package comes from, by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PackageSource {
    /// A registry, also a vendored or mirrored one.
    Registry,
    /// A git repository.
    Git,
    /// A directory.
    Path,
}

/// Name, version and source of the package with this id; `None` when it is of neither form.
pub fn package_of_id(id: &str) -> Option<(String, String, PackageSource)> {
    if let Some((rest, source)) = id.strip_suffix(')').and_then(|id| id.split_once(" (")) {
        let (name, version) = rest.split_once(' ')?;
        return Some((name.into(), version.into(), source_of(source)));
    }
    let (url, fragment) = id.rsplit_once('#')?;
    let source = source_of(url);
    if let Some((name, version)) = fragment.split_once(['@', ':']) {
        return Some((name.into(), version.into(), source));
    }
    let path = url.split_once('?').map_or(url, |(path, _)| path);
    let name = path.trim_end_matches('/').rsplit('/').next()?;
    Some((name.into(), fragment.into(), source))
}

fn source_of(url: &str) -> PackageSource {
    if url.starts_with("path+") {
        PackageSource::Path
    } else if url.starts_with("git+") {
        PackageSource::Git
    } else {
        PackageSource::Registry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_of_ids_are_read() {
        let cases = [
            (
                "registry+https://example.org/index#regex-automata@0.4.9",
                "regex-automata",
                "0.4.9",
                PackageSource::Registry,
            ),
            (
                "sparse+https://example.org/index/#a@1.0.0-rc.1+b",
                "a",
                "1.0.0-rc.1+b",
                PackageSource::Registry,
            ),
            (
                "path+file:///home/x/my%20dir/hello#0.1.0",
                "hello",
                "0.1.0",
                PackageSource::Path,
            ),
            (
                "path+file:///home/x/dir#hello@0.1.0",
                "hello",
                "0.1.0",
                PackageSource::Path,
            ),
            (
                "git+https://example.org/a/thing?rev=abc#1.2.3",
                "thing",
                "1.2.3",
                PackageSource::Git,
            ),
            (
                "git+https://example.org/a/thing.git?branch=x#other@1.2.3",
                "other",
                "1.2.3",
                PackageSource::Git,
            ),
            (
                "hello 0.1.0 (path+file:///home/x/hello)",
                "hello",
                "0.1.0",
                PackageSource::Path,
            ),
            (
                "a 1.0.0 (registry+https://example.org/index)",
                "a",
                "1.0.0",
                PackageSource::Registry,
            ),
        ];
        for (id, name, version, source) in cases {
            assert_eq!(
                package_of_id(id),
                Some((name.into(), version.into(), source)),
                "{id}"
            );
        }
        assert_eq!(package_of_id("nonsense"), None);
    }
}
