//! The memory regions of a linker script: the `MEMORY` command, as GNU's manual of `ld` describes it.
//!
//! Of the rest of a script nothing is read. Sizes and origins are expressions; of these the arithmetic
//! is understood, and `ORIGIN(X)` and `LENGTH(X)` of regions before. A region whose numbers are another
//! kind of expression, such as a symbol, is left out.

/// A region of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) name: String,
    pub(super) origin: u64,
    pub(super) length: u64,
}

/// More regions than any chip has.
const MAX_REGIONS: usize = 64;

/// Expressions nest no deeper than this.
const MAX_DEPTH: usize = 16;

/// All regions of a script. Linear in its length.
pub(super) fn regions(text: &str) -> Vec<Region> {
    let text = without_comments(text);
    let mut found: Vec<Region> = Vec::new();
    let mut rest = &*text;
    while let Some(at) = rest.find("MEMORY") {
        rest = &rest[at + "MEMORY".len()..];
        let Some(body) = rest.trim_start().strip_prefix('{') else {
            continue;
        };
        let (body, behind) = body.split_once('}').unwrap_or((body, ""));
        rest = behind;
        for (name, numbers) in entries(body) {
            let known = |name: &str| found.iter().find(|region| region.name == name).cloned();
            let value = |names: &[&str]| {
                let at = names.iter().find_map(|name| after(numbers, name))?;
                Expression {
                    rest: at,
                    known: &known,
                    depth: 0,
                }
                .sum()
            };
            let origin = value(&["ORIGIN", "org", "o"]);
            let length = value(&["LENGTH", "len", "l"]);
            if let (Some(origin), Some(length)) = (origin, length)
                && found.len() < MAX_REGIONS
            {
                let name = name.to_owned();
                found.push(Region {
                    name,
                    origin,
                    length,
                });
            }
        }
    }
    found
}

/// Each `NAME (attributes) : numbers`. An entry ends where the next one's name begins: before the word
/// that stands before a colon.
fn entries(body: &str) -> Vec<(&str, &str)> {
    let colons = body.match_indices(':').map(|(at, _)| at);
    let colons: Vec<usize> = colons.take(MAX_REGIONS).collect();
    let name_of = |colon: usize| {
        let before = body[..colon].trim_end();
        let before = match before.strip_suffix(')') {
            Some(inner) => inner.rsplit_once('(')?.0.trim_end(),
            None => before,
        };
        let start = before
            .rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'))
            .map_or(0, |at| {
                at + before[at..].chars().next().map_or(1, char::len_utf8)
            });
        (start < before.len()).then_some((start, before.len()))
    };
    let mut entries = Vec::new();
    for (place, colon) in colons.iter().enumerate() {
        let Some((start, end)) = name_of(*colon) else {
            continue;
        };
        let next = colons.get(place + 1).and_then(|next| name_of(*next));
        let stop = next.map_or(body.len(), |(start, _)| start);
        if let Some(numbers) = body.get(colon + 1..stop) {
            entries.push((&body[start..end], numbers));
        }
    }
    entries
}

/// What follows `NAME =`.
fn after<'t>(numbers: &'t str, name: &str) -> Option<&'t str> {
    let mut rest = numbers;
    loop {
        let at = rest.find(name)?;
        let word = rest[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let behind = &rest[at + name.len()..];
        match behind.trim_start().strip_prefix('=') {
            Some(value) if !word => return Some(value),
            _ => rest = behind,
        }
    }
}

fn without_comments(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("/*") {
        plain.push_str(before);
        plain.push(' ');
        rest = behind.split_once("*/").map_or("", |(_, behind)| behind);
    }
    plain.push_str(rest);
    plain
}

/// An expression that is read from the front.
struct Expression<'t, 'k> {
    rest: &'t str,
    known: &'k dyn Fn(&str) -> Option<Region>,
    depth: usize,
}

impl Expression<'_, '_> {
    fn take(&mut self, sign: char) -> bool {
        let rest = self.rest.trim_start();
        match rest.strip_prefix(sign) {
            Some(behind) => {
                self.rest = behind;
                true
            }
            None => false,
        }
    }

    fn sum(&mut self) -> Option<u64> {
        let mut value = self.product()?;
        loop {
            if self.take('+') {
                value = value.checked_add(self.product()?)?;
            } else if self.take('-') {
                value = value.checked_sub(self.product()?)?;
            } else {
                return Some(value);
            }
        }
    }

    fn product(&mut self) -> Option<u64> {
        let mut value = self.single()?;
        loop {
            if self.take('*') {
                value = value.checked_mul(self.single()?)?;
            } else if self.take('/') {
                value = value.checked_div(self.single()?)?;
            } else {
                return Some(value);
            }
        }
    }

    fn single(&mut self) -> Option<u64> {
        if self.take('(') {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return None;
            }
            let value = self.sum()?;
            self.depth -= 1;
            return self.take(')').then_some(value);
        }
        let rest = self.rest.trim_start();
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'))
            .unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        self.rest = behind;
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            return number(word);
        }
        if !self.take('(') {
            return None;
        }
        let (inner, behind) = self.rest.split_once(')')?;
        self.rest = behind;
        let region = (self.known)(inner.trim())?;
        match word {
            "ORIGIN" | "org" => Some(region.origin),
            "LENGTH" | "len" => Some(region.length),
            _ => None,
        }
    }
}

/// `0x8000000`, `256K`, `1M`, `020` (octal).
fn number(word: &str) -> Option<u64> {
    if let Some(digits) = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        return u64::from_str_radix(digits, 16).ok();
    }
    let (digits, unit) = match word.strip_suffix(['K', 'k']) {
        Some(digits) => (digits, 1 << 10),
        None => match word.strip_suffix(['M', 'm']) {
            Some(digits) => (digits, 1 << 20),
            None => (word, 1),
        },
    };
    let value = match digits.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => u64::from_str_radix(octal, 8).ok()?,
        _ => digits.parse::<u64>().ok()?,
    };
    value.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<(String, u64, u64)> {
        let all = regions(text).into_iter();
        all.map(|region| (region.name, region.origin, region.length))
            .collect()
    }

    #[test]
    fn regions_in_the_forms_that_are_in_use() {
        let text = "
            /* MEMORY { OLD : ORIGIN = 1, LENGTH = 2 } */
            MEMORY
            {
              BOOT2 : ORIGIN = 0x10000000, LENGTH = 0x100
              FLASH (rx) : ORIGIN = 0x10000000 + 0x100, LENGTH = 2048K - LENGTH(BOOT2)
              RAM (xrw!i): org = 0x20000000, len = (256 + 8)*1K /* banks */
              CCM : o = ORIGIN(RAM) + LENGTH(RAM), l = 1M / 16
              ODD : ORIGIN = _start, LENGTH = 4
            }
            REGION_ALIAS(\"REGION_TEXT\", FLASH);";
        let expected = [
            ("BOOT2", 0x1000_0000, 0x100),
            ("FLASH", 0x1000_0100, 2048 * 1024 - 0x100),
            ("RAM", 0x2000_0000, 264 * 1024),
            ("CCM", 0x2000_0000 + 264 * 1024, 65536),
        ];
        let expected = expected.map(|(name, origin, length)| (name.to_owned(), origin, length));
        assert_eq!(of(text), expected);
    }

    #[test]
    fn what_is_damaged_is_left_out() {
        for text in [
            "MEMORY { FLASH : ORIGIN = , LENGTH = 4 }",
            "MEMORY { FLASH : ORIGIN = 1, LENGTH = 1/0 }",
            "MEMORY { : }",
            "MEMORY {",
            "MEMORY { λ : ORIGIN = 1 }",
            "/* MEMORY { A : ORIGIN = 1, LENGTH = 1 }",
        ] {
            assert_eq!(of(text), [], "{text}");
        }
        let deep = format!(
            "MEMORY {{ A : ORIGIN = {}1, LENGTH = 1 }}",
            "(".repeat(100_000)
        );
        assert_eq!(of(&deep), []);
    }
}
