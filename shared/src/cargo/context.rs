//! Where and with which environment cargo runs.
//!
//! Cargo finds its configuration from the current directory and the environment, so both are
//! values here: a tool takes [`Context::current`], a trial or a test another one, and nothing ever
//! writes to the environment of the running process.

use super::child::ends_with_us;
use crate::error::{Error, Result};
use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    io,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

/// A working directory and an environment.
#[derive(Clone, Debug)]
pub struct Context {
    directory: PathBuf,
    overrides: BTreeMap<OsString, Option<OsString>>,
    cargo: Option<PathBuf>,
    visit: usize,
}

impl Context {
    /// The process's own working directory and environment.
    pub fn current() -> Result<Self> {
        let directory = env::current_dir().map_err(|source| Error::read(".", source))?;
        Ok(Self::at(directory))
    }

    /// Another working directory, with the process's own environment.
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            overrides: BTreeMap::new(),
            cargo: None,
            visit: 0,
        }
    }

    /// The same environment in another directory.
    #[must_use]
    pub fn in_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = directory.into();
        self
    }

    /// With `name` set to `value`.
    pub fn with_env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.overrides.insert(name.into(), Some(value.into()));
        self
    }

    /// With `name` unset.
    pub fn without_env(mut self, name: impl Into<OsString>) -> Self {
        self.overrides.insert(name.into(), None);
        self
    }

    /// As a place that was not seen before, whatever was known of a directory of this name.
    pub(super) fn anew(mut self) -> Self {
        static VISITS: AtomicUsize = AtomicUsize::new(1);
        self.visit = VISITS.fetch_add(1, Ordering::Relaxed);
        self
    }

    /// Tells apart what [`Context::anew`] made different.
    pub(super) fn visit(&self) -> usize {
        self.visit
    }

    /// With another cargo than [`Context::cargo`] would take.
    pub(super) fn with_cargo(mut self, program: PathBuf) -> Self {
        self.cargo = Some(program);
        self
    }

    /// The working directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The value of an environment variable.
    pub fn var_os(&self, name: &str) -> Option<OsString> {
        match self.overrides.get(OsStr::new(name)) {
            Some(value) => value.clone(),
            None => env::var_os(name),
        }
    }

    /// The value of an environment variable, where it is valid Unicode (cargo ignores others).
    pub fn var(&self, name: &str) -> Option<String> {
        self.var_os(name)?.into_string().ok()
    }

    /// All variables that are valid Unicode.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let own = env::vars_os().filter(|(name, _)| !self.overrides.contains_key(name));
        let given = self
            .overrides
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
        own.chain(given)
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// `path` as seen from the working directory.
    pub fn absolute(&self, path: &Path) -> PathBuf {
        self.directory.join(path)
    }

    /// Cargo's home directory, which holds the outermost configuration and the registry.
    pub fn cargo_home(&self) -> Option<PathBuf> {
        if let Some(home) = self.var_os("CARGO_HOME").filter(|home| !home.is_empty()) {
            return Some(self.directory.join(home));
        }
        let home = match self.overrides.get(OsStr::new("HOME")) {
            Some(home) => home.clone().map(PathBuf::from),
            None => env::home_dir(),
        };
        Some(home?.join(".cargo"))
    }

    /// The cargo that runs us (`CARGO`, which cargo sets for its subcommands), else `cargo`.
    pub fn cargo(&self) -> Command {
        match &self.cargo {
            Some(program) => self.command(program),
            None => self.command(self.var_os("CARGO").unwrap_or_else(|| "cargo".into())),
        }
    }

    /// A command in this context.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.directory);
        for (name, value) in &self.overrides {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }
}

/// Runs a command to its end with its standard error visible and returns its standard output.
pub(super) fn stdout_of(command: &mut Command, words: &str) -> Result<Vec<u8>> {
    let output = run(command.stderr(Stdio::inherit()), words)?;
    succeeded(output, words)
}

/// As [`stdout_of`], with its standard error taken into the error message.
pub(super) fn quiet_stdout_of(command: &mut Command, words: &str) -> Result<Vec<u8>> {
    let output = run(command.stderr(Stdio::piped()), words)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::failed(
        format_args!("`{words}` failed: {}", said.trim()),
        "check that the toolchain works: `rustc -vV`, `cargo -V`",
    ))
}

fn run(command: &mut Command, words: &str) -> Result<Output> {
    ends_with_us(command)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .and_then(|child| child.wait_with_output())
        .map_err(|source| spawn_error(words, source))
}

fn succeeded(output: Output, words: &str) -> Result<Vec<u8>> {
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(Error::Command {
        command: words.to_owned(),
        status: output.status.to_string(),
    })
}

pub(super) fn spawn_error(words: &str, source: io::Error) -> Error {
    Error::Spawn {
        command: words.to_owned(),
        source,
    }
}
