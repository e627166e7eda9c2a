//! Functions claim their code.

use super::{
    Category, Inputs, Parties,
    claims::{Claim, Claims},
};
use codecost::attribution::Evidence;

pub(super) fn claim(inputs: &Inputs<'_, '_>, parties: &mut Parties, claims: &mut Claims) {
    for function in &inputs.code.functions {
        let section = &inputs.image.sections[function.section as usize];
        let Some(start) = function.range.start.checked_since(section.address) else {
            continue;
        };
        let evidence = match function.extent {
            // Assembly without sizes, but with an owner that is known: the code up to the next
            // symbol is most likely its own, and padding at its end is not told apart.
            Evidence::Inferred => Evidence::Inferred,
            extent => extent,
        };
        let party = parties.single(function.owner);
        claims.add(
            function.section,
            Claim {
                start,
                size: function.range.size,
                party,
                category: Category::Code,
                evidence,
            },
        );
    }
}
