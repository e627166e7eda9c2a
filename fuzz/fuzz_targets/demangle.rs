//! Every form of a symbol's name.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(symbol) = std::str::from_utf8(bytes) {
        codecost_fuzz::replay::demangle(symbol);
    }
});
