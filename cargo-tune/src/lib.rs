//! The right profile: shown, proven, measured, reversible.
pub mod edit;
pub mod unwind;
