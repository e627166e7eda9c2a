//! Functions claim their code.

use super::{
    category::Category,
    claims::{Claim, Claims, Run},
    inputs::Inputs,
    sharing::Parties,
};
use codecost::{address::AddressRange, attribution::Owner};

pub(super) fn claim(inputs: &Inputs<'_, '_>, parties: &mut Parties, claims: &mut Claims) {
    if inputs.inlined.is_empty() {
        let mut first = 0;
        let functions = &inputs.code.functions;
        for same in functions.chunk_by(|a, b| a.section == b.section) {
            let run = Run::Functions(first..first + same.len());
            claims.add_run(same[0].section, run);
            first += same.len();
        }
        return;
    }
    let mut next = 0;
    for function in &inputs.code.functions {
        let mut add = |range: AddressRange, owner: Owner| {
            let claim = Claim {
                start: 0,
                size: range.size,
                party: parties.single(owner),
                category: Category::Code,
                // Assembly without sizes reaches to the next symbol, most likely: `Inferred`.
                evidence: function.extent,
            };
            claims.add_at(function.section, range.start, claim);
        };
        while inputs
            .inlined
            .get(next)
            .is_some_and(|(range, ..)| range.end() <= function.range.start)
        {
            next += 1;
        }
        // What was inlined is its writer's; the rest is the function's own.
        let mut at = function.range.start;
        for (range, id, evidence) in inputs.inlined.get(next..).unwrap_or_default() {
            if range.start >= function.range.end() {
                break;
            }
            let start = range.start.max(at);
            let part = AddressRange::between(start, range.end().min(function.range.end()));
            if part.is_empty() {
                continue;
            }
            add(AddressRange::between(at, start), function.owner);
            let writer = Owner {
                defined: *id,
                defined_by: *evidence,
                ..function.owner
            };
            add(part, writer);
            at = part.end();
        }
        add(
            AddressRange::between(at, function.range.end()),
            function.owner,
        );
    }
}
