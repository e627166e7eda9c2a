//! A PDB beside a program that is whole.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| codecost_fuzz::replay::pdb(bytes));
