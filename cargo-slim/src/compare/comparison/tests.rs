use super::{
    super::change::{Status, delta},
    *,
};
use crate::ledger::{ByCategory, Category};
use crate::snapshot::{Artifact, Build, Crate, Function, Package, Section};
use codecost::attribution::Origin;
use proptest::prelude::*;

/// A build from functions as (crate, name, size); each crate's other bytes are its symbols.
fn build(functions: &[(&str, &str, u64)]) -> Snapshot {
    let mut names: Vec<&str> = functions.iter().map(|function| function.0).collect();
    names.sort_unstable();
    names.dedup();
    let rows: Vec<_> = names.iter().map(|name| (*name, None)).collect();
    let row = |name| names.iter().position(|other| *other == name).unwrap();
    let functions: Vec<_> = functions.iter().map(|f| (row(f.0), f.1, f.2)).collect();
    build_of(&rows, &functions)
}

/// A build from crates as (name, version) and functions as (number of the crate, name, size).
fn build_of(rows: &[(&str, Option<&str>)], functions: &[(usize, &str, u64)]) -> Snapshot {
    let crates: Vec<Crate> = rows
        .iter()
        .enumerate()
        .map(|(number, (name, version))| {
            let own = functions.iter().filter(|function| function.0 == number);
            let code: u64 = own.map(|function| function.2).sum();
            Crate {
                name: (*name).into(),
                package: None,
                version: version.map(str::to_owned),
                origin: Origin::Workspace,
                file: code + 5,
                memory: code,
                parts: ByCategory::from([(Category::Code, code), (Category::Symbols, 5)]),
            }
        })
        .collect();
    let mut sorted = functions.to_vec();
    sorted.sort_by_key(|function| (function.1, function.0, function.2));
    let file = crates.iter().map(|row| row.file).sum();
    Snapshot {
        artifact: Artifact {
            file_size: file,
            ..Artifact::default()
        },
        sections: vec![Section {
            name: ".text".into(),
            kind: "code".into(),
            file,
            memory: file,
        }],
        names: sorted.iter().map(|function| function.1).collect(),
        functions: sorted
            .iter()
            .map(|(owner, _, size)| Function {
                owner: *owner as u32,
                section: 0,
                size: *size,
                by: None,
                family: None,
            })
            .collect(),
        crates,
        ..Snapshot::default()
    }
}

fn changes(before: &Snapshot, after: &Snapshot, kind: Kind) -> Vec<(String, i64, Status)> {
    let comparison = Comparison::new(before, after);
    let of_kind = comparison.of(kind).iter();
    of_kind
        .map(|change| (change.name.clone(), change.delta(), change.status))
        .collect()
}

#[test]
fn strict_passes_come_before_loose_ones() {
    // `b::f` stays where it is, although `c::f` has the size that `b::f` had.
    let before = build(&[("a", "a::b::f", 10), ("a", "a::d::f", 20)]);
    let after = build(&[("a", "a::b::f", 12), ("a", "a::c::f", 20)]);
    assert_eq!(
        changes(&before, &after, Kind::Function),
        [
            ("a::b::f".to_owned(), 2, Status::Grown),
            ("a::c::f".to_owned(), 0, Status::Moved),
        ]
    );
}

#[test]
fn what_only_looks_alike_is_new_and_gone() {
    let before = build(&[("a", "a::f", 10)]);
    let after = build(&[("a", "a::g", 10)]);
    let rows = changes(&before, &after, Kind::Function);
    let statuses: Vec<_> = rows.iter().map(|row| row.2).collect();
    assert_eq!(statuses, [Status::Removed, Status::Added]);
}

#[test]
fn code_that_moves_between_crates_is_named_in_both() {
    let before = build(&[("a", "a::x::f", 100), ("a", "a::g", 50)]);
    let after = build(&[("b", "b::f", 100), ("a", "a::g", 50)]);
    let comparison = Comparison::new(&before, &after);
    let of = |name: &str| {
        let mut rows = comparison.of(Kind::Crate).iter();
        rows.find(|row| row.name == name).unwrap()
    };
    assert_eq!((of("a").moved, of("a").status), (-100, Status::Moved));
    assert_eq!((of("b").moved, of("b").status), (100, Status::Moved));
    assert_eq!(of("b").from.as_deref(), Some("a"));
}

/// Several rows of one name without a version are one crate: which copy of it is which nobody
/// knows, and what stays in a crate did not move.
#[test]
fn rows_that_nothing_tells_apart_are_one_crate() {
    let rows = [("a", None), ("a", None), ("b", None)];
    let before = build_of(&rows, &[(0, "a::f", 100), (2, "b::g", 10)]);
    let after = build_of(&rows, &[(1, "a::f", 107), (2, "b::g", 10)]);
    let comparison = Comparison::new(&before, &after);
    let rows = comparison.of(Kind::Crate);
    assert_eq!(rows.len(), 1, "{rows:#?}");
    assert_eq!((rows[0].name.as_str(), rows[0].moved), ("a", 0));
    assert_eq!((rows[0].before, rows[0].after), (100, 107));
    let functions = comparison.of(Kind::Function);
    assert_eq!(functions[0].from, None, "{functions:#?}");
}

proptest! {
    /// Whatever changed, the deltas add up, in each kind that partitions the file and over all
    /// functions.
    #[test]
    fn deltas_add_up(
        before in prop::collection::vec((0..8_usize, 0..12_usize, 1..200_u64), 1..40),
        after in prop::collection::vec((0..8_usize, 0..12_usize, 1..200_u64), 1..40),
        rows in 4..9_usize,
    ) {
        // The last have no version that tells them from the first.
        const CRATES: [(&str, Option<&str>); 8] = [
            ("a", None), ("b", None), ("c", Some("1.0.0")), ("d", None),
            ("c", Some("2.0.0")), ("a", None), ("a", None), ("b", None),
        ];
        const NAMES: [&str; 12] = [
            "a::f", "b::f", "a::x::f", "a::g::{closure#0}", "a::g::{closure#1}", "<a::T as b::U>::f",
            "<a::T<u8>>::f", "<a::T<u16>>::f", "f", "memcpy", "c::h::<a::T>", "",
        ];
        let make = |functions: &[(usize, usize, u64)], rows: usize| {
            let functions: Vec<_> = functions
                .iter()
                .map(|(owner, name, size)| (*owner % rows, NAMES[*name], *size))
                .collect();
            build_of(&CRATES[..rows], &functions)
        };
        let (before, after) = (make(&before, 8), make(&after, rows));
        let comparison = Comparison::new(&before, &after);
        let sum = |kind| comparison.of(kind).iter().map(Change::delta).sum::<i64>();
        let file = delta(before.artifact.file_size, after.artifact.file_size);
        prop_assert_eq!(sum(Kind::Crate), file);
        prop_assert_eq!(sum(Kind::Section), file);
        let code = |build: &Snapshot| build.functions.iter().map(|f| f.size).sum();
        prop_assert_eq!(sum(Kind::Function), delta(code(&before), code(&after)));
        let moved: i64 = comparison.of(Kind::Crate).iter().map(|row| row.moved).sum();
        prop_assert_eq!(moved, 0, "what leaves one crate enters another");
        for row in comparison.of(Kind::Crate) {
            let had = if row.moved < 0 { row.before } else { row.after };
            prop_assert!(row.moved.unsigned_abs() <= had, "{:?}", row);
        }
        let keys: Vec<_> = comparison.of(Kind::Crate).iter()
            .map(|row| (&row.name, &row.version, &row.version_before)).collect();
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        prop_assert_eq!(distinct.len(), keys.len(), "rows that nothing tells apart");
        prop_assert!(Comparison::new(&before, &before).changes.is_empty());
    }
}

#[test]
fn copies_of_a_generic_function_are_one_row() {
    let with_copies = |sizes: &[u64]| {
        let functions: Vec<_> = sizes.iter().map(|size| ("a", "a::f", *size)).collect();
        let mut build = build(&functions);
        build.families = ["a::f"].into_iter().collect();
        for function in &mut build.functions {
            function.family = Some(0);
        }
        build
    };
    let (before, after) = (with_copies(&[10, 20]), with_copies(&[10, 20, 30]));
    let comparison = Comparison::new(&before, &after);
    let rows = comparison.of(Kind::Generic);
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].delta(), rows[0].status), (30, Status::Grown));
    assert_eq!(rows[0].copies, Some((2, 3)));
    assert_eq!(rows[0].owner.as_deref(), Some("a"));
    // A single copy is a function, and no more.
    let (before, after) = (with_copies(&[10]), with_copies(&[20]));
    assert!(changes(&before, &after, Kind::Generic).is_empty());
}

/// A side whose packages are `(name, compiled)`, built by `toolchain` if that is known.
fn side(toolchain: Option<&str>, notes: &[&str], packages: &[(&str, bool)]) -> Snapshot {
    let package = |(name, compiled): &(&str, bool)| Package {
        name: (*name).into(),
        version: "1.0.0".into(),
        features: compiled.then(Default::default),
        dependencies: Vec::new(),
    };
    let mut side = build(&[("app", "app::main", 9)]);
    side.artifact.build_notes = notes.iter().map(|note| (*note).into()).collect();
    side.build = Some(Build {
        toolchain: toolchain.map(Into::into),
        packages: packages.iter().map(package).collect(),
        ..Build::default()
    });
    side
}

fn codes(before: &Snapshot, after: &Snapshot) -> Vec<&'static str> {
    let warnings = super::super::likeness::warnings(before, after);
    warnings.iter().map(|warning| warning.code).collect()
}

fn causes(before: &Snapshot, after: &Snapshot) -> Vec<String> {
    let comparison = Comparison::new(before, after);
    let causes = comparison.causes.into_iter();
    causes.map(|cause| cause.text).collect()
}

/// The lock file above a file names what is off or for other targets: no dependency of it is new.
#[test]
fn packages_that_are_known_in_different_ways_are_not_compared() {
    let notes = ["strip=none", "v0 names"];
    let packages = [("app", true), ("syn", false)];
    let compiled = side(Some("1.95.0"), &notes, &packages);
    let locked = side(None, &[], &[("app", false), ("syn", false)]);
    for (before, after) in [(&compiled, &locked), (&locked, &compiled)] {
        assert_eq!(causes(before, after), [""; 0]);
        assert_eq!(codes(before, after), ["other-additions", "other-packages"]);
    }
    // Of one kind they are: compiled, or locked.
    let with_syn = side(Some("1.95.0"), &notes, &[("app", true), ("syn", true)]);
    assert_eq!(causes(&compiled, &with_syn), ["new dependency `syn` 1.0.0"]);
    assert!(codes(&compiled, &with_syn).is_empty());
    let without = side(None, &[], &[("app", false)]);
    assert_eq!(causes(&without, &locked), ["new dependency `syn` 1.0.0"]);
    assert!(codes(&without, &locked).is_empty());
}

/// A compiler that makes v0 names by itself needs no flag: both have them all the same.
#[test]
fn what_is_counts_and_not_what_was_added() {
    let packages = [("app", true)];
    let old = side(Some("1.95.0"), &["strip=none", "v0 names"], &packages);
    let new = side(Some("1.97.0"), &["strip=none"], &packages);
    assert!(codes(&old, &new).is_empty());
    assert_eq!(
        causes(&old, &new),
        ["the compiler changed from 1.95.0 to 1.97.0"]
    );
    // Two files as they were found, one with its symbols beside it.
    let beside = side(None, &["symbols from app.debug"], &packages);
    assert!(codes(&side(None, &[], &packages), &beside).is_empty());
}

#[test]
fn another_profile_is_named() {
    let of = |profile: &str| {
        let mut side = side(Some("1.95.0"), &[], &[("app", true)]);
        side.artifact.profile = Some(profile.into());
        side
    };
    assert_eq!(
        causes(&of("release"), &of("small")),
        ["the profile changed from `release` to `small`"]
    );
}

/// A build that does not know versions has one crate where the other has two.
#[test]
fn what_one_build_cannot_tell_apart_is_one_crate() {
    let known = [
        ("a", Some("1.0.0")),
        ("a", Some("2.0.0")),
        ("b", Some("1.0.0")),
    ];
    let functions = [(0, "a::f", 100), (1, "a::g", 200), (2, "b::f", 9)];
    let known = build_of(&known, &functions);
    let unknown = [("a", None), ("a", None), ("b", Some("1.0.0"))];
    let unknown = build_of(&unknown, &functions);
    assert!(changes(&known, &unknown, Kind::Crate).is_empty());
    assert!(changes(&unknown, &known, Kind::Crate).is_empty());
    assert!(changes(&known, &unknown, Kind::Function).is_empty());
    // Where both know them, two versions are two crates.
    let newer = [
        ("a", Some("1.0.0")),
        ("a", Some("3.0.0")),
        ("b", Some("1.0.0")),
    ];
    let newer = build_of(
        &newer,
        &[(0, "a::f", 110), (1, "a::g", 200), (2, "b::f", 9)],
    );
    let comparison = Comparison::new(&known, &newer);
    let rows = comparison.of(Kind::Crate);
    assert_eq!(rows.len(), 1, "{rows:#?}");
    assert_eq!(rows[0].version.as_deref(), Some("1.0.0"));
}

/// The same file with and without a catalogue beside it.
#[test]
fn a_crate_of_std_that_one_build_does_not_know_is_the_same() {
    let functions = [
        (0, "gimli::f", 100),
        (1, "gimli::g", 200),
        (2, "app::main", 9),
    ];
    let rows = [("gimli", Some("0.32.3")), ("gimli", None), ("app", None)];
    let mut known = build_of(&rows, &functions);
    known.crates[0].origin = Origin::StdDependency;
    let mut vague = known.clone();
    vague.crates[0].origin = Origin::Unknown;
    vague.crates[0].version = None;
    for (before, after) in [(&known, &vague), (&vague, &known)] {
        assert_eq!(Comparison::new(before, after).changes, []);
    }
    // Both know that std has one of its own: then the other is another.
    let mut bigger = build_of(
        &rows,
        &[
            (0, "gimli::f", 150),
            (1, "gimli::g", 150),
            (2, "app::main", 9),
        ],
    );
    bigger.crates[0].origin = Origin::StdDependency;
    assert_eq!(changes(&known, &bigger, Kind::Crate).len(), 2);
}

/// A build whose functions are copies of generic ones, as (number of the crate, name, family, size).
fn build_generic(rows: &[&str], functions: &[(usize, &str, Option<u32>, u64)]) -> Snapshot {
    let rows: Vec<_> = rows.iter().map(|name| (*name, None)).collect();
    let mut sorted = functions.to_vec();
    sorted.sort_by_key(|function| (function.1, function.0, function.3));
    let plain: Vec<_> = sorted.iter().map(|f| (f.0, f.1, f.3)).collect();
    let mut build = build_of(&rows, &plain);
    for (function, of) in build.functions.iter_mut().zip(sorted) {
        function.family = of.2;
    }
    build
}

/// A family is one under its name, also where its copies came to another crate, and weighs what
/// each build's own snapshot says.
#[test]
fn a_family_that_changes_its_crate_is_one_row() {
    let from = |crates, copies: &[(usize, &'static str, u64)]| {
        let copies: Vec<_> = copies.iter().map(|f| (f.0, f.1, Some(0), f.2)).collect();
        let mut build = build_generic(crates, &copies);
        build.families = ["<k::Kind as core::From>::from"].into_iter().collect();
        build
    };
    let crates = &["kinds", "linter"];
    let before = from(
        crates,
        &[
            (1, "<k::Kind as core::From<linter::A>>::from", 300),
            (1, "<k::Kind as core::From<linter::B>>::from", 400),
            (1, "<k::Kind as core::From<linter::C>>::from", 170),
        ],
    );
    let after = from(
        crates,
        &[
            (0, "<k::Kind as core::From<T>>::from", 300),
            (0, "<k::Kind as core::From<T>>::from", 410),
        ],
    );
    let comparison = Comparison::new(&before, &after);
    let rows = comparison.of(Kind::Generic);
    assert_eq!(rows.len(), 1, "{rows:#?}");
    assert_eq!((rows[0].before, rows[0].after), (870, 710));
    assert_eq!(rows[0].copies, Some((3, 2)));
    assert_eq!(rows[0].owner.as_deref(), Some("kinds"));
    assert_eq!(rows[0].from.as_deref(), Some("crate linter"));
}

/// A renamed module renames its families; a name that states no generic arguments is the family
/// that the same code has under the other naming.
#[test]
fn a_renamed_family_is_not_new() {
    let build = |module: &str, family: bool, sizes: &[u64]| {
        let name = format!("a::{module}::widest");
        let copies: Vec<_> = sizes
            .iter()
            .map(|size| (0, name.as_str(), family.then_some(0), *size))
            .collect();
        let mut build = build_generic(&["a"], &copies);
        build.families = [name.as_str()].into_iter().collect();
        build
    };
    let before = build("util", true, &[100, 200]);
    let after = build("tools", true, &[100, 200]);
    assert!(changes(&before, &after, Kind::Generic).is_empty());
    let after = build("tools", true, &[100, 200, 300]);
    let comparison = Comparison::new(&before, &after);
    let rows = comparison.of(Kind::Generic);
    assert_eq!(rows.len(), 1, "{rows:#?}");
    assert_eq!((rows[0].before, rows[0].after), (300, 600));
    assert_eq!(rows[0].from.as_deref(), Some("a::util::widest"));
    let unnamed = build("util", false, &[100, 200]);
    assert!(changes(&unnamed, &before, Kind::Generic).is_empty());
    assert!(changes(&before, &unnamed, Kind::Generic).is_empty());
}

proptest! {
    /// The bytes of each family are those that the snapshots themselves give it.
    #[test]
    fn families_weigh_what_the_snapshots_say(
        before in prop::collection::vec((0..2_usize, 0..3_u32, 1..99_u64), 1..20),
        after in prop::collection::vec((0..2_usize, 0..3_u32, 1..99_u64), 1..20),
    ) {
        const FAMILIES: [&str; 3] = ["a::f", "a::g", "b::f"];
        let make = |functions: &[(usize, u32, u64)]| {
            let functions: Vec<_> = functions
                .iter()
                .map(|f| (f.0, FAMILIES[f.1 as usize], Some(f.1), f.2))
                .collect();
            let mut build = build_generic(&["a", "b"], &functions);
            build.families = FAMILIES.into_iter().collect();
            build
        };
        let (before, after) = (make(&before), make(&after));
        let comparison = Comparison::new(&before, &after);
        let sum = |build: &Snapshot, name: &str| -> (u64, u64) {
            let named = build.functions.iter().zip(build.names.iter());
            let own = named.filter(|(_, own)| *own == name);
            own.fold((0, 0), |sum, (f, _)| (sum.0 + f.size, sum.1 + 1))
        };
        for row in comparison.of(Kind::Generic) {
            let name = row.from.as_deref().filter(|from| !from.starts_with("crate "));
            let was = sum(&before, name.unwrap_or(&row.name));
            let is = sum(&after, &row.name);
            prop_assert_eq!((row.before, row.after), (was.0, is.0));
            prop_assert_eq!(row.copies, Some((was.1, is.1)));
        }
    }
}

mod pairing;
