//! Shapes behind a trait object, with a table of their own.
#![no_std]
use words::Say;
static SIDES: [u16; 24] = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26];
pub struct Round(pub u32);
pub struct Edged { pub sides: usize, pub length: u32 }
impl Say for Round { fn say(&self, times: u32) -> u32 { self.0.wrapping_mul(times) ^ words::loud("a round one") } }
impl Say for Edged {
    fn say(&self, times: u32) -> u32 {
        let sides = u32::from(SIDES[self.sides % SIDES.len()]);
        words::sum(&SIDES).wrapping_add(sides * self.length * times) ^ words::loud("one with edges")
    }
}
#[inline(never)]
pub fn choose(number: u32, round: &'static Round, edged: &'static Edged) -> &'static dyn Say {
    if number & 1 == 0 { round } else { edged }
}
