//! Released WebAssembly modules that still have their names, as their publishers built them: of npm's
//! packages, unpacked below the target directory.

use crate::command::{command, succeed};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Packages of `.ci/modules.txt`, each with its module.
pub const MODULES: [(&str, &str); 8] = [
    ("@automerge/automerge-wasm", "nodejs/automerge_wasm_bg.wasm"),
    ("@citeproc-rs/wasm", "_web/citeproc_rs_wasm_bg.wasm"),
    (DPRINT_JSON, "plugin.wasm"),
    ("@dprint/toml", "plugin.wasm"),
    ("@dprint/typescript", "plugin.wasm"),
    (
        "@matrix-org/matrix-sdk-crypto-wasm",
        "pkg/matrix_sdk_crypto_wasm_bg.wasm",
    ),
    (PRISMA, "src/prisma_schema_build_bg.wasm"),
    (
        "swc-plugin-coverage-instrument",
        "target/wasm32-wasip1/release/swc_plugin_coverage.wasm",
    ),
];

/// The package whose names were v0's before wasm-bindgen spelled them out.
pub const PRISMA: &str = "@prisma/prisma-schema-wasm";

/// The package with names of both kinds: the standard library's are v0's.
pub const DPRINT_JSON: &str = "@dprint/json";

static UNPACKING: Mutex<()> = Mutex::new(());

/// The module of a package, below `cache`.
///
/// # Panics
///
/// When it cannot be downloaded, or is another than when it was listed.
pub fn module(package: &str, cache: &Path) -> PathBuf {
    let directory = cache.join("modules");
    set(&directory);
    let mut modules = MODULES.iter();
    let found = modules.find(|(name, _)| *name == package);
    let (_, file) = found.expect("a package of the list");
    place(&directory, package).join("package").join(file)
}

fn place(directory: &Path, package: &str) -> PathBuf {
    directory.join(package.replace(['/', '@'], "_"))
}

/// Unpacks all packages of the list, once.
fn set(directory: &Path) {
    let _turn = UNPACKING
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/modules.txt");
    let wanted = fs::read_to_string(list).expect("the packages' names and hashes");
    let note = directory.join("unpacked");
    if fs::read_to_string(&note).is_ok_and(|unpacked| unpacked == wanted) {
        return;
    }
    let _ = fs::remove_dir_all(directory);
    for line in wanted.lines() {
        let (package, hash) = line.split_once(' ').expect("a package and its hash");
        let (name, _) = package.rsplit_once('@').expect("a version");
        let place = place(directory, name);
        fs::create_dir_all(&place).expect("a directory");
        let mut pack = command("npm");
        pack.args(["pack", "--json", package]).current_dir(&place);
        let packed: Value = serde_json::from_str(&succeed(&mut pack)).expect("npm's answer");
        assert_eq!(packed[0]["integrity"], hash, "{package}");
        let file = packed[0]["filename"].as_str().expect("a file");
        let mut tar = command("tar");
        succeed(tar.arg("xzf").arg(file).current_dir(&place));
        fs::remove_file(place.join(file)).expect("the archive");
    }
    fs::write(&note, wanted).expect("a note");
}
