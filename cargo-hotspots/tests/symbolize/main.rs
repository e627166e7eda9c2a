//! Names, lines and crates of addresses, against independent witnesses.
#![allow(clippy::unwrap_used, clippy::expect_used)]
#![cfg(target_os = "linux")]

mod buckets;
#[path = "../common/mod.rs"]
mod common;
mod files;
mod hostile;
mod owners;
mod programs;
mod witnesses;
