//! Every view of `cargo slim`; all sums must be the file's size.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    codecost_fuzz::replay::ledger(bytes);
});
