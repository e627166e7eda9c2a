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
