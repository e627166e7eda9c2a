//! BOLT: the code of the finished program laid out anew, by counts of its own.
//!
//! `llvm-bolt` reads the program with the relocations that the linker kept (`--emit-relocs`), makes
//! one that counts its branches, and moves what runs together. It needs no rustc of its age: it
//! works on machine code. What does not fit into the old layout becomes a second one; the original
//! then stays in `.bolt.org.text`, partly alive.

use std::cmp::Reverse;
use std::env::{self, consts::EXE_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use codecost::{Error, Result};

/// How the code is laid out: in pages of the usual size and, where it fits, in the place of the old
/// layout. Otherwise the file grows by both, and by megabytes of padding.
const LAYOUT: [&str; 8] = [
    "-reorder-blocks=ext-tsp",
    "-reorder-functions=hfsort",
    "-split-functions",
    "-split-all-cold",
    "-split-eh",
    "-icf=1",
    "-no-huge-pages",
    "-use-old-text",
];

/// The tools of one version.
#[derive(Debug, Clone)]
pub struct Bolt {
    bolt: PathBuf,
    merge: PathBuf,
}

impl Bolt {
    /// Finds `llvm-bolt` on `PATH`, with or without a version, and `merge-fdata` beside it.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn find() -> Result<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        let directories: Vec<PathBuf> = env::split_paths(&path).collect();
        let mut found = Vec::new();
        for directory in &directories {
            let plain = directory.join(format!("llvm-bolt{EXE_SUFFIX}"));
            found.extend(plain.is_file().then_some((u32::MAX, plain)));
            found.extend(versioned(directory));
        }
        found.sort_by_key(|(version, _)| Reverse(*version));
        for (_, bolt) in found {
            // Distributions put links on `PATH` and the tools into one directory, and BOLT looks for
            // its libraries beside the name that it was started by.
            let bolt = bolt.canonicalize().unwrap_or(bolt);
            let own = bolt.parent().map(Path::to_path_buf);
            let name = format!("merge-fdata{EXE_SUFFIX}");
            let mut beside = own.iter().chain(&directories).map(|at| at.join(&name));
            if let Some(merge) = beside.find(|tool| tool.is_file()) {
                return Ok(Self { bolt, merge });
            }
        }
        Err(Error::failed(
            "there is no `llvm-bolt` with its `merge-fdata` on PATH",
            "install it (Debian and Ubuntu: `apt install bolt-15` or later), or leave out --bolt",
        ))
    }

    /// Makes a program that writes its counts to `counts` with the process's id behind it.
    ///
    /// # Errors
    ///
    /// BOLT refuses the program.
    pub fn instrument(&self, program: &Path, to: &Path, counts: &Path) -> Result<()> {
        let mut file = std::ffi::OsString::from("-instrumentation-file=");
        file.push(counts);
        let mut command = Command::new(&self.bolt);
        command.arg(program).arg("-instrument").arg("-o").arg(to);
        command.arg(file).arg("-instrumentation-file-append-pid");
        run(command)
    }

    /// Joins the counts of all processes.
    ///
    /// # Errors
    ///
    /// There are none, or they cannot be read.
    pub fn merge(&self, directory: &Path, to: &Path) -> Result<()> {
        let entries = fs::read_dir(directory).map_err(|e| Error::read(directory, e))?;
        let files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        if files.is_empty() {
            return Err(Error::failed(
                "the training wrote no counts for BOLT",
                "it must end by returning from `main` or by `exit`, not by a signal or `_exit`",
            ));
        }
        let mut command = Command::new(&self.merge);
        command.args(files).stdin(Stdio::null());
        let words = self.merge.display().to_string();
        let output = command.output().map_err(|source| Error::Spawn {
            command: words.clone(),
            source,
        })?;
        if !output.status.success() || output.stdout.is_empty() {
            return Err(failed(&words, &output.stderr));
        }
        codecost::report::write_file(to, |file| file.write_all(&output.stdout))
    }

    /// Lays the program's code out anew.
    ///
    /// # Errors
    ///
    /// BOLT refuses the program or the counts.
    pub fn optimise(&self, program: &Path, counts: &Path, to: &Path) -> Result<()> {
        let mut data = std::ffi::OsString::from("-data=");
        data.push(counts);
        let mut command = Command::new(&self.bolt);
        command
            .arg(program)
            .arg("-o")
            .arg(to)
            .arg(data)
            .args(LAYOUT);
        run(command)
    }
}

/// `llvm-bolt-N` in a directory.
fn versioned(directory: &Path) -> Vec<(u32, PathBuf)> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let tools = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let number = name.strip_prefix("llvm-bolt-")?;
        let number = number.strip_suffix(EXE_SUFFIX)?.parse().ok()?;
        Some((number, entry.path()))
    });
    tools.collect()
}

fn run(mut command: Command) -> Result<()> {
    let words = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null());
    let output = command.output().map_err(|source| Error::Spawn {
        command: words.clone(),
        source,
    })?;
    match output.status.success() {
        true => Ok(()),
        false => Err(failed(&words, &output.stderr)),
    }
}

fn failed(words: &str, said: &[u8]) -> Error {
    let said = String::from_utf8_lossy(said);
    let mark = "BOLT-ERROR: ";
    let line = said.lines().find_map(|line| line.split_once(mark));
    let line = line.map(|(_, why)| why).or_else(|| said.lines().last());
    Error::failed(
        format!(
            "`{words}` failed: {}",
            line.unwrap_or("it said nothing").trim()
        ),
        "another version of BOLT may read this program; without --bolt it is not needed",
    )
}
