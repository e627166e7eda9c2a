//! C++ names of the Itanium ABI, by `cpp_demangle`.
//!
//! They are few in Rust programs (LLVM's own, some native libraries), so here clarity goes before
//! speed. Names longer than [`MAX_NAME`] and texts longer than [`MAX_TEXT`] are shown mangled:
//! substitutions can make a short name a huge text.

use std::fmt;

use cpp_demangle::{DemangleOptions, DemangleWrite, ParseOptions, Symbol};

const MAX_NAME: usize = 8 * 1024;
const MAX_TEXT: usize = 64 * 1024;
const MAX_DEPTH: u32 = 160;

/// Is it a name that only the Itanium ABI has? Names of Rust have to be asked for before.
pub(super) fn is_mangled(name: &str) -> bool {
    let text = name.strip_prefix("__Z").or_else(|| name.strip_prefix("_Z"));
    text.is_some_and(|t| {
        t.starts_with(|c: char| {
            c.is_ascii_uppercase() || c.is_ascii_digit() || c.is_ascii_lowercase()
        })
    })
}

fn parse(name: &str) -> Option<Symbol<&[u8]>> {
    let options = ParseOptions::default().recursion_limit(MAX_DEPTH);
    Symbol::new_with_options(name.as_bytes(), &options).ok()
}

/// Appends the text of a name, its parameters only where asked for; `false` if it has none.
pub(super) fn write(name: &str, parameters: bool, out: &mut String) -> bool {
    if name.len() > MAX_NAME {
        return false;
    }
    let mut symbol = parse(name);
    let listed = match symbol {
        Some(_) => None,
        None => with_lists(name),
    };
    if let Some((name, _)) = &listed {
        symbol = parse(name);
    }
    let Some(symbol) = symbol else {
        return false;
    };
    let mut options = DemangleOptions::new().recursion_limit(MAX_DEPTH);
    if !parameters {
        options = options.no_params().no_return_type();
    }
    let start = out.len();
    let mut limited = Limited {
        left: MAX_TEXT,
        out: &mut *out,
    };
    let done = symbol.structured_demangle(&mut limited, &options).is_ok();
    if !done {
        out.truncate(start);
    } else if let Some((_, members)) = &listed {
        let mut text = out.split_off(start);
        for member in members {
            text = text.replace(&format!("{{{member}}}"), &format!("::{member}"));
        }
        out.push_str(&text);
    }
    done
}

/// gcc writes a member of a template, `std::is_scalar<T>::value`, as `sr`, a type and a name, where the
/// ABI wants the levels of a name, and `cpp_demangle` keeps to that. The list `tl` is of a type, too: the
/// name in which lists stand for such members, and what the members are called.
fn with_lists(name: &str) -> Option<(String, Vec<String>)> {
    let bytes = name.as_bytes();
    let mut out = String::with_capacity(name.len() + 8);
    let mut members = Vec::new();
    let (mut at, mut copied) = (2, 0);
    while at < bytes.len() {
        let start = at + 2;
        let rest = bytes.get(start..)?;
        let id = match bytes[at..].starts_with(b"sr") {
            true => template_end(bytes, start + 2 * usize::from(rest.starts_with(b"St"))),
            false => None,
        };
        if let Some(id) = id
            && let Some(end) = source_name(bytes, id)
        {
            out.push_str(name.get(copied..at)?);
            out.push_str("tl");
            out.push_str(name.get(start..end)?);
            out.push('E');
            let member = name
                .get(id..end)?
                .trim_start_matches(|c: char| c.is_ascii_digit());
            members.push(member.to_owned());
            (at, copied) = (end, end);
        } else {
            at = token(bytes, at)?;
        }
    }
    out.push_str(name.get(copied..)?);
    (!members.is_empty()).then_some((out, members))
}

/// The end of a name or a substitution with template arguments, which begins here.
fn template_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = match bytes.get(start)? {
        b'S' => token(bytes, start),
        _ => source_name(bytes, start),
    }?;
    let mut open = 0_usize;
    loop {
        match bytes.get(at)? {
            b'I' | b'N' | b'X' | b'J' | b'F' => open += 1,
            b'E' => open = open.checked_sub(1)?,
            _ if open == 0 => return None,
            _ => {}
        }
        at = token(bytes, at)?;
        if open == 0 {
            return Some(at);
        }
    }
}

/// The end of a length and as many bytes.
fn source_name(bytes: &[u8], at: usize) -> Option<usize> {
    let digits = bytes
        .get(at..)?
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    let end = at + digits.count();
    let length: usize = std::str::from_utf8(bytes.get(at..end)?)
        .ok()?
        .parse()
        .ok()?;
    let end = end.checked_add(length)?;
    (end <= bytes.len()).then_some(end)
}

/// The end of what begins here and must not be cut: a name, a literal, a substitution, or one byte.
fn token(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let until = |last: u8| Some(at + rest.iter().position(|byte| *byte == last)? + 1);
    match rest {
        [b'0'..=b'9', ..] => source_name(bytes, at),
        [b'L', b'a'..=b'z', ..] => until(b'E'),
        [b'S' | b'T', b'0'..=b'9' | b'A'..=b'Z' | b'_', ..] => until(b'_'),
        [b'S', _, ..] => Some(at + 2),
        _ => Some(at + 1),
    }
}

struct Limited<'o> {
    left: usize,
    out: &'o mut String,
}

impl DemangleWrite for Limited<'_> {
    fn write_string(&mut self, text: &str) -> fmt::Result {
        self.left = self.left.checked_sub(text.len()).ok_or(fmt::Error)?;
        self.out.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `c++filt` of binutils 2.40 has them.
    #[test]
    fn members_of_templates_as_gcc_writes_them() {
        let name = "_ZSt9__fill_a1IPiiEN9__gnu_cxx11__enable_ifIXsrSt11__is_scalarIT0_E7__valueEvE6__typeET_S8_RKS4_";
        let expected = "__gnu_cxx::__enable_if<std::__is_scalar<int>::__value, void>::__type std::__fill_a1<int*, int>(int*, int*, int const&)";
        let mut out = String::new();
        assert!(write(name, true, &mut out), "{name}");
        assert_eq!(out, expected);
        for damaged in [
            "_Zsr",
            "_ZXsrSt9",
            "_ZsrSt1aIE",
            "_Z1asrSt1aI9",
            "_ZsrS_IE1",
            "_ZSt\u{e9}sr",
        ] {
            let _ = write(damaged, true, &mut String::new());
            let _ = with_lists(damaged);
        }
    }
}
