//! Building variants, and measuring the sizes of the programs.
//!
//! Each variant's program is copied away with a note of its sizes, so that going back to an earlier
//! variant costs no build, and a search that was interrupted continues where it stopped.
//!
//! A variant is confirmed by compiling each crate of the program once more, in the same directory:
//! the files of these crates are removed, and cargo finds them missing. Build scripts and
//! procedural macros stay, because the variant does not decide over them. Where it is not known for
//! sure which crates these are, the variant is built in an empty directory.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use codecost::cargo::Candidate;
use codecost::cargo::config::Value;
use codecost::image::{Image, gzip_size};
use codecost::{Error, Result};

use super::outcome::{Outcome, Status, Weighed};
use super::variant::Variant;
use crate::knob::{Assignment, Knob};
use crate::project::Project;
use crate::receipt::fnv1a;
use crate::rustc::arguments::{Unit, Units};
use crate::rustc::build::{self, Settings};
use crate::rustc::proof::mismatch;

/// Where trials are built and kept.
pub struct Bench<'p> {
    project: &'p Project,
    candidate: Candidate,
    directory: PathBuf,
    /// Whether each variant is built from nothing, in a directory of its own, so that the times of
    /// two builds can be compared.
    clean: bool,
    /// How many builds were made, and how many of them cargo found done already.
    pub builds: usize,
    /// Of these, resumed from an earlier run.
    pub resumed: usize,
    /// The artifact's own compilation, by the variant that was built in this run.
    compilations: HashMap<String, Unit>,
}

impl<'p> Bench<'p> {
    /// For the one artifact of the selection.
    ///
    /// # Errors
    ///
    /// No artifact, or several.
    pub fn new(project: &'p Project) -> Result<Self> {
        let candidate = project.workspace.candidate(&project.selection)?;
        Ok(Self {
            project,
            directory: build::directory(project, "trials"),
            candidate,
            clean: false,
            builds: 0,
            resumed: 0,
            compilations: HashMap::new(),
        })
    }

    /// With each variant built from nothing: the same crates are compiled for all of them.
    #[must_use]
    pub fn clean(self) -> Self {
        Self {
            clean: true,
            ..self
        }
    }

    /// The directory that the next variant is built in.
    fn target(&self) -> Result<PathBuf> {
        if self.clean {
            emptied(self.project, "clean")
        } else {
            Ok(self.directory.clone())
        }
    }

    /// The package that the artifact is of.
    pub fn package(&self) -> &str {
        &self.candidate.package
    }

    /// The artifact's name.
    pub fn name(&self) -> &str {
        &self.candidate.name
    }

    /// Builds one variant; a failure is an outcome, too.
    pub fn outcome(&mut self, variant: Variant) -> Outcome {
        let (weighed, reason, status) = match self.build(&variant) {
            Ok(weighed) => (Some(weighed), None, Status::Kept),
            Err(error) => (None, Some(error.to_string()), Status::Failed),
        };
        Outcome {
            variant,
            weighed,
            time: None,
            status,
            reason,
        }
    }

    /// Builds a variant and weighs it.
    ///
    /// # Errors
    ///
    /// The build fails, or rustc did not get what the variant says.
    pub fn build(&mut self, variant: &Variant) -> Result<Weighed> {
        let settings = settings(self.project, variant);
        self.builds += 1;
        let target = self.target()?;
        let built = build::build(
            self.project,
            &target,
            Some(&self.candidate),
            &settings,
            true,
        )?;
        let key = fnv1a(
            format!(
                "{}\n{}\n{}",
                self.project.selection.profile(),
                self.candidate.name,
                variant.identity()
            )
            .as_bytes(),
        );
        let directory = self.directory.join("variants").join(format!("{key:016x}"));
        let artifact = built.artifact.clone().unwrap_or_default();
        let name = artifact.file_name().map(PathBuf::from).unwrap_or_default();
        let note = directory.join("weighed.json");
        let bytes = fs::read(&artifact).map_err(|e| Error::read(&artifact, e))?;
        let hash = fnv1a(&bytes);
        if built.fresh || built.compiled == 0 {
            let earlier = fs::read_to_string(&note)
                .ok()
                .and_then(|text| serde_json::from_str::<Weighed>(&text).ok());
            if let Some(earlier) = earlier.filter(|e| e.hash == hash && e.path.is_file()) {
                self.resumed += 1;
                return Ok(earlier);
            }
        } else {
            self.landed(variant, &target)?;
        }
        fs::create_dir_all(&directory).map_err(|e| Error::write(&directory, e))?;
        let path = directory.join(name);
        // A hard link would change with the next build.
        let _ = fs::remove_file(&path);
        fs::copy(&artifact, &path).map_err(|e| Error::write(&path, e))?;
        let mut weighed = weigh(&path, &bytes, hash);
        if built.compiled > 0 {
            weighed.built_by(&built);
        } else if let Some(twin) = self.twin(hash) {
            // Other words for the same settings: the build that made the file counts.
            weighed.built_as(&twin);
        }
        let text = serde_json::to_string(&weighed).unwrap_or_default();
        codecost::report::write_file(&note, |to| to.write_all(text.as_bytes()))?;
        Ok(weighed)
    }

    /// An earlier variant with the same bytes.
    fn twin(&self, hash: u64) -> Option<Weighed> {
        let entries = fs::read_dir(self.directory.join("variants")).ok()?;
        entries.flatten().find_map(|entry| {
            let text = fs::read_to_string(entry.path().join("weighed.json")).ok()?;
            let weighed: Weighed = serde_json::from_str(&text).ok()?;
            (weighed.hash == hash && weighed.build_ns.is_some()).then_some(weighed)
        })
    }

    /// The artifact's compilation in a private directory, if it was seen.
    fn root<'u>(&self, units: &'u Units) -> Option<&'u Unit> {
        let crate_name = self.candidate.name.replace('-', "_");
        units.roots().into_iter().find(|u| {
            u.package == self.candidate.package
                && u.crate_name() == crate_name
                && !u.is_test()
                && self.candidate.kind.is_library() != u.crate_types().contains(&"bin")
        })
    }

    /// Checks that rustc got the variant's values, by the arguments of the artifact that was just
    /// compiled.
    fn landed(&mut self, variant: &Variant, target: &Path) -> Result<()> {
        let units = Units::load(&build::arguments(target))?;
        let Some(root) = self.root(&units) else {
            return Ok(());
        };
        for assignment in &variant.assignments {
            // An override for the program has a value of its own.
            let is_overridden = matches!(
                assignment,
                Assignment::Key(setting)
                    if setting.package.is_none()
                        && (self.project.is_overridden(setting.key, &root.package)
                            || variant.overrides(setting.key, &root.package))
            );
            if is_overridden {
                continue;
            }
            if let Some(fault) = fault(assignment, root) {
                return Err(Error::failed(
                    format!("`{}` did not land: {fault}", assignment.subject()),
                    "see `cargo tune show` for what makes it void",
                ));
            }
        }
        self.compilations.insert(variant.identity(), root.clone());
        Ok(())
    }

    /// Compiles every crate of a variant's program once more.
    ///
    /// # Errors
    ///
    /// The build fails.
    pub fn confirm(&mut self, variant: &Variant) -> Result<Weighed> {
        self.builds += 1;
        let removed = self.forget(variant)?;
        if removed > 0 {
            let directory = self.directory.clone();
            let (built, weighed) = self.built_again(variant, &directory)?;
            // Cargo says itself how many crates it compiled.
            if built.compiled >= removed {
                return Ok(weighed);
            }
        }
        let directory = emptied(self.project, "confirm")?;
        Ok(self.built_again(variant, &directory)?.1)
    }

    /// Builds the variant in `directory`, and weighs the file where it is.
    fn built_again(&self, variant: &Variant, directory: &Path) -> Result<(build::Built, Weighed)> {
        let settings = settings(self.project, variant);
        let candidate = Some(&self.candidate);
        let built = build::build(self.project, directory, candidate, &settings, true)?;
        let artifact = built.artifact.clone().unwrap_or_default();
        let bytes = fs::read(&artifact).map_err(|e| Error::read(&artifact, e))?;
        let mut weighed = weigh(&artifact, &bytes, fnv1a(&bytes));
        weighed.built_by(&built);
        Ok((built, weighed))
    }

    /// Removes the files of all crates of a variant's program; of how many. None, where they were
    /// not all seen, or where rustc would not compile them from nothing.
    fn forget(&self, variant: &Variant) -> Result<usize> {
        let Some(root) = self.compilations.get(&variant.identity()) else {
            return Ok(0);
        };
        let units = Units::load(&build::arguments(&self.directory))?;
        let (Some(units), false) = (units.all_of(root), self.clean) else {
            return Ok(0);
        };
        if units
            .iter()
            .any(|unit| unit.codegen("incremental").is_some())
        {
            return Ok(0);
        }
        for path in units.iter().flat_map(|unit| unit.outputs()) {
            fs::remove_file(&path).map_err(|e| Error::write(&path, e))?;
        }
        Ok(units.len())
    }
}

impl Weighed {
    /// With the cost of the build that made another copy of it.
    pub(crate) fn built_as(&mut self, twin: &Self) {
        self.build_ns = twin.build_ns;
        self.build_cpu_ns = twin.build_cpu_ns;
        self.units = twin.units;
        self.peak_memory = twin.peak_memory;
        self.compiled = twin.compiled;
    }

    /// With the cost of the build that made it.
    pub(crate) fn built_by(&mut self, built: &build::Built) {
        self.build_ns = nanoseconds(built.elapsed);
        self.build_cpu_ns = built.cpu.and_then(nanoseconds);
        self.peak_memory = built.peak_memory;
        self.compiled = built.compiled;
        self.units = built.units;
    }
}

fn nanoseconds(time: Duration) -> Option<u64> {
    u64::try_from(time.as_nanos()).ok()
}

/// A private directory with nothing in it.
fn emptied(project: &Project, name: &str) -> Result<PathBuf> {
    let directory = build::directory(project, name);
    match fs::remove_dir_all(&directory) {
        Ok(()) => Ok(directory),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(directory),
        Err(error) => Err(Error::write(directory, error)),
    }
}

/// Why the arguments of the artifact itself do not show an assignment. An override for a package
/// does not concern the artifact.
fn fault(assignment: &Assignment, root: &Unit) -> Option<String> {
    match assignment {
        // Of other packages than the program this unit shows nothing.
        Assignment::Key(setting) if setting.package.is_some() && !setting.is_for(&root.package) => {
            None
        }
        Assignment::Key(setting) if setting.is_unset() => {
            let passed = root.codegen(setting.key.name());
            passed.map(|value| format!("rustc got `-C {}={value}`", setting.key.name()))
        }
        Assignment::Key(setting) => mismatch(Knob::Key(setting.key), &setting.value, root),
        Assignment::Flag(setting) => {
            let flags = Value::List(setting.flags.clone());
            mismatch(Knob::Flag(setting.knob), &flags, root)
        }
    }
}

/// A number of codegen units that nobody sets: cargo takes it for another profile than any other,
/// and rustc does not get it.
const UNSET_UNITS: u32 = 65_521;

/// What a build needs to know of a variant. What concerns only the final link goes to the last
/// rustc invocation alone, so that dependencies are not compiled again.
pub fn settings(project: &Project, variant: &Variant) -> Settings {
    let profile = project.selection.profile();
    let mut settings = Settings::default();
    for assignment in &variant.assignments {
        match assignment {
            Assignment::Key(setting) if setting.is_unset() => {
                let units = format!("{}={UNSET_UNITS}", setting.key.name());
                settings.config.push(format!("profile.{profile}.{units}"));
                settings.withheld = Some(units);
            }
            Assignment::Key(setting) => {
                let keys: Vec<String> = setting
                    .path()
                    .iter()
                    .map(|k| toml_edit::Key::new(k).to_string())
                    .collect();
                let (keys, value) = (keys.join("."), &setting.value);
                settings
                    .config
                    .push(format!("profile.{profile}.{keys} = {value}"));
            }
            Assignment::Flag(setting) if setting.knob.link_only() => {
                settings.link.extend(setting.flags.iter().cloned());
            }
            Assignment::Flag(setting) => {
                settings.rustflags.extend(setting.flags.iter().cloned());
            }
        }
    }
    settings
}

/// Sizes of one file.
pub fn weigh(path: &Path, bytes: &[u8], hash: u64) -> Weighed {
    let image = Image::parse(path, bytes).ok();
    let text = image.as_ref().and_then(|image| {
        let (_, section) = image.section(".text").or_else(|| image.section("__text"))?;
        Some(image.section_bytes(section).len() as u64)
    });
    Weighed {
        path: path.to_owned(),
        file_size: bytes.len() as u64,
        shipped_size: image.as_ref().and_then(Image::shipped_size),
        text_size: text.filter(|size| *size > 0),
        compressed_size: gzip_size(bytes).ok(),
        build_ns: None,
        build_cpu_ns: None,
        units: 0,
        peak_memory: None,
        compiled: 0,
        hash,
    }
}
