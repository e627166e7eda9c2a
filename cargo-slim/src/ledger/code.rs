//! Functions claim their code.

use super::{
    Category, Inputs, Parties,
    claims::{Claim, Claims},
};

pub(super) fn claim(inputs: &Inputs<'_, '_>, parties: &mut Parties, claims: &mut Claims) {
    for function in &inputs.code.functions {
        let section = &inputs.image.sections[function.section as usize];
        let Some(start) = function.range.start.checked_since(section.address) else {
            continue;
        };
        let party = parties.single(function.owner);
        claims.add(
            function.section,
            Claim {
                start,
                size: function.range.size,
                party,
                category: Category::Code,
                // Assembly without sizes reaches to the next symbol, most likely: `Inferred`.
                evidence: function.extent,
            },
        );
    }
}
