use super::*;

#[test]
fn an_empty_catalogue_knows_the_reserved_names_only() {
    let empty = Catalogue::empty();
    let core = empty.crate_of("core", Some(7));
    assert_eq!(core.info.origin, Origin::Std);
    assert!(core.certain);
    let other = empty.crate_of("serde", Some(7));
    assert_eq!(other.info.origin, Origin::Unknown);
    assert!(!other.certain);
}

fn std_dependency(version: &str) -> CrateInfo {
    CrateInfo {
        name: "gimli".into(),
        package: Some("gimli".into()),
        version: Some(version.into()),
        origin: Origin::StdDependency,
        role: Role::First,
    }
}

#[test]
fn what_the_file_mentions_counts_where_the_toolchain_here_has_the_same() {
    for version in ["0.32.3", "0.34.0"] {
        let mut catalogue = Catalogue {
            foreign: true,
            ..Catalogue::default()
        };
        let index = catalogue.add(std_dependency("0.32.3"));
        catalogue.crates[index].of_toolchain = true;
        catalogue.crates[index].disambiguators.push(1);
        catalogue.by_disambiguator.insert(1, index);
        catalogue.add(std_dependency(version));
        // The other toolchain's has another hash.
        let found = catalogue.crate_of("gimli", Some(2)).info;
        assert_eq!(found, std_dependency(version));
    }
}

#[test]
fn the_standard_library_has_one_version_however_its_paths_are_spelt() {
    let catalogue = Catalogue {
        release: Some("1.90.0-nightly".into()),
        ..Catalogue::default()
    };
    let hash = "b56aaec52bc0fa35591a872fb4aac81f606e265c";
    let rustc = format!("/rustc/{hash}/library/core/src/fmt/mod.rs");
    let all = [
        &*rustc,
        "library/core/src/fmt/mod.rs",
        "core/src/fmt/mod.rs",
    ];
    let all = all.map(|path| catalogue.crate_of_panic(path).unwrap());
    assert_eq!(all[0].version.as_deref(), Some("1.90.0-nightly"));
    assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
}
