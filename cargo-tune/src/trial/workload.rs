//! Running the user's workload with each variant of the program.
//!
//! The command names the program in one of four ways: `{}`, `$CARGO_TUNE_BIN`, its bare name (the
//! variant's directory comes first on `PATH`), or the path where `cargo build` puts it. Each run reads
//! the same standard input: all of this process's own.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use codecost::console::Console;
use codecost::report::Warning;
use codecost::stdin::Stdin;
use codecost::{Error, Result};

use crate::project::Project;
use crate::receipt::fnv1a;

/// A shell command that exercises the program.
#[derive(Debug, Clone)]
pub struct Workload {
    text: String,
    name: String,
    paths: Vec<String>,
}

impl Workload {
    /// Checks that the command names the program at all: a workload that times something else
    /// would find no difference, and the user would not know why.
    ///
    /// # Errors
    ///
    /// It does not.
    pub fn new(project: &Project, text: &str, name: &str) -> Result<Self> {
        let workload = Self::any(project, text, name);
        let named = workload.paths.iter().any(|p| text.contains(p.as_str()))
            || text.contains("{}")
            || text.contains("CARGO_TUNE_BIN")
            || words(text).any(|w| w == name);
        if named {
            Ok(workload)
        } else {
            Err(Error::usage(
                format!("the command `{text}` does not run `{name}`"),
                format!("name the program as `{name}`, `{{}}` or `$CARGO_TUNE_BIN`"),
            ))
        }
    }

    /// A command that may find the program by itself, such as a script that reads
    /// `$CARGO_TUNE_BIN`.
    pub fn any(project: &Project, text: &str, name: &str) -> Self {
        let profile = match project.selection.profile() {
            "dev" | "test" => "debug",
            "bench" => "release",
            other => other,
        };
        let mut directory = Path::new("target").to_path_buf();
        if let Some(triple) = &project.selection.triple {
            directory.push(triple);
        }
        let relative = directory.join(profile).join(name).display().to_string();
        let mut absolute = project.workspace.target_directory().to_path_buf();
        if let Some(triple) = &project.selection.triple {
            absolute.push(triple);
        }
        let absolute = absolute.join(profile).join(name).display().to_string();
        // The longest first: each contains the next.
        let paths = vec![absolute, format!("./{relative}"), relative];
        Self {
            text: text.to_owned(),
            name: name.to_owned(),
            paths,
        }
    }

    /// Runs it once for what `variable` makes the program write; its output goes nowhere.
    ///
    /// # Errors
    ///
    /// The command cannot be started or fails.
    pub fn train(&self, project: &Project, program: &Path, variable: (&str, &OsStr)) -> Result<()> {
        let mut command = self.command(project, program)?;
        command.env(variable.0, variable.1).stdout(Stdio::null());
        let output = command.output().map_err(|source| self.spawn(source))?;
        if output.status.success() {
            return Ok(());
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        Err(self.failed(&output.status.to_string(), &stderr))
    }

    /// The command for one variant.
    fn command(&self, project: &Project, program: &Path) -> Result<Command> {
        let shown = program.display().to_string();
        let mut text = self.text.replace("{}", &shown);
        for path in &self.paths {
            text = text.replace(path, &shown);
        }
        let mut command = if cfg!(windows) {
            let mut command = project.context.command("cmd");
            command.arg("/C").arg(&text);
            command
        } else {
            let mut command = project.context.command("sh");
            command.arg("-c").arg(&text);
            command
        };
        let mut path = OsString::from(program.parent().unwrap_or(Path::new(".")));
        if let Some(rest) = std::env::var_os("PATH") {
            path.push(if cfg!(windows) { ";" } else { ":" });
            path.push(rest);
        }
        command.env("PATH", path).env("CARGO_TUNE_BIN", program);
        command.stdin(Stdin::shared()?.next()?);
        Ok(command)
    }

    /// Runs it once and times it.
    ///
    /// # Errors
    ///
    /// The command cannot be started or fails.
    pub fn time(&self, project: &Project, program: &Path) -> Result<Duration> {
        let mut command = self.command(project, program)?;
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let start = Instant::now();
        let status = command.status().map_err(|source| self.spawn(source))?;
        let elapsed = start.elapsed();
        if status.success() {
            Ok(elapsed)
        } else {
            Err(self.failed(&status.to_string(), ""))
        }
    }

    /// Runs it once and returns a hash of what it wrote to standard output.
    ///
    /// # Errors
    ///
    /// The command cannot be started or fails.
    pub fn output(&self, project: &Project, program: &Path) -> Result<u64> {
        let Output {
            status,
            stdout,
            stderr,
        } = self
            .command(project, program)?
            .output()
            .map_err(|source| self.spawn(source))?;
        if status.success() {
            Ok(fnv1a(&stdout))
        } else {
            Err(self.failed(&status.to_string(), &String::from_utf8_lossy(&stderr)))
        }
    }

    fn spawn(&self, source: std::io::Error) -> Error {
        Error::Spawn {
            command: self.text.clone(),
            source,
        }
    }

    fn failed(&self, status: &str, stderr: &str) -> Error {
        let last = stderr.lines().last().unwrap_or_default();
        let said = if last.is_empty() {
            String::new()
        } else {
            format!(": {last}")
        };
        Error::failed(
            format!(
                "`{}` failed with {status} for this build of `{}`{said}",
                self.text, self.name
            ),
            "run it by hand; it must exit with 0",
        )
    }
}

/// Several commands, one after the other.
#[derive(Debug, Clone)]
pub struct Workloads(pub Vec<Workload>);

impl Workloads {
    /// All of them must name the program, as in [`Workload::new`].
    ///
    /// # Errors
    ///
    /// One does not.
    pub fn new(project: &Project, texts: &[String], name: &str) -> Result<Self> {
        let workloads = texts.iter().map(|text| Workload::new(project, text, name));
        Ok(Self(workloads.collect::<Result<_>>()?))
    }

    /// Says why each run has an empty standard input, where the user may have meant another.
    ///
    /// # Errors
    ///
    /// This process's own cannot be read or kept.
    pub fn say_input(&self, console: &mut Console) -> Result<()> {
        let stdin = Stdin::shared()?;
        match stdin.why_empty() {
            // Most programs that are started from a terminal do not read it.
            Some(why) if !matches!(stdin, Stdin::Terminal) => {
                let warning = Warning::new("empty-input", why)
                    .help("redirect it from a file: `< FILE`, or `< /dev/null`");
                console.warning(&warning);
            }
            _ => {}
        }
        Ok(())
    }

    /// Runs each once and adds their times.
    ///
    /// # Errors
    ///
    /// One cannot be started or fails.
    pub fn time(&self, project: &Project, program: &Path) -> Result<Duration> {
        let times = self.0.iter().map(|one| one.time(project, program));
        times.sum()
    }

    /// Runs each once and returns a hash of what each wrote to standard output.
    ///
    /// # Errors
    ///
    /// One cannot be started or fails.
    pub fn output(&self, project: &Project, program: &Path) -> Result<Vec<u64>> {
        let outputs = self.0.iter().map(|one| one.output(project, program));
        outputs.collect()
    }

    /// Whether a command wrote nothing, by the hashes of [`Self::output`].
    pub fn some_are_silent(outputs: &[u64]) -> bool {
        outputs.contains(&fnv1a(b""))
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| {
        c.is_whitespace() || matches!(c, ';' | '|' | '&' | '(' | ')' | '"' | '\'' | '`')
    })
}
