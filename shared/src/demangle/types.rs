//! Types of v0 names: the `<type>` and `<dyn-bounds>` productions of the grammar.

use super::basic::basic_type;
use super::cursor::Stop;
use super::walk::{Sink, Step, Style, Walker};

impl<S: Sink> Walker<'_, S> {
    pub(super) fn ty(&mut self) -> Step {
        // Unstable: marks an argument that is spread over several.
        if self.cursor.eat(b'w') {
            self.put("#[splat] ");
        }
        let before = self.cursor;
        let tag = self.cursor.next()?;
        if let Some(name) = basic_type(tag) {
            self.put(name);
            return Ok(());
        }
        self.enter()?;
        match tag {
            b'R' | b'Q' => {
                self.put("&");
                if self.cursor.eat(b'L') {
                    let lifetime = self.cursor.integer_62()?;
                    if lifetime != 0 {
                        self.lifetime(lifetime)?;
                        self.put(" ");
                    }
                }
                if tag == b'Q' {
                    self.put("mut ");
                }
                self.inner()?;
            }
            b'P' | b'O' => {
                self.put(if tag == b'P' { "*const " } else { "*mut " });
                self.inner()?;
            }
            b'S' => {
                self.put("[");
                self.inner()?;
                self.put("]");
            }
            b'A' => {
                self.put("[");
                self.inner()?;
                self.put("; ");
                if self.style() == Style::Family {
                    self.placeholder(|w| w.constant(true))?;
                } else {
                    self.constant(true)?;
                }
                self.put("]");
            }
            b'T' => {
                self.put("(");
                let count = self.list(", ", Self::inner)?;
                self.put(if count == 1 { ",)" } else { ")" });
            }
            b'F' => self.binder(Self::function)?,
            b'D' => {
                self.put("dyn ");
                self.binder(|w| w.list(" + ", Self::dyn_trait).map(drop))?;
                if !self.cursor.eat(b'L') {
                    return Err(Stop);
                }
                let lifetime = self.cursor.integer_62()?;
                if lifetime != 0 {
                    self.put(" + ");
                    self.lifetime(lifetime)?;
                }
            }
            b'W' => {
                self.ty()?;
                self.put(" is ");
                self.pattern()?;
            }
            b'B' => self.backref((), Self::ty)?,
            _ => {
                self.cursor = before;
                self.path(false)?;
            }
        }
        self.leave();
        Ok(())
    }

    /// The type within a reference, a slice, a tuple: for a family, one more argument.
    fn inner(&mut self) -> Step {
        if S::READ && self.style() == Style::Family {
            self.placeholder(Walker::ty)
        } else {
            self.ty()
        }
    }

    fn function(&mut self) -> Step {
        if self.cursor.eat(b'U') {
            self.put("unsafe ");
        }
        if self.cursor.eat(b'K') {
            self.put("extern \"");
            if self.cursor.eat(b'C') {
                self.put("C");
            } else {
                let abi = self.cursor.ident()?;
                if abi.ascii.is_empty() || !abi.punycode.is_empty() {
                    return Err(Stop);
                }
                // The name of an ABI has `-`, which no symbol can have.
                for (i, word) in abi.ascii.split('_').enumerate() {
                    if i > 0 {
                        self.put("-");
                    }
                    self.put(word);
                }
            }
            self.put("\" ");
        }
        self.put("fn(");
        self.list(", ", Self::inner)?;
        self.put(")");
        // `()` is not written.
        if !self.cursor.eat(b'u') {
            self.put(" -> ");
            self.inner()?;
        }
        Ok(())
    }

    /// One trait of a `dyn` type, and its associated types among its arguments.
    fn dyn_trait(&mut self) -> Step {
        if S::READ && self.style() == Style::Family {
            self.path(false)?;
            return self.skip(|w| w.bindings(true).map(drop));
        }
        let open = self.open_path()?;
        if self.bindings(open)? {
            self.put(">");
        }
        Ok(())
    }

    /// `{ "p" <identifier> <type> }`. Says whether a `<` is open in the end.
    fn bindings(&mut self, mut open: bool) -> Step<bool> {
        while self.cursor.eat(b'p') {
            self.put(if open { ", " } else { "<" });
            open = true;
            let name = self.cursor.ident()?;
            self.put_ident(name);
            self.put(" = ");
            if self.cursor.eat(b'K') {
                self.constant(false)?;
            } else {
                self.ty()?;
            }
        }
        Ok(open)
    }

    /// A path whose last `>` is left out, for more to come. Says whether there was one.
    fn open_path(&mut self) -> Step<bool> {
        if self.cursor.eat(b'B') {
            return self.backref(false, Self::open_path);
        }
        if self.cursor.eat(b'I') {
            self.note_generics();
            self.path(false)?;
            self.put("<");
            self.list(", ", Self::arg)?;
            return Ok(true);
        }
        self.path(false)?;
        Ok(false)
    }

    fn pattern(&mut self) -> Step {
        match self.cursor.next()? {
            b'R' => {
                self.constant(false)?;
                self.put("..=");
                self.constant(false)?;
            }
            b'O' => {
                self.enter()?;
                self.list(" | ", Self::pattern)?;
                self.leave();
            }
            b'N' => self.put("!null"),
            _ => return Err(Stop),
        }
        Ok(())
    }
}
