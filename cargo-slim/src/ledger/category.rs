//! What bytes are used for, and one number for each use.

use std::ops::{Index, IndexMut};

/// What bytes are used for: the columns of the crates table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// Functions.
    Code,
    /// Constants and variables.
    Data,
    /// Unwind tables and language-specific data.
    Unwind,
    /// Load-time relocations.
    Relocations,
    /// Symbol, string, hash and version tables.
    Symbols,
    /// Debug information.
    Debug,
    /// Headers, padding, notes, and what is unknown.
    Other,
}

impl Category {
    /// All of them, in the order of their declaration, which is that of the columns.
    pub const ALL: [Self; 7] = [
        Self::Code,
        Self::Data,
        Self::Unwind,
        Self::Relocations,
        Self::Symbols,
        Self::Debug,
        Self::Other,
    ];

    /// The name in reports, JSON and snapshots.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Data => "data",
            Self::Unwind => "unwind",
            Self::Relocations => "relocations",
            Self::Symbols => "symbols",
            Self::Debug => "debug",
            Self::Other => "other",
        }
    }

    /// The category with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|category| category.as_str() == name)
    }
}

/// Bytes by what they are used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByCategory([u64; Category::ALL.len()]);

impl ByCategory {
    /// Each category with its bytes, in the order of [`Category::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Category, u64)> {
        Category::ALL.into_iter().zip(self.0)
    }

    /// The bytes of all categories; `None` where that is more than a number holds.
    pub fn sum(&self) -> Option<u64> {
        self.0.into_iter().try_fold(0, u64::checked_add)
    }

    /// Adds the bytes of `more`, each to its category.
    pub fn add(&mut self, more: &Self) {
        for (own, more) in self.0.iter_mut().zip(more.0) {
            *own += more;
        }
    }
}

impl Index<Category> for ByCategory {
    type Output = u64;

    fn index(&self, category: Category) -> &u64 {
        &self.0[category as usize]
    }
}

impl IndexMut<Category> for ByCategory {
    fn index_mut(&mut self, category: Category) -> &mut u64 {
        &mut self.0[category as usize]
    }
}

/// The categories that are not named have no bytes.
impl<const N: usize> From<[(Category, u64); N]> for ByCategory {
    fn from(parts: [(Category, u64); N]) -> Self {
        let mut bytes = Self::default();
        for (category, part) in parts {
            bytes[category] += part;
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_category_has_its_place_and_its_name() {
        for (place, category) in Category::ALL.into_iter().enumerate() {
            assert_eq!(category as usize, place);
            assert_eq!(Category::from_name(category.as_str()), Some(category));
        }
        assert_eq!(Category::from_name("file"), None);
    }

    #[test]
    fn parts_are_added_each_to_its_own() {
        let mut parts = ByCategory::from([(Category::Code, 3), (Category::Other, 4)]);
        parts.add(&ByCategory::from([(Category::Code, 10)]));
        assert_eq!((parts[Category::Code], parts[Category::Other]), (13, 4));
        assert_eq!(parts.sum(), Some(17));
        parts[Category::Debug] = u64::MAX;
        assert_eq!(parts.sum(), None);
    }
}
