//! Names short enough to read in a table. `--full-names` and the machine formats have all of them.

use super::Warning;
use crate::{
    attribution::{CrateInfo, Origin},
    units::counted,
};
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

/// A crate as rows name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrateName<'a> {
    /// The name as rustc knows it, or a bucket in brackets.
    pub name: &'a str,
    /// The package's version, where known.
    pub version: Option<&'a str>,
    /// Where it comes from.
    pub origin: Origin,
}

/// Why rows have no version: of the crate they belong to, no package is known. `labels`: one for each
/// row. Buckets in brackets, the kernel and the linker have no package in the first place.
pub fn unknown_packages<'a>(labels: impl IntoIterator<Item = &'a CrateInfo>) -> Warning {
    let is_unknown = |label: &&CrateInfo| {
        let has_none = matches!(
            label.origin,
            Origin::Kernel | Origin::Vdso | Origin::Jit | Origin::Linker
        );
        label.version.is_none() && !label.name.starts_with('[') && !has_none
    };
    let count = labels.into_iter().filter(is_unknown).count() as u64;
    let what = counted(count, "row");
    Warning::new(
        "unknown-packages",
        format!(
            "{what} of crates whose package nothing names (neither cargo's metadata, debug \
             information nor a list of packages): `version`, and `package` where there is one, are null"
        ),
    )
    .help("run it in the project that the file was built from, or build with `debug = 1`")
    .count(count)
}

impl CrateInfo {
    /// As rows name it.
    pub fn as_name(&self) -> CrateName<'_> {
        CrateName {
            name: &self.name,
            version: self.version.as_deref(),
            origin: self.origin,
        }
    }
}

/// `name` without what the crate column says already and without the modules of the types inside
/// its brackets: `<Core as Strategy>::search`.
///
/// Works on the text of a demangled Rust name; another language's name comes out readable too,
/// at worst as it went in. Linear.
pub fn short_name<'a>(name: &'a str, owner: CrateName<'_>) -> Cow<'a, str> {
    // Two crates of one name are `two (bin)` and `two (lib)`; their functions have the name alone.
    let crate_name = owner.name.split(" (").next().unwrap_or(owner.name);
    let own = name
        .strip_prefix(crate_name)
        .and_then(|rest| rest.strip_prefix("::"));
    let name = own.filter(|rest| !rest.is_empty()).unwrap_or(name);
    if !name.contains('<') || owner.origin == Origin::Native {
        return name.into();
    }
    // By bytes and in whole runs: a library has a hundred thousand names of a hundred characters.
    let bytes = name.as_bytes();
    let mut text = String::with_capacity(name.len());
    // What was read and is kept, but is not in `text` yet, begins here.
    let mut kept = 0;
    // Where the identifier before this place begins, if one ends here.
    let mut word = None;
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&first) = bytes.get(at) {
        let length = identifier(name.get(at..).unwrap_or_default());
        if length > 0 {
            word = Some(at);
            at += length;
            continue;
        }
        let identifier = word.take();
        if let Some([b':', b':', after @ ..]) = bytes.get(at..) {
            at += 2;
            // A module or a type's scope inside brackets: what follows is what counts.
            if let Some(start) = identifier
                && depth > 0
                && !matches!(after, [b'<' | b'{', ..])
            {
                text.push_str(name.get(kept..start).unwrap_or_default());
                kept = at;
            }
            continue;
        }
        match first {
            b'<' => depth += 1,
            // The arrow of a function type closes nothing.
            b'>' if !matches!(bytes.get(..at), Some([.., b'-' | b'='])) => {
                depth = depth.saturating_sub(1)
            }
            _ => {}
        }
        at += 1;
        while !name.is_char_boundary(at) {
            at += 1;
        }
    }
    text.push_str(name.get(kept..).unwrap_or_default());
    unwrap_inherent(&mut text);
    if text.len() > LONG && text.chars().count() > LONG {
        collapse(&text).into()
    } else {
        text.into()
    }
}

/// How many bytes of `text` are an identifier. Nearly all of them are plain ASCII.
fn identifier(text: &str) -> usize {
    let is_plain = |byte: &u8| PLAIN[usize::from(*byte)];
    let plain = text.bytes().take_while(is_plain).count();
    let rest = text.get(plain..).unwrap_or_default();
    if rest.bytes().next().is_none_or(|byte| byte.is_ascii()) {
        return plain;
    }
    let end = rest.find(|c: char| c != '_' && !c.is_alphanumeric());
    plain + end.unwrap_or(rest.len())
}

/// ASCII that identifiers are made of.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        plain[byte] = byte as u8 == b'_' || (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    plain
};

/// Above this many characters a name says more without the arguments of its arguments.
const LONG: usize = 80;

/// `f::<Vec<…>>`: brackets within brackets lose their content.
fn collapse(text: &str) -> String {
    let mut short = String::with_capacity(text.len());
    // What is kept begins here, while it is.
    let mut kept = Some(0);
    let mut depth = 0_usize;
    let mut before = b' ';
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'<' => {
                depth += 1;
                if let (2, Some(from)) = (depth, kept) {
                    short.push_str(text.get(from..=at).unwrap_or_default());
                    short.push('…');
                    kept = None;
                }
            }
            b'>' if before != b'-' && before != b'=' => {
                depth = depth.saturating_sub(1);
                if depth < 2 {
                    kept = kept.or(Some(at));
                }
            }
            _ => {}
        }
        before = byte;
    }
    let rest = kept.and_then(|from| text.get(from..));
    short.push_str(rest.unwrap_or_default());
    short
}

/// `<Vec<u8>>::push` reads better as `Vec<u8>::push`.
fn unwrap_inherent(text: &mut String) {
    if !text.starts_with('<') {
        return;
    }
    let mut depth = 0_usize;
    let mut before = b' ';
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'<' => depth += 1,
            b'>' if before != b'-' && before != b'=' => depth = depth.saturating_sub(1),
            // The `as` of a trait belongs to the brackets.
            b' ' if depth == 1
                && matches!(
                    text.as_bytes().get(at..),
                    Some([b' ', b'a', b's', b' ', ..])
                ) =>
            {
                return;
            }
            _ => {}
        }
        if depth == 0 {
            text.remove(at);
            text.remove(0);
            return;
        }
        before = byte;
    }
}

/// Names that more than one crate of a report has, so that only these need their version.
#[derive(Debug, Default)]
pub struct Ambiguous<'a> {
    names: HashSet<&'a str>,
    /// The marks of these: a table asks for the name in each of a hundred thousand rows, and most are
    /// told apart by theirs.
    marks: u64,
}

impl<'a> Ambiguous<'a> {
    /// The ambiguous names among these.
    pub fn among(crates: impl Iterator<Item = CrateName<'a>>) -> Self {
        let mut first: HashMap<&str, CrateName<'_>> = HashMap::new();
        let mut ambiguous = HashSet::new();
        for owner in crates {
            let known = *first.entry(owner.name).or_insert(owner);
            if known != owner {
                ambiguous.insert(owner.name);
            }
        }
        Self {
            marks: ambiguous.iter().fold(0, |all, name| all | mark(name)),
            names: ambiguous,
        }
    }

    /// `regex`, or where there are several `regex 1.12.2`, `memchr 2.7.6 (std)`; what a crate's build
    /// compiled from C has the crate's version too, `libgit2_sys (native)`.
    pub fn name<'l>(&self, owner: CrateName<'l>) -> Cow<'l, str> {
        if self.marks & mark(owner.name) == 0 || !self.names.contains(owner.name) {
            return owner.name.into();
        }
        if owner.origin == Origin::Native {
            return format!("{} (native)", owner.name).into();
        }
        let version = owner.version.iter().map(|version| format!(" {version}"));
        let std = (owner.origin == Origin::StdDependency).then(|| " (std)".to_owned());
        std::iter::once(owner.name.to_owned())
            .chain(version)
            .chain(std)
            .collect::<String>()
            .into()
    }
}

/// One bit of 64, by how long a name is and how it ends.
fn mark(name: &str) -> u64 {
    let last = name.bytes().last().unwrap_or_default();
    1 << ((name.len() * 7 + usize::from(last)) % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label<'a>(name: &'a str, version: Option<&'a str>, origin: Origin) -> CrateName<'a> {
        CrateName {
            name,
            version,
            origin,
        }
    }

    #[test]
    fn short_names_keep_what_the_crate_column_does_not_say() {
        let cases = [
            ("core::fmt::write", "core", "fmt::write"),
            ("main", "app", "main"),
            ("<alloc::vec::Vec<u8>>::push", "alloc", "Vec<u8>::push"),
            (
                "<a::b::Core as a::c::Strategy>::search",
                "a",
                "<Core as Strategy>::search",
            ),
            ("<a::B as core::fmt::Debug>::fmt", "a", "<B as Debug>::fmt"),
            (
                "std::rt::lang_start::<core::result::Result<(), anyhow::Error>>",
                "std",
                "rt::lang_start::<Result<(), Error>>",
            ),
            (
                "a::f::<fn(x::Y) -> z::W>::{closure#0}",
                "a",
                "f::<fn(Y) -> W>::{closure#0}",
            ),
            ("a::f::<b::g::{closure#0}>", "a", "f::<g::{closure#0}>"),
            ("<[T; 3]>::f", "core", "[T; 3]::f"),
            ("<&a::B>::λ", "a", "&B::λ"),
            ("", "a", ""),
            ("a::", "a", "a::"),
            ("<<<", "a", "<<<"),
            (">>>::<", "a", ">>>::<"),
        ];
        for (full, owner, expected) in cases {
            assert_eq!(
                short_name(full, label(owner, None, Origin::Registry)),
                expected,
                "{full}"
            );
        }
        let native = label("[native]", None, Origin::Native);
        assert_eq!(
            short_name("operator<(std::string)", native),
            "operator<(std::string)"
        );
    }

    #[test]
    fn long_names_lose_the_arguments_of_their_arguments() {
        let inner = "a::Vec<b::Option<b::Result<c::SomeLongName, c::AnotherLongName>>>";
        let name = format!("core::f::<{inner}, fn({inner}) -> d::Z>::{{closure#0}}");
        let owner = label("core", None, Origin::Std);
        assert_eq!(
            short_name(&name, owner),
            "f::<Vec<…>, fn(Vec<…>) -> Z>::{closure#0}"
        );
    }

    /// The same, character by character.
    fn collapsed(text: &str) -> String {
        let mut short = String::new();
        let (mut depth, mut before) = (0_usize, ' ');
        for c in text.chars() {
            if c == '>' && before != '-' && before != '=' {
                depth = depth.saturating_sub(1);
            }
            if depth < 2 {
                short.push(c);
            }
            if c == '<' {
                depth += 1;
                if depth == 2 {
                    short.push('…');
                }
            }
            before = c;
        }
        short
    }

    #[test]
    fn only_ambiguous_crates_show_their_version() {
        let labels = [
            label("memchr", Some("2.7.5"), Origin::Registry),
            label("memchr", Some("2.7.6"), Origin::StdDependency),
            label("regex", Some("1.0.0"), Origin::Registry),
        ];
        let ambiguous = Ambiguous::among(labels.iter().copied());
        let names: Vec<_> = labels.iter().map(|label| ambiguous.name(*label)).collect();
        assert_eq!(names, ["memchr 2.7.5", "memchr 2.7.6 (std)", "regex"]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_a_short_form(text in "[a-b:<> {}→=-]{0,40}") {
            let _ = short_name(&text, label("a", None, Origin::Registry));
            proptest::prop_assert_eq!(collapse(&text), collapsed(&text));
        }
    }
}
