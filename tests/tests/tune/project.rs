//! A project in a temporary directory, and what rustc is told when it is built.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use integration_tests::command::{cargo, command};
use serde_json::Value;
use tempfile::TempDir;

/// A program that compiles in a moment.
pub(crate) const MAIN: &str = "fn main() {}\n";
/// The least a manifest needs.
pub(crate) const MANIFEST: &str =
    "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";

/// Stands in rustc's place: answers questions by asking it, and notes what is to be compiled.
#[cfg(unix)]
const RECORDER: &str = r#"#!/bin/sh
rustc=$1
shift
name= out= extra= compile=
previous=
for word in "$@"; do
    case $previous in
    --crate-name) name=$word ;;
    --out-dir) out=$word ;;
    esac
    case $word in
    extra-filename=*) extra=${word#extra-filename=} ;;
    --emit=*) compile=1 ;;
    esac
    previous=$word
done
if [ -z "$compile" ] || [ "$name" = ___ ]; then
    exec "$rustc" "$@"
fi
printf '%s\n' "$@" > "$NOTES/$name$extra"
for file in "lib$name$extra.rlib" "lib$name$extra.rmeta" "lib$name$extra.so" "lib$name$extra.a" "$name$extra"; do
    : > "$out/$file"
done
printf '{"$message_type":"artifact","artifact":"%s","emit":"metadata"}\n' "$out/lib$name$extra.rmeta" >&2
"#;

/// Stands between cargo and rustc: what would be linked is only checked, and empty files take its
/// place. Link-time optimisation of the standard library costs seconds that nobody looks at. What
/// runs during the build (build scripts, proc-macros) and libraries are compiled.
#[cfg(unix)]
const CHECKER: &str = r#"#!/bin/sh
case " $* " in
*" build_script_"* | *" proc-macro "*) exec "$@" ;;
*" --emit=dep-info,link "*) ;;
*) exec "$@" ;;
esac
name= out= extra= previous=
for word do
    case $previous in
    --crate-name) name=$word ;;
    --out-dir) out=$word ;;
    esac
    case $word in
    extra-filename=*) extra=${word#extra-filename=} ;;
    --emit=*) word=--emit=dep-info,metadata ;;
    esac
    previous=$word
    shift
    set -- "$@" "$word"
done
"$@" || exit
for file in "$name$extra" "lib$name$extra.rlib" "lib$name$extra.so" "lib$name$extra.a"; do
    : > "$out/$file"
done
"#;

/// A project.
pub(crate) struct Project {
    directory: TempDir,
    environment: Vec<(String, String)>,
    cwd: PathBuf,
}

/// What a run of the tool left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// The JSON on standard output.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}\n{}", self.stdout, self.stderr))
    }

    /// The rows with this key.
    pub(crate) fn rows(&self, key: &str) -> Vec<Value> {
        let json = self.json();
        let rows = json["rows"].as_array().expect("rows");
        rows.iter().filter(|r| r["key"] == key).cloned().collect()
    }
}

impl Project {
    /// Files below the project's directory; `src/main.rs` is added where there is no source.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let directory = TempDir::with_prefix("tune-").expect("a temporary directory");
        let project = Self {
            cwd: directory.path().join("app"),
            directory,
            environment: Vec::new(),
        };
        fs::create_dir_all(project.root()).expect("the project's directory");
        for (name, text) in files {
            project.write(name, text);
        }
        if !files.iter().any(|(name, _)| name.ends_with(".rs")) {
            project.write("src/main.rs", MAIN);
        }
        project
    }

    /// With an environment variable for the tool and for cargo.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Started in this directory below the one that holds the project.
    pub(crate) fn cwd(mut self, below: &str) -> Self {
        self.cwd = self.directory.path().join(below);
        self
    }

    /// The project's directory.
    pub(crate) fn root(&self) -> PathBuf {
        self.directory.path().join("app")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// Runs `cargo tune`.
    pub(crate) fn tune(&self, arguments: &[&str]) -> Run {
        self.tune_reading(arguments, Stdio::null())
    }

    /// As [`Self::tune`], with this standard input.
    pub(crate) fn tune_reading(&self, arguments: &[&str], input: Stdio) -> Run {
        let mut tool = command(env!("CARGO_BIN_EXE_tune-under-test"));
        tool.arg("tune").args(arguments).current_dir(&self.cwd);
        tool.stdin(input);
        tool.env("CARGO_TUNE_STATE_DIR", self.directory.path().join("state"));
        for (name, value) in &self.environment {
            tool.env(name, value);
        }
        let output = tool.output().expect("the tool starts");
        Run {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// As [`Self::tune`], with JSON and success.
    pub(crate) fn json(&self, arguments: &[&str]) -> Run {
        let all = [arguments, &["--message-format", "json"]].concat();
        let run = self.tune(&all);
        assert_eq!(run.code, Some(0), "{arguments:?}: {}", run.stderr);
        run
    }

    /// Writes a script that cargo can start in rustc's place.
    #[cfg(unix)]
    fn wrapper(&self, name: &str, text: &str) -> PathBuf {
        let wrapper = self.directory.path().join(name);
        fs::write(&wrapper, text).expect("a file");
        let mut permissions = fs::metadata(&wrapper).expect("a file").permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
        fs::set_permissions(&wrapper, permissions).expect("permissions");
        wrapper
    }

    /// Lets cargo alone build it, with rustc checking what it would link, and returns what rustc was
    /// told for each crate.
    pub(crate) fn build(&self, arguments: &[&str]) -> Vec<Call> {
        let (accepted, said) = self.checked(arguments);
        assert!(accepted, "{said}");
        said.lines()
            .filter_map(|line| line.trim().strip_prefix("Running `"))
            .filter(|line| line.contains("--crate-name"))
            .map(|line| Call {
                words: split(line.trim_end_matches('`')),
            })
            .collect()
    }

    /// Whether cargo and rustc take all that they are given; nothing is linked.
    pub(crate) fn is_accepted(&self, arguments: &[&str]) -> bool {
        self.checked(arguments).0
    }

    fn checked(&self, arguments: &[&str]) -> (bool, String) {
        // Fresh units print nothing.
        let target = TempDir::with_prefix("tune-target-").expect("a temporary directory");
        let mut command = cargo();
        command
            .args(["build", "-v", "--target-dir"])
            .arg(target.path());
        command.args(arguments).current_dir(&self.cwd);
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        #[cfg(unix)]
        command.env("RUSTC_WRAPPER", self.wrapper("checker.sh", CHECKER));
        let output = command.output().expect("cargo starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), said)
    }

    /// The variables that it is given.
    #[cfg(unix)]
    pub(crate) fn variables(&self) -> &[(String, String)] {
        &self.environment
    }

    /// Lets cargo build it with a wrapper that notes rustc's arguments in place of compiling.
    #[cfg(unix)]
    pub(crate) fn recorded(&self, arguments: &[&str]) -> Vec<Call> {
        let directory = self.directory.path();
        let wrapper = self.wrapper("recorder.sh", RECORDER);
        let notes = directory.join("notes");
        fs::create_dir_all(&notes).expect("a directory");
        let mut command = cargo();
        command.args(["build", "-q", "--target-dir"]);
        command.arg(directory.join("recorded")).args(arguments);
        command.current_dir(&self.cwd);
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        command.env("RUSTC_WRAPPER", &wrapper).env("NOTES", &notes);
        let output = command.output().expect("cargo starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        let files = fs::read_dir(&notes).expect("a directory");
        files
            .map(|file| {
                let text = fs::read_to_string(file.expect("an entry").path()).expect("a note");
                Call {
                    words: text.lines().map(str::to_owned).collect(),
                }
            })
            .collect()
    }

    /// Whether cargo alone builds it.
    pub(crate) fn builds(&self, arguments: &[&str]) -> bool {
        let mut command = cargo();
        let target = self.directory.path().join("target");
        command.args(["build", "-q", "--target-dir"]).arg(target);
        command.args(arguments).current_dir(&self.cwd);
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        let output = command.output().expect("cargo starts");
        output.status.success()
    }

    /// The one call for a crate.
    pub(crate) fn call(&self, name: &str, arguments: &[&str]) -> Call {
        let calls = self.build(arguments);
        let mut found = calls
            .into_iter()
            .filter(|c| c.after("--crate-name") == [name]);
        found
            .next()
            .unwrap_or_else(|| panic!("no rustc for {name}"))
    }

    /// Every file but what cargo makes.
    pub(crate) fn snapshot(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.root(), &self.root(), &mut files);
        files
    }
}

fn collect(root: &Path, directory: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        let below = path.strip_prefix(root).expect("below the root").to_owned();
        if below.starts_with("target") || below.ends_with("Cargo.lock") {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            files.insert(below, fs::read(&path).expect("a file"));
        }
    }
}

/// One command line of rustc.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) words: Vec<String>,
}

impl Call {
    /// The values that follow a flag.
    pub(crate) fn after(&self, flag: &str) -> Vec<&str> {
        let pairs = self.words.iter().zip(self.words.iter().skip(1));
        pairs
            .filter(|(f, _)| *f == flag)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The last value of a codegen option; an empty string if it stands alone.
    pub(crate) fn codegen(&self, name: &str) -> Option<String> {
        let mut last = None;
        for (index, word) in self.words.iter().enumerate() {
            let body = match word.strip_prefix("-C") {
                Some("") => self.words.get(index + 1).map(String::as_str),
                body => body,
            };
            let Some(body) = body else { continue };
            let (key, value) = body.split_once('=').unwrap_or((body, ""));
            if key == name {
                last = Some(value.to_owned());
            }
        }
        last
    }

    /// Whether rustc got what a profile's key should make of it.
    pub(crate) fn shows(&self, key: &str, value: &Value) -> bool {
        let text = match value {
            Value::String(s) => s.clone(),
            other => other.to_string(),
        };
        let got = self.codegen(match key {
            "debug" => "debuginfo",
            key => key,
        });
        let got = got.as_deref();
        match (key, text.as_str()) {
            ("opt-level", "0") => got.is_none() || got == Some("0"),
            // rustc's own number for incremental builds.
            ("codegen-units", "256") if got.is_none() => self.codegen("incremental").is_some(),
            ("codegen-units", "16") if got.is_none() => self.codegen("incremental").is_none(),
            ("lto", "true" | "fat") => matches!(got, Some("" | "fat")),
            ("lto", "false") => got.is_none(),
            ("panic", "unwind") => got.is_none() || got == Some("unwind"),
            ("strip", "none" | "false") => got.is_none() || got == Some("none"),
            ("strip", "true") => got == Some("symbols"),
            ("debug", "0" | "none" | "false") => got.is_none() || got == Some("0"),
            ("debug", "true") => got == Some("2"),
            ("incremental" | "rpath", "true") => got.is_some(),
            ("incremental" | "rpath", "false") => got.is_none(),
            // Cargo passes these only where they differ from what the opt-level implies.
            ("overflow-checks" | "debug-assertions", on) => {
                got.is_none_or(|got| (got == "on") == (on == "true"))
            }
            (_, text) => got == Some(text),
        }
    }
}

/// Splits a command line as cargo prints it: single quotes around what needs them.
fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    let mut any = false;
    for c in line.chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                any = true;
            }
            ' ' if !quoted => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            c => word.push(c),
        }
    }
    if any || !word.is_empty() {
        words.push(word);
    }
    words
}
