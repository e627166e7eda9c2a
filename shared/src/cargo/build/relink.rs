//! A program that was built, linked once more in another way: with an object of a tool's own, say.

use super::{Additions, Build, prepare, run};
use crate::{
    cargo::{Candidate, Context, Selection},
    error::{Error, Result},
};

/// How a program is to be linked once more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relink {
    /// Flags for all crates; where there are any, all are compiled once more.
    pub flags: Vec<String>,
    /// Arguments for rustc when it makes the program itself.
    pub arguments: Vec<String>,
    /// Keys of the profile in use with their values, as in `lto="thin"`.
    pub settings: Vec<String>,
}

/// What a build is to make.
pub(super) struct Targets<'a> {
    pub(super) candidates: Vec<Candidate>,
    pub(super) relink: Option<&'a Relink>,
}

impl From<Vec<Candidate>> for Targets<'_> {
    fn from(candidates: Vec<Candidate>) -> Self {
        Self {
            candidates,
            relink: None,
        }
    }
}

impl Build {
    /// Builds `target`, which a build before has made, and links it in another way.
    ///
    /// # Errors
    ///
    /// The build failed, or the target is a program of unit tests: `cargo rustc` makes those in the
    /// profile `test` only.
    pub fn relinked(
        context: &Context,
        selection: &Selection,
        additions: &Additions,
        target: &Candidate,
        relink: &Relink,
    ) -> Result<Self> {
        if target.tests_of.is_some() {
            return Err(Error::usage(
                format_args!("the unit tests of `{}` cannot be linked anew", target.name),
                "name a program, an integration test or a benchmark: --bin, --test, --bench",
            ));
        }
        let (workspace, plan) = prepare(context, selection)?;
        let targets = Targets {
            candidates: vec![target.clone()],
            relink: Some(relink),
        };
        run(
            context,
            selection,
            additions,
            &workspace,
            plan,
            targets,
            &mut |_| {},
        )
    }
}
