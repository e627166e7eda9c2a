//! Constants among generic arguments: the `<const>` production of the grammar.

use super::cursor::{Stop, hex_value};
use super::walk::{Sink, Step, Walker};

impl<S: Sink> Walker<'_, S> {
    /// `nested`: inside another expression, where no braces are needed.
    pub(super) fn constant(&mut self, nested: bool) -> Step {
        self.enter()?;
        let tag = self.cursor.next()?;
        // Expressions, other than plain literals, stand in braces among generic arguments.
        let braces = match tag {
            b'e' | b'A' | b'T' | b'V' | b'Q' => !nested,
            b'R' => !nested && self.cursor.peek() != Some(b'e'),
            _ => false,
        };
        if braces {
            self.put("{");
        }
        match tag {
            b'p' => self.put("_"),
            b'h' | b't' | b'm' | b'y' | b'o' | b'j' => self.integer()?,
            b'a' | b's' | b'l' | b'x' | b'n' | b'i' => {
                if self.cursor.eat(b'n') {
                    self.put("-");
                }
                self.integer()?;
            }
            b'b' => match hex_value(self.cursor.hex()?) {
                Some(0) => self.put("false"),
                Some(1) => self.put("true"),
                _ => return Err(Stop),
            },
            b'c' => {
                let code = hex_value(self.cursor.hex()?).and_then(|v| u32::try_from(v).ok());
                let c = code.and_then(char::from_u32).ok_or(Stop)?;
                self.quoted('\'', c.encode_utf8(&mut [0; 4]));
            }
            b'e' => {
                // A literal is a `&str`; this is what it points to.
                self.put("*");
                self.string()?;
            }
            b'R' if self.cursor.eat(b'e') => self.string()?,
            b'R' | b'Q' => {
                self.put(if tag == b'R' { "&" } else { "&mut " });
                self.constant(true)?;
            }
            b'A' => {
                self.put("[");
                self.list(", ", |w| w.constant(true))?;
                self.put("]");
            }
            b'T' => {
                self.put("(");
                let count = self.list(", ", |w| w.constant(true))?;
                self.put(if count == 1 { ",)" } else { ")" });
            }
            b'V' => self.value()?,
            b'B' => self.backref((), |w| w.constant(nested))?,
            _ => return Err(Stop),
        }
        if braces {
            self.put("}");
        }
        self.leave();
        Ok(())
    }

    /// A value of a named type: unit, tuple-like or with named fields.
    fn value(&mut self) -> Step {
        self.path(true)?;
        match self.cursor.next()? {
            b'U' => {}
            b'T' => {
                self.put("(");
                self.list(", ", |w| w.constant(true))?;
                self.put(")");
            }
            b'S' => {
                self.put(" { ");
                self.list(", ", |w| {
                    w.cursor.disambiguator()?;
                    let name = w.cursor.ident()?;
                    w.put_ident(name);
                    w.put(": ");
                    w.constant(true)
                })?;
                self.put(" }");
            }
            _ => return Err(Stop),
        }
        Ok(())
    }

    fn integer(&mut self) -> Step {
        let digits = self.cursor.hex()?;
        if S::READ {
            match hex_value(digits) {
                Some(value) => self.put(&value.to_string()),
                None => {
                    self.put("0x");
                    self.put(digits);
                }
            }
        }
        Ok(())
    }

    fn string(&mut self) -> Step {
        let digits = self.cursor.hex()?;
        if digits.len() % 2 != 0 {
            return Err(Stop);
        }
        if !S::READ {
            return Ok(());
        }
        let nibble = |b: u8| {
            if b.is_ascii_digit() {
                b - b'0'
            } else {
                b - b'a' + 10
            }
        };
        let bytes = digits.as_bytes().chunks_exact(2).map(|pair| match *pair {
            [high, low] => nibble(high) << 4 | nibble(low),
            _ => 0,
        });
        let text = String::from_utf8(bytes.collect()).map_err(|_| Stop)?;
        self.quoted('"', &text);
        Ok(())
    }

    fn quoted(&mut self, quote: char, text: &str) {
        if !S::READ {
            return;
        }
        let mut buffer = String::with_capacity(text.len() + 2);
        buffer.push(quote);
        for c in text.chars() {
            // The other kind of quote needs no escape.
            if matches!((quote, c), ('\'', '"') | ('"', '\'')) {
                buffer.push(c);
            } else {
                buffer.extend(c.escape_debug());
            }
        }
        buffer.push(quote);
        self.put(&buffer);
    }
}
