//! A module of three crates, for the tests: calls, a table of functions, constants of each crate.
#![no_std]
use core::fmt::Write;
static ROUND: shapes::Round = shapes::Round(77);
static EDGED: shapes::Edged = shapes::Edged { sides: 5, length: 11 };
struct Out { bytes: [u8; 256], length: usize }
static mut OUT: Out = Out { bytes: [0; 256], length: 0 };
impl Write for Out {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for byte in text.bytes() {
            *self.bytes.get_mut(self.length).ok_or(core::fmt::Error)? = byte;
            self.length += 1;
        }
        Ok(())
    }
}
#[no_mangle]
pub extern "C" fn speak(number: u32, hour: u32) -> u32 {
    let shape = shapes::choose(number, &ROUND, &EDGED);
    let said = shape.say(hour) ^ words::sum(b"bytes of this crate");
    let out = unsafe { &mut *core::ptr::addr_of_mut!(OUT) };
    out.length = 0;
    let _ = write!(out, "{}: {said:>12} of {number:#x}", words::greet(hour));
    words::sum(&out.bytes[..out.length])
}
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! { core::arch::wasm32::unreachable() }
