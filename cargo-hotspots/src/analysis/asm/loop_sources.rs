//! The text of the lines that the cards of loops name, and what is indexed in those with a check.
//!
//! Limits: what is indexed is read off the line's text, where that leaves no choice.

use super::{Gaps, SourceRoots, model::Card, source};
use std::collections::{BTreeSet, HashMap};

/// Reads the text of all lines that `cards` name.
pub(super) fn read_sources(cards: &mut [Card], roots: &SourceRoots, gaps: &mut Gaps) {
    let mut places: BTreeSet<(String, u32)> = BTreeSet::new();
    for card in cards.iter() {
        let lines = card.lines.iter().map(|line| (line.file.clone(), line.line));
        let checks = card.checks.iter();
        let checks = checks.filter_map(|check| Some((check.file.clone()?, check.line?)));
        places.extend(lines.chain(checks));
    }
    let mut files: Vec<String> = places.iter().map(|(file, _)| file.clone()).collect();
    files.dedup();
    let wanted: Vec<(usize, u32)> = places
        .iter()
        .filter_map(|(file, line)| Some((files.binary_search(file).ok()?, *line)))
        .collect();
    let read = source::read(roots, &files, &wanted, None);
    gaps.missing = read.missing;
    gaps.newer = read.newer;
    gaps.changed = read.changed;
    let texts: HashMap<(&str, u32), &str> = read
        .lines
        .iter()
        .filter_map(|line| {
            Some((
                (files.get(line.file)?.as_str(), line.line),
                line.text.as_str(),
            ))
        })
        .collect();
    let text = |file: &str, line: u32| texts.get(&(file, line)).map(|text| (*text).to_owned());
    for card in cards {
        for line in &mut card.lines {
            line.text = text(&line.file, line.line);
        }
        for check in &mut card.checks {
            check.text = check
                .file
                .as_deref()
                .zip(check.line)
                .and_then(|(file, line)| text(file, line));
            check.variable = check.text.as_deref().and_then(indexed);
        }
    }
}

/// What is indexed in a line, when it is one thing only: `table[i] += table[j]` indexes `table`.
fn indexed(line: &str) -> Option<String> {
    let mut found: Option<&str> = None;
    for (at, _) in line.match_indices('[') {
        let before = line.get(..at)?;
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | ':');
        let name = before.trim_end_matches(is_part).len();
        let name = before.get(name..)?.trim_start_matches(['.', ':']);
        // An array's type or literal, an attribute, a macro.
        if name.is_empty() || name.ends_with([':', '.']) {
            continue;
        }
        if found.is_some_and(|known| known != name) {
            return None;
        }
        found = Some(name);
    }
    found.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_indexed_is_named_when_it_is_one_thing() {
        for (line, expected) in [
            ("sum += table[i];", Some("table")),
            ("self.trans[index] = self.trans[other]", Some("self.trans")),
            ("let x = &bytes[a..b];", Some("bytes")),
            ("a[i] = b[i];", None),
            ("let x: [u8; 4] = [0; 4];", None),
            ("#[inline]", None),
            ("vec![1, 2]", None),
            ("for x in list {", None),
        ] {
            assert_eq!(indexed(line).as_deref(), expected, "{line}");
        }
    }
}
