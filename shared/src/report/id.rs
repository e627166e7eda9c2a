//! Stable identities of rows: free of hashes and addresses, the same for the same source in the
//! next build, so that two reports can be compared row by row.

use super::CrateName;
use crate::attribution::Origin;
use serde::{Serialize, Serializer};
use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasherDefault, Hasher},
};

/// `crate:regex@1.12.2`; std's own copy of a registry crate is `crate:std/memchr@2.7.6`, and the C code
/// that a crate's build brought `crate:native/ring@0.17.14`, whatever else has the crate's name.
pub struct CrateRowId<'a>(pub CrateName<'a>, pub u32);

impl fmt::Display for CrateRowId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CrateName {
            name,
            version,
            origin,
        } = self.0;
        let within = match origin {
            Origin::StdDependency => "std/",
            // The bucket has a name that no crate has.
            Origin::Native if !name.starts_with('[') => "native/",
            _ => "",
        };
        write!(f, "crate:{within}{name}")?;
        match version {
            // The toolchain's version says nothing about what core is.
            Some(version) if origin != Origin::Std => write!(f, "@{version}")?,
            _ => {}
        }
        number(f, self.1)
    }
}

/// An identity made of a kind, an owner and a name; `#2` and so on tell equal ones apart.
pub struct RowId<'a> {
    /// What the row is.
    pub kind: &'static str,
    /// What it belongs to; may be empty.
    pub owner: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The how-manieth of its name, from 1.
    pub nth: u32,
}

impl RowId<'_> {
    /// Its text, but for the number.
    pub fn parts(&self) -> [&str; 5] {
        let scope = if self.owner.is_empty() { "" } else { "::" };
        [self.kind, ":", self.owner, scope, self.name]
    }
}

impl fmt::Display for RowId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.parts() {
            f.write_str(part)?;
        }
        number(f, self.nth)
    }
}

fn number(f: &mut fmt::Formatter<'_>, nth: u32) -> fmt::Result {
    if nth > 1 { write!(f, "#{nth}") } else { Ok(()) }
}

macro_rules! serialize_as_text {
    ($($type:ident),*) => {$(
        impl Serialize for $type<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}
serialize_as_text!(CrateRowId, RowId);

/// A row and the how-manieth of its name it is.
#[derive(Clone, Copy, Debug)]
pub struct Nth<'r, T> {
    /// The row.
    pub row: &'r T,
    /// The how-manieth, from 1.
    pub nth: u32,
}

/// Counts the rows of one name in their order. Linear: names are hashed, not compared, so two
/// different names may share a count, which makes a needless `#2` and nothing worse.
pub fn numbered<'r, T, const N: usize>(
    rows: &'r [T],
    name: impl Fn(&'r T) -> [&'r str; N],
) -> Vec<Nth<'r, T>> {
    let mut seen: HashMap<u64, u32, BuildHasherDefault<Mixer>> = HashMap::default();
    seen.reserve(rows.len());
    let number = |row: &'r T| {
        let nth = seen.entry(hash(name(row))).or_default();
        *nth = nth.saturating_add(1);
        Nth { row, nth: *nth }
    };
    rows.iter().map(number).collect()
}

fn hash<const N: usize>(names: [&str; N]) -> u64 {
    let mut mixer = Mixer::default();
    for name in names {
        mixer.write(name.as_bytes());
        mixer.write_u64(name.len() as u64);
    }
    mixer.finish()
}

/// Multiply and rotate, eight bytes at a time: several times faster than the default hasher. Made
/// collisions would only cost time in a report of a file that was made for it.
#[derive(Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        let last = rest
            .iter()
            .fold(0, |last, byte| last << 8 | u64::from(*byte));
        self.write_u64(last);
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_are_told_apart_in_their_order() {
        let rows = ["a", "b", "a", "a"];
        let nth: Vec<_> = numbered(&rows, |row| ["", *row])
            .iter()
            .map(|row| row.nth)
            .collect();
        assert_eq!(nth, [1, 1, 2, 3]);
        let id = RowId {
            kind: "function",
            owner: "core",
            name: "f",
            nth: 2,
        };
        assert_eq!(id.to_string(), "function:core::f#2");
    }

    #[test]
    fn names_and_owners_do_not_run_into_each_other() {
        assert_ne!(hash(["ab", "c"]), hash(["a", "bc"]));
        assert_ne!(hash(["", "a"]), hash(["a", ""]));
        assert_ne!(hash(["", "a\0"]), hash(["", "a"]));
        let names: Vec<_> = (0..100_000)
            .map(|n| format!("crate::module::function{n}"))
            .collect();
        assert!(
            numbered(&names, |name| ["crate", name])
                .iter()
                .all(|row| row.nth == 1)
        );
    }

    #[test]
    fn the_two_memchrs_are_two_crates() {
        let id = |origin, nth| {
            let owner = CrateName {
                name: "memchr",
                version: Some("2.7.6"),
                origin,
            };
            CrateRowId(owner, nth).to_string()
        };
        assert_eq!(id(Origin::Registry, 1), "crate:memchr@2.7.6");
        assert_eq!(id(Origin::StdDependency, 1), "crate:std/memchr@2.7.6");
        // The C code of a package's build beside its Rust code.
        assert_eq!(id(Origin::Native, 1), "crate:native/memchr@2.7.6");
        assert_eq!(id(Origin::Registry, 2), "crate:memchr@2.7.6#2");
    }
}
