//! A package with a native file, and a linker script.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| codecost_fuzz::replay::package(bytes));
