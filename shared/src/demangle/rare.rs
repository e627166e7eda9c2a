//! Forms that our own reading does not take, left to `rustc-demangle`: Rust names without the
//! underscore (Windows' dbghelp) or with a second one, and what later versions of v0 may add.

use std::fmt::{self, Write};

/// Appends the name without hashes; `false`, and nothing appended, when it is no Rust name.
pub(super) fn write(name: &str, out: &mut String) -> bool {
    let Ok(demangled) = rustc_demangle::try_demangle(name) else {
        return false;
    };
    let start = out.len();
    // Backward references can make a short name endless.
    let mut limited = Limited {
        out,
        left: 1024 + 16 * name.len(),
    };
    let whole = write!(limited, "{demangled:#}").is_ok();
    if !whole {
        out.truncate(start);
    }
    whole
}

struct Limited<'a> {
    out: &'a mut String,
    left: usize,
}

impl Write for Limited<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.left = self.left.checked_sub(text.len()).ok_or(fmt::Error)?;
        self.out.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::demangle::Name;

    #[test]
    fn names_without_the_underscore_are_read_too() {
        assert_eq!(Name::parse("RNvCs1234_7mycrate3foo").full(), "mycrate::foo");
        assert_eq!(
            Name::parse("ZN3foo3bar17h05af221e174051e9E").full(),
            "foo::bar"
        );
        assert_eq!(Name::parse("Rust").full(), "Rust");
        assert_eq!(Name::parse("memcpy").full(), "memcpy");
    }
}
