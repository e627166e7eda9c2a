//! Names made comparable where modules, crates or numbers changed. Works on demangled text.

/// Each path cut to its last segment, closures and shims without their numbers:
/// `<a::b::Foo<c::Bar> as d::E>::f::{closure#3}` becomes `<Foo<Bar> as E>::f::{closure}`. Linear.
///
/// What legacy names write in another way is brought to v0's: `f{{reify.shim}}` and `4_usize`.
pub(super) fn short(name: &str) -> String {
    let shim = name
        .contains("{{")
        .then(|| name.replace("{{", "::{shim:").replace(".shim}}", "}"));
    let name = shim.as_deref().unwrap_or(name);
    let mut text = String::with_capacity(name.len());
    // Where the identifier at the end of `text` begins, while one is being read.
    let mut word = None;
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ':' if chars.peek() == Some(&':') => {
                chars.next();
                match (word.take(), chars.peek()) {
                    (_, Some('<' | '{')) | (None, _) => text.push_str("::"),
                    // A module or a type's scope: what follows is what counts.
                    (Some(start), _) => text.truncate(start),
                }
            }
            '#' => {
                while chars.next_if(char::is_ascii_digit).is_some() {}
                word = None;
            }
            c => {
                let part = c == '_' || c.is_alphanumeric();
                if !part && let Some(start) = word {
                    untype(&mut text, start);
                }
                word = part.then(|| word.unwrap_or(text.len()));
                text.push(c);
            }
        }
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

/// The last segment of a [`short`] name without generic arguments; closures keep what they stand
/// in: `f::{closure}`.
pub(super) fn tail(short: &str) -> String {
    let mut plain = String::with_capacity(short.len());
    let (mut depth, mut before) = (0_usize, ' ');
    for c in short.chars() {
        match c {
            '<' => depth += 1,
            '>' if before != '-' && before != '=' => depth = depth.saturating_sub(1),
            c if depth == 0 => plain.push(c),
            _ => {}
        }
        before = c;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in plain.rsplit("::").filter(|part| !part.is_empty()) {
        parts.push(part);
        if !part.starts_with('{') {
            break;
        }
    }
    parts.reverse();
    parts.join("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_a_move_changes() {
        for (name, expected, last) in [
            ("a::b::f", "f", "f"),
            ("<alloc::vec::Vec<a::B>>::push", "<Vec<B>>::push", "push"),
            (
                "<a::b::Foo<c::Bar> as d::E>::f::{closure#3}",
                "<Foo<Bar> as E>::f::{closure}",
                "f::{closure}",
            ),
            (
                "a::run::<u8>::{closure#0}",
                "run::<u8>::{closure}",
                "run::{closure}",
            ),
            ("f::<fn(x::Y) -> z::W>", "f::<fn(Y) -> W>", "f"),
            ("memcpy", "memcpy", "memcpy"),
            ("<a::S<4_usize> as b::T>::f", "<S<4> as T>::f", "f"),
            ("a::f{{reify.shim}}", "f::{shim:reify}", "f::{shim:reify}"),
            (
                "a::f::<u8>::{shim:reify#0}",
                "f::<u8>::{shim:reify}",
                "f::{shim:reify}",
            ),
            ("", "", ""),
            (">>::<<", ">>::<<", ""),
        ] {
            assert_eq!(short(name), expected, "{name}");
            assert_eq!(tail(&short(name)), last, "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_a_short_form(text in "[a-b:<> {}#0-9→=-]{0,40}") {
            let _ = tail(&short(&text));
        }
    }
}
