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

/// Appends the text of a name, its parameters only where asked for; `false` if it has none.
pub(super) fn write(name: &str, parameters: bool, out: &mut String) -> bool {
    if name.len() > MAX_NAME {
        return false;
    }
    let parsing = ParseOptions::default().recursion_limit(MAX_DEPTH);
    let Ok(symbol) = Symbol::new_with_options(name.as_bytes(), &parsing) else {
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
    }
    done
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
