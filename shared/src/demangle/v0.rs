//! Names of the v0 scheme: where the name ends, whose it is, who made the copy.
//!
//! Truth: "v0 symbol format" of the rustc book (RFC 2603), and for what rustc puts where,
//! `rustc_symbol_mangling::v0`. Checking a name is one pass over its bytes, without following
//! back references and without allocating; [`walk`](super::walk) holds the grammar.

use std::{borrow::Cow, num::NonZeroU32};

use super::CrateRef;
use super::cursor::{Cursor, Stop};
use super::walk::{Nowhere, Style, Walker, is_call_trait, names_item};

/// How many back references may lie between a path and its crate root.
const MAX_HOPS: usize = 500;

/// A checked v0 name. Positions count from behind the `_R`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Symbol<'a> {
    text: &'a str,
    instantiating: Option<usize>,
    generic: bool,
}

/// Where the parts of a checked name stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    end: NonZeroU32,
    /// 0 when there is none: a path is there before it.
    instantiating: u32,
    generic: bool,
}

/// A name of this scheme from behind its `_R`.
fn unprefixed(symbol: &str) -> Option<&str> {
    // Mach-O and 32-bit Windows put one more underscore before every name.
    match symbol.as_bytes() {
        [b'_', b'R', ..] => symbol.get(2..),
        [b'_', b'_', b'R', ..] => symbol.get(3..),
        _ => None,
    }
}

impl<'a> Symbol<'a> {
    pub(super) fn shape(&self) -> Option<Shape> {
        Some(Shape {
            end: NonZeroU32::new(u32::try_from(self.text.len()).ok()?)?,
            instantiating: u32::try_from(self.instantiating.unwrap_or_default()).ok()?,
            generic: self.generic,
        })
    }

    /// The name that has this shape, and what follows it, without checking it again. The shape of
    /// another name makes nonsense, no harm: every reader of the text checks what it reads.
    pub(super) fn of(symbol: &'a str, shape: Shape) -> Option<(Self, &'a str)> {
        let end = usize::try_from(shape.end.get()).ok()?;
        let (text, rest) = unprefixed(symbol)?.split_at_checked(end)?;
        let instantiating = usize::try_from(shape.instantiating).ok()?;
        let name = Self {
            text,
            instantiating: (instantiating > 0).then_some(instantiating),
            generic: shape.generic,
        };
        Some((name, rest))
    }

    /// The name and what follows it, or `None` if it is not of this scheme.
    pub(super) fn parse(symbol: &'a str) -> Option<(Self, &'a str)> {
        let text = unprefixed(symbol)?;
        // A digit here would be a later version of the scheme.
        if !text.as_bytes().first()?.is_ascii_uppercase() || !text.is_ascii() {
            return None;
        }
        let mut walker = Walker::new(Cursor::new(text, 0), Nowhere, Style::Full);
        walker.path(true).ok()?;
        let generic = walker.saw_generics();
        let mut end = walker.pos();
        let mut instantiating = None;
        if text.as_bytes().get(end).is_some_and(u8::is_ascii_uppercase) {
            instantiating = Some(end);
            walker.path(false).ok()?;
            end = walker.pos();
        }
        // What follows is the vendor's, or some tool's, and says so by its first character.
        let (text, rest) = text.split_at_checked(end)?;
        if !(rest.is_empty() || rest.starts_with(['.', '$', '@'])) {
            return None;
        }
        Some((
            Self {
                text,
                instantiating,
                generic,
            },
            rest,
        ))
    }

    pub(super) fn is_generic(&self) -> bool {
        self.generic
    }

    pub(super) fn defining(&self) -> Option<CrateRef<'a>> {
        root(Cursor::new(self.text, 0)).ok()
    }

    pub(super) fn instantiating(&self) -> Option<CrateRef<'a>> {
        root(Cursor::new(self.text, self.instantiating?)).ok()
    }

    pub(super) fn write(&self, style: Style, out: &mut String) {
        // The arguments of a generic function are the last of its name, and mostly the longest:
        // where they are left out, nobody has to read them.
        let last = self.text.starts_with('I') && matches!(style, Style::Family | Style::Key);
        let cursor = Cursor::new(self.text, usize::from(last));
        let mut walker = Walker::new(cursor, &mut *out, style);
        if walker.path(true).is_err() {
            // A bomb, or a reference to something that is no path: what there is, marked as cut.
            out.push('…');
        }
    }
}

/// The crate at the root of the path that starts here.
///
/// For `impl` blocks it is the crate the block stands in. For `<T as Trait>::f` outside any
/// `impl`, the code is the default body that stands in the trait, so it is the trait's crate;
/// unless the trait is one of the `Fn` family, which have no default bodies: then it is what rustc
/// makes to call a closure or a function through `FnOnce` (a `call_once` that runs the closure's
/// own code), and belongs to that closure or function.
fn root(mut cursor: Cursor<'_>) -> Result<CrateRef<'_>, Stop> {
    let mut hops = 0;
    loop {
        match cursor.next()? {
            b'C' => {
                let disambiguator = cursor.disambiguator()?;
                let ident = cursor.ident()?;
                let name = if ident.punycode.is_empty() {
                    Cow::Borrowed(ident.ascii)
                } else {
                    let mut text = String::new();
                    ident.write(&mut text);
                    Cow::Owned(text)
                };
                let disambiguator = (disambiguator != 0).then_some(disambiguator);
                return Ok(CrateRef {
                    name,
                    disambiguator,
                });
            }
            b'N' => {
                cursor.next()?;
            }
            b'M' | b'X' => {
                cursor.disambiguator()?;
            }
            b'I' => {}
            b'Y' => {
                let ty = cursor;
                let mut walker = Walker::new(cursor, Nowhere, Style::Full);
                walker.ty()?;
                cursor.pos = walker.pos();
                let mut of_trait = String::new();
                Walker::new(cursor, &mut of_trait, Style::Family).path(false)?;
                if is_call_trait(&of_trait) && names_item(ty)? {
                    cursor = ty;
                }
            }
            b'B' => {
                hops += 1;
                if hops > MAX_HOPS {
                    return Err(Stop);
                }
                cursor.pos = cursor.backref()?;
            }
            _ => return Err(Stop),
        }
    }
}
