//! From the options to mapped files: built by cargo, or there already.

use super::subject::Files;
use crate::options::Input;
use codecost::{
    Error, Result,
    attribution::Catalogue,
    cargo::{Additions, Build, Candidate, Context},
};

/// What is known of the artifact besides its bytes.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The package that it was built from.
    pub package: Option<String>,
    /// The cargo target that it was built from.
    pub target_name: Option<String>,
    /// The profile in use.
    pub profile: Option<String>,
    /// What was added for this one build, in words.
    pub build_notes: Vec<String>,
    /// The target, when cargo built it.
    pub target: Option<Candidate>,
}

/// An opened artifact.
#[derive(Debug)]
pub struct Opened {
    /// The mapped files and what is known of crates.
    pub files: Files,
    /// What is known besides.
    pub facts: Facts,
}

/// Opens what `input` names; builds it first where it is a cargo target, `with_debug` when the view
/// needs debug information.
///
/// # Errors
///
/// The build failed, or a file cannot be read.
pub fn open(input: &Input, with_debug: bool) -> Result<Opened> {
    let context = Context::current()?;
    match input {
        Input::File {
            path,
            debug_file,
            selection: _,
        } => {
            // First of all: this refuses what is no file, which others would wait for.
            let mut files = Files::open(path, debug_file.as_deref(), Catalogue::empty())?;
            files.catalogue = Catalogue::for_file(&context, path);
            Ok(Opened {
                files,
                facts: Facts::default(),
            })
        }
        Input::Build(selection) => {
            let additions = if with_debug {
                Additions::ANALYSIS.with_debug()
            } else {
                Additions::ANALYSIS
            };
            let build = Build::one(&context, selection, &additions)?;
            let Some(artifact) = build.artifacts.first() else {
                return Err(Error::failed(
                    "cargo built no artifact",
                    "name the target with `--bin`, `--example` or `--lib`",
                ));
            };
            let facts = Facts {
                package: Some(artifact.target.package.clone()),
                target_name: Some(artifact.target.name.clone()),
                profile: Some(build.profile.clone()),
                build_notes: build.additions.clone(),
                target: Some(artifact.target.clone()),
            };
            let files = Files::open(&artifact.path, None, Catalogue::for_build(&build))?;
            Ok(Opened { files, facts })
        }
    }
}
