//! `target.*.runner`: the program by which `cargo run`, `cargo test` and `cargo bench` start what they
//! built.
//!
//! Source: `target.<triple>.runner` and `target.<cfg>.runner` in the cargo reference: the triple's own
//! wins, and of several matching expressions cargo refuses to choose.

use super::{context::Context, lookup::Lookup, toolchain::Toolchain};
use crate::error::Result;
use cargo_metadata::cargo_platform::CfgExpr;

/// A runner in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runner {
    /// The key that sets it: `target.TRIPLE.runner`.
    pub key: String,
    /// The program and its arguments, as they are written.
    pub words: Vec<String>,
}

impl Runner {
    /// The runner for programs built for `triple` with these rustflags.
    ///
    /// # Errors
    ///
    /// rustc does not say what is configured for the target.
    pub(super) fn find(
        context: &Context,
        lookup: &Lookup,
        toolchain: &Toolchain,
        triple: &str,
        rustflags: &[String],
    ) -> Result<Option<Self>> {
        let key = format!("target.{triple}.runner");
        let words = lookup.list(context, &key);
        if !words.is_empty() {
            return Ok(Some(Self { key, words }));
        }
        let conditional = lookup.cfg_runners();
        if conditional.is_empty() {
            return Ok(None);
        }
        let cfg = toolchain.cfg(context, triple, rustflags)?;
        let mut matching = conditional.into_iter();
        let found = matching.find(|(expression, _)| CfgExpr::matches_key(expression, &cfg));
        Ok(found.map(|(expression, words)| Self {
            key: format!("target.'{expression}'.runner"),
            words,
        }))
    }
}
