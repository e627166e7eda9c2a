//! What is said of a knob: the plan, `explain` and the documentation all read this.
//!
//! Effects are ranges measured on published Rust programs on x86_64 Linux with rustc 1.95, each
//! knob on top of the rest of the plan unless said otherwise. They say what to expect and
//! promise nothing: `cargo tune measure` gives the figures for one program.

/// Where the ranges come from.
pub const SOURCE: &str = "measured on published programs, x86_64 Linux, rustc 1.95";

/// How a knob is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// Part of the plan of some goal.
    Plan,
    /// Only with `--allow`.
    Allow,
    /// Only on a nightly toolchain with `--nightly`.
    Nightly,
    /// Explained, never written.
    Advice,
}

impl Offer {
    /// As the documentation says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "in the plan",
            Self::Allow => "with --allow",
            Self::Nightly => "with --nightly",
            Self::Advice => "advice only",
        }
    }
}

/// The texts of one knob.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// How it is written.
    pub written: &'static str,
    /// How it is offered.
    pub offer: Offer,
    /// What it does to the size, in words, or why nothing.
    pub size: &'static str,
    /// What it does to the speed.
    pub speed: &'static str,
    /// What it does to the build time.
    pub compile_time: &'static str,
    /// The mechanism, in one sentence.
    pub why: &'static str,
    /// The danger, or where it is void.
    pub risk: Option<&'static str>,
    /// What else there is to know.
    pub story: &'static str,
}
