//! Debug information claims by compilation unit.

use super::{
    Category, Inputs, Parties,
    claims::{Claim, Claims},
};
use codecost::attribution::{Evidence, Owner};

/// The bytes of one debug section by owner.
#[derive(Debug, Default)]
pub struct DebugClaims {
    /// (section, offset, size, owners).
    pub ranges: Vec<(u32, u64, u64, Vec<Owner>)>,
}

pub(super) fn claim(inputs: &Inputs<'_, '_>, parties: &mut Parties, claims: &mut Claims) {
    let Some(debug) = inputs.debug else { return };
    for (section, start, size, owners) in &debug.ranges {
        let party = parties.group(owners.iter().copied());
        claims.add(
            *section,
            Claim {
                start: *start,
                size: *size,
                party,
                category: Category::Debug,
                evidence: Evidence::DebugInfo,
            },
        );
    }
}
