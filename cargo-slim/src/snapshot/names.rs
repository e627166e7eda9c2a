//! Many names in few texts: a large library has 107,000 of them.

use std::ops::Range;

/// A list of names, which lie in a few long texts.
#[derive(Clone, Debug, Default)]
pub struct Names {
    texts: Vec<String>,
    places: Vec<Place>,
}

/// Where a name lies.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    /// Which text it is a part of.
    pub(super) text: u32,
    /// How many bytes it has.
    pub(super) length: u32,
    /// Its first byte.
    pub(super) start: usize,
}

impl Place {
    /// What lies between two places of a text; a name has no more than four thousand million bytes.
    pub(super) fn between(text: usize, start: usize, end: usize) -> Self {
        let number = |number| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            text: number(text),
            length: number(end.saturating_sub(start)),
            start,
        }
    }
}

impl Names {
    /// The names at these places of these texts.
    pub(super) fn new(texts: Vec<String>, places: Vec<Place>) -> Self {
        Self { texts, places }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Bytes of all texts.
    pub fn bytes(&self) -> usize {
        self.texts.iter().map(String::len).sum()
    }

    /// The name at `index`; empty when there is none.
    pub fn get(&self, index: usize) -> &str {
        let name = || {
            let place = self.places.get(index)?;
            let rest = self.texts.get(place.text as usize)?.get(place.start..)?;
            rest.get(..place.length as usize)
        };
        name().unwrap_or_default()
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
        self.push_behind(0..0, name);
    }

    /// Adds a name that begins with the first `shared` bytes of the one before; `None` when that
    /// has no such beginning.
    pub(super) fn push_after(&mut self, shared: usize, rest: &str) -> Option<()> {
        let Some(last) = self.places.last() else {
            return (shared == 0).then(|| self.push(rest));
        };
        let head = self.get(self.len() - 1).get(..shared)?;
        if last.text as usize + 1 == self.texts.len() {
            self.push_behind(last.start..last.start + shared, rest);
        } else {
            let name = [head, rest].concat();
            self.push(&name);
        }
        Some(())
    }

    /// Adds what lies there in the last text, and `rest` behind it, as one name.
    fn push_behind(&mut self, head: Range<usize>, rest: &str) {
        if self.texts.is_empty() {
            self.texts.push(String::new());
        }
        let number = self.texts.len() - 1;
        let text = &mut self.texts[number];
        let start = text.len();
        text.extend_from_within(head);
        text.push_str(rest);
        self.places.push(Place::between(number, start, text.len()));
    }
}

/// Whatever texts they lie in.
impl PartialEq for Names {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
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
    // Eight bytes at a time: two neighbours share some ninety.
    let (before, bytes) = (before.as_bytes(), name.as_bytes());
    let eights = before
        .as_chunks::<8>()
        .0
        .iter()
        .zip(bytes.as_chunks::<8>().0);
    let mut shared = 8 * eights.take_while(|(a, b)| a == b).count();
    let rest = before[shared..].iter().zip(&bytes[shared..]);
    shared += rest.take_while(|(a, b)| a == b).count();
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
