//! Names made comparable where modules, crates, generic arguments or numbers changed. Works on
//! demangled text. Everything here is linear in the name's length.

use std::{
    borrow::Cow,
    hash::{DefaultHasher, Hash, Hasher},
};

/// Two names of one hash would be taken for one: in 2^64 that does not happen by chance, and a file
/// made for it only spoils its own report.
pub(super) fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// What is comparable of a name.
#[derive(Debug, Default)]
pub(super) struct Form {
    /// The name without numbers that follow from order, see [`unnumbered`].
    pub(super) text: String,
    /// Of [`short`].
    pub(super) short: u64,
    /// Of [`Place::text`], [`folded`].
    pub(super) place: u64,
    /// Of the trait's method, whatever the type; of the place where there is no trait.
    pub(super) method: u64,
    /// Of all identifiers and signs of types, in any order: `dyn A + B` is `dyn B + A`.
    pub(super) words: u64,
    /// Whether the type that the method is of is a parameter or is not named, as legacy names have
    /// it: `<&T as …`.
    pub(super) open: bool,
    /// Whether the generic arguments name types, which legacy names mostly do not.
    pub(super) concrete: bool,
    /// The identifiers themselves, sorted.
    each: Box<[u64]>,
}

impl Form {
    pub(super) fn new(name: &str) -> Self {
        let text = unnumbered(name);
        let place = Place::of(&text);
        let mut each: Box<[u64]> = words(&text).map(hash).collect();
        each.sort_unstable();
        // `[T]` is not `T`, and `&T` neither.
        let signs = text.bytes().fold(0_u32, |sum, byte| match byte {
            b'[' | b'&' | b'*' | b'(' => sum.wrapping_add(u32::from(byte)),
            _ => sum,
        });
        Self {
            short: hash(&short(&text)),
            place: hash(&folded(&place.text)),
            method: hash(&place.method()),
            words: each
                .iter()
                .chain(&[u64::from(signs)])
                .fold(0, |sum: u64, word| sum.wrapping_add(*word)),
            each,
            open: place.open(),
            concrete: place.concrete,
            text,
        }
    }

    /// How alike two names are: the share of identifiers that they have in common.
    pub(super) fn alike(&self, other: &Self) -> f64 {
        let all = self.each.len() + other.each.len();
        let mut theirs = other.each.iter().peekable();
        let mut common = 0_usize;
        for word in &self.each {
            while theirs.next_if(|other| *other < word).is_some() {}
            common += usize::from(theirs.next_if_eq(&word).is_some());
        }
        2.0 * common as f64 / all.max(1) as f64
    }
}

/// The identifiers of a name; numbers are some, too.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let part = |c: char| c == '_' || c.is_alphanumeric();
    text.split(move |c| !part(c))
        .filter(|word| !word.is_empty())
}

/// Integers of one width under one name: the compiler makes the same code of `<u64 as Display>::fmt`
/// and `<usize as Display>::fmt`, keeps one copy, and which name that has differs from build to
/// build. Where the width is another the sizes differ, too.
fn folded(place: &str) -> Cow<'_, str> {
    let rest = place.strip_prefix('<').and_then(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric())?;
        let (word, rest) = rest.split_at(end);
        let width = match word {
            "u16" | "i16" => "16",
            "u32" | "i32" => "32",
            "u64" | "i64" | "usize" | "isize" => "64",
            "u128" | "i128" => "128",
            _ => return None,
        };
        Some(format!("<{width}{rest}"))
    });
    rest.map_or(place.into(), Cow::from)
}

/// Closures and shims without their numbers: `f::{closure#3}` becomes `f::{closure}`. What legacy
/// names write in another way is brought to v0's: `f{{reify.shim}}` and `4_usize`.
pub(super) fn unnumbered(name: &str) -> String {
    let shim = name
        .contains("{{")
        .then(|| name.replace("{{", "::{shim:").replace(".shim}}", "}"));
    let name = shim.as_deref().unwrap_or(name);
    let mut text = String::with_capacity(name.len());
    // Where the identifier at the end of `text` begins, while one is being read.
    let mut word = None;
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '#' {
            while chars.next_if(char::is_ascii_digit).is_some() {}
            word = None;
            continue;
        }
        let part = c == '_' || c.is_alphanumeric();
        if !part && let Some(start) = word {
            untype(&mut text, start);
        }
        word = part.then(|| word.unwrap_or(text.len()));
        text.push(c);
    }
    text
}

/// A number loses its type.
fn untype(text: &mut String, start: usize) {
    let number = text.get(start..).unwrap_or_default();
    if let Some((digits, kind)) = number.split_once('_')
        && !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && kind.starts_with(['u', 'i'])
    {
        text.truncate(start + digits.len());
    }
}

/// Each path cut to its last segment and the type before it, if there is one:
/// `<a::b::Foo<c::Bar> as d::E>::f::{closure}` becomes `<Foo<Bar> as E>::f::{closure}`, and
/// `a::b::Foo::f` becomes `Foo::f`. Takes the text of [`unnumbered`].
pub(super) fn short(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    let mut word = None;
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        if c == ':' && chars.peek() == Some(&':') {
            chars.next();
            match (word.take(), chars.peek()) {
                (_, Some('<' | '{')) | (None, _) => text.push_str("::"),
                // Types begin with a capital letter, modules do not: `Stdout::lock` is not
                // `Stderr::lock`.
                (Some(start), _) if text[start..].starts_with(char::is_uppercase) => {
                    text.push_str("::");
                }
                // A module or crate: what follows is what counts.
                (Some(start), _) => text.truncate(start),
            }
            continue;
        }
        let part = c == '_' || c.is_alphanumeric();
        word = part.then(|| word.unwrap_or(text.len()));
        text.push(c);
    }
    text
}

/// Where a function is written: its name without generic arguments, the same under v0 and legacy:
/// `<a::b::T<u8> as c::U<u8>>::f::<u8>` is at `<a::b::T as c::U>::f`, and both `<a::T<u8>>::f` and
/// `a::T::f` are at `a::T::f`.
#[derive(Debug)]
pub(super) struct Place {
    /// The name.
    pub(super) text: String,
    /// Whether there is a path among the arguments.
    pub(super) concrete: bool,
    /// If it begins with brackets: where the trait in them begins, and where they end.
    brackets: Option<(Option<usize>, usize)>,
}

impl Place {
    /// Takes the text of [`unnumbered`].
    pub(super) fn of(name: &str) -> Self {
        let mut text = String::with_capacity(name.len());
        let mut concrete = false;
        // How many brackets of arguments are open, and how many others.
        let (mut cut, mut open) = (0_usize, 0_usize);
        // The end of the first bracket's text, and its trait.
        let (mut end, mut trait_at) = (None, None);
        let mut before = ' ';
        for (at, c) in name.char_indices() {
            let arrow = matches!(before, '-' | '=');
            let part = before == '_' || before.is_alphanumeric();
            match c {
                '<' if cut > 0 => cut += 1,
                '<' if part || before == ':' && !name[at..].starts_with("<impl ") => {
                    cut = 1;
                    text.truncate(text.trim_end_matches(':').len());
                }
                '>' if cut > 0 && !arrow => cut -= 1,
                _ if cut > 0 => concrete |= c == ':',
                '<' => {
                    open += 1;
                    text.push(c);
                }
                '>' if !arrow => {
                    open = open.saturating_sub(1);
                    if open == 0 && end.is_none() {
                        end = Some(text.len());
                    }
                    text.push(c);
                }
                ' ' if open == 1 && end.is_none() && name[at..].starts_with(" as ") => {
                    trait_at = trait_at.or(Some(text.len() + " as ".len()));
                    text.push(c);
                }
                c => text.push(c),
            }
            before = c;
        }
        let mut brackets = end
            .filter(|_| text.starts_with('<'))
            .map(|end| (trait_at, end));
        // A method of a type.
        if let Some((None, end)) = brackets
            && text[1..].starts_with(|c: char| c == '_' || c.is_alphanumeric())
            && !text.starts_with("<impl ")
        {
            text.remove(end);
            text.remove(0);
            brackets = None;
        }
        Self {
            text,
            concrete,
            brackets,
        }
    }

    /// `c::U::f`: the trait and what follows; `[::f` for a method of slices.
    fn method(&self) -> Cow<'_, str> {
        let Some((start, end)) = self.brackets else {
            return self.text.as_str().into();
        };
        let name = match start {
            Some(start) => self.text.get(start..end),
            None => self.text.get(1..2),
        };
        let rest = self.text.get(end + 1..).unwrap_or_default();
        format!("{}{rest}", name.unwrap_or_default()).into()
    }

    /// Whether the type is a parameter, which has no path and not the small letters of `u8` or
    /// `str`, or not there at all.
    fn open(&self) -> bool {
        let Some((start, end)) = self.brackets else {
            return true;
        };
        let end = start.map_or(end, |start| start.saturating_sub(" as ".len()));
        self.text.get(1..end).is_some_and(|own| {
            !own.contains("::")
                && words(own).any(|word| word == "_" || word.starts_with(char::is_uppercase))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_a_move_changes() {
        for (name, expected, place) in [
            ("a::b::f", "f", "a::b::f"),
            (
                "<alloc::vec::Vec<a::B>>::push",
                "<Vec<B>>::push",
                "alloc::vec::Vec::push",
            ),
            (
                "alloc::vec::Vec::push",
                "Vec::push",
                "alloc::vec::Vec::push",
            ),
            (
                "<a::b::Foo<c::Bar> as d::E<u8>>::f::{closure#3}",
                "<Foo<Bar> as E<u8>>::f::{closure}",
                "<a::b::Foo as d::E>::f::{closure}",
            ),
            (
                "a::run::<u8>::{closure#0}",
                "run::<u8>::{closure}",
                "a::run::{closure}",
            ),
            ("f::<fn(x::Y) -> z::W>::g", "f::<fn(Y) -> W>::g", "f::g"),
            ("memcpy", "memcpy", "memcpy"),
            (
                "<a::S<4_usize> as b::T>::f",
                "<S<4> as T>::f",
                "<a::S as b::T>::f",
            ),
            (
                "a::f{{reify.shim}}",
                "f::{shim:reify}",
                "a::f::{shim:reify}",
            ),
            (
                "a::f::<u8>::{shim:reify#0}",
                "f::<u8>::{shim:reify}",
                "a::f::{shim:reify}",
            ),
            (
                "<<a::T as b::U>::f::V<u8> as c::W>::g",
                "<<T as U>::V<u8> as W>::g",
                "<<a::T as b::U>::f::V as c::W>::g",
            ),
            (
                "a::_::<impl b::D for a::T<u8>>::f",
                "_::<impl D for T<u8>>::f",
                "a::_::<impl b::D for a::T>::f",
            ),
            ("<[a::T]>::f", "<[T]>::f", "<[a::T]>::f"),
            ("", "", ""),
            ("<", "<", "<"),
            ("λ<λ>", "λ<λ>", "λ"),
        ] {
            let text = unnumbered(name);
            assert_eq!(short(&text), expected, "{name}");
            assert_eq!(Place::of(&text).text, place, "{name}");
        }
    }

    #[test]
    fn a_parameter_is_told_from_a_type() {
        for (name, open, method) in [
            (
                "<&T as core::fmt::Debug>::fmt",
                true,
                "core::fmt::Debug::fmt",
            ),
            ("<(T0, T1) as a::B<T>>::f", true, "a::B::f"),
            ("<_ as a::B>::f", true, "a::B::f"),
            ("<u8 as a::B>::f", false, "a::B::f"),
            ("<&a::T as a::B>::f", false, "a::B::f"),
            ("a::f", true, "a::f"),
            ("<[T]>::f", true, "[::f"),
            ("<[u8]>::f", false, "[::f"),
        ] {
            let place = Place::of(name);
            assert_eq!((place.open(), &*place.method()), (open, method));
        }
    }

    #[test]
    fn words_in_another_order_are_the_same_words() {
        let form = |name| Form::new(name);
        let (a, b) = (
            form("a::f::<dyn b::C + d::E>"),
            form("a::f::<dyn d::E + b::C>"),
        );
        assert_eq!((a.words, a.place), (b.words, b.place));
        assert!(a.alike(&b) > 0.99);
        assert!(a.alike(&form("g::h")) < 0.01);
        assert!((form("a::b").alike(&form("a::c")) - 0.5).abs() < 0.01);
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_its_forms(text in "[a-bAλ:<> {}#0-9→=_-]{0,40}") {
            let _ = Form::new(&text);
        }

        #[test]
        fn any_trait_method_has_its_forms(text in "[a-bAλ:<> ]{0,9} as [a-bAλ:<> ]{0,9}") {
            let _ = Form::new(&format!("<{text}>::f"));
        }
    }
}
