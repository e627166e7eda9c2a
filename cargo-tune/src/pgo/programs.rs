//! The instrumented program and the one that is compiled with the profile.
//!
//! Each is built in a directory of its own, with the settings of the plan for speed, and with flags
//! after those in force that reach what is shipped and not what runs while it is compiled: an
//! instrumented build script would mix its own run into the profile. Both are built with the same
//! profile of cargo, because the names of functions follow from it, and counts are found by name.

use std::fs;
use std::path::{Path, PathBuf};

use codecost::cargo::Candidate;
use codecost::{Error, Result};

use super::said::{NAME_MISSING, Said};
use crate::project::Project;
use crate::receipt::fnv1a;
use crate::rustc::arguments::Units;
use crate::rustc::build::{self, Built, Settings};
use crate::trial::bench::weigh;
use crate::trial::outcome::Weighed;

/// Where the programs of one artifact are built and kept.
pub(super) struct Programs<'p> {
    project: &'p Project,
    candidate: &'p Candidate,
    settings: Settings,
    directory: PathBuf,
}

/// A program that was compiled with a profile.
#[derive(Debug, Clone)]
pub(super) struct Optimised {
    pub(super) weighed: Weighed,
    pub(super) said: Said,
}

impl<'p> Programs<'p> {
    /// For `candidate` with `settings` beside those in force.
    pub(super) fn new(project: &'p Project, candidate: &'p Candidate, settings: Settings) -> Self {
        let profile = project.selection.profile();
        Self {
            directory: build::directory(project, "pgo").join(profile),
            project,
            candidate,
            settings,
        }
    }

    /// The directory of everything that is made here.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// An empty directory for what training writes.
    pub(super) fn emptied(&self, name: &str) -> Result<PathBuf> {
        let directory = self.directory.join(name);
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::write(directory, error));
            }
            _ => {}
        }
        fs::create_dir_all(&directory).map_err(|e| Error::write(&directory, e))?;
        Ok(directory)
    }

    /// Builds the program that counts.
    pub(super) fn instrumented(&self) -> Result<PathBuf> {
        // Where it would write if nobody named a file; training does.
        let unnamed = self.directory.join("unnamed");
        let flag = format!("-Cprofile-generate={}", unnamed.display());
        let built = self.build("generate", vec![flag], Vec::new())?;
        let artifact = built.artifact.unwrap_or_default();
        let name = artifact.file_name().map(PathBuf::from).unwrap_or_default();
        let copy = self.directory.join("instrumented");
        fs::create_dir_all(&copy).map_err(|e| Error::write(&copy, e))?;
        copied(&artifact, &copy.join(name))
    }

    /// Builds with the counts of `profile`.
    ///
    /// # Errors
    ///
    /// The build fails, or rustc cannot read the profile.
    pub(super) fn optimised(&self, profile: &Path) -> Result<Optimised> {
        self.with_profile(profile, "pgo", Vec::new())
    }

    /// The same for BOLT: with the symbols and relocations that it reads.
    pub(super) fn relocatable(&self, profile: &Path) -> Result<Optimised> {
        let link = ["-Clink-arg=-Wl,--emit-relocs", "-Cstrip=none"];
        self.with_profile(profile, "relocatable", link.map(str::to_owned).to_vec())
    }

    fn with_profile(&self, profile: &Path, name: &str, link: Vec<String>) -> Result<Optimised> {
        // Cargo takes a build with the same flags for the same build, so the name follows from the
        // content; and it runs rustc in several directories, so the path is absolute.
        let bytes = fs::read(profile).map_err(|e| Error::read(profile, e))?;
        let profiles = self.directory.join("profiles");
        fs::create_dir_all(&profiles).map_err(|e| Error::write(&profiles, e))?;
        let own = profiles.join(format!("{:016x}.profdata", fnv1a(&bytes)));
        codecost::report::write_file(&own, |to| to.write_all(&bytes))?;
        let flag = format!("-Cprofile-use={}", own.display());
        let flags = vec![flag.clone(), NAME_MISSING.to_owned()];
        let built = self.build("use", flags, link)?;
        self.landed(&flag)?;
        let said = Said::read(&built.said, &own);
        if let Some(fault) = &said.fault {
            return Err(Error::failed(
                format!("rustc cannot use `{}`: {fault}", profile.display()),
                "train again: `cargo tune pgo --workload CMD`",
            ));
        }
        let weighed = self.keep(name, &built)?;
        Ok(Optimised { weighed, said })
    }

    /// Checks that rustc got the profile, by the arguments of the program's own compilation.
    fn landed(&self, flag: &str) -> Result<()> {
        let units = Units::load(&build::arguments(&self.directory.join("use")))?;
        let crate_name = self.candidate.name.replace('-', "_");
        let mut roots = units.roots().into_iter();
        let root = roots
            .find(|unit| unit.package == self.candidate.package && unit.crate_name() == crate_name);
        match root.is_none_or(|root| root.has(flag)) {
            true => Ok(()),
            false => Err(Error::failed(
                format!("`{flag}` did not reach rustc"),
                "see `cargo tune show` for where rustflags come from",
            )),
        }
    }

    fn build(&self, directory: &str, shipped: Vec<String>, link: Vec<String>) -> Result<Built> {
        let mut settings = self.settings.clone();
        settings.shipped.extend(shipped);
        settings.link.extend(link);
        build::build(
            self.project,
            &self.directory.join(directory),
            Some(self.candidate),
            &settings,
            true,
        )
    }

    /// Copies the program away with a note of its sizes and of the time that it took to build.
    fn keep(&self, name: &str, built: &Built) -> Result<Weighed> {
        let artifact = built.artifact.clone().unwrap_or_default();
        let file = artifact.file_name().map(PathBuf::from).unwrap_or_default();
        let directory = self.directory.join("variants").join(name);
        fs::create_dir_all(&directory).map_err(|e| Error::write(&directory, e))?;
        let note = directory.join("weighed.json");
        let path = copied(&artifact, &directory.join(file))?;
        let bytes = fs::read(&path).map_err(|e| Error::read(&path, e))?;
        let mut weighed = weigh(&path, &bytes, fnv1a(&bytes));
        let earlier = fs::read_to_string(&note).ok();
        let earlier = earlier.and_then(|text| serde_json::from_str::<Weighed>(&text).ok());
        if built.compiled > 0 {
            weighed.built_by(built);
        } else if let Some(earlier) = earlier.filter(|earlier| earlier.hash == weighed.hash) {
            weighed.built_as(&earlier);
        }
        let text = serde_json::to_string(&weighed).unwrap_or_default();
        codecost::report::write_file(&note, |to| to.write_all(text.as_bytes()))?;
        Ok(weighed)
    }
}

/// A copy that the next build does not change.
pub(super) fn copied(from: &Path, to: &Path) -> Result<PathBuf> {
    let _ = fs::remove_file(to);
    fs::copy(from, to).map_err(|e| Error::write(to, e))?;
    Ok(to.to_owned())
}
