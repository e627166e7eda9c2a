//! Symbol names of every scheme brought to one normal form: what a name is called, in full and in
//! short, which generic family it belongs to, which crate it comes from and which one made the
//! copy.
//!
//! Truth: "v0 symbol format" of the rustc book (RFC 2603) for `_R…`, rustc's own source for the
//! legacy `_ZN…17h<hash>E`, the Itanium C++ ABI (through `cpp_demangle`) for other `_Z…`. The
//! witness in the tests is `rustc-demangle`, over all names of the compiler's own library.
//!
//! The texts of one thing are the same under v0 and legacy as far as legacy names know it:
//!
//! | | full | short | family |
//! |---|---|---|---|
//! | inherent method | `<alloc::vec::Vec<u8>>::push` | `Vec<u8>::push` | `alloc::vec::Vec::push` |
//! | trait method | `<a::Foo<u8> as core::fmt::Debug>::fmt` | `<Foo<u8> as Debug>::fmt` | `<a::Foo as core::fmt::Debug>::fmt` |
//! | default method | `<a::It as a::Step>::go` | `<It as Step>::go` | `a::Step::go` |
//! | closure | `a::run::<u8>::{closure#0}` | `run::<u8>::{closure#0}` | `a::run::{closure#0}` |
//! | glue | `core::ptr::drop_in_place::<a::Foo>` | `drop_in_place::<Foo>` | `core::ptr::drop_in_place` |
//!
//! What a tool has spelled out for the eye, as `wasm-bindgen` does, is read as far as its text goes.
//!
//! Reading a name never fails: what no scheme claims is [`Scheme::Other`] and shown as it stands.
//! Names come from files anybody may have written: the work is bounded by a multiple of the
//! name's length, and so are depth and text (a text cut for that ends in `…`).

mod basic;
mod consts;
mod cpp;
mod cursor;
mod legacy;
mod linked;
mod punycode;
mod rare;
mod spelled;
mod suffix;
mod text;
mod types;
mod v0;
mod walk;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use linked::{is_cpp, legacy_symbol};
pub use suffix::Part;
use walk::Style;

/// How a name is mangled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Rust's v0, `_R…`.
    V0,
    /// Rust's legacy scheme, `_ZN…17h<hash>E`.
    Legacy,
    /// C++ of the Itanium ABI, `_Z…`.
    Cpp,
    /// Anything else: C, assembly, the linker's own.
    Other,
}

/// A crate as a name states it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CrateRef<'a> {
    /// The crate's name as in paths (`serde_json`), Unicode decoded.
    pub name: Cow<'a, str>,
    /// rustc's `StableCrateId`, which tells two versions of one crate apart: the value of `Cs…_`,
    /// where `s_` is 1. `rustc-demangle` prints it as `name[hexadecimal]`. `None` in legacy names.
    pub disambiguator: Option<u64>,
}

/// A symbol name, read once.
#[derive(Debug, Clone, Copy)]
pub struct Name<'a> {
    symbol: &'a str,
    body: Body<'a>,
    suffix: &'a str,
    part: Part,
}

/// What reading a name found out, without its text: kept beside a symbol, it spares the next reader
/// the check of the whole name.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shape(Option<v0::Shape>);

#[derive(Debug, Clone, Copy)]
enum Body<'a> {
    V0(v0::Symbol<'a>),
    Legacy(legacy::Symbol<'a>),
    Spelled(spelled::Symbol<'a>),
    Cpp(&'a str),
    Other(&'a str),
}

impl<'a> Name<'a> {
    /// Reads a name. Linear in its length, without allocation.
    pub fn parse(symbol: &'a str) -> Self {
        // As of all functions of a stripped module of WebAssembly.
        if symbol.is_empty() {
            return Self {
                symbol,
                body: Body::Other(symbol),
                suffix: "",
                part: Part::Whole,
            };
        }
        if let Some((name, suffix)) = v0::Symbol::parse(symbol) {
            return Self {
                symbol,
                body: Body::V0(name),
                suffix,
                part: suffix::part_of(suffix),
            };
        }
        if let Some((name, suffix)) = legacy::Symbol::parse(symbol) {
            return Self {
                symbol,
                body: Body::Legacy(name),
                suffix,
                part: suffix::part_of(suffix),
            };
        }
        if let Some(name) = spelled::Symbol::parse(symbol) {
            return Self {
                symbol,
                body: Body::Spelled(name),
                suffix: "",
                part: Part::Whole,
            };
        }
        let (name, suffix, part) = suffix::split(symbol);
        let body = if cpp::is_mangled(name) {
            Body::Cpp(name)
        } else {
            Body::Other(name)
        };
        // LLVM's outliner gives its functions names, not endings.
        let outlined = name
            .trim_start_matches('_')
            .starts_with("OUTLINED_FUNCTION_");
        let part = if outlined && part == Part::Whole {
            Part::Outlined
        } else {
            part
        };
        Self {
            symbol,
            body,
            suffix,
            part,
        }
    }

    /// What [`with_shape`](Self::with_shape) needs to read this name again at no cost.
    pub fn shape(&self) -> Shape {
        match &self.body {
            Body::V0(name) => Shape(name.shape()),
            Body::Legacy(_) | Body::Spelled(_) | Body::Cpp(_) | Body::Other(_) => Shape(None),
        }
    }

    /// As [`parse`](Self::parse), for a symbol whose name was read before and had this shape. Only
    /// v0 names are long enough to be worth it; others are read once more.
    pub fn with_shape(symbol: &'a str, shape: Shape) -> Self {
        match shape.0.and_then(|shape| v0::Symbol::of(symbol, shape)) {
            Some((name, suffix)) => Self {
                symbol,
                body: Body::V0(name),
                suffix,
                part: suffix::part_of(suffix),
            },
            None => Self::parse(symbol),
        }
    }

    /// The name as it stands in the file.
    pub fn symbol(&self) -> &'a str {
        self.symbol
    }

    /// How the name is mangled.
    pub fn scheme(&self) -> Scheme {
        match self.body {
            Body::V0(_) => Scheme::V0,
            Body::Legacy(_) => Scheme::Legacy,
            Body::Spelled(name) => name.scheme(),
            Body::Cpp(_) => Scheme::Cpp,
            Body::Other(_) => Scheme::Other,
        }
    }

    /// What compilers and linkers appended: `.llvm.123`, `.cold`, `@plt`, or nothing.
    pub fn suffix(&self) -> &'a str {
        self.suffix
    }

    /// Which part of a function this is.
    pub fn part(&self) -> Part {
        self.part
    }

    /// The crate whose source the code is written in.
    ///
    /// For a path, its root. For code in an `impl`, the crate where the `impl` stands, not the
    /// type's and not the trait's. For `<T as Trait>::f` outside any `impl`, a default body, the
    /// trait's crate. Closures and shims belong to what they stand in; what rustc makes to call a
    /// closure or function through `FnOnce` runs its code and belongs to it. Drop glue is
    /// `core`'s. Under v0 all this is exact; see [`defining_is_exact`](Self::defining_is_exact).
    pub fn defining(&self) -> Option<CrateRef<'a>> {
        match &self.body {
            Body::V0(name) => name.defining(),
            Body::Legacy(name) => name.defining().map(|(found, _)| found),
            Body::Spelled(name) => name.defining().map(|(found, _)| found),
            Body::Cpp(_) | Body::Other(_) => None,
        }
    }

    /// Does the name itself prove [`defining`](Self::defining)?
    ///
    /// Always under v0, where no tool has spelled the name out. Legacy names prove it where they start with a path; for
    /// `<A as B>::f`, which hides where the `impl` is, the crate is a guess: A's, or B's if A is of
    /// the standard library or has none.
    pub fn defining_is_exact(&self) -> bool {
        match &self.body {
            Body::V0(name) => name.defining().is_some(),
            Body::Legacy(name) => name.defining().is_some_and(|(_, exact)| exact),
            Body::Spelled(name) => name.defining().is_some_and(|(_, exact)| exact),
            Body::Cpp(_) | Body::Other(_) => false,
        }
    }

    /// The crate whose compilation made this copy, where the name says so: v0 names of generic
    /// code do, and those of shared inline functions. Copies local to a codegen unit do not.
    pub fn instantiating(&self) -> Option<CrateRef<'a>> {
        match &self.body {
            Body::V0(name) => name.instantiating(),
            Body::Legacy(_) | Body::Spelled(_) | Body::Cpp(_) | Body::Other(_) => None,
        }
    }

    /// Does the name show generic arguments, anywhere in its path?
    ///
    /// `true` means that other copies are possible, not that there are any; methods of
    /// `impl Foo<u8>` cannot be told from those of `impl<T> Foo<T>`. `false` is certain for free
    /// functions under v0 only: an `impl<T: Debug> Trait for T` applied to `u32` shows no argument,
    /// and legacy names leave most of them out. Copies of one function have one
    /// [family key](Self::write_family_key) in any case.
    pub fn is_generic(&self) -> bool {
        match &self.body {
            Body::V0(name) => name.is_generic(),
            Body::Legacy(name) => name.is_generic(),
            Body::Spelled(name) => name.is_generic(),
            Body::Cpp(_) | Body::Other(_) => false,
        }
    }

    /// Appends the whole name: generic arguments in, hashes out.
    pub fn write_full(&self, out: &mut String) {
        self.write(Style::Full, out);
    }

    /// Appends the name for narrow columns: each path cut to its last segment.
    pub fn write_short(&self, out: &mut String) {
        self.write(Style::Short, out);
    }

    /// Appends the name without generic arguments: what people call the source function.
    ///
    /// Two functions can share it (`impl Foo<u8>` and `impl Foo<u16>` may both have a `get`), and
    /// copies of a method of `impl<T> Trait for T` differ in it. Group by
    /// [`write_family_key`](Self::write_family_key), show this.
    pub fn write_family(&self, out: &mut String) {
        self.write(Style::Family, out);
    }

    /// Appends a text that all copies of one source function share, and no other function has.
    ///
    /// Under v0 that is the path of the definition, with crate hashes and the numbers of `impl`
    /// blocks: `alloc[1f3a…]::vec::{impl#3}::push`; parts of one function share it. Legacy names
    /// cannot do better than [`write_family`](Self::write_family). Not for people.
    pub fn write_family_key(&self, out: &mut String) {
        match &self.body {
            Body::V0(name) => name.write(Style::Key, out),
            Body::Legacy(name) => name.write(Style::Family, out),
            Body::Spelled(name) => name.write(Style::Key, out),
            Body::Cpp(name) | Body::Other(name) => out.push_str(name),
        }
    }

    /// [`write_full`](Self::write_full) as a value.
    pub fn full(&self) -> String {
        self.text(Self::write_full)
    }

    /// [`write_short`](Self::write_short) as a value.
    pub fn short(&self) -> String {
        self.text(Self::write_short)
    }

    /// [`write_family`](Self::write_family) as a value.
    pub fn family(&self) -> String {
        self.text(Self::write_family)
    }

    /// [`write_family_key`](Self::write_family_key) as a value.
    pub fn family_key(&self) -> String {
        self.text(Self::write_family_key)
    }

    fn text(&self, write: impl Fn(&Self, &mut String)) -> String {
        let mut out = String::with_capacity(self.symbol.len());
        write(self, &mut out);
        out
    }

    fn write(&self, style: Style, out: &mut String) {
        match &self.body {
            Body::V0(name) => name.write(style, out),
            Body::Legacy(name) => name.write(style, out),
            Body::Spelled(name) => name.write(style, out),
            Body::Cpp(name) => {
                if !cpp::write(name, style == Style::Full, out) {
                    out.push_str(name);
                }
            }
            Body::Other(name) => {
                if !rare::write(name, out) {
                    out.push_str(name);
                }
            }
        }
        if style != Style::Family {
            out.push_str(self.part.marker());
        }
    }
}
