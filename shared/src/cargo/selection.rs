//! Which package, target, features and profile a command is about, validated, without clap.

use std::path::PathBuf;

/// Which target of the package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TargetChoice {
    /// As `cargo run` does: the default binary; without binaries a library that is linked.
    #[default]
    Default,
    /// The library.
    Lib,
    /// A binary; without a name the only one.
    Bin(Option<String>),
    /// An example; without a name the only one.
    Example(Option<String>),
    /// An integration test; without a name the only one.
    Test(Option<String>),
    /// A benchmark; without a name the only one.
    Bench(Option<String>),
}

/// Cargo's own flags with cargo's meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// `-p`, as given; empty for the package (or default members) of the working directory.
    pub packages: Vec<String>,
    /// `--lib`, `--bin`, …
    pub target: TargetChoice,
    /// `--profile` or `--release`; `None` for the default, see [`Selection::profile`].
    pub profile: Option<String>,
    /// `--features`, as given.
    pub features: Vec<String>,
    /// `--all-features`.
    pub all_features: bool,
    /// `--no-default-features`.
    pub no_default_features: bool,
    /// The target triple to build for (`--target`, in `cargo tune` `--triple`).
    pub triple: Option<String>,
    /// `--target-dir`.
    pub target_dir: Option<PathBuf>,
    /// `--manifest-path`.
    pub manifest_path: Option<PathBuf>,
    /// `-j`, as given (cargo takes numbers, negative numbers and `default`).
    pub jobs: Option<String>,
    /// `--locked`.
    pub locked: bool,
    /// `--offline`.
    pub offline: bool,
    /// `--frozen`.
    pub frozen: bool,
    /// `--config`, as given.
    pub config: Vec<String>,
    /// `-Z`, as given.
    pub unstable: Vec<String>,
    /// How often `-v`.
    pub verbose: u8,
    /// `-q`.
    pub quiet: bool,
    /// `--color`, as the console understood it: `auto`, `always` or `never`.
    pub color: Option<&'static str>,
}

impl Selection {
    /// The profile in use: the one asked for, else `bench` for benchmarks and `release` for all
    /// else.
    pub fn profile(&self) -> &str {
        match (&self.profile, &self.target) {
            (Some(profile), _) => profile,
            (None, TargetChoice::Bench(_)) => "bench",
            (None, _) => "release",
        }
    }

    /// The flags that decide where and how cargo looks things up; for every cargo command.
    pub fn common_args(&self) -> Vec<String> {
        let mut args = Vec::new();
        if let Some(path) = &self.manifest_path {
            args.push("--manifest-path".into());
            args.push(path.to_string_lossy().into_owned());
        }
        for (flag, given) in [
            ("--locked", self.locked),
            ("--offline", self.offline),
            ("--frozen", self.frozen),
        ] {
            if given {
                args.push(flag.into());
            }
        }
        for value in &self.config {
            args.push("--config".into());
            args.push(value.clone());
        }
        for value in &self.unstable {
            args.push("-Z".into());
            args.push(value.clone());
        }
        if let Some(color) = self.color {
            args.push("--color".into());
            args.push(color.into());
        }
        args
    }

    /// The flags that choose the same build again, without those that choose its target: where a
    /// command is shown for the user to type.
    pub fn same_build_args(&self) -> Vec<String> {
        let mut args = Vec::new();
        let mut valued = |flag: &str, value: Option<String>| {
            args.extend(value.into_iter().flat_map(|value| [flag.to_owned(), value]));
        };
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        valued("--profile", self.profile.clone());
        valued("--target", self.triple.clone());
        for features in &self.features {
            valued("--features", Some(features.clone()));
        }
        valued("--manifest-path", path(&self.manifest_path));
        valued("--target-dir", path(&self.target_dir));
        for value in &self.config {
            valued("--config", Some(value.clone()));
        }
        for value in &self.unstable {
            valued("-Z", Some(value.clone()));
        }
        let switches = [
            ("--all-features", self.all_features),
            ("--no-default-features", self.no_default_features),
        ];
        let given = switches.iter().filter(|(_, given)| *given);
        args.extend(given.map(|(flag, _)| (*flag).to_owned()));
        args
    }

    /// The flags that decide what is compiled, and how; for `cargo build`.
    pub fn compile_args(&self) -> Vec<String> {
        let mut args = Vec::new();
        if self.profile() == "release" {
            args.push("--release".into());
        } else {
            args.push("--profile".into());
            args.push(self.profile().to_owned());
        }
        if let Some(triple) = &self.triple {
            args.push("--target".into());
            args.push(triple.clone());
        }
        for features in &self.features {
            args.push("--features".into());
            args.push(features.clone());
        }
        if self.all_features {
            args.push("--all-features".into());
        }
        if self.no_default_features {
            args.push("--no-default-features".into());
        }
        if let Some(jobs) = &self.jobs {
            // One token: a negative number would read as a flag.
            args.push(format!("--jobs={jobs}"));
        }
        if self.quiet {
            args.push("--quiet".into());
        }
        if self.verbose > 0 {
            args.push(format!("-{}", "v".repeat(usize::from(self.verbose.min(2)))));
        }
        args
    }
}
