//! Lists of packages in and beside a file.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| codecost_fuzz::replay::packages(bytes));
