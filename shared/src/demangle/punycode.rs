//! Unicode identifiers of v0 names: Punycode (RFC 3492) with `_` for `-`.

/// Longest identifier that is decoded, in characters: insertion is quadratic, and no identifier
/// people write is longer. Longer ones are shown encoded.
const MAX_CHARS: usize = 128;

// The parameters of RFC 3492, section 5.
const BASE: usize = 36;
const T_MIN: usize = 1;
const T_MAX: usize = 26;
const SKEW: usize = 38;
const FIRST_DAMP: usize = 700;
const FIRST_BIAS: usize = 72;
const FIRST_CODE: usize = 0x80;

/// The characters of an identifier, or `None` where the encoding is broken or too long.
pub(super) fn decode(ascii: &str, insertions: &str) -> Option<Vec<char>> {
    let mut chars: Vec<char> = ascii.chars().collect();
    let mut bytes = insertions.bytes().peekable();
    let (mut damp, mut bias, mut at, mut code) = (FIRST_DAMP, FIRST_BIAS, 0usize, FIRST_CODE);
    while bytes.peek().is_some() {
        // One number of varying length says how far to go on over (character, position) pairs.
        let (mut delta, mut weight, mut k) = (0usize, 1usize, 0usize);
        loop {
            k = k.checked_add(BASE)?;
            let threshold = k.saturating_sub(bias).clamp(T_MIN, T_MAX);
            let digit = match bytes.next()? {
                d @ b'a'..=b'z' => usize::from(d - b'a'),
                d @ b'0'..=b'9' => usize::from(d - b'0') + 26,
                _ => return None,
            };
            delta = delta.checked_add(digit.checked_mul(weight)?)?;
            if digit < threshold {
                break;
            }
            weight = weight.checked_mul(BASE - threshold)?;
        }
        let len = chars.len() + 1;
        if len > MAX_CHARS {
            return None;
        }
        at = at.checked_add(delta)?;
        code = code.checked_add(at / len)?;
        at %= len;
        chars.insert(at, char::from_u32(u32::try_from(code).ok()?)?);
        at += 1;

        delta /= damp;
        damp = 2;
        delta += delta / len;
        let mut steps = 0;
        while delta > (BASE - T_MIN) * T_MAX / 2 {
            delta /= BASE - T_MIN;
            steps += BASE;
        }
        bias = steps + (BASE - T_MIN + 1) * delta / (delta + SKEW);
    }
    Some(chars)
}

#[cfg(test)]
mod tests {
    use super::decode;

    fn text(ascii: &str, insertions: &str) -> Option<String> {
        decode(ascii, insertions).map(|c| c.into_iter().collect())
    }

    #[test]
    fn known_words() {
        // The rustc book's own example, and two of RFC 3492.
        assert_eq!(text("gdel", "5qa").as_deref(), Some("gödel"));
        assert_eq!(
            text("", "ihqwcrb4cv8a8dqg056pqjye").as_deref(),
            Some("他们为什么不说中文")
        );
    }

    #[test]
    fn broken_or_endless_input_is_refused() {
        for insertions in ["A", "99999999999999999999", "zzzzzzzzzz", "5q", "-"] {
            assert_eq!(text("x", insertions), None, "{insertions}");
        }
        assert_eq!(text("x", &"a".repeat(5000)), None);
    }
}
