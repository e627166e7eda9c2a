//! Variants of a build: making them, weighing them, timing them.
//!
//! A variant is an assignment of values to knobs. Nothing is edited: values go in as `--config`
//! and as flags behind those in force. What concerns only the final link goes to the last rustc
//! invocation alone, so that dependencies are not compiled again.

pub mod measure;
pub mod paired;
pub mod search;
pub mod workload;

use std::path::{Path, PathBuf};
use std::{fs, io};

use codecost::cargo::Candidate;
use codecost::cargo::config::Value;
use codecost::image::Image;
use codecost::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::build::{self, Settings};
use crate::plan::{Change, Flag};
use crate::project::Project;
use crate::receipt::fnv1a;
use crate::record::Records;

/// A gain under both of these is not worth a risk.
const THRESHOLD_BYTES: u64 = 1024;
const THRESHOLD_SHARE: f64 = 0.001;

/// Whether `gain` bytes of `whole` are worth keeping a knob.
pub fn worthwhile(gain: i128, whole: u64) -> bool {
    gain >= i128::from(THRESHOLD_BYTES) && gain as f64 >= THRESHOLD_SHARE * whole as f64
}

/// One knob's value in a variant.
#[derive(Debug, Clone, PartialEq)]
pub enum Turn {
    /// A key of the profile; the path below the profile's table.
    Key {
        /// `["lto"]`, `["package", "regex", "opt-level"]`.
        path: Vec<String>,
        /// Its value.
        value: Value,
    },
    /// A flag.
    Flag(Flag),
}

impl Turn {
    /// From a change of the plan.
    pub fn of(change: &Change) -> Self {
        if change.flags().is_empty() {
            Self::Key {
                path: change.path.iter().skip(2).cloned().collect(),
                value: change.after.clone(),
            }
        } else {
            Self::Flag(Flag {
                name: change.knob.name,
                flags: change.flags().to_vec(),
                link_only: matches!(change.knob.name, "relr" | "icf"),
            })
        }
    }

    /// A key of the profile itself.
    pub fn key(name: &str, value: Value) -> Self {
        Self::Key {
            path: vec![name.to_owned()],
            value,
        }
    }

    /// The name of the knob.
    pub fn name(&self) -> String {
        match self {
            Self::Key { path, .. } => path.join("."),
            Self::Flag(flag) => flag.name.to_owned(),
        }
    }

    /// The value, for JSON and for people.
    pub fn value(&self) -> Value {
        match self {
            Self::Key { value, .. } => value.clone(),
            Self::Flag(flag) => Value::String(flag.flags.join(" ")),
        }
    }
}

/// A variant.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// What people call it: `baseline`, `recipe`, `without lto`.
    pub name: String,
    /// What is turned, in order.
    pub turns: Vec<Turn>,
}

impl Variant {
    /// What a build needs to know.
    fn settings(&self, project: &Project) -> Settings {
        let profile = project.selection.profile();
        let mut settings = Settings::default();
        for turn in &self.turns {
            match turn {
                Turn::Key { path, value } => {
                    let keys: Vec<String> = path
                        .iter()
                        .map(|k| toml_edit::Key::new(k).to_string())
                        .collect();
                    settings
                        .config
                        .push(format!("profile.{profile}.{} = {value}", keys.join(".")));
                }
                Turn::Flag(flag) if flag.link_only => {
                    settings.link.extend(flag.flags.iter().cloned());
                }
                Turn::Flag(flag) => settings.rustflags.extend(flag.flags.iter().cloned()),
            }
        }
        settings
    }

    /// The settings as text, equal for equal variants.
    pub fn identity(&self) -> String {
        let mut turns: Vec<String> = self
            .turns
            .iter()
            .map(|t| format!("{}={}", t.name(), t.value()))
            .collect();
        turns.sort();
        turns.join("\n")
    }
}

/// What came of one variant's build.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Weighed {
    /// The artifact's copy.
    pub path: PathBuf,
    /// Bytes of the file.
    pub file_size: u64,
    /// Bytes with its symbols stripped; unknown where the format is not understood.
    pub shipped_size: Option<u64>,
    /// Bytes of `.text`.
    pub text_size: Option<u64>,
    /// Bytes compressed by gzip, level 6.
    pub compressed_size: Option<u64>,
    /// Wall time of the build that made it; unknown if it was there before anybody timed it.
    pub build_ns: Option<u64>,
    /// How many crates that build compiled.
    pub compiled: usize,
    /// A hash of the file.
    pub hash: u64,
}

impl Weighed {
    /// The size that counts: what is shipped, else the file.
    pub fn size(&self) -> u64 {
        self.shipped_size.unwrap_or(self.file_size)
    }
}

/// Where trials are built and kept.
pub struct Bench<'p> {
    project: &'p Project,
    candidate: Candidate,
    directory: PathBuf,
    /// How many builds were made, and how many of them cargo found done already.
    pub builds: usize,
    /// Of these, resumed from an earlier run.
    pub resumed: usize,
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
            builds: 0,
            resumed: 0,
        })
    }

    /// The artifact's name.
    pub fn name(&self) -> &str {
        &self.candidate.name
    }

    /// What is built.
    pub fn candidate(&self) -> &Candidate {
        &self.candidate
    }

    /// Builds a variant and weighs it.
    ///
    /// # Errors
    ///
    /// The build fails, or rustc did not get what the variant says.
    pub fn build(&mut self, variant: &Variant) -> Result<Weighed> {
        let settings = variant.settings(self.project);
        self.builds += 1;
        let built = build::build(
            self.project,
            &self.directory,
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
            self.landed(variant)?;
        }
        fs::create_dir_all(&directory).map_err(|e| Error::write(&directory, e))?;
        let path = directory.join(name);
        // A hard link would change with the next build.
        let _ = fs::remove_file(&path);
        fs::copy(&artifact, &path).map_err(|e| Error::write(&path, e))?;
        let mut weighed = weigh(&path, &bytes, hash);
        if built.compiled > 0 {
            weighed.build_ns = u64::try_from(built.elapsed.as_nanos()).ok();
            weighed.compiled = built.compiled;
        } else if let Some(twin) = self.twin(hash) {
            // Other words for the same settings: the build that made the file counts.
            weighed.build_ns = twin.build_ns;
            weighed.compiled = twin.compiled;
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

    /// Checks that rustc got the variant's values, by the record of the artifact that was just
    /// compiled.
    fn landed(&self, variant: &Variant) -> Result<()> {
        let records = Records::load(&build::records(&self.directory))?;
        let crate_name = self.candidate.name.replace('-', "_");
        let root = records.roots().into_iter().find(|u| {
            u.package == self.candidate.package
                && u.crate_name() == crate_name
                && !u.is_test()
                && self.candidate.kind.is_library() != u.crate_types().contains(&"bin")
        });
        let Some(root) = root else {
            return Ok(());
        };
        for turn in &variant.turns {
            let fault = match turn {
                Turn::Key { path, value } if path.len() == 1 => {
                    crate::check::mismatch(&turn.name(), value, root)
                }
                Turn::Key { .. } => None,
                Turn::Flag(flag) => {
                    crate::check::mismatch(flag.name, &Value::List(flag.flags.clone()), root)
                }
            };
            if let Some(fault) = fault {
                return Err(Error::failed(
                    format!("`{}` did not land: {fault}", turn.name()),
                    "see `cargo tune show` for what makes it void",
                ));
            }
        }
        Ok(())
    }

    /// Builds a variant in an empty directory, as a user's clean build would.
    ///
    /// # Errors
    ///
    /// The build fails.
    pub fn confirm(&mut self, variant: &Variant) -> Result<Weighed> {
        let directory = build::directory(self.project, "confirm");
        match fs::remove_dir_all(&directory) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::write(directory, error)),
        }
        self.builds += 1;
        let settings = variant.settings(self.project);
        let built = build::build(
            self.project,
            &directory,
            Some(&self.candidate),
            &settings,
            true,
        )?;
        let artifact = built.artifact.unwrap_or_default();
        let bytes = fs::read(&artifact).map_err(|e| Error::read(&artifact, e))?;
        let mut weighed = weigh(&artifact, &bytes, fnv1a(&bytes));
        weighed.build_ns = u64::try_from(built.elapsed.as_nanos()).ok();
        weighed.compiled = built.compiled;
        Ok(weighed)
    }
}

/// Sizes of one file.
fn weigh(path: &Path, bytes: &[u8], hash: u64) -> Weighed {
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
        compressed_size: compressed(bytes),
        build_ns: None,
        compiled: 0,
        hash,
    }
}

fn compressed(bytes: &[u8]) -> Option<u64> {
    let mut encoder = flate2::write::GzEncoder::new(Counter(0), flate2::Compression::new(6));
    io::Write::write_all(&mut encoder, bytes).ok()?;
    encoder.finish().ok().map(|counter| counter.0)
}

/// Counts what is written to it.
struct Counter(u64);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len() as u64);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What became of a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The one to take.
    Chosen,
    /// Its knob is worth it.
    Kept,
    /// Not worth it, or beaten.
    Dropped,
    /// The output is the same with and without.
    NoEffect,
    /// It could not be built or run.
    Failed,
}

impl Status {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chosen => "chosen",
            Self::Kept => "kept",
            Self::Dropped => "dropped",
            Self::NoEffect => "no-effect",
            Self::Failed => "failed",
        }
    }

    /// Back from the word, for `--merge`.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Chosen,
            Self::Kept,
            Self::Dropped,
            Self::NoEffect,
            Self::Failed,
        ]
        .into_iter()
        .find(|s| s.as_str() == text)
    }
}

/// A variant with all that is known of it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The variant.
    pub variant: Variant,
    /// Sizes; nothing if it failed.
    pub weighed: Option<Weighed>,
    /// Time against the baseline: ratio and interval.
    pub time: Option<paired::Interval>,
    /// The verdict.
    pub status: Status,
    /// Why, where there is something to say.
    pub reason: Option<String>,
}

impl Outcome {
    /// The size that counts.
    pub fn size(&self) -> Option<u64> {
        self.weighed.as_ref().map(Weighed::size)
    }
}
