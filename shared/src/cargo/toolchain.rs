//! Facts about the compiler that cargo will run: version, host, system root, how it mangles.
//!
//! The compiler is `RUSTC`, else `build.rustc`, else `rustc`, run in the same directory and with
//! the same environment as cargo, so that a `rust-toolchain.toml` and `cargo +nightly` hold. Facts
//! are cached for the process, what they are made of between processes (`kept`).

use super::{
    context::{Context, quiet_stdout_of},
    kept,
    lookup::Lookup,
    rustup::rustup_of,
    selection::Selection,
};
use crate::error::{Error, Result};
use cargo_metadata::cargo_platform::Cfg;
use std::{
    env::{self, consts::EXE_SUFFIX},
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    str::FromStr,
    sync::Mutex,
    thread,
};

/// Symbols are named by v0 unless asked otherwise since this minor version of Rust 1.
const V0_SINCE: u32 = 97;
/// Nightly compilers began three versions before.
const V0_ON_NIGHTLY_SINCE: u32 = 94;

/// What is known about the compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// The program to run.
    pub rustc: PathBuf,
    /// The release: `1.95.0`, `1.97.0-nightly`.
    pub release: String,
    /// The commit that it was built from; distributions leave it out.
    pub commit_hash: Option<String>,
    /// The triple that it runs on, and builds for unless asked otherwise.
    pub host: String,
    /// The version of LLVM, where that is the backend.
    pub llvm: Option<String>,
    /// The directory that holds the standard library.
    pub sysroot: PathBuf,
}

type Key = (OsString, PathBuf, usize, Option<OsString>);
static KNOWN: Mutex<Vec<(Key, Toolchain)>> = Mutex::new(Vec::new());

impl Toolchain {
    /// The toolchain that cargo uses for `selection` in `context`; starts the compiler twice, at
    /// once, the first time it is asked for.
    pub fn load(context: &Context, selection: &Selection) -> Result<Self> {
        let lookup = Lookup::load(context, &selection.config, None);
        Self::find(context, &lookup)
    }

    pub(super) fn find(context: &Context, lookup: &Lookup) -> Result<Self> {
        let rustc = context
            .var_os("RUSTC")
            .filter(|program| !program.is_empty())
            .or_else(|| lookup.text(context, "build.rustc").map(OsString::from))
            .unwrap_or_else(|| "rustc".into());
        let key = (
            rustc.clone(),
            context.directory().to_path_buf(),
            context.visit(),
            context.var_os("RUSTUP_TOOLCHAIN"),
        );
        let known = KNOWN.lock().ok();
        if let Some((_, found)) = known
            .as_ref()
            .and_then(|known| known.iter().find(|(own, _)| *own == key))
        {
            return Ok(found.clone());
        }
        drop(known);
        let found = Self::ask(context, rustc)?;
        if let Ok(mut known) = KNOWN.lock() {
            known.push((key, found.clone()));
        }
        Ok(found)
    }

    fn ask(context: &Context, rustc: OsString) -> Result<Self> {
        let print = |program: &OsStr, args: &[&str]| {
            let words = format!("{} {}", Path::new(program).display(), args.join(" "));
            let output = quiet_stdout_of(context.command(program).args(args), &words)?;
            String::from_utf8(output).map_err(|_| {
                Error::failed(
                    format_args!("`{words}` did not print text"),
                    "check the toolchain",
                )
            })
        };
        let direct = installed(context, &rustc).and_then(|(program, sysroot)| {
            let ask = || print(program.as_os_str(), &["-vV"]).ok();
            let version = kept::answer(context, &kept::stamp(&program), ask)?;
            Some((version, sysroot))
        });
        let (version, sysroot) = match direct {
            Some(known) => known,
            None => {
                // `-vV` ends the compiler before any `--print`: two processes, side by side.
                let (version, sysroot) = thread::scope(|scope| {
                    let sysroot = scope.spawn(|| print(&rustc, &["--print", "sysroot"]));
                    let version = print(&rustc, &["-vV"]);
                    (version, sysroot.join())
                });
                let sysroot = sysroot.unwrap_or_else(|_| Ok(String::new()))?;
                (version?, PathBuf::from(sysroot.trim_end()))
            }
        };
        let fact = |name: &str| {
            version
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .map(|fact| fact.trim().to_owned())
        };
        let missing = |name: &str| {
            Error::failed(
                format_args!(
                    "`{} -vV` does not name its {name}",
                    Path::new(&rustc).display()
                ),
                "check that RUSTC and build.rustc name a Rust compiler",
            )
        };
        Ok(Self {
            release: fact("release:").ok_or_else(|| missing("release"))?,
            host: fact("host:").ok_or_else(|| missing("host"))?,
            commit_hash: fact("commit-hash:").filter(|hash| hash != "unknown"),
            llvm: fact("LLVM version:"),
            sysroot,
            rustc: rustc.into(),
        })
    }

    /// The minor version: 95 of `1.95.0`.
    pub fn minor(&self) -> Option<u32> {
        minor(&self.release)
    }

    /// Whether unstable features may be used.
    pub fn is_nightly(&self) -> bool {
        is_nightly(&self.release)
    }

    /// The release, and where that is not enough (a nightly, a beta) the commit: `1.95.0`,
    /// `1.97.0-nightly (0b0f5ad2f)`.
    pub fn release_and_commit(&self) -> String {
        match &self.commit_hash {
            Some(hash) if self.release.contains('-') => {
                format!("{} ({})", self.release, hash.get(..9).unwrap_or(hash))
            }
            _ => self.release.clone(),
        }
    }

    /// Whether symbols are named by v0 unless asked otherwise. Where the answer depends on the day
    /// of a nightly, no: asking for v0 once more changes nothing.
    pub fn v0_is_default(&self) -> bool {
        v0_is_default(&self.release)
    }

    /// The directory of the standard library's crates for `triple`.
    pub fn libraries(&self, triple: &str) -> PathBuf {
        self.sysroot
            .join("lib")
            .join("rustlib")
            .join(triple)
            .join("lib")
    }

    /// The `cfg` values of `triple` under `rustflags`; runs the compiler.
    pub(super) fn cfg(
        &self,
        context: &Context,
        triple: &str,
        rustflags: &[String],
    ) -> Result<Vec<Cfg>> {
        let mut command = context.command(&self.rustc);
        command
            .args(["--print", "cfg", "--target", triple])
            .args(rustflags);
        let words = format!("{} --print cfg --target {triple}", self.rustc.display());
        let output = quiet_stdout_of(&mut command, &words)?;
        let text = String::from_utf8_lossy(&output);
        Ok(text
            .lines()
            .filter_map(|line| Cfg::from_str(line).ok())
            .collect())
    }
}

fn minor(release: &str) -> Option<u32> {
    release.split('.').nth(1)?.parse().ok()
}

fn is_nightly(release: &str) -> bool {
    release.contains("-nightly") || release.contains("-dev")
}

/// [`Toolchain::v0_is_default`], of a release.
pub fn v0_is_default(release: &str) -> bool {
    let since = match is_nightly(release) {
        true => V0_ON_NIGHTLY_SINCE,
        false => V0_SINCE,
    };
    minor(release).is_some_and(|minor| minor >= since)
}

/// The compiler that `rustc` starts and its system root, where the installation shows both: each
/// start of a compiler costs as much as reading 50,000 symbols.
///
/// Without `--sysroot`, rustc takes the directory above its own `bin`. rustup's proxy starts the
/// compiler that `rustup which` names.
fn installed(context: &Context, rustc: &OsStr) -> Option<(PathBuf, PathBuf)> {
    let mut program = found(context, rustc)?.canonicalize().ok()?;
    if let Some(rustup) = rustup_of(&program) {
        let ask = || {
            let mut which = context.command(&rustup);
            let which = which.args(["which", "rustc"]);
            String::from_utf8(quiet_stdout_of(which, "rustup which rustc").ok()?).ok()
        };
        let found = |said: String| PathBuf::from(said.trim_end()).canonicalize().ok();
        let kept = kept::answer(context, &kept::rustup_choice(context, &rustup), ask);
        // What has been uninstalled since is asked for again.
        program = kept.and_then(found).or_else(|| found(ask()?))?;
    }
    let home = program
        .parent()
        .filter(|bin| bin.ends_with("bin"))?
        .parent()?;
    // A script or a wrapper of another name may add a `--sysroot`.
    let ours = program.ends_with(format!("rustc{EXE_SUFFIX}"))
        && home.join("lib").join("rustlib").is_dir();
    ours.then(|| (program.clone(), home.to_path_buf()))
}

/// The file that is run for `program`, as the system looks for it.
fn found(context: &Context, program: &OsStr) -> Option<PathBuf> {
    let path = Path::new(program);
    if path.components().count() > 1 {
        return Some(context.absolute(path));
    }
    let mut name = program.to_owned();
    if path.extension().is_none() {
        name.push(EXE_SUFFIX);
    }
    env::split_paths(&context.var_os("PATH")?)
        .map(|directory| context.absolute(&directory).join(&name))
        .find(|file| file.is_file())
}
