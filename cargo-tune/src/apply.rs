//! Writing a plan, all of it or nothing, and taking it back.
//!
//! Every file is edited in memory first. Then all new contents are written to temporary files beside
//! their targets, then a receipt with the old and new bytes, and only then each file is replaced by
//! a rename. A failure on the way puts back what was replaced.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use codecost::{Error, Result};

use crate::edit;
use crate::plan::Plan;
use crate::receipt::{FileRecord, Receipt};

/// One file before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEdit {
    /// The file as the user names it (it may be a symbolic link).
    pub path: PathBuf,
    /// Its text; `None` if it does not exist yet.
    pub before: Option<String>,
    /// The new text.
    pub after: String,
}

/// Makes the edits of a plan in memory.
///
/// # Errors
///
/// A file that cannot be read, is not UTF-8 or not TOML.
pub fn edits(plan: &Plan, comments: bool) -> Result<Vec<FileEdit>> {
    let mut files: Vec<FileEdit> = Vec::new();
    for change in &plan.changes {
        let index = match files.iter().position(|f| f.path == change.file) {
            Some(index) => index,
            None => {
                let before = read(&change.file)?;
                files.push(FileEdit {
                    path: change.file.clone(),
                    after: before.clone().unwrap_or_default(),
                    before,
                });
                files.len() - 1
            }
        };
        let Some(file) = files.get_mut(index) else {
            continue;
        };
        let path: Vec<&str> = change.path.iter().map(String::as_str).collect();
        let comment = comments.then(|| format!("cargo tune: {}", change.why()));
        file.after = edit::apply(&file.after, &path, &change.edit(), comment.as_deref())
            .map_err(|error| in_file(&file.path, error))?;
    }
    Ok(files)
}

fn in_file(path: &Path, error: Error) -> Error {
    let hint = error.hint().unwrap_or_default();
    Error::failed(format!("cannot edit `{}`: {error}", path.display()), hint)
}

fn read(path: &Path) -> Result<Option<String>> {
    match fs::read(path) {
        Ok(bytes) => String::from_utf8(bytes).map(Some).map_err(|_| {
            Error::failed(
                format!("`{}` is not UTF-8", path.display()),
                "TOML files are UTF-8; mend the file by hand first",
            )
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::read(path, error)),
    }
}

/// New content in a temporary file beside its target.
struct Prepared {
    target: PathBuf,
    temporary: tempfile::NamedTempFile,
}

/// Prepares to replace `path`: links are followed, permissions are kept, read-only is respected.
fn prepare(path: &Path, content: &str) -> Result<Prepared> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let existing = fs::metadata(&target).ok();
    if existing
        .as_ref()
        .is_some_and(|m| m.permissions().readonly())
    {
        return Err(Error::failed(
            format!("`{}` is read-only", path.display()),
            "make it writable first; nothing was written",
        ));
    }
    let directory = target.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".cargo-tune-");
    // The process's umask decides about a new file, as for any other program.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut temporary = builder
        .tempfile_in(directory)
        .map_err(|e| Error::write(path, e))?;
    if let Some(metadata) = existing {
        temporary
            .as_file()
            .set_permissions(metadata.permissions())
            .map_err(|e| Error::write(path, e))?;
    }
    temporary
        .write_all(content.as_bytes())
        .and_then(|()| temporary.as_file().sync_all())
        .map_err(|e| Error::write(path, e))?;
    Ok(Prepared { target, temporary })
}

/// Writes the edits and the receipt; returns the path of the receipt.
///
/// # Errors
///
/// A file that is read-only, or was changed since it was read. Nothing is half-written then.
pub fn write(root: &Path, edits: &[FileEdit], title: &str) -> Result<PathBuf> {
    let mut created: Vec<PathBuf> = Vec::new();
    let result = write_all(root, edits, title, &mut created);
    if result.is_err() {
        for directory in created.iter().rev() {
            // `remove_dir` removes only an empty directory, and these were made a moment ago.
            let _ = fs::remove_dir(directory);
        }
    }
    result
}

fn write_all(
    root: &Path,
    edits: &[FileEdit],
    title: &str,
    created: &mut Vec<PathBuf>,
) -> Result<PathBuf> {
    let mut prepared = Vec::new();
    for edit in edits {
        if read(&edit.path)? != edit.before {
            return Err(Error::Changed {
                path: edit.path.clone(),
            });
        }
        if let Some(directory) = edit.path.parent().filter(|d| !d.exists()) {
            fs::create_dir_all(directory).map_err(|e| Error::write(directory, e))?;
            created.push(directory.to_owned());
        }
        prepared.push(prepare(&edit.path, &edit.after)?);
    }
    let receipt = Receipt::new(
        root,
        title,
        edits
            .iter()
            .map(|edit| FileRecord {
                path: edit.path.clone(),
                before: edit.before.clone(),
                after: Some(edit.after.clone()),
            })
            .collect(),
        created.clone(),
    );
    let stored = receipt.store()?;
    if let Err(error) = replace_all(prepared, edits) {
        let _ = fs::remove_file(&stored);
        return Err(error);
    }
    Ok(stored)
}

/// Replaces every file, or puts back those that were replaced already.
fn replace_all(prepared: Vec<Prepared>, edits: &[FileEdit]) -> Result<()> {
    for (done, (file, edit)) in prepared.into_iter().zip(edits).enumerate() {
        if let Err(error) = file.temporary.persist(&file.target) {
            for earlier in edits.iter().take(done) {
                let _ = restore(&earlier.path, earlier.before.as_deref());
            }
            return Err(Error::write(&edit.path, error.error));
        }
    }
    Ok(())
}

/// Puts one file back as it was.
fn restore(path: &Path, before: Option<&str>) -> Result<()> {
    match before {
        Some(text) => {
            let prepared = prepare(path, text)?;
            let persisted = prepared.temporary.persist(&prepared.target);
            persisted
                .map(|_| ())
                .map_err(|e| Error::write(path, e.error))
        }
        None => fs::remove_file(path).map_err(|e| Error::write(path, e)),
    }
}

/// A file that `undo` must not touch: what was written, what is there now, what was there before.
#[derive(Debug)]
pub struct Conflict {
    /// The file.
    pub path: PathBuf,
    /// The text before `cargo tune` wrote.
    pub before: Option<String>,
    /// The text that `cargo tune` wrote.
    pub written: String,
    /// The text now.
    pub now: Option<String>,
}

/// What `undo` did, or why it did nothing.
#[derive(Debug)]
pub enum Undone {
    /// These files are as they were.
    Restored(Vec<PathBuf>),
    /// These were edited since.
    Refused(Vec<Conflict>),
}

/// Takes back the latest receipt of a workspace.
///
/// # Errors
///
/// No receipt, a file that cannot be written.
pub fn undo(root: &Path) -> Result<Undone> {
    let Some((stored, receipt)) = Receipt::latest(root)? else {
        return Err(Error::failed(
            format!("there is nothing to undo in `{}`", root.display()),
            "receipts are kept in your state directory for each workspace",
        ));
    };
    let mut conflicts = Vec::new();
    for file in &receipt.files {
        let now = read(&file.path)?;
        if now != file.after && now != file.before {
            conflicts.push(Conflict {
                path: file.path.clone(),
                before: file.before.clone(),
                written: file.after.clone().unwrap_or_default(),
                now,
            });
        }
    }
    if !conflicts.is_empty() {
        return Ok(Undone::Refused(conflicts));
    }
    // A read-only file must stop us before the first one is restored.
    for file in &receipt.files {
        let readonly = fs::metadata(&file.path).is_ok_and(|m| m.permissions().readonly());
        if readonly {
            return Err(Error::failed(
                format!("`{}` is read-only", file.path.display()),
                "make it writable first; nothing was restored",
            ));
        }
    }
    let mut restored = Vec::new();
    for file in &receipt.files {
        if read(&file.path)? != file.before {
            restore(&file.path, file.before.as_deref())?;
        }
        restored.push(file.path.clone());
    }
    for directory in receipt.created.iter().rev() {
        // A directory that holds something else by now stays.
        let _ = fs::remove_dir(directory);
    }
    fs::remove_file(&stored).map_err(|e| Error::write(stored, e))?;
    Ok(Undone::Restored(restored))
}
