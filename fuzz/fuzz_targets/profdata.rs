//! A merged profile of LLVM.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| codecost_fuzz::replay::profile(bytes));
