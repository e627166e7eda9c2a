//! A baseline: the programs of an earlier moment, kept to be run again beside the new ones.
//!
//! ```text
//! NAME/baseline.json     what was built, where, from what, and the numbers of that moment
//! NAME/programs/0/cr     the programs
//! ```
//!
//! The numbers are for people. A comparison does not use them, because no number of another moment
//! can be compared with one of now; it runs the kept program again.

use super::harness::Harness;
use codecost::{Error, Result, report::write_file, stdin::Stdin};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// The version of the file's format.
pub const FORMAT: u32 = 1;
const FILE: &str = "baseline.json";
const PROGRAMS: &str = "programs";

/// What is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// [`FORMAT`].
    pub format: u32,
    /// The tool's version.
    pub tool_version: String,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// The commit that was checked out.
    pub commit: Option<String>,
    /// Whether files that git knows had changes that were not committed.
    pub changed: bool,
    /// A hash of `Cargo.lock`.
    pub lock: Option<String>,
    /// The compiler's release and commit.
    pub rustc: Option<String>,
    /// The user's compiler flags in force.
    pub rustflags: Vec<String>,
    /// The profile in use.
    pub profile: Option<String>,
    /// The target triple.
    pub triple: Option<String>,
    /// The features that were asked for.
    pub features: Vec<String>,
    /// The processor's model.
    pub cpu: Option<String>,
    /// Whether the code is for that processor only.
    pub native: bool,
    /// The programs.
    pub programs: Vec<Kept>,
}

/// A program that is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// The target's name.
    pub target: String,
    /// The target's kind: `bench`, `bin`, …; `None` for a program that cargo did not build.
    pub kind: Option<String>,
    /// Its package.
    pub package: Option<String>,
    /// What runs its benchmarks.
    pub harness: String,
    /// Its file below the baseline's directory.
    pub file: PathBuf,
    /// A hash of the file's content.
    pub hash: String,
    /// The arguments that it was run with, besides the harness's.
    pub arguments: Vec<String>,
    /// What it read, where its runs had a standard input; baselines of before that was kept have
    /// nothing.
    #[serde(default)]
    pub input: Option<Input>,
    /// What it measured when it was kept.
    pub benchmarks: Vec<Number>,
}

/// What a program read from its standard input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// How many bytes; 0 where it had none.
    pub bytes: u64,
    /// Which.
    pub hash: String,
}

impl Input {
    /// What each run reads now.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn now() -> Result<Self> {
        Ok(match Stdin::shared()?.contents()? {
            Some((bytes, hash)) => Self {
                bytes,
                hash: format!("{hash:016x}"),
            },
            None => Self {
                bytes: 0,
                hash: String::new(),
            },
        })
    }
}

/// The numbers of a benchmark, in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Number {
    /// Its id.
    pub id: String,
    /// The fastest sample.
    pub minimum_ns: f64,
    /// The median sample.
    pub median_ns: f64,
}

/// A baseline that was opened, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    /// Its directory.
    pub directory: PathBuf,
    /// Its content.
    pub baseline: Baseline,
}

/// The directory of a baseline: below the target directory for a name, else as given.
///
/// # Errors
///
/// A usage error when it is neither.
pub fn place(target_directory: &Path, here: &Path, operand: &str) -> Result<PathBuf> {
    let is_path = operand.contains(['/', '\\']) || operand.starts_with('.');
    if is_path {
        return Ok(here.join(operand));
    }
    let fits = |c: char| c.is_alphanumeric() || "-_.+@".contains(c);
    if operand.is_empty() || !operand.chars().all(fits) {
        return Err(Error::usage(
            format_args!("`{operand}` cannot be the name of a baseline"),
            "use letters, digits, `-`, `_` and `.`, or write a path with a `/`",
        ));
    }
    let kept = store(target_directory).join(operand);
    let local = here.join(operand);
    // A directory or a file of another tool's, by its name alone.
    let is_there = local.join(FILE).is_file() || (local.is_file() && operand.ends_with(".json"));
    Ok(if !kept.exists() && is_there {
        local
    } else {
        kept
    })
}

/// Where baselines are kept by name.
pub fn store(target_directory: &Path) -> PathBuf {
    target_directory.join("codecost").join("baselines")
}

/// The names of those that are kept.
pub fn names(target_directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(store(target_directory)).into_iter().flatten();
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().join(FILE).is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

impl Baseline {
    /// Keeps copies of `programs`, each with its description, in `directory`; what a baseline of
    /// this name had is replaced once all is written.
    ///
    /// # Errors
    ///
    /// A program cannot be read, or the directory cannot be written, as with a full disk; then the
    /// earlier baseline stays.
    pub fn save(mut self, directory: &Path, programs: Vec<(PathBuf, Kept)>) -> Result<Self> {
        let is_ours = directory.join(FILE).is_file();
        let has_content = fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some());
        if has_content && !is_ours {
            return Err(Error::usage(
                format_args!("`{}` is not a baseline", directory.display()),
                "name a directory that does not exist yet",
            ));
        }
        let parent = directory.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(|source| Error::write(parent, source))?;
        let new = tempfile::Builder::new()
            .prefix(".baseline-")
            .tempdir_in(parent)
            .map_err(|source| Error::write(parent, source))?;
        for (index, (program, mut kept)) in programs.into_iter().enumerate() {
            let name = program.file_name().unwrap_or("program".as_ref());
            kept.file = Path::new(PROGRAMS).join(index.to_string()).join(name);
            let copy = new.path().join(&kept.file);
            let inside = copy.parent().unwrap_or(new.path());
            fs::create_dir_all(inside).map_err(|source| Error::write(inside, source))?;
            kept.hash = hash_of(&program)?;
            fs::copy(&program, &copy).map_err(|source| Error::write(&copy, source))?;
            self.programs.push(kept);
        }
        self.format = FORMAT;
        self.tool_version = env!("CARGO_PKG_VERSION").into();
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        self.created = now.map_or(0, |since| since.as_secs());
        let text = serde_json::to_string_pretty(&self).map_err(|error| {
            Error::failed(
                format_args!("the baseline cannot be described: {error}"),
                "please report this",
            )
        })?;
        write_file(&new.path().join(FILE), |to| to.write_all(text.as_bytes()))?;
        if has_content {
            fs::remove_dir_all(directory).map_err(|source| Error::write(directory, source))?;
        } else if directory.exists() {
            fs::remove_dir(directory).map_err(|source| Error::write(directory, source))?;
        }
        let new = new.keep();
        fs::rename(&new, directory).map_err(|source| Error::write(directory, source))?;
        Ok(self)
    }

    /// When it was made, in words: the age in days or hours.
    pub fn age(&self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let hours = now.map_or(0, |now| now.as_secs().saturating_sub(self.created)) / 3600;
        match hours {
            0 => "less than an hour old".into(),
            1..48 => format!("{} old", codecost::units::counted(hours, "hour")),
            _ => format!("{} old", codecost::units::counted(hours / 24, "day")),
        }
    }
}

impl Opened {
    /// Opens a baseline and checks that its programs are what was kept.
    ///
    /// # Errors
    ///
    /// There is none, it is damaged, or another version wrote it.
    pub fn open(directory: &Path) -> Result<Self> {
        let path = directory.join(FILE);
        let damaged = |reason: String| {
            Error::failed(
                format_args!(
                    "the baseline `{}` is damaged: {reason}",
                    directory.display()
                ),
                "make it again with `--save-baseline`",
            )
        };
        let text = fs::read_to_string(&path).map_err(|source| Error::read(&path, source))?;
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let version: Version =
            serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        if version.format != FORMAT {
            return Err(Error::failed(
                format_args!(
                    "the baseline `{}` has format {}, and this version reads format {FORMAT}",
                    directory.display(),
                    version.format
                ),
                "compare with the version of cargo-hotspots that made it, or make it again",
            ));
        }
        let baseline: Baseline =
            serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        for kept in &baseline.programs {
            let below = kept
                .file
                .components()
                .all(|part| matches!(part, std::path::Component::Normal(_)));
            if !below {
                return Err(damaged(format!(
                    "`{}` is not below it",
                    kept.file.display()
                )));
            }
            if Harness::of_name(&kept.harness).is_none() {
                return Err(damaged(format!("`{}` is no harness", kept.harness)));
            }
            let program = directory.join(&kept.file);
            if hash_of(&program)? != kept.hash {
                return Err(damaged(format!("`{}` was changed", kept.file.display())));
            }
        }
        if baseline.programs.is_empty() {
            return Err(damaged("it has no programs".into()));
        }
        Ok(Self {
            directory: directory.to_path_buf(),
            baseline,
        })
    }

    /// Refuses what cannot run here as it ran there.
    ///
    /// # Errors
    ///
    /// The baseline's code is for the processor that built it, and this is another; or it is for
    /// another target.
    pub fn check(&self, cpu: Option<&str>, triple: Option<&str>) -> Result<()> {
        let Baseline {
            native,
            cpu: own,
            triple: built_for,
            ..
        } = &self.baseline;
        let remedy = "make the baseline again on this machine with `--save-baseline`";
        if *native && own.as_deref() != cpu {
            return Err(Error::failed(
                format_args!(
                    "the baseline `{}` was built with target-cpu=native for `{}`, and this \
                     machine has `{}`",
                    self.directory.display(),
                    own.as_deref().unwrap_or("an unknown processor"),
                    cpu.unwrap_or("an unknown processor"),
                ),
                remedy,
            ));
        }
        if let (Some(built_for), Some(triple)) = (built_for, triple)
            && built_for != triple
        {
            return Err(Error::failed(
                format_args!(
                    "the baseline `{}` was built for {built_for}, and the current side for {triple}",
                    self.directory.display()
                ),
                remedy,
            ));
        }
        Ok(())
    }
}

/// FNV-1a over the content: tells a changed or cut file from the one that was kept.
pub fn hash_of(path: &Path) -> Result<String> {
    let content = fs::read(path).map_err(|source| Error::read(path, source))?;
    Ok(hash(&content))
}

fn hash(content: &[u8]) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in content {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    }
    format!("{hash:016x}-{}", content.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> Kept {
        Kept {
            target: "cr".into(),
            harness: "criterion".into(),
            ..Kept::default()
        }
    }

    fn saved(root: &Path) -> PathBuf {
        let program = root.join("cr-0123");
        fs::write(&program, "program").unwrap();
        let directory = place(&root.join("target"), root, "before").unwrap();
        Baseline::default()
            .save(&directory, vec![(program, kept())])
            .unwrap();
        directory
    }

    #[test]
    fn a_baseline_is_kept_by_name_and_replaced_as_a_whole() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let directory = saved(root);
        assert_eq!(directory, root.join("target/codecost/baselines/before"));
        let opened = Opened::open(&directory).unwrap();
        assert_eq!(opened.baseline.programs[0].target, "cr");
        assert_eq!(saved(root), directory);
        assert!(Opened::open(&directory).is_ok());
        assert_eq!(names(&root.join("target")), ["before"]);
        // Nothing is left of the making.
        let parent = directory.parent().unwrap();
        assert_eq!(fs::read_dir(parent).unwrap().count(), 1);
    }

    #[test]
    fn names_are_names_and_paths_are_paths() {
        let of = |operand: &str| place(Path::new("/t"), Path::new("/w"), operand);
        assert_eq!(of("./x").unwrap(), Path::new("/w/./x"));
        assert_eq!(of("/a/b").unwrap(), Path::new("/a/b"));
        assert_eq!(of("v1.2").unwrap(), Path::new("/t/codecost/baselines/v1.2"));
        // What hyperfine wrote is there by its name alone, and is not taken for a kept one's name.
        let here = tempfile::tempdir().unwrap();
        fs::write(here.path().join("hf.json"), "{}").unwrap();
        let local = |operand: &str| place(Path::new("/t"), here.path(), operand).unwrap();
        assert_eq!(local("hf.json"), here.path().join("hf.json"));
        assert_eq!(local("no.json"), Path::new("/t/codecost/baselines/no.json"));
        assert_eq!(of("a b").unwrap_err().exit_code(), 2);
        assert_eq!(of("").unwrap_err().exit_code(), 2);
    }

    #[test]
    fn what_was_damaged_is_refused_by_name() {
        let root = tempfile::tempdir().unwrap();
        let directory = saved(root.path());
        let message = || Opened::open(&directory).unwrap_err().to_string();
        let file = directory.join(FILE);
        let text = fs::read_to_string(&file).unwrap();

        fs::write(directory.join("programs/0/cr-0123"), "another").unwrap();
        assert!(message().contains("was changed"), "{}", message());
        fs::remove_file(directory.join("programs/0/cr-0123")).unwrap();
        assert!(message().contains("cr-0123"));
        fs::write(&file, text.replace("programs/0/cr-0123", "../../x")).unwrap();
        assert!(message().contains("is not below it"));
        fs::write(&file, text.replace("\"format\": 1", "\"format\": 9")).unwrap();
        assert!(message().contains("format 9"));
        fs::write(&file, "{").unwrap();
        assert!(message().contains("damaged"));
        fs::remove_file(&file).unwrap();
        assert!(message().contains(FILE));
    }

    #[test]
    fn a_directory_of_something_else_is_not_replaced() {
        let root = tempfile::tempdir().unwrap();
        let other = root.path().join("other");
        fs::create_dir(&other).unwrap();
        fs::write(other.join("thesis"), "mine").unwrap();
        let error = Baseline::default().save(&other, Vec::new()).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(other.join("thesis").exists());
    }

    #[test]
    fn native_code_is_refused_on_another_processor_and_other_targets_always() {
        let of = |native| Opened {
            directory: "b".into(),
            baseline: Baseline {
                native,
                cpu: Some("A".into()),
                triple: Some("x".into()),
                ..Baseline::default()
            },
        };
        assert!(of(true).check(Some("A"), Some("x")).is_ok());
        assert!(of(false).check(Some("B"), Some("x")).is_ok());
        let error = of(true).check(Some("B"), Some("x")).unwrap_err();
        assert!(error.to_string().contains("target-cpu=native"));
        assert!(of(true).check(None, Some("x")).is_err());
        assert!(of(false).check(Some("A"), Some("y")).is_err());
    }
}
