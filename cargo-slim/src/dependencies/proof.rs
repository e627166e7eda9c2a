//! What each feature costs, shown by builds without it.
//!
//! Only the features of the program's own package can be switched off from outside; those that it
//! turns on in its dependencies go with them. Each is left out in a build of its own, below the
//! target directory, where nothing of the user's is. What was measured is kept beside these builds,
//! so that a run that was interrupted, or had a small budget, is taken up again.

use super::model::{Features, Proven, Status};
use codecost::{
    Error, Result,
    cargo::{Additions, Build, Context, Dependencies, Selection},
    image::{Image, Mapping},
    report::write_file,
};
use std::{
    collections::BTreeMap,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::PathBuf,
};

/// What is to be proven.
#[derive(Debug)]
pub struct Proof<'a> {
    /// Where cargo runs.
    pub context: &'a Context,
    /// What was built, by the user's flags.
    pub selection: &'a Selection,
    /// That build.
    pub build: &'a Build,
    /// Its packages.
    pub dependencies: &'a Dependencies,
    /// The program's own package.
    pub root: usize,
    /// How many builds may be made; the rest is left for another run.
    pub budget: usize,
}

/// A feature with what is left of the features when it is off.
struct Trial {
    name: String,
    with: Vec<String>,
    left: Vec<String>,
}

/// Builds without each feature in force. `begin` is told of each build before it starts: its
/// feature, how many builds were made, and how many there are.
///
/// # Errors
///
/// The program has no size that can be compared, or what was measured cannot be kept.
pub fn prove(proof: &Proof<'_>, begin: &mut dyn FnMut(&str, usize, usize)) -> Result<Features> {
    let base = shipped(proof.build)?;
    let trials = trials(proof);
    let memory = Memory::open(proof)?;
    let mut measured = memory.read();
    let mut features = Features::default();
    let mut builds = 0;
    let most = trials.len();
    for trial in trials {
        let key = trial.left.join(",");
        let (size, status) = match measured.get(&key) {
            Some(size) => (Some(*size), Status::Remembered),
            None if builds >= proof.budget => (None, Status::Left),
            None => {
                begin(&trial.name, builds, most);
                builds += 1;
                match without(proof, &memory.directory, &trial) {
                    Ok(size) => {
                        measured.insert(key, size);
                        memory.write(&measured)?;
                        (Some(size), Status::Measured)
                    }
                    Err(error) => (None, Status::Failed(error.to_string())),
                }
            }
        };
        let root = &proof.dependencies.packages[proof.root];
        features.rows.push(Proven {
            package: root.name.clone(),
            enabled_by: enabled_by(proof, &trial.name),
            name: trial.name,
            with: trial.with,
            shipped: size,
            bytes: size.map(|size| base.cast_signed() - size.cast_signed()),
            status,
        });
    }
    // What cost most first; what is not known last.
    features
        .rows
        .sort_by_key(|row| std::cmp::Reverse(row.bytes.unwrap_or(i64::MIN)));
    Ok(features)
}

/// Who turned a feature of the program's own package on: the command line among others.
pub(super) fn enabled_by(proof: &Proof<'_>, feature: &str) -> Vec<String> {
    let mut by = proof.dependencies.enabled_by(proof.root, feature);
    let asked = proof.selection.features.iter();
    let mut asked = asked.flat_map(|list| list.split([',', ' ']));
    if asked.any(|one| one == feature) {
        by.push("--features".into());
    }
    if proof.selection.all_features {
        by.push("--all-features".into());
    } else if feature == "default" && !proof.selection.no_default_features {
        by.push("default-features".into());
    }
    by
}

/// `default` as a whole first, then those that turn on most.
fn trials(proof: &Proof<'_>) -> Vec<Trial> {
    let (dependencies, root) = (proof.dependencies, proof.root);
    let on = &dependencies.packages[root].features;
    let asked = proof.selection.features.iter();
    let mut asked: Vec<&str> = asked.flat_map(|list| list.split([',', ' '])).collect();
    // Without these cargo does not build the program.
    let artifact = proof.build.artifacts.first();
    let required = artifact.map_or(&[][..], |artifact| &artifact.target.required_features);
    let required: Vec<&str> = required.iter().map(|name| &**name).collect();
    asked.extend(&required);
    let trial = |feature: &String| {
        let mut left = dependencies.without(root, feature, &asked);
        // The builds leave the default features out, and name what is left of them.
        left.retain(|name| name != "default");
        let goes = |name: &&String| *name != feature && *name != "default" && !left.contains(name);
        Trial {
            name: feature.clone(),
            with: on.iter().filter(goes).cloned().collect(),
            left,
        }
    };
    let mut trials: Vec<Trial> = on.iter().map(trial).collect();
    trials.retain(|trial| super::features::keeps(&trial.left, &required));
    trials.sort_by_key(|trial| (trial.name != "default", trial.left.len()));
    trials
}

/// What ships of a build without a feature.
fn without(proof: &Proof<'_>, directory: &std::path::Path, trial: &Trial) -> Result<u64> {
    let mut selection = proof.selection.clone();
    selection.all_features = false;
    selection.no_default_features = true;
    selection.features = match trial.left.is_empty() {
        true => Vec::new(),
        false => vec![trial.left.join(",")],
    };
    selection.target_dir = Some(directory.to_path_buf());
    shipped(&Build::one(
        proof.context,
        &selection,
        &Additions::ANALYSIS,
    )?)
}

fn shipped(build: &Build) -> Result<u64> {
    let Some(artifact) = build.artifacts.first() else {
        return Err(Error::failed(
            "cargo built no artifact",
            "name the target with `--bin`, `--example` or `--lib`",
        ));
    };
    let file = Mapping::open(&artifact.path)?;
    let image = Image::parse(&artifact.path, &file)?;
    Ok(image.shipped_size().unwrap_or(file.len() as u64))
}

/// What was measured before.
struct Memory {
    directory: PathBuf,
    file: PathBuf,
}

impl Memory {
    /// Of builds that differ from this one in the features only: the same program, compiler and
    /// profile.
    fn open(proof: &Proof<'_>) -> Result<Self> {
        let directory = proof.build.target_directory.join("codecost/features");
        let mut hasher = DefaultHasher::new();
        let artifact = proof.build.artifacts.first();
        if let Some(artifact) = artifact {
            Mapping::open(&artifact.path)?.hash(&mut hasher);
        }
        proof.build.toolchain.release_and_commit().hash(&mut hasher);
        (&proof.build.profile, &proof.build.triple).hash(&mut hasher);
        let file = directory.join(format!("measured-{:016x}.json", hasher.finish()));
        Ok(Self { directory, file })
    }

    /// By the features that were left; nothing where it cannot be read.
    fn read(&self) -> BTreeMap<String, u64> {
        let text = fs::read(&self.file).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    fn write(&self, measured: &BTreeMap<String, u64>) -> Result<()> {
        fs::create_dir_all(&self.directory).map_err(|error| {
            Error::failed(
                format_args!("cannot make `{}`: {error}", self.directory.display()),
                "make the target directory writable, or name another with `--target-dir`",
            )
        })?;
        write_file(&self.file, |to| {
            serde_json::to_writer(to, measured).map_err(Into::into)
        })
    }
}
