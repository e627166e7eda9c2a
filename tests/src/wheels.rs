//! Released programs that still have their symbols, as their publishers built them: modules of Python
//! packages, unpacked below the target directory.

use crate::command::{command, succeed};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// A file of a package, as it stands in the unpacked one.
pub const MODULES: [(&str, &str); 5] = [
    ("hf_xet", "hf_xet/hf_xet.abi3.so"),
    ("tantivy", "tantivy/tantivy.abi3.so"),
    (
        "tiktoken",
        "tiktoken/_tiktoken.cpython-311-x86_64-linux-gnu.so",
    ),
    ("tokenizers", "tokenizers/tokenizers.abi3.so"),
    ("watchfiles", "watchfiles/_rust_notify.abi3.so"),
];

/// What a set of packages is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// Mach-O for 64-bit Arm.
    MacArm,
    /// Mach-O for x86-64.
    MacX86,
    /// ELF for 64-bit Arm.
    LinuxArm,
    /// ELF for x86-64.
    LinuxX86,
}

impl Platform {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::MacArm, Self::MacX86, Self::LinuxArm, Self::LinuxX86];

    /// What `pip` calls it, in the order of preference, and how files of it end.
    fn names(self) -> (&'static [&'static str], &'static str) {
        match self {
            Self::MacArm => (&["macosx_11_0_arm64"], "darwin"),
            Self::MacX86 => (&["macosx_10_12_x86_64"], "darwin"),
            Self::LinuxArm => (
                &["manylinux2014_aarch64", "manylinux_2_28_aarch64"],
                "aarch64-linux-gnu",
            ),
            Self::LinuxX86 => (
                &["manylinux2014_x86_64", "manylinux_2_28_x86_64"],
                "x86_64-linux-gnu",
            ),
        }
    }

    /// Packages that exist for all platforms, each with its module.
    pub fn modules(self) -> [(&'static str, String); 4] {
        let (_, ending) = self.names();
        [
            ("libcst", format!("libcst/native.cpython-311-{ending}.so")),
            (
                "pysequoia",
                format!("pysequoia/pysequoia.cpython-311-{ending}.so"),
            ),
            ("rpds_py", format!("rpds/rpds.cpython-311-{ending}.so")),
            (
                "safetensors",
                "safetensors/_safetensors_rust.abi3.so".to_owned(),
            ),
        ]
    }
}

static UNPACKING: Mutex<()> = Mutex::new(());

/// The directory of the unpacked package, below `cache`.
///
/// # Panics
///
/// When it cannot be downloaded.
pub fn unpacked(package: &str, cache: &Path) -> PathBuf {
    let directory = cache.join("wheels");
    set(Platform::LinuxX86, "wheels.txt", &directory);
    directory.join(package)
}

/// As [`unpacked`], of the packages that exist for all platforms.
///
/// # Panics
///
/// When it cannot be downloaded.
pub fn unpacked_for(platform: Platform, package: &str, cache: &Path) -> PathBuf {
    let directory = cache.join(format!("wheels-{platform:?}"));
    set(platform, "foreign-wheels.txt", &directory);
    directory.join(package)
}

/// Unpacks all packages of a list, once.
fn set(platform: Platform, list: &str, directory: &Path) {
    let _turn = UNPACKING
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../.ci")
        .join(list);
    let wanted = fs::read_to_string(&requirements).expect("the packages' names and hashes");
    let note = directory.join("unpacked");
    if fs::read_to_string(&note).is_ok_and(|unpacked| unpacked == wanted) {
        return;
    }
    let _ = fs::remove_dir_all(directory);
    succeed(command("python3").args(["-m", "venv"]).arg(directory));
    let downloaded = directory.join("downloaded");
    let mut pip = command(directory.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
    ]);
    pip.args(["--no-deps", "--require-hashes", "--only-binary=:all:"]);
    pip.args(["--implementation", "cp", "--python-version", "3.11"]);
    let (platforms, _) = platform.names();
    for platform in platforms {
        pip.args(["--platform", platform]);
    }
    pip.arg("--requirement").arg(&requirements);
    succeed(pip.arg("--dest").arg(&downloaded));
    for file in fs::read_dir(&downloaded)
        .expect("what was downloaded")
        .flatten()
    {
        let name = file.file_name().to_string_lossy().into_owned();
        let name = name.split('-').next().expect("a name").to_owned();
        let mut unzip = command("python3");
        unzip.args(["-m", "zipfile", "-e"]).arg(file.path());
        succeed(unzip.arg(directory.join(name)));
    }
    fs::write(&note, wanted).expect("a note");
}
