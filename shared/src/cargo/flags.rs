//! Cargo's own flags as one clap group, shared by all three tools.
//!
//! Names and meanings are those of `cargo build` and `cargo run`. `--target TRIPLE` is a group of
//! its own, [`TripleFlag`], because in `cargo tune` `--target` is the goal; `--color` is the
//! console's.

use super::selection::{Selection, TargetChoice};
use clap::{ArgAction, Args};
use std::path::PathBuf;

const PACKAGE: &str = "Package selection";
const TARGET: &str = "Target selection";
const FEATURE: &str = "Feature selection";
const COMPILATION: &str = "Compilation";
const MANIFEST: &str = "Manifest";

/// The flags; flatten it into a command with `#[command(flatten)]`.
#[derive(Args, Clone, Debug, Default)]
pub struct CargoFlags {
    /// The package that has the artifact
    #[arg(short, long, value_name = "SPEC", help_heading = PACKAGE)]
    pub package: Vec<String>,

    /// The package's library
    #[arg(long, help_heading = TARGET, group = "cargo_target")]
    pub lib: bool,
    /// A binary
    #[arg(long, value_name = "NAME", num_args = 0..=1, help_heading = TARGET, group = "cargo_target")]
    pub bin: Option<Option<String>>,
    /// An example
    #[arg(long, value_name = "NAME", num_args = 0..=1, help_heading = TARGET, group = "cargo_target")]
    pub example: Option<Option<String>>,
    /// An integration test
    #[arg(long, value_name = "NAME", num_args = 0..=1, help_heading = TARGET, group = "cargo_target")]
    pub test: Option<Option<String>>,
    /// A benchmark
    #[arg(long, value_name = "NAME", num_args = 0..=1, help_heading = TARGET, group = "cargo_target")]
    pub bench: Option<Option<String>>,

    /// Features to activate, separated by spaces or commas
    #[arg(short = 'F', long, value_name = "FEATURES", help_heading = FEATURE)]
    pub features: Vec<String>,
    /// Activate all features
    #[arg(long, help_heading = FEATURE)]
    pub all_features: bool,
    /// Do not activate the `default` feature
    #[arg(long, help_heading = FEATURE)]
    pub no_default_features: bool,

    /// Build with the release profile (the default, except with --bench)
    #[arg(short, long, help_heading = COMPILATION, conflicts_with = "profile")]
    pub release: bool,
    /// Build with this profile
    #[arg(long, value_name = "PROFILE-NAME", help_heading = COMPILATION)]
    pub profile: Option<String>,
    /// Number of parallel jobs
    #[arg(short, long, value_name = "N", allow_hyphen_values = true, help_heading = COMPILATION)]
    pub jobs: Option<String>,
    /// Directory for all generated artifacts
    #[arg(long, value_name = "DIRECTORY", help_heading = COMPILATION)]
    pub target_dir: Option<PathBuf>,
    /// Override a configuration value
    #[arg(long, value_name = "KEY=VALUE|PATH", help_heading = COMPILATION)]
    pub config: Vec<String>,
    /// Unstable flags of a nightly cargo
    #[arg(short = 'Z', value_name = "FLAG", help_heading = COMPILATION)]
    pub unstable: Vec<String>,
    /// Say more; twice: cargo's build with all its commands
    #[arg(short, long, action = ArgAction::Count, help_heading = COMPILATION)]
    pub verbose: u8,
    /// Say nothing but errors and the result
    #[arg(short, long, help_heading = COMPILATION, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Path to Cargo.toml
    #[arg(long, value_name = "PATH", help_heading = MANIFEST)]
    pub manifest_path: Option<PathBuf>,
    /// Require that Cargo.lock stays as it is
    #[arg(long, help_heading = MANIFEST)]
    pub locked: bool,
    /// Run without accessing the network
    #[arg(long, help_heading = MANIFEST)]
    pub offline: bool,
    /// The same as --locked and --offline
    #[arg(long, help_heading = MANIFEST)]
    pub frozen: bool,
}

/// `--target TRIPLE`, where the word is free for it.
#[derive(Args, Clone, Debug, Default)]
pub struct TripleFlag {
    /// Build for this target triple
    #[arg(long = "target", value_name = "TRIPLE", help_heading = COMPILATION)]
    pub triple: Option<String>,
}

impl CargoFlags {
    /// The validated selection, for `triple` and with `color` as the console understood it.
    pub fn selection(self, triple: Option<String>, color: Option<&'static str>) -> Selection {
        let Self {
            package,
            lib,
            bin,
            example,
            test,
            bench,
            features,
            all_features,
            no_default_features,
            release,
            profile,
            jobs,
            target_dir,
            config,
            unstable,
            verbose,
            quiet,
            manifest_path,
            locked,
            offline,
            frozen,
        } = self;
        let target = if lib {
            TargetChoice::Lib
        } else if let Some(name) = bin {
            TargetChoice::Bin(name)
        } else if let Some(name) = example {
            TargetChoice::Example(name)
        } else if let Some(name) = test {
            TargetChoice::Test(name)
        } else if let Some(name) = bench {
            TargetChoice::Bench(name)
        } else {
            TargetChoice::Default
        };
        Selection {
            packages: package,
            target,
            profile: profile.or_else(|| release.then(|| "release".to_owned())),
            features,
            all_features,
            no_default_features,
            triple,
            target_dir,
            manifest_path,
            jobs,
            locked,
            offline,
            frozen,
            config,
            unstable,
            verbose,
            quiet,
            color,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[arg(value_parser = ["crates", "overview"])]
        view: Option<String>,
        #[command(flatten)]
        cargo: CargoFlags,
        #[command(flatten)]
        triple: TripleFlag,
    }

    fn selection(args: &[&str]) -> Result<Selection, clap::Error> {
        let cli = Cli::try_parse_from([&["x"], args].concat())?;
        let _ = cli.view;
        Ok(cli.cargo.selection(cli.triple.triple, None))
    }

    #[test]
    fn the_default_profile_is_release_and_with_bench_it_is_bench() {
        assert_eq!(selection(&[]).unwrap().profile(), "release");
        assert_eq!(selection(&["--bench"]).unwrap().profile(), "bench");
        assert_eq!(selection(&["--bench", "b"]).unwrap().profile(), "bench");
        let asked = selection(&["--bench", "b", "--release"]).unwrap();
        assert_eq!(asked.profile(), "release");
        assert_eq!(selection(&["--profile", "dev"]).unwrap().profile(), "dev");
        assert!(selection(&["--profile", "dev", "--release"]).is_err());
    }

    #[test]
    fn the_flags_are_cargos() {
        let given = selection(&[
            "crates",
            "-p",
            "a",
            "--bin",
            "b",
            "-F",
            "x,y",
            "-j",
            "-1",
            "--locked",
            "--config",
            "build.jobs=1",
            "-Z",
            "build-std",
            "-vv",
            "--target",
            "wasm32-wasip1",
        ])
        .unwrap();
        assert_eq!(given.packages, ["a"]);
        assert_eq!(given.target, TargetChoice::Bin(Some("b".into())));
        assert_eq!(given.triple.as_deref(), Some("wasm32-wasip1"));
        assert_eq!(given.verbose, 2);
        assert!(given.compile_args().contains(&"--jobs=-1".to_owned()));
        assert!(given.common_args().contains(&"--locked".to_owned()));
        assert!(
            selection(&["--lib", "--bin", "a"]).is_err(),
            "one target only"
        );
    }
}
