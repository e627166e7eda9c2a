//! Owners, alone or together, as small numbers.

use codecost::{
    attribution::{CrateId, Owner},
    hashing::NumberMap,
};

/// An owner, or several who share, in a [`Parties`] table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartyId(pub u32);

/// All owners and groups of owners that occur in a ledger.
#[derive(Debug, Default)]
pub struct Parties {
    members: Vec<Box<[Owner]>>,
    ids: NumberMap<Box<[Owner]>, PartyId>,
    singles: NumberMap<Owner, PartyId>,
    /// What was asked for last: neighbours mostly have one owner.
    last: Option<(Owner, PartyId)>,
}

impl Parties {
    /// How many there are: their numbers are smaller.
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// The party of one owner.
    pub fn single(&mut self, owner: Owner) -> PartyId {
        if let Some((last, id)) = self.last
            && last == owner
        {
            return id;
        }
        let id = match self.singles.get(&owner) {
            Some(id) => *id,
            None => {
                let id = self.group([owner]);
                self.singles.insert(owner, id);
                id
            }
        };
        self.last = Some((owner, id));
        id
    }

    /// The party of several owners.
    pub fn group(&mut self, owners: impl IntoIterator<Item = Owner>) -> PartyId {
        let mut owners: Vec<_> = owners.into_iter().collect();
        owners.sort_unstable();
        owners.dedup();
        if owners.is_empty() {
            owners.push(Owner::UNKNOWN);
        }
        let owners = owners.into_boxed_slice();
        if let Some(id) = self.ids.get(&owners) {
            return *id;
        }
        let id = PartyId(self.members.len() as u32);
        self.members.push(owners.clone());
        self.ids.insert(owners, id);
        id
    }

    /// The members of a party, sorted.
    pub fn members(&self, id: PartyId) -> &[Owner] {
        self.members
            .get(id.0 as usize)
            .map_or(&[], |members| members)
    }

    /// The first member.
    pub fn first(&self, id: PartyId) -> Owner {
        self.members(id).first().copied().unwrap_or(Owner::UNKNOWN)
    }

    /// Splits `bytes` among the members' crates in equal parts that add up: the first get one byte
    /// more where it does not divide.
    pub fn split(crates: &[CrateId], bytes: u64) -> impl Iterator<Item = (CrateId, u64)> + '_ {
        let count = crates.len().max(1) as u64;
        let (each, rest) = (bytes / count, bytes % count);
        crates
            .iter()
            .enumerate()
            .map(move |(index, id)| (*id, each + u64::from((index as u64) < rest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up() {
        let crates = [CrateId(7), CrateId(8), CrateId(9)];
        for bytes in 0..20 {
            assert_eq!(
                Parties::split(&crates, bytes)
                    .map(|(_, part)| part)
                    .sum::<u64>(),
                bytes
            );
        }
    }

    #[test]
    fn the_same_owners_in_any_order_are_one_party() {
        let mut parties = Parties::default();
        let a = Owner::of(CrateId(5), codecost::attribution::Evidence::Symbol);
        let b = Owner::of(CrateId(6), codecost::attribution::Evidence::Symbol);
        assert_eq!(parties.group([a, b, a]), parties.group([b, a]));
        assert_eq!(parties.single(a), parties.group([a, a]));
    }
}
