//! WebAssembly alone: the header is given, so that no input is lost to it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| codecost_fuzz::replay::wasm(bytes));
