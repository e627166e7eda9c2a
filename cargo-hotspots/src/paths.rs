//! Source paths as people read them.

/// The part of a path that is the same on every machine: after the registry's, the checkout's or
/// the toolchain's directory, else from the directory above the last `src`, else the last two
/// names.
pub(crate) fn tail(path: &str) -> &str {
    let is_separator = ['/', '\\'];
    // Each is followed by directories of the machine's own: the registry's name, a checkout and its
    // revision, the toolchain's revision.
    for (directories, own) in [
        (["registry", "src"], 1),
        (["git", "checkouts"], 2),
        (["", "rustc"], 2),
    ] {
        let names: Vec<(usize, &str)> = names(path).collect();
        let found = names
            .windows(2)
            .position(|pair| [pair[0].1, pair[1].1] == directories);
        let rest = found.and_then(|at| names.get(at + 2 + own));
        if let Some((start, _)) = rest {
            return path.get(*start..).unwrap_or(path);
        }
    }
    let parts: Vec<_> = path.match_indices(is_separator).map(|(at, _)| at).collect();
    let src = path
        .rfind("/src/")
        .or_else(|| path.rfind("\\src\\"))
        .and_then(|src| parts.iter().rev().find(|at| **at < src));
    let start = src.or_else(|| parts.iter().rev().nth(1));
    start.map_or(path, |start| path.get(start + 1..).unwrap_or(path))
}

/// The names in a path, each with where it starts.
fn names(path: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 0;
    path.split(['/', '\\']).map(move |name| {
        let at = start;
        start += name.len() + 1;
        (at, name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_the_same_on_every_machine() {
        for (path, expected) in [
            ("/home/a/app/src/main.rs", "app/src/main.rs"),
            (
                "/r/regex-1.0.0/src/exec/dfa.rs",
                "regex-1.0.0/src/exec/dfa.rs",
            ),
            (
                "/rustc/abc/library/core/src/num/mod.rs",
                "core/src/num/mod.rs",
            ),
            ("src/main.rs", "src/main.rs"),
            ("/usr/lib/string/memcpy.S", "string/memcpy.S"),
            ("memcpy.S", "memcpy.S"),
            ("C:\\a\\app\\src\\lib.rs", "app\\src\\lib.rs"),
        ] {
            assert_eq!(tail(path), expected, "{path}");
        }
    }
}
