//! Text: what crate `pieces` shows.
#![no_std]
pub static GREETINGS: [&str; 4] = ["good morning", "good day", "good evening", "good night"];
pub trait Say { fn say(&self, times: u32) -> u32; }
pub fn sum<T: Copy + Into<u32>>(all: &[T]) -> u32 { all.iter().fold(7, |sum, one| sum.rotate_left(3) ^ (*one).into()) }
#[inline(never)]
pub fn greet(hour: u32) -> &'static str { GREETINGS[(hour / 6) as usize % GREETINGS.len()] }
#[inline]
pub fn loud(text: &str) -> u32 { text.bytes().map(|byte| u32::from(byte.to_ascii_uppercase())).sum() }
