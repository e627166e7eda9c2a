//! Which compiler made a file, from what the file itself says.
//!
//! rustc writes `rustc version 1.95.0 (…)` into `.comment`, into the producer of debug information
//! and, as a field, into wasm's `producers` section. Panic locations of the standard library name its
//! commit, `/rustc/<commit>/library/…`, or in distributions' compilers its release,
//! `/usr/src/rustc-1.63.0/library/…`. Where nothing of this is there, no version is claimed.

use crate::{
    cargo::Toolchain,
    image::{Format, Image, SectionKind},
};
use std::{collections::BTreeSet, path::Path};

/// What a file says of its compiler.
#[derive(Debug, Default)]
pub(super) struct Producer {
    releases: BTreeSet<String>,
    commits: BTreeSet<String>,
}

impl Producer {
    /// Whether rustc made it, or a part of it.
    pub(super) fn is_rust(&self) -> bool {
        !self.releases.is_empty() || !self.commits.is_empty()
    }

    /// The release that made it; none where several did.
    pub(super) fn release(&self, toolchain: Option<&Toolchain>) -> Option<String> {
        if let Some(only) = single(&self.releases) {
            return Some(only.clone());
        }
        let commit = single(&self.commits).filter(|_| self.releases.is_empty())?;
        let toolchain = toolchain?;
        (toolchain.commit_hash.as_ref() == Some(commit)).then(|| toolchain.release.clone())
    }
}

fn single(all: &BTreeSet<String>) -> Option<&String> {
    all.first().filter(|_| all.len() == 1)
}

/// Of so many different answers none is one.
const ENOUGH: usize = 4;

pub(super) fn of(image: &Image<'_>) -> Producer {
    let mut found = Producer::default();
    for section in &image.sections {
        if section.kind == SectionKind::Comment {
            // A few dozen bytes per compiler; more is not this section.
            let text = image.section_bytes(section);
            let text = text.get(..1 << 20).unwrap_or(text);
            comments(text, &mut found);
            if section.name == "producers" {
                field(text, &mut found);
            }
        }
    }
    if !found.releases.is_empty() {
        return found;
    }
    // Nearly all of a module is code, which holds no texts.
    if image.format == Format::Wasm {
        for section in &image.sections {
            if section.kind == SectionKind::Data {
                paths(image.section_bytes(section), &mut found);
            }
        }
        return found;
    }
    if image.format != Format::Elf {
        paths(image.bytes, &mut found);
        return found;
    }
    for section in &image.sections {
        let debug = section.name.starts_with(".debug_str") || section.name == ".zdebug_str";
        let constants =
            section.kind == SectionKind::ReadOnlyData || section.name.starts_with(".data.rel.ro");
        if (debug || constants)
            && let Some(content) = image.section_content(section)
        {
            if debug {
                comments(&content, &mut found);
            }
            paths(&content, &mut found);
        }
    }
    found
}

/// `rustc version 1.95.0 (59807616e 2026-04-14)`.
fn comments(text: &[u8], found: &mut Producer) {
    const MARK: &[u8] = b"rustc version ";
    for at in memchr::memmem::find_iter(text, MARK) {
        let release = text.get(at + MARK.len()..).and_then(release);
        found.releases.extend(release);
        if found.releases.len() >= ENOUGH {
            return;
        }
    }
}

/// In wasm: the length and name of the field, the length and the version `1.95.0 (59807616e …)`.
fn field(text: &[u8], found: &mut Producer) {
    const MARK: &[u8] = b"\x05rustc";
    for at in memchr::memmem::find_iter(text, MARK).take(ENOUGH) {
        let release = text.get(at + MARK.len() + 1..).and_then(release);
        found.releases.extend(release);
    }
}

/// A release at the start of a text: `1.95.0`, `1.97.0-nightly`.
fn release(text: &[u8]) -> Option<String> {
    let end = text
        .iter()
        .take(64)
        .position(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'.' | b'-'));
    let text = std::str::from_utf8(text.get(..end.unwrap_or(text.len().min(64)))?).ok()?;
    let numbers = text.split('-').next()?;
    let valid = numbers.split('.').count() == 3
        && numbers
            .split('.')
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    valid.then(|| text.to_owned())
}

/// Paths of the standard library's sources.
fn paths(text: &[u8], found: &mut Producer) {
    // Below it, paths are spelled as on the machine that made the file, `/library\core\src\…`, where
    // the user's own crates are compiled with them also before it.
    let library = memchr::memmem::Finder::new(b"library");
    let mut rest = text;
    while let Some(at) = library.find(rest) {
        let before = &rest[at.saturating_sub(64)..at];
        rest = &rest[at + 1..];
        let slash = |byte: Option<&u8>| matches!(byte, Some(b'/' | b'\\'));
        if !slash(rest.get("library".len() - 1)) || !slash(before.last()) {
            continue;
        }
        let before = &before[..before.len() - 1];
        let Some(slash) = before.iter().rposition(|byte| *byte == b'/') else {
            continue;
        };
        let (front, directory) = (&before[..slash], &before[slash + 1..]);
        let commit = front.ends_with(b"/rustc")
            && directory.len() == 40
            && directory.iter().all(u8::is_ascii_hexdigit);
        if commit {
            let commit = String::from_utf8_lossy(directory).into_owned();
            found.commits.insert(commit);
        } else if front.ends_with(b"/rustc") {
            found.releases.extend(whole_release(directory));
        } else if let Some(directory) = directory.strip_prefix(b"rustc-") {
            let directory = directory.strip_suffix(b"-src").unwrap_or(directory);
            found.releases.extend(whole_release(directory));
        }
        if found.commits.len() + found.releases.len() >= ENOUGH {
            return;
        }
    }
}

fn whole_release(text: &[u8]) -> Option<String> {
    release(text).filter(|release| release.len() == text.len())
}

/// The crate that a file's name tells: `libx.so`, `x.dll` and `libx.dylib` of cargo's, `x.abi3.so` and
/// `x.cpython-312-….so` of Python's modules, `x.linux-x64-gnu.node` of Node's, `x_bg.wasm` and `x.wasm`.
pub(super) fn crate_of_file_name(file: &Path) -> Option<String> {
    let name = file.file_name()?.to_str()?;
    let (stem, endings) = name.split_once('.')?;
    let crate_name = match endings.rsplit('.').next()? {
        "node" => stem,
        "wasm" => stem.strip_suffix("_bg").unwrap_or(stem),
        "dll" | "pyd" => stem,
        "so" | "dylib" if endings.starts_with("abi3") || endings.starts_with("cpython") => stem,
        "so" | "dylib" if endings == "so" || endings == "dylib" => stem.strip_prefix("lib")?,
        _ => return None,
    };
    let crate_name = crate_name.replace('-', "_");
    let plain = crate_name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let of_web = endings.ends_with("wasm") || endings.ends_with("node");
    let says_nothing = crate_name.is_empty() || of_web && USUAL.contains(&crate_name.as_str());
    (plain && !says_nothing).then_some(crate_name)
}

/// The crate that the name tells under which the linker made a file, as rustc and cargo give it: that of
/// a PDB, `D:\a\x\target\release\deps\x.pdb` or `x.pdb`, and a library's install name,
/// `/x/target/release/deps/libx.dylib`. With it, whether only cargo gives such a name.
pub(super) fn crate_of_link(linked: &str) -> Option<(String, bool)> {
    let mut parts = linked.rsplit(['/', '\\']);
    let name = parts.next()?;
    let of_cargo = parts.next() == Some("deps");
    let stem = match name.strip_suffix(".pdb") {
        Some(stem) => stem,
        None => name.strip_suffix(".dylib")?.strip_prefix("lib")?,
    };
    // Cargo appends a hash to the files of programs and tests in `deps`.
    let stem = match stem.rsplit_once('-') {
        Some((stem, hash)) if hash.len() == 16 && hash.bytes().all(|it| it.is_ascii_hexdigit()) => {
            stem
        }
        _ => stem,
    };
    let name = stem.replace('-', "_");
    let plain = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    plain.then_some((name, of_cargo))
}

/// What bundlers and packagers of JavaScript call a module, whatever is in it.
const USUAL: [&str; 12] = [
    "addon", "app", "binding", "bindings", "bundle", "index", "lib", "main", "module", "native",
    "output", "wasm",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn producer(read: fn(&[u8], &mut Producer), text: &[u8]) -> Producer {
        let mut found = Producer::default();
        read(text, &mut found);
        found
    }

    #[test]
    fn compilers_name_themselves() {
        let comment = b"GCC: (Debian 12.2.0) 12.2.0\0rustc version 1.95.0 (59807616e 2026-04-14)\0";
        let found = producer(comments, comment);
        assert_eq!(found.release(None).as_deref(), Some("1.95.0"));
        let both = [&comment[..], b"rustc version 1.97.0-nightly (a)\0"].concat();
        let found = producer(comments, &both);
        assert!(found.is_rust());
        assert_eq!(found.release(None), None);
        let wasm = b"\x01\x0cprocessed-by\x01\x05rustc\x1d1.93.1 (01f6ddf75 2026-02-11)";
        assert_eq!(
            producer(field, wasm).release(None).as_deref(),
            Some("1.93.1")
        );
        assert!(!producer(comments, b"GCC: (Debian 12.2.0) 12.2.0\0").is_rust());
    }

    #[test]
    fn paths_of_std_name_the_release_or_the_commit() {
        let debian = b"x/usr/src/rustc-1.63.0/library/core/src/fmt/mod.rs";
        assert_eq!(
            producer(paths, debian).release(None).as_deref(),
            Some("1.63.0")
        );
        let tarball = b"/build/rustc-1.85.1-src/library/std/src/io.rs";
        assert_eq!(
            producer(paths, tarball).release(None).as_deref(),
            Some("1.85.1")
        );
        let commit = b"/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/alloc/src/a.rs";
        let found = producer(paths, commit);
        assert!(found.is_rust());
        assert_eq!(found.release(None), None);
        assert!(!producer(paths, b"/home/me/rust/library/a.rs /library/").is_rust());
        let windows = br"/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library\core\src\io.rs";
        assert!(producer(paths, windows).is_rust());
        let all = br"/rustc/f6e511eec7342f59a25f7c0534f1dbea00d01b14\library\core\src\str.rs";
        assert!(producer(paths, all).is_rust());
    }

    #[test]
    fn names_of_the_linker_tell_crates() {
        let of = |name: &str| crate_of_link(name);
        let found = |name: &str, cargo| Some((name.to_owned(), cargo));
        assert_eq!(of("bindings_napi.pdb"), found("bindings_napi", false));
        let apple = "/Users/runner/work/rollup/rust/target/release/deps/libbindings_napi.dylib";
        assert_eq!(of(apple), found("bindings_napi", true));
        let windows = r"D:\a\x\target\release\deps\my_tool-0123456789abcdef.pdb";
        assert_eq!(of(windows), found("my_tool", true));
        assert_eq!(of("@rpath/libz.1.dylib"), None);
        assert_eq!(of("@rpath/tokenizers.tokenizers.abi3.so"), None);
    }

    #[test]
    fn names_of_modules_tell_their_crates() {
        let name = |file: &str| crate_of_file_name(Path::new(file));
        for (file, expected) in [
            ("/x/libmy_crate.so", Some("my_crate")),
            (
                "_pydantic_core.cpython-312-x86_64-linux-gnu.so",
                Some("_pydantic_core"),
            ),
            ("_rust.abi3.so", Some("_rust")),
            ("oxlint.linux-x64-gnu.node", Some("oxlint")),
            ("a_bg.wasm", Some("a")),
            ("parser.dll", Some("parser")),
            ("libssl.so.3", None),
            ("index_bg.wasm", None),
            ("index.wasm", None),
            ("index.linux-x64-gnu.node", None),
            ("native.abi3.so", Some("native")),
            ("python3.11", None),
            ("rg", None),
            ("tool.exe", None),
        ] {
            assert_eq!(name(file).as_deref(), expected, "{file}");
        }
    }
}
