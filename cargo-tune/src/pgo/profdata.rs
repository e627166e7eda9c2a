//! An `llvm-profdata` that reads what the program wrote: found by a real merge.
//!
//! The version of raw profiles follows rustc's LLVM, and each `llvm-profdata` reads exactly one;
//! no table says which. So each tool that can be found is tried, the most likely first: the
//! toolchain's own component, then those on `PATH` with the number of rustc's LLVM.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::env::{self, consts::EXE_SUFFIX};
use std::fs;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use codecost::cargo::{Context, Toolchain};
use codecost::{Error, Result};

use super::coverage::Functions;
use super::indexed::{self, Fault};
use super::raw::Raw;

/// A merged profile.
#[derive(Debug, Clone)]
pub(super) struct Merged {
    /// The profile.
    pub(super) path: PathBuf,
    /// What merged it.
    pub(super) tool: PathBuf,
    /// The version of LLVM that the tool is of, if it says so.
    pub(super) tool_version: Option<String>,
}

/// Merges the raw profiles of `directory` to `to`.
///
/// # Errors
///
/// No tool reads them: which there are, what each says, and how to get the right one.
pub(super) fn merge(
    toolchain: &Toolchain,
    given: Option<&Path>,
    directory: &Path,
    raw: &Raw,
    to: &Path,
) -> Result<Merged> {
    let tools = match given {
        Some(given) => vec![given.to_owned()],
        None => tools(toolchain),
    };
    let mut refusals = Vec::new();
    for tool in tools {
        match try_merge(&tool, directory, to) {
            Ok(()) => {
                return Ok(Merged {
                    path: to.to_owned(),
                    tool_version: version(&tool),
                    tool,
                });
            }
            Err(why) => {
                let version = version(&tool).map(|version| format!(" (LLVM {version})"));
                let version = version.unwrap_or_default();
                refusals.push(format!("`{}`{version}: {why}", tool.display()));
            }
        }
    }
    let wrote = match raw.version {
        Some(version) => format!("version {version}"),
        None => "an unknown version".to_owned(),
    };
    let release = &toolchain.release;
    let found = match refusals.is_empty() {
        true => "no llvm-profdata was found".to_owned(),
        false => format!("no llvm-profdata reads them: {}", refusals.join("; ")),
    };
    Err(Error::failed(
        format!("rustc {release} writes raw profiles of {wrote}, and {found}"),
        way_on(toolchain),
    ))
}

/// Tries the tools on the profile of an empty program, in `directory`, which takes a second: the
/// program itself is built and trained for minutes before its own can be merged. Where no such
/// program can be made, nothing is known.
///
/// # Errors
///
/// As [`merge`].
pub(super) fn try_out(
    context: &Context,
    toolchain: &Toolchain,
    given: Option<&Path>,
    directory: &Path,
) -> Result<()> {
    let source = directory.join("empty.rs");
    let program = directory.join(format!("empty{EXE_SUFFIX}"));
    let written = directory.join("raw");
    if fs::write(&source, "fn main() {}\n").is_err() || fs::create_dir_all(&written).is_err() {
        return Ok(());
    }
    let mut rustc = context.command(&toolchain.rustc);
    rustc.args(["--crate-name", "empty", "-Cprofile-generate", "-o"]);
    rustc.arg(&program).arg(&source);
    let mut run = context.command(&program);
    run.env("LLVM_PROFILE_FILE", written.join("empty.profraw"));
    let works = |command: &mut Command| {
        let output = command.stdin(Stdio::null()).output();
        output.is_ok_and(|output| output.status.success())
    };
    if !works(&mut rustc) || !works(&mut run) {
        return Ok(());
    }
    let raw = Raw::read(&written)?;
    if raw.whole.is_empty() {
        return Ok(());
    }
    let to = directory.join("empty.profdata");
    merge(toolchain, given, &written, &raw, &to).map(drop)
}

/// The functions of a merged profile: read from it or, where its version is only known to LLVM,
/// from the text form of a tool: the given one, else one that is found.
///
/// # Errors
///
/// It is damaged, or nothing that is found reads it.
pub(super) fn functions(
    toolchain: &Toolchain,
    given: Option<&Path>,
    profile: &Path,
) -> Result<Functions> {
    let bytes = fs::read(profile).map_err(|e| Error::read(profile, e))?;
    let shown = profile.display();
    let why = match indexed::functions(&bytes) {
        Ok(functions) => return Ok(functions),
        Err(Fault::Malformed(why)) => {
            let message = format!("`{shown}` is a damaged profile: {why}");
            let help = "restore it, or train again: `cargo tune pgo --workload CMD`";
            return Err(Error::failed(message, help));
        }
        Err(Fault::Unknown(why)) => why,
    };
    let tools = match given {
        Some(given) => vec![given.to_owned()],
        None => tools(toolchain),
    };
    let mut refusals = String::new();
    for tool in tools {
        match functions_by(&tool, profile) {
            Ok(functions) => return Ok(functions),
            Err(error) => refusals += &format!("; {error}"),
        }
    }
    if refusals.is_empty() {
        refusals = "; no llvm-profdata was found that could read it".to_owned();
    }
    let llvm = toolchain.llvm.as_deref().unwrap_or("rustc's version");
    Err(Error::failed(
        format!("cannot read the functions of `{shown}`: {why}{refusals}"),
        format!(
            "`rustup component add llvm-tools`, or put the llvm-profdata of LLVM {llvm} on PATH"
        ),
    ))
}

/// The functions of a merged profile, from the tool's text form.
fn functions_by(tool: &Path, profile: &Path) -> Result<Functions> {
    let words = format!("{} merge --text", tool.display());
    let mut command = Command::new(tool);
    command.args(["merge", "--text", "-o", "-"]).arg(profile);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.stderr(Stdio::piped());
    let spawn = |source| Error::Spawn {
        command: words.clone(),
        source,
    };
    let mut child = command.spawn().map_err(spawn)?;
    let stderr = child.stderr.take();
    let said = std::thread::spawn(move || {
        let mut text = String::new();
        if let Some(stderr) = stderr {
            let _ = stderr.take(64 << 10).read_to_string(&mut text);
        }
        text
    });
    let functions = match child.stdout.take() {
        Some(stdout) => Functions::read(&mut BufReader::new(stdout)),
        None => Ok(Functions::default()),
    };
    let status = child.wait().map_err(spawn)?;
    let said = said.join().unwrap_or_default();
    if !status.success() {
        return Err(Error::failed(
            format!(
                "`{words}` refuses `{}`: {}",
                profile.display(),
                fault(&said)
            ),
            "train again: `cargo tune pgo --workload CMD`",
        ));
    }
    functions.map_err(|error| Error::read(profile, error))
}

/// The tools to try, the most likely first.
fn tools(toolchain: &Toolchain) -> Vec<PathBuf> {
    let mut tools = Vec::new();
    let component = toolchain.sysroot.join("lib").join("rustlib");
    let component = component.join(&toolchain.host).join("bin");
    tools.push(component.join(format!("llvm-profdata{EXE_SUFFIX}")));
    let path = env::var_os("PATH").unwrap_or_default();
    let directories: Vec<PathBuf> = env::split_paths(&path).collect();
    let major = toolchain.llvm.as_deref().and_then(|v| v.split('.').next());
    let named = major.map(|major| format!("llvm-profdata-{major}{EXE_SUFFIX}"));
    let plain = Some(format!("llvm-profdata{EXE_SUFFIX}"));
    for name in named.iter().chain(&plain) {
        tools.extend(directories.iter().map(|directory| directory.join(name)));
    }
    tools.extend(
        directories
            .iter()
            .flat_map(|directory| versioned(directory)),
    );
    tools.retain(|tool| tool.is_file());
    // One tool may be found by several names.
    let mut seen = BTreeSet::new();
    tools.retain(|tool| seen.insert(tool.canonicalize().unwrap_or_else(|_| tool.clone())));
    tools
}

/// `llvm-profdata-N` in a directory, the newest first.
fn versioned(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let number = name.strip_prefix("llvm-profdata-")?;
            let number = number.strip_suffix(EXE_SUFFIX)?.parse().ok()?;
            Some((number, entry.path()))
        })
        .collect();
    found.sort_by_key(|(version, _)| Reverse(*version));
    found.into_iter().map(|(_, path)| path).collect()
}

/// Merges, or says in the tool's own words why not.
fn try_merge(tool: &Path, directory: &Path, to: &Path) -> Result<(), String> {
    let mut command = Command::new(tool);
    // A file that a killed process left incomplete must not spoil the others.
    command.args(["merge", "--failure-mode=all", "-o"]);
    command.arg(to).arg(directory).stdin(Stdio::null());
    let output = command.output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(fault(&said));
    }
    let is_empty = fs::metadata(to).map_or(true, |file| file.len() == 0);
    match is_empty {
        true => Err("it wrote nothing".to_owned()),
        false => Ok(()),
    }
}

/// The line that says most: the one on a file, else the first error.
fn fault(said: &str) -> String {
    let of_file = said.lines().find(|line| line.contains(".profraw"));
    let error = said.lines().find(|line| line.starts_with("error"));
    let line = of_file.or(error).or_else(|| said.lines().last());
    let line = line.unwrap_or("it failed without a word").trim();
    let line = line.rsplit(".profraw: ").next().unwrap_or(line);
    line.trim_start_matches("error: ").to_owned()
}

/// The version of LLVM that a tool is of.
fn version(tool: &Path) -> Option<String> {
    let output = Command::new(tool).args(["show", "--version"]).output();
    let text = String::from_utf8_lossy(&output.ok()?.stdout).into_owned();
    let (_, rest) = text.split_once("LLVM version ")?;
    Some(rest.split_whitespace().next()?.to_owned())
}

/// The command that brings the right tool.
fn way_on(toolchain: &Toolchain) -> String {
    let mut above = toolchain
        .sysroot
        .iter()
        .rev()
        .map(|name| name.to_string_lossy());
    let name = above.next();
    let of_rustup = name.filter(|_| above.next().is_some_and(|above| above == "toolchains"));
    let major = toolchain.llvm.as_deref().and_then(|v| v.split('.').next());
    let other = match major {
        Some(major) => format!(
            "install the tools of LLVM {major}, and name its llvm-profdata with --llvm-profdata"
        ),
        None => "name the right llvm-profdata with --llvm-profdata".to_owned(),
    };
    match of_rustup {
        Some(name) => {
            format!("`rustup component add llvm-tools --toolchain {name}`, or {other}")
        }
        None => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_names_the_reason_is_found() {
        let said = "warning: /r/1_0.profraw: unsupported instrumentation profile format version\n\
            error: no profile can be merged\n";
        let reason = "unsupported instrumentation profile format version";
        assert_eq!(fault(said), reason);
        assert_eq!(
            fault("error: no profile can be merged\n"),
            "no profile can be merged"
        );
        assert_eq!(fault(""), "it failed without a word");
    }

    #[cfg(unix)]
    #[test]
    fn a_version_that_only_llvm_knows_is_read_by_its_tool() {
        use std::os::unix::fs::PermissionsExt as _;

        let directory = tempfile::tempdir().unwrap();
        let (profile, tool) = (
            directory.path().join("a.profdata"),
            directory.path().join("llvm-profdata"),
        );
        let write = |version: u8| {
            let mut head = b"\xfflprofi\x81".to_vec();
            head.extend([version, 0, 0, 0, 0, 0, 0, 1]);
            head.resize(64, 0);
            fs::write(&profile, head).unwrap();
        };
        let toolchain = Toolchain {
            rustc: PathBuf::new(),
            release: "1.0.0".to_owned(),
            commit_hash: None,
            host: String::new(),
            llvm: None,
            sysroot: PathBuf::new(),
        };
        let text = "printf ':ir\\nf\\n# Func Hash:\\n1\\n# Num Counters:\\n1\\n# Counter Values:\\n7\\n\\n'";
        let script = |line: &str| {
            fs::write(&tool, format!("#!/bin/sh\n{line}\n")).unwrap();
            fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
        };
        script(text);
        write(99);
        let read = functions(&toolchain, Some(&tool), &profile).unwrap();
        assert_eq!(read.sum(|name| name == "f").counts, 7);
        script("echo 'error: unsupported version' >&2; exit 1");
        let error = functions(&toolchain, Some(&tool), &profile).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("it is of version 99"), "{error}");
        assert!(error.contains("unsupported version"), "{error}");
        // What is damaged is not handed to a tool.
        script(text);
        write(13);
        let error = functions(&toolchain, Some(&tool), &profile).unwrap_err();
        assert!(
            error.to_string().contains("is a damaged profile"),
            "{error}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn versions_are_tried_from_the_newest() {
        let directory = tempfile::tempdir().unwrap();
        for name in [
            "llvm-profdata-14",
            "llvm-profdata-22",
            "llvm-profdata-x",
            "llvm-profdata",
        ] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let found = versioned(directory.path());
        let names: Vec<_> = found.iter().filter_map(|path| path.file_name()).collect();
        assert_eq!(names, ["llvm-profdata-22", "llvm-profdata-14"]);
    }
}
