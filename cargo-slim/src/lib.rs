//! `cargo slim`: what is in my binary, byte for byte, and whose is it?

pub mod analysis;
pub mod ledger;
