//! Which crates of two builds are the same.

use crate::snapshot::{Crate, Snapshot};
use codecost::attribution::Origin;
use std::collections::{BTreeMap, BTreeSet};

/// Crates of two builds under common numbers.
pub(super) struct Pairs {
    /// The rows before and after, as indices; by common number.
    pub(super) both: Vec<(Vec<usize>, Vec<usize>)>,
    /// The common number of each row before.
    pub(super) before: Vec<usize>,
    /// The common number of each row after.
    pub(super) after: Vec<usize>,
}

impl Pairs {
    pub(super) fn of_before(&self, owner: u32) -> usize {
        self.before.get(owner as usize).copied().unwrap_or_default()
    }

    pub(super) fn of_after(&self, owner: u32) -> usize {
        self.after.get(owner as usize).copied().unwrap_or_default()
    }
}

/// Crates of one name; std's own copy of a crate is another crate. Of several versions those that
/// stayed are paired first, then the rest in order: that is an update.
///
/// Where one build has code of a crate without knowing its version, and the other has none, all
/// versions are one crate. A build that does not even know where a crate comes from may mean std's own.
///
/// Rows that nothing tells apart are one: a crate that was compiled several times into one file, or
/// whose copies legacy names cannot tell apart, has as many rows without a version. Which of them
/// holds what differs from build to build, so code would seem to move between them.
pub(super) fn pair(before: &Snapshot, after: &Snapshot) -> Pairs {
    let (vague_before, vague_after) = (vague(before), vague(after));
    let one_sided: BTreeSet<(&str, u8)> = vague_before
        .symmetric_difference(&vague_after)
        .copied()
        .collect();
    let class = |row| match class(row) {
        (name, STD) if one_sided.contains(&(name, STD)) => (name, OTHER),
        class => class,
    };
    let mut groups: BTreeMap<_, (Versions<'_>, Versions<'_>)> = BTreeMap::new();
    for (index, row) in before.crates.iter().enumerate() {
        let group = &mut groups.entry(class(row)).or_default().0;
        group.entry(row.version.as_deref()).or_default().push(index);
    }
    for (index, row) in after.crates.iter().enumerate() {
        let group = &mut groups.entry(class(row)).or_default().1;
        group.entry(row.version.as_deref()).or_default().push(index);
    }
    let mut both = Vec::new();
    for (class, (mut olds, mut news)) in groups {
        if one_sided.contains(&class) || one_sided.contains(&(class.0, STD)) {
            let (olds, news) = (olds.into_values(), news.into_values());
            both.push((olds.flatten().collect(), news.flatten().collect()));
            continue;
        }
        olds.retain(|version, old| match news.remove(version) {
            Some(new) => {
                both.push((std::mem::take(old), new));
                false
            }
            None => true,
        });
        // A side that does not know the versions can have any of them.
        let unknown = olds.contains_key(&None) && !news.is_empty()
            || news.contains_key(&None) && !olds.is_empty();
        let (mut olds, mut news) = (olds.into_values(), news.into_values());
        if unknown {
            both.push((olds.flatten().collect(), news.flatten().collect()));
            continue;
        }
        loop {
            match (olds.next(), news.next()) {
                (None, None) => break,
                (old, new) => both.push((old.unwrap_or_default(), new.unwrap_or_default())),
            }
        }
    }
    let mut pairs = Pairs {
        before: vec![0; before.crates.len()],
        after: vec![0; after.crates.len()],
        both,
    };
    for (number, (olds, news)) in pairs.both.iter().enumerate() {
        for (rows, numbers) in [(olds, &mut pairs.before), (news, &mut pairs.after)] {
            for row in rows {
                if let Some(slot) = numbers.get_mut(*row) {
                    *slot = number;
                }
            }
        }
    }
    pairs
}

/// The rows of one crate, by version.
type Versions<'a> = BTreeMap<Option<&'a str>, Vec<usize>>;

const OTHER: u8 = 0;
const STD: u8 = 1;
const NATIVE: u8 = 2;

fn class(row: &Crate) -> (&str, u8) {
    let class = match row.origin {
        Origin::Std | Origin::StdDependency => STD,
        Origin::Native => NATIVE,
        _ => OTHER,
    };
    (&row.name, class)
}

/// Crates of which a build has code without knowing the version: it may be of any of that name. Where
/// it does not even know the origin, it may be std's own.
fn vague(snapshot: &Snapshot) -> BTreeSet<(&str, u8)> {
    let rows = snapshot.crates.iter().filter(|row| row.version.is_none());
    rows.flat_map(|row| {
        let of_std = (row.origin == Origin::Unknown).then_some((&*row.name, STD));
        [Some(class(row)), of_std].into_iter().flatten()
    })
    .collect()
}

/// What the crate `from` is called beside `to`: its name, and what tells it apart from another
/// crate of that name.
pub(super) fn from_name(from: &Crate, to: &Crate) -> String {
    match &from.version {
        _ if from.name != to.name => from.name.clone(),
        Some(version) => format!("{} {version}", from.name),
        None => format!("{} ({})", from.name, from.origin.as_str()),
    }
}
