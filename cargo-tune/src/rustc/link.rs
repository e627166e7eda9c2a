//! Whether the linker that a project links with heeds a flag: a small program is linked with it.
//!
//! Linkers differ in what they know, and some take what they do not know without a word: GNU ld has
//! no `--icf`, gold refuses `-z pack-relative-relocs`, LLD 14 ignores it, and mold 1.10 packs
//! relocations without the version that glibc asks for, so that the program does not start. No list
//! of versions says this for the linker at hand, so the program is built as cargo builds the
//! project, with its configuration, rustflags, wrapper and target, and its file is read. Where this
//! machine can run it, it also has to start. ELF only.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use cargo_metadata::Message;
use codecost::cargo::Selection;
use codecost::image::{Image, SymbolKind};

use super::build;
use super::messages::{Diagnostics, FORMAT, messages};
use crate::knob::{Flag, FlagSetting};
use crate::project::Project;

/// Two functions of the same machine code, and constants that hold addresses. It ends with success
/// only if the addresses are right.
const PROGRAM: &str = r#"use std::hint::black_box;

#[inline(never)]
#[no_mangle]
pub extern "C" fn link_trial_first(x: u64) -> u64 {
    x.rotate_left(5) ^ 0x5eed
}

#[inline(never)]
#[no_mangle]
pub extern "C" fn link_trial_second(x: u64) -> u64 {
    x.rotate_left(5) ^ 0x5eed
}

static WORDS: [&str; 8] = ["a", "bc", "def", "g", "hi", "jkl", "m", "no"];
static FUNCTIONS: [extern "C" fn(u64) -> u64; 2] = [link_trial_first, link_trial_second];

fn main() {
    let length: usize = black_box(&WORDS).iter().map(|word| word.len()).sum();
    let [first, second] = *black_box(&FUNCTIONS);
    if length != 15 || first(7) != second(7) {
        std::process::exit(1);
    }
}
"#;

/// A workspace of its own: the project's is above it.
const MANIFEST: &str = "[package]\nname = \"link-trial\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n\
    [[bin]]\nname = \"link-trial\"\npath = \"main.rs\"\n\n[workspace]\n";

/// What keeps symbols and copies in the file, whatever the configuration says of the profile.
const PROFILE: [&str; 5] = [
    "profile.dev.strip=\"none\"",
    "profile.dev.debug=0",
    "profile.dev.opt-level=0",
    "profile.dev.lto=\"off\"",
    "profile.dev.incremental=false",
];

/// What came of a trial.
pub enum Verdict {
    /// The file shows what the flag is for.
    Heeded,
    /// The linker refuses or ignores the flag, or the program does not start with it.
    Refused {
        /// Why.
        reason: String,
        /// The linker, and what it said.
        evidence: Vec<String>,
    },
    /// Nothing is known, for this reason.
    Untried(String),
}

/// Links with the flags in force and `flag`. Writes below the project's target directory only.
pub fn heeds(project: &Project, flag: &FlagSetting) -> Verdict {
    let directory = build::directory(project, "link");
    let written = std::fs::create_dir_all(&directory)
        .and_then(|()| std::fs::write(directory.join("main.rs"), PROGRAM))
        .and_then(|()| std::fs::write(directory.join("Cargo.toml"), MANIFEST));
    if let Err(error) = written {
        return Verdict::Untried(format!("cannot write `{}`: {error}", directory.display()));
    }
    match link(project, &directory, &flag.flags) {
        Ok(program) => judge(project, flag, &program),
        // Only a link that works without the flag speaks about the flag.
        Err(said) => match link(project, &directory, &[]) {
            Ok(program) => Verdict::Refused {
                reason: "the linker refuses it".to_owned(),
                evidence: [said.linker, linker_of(&program)]
                    .into_iter()
                    .flatten()
                    .collect(),
            },
            Err(said) => {
                let triple = &project.effective.triple;
                let said = said.linker.unwrap_or(said.first);
                Verdict::Untried(format!("no program can be linked for {triple}: {said}"))
            }
        },
    }
}

/// Why nothing was linked.
struct Complaint {
    /// The linker's own words among rustc's.
    linker: Option<String>,
    /// The first line of rustc's or cargo's error.
    first: String,
}

/// The program, or what cargo, rustc and the linker said.
fn link(project: &Project, directory: &Path, flags: &[String]) -> Result<PathBuf, Complaint> {
    let Selection {
        triple,
        config,
        unstable,
        ..
    } = &project.selection;
    let mut command = project.context.cargo();
    command.args(["build", FORMAT]);
    command
        .arg("--manifest-path")
        .arg(directory.join("Cargo.toml"));
    command.arg("--target-dir").arg(directory.join("target"));
    command.arg("--offline");
    if let Some(triple) = triple {
        command.arg("--target").arg(triple);
    }
    let own = PROFILE.iter().map(|setting| (*setting).to_owned());
    for setting in config.iter().cloned().chain(own) {
        command.arg("--config").arg(setting);
    }
    if project.workspace.build_directory().is_some() {
        let path = directory.join("target").to_string_lossy().into_owned();
        let path = toml_edit::Value::from(path);
        command
            .arg("--config")
            .arg(format!("build.build-dir={path}"));
    }
    for flag in unstable {
        command.arg("-Z").arg(flag);
    }
    let in_force = project.effective.rustflags.flags.iter();
    let all: Vec<&str> = in_force.chain(flags).map(String::as_str).collect();
    command.env("CARGO_ENCODED_RUSTFLAGS", all.join("\u{1f}"));
    let output = command.stdin(Stdio::null()).output();
    let Output { stdout, stderr, .. } = output.map_err(|error| Complaint {
        linker: None,
        first: error.to_string(),
    })?;
    let (mut executable, mut said) = (None, Diagnostics::default());
    for message in messages(stdout.as_slice()) {
        match message {
            Message::CompilerArtifact(artifact) => executable = artifact.executable.or(executable),
            Message::CompilerMessage(message) => said.add(message.message),
            _ => {}
        }
    }
    executable
        .map(|path| path.into_std_path_buf())
        .ok_or_else(|| Complaint {
            linker: said.error.as_deref().and_then(linkers_words),
            first: said.first_error(&String::from_utf8_lossy(&stderr)),
        })
}

fn judge(project: &Project, flag: &FlagSetting, program: &Path) -> Verdict {
    let name = program.display();
    let bytes = match std::fs::read(program) {
        Ok(bytes) => bytes,
        Err(error) => return Verdict::Untried(format!("cannot read `{name}`: {error}")),
    };
    let Ok(image) = Image::parse(program, &bytes) else {
        return Verdict::Untried(format!("`{name}` is no program"));
    };
    let ignored = match flag.knob {
        Flag::Relr => image
            .section(".relr.dyn")
            .is_none()
            .then_some("the linker takes it and packs nothing: the file has no .relr.dyn"),
        Flag::Icf => match folded(&image) {
            Some(true) => None,
            Some(false) => Some(
                "the linker takes it and folds nothing: two functions of the \
                                 same machine code keep an address each",
            ),
            None => return Verdict::Untried("the flags in force strip the symbols".to_owned()),
        },
        Flag::StaticRelocation | Flag::TargetCpu | Flag::LocationDetail => None,
    };
    let linker: Vec<String> = linker_of(program).into_iter().collect();
    if let Some(reason) = ignored {
        return Verdict::Refused {
            reason: reason.to_owned(),
            evidence: linker,
        };
    }
    match start(project, program) {
        Ok(()) => Verdict::Heeded,
        Err(said) => Verdict::Refused {
            reason: "a program that is linked with it does not start".to_owned(),
            evidence: linker.into_iter().chain(said).collect(),
        },
    }
}

/// Whether the two equal functions have one address; not known without symbols.
fn folded(image: &Image<'_>) -> Option<bool> {
    let symbols = image.symbols().symbols;
    let functions = symbols.iter().filter(|s| s.kind == SymbolKind::Function);
    let named = functions.filter(|s| s.name.starts_with("link_trial_"));
    let mut addresses: Vec<_> = named.map(|symbol| symbol.address).collect();
    let count = addresses.len();
    addresses.sort_unstable();
    addresses.dedup();
    // mold drops the symbol of the copy that it takes away.
    (count > 0).then_some(addresses.len() == 1)
}

/// Runs the program where this machine can; else there is nothing to say.
fn start(project: &Project, program: &Path) -> Result<(), Option<String>> {
    let machine = |triple: &str| triple.split('-').next().map(str::to_owned);
    let (host, triple) = (&project.toolchain.host, &project.effective.triple);
    let is_linux = |triple: &str| triple.contains("-linux-");
    if machine(host) != machine(triple) || !is_linux(host) || !is_linux(triple) {
        return Ok(());
    }
    let mut command = project.context.command(program);
    let output = command.stdin(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().next().map(str::trim);
            // What the loader says begins with the file, which is of no interest.
            let own = program.display().to_string();
            let said = said.map(|line| line.replace(&format!("{own}: "), ""));
            Err(Some(said.unwrap_or_else(|| output.status.to_string())))
        }
        // Without the loader or a kernel for it nothing is shown.
        Err(_) => Ok(()),
    }
}

/// What the linker writes of itself into `.comment`, as LLD and mold do.
fn linker_of(program: &Path) -> Option<String> {
    let bytes = std::fs::read(program).ok()?;
    let image = Image::parse(program, &bytes).ok()?;
    let (_, comment) = image.section(".comment")?;
    let text = String::from_utf8_lossy(image.section_bytes(comment)).into_owned();
    let mut lines = text.split('\0');
    let line = lines.find(|line| line.starts_with("Linker: ") || line.starts_with("mold "))?;
    // LLD adds the commit and the path of its sources.
    let line = line.strip_prefix("Linker: ").unwrap_or(line);
    Some(line.split(" (").next().unwrap_or(line).to_owned())
}

/// The linker's own complaint in rustc's error.
fn linkers_words(said: &str) -> Option<String> {
    let lines = said
        .lines()
        .map(|line| line.trim().trim_start_matches("= note: "));
    let mut complaints = lines.filter(|line| {
        let program = line.split(": ").next().unwrap_or_default();
        let program = program.rsplit('/').next().unwrap_or_default();
        let is_linker = |name: &str| program == name || program.starts_with(&format!("{name}."));
        ["ld", "mold", "rust-lld", "wild"]
            .into_iter()
            .any(is_linker)
    });
    complaints.next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::linkers_words;

    #[test]
    fn the_linkers_words_are_found_in_rustcs() {
        let said = "error: linking with `cc` failed: exit status: 1\n  |\n  = note:  \"cc\" \"-m64\" \"x\"\n  \
                    = note: some arguments are omitted\n  = note: /usr/bin/ld.gold: \
                    pack-relative-relocs: unknown -z option\n          /usr/bin/ld.gold: use --help\n";
        assert_eq!(
            linkers_words(said).as_deref(),
            Some("/usr/bin/ld.gold: pack-relative-relocs: unknown -z option")
        );
        assert_eq!(linkers_words("error: no such command: `build`"), None);
    }
}
