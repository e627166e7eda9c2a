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

static UNPACKING: Mutex<()> = Mutex::new(());

/// The directory of the unpacked package, below `cache`.
///
/// # Panics
///
/// When it cannot be downloaded.
pub fn unpacked(package: &str, cache: &Path) -> PathBuf {
    let _turn = UNPACKING
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/wheels.txt");
    let wanted = fs::read_to_string(&requirements).expect("the packages' names and hashes");
    let directory = cache.join("wheels");
    let note = directory.join("unpacked");
    if fs::read_to_string(&note).is_ok_and(|unpacked| unpacked == wanted) {
        return directory.join(package);
    }
    let _ = fs::remove_dir_all(&directory);
    succeed(command("python3").args(["-m", "venv"]).arg(&directory));
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
    for platform in ["manylinux2014_x86_64", "manylinux_2_28_x86_64"] {
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
    directory.join(package)
}
