//! Receipts: what was written, with the bytes before and after, so that it can be taken back.
//!
//! They live in the user's state directory, not in `target/`, so that `cargo clean` does not lose
//! them: `$CARGO_TUNE_STATE_DIR`, else `$XDG_STATE_HOME/cargo-tune` (Linux),
//! `~/Library/Application Support/cargo-tune` (macOS), `%LOCALAPPDATA%\cargo-tune` (Windows), else
//! `~/.local/state/cargo-tune`. One directory per workspace, one numbered file per plan written.

use std::path::{Path, PathBuf};
use std::{env, fs};

use codecost::{Error, Result};
use serde::{Deserialize, Serialize};

/// The format's version.
const VERSION: u32 = 1;

/// One file of a receipt.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FileRecord {
    /// The file.
    pub path: PathBuf,
    /// Its text before; nothing if it did not exist.
    pub before: Option<String>,
    /// The text that was written.
    pub after: Option<String>,
}

/// What one run wrote.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Receipt {
    version: u32,
    tool_version: String,
    workspace: PathBuf,
    /// What was done, for people.
    pub title: String,
    /// The files.
    pub files: Vec<FileRecord>,
    /// Directories that were made for them.
    pub created: Vec<PathBuf>,
}

impl Receipt {
    /// A receipt for the workspace at `root`.
    pub fn new(root: &Path, title: &str, files: Vec<FileRecord>, created: Vec<PathBuf>) -> Self {
        Self {
            version: VERSION,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            workspace: root.to_owned(),
            title: title.to_owned(),
            files,
            created,
        }
    }

    /// Writes it under the next free number.
    pub fn store(&self) -> Result<PathBuf> {
        let directory = directory(&self.workspace)?;
        fs::create_dir_all(&directory).map_err(|e| Error::write(&directory, e))?;
        let number = numbers(&directory)?.last().map_or(1, |last| last + 1);
        let path = directory.join(format!("{number}.json"));
        let text = serde_json::to_string_pretty(self).map_err(|e| {
            Error::failed(format!("cannot make a receipt: {e}"), "please report this")
        })?;
        codecost::report::write_file(&path, |to| to.write_all(text.as_bytes()))?;
        Ok(path)
    }

    /// The latest one of a workspace, with its path.
    pub fn latest(root: &Path) -> Result<Option<(PathBuf, Self)>> {
        let directory = directory(root)?;
        let Some(number) = numbers(&directory)?.last().copied() else {
            return Ok(None);
        };
        let path = directory.join(format!("{number}.json"));
        let text = fs::read_to_string(&path).map_err(|e| Error::read(&path, e))?;
        let broken = |why: String| {
            Error::failed(
                format!("the receipt `{}` cannot be used: {why}", path.display()),
                "restore the files with your version control, then delete the receipt",
            )
        };
        let receipt: Self = serde_json::from_str(&text).map_err(|e| broken(e.to_string()))?;
        if receipt.version != VERSION {
            return Err(broken(format!(
                "it was written by version {}; use that one to undo",
                receipt.tool_version
            )));
        }
        Ok(Some((path, receipt)))
    }
}

/// The numbers in use, ascending.
fn numbers(directory: &Path) -> Result<Vec<u64>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::read(directory, error)),
    };
    let mut numbers: Vec<u64> = entries
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            name.strip_suffix(".json")?.parse().ok()
        })
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// The directory of one workspace's receipts.
fn directory(root: &Path) -> Result<PathBuf> {
    let name: String = root
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default()
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || c == '-' || c == '_' {
                c
            } else {
                '_'
            }
        })
        .collect();
    let hash = fnv1a(root.to_string_lossy().as_bytes());
    Ok(state_directory()?
        .join("receipts")
        .join(format!("{name}-{hash:016x}")))
}

/// Where this tool keeps what must outlive `target/`.
pub fn state_directory() -> Result<PathBuf> {
    let set = |name: &str| {
        env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    if let Some(own) = set("CARGO_TUNE_STATE_DIR") {
        return Ok(own);
    }
    let base = if cfg!(windows) {
        set("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        set("HOME").map(|home| home.join("Library").join("Application Support"))
    } else {
        set("XDG_STATE_HOME").or_else(|| set("HOME").map(|home| home.join(".local").join("state")))
    };
    base.or_else(|| env::home_dir().map(|home| home.join(".local").join("state")))
        .map(|base| base.join("cargo-tune"))
        .ok_or_else(|| {
            Error::failed(
                "there is no state directory to keep the receipt for `undo` in",
                "set CARGO_TUNE_STATE_DIR to a directory",
            )
        })
}

/// FNV-1a, 64 bit: stable across versions and platforms, which `std`'s hasher is not.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
