//! Many names in one text: a large library has 107,000 of them.

/// A list of texts, stored one behind the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    text: String,
    ends: Vec<usize>,
}

impl Names {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all names.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// The name at `index`; empty when there is none.
    pub fn get(&self, index: usize) -> &str {
        let start = match index.checked_sub(1) {
            Some(before) => self.ends.get(before).copied(),
            None => Some(0),
        };
        let range = start.zip(self.ends.get(index).copied());
        range
            .and_then(|(start, end)| self.text.get(start..end))
            .unwrap_or_default()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Whether each name is at least the one before.
    pub(super) fn is_sorted(&self) -> bool {
        self.iter().is_sorted()
    }

    /// Adds a name.
    pub fn push(&mut self, name: &str) {
        self.text.push_str(name);
        self.ends.push(self.text.len());
    }

    /// Adds a name that begins with the first `shared` bytes of the one before; `None` when that
    /// has no such beginning.
    pub(super) fn push_after(&mut self, shared: usize, rest: &str) -> Option<()> {
        let last = self.len().checked_sub(1);
        let start = last
            .and_then(|last| self.ends.get(last.checked_sub(1)?))
            .copied()
            .unwrap_or_default();
        let end = start.checked_add(shared)?;
        if end > self.text.len() || !self.text.is_char_boundary(end) {
            return None;
        }
        self.text.extend_from_within(start..end);
        self.push(rest);
        Some(())
    }
}

impl<'a> FromIterator<&'a str> for Names {
    fn from_iter<T: IntoIterator<Item = &'a str>>(names: T) -> Self {
        let mut list = Self::default();
        for name in names {
            list.push(name);
        }
        list
    }
}

/// How many bytes `name` shares with the beginning of `before`, up to whole characters.
pub(super) fn shared(before: &str, name: &str) -> usize {
    let pairs = before.bytes().zip(name.bytes());
    let mut shared = pairs.take_while(|(a, b)| a == b).count();
    while !name.is_char_boundary(shared) {
        shared -= 1;
    }
    shared
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_share_is_whole_characters() {
        assert_eq!(shared("aλ", "aμ"), 1);
        assert_eq!(shared("", "a"), 0);
        assert_eq!(shared("ab", "abc"), 2);
        let mut names = Names::default();
        names.push("core::fmt::write");
        assert_eq!(names.push_after(11, "f"), Some(()));
        assert_eq!(names.push_after(99, ""), None);
        assert_eq!(names.get(1), "core::fmt::f");
        assert_eq!(names.get(2), "");
        assert_eq!(names.iter().count(), 2);
        assert_eq!(Names::default().push_after(0, "a"), Some(()));
    }
}
