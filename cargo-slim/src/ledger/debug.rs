//! Debug information claims by compilation unit.

use super::{
    category::Category,
    claims::{Claim, Claims},
    sharing::Parties,
};
use codecost::{
    attribution::{Evidence, Owner, UnitOwners},
    image::{
        Image,
        debug_info::{DebugInfo, DebugOwner, DebugSection},
    },
};

/// The bytes of the debug sections by owner.
#[derive(Debug)]
pub struct DebugClaims {
    /// Pieces of sections, as (section, offset in the file's section, bytes, index of the owners).
    pieces: Vec<(u32, u64, u64, u32)>,
    /// The owners of pieces; several where units of several crates share.
    owners: Vec<Vec<Owner>>,
    /// Units that could not be read to their end.
    pub damaged_units: usize,
}

impl DebugClaims {
    /// Shares out the debug sections of `image`; `None` when it has none. One pass over `info`, on
    /// all cores.
    pub fn new(image: &Image<'_>, info: &DebugInfo<'_>, units: &UnitOwners) -> Option<Self> {
        let sections: Vec<(DebugSection, u32)> = image
            .sections
            .iter()
            .enumerate()
            .filter(|(_, section)| !section.loaded && section.file.size > 0)
            .filter_map(|(index, section)| {
                Some((
                    DebugSection::from_name(image.plain_name(section))?,
                    index as u32,
                ))
            })
            .collect();
        if info.is_empty() || sections.is_empty() {
            return None;
        }
        let mut distinct: Vec<Owner> = units.all().to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let numbers: Vec<u32> = units
            .all()
            .iter()
            .map(|owner| {
                distinct
                    .binary_search(owner)
                    .map_or(u32::MAX, |at| at as u32)
            })
            .collect();
        let ledger = info.ledger(&numbers);
        let owner = |number: &u32| {
            distinct
                .get(*number as usize)
                .copied()
                .unwrap_or(Owner::UNKNOWN)
        };
        let mut owners: Vec<Vec<Owner>> = distinct.iter().map(|owner| vec![*owner]).collect();
        for set in 0..ledger.sets.len() {
            owners.push(ledger.sets.get(set as u32).iter().map(owner).collect());
        }
        let mut pieces = Vec::new();
        for part in &ledger.sections {
            let Some((_, index)) = sections.iter().find(|(kind, _)| *kind == part.kind) else {
                continue;
            };
            // A compressed section's bytes are shared out in proportion to what they stand for.
            let size = image.sections[*index as usize].file.size;
            let whole = part.pieces.last().map_or(0, |piece| piece.end).max(1);
            let scale = |at: u64| {
                if size == whole {
                    at
                } else {
                    (u128::from(at) * u128::from(size) / u128::from(whole)) as u64
                }
            };
            for piece in &part.pieces {
                let of = match piece.owner {
                    DebugOwner::Nobody => continue,
                    DebugOwner::One(number) => number,
                    DebugOwner::Shared(set) => distinct.len() as u32 + set,
                };
                let (start, end) = (scale(piece.start), scale(piece.end));
                pieces.push((*index, start, end.saturating_sub(start), of));
            }
        }
        Some(Self {
            pieces,
            owners,
            damaged_units: ledger.damaged_units,
        })
    }

    /// Claims them.
    pub(super) fn claim(&self, parties: &mut Parties, claims: &mut Claims) {
        let groups: Vec<_> = self
            .owners
            .iter()
            .map(|owners| parties.group(owners.iter().copied()))
            .collect();
        for (section, start, size, of) in &self.pieces {
            let Some(party) = groups.get(*of as usize) else {
                continue;
            };
            claims.add(
                *section,
                Claim {
                    start: *start,
                    size: *size,
                    party: *party,
                    category: Category::Debug,
                    evidence: Evidence::DebugInfo,
                },
            );
        }
    }
}
