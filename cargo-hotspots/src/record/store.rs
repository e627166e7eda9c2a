//! Where recordings are kept: `codecost/hotspots/` below the target directory, one directory for
//! each, by number, and a file `latest` that names the newest.
//!
//! Outside a workspace (`--exec`, `--pid`) they are in the user's own state directory:
//! `$XDG_STATE_HOME/cargo-hotspots`, by default `~/.local/state/cargo-hotspots`. Only directories
//! that this module made are ever deleted: those that have the mark in them.

#![cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "elsewhere recordings are only opened")
)]

use crate::recording::{About, Kept, Recording};
use codecost::{
    Error, Result,
    cargo::{Context, Selection, Workspace},
    report::write_file,
};
use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

/// How many recordings are kept.
const KEPT: usize = 10;
/// The version of [`About`]; older ones open too.
pub(super) const FORMAT: u32 = 4;
/// In each directory that this module made: the number of the process that records.
const MARK: &str = "cargo-hotspots";
const ABOUT: &str = "recording.json";
const DATA: &str = "perf.data";
const LATEST: &str = "latest";

/// All recordings of a workspace, or of the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Store {
    root: PathBuf,
}

/// A recording that is being made; deleted unless it is finished.
#[derive(Debug)]
pub(super) struct Unfinished {
    store: Store,
    name: String,
    directory: PathBuf,
    finished: bool,
}

impl Store {
    /// The one of the workspace, or the user's own outside of any.
    pub(super) fn find(context: &Context, selection: &Selection) -> Result<Self> {
        if let Some(directory) = &selection.target_dir {
            return Ok(Self::of_target(&context.absolute(directory)));
        }
        if selection.manifest_path.is_some() {
            let workspace = Workspace::load(context, selection)?;
            return Ok(Self::of_target(workspace.target_directory()));
        }
        match Workspace::find(context) {
            Some(workspace) => Ok(Self::of_target(workspace.target_directory())),
            None => Self::of_user(context),
        }
    }

    /// That of the workspace with this target directory.
    pub(super) fn of_target(directory: &Path) -> Self {
        Self {
            root: directory.join("codecost").join("hotspots"),
        }
    }

    /// That of the user.
    pub(super) fn of_user(context: &Context) -> Result<Self> {
        let set = |name: &str| {
            let value = context.var_os(name).filter(|value| !value.is_empty());
            value.map(PathBuf::from).filter(|path| path.is_absolute())
        };
        let state = set("XDG_STATE_HOME")
            .or_else(|| Some(set("HOME")?.join(".local").join("state")))
            .or_else(|| set("LOCALAPPDATA"))
            .unwrap_or_else(env::temp_dir);
        Ok(Self {
            root: state.join("cargo-hotspots"),
        })
    }

    /// Where everything is.
    pub(super) fn directory(&self) -> &Path {
        &self.root
    }

    /// The newest recording that is as it should be.
    pub(super) fn newest(&self, is_so: impl Fn(&About) -> bool) -> Option<Recording> {
        let newest_first = self.numbers().into_iter().rev();
        newest_first
            .filter_map(|number| open(&self.numbered(number)).ok())
            .find(|recording| recording.about.as_ref().is_some_and(&is_so))
    }

    /// As [`Store::find`], of recordings that were made: without asking cargo, which takes longer
    /// than all else, where no setting moves the target directory and only one of the packages
    /// around the working directory has recordings.
    pub(super) fn find_made(context: &Context, selection: &Selection) -> Result<Self> {
        let plain = selection.target_dir.is_none() && selection.manifest_path.is_none();
        match plain.then(|| Self::around(context)).flatten() {
            Some(found) => Ok(found),
            None => Self::find(context, selection),
        }
    }

    fn around(context: &Context) -> Option<Self> {
        let moved = ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"];
        if moved.iter().any(|name| context.var_os(name).is_some()) {
            return None;
        }
        let moves = |directory: &Path| {
            ["config.toml", "config"].iter().any(|name| {
                let text = fs::read_to_string(directory.join(name));
                // An included file may say anything.
                text.is_ok_and(|text| text.contains("target-dir") || text.contains("include"))
            })
        };
        if context.cargo_home().is_some_and(|home| moves(&home)) {
            return None;
        }
        let mut found = None;
        for directory in context.directory().ancestors() {
            if moves(&directory.join(".cargo")) {
                return None;
            }
            let Ok(manifest) = fs::read_to_string(directory.join("Cargo.toml")) else {
                continue;
            };
            let store = Self::of_target(&directory.join("target"));
            if store.root.join(LATEST).exists() && found.replace(store).is_some() {
                return None;
            }
            // What is around the workspace is another project. Configuration further out could
            // still move the target directory.
            if manifest.contains("[workspace") {
                let mut outer = directory.ancestors().skip(1);
                return found.filter(|_| !outer.any(|outer| moves(&outer.join(".cargo"))));
            }
        }
        found
    }

    /// The newest recording.
    pub(super) fn latest(&self) -> Result<Recording> {
        let nothing = || {
            Error::failed(
                format_args!("there is no recording below `{}` yet", self.root.display()),
                "make one: `cargo hotspots --bin NAME -- ARGS`, or open one with --input",
            )
        };
        let name = fs::read_to_string(self.root.join(LATEST)).map_err(|_| nothing())?;
        let name = name.trim();
        // The file may have been written by anybody.
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(nothing());
        }
        let directory = self.root.join(name);
        let path = directory.join(ABOUT);
        let text = fs::read_to_string(&path).map_err(|_| nothing())?;
        Ok(Recording {
            data: directory.join(DATA),
            about: Some(parse(&path, &text)?),
        })
    }

    /// All finished recordings, the newest first. One that cannot be understood is left out.
    pub(super) fn list(&self) -> Vec<Kept> {
        let numbers = self.numbers();
        let kept = numbers.iter().rev().filter_map(|number| {
            let directory = self.numbered(*number);
            if !directory.join(MARK).exists() {
                return None;
            }
            let described = fs::metadata(directory.join(ABOUT)).ok()?;
            let recording = open(&directory).ok()?;
            Some(Kept {
                number: *number,
                finished: described.modified().ok(),
                size: size_of(&directory),
                recording,
            })
        });
        kept.collect()
    }

    /// The directory of a kept recording.
    pub(super) fn numbered(&self, number: u64) -> PathBuf {
        self.root.join(number.to_string())
    }

    /// A new directory for a recording.
    pub(super) fn create(&self) -> Result<Unfinished> {
        fs::create_dir_all(&self.root).map_err(|source| Error::write(&self.root, source))?;
        self.clean();
        let mut number = self.numbers().last().copied().unwrap_or(0);
        loop {
            number = number.saturating_add(1);
            let name = number.to_string();
            let directory = self.root.join(&name);
            match fs::create_dir(&directory) {
                Ok(()) => {
                    let mark = directory.join(MARK);
                    fs::write(&mark, std::process::id().to_string())
                        .map_err(|source| Error::write(mark, source))?;
                    return Ok(Unfinished {
                        store: self.clone(),
                        name,
                        directory,
                        finished: false,
                    });
                }
                // Another one was started at the same moment.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(Error::write(directory, source)),
            }
        }
    }

    /// The recording of a number.
    ///
    /// # Errors
    ///
    /// It is not kept any more, or never was; or its description cannot be read.
    pub(super) fn open_numbered(&self, number: u64) -> Result<Recording> {
        let numbers = self.numbers();
        if numbers.contains(&number) {
            return open(&self.numbered(number));
        }
        let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else {
            return Err(Error::failed(
                format_args!("there is no recording {number}: none is kept here"),
                "record one first: `cargo hotspots --bin NAME -- ARGS`; `--input FILE` opens a file",
            ));
        };
        let why = match number < *first {
            true => format!("recording {number} is not kept any more: the last {KEPT} are"),
            false => format!("there is no recording {number}: the latest is {last}"),
        };
        Err(Error::failed(
            why,
            "`cargo hotspots recordings` lists those that are kept; to keep one for longer, copy its \
             directory and name that",
        ))
    }

    /// The numbers of all directories here, in order.
    fn numbers(&self) -> Vec<u64> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let mut numbers: Vec<u64> = entries
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .collect();
        numbers.sort_unstable();
        numbers
    }

    /// Deletes all but the newest, and what recordings that died have left.
    fn clean(&self) {
        let mut finished = Vec::new();
        for number in self.numbers() {
            let directory = self.root.join(number.to_string());
            let Ok(process) = fs::read_to_string(directory.join(MARK)) else {
                continue;
            };
            if directory.join(ABOUT).exists() {
                finished.push(directory);
            } else if !is_running(process.trim()) {
                delete(&directory);
            }
        }
        // One more is about to be made.
        let surplus = finished.len().saturating_sub(KEPT - 1);
        finished.iter().take(surplus).for_each(|old| delete(old));
    }
}

/// A recording by its directory, or by its file, with its description where it has one.
pub(super) fn open(path: &Path) -> Result<Recording> {
    let found = fs::metadata(path).map_err(|source| Error::read(path, source))?;
    let (data, directory) = if found.is_dir() {
        (path.join(DATA), Some(path))
    } else {
        (path.to_path_buf(), path.parent())
    };
    // A description belongs to the file that has its own name beside it.
    let described = directory
        .filter(|directory| {
            data.file_name() == Some(DATA.as_ref()) && directory.join(MARK).exists()
        })
        .map(|directory| directory.join(ABOUT));
    let about = match described.filter(|path| path.exists()) {
        Some(path) => {
            let text = fs::read_to_string(&path).map_err(|source| Error::read(&path, source))?;
            Some(parse(&path, &text)?)
        }
        None => None,
    };
    Ok(Recording { data, about })
}

impl Unfinished {
    #[cfg(test)]
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn data(&self) -> PathBuf {
        self.directory.join(DATA)
    }

    /// Keeps a copy of a program as it is now, with its separate debug file where it has one.
    pub(super) fn keep(&self, index: usize, program: &Path, name: &Path) -> Result<PathBuf> {
        let directory = self.directory.join("programs").join(index.to_string());
        fs::create_dir_all(&directory).map_err(|source| Error::write(&directory, source))?;
        let file = name.file_name().unwrap_or("program".as_ref());
        let copy = directory.join(file);
        fs::copy(program, &copy).map_err(|source| Error::read(program, source))?;
        for suffix in [".dwp", ".debug"] {
            let with = |path: &Path| {
                let mut path = path.to_path_buf().into_os_string();
                path.push(suffix);
                PathBuf::from(path)
            };
            if with(name).is_file() {
                // Without it the copy says less, and the report says that.
                let _ = fs::copy(with(name), with(&copy));
            }
        }
        Ok(copy)
    }

    /// Makes it the newest.
    pub(super) fn finish(mut self, about: About) -> Result<Recording> {
        let path = self.directory.join(ABOUT);
        let text = serde_json::to_string_pretty(&about).map_err(|error| {
            Error::failed(
                format_args!("the recording cannot be described: {error}"),
                "please report this",
            )
        })?;
        write_file(&path, |to| to.write_all(text.as_bytes()))?;
        let latest = self.store.root.join(LATEST);
        write_file(&latest, |to| writeln!(to, "{}", self.name))?;
        self.finished = true;
        Ok(Recording {
            data: self.data(),
            about: Some(about),
        })
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.finished {
            delete(&self.directory);
        }
    }
}

/// The bytes of all files in a directory, a few levels deep.
fn size_of(directory: &Path) -> u64 {
    let mut size = 0_u64;
    let mut open = vec![(directory.to_path_buf(), 0)];
    while let Some((directory, depth)) = open.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_file() => size = size.saturating_add(metadata.len()),
                Ok(metadata) if metadata.is_dir() && depth < 4 => {
                    open.push((entry.path(), depth + 1));
                }
                _ => {}
            }
        }
    }
    size
}

/// A recording that cannot be deleted only takes room.
fn delete(directory: &Path) {
    let _ = fs::remove_dir_all(directory);
}

fn is_running(process: &str) -> bool {
    // Where there is no `/proc` nothing is recorded.
    process.parse::<u32>().is_ok() && Path::new("/proc").join(process).exists()
}

fn parse(path: &Path, text: &str) -> Result<About> {
    let failed = |reason: String| {
        Error::failed(
            format_args!("`{}` cannot be understood: {reason}", path.display()),
            "open it with the version of cargo-hotspots that recorded it, or record again",
        )
    };
    #[derive(serde::Deserialize)]
    struct Version {
        format: u32,
    }
    let version: Version = serde_json::from_str(text).map_err(|error| failed(error.to_string()))?;
    if !(1..=FORMAT).contains(&version.format) {
        return Err(failed(format!(
            "it has format {}, and this version reads formats 1 to {FORMAT}",
            version.format
        )));
    }
    serde_json::from_str(text).map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(command: &str) -> About {
        About {
            format: FORMAT,
            command: vec![command.into()],
            ..About::default()
        }
    }

    #[test]
    fn the_newest_finished_recording_is_found_and_few_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::of_target(directory.path());
        assert!(
            store
                .latest()
                .unwrap_err()
                .hint()
                .unwrap()
                .contains("--bin")
        );
        for number in 0..13 {
            let new = store.create().unwrap();
            fs::write(new.data(), "x").unwrap();
            new.finish(about(&number.to_string())).unwrap();
        }
        assert_eq!(store.latest().unwrap().about.unwrap().command, ["12"]);
        assert_eq!(store.numbers(), [4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
        // A number is no path: what is wrong with it is that it is not kept.
        assert!(store.open_numbered(4).is_ok());
        for (number, said) in [(2, "is not kept any more"), (14, "the latest is 13")] {
            let error = store.open_numbered(number).unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
            assert!(error.hint().unwrap().contains("cargo hotspots recordings"));
        }

        // One that fails leaves nothing, and one that goes on is not touched.
        drop(store.create().unwrap());
        let going_on = store.create().unwrap();
        // What is not ours stays, whatever its name.
        fs::create_dir(store.root.join("1")).unwrap();
        store.clean();
        assert!(going_on.directory().exists() && store.root.join("1").exists());
        assert_eq!(store.latest().unwrap().about.unwrap().command, ["12"]);

        // One whose process died is swept away.
        fs::write(going_on.directory().join(MARK), "4294967294").unwrap();
        store.clean();
        assert!(!going_on.directory().exists());
    }

    #[test]
    fn recordings_around_are_found_without_cargo_unless_something_moves_them() {
        let directory = tempfile::tempdir().unwrap();
        let package = directory.path().join("member");
        fs::create_dir_all(package.join("src")).unwrap();
        fs::write(package.join("Cargo.toml"), "").unwrap();
        let home = directory.path().join("home");
        let context = Context::at(package.join("src"))
            .with_env("CARGO_HOME", &home)
            .without_env("CARGO_TARGET_DIR")
            .without_env("CARGO_BUILD_TARGET_DIR");
        assert_eq!(Store::around(&context), None);
        let own = Store::of_target(&package.join("target"));
        own.create().unwrap().finish(about("x")).unwrap();
        assert_eq!(Store::around(&context), Some(own));
        let moved = context.clone().with_env("CARGO_TARGET_DIR", "elsewhere");
        assert_eq!(Store::around(&moved), None);
        fs::create_dir_all(&home).unwrap();
        fs::write(home.join("config.toml"), "build.target-dir = \"x\"").unwrap();
        assert_eq!(Store::around(&context), None);
        fs::remove_dir_all(&home).unwrap();
        // The workspace around it has some, too: cargo must say which.
        fs::write(directory.path().join("Cargo.toml"), "").unwrap();
        let outer = Store::of_target(&directory.path().join("target"));
        outer.create().unwrap().finish(about("y")).unwrap();
        assert_eq!(Store::around(&context), None);
    }

    #[test]
    fn a_pointer_or_description_of_somebody_else_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::of_target(directory.path());
        let new = store.create().unwrap();
        let path = new.directory().join(ABOUT);
        new.finish(about("x")).unwrap();
        fs::write(store.root.join(LATEST), "../../etc").unwrap();
        assert!(store.latest().is_err());
        fs::write(store.root.join(LATEST), "1\n").unwrap();
        assert!(store.latest().is_ok());
        fs::write(&path, "{\"format\": 99, \"new\": 1}").unwrap();
        let error = store.latest().unwrap_err();
        assert!(error.to_string().contains("format 99"), "{error}");
    }
}
