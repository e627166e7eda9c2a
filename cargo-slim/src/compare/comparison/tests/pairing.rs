//! Which functions are taken for the same, and which are not.

use super::*;

#[test]
fn copies_of_one_name_are_paired_by_size() {
    let before = build(&[("a", "f", 10), ("a", "f", 20), ("a", "f", 30)]);
    let after = build(&[
        ("a", "f", 10),
        ("a", "f", 31),
        ("a", "f", 20),
        ("a", "f", 7),
    ]);
    assert_eq!(
        changes(&before, &after, Kind::Function),
        [
            ("f".to_owned(), 7, Status::Added),
            ("f".to_owned(), 1, Status::Grown),
        ]
    );
}

/// What became of the functions of `before`: their names in each build, none where they are new or
/// gone. The others of both builds stay as they are.
fn fates(
    before: &[(&str, u64)],
    after: &[(&str, u64)],
    others: &[&str],
) -> Vec<(Option<String>, Option<String>)> {
    let make = |functions: &[(&str, u64)]| {
        let others = others.iter().map(|name| (*name, 1_000));
        let all = functions.iter().copied().chain(others);
        // One crate for each first letter.
        let crates: Vec<String> = ('a'..='z').map(String::from).collect();
        let rows: Vec<_> = crates.iter().map(|name| (name.as_str(), None)).collect();
        let owner = |name: &str| {
            let first = name.trim_start_matches(['<', '&']).chars().next();
            ('a'..='z')
                .position(|letter| Some(letter) == first)
                .unwrap_or_default()
        };
        let all: Vec<_> = all.map(|(name, size)| (owner(name), name, size)).collect();
        build_of(&rows, &all)
    };
    let comparison = Comparison::new(&make(before), &make(after));
    let rows = comparison.of(Kind::Function).iter();
    let mut fates: Vec<_> = rows
        .map(|row| {
            let name = Some(row.name.clone());
            match row.status {
                Status::Added => (None, name),
                Status::Removed => (name, None),
                _ => (row.from.clone().or(name.clone()), name),
            }
        })
        .collect();
    fates.sort();
    fates
}

/// Pairs that an earlier rule made in published programs, and that are not the same function. The
/// sizes are those of tokenizers 0.20 and 0.21, ruff 0.8.0 and 0.8.6, typos 1.24.1 and 1.26.0.
#[test]
fn a_common_last_name_is_no_evidence() {
    for (old, new, others) in [
        (
            ("tokenizers::models::bpe::word::Word::merge", 1_490),
            ("core::slice::sort::stable::merge::merge", 504),
            &["core::slice::sort::f", "tokenizers::models::g"] as &[&str],
        ),
        (
            ("std::io::stdio::Stderr::lock", 140),
            ("std::io::stdio::Stdout::lock", 342),
            &[],
        ),
        (
            ("std::io::stdio::Stderr::lock", 140),
            ("std::io::stdio::Stdout::lock", 140),
            &[],
        ),
        (
            ("unicode_width::str_width", 825),
            ("console::utils::str_width", 2_355),
            &["console::utils::f"],
        ),
        (
            ("unicode_width::str_width", 825),
            ("console::utils::str_width", 2_355),
            &[],
        ),
        (
            ("ast::visitor::source_order::walk_expr", 597),
            ("ast::visitor::walk_expr", 1_559),
            &["ast::visitor::source_order::f", "ast::visitor::f"],
        ),
        (
            ("core::ptr::drop_in_place::<serde_json::value::Value>", 138),
            ("core::ptr::drop_in_place::<toml_edit::value::Value>", 737),
            &[],
        ),
        (
            ("core::ptr::drop_in_place::<a::x::Job>", 100),
            ("core::ptr::drop_in_place::<b::y::Drain<usize>>", 100),
            &[],
        ),
        (
            ("<u64 as core::fmt::UpperHex>::fmt", 151),
            ("<u8 as core::fmt::UpperHex>::fmt", 151),
            &[],
        ),
        (
            ("core::ptr::drop_in_place::<[a::T]>", 324),
            ("core::ptr::drop_in_place::<a::T>", 308),
            &[],
        ),
    ] {
        let found = fates(&[old], &[new], others);
        let expected = [(None, Some(new.0.into())), (Some(old.0.into()), None)];
        assert_eq!(found, expected);
    }
}

/// What a rename, a move or another naming changes, and the function is the same.
#[test]
fn the_same_function_is_found_again() {
    type Build<'a> = &'a [(&'a str, u64)];
    let cases: [(Build<'_>, Build<'_>, &[&str]); 7] = [
        // A module, with functions of other sizes.
        (
            &[("a::util::f", 300), ("a::util::g", 100)],
            &[("a::tools::f", 700), ("a::tools::g", 40)],
            &["a::main"],
        ),
        // A module that became a crate, and types in the arguments of others.
        (
            &[
                ("a::util::f", 300),
                ("a::util::g", 100),
                ("core::ptr::drop_in_place::<a::util::T>", 20),
            ],
            &[
                ("p::f", 310),
                ("p::g", 900),
                ("core::ptr::drop_in_place::<p::T>", 30),
            ],
            &["a::main"],
        ),
        // One function, to a module that was there before.
        (
            &[("a::x::T::walk", 600)],
            &[("a::y::T::walk", 600)],
            &["a::x::f", "a::y::f"],
        ),
        // Bounds in another order.
        (
            &[("a::f::<dyn b::C + d::E>", 300)],
            &[("a::f::<dyn d::E + b::C>", 310)],
            &[],
        ),
        // An implementation that became generic.
        (
            &[("<a::K as core::convert::From<b::rules::X>>::from", 300)],
            &[("<a::K as core::convert::From<T>>::from", 300)],
            &[],
        ),
        // Another name of the same code.
        (
            &[("<u64 as core::fmt::Display>::fmt", 282)],
            &[("<usize as core::fmt::Display>::fmt", 282)],
            &[],
        ),
        // Legacy names and v0's.
        (
            &[
                ("<&T as core::fmt::Debug>::fmt", 30),
                ("a::T::f", 300),
                ("a::g::{closure}", 300),
                ("core::iter::Iterator::nth", 80),
            ],
            &[
                ("<&b::S as core::fmt::Debug>::fmt", 30),
                ("<a::T>::f", 310),
                ("a::g::<b::S>::{closure#0}", 290),
                ("<b::S as core::iter::Iterator>::nth", 80),
            ],
            &[],
        ),
    ];
    for (old, new, others) in cases {
        let found = fates(old, new, others);
        let mut expected: Vec<_> = old
            .iter()
            .zip(new)
            .map(|(old, new)| (Some(old.0.to_owned()), Some(new.0.to_owned())))
            .collect();
        expected.sort();
        assert_eq!(found, expected);
    }
}

/// Copies of one legacy name are of different types: the one that is gone is none of the others.
#[test]
fn copies_are_paired_with_the_nearest_size() {
    let before = build(&[("a", "f", 100), ("a", "f", 200), ("a", "f", 3_000)]);
    let after = build(&[("a", "f", 105), ("a", "f", 205)]);
    assert_eq!(
        changes(&before, &after, Kind::Function),
        [
            ("f".to_owned(), -3_000, Status::Removed),
            ("f".to_owned(), 5, Status::Grown),
            ("f".to_owned(), 5, Status::Grown),
        ]
    );
}

/// A copy that another crate made is another copy if it has another size.
#[test]
fn another_crate_made_the_copy() {
    let copy = |by, size| {
        let mut build = build(&[
            ("a", "a::X::call_mut", size),
            ("b", "b::f", 9),
            ("c", "c::f", 9),
        ]);
        build.functions[0].by = Some(by);
        build
    };
    let statuses = |before: &Snapshot, after: &Snapshot| -> Vec<Status> {
        let changes = changes(before, after, Kind::Function).into_iter();
        changes.map(|change| change.2).collect()
    };
    let (before, same) = (copy(1, 2_000), copy(2, 2_000));
    assert_eq!(statuses(&before, &same), [Status::Moved]);
    let rows = Comparison::new(&before, &same);
    let from = rows.of(Kind::Function)[0].from.as_deref();
    assert_eq!(from, Some("instantiated by b, now by c"));
    assert_eq!(
        statuses(&before, &copy(2, 29_800)),
        [Status::Added, Status::Removed]
    );
    // The same crate made it: it is the same function, and it grew.
    assert_eq!(statuses(&before, &copy(1, 29_800)), [Status::Grown]);
}
