//! The grammar of v0 names, walked once for checking and once for each text.
//!
//! Truth: "v0 symbol format" of the rustc book (RFC 2603); `rustc-demangle` is the witness in the
//! tests. The walker is the grammar as recursive functions; where its text goes (nowhere, when a
//! name is only checked) is a type parameter, so that checking costs no text.
//!
//! Limits, since names come from files anybody may have written: depth, and a budget of steps
//! and of text, both proportional to the name's length. Back references can otherwise make a name
//! of a hundred bytes a text of gigabytes.

use super::basic::basic_type;
use super::cursor::{Cursor, Ident, Stop};

/// Nesting beyond this is refused; real names stay below a fifth of it.
const MAX_DEPTH: u32 = 500;
/// Steps, and bytes of text, allowed per byte of the name, and in any case. The largest text among
/// the compiler's 105,000 names has 9 bytes per byte of its name.
const BUDGET_PER_BYTE: usize = 64;
const BUDGET_BASE: usize = 16 * 1024;

/// Which text of a name is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Everything but hashes.
    Full,
    /// Paths cut to their last segments.
    Short,
    /// Generic arguments out.
    Family,
    /// The path of the definition in its crate, with everything that tells it from others.
    Key,
}

/// Where text goes.
pub(super) trait Sink {
    /// Does anybody read it?
    const READ: bool;
    fn put(&mut self, text: &str);
    fn ident(&mut self, ident: Ident<'_>);
    fn len(&self) -> usize;
    fn cut(&mut self, len: usize);
    /// Is what was put from here on one of the traits of calls, in a text without arguments?
    fn names_call_trait(&self, start: usize) -> bool;
}

/// For checking and skipping.
pub(super) struct Nowhere;

impl Sink for Nowhere {
    const READ: bool = false;
    fn put(&mut self, _: &str) {}
    fn ident(&mut self, _: Ident<'_>) {}
    fn len(&self) -> usize {
        0
    }
    fn cut(&mut self, _: usize) {}
    fn names_call_trait(&self, _: usize) -> bool {
        false
    }
}

impl Sink for &mut String {
    const READ: bool = true;
    #[inline]
    fn put(&mut self, text: &str) {
        self.push_str(text);
    }
    #[inline]
    fn ident(&mut self, ident: Ident<'_>) {
        ident.write(self);
    }
    #[inline]
    fn len(&self) -> usize {
        String::len(self)
    }
    fn cut(&mut self, len: usize) {
        self.truncate(len);
    }
    fn names_call_trait(&self, start: usize) -> bool {
        self.get(start..).is_some_and(is_call_trait)
    }
}

/// `core::…::{Fn, FnMut, FnOnce}` and their asynchronous kin, whose methods have no default bodies.
/// The text is a family's or a key's: without arguments, perhaps with the crate's hash.
pub(super) fn is_call_trait(text: &str) -> bool {
    const TRAITS: [&str; 6] = [
        "::ops::function::Fn",
        "::ops::function::FnMut",
        "::ops::function::FnOnce",
        "::ops::async_function::AsyncFn",
        "::ops::async_function::AsyncFnMut",
        "::ops::async_function::AsyncFnOnce",
    ];
    let Some(rest) = text.strip_prefix("core") else {
        return false;
    };
    let path = match rest.strip_prefix('[') {
        Some(hash) => hash.split_once(']').map_or("", |(_, path)| path),
        None => rest,
    };
    TRAITS.contains(&path)
}

/// Is the type here named by a path (a closure's, a function's), not built in?
pub(super) fn names_item(mut cursor: Cursor<'_>) -> Step<bool> {
    for _ in 0..MAX_DEPTH {
        match cursor.next()? {
            b'B' => cursor.pos = cursor.backref()?,
            tag => return Ok(matches!(tag, b'C' | b'N' | b'M' | b'X' | b'Y' | b'I')),
        }
    }
    Err(Stop)
}

pub(super) type Step<T = ()> = Result<T, Stop>;

/// What a path ended in, as far as [`Style::Short`] asks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// `<T>` or `<T as Trait>`: a method needs it before its name.
    Impl,
    Other,
}

pub(super) struct Walker<'s, S> {
    pub(super) cursor: Cursor<'s>,
    pub(super) out: S,
    style: Style,
    depth: u32,
    /// Steps left.
    steps: usize,
    /// Length of the text at which to stop.
    limit: usize,
    /// Lifetimes bound by the `for<…>` around here.
    bound: u64,
    generics: bool,
}

impl<'s, S: Sink> Walker<'s, S> {
    pub(super) fn new(cursor: Cursor<'s>, out: S, style: Style) -> Self {
        let budget =
            BUDGET_BASE.saturating_add(cursor.text().len().saturating_mul(BUDGET_PER_BYTE));
        let limit = out.len().saturating_add(budget);
        Self {
            cursor,
            out,
            style,
            depth: 0,
            steps: budget,
            limit,
            bound: 0,
            generics: false,
        }
    }

    pub(super) fn pos(&self) -> usize {
        self.cursor.pos
    }

    /// Were generic arguments met, or a default method of a trait (whose `Self` is one)?
    pub(super) fn saw_generics(&self) -> bool {
        self.generics
    }

    pub(super) fn note_generics(&mut self) {
        self.generics = true;
    }

    #[inline]
    pub(super) fn put(&mut self, text: &str) {
        self.out.put(text);
    }

    #[inline]
    pub(super) fn put_ident(&mut self, ident: Ident<'_>) {
        // Decoding costs more than copying.
        self.steps = self.steps.saturating_sub(ident.punycode.len());
        self.out.ident(ident);
    }

    fn put_number(&mut self, number: u64) {
        if S::READ {
            match number {
                0 => self.put("0"),
                1 => self.put("1"),
                _ => self.put(&number.to_string()),
            }
        }
    }

    /// Goes one level down; [`leave`](Self::leave) comes back. After an error nobody goes on.
    #[inline]
    pub(super) fn enter(&mut self) -> Step {
        self.depth += 1;
        if self.depth > MAX_DEPTH || self.steps == 0 || self.out.len() > self.limit {
            return Err(Stop);
        }
        self.steps -= 1;
        Ok(())
    }

    #[inline]
    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Passes over something without text.
    pub(super) fn skip(&mut self, f: impl FnOnce(&mut Walker<'s, Nowhere>) -> Step) -> Step {
        let mut quiet = Walker {
            cursor: self.cursor,
            out: Nowhere,
            style: self.style,
            depth: self.depth,
            steps: self.steps,
            limit: 0,
            bound: 0,
            generics: false,
        };
        f(&mut quiet)?;
        self.steps = quiet
            .steps
            .saturating_sub(quiet.cursor.pos - self.cursor.pos);
        self.cursor = quiet.cursor;
        Ok(())
    }

    /// Follows a back reference, its `B` already read. When nobody reads the text, its target is
    /// not visited: it was checked where it stands.
    pub(super) fn backref<T>(
        &mut self,
        otherwise: T,
        f: impl FnOnce(&mut Self) -> Step<T>,
    ) -> Step<T> {
        let target = self.cursor.backref()?;
        if !S::READ {
            return Ok(otherwise);
        }
        let back = self.cursor;
        self.cursor = back.at(target);
        self.enter()?;
        let result = f(self)?;
        self.leave();
        // Bytes read again are what a bomb is made of: each one costs.
        self.steps = self
            .steps
            .saturating_sub(self.cursor.pos.saturating_sub(target));
        self.cursor = back;
        Ok(result)
    }

    /// Elements up to `E`. Returns how many.
    pub(super) fn list(
        &mut self,
        separator: &str,
        mut f: impl FnMut(&mut Self) -> Step,
    ) -> Step<usize> {
        let mut count = 0;
        while !self.cursor.eat(b'E') {
            if count > 0 {
                self.put(separator);
            }
            f(self)?;
            count += 1;
        }
        Ok(count)
    }

    /// `in_value`: generic arguments are written `::<…>`, as in expressions.
    pub(super) fn path(&mut self, in_value: bool) -> Step<Head> {
        self.enter()?;
        let head = match self.cursor.next()? {
            b'C' => {
                let hash = self.cursor.disambiguator()?;
                let name = self.cursor.ident()?;
                self.put_ident(name);
                if S::READ && self.style == Style::Key && hash != 0 {
                    self.put(&format!("[{hash:x}]"));
                }
                Head::Other
            }
            b'N' => self.nested(in_value)?,
            tag @ (b'M' | b'X') => {
                self.implementation(tag)?;
                Head::Impl
            }
            b'Y' => {
                self.generics = true;
                self.default_method()?;
                Head::Impl
            }
            b'I' => {
                self.generics = true;
                let head = self.path(in_value)?;
                match self.style {
                    Style::Family | Style::Key => {
                        self.skip(|w| w.list("", Walker::arg).map(drop))?
                    }
                    Style::Full | Style::Short => {
                        self.put(if in_value { "::<" } else { "<" });
                        self.list(", ", Self::arg)?;
                        self.put(">");
                    }
                }
                head
            }
            b'B' => self.backref(Head::Other, |w| w.path(in_value))?,
            _ => return Err(Stop),
        };
        self.leave();
        Ok(head)
    }

    /// `N <namespace> <path> <identifier>`.
    fn nested(&mut self, in_value: bool) -> Step<Head> {
        let namespace = self.cursor.next()?;
        if !namespace.is_ascii_alphabetic() {
            return Err(Stop);
        }
        let start = self.out.len();
        let parent = self.path(in_value)?;
        let number = self.cursor.disambiguator()?;
        let name = self.cursor.ident()?;
        // Upper case: closures, shims and their like; they have a number and perhaps a name.
        if namespace.is_ascii_uppercase() {
            self.put(match namespace {
                b'C' => "::{closure",
                b'S' => "::{shim",
                _ => "::{",
            });
            if !matches!(namespace, b'C' | b'S') {
                let letter = [namespace];
                self.put(std::str::from_utf8(&letter).unwrap_or("?"));
            }
            if !name.is_empty() {
                self.put(":");
                self.put_ident(name);
            }
            self.put("#");
            self.put_number(number);
            self.put("}");
            return Ok(Head::Other);
        }
        // Lower case without a name: a step in the compiler's own tree, not in the source.
        if name.is_empty() {
            if S::READ && self.style == Style::Key {
                let letter = [namespace];
                self.put("::{");
                self.put(std::str::from_utf8(&letter).unwrap_or("?"));
                self.put("#");
                self.put_number(number);
                self.put("}");
            }
            return Ok(parent);
        }
        if S::READ && self.style == Style::Short && parent == Head::Other {
            self.out.cut(start);
        } else {
            self.put("::");
        }
        self.put_ident(name);
        if S::READ && self.style == Style::Key && number != 0 {
            self.put("#");
            self.put_number(number);
        }
        Ok(Head::Other)
    }

    /// `M <impl-path> <type>` and `X <impl-path> <type> <path>`.
    fn implementation(&mut self, tag: u8) -> Step {
        if S::READ && self.style == Style::Key {
            let number = self.cursor.disambiguator()?;
            self.path(false)?;
            self.put("::{impl#");
            self.put_number(number);
            self.put("}");
            self.skip(Walker::ty)?;
            if tag == b'X' {
                self.skip(|w| w.path(false).map(drop))?;
            }
            return Ok(());
        }
        self.cursor.disambiguator()?;
        self.skip(|w| w.path(false).map(drop))?;
        let bare = S::READ && tag == b'M' && self.style != Style::Full && self.names_type()?;
        if !bare {
            self.put("<");
        }
        self.ty()?;
        if tag == b'X' {
            self.put(" as ");
            self.path(false)?;
        }
        if !bare {
            self.put(">");
        }
        Ok(())
    }

    /// `Y <type> <path>`: `<T as Trait>` outside any `impl`.
    fn default_method(&mut self) -> Step {
        let ty = self.cursor;
        if matches!(self.style, Style::Family | Style::Key) {
            // The default body stands in the trait; `Self` is one more argument. But what calls
            // a closure through `FnOnce` is as many functions as there are closures.
            self.skip(Walker::ty)?;
            let start = self.out.len();
            self.path(false)?;
            if !(self.out.names_call_trait(start) && names_item(ty)?) {
                return Ok(());
            }
            self.out.cut(start);
            self.cursor = ty;
        }
        self.put("<");
        self.ty()?;
        self.put(" as ");
        self.path(false)?;
        self.put(">");
        Ok(())
    }

    /// Is the type here a name (`Vec<u8>`, `str`), not a construction (`[u8]`, `&str`)?
    fn names_type(&self) -> Step<bool> {
        let mut cursor = self.cursor;
        for _ in 0..MAX_DEPTH {
            match cursor.next()? {
                b'B' => cursor.pos = cursor.backref()?,
                tag => {
                    return Ok(matches!(tag, b'C' | b'N' | b'I')
                        || (tag != b'u' && basic_type(tag).is_some()));
                }
            }
        }
        Err(Stop)
    }

    pub(super) fn arg(&mut self) -> Step {
        if self.cursor.eat(b'L') {
            let lifetime = self.cursor.integer_62()?;
            self.lifetime(lifetime)
        } else if self.cursor.eat(b'K') {
            self.constant(false)
        } else {
            self.ty()
        }
    }

    /// 0 is `'_`; others count outwards through the binders around.
    pub(super) fn lifetime(&mut self, index: u64) -> Step {
        if !S::READ {
            return Ok(());
        }
        if index == 0 {
            self.put("'_");
            return Ok(());
        }
        let number = self.bound.checked_sub(index).ok_or(Stop)?;
        self.put("'");
        match u8::try_from(number) {
            Ok(n @ 0..26) => self.put(std::str::from_utf8(&[b'a' + n]).unwrap_or("?")),
            _ => {
                self.put("_");
                self.put_number(number);
            }
        }
        Ok(())
    }

    /// `["G" <number>]` and what it binds lifetimes for.
    pub(super) fn binder(&mut self, f: impl FnOnce(&mut Self) -> Step) -> Step {
        let count = self.cursor.tagged_integer_62(b'G')?;
        let before = self.bound;
        if S::READ && count > 0 {
            self.put("for<");
            for i in 0..count {
                // The number is the file's word: each one costs.
                self.enter()?;
                self.leave();
                if i > 0 {
                    self.put(", ");
                }
                self.bound = self.bound.checked_add(1).ok_or(Stop)?;
                self.lifetime(1)?;
            }
            self.put("> ");
        }
        f(self)?;
        self.bound = before;
        Ok(())
    }

    /// Families write `_` for what types are built of.
    pub(super) fn placeholder(&mut self, f: impl FnOnce(&mut Walker<'s, Nowhere>) -> Step) -> Step {
        self.put("_");
        self.skip(f)
    }

    pub(super) fn style(&self) -> Style {
        self.style
    }
}
