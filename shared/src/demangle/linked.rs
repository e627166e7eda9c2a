//! Names that a linker has already turned into text.
//!
//! wasm-ld writes the section `name` demangled unless it is told not to, so that a module's names are
//! C++ signatures, Rust paths and names of C side by side. What is lost differs by the scheme:
//!
//! - a legacy name keeps all its elements, its hash too, so that it can be mangled again, and is then
//!   read as any other;
//! - a v0 name becomes its path, without the hashes of its crates;
//! - a C++ function becomes its signature. Its parameters tell it from a path of Rust's, which ends in
//!   a name or in generic arguments.
//!
//! Truth: `llvm::demangle`, which wasm-ld calls; the same objects linked with `--no-demangle` are the
//! witness in the tests.

use super::legacy;

/// What LLVM appends for an ending of the symbol, and binaryen where two functions have one name.
fn without_ending(text: &str) -> &str {
    let numbered = text.trim_end_matches(|last: char| last.is_ascii_digit());
    let text = match numbered.strip_suffix('_') {
        Some(rest) if numbered.len() < text.len() => rest,
        _ => text,
    };
    let ending = text.strip_suffix(')').and_then(|text| text.rfind(" (."));
    ending.map_or(text, |at| &text[..at])
}

/// The mangled name that a path with a hash at its end was: `a::f::h0123456789abcdef` was
/// `_ZN1a1f17h0123456789abcdefE`. `None` where it is no such path. Linear in the text.
pub fn legacy_symbol(text: &str) -> Option<String> {
    let text = without_ending(text);
    let (path, hash) = text.rsplit_once("::")?;
    if !legacy::is_hash(hash) || path.is_empty() {
        return None;
    }
    let mut symbol = String::with_capacity(2 * text.len());
    symbol.push_str("_ZN");
    let mut add = |element: &str| {
        let escaped = legacy::escape(element);
        symbol.push_str(&escaped.len().to_string());
        symbol.push_str(&escaped);
    };
    let bytes = path.as_bytes();
    let (mut start, mut depth) = (0, 0_usize);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'<' => depth += 1,
            // Not the arrow of a function's type.
            b'>' if at == 0 || bytes[at - 1] != b'-' => depth = depth.saturating_sub(1),
            b':' if depth == 0 && at >= start && bytes.get(at + 1) == Some(&b':') => {
                add(&path[start..at]);
                start = at + 2;
            }
            _ => {}
        }
    }
    add(path.get(start..)?);
    add(hash);
    symbol.push('E');
    Some(symbol)
}

/// Whether a text is a C++ function's signature: it ends in parameters, perhaps with qualifiers after
/// them, or has a part that only C++ has.
pub fn is_cpp(text: &str) -> bool {
    const PARTS: [&str; 3] = ["(anonymous namespace)", "::~", "[abi:"];
    const QUALIFIERS: [&str; 4] = [" const", " volatile", " noexcept", "&"];
    if PARTS.iter().any(|part| text.contains(part)) {
        return true;
    }
    let mut rest = without_ending(text);
    loop {
        let mut qualifiers = QUALIFIERS.iter();
        if let Some(shorter) = qualifiers.find_map(|one| rest.strip_suffix(one)) {
            rest = shorter.trim_end();
            continue;
        }
        // A condition, or the bound of an array that is returned.
        match rest.strip_suffix(']').and_then(|rest| rest.rfind('[')) {
            Some(at) => rest = rest[..at].trim_end(),
            None => break,
        }
    }
    rest.len() > 2 && rest.ends_with(')')
}

#[cfg(test)]
mod tests {
    use super::super::{Name, Scheme};
    use super::*;

    #[test]
    fn a_path_with_a_hash_is_mangled_again() {
        let hash = "h0123456789abcdef";
        // As LLVM and as rustc-demangle spell it, and as rustc mangled it.
        for (llvm, rustc, mangled) in [
            (
                "url::host::Host::parse",
                "url::host::Host::parse",
                "_ZN3url4host4Host5parse",
            ),
            (
                "_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..ops..Drop$GT$::drop",
                "<alloc::vec::Vec<T> as core::ops::Drop>::drop",
                "_ZN60_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..ops..Drop$GT$4drop",
            ),
            (
                "core::ptr::drop_in_place$LT$fn$LP$u8$RP$.$GT$u8$GT$",
                "core::ptr::drop_in_place<fn(u8)->u8>",
                "_ZN4core3ptr40drop_in_place$LT$fn$LP$u8$RP$.$GT$u8$GT$",
            ),
            (
                "a::f::_$u7b$$u7b$closure$u7d$$u7d$",
                "a::f::{{closure}}",
                "_ZN1a1f28_$u7b$$u7b$closure$u7d$$u7d$",
            ),
        ] {
            let mangled = format!("{mangled}17{hash}E");
            for text in [llvm, rustc] {
                let text = format!("{text}::{hash}");
                assert_eq!(legacy_symbol(&text).as_ref(), Some(&mangled), "{text}");
                let numbered = legacy_symbol(&format!("{text}_12"));
                assert_eq!(numbered.as_ref(), Some(&mangled));
                let ended = legacy_symbol(&format!("{text} (.llvm.77)"));
                assert_eq!(ended.as_ref(), Some(&mangled));
            }
            let name = Name::parse(&mangled);
            assert_eq!(name.scheme(), Scheme::Legacy);
            // It shows an arrow as it is written, `.>`.
            let shown = rustc_demangle::demangle(&mangled).to_string();
            assert_eq!(shown.replace(".>", "->"), format!("{rustc}::{hash}"));
        }
        for text in [
            "a::f",
            "h0123456789abcdef",
            "::h0123456789abcdef",
            "a::h0123456789abcdeg",
            "",
            "::",
            "é::ü",
            ")",
        ] {
            assert_eq!(legacy_symbol(text), None, "{text}");
        }
    }

    #[test]
    fn signatures_are_no_paths() {
        for text in [
            "std::h(int)",
            "std::__2::vector<int>::size[abi:nn210104]() const",
            "js::float16 ConvertToNativeType<js::float16>(JS::Value const&)",
            "a::b() &&",
            "a::b(int) (.cold)",
            "a::b(int)_12677",
            "int (&a::b<int>())[3]",
            "JS::Rooted<a::T>::~Rooted()",
            "(anonymous namespace)::f",
        ] {
            assert!(is_cpp(text), "{text}");
        }
        for text in [
            "core::fmt::Formatter::pad",
            "<() as std::process::Termination>::report",
            "<(A, B) as a::T>::f::<fn(u8)>",
            "a::f::{closure#0}",
            "core::ptr::drop_in_place::<dyn Fn()>",
            "<[u8] as a::T>::f (.llvm.12)",
            "memcpy",
            "",
            "()",
        ] {
            assert!(!is_cpp(text), "{text}");
        }
    }
}
