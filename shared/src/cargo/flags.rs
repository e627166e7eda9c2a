//! Cargo's own flags as clap groups, shared by all three tools.
//!
//! Names and meanings are those of `cargo build` and `cargo run`. A command flattens the groups
//! that it has a use for: [`TargetFlags`] say which artifact, [`BuildFlags`] how it is compiled,
//! [`LookupFlags`] where and how cargo looks things up; [`CargoFlags`] is all three.
//! `--target TRIPLE` is a group of its own, [`TripleFlag`], because in `cargo tune` `--target` is
//! the goal; `-q`, `-v` and `--color` belong to every command (`front::ConsoleFlags`).

use super::selection::{Selection, TargetChoice};
use clap::Args;
use std::path::PathBuf;

const TARGET: &str = "Target selection";
const BUILD: &str = "Build options";
const LOOKUP: &str = "Manifest options";

/// Which artifact: of one package, one target.
#[derive(Args, Clone, Debug, Default)]
pub struct TargetFlags {
    /// The package that has the artifact
    #[arg(short, long, value_name = "SPEC", help_heading = TARGET)]
    pub package: Vec<String>,
    /// The package's library
    #[arg(long, help_heading = TARGET, group = "cargo_target", hide_short_help = true)]
    pub lib: bool,
    /// A binary
    #[arg(long, value_name = "NAME", num_args = 0..=1, help_heading = TARGET, group = "cargo_target")]
    pub bin: Option<Option<String>>,
    /// An example
    #[arg(long, value_name = "NAME", num_args = 0..=1, help_heading = TARGET, group = "cargo_target")]
    pub example: Option<Option<String>>,
    /// An integration test
    #[arg(long, value_name = "NAME", num_args = 0..=1, help_heading = TARGET, group = "cargo_target")]
    #[arg(hide_short_help = true)]
    pub test: Option<Option<String>>,
    /// A benchmark
    #[arg(long, value_name = "NAME", num_args = 0..=1, help_heading = TARGET, group = "cargo_target")]
    #[arg(hide_short_help = true)]
    pub bench: Option<Option<String>>,
}

/// How the artifact is compiled.
#[derive(Args, Clone, Debug, Default)]
pub struct BuildFlags {
    /// Space- or comma-separated features to activate
    #[arg(short = 'F', long, value_name = "FEATURES", help_heading = BUILD)]
    pub features: Vec<String>,
    /// Activate all features
    #[arg(long, help_heading = BUILD, hide_short_help = true)]
    pub all_features: bool,
    /// Do not activate the `default` feature
    #[arg(long, help_heading = BUILD, hide_short_help = true)]
    pub no_default_features: bool,
    /// With which profile.
    #[command(flatten)]
    pub profile: ProfileFlags,
    /// Number of parallel jobs
    #[arg(short, long, value_name = "N", allow_hyphen_values = true, help_heading = BUILD)]
    #[arg(hide_short_help = true)]
    pub jobs: Option<String>,
}

/// Which profile.
#[derive(Args, Clone, Debug, Default)]
pub struct ProfileFlags {
    /// Build with the release profile (the default, except with --bench)
    #[arg(short, long, help_heading = BUILD, hide_short_help = true, conflicts_with = "profile")]
    pub release: bool,
    /// Build with this profile
    #[arg(long, value_name = "PROFILE-NAME", help_heading = BUILD)]
    pub profile: Option<String>,
}

/// Where and how cargo looks things up.
#[derive(Args, Clone, Debug, Default)]
pub struct LookupFlags {
    /// The manifest and the configuration.
    #[command(flatten)]
    pub manifest: ManifestFlags,
    /// Directory for all generated artifacts
    #[arg(long, value_name = "DIRECTORY", help_heading = LOOKUP, hide_short_help = true)]
    #[arg(value_hint = clap::ValueHint::DirPath)]
    pub target_dir: Option<PathBuf>,
}

/// The manifest and the configuration; for commands that build nothing.
#[derive(Args, Clone, Debug, Default)]
pub struct ManifestFlags {
    /// Path to Cargo.toml
    #[arg(long, value_name = "PATH", help_heading = LOOKUP, hide_short_help = true)]
    #[arg(value_hint = clap::ValueHint::FilePath)]
    pub manifest_path: Option<PathBuf>,
    /// Require that Cargo.lock stays as it is
    #[arg(long, help_heading = LOOKUP, hide_short_help = true)]
    pub locked: bool,
    /// Run without accessing the network
    #[arg(long, help_heading = LOOKUP, hide_short_help = true)]
    pub offline: bool,
    /// The same as --locked and --offline
    #[arg(long, help_heading = LOOKUP, hide_short_help = true)]
    pub frozen: bool,
    /// Override a configuration value
    #[arg(long, value_name = "KEY=VALUE|PATH", help_heading = LOOKUP, hide_short_help = true)]
    pub config: Vec<String>,
    /// Unstable flags of a nightly cargo
    #[arg(short = 'Z', value_name = "FLAG", help_heading = LOOKUP, hide_short_help = true)]
    pub unstable: Vec<String>,
}

/// `--target TRIPLE`, where the word is free for it.
#[derive(Args, Clone, Debug, Default)]
pub struct TripleFlag {
    /// Build for this target triple
    #[arg(long = "target", value_name = "TRIPLE", help_heading = BUILD, hide_short_help = true)]
    pub triple: Option<String>,
}

/// The arguments by which clap knows cargo's flags that say what is built and how: they mean nothing
/// where nothing is.
pub const BUILD_ARGUMENTS: [&str; 15] = [
    "package",
    "lib",
    "bin",
    "example",
    "test",
    "bench",
    "features",
    "all_features",
    "no_default_features",
    "release",
    "profile",
    "jobs",
    "config",
    "unstable",
    "triple",
];

/// Those of where cargo looks things up, and where it writes.
pub const LOOKUP_ARGUMENTS: [&str; 5] =
    ["manifest_path", "target_dir", "locked", "offline", "frozen"];

/// All of cargo's own flags but `--target`.
#[derive(Args, Clone, Debug, Default)]
pub struct CargoFlags {
    /// Which artifact.
    #[command(flatten)]
    pub target: TargetFlags,
    /// How it is compiled.
    #[command(flatten)]
    pub build: BuildFlags,
    /// Where cargo looks things up.
    #[command(flatten)]
    pub lookup: LookupFlags,
}

impl CargoFlags {
    /// The selection that all of them make, for `triple`.
    pub fn selection(self, triple: Option<String>) -> Selection {
        let Self {
            target,
            build,
            lookup,
        } = self;
        let mut selection = lookup.selection();
        target.choose(&mut selection);
        build.choose(&mut selection);
        selection.triple = triple;
        selection
    }
}

impl TargetFlags {
    /// Puts the choice into `selection`.
    pub fn choose(self, selection: &mut Selection) {
        let Self {
            package,
            lib,
            bin,
            example,
            test,
            bench,
        } = self;
        selection.packages = package;
        selection.target = if lib {
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
    }
}

impl BuildFlags {
    /// Puts the choice into `selection`.
    pub fn choose(self, selection: &mut Selection) {
        let Self {
            features,
            all_features,
            no_default_features,
            profile,
            jobs,
        } = self;
        selection.features = features;
        selection.all_features = all_features;
        selection.no_default_features = no_default_features;
        profile.choose(selection);
        selection.jobs = jobs;
    }
}

impl ProfileFlags {
    /// Puts the choice into `selection`.
    pub fn choose(self, selection: &mut Selection) {
        let Self { release, profile } = self;
        selection.profile = profile.or_else(|| release.then(|| "release".to_owned()));
    }
}

impl LookupFlags {
    /// A selection of nothing but this.
    pub fn selection(self) -> Selection {
        let Self {
            manifest,
            target_dir,
        } = self;
        Selection {
            target_dir,
            ..manifest.selection()
        }
    }
}

impl ManifestFlags {
    /// A selection of nothing but this.
    pub fn selection(self) -> Selection {
        let Self {
            manifest_path,
            locked,
            offline,
            frozen,
            config,
            unstable,
        } = self;
        Selection {
            manifest_path,
            locked,
            offline,
            frozen,
            config,
            unstable,
            ..Selection::default()
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
        Ok(cli.cargo.selection(cli.triple.triple))
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
            "--target",
            "wasm32-wasip1",
        ])
        .unwrap();
        assert_eq!(given.packages, ["a"]);
        assert_eq!(given.target, TargetChoice::Bin(Some("b".into())));
        assert_eq!(given.triple.as_deref(), Some("wasm32-wasip1"));
        assert!(given.compile_args().contains(&"--jobs=-1".to_owned()));
        assert!(given.common_args().contains(&"--locked".to_owned()));
        assert!(
            selection(&["--lib", "--bin", "a"]).is_err(),
            "one target only"
        );
    }
}
