//! The label of a row: a crate, or a bucket in brackets.

use super::model::CrateInfo;
use crate::symbols::Owner;
use codecost::attribution::Origin;

/// The label of a bucket.
pub(super) fn label(name: &str, origin: Origin) -> CrateInfo {
    CrateInfo {
        role: Default::default(),
        name: name.into(),
        package: None,
        version: None,
        origin,
    }
}

/// The label of code of which nothing is known.
pub(super) fn unknown() -> CrateInfo {
    label("[unknown]", Origin::Unknown)
}

/// The label of time that no workspace crate caused.
pub(super) fn no_workspace_caller() -> CrateInfo {
    label("[no workspace caller]", Origin::Unknown)
}

/// The label of a crate.
pub(super) fn label_of(owner: &Owner) -> CrateInfo {
    let Owner {
        name,
        package,
        version,
        origin,
        system: _,
    } = owner.clone();
    CrateInfo {
        role: Default::default(),
        name,
        package,
        version,
        origin,
    }
}
