//! Whose a function is, where the truth is known: from the sources in `programs`.

use crate::programs::{LEGACY, Program, Resolved, V0, addresses};
use codecost::attribution::Origin;

/// The traps of hotspots.md.
fn crates_are_right(program: &Program, inlined: &str) {
    let resolved = Resolved::of(&program.file, &addresses(&program.file, 1));

    // Inlined everywhere: the crate has no code for it. Its path tells package and version.
    let mix = resolved.functions(inlined);
    assert!(!mix.is_empty(), "{inlined} is not there");
    for (function, owner) in mix {
        assert_eq!(owner.name, "helper", "{function:?}");
        assert_eq!(owner.version.as_deref(), Some("1.2.3"), "{function:?}");
        assert_eq!(owner.origin, Origin::Registry);
        assert!(!owner.system);
        assert_eq!(function.line, Some(3));
    }
    // Written by helper's macro, but the program's.
    let mut written = resolved.functions("program::written_by_macro");
    written.retain(|(function, _)| function.name.starts_with("program::"));
    assert!(!written.is_empty());
    for (function, owner) in written {
        assert_eq!(owner.name, "program", "{function:?}");
    }
    // `impl Step for u64` says neither in its type nor in its lines' names where it stands.
    let step = resolved.functions("Step>::step");
    assert!(!step.is_empty());
    for (function, owner) in step {
        assert_eq!(owner.name, "helper", "{function:?}");
    }
    // No crate in its name.
    let exported = resolved.functions("exported_name");
    assert!(!exported.is_empty());
    for (function, owner) in exported {
        assert_eq!(owner.name, "program", "{function:?}");
    }
    for (path, name) in [
        ("core::fmt::", "core"),
        ("core::slice::sort::", "core"),
        ("alloc::raw_vec::", "alloc"),
        ("std::sync::mpmc::", "std"),
    ] {
        let mut found = resolved.functions(path);
        found.retain(|(function, _)| function.name.starts_with(path));
        assert!(!found.is_empty(), "{path}");
        for (function, owner) in found {
            assert_eq!(owner.name, name, "{function:?}");
            assert!(owner.origin == Origin::Std && owner.system);
        }
    }
    // std's own hashbrown, by the path at which std was built.
    let hashbrown = resolved
        .symbols
        .crates
        .iter()
        .find(|owner| owner.name == "hashbrown")
        .unwrap();
    assert_eq!(hashbrown.origin, Origin::StdDependency, "{hashbrown:?}");
    assert!(hashbrown.system && hashbrown.version.is_some());
}

#[test]
fn crates_by_v0_names() {
    crates_are_right(Program::shared(), "helper::mix");
}

#[test]
fn crates_by_legacy_names() {
    let [unstable, legacy] = LEGACY;
    let program = Program::build(&[unstable, legacy, "-Cdebuginfo=1"]);
    crates_are_right(&program, "helper::mix");
}

#[test]
fn copies_of_a_function_are_one() {
    let program = Program::shared();
    let resolved = Resolved::of(&program.file, &addresses(&program.file, 7));
    let mut keys: Vec<_> = resolved
        .symbols
        .functions
        .iter()
        .map(|function| (&function.name, function.owner))
        .collect();
    let all = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), all);
    // And one crate has one row.
    let mut crates: Vec<_> = resolved
        .symbols
        .crates
        .iter()
        .map(|owner| (&owner.name, &owner.package, &owner.version))
        .collect();
    let all = crates.len();
    crates.sort();
    crates.dedup();
    assert_eq!(crates.len(), all, "{:?}", resolved.symbols.crates);
}

/// With line tables only there are no linkage names and no namespaces.
#[test]
fn line_tables_still_tell_the_crate() {
    let program = Program::build(&[V0, "-Cdebuginfo=line-tables-only"]);
    let resolved = Resolved::of(&program.file, &addresses(&program.file, 1));
    let mix = resolved.functions("mix");
    assert!(!mix.is_empty());
    for (function, owner) in mix {
        assert_eq!(owner.name, "helper", "{function:?}");
    }
}
