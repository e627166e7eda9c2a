//! Where a tool is watched: a project, a file to analyse, a recording, and a cargo that writes down
//! what it is asked and then builds nothing.

use integration_tests::command::{cargo, command, succeed};
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use tempfile::TempDir;

/// What can be seen of one run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Observation {
    pub(crate) code: Option<i32>,
    pub(crate) said: String,
    /// What cargo and perf were asked, and the files that are not as before.
    pub(crate) done: String,
}

/// A directory that is put back as it was after each run.
pub(crate) struct Laboratory {
    directory: TempDir,
    program: PathBuf,
    tool: &'static str,
    before: BTreeMap<PathBuf, Vec<u8>>,
    seen: Mutex<HashMap<Vec<String>, Observation>>,
}

const MANIFEST: &str = "\
[package]
name = \"app\"
version = \"0.1.0\"
edition = \"2021\"

[features]
default = []
extra = []

[[bench]]
name = \"speed\"
harness = false

[workspace]
";

const BUDGETS: &str = "\
[[budget]]
file = \"program\"
measure = \"file\"
limit = \"900 KiB\"
growth = \"1 KiB\"

[[budget]]
file = \"program\"
measure = \"shipped\"
limit = \"900 KiB\"

[[budget]]
bin = \"app\"
measure = \"file\"
limit = \"1 MiB\"
";

/// Writes down what it is asked. It knows the project and refuses to build.
const CARGO: &str = "\
#!/bin/sh
echo cargo \"$@\" CARGO_PROFILE=$(env | grep ^CARGO_PROFILE | sort | tr '\\n' ' ') >> \"$LABORATORY_LOG\"
for word in \"$@\"; do
    case $word in
    metadata) exec \"$LABORATORY_CARGO\" metadata --format-version 1 --offline --no-deps ;;
    build | rustc | check | test | bench) echo 'error: this cargo builds nothing' >&2; exit 101 ;;
    esac
done
exec \"$LABORATORY_CARGO\" \"$@\"
";

const PERF: &str = "\
#!/bin/sh
echo perf \"$@\" >> \"$LABORATORY_LOG\"
[ \"$1\" = version ] && exec \"$LABORATORY_PERF\" \"$@\"
echo 'this perf records nothing' >&2
exit 1
";

impl Laboratory {
    pub(crate) fn new(program: &'static str, tool: &'static str) -> Self {
        let directory = TempDir::with_prefix("codecost-help-").unwrap();
        let root = directory.path().join("app");
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
        let write = |name: &str, text: &str| {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("Cargo.toml", MANIFEST);
        write("slim.toml", BUDGETS);
        write("other.toml", &BUDGETS.replace("900", "800"));
        for source in ["src/main.rs", "examples/ex.rs", "benches/speed.rs"] {
            write(source, "fn main() {}\n");
        }
        write("src/lib.rs", "");
        write("tests/check.rs", "");
        for (from, to) in [
            ("ledger/elf64-pie", "program"),
            ("ledger/elf64-so", "other"),
            ("perf_data/dwarf.data", "record.data"),
            ("perf_data/none.data", "stackless.data"),
        ] {
            fs::copy(corpus.join(from), root.join(to)).unwrap();
        }
        for (name, text) in [("cargo", CARGO), ("perf", PERF)] {
            let path = directory.path().join("bin").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        }
        succeed(
            cargo()
                .args(["generate-lockfile", "--offline"])
                .current_dir(&root),
        );
        let git = |arguments: &[&str]| {
            let mut git = command("git");
            git.args(["-c", "user.name=test", "-c", "user.email=test@example.com"]);
            succeed(git.args(arguments).current_dir(&root));
        };
        git(&["init", "--quiet", "--initial-branch=main"]);
        git(&["add", "."]);
        git(&["commit", "--quiet", "-m", "one"]);
        git(&["commit", "--quiet", "--allow-empty", "-m", "two"]);
        let mut laboratory = Self {
            directory,
            program: program.into(),
            tool,
            before: BTreeMap::new(),
            seen: Mutex::default(),
        };
        laboratory.before = laboratory.files();
        laboratory
    }

    fn root(&self) -> PathBuf {
        self.directory.path().join("app")
    }

    /// Adds a file that the tool itself makes.
    pub(crate) fn prepare(&mut self, words: &[&str]) {
        let made = self.run(&to_owned(words));
        assert_eq!(made.code, Some(0), "{words:?}: {}", made.said);
        self.before = self.files();
    }

    /// What the tool does with these words; the first `@40` makes it run in a terminal that is forty
    /// columns wide.
    pub(crate) fn observe(&self, words: &[String]) -> Observation {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = seen.get(words) {
            return known.clone();
        }
        let observation = self.run(words);
        self.restore();
        seen.insert(words.to_vec(), observation.clone());
        observation
    }

    fn run(&self, words: &[String]) -> Observation {
        let log = self.directory.path().join("log");
        let _ = fs::remove_file(&log);
        let bin = self.directory.path().join("bin");
        let mut tool = match words.split_first() {
            Some((first, words)) if first == "@40" => {
                let mut line = format!(
                    "stty cols 40; exec '{}' {}",
                    self.program.display(),
                    self.tool
                );
                for word in words {
                    line += &format!(" '{word}'");
                }
                let mut terminal = command("script");
                terminal.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
                terminal
            }
            _ => {
                let mut tool = command(&self.program);
                tool.arg(self.tool).args(words);
                tool
            }
        };
        let path = std::env::var("PATH").unwrap_or_default();
        let real = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        tool.current_dir(self.root())
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("CARGO", bin.join("cargo"))
            .env("LABORATORY_CARGO", real)
            .env("LABORATORY_PERF", "/usr/bin/perf")
            .env("LABORATORY_LOG", &log)
            .env("XDG_STATE_HOME", self.root().join("state"))
            .env("CARGO_TUNE_STATE_DIR", self.root().join("state"))
            .env("TERM", "xterm")
            .stdin(Stdio::null());
        let output = tool.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut done = fs::read_to_string(&log).unwrap_or_default();
        for (path, content) in self.files() {
            if self.before.get(&path) != Some(&content) {
                done += &format!("{}: {}\n", path.display(), text(&content));
            }
        }
        let said = format!("{}\n--\n{}", text(&output.stdout), text(&output.stderr));
        Observation {
            code: output.status.code(),
            said: self.without_chance(&said),
            done: self.without_chance(&done),
        }
    }

    /// Temporary names and process numbers differ from run to run.
    fn without_chance(&self, text: &str) -> String {
        let text = text.replace(&self.directory.path().display().to_string(), "LAB");
        let chance = regex::Regex::new(r"\.tmp\w+|worktree-\w+|pid \d+|\d+(\.\d+)? m?s\b").unwrap();
        chance.replace_all(&text, "CHANCE").into_owned()
    }

    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.root(), &self.root(), &mut files);
        files
    }

    /// Puts the project back as it was.
    fn restore(&self) {
        for path in self
            .files()
            .keys()
            .filter(|path| !self.before.contains_key(*path))
        {
            fs::remove_file(self.root().join(path)).unwrap();
        }
        for (path, content) in &self.before {
            let path = self.root().join(path);
            if fs::read(&path).ok().as_ref() != Some(content) {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, content).unwrap();
            }
        }
    }
}

fn collect(root: &Path, directory: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let below = path.strip_prefix(root).unwrap().to_owned();
        if below.starts_with("target") || below.starts_with(".git") {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            files.insert(below, fs::read(&path).unwrap());
        }
    }
}

fn to_owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
