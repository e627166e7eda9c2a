//! What compilers and linkers append to a finished name.
//!
//! Truth: the sources of these endings are LLVM (`.llvm.N`: ThinLTO promotion; `.cold.N`:
//! hot-cold splitting; `.specialized.N`), GCC (`.cold`, `.part.N`, `.isra.N`, `.constprop.N`,
//! `.lto_priv.N`, `.localalias`), BOLT (`.cold.N`, `.warm`), and the ELF tools' way of showing
//! versions and PLT entries (`name@@VERSION`, `name@VERSION`, `name@plt`).
//!
//! An unknown ending of a Rust name is cut off as well, because both Rust schemes say where their
//! name ends. On names of other languages only known endings are cut: in C, `name.0` is a
//! variable of its own.

/// Which part of a function a symbol is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Part {
    /// All of it, or its hot part.
    #[default]
    Whole,
    /// Code moved away because it seldom runs.
    Cold,
    /// BOLT's middle part, between hot and cold.
    Warm,
    /// A piece made a function of its own by the compiler (GCC's partial inlining, LLVM's outliner).
    Outlined,
    /// One body that stands for several equal functions.
    Merged,
    /// The stub in the procedure linkage table that jumps to it.
    Plt,
}

impl Part {
    /// What the text of a name ends in. Hot and warm parts stay unmarked.
    pub(super) fn marker(self) -> &'static str {
        match self {
            Self::Whole | Self::Warm => "",
            Self::Cold => " [cold]",
            Self::Outlined => " [outlined]",
            Self::Merged => " [merged]",
            Self::Plt => " [plt]",
        }
    }
}

/// The words an ending is made of, and what each says.
const WORDS: &[(&str, Part)] = &[
    ("llvm", Part::Whole),
    ("cold", Part::Cold),
    ("warm", Part::Warm),
    ("part", Part::Outlined),
    ("outlined", Part::Outlined),
    ("merged", Part::Merged),
    ("Tgm", Part::Merged),
    ("isra", Part::Whole),
    ("constprop", Part::Whole),
    ("lto_priv", Part::Whole),
    ("localalias", Part::Whole),
    ("clone", Part::Whole),
    ("specialized", Part::Whole),
    ("__uniq", Part::Whole),
    ("resume", Part::Whole),
    ("destroy", Part::Whole),
    ("cleanup", Part::Whole),
];

/// Cuts the known endings off a name of any language: `(name, ending, part)`.
pub(super) fn split(symbol: &str) -> (&str, &str, Part) {
    let mut end = symbol.len();
    let mut part = Part::Whole;
    // MSVC's C++ names and stdcall's `@12` use `@` for themselves.
    if let Some(at) = symbol.find('@')
        && at > 0
        && !symbol.starts_with('?')
    {
        let version = symbol[at..].trim_start_matches('@');
        if version == "plt" {
            (end, part) = (at, Part::Plt);
        } else if version.bytes().any(|b| !b.is_ascii_digit()) {
            end = at;
        }
    }
    while let Some((rest, found)) = cut_word(&symbol[..end]) {
        end = rest;
        part = stronger(part, found);
    }
    (&symbol[..end], &symbol[end..], part)
}

/// Takes one `.word` or `.word.N` off the end: where the rest ends, and what the word says.
fn cut_word(name: &str) -> Option<(usize, Part)> {
    let mut dot = name.rfind('.')?;
    let mut word = &name[dot + 1..];
    // At most two numbers may follow (`.llvm.12.3`).
    for _ in 0..2 {
        if word.is_empty() || !word.bytes().all(|b| b.is_ascii_digit()) {
            break;
        }
        let before = &name[..dot];
        let previous = before.rfind('.')?;
        word = &before[previous + 1..];
        dot = previous;
    }
    // A name is more than its ending.
    if dot == 0 {
        return None;
    }
    WORDS
        .iter()
        .find(|(w, _)| *w == word)
        .map(|&(_, part)| (dot, part))
}

/// What the ending of a Rust name says, once the name's own end is known.
pub(super) fn part_of(ending: &str) -> Part {
    if ending.is_empty() {
        return Part::Whole;
    }
    let mut part = Part::Whole;
    for word in ending.split(['.', '$', '@']) {
        if word == "plt" {
            part = stronger(part, Part::Plt);
        } else if let Some(&(_, found)) = WORDS.iter().find(|(w, _)| *w == word) {
            part = stronger(part, found);
        }
    }
    part
}

/// Of two statements, the one that says more.
fn stronger(a: Part, b: Part) -> Part {
    if a == Part::Whole || (a == Part::Warm && b != Part::Whole) {
        b
    } else {
        a
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_of_other_languages() {
        let cases = [
            ("memcpy@@GLIBC_2.14", "memcpy", Part::Whole),
            ("memcpy@GLIBC_2.2.5", "memcpy", Part::Whole),
            ("memcpy@plt", "memcpy", Part::Plt),
            ("f.cold", "f", Part::Cold),
            ("f.cold.12", "f", Part::Cold),
            ("f.part.0.cold", "f", Part::Cold),
            ("f.part.0.isra.0", "f", Part::Outlined),
            ("f.isra.0.part.0", "f", Part::Outlined),
            ("f.warm", "f", Part::Warm),
            ("f.lto_priv.0.lto_priv.1", "f", Part::Whole),
            ("anon.5d8e.33.llvm.114262", "anon.5d8e.33", Part::Whole),
            ("f.llvm.6510.1", "f", Part::Whole),
            // Not endings: a variable of its own, stdcall, fastcall, MSVC, only an ending.
            ("counter.0", "counter.0", Part::Whole),
            ("_f@12", "_f@12", Part::Whole),
            ("@f@8", "@f@8", Part::Whole),
            ("?f@@YAXXZ", "?f@@YAXXZ", Part::Whole),
            (".cold", ".cold", Part::Whole),
            ("", "", Part::Whole),
            (".", ".", Part::Whole),
            ("..", "..", Part::Whole),
        ];
        for (symbol, name, part) in cases {
            let (n, rest, p) = split(symbol);
            assert_eq!((n, p), (name, part), "{symbol}");
            assert_eq!(format!("{n}{rest}"), symbol);
        }
    }

    #[test]
    fn endings_of_rust_names() {
        assert_eq!(part_of(""), Part::Whole);
        assert_eq!(part_of(".llvm.123"), Part::Whole);
        assert_eq!(part_of(".llvm.123.cold.1"), Part::Cold);
        assert_eq!(part_of(".warm.cold"), Part::Cold);
        assert_eq!(part_of("@plt"), Part::Plt);
    }
}
