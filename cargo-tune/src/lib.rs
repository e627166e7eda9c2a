//! The right profile: shown, proven, measured, reversible.
pub mod unwind;
