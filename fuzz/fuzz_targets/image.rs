//! Every table of an image, asked for one by one.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| codecost_fuzz::replay::image(bytes));
