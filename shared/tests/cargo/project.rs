//! Fixture projects in temporary directories, cut off from the configuration of whoever tests.

use codecost::cargo::{Context, Selection, TargetChoice};
use std::{fs, path::PathBuf};

/// Variables that would change a build from outside.
const SCRUBBED: [&str; 14] = [
    "CARGO_BUILD_BUILD_DIR",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_INCREMENTAL",
    "CARGO_PROFILE_RELEASE_DEBUG",
    "CARGO_PROFILE_RELEASE_STRIP",
    "CARGO_TARGET_DIR",
    "RUSTC",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
];

pub(crate) struct Project {
    directory: tempfile::TempDir,
}

impl Project {
    /// A directory with these files.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let project = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        for (path, text) in files {
            project.write(path, text);
        }
        project
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        // macOS shows temporary directories by another name than cargo.
        self.directory.path().canonicalize().unwrap().join(path)
    }

    pub(crate) fn context(&self) -> Context {
        self.context_in("")
    }

    pub(crate) fn context_in(&self, directory: &str) -> Context {
        let context = Context::at(self.path(directory))
            .with_env("CARGO_HOME", self.path("cargo-home"))
            .with_env("CARGO_NET_OFFLINE", "true");
        SCRUBBED
            .iter()
            .fold(context, |context, name| context.without_env(*name))
    }

    /// With a wrapper that records every command line of the compiler; it stands for the user's.
    #[cfg(unix)]
    pub(crate) fn recording(&self, context: Context) -> Context {
        use std::os::unix::fs::PermissionsExt;
        let script = format!(
            "#!/bin/sh\nfor arg in \"$@\"; do printf '%s\\037' \"$arg\"; done >> '{0}'\n\
             echo >> '{0}'\nexec \"$@\"\n",
            self.path("recorded").display()
        );
        self.write("wrapper.sh", &script);
        let wrapper = self.path("wrapper.sh");
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
        context.with_env("RUSTC_WRAPPER", wrapper)
    }

    /// The recorded compilations of a crate, one list of arguments each; forgets them.
    #[cfg(unix)]
    pub(crate) fn recorded(&self, name: &str) -> Vec<Vec<String>> {
        let text = fs::read_to_string(self.path("recorded")).unwrap_or_default();
        let _ = fs::remove_file(self.path("recorded"));
        let lines = text.lines().map(|line| {
            line.split('\u{1f}')
                .filter(|arg| !arg.is_empty())
                .map(str::to_owned)
                .collect()
        });
        lines
            .filter(|args: &Vec<String>| {
                args.windows(2)
                    .any(|pair| pair[0] == "--crate-name" && pair[1] == name)
            })
            .collect()
    }
}

/// A package with one binary that prints a word.
pub(crate) const HELLO: [(&str, &str); 2] = [
    (
        "Cargo.toml",
        "[package]\nname = \"hello\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
    ),
    ("src/main.rs", "fn main() { println!(\"hello\"); }\n"),
];

pub(crate) fn bin(name: &str) -> Selection {
    Selection {
        target: TargetChoice::Bin(Some(name.into())),
        ..quiet()
    }
}

pub(crate) fn quiet() -> Selection {
    Selection {
        quiet: true,
        ..Selection::default()
    }
}
