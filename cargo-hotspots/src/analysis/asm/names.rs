//! Names as people type them: with or without generic arguments, whole or from the end.

/// `alpha::burn::<u64>` without its arguments: `alpha::burn`. The brackets of
/// `<Type as Trait>::f` stay.
pub(super) fn family(full: &str) -> String {
    let mut text = String::with_capacity(full.len());
    let mut rest = full;
    while let Some(at) = rest.find("::<") {
        // `::<impl …>` is where code is written, not what it is applied to.
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        let inside = from.get(2..).unwrap_or_default();
        let end = balanced(inside).unwrap_or(inside.len());
        if inside.starts_with("<impl ") {
            text.push_str("::");
            text.push_str(inside.get(..end).unwrap_or_default());
        }
        rest = inside.get(end..).unwrap_or_default();
    }
    text.push_str(rest);
    text
}

/// As one would call it: `<alpha::Map<K> as core::iter::Iterator>::next` is `alpha::Map::next`.
pub(super) fn plain(full: &str) -> String {
    let family = family(full);
    let Some(end) = family.starts_with('<').then(|| balanced(&family)).flatten() else {
        return family;
    };
    let inside = family.get(1..end - 1).unwrap_or_default();
    let own = top_level(inside, " as ").map_or(inside, |at| &inside[..at]);
    let bare = own.find('<').map_or(own, |at| &own[..at]);
    let bare = bare.trim_start_matches('&').trim_start_matches("mut ");
    format!("{bare}{}", family.get(end..).unwrap_or_default())
}

/// The last word of a path, arguments left out.
pub(super) fn last(full: &str) -> String {
    let family = family(full);
    let last = family.rsplit("::").next().unwrap_or_default();
    last.to_owned()
}

/// The length of the bracket that `text` starts with, up to and with its closing one.
fn balanced(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            // The arrow of a function's type closes nothing.
            '>' if previous != '-' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        previous = c;
    }
    None
}

/// Where `word` is outside all brackets.
fn top_level(text: &str, word: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '<' | '(' | '[' => depth += 1,
            '>' if previous == '-' => {}
            '>' | ')' | ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 && text[at..].starts_with(word) => return Some(at),
            _ => {}
        }
        previous = c;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_go_and_impls_stay() {
        let cases = [
            ("alpha::burn", "alpha::burn"),
            ("alpha::burn::<u64>", "alpha::burn"),
            (
                "a::f::<b::G<c::H>, fn(u8) -> u8>::{closure#0}",
                "a::f::{closure#0}",
            ),
            ("a::<impl b::C for D>::f::<u8>", "a::<impl b::C for D>::f"),
            ("<a::B<u8> as c::D>::f::<u8>", "<a::B<u8> as c::D>::f"),
            ("a::f::<broken", "a::f"),
            ("", ""),
        ];
        for (full, expected) in cases {
            assert_eq!(family(full), expected, "{full}");
        }
    }

    #[test]
    fn methods_as_one_calls_them() {
        let cases = [
            ("<a::B<u8> as c::D<e::F>>::f", "a::B::f"),
            ("<a::B>::f::<u8>", "a::B::f"),
            ("<&mut a::B as c::D>::f", "a::B::f"),
            ("<a::B<fn(u8) -> <u8 as X>::Y> as c::D>::f", "a::B::f"),
            ("a::f", "a::f"),
            ("<broken", "<broken"),
        ];
        for (full, expected) in cases {
            assert_eq!(plain(full), expected, "{full}");
        }
        assert_eq!(last("<a::B as c::D>::f::<u8>"), "f");
    }
}
