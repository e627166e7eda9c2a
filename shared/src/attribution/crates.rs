//! Crates and buckets as small numbers.

use super::{
    Origin,
    catalogue::{Catalogue, CrateInfo},
};
use crate::hashing::NumberMap;
use std::collections::HashMap;

/// A crate, or a bucket such as `[padding]`, in a [`Crates`] table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CrateId(pub u32);

/// All crates that occur in an image.
///
/// Two instances of one crate (two versions, or one version with different features) stay two;
/// instances that the catalogue cannot tell apart by package and version stay two as well.
#[derive(Debug)]
pub struct Crates<'a> {
    catalogue: &'a Catalogue,
    infos: Vec<CrateInfo>,
    by_info: HashMap<(CrateInfo, Option<u64>), CrateId>,
    by_key: HashMap<Box<str>, Instances>,
    /// Crates that were found by elimination, with the hashes that they were found for.
    taken: HashMap<CrateInfo, Vec<(u64, CrateId)>>,
    /// The crate that the artifact itself is.
    leaf: Option<CrateId>,
}

/// By an instance's hash, if it was asked for by one: its crate, and whether that is certain.
type Instances = NumberMap<Option<u64>, (CrateId, bool)>;

/// Longer names are no crate's: registries allow 64 characters. The names of thousands of functions
/// may refer to one crate, and each row shows it.
const MAX_NAME: usize = 256;

impl CrateId {
    /// No evidence of an owner.
    pub const UNKNOWN: Self = Self(0);
    /// What compilers and linkers put between things so that they start at even addresses.
    pub const PADDING: Self = Self(1);
    /// Headers and tables of contents of the format.
    pub const HEADERS: Self = Self(2);
    /// What the linker writes for the loader: notes, `.dynamic`, jump tables, hash tables.
    pub const LINKER: Self = Self(3);
    /// C, C++ and assembly that no crate's build can be shown to have brought.
    pub const NATIVE: Self = Self(4);
}

impl<'a> Crates<'a> {
    /// A table that holds the buckets only.
    pub fn new(catalogue: &'a Catalogue) -> Self {
        let mut crates = Self {
            catalogue,
            infos: Vec::new(),
            by_info: HashMap::new(),
            by_key: HashMap::new(),
            taken: HashMap::new(),
            leaf: None,
        };
        for (name, origin) in [
            ("[unknown]", Origin::Unknown),
            ("[padding]", Origin::Linker),
            ("[headers]", Origin::Linker),
            ("[linker]", Origin::Linker),
            ("[native]", Origin::Native),
        ] {
            let info = CrateInfo {
                role: Default::default(),
                name: name.into(),
                package: None,
                version: None,
                origin,
            };
            crates.intern(info, None);
        }
        crates
    }

    /// What the crates were looked up in.
    pub fn catalogue(&self) -> &'a Catalogue {
        self.catalogue
    }

    /// What is known of a crate.
    pub fn info(&self, id: CrateId) -> &CrateInfo {
        // Ids are only made here; the first entry, `[unknown]`, always exists.
        self.infos.get(id.0 as usize).unwrap_or(&self.infos[0])
    }

    /// Whether this is a bucket, `[unknown]` or `[native]`, and no crate.
    pub fn is_bucket(&self, id: CrateId) -> bool {
        id.0 <= CrateId::NATIVE.0
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.infos.len()
    }

    /// Never: the buckets are always there.
    pub fn is_empty(&self) -> bool {
        self.infos.is_empty()
    }

    /// The crate with this information; `instance` keeps apart what the information does not.
    pub fn intern(&mut self, info: CrateInfo, instance: Option<u64>) -> CrateId {
        let next = CrateId(self.infos.len() as u32);
        // One std is linked, whatever its version.
        let alone = info.version.is_some() || info.origin == Origin::Std;
        let instance = instance.filter(|_| !alone);
        *self
            .by_info
            .entry((info.clone(), instance))
            .or_insert_with(|| {
                self.infos.push(info);
                next
            })
    }

    /// The crate that rustc knows by `name` and, where given, by its instance's hash. The flag
    /// says whether the catalogue is certain.
    pub fn resolve(&mut self, name: &str, instance: Option<u64>) -> (CrateId, bool) {
        if name.len() > MAX_NAME {
            return (CrateId::UNKNOWN, false);
        }
        let known = self.by_key.get(name);
        if let Some(known) = known.and_then(|known| known.get(&instance)) {
            return *known;
        }
        // Asked for by name alone, and there is but one of that name.
        let only = known
            .filter(|known| instance.is_none() && known.len() == 1)
            .and_then(|known| known.values().next())
            .map(|(only, _)| *only);
        let found = self.catalogue.crate_of(name, instance);
        // A crate whose version is left open is still that crate: the name was read, not guessed.
        let certain = found.certain || found.info.version.is_none();
        let id = match (only, instance) {
            (Some(only), _) => only,
            (None, Some(hash)) if !found.by_hash && found.info.origin != Origin::Std => {
                self.eliminated(found.info, hash)
            }
            (None, None) => match self.taken.get(&found.info).map(Vec::as_slice) {
                // The one that was found by elimination, where nothing else is that crate.
                Some([(_, same)]) if !self.by_info.contains_key(&(found.info.clone(), None)) => {
                    *same
                }
                _ => self.intern(found.info, instance),
            },
            (None, _) => self.intern(found.info, instance),
        };
        self.by_key
            .entry(name.into())
            .or_default()
            .insert(instance, (id, certain));
        (id, certain)
    }

    /// A crate that was taken for `info` because no other of its name is left. Two hashes are two
    /// crates: where another one was taken for the same, the artifact's own crate is not it, and
    /// without one, nothing says which of them is.
    fn eliminated(&mut self, info: CrateInfo, hash: u64) -> CrateId {
        let others = self.taken.entry(info.clone()).or_default();
        if let Some((_, id)) = others.iter().find(|(other, _)| *other == hash) {
            return *id;
        }
        let id = CrateId(self.infos.len() as u32);
        self.infos.push(info.clone());
        others.push((hash, id));
        if info.version.is_none() && info.package.is_none() {
            return id;
        }
        self.tell_apart(&info);
        id
    }

    /// Of several crates that were taken for `info` at most one keeps it: the one that is left when
    /// the artifact's own crate is another.
    fn tell_apart(&mut self, info: &CrateInfo) {
        let Some(same) = self.taken.get(info).filter(|same| same.len() > 1) else {
            return;
        };
        let has_leaf = same.iter().any(|(_, id)| Some(*id) == self.leaf);
        for (_, id) in same {
            let keeps = has_leaf && same.len() == 2 && Some(*id) != self.leaf;
            let of = match keeps {
                true => info.clone(),
                false => CrateInfo {
                    role: Default::default(),
                    name: info.name.clone(),
                    package: None,
                    version: None,
                    origin: Origin::Unknown,
                },
            };
            if let Some(known) = self.infos.get_mut(id.0 as usize) {
                *known = of;
            }
        }
    }

    /// Whether a crate was found by elimination: no archive has its hash, as none has a program's.
    pub fn is_eliminated(&self, id: CrateId) -> bool {
        let mut taken = self.taken.values().flatten();
        taken.any(|(_, taken)| *taken == id)
    }

    /// Says that the crate with this hash is that one.
    #[cfg(feature = "binary")]
    pub(super) fn describe(&mut self, hash: u64, info: CrateInfo) -> CrateId {
        let known = self.by_key.get(&*info.name);
        let known = known.and_then(|known| known.get(&Some(hash)));
        let id = match known.copied() {
            Some((id, _)) => {
                for same in self.taken.values_mut() {
                    same.retain(|(_, taken)| *taken != id);
                }
                if let Some(known) = self.infos.get_mut(id.0 as usize) {
                    known.clone_from(&info);
                }
                id
            }
            None => self.intern(info.clone(), None),
        };
        let known = self.by_key.entry(info.name.into()).or_default();
        known.insert(Some(hash), (id, true));
        id
    }

    /// Says which crate the artifact itself is.
    pub fn set_leaf(&mut self, leaf: CrateId) {
        self.leaf = Some(leaf);
        let mut groups = self.taken.iter();
        let group = groups.find(|(_, same)| same.iter().any(|(_, id)| *id == leaf));
        if let Some(info) = group.map(|(info, _)| info.clone()) {
            self.tell_apart(&info);
        }
    }
}
